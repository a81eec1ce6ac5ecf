#include "server/remote.h"

#include <stdlib.h>

struct remote_file {
    struct str url;
    enum fetch_kind kind;
    const char *path; /* in the request, of the first place with this URL */
    uint32_t place;   /* of that one, by order in the request */
    struct remote *remote;
    struct fetch *fetch; /* NULL: not begun, or over */
    struct fetched file;
};

struct remote {
    remote_done_fn *on_done;
    void *arg;
    struct fetch_rules rules;
    struct remote_file *files; /* [count], by kind and URL */
    uint32_t count;
    uint32_t left; /* fetches that are not over */
    enum status status;
    struct reason why; /* of `status` */
};

static void add(struct remote *remote, struct str url, enum fetch_kind kind, const char *path)
{
    if (!fetch_target_is(url))
        return;
    remote->files[remote->count] = (struct remote_file){
        .url = url, .kind = kind, .path = path, .place = remote->count, .remote = remote};
    remote->count++;
}

static uint32_t most_of(const struct chat_request *request)
{
    uint32_t most = request->image_count + request->video_count;
    for (uint32_t i = 0; i < request->video_count; i++)
        most += request->videos[i].frame_count;
    return most;
}

static void collect(struct remote *remote, const struct chat_request *request)
{
    for (uint32_t i = 0; i < request->image_count; i++)
        add(remote, request->images[i].url, FETCH_PICTURE, request->images[i].path);
    for (uint32_t i = 0; i < request->video_count; i++) {
        const struct chat_video *video = &request->videos[i];
        add(remote, video->url, FETCH_VIDEO, video->path);
        for (uint32_t k = 0; k < video->frame_count; k++)
            add(remote, video->frames[k].url, FETCH_PICTURE, video->frames[k].path);
    }
}

static int compare_keys(struct str a_url, enum fetch_kind a_kind, struct str b_url,
                        enum fetch_kind b_kind)
{
    if (a_kind != b_kind)
        return a_kind < b_kind ? -1 : 1;
    if (a_url.len != b_url.len)
        return a_url.len < b_url.len ? -1 : 1;
    return a_url.len ? memcmp(a_url.ptr, b_url.ptr, a_url.len) : 0;
}

static int compare(const void *left, const void *right)
{
    const struct remote_file *a = left, *b = right;
    const int order = compare_keys(a->url, a->kind, b->url, b->kind);
    return order ? order : a->place < b->place ? -1 : a->place > b->place;
}

/* Of the same file the first place in the request stays. */
static void unite(struct remote *remote)
{
    struct remote_file *files = remote->files;
    uint32_t kept = 0;
    qsort(files, remote->count, sizeof *files, compare);
    for (uint32_t i = 0; i < remote->count; i++)
        if (kept == 0 || compare_keys(files[i].url, files[i].kind, files[kept - 1].url,
                                      files[kept - 1].kind) != 0)
            files[kept++] = files[i];
    remote->count = kept;
}

static enum status check_count(const struct remote *remote, struct reason *why)
{
    if (remote->count <= REMOTE_FILES_MAX)
        return STATUS_OK;
    reason_set(why, "invalid_value",
               "The request names %u different pictures and videos by URL; at most %d are fetched.",
               "请求以网址给出了 %u 个不同的图片和视频；最多获取 %d 个。", remote->count,
               REMOTE_FILES_MAX);
    reason_subject(why, "messages");
    return STATUS_LIMIT;
}

static void note_failure(struct remote_file *file, enum status status, const struct reason *why)
{
    struct remote *remote = file->remote;
    if (remote->status != STATUS_OK)
        return;
    remote->status = status;
    remote->why = *why;
    reason_subject(&remote->why, "%s", file->path);
    remote_cancel(remote);
}

static void on_fetched(void *arg, enum status status, const struct reason *why,
                       struct fetched *file)
{
    struct remote_file *mine = arg;
    struct remote *remote = mine->remote;
    mine->fetch = NULL;
    if (status == STATUS_OK) {
        mine->file = *file;
        *file = (struct fetched){0};
    } else {
        note_failure(mine, status, why);
    }
    if (--remote->left == 0)
        remote->on_done(remote->arg, remote->status, &remote->why);
}

/* What was begun before one that cannot be is cancelled, and waited for. */
static void begin_all(struct remote *remote, const struct call *call)
{
    for (uint32_t i = 0; i < remote->count && remote->status == STATUS_OK; i++) {
        struct remote_file *file = &remote->files[i];
        const struct fetch_order order = {.url = file->url,
                                          .kind = file->kind,
                                          .rules = &remote->rules,
                                          .client = call->exchange->client,
                                          .on_done = on_fetched,
                                          .arg = file};
        struct reason why;
        const enum status status = fetch_begin(call->service->fetcher, &order, &file->fetch, &why);
        if (status == STATUS_OK)
            remote->left++;
        else
            note_failure(file, status, &why);
    }
}

static struct fetch_rules rules_of(const struct settings *settings)
{
    const struct range_list *allowed = &settings->model.image.allow_addresses;
    return (struct fetch_rules){
        .guard = {settings->model.image.allow_private, allowed->items, allowed->count},
        .max_picture_bytes = (uint64_t)settings->model.image.max_bytes,
        .max_video_bytes = (uint64_t)settings->model.video.max_bytes,
        .budget_bytes = (uint64_t)settings->server.max_buffered_bytes,
        .max_redirects = settings->model.image.max_redirects,
        .timeout_ms = settings->model.image.timeout_ms,
        .running = (uint32_t)settings->model.image.fetches,
        .running_per_client = (uint32_t)settings->model.image.fetches_per_client,
    };
}

static struct remote *create(const struct chat_request *request)
{
    struct remote *remote = calloc(1, sizeof *remote);
    if (remote)
        remote->files = calloc(most_of(request) + 1, sizeof *remote->files);
    if (remote && !remote->files) {
        free(remote);
        return NULL;
    }
    return remote;
}

static bool has_remote_files(const struct chat_request *request)
{
    bool found = false;
    for (uint32_t i = 0; i < request->image_count; i++)
        found |= fetch_target_is(request->images[i].url);
    for (uint32_t i = 0; i < request->video_count; i++) {
        found |= fetch_target_is(request->videos[i].url);
        for (uint32_t k = 0; k < request->videos[i].frame_count; k++)
            found |= fetch_target_is(request->videos[i].frames[k].url);
    }
    return found;
}

enum status remote_begin(const struct call *call, const struct chat_request *request,
                         remote_done_fn *on_done, void *arg, struct remote **out,
                         struct reason *why)
{
    *out = NULL;
    if (!call->settings->model.image.fetch || !has_remote_files(request))
        return STATUS_OK;
    struct remote *remote = create(request);
    if (!remote)
        return reason_no_memory(why, sizeof *remote);
    remote->on_done = on_done;
    remote->arg = arg;
    collect(remote, request);
    unite(remote);
    remote->rules = rules_of(call->settings);
    enum status status = check_count(remote, why);
    if (status == STATUS_OK)
        begin_all(remote, call);
    if (status == STATUS_OK && remote->left == 0) {
        status = remote->status; /* not even the first could begin */
        *why = remote->why;
    }
    if (status == STATUS_OK)
        *out = remote;
    else
        remote_destroy(remote);
    return status;
}

void remote_cancel(struct remote *remote)
{
    for (uint32_t i = 0; i < remote->count; i++)
        if (remote->files[i].fetch)
            fetch_cancel(remote->files[i].fetch);
}

void remote_destroy(struct remote *remote)
{
    if (!remote)
        return;
    for (uint32_t i = 0; i < remote->count; i++)
        fetched_release(&remote->files[i].file);
    free(remote->files);
    free(remote);
}

const struct fetched *remote_find(const struct remote *remote, struct str url, enum fetch_kind kind)
{
    uint32_t from = 0, to = remote ? remote->count : 0;
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        const struct remote_file *file = &remote->files[middle];
        const int order = compare_keys(url, kind, file->url, file->kind);
        if (order == 0)
            return &file->file;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}
