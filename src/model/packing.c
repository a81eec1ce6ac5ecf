#include "model/packing.h"

#include "kernels/exact.h"
#include "model/quantize.h"
#include "model/quantize_plan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LAYER_MATRICES = 7, OTHER_MATRICES = 2, STRETCH_BYTES = 32 << 20 };

/* A matrix that gets new memory: tiles, or rows as in a file. */
struct part {
    struct matrix *matrix; /* of the weights */
    struct matrix *tied;   /* the same matrix in another role, or NULL */
    struct matrix source;  /* as the checkpoint has it */
    enum dtype dtype;      /* to be */
    bool tiled;
    char *memory;
    size_t bytes;
};

struct packing {
    struct part *parts;
    size_t count;
    char *scratch; /* see stretch */
    size_t scratch_bytes;
    struct pool *pool;
    struct kernels kernels;
    packing_progress_fn *progress;
    void *arg;
    uint64_t done_bytes; /* of the checkpoint */
    bool running;        /* the thread of the background, which is to be joined */
    pthread_t thread;
    atomic_bool stopping;
};

/* What the threads work on: strips of one part from `first` on. */
struct stretch {
    const struct kernels *kernels;
    const struct part *part;
    size_t first;
    char *scratch; /* of each thread scratch_bytes: a row of F32, then a strip of rows */
    size_t scratch_bytes;
};

static size_t strips_of(const struct matrix *w)
{
    return (w->rows - 1) / TILE_ROWS + 1;
}

static size_t row_bytes_of(const struct part *part)
{
    return dtype_bytes(part->dtype, part->source.cols);
}

/* Large pages: a product passes over all of it. */
static void *take_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

/* The pages that these bytes of a checkpoint fill completely are not needed any more, or can be
 * read from the file again. */
static void give_back(const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)data;
    const uintptr_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
    if (last > first)
        (void)madvise((void *)first, last - first, MADV_DONTNEED);
}

/* `n` rows from `row`, quantised as `qvl model quantize` does. */
static void quantize_rows(const struct stretch *s, size_t row, size_t n, float *x, char *out)
{
    const struct part *part = s->part;
    for (size_t i = 0; i < n; i++, out += row_bytes_of(part)) {
        exact_row(s->kernels, &part->source, row + i, 0, part->source.cols, x);
        quantize_row(s->kernels, part->dtype, x, part->source.cols, out);
    }
}

static void make_strip(const struct stretch *s, size_t strip, int thread)
{
    const struct part *part = s->part;
    const struct matrix *from = &part->source;
    const size_t row = strip * TILE_ROWS;
    const size_t n = from->rows - row < TILE_ROWS ? from->rows - row : TILE_ROWS;
    char *to = part->memory + row * row_bytes_of(part);
    if (part->dtype == from->dtype) {
        tile_pack_strip(to, from, strip);
        return;
    }
    float *x = (float *)(s->scratch + (size_t)thread * s->scratch_bytes);
    char *rows = part->tiled ? (char *)(x + from->cols) : to;
    quantize_rows(s, row, n, x, rows);
    const struct matrix quantized = {
        .data = rows, .dtype = part->dtype, .rows = (uint32_t)n, .cols = from->cols};
    if (part->tiled)
        tile_pack_strip(to, &quantized, 0);
}

static void make_strips(void *arg, size_t begin, size_t end, int thread)
{
    const struct stretch *s = arg;
    for (size_t i = begin; i < end; i++)
        make_strip(s, s->first + i, thread);
}

static enum dtype planned(const struct quantize_plan *plan, const struct matrix *w)
{
    for (size_t i = 0; plan && i < plan->count; i++)
        if (plan->tensors[i].from.data == w->data)
            return plan->tensors[i].dtype;
    return w->dtype;
}

/* Adds the matrix if it is to be another one. looked_up: single rows of it are read. */
static void consider(struct packing *packing, const struct packing_options *options,
                     struct matrix *w, bool looked_up)
{
    struct part part = {.matrix = w, .source = *w, .dtype = planned(options->plan, w)};
    part.tiled = options->tiles && !looked_up && tile_supports(part.dtype, w->cols);
    if (!part.tiled && part.dtype == w->dtype)
        return;
    part.bytes = part.tiled ? strips_of(w) * tile_strip_bytes(part.dtype, w->cols)
                            : w->rows * row_bytes_of(&part);
    packing->parts[packing->count++] = part;
}

/* In the order of their use. */
static void choose(struct packing *packing, struct weights *weights, uint32_t layers,
                   const struct packing_options *options)
{
    const bool tied = weights->head.data == weights->embed.data;
    if (!tied)
        consider(packing, options, &weights->embed, true);
    for (uint32_t i = 0; i < layers; i++) {
        struct text_layer *l = &weights->layers[i];
        struct matrix *const matrices[LAYER_MATRICES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                                         &l->gate, &l->up, &l->down};
        for (size_t m = 0; m < LAYER_MATRICES; m++)
            consider(packing, options, matrices[m], false);
    }
    const size_t before = packing->count;
    consider(packing, options, &weights->head, false);
    if (tied && packing->count > before)
        packing->parts[before].tied = &weights->embed;
}

/* False if it was stopped. */
static bool make_part(struct packing *packing, const struct part *part)
{
    const struct matrix *from = &part->source;
    const size_t strip_bytes = TILE_ROWS * matrix_row_bytes(from), strips = strips_of(from);
    const size_t at_once = STRETCH_BYTES / strip_bytes + 1;
    const size_t bytes = from->rows * matrix_row_bytes(from);
    struct stretch s = {&packing->kernels, part, 0, packing->scratch, packing->scratch_bytes};
    for (; s.first < strips && !atomic_load(&packing->stopping); s.first += at_once) {
        const size_t n = strips - s.first < at_once ? strips - s.first : at_once;
        pool_run(packing->pool, n, 8, make_strips, &s);
        const size_t begin = s.first * strip_bytes, rest = bytes - begin;
        const size_t done = n * strip_bytes < rest ? n * strip_bytes : rest;
        give_back((const char *)from->data + begin, done);
        packing->done_bytes += done;
        if (packing->progress)
            packing->progress(packing->arg, packing->done_bytes);
    }
    return s.first >= strips;
}

static size_t scratch_of(const struct packing *packing)
{
    size_t most = 0;
    for (size_t i = 0; i < packing->count; i++) {
        const struct part *part = &packing->parts[i];
        const size_t bytes = part->source.cols * sizeof(float) + TILE_ROWS * row_bytes_of(part);
        most = bytes > most ? bytes : most;
    }
    return (most + 63) / 64 * 64;
}

static enum status take_all_memory(struct packing *packing, struct reason *why)
{
    packing->scratch_bytes = scratch_of(packing);
    const size_t scratch = (size_t)pool_threads(packing->pool) * packing->scratch_bytes;
    packing->scratch = malloc(scratch + 1);
    if (!packing->scratch)
        return reason_no_memory(why, scratch);
    for (size_t i = 0; i < packing->count; i++) {
        struct part *part = &packing->parts[i];
        part->memory = take_memory(part->bytes);
        if (!part->memory)
            return reason_no_memory(why, part->bytes);
    }
    return STATUS_OK;
}

static void replace(const struct part *part)
{
    struct matrix *w = part->matrix;
    const bool same = part->dtype == w->dtype;
    w->tiles = part->tiled ? part->memory : NULL;
    w->tiled = part->tiled;
    w->data = !part->tiled ? part->memory : same ? w->data : NULL;
    w->scales = same ? w->scales : NULL;
    w->dtype = part->dtype;
    if (part->tied)
        *part->tied = *w;
}

static void make_all(struct packing *packing)
{
    for (size_t i = 0; i < packing->count; i++)
        (void)make_part(packing, &packing->parts[i]);
    for (size_t i = 0; i < packing->count; i++)
        replace(&packing->parts[i]);
}

/* Products that did not find the tiles may have brought pages back. */
static void *run(void *arg)
{
    struct packing *packing = arg;
    for (size_t i = 0; i < packing->count; i++) {
        const struct part *part = &packing->parts[i];
        if (!make_part(packing, part))
            break;
        tile_publish(part->matrix, part->memory);
        if (part->tied)
            tile_publish(part->tied, part->memory);
        give_back(part->source.data, part->source.rows * matrix_row_bytes(&part->source));
    }
    pool_destroy(packing->pool);
    return NULL;
}

static enum status begin(struct packing *packing, struct reason *why)
{
    for (size_t i = 0; i < packing->count; i++)
        packing->parts[i].matrix->tiled = true;
    packing->running = pthread_create(&packing->thread, NULL, run, packing) == 0;
    if (packing->running)
        return STATUS_OK;
    for (size_t i = 0; i < packing->count; i++)
        packing->parts[i].matrix->tiled = false;
    return reason_no_memory(why, sizeof *packing);
}

enum status packing_create(struct weights *weights, uint32_t layers,
                           const struct packing_options *options, struct pool *pool,
                           struct packing **out, struct reason *why)
{
    const size_t most = (size_t)layers * LAYER_MATRICES + OTHER_MATRICES;
    struct packing *packing = calloc(1, sizeof *packing);
    struct part *parts = calloc(most, sizeof *parts);
    if (!packing || !parts) {
        free(packing);
        free(parts);
        return reason_no_memory(why, most * sizeof *parts);
    }
    packing->parts = parts;
    packing->pool = pool;
    packing->progress = options->background ? NULL : options->progress;
    packing->arg = options->arg;
    kernels_select(&packing->kernels);
    choose(packing, weights, layers, options);
    enum status status = take_all_memory(packing, why);
    if (status == STATUS_OK && options->background)
        status = begin(packing, why);
    else if (status == STATUS_OK)
        make_all(packing);
    if (status == STATUS_OK)
        *out = packing;
    else
        packing_destroy(packing);
    return status;
}

void packing_finish(struct packing *packing)
{
    if (packing->running)
        pthread_join(packing->thread, NULL);
    packing->running = false;
}

void packing_destroy(struct packing *packing)
{
    if (!packing)
        return;
    atomic_store(&packing->stopping, true);
    packing_finish(packing);
    for (size_t i = 0; i < packing->count; i++)
        if (packing->parts[i].memory)
            munmap(packing->parts[i].memory, packing->parts[i].bytes);
    free(packing->scratch);
    free(packing->parts);
    free(packing);
}

bool packing_has(const struct packing *packing, const void *data)
{
    for (size_t i = 0; i < packing->count; i++)
        if (packing->parts[i].source.data == data)
            return true;
    return false;
}

uint64_t packing_bytes(const struct packing *packing)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < packing->count; i++)
        bytes += packing->parts[i].bytes;
    return bytes;
}

uint64_t packing_source_bytes(const struct packing *packing)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < packing->count; i++)
        bytes += packing->parts[i].source.rows * matrix_row_bytes(&packing->parts[i].source);
    return bytes;
}
