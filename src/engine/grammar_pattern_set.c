#include "engine/grammar_pattern_set.h"

#include "base/str.h"

#include <stdlib.h>

void code_set_add(struct code_set *set, uint32_t low, uint32_t high)
{
    if (set->count == CODE_SET_MAX)
        set->overflow = true;
    else
        set->ranges[set->count++] = (struct code_range){low, high};
}

void code_set_add_set(struct code_set *set, const struct code_set *other)
{
    for (uint32_t i = 0; i < other->count; i++)
        code_set_add(set, other->ranges[i].low, other->ranges[i].high);
}

static int by_low(const void *a, const void *b)
{
    const struct code_range *x = a, *y = b;
    return (x->low > y->low) - (x->low < y->low);
}

void code_set_finish(struct code_set *set)
{
    qsort(set->ranges, set->count, sizeof *set->ranges, by_low);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct code_range range = set->ranges[i];
        if (kept > 0 && range.low <= set->ranges[kept - 1].high + 1) {
            if (range.high > set->ranges[kept - 1].high)
                set->ranges[kept - 1].high = range.high;
        } else {
            set->ranges[kept++] = range;
        }
    }
    set->count = kept;
}

void code_set_invert(struct code_set *set)
{
    struct code_set others = {.overflow = set->overflow};
    uint32_t from = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->ranges[i].low > from)
            code_set_add(&others, from, set->ranges[i].low - 1);
        from = set->ranges[i].high + 1;
    }
    if (from <= CODE_MAX)
        code_set_add(&others, from, CODE_MAX);
    *set = others;
}

bool code_set_of_class(char letter, struct code_set *out)
{
    static const struct code_range digits[] = {{'0', '9'}};
    static const struct code_range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct code_range space[] = {
        {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
        {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF},
    };
    static const struct {
        char letter;
        const struct code_range *ranges;
        uint32_t count;
    } classes[] = {
        {'d', digits, ARRAY_LEN(digits)},
        {'w', word, ARRAY_LEN(word)},
        {'s', space, ARRAY_LEN(space)},
    };
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if ((letter | 0x20) != classes[i].letter)
            continue;
        out->count = classes[i].count;
        out->overflow = false;
        memcpy(out->ranges, classes[i].ranges, out->count * sizeof *out->ranges);
        if (letter != classes[i].letter)
            code_set_invert(out);
        return true;
    }
    return false;
}
