/* Every row of every table, tried: of another type, below, above, null, empty, unknown. The cases
 * are made from the rows, so that a new row is tested as soon as it stands there. */
#include "api/field_table.h"

#include "api/chat_request.h"
#include "api/completion_request.h"
#include "api/response_format.h"
#include "api/tokenize_request.h"
#include "base/buf.h"
#include "base/test.h"

enum route { CHAT, COMPLETION, TOKENIZE, DETOKENIZE };

/* Where an object of a table stands: `body` with it in place of @, right with `members`. */
struct place {
    const struct field_row *rows;
    enum route route;
    const char *body, *path, *members;
};

/* JSON in this file has ' for ". */
#define CHAT_BODY                                                                                  \
    "'model':'m','messages':[{'role':'user','content':'q'}],'stream':true,'logprobs':true,"        \
    "'tools':[{'type':'function','function':{'name':'f'}}]"
#define COMPLETION_BODY "'model':'m','prompt':'p','stream':true,'max_tokens':9223372036854775807"
#define MESSAGE(m)      "{'model':'m','messages':[" m "]}"
#define PART(p)         MESSAGE("{'role':'user','content':[" p "]}")
#define FUNCTION        "'type':'function','function':{'name':'f'}"

static const struct place places[] = {
    {chat_prompt_rows, CHAT, "@", "", CHAT_BODY},
    {NULL, CHAT, "@", "", CHAT_BODY}, /* chat_tables[1] */
    {generation_rows, CHAT, "@", "", CHAT_BODY},
    {NULL, COMPLETION, "@", "", COMPLETION_BODY}, /* completion_tables[0] */
    {generation_rows, COMPLETION, "@", "", COMPLETION_BODY},
    {NULL, TOKENIZE, "@", "", "'prompt':'p'"}, /* its first table, and its second */
    {NULL, TOKENIZE, "@", "", "'prompt':'p'"},
    /* Without messages there may be a prompt. */
    {chat_prompt_rows + 1, TOKENIZE, "@", "", "'messages':[{'role':'user','content':'q'}]"},
    {NULL, DETOKENIZE, "@", "", "'tokens':[1]"},
    {chat_system_rows, CHAT, MESSAGE("@"), "messages[0]", "'role':'system','content':'c'"},
    {chat_user_rows, CHAT, MESSAGE("@"), "messages[0]", "'role':'user','content':'c'"},
    {chat_assistant_rows, CHAT, MESSAGE("@"), "messages[0]",
     "'role':'assistant','content':'c','reasoning':'r'"},
    {chat_tool_rows, CHAT, MESSAGE("@"), "messages[0]",
     "'role':'tool','content':'c','tool_call_id':'i'"},
    {chat_text_rows, CHAT, PART("@"), "messages[0].content[0]", "'type':'text','text':'t'"},
    {chat_refusal_rows, CHAT, MESSAGE("{'role':'assistant','content':[@]}"),
     "messages[0].content[0]", "'type':'refusal','refusal':'t'"},
    {chat_image_url_part_rows, CHAT, PART("@"), "messages[0].content[0]",
     "'type':'image_url','image_url':'u'"},
    {chat_image_url_rows, CHAT, PART("{'type':'image_url','image_url':@}"),
     "messages[0].content[0].image_url", "'url':'u'"},
    {chat_image_rows, CHAT, PART("@"), "messages[0].content[0]", "'type':'image','image':'u'"},
    {chat_video_rows, CHAT, PART("@"), "messages[0].content[0]", "'type':'video','video':['u']"},
    {chat_video_url_part_rows, CHAT, PART("@"), "messages[0].content[0]",
     "'type':'video_url','video_url':'u'"},
    {chat_video_url_rows, CHAT, PART("{'type':'video_url','video_url':@}"),
     "messages[0].content[0].video_url", "'url':'u'"},
    {chat_tool_definition_rows, CHAT, "{" CHAT_BODY ",'tools':[@]}", "tools[0]", FUNCTION},
    {chat_tool_choice_rows, CHAT, "{" CHAT_BODY ",'tool_choice':@}", "tool_choice", FUNCTION},
    {chat_call_rows, CHAT, MESSAGE("{'role':'assistant','tool_calls':[@]}"),
     "messages[0].tool_calls[0]", "'id':'i'," FUNCTION},
    {response_format_rows, CHAT, "{" CHAT_BODY ",'response_format':@}", "response_format",
     "'type':'text'"},
    {response_schema_rows, CHAT,
     "{" CHAT_BODY ",'response_format':{'type':'json_schema','json_schema':@}}",
     "response_format.json_schema", "'name':'n','schema':{}"},
    {response_schema_rows, COMPLETION,
     "{" COMPLETION_BODY ",'response_format':{'type':'json_schema','json_schema':@}}",
     "response_format.json_schema", "'name':'n','schema':{}"},
};

static const struct field_row *rows_of(size_t i)
{
    static const struct json prompt = {.type = JSON_OBJECT};
    const struct place *place = &places[i];
    if (place->rows)
        return place->rows;
    switch (place->route) {
    case CHAT: return chat_tables[1];
    case COMPLETION: return completion_tables[0];
    case TOKENIZE: return tokenize_tables(&prompt)[places[i - 1].rows ? 0 : 1];
    case DETOKENIZE: break;
    }
    return detokenize_tables[0];
}

static enum status parse(enum route route, const struct json *root, struct arena *arena,
                         struct reason *why)
{
    struct chat_request chat;
    struct completion_request completion;
    struct tokenize_request tokenize;
    struct detokenize_request detokenize;
    switch (route) {
    case CHAT: return chat_request_parse(root, arena, &chat, why);
    case COMPLETION: return completion_request_parse(root, arena, &completion, why);
    case TOKENIZE: return tokenize_request_parse(root, arena, &tokenize, why);
    case DETOKENIZE: break;
    }
    return detokenize_request_parse(root, arena, &detokenize, why);
}

/* The place's body, whose object has `more` as its last member; what comes of it. */
static enum status try_member(const struct place *place, const char *more, struct reason *why)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    const char *at = strchr(place->body, '@');
    assert_non_null(at);
    buf_add(&text, place->body, (size_t)(at - place->body));
    buf_printf(&text, "{%s,%s}%s", place->members, more, at + 1);
    for (size_t i = 0; i < text.len; i++)
        text.data[i] = text.data[i] == '\'' ? '"' : text.data[i];
    struct arena arena;
    struct json *root;
    arena_init(&arena, 1 << 20);
    if (json_parse(text.data, text.len, (struct json_limits){0}, &arena, &root, why))
        fail_msg("%s: %s", text.data, why->message[LANG_EN]);
    const enum status status = parse(place->route, root, &arena, why);
    arena_release(&arena);
    buf_release(&text);
    return status;
}

/* A member: `open` and `close` are the objects that it stands in, below the place. */
struct member {
    const struct place *place;
    char open[256], close[16], path[256];
};

/* code NULL: whatever is said, it is not said of this member. */
static void expect(const struct member *m, const char *value, const char *code)
{
    char more[1024];
    struct reason why = {.code = "accepted"};
    snprintf(more, sizeof more, "%s%s%s", m->open, value, m->close);
    const enum status status = try_member(m->place, more, &why);
    if (code && (!status || strcmp(why.code, code) != 0 || strcmp(why.subject, m->path) != 0))
        fail_msg("%s = %s: %s at %s instead of %s", m->path, value, why.code, why.subject, code);
    if (!code && status && strcmp(why.subject, m->path) == 0)
        fail_msg("%s = %s: %s", m->path, value, why.message[LANG_EN]);
    for (int lang = 0; code && lang < LANG_COUNT; lang++)
        if (!strstr(why.message[lang], m->path))
            fail_msg("%s = %s: no path in: %s", m->path, value, why.message[lang]);
}

/* The JSON types that a row takes, as bits. */
static unsigned types_of(const struct field_row *row)
{
    switch (row->kind) {
    case FIELD_BOOL: return 1u << JSON_BOOL;
    case FIELD_INTEGER:
    case FIELD_NUMBER: return 1u << JSON_NUMBER;
    case FIELD_STRING:
    case FIELD_TEXT:
    case FIELD_WORD: return 1u << JSON_STRING;
    case FIELD_JSON: return 1u << row->type;
    case FIELD_OBJECT: return 1u << JSON_OBJECT;
    case FIELD_PARSED: return row->types;
    case FIELD_UNUSED: return (unsigned)-1;
    case FIELD_NEUTRAL: break;
    }
    static const enum json_type neutral[] = {
        [ONLY_FALSE] = JSON_BOOL,          [ONLY_TRUE] = JSON_BOOL,
        [ONLY_ONE] = JSON_NUMBER,          [ONLY_EMPTY_ARRAY] = JSON_ARRAY,
        [ONLY_EMPTY_OBJECT] = JSON_OBJECT,
    };
    return row->neutral == ONLY_ABSENT ? (unsigned)-1 : 1u << neutral[row->neutral];
}

static void try_types(const struct member *m, const struct field_row *row)
{
    static const char *const values[] = {
        [JSON_BOOL] = "true", [JSON_NUMBER] = "1",  [JSON_STRING] = "'x'",
        [JSON_ARRAY] = "[]",  [JSON_OBJECT] = "{}",
    };
    const unsigned types = types_of(row);
    for (unsigned type = JSON_BOOL; type <= JSON_OBJECT; type++)
        if (!(types & 1u << type))
            expect(m, values[type], "invalid_type");
    expect(m, "null", row->required ? "missing_field" : NULL);
}

static void expect_integer(const struct member *m, int64_t value, const char *code)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    expect(m, text, code);
}

static void try_integer(const struct member *m, const struct field_row *row)
{
    expect_integer(m, row->min, NULL);
    expect_integer(m, row->max, NULL);
    if (row->min > INT64_MIN)
        expect_integer(m, row->min - 1, "invalid_value");
    if (row->max < INT64_MAX)
        expect_integer(m, row->max + 1, "invalid_value");
    expect(m, "1.5", "invalid_type");
    expect(m, "1e400", "invalid_value");
    expect(m, "-9223372036854775809", "invalid_value");
}

static void expect_number(const struct member *m, double value, const char *code)
{
    char text[64];
    snprintf(text, sizeof text, "%.17g", value);
    expect(m, text, code);
}

static void try_number(const struct member *m, const struct field_row *row)
{
    const struct field_range *range = &row->range;
    const double step = (range->max - range->min) / 1e6;
    expect_number(m, range->min, range->above ? "invalid_value" : NULL);
    expect_number(m, range->max, NULL);
    expect_number(m, range->min - step, "invalid_value");
    expect_number(m, range->max + step, "invalid_value");
    expect(m, "1e400", "invalid_value");
    expect(m, "-1e400", "invalid_value");
}

static void try_neutral(const struct member *m, const struct field_row *row)
{
    static const struct {
        const char *neutral, *other;
    } values[] = {
        [ONLY_ABSENT] = {"null", "{'a':1}"}, [ONLY_FALSE] = {"false", "true"},
        [ONLY_TRUE] = {"true", "false"},     [ONLY_ONE] = {"1", "2"},
        [ONLY_EMPTY_ARRAY] = {"[]", "[1]"},  [ONLY_EMPTY_OBJECT] = {"{}", "{'a':1}"},
    };
    expect(m, values[row->neutral].neutral, NULL);
    expect(m, values[row->neutral].other, "invalid_value");
}

static void try_words(const struct member *m, const struct field_row *row)
{
    for (const char *const *word = row->words; *word; word++) {
        char text[64];
        snprintf(text, sizeof text, "'%s'", *word);
        expect(m, text, NULL);
    }
    expect(m, "'no such word'", "invalid_value");
    expect(m, "''", "invalid_value");
}

static int tried;

static void try_rows(const struct member *object, const struct field_row *rows);

static void try_members(const struct member *m, const struct field_row *row)
{
    try_rows(m, row->members);
    struct member unknown = *m;
    snprintf(unknown.path, sizeof unknown.path, "%.200s.unheard_of", m->path);
    snprintf(unknown.open, sizeof unknown.open, "%.200s{'unheard_of':", m->open);
    snprintf(unknown.close, sizeof unknown.close, "}%.10s", m->close);
    expect(&unknown, "1", row->closed ? "invalid_value" : NULL);
}

static void try_row(const struct member *m, const struct field_row *row)
{
    tried++;
    try_types(m, row);
    switch (row->kind) {
    case FIELD_INTEGER: try_integer(m, row); break;
    case FIELD_NUMBER: try_number(m, row); break;
    case FIELD_TEXT: expect(m, "''", "invalid_value"); break;
    case FIELD_WORD: try_words(m, row); break;
    case FIELD_OBJECT: try_members(m, row); break;
    case FIELD_NEUTRAL: try_neutral(m, row); break;
    default: break;
    }
}

/* What must stand beside `row` in a nested object: its other required texts. */
static void write_beside(const struct field_row *rows, const struct field_row *row, char *out,
                         size_t size)
{
    size_t len = (size_t)snprintf(out, size, "{");
    for (; rows->name; rows++)
        if (rows->required && rows != row && rows->kind == FIELD_TEXT)
            len += (size_t)snprintf(out + len, size - len, "'%s':'f',", rows->name);
}

/* `object` is the member that holds these rows; its `open` ends where its value begins. */
static void try_rows(const struct member *object, const struct field_row *rows)
{
    for (const struct field_row *row = rows; row->name; row++) {
        struct member m = {.place = object->place};
        const bool below = object->open[0];
        char beside[80] = "";
        if (below)
            write_beside(rows, row, beside, sizeof beside);
        snprintf(m.path, sizeof m.path, "%.150s%s%.60s", object->path, object->path[0] ? "." : "",
                 row->name);
        snprintf(m.open, sizeof m.open, "%.100s%s'%.60s':", object->open, beside, row->name);
        snprintf(m.close, sizeof m.close, "%s%.10s", below ? "}" : "", object->close);
        try_row(&m, row);
    }
}

static void every_row_is_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct member object = {.place = &places[i]};
        struct reason why;
        if (try_member(&places[i], "'unheard_of':[1]", &why))
            fail_msg("%zu: %s", i, why.message[LANG_EN]);
        snprintf(object.path, sizeof object.path, "%s", places[i].path);
        try_rows(&object, rows_of(i));
    }
    assert_true(tried > 150);
}

/* The list of what is unknown: safe, bounded, in order. */
static void unknown_members_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *body, *list;
    } rows[] = {
        {"{'model':'m','messages':1,'temperature':1,'user':'u','stop':2}", NULL},
        {"{}", NULL},
        {"[1]", NULL},
        {"{'foo':1,'model':1,'b-a.r_1':2}", "foo,b-a.r_1"},
        {"{'a b\\r\\nx: y':1,'\xC3\xA9':1,'':1,'a,b':1}", "a?b??x??y,??,,a?b"},
        {"{'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyyy':null}",
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct json *root;
        arena_init(&arena, 1 << 20);
        char *text = arena_strdup(&arena, str_from(rows[i].body));
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        assert_false(json_parse(text, strlen(text), (struct json_limits){0}, &arena, &root, NULL));
        const char *list;
        assert_false(field_unknown_list(root, chat_tables, &arena, &list, NULL));
        if (!rows[i].list)
            assert_null(list);
        else
            assert_string_equal(list, rows[i].list);
        struct reason why;
        assert_int_equal(field_unknown_refuse(root, chat_tables, &why),
                         rows[i].list ? STATUS_INVALID : STATUS_OK);
        arena_release(&arena);
    }
}

static void many_unknown_members_are_counted(void **state)
{
    (void)state;
    struct arena arena;
    struct json *root;
    struct buf text;
    arena_init(&arena, 1 << 20);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "%s\"unknown_%d\":1", i ? "," : "{", i);
    buf_puts(&text, "}");
    assert_false(json_parse(text.data, text.len, (struct json_limits){0}, &arena, &root, NULL));
    const char *list;
    assert_false(field_unknown_list(root, chat_tables, &arena, &list, NULL));
    assert_true(strlen(list) < 256);
    size_t names = 1;
    for (const char *c = list; *c; c++)
        names += *c == ',';
    char rest[16];
    snprintf(rest, sizeof rest, ",+%zu", 1000 - (names - 1));
    assert_true(str_ends(str_from(list), rest));
    buf_release(&text);
    arena_release(&arena);
}

static void the_nearest_name_is_the_hint(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hint;
    } rows[] = {
        {"temprature", "Did you mean temperature?"},
        {"max_token", "Did you mean max_tokens?"},
        {"message", "Did you mean messages?"},
        {"zzzzzzzzzz", "Leave it out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json member = {.type = JSON_NULL, .key = str_from(rows[i].name)};
        const struct json body = {.type = JSON_OBJECT, .first = &member, .count = 1};
        struct reason why;
        assert_int_equal(field_unknown_refuse(&body, chat_tables, &why), STATUS_INVALID);
        assert_string_equal(why.code, "invalid_value");
        assert_string_equal(why.subject, rows[i].name);
        assert_non_null(strstr(why.hint[LANG_EN], rows[i].hint));
        assert_true(why.hint[LANG_ZH][0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_checked),
        cmocka_unit_test(unknown_members_are_listed),
        cmocka_unit_test(many_unknown_members_are_counted),
        cmocka_unit_test(the_nearest_name_is_the_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
