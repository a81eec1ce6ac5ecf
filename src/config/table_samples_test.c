#include "config/table_test.h"
#include "config/yaml_file.h"

#include <stdlib.h>

#define HELP       .help = {"A setting.", "一项设置。"}
#define AT(member) .offset = offsetof(struct sample, member), HELP
#define IN(member) .offset = offsetof(struct sample_record, member), HELP

static const char *const fruits[] = {"apple", "pear", "plum", NULL};
static const char *const automatic[] = {"auto", NULL};
static const char *const places[] = {"stderr", NULL};

static const struct setting record_rows[] = {
    {.path = "name", .type = SETTING_STRING, .required = true, IN(name)},
    {.path = "weight", .type = SETTING_INTEGER, .fallback = "1", .max = 100, IN(weight)},
    {.path = "limits.time", .type = SETTING_DURATION, .fallback = "2s", .max = 1e6, IN(timeout_ms)},
    {.path = "key", .type = SETTING_SECRET, IN(key)},
};
static const struct setting_table record_table = {record_rows, ARRAY_LEN(record_rows),
                                                  sizeof(struct sample_record)};

static const struct setting rows[] = {
    {.path = "listen", .type = SETTING_LISTENERS, .fallback = "127.0.0.1:8000", AT(listen)},
    {.path = "a.loud", .type = SETTING_BOOL, .fallback = "true", .alias = "loud", AT(loud)},
    {.path = "a.asked", .type = SETTING_TRISTATE, AT(asked)},
    {.path = "a.workers",
     .type = SETTING_INTEGER,
     .fallback = "auto",
     .words = automatic,
     .min = 1,
     .max = 64,
     AT(workers)},
    {.path = "a.pixels", .type = SETTING_COUNT, .min = 1, .max = 1e9, AT(pixels)},
    {.path = "a.b.bytes", .type = SETTING_BYTES, .fallback = "64MiB", .max = 1e12, AT(bytes)},
    {.path = "a.b.rate", .type = SETTING_RATE, .fallback = "1KiB/s", .max = 1e9, AT(rate)},
    {.path = "a.b.time", .type = SETTING_DURATION, .fallback = "10s", .max = 1e9, AT(time_ms)},
    {.path = "a.heat", .type = SETTING_NUMBER, .min = 0, .max = 2, AT(heat)},
    {.path = "a.share", .type = SETTING_PERCENT, .fallback = "20%", .max = 1, AT(share)},
    {.path = "text.title", .type = SETTING_STRING, .fallback = "hello", AT(title)},
    {.path = "text.folder", .type = SETTING_PATH, .words = places, AT(folder)},
    {.path = "text.token", .type = SETTING_SECRET, AT(token)},
    {.path = "text.fruit", .type = SETTING_CHOICE, .fallback = "apple", .words = fruits, AT(fruit)},
    {.path = "text.names", .type = SETTING_STRINGS, .fallback = "x, y", AT(names)},
    {.path = "text.ranges", .type = SETTING_RANGES, AT(ranges)},
    {.path = "upstreams", .type = SETTING_RECORDS, .table = &record_table, AT(upstreams)},
};

const struct setting_table sample_table = {rows, ARRAY_LEN(rows), sizeof(struct sample)};

enum status sample_load(const char *yaml, size_t len, char *const *environment,
                        struct snapshot **out, struct reason *why)
{
    struct snapshot *snapshot;
    const struct settings_sources nothing = {0};
    enum status status = snapshot_load(&sample_table, &nothing, &snapshot, why);
    if (status)
        return status;
    status = yaml_read(snapshot, "etc/qvl.yaml", (struct str){yaml, len}, environment, why);
    if (status)
        snapshot_destroy(snapshot);
    else
        *out = snapshot;
    return status;
}
