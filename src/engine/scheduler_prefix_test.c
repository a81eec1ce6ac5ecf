/* Pages and pictures that sequences share: found, counted, and without a trace in the answers. */
#include "engine/scheduler.h"

#include "base/test.h"
#include "engine/decoder.h"
#include "engine/demo_test.h"

#include <stdlib.h>

enum { CONTEXT = 512, CHUNK = 64, PAGES = 64 };

static struct model *model;

static void nothing(void *arg, const struct sequence *sequence)
{
    (void)arg;
    (void)sequence;
}

static struct scheduler *create(uint32_t pages, bool apart)
{
    const struct scheduler_options options = {
        .threads = 1,
        .max_sequences = 6,
        .prefill_chunk = CHUNK,
        .kv_pages = pages,
        .kv_type = KV_F32,
        .prefixes_apart = apart,
        .image_cache_bytes = 1 << 20,
        .on_end = nothing,
    };
    struct scheduler *scheduler;
    assert_false(scheduler_create(model, &options, &scheduler, NULL));
    return scheduler;
}

static struct sequence *add_request(struct scheduler *scheduler, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (sequence_create(model, CONTEXT, &request, &sequence, &why) != STATUS_OK)
        fail_msg("%s", why.message[LANG_EN]);
    scheduler_add(scheduler, sequence);
    return sequence;
}

static struct sequence *add(struct scheduler *scheduler, struct prompt_input prompt,
                            uint32_t max_tokens, struct answer *answer)
{
    *answer = (struct answer)ANSWER_INIT;
    return add_request(scheduler, demo_request(prompt, max_tokens, answer));
}

static void finish(struct scheduler *scheduler, struct sequence *sequence)
{
    while (scheduler_step(scheduler))
        continue;
    sequence_release(sequence);
}

static void run(struct scheduler *scheduler, struct prompt_input prompt, uint32_t max_tokens,
                struct answer *answer)
{
    finish(scheduler, add(scheduler, prompt, max_tokens, answer));
}

static struct engine_figures figures_of(const struct scheduler *scheduler)
{
    struct engine_figures figures = {0};
    scheduler_figures(scheduler, &figures);
    return figures;
}

static void same_answers(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->ids, b->ids, a->count * sizeof *a->ids);
}

static void a_prompt_is_found_again(void **state)
{
    (void)state;
    static struct answer first, second, shorter, other;
    struct scheduler *scheduler = create(PAGES, false);
    run(scheduler, demo_long_prompt(model, 200), 5, &first);
    assert_int_equal(first.cached_tokens, 0);
    run(scheduler, demo_long_prompt(model, 200), 5, &second);
    assert_int_equal(second.cached_tokens, 192);
    same_answers(&first, &second);
    run(scheduler, demo_long_prompt(model, 192), 5, &shorter);
    assert_int_equal(shorter.cached_tokens, 160); /* the last token is always computed */
    struct prompt_input changed = demo_long_prompt(model, 200);
    changed.tokens.ids[70]++;
    run(scheduler, changed, 5, &other);
    assert_int_equal(other.cached_tokens, 64);
    assert_int_equal(figures_of(scheduler).cached_tokens, 192 + 160 + 64);
    assert_int_equal(figures_of(scheduler).kv_pages_used, 0);
    assert_true(figures_of(scheduler).kv_pages_kept > 6);
    scheduler_destroy(scheduler);
}

static void seeds_keep_prompts_apart(void **state)
{
    (void)state;
    static struct answer answer;
    struct scheduler *scheduler = create(PAGES, false);
    for (uint64_t seed = 0; seed < 4; seed++) {
        answer = (struct answer)ANSWER_INIT;
        struct engine_request request = demo_request(demo_long_prompt(model, 100), 2, &answer);
        request.prefix_seed = seed / 2;
        finish(scheduler, add_request(scheduler, request));
        assert_int_equal(answer.cached_tokens, seed % 2 ? 96 : 0);
    }
    scheduler_destroy(scheduler);
}

static void what_was_said_is_found_in_the_next_turn(void **state)
{
    (void)state;
    static struct answer first, second;
    struct scheduler *scheduler = create(PAGES, false);
    run(scheduler, demo_long_prompt(model, 40), 60, &first);
    struct prompt_input next = demo_long_prompt(model, 40);
    for (size_t i = 0; i < first.count; i++)
        assert_false(token_list_add(&next.tokens, first.ids[i], NULL));
    run(scheduler, next, 5, &second);
    assert_int_equal(second.prompt_tokens, 100);
    assert_int_equal(second.cached_tokens, 96);
    scheduler_destroy(scheduler);
}

/* The second starts when the first is half-way, and meets it. */
static void a_prompt_under_way_is_shared(void **state)
{
    (void)state;
    static struct answer first, second;
    struct scheduler *scheduler = create(PAGES, false);
    struct sequence *a = add(scheduler, demo_long_prompt(model, 400), 3, &first);
    assert_true(scheduler_step(scheduler));
    struct sequence *b = add(scheduler, demo_long_prompt(model, 400), 3, &second);
    const int chunks = 400 / CHUNK + 1, ends = model->fast ? 1 : 0; /* steps of a fine last row */
    for (int step = 1; step < chunks + ends; step++)
        assert_true(scheduler_step(scheduler));
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 1); /* in what the other left of the last steps */
    assert_int_equal(second.cached_tokens, 384);
    while (scheduler_step(scheduler))
        continue;
    same_answers(&first, &second);
    sequence_release(a);
    sequence_release(b);
    scheduler_destroy(scheduler);
}

/* "Look:" and a picture of 8 × 8 tokens whose pixels are all `shade`. */
static struct prompt_input with_picture(uint8_t shade)
{
    enum { SIDE = 16, TOKENS = SIDE * SIDE / 4 };
    struct prompt_input prompt = demo_prompt(model, "hello");
    struct visual *visual = calloc(1, sizeof *visual);
    assert_non_null(visual);
    *visual = (struct visual){.grid = {1, SIDE, SIDE}, .digest = {{shade}}};
    visual->patches = malloc((size_t)SIDE * SIDE * PATCH_FLOATS * sizeof(float));
    assert_non_null(visual->patches);
    for (size_t i = 0; i < (size_t)SIDE * SIDE * PATCH_FLOATS; i++)
        visual->patches[i] = (float)shade / 128.0f - 1.0f;
    for (size_t i = 0; i < TOKENS; i++)
        assert_false(token_list_add(&prompt.tokens, model->config.image_token, NULL));
    for (size_t i = 0; i < 40; i++)
        assert_false(token_list_add(&prompt.tokens, prompt.tokens.ids[i % 9], NULL));
    prompt.visuals = visual;
    prompt.visual_count = 1;
    return prompt;
}

static void pictures_are_told_apart_and_encoded_once(void **state)
{
    (void)state;
    static struct answer dark, bright, again, apart;
    struct scheduler *scheduler = create(PAGES, false);
    run(scheduler, with_picture(10), 8, &dark);
    run(scheduler, with_picture(200), 8, &bright);
    assert_int_equal(bright.cached_tokens, 0); /* the picture lies in its first page already */
    assert_int_equal(figures_of(scheduler).image_cache_misses, 2);
    run(scheduler, with_picture(10), 8, &again);
    assert_int_equal(again.cached_tokens, 96);
    assert_int_equal(figures_of(scheduler).image_cache_misses, 2);
    same_answers(&dark, &again);
    scheduler_destroy(scheduler);
    scheduler = create(PAGES, true);
    run(scheduler, with_picture(200), 8, &apart);
    same_answers(&bright, &apart);
    run(scheduler, with_picture(200), 8, &apart); /* its pages are not shared, the picture is */
    assert_int_equal(figures_of(scheduler).image_cache_misses, 1);
    assert_int_equal(figures_of(scheduler).image_cache_hits, 1);
    same_answers(&bright, &apart);
    scheduler_destroy(scheduler);
}

static uint32_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)random_state * bound >> 32);
}

/* One of three beginnings, cut somewhere, and an end of its own; some show a picture. */
static struct prompt_input random_prompt(uint32_t seed)
{
    random_state = seed;
    if (random_below(4) == 0)
        return with_picture((uint8_t)(10 + random_below(3)));
    struct prompt_input prompt = demo_long_prompt(model, 20 + random_below(140));
    const uint32_t beginning = random_below(3);
    prompt.tokens.ids[3] += (int32_t)beginning;
    const uint32_t own = random_below(12);
    for (uint32_t i = 0; i < own; i++)
        prompt.tokens.ids[prompt.tokens.count - 1 - i] = (int32_t)(300 + random_below(400));
    return prompt;
}

/* Sixty sequences, a few at a time, in a cache of 14 pages: they give way to each other, pages are
 * dropped and found again, some are cancelled. Every answer is that of a scheduler for itself. */
static void sharing_under_pressure_changes_no_answer(void **state)
{
    (void)state;
    enum { SEQUENCES = 60, TOKENS = 24 };
    static struct answer alone[SEQUENCES], together[SEQUENCES];
    struct sequence *sequences[SEQUENCES];
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        struct scheduler *scheduler = create(PAGES, true);
        run(scheduler, random_prompt(i), TOKENS, &alone[i]);
        assert_int_equal(alone[i].cached_tokens, 0);
        scheduler_destroy(scheduler);
    }
    struct scheduler *scheduler = create(CONTEXT / KV_PAGE_TOKENS - 2, false);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        sequences[i] = add(scheduler, random_prompt(i), TOKENS, &together[i]);
        for (uint32_t steps = i * 7 % 5; steps > 0; steps--)
            scheduler_step(scheduler);
        if (i % 9 == 8)
            sequence_cancel(sequences[i]);
    }
    while (scheduler_step(scheduler)) {
        const struct engine_figures figures = figures_of(scheduler);
        assert_true(figures.kv_pages_used + figures.kv_pages_kept <= figures.kv_pages);
    }
    uint64_t cached = 0;
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        cached += together[i].cached_tokens;
        assert_true(together[i].cached_tokens < together[i].prompt_tokens);
        if (together[i].finish != FINISH_CANCELLED)
            same_answers(&together[i], &alone[i]);
        sequence_release(sequences[i]);
    }
    assert_true(cached > 1000);
    assert_int_equal(figures_of(scheduler).kv_pages_used, 0);
    scheduler_destroy(scheduler);
}

enum { ROWS = 128 };

/* A decoder of its own, so that logits can be seen. */
struct bare {
    struct compute *compute;
    struct kv_cache *cache;
    struct decoder *decoder;
    struct decoder_row rows[ROWS];
};

static const float *forward(struct bare *bare, const struct prompt_input *prompt,
                            const struct kv_pages *pages, uint32_t from)
{
    const uint32_t n = (uint32_t)prompt->tokens.count;
    for (uint32_t i = from; i < n; i++)
        bare->rows[i - from] = (struct decoder_row){
            .token = prompt->tokens.ids[i],
            .position = {(int32_t)i, (int32_t)i, (int32_t)i},
            .pages = pages,
            .index = i,
            .wants_logits = i + 1 == n,
        };
    return decoder_forward(bare->decoder, bare->rows, n - from);
}

/* 96 tokens from another sequence's pages and 4 of its own, against 100 of its own in the same two
 * batches: the same bits. */
static void check_logits(enum kv_type type)
{
    const struct compute_limits limits = {.max_rows = ROWS, .max_cols = 4096};
    const struct decoder_limits rows = {.rows = ROWS, .logits_rows = 1};
    const struct digest keys[] = {{{1}}, {{2}}, {{3}}};
    const size_t bytes = model->config.text.vocab_size * sizeof(float);
    uint32_t list_a[4], list_b[4];
    struct kv_pages a = {list_a, 0, 4}, b = {list_b, 0, 4};
    struct bare bare;
    assert_false(compute_create(1, limits, &bare.compute, NULL));
    assert_false(kv_cache_create(&model->config.text, type, 8, &bare.cache, NULL));
    assert_false(decoder_create(model, bare.compute, bare.cache, rows, &bare.decoder, NULL));
    struct prompt_input prompt = demo_long_prompt(model, 96);
    assert_true(kv_pages_grow(bare.cache, &a, 100));
    forward(&bare, &prompt, &a, 0);
    prompt_input_release(&prompt);
    for (uint32_t page = 0; page < 3; page++) {
        kv_pages_publish(bare.cache, &a, page, &keys[page]);
        assert_true(kv_pages_adopt(bare.cache, &b, page, &keys[page]));
    }
    assert_true(kv_pages_grow(bare.cache, &b, 100));
    prompt = demo_long_prompt(model, 100);
    float *logits = malloc(bytes);
    assert_non_null(logits);
    memcpy(logits, forward(&bare, &prompt, &a, 96), bytes);
    assert_memory_equal(logits, forward(&bare, &prompt, &b, 96), bytes);
    free(logits);
    prompt_input_release(&prompt);
    decoder_destroy(bare.decoder);
    kv_cache_destroy(bare.cache);
    compute_destroy(bare.compute);
}

static void logits_over_shared_pages_are_the_same_bits(void **state)
{
    (void)state;
    check_logits(KV_F16);
    check_logits(KV_F32);
    check_logits(KV_Q8_0);
}

static int load(void **state)
{
    (void)state;
    model = demo_model();
    return 0;
}

static int unload(void **state)
{
    (void)state;
    model_destroy(model);
    return 0;
}

/* The answer to a long prompt is computed finely, its end as part of a longer prompt would not be.
 * `type`: of the weights, NULL: plain ones. */
static void check_long_prompts(const enum dtype *type, bool fast)
{
    enum { LONG = 9 * KV_PAGE_TOKENS, LONGER = LONG + 4 * KV_PAGE_TOKENS };
    static struct answer first, again, longer;
    struct model *const whole = model;
    const struct model_options options = {.quantize = type};
    assert_false(model_load(demo_path(), &options, &model, NULL));
    assert_int_equal(model->fast, fast);
    if (fast) {
        struct scheduler *scheduler = create(PAGES, false);
        run(scheduler, demo_long_prompt(model, LONG), 3 * KV_PAGE_TOKENS, &first);
        run(scheduler, demo_long_prompt(model, LONG), 1, &again);
        assert_int_equal(again.cached_tokens, LONG - KV_PAGE_TOKENS);
        struct prompt_input prompt = demo_long_prompt(model, LONGER);
        memcpy(prompt.tokens.ids + LONG, first.ids, 3 * KV_PAGE_TOKENS * sizeof *first.ids);
        run(scheduler, prompt, 1, &longer);
        assert_int_equal(longer.cached_tokens, LONG - KV_PAGE_TOKENS);
        scheduler_destroy(scheduler);
    }
    model_destroy(model);
    model = whole;
}

static void long_prompts_share_only_what_is_computed_alike(void **state)
{
    (void)state;
    static const enum dtype type = DTYPE_Q8_0;
    struct kernels kernels;
    kernels_select(&kernels);
    check_long_prompts(NULL, kernels.bf16);
    check_long_prompts(&type, kernels.bf16 || kernels.integer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_found_again),
        cmocka_unit_test(seeds_keep_prompts_apart),
        cmocka_unit_test(what_was_said_is_found_in_the_next_turn),
        cmocka_unit_test(a_prompt_under_way_is_shared),
        cmocka_unit_test(pictures_are_told_apart_and_encoded_once),
        cmocka_unit_test(sharing_under_pressure_changes_no_answer),
        cmocka_unit_test(logits_over_shared_pages_are_the_same_bits),
        cmocka_unit_test(long_prompts_share_only_what_is_computed_alike),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
