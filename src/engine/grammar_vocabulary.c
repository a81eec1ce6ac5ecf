#include "engine/grammar_vocabulary.h"

#include "engine/grammar_string.h"

#include <stdlib.h>

enum { TOKEN_BYTES_MAX = 4096 };

struct spelled {
    struct str bytes;
    int32_t id;
};

static int by_bytes(const void *a, const void *b)
{
    const struct str x = ((const struct spelled *)a)->bytes, y = ((const struct spelled *)b)->bytes;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static uint32_t list_tokens(const struct grammar_vocabulary *v, struct spelled *list)
{
    uint32_t count = 0;
    for (int32_t id = 0; id < v->size; id++) {
        const struct str bytes = tokenizer_bytes(v->tokenizer, id);
        if (bytes.len > 0 && bytes.len <= TOKEN_BYTES_MAX && !tokenizer_is_added(v->tokenizer, id))
            list[count++] = (struct spelled){bytes, id};
    }
    qsort(list, count, sizeof *list, by_bytes);
    return count;
}

static size_t common_prefix(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.ptr[n] == b.ptr[n])
        n++;
    return n;
}

static bool build_tree(struct grammar_vocabulary *v, const struct spelled *list, uint32_t count)
{
    size_t total = 1;
    for (uint32_t i = 0; i < count; i++) {
        total += list[i].bytes.len - (i ? common_prefix(list[i - 1].bytes, list[i].bytes) : 0);
        if (list[i].bytes.len > v->longest)
            v->longest = (uint32_t)list[i].bytes.len;
    }
    uint32_t *path = calloc(v->longest + 2, sizeof *path);
    v->nodes = calloc(total, sizeof *v->nodes);
    if (!path || !v->nodes) {
        free(path);
        return false;
    }
    uint32_t n = 0, depth = 0;
    v->nodes[n++].id = -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct str bytes = list[i].bytes;
        const size_t shared = i ? common_prefix(list[i - 1].bytes, bytes) : 0;
        for (; depth > shared; depth--)
            v->nodes[path[depth]].end = n;
        for (; depth < bytes.len; n++) {
            path[depth + 1] = n;
            v->nodes[n] = (struct token_node){
                .id = -1, .byte = (uint8_t)bytes.ptr[depth], .depth = (uint16_t)(depth + 1)};
            depth++;
        }
        v->nodes[n - 1].id = list[i].id;
    }
    for (; depth > 0; depth--)
        v->nodes[path[depth]].end = n;
    v->nodes[0].end = v->node_count = n;
    free(path);
    return true;
}

/* Where one token leads from the inside of a string. */
struct way {
    enum string_state state;
    uint32_t characters; /* begun */
};

static struct way after_byte(struct way way, uint8_t byte)
{
    const bool begins = way.state == STRING_BODY && byte != '"';
    return (struct way){string_next(way.state, byte), way.characters + begins};
}

/* Follows all tokens; `counts[c]` becomes the number of those that stay inside with c characters.
 * On the second pass counts[c] is where the next of them is to be written. */
static void follow_string(struct grammar_vocabulary *v, struct way *ways, uint32_t *counts,
                          bool write)
{
    v->exit_count = 0;
    ways[0] = (struct way){.state = STRING_BODY};
    for (uint32_t i = 1; i < v->node_count;) {
        const struct token_node *node = &v->nodes[i];
        const struct way way = after_byte(ways[node->depth - 1], node->byte);
        ways[node->depth] = way;
        if (way.state == STRING_CLOSED || way.state == STRING_REFUSED) {
            if (way.state == STRING_CLOSED && write)
                v->exits[v->exit_count] = (struct string_exit){i, way.characters};
            v->exit_count += way.state == STRING_CLOSED;
            i = node->end;
            continue;
        }
        if (node->id >= 0 && write) {
            v->inside_ids[counts[way.characters]] = node->id;
            v->inside[node->id / 64] |= 1ull << node->id % 64;
        }
        counts[way.characters] += node->id >= 0;
        i++;
    }
}

static bool build_string(struct grammar_vocabulary *v)
{
    struct way *ways = calloc(v->longest + 1, sizeof *ways);
    uint32_t *counts = calloc(v->longest + 2, sizeof *counts);
    v->inside_start = calloc(v->longest + 2, sizeof *v->inside_start);
    bool ok = ways && counts && v->inside_start;
    if (ok) {
        follow_string(v, ways, counts, false);
        for (uint32_t c = 0; c <= v->longest; c++)
            v->inside_start[c + 1] = v->inside_start[c] + counts[c];
        memcpy(counts, v->inside_start, (v->longest + 2) * sizeof *counts);
        v->inside = calloc((size_t)v->size / 64 + 1, sizeof *v->inside);
        v->inside_ids = calloc(v->inside_start[v->longest + 1] + 1, sizeof *v->inside_ids);
        v->exits = calloc(v->exit_count + 1, sizeof *v->exits);
        ok = v->inside && v->inside_ids && v->exits;
    }
    if (ok)
        follow_string(v, ways, counts, true);
    free(ways);
    free(counts);
    return ok;
}

static enum status check_bytes(const struct grammar_vocabulary *v, struct reason *why)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < v->node_count; i = v->nodes[i].end)
        found += v->nodes[i].id >= 0;
    if (found == 256)
        return STATUS_OK;
    reason_set(why, "bad_tokenizer",
               "The tokenizer has tokens for %u of the 256 single bytes only.",
               "分词器只为 256 个单字节中的 %u 个提供了 token。", found);
    return STATUS_INVALID;
}

enum status grammar_vocabulary_create(const struct tokenizer *tokenizer,
                                      struct grammar_vocabulary **out, struct reason *why)
{
    struct grammar_vocabulary *v = calloc(1, sizeof *v);
    const int32_t size = tokenizer_size(tokenizer);
    struct spelled *list = calloc((size_t)size + 1, sizeof *list);
    bool ok = v && list;
    if (ok) {
        v->tokenizer = tokenizer;
        v->size = size;
        const uint32_t count = list_tokens(v, list);
        ok = build_tree(v, list, count) && build_string(v);
    }
    free(list);
    const enum status status =
        ok ? check_bytes(v, why) : reason_no_memory(why, (size_t)size * sizeof *list);
    if (status)
        grammar_vocabulary_destroy(v);
    else
        *out = v;
    return status;
}

void grammar_vocabulary_destroy(struct grammar_vocabulary *v)
{
    if (!v)
        return;
    free(v->nodes);
    free(v->inside);
    free(v->inside_ids);
    free(v->inside_start);
    free(v->exits);
    free(v);
}
