#include "engine/rows.h"

#include "engine/vision.h"
#include "image/patches.h"

#include "os/aligned.h"

enum { ADD_GRAIN = 16384 };

struct addition {
    const struct kernels *kernels;
    float *y;
    const float *x;
};

static void add_part(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct addition *a = arg;
    a->kernels->add(a->y + begin, a->x + begin, end - begin);
}

void add_floats(struct compute *compute, float *y, const float *x, size_t n)
{
    struct addition addition = {compute_kernels(compute), y, x};
    pool_run(compute_pool(compute), n, ADD_GRAIN, add_part, &addition);
}

void matmul_add(struct compute *compute, const struct matrix *w, const float *x, size_t n, float *y,
                float *acc)
{
    matmul(compute, w, x, n, y);
    add_floats(compute, acc, y, n * w->rows);
}

void *aligned_array(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : aligned_bytes(bytes);
}

struct compute_limits compute_limits_of(const struct model_config *config, size_t rows)
{
    const struct text_config *t = &config->text;
    const struct vision_config *v = &config->vision;
    const size_t columns[] = {
        t->hidden_size,       (size_t)t->heads * t->head_dim,
        t->intermediate_size, (size_t)4 * v->hidden_size,
        v->intermediate_size, PATCH_FLOATS,
    };
    struct compute_limits limits = {.max_rows =
                                        rows > VISION_CHUNK_ROWS ? rows : VISION_CHUNK_ROWS};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (columns[i] > limits.max_cols)
            limits.max_cols = columns[i];
    return limits;
}
