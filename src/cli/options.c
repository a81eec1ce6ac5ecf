#include "cli/options.h"

#include "base/str.h"
#include "cli/option_value.h"

#include <stdarg.h>
#include <stdlib.h>

enum { OPTIONS_MAX = 64 };

/* What the global options were set to; they go into struct cli afterwards. */
struct globals {
    const char *lang, *color;
    bool quiet, verbose, help, version;
};

struct parser {
    struct cli *cli;
    const struct option *options; /* the command's; NULL: none */
    struct option global[8];
    char **argv;
    int argc, at; /* argv[at] is looked at */
    int kept;     /* arguments found so far, moved to argv[0 …] */
};

enum parse_result options_wrong(const struct cli *cli, const char *en, const char *zh, ...)
{
    va_list args;
    va_start(args, zh);
    fputs("qvl: ", stderr);
    vfprintf(stderr, cli_text(cli, en, zh), args);
    fputc('\n', stderr);
    va_end(args);
    return PARSE_WRONG;
}

static void set_globals(struct parser *p, struct globals *g, struct cli *cli)
{
    const struct option rows[] = {
        {"lang", '\0', OPTION_TEXT, &g->lang, "en|zh", {"language of messages", "提示语言"}},
        {"color",
         '\0',
         OPTION_TEXT,
         &g->color,
         "auto|always|never",
         {"colours and moving lines", "颜色与动态进度"}},
        {"config", '\0', OPTION_TEXT, &cli->config, "FILE", {"configuration file", "配置文件"}},
        {"quiet", 'q', OPTION_FLAG, &g->quiet, NULL, {"say less", "减少输出"}},
        {"verbose", 'v', OPTION_FLAG, &g->verbose, NULL, {"say more", "增加输出"}},
        {"help", 'h', OPTION_FLAG, &g->help, NULL, {"show this help", "显示本帮助"}},
        {"version", '\0', OPTION_FLAG, &g->version, NULL, {"show the version", "显示版本"}},
        {0},
    };
    _Static_assert(sizeof rows == sizeof p->global, "room for all global options");
    memcpy(p->global, rows, sizeof rows);
}

static enum parse_result take_globals(struct cli *cli, const struct globals *g)
{
    if (g->lang)
        cli->lang = lang_from_name(g->lang);
    if (g->lang && strcmp(g->lang, "en") != 0 && strncmp(g->lang, "zh", 2) != 0)
        return options_wrong(cli, "--lang is en or zh, not %s.",
                             "--lang 应为 en 或 zh，而不是 %s。", g->lang);
    static const char *const colors[] = {"auto", "always", "never"};
    for (size_t i = 0; g->color && i < ARRAY_LEN(colors); i++) {
        if (strcmp(g->color, colors[i]) == 0) {
            cli->color = (enum color_choice)i;
            break;
        }
        if (i + 1 == ARRAY_LEN(colors))
            return options_wrong(cli, "--color is auto, always or never, not %s.",
                                 "--color 应为 auto、always 或 never，而不是 %s。", g->color);
    }
    if (g->quiet)
        cli->verbosity = -1;
    if (g->verbose)
        cli->verbosity = 1;
    return PARSE_OK;
}

static const struct option *find_in(const struct option *options, struct str name, char letter)
{
    for (; options && options->name; options++)
        if (letter ? options->letter == letter : str_is(name, options->name))
            return options;
    return NULL;
}

/* The command's own options come first: it may give -v another meaning. */
static const struct option *find(const struct parser *p, struct str name, char letter)
{
    const struct option *found = find_in(p->options, name, letter);
    return found ? found : find_in(p->global, name, letter);
}

static enum parse_result unknown(const struct parser *p, struct str name, const char *spelled)
{
    const char *names[OPTIONS_MAX + 1];
    size_t n = 0;
    for (const struct option *o = p->options; o && o->name && n < OPTIONS_MAX; o++)
        names[n++] = o->name;
    for (const struct option *o = p->global; o->name && n < OPTIONS_MAX; o++)
        names[n++] = o->name;
    names[n] = NULL;
    const char *near = name.len > 1 ? str_nearest(name, names) : NULL;
    if (near)
        return options_wrong(p->cli, "There is no option %s. Did you mean --%s?",
                             "没有选项 %s。您是不是想用 --%s？", spelled, near);
    return options_wrong(p->cli, "There is no option %s; --help lists them.",
                         "没有选项 %s；--help 列出所有选项。", spelled);
}

static bool list_add(struct option_list *list, const char *item)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items)
        return false;
    list->items = items;
    list->items[list->count++] = item;
    return true;
}

void option_list_release(struct option_list *list)
{
    free(list->items);
    *list = (struct option_list){0};
}

static enum parse_result store(const struct parser *p, const struct option *o, const char *text)
{
    bool ok = true;
    switch (o->kind) {
    case OPTION_FLAG: break; /* has no value */
    case OPTION_TEXT: *(const char **)o->value = text; break;
    case OPTION_LIST: ok = list_add(o->value, text); break;
    case OPTION_INTEGER: ok = option_integer(text, o->value); break;
    case OPTION_NUMBER: ok = option_number(text, o->value); break;
    case OPTION_DURATION: ok = option_duration(text, o->value); break;
    }
    if (ok)
        return PARSE_OK;
    const char *kinds[][LANG_COUNT] = {
        [OPTION_LIST] = {"more memory", "更多内存"},
        [OPTION_INTEGER] = {"a whole number", "整数"},
        [OPTION_NUMBER] = {"a number", "数字"},
        [OPTION_DURATION] = {"a duration such as 30s or 500ms", "30s、500ms 这样的时长"},
    };
    return options_wrong(p->cli, "--%s needs %s, not %s.", "--%s 需要%s，而不是 %s。", o->name,
                         kinds[o->kind][p->cli->lang], text);
}

/* The value of an option: what stands behind it, or the next word. */
static enum parse_result take_value(struct parser *p, const struct option *o, const char *attached)
{
    if (attached)
        return store(p, o, attached);
    if (p->at + 1 >= p->argc)
        return options_wrong(p->cli, "--%s needs a value (%s).", "--%s 需要一个值（%s）。", o->name,
                             o->metavar);
    return store(p, o, p->argv[++p->at]);
}

static enum parse_result take_long(struct parser *p)
{
    const char *word = p->argv[p->at] + 2;
    const char *equals = strchr(word, '=');
    const struct str name = {word, equals ? (size_t)(equals - word) : strlen(word)};
    const struct option *o = find(p, name, '\0');
    if (o && o->kind != OPTION_FLAG)
        return take_value(p, o, equals ? equals + 1 : NULL);
    bool truth = true;
    if (!o && str_starts(name, "no-")) {
        truth = false;
        o = find(p, str_slice(name, 3, name.len), '\0');
    }
    if (!o || (o->kind != OPTION_FLAG))
        return unknown(p, name, p->argv[p->at]);
    if (equals)
        return options_wrong(p->cli, "--%s takes no value.", "--%s 不带值。", o->name);
    *(bool *)o->value = truth;
    return PARSE_OK;
}

/* One or several letters: -v, -qv, -i FILE, -iFILE. */
static enum parse_result take_letters(struct parser *p)
{
    const char *word = p->argv[p->at];
    for (const char *c = word + 1; *c; c++) {
        const struct option *o = find(p, (struct str){0}, *c);
        if (!o)
            return unknown(p, (struct str){0}, word);
        if (o->kind != OPTION_FLAG)
            return take_value(p, o, c[1] ? c + 1 : NULL);
        *(bool *)o->value = true;
    }
    return PARSE_OK;
}

/* "-" alone is an argument (standard input), and so is a negative number. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && !(word[1] >= '0' && word[1] <= '9');
}

static enum parse_result take_all(struct parser *p, bool stop_at_argument)
{
    for (p->at = 1; p->at < p->argc; p->at++) {
        char *word = p->argv[p->at];
        enum parse_result result = PARSE_OK;
        if (strcmp(word, "--") == 0) {
            while (++p->at < p->argc)
                p->argv[p->kept++] = p->argv[p->at];
            break;
        }
        if (!is_option(word)) {
            if (stop_at_argument)
                break;
            p->argv[p->kept++] = word;
        } else {
            result = word[1] == '-' ? take_long(p) : take_letters(p);
        }
        if (result != PARSE_OK)
            return result;
    }
    return PARSE_OK;
}

static enum parse_result check_count(const struct cli *cli, const struct usage *usage, int count)
{
    if (count < usage->min_arguments)
        return options_wrong(cli, "Something is missing. Usage: %s", "缺少参数。用法：%s",
                             usage->synopsis);
    if (usage->max_arguments >= 0 && count > usage->max_arguments)
        return options_wrong(cli, "That is too much. Usage: %s", "参数过多。用法：%s",
                             usage->synopsis);
    return PARSE_OK;
}

enum parse_result options_parse(struct cli *cli, const struct usage *usage, int *argc, char **argv)
{
    if (cli->viewer) {
        options_view(cli, usage, cli->viewer);
        return PARSE_DONE;
    }
    struct globals globals = {0};
    struct parser parser = {.cli = cli, .options = usage->options, .argv = argv, .argc = *argc};
    set_globals(&parser, &globals, cli);
    enum parse_result result = take_all(&parser, false);
    if (result == PARSE_OK)
        result = take_globals(cli, &globals);
    if (result != PARSE_OK)
        return result;
    if (globals.help) {
        options_print_help(cli, usage, stdout);
        return PARSE_DONE;
    }
    *argc = parser.kept;
    return check_count(cli, usage, parser.kept);
}

enum parse_result options_parse_global(struct cli *cli, int *argc, char **argv, bool *help,
                                       bool *version)
{
    struct globals globals = {0};
    struct parser parser = {.cli = cli, .argv = argv, .argc = *argc};
    set_globals(&parser, &globals, cli);
    enum parse_result result = take_all(&parser, true);
    if (result == PARSE_OK)
        result = take_globals(cli, &globals);
    const int taken = parser.at - 1;
    for (int i = 1; i + taken <= *argc; i++)
        argv[i] = argv[i + taken]; /* the NULL at the end too */
    *argc -= taken;
    *help = globals.help;
    *version = globals.version;
    return result;
}

void options_view(const struct cli *cli, const struct usage *usage, struct option_viewer *viewer)
{
    struct cli scratch = *cli;
    struct globals globals;
    struct parser parser;
    const struct option *options = usage ? usage->options : NULL;
    set_globals(&parser, &globals, &scratch);
    for (const struct option *o = options; o && o->name; o++)
        viewer->see(viewer, o);
    for (const struct option *o = parser.global; o->name; o++)
        if (!find_in(options, str_from(o->name), '\0') &&
            (!usage || strcmp(o->name, "version") != 0))
            viewer->see(viewer, o);
}

static void print_row(const struct cli *cli, const struct option *o, FILE *out)
{
    char left[64], letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->metavar ? " " : "",
             o->metavar ? o->metavar : "");
    fprintf(out, "  %-28s %s%s\n", left,
            strlen(left) > 28 ? "\n                               " : "", o->help[cli->lang]);
}

void options_print_help(const struct cli *cli, const struct usage *usage, FILE *out)
{
    struct cli scratch = *cli;
    struct globals globals;
    struct parser parser;
    set_globals(&parser, &globals, &scratch);
    fprintf(out, "%s %s\n\n%s\n", cli_text(cli, "Usage:", "用法："), usage->synopsis,
            usage->about[cli->lang]);
    if (usage->options)
        fprintf(out, "\n%s\n", cli_text(cli, "Options:", "选项："));
    for (const struct option *o = usage->options; o && o->name; o++)
        print_row(cli, o, out);
    fprintf(out, "\n%s\n", cli_text(cli, "Everywhere:", "通用选项："));
    for (const struct option *o = parser.global; o->name; o++)
        if (!find_in(usage->options, str_from(o->name), '\0') && strcmp(o->name, "version") != 0)
            print_row(cli, o, out);
    if (usage->examples)
        fprintf(out, "\n%s\n%s", cli_text(cli, "Examples:", "示例："), usage->examples);
}
