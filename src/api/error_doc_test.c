/* docs/errors.md and docs/errors.zh.md have one section for every code, which says what errors.def
 * says, and none for anything else. */
#include "api/error.h"
#include "base/buf.h"
#include "base/test.h"

static const char *const files[LANG_COUNT] = {
    [LANG_EN] = "docs/errors.md",
    [LANG_ZH] = "docs/errors.zh.md",
};

static void read_document(enum lang lang, struct buf *out)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    char path[1024];
    assert_non_null(root);
    snprintf(path, sizeof path, "%s/%s", root, files[lang]);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    buf_init(out, 1 << 20);
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
        buf_add(out, block, n);
    fclose(file);
    assert_false(out->failed);
}

/* "### code", a blank line, "Title. HTTP 400 · `type` · …", a blank line, and text. */
static void check_section(const char *text, const struct error_row *row, enum lang lang)
{
    char heading[128], head[512];
    snprintf(heading, sizeof heading, "\n### %s\n\n", row->code);
    snprintf(head, sizeof head, "%s%s%sHTTP %d · `%s` · ", heading, row->title[lang],
             lang == LANG_ZH ? "。" : ". ", row->status, row->type);
    const char *section = strstr(text, heading);
    if (!section)
        fail_msg("%s has no heading %s", files[lang], row->code);
    if (strncmp(section, head, strlen(head)) != 0)
        fail_msg("%s, %s: the first line should begin:%s", files[lang], row->code, head);
    const char *next = strstr(section + strlen(heading), "\n##");
    const size_t len = next ? (size_t)(next - section) : strlen(section);
    if (len < strlen(head) + 100)
        fail_msg("%s, %s: explains too little", files[lang], row->code);
}

static size_t count_headings(const char *text)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, "\n### ")) != NULL; at++)
        count++;
    return count;
}

static void test_every_code_is_explained(void **state)
{
    (void)state;
    size_t count;
    const struct error_row *rows = error_rows(&count);
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        struct buf text;
        read_document((enum lang)lang, &text);
        for (size_t i = 0; i < count; i++)
            check_section(text.data, &rows[i], (enum lang)lang);
        assert_int_equal(count_headings(text.data), count);
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_code_is_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
