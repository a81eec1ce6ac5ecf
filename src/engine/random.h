/* Pseudo-random numbers for sampling: xoshiro256** (Blackman & Vigna, 2018), seeded by SplitMix64.
 * The same seed gives the same numbers on every machine. Not for secrets. */
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);

/* Uniform in [0, 1), 53 bits. */
double random_unit(struct random *random);
