#include "model/checkpoint.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "model/impostor.h"
#include "model/safetensors.h"
#include "os/file.h"
#include "json/json.h"

#include <stdlib.h>

enum { PATH_BYTES = 4096, INDEX_MAX_BYTES = 64 << 20, ARENA_MAX_BYTES = 512 << 20 };

struct shard {
    char *path;
    const char *name; /* its last part */
    struct file_map map;
    struct tensor *tensors;
    size_t count;
};

struct checkpoint {
    struct arena arena;
    char *dir;
    struct shard *shards;
    size_t shard_count;
    struct tensor *tensors; /* of all shards, sorted by name */
    size_t count;
    void **copies; /* of tensors that lie unaligned in their file */
    size_t copy_count;
    uint64_t bytes;
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

static enum status add_shard(struct checkpoint *c, const char *dir, struct str name,
                             struct reason *why)
{
    struct shard *shard = &c->shards[c->shard_count];
    shard->path = arena_printf(&c->arena, "%s/%.*s", dir, STR_ARG(name));
    if (!shard->path)
        return reason_no_memory(why, name.len);
    shard->name = strrchr(shard->path, '/') + 1;
    const enum status status = file_map_open(shard->path, &shard->map, why);
    if (status)
        return status;
    c->shard_count++;
    return safetensors_read(shard->path, shard->map.data, shard->map.size, &c->arena,
                            &shard->tensors, &shard->count, why);
}

/* Opens every shard that the weight map names, once. */
static enum status open_shards(struct checkpoint *c, const char *dir, const char *index_path,
                               const struct json *map, struct reason *why)
{
    JSON_EACH(entry, map) {
        if (!json_is(entry, JSON_STRING) || !is_shard_name(entry->text))
            return bad_index(index_path, why, "names something that is no shard beside it",
                             "引用了不在同一目录的分片");
        if (find_shard(c, entry->text))
            continue;
        if (c->shard_count == 1024)
            return bad_index(index_path, why, "names more than 1024 shards",
                             "引用的分片超过 1024 个");
        const enum status status = add_shard(c, dir, entry->text, why);
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

static enum status open_index(struct checkpoint *c, const char *dir, const char *path,
                              struct reason *why)
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
    if (!status) {
        c->shards =
            arena_array(&c->arena, map->count < 1024 ? map->count : 1024, sizeof *c->shards);
        status = c->shards ? open_shards(c, dir, path, map, why) : reason_no_memory(why, 1024);
    }
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

/* One list of all shards' tensors. */
static enum status merge(struct checkpoint *c, struct reason *why)
{
    size_t total = 0;
    for (size_t i = 0; i < c->shard_count; i++)
        total += c->shards[i].count;
    c->tensors = arena_array(&c->arena, total + 1, sizeof *c->tensors);
    c->copies = arena_array(&c->arena, total + 1, sizeof *c->copies);
    if (!c->tensors || !c->copies)
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
                   "张量 %s 同时出现在两个分片 %s 和 %s 中。", c->tensors[i].name,
                   c->tensors[i - 1].file, c->tensors[i].file);
        reason_subject(why, "%s: %s", c->tensors[i].file, c->tensors[i].name);
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
        void *copy = malloc(t->bytes ? t->bytes : 1);
        if (!copy)
            return reason_no_memory(why, t->bytes);
        memcpy(copy, t->data, t->bytes);
        c->copies[c->copy_count++] = copy;
        t->data = copy;
    }
    return STATUS_OK;
}

static enum status open_files(struct checkpoint *c, const char *dir, struct reason *why)
{
    char path[PATH_BYTES];
    if (!path_join(path, sizeof path, dir, "model.safetensors.index.json")) {
        reason_set(why, "missing_file", "The path of the checkpoint is too long.",
                   "模型目录的路径过长。");
        return STATUS_INVALID;
    }
    if (file_exists(path))
        return open_index(c, dir, path, why);
    c->shards = arena_array(&c->arena, 1, sizeof *c->shards);
    if (!c->shards)
        return reason_no_memory(why, sizeof *c->shards);
    const enum status status = add_shard(c, dir, STR("model.safetensors"), why);
    if (status == STATUS_IO && why && strcmp(why->code, "missing_file") == 0)
        reason_hint(why,
                    "A checkpoint is a folder with model.safetensors, or with shards and "
                    "model.safetensors.index.json.",
                    "模型目录中应有 model.safetensors，或者若干分片和 "
                    "model.safetensors.index.json。");
    return status;
}

enum status checkpoint_open(const char *dir, struct checkpoint **out, struct reason *why)
{
    struct checkpoint *c = calloc(1, sizeof *c);
    if (!c)
        return reason_no_memory(why, sizeof *c);
    arena_init(&c->arena, ARENA_MAX_BYTES);
    c->dir = arena_strdup(&c->arena, str_from(dir));
    enum status status = c->dir ? open_files(c, dir, why) : reason_no_memory(why, strlen(dir));
    if (!status)
        status = merge(c, why);
    if (!status)
        status = align(c, why);
    if (status) {
        checkpoint_close(c);
        return status;
    }
    *out = c;
    return STATUS_OK;
}

void checkpoint_close(struct checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->copy_count; i++)
        free(c->copies[i]);
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

const char *checkpoint_dir(const struct checkpoint *c)
{
    return c->dir;
}

uint64_t checkpoint_bytes(const struct checkpoint *c)
{
    return c->bytes;
}
