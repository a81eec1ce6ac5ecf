#include "image/video.h"

#include <math.h>

static const double default_fps = 24;

double video_known_fps(double source_fps)
{
    return source_fps > 0 ? source_fps : default_fps;
}

uint32_t video_sample_count(const struct video_sampling *s, uint32_t total, double source_fps)
{
    if (s->num_frames)
        return s->num_frames;
    const double wanted = trunc(total / video_known_fps(source_fps) * s->fps);
    double n = wanted > s->min_frames ? wanted : s->min_frames;
    n = n < s->max_frames ? n : s->max_frames;
    return n < total ? (uint32_t)n : total;
}

void video_sample_indices(uint32_t total, uint32_t count, uint32_t *indices)
{
    const double step = count > 1 ? (double)(total - 1) / (count - 1) : 0;
    for (uint32_t i = 0; i < count; i++)
        indices[i] = (uint32_t)rint(i * step);
    if (count > 1)
        indices[count - 1] = total - 1;
}

void video_pair_times(const uint32_t *indices, uint32_t count, double source_fps, double *times)
{
    const double fps = video_known_fps(source_fps);
    for (uint32_t i = 0; i < count; i += 2) {
        const uint32_t second = i + 1 < count ? i + 1 : i;
        times[i / 2] = (indices[i] / fps + indices[second] / fps) / 2;
    }
}
