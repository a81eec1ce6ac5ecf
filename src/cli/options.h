/* A command's options as a table, and the one parser for all of them (git's parse-options).
 *
 * `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`; flags may be negated by `--no-name`; `--`
 * ends the options. Options and arguments may stand in any order. The global options (--lang,
 * --color, --config, -q, -v) and --help are understood everywhere. */
#pragma once

#include "cli/cli.h"

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct option_list: may be given several times */
    OPTION_INTEGER,  /* int64_t */
    OPTION_NUMBER,   /* double */
    OPTION_DURATION, /* double, seconds: "30", "1.5s", "500ms", "10m" */
};

struct option_list {
    const char **items;
    size_t count;
};

struct option {
    const char *name; /* without dashes; NULL ends the table */
    char letter;      /* '\0': none */
    enum option_kind kind;
    void *value;         /* what the kind says; left alone if the option is not given */
    const char *metavar; /* "FILE"; NULL for flags */
    const char *help[LANG_COUNT];
};

struct usage {
    const char *synopsis; /* "qvl chat [OPTIONS] QUESTION" */
    const char *about[LANG_COUNT];
    const char *examples; /* lines to copy, or NULL */
    const struct option *options;
    int min_arguments, max_arguments; /* -1: any number */
};

/* Completion looks at a command's options instead of running it. */
struct option_viewer {
    void (*see)(struct option_viewer *viewer, const struct option *option);
};

enum parse_result {
    PARSE_OK,
    PARSE_DONE,  /* --help was printed, or cli->viewer saw the options: exit 0 */
    PARSE_WRONG, /* the mistake was printed: exit EXIT_USAGE */
};

/* Parses argv[1 …]; afterwards argv[0 … *argc) are the arguments that are no options, argv[0] the
 * first of them. */
enum parse_result options_parse(struct cli *cli, const struct usage *usage, int *argc, char **argv);

/* The global options in front of a command: takes them off argv[1 …] up to the first argument,
 * which is argv[1] afterwards. *help and *version: --help, --version were given. */
enum parse_result options_parse_global(struct cli *cli, int *argc, char **argv, bool *help,
                                       bool *version);

/* Shows the command's options, then those of all commands; usage NULL: the latter alone. */
void options_view(const struct cli *cli, const struct usage *usage, struct option_viewer *viewer);

void options_print_help(const struct cli *cli, const struct usage *usage, FILE *out);

/* The same value of the wrong form for everybody: prints "--name: …, see qvl …" and returns
 * PARSE_WRONG. */
enum parse_result options_wrong(const struct cli *cli, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

void option_list_release(struct option_list *list);
