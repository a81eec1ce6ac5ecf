#include "base/buf.h"
#include "base/test.h"

static void never_passes_its_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 300; max++) {
        struct buf buf;
        buf_init(&buf, max);
        size_t expected = 0;
        for (size_t piece = 1; !buf.failed; piece++) {
            char bytes[400] = {0};
            buf_add(&buf, bytes, piece);
            if (!buf.failed)
                expected += piece;
            assert_int_equal(buf.len, expected);
            assert_true(buf.len <= max);
        }
        buf_puts(&buf, "x"); /* failed stays */
        assert_int_equal(buf.len, expected);
        buf_clear(&buf);
        assert_false(buf.failed);
        buf_release(&buf);
    }
}

static void formats_and_consumes(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_printf(&buf, "%s-%d", "abc", 42);
    buf_putc(&buf, '!');
    assert_string_equal(buf.data, "abc-42!");
    buf_consume(&buf, 4);
    assert_string_equal(buf.data, "42!");
    buf_consume(&buf, 100);
    assert_int_equal(buf.len, 0);
    buf_puts(&buf, "kept");
    char *text = buf_detach(&buf);
    assert_string_equal(text, "kept");
    assert_null(buf.data);
    free(text);
    buf_release(&buf);
}

static void formats_up_to_the_last_byte(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 6);
    buf_printf(&buf, "%s", "123456");
    assert_false(buf.failed);
    assert_string_equal(buf.data, "123456");
    buf_printf(&buf, "%s", "7");
    assert_true(buf.failed);
    buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_passes_its_maximum),
        cmocka_unit_test(formats_and_consumes),
        cmocka_unit_test(formats_up_to_the_last_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
