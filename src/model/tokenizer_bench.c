/* Speed of the tokenizer on one core, on the real vocabulary: loading, plain text, hostile text.
 *
 *   QVL_SOURCE_ROOT=. build/src/model/model_tokenizer_bench [load|text|hostile] */
#include "base/test.h"
#include "model/golden_test.h"
#include "model/tokenizer.h"
#include "os/file.h"

#include <time.h>

enum { MIB = 1 << 20, ROUNDS = 7 };

static struct tokenizer *tokenizer;
static struct buf golden, prose;

/* Of this process alone: what else runs on the machine does not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The fastest of some rounds, in seconds. */
static double time_encode(struct str text, size_t *tokens)
{
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        struct token_list list = {0};
        const double begin = cpu_seconds();
        assert_int_equal(tokenizer_encode(tokenizer, text, false, &list, NULL), STATUS_OK);
        const double seconds = cpu_seconds() - begin;
        best = seconds < best ? seconds : best;
        *tokens = list.count;
        token_list_release(&list);
    }
    return best;
}

static void bench_load(void)
{
    char path[512];
    golden_path(path, "tests/golden/tokenizer/tokenizer.json");
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        tokenizer_destroy(tokenizer);
        const double begin = cpu_seconds();
        assert_int_equal(tokenizer_load(path, &tokenizer, NULL), STATUS_OK);
        const double seconds = cpu_seconds() - begin;
        best = seconds < best ? seconds : best;
    }
    printf("load                %8.1f ms\n", best * 1e3);
}

static void bench_text(const char *name, struct str text)
{
    size_t tokens;
    const double seconds = time_encode(text, &tokens);
    printf("%-18s  %8.1f MB/s  %5.2f bytes/token  %6.1f million tokens/s\n", name,
           (double)text.len / seconds / 1e6, (double)text.len / (double)tokens,
           (double)tokens / seconds / 1e6);
}

/* Linear work takes the same time per byte at every length. */
static void bench_hostile(const char *name, const char *piece)
{
    printf("%-18s ", name);
    for (size_t size = MIB / 4; size <= MIB; size *= 2) {
        struct buf text;
        size_t tokens;
        buf_init(&text, 2 * MIB);
        while (text.len < size)
            buf_puts(&text, piece);
        printf(" %7.1f", time_encode(buf_str(&text), &tokens) / (double)text.len * 1e9);
        buf_release(&text);
    }
    printf("  ns/byte at 1/4, 1/2, 1 MiB\n");
}

static void collect(const struct json *row)
{
    static const char *const natural[] = {"mixed", "long", "zh", "en", "code", "zh_nfkc"};
    const struct str text = json_get(row, "text")->text;
    buf_add_str(&golden, text);
    for (size_t i = 0; i < ARRAY_LEN(natural); i++)
        if (str_is(json_get(row, "family")->text, natural[i]))
            buf_add_str(&prose, text);
}

static void add_file(const char *name)
{
    char path[512];
    struct buf text;
    golden_path(path, name);
    buf_init(&text, 16 * MIB);
    assert_int_equal(file_read(path, &text, NULL), STATUS_OK);
    buf_add_str(&prose, buf_str(&text));
    buf_release(&text);
}

static void bench_texts(void)
{
    buf_init(&golden, 16 * MIB);
    buf_init(&prose, 16 * MIB);
    golden_each_line("tests/golden/tokenizer.jsonl", collect);
    add_file("tests/golden/README.md");
    add_file("src/model/config.c"); /* Chinese and English beside code */
    bench_text("prose and code", buf_str(&prose));
    bench_text("all golden texts", buf_str(&golden));
    buf_release(&golden);
    buf_release(&prose);
}

static void bench_hostile_texts(void)
{
    static const char *const hostile[][2] = {
        {"one letter", "a"},
        {"spaces", " "},
        {"newlines", "\n"},
        {"combining marks", "\xCC\x81"},
        {"marks, unordered", "\xCC\x81\xCC\xA3"},
        {"digits", "7"},
        {"'s", "'s"},
        {"a, space", "a "},
        {"a, A", "aA"},
        {"space, newline", " \n"},
        {"Han", "中"},
        {"Hangul jamo", "\xE1\x84\x80\xE1\x85\xA1"},
        {"half a marker", "<|im_start|"},
        {"markers", "<|im_start|>"},
        {"!", "!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        bench_hostile(hostile[i][0], hostile[i][1]);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    bench_load();
    if (!*only || strcmp(only, "text") == 0)
        bench_texts();
    if (!*only || strcmp(only, "hostile") == 0)
        bench_hostile_texts();
    tokenizer_destroy(tokenizer);
    return 0;
}
