#include "config/yaml_file.h"

#include <ctype.h>

static bool is_name(struct str name)
{
    if (name.len == 0 || isdigit((unsigned char)name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_')
            return false;
    return true;
}

/* Appends the variable whose reference "${NAME}" starts the text; *taken is its length. */
static enum status expand_one(const char *setting, struct str text, char *const *environment,
                              struct buf *out, size_t *taken, struct reason *why)
{
    const char *end = memchr(text.ptr, '}', text.len);
    const struct str name = str_slice(text, 2, end ? (size_t)(end - text.ptr) : 2);
    if (!is_name(name)) {
        reason_set(why, "config_invalid_value", "%s: after ${ comes the name of a variable and }.",
                   "%s：${ 之后应为变量名和 }。", setting);
        reason_hint(why, "Write $${ for ${ itself.", "若要写 ${ 本身，请写 $${。");
        return STATUS_INVALID;
    }
    const char *value = environment_get(environment, name);
    if (!value) {
        reason_set(why, "config_invalid_value", "%s: the environment has no variable %.*s.",
                   "%s：环境中没有变量 %.*s。", setting, STR_ARG(name));
        return STATUS_INVALID;
    }
    buf_puts(out, value);
    *taken = name.len + strlen("${}");
    return STATUS_OK;
}

static enum status expand(const char *setting, struct str text, char *const *environment,
                          struct buf *out, struct reason *why)
{
    for (size_t i = 0; i < text.len;) {
        const struct str rest = str_slice(text, i, text.len);
        size_t taken = 1;
        if (str_starts(rest, "$${")) {
            buf_puts(out, "${");
            taken = 3;
        } else if (str_starts(rest, "${")) {
            const enum status status = expand_one(setting, rest, environment, out, &taken, why);
            if (status)
                return status;
        } else {
            buf_putc(out, text.ptr[i]);
        }
        i += taken;
    }
    return out->failed ? reason_no_memory(why, text.len) : STATUS_OK;
}

enum status yaml_expand(const char *name, struct str text, char *const *environment,
                        struct arena *arena, struct str *out, struct reason *why)
{
    *out = text;
    if (text.len == 0 || !memchr(text.ptr, '$', text.len))
        return STATUS_OK;
    struct buf buf;
    buf_init(&buf, YAML_BYTES_MAX);
    enum status status = expand(name, text, environment, &buf, why);
    if (!status) {
        const char *copy = arena_strdup(arena, buf_str(&buf));
        if (copy)
            *out = (struct str){copy, buf.len};
        else
            status = reason_no_memory(why, buf.len);
    }
    buf_release(&buf);
    return status;
}
