#include "client/env_file.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "os/file.h"

#include <stdlib.h>

enum { ENV_FILE_MAX = 1 << 20 };

struct reader {
    struct env_file *file;
    struct str rest;
    int line;
    struct buf scratch; /* the value being read */
};

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

/* The length of the white space character at the start of `text`, as Python's \s has it; 0: none */
static size_t blank_len(struct str text)
{
    if (text.len == 0)
        return 0;
    const struct utf8_step step = utf8_decode(text.ptr, text.len);
    const uint32_t c = step.code;
    const bool blank = (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 ||
                       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
                       c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
    return blank ? step.len : 0;
}

static struct str take(struct reader *r, size_t len)
{
    const struct str taken = str_slice(r->rest, 0, len);
    for (size_t i = 0; i < taken.len; i++)
        if (taken.ptr[i] == '\n' ||
            (taken.ptr[i] == '\r' && (i + 1 == r->rest.len || r->rest.ptr[i + 1] != '\n')))
            r->line++;
    r->rest = str_slice(r->rest, len, r->rest.len);
    return taken;
}

/* The number of bytes of blanks from the start; with or without line ends. */
static size_t blanks(struct str text, bool line_ends)
{
    size_t at = 0, len;
    while ((len = blank_len(str_slice(text, at, text.len))) > 0) {
        if (!line_ends && is_line_end(text.ptr[at]))
            break;
        at += len;
    }
    return at;
}

static size_t line_len(struct str text)
{
    size_t at = 0;
    while (at < text.len && !is_line_end(text.ptr[at]))
        at++;
    return at;
}

static void skip_export(struct reader *r)
{
    if (!str_starts(r->rest, "export"))
        return;
    const size_t gap = blanks(str_slice(r->rest, 6, r->rest.len), false);
    if (gap > 0)
        take(r, 6 + gap);
}

/* False: there is no name here. A comment has an empty one. */
static bool take_name(struct reader *r, struct str *name)
{
    *name = (struct str){0};
    if (r->rest.len > 0 && r->rest.ptr[0] == '#')
        return true;
    if (r->rest.len > 0 && r->rest.ptr[0] == '\'') {
        const char *end = memchr(r->rest.ptr + 1, '\'', r->rest.len - 1);
        if (!end || end == r->rest.ptr + 1)
            return false;
        const struct str quoted = take(r, (size_t)(end - r->rest.ptr) + 1);
        *name = str_slice(quoted, 1, quoted.len - 1);
        return true;
    }
    size_t len = 0;
    while (len < r->rest.len && r->rest.ptr[len] != '=' && r->rest.ptr[len] != '#' &&
           blank_len(str_slice(r->rest, len, r->rest.len)) == 0)
        len++;
    *name = take(r, len);
    return len > 0;
}

/* Where the quoted text ends: at the first quote without a backslash before it; without one, at
 * the last quote of all (what the backtracking of python-dotenv's expression finds). 0: nowhere. */
static size_t closing_quote(struct str text)
{
    const char quote = text.ptr[0];
    size_t last = 0;
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == quote)
            last = ++i;
        else if (text.ptr[i] == quote)
            return i;
    }
    return last;
}

/* `\` and the letter after it in double quotes; '\0': no escape. */
static char escaped(char quote, char letter)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *at = letter ? strchr(from, letter) : NULL;
    if (!at || (quote == '\'' && letter != '\\' && letter != '\''))
        return '\0';
    return to[at - from];
}

static bool take_quoted(struct reader *r)
{
    const size_t end = closing_quote(r->rest);
    if (end == 0)
        return false;
    const struct str whole = take(r, end + 1), text = str_slice(whole, 1, end);
    for (size_t i = 0; i < text.len; i++) {
        const char plain =
            text.ptr[i] == '\\' && i + 1 < text.len ? escaped(whole.ptr[0], text.ptr[i + 1]) : '\0';
        buf_putc(&r->scratch, plain ? plain : text.ptr[i]);
        i += plain != '\0';
    }
    return true;
}

/* The rest of the line, without a comment (blanks and then "#") and blanks at its end. */
static void take_unquoted(struct reader *r)
{
    const struct str line = take(r, line_len(r->rest));
    size_t end = 0;
    for (size_t at = 0; at < line.len;) {
        const size_t gap = blanks(str_slice(line, at, line.len), true);
        if (gap > 0 && at + gap < line.len && line.ptr[at + gap] == '#')
            break;
        at += gap;
        if (at < line.len)
            end = ++at;
    }
    buf_add_str(&r->scratch, str_slice(line, 0, end));
}

static bool take_value(struct reader *r)
{
    take(r, 1 + blanks(str_slice(r->rest, 1, r->rest.len), false));
    if (r->rest.len == 0 || is_line_end(r->rest.ptr[0]))
        return true;
    if (r->rest.ptr[0] == '\'' || r->rest.ptr[0] == '"')
        return take_quoted(r);
    take_unquoted(r);
    return true;
}

/* After the value only blanks and a comment may follow. */
static bool take_line_end(struct reader *r)
{
    const size_t gap = blanks(r->rest, false);
    if (gap < r->rest.len && r->rest.ptr[gap] == '#')
        take(r, line_len(r->rest));
    else
        take(r, gap);
    return r->rest.len == 0 || is_line_end(r->rest.ptr[0]);
}

static const struct env_entry *find(const struct env_file *file, const char *name)
{
    for (size_t i = file->count; i > 0; i--)
        if (strcmp(file->entries[i - 1].name, name) == 0)
            return &file->entries[i - 1];
    return NULL;
}

/* What ${name} stands for; NULL: nothing. A line without "=" makes it empty. */
static const char *variable(const struct env_file *file, struct str name)
{
    char text[256];
    if (name.len >= sizeof text)
        return NULL;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    const char *value = getenv(text);
    const struct env_entry *entry = value ? NULL : find(file, text);
    if (entry)
        return entry->value ? entry->value : "";
    return value;
}

/* The length of "${name}" or "${name:-default}" at the start of `text`; 0: there is none. */
static size_t reference(struct str text, struct str *name, struct str *fallback)
{
    if (!str_starts(text, "${"))
        return 0;
    size_t at = 2;
    while (at < text.len && text.ptr[at] != '}' && text.ptr[at] != ':')
        at++;
    *name = str_slice(text, 2, at);
    *fallback = (struct str){0};
    if (str_starts(str_slice(text, at, text.len), ":-")) {
        const char *end = memchr(text.ptr + at, '}', text.len - at);
        const size_t stop = end ? (size_t)(end - text.ptr) : text.len;
        *fallback = str_slice(text, at + 2, stop);
        at = stop;
    }
    return at < text.len && text.ptr[at] == '}' ? at + 1 : 0;
}

static char *expand(struct env_file *file, struct str value)
{
    struct buf out;
    buf_init(&out, ENV_FILE_MAX);
    for (size_t at = 0; at < value.len;) {
        struct str name, fallback;
        const size_t len = reference(str_slice(value, at, value.len), &name, &fallback);
        if (len == 0) {
            buf_putc(&out, value.ptr[at++]);
            continue;
        }
        const char *known = variable(file, name);
        buf_add_str(&out, known ? str_from(known) : fallback);
        at += len;
    }
    char *text = out.failed ? NULL : arena_strdup(&file->arena, buf_str(&out));
    buf_release(&out);
    return text;
}

static bool add_entry(struct reader *r, struct str name, bool assigned, int line)
{
    struct env_file *file = r->file;
    struct env_entry *entry = &file->entries[file->count];
    entry->name = arena_strdup(&file->arena, name);
    entry->value = assigned ? expand(file, buf_str(&r->scratch)) : NULL;
    entry->line = line;
    if (!entry->name || (assigned && !entry->value) || r->scratch.failed)
        return false;
    file->count++;
    return true;
}

/* One assignment, comment or bad line. False: no memory. */
static bool take_binding(struct reader *r)
{
    const int line = r->line;
    struct str name;
    buf_clear(&r->scratch);
    skip_export(r);
    bool good = take_name(r, &name), assigned = false;
    if (good) {
        take(r, blanks(r->rest, false));
        assigned = r->rest.len > 0 && r->rest.ptr[0] == '=';
        good = !assigned || take_value(r);
    }
    if (good && take_line_end(r))
        return name.len == 0 || add_entry(r, name, assigned, line);
    take(r, line_len(r->rest));
    if (r->file->bad_lines++ == 0)
        r->file->first_bad_line = line;
    return true;
}

void env_file_init(struct env_file *file)
{
    *file = (struct env_file){0};
    arena_init(&file->arena, 16 * ENV_FILE_MAX);
}

void env_file_release(struct env_file *file)
{
    arena_release(&file->arena);
    *file = (struct env_file){0};
}

enum status env_file_parse(struct env_file *file, const char *name, struct str text,
                           struct reason *why)
{
    if (str_starts(text, "\xef\xbb\xbf"))
        text = str_slice(text, 3, text.len);
    if (utf8_valid_prefix(text.ptr, text.len) != text.len || memchr(text.ptr, '\0', text.len)) {
        reason_set(why, "env_file_not_text", "The file %s is not UTF-8 text.",
                   "文件 %s 不是 UTF-8 文本。", name);
        reason_hint(why, "Save it as UTF-8; Windows PowerShell's `>` writes UTF-16.",
                    "请另存为 UTF-8 编码；Windows PowerShell 的 `>` 会写成 UTF-16。");
        reason_subject(why, "%s", name);
        return STATUS_INVALID;
    }
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += is_line_end(text.ptr[i]);
    file->entries = arena_array(&file->arena, lines, sizeof *file->entries);
    if (!file->entries)
        return reason_no_memory(why, lines * sizeof *file->entries);
    struct reader r = {.file = file, .rest = text, .line = 1};
    buf_init(&r.scratch, ENV_FILE_MAX);
    bool good = true;
    while (take(&r, blanks(r.rest, true)), good && r.rest.len > 0)
        good = take_binding(&r);
    buf_release(&r.scratch);
    return good ? STATUS_OK : reason_no_memory(why, text.len);
}

enum status env_file_read(struct env_file *file, const char *path, struct reason *why)
{
    struct buf text;
    buf_init(&text, ENV_FILE_MAX);
    enum status status = file_read(path, &text, why);
    if (status == STATUS_OK)
        status = env_file_parse(file, path, buf_str(&text), why);
    buf_release(&text);
    return status;
}

const char *env_file_get(const struct env_file *file, const char *name)
{
    const struct env_entry *entry = find(file, name);
    return entry ? entry->value : NULL;
}
