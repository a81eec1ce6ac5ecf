#include "kernels/matrix.h"

#include <assert.h>

/* The blocks are those of ggml (specification 10.5), the codes those of OCP FP8 (specification 11).
 */
static const struct dtype_info table[DTYPE_COUNT] = {
    [DTYPE_F32] = {"F32", 1, 4},           [DTYPE_F16] = {"F16", 1, 2},
    [DTYPE_BF16] = {"BF16", 1, 2},         [DTYPE_Q8_0] = {"Q8_0", 32, 34},
    [DTYPE_Q4_0] = {"Q4_0", 32, 18},       [DTYPE_Q4_1] = {"Q4_1", 32, 20},
    [DTYPE_Q5_0] = {"Q5_0", 32, 22},       [DTYPE_Q5_1] = {"Q5_1", 32, 24},
    [DTYPE_Q4_K] = {"Q4_K", 256, 144},     [DTYPE_Q5_K] = {"Q5_K", 256, 176},
    [DTYPE_Q6_K] = {"Q6_K", 256, 210},     [DTYPE_IQ4_NL] = {"IQ4_NL", 32, 18},
    [DTYPE_IQ4_XS] = {"IQ4_XS", 256, 136}, [DTYPE_F8_E4M3] = {"F8_E4M3", 1, 1},
};

const struct dtype_info *dtype_info(enum dtype dtype)
{
    return &table[dtype];
}

size_t dtype_bytes(enum dtype dtype, size_t count)
{
    assert(count % table[dtype].values == 0);
    return count / table[dtype].values * table[dtype].bytes;
}
