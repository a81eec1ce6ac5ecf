#include "json/json.h"

#include "base/utf8.h"
#include "json/scan.h"

enum { DEFAULT_DEPTH = 64, DEFAULT_NODES = 1000000 };

struct reader {
    char *bytes;
    size_t len, at;
    struct arena *arena;
    uint32_t max_depth, nodes_left;
    struct reason *why;
};

/* Line and column (in characters, both from 1) of the byte at r->at. */
static void place(const struct reader *r, unsigned long *line, unsigned long *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < r->at && i < r->len; i++) {
        if (r->bytes[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)r->bytes[i] & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

static enum status fail(struct reader *r, const char *en, const char *zh)
{
    unsigned long line, column;
    place(r, &line, &column);
    reason_set(r->why, "invalid_json", "The JSON is invalid at line %lu, column %lu: %s%.0s.",
               "JSON 在第 %lu 行第 %lu 列有误：%.0s%s。", line, column, en, zh);
    return STATUS_INVALID;
}

static enum status fail_end(struct reader *r)
{
    r->at = r->len;
    return fail(r, "the text ends too early", "内容过早结束");
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->len) {
        const char c = r->bytes[r->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            break;
        r->at++;
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits after "\u" at r->at; leaves r->at behind them. */
static enum status read_hex4(struct reader *r, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        if (r->at == r->len)
            return fail_end(r);
        const int digit = hex_digit(r->bytes[r->at]);
        if (digit < 0)
            return fail(r, "\\u must be followed by four hexadecimal digits",
                        "\\u 后面必须是四位十六进制数字");
        value = value << 4 | (uint32_t)digit;
        r->at++;
    }
    *out = value;
    return STATUS_OK;
}

/* A \u escape whose "\u" is behind r->at: one scalar value, surrogate pairs joined. */
static enum status read_unicode_escape(struct reader *r, uint32_t *code)
{
    enum status status = read_hex4(r, code);
    if (status || *code < 0xD800 || *code > 0xDFFF)
        return status;
    uint32_t low = 0;
    if (*code < 0xDC00 && r->len - r->at >= 2 && r->bytes[r->at] == '\\' &&
        r->bytes[r->at + 1] == 'u') {
        r->at += 2;
        status = read_hex4(r, &low);
        if (status)
            return status;
    }
    if (low < 0xDC00 || low > 0xDFFF)
        return fail(r, "half of a surrogate pair stands alone", "代理对缺少另一半");
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return STATUS_OK;
}

/* One escape, r->at behind the backslash; writes its bytes to *to and moves it. */
static enum status read_escape(struct reader *r, char **to)
{
    if (r->at == r->len)
        return fail_end(r);
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char c = r->bytes[r->at];
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        *(*to)++ = values[letter - letters];
        r->at++;
        return STATUS_OK;
    }
    if (c != 'u')
        return fail(r, "an unknown escape follows the backslash", "反斜杠后面是未知的转义字符");
    r->at++;
    uint32_t code;
    const enum status status = read_unicode_escape(r, &code);
    if (!status)
        *to += utf8_encode(code, *to); /* never longer than the escape was */
    return status;
}

/* Why the bytes at r->at are no character. */
static enum status fail_utf8(struct reader *r)
{
    const struct utf8_step step = utf8_decode(r->bytes + r->at, r->len - r->at);
    return step.partial ? fail_end(r)
                        : fail(r, "the text is not valid UTF-8", "内容不是合法的 UTF-8");
}

/* Moves `n` bytes at r->at to *to; both go on behind them. */
static void take(struct reader *r, char **to, size_t n)
{
    if (*to != r->bytes + r->at)
        memmove(*to, r->bytes + r->at, n);
    *to += n;
    r->at += n;
}

/* A string, r->at behind the opening quote; unescaped in place. */
static enum status read_string(struct reader *r, struct str *out)
{
    char *const begin = r->bytes + r->at;
    char *to = begin;
    for (;;) {
        take(r, &to, scan_plain(r->bytes + r->at, r->len - r->at));
        if (r->at == r->len)
            return fail_end(r);
        const unsigned char c = (unsigned char)r->bytes[r->at];
        enum status status = STATUS_OK;
        if (c == '"') {
            r->at++;
            *out = (struct str){begin, (size_t)(to - begin)};
            return STATUS_OK;
        }
        if (c >= 0x80) {
            const size_t n = utf8_multibyte_prefix(r->bytes + r->at, r->len - r->at);
            if (n == 0)
                return fail_utf8(r);
            take(r, &to, n);
        } else if (c == '\\') {
            r->at++;
            status = read_escape(r, &to);
        } else {
            return fail(r, "a control character stands in a string", "字符串中出现控制字符");
        }
        if (status)
            return status;
    }
}

static size_t skip_digits(struct reader *r)
{
    const size_t begin = r->at;
    while (r->at < r->len && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9')
        r->at++;
    return r->at - begin;
}

static bool next_is(const struct reader *r, char c)
{
    return r->at < r->len && r->bytes[r->at] == c;
}

static enum status fail_digit(struct reader *r)
{
    return r->at == r->len ? fail_end(r) : fail(r, "a digit was expected", "此处应为数字");
}

static enum status read_number(struct reader *r, struct str *out)
{
    const size_t begin = r->at;
    if (next_is(r, '-'))
        r->at++;
    if (next_is(r, '0'))
        r->at++;
    else if (skip_digits(r) == 0)
        return fail_digit(r);
    if (next_is(r, '.')) {
        r->at++;
        if (skip_digits(r) == 0)
            return fail_digit(r);
    }
    if (next_is(r, 'e') || next_is(r, 'E')) {
        r->at++;
        if (next_is(r, '+') || next_is(r, '-'))
            r->at++;
        if (skip_digits(r) == 0)
            return fail_digit(r);
    }
    *out = (struct str){r->bytes + begin, r->at - begin};
    return STATUS_OK;
}

static enum status read_word(struct reader *r, const char *word)
{
    for (; *word; word++, r->at++) {
        if (r->at == r->len)
            return fail_end(r);
        if (r->bytes[r->at] != *word)
            return fail(r, "a value was expected", "此处应为一个值");
    }
    return STATUS_OK;
}

static enum status new_node(struct reader *r, struct json **out)
{
    if (r->nodes_left == 0)
        return fail(r, "there are too many values", "值的数量过多");
    r->nodes_left--;
    *out = arena_alloc(r->arena, sizeof **out);
    return *out ? STATUS_OK : reason_no_memory(r->why, sizeof **out);
}

static enum status read_scalar(struct reader *r, struct json *node)
{
    switch (r->bytes[r->at]) {
    case '"':
        r->at++;
        node->type = JSON_STRING;
        return read_string(r, &node->text);
    case 't':
        node->type = JSON_BOOL;
        node->truth = true;
        return read_word(r, "true");
    case 'f': node->type = JSON_BOOL; return read_word(r, "false");
    case 'n': node->type = JSON_NULL; return read_word(r, "null");
    default: break;
    }
    if (r->bytes[r->at] != '-' && (r->bytes[r->at] < '0' || r->bytes[r->at] > '9'))
        return fail(r, "a value was expected", "此处应为一个值");
    node->type = JSON_NUMBER;
    return read_number(r, &node->text);
}

static enum status read_value(struct reader *r, uint32_t depth, struct json **out);

/* The member name and colon in front of an object's value. */
static enum status read_name(struct reader *r, struct str *key)
{
    if (r->at == r->len)
        return fail_end(r);
    if (!next_is(r, '"'))
        return fail(r, "a member name in quotes was expected", "此处应为带引号的成员名");
    r->at++;
    const enum status status = read_string(r, key);
    if (status)
        return status;
    skip_blanks(r);
    if (r->at == r->len)
        return fail_end(r);
    if (!next_is(r, ':'))
        return fail(r, "a colon was expected", "此处应为冒号");
    r->at++;
    skip_blanks(r);
    return STATUS_OK;
}

/* The children of an array or object, r->at behind its opening bracket. */
static enum status read_children(struct reader *r, struct json *parent, uint32_t depth)
{
    const char close = parent->type == JSON_ARRAY ? ']' : '}';
    struct json **link = &parent->first;
    skip_blanks(r);
    if (next_is(r, close)) {
        r->at++;
        return STATUS_OK;
    }
    for (;;) {
        struct str key = {NULL, 0};
        enum status status = STATUS_OK;
        if (parent->type == JSON_OBJECT)
            status = read_name(r, &key);
        if (!status)
            status = read_value(r, depth, link);
        if (status)
            return status;
        (*link)->key = key;
        link = &(*link)->next;
        parent->count++;
        skip_blanks(r);
        if (r->at == r->len)
            return fail_end(r);
        if (next_is(r, close)) {
            r->at++;
            return STATUS_OK;
        }
        if (!next_is(r, ','))
            return fail(r, "a comma or a closing bracket was expected", "此处应为逗号或右括号");
        r->at++;
        skip_blanks(r);
    }
}

/* One value; r->at at its first byte. `depth` counts the brackets around it. */
static enum status read_value(struct reader *r, uint32_t depth, struct json **out)
{
    if (r->at == r->len)
        return fail_end(r);
    enum status status = new_node(r, out);
    if (status)
        return status;
    struct json *node = *out;
    if (!next_is(r, '[') && !next_is(r, '{'))
        return read_scalar(r, node);
    if (depth == r->max_depth)
        return fail(r, "the nesting is too deep", "嵌套层数过多");
    node->type = next_is(r, '[') ? JSON_ARRAY : JSON_OBJECT;
    r->at++;
    return read_children(r, node, depth + 1);
}

enum status json_parse(char *bytes, size_t len, struct json_limits limits, struct arena *arena,
                       struct json **root, struct reason *why)
{
    struct reader r = {
        .bytes = bytes,
        .len = len,
        .arena = arena,
        .max_depth = limits.max_depth ? limits.max_depth : DEFAULT_DEPTH,
        .nodes_left = limits.max_nodes ? limits.max_nodes : DEFAULT_NODES,
        .why = why,
    };
    skip_blanks(&r);
    struct json *value;
    const enum status status = read_value(&r, 0, &value);
    if (status)
        return status;
    skip_blanks(&r);
    if (r.at < r.len)
        return fail(&r, "something follows the end of the value", "值结束之后还有多余内容");
    *root = value;
    return STATUS_OK;
}

const struct json *json_get(const struct json *object, const char *key)
{
    const struct json *found = NULL;
    if (json_is(object, JSON_OBJECT))
        JSON_EACH(member, object)
            if (str_is(member->key, key))
                found = member;
    return found;
}

const char *json_type_name(const struct json *v, enum lang lang)
{
    static const char *const names[][LANG_COUNT] = {
        [JSON_NULL] = {"null", "null"},       [JSON_BOOL] = {"a boolean", "布尔值"},
        [JSON_NUMBER] = {"a number", "数字"}, [JSON_STRING] = {"a string", "字符串"},
        [JSON_ARRAY] = {"an array", "数组"},  [JSON_OBJECT] = {"an object", "对象"},
    };
    if (!v)
        return lang == LANG_ZH ? "空" : "nothing";
    return names[v->type][lang];
}
