/* Long prompts on quantised weights, whose first rows are multiplied fast: how near the logits are
 * to those of the exact products, where tokens are sampled from, and where they are not.
 *
 * Usage: accuracy_test MMPROJ MODEL.gguf…   skipped where the integer kernels do not run */
#include "golden_case.h"

#include "base/test.h"
#include "engine/decoder.h"
#include "engine/sequence.h"

#include <math.h>

enum { TOKENS = 800, PROMPT = 500, CHUNK = 512, PAGES = TOKENS / KV_PAGE_TOKENS + 1 };
/* What is asked of quantised runs: this cosine, and the reference's token wherever its best logit
 * stands out by this share of the logits' standard deviation. */
#define LEAST_COSINE 0.9995
#define CLEAR_MARGIN 0.05

static char **paths;
static const char *mmproj;
static int32_t ids[TOKENS];

struct agreement {
    size_t rows, clear, others; /* others: clear rows where another token is the best */
    double worst, sum;          /* of the cosines */
};

struct peak {
    size_t best;
    double margin, deviation;
};

static struct peak peak_of(const float *x, size_t n)
{
    struct peak peak = {0};
    double sum = 0, squares = 0, second = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        sum += x[k];
        squares += (double)x[k] * x[k];
        if (x[k] > x[peak.best])
            peak.best = k;
    }
    for (size_t k = 0; k < n; k++)
        if (k != peak.best)
            second = fmax(second, x[k]);
    peak.margin = x[peak.best] - second;
    peak.deviation = sqrt(squares / (double)n - sum / (double)n * sum / (double)n);
    return peak;
}

static double cosine_of(const float *a, const float *b, size_t n)
{
    double aa = 0, bb = 0, ab = 0;
    for (size_t k = 0; k < n; k++) {
        aa += (double)a[k] * a[k];
        bb += (double)b[k] * b[k];
        ab += (double)a[k] * b[k];
    }
    return ab / sqrt(aa * bb);
}

/* a, b: logits [n, vocab]; a is the measure. */
static struct agreement compare(const float *a, const float *b, size_t n, size_t vocab)
{
    struct agreement result = {.rows = n, .worst = 1};
    for (size_t i = 0; i < n; i++) {
        const float *x = a + i * vocab, *y = b + i * vocab;
        const struct peak expected = peak_of(x, vocab), got = peak_of(y, vocab);
        const double cosine = cosine_of(x, y, vocab);
        result.sum += cosine;
        result.worst = fmin(result.worst, cosine);
        if (expected.margin < CLEAR_MARGIN * expected.deviation)
            continue;
        result.clear++;
        result.others += expected.best != got.best;
    }
    return result;
}

static void print(const char *path, const char *what, const struct agreement *a)
{
    const char *name = strrchr(path, '/');
    print_message("%s, %s: cosine %.6f on the average, %.6f at worst; another token in %zu of %zu "
                  "clear rows\n",
                  name ? name + 1 : path, what, a->sum / (double)a->rows, a->worst, a->others,
                  a->clear);
}

static struct model *load(const char *path, bool exact)
{
    const struct model_options options = {.mmproj = mmproj, .exact = exact};
    struct model *model;
    struct reason why;
    if (model_load(path, &options, &model, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    return model;
}

/* Logits [TOKENS, vocab] of all ids, the first `fast` of them computed fast. */
static float *forward(const struct model *model, size_t fast)
{
    static struct decoder_row rows[CHUNK];
    const struct compute_limits limits = {.max_rows = CHUNK, .max_cols = 4096};
    const struct decoder_limits all = {.rows = CHUNK, .logits_rows = CHUNK};
    const size_t vocab = model->config.text.vocab_size;
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    uint32_t list[PAGES];
    struct kv_pages pages = {.list = list, .cap = PAGES};
    float *logits = malloc(TOKENS * vocab * sizeof *logits);
    assert_non_null(logits);
    assert_false(compute_create(2, limits, &compute, NULL));
    compute_set_exact(compute, model->exact);
    assert_false(kv_cache_create(&model->config.text, KV_F32, PAGES, &cache, NULL));
    assert_false(decoder_create(model, compute, cache, all, &decoder, NULL));
    assert_true(kv_pages_grow(cache, &pages, TOKENS));
    for (size_t at = 0, n; at < TOKENS; at += n) {
        const size_t end = at < fast ? fast : TOKENS;
        n = end - at < CHUNK ? end - at : CHUNK;
        for (size_t i = 0; i < n; i++) {
            const int32_t p = (int32_t)(at + i);
            rows[i] = (struct decoder_row){ids[p], NULL,        0,    {p, p, p},
                                           &pages, (uint32_t)p, true, at < fast};
        }
        memcpy(logits + at * vocab, decoder_forward(decoder, rows, n), n * vocab * sizeof *logits);
    }
    decoder_destroy(decoder);
    kv_cache_destroy(cache);
    compute_destroy(compute);
    return logits;
}

/* Questions and answers of the built-in model's samples, or numbers without a meaning. */
static void choose_ids(bool is_demo)
{
    struct golden_lines lines;
    size_t count = 0;
    uint64_t state = 1;
    while (!is_demo && count < TOKENS) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        ids[count++] = (int32_t)((state >> 33) % 1500);
    }
    while (count < TOKENS) {
        golden_lines_open(&lines, "models/demo/samples/answers.jsonl");
        for (const struct json *row; (row = golden_lines_next(&lines));) {
            const struct json *const parts[] = {golden_get(row, "prompt_ids"),
                                                golden_get(row, "answer_ids")};
            for (size_t p = 0; p < ARRAY_LEN(parts); p++)
                JSON_EACH(id, parts[p])
                    if (count < TOKENS && (golden_int(id) < 1545 || golden_int(id) > 1548))
                        ids[count++] = golden_int(id); /* the words without the pictures */
        }
        golden_lines_close(&lines);
    }
}

static void check_bar(const char *path, const char *what, const float *exact, const float *logits,
                      size_t n, size_t vocab)
{
    const struct agreement a = compare(exact, logits, n, vocab);
    print(path, what, &a);
    assert_true(a.clear > n / 2);
    assert_true(a.worst >= LEAST_COSINE);
    assert_int_equal(a.others, 0);
}

static void check_model(const char *path)
{
    const size_t fast = fast_rows_of(PROMPT);
    struct model *exact = load(path, true), *packed = load(path, false);
    const size_t vocab = exact->config.text.vocab_size;
    choose_ids(strstr(path, "demo") != NULL);
    float *expected = forward(exact, 0), *fine = forward(packed, 0);
    float *served = forward(packed, fast);
    const struct agreement inside = compare(expected, served, fast, vocab);
    check_bar(path, "fine", expected, fine, TOKENS, vocab);
    print(path, "inside a long prompt", &inside);
    check_bar(path, "after a long prompt", expected + fast * vocab, served + fast * vocab,
              TOKENS - fast, vocab);
    free(expected);
    free(fine);
    free(served);
    model_destroy(exact);
    model_destroy(packed);
}

static void long_prompts_keep_the_logits(void **state)
{
    (void)state;
    for (char **path = paths; *path; path++)
        check_model(*path);
}

int main(int argc, char **argv)
{
    if (!golden_cpu_level() || argc < 3)
        return GOLDEN_SKIPPED;
    mmproj = argv[1];
    paths = argv + 2;
    struct model *model = load(paths[0], false);
    const bool fast = model->fast;
    model_destroy(model);
    if (!fast)
        return GOLDEN_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(long_prompts_keep_the_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
