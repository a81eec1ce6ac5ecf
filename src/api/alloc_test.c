/* Every allocation on the way of a request fails once: what fails says memory_full, and nothing
 * leaks. */
#include "api/chat_request.h"
#include "api/chat_response.h"
#include "api/completion_request.h"
#include "api/completion_response.h"
#include "api/data_url.h"
#include "api/error.h"
#include "api/tokenize_request.h"
#include "base/failing_alloc_test.h"
#include "base/test.h"
#include "json/json.h"

static bool read_body(const void *text)
{
    struct arena arena;
    struct json *root;
    struct reason why;
    char bytes[4096];
    const size_t len = strlen(text);
    memcpy(bytes, text, len);
    arena_init(&arena, 1 << 20);
    const enum status status = json_parse(bytes, len, (struct json_limits){0}, &arena, &root, &why);
    if (status) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_string_equal(why.code, "memory_full");
    }
    arena_release(&arena);
    return status == STATUS_OK;
}

static bool read_url(const void *url)
{
    struct buf out;
    struct reason why;
    buf_init(&out, 1 << 20);
    const enum status status = data_url_decode(str_from(url), &out, &why);
    if (status) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_string_equal(why.code, "memory_full");
        assert_int_equal(out.len, 0);
    }
    buf_release(&out);
    return status == STATUS_OK;
}

/* From the bytes of a body to each kind of request; the tables beside it. */
static bool parse_bodies(const void *text)
{
    struct arena arena;
    struct json *root;
    struct reason why;
    struct chat_request chat;
    struct completion_request completion;
    struct tokenize_request tokenize;
    struct detokenize_request detokenize;
    const char *ignored;
    char bytes[4096];
    memcpy(bytes, text, strlen(text));
    arena_init(&arena, 1 << 20);
    enum status status =
        json_parse(bytes, strlen(text), (struct json_limits){0}, &arena, &root, &why);
    if (!status)
        status = field_unknown_list(root, detokenize_tables, &arena, &ignored, &why);
    if (!status)
        status = chat_request_parse(root, &arena, &chat, &why);
    if (!status)
        status = completion_request_parse(root, &arena, &completion, &why);
    if (!status)
        status = detokenize_request_parse(root, &arena, &detokenize, &why);
    if (!status && tokenize_request_parse(root, &arena, &tokenize, &why) == STATUS_NO_MEMORY)
        status = STATUS_NO_MEMORY;
    if (status)
        assert_string_equal(why.code, "memory_full");
    arena_release(&arena);
    return status == STATUS_OK;
}

static bool read_item(const void *arg, size_t token, uint32_t item, struct str *bytes,
                      double *logprob)
{
    (void)arg;
    (void)token;
    *bytes = STR("\xE4\xBD");
    *logprob = -1;
    return item < 2;
}

static bool write_text_answer(const void *unused)
{
    (void)unused;
    struct buf out;
    const struct answer_head head = {"cmpl-1", STR("m"), 1, "fp", true};
    const struct answer_usage usage = {1, 2, 3, 4, 0};
    const struct completion_text text = {
        .text = STR("t"), .end = {"stop", {0}, 7}, .logprobs = {20, read_item, "arg"}};
    buf_init(&out, 1 << 20);
    completion_response_write(&out, &head, &text, 1, &usage);
    completion_chunk(&out, &head, &text);
    completion_chunk_usage(&out, &head, &usage);
    const bool ok = !out.failed;
    buf_release(&out);
    return ok;
}

static bool write_answer(const void *unused)
{
    (void)unused;
    struct buf out;
    const struct answer_head head = {"chatcmpl-1", STR("m"), 1, "fp", true};
    const struct answer_usage usage = {1, 2, 3, 4, 0};
    const struct answer_ids ids = {(const int32_t[]){1, 2, 3}, 3};
    struct answer_delta delta;
    answer_delta_init(&delta, 1 << 20);
    buf_puts(&delta.content, "a long enough answer");
    struct answer_call *call = answer_delta_call(&delta, 0);
    if (call)
        buf_puts(&call->arguments, "{}");
    const struct chat_answer answer = {.parts = &delta, .end = {"stop", {0}, -1}, .ids = ids};
    buf_init(&out, 1 << 20);
    chat_response_write(&out, &head, &answer, 1, ids, &usage);
    chat_chunk_role(&out, &head, 0, ids);
    chat_chunk_usage(&out, &head, &usage);
    const bool ok = !out.failed && !answer_delta_failed(&delta);
    buf_release(&out);
    answer_delta_release(&delta);
    return ok;
}

static bool write_error(const void *unused)
{
    (void)unused;
    struct buf out;
    const struct reason why = {.code = "memory_full"};
    buf_init(&out, 1 << 20);
    error_write_event(&out, &why, LANG_ZH, "req_1");
    const bool ok = !out.failed;
    buf_release(&out);
    return ok;
}

static void gives_up_cleanly(void **state)
{
    (void)state;
    char body[2048] = "[";
    for (int i = 0; i < 500; i++)
        strcat(body, "[],");
    strcat(body, "{}]");
    assert_true(failing_alloc_each(read_body, body) >= 2);
    assert_int_equal(failing_alloc_each(read_url, "data:;base64,Zm9vYmE="), 1);
    assert_true(failing_alloc_each(read_url, "data:,foobar%20foobar%20foobar%20foobar%20foobar%20"
                                             "foobar%20foobar%20foobar%20foobar%20foobar") >= 2);
    assert_true(failing_alloc_each(write_answer, NULL) >= 4);
    assert_true(failing_alloc_each(write_error, NULL) >= 2);
    assert_true(failing_alloc_each(write_text_answer, NULL) >= 4);
    assert_true(
        failing_alloc_each(parse_bodies,
                           "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                           "\"type\":\"image\",\"image\":\"u\"},{\"type\":\"video\",\"video\":["
                           "\"v\"]}]}],\"bad_words\":[\"x\"],\"stop_token_ids\":[1],"
                           "\"logit_bias\":{\"1\":1},\"foo\":1,\"prompt\":[[1],[2]],"
                           "\"tokens\":[1,2]}") >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_up_cleanly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
