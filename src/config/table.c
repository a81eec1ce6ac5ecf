#include "config/table.h"

#include <ctype.h>
#include <stdio.h>

void setting_flag_name(const struct setting *row, char out[SETTING_NAME_MAX])
{
    snprintf(out, SETTING_NAME_MAX, "%s", row->path);
    for (char *c = out; *c; c++)
        if (*c == '_')
            *c = '-';
}

void setting_variable_name(const struct setting *row, char out[SETTING_NAME_MAX])
{
    snprintf(out, SETTING_NAME_MAX, "QVL_%s", row->path);
    for (char *c = out; *c; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
}

const struct setting *setting_find(const struct setting_table *table, struct str path)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_is(path, table->rows[i].path))
            return &table->rows[i];
    return NULL;
}

bool setting_is_section(const struct setting_table *table, struct str path)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct str row = str_from(table->rows[i].path);
        if (path.len > 0 && row.len > path.len && row.ptr[path.len] == '.' &&
            str_eq(str_slice(row, 0, path.len), path))
            return true;
    }
    return false;
}

size_t setting_section_len(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? (size_t)(dot - path) : 0;
}

static struct str last_part(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '.')
            return str_slice(path, i, path.len);
    return path;
}

static size_t slips_allowed(struct str word)
{
    return word.len < 6 ? 2 : word.len / 3;
}

const char *setting_nearest(const struct setting_table *table, struct str path)
{
    const struct str name = last_part(path);
    const char *best = NULL;
    size_t best_distance = slips_allowed(path) + 1;
    for (size_t i = 0; i < table->count; i++) {
        const struct str row = str_from(table->rows[i].path);
        const size_t distance = str_eq(last_part(row), name) ? 1 : str_distance(row, path);
        if (distance < best_distance) {
            best_distance = distance;
            best = row.ptr;
        }
    }
    return best;
}

static const struct setting_kind kinds[] = {
    [SETTING_BOOL] = {NULL,
                      {"true or false", "true 或 false"},
                      {"true or false", " true 或 false"}},
    [SETTING_TRISTATE] = {NULL,
                          {"true, false or unset", "true、false 或不设置"},
                          {"true or false", " true 或 false"}},
    [SETTING_INTEGER] = {"N", {"whole number", "整数"}, {"a whole number", "整数"}},
    [SETTING_COUNT] = {"N",
                       {"count", "数量"},
                       {"a count such as 4096, 64K or 100M", "数量（例如 4096、64K 或 100M）"}},
    [SETTING_BYTES] = {"SIZE",
                       {"size", "大小"},
                       {"a size such as 64MiB, 20MB or 4096", "大小（例如 64MiB、20MB 或 4096）"}},
    [SETTING_RATE] = {"RATE",
                      {"rate", "速率"},
                      {"a rate such as 1KiB/s or 2MB/s", "速率（例如 1KiB/s 或 2MB/s）"}},
    [SETTING_DURATION] = {"TIME",
                          {"duration", "时长"},
                          {"a duration such as 500ms, 10s, 10m or 1h",
                           "时长（例如 500ms、10s、10m 或 1h）"}},
    [SETTING_NUMBER] = {"X", {"number", "数"}, {"a number such as 0.7", "数（例如 0.7）"}},
    [SETTING_PERCENT] = {"X%",
                         {"percentage", "百分比"},
                         {"a percentage such as 20%", "百分比（例如 20%）"}},
    [SETTING_STRING] = {"TEXT", {"text", "文本"}, {"text", "文本"}},
    [SETTING_PATH] = {"PATH", {"path", "路径"}, {"a path", "路径"}},
    [SETTING_SECRET] = {"SECRET",
                        {"secret: file:PATH or ${NAME}", "机密：file:PATH 或 ${NAME}"},
                        {"a secret: file:PATH or ${NAME}", "机密（file:PATH 或 ${NAME}）"}},
    [SETTING_CHOICE] = {"WORD", {"one word", "一个词"}, {"", ""}},
    [SETTING_STRINGS] = {"A,B", {"list of texts", "文本列表"}, {"a list of texts", "文本列表"}},
    [SETTING_LISTENERS] = {"ADDRESS",
                           {"list of addresses", "地址列表"},
                           {"an address such as 127.0.0.1:8000, [::1]:8000 or unix:/run/qvl.sock",
                            "地址（例如 127.0.0.1:8000、[::1]:8000 或 unix:/run/qvl.sock）"}},
    [SETTING_RANGES] = {"CIDR",
                        {"list of address ranges", "地址范围列表"},
                        {"an address or a range such as 10.0.0.0/8 or fd00::/8",
                         "地址或地址范围（例如 10.0.0.0/8 或 fd00::/8）"}},
    [SETTING_RECORDS] = {NULL,
                         {"list of mappings", "映射列表"},
                         {"a list of mappings", "映射列表"}},
};

const struct setting_kind *setting_kind(enum setting_type type)
{
    return &kinds[type];
}
