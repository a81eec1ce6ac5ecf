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
enum unknown_parameters { UNKNOWN_REPORT, UNKNOWN_REFUSE };
enum excess_tokens { EXCESS_CLAMP, EXCESS_REFUSE };

/* One more certificate, chosen by the name that the client asks for (SNI). */
struct tls_pair {
    const char *certificate, *key; /* PEM files */
};

struct settings {
    struct {
        struct listener_list listen; /* at least one */
        struct {
            const char *certificate, *key; /* PEM files; "": no TLS */
            const char *client_ca;         /* PEM file; "": clients need no certificate */
            struct record_list others;     /* of struct tls_pair */
        } tls;
        int64_t max_body_bytes;
        int64_t header_timeout_ms;
        int64_t body_min_rate; /* bytes per second; 0: off */
        int64_t idle_timeout_ms;
        int64_t request_timeout_ms;
        int64_t drain_timeout_ms;
        int64_t max_connections;
        int64_t max_connections_per_address; /* 0: any */
        int64_t max_buffered_bytes;          /* of all connections together */
        struct {
            struct text_list origins; /* "*": any */
        } cors;
        enum unknown_parameters unknown_parameters;
        enum excess_tokens excess_tokens;
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
        int64_t max_sequences, max_waiting;
        int64_t kv_cache_bytes;
        enum kv_setting kv_type;
        bool exact;            /* compute in F32 */
        int64_t prefill_chunk; /* tokens */
        struct {
            int64_t min_pixels, max_pixels; /* -1: as the checkpoint says */
            int64_t max_bytes;
            int64_t decode_pixels;
            int64_t cache_bytes;               /* of encoded pictures */
            const char *file_root;             /* "": no file: URLs */
            bool fetch;                        /* http: and https: URLs */
            bool allow_private;                /* to private and loopback addresses too */
            struct range_list allow_addresses; /* these too, whatever they are */
            int64_t max_redirects;
            int64_t timeout_ms; /* of one fetch */
            int64_t fetches, fetches_per_client;
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
        struct range_list trusted_proxies;
        bool proxy_protocol;
    } access;
    struct {
        const char *access; /* "stderr", "stdout", "off", or a path */
        const char *error;  /* "stderr", "stdout", or a path */
        enum access_log_format format;
        enum log_level level;
    } log;
    struct {
        bool enabled, open;
        struct listener_list listen; /* empty: with the other routes */
    } metrics;
    const struct snapshot *snapshot; /* origins, warnings; owns all memory */
    uint32_t holders;                /* the one member that changes */
};

extern const struct setting_table settings_table;

/* Loads and checks (check.h). Codes: as snapshot_load. */
MUST_CHECK enum status settings_load(const struct settings_sources *sources, struct settings **out,
                                     struct reason *why);

/* Whether the settings allow this address to be listened at ("http://0.0.0.0:8000"): one that
 * others can reach needs keys, or that doing without is said. config_invalid_value. */
MUST_CHECK enum status settings_check_address(const struct settings *settings, const char *address,
                                              struct reason *why);

/* Settings belong to all who hold them; the loader is the first. One thread. Take NULL. */
struct settings *settings_hold(struct settings *settings);
void settings_release(struct settings *settings);
