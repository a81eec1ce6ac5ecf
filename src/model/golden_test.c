#include "model/golden_test.h"

#include "base/arena.h"
#include "os/file.h"

void golden_path(char out[512], const char *name)
{
    snprintf(out, 512, "%s/%s", getenv("QVL_SOURCE_ROOT"), name);
}

int golden_each_line(const char *name, void (*check)(const struct json *row))
{
    char path[512];
    struct buf text;
    golden_path(path, name);
    buf_init(&text, 64 << 20);
    assert_int_equal(file_read(path, &text, NULL), STATUS_OK);
    int rows = 0;
    for (char *line = text.data, *end; (end = memchr(line, '\n', text.len)); line = end + 1) {
        struct arena arena;
        struct json *row;
        arena_init(&arena, 64 << 20);
        assert_int_equal(
            json_parse(line, (size_t)(end - line), (struct json_limits){0}, &arena, &row, NULL),
            STATUS_OK);
        check(row);
        rows++;
        arena_release(&arena);
        text.len -= (size_t)(end + 1 - line);
    }
    buf_release(&text);
    return rows;
}

void golden_check_ids(const struct token_list *list, const struct json *expected, struct str text)
{
    size_t i = 0;
    JSON_EACH(id, expected) {
        int64_t n;
        assert_true(json_int64(id, &n));
        if (i >= list->count || list->ids[i] != n)
            fail_msg("token %zu of \"%.*s\" is %d, not %lld", i, STR_ARG(text),
                     i < list->count ? list->ids[i] : -1, (long long)n);
        i++;
    }
    if (i != list->count)
        fail_msg("\"%.*s\" has %zu tokens, not %zu", STR_ARG(text), list->count, i);
}
