/* All that qvl env found out, and its two ways of saying it. */
#pragma once

#include "cli/cli.h"
#include "cli/env_modes.h"
#include "cli/env_tools.h"
#include "os/cpu_count.h"
#include "os/memory.h"
#include "os/system.h"

/* What is recommended for the 8B: see env_text.c. */
#define RECOMMENDED_MEMORY ((uint64_t)32 << 30)

struct env_report {
    struct system_facts system;
    char cpu_model[128];
    struct cpu_counts cpu;
    int threads; /* that the engine would use */
    const char *kernels;
    struct memory_figures memory;
    struct gpus gpus;
    struct tools tools;
    char disk_path[1024]; /* the nearest folder that exists above the model's */
    uint64_t disk_free;
    struct env_model models[MODELS_MAX];
    size_t model_count;
    struct env_modes modes;
    bool measured;
    struct measure_plan plan;
    struct measurement measurement; /* of models[0] */
};

void env_print_text(const struct cli *cli, const struct env_report *report);
void env_print_json(const struct env_report *report);
