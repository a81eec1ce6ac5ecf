/* Any bytes: our reader and jansson's agree on what is JSON and what it says, and what our writer
 * makes of a tree is read as the same tree.
 *
 * Where they differ: jansson refuses numbers beyond double and NUL in member names, which RFC 8259
 * does not; it passes over a raw NUL behind a value, which RFC 8259 does not; and each has its own
 * greatest depth, which inputs here do not reach. */
#include "json/canonical_test.h"
#include "json/oracle_test.h"
#include "json/writer.h"

#include <math.h>
#include <stdlib.h>

enum { DEEPEST = 1000, TEXT_MAX = 1 << 22 };

static const struct json_limits limits = {.max_depth = DEEPEST, .max_nodes = 1 << 20};

static bool is_deep(const uint8_t *data, size_t size)
{
    size_t brackets = 0;
    for (size_t i = 0; i < size; i++)
        brackets += data[i] == '[' || data[i] == '{';
    return brackets >= DEEPEST;
}

static bool is_beyond_jansson(const struct json *v)
{
    double value;
    if (v->key.len && memchr(v->key.ptr, '\0', v->key.len))
        return true;
    if (json_double(v, &value) && isinf(value))
        return true;
    JSON_EACH(child, v)
        if (is_beyond_jansson(child))
            return true;
    return false;
}

static int depth_of(const struct json *v)
{
    int deepest = 0;
    JSON_EACH(child, v) {
        const int d = depth_of(child) + 1;
        deepest = d > deepest ? d : deepest;
    }
    return deepest;
}

static void write_number(struct json_writer *w, const struct json *v)
{
    int64_t integer;
    double value;
    if (json_int64(v, &integer) && integer != 0) /* -0 is a double's affair */
        json_int(w, integer);
    else if (json_double(v, &value) && isfinite(value))
        json_number(w, value);
    else
        json_raw(w, v->text);
}

static void write_value(struct json_writer *w, const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: json_null(w); break;
    case JSON_BOOL: json_bool(w, v->truth); break;
    case JSON_STRING: json_string(w, v->text); break;
    case JSON_NUMBER: write_number(w, v); break;
    case JSON_ARRAY:
        json_begin_array(w);
        JSON_EACH(child, v)
            write_value(w, child);
        json_end_array(w);
        break;
    case JSON_OBJECT:
        json_begin_object(w);
        JSON_EACH(member, v) {
            char *key = strndup(member->key.ptr, member->key.len);
            json_key(w, key);
            free(key);
            write_value(w, member);
        }
        json_end_object(w);
        break;
    }
}

static void check_writer(const struct json *root, struct str expected)
{
    struct buf text, again;
    struct json_writer w;
    struct arena arena;
    struct json *copy;
    buf_init(&text, TEXT_MAX);
    buf_init(&again, TEXT_MAX);
    arena_init(&arena, 256 << 20);
    json_writer_init(&w, &text);
    write_value(&w, root);
    if (text.failed || json_parse(text.data, text.len, limits, &arena, &copy, NULL))
        abort();
    canonical_write(&again, copy);
    if (!str_eq(buf_str(&again), expected))
        abort();
    arena_release(&arena);
    buf_release(&text);
    buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (is_deep(data, size))
        return 0;
    struct arena arena;
    struct json *root;
    struct buf ours, theirs;
    char *bytes = malloc(size + 1); /* writable; sanitizers see what is read behind it */
    memcpy(bytes, data, size);
    arena_init(&arena, 256 << 20);
    buf_init(&ours, TEXT_MAX);
    buf_init(&theirs, TEXT_MAX);
    const bool taken = json_parse(bytes, size, limits, &arena, &root, NULL) == STATUS_OK;
    const bool raw_nul = size && memchr(data, '\0', size);
    const bool jansson_took = !raw_nul && oracle_canonical((const char *)data, size, &theirs);
    if (taken) {
        canonical_write(&ours, root);
        const bool beyond = is_beyond_jansson(root);
        if (jansson_took ? !str_eq(buf_str(&ours), buf_str(&theirs)) : !beyond)
            abort();
        if (!beyond && depth_of(root) < JSON_WRITER_DEPTH - 1)
            check_writer(root, buf_str(&ours));
    } else if (jansson_took) {
        abort();
    }
    arena_release(&arena);
    buf_release(&ours);
    buf_release(&theirs);
    free(bytes);
    return 0;
}
