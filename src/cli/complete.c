#include "cli/complete.h"

#include "cli/options.h"
#include "config/flags.h"
#include "config/settings.h"
#include "model/quantize_file.h"

#include <ctype.h>

enum { ROWS_MAX = 64 };

/* What the value of an option may be. */
struct wanted {
    bool value; /* false: the option takes none */
    bool files;
    const char *choices;      /* "en|zh", "f16 q8_0", or NULL */
    const char *const *words; /* the same as an array, or NULL */
};

struct completion {
    struct option_viewer viewer; /* fills `rows` */
    struct cli cli;
    const struct command *const *commands;
    const struct command *command; /* NULL: none yet */
    struct option rows[ROWS_MAX];  /* of the command and of all commands; their `value` is void */
    size_t count;
    bool help;             /* the command is named behind `help` */
    bool only_arguments;   /* behind `--` */
    int arguments;         /* behind the command */
    struct wanted waiting; /* .value: the word at the cursor is the value of an option */
};

static void keep_row(struct option_viewer *viewer, const struct option *option)
{
    struct completion *c = (struct completion *)viewer;
    if (c->count < ROWS_MAX)
        c->rows[c->count++] = *option;
}

static struct wanted wanted_by_option(const struct option *option)
{
    const char *metavar = option->metavar;
    if (!metavar)
        return (struct wanted){0};
    return (struct wanted){
        .value = true,
        .files = strstr(metavar, "FILE") || strstr(metavar, "PATH"),
        .choices = strcmp(metavar, "TYPE") == 0       ? quantize_file_types
                   : islower((unsigned char)*metavar) ? metavar
                                                      : NULL,
    };
}

static struct wanted wanted_by_setting(const struct setting_flag *flag)
{
    const struct setting *row = flag->row;
    return (struct wanted){
        .value = setting_kind(row->type)->metavar != NULL,
        .files = row->type == SETTING_PATH,
        .words = row->words,
    };
}

/* By its name, or by its letter in a word such as "-i". */
static struct wanted find_wanted(const struct completion *c, struct str word)
{
    struct setting_flag flag;
    const bool is_long = str_starts(word, "--");
    const struct str name = str_slice(word, is_long ? 2 : 1, word.len);
    for (size_t i = 0; i < c->count; i++) {
        const struct option *row = &c->rows[i];
        if (is_long ? str_is(name, row->name) : name.len == 1 && name.ptr[0] == row->letter)
            return wanted_by_option(row);
    }
    if (is_long && c->command && c->command->settings &&
        settings_flag_find(&settings_table, name, &flag))
        return wanted_by_setting(&flag);
    return (struct wanted){0};
}

static const struct command *find_command(const struct completion *c, const char *name)
{
    for (size_t i = 0; c->commands[i]; i++)
        if (strcmp(c->commands[i]->name, name) == 0)
            return c->commands[i];
    return NULL;
}

/* A command with a viewer shows its options and does nothing else. */
static void take_command(struct completion *c, const char *name)
{
    c->command = find_command(c, name);
    if (!c->command)
        return;
    char help[] = "--help", *words[] = {(char *)(uintptr_t)name, help, NULL};
    c->count = 0;
    c->cli.viewer = &c->viewer;
    c->command->run(&c->cli, 2, words);
}

static void take_argument(struct completion *c, const char *word)
{
    if (c->command)
        c->arguments++;
    else if (!c->help && strcmp(word, "help") == 0)
        c->help = true;
    else
        take_command(c, word);
}

/* A word in front of the one at the cursor. */
static void take(struct completion *c, const char *word)
{
    if (strcmp(word, "=") == 0)
        return;
    if (c->waiting.value)
        c->waiting.value = false;
    else if (strcmp(word, "--") == 0)
        c->only_arguments = true;
    else if (c->only_arguments || word[0] != '-' || !word[1])
        take_argument(c, word);
    else
        c->waiting = find_wanted(c, str_from(word));
}

static void offer(struct str before, struct str word, const char *meaning, struct str typed)
{
    char line[2 * SETTING_NAME_MAX];
    const int len = snprintf(line, sizeof line, "%.*s%.*s", STR_ARG(before), STR_ARG(word));
    if (len > 0 && (size_t)len < sizeof line && typed.len <= (size_t)len &&
        memcmp(line, typed.ptr, typed.len) == 0)
        printf("%s\t%s\n", line, meaning);
}

/* Words between bars or spaces. */
static void offer_choices(struct str before, const char *choices, struct str typed)
{
    for (const char *at = choices; at && *at;) {
        const size_t len = strcspn(at, "| ");
        offer(before, (struct str){at, len}, "", typed);
        at += len;
        at += strspn(at, "| ");
    }
}

static void offer_values(struct str before, const struct wanted *wanted, struct str typed)
{
    offer_choices(before, wanted->choices, typed);
    for (size_t i = 0; wanted->words && wanted->words[i]; i++)
        offer(before, str_from(wanted->words[i]), "", typed);
    if (wanted->files)
        puts(":files");
}

static void offer_flag(const char *name, const char *meaning, bool negatable, struct str typed)
{
    offer(STR("--"), str_from(name), meaning, typed);
    if (negatable && str_starts(typed, "--no-"))
        offer(STR("--no-"), str_from(name), meaning, typed);
}

static void offer_settings(enum lang lang, struct str typed)
{
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct setting *row = &settings_table.rows[i];
        char flag[SETTING_NAME_MAX];
        if (row->type == SETTING_RECORDS)
            continue;
        setting_flag_name(row, flag);
        offer_flag(flag, row->help[lang], !setting_kind(row->type)->metavar, typed);
        if (row->alias)
            offer_flag(row->alias, row->help[lang], false, typed);
        if (row->type == SETTING_LISTENERS && str_is(str_from(row->path), "server.listen")) {
            offer_flag("host", row->help[lang], false, typed);
            offer_flag("port", row->help[lang], false, typed);
        }
    }
}

static void offer_options(const struct completion *c, struct str typed)
{
    const enum lang lang = c->cli.lang;
    for (size_t i = 0; i < c->count; i++)
        offer_flag(c->rows[i].name, c->rows[i].help[lang], c->rows[i].kind == OPTION_FLAG, typed);
    if (c->command && c->command->settings)
        offer_settings(lang, typed);
}

static void offer_arguments(const struct completion *c, struct str typed)
{
    const struct str nothing = {"", 0};
    if (!c->command) {
        for (size_t i = 0; c->commands[i]; i++)
            offer(nothing, str_from(c->commands[i]->name), c->commands[i]->summary[c->cli.lang],
                  typed);
        if (!c->help)
            offer(nothing, STR("help"), cli_text(&c->cli, "show help", "显示帮助"), typed);
    } else if (!c->help && c->arguments == 0) {
        offer_choices(nothing, c->command->actions, typed);
    } else if (!c->help && c->command->paths) {
        puts(":files");
    }
}

static void offer_all(const struct completion *c, struct str typed)
{
    const char *equals = memchr(typed.ptr, '=', typed.len);
    if (c->waiting.value) {
        offer_values((struct str){"", 0}, &c->waiting, str_is(typed, "=") ? STR("") : typed);
    } else if (c->only_arguments || !str_starts(typed, "-")) {
        offer_arguments(c, typed);
    } else if (equals) {
        const size_t len = (size_t)(equals - typed.ptr);
        const struct wanted wanted = find_wanted(c, str_slice(typed, 0, len));
        offer_values(str_slice(typed, 0, len + 1), &wanted, typed);
    } else {
        offer_options(c, typed);
    }
}

void complete(const struct cli *cli, const struct command *const *commands, char **words)
{
    struct completion c = {.viewer = {keep_row}, .cli = *cli, .commands = commands};
    options_view(&c.cli, NULL, &c.viewer);
    if (!words[0])
        return;
    for (; words[1]; words++)
        take(&c, words[0]);
    offer_all(&c, str_from(words[0]));
}
