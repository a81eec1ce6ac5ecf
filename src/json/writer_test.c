#include "base/test.h"
#include "json/writer.h"

#include <math.h>

static void nests_and_separates(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 1 << 16);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_key(&w, "a");
    json_begin_array(&w);
    json_int(&w, -1);
    json_uint(&w, UINT64_MAX);
    json_begin_object(&w);
    json_end_object(&w);
    json_begin_array(&w);
    json_end_array(&w);
    json_end_array(&w);
    json_key(&w, "b\"");
    json_string(&w, STR("x\n\x01 你\xFF"));
    json_key(&w, "c");
    json_bool(&w, true);
    json_key(&w, "d");
    json_cstring(&w, NULL);
    json_key(&w, "e");
    json_raw(&w, STR("[0]"));
    json_end_object(&w);
    assert_string_equal(out.data, "{\"a\":[-1,18446744073709551615,{},[]],"
                                  "\"b\\\"\":\"x\\n\\u0001 你\xEF\xBF\xBD\","
                                  "\"c\":true,\"d\":null,\"e\":[0]}");
    buf_release(&out);
}

static void writes_numbers_that_come_back(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"},
        {1e300, "1e+300"},
        {-2.5, "-2.5"},
        {1.0 / 3, "0.3333333333333333"},
        {5e-324, "4.94065645841247e-324"},
        {NAN, "null"},
        {INFINITY, "null"},
        {3, "3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, 100);
        json_writer_init(&w, &out);
        json_number(&w, cases[i].value);
        assert_string_equal(out.data, cases[i].text);
        buf_release(&out);
    }
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)(unsigned)rand_r(&seed) << 34 ^
                        (uint64_t)(unsigned)rand_r(&seed) << 17 ^ (unsigned)rand_r(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        struct buf out;
        struct json_writer w;
        buf_init(&out, 100);
        json_writer_init(&w, &out);
        json_number(&w, value);
        if (isfinite(value))
            assert_true(strtod(out.data, NULL) == value);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nests_and_separates),
        cmocka_unit_test(writes_numbers_that_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
