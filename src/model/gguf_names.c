#include "model/gguf_names.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

/* '#' is a number: of a layer, a vision block, or ("@") of a DeepStack merger, which GGUF calls by
 * the vision block whose output it takes. */
struct name {
    const char *ggml, *hugging_face;
};

#define TEXT   "model.language_model."
#define VISUAL "model.visual."

static const struct name text_names[] = {
    {"token_embd.weight", TEXT "embed_tokens.weight"},
    {"output_norm.weight", TEXT "norm.weight"},
    {"output.weight", "lm_head.weight"},
    {"blk.#.attn_norm.weight", TEXT "layers.#.input_layernorm.weight"},
    {"blk.#.attn_q.weight", TEXT "layers.#.self_attn.q_proj.weight"},
    {"blk.#.attn_k.weight", TEXT "layers.#.self_attn.k_proj.weight"},
    {"blk.#.attn_v.weight", TEXT "layers.#.self_attn.v_proj.weight"},
    {"blk.#.attn_output.weight", TEXT "layers.#.self_attn.o_proj.weight"},
    {"blk.#.attn_q_norm.weight", TEXT "layers.#.self_attn.q_norm.weight"},
    {"blk.#.attn_k_norm.weight", TEXT "layers.#.self_attn.k_norm.weight"},
    {"blk.#.ffn_norm.weight", TEXT "layers.#.post_attention_layernorm.weight"},
    {"blk.#.ffn_gate.weight", TEXT "layers.#.mlp.gate_proj.weight"},
    {"blk.#.ffn_up.weight", TEXT "layers.#.mlp.up_proj.weight"},
    {"blk.#.ffn_down.weight", TEXT "layers.#.mlp.down_proj.weight"},
};

/* Each is a .weight and a .bias. */
static const struct name vision_names[] = {
    {"v.patch_embd", VISUAL "patch_embed.proj"},
    {"v.blk.#.ln1", VISUAL "blocks.#.norm1"},
    {"v.blk.#.ln2", VISUAL "blocks.#.norm2"},
    {"v.blk.#.attn_qkv", VISUAL "blocks.#.attn.qkv"},
    {"v.blk.#.attn_out", VISUAL "blocks.#.attn.proj"},
    {"v.blk.#.ffn_up", VISUAL "blocks.#.mlp.linear_fc1"},
    {"v.blk.#.ffn_down", VISUAL "blocks.#.mlp.linear_fc2"},
    {"v.post_ln", VISUAL "merger.norm"},
    {"mm.0", VISUAL "merger.linear_fc1"},
    {"mm.2", VISUAL "merger.linear_fc2"},
    {"v.deepstack.@.norm", VISUAL "deepstack_merger_list.@.norm"},
    {"v.deepstack.@.fc1", VISUAL "deepstack_merger_list.@.linear_fc1"},
    {"v.deepstack.@.fc2", VISUAL "deepstack_merger_list.@.linear_fc2"},
    {"v.position_embd", VISUAL "pos_embed"},
};

/* Whether `name` is of the form `pattern`, and the number in it. */
static bool matches(struct str name, const char *pattern, unsigned *number)
{
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#' && *pattern != '@') {
            if (at == name.len || name.ptr[at++] != *pattern)
                return false;
            continue;
        }
        const size_t begin = at;
        for (*number = 0; at < name.len && name.ptr[at] >= '0' && name.ptr[at] <= '9'; at++)
            *number = *number * 10 + (unsigned)(name.ptr[at] - '0');
        if (at == begin || at - begin > 6 || (name.ptr[begin] == '0' && at - begin > 1))
            return false;
    }
    return at == name.len;
}

/* `pattern` with its number put in. */
static void fill(const char *pattern, unsigned number, const char *suffix, char out[SPELLED_BYTES])
{
    const size_t before = strcspn(pattern, "#@");
    if (pattern[before])
        snprintf(out, SPELLED_BYTES, "%.*s%u%s%s", (int)before, pattern, number,
                 pattern + before + 1, suffix);
    else
        snprintf(out, SPELLED_BYTES, "%s%s", pattern, suffix);
}

bool gguf_text_name(const char *ggml, char out[SPELLED_BYTES])
{
    unsigned number = 0;
    for (size_t i = 0; i < ARRAY_LEN(text_names); i++) {
        if (!matches(str_from(ggml), text_names[i].ggml, &number))
            continue;
        fill(text_names[i].hugging_face, number, "", out);
        return true;
    }
    return false;
}

/* ".weight" or ".bias", and `name` without it; NULL if it ends in neither. */
static const char *cut_suffix(struct str *name)
{
    static const char *const suffixes[] = {".weight", ".bias"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (!str_ends(*name, suffixes[i]))
            continue;
        name->len -= strlen(suffixes[i]);
        return suffixes[i];
    }
    return NULL;
}

/* The number of the DeepStack merger behind block `block`. */
static bool merger_of(const struct vision_config *vision, unsigned block, unsigned *merger)
{
    for (*merger = 0; *merger < vision->deepstack_count; (*merger)++)
        if (vision->deepstack[*merger] == block)
            return true;
    return false;
}

bool gguf_vision_name(const char *ggml, const struct vision_config *vision, char out[SPELLED_BYTES])
{
    struct str stem = str_from(ggml);
    const char *suffix = cut_suffix(&stem);
    unsigned number = 0;
    for (size_t i = 0; suffix && i < ARRAY_LEN(vision_names); i++) {
        if (!matches(stem, vision_names[i].ggml, &number))
            continue;
        if (strchr(vision_names[i].ggml, '@') && !merger_of(vision, number, &number))
            return false;
        fill(vision_names[i].hugging_face, number, suffix, out);
        return true;
    }
    return false;
}

void gguf_spell(const char *name, const struct vision_config *vision, char out[SPELLED_BYTES])
{
    unsigned number = 0;
    for (size_t i = 0; i < ARRAY_LEN(text_names); i++) {
        if (matches(str_from(name), text_names[i].hugging_face, &number)) {
            fill(text_names[i].ggml, number, "", out);
            return;
        }
    }
    struct str stem = str_from(name);
    const char *suffix = cut_suffix(&stem);
    for (size_t i = 0; suffix && i < ARRAY_LEN(vision_names); i++) {
        if (!matches(stem, vision_names[i].hugging_face, &number))
            continue;
        if (strchr(vision_names[i].ggml, '@') && number < vision->deepstack_count)
            number = vision->deepstack[number];
        fill(vision_names[i].ggml, number, suffix, out);
        return;
    }
    snprintf(out, SPELLED_BYTES, "%s", name);
}
