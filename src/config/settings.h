/* The settings of `qvl serve`: an immutable snapshot, and the table that defines it.
 *
 * Every member is one row of settings_table (rows.c), which says default, range and meaning; see
 * docs/settings.md. "Unset" is -1 for integers, NAN for doubles, "" for texts. */
#pragma once

#include "base/log.h"
#include "config/listen.h"
#include "config/snapshot.h"

#include <stdio.h>

enum kv_setting { KV_SETTING_F16, KV_SETTING_F32, KV_SETTING_Q8_0 };
enum quantize_setting {
    QUANTIZE_SETTING_AUTO,
    QUANTIZE_SETTING_NONE,
    QUANTIZE_SETTING_TYPES, /* from here on in the order of enum dtype */
};
enum access_log_format { ACCESS_LOG_JSON, ACCESS_LOG_COMBINED };

struct settings {
    struct {
        struct listener_list listen; /* at least one */
        int64_t max_body_bytes;
        int64_t header_timeout_ms;
        int64_t body_min_rate; /* bytes per second; 0: off */
        int64_t idle_timeout_ms;
        int64_t request_timeout_ms;
        int64_t drain_timeout_ms;
    } server;
    struct {
        const char *path;   /* "": the built-in demo */
        const char *mmproj; /* "": the only one beside the GGUF file `path` */
        const char *name;   /* never empty */
        struct text_list aliases;
        enum quantize_setting quantize;
        int64_t threads;    /* 0: one per usable core */
        int64_t context;    /* tokens */
        double yarn_factor; /* unset: as the checkpoint says */
        int64_t max_sequences;
        int64_t kv_cache_bytes;
        enum kv_setting kv_type;
        bool exact;            /* compute in F32 */
        int64_t prefill_chunk; /* tokens */
        struct {
            int64_t min_pixels, max_pixels; /* -1: as the checkpoint says */
            int64_t max_bytes;
            int64_t decode_pixels;
            int64_t cache_bytes;   /* of encoded pictures */
            const char *file_root; /* "": no file: URLs */
        } image;
        struct {
            int64_t max_frames; /* -1: as the checkpoint says */
            double fps;         /* unset: as the checkpoint says */
            int64_t max_bytes;
        } video;
        struct { /* unset: as the checkpoint says */
            double temperature, top_p;
            int64_t top_k, max_tokens;
        } defaults;
    } model;
    struct {
        enum tristate require_key; /* never YES: checked */
    } access;
    struct {
        const char *access; /* "stderr", "stdout", "off", or a path */
        const char *error;  /* "stderr", "stdout", or a path */
        enum access_log_format format;
        enum log_level level;
    } log;
    const struct snapshot *snapshot; /* origins, warnings; owns all memory */
};

extern const struct setting_table settings_table;

/* Loads and checks (check.h). Codes: as snapshot_load. */
MUST_CHECK enum status settings_load(const struct settings_sources *sources, struct settings **out,
                                     struct reason *why);
void settings_destroy(struct settings *settings); /* takes NULL */
