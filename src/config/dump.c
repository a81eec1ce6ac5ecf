/* The effective settings as YAML, for `qvl config show`. */
#include "base/json_text.h"
#include "base/utf8.h"
#include "config/snapshot.h"
#include "config/value.h"

#include <stdio.h>

enum { COMMENT_COLUMN = 44 };

static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

/* Opens the sections of `path` that the path before it did not share; returns the depth. */
static int open_sections(const char *before, const char *path, struct buf *out)
{
    int depth = 0;
    size_t start = 0;
    bool same = true;
    for (size_t i = 0; path[i]; i++) {
        if (path[i] != '.')
            continue;
        same = same && strncmp(before, path, i + 1) == 0;
        if (!same) {
            indent(out, depth);
            buf_printf(out, "%.*s:\n", (int)(i - start), path + start);
        }
        start = i + 1;
        depth++;
    }
    return depth;
}

static void write_comment(const struct origin *origin, enum lang lang, size_t columns,
                          struct buf *out)
{
    char place[256];
    origin_place(origin, place);
    do
        buf_putc(out, ' ');
    while (++columns < COMMENT_COLUMN);
    const char *prefix = "";
    if (origin->kind == ORIGIN_DEFAULT)
        prefix = lang == LANG_ZH ? "默认" : "default";
    else if (origin->kind == ORIGIN_ENVIRONMENT)
        prefix = lang == LANG_ZH ? "环境变量 " : "environment ";
    buf_printf(out, "# %s%s\n", prefix, place);
}

void snapshot_write(const struct snapshot *snapshot, enum lang lang, struct buf *out)
{
    const char *before = "";
    for (size_t i = 0; i < snapshot->table->count; i++) {
        const struct setting *row = &snapshot->table->rows[i];
        const int depth = open_sections(before, row->path, out);
        const size_t start = out->len;
        indent(out, depth);
        const size_t section = setting_section_len(row->path);
        buf_printf(out, "%s: ", row->path + section + (section ? 1 : 0));
        value_write(row, (const char *)snapshot->values + row->offset, out);
        if (out->failed)
            return;
        write_comment(&snapshot->origins[i], lang,
                      utf8_columns(out->data + start, out->len - start), out);
        before = row->path;
    }
}

static void write_json_row(const struct snapshot *snapshot, size_t index, struct buf *out)
{
    static const char *const kinds[] = {"default", "file", "environment", "flag"};
    const struct setting *row = &snapshot->table->rows[index];
    const struct origin *origin = &snapshot->origins[index];
    struct buf value;
    char place[256];
    buf_init(&value, 1 << 20);
    value_write(row, (const char *)snapshot->values + row->offset, &value);
    origin_place(origin, place);
    buf_printf(out, "%s\"%s\":{\"value\":", index ? "," : "", row->path);
    if (value.len > 0)
        json_text_string(out, buf_str(&value));
    else
        buf_puts(out, "null");
    buf_printf(out, ",\"origin\":\"%s\",\"place\":", kinds[origin->kind]);
    json_text_string(out, str_from(place));
    buf_putc(out, '}');
    out->failed |= value.failed;
    buf_release(&value);
}

void snapshot_write_json(const struct snapshot *snapshot, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < snapshot->table->count; i++)
        write_json_row(snapshot, i, out);
    buf_puts(out, "}\n");
}
