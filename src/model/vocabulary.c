#include "model/vocabulary.h"

/* Loads that the compiler makes one instruction of. */
static inline uint64_t load8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t load4(const char *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* All bytes of a piece of 1 to 8; together with its length no two pieces are the same. */
static inline uint64_t load_short(const char *at, size_t len)
{
    if (len == 8)
        return load8(at);
    if (len >= 4)
        return load4(at) | load4(at + len - 4) << 32;
    const unsigned char *s = (const unsigned char *)at;
    return s[0] | (uint64_t)s[len / 2] << 8 | (uint64_t)s[len - 1] << 16;
}

static inline uint32_t hash(struct str bytes)
{
    uint64_t h = 0xCBF29CE484222325u ^ bytes.len;
    for (; bytes.len > 8; bytes = (struct str){bytes.ptr + 8, bytes.len - 8}) {
        h = (h ^ load8(bytes.ptr)) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    if (bytes.len)
        h = (h ^ load_short(bytes.ptr, bytes.len)) * 0x9E3779B97F4A7C15u;
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
