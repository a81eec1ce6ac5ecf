/* Tiled attention: a tile of queries passes over the keys block by block with an online softmax, so
 * that no n × n matrix exists. Both products of a tile run on the packed GEMM; single rows (decode)
 * take the decode product. */
#include "kernels/bf16.h"
#include "kernels/compute.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* One tile and its place in the scratch memory of a thread. */
struct tile {
    const struct kernels *kernels;
    size_t d, nq; /* nq ≤ ATTEND_TILE queries of d floats */
    float scale;
    float *q;        /* [nq, d]: queries gathered from several rows */
    float *q_panels; /* [nq/mr] panels [d][mr] */
    float *k, *v;    /* [ATTEND_KEYS_MAX, d]: keys and values gathered from pages */
    float *panel;    /* one panel of K, [d][nr], or of V, [keys][nr] */
    float *scores;   /* [nq, ATTEND_KEYS_MAX] */
    float *p_panels; /* [nq/mr] panels [keys][mr] */
    float *acc;      /* [nq, d] */
    float max[ATTEND_TILE], sum[ATTEND_TILE];
};

enum { SCORE_STRIDE = ATTEND_KEYS_MAX };

/* The next `count` floats of the memory, 64-byte aligned; NULL while only sizes are counted. */
static float *take(float *memory, size_t *used, size_t count)
{
    float *piece = memory ? memory + *used : NULL;
    *used += round_up(count, 16);
    return piece;
}

/* Lays a tile out in `memory` (or NULL); how many floats it uses. */
static size_t tile_place(struct tile *tile, float *memory)
{
    const size_t mr = tile->kernels->gemm_mr, nr = tile->kernels->gemm_nr, d = tile->d;
    const size_t queries = round_up(ATTEND_TILE, mr);
    size_t used = 0;
    tile->q = take(memory, &used, ATTEND_TILE * d);
    tile->q_panels = take(memory, &used, queries * d);
    tile->k = take(memory, &used, ATTEND_KEYS_MAX * d);
    tile->v = take(memory, &used, ATTEND_KEYS_MAX * d);
    tile->panel = take(memory, &used, (d > ATTEND_KEYS_MAX ? d : ATTEND_KEYS_MAX) * nr);
    tile->scores = take(memory, &used, ATTEND_TILE * SCORE_STRIDE);
    tile->p_panels = take(memory, &used, queries * ATTEND_KEYS_MAX);
    tile->acc = take(memory, &used, ATTEND_TILE * d);
    return used;
}

size_t attention_scratch_floats(const struct kernels *kernels)
{
    struct tile tile = {.kernels = kernels, .d = ATTEND_DIM_MAX};
    return tile_place(&tile, NULL);
}

/* The running softmax of nq queries starts afresh. */
static void tile_begin(struct tile *tile, size_t nq)
{
    tile->nq = nq;
    memset(tile->acc, 0, nq * tile->d * sizeof(float));
    for (size_t i = 0; i < nq; i++) {
        tile->max[i] = -INFINITY;
        tile->sum[i] = 0;
    }
}

static void tile_pack_queries(struct tile *tile, const float *q, size_t ldq)
{
    const size_t mr = tile->kernels->gemm_mr, d = tile->d;
    for (size_t i = 0; i < tile->nq; i += mr)
        tile->kernels->pack_a(tile->q_panels + i * d, q + i * ldq, ldq, min_size(mr, tile->nq - i),
                              d);
}

/* scores[nq, nk] = Q · Kᵀ */
static void tile_scores(const struct tile *tile, const float *k, size_t ldk, size_t nk)
{
    const struct kernels *kernels = tile->kernels;
    const size_t mr = kernels->gemm_mr, nr = kernels->gemm_nr, d = tile->d;
    for (size_t j = 0; j < nk; j += nr) {
        const size_t n = min_size(nr, nk - j);
        kernels->pack_b[DTYPE_F32](tile->panel, k + j * ldk, ldk, n, d);
        for (size_t i = 0; i < tile->nq; i += mr)
            kernels->gemm_micro(tile->scores + i * SCORE_STRIDE + j, SCORE_STRIDE,
                                tile->q_panels + i * d, tile->panel, d, min_size(mr, tile->nq - i),
                                n, 0);
    }
}

/* Scores to probabilities, as far as each query sees (NULL: all keys); what it does not see gets
 * 0. */
static void tile_softmax(struct tile *tile, size_t nk, const size_t *visible)
{
    for (size_t i = 0; i < tile->nq; i++) {
        float *s = tile->scores + i * SCORE_STRIDE;
        const size_t seen = visible ? min_size(visible[i], nk) : nk;
        memset(s + seen, 0, (nk - seen) * sizeof(float));
        if (seen == 0)
            continue;
        const float rescale =
            tile->kernels->softmax_step(s, seen, tile->scale, &tile->max[i], &tile->sum[i]);
        if (rescale != 1.0f)
            tile->kernels->scale(tile->acc + i * tile->d, tile->d, rescale);
    }
}

/* acc[nq, d] += P · V. The rows of V are the rows of its panels already. */
static void tile_values(const struct tile *tile, const float *v, size_t ldv, size_t nk)
{
    const struct kernels *kernels = tile->kernels;
    const size_t mr = kernels->gemm_mr, nr = kernels->gemm_nr, d = tile->d;
    for (size_t i = 0; i < tile->nq; i += mr)
        kernels->pack_a(tile->p_panels + i * nk, tile->scores + i * SCORE_STRIDE, SCORE_STRIDE,
                        min_size(mr, tile->nq - i), nk);
    for (size_t e = 0; e < d; e += nr) {
        const size_t n = min_size(nr, d - e);
        memset(tile->panel, 0, n < nr ? nk * nr * sizeof(float) : 0);
        for (size_t j = 0; j < nk; j++)
            memcpy(tile->panel + j * nr, v + j * ldv + e, n * sizeof(float));
        for (size_t i = 0; i < tile->nq; i += mr)
            kernels->gemm_micro(tile->acc + i * d + e, d, tile->p_panels + i * nk, tile->panel, nk,
                                min_size(mr, tile->nq - i), n, 1);
    }
}

/* One block of keys; visible[nq] counts from its first key. */
static void tile_attend(struct tile *tile, const float *k, size_t ldk, const float *v, size_t ldv,
                        size_t nk, const size_t *visible)
{
    tile_scores(tile, k, ldk, nk);
    tile_softmax(tile, nk, visible);
    tile_values(tile, v, ldv, nk);
}

/* out[d] = acc / sum */
static void write_query(const struct kernels *kernels, float *out, const float *acc, float sum,
                        size_t d)
{
    memcpy(out, acc, d * sizeof(float));
    kernels->scale(out, d, 1.0f / sum);
}

struct full {
    struct compute *compute;
    float *out;
    const float *q, *k, *v;
    size_t stride, n, heads, d;
    size_t tiles; /* of one head */
    float scale;
};

/* Item: head · tiles + tile. */
static void full_items(void *arg, size_t begin, size_t end, int thread)
{
    const struct full *job = arg;
    struct tile tile = {.kernels = &job->compute->kernels, .d = job->d, .scale = job->scale};
    tile_place(&tile, compute_scratch(job->compute, thread));
    for (size_t item = begin; item < end; item++) {
        const size_t column = item / job->tiles * job->d;
        const size_t first = item % job->tiles * ATTEND_TILE;
        const size_t nq = min_size(ATTEND_TILE, job->n - first);
        tile_begin(&tile, nq);
        tile_pack_queries(&tile, job->q + first * job->stride + column, job->stride);
        for (size_t j = 0; j < job->n; j += ATTEND_KEYS_MAX)
            tile_attend(&tile, job->k + j * job->stride + column, job->stride,
                        job->v + j * job->stride + column, job->stride,
                        min_size(ATTEND_KEYS_MAX, job->n - j), NULL);
        for (size_t i = 0; i < nq; i++)
            write_query(tile.kernels, job->out + (first + i) * job->heads * job->d + column,
                        tile.acc + i * job->d, tile.sum[i], job->d);
    }
}

void attention_full(struct compute *compute, float *out, const float *q, const float *k,
                    const float *v, size_t stride, size_t n, size_t heads, size_t d, float scale)
{
    assert(d <= ATTEND_DIM_MAX);
    if (compute_has_bf16(compute) && compute->fine_rows == 0) {
        bf16_attention_full(compute, out, q, k, v, stride, n, heads, d, scale);
        return;
    }
    struct full job = {
        compute, out, q, k, v, stride, n, heads, d, (n + ATTEND_TILE - 1) / ATTEND_TILE, scale,
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
    size_t token_bytes; /* one token of one kv head: d numbers */
    size_t group;       /* query heads of one kv head */
    size_t tile_rows;   /* rows of one item */
    float scale;
};

/* Token `from` of one kv head, keys or values; the rest of its page follows. */
static const char *in_page(const struct paged *job, const void *page_0, const uint32_t *pages,
                           size_t kv_head, size_t from)
{
    const size_t page_tokens = job->cache.page_tokens;
    return (const char *)page_0 + pages[from / page_tokens] * job->cache.page_bytes +
           (kv_head * page_tokens + from % page_tokens) * job->token_bytes;
}

/* A block of nk tokens as the decode kernels take it: where it lies, or else as F32 in `room`. */
static const void *readable(const struct paged *job, const char *block, size_t nk, float *room,
                            enum dtype *dtype)
{
    const struct kernels *kernels = &job->compute->kernels;
    *dtype = job->cache.dtype;
    if (kernels->weighted_rows[*dtype])
        return block;
    kernels->to_f32[*dtype](room, block, nk * job->cache.d);
    *dtype = DTYPE_F32;
    return room;
}

/* One row and kv head: its queries pass over the pages where they lie. */
static void paged_row(const struct paged *job, struct tile *tile, size_t row, size_t kv_head)
{
    const struct kernels *kernels = tile->kernels;
    const struct attention_row *keys = &job->rows[row];
    const size_t d = job->cache.d, page_tokens = job->cache.page_tokens;
    for (size_t g = 0; g < job->group; g += ATTEND_TILE) {
        const size_t nq = min_size(ATTEND_TILE, job->group - g);
        const size_t column = (row * job->heads + kv_head * job->group + g) * d;
        tile_begin(tile, nq);
        for (size_t j = 0, nk; j < keys->visible; j += nk) {
            nk = min_size(page_tokens - j % page_tokens, ATTEND_KEYS_MAX);
            nk = min_size(nk, keys->visible - j);
            enum dtype dtype;
            const void *k = readable(job, in_page(job, job->cache.keys, keys->pages, kv_head, j),
                                     nk, tile->k, &dtype);
            kernels->gemv[dtype](tile->scores, SCORE_STRIDE, k, job->q + column, nq, nk, d);
            tile_softmax(tile, nk, NULL);
            const void *v = readable(job, in_page(job, job->cache.values, keys->pages, kv_head, j),
                                     nk, tile->v, &dtype);
            kernels->weighted_rows[dtype](tile->acc, tile->scores, SCORE_STRIDE, nq, v, nk, d);
        }
        for (size_t i = 0; i < nq; i++)
            write_query(kernels, job->out + column + i * d, tile->acc + i * d, tile->sum[i], d);
    }
}

/* Converts tokens [from, from + count) of one kv head to F32 [count, d]. */
static void gather(const struct paged *job, float *to, const void *page_0, const uint32_t *pages,
                   size_t kv_head, size_t from, size_t count)
{
    const size_t d = job->cache.d, page_tokens = job->cache.page_tokens;
    for (size_t j = 0, run; j < count; j += run) {
        run = min_size(page_tokens - (from + j) % page_tokens, count - j);
        job->compute->kernels.to_f32[job->cache.dtype](
            to + j * d, in_page(job, page_0, pages, kv_head, from + j), run * d);
    }
}

/* Rows [row, row + count) of one sequence: their queries, count × group of them, form one tile. */
static void paged_tile(const struct paged *job, struct tile *tile, size_t row, size_t count,
                       size_t kv_head)
{
    const size_t d = job->cache.d, group = job->group, nq = count * group;
    const struct attention_row *rows = &job->rows[row];
    const size_t column = kv_head * group * d, ldq = job->heads * d;
    size_t visible[ATTEND_TILE], tokens = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(tile->q + i * group * d, job->q + (row + i) * ldq + column,
               group * d * sizeof(float));
        tokens = rows[i].visible > tokens ? rows[i].visible : tokens;
    }
    tile_begin(tile, nq);
    tile_pack_queries(tile, tile->q, d);
    for (size_t j = 0; j < tokens; j += ATTEND_KEYS_MAX) {
        const size_t nk = min_size(ATTEND_KEYS_MAX, tokens - j);
        for (size_t i = 0; i < nq; i++) {
            const size_t seen = rows[i / group].visible;
            visible[i] = seen > j ? seen - j : 0;
        }
        gather(job, tile->k, job->cache.keys, rows->pages, kv_head, j, nk);
        gather(job, tile->v, job->cache.values, rows->pages, kv_head, j, nk);
        tile_attend(tile, tile->k, d, tile->v, d, nk, visible);
    }
    for (size_t i = 0; i < nq; i++)
        write_query(tile->kernels, job->out + (row + i / group) * ldq + column + i % group * d,
                    tile->acc + i * d, tile->sum[i], d);
}

/* So many rows of one sequence are worth packing its keys for. */
enum { TILE_ROWS_MIN = 4 };

/* Item: block of tile_rows rows · kv_heads + kv head. */
static void paged_items(void *arg, size_t begin, size_t end, int thread)
{
    const struct paged *job = arg;
    struct tile tile = {.kernels = &job->compute->kernels, .d = job->cache.d, .scale = job->scale};
    tile_place(&tile, compute_scratch(job->compute, thread));
    for (size_t item = begin; item < end; item++) {
        const size_t kv_head = item % job->cache.kv_heads;
        const size_t first = item / job->cache.kv_heads * job->tile_rows;
        const size_t last = min_size(first + job->tile_rows, job->n);
        for (size_t row = first, count; row < last; row += count) {
            count = same_sequence(job->rows, row, last);
            if (count >= TILE_ROWS_MIN) {
                paged_tile(job, &tile, row, count, kv_head);
                continue;
            }
            for (size_t i = 0; i < count; i++)
                paged_row(job, &tile, row + i, kv_head);
        }
    }
}

static void precise_attention_paged(struct compute *compute, float *out, const float *q,
                                    const struct attention_row *rows, size_t n, size_t heads,
                                    const struct attention_cache *cache, float scale)
{
    const size_t group = heads / cache->kv_heads;
    struct paged job = {
        .compute = compute,
        .cache = *cache,
        .out = out,
        .q = q,
        .rows = rows,
        .n = n,
        .heads = heads,
        .token_bytes = dtype_bytes(cache->dtype, cache->d),
        .group = group,
        .tile_rows = group < ATTEND_TILE ? ATTEND_TILE / group : 1,
        .scale = scale,
    };
    pool_run(compute->pool, (n + job.tile_rows - 1) / job.tile_rows * cache->kv_heads, 1,
             paged_items, &job);
}

void attention_paged(struct compute *compute, float *out, const float *q,
                     const struct attention_row *rows, size_t n, size_t heads,
                     const struct attention_cache *cache, float scale)
{
    assert(cache->d <= ATTEND_DIM_MAX && heads % cache->kv_heads == 0);
    const bool fast = compute_has_bf16(compute) && bf16_attention_takes(cache, heads);
    const size_t precise = fast ? min_size(compute->fine_rows, n) : n, row = heads * cache->d;
    if (precise > 0)
        precise_attention_paged(compute, out, q, rows, precise, heads, cache, scale);
    if (precise < n)
        bf16_attention_paged(compute, out + precise * row, q + precise * row, rows + precise,
                             n - precise, heads, cache, scale);
}
