#include "base/test.h"
#include "kernels/tile.h"

enum { COLS = 768, BYTES_MAX = TILE_ROWS * COLS * 2 };

/* Rows that are missing are as rows of zeros: the slow way and the fast way make the same tiles. */
static void short_strips_are_as_if_filled_with_zeros(void **state)
{
    (void)state;
    static uint8_t blocks[BYTES_MAX], full[BYTES_MAX], part[BYTES_MAX];
    for (enum dtype dtype = DTYPE_PLAIN_COUNT; dtype < DTYPE_COUNT; dtype++) {
        if (!tile_supports(dtype, COLS))
            continue;
        const size_t bytes = tile_strip_bytes(dtype, COLS), row = bytes / TILE_ROWS;
        assert_true(bytes <= BYTES_MAX);
        for (size_t i = 0; i < bytes; i++)
            blocks[i] = (uint8_t)(i * 2654435761U >> 13);
        for (uint32_t rows = TILE_ROWS; rows > 0; rows--) {
            struct matrix w = {.data = blocks, .dtype = dtype, .rows = TILE_ROWS, .cols = COLS};
            memset(blocks + rows * row, 0, bytes - rows * row);
            memset(full, 1, bytes);
            tile_pack_strip(full, &w, 0);
            w.rows = rows;
            memset(part, 2, bytes);
            tile_pack_strip(part, &w, 0);
            assert_memory_equal(full, part, bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(short_strips_are_as_if_filled_with_zeros)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
