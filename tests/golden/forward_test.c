/* Every case of a golden model through the parts of the engine: prompt, positions, pictures, vision
 * tower, decoder. The limits are five times what float32 and float64 differ by (models/README.md).
 *
 * Usage: forward_test MODEL CASES [packed] */
#include "golden_case.h"

#include "base/test.h"
#include "engine/decoder.h"
#include "engine/positions.h"
#include "engine/vision.h"

#include <math.h>
#include <openssl/sha.h>

#define LOGITS_LIMIT 3e-4f
/* Activations of 15 bits: four times what was seen. With pictures, seen by a tower in BF16: twice
 * what was seen. */
#define PACKED_LIMIT       0.02f
#define PACKED_SEEN_LIMIT  0.2f
#define PACKED_TOWER_LIMIT 0.05f
#define LEAST_COSINE       0.9995
/* From this share of the logits' standard deviation on, a token stands out. */
#define CLEAR_MARGIN 0.05
/* Keys and values rounded to 11 bits, or to 8: twice what was seen. */
#define F16_LIMIT    0.035f
#define Q8_0_LIMIT   1.0f
#define VISION_LIMIT 3e-5f

enum { PROMPT_MAX = 1024, SEGMENTS_MAX = 8, VISION_STEP = 8, HIDDEN_STEP = 4 };

static const char *model_name;
static int expected_cases;

static struct fixture {
    struct model *model;
    struct golden_files files; /* of it */
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    enum kv_type type;
    float limit;                 /* of the logits */
    float farthest[KV_Q8_0 + 1]; /* seen */
    double least_cosine;
    float most_of_theirs; /* distance from the reference, as a share of llama.cpp's */
    struct vision vision;
    struct golden_tensors tensors;
} f = {.least_cosine = 1};

/* One case while it is compared. */
struct comparison {
    const struct json *row;
    struct str name;
    struct prompt_input prompt;
    int32_t *positions; /* [3][n] */
    int32_t delta;
    struct segment segments[SEGMENTS_MAX];
    size_t segment_count;
    float *features[SEGMENTS_MAX];
};

/* The decoder with keys and values of a type. */
static void use_type(enum kv_type type, float limit)
{
    const struct decoder_limits rows = {.rows = PROMPT_MAX, .logits_rows = 1};
    f.type = type;
    f.limit = limit;
    assert_false(
        kv_cache_create(&f.model->config.text, type, PROMPT_MAX / KV_PAGE_TOKENS, &f.cache, NULL));
    assert_false(decoder_create(f.model, f.compute, f.cache, rows, &f.decoder, NULL));
}

static void drop_type(void)
{
    decoder_destroy(f.decoder);
    kv_cache_destroy(f.cache);
}

/* Compares row i of `expected` with row `step`·i, or rows[i], of `actual`. Returns the largest
 * difference. */
static float compare_rows(const struct comparison *c, struct golden_tensor expected,
                          const int32_t *rows, size_t step, const float *actual, float limit,
                          const char *what)
{
    const float *wanted = expected.data;
    float farthest = 0;
    for (size_t i = 0; i < expected.rows; i++) {
        const float *got = actual + (rows ? (size_t)rows[i] : i * step) * expected.columns;
        for (size_t k = 0; k < expected.columns; k++) {
            const float difference = fabsf(got[k] - wanted[i * expected.columns + k]);
            farthest = fmaxf(farthest, difference);
            if (!(difference <= limit))
                fail_msg("%.*s: %s, row %zu, column %zu: %g, expected %g (± %g)", STR_ARG(c->name),
                         what, i, k, (double)got[k], (double)wanted[i * expected.columns + k],
                         (double)limit);
        }
    }
    return farthest;
}

static float vision_limit(void)
{
    return golden_packed ? PACKED_TOWER_LIMIT : VISION_LIMIT;
}

static float packed_limit(const struct comparison *c)
{
    if (!golden_packed)
        return 0;
    return c->segment_count > 0 ? PACKED_SEEN_LIMIT : PACKED_LIMIT;
}

static struct golden_tensor tensor_of(const struct comparison *c, const char *key)
{
    return golden_tensor(&f.tensors, "%.*s/%s", STR_ARG(c->name), key);
}

static void check_ids(const struct comparison *c)
{
    size_t i = 0;
    JSON_EACH(id, golden_get(c->row, "input_ids")) {
        assert_true(i < c->prompt.tokens.count);
        if (golden_int(id) != c->prompt.tokens.ids[i])
            fail_msg("%.*s: token %zu is %d, expected %d", STR_ARG(c->name), i,
                     c->prompt.tokens.ids[i], golden_int(id));
        i++;
    }
    assert_int_equal(i, c->prompt.tokens.count);
}

static void check_positions(struct comparison *c)
{
    const size_t n = c->prompt.tokens.count;
    struct reason why;
    c->segment_count = segment_count(&c->prompt);
    assert_true(c->segment_count <= SEGMENTS_MAX);
    c->positions = calloc(n, 3 * sizeof *c->positions);
    assert_non_null(c->positions);
    if (positions_build(&c->prompt, &f.model->config, c->positions, &c->delta, c->segments, &why))
        fail_msg("%.*s: %s", STR_ARG(c->name), why.message[LANG_EN]);
    const struct golden_tensor expected = tensor_of(c, "position_ids");
    assert_true(expected.data || json_get(c->row, "text_file")); /* GGUF: those of its base */
    if (expected.data) {
        assert_int_equal(expected.columns, n);
        assert_memory_equal(c->positions, expected.data, 3 * n * sizeof *c->positions);
    }
    assert_int_equal(c->delta, golden_int(golden_get(c->row, "rope_delta")));
}

/* Equal bits of all patches: then the resized picture was equal too. */
static void check_patches(const struct comparison *c, const struct json *expected,
                          const struct visual *visual)
{
    const struct json *grid = golden_get(expected, "grid")->first;
    assert_int_equal(visual->grid.t, golden_int(grid));
    assert_int_equal(visual->grid.h, golden_int(grid->next));
    assert_int_equal(visual->grid.w, golden_int(grid->next->next));
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    SHA256((const unsigned char *)visual->patches,
           grid_patches(visual->grid) * PATCH_FLOATS * sizeof(float), digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (!str_is(golden_get(expected, "pixel_values_sha256")->text, hex))
        fail_msg("%.*s: other patches", STR_ARG(c->name));
}

static void check_pictures(const struct comparison *c)
{
    const struct json *image = golden_get(c->row, "images")->first;
    const struct json *video = golden_get(c->row, "videos")->first;
    for (size_t i = 0; i < c->prompt.visual_count; i++) {
        const struct visual *visual = &c->prompt.visuals[i];
        const struct json **next = visual->is_video ? &video : &image;
        assert_non_null(*next);
        check_patches(c, *next, visual);
        *next = (*next)->next;
    }
    assert_null(image);
    assert_null(video);
}

static void check_vision_stage(void *arg, const char *stage, uint32_t index, const float *x,
                               size_t n, size_t dim)
{
    const struct comparison *c = arg;
    char key[64];
    if (strcmp(stage, "block") == 0)
        snprintf(key, sizeof key, "vision.block.%u", index);
    else
        snprintf(key, sizeof key, "vision.%s", stage);
    const struct golden_tensor expected = tensor_of(c, key);
    if (!expected.data)
        return;
    assert_int_equal(expected.columns, dim);
    assert_int_equal(expected.rows, (n - 1) / VISION_STEP + 1);
    /* Inside the tower numbers are larger than at its end. */
    compare_rows(c, expected, NULL, VISION_STEP, x, 5 * vision_limit(), key);
}

static void run_vision(struct comparison *c)
{
    struct reason why;
    f.vision.trace = check_vision_stage;
    f.vision.trace_arg = c;
    for (size_t i = 0; i < c->segment_count; i++) {
        const struct segment *segment = &c->segments[i];
        c->features[i] = malloc(vision_result_bytes(f.model, segment->h, segment->w));
        assert_non_null(c->features[i]);
        if (vision_run(&f.vision, segment->patches, segment->h, segment->w, c->features[i], &why))
            fail_msg("%s", why.message[LANG_EN]);
    }
}

/* Plane `plane` of all images, or of all videos, one after the other. */
static float *join_features(const struct comparison *c, bool videos, size_t plane)
{
    const size_t dim = f.model->config.text.hidden_size;
    float *joined = malloc(c->prompt.tokens.count * dim * sizeof *joined), *to = joined;
    assert_non_null(joined);
    size_t segment = 0;
    for (size_t v = 0; v < c->prompt.visual_count; v++) {
        for (uint32_t t = 0; t < c->prompt.visuals[v].grid.t; t++, segment++) {
            const size_t floats = segment_tokens(&c->segments[segment]) * dim;
            if (c->prompt.visuals[v].is_video != videos)
                continue;
            memcpy(to, c->features[segment] + plane * floats, floats * sizeof *to);
            to += floats;
        }
    }
    return joined;
}

/* The name under which a case's features are kept: they depend on the vision part alone, and those
 * of the F16 part are there once. */
static void vision_name(const struct comparison *c, char out[128])
{
    const struct json *mmproj = json_get(c->row, "mmproj_file");
    if (mmproj && str_ends(mmproj->text, "-F16.gguf"))
        snprintf(out, 128, "F16/%.*s", STR_ARG(golden_get(c->row, "case")->text));
    else
        snprintf(out, 128, "%.*s", STR_ARG(c->name));
}

static void check_features(const struct comparison *c, bool videos)
{
    const char *const kind = videos ? "video" : "image";
    char name[128];
    vision_name(c, name);
    const struct golden_tensor rows = golden_tensor(&f.tensors, "%s/%s_embeds.rows", name, kind);
    for (uint32_t plane = 0; plane <= f.model->config.vision.deepstack_count; plane++) {
        char key[64];
        if (plane == 0)
            snprintf(key, sizeof key, "%s_embeds", kind);
        else
            snprintf(key, sizeof key, "%s_deepstack.%u", kind, plane - 1);
        const struct golden_tensor expected = golden_tensor(&f.tensors, "%s/%s", name, key);
        /* Quantised models keep only the first plane. */
        assert_true(expected.data || plane > 0 ||
                    !golden_get(c->row, videos ? "videos" : "images")->first);
        if (!expected.data)
            return;
        float *joined = join_features(c, videos, plane);
        compare_rows(c, expected, rows.data, 1, joined, vision_limit(), key);
        free(joined);
    }
}

static void check_hidden(void *arg, int layer, const float *x, size_t n, size_t dim)
{
    const struct comparison *c = arg;
    char key[64];
    if (layer < 0)
        snprintf(key, sizeof key, "hidden.embed");
    else
        snprintf(key, sizeof key, "hidden.%d", layer);
    const struct golden_tensor expected = tensor_of(c, key);
    if (!expected.data)
        return;
    const size_t step = c->segment_count > 0 ? HIDDEN_STEP : 1;
    assert_int_equal(expected.columns, dim);
    assert_int_equal(expected.rows, (n - 1) / step + 1);
    compare_rows(c, expected, NULL, step, x, LOGITS_LIMIT, key);
}

/* The rows [begin, end) of the prompt. */
static void fill_rows(const struct comparison *c, const struct kv_pages *pages, size_t begin,
                      size_t end, struct decoder_row *rows)
{
    const size_t n = c->prompt.tokens.count, dim = f.model->config.text.hidden_size;
    for (size_t i = begin; i < end; i++) {
        struct decoder_row *row = &rows[i - begin];
        *row = (struct decoder_row){
            .token = c->prompt.tokens.ids[i],
            .position = {c->positions[i], c->positions[n + i], c->positions[2 * n + i]},
            .pages = pages,
            .index = (uint32_t)i,
            .wants_logits = i + 1 == n,
        };
        for (size_t s = 0; s < c->segment_count; s++) {
            const size_t first = c->segments[s].first, tokens = segment_tokens(&c->segments[s]);
            if (i < first || i >= first + tokens)
                continue;
            row->visual = c->features[s] + (i - first) * dim;
            row->plane = tokens * dim;
        }
    }
}

/* Log-probabilities of the first step as llama.cpp gives them, by their distance from the
 * reference's; one thread, models/README.md. */
static float llama_distance(struct str name)
{
    static const struct {
        const char *name;
        float distance;
    } rows[] = {
        {"F16/text_short", 0.017f}, {"F16/image_one", 0.010f},
        {"Q8_0/text_short", 0.15f}, {"Q8_0/image_one", 0.14f},
        {"Q4_0/text_short", 0.39f}, {"Q4_1/text_short", 0.35f},
        {"Q5_0/text_short", 0.25f}, {"Q5_1/text_short", 0.44f},
        {"Q4_K/text_short", 0.24f}, {"Q5_K/text_short", 0.61f},
        {"Q6_K/text_short", 0.60f}, {"Q8_0+mmproj-Q8_0/image_one", 0.16f},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (str_is(name, rows[i].name))
            return rows[i].distance;
    return INFINITY;
}

/* log(sum of exp), less the largest. */
static double log_sum(const float *x, size_t n, float most)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += exp((double)x[k] - (double)most);
    return log(sum);
}

/* The largest distance of the log-probabilities of the reference's best 20. */
static float top_distance(const struct comparison *c, const float *logits, size_t vocab, float most)
{
    const double below = (double)most + log_sum(logits, vocab, most);
    double farthest = 0;
    JSON_EACH(pair, golden_get(c->row, "top20")) {
        const int32_t id = golden_int(pair->first);
        farthest = fmax(farthest, fabs(logits[id] - below - golden_number(pair->first->next)));
    }
    return (float)farthest;
}

/* What integer products may not cost: the direction of the logits, a token that stands out, and to
 * be nearer to the reference than llama.cpp is. */
static void check_quality(const struct comparison *c, const float *logits)
{
    const struct golden_tensor expected = tensor_of(c, "logits");
    const float *wanted = expected.data;
    const size_t n = expected.columns;
    double aa = 0, bb = 0, ab = 0;
    size_t best = 0;
    for (size_t k = 0; k < n; k++) {
        aa += (double)wanted[k] * wanted[k];
        bb += (double)logits[k] * logits[k];
        ab += (double)wanted[k] * logits[k];
        best = logits[k] > logits[best] ? k : best;
    }
    f.least_cosine = fmin(f.least_cosine, ab / sqrt(aa * bb));
    assert_true(ab / sqrt(aa * bb) >= LEAST_COSINE);
    const double margin = golden_number(golden_get(c->row, "margin")->first);
    if (margin >= CLEAR_MARGIN * golden_number(golden_get(c->row, "logit_std")))
        assert_int_equal(best, golden_int(golden_get(c->row, "greedy")->first));
    const float distance = top_distance(c, logits, n, logits[best]),
                theirs = llama_distance(c->name);
    f.most_of_theirs = fmaxf(f.most_of_theirs, distance / theirs);
    if (distance > theirs)
        fail_msg("%.*s: %g, and llama.cpp %g", STR_ARG(c->name), (double)distance, (double)theirs);
}

/* The whole prompt in batches of `chunk` rows; the last batch's logits are compared. */
static void check_logits(const struct comparison *c, size_t chunk)
{
    static struct decoder_row rows[PROMPT_MAX];
    uint32_t list[PROMPT_MAX / KV_PAGE_TOKENS];
    struct kv_pages pages = {.list = list, .cap = PROMPT_MAX / KV_PAGE_TOKENS};
    const size_t n = c->prompt.tokens.count;
    assert_true(kv_pages_grow(f.cache, &pages, (uint32_t)n));
    const bool traced = chunk >= n && f.type == KV_F32 && !golden_packed;
    decoder_set_trace(f.decoder, traced ? check_hidden : NULL, (void *)(uintptr_t)c);
    const float *logits = NULL;
    for (size_t begin = 0; begin < n; begin += chunk) {
        const size_t end = begin + chunk < n ? begin + chunk : n;
        fill_rows(c, &pages, begin, end, rows);
        logits = decoder_forward(f.decoder, rows, end - begin);
    }
    const float difference =
        compare_rows(c, tensor_of(c, "logits"), NULL, 1, logits, f.limit, "logits");
    f.farthest[f.type] = fmaxf(f.farthest[f.type], difference);
    if (golden_packed)
        check_quality(c, logits);
    kv_pages_release(f.cache, &pages);
}

static void use_model_of(const struct json *row)
{
    const struct golden_files wanted = golden_files_of(model_name, row);
    if (f.model && golden_files_same(&wanted, &f.files))
        return;
    model_destroy(f.model);
    f.model = golden_load(&wanted);
    f.files = wanted;
    vision_init(&f.vision, f.model, f.compute);
}

static void check_case(const struct json *row)
{
    struct comparison c = {.row = row, .name = golden_get(row, "name")->text};
    use_model_of(row);
    golden_prompt(f.model, row, &c.prompt);
    check_ids(&c);
    check_positions(&c);
    check_pictures(&c);
    run_vision(&c);
    check_features(&c, false);
    check_features(&c, true);
    static const struct {
        enum kv_type type;
        float limit;
    } types[] = {{KV_F32, LOGITS_LIMIT}, {KV_F16, F16_LIMIT}, {KV_Q8_0, Q8_0_LIMIT}};
    for (size_t i = 0; i < (golden_packed ? 2 : ARRAY_LEN(types)); i++) {
        struct reason why;
        if (kv_type_check(&f.model->config.text, types[i].type, &why) != STATUS_OK)
            continue;
        use_type(types[i].type, types[i].limit + packed_limit(&c));
        check_logits(&c, PROMPT_MAX);
        check_logits(&c, 37); /* no divisor of anything: chunks end inside pages and pictures */
        drop_type();
    }
    for (size_t i = 0; i < c.segment_count; i++)
        free(c.features[i]);
    free(c.positions);
    prompt_input_release(&c.prompt);
}

static void every_case_equals_the_reference(void **state)
{
    (void)state;
    char path[256];
    struct golden_lines lines;
    snprintf(path, sizeof path, "tests/golden/models/%s/cases.jsonl", model_name);
    golden_lines_open(&lines, path);
    int cases = 0;
    for (const struct json *row; (row = golden_lines_next(&lines)); cases++)
        check_case(row);
    assert_int_equal(cases, expected_cases);
    print_message("logits differ by %g (f32), %g (f16), %g (q8_0) at most\n",
                  (double)f.farthest[KV_F32], (double)f.farthest[KV_F16],
                  (double)f.farthest[KV_Q8_0]);
    if (golden_packed)
        print_message("cosine %.7f at worst; %.0f %% of llama.cpp's distance at most\n",
                      f.least_cosine, 100 * (double)f.most_of_theirs);
    golden_lines_close(&lines);
}

static int set_up(void **state)
{
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "tests/golden/models/%s/tensors.safetensors", model_name);
    golden_tensors_open(&f.tensors, path);
    const struct compute_limits limits = {.max_rows = PROMPT_MAX, .max_cols = 4096};
    if (compute_create(2, limits, &f.compute, NULL) != STATUS_OK)
        return -1;
    compute_set_exact(f.compute, !golden_packed);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    compute_destroy(f.compute);
    model_destroy(f.model);
    golden_tensors_close(&f.tensors);
    return 0;
}

int main(int argc, char **argv)
{
    if (!golden_cpu_level())
        return GOLDEN_SKIPPED;
    model_name = argc > 2 ? argv[1] : "tiny-a";
    expected_cases = argc > 2 ? atoi(argv[2]) : 16;
    golden_packed = argc > 3;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_equals_the_reference)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
