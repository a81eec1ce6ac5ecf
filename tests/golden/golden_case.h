/* The cases of a golden model (models/README.md) as prompts for the engine. */
#pragma once

#include "golden.h"

#include "engine/engine.h"

/* Where a model is, below tests/golden/models. */
struct golden_files {
    char text[256], mmproj[256]; /* mmproj "": none, or the only one */
};

/* The model of a case of the folder NAME: the folder itself, or the GGUF files that the case
 * names. */
struct golden_files golden_files_of(const char *name, const struct json *row);
bool golden_files_same(const struct golden_files *a, const struct golden_files *b);

/* Loads it, or fails the test. Block-quantised weights are multiplied exactly, or, if golden_packed
 * is set, packed for the integer kernels. */
extern bool golden_packed;
struct model *golden_load(const struct golden_files *files);
struct model *golden_model(const char *name);

/* Pictures, videos and messages of a case, built by the engine's own functions; `cut` honoured. */
void golden_prompt(const struct model *model, const struct json *row, struct prompt_input *out);

/* Takes the instruction set of QVL_CPU; false if this processor lacks it. */
bool golden_cpu_level(void);

/* How a test says that it cannot run here (Meson). */
enum { GOLDEN_SKIPPED = 77 };

/* A picture file below tests/golden/models, or anywhere below the repository's root. */
struct image golden_picture(const char *folder, struct str file);
