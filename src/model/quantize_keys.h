/* The values of the GGUF files that are written (specification 10.2, 10.3). */
#pragma once

#include "model/gguf_write.h"
#include "model/load.h"

/* Of the text model in `type`, without its tokenizer. */
void quantize_put_text(struct gguf_writer *writer, const struct model *model, enum dtype type);
void quantize_put_vision(struct gguf_writer *writer, const struct model *model);

/* Tokenizer and chat template of the checkpoint at `path`, a directory or a GGUF file. Codes: those
 * of tokenizer_load, gguf_read and chat_template_read. */
MUST_CHECK enum status quantize_put_tokenizer(struct gguf_writer *writer, const struct model *model,
                                              const char *path, struct reason *why);
