#include "client/env_file.h"

#include "base/buf.h"
#include "base/test.h"

struct parse_case {
    const char *text;
    const char *expected; /* name=[value] or name, line by line; "!N" is a bad line */
};

/* What python-dotenv 1.0 gives for each. */
static const struct parse_case cases[] = {
    {"", ""},
    {"a=b", "a=[b]\n"},
    {"a=b\nc=d\n", "a=[b]\nc=[d]\n"},
    {"a=b\r\nc=d\r\n", "a=[b]\nc=[d]\n"},
    {"a=b\rc=d", "a=[b]\nc=[d]\n"},
    {"\xef\xbb\xbf"
     "a=b",
     "a=[b]\n"},
    {"  a  =  b  ", "a=[b]\n"},
    {"a=b=c", "a=[b=c]\n"},
    {"export a=b", "a=[b]\n"},
    {"export\ta=b", "a=[b]\n"},
    {"exporta=b", "exporta=[b]\n"},
    {"export=b", "export=[b]\n"},
    {"export =b", "!1\n"},
    {"# a comment", ""},
    {"\n\n  # a\n\na=b # c", "a=[b]\n"},
    {"a=b#c", "a=[b#c]\n"},
    {"a=b\t#c", "a=[b]\n"},
    {"a= #c", "a=[#c]\n"},
    {"a=b # c # d", "a=[b]\n"},
    {"a=b c", "a=[b c]\n"},
    {"a=\n", "a=[]\n"},
    {"a=", "a=[]\n"},
    {"a", "a\n"},
    {"a # b", "a\n"},
    {"a b=c", "!1\n"},
    {"=b", "!1\n"},
    {"a='b'", "a=[b]\n"},
    {"a='b # c'", "a=[b # c]\n"},
    {"a='b' # c", "a=[b]\n"},
    {"a='b\\'c'", "a=[b'c]\n"},
    {"a='b\\nc'", "a=[b\\nc]\n"},
    {"a='b\\\\c'", "a=[b\\c]\n"},
    {"a='b\\'", "a=[b\\]\n"},
    {"a=\"b\"", "a=[b]\n"},
    {"a=\"b\\nc\\t\\\"d\\\\\"", "a=[b\nc\t\"d\\]\n"},
    {"a=\"b\nc\"\nd=e", "a=[b\nc]\nd=[e]\n"},
    {"a=\"b\\xc\"", "a=[b\\xc]\n"},
    {"a=\"b\nc=d", "!1\nc=[d]\n"},
    {"a='b\nc=d\n", "!1\nc=[d]\n"},
    {"a='b' c\nd=e", "!1\nd=[e]\n"},
    {"a=''", "a=[]\n"},
    {"a=b'c", "a=[b'c]\n"},
    {"'a'=b", "a=[b]\n"},
    {"'a b'=c", "a b=[c]\n"},
    {"''=b", "!1\n"},
    {"a=\xe4\xbd\xa0\xe5\xa5\xbd", "a=[\xe4\xbd\xa0\xe5\xa5\xbd]\n"},
    {"a=b\xc2\xa0", "a=[b]\n"},
    {"a=b\xe3\x80\x80# c", "a=[b]\n"},
    {"a=1\na=2", "a=[1]\na=[2]\n"},
    {"a=x\nb=${a}y", "a=[x]\nb=[xy]\n"},
    {"b=${none}y", "b=[y]\n"},
    {"b=${none:-d}y", "b=[dy]\n"},
    {"b=${none:-}y", "b=[y]\n"},
    {"b=${none:d}y", "b=[${none:d}y]\n"},
    {"b=${}y", "b=[y]\n"},
    {"b=${a", "b=[${a]\n"},
    {"b=$a", "b=[$a]\n"},
    {"a=x\nb='${a}'", "a=[x]\nb=[x]\n"},
    {"QVL_ENV_TEST=file\nb=${QVL_ENV_TEST}", "QVL_ENV_TEST=[file]\nb=[process]\n"},
    {"a\nb=${a:-c}", "a\nb=[]\n"},
};

static struct buf transcript(struct str text)
{
    struct env_file file;
    struct buf out;
    buf_init(&out, 1 << 16);
    env_file_init(&file);
    assert_int_equal(env_file_parse(&file, ".env", text, NULL), STATUS_OK);
    if (file.bad_lines > 0)
        buf_printf(&out, "!%d\n", file.first_bad_line);
    for (size_t i = 0; i < file.count; i++)
        if (file.entries[i].value)
            buf_printf(&out, "%s=[%s]\n", file.entries[i].name, file.entries[i].value);
        else
            buf_printf(&out, "%s\n", file.entries[i].name);
    buf_puts(&out, "");
    env_file_release(&file);
    return out;
}

static void reads_as_python_dotenv(void **state)
{
    (void)state;
    setenv("QVL_ENV_TEST", "process", 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf got = transcript(str_from(cases[i].text));
        if (!str_is(buf_str(&got), cases[i].expected))
            fail_msg("%s\ngives\n%.*s\ninstead of\n%s", cases[i].text, STR_ARG(buf_str(&got)),
                     cases[i].expected);
        buf_release(&got);
    }
}

static void the_later_one_counts_and_lines_are_known(void **state)
{
    (void)state;
    struct env_file file;
    env_file_init(&file);
    const struct str text = STR("a=1\r\n\r\nb=\"x\ny\"\r\na=2\nwrong line\n");
    assert_int_equal(env_file_parse(&file, ".env", text, NULL), STATUS_OK);
    assert_string_equal(env_file_get(&file, "a"), "2");
    assert_string_equal(env_file_get(&file, "b"), "x\ny");
    assert_null(env_file_get(&file, "c"));
    assert_int_equal(file.entries[1].line, 3);
    assert_int_equal(file.entries[2].line, 5);
    assert_int_equal(file.bad_lines, 1);
    assert_int_equal(file.first_bad_line, 6);
    env_file_release(&file);
}

static void says_that_utf16_is_not_text(void **state)
{
    (void)state;
    static const struct str wrong[] = {{"\xff\xfe"
                                        "a\0=\0b\0",
                                        8},
                                       {"a=b\0", 4},
                                       {"a=\xff", 3}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct env_file file;
        struct reason why = {0};
        env_file_init(&file);
        assert_int_equal(env_file_parse(&file, "x/.env", wrong[i], &why), STATUS_INVALID);
        assert_string_equal(why.code, "env_file_not_text");
        assert_string_equal(why.subject, "x/.env");
        env_file_release(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_python_dotenv),
        cmocka_unit_test(the_later_one_counts_and_lines_are_known),
        cmocka_unit_test(says_that_utf16_is_not_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
