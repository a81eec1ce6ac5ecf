/* The configuration of a model from the values of its GGUF files (specification 10.2, 10.3). */
#pragma once

#include "model/config.h"
#include "model/gguf_files.h"
#include "model/tokenizer.h"

/* Every number is checked as config.json's are. Codes: bad_config mismatched_mmproj (the vision
 * part belongs to another model). Token ids are left to gguf_config_tokens. */
MUST_CHECK enum status gguf_config_read(const struct gguf_files *files, struct model_config *out,
                                        struct reason *why);

/* What the tokenizer says: the ids of the pictures' markers and of the tokens that end an answer;
 * and how answers are drawn, by the kind of template, where the file does not say. Code:
 * bad_config. */
MUST_CHECK enum status gguf_config_tokens(const struct gguf *text,
                                          const struct tokenizer *tokenizer, bool thinks,
                                          struct model_config *config, struct reason *why);
