/* Names of tensors: llama.cpp's in GGUF files, and Hugging Face's, which weights.c asks for
 * (specification 10.2, 10.3). */
#pragma once

#include "model/checkpoint.h"
#include "model/config.h"

/* Hugging Face's name of a tensor of the text file or of the vision file. False if the file has no
 * place for such a name. */
bool gguf_text_name(const char *ggml, char out[SPELLED_BYTES]);
bool gguf_vision_name(const char *ggml, const struct vision_config *vision,
                      char out[SPELLED_BYTES]);

/* The other way, for messages; the name itself if it is unknown. */
void gguf_spell(const char *name, const struct vision_config *vision, char out[SPELLED_BYTES]);
