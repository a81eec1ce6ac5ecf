#include "cli/env_measure.h"

#include "base/clock.h"
#include "cli/env_rig.h"
#include "kernels/ops.h"
#include "os/cpu_count.h"

#include <stdlib.h>

enum { RUNS_MAX = 3, STEPS_MIN = 3, STEPS_MAX = 32, PROBE_TOKENS = 64, LEAST_PROMPT = 128 };

/* Of one type's time: the last share that a prompt may begin in, and building may take long. */
static const double prompt_share = 0.7;

struct stopwatch {
    int64_t begun_ns;
    double seconds; /* until the work should be over */
};

static double elapsed(const struct stopwatch *watch)
{
    return (double)(clock_ns(&clock_system) - watch->begun_ns) * 1e-9;
}

static double left(const struct stopwatch *watch)
{
    return watch->seconds - elapsed(watch);
}

static struct stopwatch stopwatch_begin(double seconds)
{
    return (struct stopwatch){clock_ns(&clock_system), seconds};
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of an even number the smaller of the two in the middle: other programs only ever slow down. */
static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[(n - 1) / 2];
}

/* So many bytes, read in turn, that the caches hold a few percent of them at most. */
static uint64_t beyond_caches(void)
{
    const uint64_t least = (uint64_t)384 << 20, most = (uint64_t)1 << 30;
    struct cpu_counts counts;
    cpu_counts_read(&counts);
    const uint64_t wanted = counts.cache_bytes * 12;
    return wanted < least ? least : wanted > most ? most : wanted;
}

struct reading {
    const uint64_t *words;
    _Atomic uint64_t sum; /* so that the reads are not optimised away */
};

static void read_words(void *arg, size_t begin, size_t end, int thread)
{
    (void)thread;
    struct reading *reading = arg;
    uint64_t sum = 0;
    for (size_t i = begin; i < end; i++)
        sum += reading->words[i];
    reading->sum += sum;
}

static enum status measure_reading(struct measurement *out, struct pool *pool, uint64_t bytes,
                                   struct reason *why)
{
    enum { GRAIN = 1 << 17 };
    const size_t words = bytes / sizeof(uint64_t);
    uint64_t *memory = malloc(words * sizeof *memory);
    if (!memory)
        return reason_no_memory(why, bytes);
    for (size_t i = 0; i < words; i++)
        memory[i] = i;
    struct reading reading = {.words = memory};
    for (int run = 0; run < RUNS_MAX; run++) {
        const struct stopwatch watch = stopwatch_begin(0);
        pool_run(pool, words, GRAIN, read_words, &reading);
        const double rate = (double)(words * sizeof *memory) / elapsed(&watch);
        if (rate > out->read_bytes_per_s)
            out->read_bytes_per_s = rate;
    }
    free(memory);
    return STATUS_OK;
}

/* How much of a prompt takes no longer than that: as much as bench engine's, or less. */
static uint32_t choose_tokens(struct rig *rig, double seconds)
{
    rig_prompt(rig, PROBE_TOKENS); /* warms up */
    const struct stopwatch watch = stopwatch_begin(0);
    rig_prompt(rig, PROBE_TOKENS);
    const double token_s = elapsed(&watch) / PROBE_TOKENS;
    uint32_t tokens = MEASURED_PROMPT;
    while (tokens > LEAST_PROMPT && token_s * tokens > seconds)
        tokens /= 2;
    return tokens;
}

static void measure_prompt(struct rig *rig, const struct stopwatch *watch,
                           struct measured_type *out)
{
    double layers[RIG_LAYERS][RUNS_MAX], last = 0;
    size_t runs = 0;
    out->prompt_tokens = choose_tokens(rig, left(watch) * prompt_share);
    while (runs == 0 ||
           (runs < RUNS_MAX && elapsed(watch) + last < watch->seconds * prompt_share)) {
        const struct stopwatch run = stopwatch_begin(0);
        rig_prompt(rig, out->prompt_tokens);
        last = elapsed(&run);
        for (size_t i = 0; i < RIG_LAYERS; i++)
            layers[i][runs] = rig->layer_s[i];
        runs++;
    }
    for (size_t i = 0; i < RIG_LAYERS; i++)
        *(i < FINE_LAYERS ? &out->prompt_first_s : &out->prompt_rest_s) +=
            median(layers[i], runs) / FINE_LAYERS;
}

/* Steps without and with the output head by turns. */
static void measure_steps(struct rig *rig, const struct stopwatch *watch, struct measured_type *out)
{
    double layers[STEPS_MAX], heads[STEPS_MAX];
    size_t steps = 0;
    rig_step(rig, out->prompt_tokens, true);
    while (steps < STEPS_MIN || (steps < STEPS_MAX && left(watch) > 0)) {
        const uint32_t at = out->prompt_tokens + (uint32_t)steps;
        const struct stopwatch without = stopwatch_begin(0);
        rig_step(rig, at, false);
        layers[steps] = elapsed(&without);
        const struct stopwatch with = stopwatch_begin(0);
        rig_step(rig, at, true);
        heads[steps] = elapsed(&with) - layers[steps];
        steps++;
    }
    out->layers_s = median(layers, steps);
    out->head_s = median(heads, steps);
    if (out->head_s < 0)
        out->head_s = 0;
}

static enum status measure_type(const struct measure_plan *plan, enum dtype type, double seconds,
                                struct measured_type *out, struct reason *why)
{
    const struct stopwatch watch = stopwatch_begin(seconds);
    struct rig_plan made = {.type = type, .threads = plan->threads};
    enum status status =
        rig_plan_text(plan->config, type, beyond_caches(), plan->bytes, &made, why);
    if (status == STATUS_OK)
        status = model_sizes_count(&made.config, type, &out->sizes, why);
    struct rig rig;
    if (status == STATUS_OK)
        status = rig_init(&rig, &made, MEASURED_PROMPT + STEPS_MAX, why);
    if (status != STATUS_OK)
        return status;
    measure_prompt(&rig, &watch, out);
    measure_steps(&rig, &watch, out);
    rig_release(&rig);
    return STATUS_OK;
}

/* The blocks of the tower that are made: enough to have a merger behind each of some. */
static uint32_t few_blocks(const struct vision_config *v)
{
    const uint32_t few = v->deepstack_count > 2 ? v->deepstack_count : 2;
    return few < v->depth ? few : v->depth;
}

/* The faster of two runs, if there is time for two, with `depth` blocks, mergers behind the first
 * `features` of them. */
static enum status time_tower(struct rig *rig, const struct stopwatch *all, uint32_t depth,
                              uint32_t features, double *seconds, struct reason *why)
{
    struct vision_config *v = &rig->made.model.config.vision;
    v->depth = depth;
    v->deepstack_count = features;
    for (int run = 0; run < (left(all) > 0 ? 2 : 1); run++) {
        const struct stopwatch watch = stopwatch_begin(0);
        const enum status status = rig_look(rig, MEASURED_PICTURE / 16, why);
        if (status != STATUS_OK)
            return status;
        const double took = elapsed(&watch);
        if (run == 0 || took < *seconds)
            *seconds = took;
    }
    return STATUS_OK;
}

static enum status measure_tower(struct rig *rig, const struct stopwatch *all, uint32_t blocks,
                                 uint32_t features, struct measurement *out, struct reason *why)
{
    double one, few, merged;
    enum status status = time_tower(rig, all, 1, 0, &one, why);
    if (status == STATUS_OK)
        status = time_tower(rig, all, blocks, 0, &few, why);
    if (status == STATUS_OK)
        status = time_tower(rig, all, blocks, features, &merged, why);
    if (status != STATUS_OK)
        return status;
    /* Noise may hide what little one block takes. */
    const double more = few - one, features_s = merged - few;
    out->vision.block_s = blocks > 1 && more > 0 ? more / (blocks - 1) : few / blocks;
    out->vision.merger_s = features && features_s > 0 ? features_s / features : 0;
    const double rest = one - out->vision.block_s - out->vision.merger_s;
    out->vision.embed_s = rest > 0 ? rest : 0;
    return STATUS_OK;
}

static enum status measure_vision(const struct measure_plan *plan, const struct stopwatch *all,
                                  struct measurement *out, struct reason *why)
{
    struct rig_plan made = {
        .config = *plan->config, .type = DTYPE_BF16, .vision = true, .threads = plan->threads};
    const uint32_t blocks = few_blocks(&made.config.vision);
    uint32_t features = made.config.vision.deepstack_count;
    features = features < blocks ? features : blocks;
    made.config.text.layers = 1;
    made.config.text.vocab_size = 256;
    made.config.vision.depth = blocks;
    for (uint32_t i = 0; i < features; i++)
        made.config.vision.deepstack[i] = i;
    out->vision.depth = plan->config->vision.depth;
    struct rig rig;
    enum status status = model_sizes_count(plan->config, DTYPE_BF16, &out->vision.sizes, why);
    if (status == STATUS_OK)
        status = rig_init(&rig, &made, 1, why);
    if (status != STATUS_OK)
        return status;
    out->kernels = compute_kernels(rig.compute)->name;
    status = measure_tower(&rig, all, blocks, features, out, why);
    rig_release(&rig);
    return status;
}

enum status measure_run(const struct measure_plan *plan, struct measurement *out,
                        struct reason *why)
{
    const int parts = (int)plan->type_count + 1;
    const struct stopwatch watch = stopwatch_begin(plan->seconds);
    struct pool *pool;
    *out = (struct measurement){.threads = plan->threads};
    enum status status = pool_create(plan->threads, &pool, why);
    if (status != STATUS_OK)
        return status;
    const uint64_t wanted = beyond_caches();
    status = measure_reading(out, pool, wanted < plan->bytes ? wanted : plan->bytes, why);
    pool_destroy(pool);
    for (int i = 0; status == STATUS_OK && i < parts; i++) {
        const bool vision = i == parts - 1;
        const enum dtype type = vision ? DTYPE_BF16 : plan->types[i];
        if (plan->progress)
            plan->progress(plan->arg, vision ? "vision" : dtype_info(type)->name, i, parts);
        if (vision)
            status = measure_vision(plan, &watch, out, why);
        else
            status = measure_type(plan, type, left(&watch) / (parts - i), &out->types[i], why);
    }
    out->seconds = elapsed(&watch);
    return status;
}

static double ratio(uint64_t whole, uint64_t part)
{
    return part ? (double)whole / (double)part : 0;
}

double predict_decode(const struct measured_type *m, const struct model_sizes *sizes)
{
    return 1 / (m->layers_s * ratio(sizes->layer_bytes, m->sizes.layer_bytes) +
                m->head_s * ratio(sizes->head_bytes, m->sizes.head_bytes));
}

double predict_prefill(const struct measured_type *m, const struct model_sizes *sizes)
{
    const double first = sizes->layers < FINE_LAYERS ? sizes->layers : FINE_LAYERS;
    const double layers = first * m->prompt_first_s + (sizes->layers - first) * m->prompt_rest_s;
    const double larger = ratio(sizes->layer_products, m->sizes.layer_products) *
                          ratio(m->sizes.layers, sizes->layers);
    return m->prompt_tokens /
           (layers * larger + m->head_s * ratio(sizes->head_bytes, m->sizes.head_bytes));
}

double predict_picture(const struct measurement *m, const struct model_config *config,
                       const struct model_sizes *sizes)
{
    const struct model_sizes *own = &m->vision.sizes;
    const double mergers = 1 + config->vision.deepstack_count;
    return m->vision.embed_s * ratio(sizes->patch_embed_products, own->patch_embed_products) +
           m->vision.block_s * m->vision.depth * ratio(sizes->block_products, own->block_products) +
           m->vision.merger_s * mergers * ratio(sizes->merger_products, own->merger_products);
}
