#include "model/bpe.h"

#include "base/test.h"

enum { ALPHABET = 3, MERGES_MAX = 60, WORD_MAX = 3000 };

static uint32_t random_state = 1;

static uint32_t below(uint32_t n)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * n >> 32);
}

/* A table of merges over a few letters. Each makes a new token, as in a trained vocabulary, or
 * (`strange`) the rows stand in any order and may make a token that is there already. */
static size_t make_merges(struct bpe_merge *merges, bool strange)
{
    const size_t count = 1 + below(MERGES_MAX - 1);
    for (size_t i = 0; i < count; i++) {
        const uint32_t known = ALPHABET + (uint32_t)i;
        merges[i].left = (int32_t)below(known);
        merges[i].right = (int32_t)below(known);
        merges[i].merged = (int32_t)known;
        if (strange && below(4) == 0)
            merges[i].merged = ALPHABET + (int32_t)below((uint32_t)i + 1);
    }
    for (size_t i = 0; strange && i < count; i++) {
        const size_t other = below((uint32_t)count);
        const struct bpe_merge kept = merges[i];
        merges[i] = merges[other];
        merges[other] = kept;
    }
    return count;
}

static size_t rank_of(const struct bpe_merge *merges, size_t count, const int32_t *pair)
{
    size_t i = 0;
    while (i < count && (merges[i].left != pair[0] || merges[i].right != pair[1]))
        i++;
    return i;
}

/* The definition: the lowest rank first, of equal ones the leftmost. */
static size_t encode_plainly(const struct bpe_merge *merges, size_t count, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best = count, at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            const size_t rank = rank_of(merges, count, ids + i);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == count)
            return n;
        ids[at] = merges[best].merged;
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

static void check_word(const struct bpe *bpe, const struct bpe_merge *merges, size_t merge_count,
                       size_t n)
{
    static char word[WORD_MAX];
    static int32_t expected[WORD_MAX], ids[WORD_MAX];
    const uint32_t letters = 1 + below(ALPHABET);
    for (size_t i = 0; i < n; i++) {
        word[i] = (char)('a' + below(letters));
        expected[i] = word[i] - 'a';
    }
    const size_t expected_count = encode_plainly(merges, merge_count, expected, n);
    size_t count;
    assert_int_equal(bpe_encode(bpe, (struct str){word, n}, ids, &count, NULL), STATUS_OK);
    assert_int_equal(count, expected_count);
    assert_memory_equal(ids, expected, count * sizeof *ids);
}

static void merges_the_lowest_rank_leftmost_first(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct bpe_merge merges[MERGES_MAX];
        int32_t byte_ids[256] = {0};
        const size_t count = make_merges(merges, round % 2);
        for (int i = 0; i < ALPHABET; i++)
            byte_ids['a' + i] = i;
        struct bpe *bpe;
        assert_int_equal(bpe_create(merges, count, byte_ids, &bpe, NULL), STATUS_OK);
        for (size_t n = 0; n < 24; n++)
            check_word(bpe, merges, count, n);
        check_word(bpe, merges, count, 192); /* the two ways meet here */
        check_word(bpe, merges, count, 193);
        check_word(bpe, merges, count, 200 + below(300));
        bpe_destroy(bpe);
    }
}

/* Quadratic work would take minutes. */
static void long_words_take_linear_time(void **state)
{
    (void)state;
    static const struct bpe_merge doubling[] = {{0, 0, 1}, {1, 1, 2}, {2, 2, 3}, {3, 3, 4}};
    const int32_t byte_ids[256] = {0};
    const size_t n = 4 << 20;
    char *word = malloc(n);
    int32_t *ids = malloc(n * sizeof *ids);
    struct bpe *bpe;
    size_t count;
    assert_non_null(word);
    assert_non_null(ids);
    memset(word, 'a', n);
    assert_int_equal(bpe_create(doubling, ARRAY_LEN(doubling), byte_ids, &bpe, NULL), STATUS_OK);
    assert_int_equal(bpe_encode(bpe, (struct str){word, n}, ids, &count, NULL), STATUS_OK);
    assert_int_equal(count, n / 16);
    bpe_destroy(bpe);
    free(ids);
    free(word);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_the_lowest_rank_leftmost_first),
        cmocka_unit_test(long_words_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
