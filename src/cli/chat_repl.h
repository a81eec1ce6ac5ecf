/* `qvl chat` on a terminal: a conversation of several turns. */
#pragma once

#include "cli/chat_request.h"
#include "cli/remote.h"

/* `pictures` go with the first question. Returns an exit code. */
int chat_repl(struct remote *remote, struct chat_options *options,
              const struct option_list *pictures);
