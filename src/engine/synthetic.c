#include "engine/synthetic.h"

#include "engine/random.h"
#include "model/quantize_plan.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { VOCABULARY = 151936, PATTERN_BLOCKS = 4096 };

/* Specification 1.2: what the sizes differ in. */
struct shape {
    const char *name;
    uint32_t hidden, intermediate, layers, heads;
    bool tied;
    uint32_t depth, vision_hidden, vision_intermediate, deepstack[3];
};

static const struct shape shapes[] = {
    {"qwen3-vl-2b", 2048, 6144, 28, 16, true, 24, 1024, 4096, {5, 11, 17}},
    {"qwen3-vl-4b", 2560, 9728, 36, 32, true, 24, 1024, 4096, {5, 11, 17}},
    {"qwen3-vl-8b", 4096, 12288, 36, 32, false, 27, 1152, 4304, {8, 16, 24}},
    {"qwen3-vl-32b", 5120, 25600, 64, 64, false, 27, 1152, 4304, {8, 16, 24}},
};

struct maker {
    struct synthetic *out;
    struct random random;
    enum dtype main, rich; /* rich: of the matrices that mixed files keep better */
    uint32_t true_layers;  /* of the shape; those made stand for them */
    bool vision, outline;
    size_t used; /* bytes of the mapping */
    bool failed;
};

static enum status refuse(struct reason *why, const char *what)
{
    reason_set(why, "invalid_value", "There is no shape or type %s.", "没有名为 %s 的形状或类型。",
               what);
    reason_hint(why,
                "Shapes: qwen3-vl-2b, -4b, -8b, -32b. Types: bf16, q8_0, q4_0, q4_k, q5_k, q6_k.",
                "形状：qwen3-vl-2b、-4b、-8b、-32b。类型：bf16、q8_0、q4_0、q4_k、q5_k、q6_k。");
    return STATUS_INVALID;
}

static bool find_type(const char *name, enum dtype *out)
{
    for (int d = 0; d < DTYPE_COUNT; d++) {
        const struct str known = str_from(dtype_info((enum dtype)d)->name);
        if (d != DTYPE_F8_E4M3 && str_ieq(str_from(name), known)) {
            *out = (enum dtype)d;
            return true;
        }
    }
    return false;
}

static void configure(struct model_config *config, const struct shape *s)
{
    *config = model_config_defaults();
    config->text = (struct text_config){
        .vocab_size = VOCABULARY,
        .hidden_size = s->hidden,
        .intermediate_size = s->intermediate,
        .layers = s->layers,
        .heads = s->heads,
        .kv_heads = 8,
        .head_dim = 128,
        .max_positions = 262144,
        .rms_eps = 1e-6f,
        .rope_theta = 5e6f,
        .mrope_section = {24, 20, 20},
        .tied = s->tied,
    };
    config->vision = (struct vision_config){
        .depth = s->depth,
        .hidden_size = s->vision_hidden,
        .intermediate_size = s->vision_intermediate,
        .heads = 16,
        .out_hidden_size = s->hidden,
        .patch_size = 16,
        .temporal_patch_size = 2,
        .merge_size = 2,
        .position_side = 48,
        .deepstack = {s->deepstack[0], s->deepstack[1], s->deepstack[2]},
        .deepstack_count = 3,
    };
}

/* The scales of a block, kept near 2^-9, so that nothing overflows in many layers. */
static void calm_scales(uint8_t *block, enum dtype dtype)
{
    const uint16_t half = 0x1800;
    const bool last = dtype == DTYPE_Q6_K;
    memcpy(block + (last ? 208 : 0), &half, sizeof half);
    if (dtype == DTYPE_Q4_1 || dtype == DTYPE_Q5_1 || dtype == DTYPE_Q4_K || dtype == DTYPE_Q5_K)
        memcpy(block + 2, &half, sizeof half);
}

/* A pattern of random weights, repeated. */
static void fill(struct maker *maker, uint8_t *to, size_t bytes, enum dtype dtype)
{
    const size_t block = dtype_info(dtype)->bytes, whole = PATTERN_BLOCKS * block;
    const size_t pattern = bytes < whole ? bytes : whole;
    for (size_t i = 0; i + 8 <= pattern; i += 8) {
        const uint64_t bits = random_next(&maker->random);
        memcpy(to + i, &bits, 8);
    }
    for (size_t i = 0; i + block <= pattern; i += block) {
        if (dtype == DTYPE_F32) {
            const float value = (float)(random_unit(&maker->random) - 0.5) * 0.02f;
            memcpy(to + i, &value, 4);
        } else if (dtype == DTYPE_BF16 || dtype == DTYPE_F16) {
            to[i + 1] = (uint8_t)((to[i + 1] & 0x80) | (dtype == DTYPE_BF16 ? 0x3C : 0x20));
        } else {
            calm_scales(to + i, dtype);
        }
    }
    for (size_t done = pattern; done < bytes;) {
        const size_t n = bytes - done < pattern ? bytes - done : pattern;
        memcpy(to + done, to, n);
        done += n;
    }
}

/* A matrix: its place in the made-up file. */
static struct matrix matrix(struct maker *maker, uint32_t rows, uint32_t cols, enum dtype dtype,
                            const float *bias)
{
    struct synthetic *out = maker->out;
    dtype = quantize_fitting(dtype, cols);
    struct matrix m = {.dtype = dtype, .rows = rows, .cols = cols, .bias = bias};
    const size_t bytes = rows * matrix_row_bytes(&m);
    m.data = out->mapping ? (char *)out->mapping + maker->used : NULL;
    if (out->mapping) {
        if (maker->used + bytes > out->mapping_bytes)
            maker->failed = true;
        else
            fill(maker, (uint8_t *)out->mapping + maker->used, bytes, dtype);
    }
    maker->used += (bytes + 63) / 64 * 64;
    out->model.weights.parameters += (uint64_t)rows * cols;
    return m;
}

static const float *constant(struct maker *maker, size_t n, float value)
{
    if (maker->outline)
        return NULL;
    float *floats = arena_array(&maker->out->arena, n, sizeof *floats);
    for (size_t i = 0; floats && i < n; i++)
        floats[i] = value;
    maker->failed = maker->failed || !floats;
    return floats;
}

/* Of a shape's layers, those in which mixed files keep the better type; when fewer are made, the
 * same share of them, spread evenly. */
static enum dtype mixed(const struct maker *maker, uint32_t layer, uint32_t layers)
{
    const uint32_t all = maker->true_layers;
    if (layers == all)
        return quantize_keeps_better(layer, all) ? maker->rich : maker->main;
    uint64_t better = 0;
    for (uint32_t i = 0; i < all; i++)
        better += quantize_keeps_better(i, all);
    return (layer + 1) * better / all > layer * better / all ? maker->rich : maker->main;
}

static void make_text(struct maker *maker)
{
    struct weights *w = &maker->out->model.weights;
    const struct text_config *c = &maker->out->model.config.text;
    const uint32_t query = c->heads * c->head_dim, key = c->kv_heads * c->head_dim;
    const enum dtype main = maker->main;
    w->embed = matrix(maker, c->vocab_size, c->hidden_size, c->tied ? maker->rich : main, NULL);
    w->head = c->tied ? w->embed : matrix(maker, c->vocab_size, c->hidden_size, maker->rich, NULL);
    w->final_norm.weight = constant(maker, c->hidden_size, 1);
    for (uint32_t i = 0; i < c->layers; i++) {
        const enum dtype rich = mixed(maker, i, c->layers);
        w->layers[i] = (struct text_layer){
            .input_norm.weight = constant(maker, c->hidden_size, 1),
            .post_attention_norm.weight = constant(maker, c->hidden_size, 1),
            .q_norm.weight = constant(maker, c->head_dim, 1),
            .k_norm.weight = constant(maker, c->head_dim, 1),
            .q = matrix(maker, query, c->hidden_size, main, NULL),
            .k = matrix(maker, key, c->hidden_size, main, NULL),
            .v = matrix(maker, key, c->hidden_size, rich, NULL),
            .o = matrix(maker, c->hidden_size, query, main, NULL),
            .gate = matrix(maker, c->intermediate_size, c->hidden_size, main, NULL),
            .up = matrix(maker, c->intermediate_size, c->hidden_size, main, NULL),
            .down = matrix(maker, c->hidden_size, c->intermediate_size, rich, NULL),
        };
    }
}

static struct norm layer_norm(struct maker *maker, uint32_t n)
{
    return (struct norm){constant(maker, n, 1), constant(maker, n, 0)};
}

static struct matrix linear(struct maker *maker, uint32_t rows, uint32_t cols)
{
    return matrix(maker, rows, cols, DTYPE_BF16, constant(maker, rows, 0));
}

static struct merger make_merger(struct maker *maker, uint32_t norm_dim)
{
    const struct vision_config *c = &maker->out->model.config.vision;
    const uint32_t wide = 4 * c->hidden_size;
    return (struct merger){layer_norm(maker, norm_dim), linear(maker, wide, wide),
                           linear(maker, c->out_hidden_size, wide)};
}

static void make_vision(struct maker *maker)
{
    struct weights *w = &maker->out->model.weights;
    const struct vision_config *c = &maker->out->model.config.vision;
    const uint32_t dim = c->hidden_size;
    w->patch_embed = linear(maker, dim, 1536);
    w->position_table = constant(maker, (size_t)c->position_side * c->position_side * dim, 0.01f);
    for (uint32_t i = 0; i < c->depth; i++)
        w->blocks[i] = (struct vision_block){
            .norm1 = layer_norm(maker, dim),
            .norm2 = layer_norm(maker, dim),
            .qkv = linear(maker, 3 * dim, dim),
            .proj = linear(maker, dim, dim),
            .fc1 = linear(maker, c->intermediate_size, dim),
            .fc2 = linear(maker, dim, c->intermediate_size),
        };
    w->merger = make_merger(maker, dim);
    for (uint32_t i = 0; i < c->deepstack_count; i++)
        w->deepstack[i] = make_merger(maker, 4 * dim);
}

/* Twice: first to know the size of the file, then to fill it. */
static void make(struct maker *maker)
{
    struct synthetic *out = maker->out;
    maker->used = 0;
    out->model.weights.parameters = 0;
    make_text(maker);
    out->weight_bytes = maker->used;
    if (maker->vision)
        make_vision(maker);
}

/* Stands for a checkpoint's mapping: what is packed is given back from it. If most is, large pages
 * make it cheap to fill; otherwise its pages are as small as a file's, which costs speed. */
static bool map_file(struct synthetic *out, size_t bytes, bool is_packed)
{
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    (void)madvise(mapping, bytes, is_packed ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    out->mapping = mapping;
    out->mapping_bytes = bytes;
    return true;
}

static bool allocate(struct synthetic *out)
{
    struct weights *w = &out->model.weights;
    w->layers = arena_array(&out->arena, out->model.config.text.layers, sizeof *w->layers);
    w->blocks = arena_array(&out->arena, out->model.config.vision.depth, sizeof *w->blocks);
    return w->layers && w->blocks;
}

enum status synthetic_config(const char *shape, struct model_config *out, struct reason *why)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (strcmp(shapes[i].name, shape) != 0)
            continue;
        configure(out, &shapes[i]);
        return STATUS_OK;
    }
    return refuse(why, shape);
}

enum status synthetic_build(const struct synthetic_plan *plan, struct pool *pool,
                            struct synthetic *out, struct reason *why)
{
    *out = (struct synthetic){.model.config = plan->config};
    struct maker maker = {.out = out,
                          .main = plan->type,
                          .rich = quantize_better(plan->type),
                          .true_layers =
                              plan->true_layers ? plan->true_layers : plan->config.text.layers,
                          .vision = plan->vision};
    random_init(&maker.random, 1);
    arena_init(&out->arena, (size_t)1 << 30);
    bool good = allocate(out);
    if (good)
        make(&maker);
    good = good && !maker.failed && map_file(out, maker.used, plan->type >= DTYPE_PLAIN_COUNT);
    if (good)
        make(&maker);
    enum status status = good && !maker.failed ? STATUS_OK : reason_no_memory(why, maker.used);
    if (status == STATUS_OK)
        status = packing_create(&out->model.weights, out->model.config.text.layers,
                                &(struct packing_options){.tiles = true}, pool, &out->packing, why);
    if (status != STATUS_OK)
        synthetic_release(out);
    return status;
}

enum status synthetic_outline(const struct model_config *config, struct synthetic *out,
                              struct reason *why)
{
    *out = (struct synthetic){.model.config = *config};
    struct maker maker = {.out = out,
                          .main = DTYPE_BF16,
                          .rich = DTYPE_BF16,
                          .true_layers = config->text.layers,
                          .vision = true,
                          .outline = true};
    arena_init(&out->arena, (size_t)1 << 24);
    if (!allocate(out)) {
        arena_release(&out->arena);
        return reason_no_memory(why, (size_t)1 << 24);
    }
    make(&maker);
    return STATUS_OK;
}

enum status synthetic_create(const char *shape, const char *type, uint32_t layers, bool vision,
                             struct pool *pool, struct synthetic *out, struct reason *why)
{
    *out = (struct synthetic){0};
    struct synthetic_plan plan = {.vision = vision};
    const enum status status = synthetic_config(shape, &plan.config, why);
    if (status != STATUS_OK)
        return status;
    if (!find_type(type, &plan.type))
        return refuse(why, type);
    plan.true_layers = plan.config.text.layers;
    if (layers)
        plan.config.text.layers = layers;
    return synthetic_build(&plan, pool, out, why);
}

void synthetic_release(struct synthetic *synthetic)
{
    packing_destroy(synthetic->packing);
    if (synthetic->mapping)
        munmap(synthetic->mapping, synthetic->mapping_bytes);
    arena_release(&synthetic->arena);
    *synthetic = (struct synthetic){0};
}
