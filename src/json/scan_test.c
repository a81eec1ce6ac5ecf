#include "base/test.h"
#include "json/scan.h"

/* Every byte value at every place of buffers around the vector widths. */
static void equals_the_portable_version(void **state)
{
    (void)state;
    char bytes[200];
    for (size_t len = 0; len <= 140; len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c += 1 + (int)(len % 3)) {
                memset(bytes, 'a', sizeof bytes);
                bytes[at] = (char)c;
                assert_int_equal(scan_plain(bytes, len), scan_plain_portable(bytes, len));
            }
}

static void stops_at_what_is_not_plain(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char bytes[80];
        memset(bytes, ' ', sizeof bytes);
        bytes[70] = (char)c;
        const int plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        assert_int_equal(scan_plain(bytes, sizeof bytes), plain ? 80 : 70);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_portable_version),
        cmocka_unit_test(stops_at_what_is_not_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
