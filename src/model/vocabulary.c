#include "model/vocabulary.h"

static inline uint32_t hash(struct str bytes)
{
    uint64_t h = 0xCBF29CE484222325u ^ bytes.len;
    size_t i = 0;
    for (; i + 8 <= bytes.len; i += 8) {
        uint64_t word;
        memcpy(&word, bytes.ptr + i, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, bytes.ptr + i, bytes.len - i);
    h = (h ^ rest) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32);
}

enum status vocabulary_init(struct vocabulary *v, int32_t size, size_t max_bytes,
                            struct reason *why)
{
    uint32_t slots = 64;
    while (slots < (uint32_t)size * 2)
        slots *= 2;
    *v = (struct vocabulary){.size = size, .mask = slots - 1};
    arena_init(&v->arena, max_bytes);
    v->tokens = arena_array(&v->arena, (size_t)size + 1, sizeof *v->tokens);
    v->whole = arena_array(&v->arena, (size_t)size + 1, sizeof *v->whole);
    v->slots = arena_array(&v->arena, slots, sizeof *v->slots);
    if (!v->tokens || !v->whole || !v->slots) {
        vocabulary_release(v);
        return reason_no_memory(why, slots * sizeof *v->slots);
    }
    memset(v->slots, 0xFF, slots * sizeof *v->slots);
    return STATUS_OK;
}

void vocabulary_release(struct vocabulary *v)
{
    arena_release(&v->arena);
    *v = (struct vocabulary){0};
}

/* The slot that holds these bytes, or the free one where they belong. */
static int32_t *slot_of(const struct vocabulary *v, struct str bytes)
{
    uint32_t i = hash(bytes) & v->mask;
    while (v->slots[i] >= 0 && !str_eq(v->tokens[v->slots[i]], bytes))
        i = (i + 1) & v->mask;
    return &v->slots[i];
}

bool vocabulary_add(struct vocabulary *v, int32_t id, struct str bytes)
{
    int32_t *slot = slot_of(v, bytes);
    if (*slot >= 0 || v->tokens[id].ptr)
        return false;
    *slot = id;
    v->tokens[id] = bytes;
    return true;
}

int32_t vocabulary_find(const struct vocabulary *v, struct str bytes)
{
    return *slot_of(v, bytes);
}
