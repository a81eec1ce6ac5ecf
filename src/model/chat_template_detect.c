#include "model/chat_template.h"
#include "os/file.h"

enum { PATH_BYTES = 4096 };

/* The published texts, by length and hash (str_hash). */
static const struct {
    enum template_kind kind;
    size_t length;
    uint64_t hash;
} official[] = {
    {TEMPLATE_INSTRUCT, 5292, 0xF67AFE266C470DF1u},
    {TEMPLATE_THINKING, 5199, 0xAA8B5E5B19A92484u},
};

void chat_template_judge(struct str text, enum template_kind *kind, bool *known)
{
    *known = false;
    const uint64_t hash = str_hash(text);
    for (size_t i = 0; i < ARRAY_LEN(official); i++) {
        if (text.len == official[i].length && hash == official[i].hash) {
            *kind = official[i].kind;
            *known = true;
            return;
        }
    }
    const bool thinks = text.len && memmem(text.ptr, text.len, "<think>", strlen("<think>"));
    *kind = thinks ? TEMPLATE_THINKING : TEMPLATE_INSTRUCT;
}

/* Leaves of a JSON file the text of its member chat_template, if it has one. */
static enum status take_member(const char *path, struct buf *file, bool *found, struct reason *why)
{
    struct arena arena;
    struct json *root;
    struct reason syntax;
    arena_init(&arena, 64 << 20);
    enum status status = STATUS_OK;
    if (json_parse(file->data, file->len, (struct json_limits){0}, &arena, &root, &syntax)) {
        reason_set(why, "bad_tokenizer", "The file %s is not valid JSON.",
                   "文件 %s 不是合法的 JSON。", path);
        reason_subject(why, "%s", path);
        status = STATUS_INVALID;
    } else {
        const struct json *text = json_get(root, "chat_template");
        *found = json_is(text, JSON_STRING);
        if (*found)
            buf_consume(file, (size_t)(text->text.ptr - file->data));
        file->len = *found ? text->text.len : 0; /* strings are unescaped where they stand */
    }
    arena_release(&arena);
    return status;
}

enum status chat_template_read(const char *dir, struct buf *out, struct reason *why)
{
    static const char *const names[] = {"chat_template.jinja", "chat_template.json",
                                        "tokenizer_config.json"};
    bool found = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && !found && !status; i++) {
        char path[PATH_BYTES];
        if (!path_join(path, sizeof path, dir, names[i]) || !file_exists(path))
            continue;
        status = file_read(path, out, why);
        if (!status && i == 0)
            found = true;
        else if (!status)
            status = take_member(path, out, &found, why);
    }
    return status;
}

enum status chat_template_detect(const char *dir, enum template_kind *kind, bool *known,
                                 struct reason *why)
{
    struct buf text;
    buf_init(&text, CHAT_TEMPLATE_MAX_BYTES);
    const enum status status = chat_template_read(dir, &text, why);
    if (!status)
        chat_template_judge(buf_str(&text), kind, known);
    buf_release(&text);
    return status;
}
