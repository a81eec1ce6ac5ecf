#include "engine/decoder.h"

#include "engine/rope.h"
#include "engine/rows.h"
#include "kernels/exact.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct decoder {
    const struct model *model;
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder_limits limits;
    struct text_rope rope;
    decoder_trace_fn *trace;
    void *trace_arg;

    float *x, *u;                   /* [rows, H] the residual stream; scratch */
    float *q, *mixed;               /* [rows, heads·d] */
    float *k, *v;                   /* [rows, kv_heads·d] */
    float *gate, *up;               /* [rows, I] */
    float *cos, *sin;               /* [rows, d/2] */
    float *logits;                  /* [logits_rows, vocab] */
    struct attention_row *attended; /* [rows] */
};

static size_t query_dim(const struct text_config *c)
{
    return (size_t)c->heads * c->head_dim;
}

static size_t key_dim(const struct text_config *c)
{
    return (size_t)c->kv_heads * c->head_dim;
}

static float *floats(size_t rows, size_t columns)
{
    return aligned_array(rows, columns * sizeof(float));
}

static bool allocate(struct decoder *d)
{
    const struct text_config *c = &d->model->config.text;
    const size_t rows = d->limits.rows;
    d->x = floats(rows, c->hidden_size);
    d->u = floats(rows, c->hidden_size);
    d->q = floats(rows, query_dim(c));
    d->mixed = floats(rows, query_dim(c));
    d->k = floats(rows, key_dim(c));
    d->v = floats(rows, key_dim(c));
    d->gate = floats(rows, c->intermediate_size);
    d->up = floats(rows, c->intermediate_size);
    d->cos = floats(rows, c->head_dim / 2);
    d->sin = floats(rows, c->head_dim / 2);
    d->logits = floats(d->limits.logits_rows, c->vocab_size);
    d->attended = calloc(rows, sizeof *d->attended);
    return d->x && d->u && d->q && d->mixed && d->k && d->v && d->gate && d->up && d->cos &&
           d->sin && d->logits && d->attended;
}

enum status decoder_create(const struct model *model, struct compute *compute,
                           struct kv_cache *cache, struct decoder_limits limits,
                           struct decoder **out, struct reason *why)
{
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return reason_no_memory(why, sizeof *decoder);
    decoder->model = model;
    decoder->compute = compute;
    decoder->cache = cache;
    decoder->limits = limits;
    text_rope_init(&decoder->rope, &model->config.text);
    if (!allocate(decoder)) {
        decoder_destroy(decoder);
        reason_set(why, "memory_full", "There is no memory for batches of %u tokens.",
                   "内存不足，无法处理每批 %u 个 token。", limits.rows);
        reason_hint(why, "Use a smaller prefill chunk.", "请减小预填充块的大小。");
        return STATUS_NO_MEMORY;
    }
    *out = decoder;
    return STATUS_OK;
}

void decoder_destroy(struct decoder *d)
{
    if (!d)
        return;
    float *const buffers[] = {d->x,    d->u,  d->q,   d->mixed, d->k,     d->v,
                              d->gate, d->up, d->cos, d->sin,   d->logits};
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++)
        free(buffers[i]);
    free(d->attended);
    free(d);
}

void decoder_set_trace(struct decoder *decoder, decoder_trace_fn *trace, void *arg)
{
    decoder->trace = trace;
    decoder->trace_arg = arg;
}

/* x = the embedding of each token, or its picture's row; the rotation of each position; and what
 * each row sees. */
static void embed(struct decoder *d, const struct decoder_row *rows, size_t n)
{
    const struct matrix *table = &d->model->weights.embed;
    const size_t dim = table->cols, half = d->rope.half;
    const struct kernels *kernels = compute_kernels(d->compute);
    for (size_t r = 0; r < n; r++) {
        const struct decoder_row *row = &rows[r];
        float *x = d->x + r * dim;
        if (row->visual) {
            memcpy(x, row->visual, dim * sizeof *x);
        } else {
            assert(row->token >= 0 && (uint32_t)row->token < table->rows);
            exact_row(kernels, table, (size_t)row->token, 0, dim, x);
        }
        text_rope_row(&d->rope, row->position, d->cos + r * half, d->sin + r * half);
        d->attended[r] = (struct attention_row){row->pages->list, row->index + 1};
    }
}

/* K and V of one layer. */
static struct attention_cache layer_cache(const struct decoder *d, uint32_t layer)
{
    const struct text_config *c = &d->model->config.text;
    return (struct attention_cache){
        .kv_heads = c->kv_heads,
        .d = c->head_dim,
        .page_tokens = KV_PAGE_TOKENS,
        .dtype = kv_cache_dtype(d->cache),
        .keys = kv_page_keys(d->cache, 0, layer),
        .values = kv_page_values(d->cache, 0, layer),
        .page_bytes = kv_cache_page_bytes(d->cache),
    };
}

struct head_job {
    struct decoder *decoder;
    const struct text_layer *layer;
    const struct decoder_row *rows;
    uint32_t layer_index;
};

/* q and k: RMSNorm of every head, then the rotation; k and v into the row's slot of the cache. */
static void finish_heads(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct head_job *job = arg;
    struct decoder *d = job->decoder;
    const struct text_config *c = &d->model->config.text;
    const struct kernels *kernels = compute_kernels(d->compute);
    const size_t dim = c->head_dim, half = dim / 2;
    const enum dtype dtype = kv_cache_dtype(d->cache);
    const size_t head_bytes = dtype_bytes(dtype, dim);
    for (size_t r = begin; r < end; r++) {
        const struct decoder_row *row = &job->rows[r];
        const float *cos = d->cos + r * half, *sin = d->sin + r * half;
        for (size_t h = 0; h < c->heads; h++) {
            float *q = d->q + r * query_dim(c) + h * dim;
            kernels->rms_norm(q, q, job->layer->q_norm.weight, dim, c->rms_eps);
            kernels->rope(q, cos, sin, half);
        }
        const uint32_t page = row->pages->list[row->index / KV_PAGE_TOKENS];
        const size_t slot = row->index % KV_PAGE_TOKENS;
        char *keys = kv_page_keys(d->cache, page, job->layer_index);
        char *values = kv_page_values(d->cache, page, job->layer_index);
        for (size_t g = 0; g < c->kv_heads; g++) {
            float *k = d->k + r * key_dim(c) + g * dim, *v = d->v + r * key_dim(c) + g * dim;
            const size_t to = (g * KV_PAGE_TOKENS + slot) * head_bytes;
            kernels->rms_norm(k, k, job->layer->k_norm.weight, dim, c->rms_eps);
            kernels->rope(k, cos, sin, half);
            kernels->from_f32[dtype](keys + to, k, dim);
            kernels->from_f32[dtype](values + to, v, dim);
        }
    }
}

/* x += attention(norm(x)). All rows are fine for keys and values: they stay, and every later token
 * sees them. */
static void attention(struct decoder *d, const struct decoder_row *rows, size_t n, size_t fine,
                      uint32_t index)
{
    const struct text_layer *layer = &d->model->weights.layers[index];
    const struct text_config *c = &d->model->config.text;
    norm_rows(d->compute, d->u, d->x, n, c->hidden_size, layer->input_norm.weight, NULL,
              c->rms_eps);
    const struct projection kvq[] = {{&layer->k, d->k}, {&layer->v, d->v}, {&layer->q, d->q}};
    if (fine < n) {
        compute_set_fine_rows(d->compute, SIZE_MAX);
        matmul_several(d->compute, kvq, 2, d->u, n);
        compute_set_fine_rows(d->compute, fine);
        matmul(d->compute, &layer->q, d->u, n, d->q);
    } else {
        matmul_several(d->compute, kvq, ARRAY_LEN(kvq), d->u, n);
    }
    struct head_job job = {d, layer, rows, index};
    pool_run(compute_pool(d->compute), n, 4, finish_heads, &job);
    const struct attention_cache cache = layer_cache(d, index);
    attention_paged(d->compute, d->mixed, d->q, d->attended, n, c->heads, &cache,
                    1.0f / sqrtf((float)c->head_dim));
    matmul_add(d->compute, &layer->o, d->mixed, n, d->u, d->x);
}

/* x += down(silu(gate(norm(x))) · up(norm(x))) */
static void mlp(struct decoder *d, size_t n, uint32_t index)
{
    const struct text_layer *layer = &d->model->weights.layers[index];
    const struct text_config *c = &d->model->config.text;
    norm_rows(d->compute, d->u, d->x, n, c->hidden_size, layer->post_attention_norm.weight, NULL,
              c->rms_eps);
    const struct projection projections[] = {{&layer->gate, d->gate}, {&layer->up, d->up}};
    matmul_several(d->compute, projections, ARRAY_LEN(projections), d->u, n);
    silu_mul_rows(d->compute, d->gate, d->up, n, c->intermediate_size);
    matmul_add(d->compute, &layer->down, d->gate, n, d->u, d->x);
}

/* After layer k the pictures' rows get deepstack feature k. */
static void add_deepstack(struct decoder *d, const struct decoder_row *rows, size_t n,
                          uint32_t feature)
{
    const size_t dim = d->model->config.text.hidden_size;
    for (size_t r = 0; r < n; r++)
        if (rows[r].visual)
            compute_kernels(d->compute)
                ->add(d->x + r * dim, rows[r].visual + (feature + 1) * rows[r].plane, dim);
}

static void trace(const struct decoder *d, int layer, size_t n)
{
    if (d->trace)
        d->trace(d->trace_arg, layer, d->x, n, d->model->config.text.hidden_size);
}

static float *head(struct decoder *d, const struct decoder_row *rows, size_t n)
{
    const size_t dim = d->model->config.text.hidden_size;
    size_t wanted = 0;
    for (size_t r = 0; r < n; r++)
        if (rows[r].wants_logits)
            memcpy(d->u + wanted++ * dim, d->x + r * dim, dim * sizeof *d->u);
    assert(wanted <= d->limits.logits_rows);
    if (wanted > 0) {
        norm_rows(d->compute, d->u, d->u, wanted, dim, d->model->weights.final_norm.weight, NULL,
                  d->model->config.text.rms_eps);
        matmul(d->compute, &d->model->weights.head, d->u, wanted, d->logits);
    }
    return d->logits;
}

/* How many rows come first that layer `index` multiplies finely. */
static size_t fine_rows(const struct decoder_row *rows, size_t n, uint32_t index)
{
    size_t fine = index < FINE_LAYERS ? n : 0;
    while (fine < n && !rows[fine].fast)
        fine++;
    return fine;
}

float *decoder_forward(struct decoder *decoder, const struct decoder_row *rows, size_t n)
{
    assert(n > 0 && n <= decoder->limits.rows);
    const struct model_config *config = &decoder->model->config;
    embed(decoder, rows, n);
    trace(decoder, -1, n);
    for (uint32_t i = 0; i < config->text.layers; i++) {
        const size_t fine = fine_rows(rows, n, i);
        compute_set_fine_rows(decoder->compute, fine);
        attention(decoder, rows, n, fine, i);
        mlp(decoder, n, i);
        if (i < config->vision.deepstack_count)
            add_deepstack(decoder, rows, n, i);
        trace(decoder, (int)i, n);
    }
    compute_set_fine_rows(decoder->compute, SIZE_MAX);
    return head(decoder, rows, n);
}
