/* qvl model: what a checkpoint is, and whether it is whole. */
#pragma once

#include "cli/cli.h"
#include "kernels/matrix.h"

#include <stdint.h>

struct model_request {
    const char *path;
    const char *mmproj;         /* the vision part of a GGUF model, or NULL */
    const enum dtype *quantize; /* check: see model_options */
    bool exact;                 /* check: likewise */
    bool json;
};

/* Loads it, verifies everything, and generates one token. */
int model_check(const struct cli *cli, const struct model_request *request);

/* Configuration and contents, without reading the weights. */
int model_info(const struct cli *cli, const struct model_request *request);

/* A type that a model can be quantised to; says what is wrong with the flag if it is none. */
bool cli_quantize_type(const struct cli *cli, const char *flag, const char *name, enum dtype *out);

/* What both say of a checkpoint that cannot be loaded; returns the exit code. */
int model_report_fault(const struct cli *cli, const char *path, const struct reason *why,
                       bool json);

/* The checkpoint's name: the last part of its path, without .gguf. */
void model_name(const char *path, char out[256]);

/* "13.3 MB", "6.64 M": three digits and a decimal unit. */
void model_format_bytes(uint64_t bytes, char out[32]);
void model_format_count(uint64_t count, char out[32]);
