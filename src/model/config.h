/* config.json and its companions as plain numbers (specification 1.2, 1.4, 1.5).
 *
 * Both JSON dialects are read: transformers 4.57 (rope_theta, rope_scaling) and 5.x
 * (rope_parameters). Every number is checked against what the code can do before use. */
#pragma once

#include "base/arena.h"
#include "base/status.h"
#include "json/json.h"

#include <stdint.h>

enum { DEEPSTACK_MAX = 8, EOS_MAX = 8, CONFIG_POSITIONS_MAX = 1 << 24, YARN_FACTOR_MAX = 1024 };
enum { YARN_BETA_FAST = 32, YARN_BETA_SLOW = 1 }; /* unless the checkpoint says other ones */

/* See yarn.h. */
struct yarn {
    float factor;               /* ≥ 1; 0: no YaRN, and the others mean nothing */
    float attention;            /* cosines and sines are multiplied by this */
    float beta_fast, beta_slow; /* rotations in the original context, where the ramp begins, ends */
    bool truncate;              /* the ramp begins and ends at whole frequencies */
    uint32_t original_positions;
};

struct text_config {
    uint32_t vocab_size, hidden_size, intermediate_size, layers, heads, kv_heads, head_dim;
    uint32_t max_positions;
    float rms_eps, rope_theta;
    uint32_t mrope_section[3]; /* frequencies for T, H, W; their sum is head_dim / 2 */
    struct yarn yarn;
    bool tied; /* the output head is the embedding matrix */
};

struct vision_config {
    uint32_t depth, hidden_size, intermediate_size, heads, out_hidden_size;
    uint32_t patch_size, temporal_patch_size, merge_size, position_side; /* sqrt(num_position_…) */
    uint32_t deepstack[DEEPSTACK_MAX], deepstack_count; /* 0-based block indices, ascending */
};

struct pixel_sizes {
    uint64_t min_pixels, max_pixels;
};

struct generation_defaults {
    bool do_sample;
    float temperature, top_p, min_p, repetition_penalty;
    uint32_t top_k; /* 0: off */
    int32_t eos[EOS_MAX];
    uint32_t eos_count;
};

struct model_config {
    struct text_config text;
    struct vision_config vision;
    int32_t image_token, video_token, vision_start_token, vision_end_token;
    struct pixel_sizes image, video;
    uint32_t video_min_frames, video_max_frames;
    double video_fps;
    struct generation_defaults generation;
};

/* What holds where a checkpoint says nothing. */
struct model_config model_config_defaults(void);

/* Reads config.json (required), generation_config.json, preprocessor_config.json and
 * video_preprocessor_config.json (optional) of a checkpoint directory. Codes: missing_file,
 * unreadable, bad_config, unknown_architecture, not_a_checkpoint. */
MUST_CHECK enum status model_config_load(const char *dir, struct model_config *out,
                                         struct reason *why);
