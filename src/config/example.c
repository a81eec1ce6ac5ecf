/* The configuration file that people begin with. */
#include "config/describe.h"

#include "base/utf8.h"
#include "config/value.h"

#include <stdio.h>

enum { WIDTH = 96 };

static const char *const introduction[LANG_COUNT] = {
    "# Configuration of qvl serve. Every line that begins with #: sets nothing, and shows the "
    "default.\n"
    "# Another language: qvl config reference --yaml --lang zh. Check it: qvl config check "
    "--config FILE\n",
    "# qvl serve 的配置。以 #: 开头的行不起作用，显示的是默认值。\n"
    "# 检查：qvl config check --config FILE\n",
};

static void indent(struct buf *out, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

/* A comment, wrapped where words end; Chinese anywhere. */
static void write_comment(const char *text, size_t depth, struct buf *out)
{
    const size_t room = WIDTH - 2 * depth;
    struct str rest = str_from(text);
    while (rest.len > 0) {
        size_t len = 0, fits = 0;
        while (len < rest.len && utf8_columns(rest.ptr, len) < room) {
            len += utf8_decode(rest.ptr + len, rest.len - len).len;
            if (len >= rest.len || rest.ptr[len] == ' ' || (unsigned char)rest.ptr[len] >= 0x80)
                fits = len;
        }
        fits = fits ? fits : len;
        indent(out, depth);
        buf_puts(out, "# ");
        buf_add_str(out, str_slice(rest, 0, fits));
        buf_putc(out, '\n');
        rest = str_trim(str_slice(rest, fits, rest.len));
    }
}

/* Sections of `path` that the path before did not have; returns the depth. */
static size_t write_sections(const char *before, const char *path, struct buf *out)
{
    size_t depth = 0, start = 0;
    bool same = true;
    for (size_t i = 0; path[i]; i++) {
        if (path[i] != '.')
            continue;
        same = same && strncmp(before, path, i + 1) == 0;
        if (!same) {
            buf_puts(out, depth ? "" : "\n");
            indent(out, depth);
            buf_printf(out, "%.*s:\n", (int)(i - start), path + start);
        }
        start = i + 1;
        depth++;
    }
    return depth;
}

static void write_default(const struct setting *row, size_t depth, struct buf *out)
{
    const size_t section = setting_section_len(row->path);
    const bool list = setting_is_list(row) && row->fallback;
    indent(out, depth);
    buf_printf(out, "#: %s:%s%s%s%s\n", row->path + section + (section ? 1 : 0),
               row->fallback ? " " : "", list ? "[" : "", row->fallback ? row->fallback : "",
               list ? "]" : "");
}

void settings_example_write(const struct setting_table *table, struct buf *out, enum lang lang)
{
    const char *before = "";
    buf_puts(out, introduction[lang]);
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        const size_t depth = write_sections(before, row->path, out);
        write_comment(row->help[lang], depth, out);
        write_default(row, depth, out);
        before = row->path;
    }
}
