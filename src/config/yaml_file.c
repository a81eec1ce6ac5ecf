#include "config/yaml_file.h"

#include "config/yaml_syntax.h"

#include <stdio.h>

/* Both count from 1; columns in characters. */
struct place {
    int line, column;
};

/* A key that was seen, for "given twice" and for required settings. */
struct seen {
    struct str path;
    struct place place;
    struct seen *next;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; deleted by the next */
    struct snapshot *snapshot;
    const char *file;
    struct str text;
    char *const *environment;
    struct value_context values;
    struct reason *why;
};

/* Where a mapping's values go. */
struct target {
    const struct setting_table *table;
    char *values;
    struct origin *origins; /* NULL inside records */
    const char *prefix;     /* before paths in messages: "" or "upstreams[0]." */
    struct seen *seen;
};

/* Of the current event. */
static struct place place_of(const struct reader *r)
{
    const yaml_mark_t *mark = &r->event.start_mark;
    return (struct place){(int)mark->line + 1, (int)mark->column + 1};
}

static enum status at_place(struct reader *r, struct place place)
{
    reason_subject(r->why, "%s:%d:%d", r->file, place.line, place.column);
    return STATUS_INVALID;
}

static enum status at_event(struct reader *r)
{
    return at_place(r, place_of(r));
}

static enum status no_memory(struct reader *r)
{
    return reason_no_memory(r->why, r->text.len);
}

static enum status refuse_feature(struct reader *r, const char *en, const char *zh)
{
    reason_set(r->why, "config_syntax", "YAML %s%.0s are not used here: write the value out.",
               "此处不使用 YAML 的%.0s%s：请直接写出值。", en, zh);
    return at_event(r);
}

static enum status refuse_features(struct reader *r)
{
    const yaml_event_t *e = &r->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch (e->type) {
    case YAML_ALIAS_EVENT: return refuse_feature(r, "aliases (*name)", "别名（*name）");
    case YAML_SCALAR_EVENT:
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    default: break;
    }
    if (anchor)
        return refuse_feature(r, "anchors (&name)", "锚点（&name）");
    return tag ? refuse_feature(r, "tags (!name)", "标签（!name）") : STATUS_OK;
}

static enum status next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return yaml_syntax_reason(&r->parser, r->file, r->text, r->why);
    return refuse_features(r);
}

static struct str scalar_text(const struct reader *r)
{
    return (struct str){(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
}

/* No value at all: "", "~", "null", not in quotes. */
static bool is_absent(const struct reader *r)
{
    if (r->event.type != YAML_SCALAR_EVENT || r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const struct str text = scalar_text(r);
    return text.len == 0 || str_is(text, "~") || str_ieq(text, STR("null"));
}

/* A list where a word belongs, and the like. */
static enum status wrong_shape(struct reader *r, const struct setting *row, const char *name)
{
    const struct setting_kind *kind = setting_kind(row->type);
    const bool list = r->event.type == YAML_SEQUENCE_START_EVENT;
    const bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
    const char *const *expected = kind->expected[LANG_EN][0] ? kind->expected : kind->name;
    reason_set(r->why, "config_invalid_value", "%s must be %s%.0s, not %s%.0s.",
               "%s 应为%.0s%s，而不是%.0s%s。", name, expected[LANG_EN], expected[LANG_ZH],
               list      ? "a list"
               : mapping ? "a mapping"
                         : "a text",
               list      ? "列表"
               : mapping ? "映射"
                         : "文本");
    return at_event(r);
}

static enum status expanded(struct reader *r, const char *name, struct str *out)
{
    const enum status status =
        yaml_expand(name, scalar_text(r), r->environment, &r->snapshot->arena, out, r->why);
    if (status)
        (void)at_event(r);
    return status;
}

static void warn_about_secret(struct reader *r, const char *name, struct str text)
{
    if (str_eq(text, scalar_text(r)) && !str_starts(text, "file:"))
        snapshot_warn(r->snapshot,
                      "%s:%d: %s stands in the file itself; file:PATH or ${NAME} "
                      "keeps it out of copies of the file.",
                      "%s:%d：%s 直接写在文件中；用 file:PATH 或 ${NAME} 可避免随文件泄露。",
                      r->file, place_of(r).line, name);
}

static enum status read_scalar(struct reader *r, const struct setting *row, const char *name,
                               void *field)
{
    struct str text;
    enum status status = expanded(r, name, &text);
    if (status)
        return status;
    if (row->type == SETTING_SECRET)
        warn_about_secret(r, name, text);
    if (setting_is_list(row)) {
        memset(field, 0, sizeof(struct text_list));
        status = value_add_item(row, name, text, &r->values, field, r->why);
    } else {
        status = value_parse(row, name, text, &r->values, field, r->why);
    }
    if (status)
        (void)at_event(r);
    return status;
}

/* "name[index]" in the arena. */
static const char *item_name(struct reader *r, const char *name, size_t index)
{
    return arena_printf(&r->snapshot->arena, "%s[%zu]", name, index);
}

static enum status read_list(struct reader *r, const struct setting *row, const char *name,
                             void *field)
{
    enum status status = value_parse(row, name, STR(""), &r->values, field, r->why);
    for (size_t i = 0; !status; i++) {
        status = next(r);
        if (status || r->event.type == YAML_SEQUENCE_END_EVENT)
            return status;
        const char *item = item_name(r, name, i);
        if (!item)
            return no_memory(r);
        if (r->event.type != YAML_SCALAR_EVENT || is_absent(r)) {
            reason_set(r->why, "config_invalid_value", "%s must be one text.", "%s 应为一个文本。",
                       item);
            return at_event(r);
        }
        struct str text;
        status = expanded(r, item, &text);
        if (!status) {
            status = value_add_item(row, item, text, &r->values, field, r->why);
            if (status)
                (void)at_event(r);
        }
    }
    return status;
}

static enum status read_mapping(struct reader *r, struct target *target, struct str section);

static enum status check_required(struct reader *r, const struct target *target, struct place place)
{
    for (size_t i = 0; i < target->table->count; i++) {
        const struct setting *row = &target->table->rows[i];
        const struct seen *seen = target->seen;
        while (seen && !str_is(seen->path, row->path))
            seen = seen->next;
        if (row->required && !seen) {
            reason_set(r->why, "config_invalid_value", "%s%s is missing.", "缺少 %s%s。",
                       target->prefix, row->path);
            return at_place(r, place);
        }
    }
    return STATUS_OK;
}

static enum status read_record(struct reader *r, const struct setting *row, const char *name,
                               struct record_list *list)
{
    struct arena *arena = &r->snapshot->arena;
    if (r->event.type != YAML_MAPPING_START_EVENT || list->count >= LIST_ITEMS_MAX) {
        reason_set(r->why, "config_invalid_value", "%s must be a mapping; at most %d of them.",
                   "%s 应为映射，最多 %d 个。", name, LIST_ITEMS_MAX);
        return at_event(r);
    }
    const struct place place = place_of(r);
    struct target target = {
        .table = row->table,
        .values = value_list_grow(arena, &list->items, &list->count, row->table->size),
        .prefix = arena_printf(arena, "%s.", name),
    };
    if (!target.values || !target.prefix)
        return no_memory(r);
    enum status status = value_set_defaults(row->table, &r->values, target.values, r->why);
    if (!status)
        status = read_mapping(r, &target, STR(""));
    return status ? status : check_required(r, &target, place);
}

static enum status read_records(struct reader *r, const struct setting *row, const char *name,
                                struct record_list *list)
{
    *list = (struct record_list){0};
    for (size_t i = 0;; i++) {
        enum status status = next(r);
        if (status || r->event.type == YAML_SEQUENCE_END_EVENT)
            return status;
        const char *item = item_name(r, name, i);
        status = item ? read_record(r, row, item, list) : no_memory(r);
        if (status)
            return status;
    }
}

static enum status read_value(struct reader *r, const struct target *target,
                              const struct setting *row)
{
    const struct place place = place_of(r);
    void *field = target->values + row->offset;
    const char *name = arena_printf(&r->snapshot->arena, "%s%s", target->prefix, row->path);
    if (!name)
        return no_memory(r);
    if (is_absent(r))
        return STATUS_OK;
    enum status status;
    if (r->event.type == YAML_SCALAR_EVENT && row->type != SETTING_RECORDS)
        status = read_scalar(r, row, name, field);
    else if (r->event.type == YAML_SEQUENCE_START_EVENT && setting_is_list(row))
        status = read_list(r, row, name, field);
    else if (r->event.type == YAML_SEQUENCE_START_EVENT && row->type == SETTING_RECORDS)
        status = read_records(r, row, name, field);
    else
        status = wrong_shape(r, row, name);
    if (!status && target->origins)
        target->origins[row - target->table->rows] =
            (struct origin){ORIGIN_FILE, r->file, place.line};
    return status;
}

static enum status unknown_setting(struct reader *r, const struct target *target, struct str path,
                                   struct place place)
{
    const char *nearest = setting_nearest(target->table, path);
    const int shown = (int)(path.len < 100 ? path.len : 100);
    reason_set(r->why, "config_unknown_setting", "There is no setting %s%.*s.",
               "没有设置项 %s%.*s。", target->prefix, shown, path.ptr);
    if (nearest)
        reason_hint(r->why, "Did you mean %s%s?", "是否想写 %s%s？", target->prefix, nearest);
    return at_place(r, place);
}

static enum status remember(struct reader *r, struct target *target, struct str path,
                            struct place place)
{
    for (const struct seen *seen = target->seen; seen; seen = seen->next) {
        if (str_eq(seen->path, path)) {
            reason_set(r->why, "config_invalid_value", "%s%.*s is given twice; first in line %d.",
                       "%s%.*s 重复出现，首次在第 %d 行。", target->prefix, STR_ARG(path),
                       seen->place.line);
            return at_place(r, place);
        }
    }
    struct seen *seen = arena_alloc(&r->snapshot->arena, sizeof *seen);
    if (!seen)
        return no_memory(r);
    *seen = (struct seen){path, place, target->seen};
    target->seen = seen;
    return STATUS_OK;
}

static enum status read_section(struct reader *r, struct target *target, struct str path)
{
    if (is_absent(r))
        return STATUS_OK;
    if (r->event.type == YAML_MAPPING_START_EVENT)
        return read_mapping(r, target, path);
    reason_set(r->why, "config_invalid_value",
               "%s%.*s is a section: its settings stand below it, indented.",
               "%s%.*s 是一个分节：其设置项应缩进写在下方。", target->prefix, STR_ARG(path));
    return at_event(r);
}

/* The current event is the key. */
static enum status read_entry(struct reader *r, struct target *target, struct str section)
{
    const struct place place = place_of(r);
    if (r->event.type != YAML_SCALAR_EVENT) {
        reason_set(r->why, "config_syntax", "The name of a setting must be a plain text.",
                   "设置项的名称应为普通文本。");
        return at_place(r, place);
    }
    const struct str key = scalar_text(r);
    const struct str joined = {arena_printf(&r->snapshot->arena, "%.*s%s%.*s", STR_ARG(section),
                                            section.len ? "." : "", STR_ARG(key)),
                               section.len + (section.len ? 1 : 0) + key.len};
    if (!joined.ptr)
        return no_memory(r);
    const struct str path = str_from(joined.ptr);
    const struct setting *row = setting_find(target->table, path);
    if (path.len != joined.len || (!row && !setting_is_section(target->table, path)))
        return unknown_setting(r, target, path, place);
    enum status status = remember(r, target, path, place);
    if (!status)
        status = next(r);
    if (status)
        return status;
    return row ? read_value(r, target, row) : read_section(r, target, path);
}

/* The current event is the mapping's start; afterwards its end. The depth is bounded by the table:
 * every level lengthens a path that the table must hold. */
static enum status read_mapping(struct reader *r, struct target *target, struct str section)
{
    for (;;) {
        enum status status = next(r);
        if (status || r->event.type == YAML_MAPPING_END_EVENT)
            return status;
        status = read_entry(r, target, section);
        if (status)
            return status;
    }
}

static enum status expect_end(struct reader *r)
{
    enum status status = next(r); /* the document's end */
    if (!status)
        status = next(r);
    if (status || r->event.type == YAML_STREAM_END_EVENT)
        return status;
    reason_set(r->why, "config_syntax", "The file holds more than one YAML document.",
               "文件包含多个 YAML 文档。");
    return at_event(r);
}

static enum status read_stream(struct reader *r)
{
    enum status status = next(r); /* the stream's start */
    if (!status)
        status = next(r);
    if (status || r->event.type == YAML_STREAM_END_EVENT)
        return status; /* an empty file */
    status = next(r);
    if (status)
        return status;
    struct target target = {r->snapshot->table, r->snapshot->values, r->snapshot->origins, "",
                            NULL};
    if (r->event.type == YAML_MAPPING_START_EVENT) {
        status = read_mapping(r, &target, STR(""));
    } else if (!is_absent(r)) {
        reason_set(r->why, "config_syntax", "The file must be a mapping, such as \"server:\".",
                   "文件应为映射，例如以 “server:” 开头。");
        status = at_event(r);
    }
    return status ? status : expect_end(r);
}

/* "etc/qvl.yaml" → "etc/". */
static const char *directory_of(const char *file, struct arena *arena)
{
    const char *slash = strrchr(file, '/');
    return slash ? arena_strdup(arena, str_slice(str_from(file), 0, (size_t)(slash - file) + 1))
                 : "";
}

enum status yaml_read(struct snapshot *snapshot, const char *file, struct str text,
                      char *const *environment, struct reason *why)
{
    if (str_starts(text, "\xEF\xBB\xBF")) /* a byte order mark */
        text = str_slice(text, 3, text.len);
    struct reader r = {
        .snapshot = snapshot,
        .file = arena_strdup(&snapshot->arena, str_from(file)),
        .text = text,
        .environment = environment,
        .values = {&snapshot->arena, directory_of(file, &snapshot->arena)},
        .why = why,
    };
    if (!r.file || !r.values.directory || !yaml_parser_initialize(&r.parser))
        return no_memory(&r);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                                 text.len);
    const enum status status = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return status;
}
