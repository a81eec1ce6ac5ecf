/* A random model that answers within schemas.
 *
 * Reads one JSON schema a line; writes for each one line: {"refused": message} or {"texts": […]},
 * with complete answers of the demo tokenizer's tokens, drawn at random from those allowed.
 *
 *   generate SEED COUNT    needs QVL_SOURCE_ROOT; exit status 1 if an answer gets stuck */
#include "engine/grammar_matcher.h"
#include "engine/json_schema.h"
#include "engine/random.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MAX = 20000, STEPS_FREE = 120, TEXT_MAX = 1 << 20 };

struct model {
    struct tokenizer *tokenizer;
    struct grammar_vocabulary *vocabulary;
    int32_t bytes[256]; /* token of each single byte */
    struct random random;
};

static bool allowed(const uint64_t *mask, int32_t id)
{
    return mask[id / 64] >> id % 64 & 1;
}

static int32_t any_allowed(struct model *m, const uint64_t *mask)
{
    const int32_t size = m->vocabulary->size;
    const int32_t from = (int32_t)(random_unit(&m->random) * size);
    for (int32_t i = 0; i < size; i++)
        if (allowed(mask, (from + i) % size))
            return (from + i) % size;
    return -1;
}

/* One of the bytes that bring a text to its end. */
static int32_t closing(struct model *m, const uint64_t *mask)
{
    static const char bytes[] = "]}\"n0:1,tfaced"; /* also what patterns wait for */
    int32_t found[sizeof bytes], count = 0;
    for (const char *c = bytes; *c; c++)
        if (allowed(mask, m->bytes[(unsigned char)*c]))
            found[count++] = m->bytes[(unsigned char)*c];
    return count ? found[(int32_t)(random_unit(&m->random) * count)] : -1;
}

/* Freely at first, then more and more towards the end. */
static int32_t draw(struct model *m, const uint64_t *mask, int step)
{
    const double hurry = step < STEPS_FREE ? 0.3 : 0.95;
    const int32_t end = random_unit(&m->random) < hurry ? closing(m, mask) : -1;
    return end >= 0 ? end : any_allowed(m, mask);
}

static bool answer(struct model *m, struct grammar *grammar, struct buf *text)
{
    struct grammar_matcher *matcher;
    if (grammar_matcher_create(grammar, m->vocabulary, false, &matcher, NULL))
        return false;
    bool ended = false, stuck = false;
    for (int step = 0; step < STEPS_MAX && !ended && !stuck; step++) {
        const uint64_t *mask = grammar_matcher_mask(matcher);
        const int32_t id = draw(m, mask, step);
        stuck = id < 0 || !grammar_matcher_advance(matcher, id);
        if (!stuck)
            buf_add_str(text, tokenizer_bytes(m->tokenizer, id));
        ended = grammar_matcher_finished(matcher) ||
                (grammar_matcher_may_end(matcher) && random_unit(&m->random) < 0.5);
    }
    grammar_matcher_destroy(matcher);
    return ended && !stuck;
}

static bool answers(struct model *m, struct grammar *grammar, int count, struct json_writer *w)
{
    bool ok = true;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    json_begin_object(w);
    json_key(w, "texts");
    json_begin_array(w);
    for (int i = 0; i < count && ok; i++) {
        buf_clear(&text);
        ok = answer(m, grammar, &text);
        json_string(w, buf_str(&text));
    }
    json_end_array(w);
    json_end_object(w);
    buf_release(&text);
    return ok;
}

static bool take_line(struct model *m, char *line, size_t len, int count, struct buf *out)
{
    struct arena arena;
    struct json *schema;
    struct grammar *grammar;
    struct reason why;
    struct json_writer w;
    bool ok = true;
    arena_init(&arena, 64 << 20);
    json_writer_init(&w, out);
    if (json_parse(line, len, (struct json_limits){0}, &arena, &schema, &why) ||
        json_schema_compile(schema, "schema", &grammar, &why)) {
        json_begin_object(&w);
        json_key(&w, "refused");
        json_cstring(&w, why.message[LANG_EN]);
        json_end_object(&w);
    } else {
        ok = answers(m, grammar, count, &w);
        grammar_release(grammar);
    }
    arena_release(&arena);
    return ok;
}

static bool open_model(struct model *m, uint64_t seed)
{
    char path[4096];
    struct reason why;
    const char *root = getenv("QVL_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/models/demo/tokenizer.json", root ? root : ".");
    random_init(&m->random, seed);
    if (tokenizer_load(path, &m->tokenizer, &why) ||
        grammar_vocabulary_create(m->tokenizer, &m->vocabulary, &why)) {
        fprintf(stderr, "%s\n", why.message[LANG_EN]);
        return false;
    }
    for (int32_t id = 0; id < m->vocabulary->size; id++) {
        const struct str bytes = tokenizer_bytes(m->tokenizer, id);
        if (bytes.len == 1)
            m->bytes[(unsigned char)bytes.ptr[0]] = id;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct model model = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    bool ok = true;
    if (argc != 3 || !open_model(&model, strtoull(argv[1], NULL, 10)))
        return 2;
    while (ok && (len = getline(&line, &cap, stdin)) > 0) {
        struct buf out;
        buf_init(&out, 64 << 20);
        ok = take_line(&model, line, (size_t)len, atoi(argv[2]), &out);
        printf("%.*s\n", (int)out.len, out.data);
        buf_release(&out);
    }
    free(line);
    grammar_vocabulary_destroy(model.vocabulary);
    tokenizer_destroy(model.tokenizer);
    return ok ? 0 : 1;
}
