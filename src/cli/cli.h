/* The command line: what all commands share (docs/command-line.md).
 *
 * A command gets the global options and its own arguments, prints its result to stdout and
 * everything else to stderr, and returns one of the exit codes, which are the same everywhere. */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stdio.h>

enum exit_code {
    EXIT_OK = 0,         /* done and well */
    EXIT_FAULT = 1,      /* done, and a fault was found */
    EXIT_USAGE = 2,      /* wrong usage or configuration */
    EXIT_REFUSED = 3,    /* 401, 403 */
    EXIT_LIMITED = 4,    /* 429 */
    EXIT_SERVER = 5,     /* 5xx */
    EXIT_CONNECTION = 6, /* DNS, TCP, TLS, reset */
    EXIT_TIMED_OUT = 7,
    EXIT_NONSENSE = 8, /* the answer makes no sense */
    EXIT_INTERRUPTED = 130,
};

enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* The global options. They may stand before or after the command. */
struct cli {
    enum lang lang;
    enum color_choice color;
    int verbosity;                /* -1: quiet, 0, 1: verbose */
    const char *config;           /* --config FILE; NULL: not given */
    struct option_viewer *viewer; /* NULL, or who looks at a command's options (options.h) */
};

struct command {
    const char *name;
    const char *summary[LANG_COUNT]; /* one line for `qvl help` */
    /* argv[0] is the command's name; argv[argc] is NULL. */
    int (*run)(struct cli *cli, int argc, char **argv);
    const char *actions; /* "check|show": what its first argument must be; NULL: anything */
    bool paths;          /* the arguments behind the action are paths */
    bool settings;       /* all settings are options too */
};

extern const struct command command_serve, command_chat, command_config, command_model,
    command_bench, command_env;

/* Prints "qvl: message" and the hint to stderr in the language of the command line. */
void cli_report(const struct cli *cli, const struct reason *why);

/* The one of two texts that the language asks for. */
static inline const char *cli_text(const struct cli *cli, const char *en, const char *zh)
{
    return cli->lang == LANG_ZH ? zh : en;
}

/* Whether to use colours and moving progress lines on this stream. */
bool cli_colors(const struct cli *cli, FILE *stream);
