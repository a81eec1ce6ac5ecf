/* How fast the engine is from the start on: load, first answer about a picture, prompt, decoding.
 *
 * Usage: engine_bench [MODEL [THREADS]]   models/demo, and one thread per core, by default */
#include "engine/demo_test.h"

#include "base/clock.h"
#include "base/test.h"

static double ms_since(int64_t start)
{
    return (double)(clock_ns(&clock_system) - start) * 1e-6;
}

static struct sequence *submit(struct engine *engine, struct engine_request request)
{
    struct sequence *sequence;
    struct reason why;
    if (engine_submit(engine, &request, &sequence, &why) != STATUS_OK) {
        fprintf(stderr, "%s\n", why.message[LANG_EN]);
        exit(1);
    }
    return sequence;
}

/* A grey 256 × 256 picture with a question. */
static struct prompt_input picture_prompt(const struct model *model)
{
    enum { SIDE = 256 };
    static uint8_t rgb[SIDE * SIDE * 3];
    static char text[] = "[{\"role\":\"user\",\"content\":[{\"type\":\"image\"},"
                         "{\"type\":\"text\",\"text\":\"Describe this image.\"}]}]";
    memset(rgb, 128, sizeof rgb);
    const struct prompt_picture picture = {.image = {SIDE, SIDE, rgb}};
    struct arena arena;
    struct json *messages;
    struct prompt_input prompt;
    arena_init(&arena, 1 << 20);
    if (json_parse(text, sizeof text - 1, (struct json_limits){0}, &arena, &messages, NULL))
        exit(1);
    const struct prompt_request request = {
        .messages = messages,
        .options = {.add_generation_prompt = true},
        .pictures = &picture,
        .picture_count = 1,
    };
    if (prompt_build(model, &request, &prompt, NULL))
        exit(1);
    arena_release(&arena);
    return prompt;
}

static void first_answer(struct engine *engine, const struct model *model)
{
    static struct answer answer = ANSWER_INIT;
    const int64_t start = clock_ns(&clock_system);
    struct engine_request request = demo_request(picture_prompt(model), 64, &answer);
    request.ignore_eos = false;
    struct sequence *sequence = submit(engine, request);
    answer_wait(&answer, 1);
    const double first = ms_since(start);
    answer_wait_end(&answer);
    printf("first answer about a 256 x 256 picture: first token after %.1f ms, %zu tokens after "
           "%.1f ms\n",
           first, answer.count, ms_since(start));
    sequence_release(sequence);
}

static void prompt_speed(struct engine *engine, const struct model *model)
{
    enum { TOKENS = 1024 };
    static struct answer answer = ANSWER_INIT;
    const int64_t start = clock_ns(&clock_system);
    struct sequence *sequence =
        submit(engine, demo_request(demo_long_prompt(model, TOKENS), 1, &answer));
    answer_wait_end(&answer);
    printf("prompt of %d tokens: %.0f tokens/s\n", TOKENS, TOKENS / ms_since(start) * 1e3);
    sequence_release(sequence);
}

static void decode_speed(struct engine *engine, const struct model *model, size_t count)
{
    enum { TOKENS = 200, MOST = 16 };
    static struct answer answers[MOST];
    struct sequence *sequences[MOST];
    const int64_t start = clock_ns(&clock_system);
    for (size_t i = 0; i < count; i++) {
        answers[i] = (struct answer)ANSWER_INIT;
        sequences[i] = submit(engine, demo_request(demo_prompt(model, "hi"), TOKENS, &answers[i]));
    }
    for (size_t i = 0; i < count; i++) {
        answer_wait_end(&answers[i]);
        sequence_release(sequences[i]);
    }
    printf("%zu answers at once: %.0f tokens/s in all\n", count,
           (double)count * TOKENS / ms_since(start) * 1e3);
}

int main(int argc, char **argv)
{
    const struct engine_options options = {.threads = argc > 2 ? atoi(argv[2]) : 0};
    struct model *model;
    struct engine *engine;
    struct engine_figures figures;
    struct reason why;
    const int64_t start = clock_ns(&clock_system);
    if (model_load(argc > 1 ? argv[1] : "models/demo", NULL, &model, &why) != STATUS_OK) {
        fprintf(stderr, "%s\n", why.message[LANG_EN]);
        return 1;
    }
    const double loaded = ms_since(start);
    if (engine_create(model, &options, &engine, &why) != STATUS_OK) {
        fprintf(stderr, "%s\n", why.message[LANG_EN]);
        return 1;
    }
    engine_figures_read(engine, &figures);
    printf("%d threads, kernels %s; loaded in %.1f ms, ready after %.1f ms\n", figures.threads,
           figures.kernels, loaded, ms_since(start));
    first_answer(engine, model);
    prompt_speed(engine, model);
    for (size_t count = 1; count <= 16; count *= 4)
        decode_speed(engine, model, count);
    engine_destroy(engine);
    model_destroy(model);
    return 0;
}
