#include "base/test.h"
#include "config/flags.h"
#include "config/table_test.h"

static const char *const others[] = {"config=", "lang=", "help", NULL};

struct parsed {
    char words[16][64];
    char *argv[17];
    int argc;
    struct settings_flags flags;
    struct reason why;
    enum status status;
};

/* The command line is "qvl" and the words between blanks. */
static void parse(struct parsed *p, const char *line)
{
    *p = (struct parsed){.argc = 1};
    strcpy(p->words[0], "qvl");
    p->argv[0] = p->words[0];
    while (*line) {
        const size_t len = strcspn(line, " ");
        memcpy(p->words[p->argc], line, len);
        p->argv[p->argc] = p->words[p->argc];
        p->argc++;
        line += len + (line[len] == ' ');
    }
    p->status = settings_flags_parse(&sample_table, &p->argc, p->argv, others, &p->flags, &p->why);
}

/* What was taken as "path=value …", and what was left. */
static const struct {
    const char *line, *taken, *rest;
} right[] = {
    {"", "", "qvl"},
    {"one two", "", "qvl one two"},
    {"--a.workers 3", "a.workers=3", "qvl"},
    {"--a.workers=3", "a.workers=3", "qvl"},
    {"--a.workers=", "a.workers=", "qvl"},
    {"one --a.workers 3 two", "a.workers=3", "qvl one two"},
    {"--a.loud", "a.loud=true", "qvl"},
    {"--loud one", "a.loud=true", "qvl one"},
    {"--no-loud", "a.loud=false", "qvl"},
    {"--no-a.loud one", "a.loud=false", "qvl one"},
    {"--a.loud=no", "a.loud=no", "qvl"},
    {"--a.asked false", "a.asked=false", "qvl"},
    {"--no-a.asked true", "a.asked=false", "qvl true"},
    {"--text.names a --text.names b,c", "text.names=a text.names=b,c", "qvl"},
    {"--host 1.2.3.4 --port=5", "listen=1.2.3.4 listen=5", "qvl"},
    {"-q --config f --a.workers 1 -v", "a.workers=1", "qvl -q --config f -v"},
    {"--config=f --lang", "", "qvl --config=f --lang"},
    {"--config --a.workers --help", "", "qvl --config --a.workers --help"},
    {"--a.workers 1 -- --a.workers 2", "a.workers=1", "qvl -- --a.workers 2"},
    {"--text.title --help", "text.title=--help", "qvl"},
    {"-", "", "qvl -"},
};

static void takes_the_settings_and_leaves_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct parsed p;
        struct buf taken, rest;
        buf_init(&taken, 4096);
        buf_init(&rest, 4096);
        parse(&p, right[i].line);
        if (p.status)
            fail_msg("%s: %s", right[i].line, p.why.message[LANG_EN]);
        for (size_t k = 0; k < p.flags.count; k++)
            buf_printf(&taken, "%s%s=%s", k ? " " : "", p.flags.items[k].flag.row->path,
                       p.flags.items[k].value);
        for (int k = 0; k < p.argc; k++)
            buf_printf(&rest, "%s%s", k ? " " : "", p.argv[k]);
        if (!str_is(buf_str(&taken), right[i].taken) || !str_is(buf_str(&rest), right[i].rest))
            fail_msg("%s: took %.*s, left %.*s", right[i].line, STR_ARG(buf_str(&taken)),
                     STR_ARG(buf_str(&rest)));
        assert_null(p.argv[p.argc]);
        buf_release(&taken);
        buf_release(&rest);
        settings_flags_release(&p.flags);
    }
}

static const struct {
    const char *line, *code, *subject, *message, *hint;
} wrong[] = {
    {"--a.wrokers 1", "config_unknown_setting", "--a.wrokers", "no option --a.wrokers",
     "--a.workers?"},
    {"--prot 1", "config_unknown_setting", "--prot", "no option --prot", "--port?"},
    {"--confg f", "config_unknown_setting", "--confg", "no option --confg", "--config?"},
    {"--lould", "config_unknown_setting", "--lould", "no option", "--loud?"},
    {"--xyzzy=1", "config_unknown_setting", "--xyzzy", "no option --xyzzy", ""},
    {"--no-a.workers", "config_unknown_setting", "--no-a.workers", "no option", ""},
    {"--upstreams x", "config_unknown_setting", "--upstreams", "no option --upstreams", ""},
    {"--=1", "config_unknown_setting", "--", "no option", ""},
    {"--a.workers", "config_invalid_value", "--a.workers", "--a.workers needs a value", ""},
    {"--no-loud=true", "config_invalid_value", "--no-loud", "takes no value", ""},
};

static void says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct parsed p;
        parse(&p, wrong[i].line);
        if (!p.status || strcmp(p.why.code, wrong[i].code) != 0 ||
            strcmp(p.why.subject, wrong[i].subject) != 0 ||
            !strstr(p.why.message[LANG_EN], wrong[i].message) ||
            !strstr(p.why.hint[LANG_EN], wrong[i].hint))
            fail_msg("%s: %d %s %s", wrong[i].line, p.status, p.why.message[LANG_EN],
                     p.why.hint[LANG_EN]);
        settings_flags_release(&p.flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_settings_and_leaves_the_rest),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
