/* qvl model quantize: a checkpoint as GGUF files, its matrices in a format of fewer bits. */
#pragma once

#include "cli/cli.h"

#include <stdint.h>

struct quantize_request {
    const char *from, *to; /* a directory or GGUF file; the GGUF file of the text model */
    const char *type;      /* "q4_k"; NULL: not given */
    const char *mmproj;    /* as in model_open */
    const char *mmproj_to; /* NULL: mmproj-NAME.gguf beside `to`, NAME.gguf being its name */
    int64_t threads;       /* 0: one per usable core */
    bool json;
};

int model_quantize(const struct cli *cli, const struct quantize_request *request);
