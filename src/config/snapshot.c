#include "config/snapshot.h"

#include "config/listen.h"
#include "config/yaml_file.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { SNAPSHOT_BYTES_MAX = 64 << 20, ENVIRONMENT_WARNINGS_MAX = 20 };

/* Variables of the program that are no settings. */
static const char *const other_variables[] = {"QVL_LANG", "QVL_CPU"};

const char *environment_get(char *const *environment, struct str name)
{
    for (; environment && *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (equals && str_eq(name, (struct str){*environment, (size_t)(equals - *environment)}))
            return equals + 1;
    }
    return NULL;
}

void snapshot_warn(struct snapshot *snapshot, const char *en, const char *zh, ...)
{
    struct snapshot_warning warning;
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        char text[512];
        va_list args;
        va_start(args, zh);
        vsnprintf(text, sizeof text, lang == LANG_ZH ? zh : en, args);
        va_end(args);
        warning.text[lang] = arena_strdup(&snapshot->arena, str_from(text));
        if (!warning.text[lang])
            return;
    }
    void *items = snapshot->warnings.items;
    struct snapshot_warning *slot =
        value_list_grow(&snapshot->arena, &items, &snapshot->warnings.count, sizeof *slot);
    if (!slot)
        return;
    snapshot->warnings.items = items;
    *slot = warning;
}

static size_t index_of(const struct snapshot *snapshot, const struct setting *row)
{
    return (size_t)(row - snapshot->table->rows);
}

static void *field_of(const struct snapshot *snapshot, const struct setting *row)
{
    return (char *)snapshot->values + row->offset;
}

static enum status load_file(struct snapshot *snapshot, const struct settings_sources *sources,
                             struct reason *why)
{
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    enum status status = file_read(sources->file, &text, why);
    if (!status)
        status = yaml_read(snapshot, sources->file, buf_str(&text), sources->environment, why);
    buf_release(&text);
    return status;
}

/* An empty variable counts as absent. */
static enum status load_environment(struct snapshot *snapshot,
                                    const struct settings_sources *sources, struct reason *why)
{
    const struct value_context context = {&snapshot->arena, ""};
    for (size_t i = 0; i < snapshot->table->count; i++) {
        const struct setting *row = &snapshot->table->rows[i];
        char name[SETTING_NAME_MAX];
        setting_variable_name(row, name);
        const char *value = environment_get(sources->environment, str_from(name));
        if (row->type == SETTING_RECORDS || !value || !*value)
            continue;
        const enum status status =
            value_parse(row, row->path, str_from(value), &context, field_of(snapshot, row), why);
        if (status) {
            reason_subject(why, "%s", name);
            return status;
        }
        const char *kept = arena_strdup(&snapshot->arena, str_from(name));
        if (!kept)
            return reason_no_memory(why, sizeof name);
        snapshot->origins[i] = (struct origin){ORIGIN_ENVIRONMENT, kept, 0};
    }
    return STATUS_OK;
}

/* The variable of a setting that is near `name`, if any. */
static const char *nearest_variable(const struct setting_table *table, struct str name,
                                    char out[SETTING_NAME_MAX])
{
    const char *best = NULL;
    size_t best_distance = name.len / 3 + 1;
    for (size_t i = 0; i < table->count; i++) {
        char candidate[SETTING_NAME_MAX];
        setting_variable_name(&table->rows[i], candidate);
        const size_t distance = str_distance(name, str_from(candidate));
        if (distance >= best_distance || table->rows[i].type == SETTING_RECORDS)
            continue;
        best_distance = distance;
        best = memcpy(out, candidate, sizeof candidate);
    }
    return best;
}

static bool is_known_variable(const struct setting_table *table, struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(other_variables); i++)
        if (str_is(name, other_variables[i]))
            return true;
    for (size_t i = 0; i < table->count; i++) {
        char known[SETTING_NAME_MAX];
        setting_variable_name(&table->rows[i], known);
        if (str_is(name, known) && table->rows[i].type != SETTING_RECORDS)
            return true;
    }
    return false;
}

static void warn_about_variable(struct snapshot *snapshot, struct str name)
{
    char nearest[SETTING_NAME_MAX];
    const int shown = (int)(name.len < 80 ? name.len : 80);
    if (nearest_variable(snapshot->table, name, nearest))
        snapshot_warn(snapshot, "The variable %.*s is no setting and is not used. Did you mean %s?",
                      "变量 %.*s 不是设置项，未被使用。是否想写 %s？", shown, name.ptr, nearest);
    else
        snapshot_warn(snapshot, "The variable %.*s is no setting and is not used.",
                      "变量 %.*s 不是设置项，未被使用。", shown, name.ptr);
}

static void warn_about_variables(struct snapshot *snapshot, char *const *environment)
{
    int warned = 0;
    for (; environment && *environment && warned < ENVIRONMENT_WARNINGS_MAX; environment++) {
        const size_t len = strcspn(*environment, "=");
        const struct str name = {*environment, len};
        if (!str_starts(name, "QVL_") || is_known_variable(snapshot->table, name))
            continue;
        warn_about_variable(snapshot, name);
        warned++;
    }
}

static enum status set_part(const struct snapshot *snapshot, const struct given_flag *given,
                            struct value_context *context, struct reason *why)
{
    struct listener_list *list = field_of(snapshot, given->flag.row);
    if (list->count == 0) {
        reason_set(why, "config_invalid_value", "%s needs an address in %s to change.",
                   "%s 需要 %s 中已有地址可供修改。", given->name, given->flag.row->path);
        return STATUS_INVALID;
    }
    const struct str value = str_from(given->value);
    return given->flag.part == FLAG_HOST
               ? listener_set_host(&list->items[0], value, context->arena, why)
               : listener_set_port(&list->items[0], value, context->arena, why);
}

/* A list's second flag adds to its first. */
static enum status set_whole(const struct snapshot *snapshot, const struct given_flag *given,
                             struct value_context *context, struct reason *why)
{
    const struct setting *row = given->flag.row;
    void *field = field_of(snapshot, row);
    const bool again = snapshot->origins[index_of(snapshot, row)].kind == ORIGIN_FLAG;
    if (setting_is_list(row) && again)
        return value_append(row, row->path, str_from(given->value), context, field, why);
    return value_parse(row, row->path, str_from(given->value), context, field, why);
}

static enum status apply_flag(struct snapshot *snapshot, const struct given_flag *given,
                              struct reason *why)
{
    struct value_context context = {&snapshot->arena, ""};
    const enum status status = given->flag.part == FLAG_WHOLE
                                   ? set_whole(snapshot, given, &context, why)
                                   : set_part(snapshot, given, &context, why);
    if (status) {
        reason_subject(why, "%s", given->name);
        return status;
    }
    const char *name = arena_strdup(&snapshot->arena, str_from(given->name));
    if (!name)
        return reason_no_memory(why, strlen(given->name));
    snapshot->origins[index_of(snapshot, given->flag.row)] = (struct origin){ORIGIN_FLAG, name, 0};
    return STATUS_OK;
}

/* Whole settings first, so that --host and --port change what --server.listen gave. */
static enum status load_flags(struct snapshot *snapshot, const struct settings_flags *flags,
                              struct reason *why)
{
    for (int parts = 0; parts < 2; parts++) {
        for (size_t i = 0; i < flags->count; i++) {
            if ((flags->items[i].flag.part != FLAG_WHOLE) != parts)
                continue;
            const enum status status = apply_flag(snapshot, &flags->items[i], why);
            if (status)
                return status;
        }
    }
    return STATUS_OK;
}

static enum status load_all(struct snapshot *snapshot, const struct settings_sources *sources,
                            struct reason *why)
{
    const struct value_context context = {&snapshot->arena, ""};
    snapshot->values = arena_alloc(&snapshot->arena, snapshot->table->size);
    snapshot->origins =
        arena_array(&snapshot->arena, snapshot->table->count, sizeof *snapshot->origins);
    if (!snapshot->values || !snapshot->origins)
        return reason_no_memory(why, snapshot->table->size);
    enum status status = value_set_defaults(snapshot->table, &context, snapshot->values, why);
    if (!status && sources->file)
        status = load_file(snapshot, sources, why);
    if (!status)
        status = load_environment(snapshot, sources, why);
    if (!status && sources->flags)
        status = load_flags(snapshot, sources->flags, why);
    if (!status)
        warn_about_variables(snapshot, sources->environment);
    return status;
}

enum status snapshot_load(const struct setting_table *table, const struct settings_sources *sources,
                          struct snapshot **out, struct reason *why)
{
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (!snapshot)
        return reason_no_memory(why, sizeof *snapshot);
    arena_init(&snapshot->arena, SNAPSHOT_BYTES_MAX);
    snapshot->table = table;
    const enum status status = load_all(snapshot, sources, why);
    if (status)
        snapshot_destroy(snapshot);
    else
        *out = snapshot;
    return status;
}

void snapshot_destroy(struct snapshot *snapshot)
{
    if (!snapshot)
        return;
    arena_release(&snapshot->arena);
    free(snapshot);
}

const struct origin *snapshot_origin(const struct snapshot *snapshot, const char *path)
{
    return &snapshot->origins[index_of(snapshot, setting_find(snapshot->table, str_from(path)))];
}

void origin_place(const struct origin *origin, char out[256])
{
    out[0] = '\0';
    if (origin->kind == ORIGIN_FILE)
        snprintf(out, 256, "%s:%d", origin->name, origin->line);
    else if (origin->kind != ORIGIN_DEFAULT)
        snprintf(out, 256, "%s", origin->name);
}

size_t snapshot_next_change(const struct snapshot *a, const struct snapshot *b, size_t index)
{
    for (; index < a->table->count; index++) {
        const struct setting *row = &a->table->rows[index];
        if (!value_same(row, field_of(a, row), field_of(b, row)))
            break;
    }
    return index;
}
