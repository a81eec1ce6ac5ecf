#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void cli_report(const struct cli *cli, const struct reason *why)
{
    fprintf(stderr, "qvl: ");
    if (why->subject[0] && !strstr(why->message[cli->lang], why->subject))
        fprintf(stderr, "%s: ", why->subject);
    fprintf(stderr, "%s\n", why->message[cli->lang]);
    if (why->hint[cli->lang][0])
        fprintf(stderr, "  → %s\n", why->hint[cli->lang]);
}

bool cli_colors(const struct cli *cli, FILE *stream)
{
    if (cli->color != COLOR_AUTO)
        return cli->color == COLOR_ALWAYS;
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}
