/* Every kernel of every instruction set against the portable one, on random input (in the manner of
 * dav1d's checkasm), and the same kernels timed. */
#pragma once

#include "kernels/kernels.h"

#include <stdbool.h>

/* One instruction set that this processor has. */
struct level {
    const char *name;
    struct kernels kernels;
};

/* `count` elements that end where an inaccessible page begins, behind a border of known bytes: what
 * reads or writes past the end stops the program, what writes before the start is found. Filled
 * with random numbers in [-1, 1). */
struct padded {
    void *data;
    size_t bytes;
    void *map;
    size_t map_bytes;
};

float *padded_floats(struct padded *padded, size_t count);
/* Weights of a dtype: the numbers of the F32 array rounded towards zero. */
void *padded_weights(struct padded *padded, const float *from, size_t count, enum dtype dtype);
/* False if the border was written to. */
bool padded_release(struct padded *padded);

float random_float(void);
size_t random_below(size_t bound);

/* Reports unless |got - want| ≤ tolerance · magnitude everywhere. `magnitude` NULL: |want|. */
bool check_close(const char *what, const float *got, const float *want, const float *magnitude,
                 size_t count, double tolerance);

extern const char *const dtype_names[DTYPE_PLAIN_COUNT];

bool check_rows(const struct level *level, const struct kernels *c);
bool check_matmul(const struct level *level, const struct kernels *c);
bool check_integer(const struct level *level, const struct kernels *c);
bool check_bf16(const struct level *level, const struct kernels *c);

/* Prints the figures of the machine, of every kernel of every level, and of matmul. */
void bench_all(const struct level *levels, size_t count);

/* How near the products of a prompt come to the F32 peak of the best instruction set: prints each
 * shape and the lowest share. threads: that work together, also when the peak is measured. */
void bench_prefill(const char *level, int threads);
