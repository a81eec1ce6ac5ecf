#include "base/log.h"
#include "base/test.h"

#include <unistd.h>

/* Logs into a pipe and returns what came out. */
static void read_line(int fd, char *out, size_t size)
{
    const ssize_t n = read(fd, out, size - 1);
    assert_true(n > 0);
    out[n] = '\0';
}

static void lines_inherit_fields(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct clock_fake fake;
    clock_fake_init(&fake);
    const struct log_sink sink = {fds[1], LOG_INFO, LOG_JSON, &fake.clock};
    struct log root, child;
    log_root(&root, &sink);
    log_child(&child, &root);
    log_field_set(&root, "server", STR("a"));
    log_field_set(&child, "request_id", STR("req_1"));
    log_debug(&child, "not shown");
    log_info(&child, "said %d\n\"", 5);
    char line[512];
    read_line(fds[0], line, sizeof line);
    assert_string_equal(line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\","
                              "\"message\":\"said 5\\n\\\"\",\"server\":\"a\","
                              "\"request_id\":\"req_1\"}\n");
    close(fds[0]);
    close(fds[1]);
}

static void text_lines_stay_whole(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct clock_fake fake;
    clock_fake_init(&fake);
    const struct log_sink sink = {fds[1], LOG_INFO, LOG_TEXT, &fake.clock};
    struct log root;
    log_root(&root, &sink);
    log_field_set(&root, "path", STR("/a\nb \xFF"));
    log_warning(&root, "two\nlines\x1b[0m");
    char line[512];
    read_line(fds[0], line, sizeof line);
    assert_string_equal(line, "1970-01-01T00:00:00.000Z warning two lines [0m"
                              " path=\"/a\\nb \xEF\xBF\xBD\"\n");
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_inherit_fields),
        cmocka_unit_test(text_lines_stay_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
