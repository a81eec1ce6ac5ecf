#include "engine/rows.h"

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
