/* Settings on the command line: `--server.max-body 1MiB`, `--model=PATH`,
 * `--no-access.require-key`.
 *
 * A list may be given several times; of other settings the last one counts. `--host` and `--port`
 * change the first listener. */
#pragma once

#include "config/table.h"

enum flag_part { FLAG_WHOLE, FLAG_HOST, FLAG_PORT };

/* A setting by one of its flags. */
struct setting_flag {
    const struct setting *row;
    enum flag_part part;
    bool negated; /* --no-… */
};

struct given_flag {
    struct setting_flag flag;
    const char *name;  /* as typed, with dashes; owned */
    const char *value; /* borrowed from argv, or static */
};

struct settings_flags {
    struct given_flag *items;
    size_t count;
};

/* Finds a flag by its name without the leading dashes. */
bool settings_flag_find(const struct setting_table *table, struct str name,
                        struct setting_flag *out);

/* Takes the settings out of argv[1 … argc): what else stands there (arguments, short options, the
 * caller's own long options, `--` and all after it) moves to the front, argv[0] included, and
 * *argc counts it. `others` are the caller's own long options, without dashes, NULL at the end;
 * "name=" is one that takes a value. Any other long option is config_unknown_setting, with the
 * nearest right one. Release the flags in any case. */
MUST_CHECK enum status settings_flags_parse(const struct setting_table *table, int *argc,
                                            char **argv, const char *const *others,
                                            struct settings_flags *out, struct reason *why);
void settings_flags_release(struct settings_flags *flags);
