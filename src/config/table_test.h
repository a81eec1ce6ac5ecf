/* A table for tests: every type once, also those that no setting of the program has yet. */
#pragma once

#include "config/listen.h"
#include "config/snapshot.h"

enum fruit { FRUIT_APPLE, FRUIT_PEAR, FRUIT_PLUM };

struct sample_record {
    const char *name;
    int64_t weight;
    int64_t timeout_ms;
    const char *key;
};

struct sample {
    struct listener_list listen;
    bool loud;
    enum tristate asked;
    int64_t workers, pixels, bytes, rate, time_ms;
    double heat, share;
    const char *title, *folder, *token;
    enum fruit fruit;
    struct text_list names;
    struct range_list ranges;
    struct record_list upstreams;
};

extern const struct setting_table sample_table;

/* Loads YAML text (not a file) over the sample table's defaults, as `etc/qvl.yaml`. */
enum status sample_load(const char *yaml, size_t len, char *const *environment,
                        struct snapshot **out, struct reason *why);
