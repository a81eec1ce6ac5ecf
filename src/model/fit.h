/* Whether the parts of a checkpoint belong together. */
#pragma once

#include "model/config.h"
#include "model/tokenizer.h"

/* The tokenizer's ids have rows in the embedding matrix, the markers of the chat template are
 * there, and those of pictures have the ids that the configuration gives. `path` names the file of
 * the tokenizer. Code: bad_tokenizer. */
MUST_CHECK enum status fit_check(const char *path, const struct model_config *config,
                                 const struct tokenizer *tokenizer, struct reason *why);
