#include "model/gguf_mmproj.h"

#include "kernels/kernels.h"

#include <dirent.h>
#include <stdio.h>

enum { CHANNELS = 3, FRAMES = 2, SIDE = 16, SQUARE = SIDE * SIDE, PATH_BYTES = 4096 };

static enum status missing(const char *text_path, size_t found, struct reason *why)
{
    if (found == 0)
        reason_set(why, "missing_mmproj",
                   "The model %s has no vision part: there is no mmproj*.gguf beside it.",
                   "模型 %s 缺少视觉部分：其所在目录中没有 mmproj*.gguf。", text_path);
    else
        reason_set(why, "missing_mmproj",
                   "Beside the model %s there are %zu files mmproj*.gguf, and none is chosen.",
                   "模型 %s 所在目录中有 %zu 个 mmproj*.gguf，尚未指定使用哪一个。", text_path,
                   found);
    reason_subject(why, "%s", text_path);
    reason_hint(why, "Name the vision part with --mmproj FILE (setting model.mmproj).",
                "请用 --mmproj 文件（设置项 model.mmproj）指定视觉部分。");
    return STATUS_INVALID;
}

static bool is_mmproj(struct str name)
{
    return name.len > 6 && str_ieq(str_slice(name, 0, 6), STR("mmproj")) && str_ends(name, ".gguf");
}

enum status gguf_mmproj_find(const char *text_path, char *out, size_t size, struct reason *why)
{
    char dir[PATH_BYTES] = ".";
    const char *slash = strrchr(text_path, '/');
    if (slash)
        snprintf(dir, sizeof dir, "%.*s", slash == text_path ? 1 : (int)(slash - text_path),
                 text_path);
    size_t found = 0;
    DIR *list = opendir(dir);
    for (struct dirent *entry; list && (entry = readdir(list));)
        if (is_mmproj(str_from(entry->d_name)))
            found += path_join(out, size, dir, entry->d_name);
    if (list)
        closedir(list);
    return found == 1 ? STATUS_OK : missing(text_path, found, why);
}

static struct tensor *find(struct shard *shard, const char *name)
{
    for (size_t i = 0; i < shard->count; i++)
        if (strcmp(shard->tensors[i].name, name) == 0)
            return &shard->tensors[i];
    return NULL;
}

static bool has_shape(const struct tensor *t, uint32_t rows)
{
    return t->dims == 4 && t->shape[0] == rows && t->shape[1] == CHANNELS && t->shape[2] == SIDE &&
           t->shape[3] == SIDE;
}

static enum status wrong_shape(const struct tensor *t, uint32_t rows, struct reason *why)
{
    reason_set(why, "wrong_shape", "The tensor %s in %s does not have the shape [%u, 3, 16, 16].",
               "张量 %s（文件 %s）的形状不是 [%u, 3, 16, 16]。", t->spelled, t->file, rows);
    reason_subject(why, "%s: %s", t->file, t->spelled);
    return STATUS_INVALID;
}

/* to[row, channel, frame, y, x] of one frame. */
static void interleave(const struct tensor *from, size_t frame, uint32_t rows, float *to)
{
    struct kernels kernels;
    kernels_portable(&kernels);
    float square[SQUARE]; /* as the file has it, but aligned */
    const size_t bytes = dtype_bytes(from->dtype, SQUARE);
    for (size_t i = 0; i < (size_t)rows * CHANNELS; i++) {
        memcpy(square, (const char *)from->data + i * bytes, bytes);
        kernels.to_f32[from->dtype](to + (i * FRAMES + frame) * SQUARE, square, SQUARE);
    }
}

enum status gguf_mmproj_join_patches(struct checkpoint *c, struct shard *shard, uint32_t rows,
                                     struct reason *why)
{
    struct tensor *first = find(shard, "v.patch_embd.weight");
    struct tensor *second = find(shard, "v.patch_embd.weight.1");
    if (!first || !second) {
        const char *name = first ? "v.patch_embd.weight.1" : "v.patch_embd.weight";
        reason_set(why, "missing_tensor", "The file %s has no tensor %s.",
                   "文件 %s 中缺少张量 %s。", shard->path, name);
        reason_subject(why, "%s: %s", shard->path, name);
        return STATUS_INVALID;
    }
    if (!has_shape(first, rows) || !has_shape(second, rows))
        return wrong_shape(has_shape(first, rows) ? second : first, rows, why);
    const uint64_t bytes = (uint64_t)rows * CHANNELS * FRAMES * SQUARE * sizeof(float);
    void *joined;
    const enum status status = checkpoint_add_copy(c, bytes, &joined, why);
    if (status)
        return status;
    interleave(first, 0, rows, joined);
    interleave(second, 1, rows, joined);
    const uint64_t shape[] = {rows, CHANNELS, FRAMES, SIDE, SIDE};
    memcpy(first->shape, shape, sizeof shape);
    first->dims = ARRAY_LEN(shape);
    first->dtype = DTYPE_F32;
    first->data = joined;
    first->bytes = bytes;
    const size_t behind = shard->count - (size_t)(second - shard->tensors) - 1;
    memmove(second, second + 1, behind * sizeof *second);
    shard->count--;
    return STATUS_OK;
}
