#include "config/settings.h"

#include "config/check.h"

static struct str base_name(const char *path)
{
    struct str text = str_from(path);
    while (text.len > 1 && text.ptr[text.len - 1] == '/')
        text.len--;
    size_t start = text.len;
    while (start > 0 && text.ptr[start - 1] != '/')
        start--;
    return str_slice(text, start, text.len);
}

/* A model without a name is called as its folder is, or its file without .gguf. */
static enum status name_model(struct settings *settings, struct arena *arena, struct reason *why)
{
    if (settings->model.name[0])
        return STATUS_OK;
    struct str name = base_name(settings->model.path);
    if (str_ends(name, ".gguf"))
        name.len -= strlen(".gguf");
    const bool named = name.len > 0 && !str_is(name, ".") && !str_is(name, "..");
    settings->model.name = arena_strdup(arena, named ? name : STR("qwen3-vl-demo"));
    return settings->model.name ? STATUS_OK : reason_no_memory(why, name.len);
}

enum status settings_load(const struct settings_sources *sources, struct settings **out,
                          struct reason *why)
{
    struct snapshot *snapshot;
    enum status status = snapshot_load(&settings_table, sources, &snapshot, why);
    if (status)
        return status;
    struct settings *settings = snapshot->values;
    settings->snapshot = snapshot;
    settings->holders = 1;
    status = name_model(settings, &snapshot->arena, why);
    if (!status)
        status = settings_check(settings, why);
    if (status)
        snapshot_destroy(snapshot);
    else
        *out = settings;
    return status;
}

struct settings *settings_hold(struct settings *settings)
{
    if (settings)
        settings->holders++;
    return settings;
}

void settings_release(struct settings *settings)
{
    if (settings && --settings->holders == 0)
        snapshot_destroy((struct snapshot *)(uintptr_t)settings->snapshot);
}
