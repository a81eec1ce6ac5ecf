#include "engine/vision.h"

#include "engine/rows.h"
#include "engine/vision_embed.h"

#include <math.h>
#include <stdlib.h>

#define LAYER_NORM_EPS 1e-6f

enum { MERGE = 4 }; /* patches of one token */

/* Activations of one run. What is wide is made for some rows at a time. */
struct work {
    size_t n;      /* patches */
    size_t rows;   /* of the chunk buffers */
    float *x;      /* [n, VH] the residual stream */
    float *qkv;    /* [n, 3·VH] */
    float *mixed;  /* [n, VH] attention's result */
    float *narrow; /* [rows, VH] or [rows/4, 4·VH] */
    float *wide;   /* [rows, VI] or [rows/4, 4·VH] */
};

static size_t wide_columns(const struct vision_config *config)
{
    return config->intermediate_size > config->hidden_size ? config->intermediate_size
                                                           : config->hidden_size;
}

static size_t chunk_rows(size_t patches)
{
    return patches < VISION_CHUNK_ROWS ? patches : VISION_CHUNK_ROWS;
}

size_t vision_work_bytes(const struct model *model, uint32_t h, uint32_t w)
{
    const struct vision_config *config = &model->config.vision;
    size_t n, floats, bytes;
    if (__builtin_mul_overflow((size_t)h, (size_t)w, &n) ||
        __builtin_mul_overflow(n, (size_t)5 * config->hidden_size, &floats) ||
        __builtin_add_overflow(floats, chunk_rows(n) * 2 * wide_columns(config), &floats) ||
        __builtin_mul_overflow(floats, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

size_t vision_result_bytes(const struct model *model, uint32_t h, uint32_t w)
{
    const struct model_config *config = &model->config;
    const size_t row = (size_t)config->text.hidden_size * (1 + config->vision.deepstack_count);
    size_t bytes;
    if (__builtin_mul_overflow((size_t)h, (size_t)w, &bytes) ||
        __builtin_mul_overflow(bytes / MERGE, row * sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

static void work_release(struct work *work)
{
    free(work->x);
    free(work->qkv);
    free(work->mixed);
    free(work->narrow);
    free(work->wide);
}

static enum status work_init(struct work *work, const struct model *model, uint32_t h, uint32_t w,
                             struct reason *why)
{
    const struct vision_config *config = &model->config.vision;
    const size_t n = (size_t)h * w, rows = chunk_rows(n), row = config->hidden_size * sizeof(float);
    *work = (struct work){
        .n = n,
        .rows = rows,
        .x = aligned_array(n, row),
        .qkv = aligned_array(n, 3 * row),
        .mixed = aligned_array(n, row),
        .narrow = aligned_array(rows, row),
        .wide = aligned_array(rows, wide_columns(config) * sizeof(float)),
    };
    if (work->x && work->qkv && work->mixed && work->narrow && work->wide)
        return STATUS_OK;
    work_release(work);
    const unsigned long long mib = vision_work_bytes(model, h, w) >> 20;
    reason_set(why, "memory_full", "A picture of %u × %u patches needs %llu MiB to be looked at.",
               "处理一张 %u × %u 图块的图片需要 %llu MiB 内存，当前内存不足。", h, w, mib);
    reason_hint(why, "Send a smaller picture.", "请发送较小的图片。");
    return STATUS_NO_MEMORY;
}

struct rotation {
    const struct kernels *kernels;
    const struct vision_rope *rope;
    float *qkv;
    uint32_t w, heads, head_dim;
};

/* Rotates q and k of some patches. */
static void rotate(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct rotation *r = arg;
    const size_t dim = (size_t)r->heads * r->head_dim, half = r->head_dim / 2;
    float cos[ROPE_HALF_MAX], sin[ROPE_HALF_MAX];
    for (size_t i = begin; i < end; i++) {
        const struct patch_place place = patch_place((uint32_t)i, r->w);
        vision_rope_patch(r->rope, place.row, place.column, cos, sin);
        for (size_t head = 0; head < 2 * (size_t)r->heads; head++) /* q's heads, then k's */
            r->kernels->rope(r->qkv + i * 3 * dim + head * r->head_dim, cos, sin, half);
    }
}

static void attention(const struct vision *vision, struct work *work, uint32_t w)
{
    const struct vision_config *config = &vision->model->config.vision;
    const uint32_t head_dim = config->hidden_size / config->heads;
    const size_t dim = config->hidden_size;
    struct rotation rotation = {
        compute_kernels(vision->compute), &vision->rope, work->qkv, w, config->heads, head_dim};
    pool_run(compute_pool(vision->compute), work->n, 16, rotate, &rotation);
    attention_full(vision->compute, work->mixed, work->qkv, work->qkv + dim, work->qkv + 2 * dim,
                   3 * dim, work->n, config->heads, head_dim, 1.0f / sqrtf((float)head_dim));
}

static size_t rows_from(const struct work *work, size_t begin)
{
    return work->n - begin < work->rows ? work->n - begin : work->rows;
}

/* x += attention(norm1(x)); x += MLP(norm2(x)) */
static void run_block(const struct vision *vision, const struct vision_block *block,
                      struct work *work, uint32_t w)
{
    struct compute *compute = vision->compute;
    const size_t dim = vision->model->config.vision.hidden_size;
    for (size_t i = 0; i < work->n; i += work->rows) {
        const size_t rows = rows_from(work, i);
        norm_rows(compute, work->narrow, work->x + i * dim, rows, dim, block->norm1.weight,
                  block->norm1.bias, LAYER_NORM_EPS);
        matmul(compute, &block->qkv, work->narrow, rows, work->qkv + i * 3 * dim);
    }
    attention(vision, work, w);
    for (size_t i = 0; i < work->n; i += work->rows) {
        const size_t rows = rows_from(work, i);
        float *x = work->x + i * dim;
        matmul_add(compute, &block->proj, work->mixed + i * dim, rows, work->narrow, x);
        norm_rows(compute, work->narrow, x, rows, dim, block->norm2.weight, block->norm2.bias,
                  LAYER_NORM_EPS);
        matmul(compute, &block->fc1, work->narrow, rows, work->wide);
        gelu_tanh_rows(compute, work->wide, rows, block->fc1.rows);
        matmul_add(compute, &block->fc2, work->wide, rows, work->narrow, x);
    }
}

/* Four consecutive patches are one token: x[n, VH] seen as [n/4, 4·VH] → out[n/4, H]. A norm of VH
 * (the main merger) goes before the change of view, one of 4·VH (deepstack) after it. */
static void merge(const struct vision *vision, const struct merger *merger, size_t norm_dim,
                  struct work *work, float *out)
{
    struct compute *compute = vision->compute;
    const size_t dim = vision->model->config.vision.hidden_size;
    const size_t chunk = work->rows / MERGE * MERGE;
    for (size_t i = 0; i < work->n; i += chunk) {
        const size_t patches = work->n - i < chunk ? work->n - i : chunk;
        const size_t tokens = patches / MERGE;
        norm_rows(compute, work->narrow, work->x + i * dim, patches * dim / norm_dim, norm_dim,
                  merger->norm.weight, merger->norm.bias, LAYER_NORM_EPS);
        matmul(compute, &merger->fc1, work->narrow, tokens, work->wide);
        gelu_erf_rows(compute, work->wide, tokens, merger->fc1.rows);
        matmul(compute, &merger->fc2, work->wide, tokens, out + i / MERGE * merger->fc2.rows);
    }
}

static void trace(const struct vision *vision, const char *stage, uint32_t index,
                  const struct work *work)
{
    if (vision->trace)
        vision->trace(vision->trace_arg, stage, index, work->x, work->n,
                      vision->model->config.vision.hidden_size);
}

void vision_init(struct vision *vision, const struct model *model, struct compute *compute)
{
    *vision = (struct vision){.model = model, .compute = compute};
    const struct vision_config *config = &model->config.vision;
    vision_rope_init(&vision->rope, config->hidden_size / config->heads);
}

enum status vision_run(const struct vision *vision, const float *patches, uint32_t h, uint32_t w,
                       float *out, struct reason *why)
{
    const struct model *model = vision->model;
    const struct vision_config *config = &model->config.vision;
    struct work work;
    const enum status status = work_init(&work, model, h, w, why);
    if (status != STATUS_OK)
        return status;
    vision_embed(model, vision->compute, patches, h, w, work.x);
    compute_set_fine_rows(vision->compute, 0); /* why: docs/internals/precision.md */
    trace(vision, "input", 0, &work);
    const size_t dim = config->hidden_size;
    const size_t plane = work.n / MERGE * model->config.text.hidden_size;
    uint32_t feature = 0;
    for (uint32_t b = 0; b < config->depth; b++) {
        run_block(vision, &model->weights.blocks[b], &work, w);
        trace(vision, "block", b, &work);
        if (feature < config->deepstack_count && config->deepstack[feature] == b) {
            feature++;
            merge(vision, &model->weights.deepstack[feature - 1], MERGE * dim, &work,
                  out + feature * plane);
        }
    }
    merge(vision, &model->weights.merger, dim, &work, out);
    compute_set_fine_rows(vision->compute, SIZE_MAX);
    work_release(&work);
    return STATUS_OK;
}
