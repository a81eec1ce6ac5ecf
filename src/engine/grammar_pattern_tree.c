#include "engine/grammar_pattern_tree.h"

#include "base/utf8.h"
#include "engine/grammar_pattern_set.h"

enum { GROUPS_MAX = 64, REPEAT_MAX = 1000 };

struct parser {
    struct str text;
    size_t at;
    struct arena *arena;
    struct reason *why;
    int depth; /* groups around */
    bool failed;
    bool no_memory;
};

static void refuse(struct parser *p, const char *en, const char *zh)
{
    if (p->failed)
        return;
    p->failed = true;
    reason_set(p->why, "invalid_schema", "The pattern has %s%.0s at byte %zu.",
               "正则表达式中有%.0s%s（第 %zu 字节处）。", en, zh, p->at);
    reason_hint(
        p->why,
        "Understood are characters, classes, groups, |, * + ? {n,m}, and ^ $ around it all.",
        "支持字符、字符类、分组、|、* + ? {n,m}，以及首尾的 ^ 和 $。");
}

static void no_memory(struct parser *p)
{
    p->failed = p->no_memory = true;
}

static int peek(const struct parser *p)
{
    return p->at < p->text.len ? (unsigned char)p->text.ptr[p->at] : -1;
}

static bool take(struct parser *p, const char *text)
{
    if (!str_starts(str_slice(p->text, p->at, p->text.len), text))
        return false;
    p->at += strlen(text);
    return true;
}

static uint32_t take_character(struct parser *p)
{
    const struct utf8_step step = utf8_decode(p->text.ptr + p->at, p->text.len - p->at);
    p->at += step.len;
    if (step.code == UTF8_INVALID)
        refuse(p, "ill-formed UTF-8", "非法的 UTF-8");
    return step.code;
}

static struct pattern_node *new_node(struct parser *p, enum pattern_kind kind)
{
    struct pattern_node *node = arena_alloc(p->arena, sizeof *node);
    if (!node) {
        no_memory(p);
        return NULL;
    }
    node->kind = kind;
    return node;
}

static struct pattern_node *set_node(struct parser *p, struct code_set *set)
{
    code_set_finish(set);
    if (set->overflow)
        refuse(p, "a class of too many ranges", "范围过多的字符类");
    struct pattern_node *node = new_node(p, PATTERN_SET);
    struct code_range *ranges = arena_array(p->arena, set->count + 1, sizeof *ranges);
    if (!node || !ranges) {
        no_memory(p);
        return node;
    }
    memcpy(ranges, set->ranges, set->count * sizeof *ranges);
    node->ranges = ranges;
    node->range_count = set->count;
    return node;
}

static struct pattern_node *repeat_node(struct parser *p, struct pattern_node *child, uint32_t min,
                                        uint32_t max)
{
    struct pattern_node *node = new_node(p, PATTERN_REPEAT);
    if (node) {
        node->first = child;
        node->min = min;
        node->max = max;
    }
    return node;
}

static struct pattern_node *anything(struct parser *p)
{
    struct code_set all = {.count = 0};
    code_set_add(&all, 0, CODE_MAX);
    return repeat_node(p, set_node(p, &all), 0, UINT32_MAX);
}

static uint32_t take_hex(struct parser *p, int digits)
{
    uint32_t value = 0;
    for (int i = 0; i < digits; i++, p->at++) {
        const int c = peek(p);
        const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (c < 0 || digit < 0 || digit > 15 || (digit > 9 && c < 'A')) {
            refuse(p, "a broken escape", "不完整的转义");
            return 0;
        }
        value = value * 16 + (uint32_t)digit;
    }
    return value;
}

/* Behind \u: four digits, a pair of surrogates, or {…}. */
static uint32_t take_unicode_escape(struct parser *p)
{
    uint32_t code = 0;
    if (take(p, "{")) {
        do
            code = code * 16 + take_hex(p, 1);
        while (peek(p) != '}' && code <= CODE_MAX && !p->failed);
        p->at++;
    } else {
        code = take_hex(p, 4);
        if (code >= 0xD800 && code < 0xDC00 && take(p, "\\u")) {
            const uint32_t low = take_hex(p, 4);
            if (low >= 0xDC00 && low < 0xE000)
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    if (code > CODE_MAX || (code >= 0xD800 && code < 0xE000))
        refuse(p, "an escape that is no character", "不代表任何字符的转义");
    return code;
}

/* A character behind the backslash. */
static uint32_t take_escape(struct parser *p, bool in_class)
{
    static const char letters[] = "tnvfr", values[] = "\t\n\v\f\r";
    static const char itself[] = "^$\\.*+?()[]{}|/-\"'#,:;=!<>&@%~` _";
    const int c = peek(p);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    p->at++;
    if (letter)
        return (uint32_t)values[letter - letters];
    if (c == 'b' && in_class)
        return '\b';
    if (c == 'x')
        return take_hex(p, 2);
    if (c == 'u')
        return take_unicode_escape(p);
    if (c == '0' && (peek(p) < '0' || peek(p) > '9'))
        return 0;
    p->at--;
    if (c > 0 && c < 0x80 && strchr(itself, c))
        return take_character(p);
    refuse(p, "an escape that is not supported", "不支持的转义");
    return 0;
}

/* One member of a class: a character (returned), or a class like \d (added to `set`; UTF8_INVALID
 * is returned). */
static uint32_t take_class_member(struct parser *p, struct code_set *set)
{
    if (!take(p, "\\"))
        return take_character(p);
    struct code_set named;
    if (peek(p) > 0 && code_set_of_class((char)peek(p), &named)) {
        p->at++;
        code_set_add_set(set, &named);
        return UTF8_INVALID;
    }
    return take_escape(p, true);
}

static struct pattern_node *parse_class(struct parser *p)
{
    struct code_set set = {.count = 0};
    const bool inverted = take(p, "^");
    while (!take(p, "]")) {
        if (peek(p) < 0)
            refuse(p, "a class without end", "没有结束的字符类");
        if (p->failed)
            return NULL;
        const uint32_t low = take_class_member(p, &set);
        if (low == UTF8_INVALID)
            continue;
        uint32_t high = low;
        if (peek(p) == '-' && p->at + 1 < p->text.len && p->text.ptr[p->at + 1] != ']') {
            p->at++;
            high = take_class_member(p, &set);
        }
        if (high == UTF8_INVALID || high < low)
            refuse(p, "a range that makes no sense", "无意义的范围");
        code_set_add(&set, low, high);
    }
    if (inverted) {
        code_set_finish(&set);
        code_set_invert(&set);
    }
    return set_node(p, &set);
}

static struct pattern_node *parse_alternatives(struct parser *p);

static struct pattern_node *parse_group(struct parser *p)
{
    if (peek(p) == '?' && !take(p, "?:")) {
        refuse(p, "a kind of group that is not supported", "不支持的分组形式");
        return NULL;
    }
    if (p->depth == GROUPS_MAX) {
        refuse(p, "too many nested groups", "过深的分组嵌套");
        return NULL;
    }
    p->depth++;
    struct pattern_node *node = parse_alternatives(p);
    p->depth--;
    if (!take(p, ")"))
        refuse(p, "a group without end", "没有结束的分组");
    return node;
}

static struct pattern_node *parse_atom(struct parser *p)
{
    struct code_set set = {.count = 0};
    if (take(p, "("))
        return parse_group(p);
    if (take(p, "["))
        return parse_class(p);
    if (take(p, ".")) {
        code_set_add(&set, '\n', '\n');
        code_set_add(&set, '\r', '\r');
        code_set_add(&set, 0x2028, 0x2029);
        code_set_invert(&set);
        return set_node(p, &set);
    }
    if (take(p, "\\")) {
        if (peek(p) > 0 && code_set_of_class((char)peek(p), &set)) {
            p->at++;
            return set_node(p, &set);
        }
        const uint32_t code = take_escape(p, false);
        code_set_add(&set, code, code);
        return set_node(p, &set);
    }
    const int c = peek(p);
    if (c == '^' || c == '$')
        refuse(p, "an anchor inside", "位于中间的锚点");
    else if (c > 0 && strchr("*+?{}]", c))
        refuse(p, "a sign that must be escaped", "需要转义的符号");
    const uint32_t code = take_character(p);
    code_set_add(&set, code, code);
    return set_node(p, &set);
}

static uint32_t take_number(struct parser *p)
{
    uint32_t value = 0;
    const size_t begin = p->at;
    for (; peek(p) >= '0' && peek(p) <= '9' && value <= REPEAT_MAX; p->at++)
        value = value * 10 + (uint32_t)(peek(p) - '0');
    if (p->at == begin || value > REPEAT_MAX)
        refuse(p, "a repetition that is broken or above 1000", "有误或超过 1000 次的重复");
    return value;
}

/* An atom with what may stand behind it. */
static struct pattern_node *parse_item(struct parser *p)
{
    struct pattern_node *atom = parse_atom(p);
    uint32_t min = 1, max = 1;
    if (take(p, "*")) {
        min = 0;
        max = UINT32_MAX;
    } else if (take(p, "+")) {
        max = UINT32_MAX;
    } else if (take(p, "?")) {
        min = 0;
    } else if (take(p, "{")) {
        min = max = take_number(p);
        if (take(p, ","))
            max = peek(p) == '}' ? UINT32_MAX : take_number(p);
        if (!take(p, "}") || max < min)
            refuse(p, "a repetition that is broken", "有误的重复");
    } else {
        return atom;
    }
    (void)take(p, "?");
    return repeat_node(p, atom, min, max);
}

static void add_child(struct pattern_node *parent, struct pattern_node *node)
{
    if (!node)
        return;
    node->next = parent->first;
    parent->first = node;
}

/* ^ and $ count where no group is around. */
static struct pattern_node *parse_sequence(struct parser *p)
{
    struct pattern_node *sequence = new_node(p, PATTERN_SEQUENCE);
    if (!sequence)
        return NULL;
    if (p->depth == 0 && !take(p, "^"))
        add_child(sequence, anything(p));
    bool anchored = p->depth > 0;
    while (!p->failed && peek(p) >= 0 && peek(p) != '|' && (peek(p) != ')' || p->depth == 0)) {
        if (peek(p) == '$' && p->depth == 0 &&
            (p->at + 1 == p->text.len || p->text.ptr[p->at + 1] == '|')) {
            p->at++;
            anchored = true;
            break;
        }
        if (peek(p) == ')')
            refuse(p, "a parenthesis that closes nothing", "多余的右括号");
        add_child(sequence, parse_item(p));
    }
    if (!anchored)
        add_child(sequence, anything(p));
    return sequence;
}

static struct pattern_node *parse_alternatives(struct parser *p)
{
    struct pattern_node *node = new_node(p, PATTERN_ALTERNATIVES);
    if (!node)
        return NULL;
    do
        add_child(node, parse_sequence(p));
    while (!p->failed && take(p, "|"));
    return node;
}

enum status pattern_parse(struct str pattern, struct arena *arena, struct pattern_node **out,
                          struct reason *why)
{
    struct parser parser = {.text = pattern, .arena = arena, .why = why};
    *out = parse_alternatives(&parser);
    if (parser.no_memory)
        return reason_no_memory(why, sizeof **out);
    return parser.failed ? STATUS_INVALID : STATUS_OK;
}
