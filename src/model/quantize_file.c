#include "model/quantize_file.h"

#include "kernels/exact.h"
#include "model/quantize.h"
#include "model/quantize_keys.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum { STRETCH_BYTES = 8 << 20, FRAMES = 2, SQUARE = 256 };

/* Sums of one thread over the rows of one tensor. */
struct sums {
    double error, squares;
    char apart[48]; /* from the next thread's */
};

/* The rows of a tensor, a stretch at a time. */
struct stretch {
    const struct kernels *kernels;
    const struct quantized_tensor *tensor;
    size_t first; /* row */
    size_t values, row_bytes;
    char *out;
    float *scratch; /* two rows of the source for each thread */
    struct sums *sums;
};

bool quantize_file_supports(enum dtype type)
{
    return type < DTYPE_PLAIN_COUNT || quantize_supports(type);
}

const char quantize_file_types[] = "f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q4_k q5_k q6_k";

bool quantize_file_type(const char *name, enum dtype *out)
{
    for (enum dtype type = 0; type < DTYPE_COUNT; type++) {
        *out = type;
        if (quantize_file_supports(type) && strcasecmp(dtype_info(type)->name, name) == 0)
            return true;
    }
    return false;
}

/* Of a row [channel, frame, y, x] one frame. */
static void pick_frame(float *x, size_t count, uint32_t frame)
{
    for (size_t i = 0; i < count / (FRAMES * SQUARE); i++)
        memmove(x + i * SQUARE, x + (i * FRAMES + frame) * SQUARE, SQUARE * sizeof *x);
}

static void add_errors(struct sums *sums, const float *x, const float *y, size_t n)
{
    double error = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)y[i];
        error += d * d;
        squares += (double)x[i] * (double)x[i];
    }
    sums->error += error;
    sums->squares += squares;
}

static void convert_rows(void *arg, size_t begin, size_t end, int thread)
{
    const struct stretch *s = arg;
    const struct quantized_tensor *t = s->tensor;
    float *x = s->scratch + (size_t)thread * 2 * t->from.cols, *back = x + t->from.cols;
    for (size_t i = begin; i < end; i++) {
        char *out = s->out + i * s->row_bytes;
        exact_row(s->kernels, &t->from, s->first + i, 0, t->from.cols, x);
        if (t->is_frame)
            pick_frame(x, t->from.cols, t->frame);
        quantize_row(s->kernels, t->dtype, x, s->values, out);
        s->kernels->to_f32[t->dtype](back, out, s->values);
        add_errors(&s->sums[thread], x, back, s->values);
    }
}

static double error_of(const struct sums *sums, int threads)
{
    double error = 0, squares = 0;
    for (int i = 0; i < threads; i++) {
        error += sums[i].error;
        squares += sums[i].squares;
    }
    return squares > 0 ? sqrt(error / squares) : 0;
}

static enum status write_stretches(struct quantize_job *job, struct gguf_writer *w,
                                   struct stretch *s, size_t at_once, struct reason *why)
{
    const size_t rows = s->tensor->from.rows;
    for (s->first = 0; s->first < rows; s->first += at_once) {
        const size_t n = rows - s->first < at_once ? rows - s->first : at_once;
        pool_run(job->pool, n, 4, convert_rows, s);
        const enum status status = gguf_write_data(w, s->out, n * s->row_bytes, why);
        if (status)
            return status;
        job->done += n * s->row_bytes;
        if (job->progress)
            job->progress(job->arg, job->done, job->total);
    }
    return gguf_write_padding(w, why);
}

static enum status write_tensor(struct quantize_job *job, const struct kernels *kernels,
                                struct quantized_tensor *t, struct gguf_writer *w,
                                struct reason *why)
{
    const int threads = pool_threads(job->pool);
    const size_t row_bytes = (size_t)t->bytes / t->from.rows;
    const size_t at_once = STRETCH_BYTES / row_bytes + 1;
    const size_t out_bytes = row_bytes * (at_once < t->from.rows ? at_once : t->from.rows);
    struct stretch s = {
        .kernels = kernels,
        .tensor = t,
        .values = t->is_frame ? t->from.cols / FRAMES : t->from.cols,
        .row_bytes = row_bytes,
        .out = malloc(out_bytes),
        .scratch = calloc((size_t)threads * 2 * t->from.cols, sizeof *s.scratch),
        .sums = calloc((size_t)threads, sizeof *s.sums),
    };
    enum status status = s.out && s.scratch && s.sums ? write_stretches(job, w, &s, at_once, why)
                                                      : reason_no_memory(why, out_bytes);
    if (!status)
        t->error = error_of(s.sums, threads);
    free(s.out);
    free(s.scratch);
    free(s.sums);
    return status;
}

static enum status put_values(const struct quantize_job *job, const struct quantize_plan *plan,
                              struct gguf_writer *w, struct reason *why)
{
    if (plan->is_vision) {
        quantize_put_vision(w, job->model);
        return STATUS_OK;
    }
    quantize_put_text(w, job->model, plan->type);
    return quantize_put_tokenizer(w, job->model, job->from, why);
}

static enum status write_all(struct quantize_job *job, struct quantize_plan *plan,
                             struct gguf_writer *w, struct reason *why)
{
    struct kernels kernels;
    kernels_select(&kernels);
    enum status status = put_values(job, plan, w, why);
    for (size_t i = 0; i < plan->count; i++) {
        const struct quantized_tensor *t = &plan->tensors[i];
        gguf_put_tensor(w, t->name, t->dtype, t->shape, t->dims);
    }
    if (!status)
        status = gguf_write_header(w, why);
    for (size_t i = 0; i < plan->count && !status; i++)
        status = write_tensor(job, &kernels, &plan->tensors[i], w, why);
    return status ? status : gguf_writer_finish(w, why);
}

enum status quantize_file_write(struct quantize_job *job, struct quantize_plan *plan,
                                const char *path, struct reason *why)
{
    struct gguf_writer writer;
    enum status status = gguf_writer_open(path, &writer, why);
    if (status)
        return status;
    status = write_all(job, plan, &writer, why);
    gguf_writer_close(&writer);
    return status;
}
