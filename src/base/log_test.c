#include "base/log.h"
#include "base/test.h"

/* A sink that keeps what came last. */
struct kept {
    enum log_level level;
    char line[512];
};

static void keep(void *arg, enum log_level level, struct str line)
{
    struct kept *kept = arg;
    assert_true(line.len < sizeof kept->line);
    kept->level = level;
    memcpy(kept->line, line.ptr, line.len);
    kept->line[line.len] = '\0';
}

static void lines_inherit_fields(void **state)
{
    (void)state;
    struct kept kept = {0};
    struct clock_fake fake;
    clock_fake_init(&fake);
    const struct log_sink sink = {keep, &kept, LOG_INFO, LOG_JSON, &fake.clock};
    struct log root, child;
    log_root(&root, &sink);
    log_child(&child, &root);
    log_field_set(&root, "server", STR("a"));
    log_field_set(&child, "request_id", STR("req_1"));
    log_debug(&child, "not shown");
    assert_string_equal(kept.line, "");
    log_info(&child, "said %d\n\"", 5);
    assert_string_equal(kept.line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
                                   "\"message\":\"said 5\\n\\\"\",\"server\":\"a\","
                                   "\"request_id\":\"req_1\"}\n");
    assert_int_equal(kept.level, LOG_INFO);
}

static void text_lines_stay_whole(void **state)
{
    (void)state;
    struct kept kept = {0};
    struct clock_fake fake;
    clock_fake_init(&fake);
    const struct log_sink sink = {keep, &kept, LOG_INFO, LOG_TEXT, &fake.clock};
    struct log root;
    log_root(&root, &sink);
    log_field_set(&root, "path", STR("/a\nb \xFF"));
    log_warning(&root, "two\nlines\x1b[0m");
    assert_string_equal(kept.line, "1970-01-01T00:00:00.000Z warning two lines [0m"
                                   " path=\"/a\\nb \xEF\xBF\xBD\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_inherit_fields),
        cmocka_unit_test(text_lines_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
