#include "check.h"
#include "os/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The instruction sets of this processor, the portable one first. */
static size_t find_levels(struct level *levels)
{
    static const char *const names[] = {"c", "avx2", "avx512", "neon"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (cpu_set_level(names[i], NULL) != STATUS_OK)
            continue;
        levels[count].name = names[i];
        kernels_select(&levels[count].kernels);
        if (strcmp(levels[count].kernels.name, names[i]) == 0) /* not yet written otherwise */
            count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    struct level levels[4];
    const size_t count = find_levels(levels);
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        bench_all(levels, count);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--prefill") == 0) {
        const int cores = cpu_usable_cores();
        const struct level *best = &levels[count - 1];
        if (cpu_set_level(best->name, NULL) != STATUS_OK)
            return 2;
        bench_prefill(best->name, argc > 2 ? atoi(argv[2]) : cores < 2 ? cores : 2);
        return 0;
    }
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        bool level_good = check_rows(&levels[i], &levels[0].kernels);
        level_good = check_matmul(&levels[i], &levels[0].kernels) && level_good;
        level_good = check_integer(&levels[i], &levels[0].kernels) && level_good;
        level_good = check_bf16(&levels[i], &levels[0].kernels) && level_good;
        printf("%-6s %s\n", levels[i].name, level_good ? "equal to c" : "DIFFERS");
        good = good && level_good;
    }
    return good ? 0 : 1;
}
