#include "cli/progress.h"

#include "base/clock.h"

#include <unistd.h>

enum { BAR_COLUMNS = 30 };

static const int64_t second_ns = 1000000000;

void progress_begin(struct progress *progress, const struct cli *cli, const char *what)
{
    const int64_t now = clock_ns(&clock_system);
    *progress = (struct progress){.cli = cli, .what = what, .begun_ns = now, .shown_ns = now};
}

static void show_bar(struct progress *progress, double share, uint64_t total)
{
    char bar[BAR_COLUMNS + 1];
    for (int i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < share * BAR_COLUMNS ? '#' : '.';
    bar[BAR_COLUMNS] = '\0';
    fprintf(stderr, "\r%s [%s] %3.0f %% of %.1f GB", progress->what, bar, share * 100,
            (double)total / 1e9);
    fflush(stderr);
    progress->visible = true;
}

void progress_update(struct progress *progress, uint64_t done, uint64_t total)
{
    const int64_t now = clock_ns(&clock_system);
    if (progress->cli->verbosity < 0 || total == 0 || now - progress->begun_ns < second_ns)
        return;
    const double share = (double)done / (double)total;
    if (isatty(STDERR_FILENO)) {
        show_bar(progress, share, total);
    } else if (now - progress->shown_ns >= 5 * second_ns) {
        progress->shown_ns = now;
        fprintf(stderr, "%s: %.0f %% of %.1f GB\n", progress->what, share * 100,
                (double)total / 1e9);
    }
}

void progress_end(struct progress *progress)
{
    if (progress->visible)
        fprintf(stderr, "\r%*s\r", BAR_COLUMNS + 40, "");
    progress->visible = false;
}
