/* Tiled attention on BF16 pairs. A tile of queries passes over the keys block by block with an
 * online softmax, in a turned form: scores are [keys][queries] = K · Qᵀ, results [d][queries] =
 * Vᵀ · P, PAIR_COLS queries side by side. So the softmax never sums across lanes, its probabilities
 * are the panel of the second product as they are written, and a head of 72 wastes nothing. */
#include "kernels/bf16.h"
#include "kernels/compute.h"

#include <assert.h>
#include <string.h>

enum {
    TILE_QUERIES = 2048, /* many, so that packing K and V for each tile costs little */
    TILE_STRIPS = TILE_QUERIES / PAIR_COLS,
    BLOCK_KEYS = 128, /* their scores stay in the first-level cache */
};

#define LOG2_E 1.44269504f

struct state {
    float max[PAIR_COLS], sum[PAIR_COLS];
};

/* One tile and its place in the scratch memory of a thread. A strip is PAIR_COLS queries. */
struct tile {
    const struct kernels *kernels;
    size_t d, nq;  /* nq ≤ TILE_QUERIES */
    float factor;  /* of queries: the scale, and log2 e for powers of two */
    uint32_t *q;   /* [strips] panels [d/2][PAIR_COLS] */
    uint32_t *k;   /* [BLOCK_KEYS/PAIR_ROWS] panels [d/2][PAIR_ROWS] */
    uint32_t *v;   /* [d/PAIR_ROWS] panels [BLOCK_KEYS/2][PAIR_ROWS] */
    uint32_t *p;   /* [BLOCK_KEYS/2][PAIR_COLS] */
    float *scores; /* [BLOCK_KEYS][PAIR_COLS] */
    float *acc;    /* [strips][d][PAIR_COLS] */
    float *rows;   /* [BLOCK_KEYS or PAIR_COLS, d]: queries, keys, values or results in F32 */
    struct state *states;
};

enum { V_STRIDE = BLOCK_KEYS / 2 * PAIR_ROWS };

static void *take(char *memory, size_t *used, size_t bytes)
{
    void *piece = memory ? memory + *used : NULL;
    *used += round_up(bytes, 64);
    return piece;
}

/* Lays a tile out in `memory` (or NULL); how many bytes it uses. */
static size_t tile_place(struct tile *tile, void *memory)
{
    const size_t d = tile->d, pairs = (d + 1) / 2;
    size_t used = 0;
    tile->q = take(memory, &used, TILE_QUERIES * pairs * sizeof *tile->q);
    tile->k = take(memory, &used, BLOCK_KEYS * pairs * sizeof *tile->k);
    tile->v = take(memory, &used, round_up(d, PAIR_ROWS) * BLOCK_KEYS / 2 * sizeof *tile->v);
    tile->p = take(memory, &used, BLOCK_KEYS / 2 * PAIR_COLS * sizeof *tile->p);
    tile->scores = take(memory, &used, BLOCK_KEYS * PAIR_COLS * sizeof *tile->scores);
    tile->acc = take(memory, &used, TILE_QUERIES * d * sizeof *tile->acc);
    tile->rows = take(memory, &used, BLOCK_KEYS * d * sizeof *tile->rows);
    tile->states = take(memory, &used, TILE_STRIPS * sizeof *tile->states);
    return used;
}

size_t bf16_attention_scratch_floats(void)
{
    struct tile tile = {.d = ATTEND_DIM_MAX};
    return tile_place(&tile, NULL) / sizeof(float);
}

static size_t strips_of(const struct tile *tile)
{
    return (tile->nq + PAIR_COLS - 1) / PAIR_COLS;
}

static size_t strip_queries(const struct tile *tile, size_t strip)
{
    return min_size(PAIR_COLS, tile->nq - strip * PAIR_COLS);
}

/* The running softmax of nq queries starts afresh. */
static void tile_begin(struct tile *tile, size_t nq)
{
    tile->nq = nq;
    memset(tile->acc, 0, strips_of(tile) * PAIR_COLS * tile->d * sizeof *tile->acc);
    for (size_t s = 0; s < strips_of(tile); s++) {
        for (size_t i = 0; i < PAIR_COLS; i++) {
            tile->states[s].max[i] = PAIRS_MAX_START;
            tile->states[s].sum[i] = 0;
        }
    }
}

static void tile_pack_queries(struct tile *tile, size_t strip, const float *q, size_t ldq)
{
    const size_t d = tile->d;
    tile->kernels->pair_rows[DTYPE_F32](tile->q + strip * ((d + 1) / 2) * PAIR_COLS, PAIR_COLS, q,
                                        ldq, strip_queries(tile, strip), d);
}

/* Keys and values of `dtype`, which has pair_columns, become those from `at` on, a multiple of
 * PAIR_ROWS, of the block. */
static void tile_pack_keys(struct tile *tile, size_t at, enum dtype dtype, const void *k,
                           const void *v, size_t ld, size_t n)
{
    const size_t d = tile->d;
    tile->kernels->pair_rows[dtype](tile->k + at * ((d + 1) / 2), PAIR_ROWS, k, ld, n, d);
    tile->kernels->pair_columns[dtype](tile->v + at / 2 * PAIR_ROWS, V_STRIDE, v, ld, n, d);
}

/* The block of nk keys meets one strip; visible[PAIR_COLS] counts from its first key, or is NULL.
 */
static void strip_attend(const struct tile *tile, size_t strip, size_t nk, const uint32_t *visible)
{
    const struct kernels *kernels = tile->kernels;
    const size_t d = tile->d, pairs = (d + 1) / 2;
    const uint32_t *q = tile->q + strip * pairs * PAIR_COLS;
    float *acc = tile->acc + strip * d * PAIR_COLS;
    struct state *state = &tile->states[strip];
    float keep[PAIR_COLS];
    kernels->gemm_pairs(tile->scores, PAIR_COLS, tile->k, pairs * PAIR_ROWS, q, pairs, nk,
                        PAIR_COLS, NULL, NULL);
    kernels->softmax_pairs(tile->p, tile->scores, nk, visible, tile->factor, state->max, state->sum,
                           keep);
    kernels->gemm_pairs(acc, PAIR_COLS, tile->v, V_STRIDE, tile->p, (nk + 1) / 2, d, PAIR_COLS,
                        keep, NULL);
}

static void strip_divide(const struct tile *tile, size_t strip, float *out, size_t ldo)
{
    tile->kernels->divide_lanes(out, ldo, tile->acc + strip * tile->d * PAIR_COLS,
                                tile->states[strip].sum, strip_queries(tile, strip), tile->d);
}

/* Queries of one tile: as many as leave each thread some tiles. The result does not depend on it.
 */
static size_t tile_queries(const struct compute *compute, size_t queries)
{
    const size_t share = queries / ((size_t)pool_threads(compute->pool) * 4) + 1;
    return min_size(round_up(share, PAIR_COLS), TILE_QUERIES);
}

struct full {
    struct compute *compute;
    float *out;
    const float *q, *k, *v;
    size_t stride, n, heads, d;
    size_t queries, tiles; /* of one tile; of one head */
    float factor;
};

static void full_tile(const struct full *job, struct tile *tile, size_t head, size_t first)
{
    const size_t d = job->d, column = head * d;
    tile_begin(tile, min_size(job->queries, job->n - first));
    for (size_t s = 0; s < strips_of(tile); s++)
        tile_pack_queries(tile, s, job->q + (first + s * PAIR_COLS) * job->stride + column,
                          job->stride);
    for (size_t j = 0; j < job->n; j += BLOCK_KEYS) {
        const size_t nk = min_size(BLOCK_KEYS, job->n - j), at = j * job->stride + column;
        tile_pack_keys(tile, 0, DTYPE_F32, job->k + at, job->v + at, job->stride, nk);
        for (size_t s = 0; s < strips_of(tile); s++)
            strip_attend(tile, s, nk, NULL);
    }
    for (size_t s = 0; s < strips_of(tile); s++)
        strip_divide(tile, s, job->out + (first + s * PAIR_COLS) * job->heads * d + column,
                     job->heads * d);
}

/* Item: head · tiles + tile. */
static void full_items(void *arg, size_t begin, size_t end, int thread)
{
    const struct full *job = arg;
    struct tile tile = {.kernels = &job->compute->kernels, .d = job->d, .factor = job->factor};
    tile_place(&tile, compute_scratch(job->compute, thread));
    for (size_t item = begin; item < end; item++)
        full_tile(job, &tile, item / job->tiles, item % job->tiles * job->queries);
}

void bf16_attention_full(struct compute *compute, float *out, const float *q, const float *k,
                         const float *v, size_t stride, size_t n, size_t heads, size_t d,
                         float scale)
{
    const size_t queries = tile_queries(compute, n * heads);
    struct full job = {
        compute, out, q, k, v, stride, n, heads, d, queries, (n - 1) / queries + 1, scale * LOG2_E,
    };
    pool_run(compute->pool, heads * job.tiles, 1, full_items, &job);
}

struct paged {
    struct compute *compute;
    struct attention_cache cache;
    float *out;
    const float *q;
    const struct attention_row *rows;
    size_t n, heads;
    size_t group;     /* query heads of one kv head */
    size_t tile_rows; /* rows of one item */
    float factor;
};

/* Rows [row, row + count) of one sequence: their queries, count × group of them, form one tile. */
struct paged_tile {
    const struct paged *job;
    size_t row, count, kv_head;
};

/* Where query i of a tile stands in q and in out. */
static size_t query_at(const struct paged_tile *of, size_t i)
{
    const struct paged *job = of->job;
    return ((of->row + i / job->group) * job->heads + of->kv_head * job->group + i % job->group) *
           job->cache.d;
}

static void paged_queries(const struct paged_tile *of, struct tile *tile)
{
    const size_t d = tile->d;
    for (size_t s = 0; s < strips_of(tile); s++) {
        for (size_t i = 0; i < strip_queries(tile, s); i++)
            memcpy(tile->rows + i * d, of->job->q + query_at(of, s * PAIR_COLS + i),
                   d * sizeof *tile->rows);
        tile_pack_queries(tile, s, tile->rows, d);
    }
}

/* Tokens [from, from + count), page by page, as they lie or else by way of F32. */
static void paged_keys(const struct paged_tile *of, struct tile *tile, size_t from, size_t count)
{
    const struct attention_cache *cache = &of->job->cache;
    const struct kernels *kernels = tile->kernels;
    const uint32_t *pages = of->job->rows[of->row].pages;
    const size_t d = tile->d, page_tokens = cache->page_tokens;
    for (size_t j = 0, n; j < count; j += n) {
        const size_t page = (from + j) / page_tokens, slot = (from + j) % page_tokens;
        n = min_size(page_tokens - slot, count - j);
        const size_t at = pages[page] * cache->page_bytes +
                          dtype_bytes(cache->dtype, (of->kv_head * page_tokens + slot) * d);
        const char *k = (const char *)cache->keys + at, *v = (const char *)cache->values + at;
        if (kernels->pair_columns[cache->dtype]) {
            tile_pack_keys(tile, j, cache->dtype, k, v, d, n);
            continue;
        }
        kernels->to_f32[cache->dtype](tile->rows, k, n * d);
        kernels->pair_rows[DTYPE_F32](tile->k + j * ((d + 1) / 2), PAIR_ROWS, tile->rows, d, n, d);
        kernels->to_f32[cache->dtype](tile->rows, v, n * d);
        kernels->pair_columns[DTYPE_F32](tile->v + j / 2 * PAIR_ROWS, V_STRIDE, tile->rows, d, n,
                                         d);
    }
}

/* What the queries of one strip see from key j on; the most and the least of them. */
static void strip_visible(const struct paged_tile *of, size_t strip, size_t j,
                          uint32_t visible[PAIR_COLS], uint32_t *least, uint32_t *most)
{
    const size_t first = strip * PAIR_COLS, queries = of->count * of->job->group;
    *least = UINT32_MAX;
    *most = 0;
    for (size_t i = 0; i < PAIR_COLS; i++) {
        const size_t query = min_size(first + i, queries - 1);
        const uint32_t seen = of->job->rows[of->row + query / of->job->group].visible;
        visible[i] = seen > j ? seen - (uint32_t)j : 0;
        *least = visible[i] < *least ? visible[i] : *least;
        *most = visible[i] > *most ? visible[i] : *most;
    }
}

static void paged_attend(const struct paged_tile *of, struct tile *tile)
{
    size_t tokens = 0;
    for (size_t i = 0; i < of->count; i++)
        tokens = max_size(tokens, of->job->rows[of->row + i].visible);
    tile_begin(tile, of->count * of->job->group);
    paged_queries(of, tile);
    for (size_t j = 0; j < tokens; j += BLOCK_KEYS) {
        const size_t nk = min_size(BLOCK_KEYS, tokens - j);
        paged_keys(of, tile, j, nk);
        for (size_t s = 0; s < strips_of(tile); s++) {
            uint32_t visible[PAIR_COLS], least, most;
            strip_visible(of, s, j, visible, &least, &most);
            if (most > 0)
                strip_attend(tile, s, nk, least < nk ? visible : NULL);
        }
    }
    for (size_t s = 0; s < strips_of(tile); s++) {
        strip_divide(tile, s, tile->rows, tile->d);
        for (size_t i = 0; i < strip_queries(tile, s); i++)
            memcpy(of->job->out + query_at(of, s * PAIR_COLS + i), tile->rows + i * tile->d,
                   tile->d * sizeof *tile->rows);
    }
}

/* Item: block of tile_rows rows · kv_heads + kv head. */
static void paged_items(void *arg, size_t begin, size_t end, int thread)
{
    const struct paged *job = arg;
    struct tile tile = {
        .kernels = &job->compute->kernels, .d = job->cache.d, .factor = job->factor};
    tile_place(&tile, compute_scratch(job->compute, thread));
    for (size_t item = begin; item < end; item++) {
        const size_t first = item / job->cache.kv_heads * job->tile_rows;
        const size_t last = min_size(first + job->tile_rows, job->n);
        struct paged_tile of = {job, first, 0, item % job->cache.kv_heads};
        for (; of.row < last; of.row += of.count) {
            of.count = same_sequence(job->rows, of.row, last);
            paged_attend(&of, &tile);
        }
    }
}

bool bf16_attention_takes(const struct attention_cache *cache, size_t heads)
{
    return cache->page_tokens % PAIR_ROWS == 0 && heads / cache->kv_heads <= TILE_QUERIES;
}

void bf16_attention_paged(struct compute *compute, float *out, const float *q,
                          const struct attention_row *rows, size_t n, size_t heads,
                          const struct attention_cache *cache, float scale)
{
    const size_t group = heads / cache->kv_heads;
    assert(bf16_attention_takes(cache, heads));
    struct paged job = {
        .compute = compute,
        .cache = *cache,
        .out = out,
        .q = q,
        .rows = rows,
        .n = n,
        .heads = heads,
        .group = group,
        .tile_rows = max_size(tile_queries(compute, n * heads) / group, 1),
        .factor = scale * LOG2_E,
    };
    pool_run(compute->pool, ((n - 1) / job.tile_rows + 1) * cache->kv_heads, 1, paged_items, &job);
}
