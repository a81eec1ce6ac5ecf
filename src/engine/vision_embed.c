#include "engine/vision_embed.h"

/* A point between two rows (or columns) of the position table. */
struct between {
    uint32_t low, high;
    float part; /* of the way from low to high */
};

/* Aligned corners: patch 0 is on the first entry, patch count-1 on the last. In float32, multiply
 * then divide, as transformers does. */
static struct between interpolate(uint32_t i, uint32_t count, uint32_t side)
{
    if (count == 1)
        return (struct between){0, side > 1 ? 1 : 0, 0};
    const float at = (float)i * (float)(side - 1) / (float)(count - 1);
    const uint32_t low = (uint32_t)at < side ? (uint32_t)at : side - 1;
    return (struct between){low, low + 1 < side ? low + 1 : side - 1, at - (float)low};
}

struct position_job {
    const float *table; /* [side², dim] */
    uint32_t side, dim, h, w;
    float *x;
};

static void add_position(const struct position_job *job, struct patch_place place, float *x)
{
    const struct between y = interpolate(place.row, job->h, job->side);
    const struct between c = interpolate(place.column, job->w, job->side);
    const float *corner[4];
    corner[0] = job->table + ((size_t)y.low * job->side + c.low) * job->dim;
    corner[1] = job->table + ((size_t)y.low * job->side + c.high) * job->dim;
    corner[2] = job->table + ((size_t)y.high * job->side + c.low) * job->dim;
    corner[3] = job->table + ((size_t)y.high * job->side + c.high) * job->dim;
    const float w0 = (1 - y.part) * (1 - c.part), w1 = (1 - y.part) * c.part;
    const float w2 = y.part * (1 - c.part), w3 = y.part * c.part;
    for (uint32_t j = 0; j < job->dim; j++)
        x[j] += w0 * corner[0][j] + w1 * corner[1][j] + w2 * corner[2][j] + w3 * corner[3][j];
}

static void add_positions(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    const struct position_job *job = arg;
    for (size_t i = begin; i < end; i++)
        add_position(job, patch_place((uint32_t)i, job->w), job->x + i * job->dim);
}

void vision_embed(const struct model *model, struct compute *compute, const float *patches,
                  uint32_t h, uint32_t w, float *x)
{
    const size_t n = (size_t)h * w;
    matmul(compute, &model->weights.patch_embed, patches, n, x);
    struct position_job job = {
        .table = model->weights.position_table,
        .side = model->config.vision.position_side,
        .dim = model->config.vision.hidden_size,
        .h = h,
        .w = w,
        .x = x,
    };
    pool_run(compute_pool(compute), n, 16, add_positions, &job);
}
