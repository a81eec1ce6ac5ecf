#include "base/utf8.h"
#include "model/checkpoint_parts.h"
#include "model/gguf_names.h"
#include "model/impostor.h"
#include "model/safetensors.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PATH_BYTES = 4096,
    INDEX_MAX_BYTES = 64 << 20,
    ARENA_MAX_BYTES = 512 << 20,
    SHARDS_MAX = 1024
};

static enum status bad_index(const char *path, struct reason *why, const char *en, const char *zh)
{
    reason_set(why, "bad_index", "The index %s %s%.0s.", "索引文件 %s %.0s%s。", path, en, zh);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

/* A shard is a plain file name beside the index: no way out of the folder. */
static bool is_shard_name(struct str name)
{
    return name.len > 0 && name.len < 256 && str_ends(name, ".safetensors") &&
           !memchr(name.ptr, '/', name.len) && !memchr(name.ptr, '\0', name.len);
}

static struct shard *find_shard(struct checkpoint *c, struct str name)
{
    for (size_t i = 0; i < c->shard_count; i++)
        if (str_is(name, c->shards[i].name))
            return &c->shards[i];
    return NULL;
}

enum status checkpoint_add_file(struct checkpoint *c, const char *path, struct shard **out,
                                struct reason *why)
{
    struct shard *shard = &c->shards[c->shard_count];
    shard->path = arena_strdup(&c->arena, str_from(path));
    if (!shard->path)
        return reason_no_memory(why, strlen(path));
    const char *slash = strrchr(shard->path, '/');
    shard->name = slash ? slash + 1 : shard->path;
    const enum status status = file_map_open(shard->path, &shard->map, why);
    if (status)
        return status;
    c->shard_count++;
    *out = shard;
    return STATUS_OK;
}

static enum status add_shard(struct checkpoint *c, struct str name, struct reason *why)
{
    const char *path = arena_printf(&c->arena, "%s/%.*s", c->path, STR_ARG(name));
    struct shard *shard;
    enum status status =
        path ? checkpoint_add_file(c, path, &shard, why) : reason_no_memory(why, name.len);
    if (!status)
        status = safetensors_read(shard->path, shard->map.data, shard->map.size, &c->arena,
                                  &shard->tensors, &shard->count, why);
    return status;
}

/* Opens every shard that the weight map names, once. */
static enum status open_shards(struct checkpoint *c, const char *index_path, const struct json *map,
                               struct reason *why)
{
    JSON_EACH(entry, map) {
        if (!json_is(entry, JSON_STRING) || !is_shard_name(entry->text))
            return bad_index(index_path, why, "names something that is no shard beside it",
                             "引用了不在同一目录的分片");
        if (find_shard(c, entry->text))
            continue;
        if (c->shard_count == SHARDS_MAX)
            return bad_index(index_path, why, "names more than 1024 shards",
                             "引用的分片超过 1024 个");
        const enum status status = add_shard(c, entry->text, why);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* Byte order, as strcmp gives it; `name` may hold any byte. */
static int compare_name(const char *tensor, struct str name)
{
    const size_t len = strlen(tensor);
    const int order = memcmp(tensor, name.ptr, len < name.len ? len : name.len);
    return order ? order : len < name.len ? -1 : len > name.len;
}

static const struct tensor *find_in(const struct tensor *tensors, size_t count, struct str name)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_name(tensors[middle].name, name);
        if (order == 0)
            return &tensors[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The tensor is not where the index places it: in another shard, or nowhere. */
static enum status misplaced(const struct checkpoint *c, const struct shard *shard,
                             struct str tensor, struct reason *why)
{
    const struct shard *other = NULL;
    for (size_t i = 0; i < c->shard_count && !other; i++)
        if (find_in(c->shards[i].tensors, c->shards[i].count, tensor))
            other = &c->shards[i];
    const int shown = (int)(tensor.len < 128 ? tensor.len : utf8_floor(tensor.ptr, 128));
    if (other)
        reason_set(why, "bad_index", "The index places the tensor %.*s in %s, but it is in %s.",
                   "索引称张量 %.*s 在 %s 中，实际在 %s 中。", shown, tensor.ptr, shard->path,
                   other->name);
    else
        reason_set(why, "missing_tensor",
                   "The tensor %.*s is missing in %s, where the index places it.",
                   "索引所指的分片中缺少张量 %.*s（%s）。", shown, tensor.ptr, shard->path);
    reason_subject(why, "%s: %.*s", shard->path, shown, tensor.ptr);
    return STATUS_INVALID;
}

/* Every tensor of the weight map is in the shard that the map says. */
static enum status check_map(struct checkpoint *c, const struct json *map, struct reason *why)
{
    JSON_EACH(entry, map) {
        const struct shard *shard = find_shard(c, entry->text);
        if (!find_in(shard->tensors, shard->count, entry->key))
            return misplaced(c, shard, entry->key, why);
    }
    return STATUS_OK;
}

static enum status open_index(struct checkpoint *c, const char *path, struct reason *why)
{
    struct buf text;
    struct arena scratch;
    buf_init(&text, INDEX_MAX_BYTES);
    arena_init(&scratch, ARENA_MAX_BYTES);
    struct json *index;
    enum status status = file_read(path, &text, why);
    if (!status)
        status = impostor_check(path, buf_str(&text), why);
    if (!status && json_parse(text.data, text.len, (struct json_limits){.max_depth = 8}, &scratch,
                              &index, NULL) != STATUS_OK)
        status = bad_index(path, why, "is not valid JSON", "不是合法的 JSON");
    const struct json *map = status ? NULL : json_get(index, "weight_map");
    if (!status && (!json_is(map, JSON_OBJECT) || map->count == 0))
        status = bad_index(path, why, "has no weight_map", "没有 weight_map");
    if (!status)
        status = open_shards(c, path, map, why);
    if (!status)
        status = check_map(c, map, why);
    arena_release(&scratch);
    buf_release(&text);
    return status;
}

static int by_name(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum status merge_shards(struct checkpoint *c, struct reason *why)
{
    size_t total = 0;
    for (size_t i = 0; i < c->shard_count; i++)
        total += c->shards[i].count;
    c->tensors = arena_array(&c->arena, total + 1, sizeof *c->tensors);
    if (!c->tensors)
        return reason_no_memory(why, total * sizeof *c->tensors);
    for (size_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i].count)
            memcpy(c->tensors + c->count, c->shards[i].tensors,
                   c->shards[i].count * sizeof *c->tensors);
        c->count += c->shards[i].count;
    }
    qsort(c->tensors, c->count, sizeof *c->tensors, by_name);
    for (size_t i = 0; i < c->count; i++) {
        c->bytes += c->tensors[i].bytes;
        if (i == 0 || strcmp(c->tensors[i - 1].name, c->tensors[i].name) != 0)
            continue;
        reason_set(why, "bad_index", "The tensor %s is in two shards, %s and %s.",
                   "张量 %s 同时出现在两个分片 %s 和 %s 中。", c->tensors[i].spelled,
                   c->tensors[i - 1].file, c->tensors[i].file);
        reason_subject(why, "%s: %s", c->tensors[i].file, c->tensors[i].spelled);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* What the kernels ask of a plain dtype; blocks and codes are read byte by byte. */
static size_t alignment(enum dtype dtype)
{
    return dtype < DTYPE_PLAIN_COUNT ? dtype_size(dtype) : 1;
}

/* The container does not promise alignment; the kernels want it. Only odd files pay. */
static enum status align(struct checkpoint *c, struct reason *why)
{
    for (size_t i = 0; i < c->count; i++) {
        struct tensor *t = &c->tensors[i];
        if ((uintptr_t)t->data % alignment(t->dtype) == 0)
            continue;
        void *copy;
        const enum status status = checkpoint_add_copy(c, t->bytes, &copy, why);
        if (status)
            return status;
        memcpy(copy, t->data, t->bytes);
        t->data = copy;
    }
    return STATUS_OK;
}

enum status checkpoint_merge(struct checkpoint *c, struct reason *why)
{
    const enum status status = merge_shards(c, why);
    return status ? status : align(c, why);
}

static enum status open_files(struct checkpoint *c, struct reason *why)
{
    char path[PATH_BYTES];
    if (!path_join(path, sizeof path, c->path, "model.safetensors.index.json")) {
        reason_set(why, "missing_file", "The path of the checkpoint is too long.",
                   "模型目录的路径过长。");
        return STATUS_INVALID;
    }
    if (file_exists(path))
        return open_index(c, path, why);
    const enum status status = add_shard(c, STR("model.safetensors"), why);
    if (status == STATUS_IO && why && strcmp(why->code, "missing_file") == 0)
        reason_hint(why,
                    "A checkpoint is a folder with model.safetensors, or with shards and "
                    "model.safetensors.index.json.",
                    "模型目录中应有 model.safetensors，或者若干分片和 "
                    "model.safetensors.index.json。");
    return status;
}

enum status checkpoint_new(const char *path, size_t shards, struct checkpoint **out,
                           struct reason *why)
{
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return reason_no_memory(why, sizeof *c);
    arena_init(&c->arena, ARENA_MAX_BYTES);
    c->path = arena_strdup(&c->arena, str_from(path));
    c->shards = arena_array(&c->arena, shards, sizeof *c->shards);
    if (!c->path || !c->shards) {
        checkpoint_close(c);
        return reason_no_memory(why, shards * sizeof *c->shards);
    }
    *out = c;
    return STATUS_OK;
}

enum status checkpoint_open(const char *dir, struct checkpoint **out, struct reason *why)
{
    struct checkpoint *c;
    enum status status = checkpoint_new(dir, SHARDS_MAX, &c, why);
    if (status)
        return status;
    status = open_files(c, why);
    if (!status)
        status = checkpoint_merge(c, why);
    if (status)
        checkpoint_close(c);
    else
        *out = c;
    return status;
}

enum status checkpoint_add_copy(struct checkpoint *c, uint64_t bytes, void **out,
                                struct reason *why)
{
    if (c->copy_count == c->copy_cap) {
        const size_t cap = c->copy_cap ? 2 * c->copy_cap : 16;
        void **copies = realloc(c->copies, cap * sizeof *copies);
        if (!copies)
            return reason_no_memory(why, cap * sizeof *copies);
        c->copies = copies;
        c->copy_cap = cap;
    }
    *out = malloc(bytes ? bytes : 1);
    if (!*out)
        return reason_no_memory(why, bytes);
    c->copies[c->copy_count++] = *out;
    return STATUS_OK;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->copy_count; i++)
        free(c->copies[i]);
    free(c->copies);
    for (size_t i = 0; i < c->shard_count; i++)
        file_map_close(&c->shards[i].map);
    arena_release(&c->arena);
    free(c);
}

size_t checkpoint_count(const struct checkpoint *c)
{
    return c->count;
}

const struct tensor *checkpoint_at(const struct checkpoint *c, size_t index)
{
    return &c->tensors[index];
}

const struct tensor *checkpoint_find(const struct checkpoint *c, const char *name)
{
    return find_in(c->tensors, c->count, str_from(name));
}

size_t checkpoint_file_count(const struct checkpoint *c)
{
    return c->shard_count;
}

const char *checkpoint_file_name(const struct checkpoint *c, size_t index)
{
    return c->shards[index].name;
}

uint64_t checkpoint_file_bytes(const struct checkpoint *c, size_t index)
{
    return c->shards[index].map.size;
}

const char *checkpoint_path(const struct checkpoint *c)
{
    return c->path;
}

void checkpoint_spell(const struct checkpoint *c, const char *name, char out[SPELLED_BYTES])
{
    if (c->is_gguf)
        gguf_spell(name, &c->vision, out);
    else
        snprintf(out, SPELLED_BYTES, "%s", name);
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    return c->bytes;
}
