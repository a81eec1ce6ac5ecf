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

static void blocks_come_back(void **state)
{
    (void)state;
    static uint8_t blocks[BYTES_MAX], tiles[2 * BYTES_MAX];
    const uint32_t rows = TILE_ROWS + 3; /* a second strip, not full */
    for (enum dtype dtype = DTYPE_PLAIN_COUNT; dtype < DTYPE_COUNT; dtype++) {
        if (!tile_supports(dtype, COLS / 3))
            continue;
        const size_t bytes = tile_strip_bytes(dtype, COLS / 3), block = dtype_info(dtype)->bytes;
        for (size_t i = 0; i < BYTES_MAX; i++)
            blocks[i] = (uint8_t)(i * 2654435761U >> 13);
        const struct matrix w = {
            .data = blocks, .dtype = dtype, .rows = rows, .cols = COLS / 3, .tiles = tiles};
        tile_pack_strip(tiles, &w, 0);
        tile_pack_strip(tiles + bytes, &w, 1);
        assert_true(block <= TILE_BLOCK_BYTES_MAX);
        for (size_t i = 0; i < rows * matrix_row_bytes(&w) / block; i++) {
            const size_t in_row = matrix_row_bytes(&w) / block;
            uint8_t back[TILE_BLOCK_BYTES_MAX];
            tile_block(&w, i / in_row, i % in_row, back);
            assert_memory_equal(back, blocks + i * block, block);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_strips_are_as_if_filled_with_zeros),
        cmocka_unit_test(blocks_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
