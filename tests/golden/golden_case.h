/* The cases of a golden model (models/README.md) as prompts for the engine. */
#pragma once

#include "golden.h"

#include "engine/engine.h"

/* Loads "tests/golden/models/NAME", or fails the test. */
struct model *golden_model(const char *name);

/* Pictures, videos and messages of a case, built by the engine's own functions; `cut` honoured. */
void golden_prompt(const struct model *model, const struct json *row, struct prompt_input *out);

/* Takes the instruction set of QVL_CPU; false if this processor lacks it. */
bool golden_cpu_level(void);

/* How a test says that it cannot run here (Meson). */
enum { GOLDEN_SKIPPED = 77 };

/* A picture file below tests/golden/models, or anywhere below the repository's root. */
struct image golden_picture(const char *folder, struct str file);
