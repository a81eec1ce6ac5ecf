/* What may stand next on the command line: `qvl complete WORD…`, which etc/completions ask.
 *
 * The words are those behind "qvl" up to the cursor; the last one is unfinished, and may be empty.
 * One candidate is one line: the word, a tab, its meaning. The line ":files" asks the shell for
 * names of files. A word "=" stands for the sign that bash takes for a word of its own. */
#pragma once

#include "cli/cli.h"

/* `commands` and `words` end with NULL. */
void complete(const struct cli *cli, const struct command *const *commands, char **words);
