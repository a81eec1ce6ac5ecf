#include "config/flags.h"

#include <stdio.h>
#include <stdlib.h>

static bool flag_names_row(const struct setting *row, struct str name)
{
    char flag[SETTING_NAME_MAX];
    setting_flag_name(row, flag);
    return str_is(name, flag) || (row->alias && str_is(name, row->alias));
}

static bool is_switch(const struct setting *row)
{
    return row->type == SETTING_BOOL || row->type == SETTING_TRISTATE;
}

static bool listener_flag(const struct setting_table *table, struct str name,
                          struct setting_flag *out)
{
    const bool host = str_is(name, "host");
    for (size_t i = 0; (host || str_is(name, "port")) && i < table->count; i++) {
        if (table->rows[i].type == SETTING_LISTENERS) {
            *out = (struct setting_flag){&table->rows[i], host ? FLAG_HOST : FLAG_PORT, false};
            return true;
        }
    }
    return false;
}

bool settings_flag_find(const struct setting_table *table, struct str name,
                        struct setting_flag *out)
{
    const bool no = str_starts(name, "no-");
    const struct str positive = no ? str_slice(name, strlen("no-"), name.len) : name;
    for (size_t i = 0; i < table->count; i++) {
        const struct setting *row = &table->rows[i];
        if (row->type == SETTING_RECORDS)
            continue;
        const bool negated = no && is_switch(row) && flag_names_row(row, positive);
        if (negated || flag_names_row(row, name)) {
            *out = (struct setting_flag){row, FLAG_WHOLE, negated};
            return true;
        }
    }
    return listener_flag(table, name, out);
}

/* Whether `name` is one of the caller's; *takes_value if its value may be the next argument. */
static bool is_other(const char *const *others, struct str name, bool *takes_value)
{
    for (; others && *others; others++) {
        struct str other = str_from(*others);
        const bool value = str_ends(other, "=");
        other.len -= value;
        if (str_eq(other, name)) {
            *takes_value = value;
            return true;
        }
    }
    return false;
}

struct nearest {
    struct str word;
    size_t distance;
    char name[SETTING_NAME_MAX];
};

static void consider(struct nearest *nearest, struct str candidate)
{
    const size_t distance = str_distance(nearest->word, candidate);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    snprintf(nearest->name, sizeof nearest->name, "%.*s", STR_ARG(candidate));
}

static enum status unknown_flag(const struct setting_table *table, struct str name,
                                const char *const *others, struct reason *why)
{
    struct nearest nearest = {.word = name, .distance = (name.len < 6 ? 2 : name.len / 3) + 1};
    for (size_t i = 0; i < table->count; i++) {
        char flag[SETTING_NAME_MAX];
        setting_flag_name(&table->rows[i], flag);
        consider(&nearest, str_from(flag));
        if (table->rows[i].alias)
            consider(&nearest, str_from(table->rows[i].alias));
        if (table->rows[i].type == SETTING_LISTENERS) {
            consider(&nearest, STR("host"));
            consider(&nearest, STR("port"));
        }
    }
    for (; others && *others; others++) {
        const struct str other = str_from(*others);
        consider(&nearest, str_slice(other, 0, other.len - (str_ends(other, "=") ? 1 : 0)));
    }
    reason_set(why, "config_unknown_setting", "There is no option --%.*s.", "没有选项 --%.*s。",
               (int)(name.len < 80 ? name.len : 80), name.ptr);
    if (nearest.name[0])
        reason_hint(why, "Did you mean --%s?", "是否想写 --%s？", nearest.name);
    reason_subject(why, "--%.*s", (int)(name.len < 80 ? name.len : 80), name.ptr);
    return STATUS_INVALID;
}

static enum status need_value(const char *name, struct reason *why)
{
    reason_set(why, "config_invalid_value", "%s needs a value.", "%s 需要一个值。", name);
    reason_subject(why, "%s", name);
    return STATUS_INVALID;
}

static enum status add_flag(struct settings_flags *flags, struct setting_flag flag, struct str name,
                            const char *value, struct reason *why)
{
    struct given_flag *larger = realloc(flags->items, (flags->count + 1) * sizeof *larger);
    if (!larger)
        return reason_no_memory(why, sizeof *larger);
    flags->items = larger;
    char *typed;
    if (asprintf(&typed, "--%.*s", STR_ARG(name)) < 0)
        return reason_no_memory(why, name.len);
    flags->items[flags->count++] = (struct given_flag){flag, typed, value};
    return STATUS_OK;
}

/* A switch may be followed by "true" or "false", other flags are by their value. Returns how many
 * arguments were taken beyond the flag itself, or -1 if the value is missing. */
static int flag_value(struct setting_flag flag, const char *inline_value, const char *next,
                      const char **out)
{
    if (flag.part == FLAG_WHOLE && is_switch(flag.row)) {
        const bool follows = !inline_value && !flag.negated && next &&
                             (strcmp(next, "true") == 0 || strcmp(next, "false") == 0);
        *out = flag.negated ? "false" : inline_value ? inline_value : follows ? next : "true";
        return flag.negated && inline_value ? -1 : follows;
    }
    *out = inline_value ? inline_value : next;
    return !*out ? -1 : inline_value ? 0 : 1;
}

struct walk {
    const struct setting_table *table;
    const char *const *others;
    char **argv;
    int argc, at, kept;
    struct settings_flags *flags;
    struct reason *why;
};

static void keep(struct walk *w)
{
    w->argv[w->kept++] = w->argv[w->at++];
}

/* The long option argv[at]. */
static enum status take_option(struct walk *w)
{
    const struct str whole = str_from(w->argv[w->at] + 2);
    const char *equals = memchr(whole.ptr, '=', whole.len);
    const struct str name = str_slice(whole, 0, equals ? (size_t)(equals - whole.ptr) : whole.len);
    const char *inline_value = equals ? equals + 1 : NULL;
    bool takes_value = false;
    if (is_other(w->others, name, &takes_value)) {
        keep(w);
        if (takes_value && !inline_value && w->at < w->argc)
            keep(w);
        return STATUS_OK;
    }
    struct setting_flag flag;
    if (!settings_flag_find(w->table, name, &flag))
        return unknown_flag(w->table, name, w->others, w->why);
    const char *value, *next = w->at + 1 < w->argc ? w->argv[w->at + 1] : NULL;
    const int taken = flag_value(flag, inline_value, next, &value);
    if (taken < 0 && flag.negated) {
        reason_set(w->why, "config_invalid_value", "--%.*s takes no value.", "--%.*s 不接受值。",
                   STR_ARG(name));
        reason_subject(w->why, "--%.*s", STR_ARG(name));
        return STATUS_INVALID;
    }
    if (taken < 0)
        return need_value(w->argv[w->at], w->why);
    w->at += 1 + taken;
    return add_flag(w->flags, flag, name, value, w->why);
}

enum status settings_flags_parse(const struct setting_table *table, int *argc, char **argv,
                                 const char *const *others, struct settings_flags *out,
                                 struct reason *why)
{
    *out = (struct settings_flags){0};
    struct walk w = {table, others, argv, *argc, *argc > 0, *argc > 0, out, why};
    bool options = true;
    enum status status = STATUS_OK;
    while (w.at < w.argc && !status) {
        const char *argument = argv[w.at];
        if (strcmp(argument, "--") == 0)
            options = false;
        if (options && strncmp(argument, "--", 2) == 0)
            status = take_option(&w);
        else
            keep(&w);
    }
    if (status)
        return status;
    *argc = w.kept;
    if (w.kept < w.argc)
        argv[w.kept] = NULL;
    return STATUS_OK;
}

void settings_flags_release(struct settings_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++)
        free((char *)(uintptr_t)flags->items[i].name);
    free(flags->items);
    *flags = (struct settings_flags){0};
}
