/* Any bytes as a schema, up to the first line break; the rest chooses tokens. The schema is refused
 * with a sentence, or leads a matcher: something is allowed until the end, what is allowed is taken
 * and what is not is refused, and a finished text is JSON. */
#include "engine/grammar_matcher.h"
#include "engine/json_schema.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 200, TEXT_MAX = 1 << 20 };

static struct tokenizer *tokenizer;
static struct grammar_vocabulary *vocabulary;

static void check(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void load(void)
{
    char path[1024];
    const char *root = getenv("QVL_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/models/demo/tokenizer.json", root ? root : ".");
    check(tokenizer_load(path, &tokenizer, NULL) == STATUS_OK, "no tokenizer");
    check(grammar_vocabulary_create(tokenizer, &vocabulary, NULL) == STATUS_OK, "no vocabulary");
}

static void check_reason(const struct reason *why)
{
    check(strcmp(why->code, "invalid_schema") == 0, "another code");
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        const size_t len = strlen(why->message[lang]);
        check(len > 0, "no sentence");
    }
}

static bool allowed(const uint64_t *mask, int32_t id)
{
    return mask[id / 64] >> id % 64 & 1;
}

/* The next id from `from` on, around, that is allowed (or not); -1: none. */
static int32_t next_id(const uint64_t *mask, int32_t from, bool wanted)
{
    for (int32_t i = 0; i < vocabulary->size; i++) {
        const int32_t id = (from + i) % vocabulary->size;
        if (allowed(mask, id) == wanted)
            return id;
    }
    return -1;
}

static void check_json(struct buf *text)
{
    struct arena arena;
    struct json *root;
    arena_init(&arena, 64 << 20);
    check(json_parse(text->data, text->len, (struct json_limits){0}, &arena, &root, NULL) ==
              STATUS_OK,
          "the text does not parse");
    arena_release(&arena);
}

static void follow(struct grammar *grammar, const uint8_t *data, size_t size)
{
    struct grammar_matcher *m;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    check(grammar_matcher_create(grammar, vocabulary, false, &m, NULL) == STATUS_OK, "no matcher");
    for (size_t step = 0; step < STEPS_MAX && !grammar_matcher_finished(m); step++) {
        const uint32_t choice = size ? data[2 * step % size] | data[(2 * step + 1) % size] << 8 : 0;
        const int32_t from = (int32_t)(choice % (uint32_t)vocabulary->size);
        const uint64_t *mask = grammar_matcher_mask(m);
        const int32_t wrong = next_id(mask, from, false), right = next_id(mask, from, true);
        check(right >= 0, "a dead end");
        check(wrong < 0 || !grammar_matcher_advance(m, wrong),
              "a token is taken that is not allowed");
        check(grammar_matcher_advance(m, right), "an allowed token is refused");
        buf_add_str(&text, tokenizer_bytes(tokenizer, right));
    }
    if (grammar_matcher_may_end(m))
        check_json(&text);
    grammar_matcher_destroy(m);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct json *schema;
    struct grammar *grammar;
    struct reason why = {0};
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    const size_t len = end ? (size_t)(end - data) : size;
    if (!tokenizer)
        load();
    char *bytes = malloc(len + 1);
    memcpy(bytes, data, len);
    arena_init(&arena, 64 << 20);
    if (json_parse(bytes, len, (struct json_limits){0}, &arena, &schema, NULL) == STATUS_OK) {
        if (json_schema_compile(schema, "schema", &grammar, &why) == STATUS_OK) {
            follow(grammar, data + len, size - len);
            grammar_release(grammar);
        } else {
            check_reason(&why);
        }
    }
    arena_release(&arena);
    free(bytes);
    return 0;
}
