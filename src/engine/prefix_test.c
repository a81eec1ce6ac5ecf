#include "engine/prefix.h"

#include "base/test.h"
#include "engine/prefix_index.h"

#include <string.h>

enum { N = 4 };

static const struct prefix_token TOKENS[2 * N] = {
    {10, {0, 0, 0}}, {11, {1, 1, 1}}, {12, {2, 2, 2}}, {13, {3, 3, 3}},
    {14, {4, 4, 4}}, {15, {5, 5, 5}}, {16, {6, 6, 6}}, {17, {7, 7, 7}},
};

/* The digest of the second page of two. */
static struct digest chain(uint64_t seed, const struct prefix_token *tokens,
                           const struct segment *segments, size_t count)
{
    struct prefix prefix;
    assert_false(prefix_init(&prefix, seed, 2, NULL));
    prefix_add(&prefix, tokens, 0, N, segments, count);
    prefix_add(&prefix, tokens + N, N, N, segments, count);
    const struct digest digest = prefix.pages[1];
    prefix_release(&prefix);
    return digest;
}

static bool same(struct digest a, struct digest b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void everything_before_counts(void **state)
{
    (void)state;
    const struct digest plain = chain(0, TOKENS, NULL, 0);
    assert_true(same(plain, chain(0, TOKENS, NULL, 0)));
    assert_false(same(plain, chain(1, TOKENS, NULL, 0)));
    for (size_t i = 0; i < 2 * N; i++) {
        struct prefix_token changed[2 * N];
        memcpy(changed, TOKENS, sizeof changed);
        changed[i].id++;
        assert_false(same(plain, chain(0, changed, NULL, 0)));
        for (size_t axis = 0; axis < 3; axis++) {
            memcpy(changed, TOKENS, sizeof changed);
            changed[i].position[axis]++;
            assert_false(same(plain, chain(0, changed, NULL, 0)));
        }
    }
}

static void pictures_count_from_their_first_token(void **state)
{
    (void)state;
    struct visual a = {.digest = {{1}}}, b = {.digest = {{2}}};
    struct segment segment = {.h = 2, .w = 8, .first = 2, .visual = &a}; /* tokens 2 … 5 */
    const struct digest plain = chain(0, TOKENS, NULL, 0);
    const struct digest with_a = chain(0, TOKENS, &segment, 1);
    assert_false(same(plain, with_a));
    segment.visual = &b;
    assert_false(same(with_a, chain(0, TOKENS, &segment, 1)));
    segment.visual = &a;
    segment.group = 1;
    assert_false(same(with_a, chain(0, TOKENS, &segment, 1)));
    segment.group = 0;
    segment.first = 3;
    assert_false(same(with_a, chain(0, TOKENS, &segment, 1)));
    segment.first = 2 * N; /* behind both pages */
    assert_true(same(plain, chain(0, TOKENS, &segment, 1)));
}

/* Against a plain array of what is in. */
static void the_index_finds_what_is_in(void **state)
{
    (void)state;
    enum { PAGES = 37, KEYS = 60 };
    struct prefix_index index;
    uint32_t page_of[KEYS], key_of[PAGES], random = 1;
    memset(page_of, 0xff, sizeof page_of);
    memset(key_of, 0xff, sizeof key_of);
    assert_true(prefix_index_init(&index, PAGES));
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525 + 1013904223;
        const uint32_t page = (random >> 8) % PAGES, key = (random >> 16) % KEYS;
        const struct digest digest = {{(uint8_t)(key % 7), [20] = (uint8_t)key}};
        assert_int_equal(prefix_index_find(&index, &digest), page_of[key]);
        if (key_of[page] != PREFIX_NONE) {
            prefix_index_remove(&index, page);
            page_of[key_of[page]] = PREFIX_NONE;
            key_of[page] = PREFIX_NONE;
        } else if (page_of[key] == PREFIX_NONE) {
            prefix_index_add(&index, page, &digest);
            page_of[key] = page;
            key_of[page] = key;
        }
    }
    prefix_index_release(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_before_counts),
        cmocka_unit_test(pictures_count_from_their_first_token),
        cmocka_unit_test(the_index_finds_what_is_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
