/* Which frames of a video are looked at, and what times they get (specification 4.6). */
#pragma once

#include "base/status.h"

#include <stdint.h>

struct video_sampling {
    double fps;          /* target, default 2; ignored if num_frames > 0 */
    uint32_t num_frames; /* explicit count; 0: by fps */
    uint32_t min_frames, max_frames;
};

/* source_fps, or the 24 that stand for an unknown one (≤ 0). */
double video_known_fps(double source_fps);

/* Number of frames sampled from `total` frames of a source at source_fps (≤ 0: unknown, 24). */
uint32_t video_sample_count(const struct video_sampling *s, uint32_t total, double source_fps);

/* indices[count]: rint(i × step), step = (total-1)/(count-1) rounded to double first; last is
 * total-1. */
void video_sample_indices(uint32_t total, uint32_t count, uint32_t *indices);

/* times[(count+1)/2] in seconds: the mean of each pair of frames, an odd last frame paired with
 * itself. */
void video_pair_times(const uint32_t *indices, uint32_t count, double source_fps, double *times);
