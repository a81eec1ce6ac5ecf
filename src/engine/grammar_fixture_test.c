#include "engine/grammar_fixture_test.h"

enum { TEXT_MAX = 8192 };

void grammar_fixture_open(const char *path, struct grammar_fixture *out)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    char full[4096];
    struct reason why;
    snprintf(full, sizeof full, "%s/%s", root ? root : ".", path);
    if (tokenizer_load(full, &out->tokenizer, &why) ||
        grammar_vocabulary_create(out->tokenizer, &out->vocabulary, &why))
        fail_msg("%s", why.message[LANG_EN]);
}

void grammar_fixture_close(struct grammar_fixture *fixture)
{
    grammar_vocabulary_destroy(fixture->vocabulary);
    tokenizer_destroy(fixture->tokenizer);
}

const char *grammar_quotes(const char *text)
{
    static char buffers[2][TEXT_MAX];
    static int next;
    char *out = buffers[next++ % 2];
    snprintf(out, TEXT_MAX, "%s", text);
    for (char *at = out; *at; at++)
        if (*at == '\'')
            *at = '"';
    return out;
}

enum status grammar_from_text(const char *schema, struct grammar **out, struct reason *why)
{
    struct arena arena;
    struct json *root;
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "%s", grammar_quotes(schema));
    arena_init(&arena, 16 << 20);
    enum status status =
        json_parse(text, strlen(text), (struct json_limits){0}, &arena, &root, why);
    if (status == STATUS_INVALID)
        fail_msg("%s: %s", schema, why->message[LANG_EN]);
    if (!status)
        status = json_schema_compile(root, "schema", out, why);
    arena_release(&arena);
    return status;
}

bool grammar_accepts(const struct grammar_fixture *fixture, struct grammar *grammar,
                     struct str text)
{
    struct grammar_matcher *matcher;
    struct reason why;
    if (grammar_matcher_create(grammar, fixture->vocabulary, false, &matcher, &why))
        fail_msg("%s", why.message[LANG_EN]);
    const bool accepts =
        grammar_matcher_advance_text(matcher, text) && grammar_matcher_may_end(matcher);
    grammar_matcher_destroy(matcher);
    return accepts;
}
