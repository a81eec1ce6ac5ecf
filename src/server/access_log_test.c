#include "server/access_log.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"
#include "os/file.h"
#include "json/json.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct access_line usual(void)
{
    return (struct access_line){
        .wall_ms = 1795435200123,
        .request_id = "req_1",
        .peer = "127.0.0.1",
        .method = STR("POST"),
        .path = STR("/v1/chat/completions"),
        .user_agent = STR("curl/7.88.1"),
        .status = 200,
        .ms = 12.3456,
        .queue_ms = 0.25,
        .ttft_ms = 3.5,
        .bytes = 1234,
        .model = "qwen3-vl-demo",
        .prompt_tokens = 7,
        .cached_tokens = 2,
        .image_tokens = 4,
        .output_tokens = 3,
    };
}

/* What is written for a line. */
static void written(enum access_log_format format, const struct access_line *line, struct buf *out)
{
    char path[] = "/tmp/qvl-access-XXXXXX";
    close(mkstemp(path));
    struct log_file *file;
    assert_int_equal(log_file_open(path, &file, NULL), STATUS_OK);
    access_log_write(&(struct access_log){file, format}, line);
    log_file_close(file, 5000);
    buf_init(out, 1 << 20);
    assert_int_equal(file_read(path, out, NULL), STATUS_OK);
    unlink(path);
}

static void assert_line(enum access_log_format format, const struct access_line *line,
                        const char *wanted)
{
    struct buf out;
    written(format, line, &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void test_json(void **state)
{
    (void)state;
    struct access_line line = usual();
    assert_line(ACCESS_LOG_JSON, &line,
                "{\"time\":\"2026-11-23T12:00:00.123Z\",\"request_id\":\"req_1\","
                "\"client\":\"127.0.0.1\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\","
                "\"status\":200,\"ms\":12.346,\"queue_ms\":0.25,\"ttft_ms\":3.5,\"bytes\":1234,"
                "\"model\":\"qwen3-vl-demo\",\"prompt_tokens\":7,\"cached_tokens\":2,"
                "\"image_tokens\":4,\"output_tokens\":3,"
                "\"user_agent\":\"curl/7.88.1\"}\n");
    line.status = 404;
    line.code = "route_not_found";
    line.ttft_ms = -1;
    line.model = "";
    line.prompt_tokens = line.output_tokens = 0;
    line.user_agent = (struct str){0};
    assert_line(ACCESS_LOG_JSON, &line,
                "{\"time\":\"2026-11-23T12:00:00.123Z\",\"request_id\":\"req_1\","
                "\"client\":\"127.0.0.1\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\","
                "\"status\":404,\"code\":\"route_not_found\",\"ms\":12.346,\"bytes\":1234,"
                "\"user_agent\":\"\"}\n");
}

static void test_combined(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    struct access_line line = usual();
    assert_line(ACCESS_LOG_COMBINED, &line,
                "127.0.0.1 - - [23/Nov/2026:12:00:00 +0000] \"POST /v1/chat/completions "
                "HTTP/1.1\" 200 1234 \"-\" \"curl/7.88.1\"\n");
    line.path = STR("/\"\\\n\x7f\xe4");
    line.user_agent = STR("a\"b\\c\r\nd\te\x80");
    assert_line(ACCESS_LOG_COMBINED, &line,
                "127.0.0.1 - - [23/Nov/2026:12:00:00 +0000] \"POST /\\x22\\x5C\\x0A\\x7F\\xE4 "
                "HTTP/1.1\" 200 1234 \"-\" \"a\\x22b\\x5Cc\\x0D\\x0Ad\\x09e\\x80\"\n");
}

/* Whatever a client sends: one line, and JSON. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char text[] = {'<', (char)c, (char)c, '>'};
        struct access_line line = usual();
        line.user_agent = line.path = line.method = (struct str){text, sizeof text};
        for (int format = ACCESS_LOG_JSON; format <= ACCESS_LOG_COMBINED; format++) {
            struct buf out;
            written((enum access_log_format)format, &line, &out);
            assert_int_equal(out.data[out.len - 1], '\n');
            assert_ptr_equal(memchr(out.data, '\n', out.len), out.data + out.len - 1);
            struct arena arena;
            struct json *root;
            arena_init(&arena, 1 << 20);
            if (format == ACCESS_LOG_JSON)
                assert_int_equal(
                    json_parse(out.data, out.len, (struct json_limits){0}, &arena, &root, NULL),
                    STATUS_OK);
            arena_release(&arena);
            buf_release(&out);
        }
    }
}

/* Long texts are cut, also inside a character, and the line stays whole. */
static void test_long_texts(void **state)
{
    (void)state;
    static char text[8192];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 <= sizeof text; i += 3)
            memcpy(text + i, "\xe4\xbd\xa0", 3);
        struct access_line line = usual();
        line.path = line.user_agent = (struct str){text, sizeof text - 8};
        for (int format = ACCESS_LOG_JSON; format <= ACCESS_LOG_COMBINED; format++) {
            struct buf out;
            written((enum access_log_format)format, &line, &out);
            assert_in_range(out.len, 2000, 10000);
            struct arena arena;
            struct json *root;
            arena_init(&arena, 1 << 20);
            if (format == ACCESS_LOG_JSON)
                assert_int_equal(
                    json_parse(out.data, out.len, (struct json_limits){0}, &arena, &root, NULL),
                    STATUS_OK);
            arena_release(&arena);
            buf_release(&out);
        }
    }
}

static void test_off(void **state)
{
    (void)state;
    const struct access_line line = usual();
    access_log_write(&(struct access_log){NULL, ACCESS_LOG_JSON}, &line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),       cmocka_unit_test(test_combined),
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
