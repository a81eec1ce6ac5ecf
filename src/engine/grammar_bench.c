/* How long finding the allowed tokens takes, token by token, with the tokenizer of the real models.
 *
 *   grammar_bench    needs QVL_SOURCE_ROOT */
#include "engine/grammar_fixture_test.h"
#include "engine/random.h"

#include "base/clock.h"

enum { TOKENS = 400, ROUNDS = 5, SAMPLES_MAX = TOKENS * ROUNDS };

static struct grammar_fixture fixture;

static double now_us(void)
{
    return (double)clock_ns(&clock_system) / 1e3;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Texts of all lengths: half of the time any allowed token, else a short one. */
static int32_t pick(const uint64_t *mask, struct random *random)
{
    const int32_t size = fixture.vocabulary->size, from = (int32_t)(random_unit(random) * size);
    const bool brief = random_unit(random) < 0.5;
    int32_t any = -1;
    for (int32_t i = 0; i < size; i++) {
        const int32_t id = (from + i) % size;
        if (!(mask[id / 64] >> id % 64 & 1))
            continue;
        any = id;
        if (!brief || tokenizer_bytes(fixture.tokenizer, id).len == 1)
            break;
    }
    return any;
}

static void report(const char *name, double *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, by_value);
    printf("%-28s %6zu tokens  median %7.1f us  p99 %7.1f us  max %7.1f us\n", name, count,
           samples[count / 2], samples[count * 99 / 100], samples[count - 1]);
}

static void measure(const char *name, const char *schema)
{
    static double samples[SAMPLES_MAX];
    size_t count = 0;
    struct grammar *grammar;
    struct reason why;
    const double begin = now_us();
    if (grammar_from_text(schema, &grammar, &why))
        fail_msg("%s: %s", schema, why.message[LANG_EN]);
    const double compiled = now_us() - begin;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct grammar_matcher *matcher;
        struct random random;
        random_init(&random, round);
        if (grammar_matcher_create(grammar, fixture.vocabulary, false, &matcher, &why))
            fail_msg("%s", why.message[LANG_EN]);
        for (int i = 0; i < TOKENS && !grammar_matcher_finished(matcher); i++) {
            const double masking = now_us();
            const uint64_t *mask = grammar_matcher_mask(matcher);
            const double masked = now_us() - masking;
            const int32_t id = pick(mask, &random);
            const double advancing = now_us();
            if (!grammar_matcher_advance(matcher, id))
                fail_msg("%s: an allowed token is refused", name);
            samples[count++] = masked + now_us() - advancing;
        }
        grammar_matcher_destroy(matcher);
    }
    grammar_release(grammar);
    printf("compiled in %6.1f us  ", compiled);
    report(name, samples, count);
}

int main(void)
{
    static const struct {
        const char *name, *schema;
    } rows[] = {
        {"any object", "{'type':'object'}"},
        {"declared properties",
         "{'type':'array','minItems':40,'items':{'type':'object','properties':{'name':{'type':"
         "'string'},'age':{'type':'integer','minimum':0,'maximum':150},'tags':{'type':'array',"
         "'items':{'enum':['red','green','blue']}},'note':{'anyOf':[{'type':'string'},{'type':"
         "'null'}]}},'required':['name','age','tags','note'],'additionalProperties':false}}"},
        {"limited strings",
         "{'type':'array','minItems':40,'items':{'type':'string','minLength':5,'maxLength':40}}"},
        {"patterns",
         "{'type':'array','minItems':40,'items':{'type':'string','pattern':'^[A-Z][a-z]+( "
         "[a-z]+){0,5}$'}}"},
        {"free keys beside declared",
         "{'type':'array','minItems':40,'items':{'type':'object','properties':{'name':{'type':"
         "'string'}},'required':['name'],'additionalProperties':{'type':'number'}}}"},
        {"alternatives",
         "{'type':'array','minItems':40,'items':{'anyOf':[{'type':'string','maxLength':30},{'type':"
         "'string','minLength':10},{'type':'object','properties':{'a':{'type':'string'}}},"
         "{'type':'object','properties':{'a':{'type':'number'}}}]}}"},
    };
    const double begin = now_us();
    grammar_fixture_open(LARGE_TOKENIZER, &fixture);
    printf("tokenizer and vocabulary: %.0f ms, %u nodes, %u exits\n", (now_us() - begin) / 1e3,
           fixture.vocabulary->node_count, fixture.vocabulary->exit_count);
    const double again = now_us();
    struct grammar_vocabulary *copy;
    if (grammar_vocabulary_create(fixture.tokenizer, &copy, NULL))
        return 1;
    printf("vocabulary alone: %.1f ms\n", (now_us() - again) / 1e3);
    grammar_vocabulary_destroy(copy);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        measure(rows[i].name, rows[i].schema);
    grammar_fixture_close(&fixture);
    return 0;
}
