#include "kernels/compute.h"

struct rows {
    const struct kernels *kernels;
    float *out;
    const float *x, *weight, *bias;
    size_t dim;
    float eps;
};

/* Rows of one chunk: about 16 KiB, enough to be worth handing out. */
static size_t rows_grain(size_t dim)
{
    return 4096 / (dim + 1) + 1;
}

static void norm_chunk(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *job = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        float *out = job->out + i * job->dim;
        const float *x = job->x + i * job->dim;
        if (job->bias)
            job->kernels->layer_norm(out, x, job->weight, job->bias, job->dim, job->eps);
        else
            job->kernels->rms_norm(out, x, job->weight, job->dim, job->eps);
    }
}

void norm_rows(struct compute *compute, float *out, const float *x, size_t n, size_t dim,
               const float *weight, const float *bias, float eps)
{
    struct rows job = {&compute->kernels, out, x, weight, bias, dim, eps};
    pool_run(compute->pool, n, rows_grain(dim), norm_chunk, &job);
}

static void gelu_tanh_chunk(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *job = arg;
    (void)thread;
    job->kernels->gelu_tanh(job->out + begin * job->dim, (end - begin) * job->dim);
}

void gelu_tanh_rows(struct compute *compute, float *x, size_t n, size_t dim)
{
    struct rows job = {.kernels = &compute->kernels, .out = x, .dim = dim};
    pool_run(compute->pool, n, rows_grain(dim), gelu_tanh_chunk, &job);
}

static void gelu_erf_chunk(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *job = arg;
    (void)thread;
    job->kernels->gelu_erf(job->out + begin * job->dim, (end - begin) * job->dim);
}

void gelu_erf_rows(struct compute *compute, float *x, size_t n, size_t dim)
{
    struct rows job = {.kernels = &compute->kernels, .out = x, .dim = dim};
    pool_run(compute->pool, n, rows_grain(dim), gelu_erf_chunk, &job);
}

static void silu_mul_chunk(void *arg, size_t begin, size_t end, int thread)
{
    const struct rows *job = arg;
    (void)thread;
    job->kernels->silu_mul(job->out + begin * job->dim, job->x + begin * job->dim,
                           (end - begin) * job->dim);
}

void silu_mul_rows(struct compute *compute, float *gate, const float *up, size_t n, size_t dim)
{
    struct rows job = {.kernels = &compute->kernels, .out = gate, .x = up, .dim = dim};
    pool_run(compute->pool, n, rows_grain(dim), silu_mul_chunk, &job);
}
