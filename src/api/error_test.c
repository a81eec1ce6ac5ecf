#include "api/error.h"
#include "base/test.h"
#include "base/utf8.h"
#include "json/json.h"

/* The published contract: statuses, types and codes as clients know them. A row here and one in
 * errors.def change together, or not at all. */
static const struct {
    int status;
    const char *type, *codes;
} contract[] = {
    {400, "invalid_request_error",
     "bad_request invalid_json missing_field invalid_type invalid_value unknown_content_part "
     "unknown_role context_length_exceeded invalid_data_url invalid_image unsupported_image "
     "image_dns_failed image_connect_failed image_tls_failed image_http_status image_timeout "
     "image_too_large image_not_an_image image_address_blocked image_scheme_not_supported "
     "image_redirects image_fetch_disabled invalid_video invalid_schema"},
    {401, "authentication_error",
     "missing_api_key invalid_auth_scheme malformed_api_key invalid_api_key expired_api_key "
     "revoked_api_key invalid_jwt expired_jwt jwt_not_yet_valid"},
    {403, "permission_error",
     "ip_not_allowed key_ip_not_allowed missing_header header_value_not_allowed "
     "model_not_allowed feature_not_allowed admin_only"},
    {404, "invalid_request_error", "route_not_found model_not_found"},
    {405, "invalid_request_error", "method_not_allowed"},
    {408, "invalid_request_error", "request_timeout"},
    {413, "invalid_request_error", "body_too_large"},
    {414, "invalid_request_error", "uri_too_long"},
    {415, "invalid_request_error", "unsupported_media_type"},
    {417, "invalid_request_error", "expectation_failed"},
    {431, "invalid_request_error", "headers_too_large"},
    {429, "rate_limit_error",
     "rate_limit_exceeded token_limit_exceeded concurrency_limit_exceeded quota_exceeded "
     "too_many_failures"},
    {499, "server_error", "client_closed"},
    {500, "server_error", "internal_error"},
    {501, "invalid_request_error", "not_implemented"},
    {502, "upstream_error",
     "upstream_dns_failed upstream_refused upstream_reset upstream_tls_failed "
     "upstream_invalid_response upstream_auth_failed upstream_error"},
    {503, "server_error",
     "model_loading queue_full memory_full draining upstream_none_healthy upstream_unavailable "
     "too_many_connections"},
    {504, "upstream_error",
     "upstream_connect_timeout upstream_first_byte_timeout upstream_idle_timeout "
     "request_deadline"},
    {505, "invalid_request_error", "http_version_not_supported"},
};

static void keeps_the_contract(void **state)
{
    (void)state;
    size_t promised = 0, count;
    for (size_t i = 0; i < ARRAY_LEN(contract); i++) {
        char codes[1000], *rest;
        snprintf(codes, sizeof codes, "%s", contract[i].codes);
        for (char *code = strtok_r(codes, " ", &rest); code; code = strtok_r(NULL, " ", &rest)) {
            const struct error_row *row = error_find(code);
            if (strcmp(row->code, code) != 0)
                fail_msg("%s has no row", code);
            if (row->status != contract[i].status || strcmp(row->type, contract[i].type) != 0)
                fail_msg("%s: %d %s", code, row->status, row->type);
            promised++;
        }
    }
    error_rows(&count);
    assert_int_equal(count, promised);
}

static bool has_han(const char *text)
{
    for (size_t i = 0, len = strlen(text); i < len;) {
        const struct utf8_step step = utf8_decode(text + i, len - i);
        if (step.code >= 0x4E00 && step.code <= 0x9FFF)
            return true;
        i += step.len;
    }
    return false;
}

static void speaks_both_languages(void **state)
{
    (void)state;
    size_t count;
    const struct error_row *rows = error_rows(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].code, rows[k].code);
        for (enum lang lang = 0; lang < LANG_COUNT; lang++) {
            const char *title = rows[i].title[lang];
            assert_true(strlen(title) > 5);
            assert_int_equal(utf8_valid_prefix(title, strlen(title)), strlen(title));
        }
        if (has_han(rows[i].title[LANG_EN]) || !has_han(rows[i].title[LANG_ZH]))
            fail_msg("%s: languages mixed", rows[i].code);
    }
}

/* A client that obeys x-should-retry must not repeat what cannot pass, nor give up on what can. */
static void says_what_may_pass_later(void **state)
{
    (void)state;
    size_t count;
    const struct error_row *rows = error_rows(&count);
    for (size_t i = 0; i < count; i++) {
        const int status = rows[i].status;
        const bool permanent = strcmp(rows[i].code, "quota_exceeded") == 0 ||
                               strcmp(rows[i].code, "upstream_auth_failed") == 0 || status == 501 ||
                               status == 505;
        const bool later = status == 408 || status == 429 || status >= 500;
        if (rows[i].retryable != (later && !permanent))
            fail_msg("%s: retryable is %d", rows[i].code, rows[i].retryable);
    }
}

static void takes_unknown_codes_for_our_mistake(void **state)
{
    (void)state;
    static const char *const codes[] = {NULL, "", "no_such_code", "INVALID_JSON", "invalid_jso"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_string_equal(error_find(codes[i])->code, "internal_error");
}

/* The members in order: strings, or null where `values` has NULL. */
static void check_error(struct str text, const char *const values[7])
{
    static const char *const keys[] = {"message",    "type", "param", "code",
                                       "request_id", "hint", "docs"};
    struct arena arena;
    struct json *root;
    struct reason why;
    char *copy = strndup(text.ptr, text.len);
    arena_init(&arena, 1 << 20);
    if (json_parse(copy, text.len, (struct json_limits){0}, &arena, &root, &why))
        fail_msg("%s: %.*s", why.message[LANG_EN], STR_ARG(text));
    assert_int_equal(root->count, 1);
    const struct json *error = json_get(root, "error");
    assert_int_equal(error->count, ARRAY_LEN(keys));
    size_t i = 0;
    JSON_EACH(member, error) {
        assert_true(str_is(member->key, keys[i]));
        if (!values[i])
            assert_int_equal(member->type, JSON_NULL);
        else if (!json_is(member, JSON_STRING) || !str_is(member->text, values[i]))
            fail_msg("%s: %.*s", keys[i], STR_ARG(member->text));
        i++;
    }
    arena_release(&arena);
    free(copy);
}

static void writes_every_row(void **state)
{
    (void)state;
    size_t count;
    const struct error_row *rows = error_rows(&count);
    for (size_t i = 0; i < count; i++)
        for (enum lang lang = 0; lang < LANG_COUNT; lang++) {
            struct buf out;
            char docs[100];
            const struct reason why = {.code = rows[i].code};
            buf_init(&out, 1 << 16);
            error_write(&out, &why, lang, NULL);
            snprintf(docs, sizeof docs, "docs/errors.md#%s", rows[i].code);
            check_error(buf_str(&out), (const char *const[]){rows[i].title[lang], rows[i].type,
                                                             NULL, rows[i].code, NULL, NULL, docs});
            buf_release(&out);
        }
}

static struct reason full_reason(void)
{
    struct reason why;
    reason_set(&why, "invalid_value", "\"%s\" is\nwrong.", "“%s” 的值\n不对。", "x");
    reason_hint(&why, "Write \"y\".", "请写 \"y\"。");
    reason_subject(&why, "messages[%d].role", 3);
    return why;
}

static void writes_what_the_reason_says(void **state)
{
    (void)state;
    const struct reason why = full_reason();
    struct buf out;
    buf_init(&out, 1 << 16);
    error_write(&out, &why, LANG_EN, "req_1");
    check_error(buf_str(&out),
                (const char *const[]){"\"x\" is?wrong.", "invalid_request_error",
                                      "messages[3].role", "invalid_value", "req_1", "Write \"y\".",
                                      "docs/errors.md#invalid_value"});
    buf_clear(&out);
    error_write(&out, &why, LANG_ZH, "req_1");
    check_error(buf_str(&out),
                (const char *const[]){"“x” 的值?不对。", "invalid_request_error",
                                      "messages[3].role", "invalid_value", "req_1", "请写 \"y\"。",
                                      "docs/errors.md#invalid_value"});
    buf_release(&out);
}

static void writes_an_event_of_one_line(void **state)
{
    (void)state;
    const struct reason why = full_reason();
    struct buf out, plain;
    buf_init(&out, 1 << 16);
    buf_init(&plain, 1 << 16);
    error_write(&plain, &why, LANG_EN, "req_1");
    error_write_event(&out, &why, LANG_EN, "req_1");
    const struct str event = buf_str(&out);
    assert_true(str_starts(event, "data: ") && str_ends(event, "\n\n"));
    assert_true(str_eq(str_slice(event, 6, event.len - 2), buf_str(&plain)));
    assert_null(memchr(plain.data, '\n', plain.len));
    buf_release(&out);
    buf_release(&plain);
}

/* What comes from a request may be any bytes: the error stays JSON. */
static void survives_ill_formed_text(void **state)
{
    (void)state;
    struct reason why;
    reason_set(&why, "invalid_value", "%s", "%s", "a\xFF\x01 b");
    reason_subject(&why, "%s", "\xC3");
    struct buf out;
    buf_init(&out, 1 << 16);
    error_write(&out, &why, LANG_EN, "r");
    check_error(buf_str(&out),
                (const char *const[]){"a\xEF\xBF\xBD? b", "invalid_request_error", "\xEF\xBF\xBD",
                                      "invalid_value", "r", NULL, "docs/errors.md#invalid_value"});
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_contract),
        cmocka_unit_test(speaks_both_languages),
        cmocka_unit_test(says_what_may_pass_later),
        cmocka_unit_test(takes_unknown_codes_for_our_mistake),
        cmocka_unit_test(writes_every_row),
        cmocka_unit_test(writes_what_the_reason_says),
        cmocka_unit_test(writes_an_event_of_one_line),
        cmocka_unit_test(survives_ill_formed_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
