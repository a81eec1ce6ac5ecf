/* Every allocation on the way from a schema to a matcher fails once. */
#include "base/failing_alloc_test.h"
#include "engine/grammar_fixture_test.h"

static struct grammar_fixture fixture;

static bool compile_and_match(const void *argument)
{
    const char *schema = argument;
    struct grammar *grammar;
    struct grammar_vocabulary *vocabulary;
    struct grammar_matcher *matcher = NULL;
    struct reason why;
    enum status status = grammar_from_text(schema, &grammar, &why);
    if (!status) {
        status = grammar_vocabulary_create(fixture.tokenizer, &vocabulary, &why);
        if (!status) {
            status = grammar_matcher_create(grammar, vocabulary, false, &matcher, &why);
            grammar_matcher_destroy(matcher);
            grammar_vocabulary_destroy(vocabulary);
        }
        grammar_release(grammar);
    }
    if (status) {
        if (status != STATUS_NO_MEMORY)
            fail_msg("%s: %s", schema, why.message[LANG_EN]);
        assert_string_equal(why.code, "memory_full");
    }
    return status == STATUS_OK;
}

static void gives_up_cleanly(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{'type':'string','pattern':'^[a-z]{2,4}$','maxLength':3}",
        "{'enum':['a',1,{'b':[true]}]}",
        "{'type':'array','prefixItems':[{'type':'number','minimum':0}],'items':{'$ref':'#'}}",
        "{'type':'object','properties':{'a':{'anyOf':[{'type':'null'},{'type':'integer'}]},"
        "'b':{'oneOf':[{'const':1},{'const':2}]}},'required':['a'],'additionalProperties':true}",
    };
    grammar_fixture_open(DEMO_TOKENIZER, &fixture);
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        assert_in_range(failing_alloc_each(compile_and_match, schemas[i]), 20, 500);
    grammar_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_up_cleanly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
