#include "model/packing.h"

#include "kernels/tile.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LAYER_MATRICES = 7 };

struct block {
    struct matrix *matrix;
    void *memory;
    size_t bytes;
};

struct packing {
    struct block *blocks;
    size_t count;
    uint64_t bytes;
};

static size_t strips_of(const struct matrix *w)
{
    return (w->rows - 1) / TILE_ROWS + 1;
}

static size_t bytes_of(const struct matrix *w)
{
    return strips_of(w) * tile_strip_bytes(w->dtype, w->cols);
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

/* The pages that the data fill completely can be read from the file again. */
static void give_back(const struct matrix *w)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)w->data;
    const uintptr_t end = begin + w->rows * matrix_row_bytes(w);
    const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (last > first)
        (void)madvise((void *)first, last - first, MADV_DONTNEED);
}

static void pack_strips(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct block *block = arg;
    const size_t bytes = tile_strip_bytes(block->matrix->dtype, block->matrix->cols);
    for (size_t i = begin; i < end; i++)
        tile_pack_strip((char *)block->memory + i * bytes, block->matrix, i);
}

/* The matrices that get tiles; `list` has room for all. */
static size_t choose(struct weights *weights, uint32_t layers, struct block *list)
{
    size_t count = 0;
    for (uint32_t i = 0; i < layers; i++) {
        struct text_layer *l = &weights->layers[i];
        struct matrix *const matrices[LAYER_MATRICES] = {&l->q,    &l->k,  &l->v,   &l->o,
                                                         &l->gate, &l->up, &l->down};
        for (size_t m = 0; m < LAYER_MATRICES; m++)
            if (tile_supports(matrices[m]->dtype, matrices[m]->cols))
                list[count++].matrix = matrices[m];
    }
    if (tile_supports(weights->head.dtype, weights->head.cols))
        list[count++].matrix = &weights->head;
    return count;
}

static enum status pack_all(struct packing *packing, struct pool *pool,
                            packing_progress_fn *progress, void *arg, struct reason *why)
{
    for (size_t i = 0; i < packing->count; i++) {
        struct block *block = &packing->blocks[i];
        block->bytes = bytes_of(block->matrix);
        block->memory = take_memory(block->bytes);
        if (!block->memory)
            return reason_no_memory(why, block->bytes);
        pool_run(pool, strips_of(block->matrix), 8, pack_strips, block);
        give_back(block->matrix);
        packing->bytes += block->bytes;
        if (progress)
            progress(arg, packing->bytes);
    }
    for (size_t i = 0; i < packing->count; i++)
        packing->blocks[i].matrix->tiles = packing->blocks[i].memory;
    return STATUS_OK;
}

enum status packing_create(struct weights *weights, uint32_t layers, struct pool *pool,
                           packing_progress_fn *progress, void *arg, struct packing **out,
                           struct reason *why)
{
    const size_t most = (size_t)layers * LAYER_MATRICES + 1;
    struct packing *packing = calloc(1, sizeof *packing);
    struct block *blocks = calloc(most, sizeof *blocks);
    if (!packing || !blocks) {
        free(packing);
        free(blocks);
        return reason_no_memory(why, most * sizeof *blocks);
    }
    packing->blocks = blocks;
    packing->count = choose(weights, layers, blocks);
    const enum status status = pack_all(packing, pool, progress, arg, why);
    if (status == STATUS_OK)
        *out = packing;
    else
        packing_destroy(packing);
    return status;
}

void packing_destroy(struct packing *packing)
{
    if (!packing)
        return;
    for (size_t i = 0; i < packing->count; i++)
        if (packing->blocks[i].memory)
            munmap(packing->blocks[i].memory, packing->blocks[i].bytes);
    free(packing->blocks);
    free(packing);
}

bool packing_has(const struct packing *packing, const void *data)
{
    for (size_t i = 0; i < packing->count; i++)
        if (packing->blocks[i].matrix->data == data)
            return true;
    return false;
}
