#include "model/gguf_files.h"

#include "base/utf8.h"
#include "model/checkpoint_parts.h"
#include "model/gguf_mmproj.h"
#include "model/gguf_names.h"

#include <stdio.h>
#include <stdlib.h>

enum { PARTS_MAX = 1000, PATH_BYTES = 4096, PART_SUFFIX_BYTES = sizeof "-00001-of-00002.gguf" - 1 };

static enum status bad_file(const char *path, const char *code, struct reason *why, const char *en,
                            const char *zh)
{
    reason_set(why, code, "The file %s %s%.0s.", "文件 %s %.0s%s。", path, en, zh);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

bool gguf_files_is(const char *path)
{
    struct file_map map;
    if (str_ends(str_from(path), ".gguf"))
        return !file_is_directory(path);
    if (file_is_directory(path) || file_map_open(path, &map, NULL))
        return false;
    const bool is = gguf_is(map.data, map.size);
    file_map_close(&map);
    return is;
}

/* Maps one file and reads its header. */
static enum status add_file(struct checkpoint *c, const char *path, struct gguf *out,
                            struct reason *why)
{
    struct shard *shard;
    enum status status = checkpoint_add_file(c, path, &shard, why);
    if (!status)
        status = gguf_read(shard->path, shard->map.data, shard->map.size, &c->arena, out, why);
    if (status)
        return status;
    shard->tensors = out->tensors;
    shard->count = out->tensor_count;
    return STATUS_OK;
}

static int64_t split_number(const struct gguf *gguf, const char *key, int64_t fallback)
{
    int64_t n;
    return gguf_integer(gguf_find(gguf, key), &n) ? n : fallback;
}

/* Part `number` (from 1) of `count`, named like the first. */
static enum status add_part(struct checkpoint *c, const char *first, int64_t number, int64_t count,
                            struct reason *why)
{
    char path[PATH_BYTES];
    struct gguf part;
    const size_t stem = strlen(first) - PART_SUFFIX_BYTES;
    snprintf(path, sizeof path, "%.*s-%05d-of-%05d.gguf", (int)stem, first, (int)number,
             (int)count);
    const enum status status = add_file(c, path, &part, why);
    if (status)
        return status;
    if (split_number(&part, "split.no", -1) != number - 1 ||
        split_number(&part, "split.count", -1) != count)
        return bad_file(path, "bad_index", why, "is another part than its name says",
                        "的内容与文件名中的分片编号不符");
    return STATUS_OK;
}

/* The parts behind the first, if there are any. */
static enum status add_parts(struct checkpoint *c, const char *path, const struct gguf *first,
                             struct reason *why)
{
    const int64_t count = split_number(first, "split.count", 1);
    if (count <= 1)
        return STATUS_OK;
    char suffix[64];
    snprintf(suffix, sizeof suffix, "-00001-of-%05d.gguf", (int)(count % 100000));
    if (count > PARTS_MAX || split_number(first, "split.no", 0) != 0 ||
        !str_ends(str_from(path), suffix)) {
        const enum status status =
            bad_file(path, "bad_index", why, "is one of several parts, but not named as the first",
                     "是多个分片之一，但文件名不是首个分片");
        reason_hint(why, "Name the file that ends in -00001-of-%05d.gguf.",
                    "请指定以 -00001-of-%05d.gguf 结尾的文件。", (int)(count % 100000));
        return status;
    }
    enum status status = STATUS_OK;
    for (int64_t n = 2; n <= count && !status; n++)
        status = add_part(c, path, n, count, why);
    return status;
}

static enum status unknown_architecture(const char *path, struct str name, struct reason *why)
{
    const size_t valid = utf8_valid_prefix(name.ptr, name.len);
    const int shown = (int)(valid < 64 ? valid : utf8_floor(name.ptr, 64));
    reason_set(why, "unknown_architecture",
               "In %s, general.architecture is %.*s; this program runs qwen3vl.",
               "在 %s 中，general.architecture 是 %.*s；本程序只能运行 qwen3vl。", path, shown,
               name.ptr);
    reason_subject(why, "%s: general.architecture", path);
    if (str_is(name, "clip"))
        reason_hint(why,
                    "This is the vision part. Name the text model as the model and this file "
                    "with --mmproj.",
                    "这是视觉部分。请把文本模型指定为模型，并用 --mmproj 指定本文件。");
    else if (str_is(name, "qwen3vlmoe"))
        reason_hint(why,
                    "Mixture-of-experts models are not supported; use a dense Qwen3-VL: 2B, "
                    "4B, 8B or 32B.",
                    "不支持混合专家模型；请使用稠密的 Qwen3-VL：2B、4B、8B 或 32B。");
    else
        reason_hint(why, "Use a GGUF file of Qwen3-VL.", "请使用 Qwen3-VL 的 GGUF 文件。");
    return STATUS_INVALID;
}

static enum status open_text(const char *path, struct gguf_files *out, struct reason *why)
{
    struct str architecture = STR("(none)");
    enum status status = add_file(out->checkpoint, path, &out->text, why);
    if (!status)
        status = add_parts(out->checkpoint, path, &out->text, why);
    if (status)
        return status;
    out->text_parts = out->checkpoint->shard_count;
    (void)gguf_string(gguf_find(&out->text, "general.architecture"), &architecture);
    return str_is(architecture, "qwen3vl") ? STATUS_OK
                                           : unknown_architecture(path, architecture, why);
}

static enum status open_vision(const char *path, struct gguf_files *out, struct reason *why)
{
    static const char *const keys[] = {"clip.projector_type", "clip.vision.projector_type"};
    const enum status status = add_file(out->checkpoint, path, &out->vision, why);
    if (status)
        return status;
    struct str architecture = {0}, projector = {0};
    (void)gguf_string(gguf_find(&out->vision, "general.architecture"), &architecture);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        (void)gguf_string(gguf_find(&out->vision, keys[i]), &projector);
    if (!str_is(architecture, "clip"))
        return bad_file(path, "mismatched_mmproj", why,
                        "is no vision part: general.architecture is not clip",
                        "不是视觉部分：general.architecture 不是 clip");
    if (!str_is(projector, "qwen3vl_merger"))
        return bad_file(path, "mismatched_mmproj", why,
                        "is the vision part of another model: clip.projector_type is not "
                        "qwen3vl_merger",
                        "是其他模型的视觉部分：clip.projector_type 不是 qwen3vl_merger");
    return STATUS_OK;
}

enum status gguf_files_open(const char *path, const char *mmproj, struct gguf_files *out,
                            struct reason *why)
{
    char found[PATH_BYTES];
    *out = (struct gguf_files){0};
    enum status status = checkpoint_new(path, PARTS_MAX + 1, &out->checkpoint, why);
    if (status)
        return status;
    out->checkpoint->is_gguf = true;
    status = open_text(path, out, why);
    if (!status && (!mmproj || !mmproj[0])) {
        status = gguf_mmproj_find(path, found, sizeof found, why);
        mmproj = found;
    }
    if (!status)
        status = open_vision(mmproj, out, why);
    if (status) {
        checkpoint_close(out->checkpoint);
        out->checkpoint = NULL;
    }
    return status;
}

bool gguf_files_has_text(const struct gguf_files *files, const char *name)
{
    for (size_t i = 0; i < files->text_parts; i++)
        for (size_t k = 0; k < files->checkpoint->shards[i].count; k++)
            if (strcmp(files->checkpoint->shards[i].tensors[k].name, name) == 0)
                return true;
    return false;
}

/* New names for the tensors of one file. */
static enum status rename_tensors(struct checkpoint *c, struct shard *shard, bool is_text,
                                  struct reason *why)
{
    for (size_t i = 0; i < shard->count; i++) {
        struct tensor *t = &shard->tensors[i];
        char name[SPELLED_BYTES];
        if (strstr(t->name, "rope_freqs")) /* a saved table, as harmless as a saved rotary one */
            continue;
        if (!(is_text ? gguf_text_name(t->name, name)
                      : gguf_vision_name(t->name, &c->vision, name))) {
            reason_set(why, "extra_tensor",
                       "The file %s has a tensor %s that the configuration has no place for.",
                       "文件 %s 中的张量 %s 在配置中没有对应的位置。", t->file, t->spelled);
            reason_subject(why, "%s: %s", t->file, t->spelled);
            return STATUS_INVALID;
        }
        t->name = arena_strdup(&c->arena, str_from(name));
        if (!t->name)
            return reason_no_memory(why, strlen(name));
    }
    return STATUS_OK;
}

enum status gguf_files_merge(struct gguf_files *files, const struct vision_config *vision,
                             struct reason *why)
{
    struct checkpoint *c = files->checkpoint;
    c->vision = *vision;
    enum status status =
        gguf_mmproj_join_patches(c, &c->shards[files->text_parts], vision->hidden_size, why);
    for (size_t i = 0; i < c->shard_count && !status; i++)
        status = rename_tensors(c, &c->shards[i], i < files->text_parts, why);
    return status ? status : checkpoint_merge(c, why);
}
