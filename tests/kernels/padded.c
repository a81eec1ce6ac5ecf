#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BORDER = 256, BORDER_BYTE = 0xa5 };

const char *const dtype_names[DTYPE_PLAIN_COUNT] = {"f32", "f16", "bf16"};

static uint64_t random_state = 1;

/* splitmix64, Steele et al. 2014 */
static uint64_t random_bits(void)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

float random_float(void)
{
    return (float)((int64_t)random_bits() >> 40) * 0x1p-23f;
}

size_t random_below(size_t bound)
{
    return (size_t)(random_bits() % bound);
}

static void padded_alloc(struct padded *padded, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t inside = (bytes + BORDER + page - 1) / page * page;
    padded->bytes = bytes;
    padded->map_bytes = inside + page;
    padded->map =
        mmap(NULL, padded->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (padded->map == MAP_FAILED || mprotect((char *)padded->map + inside, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(2);
    }
    padded->data = (char *)padded->map + inside - bytes;
    memset((char *)padded->data - BORDER, BORDER_BYTE, BORDER);
}

float *padded_floats(struct padded *padded, size_t count)
{
    padded_alloc(padded, count * sizeof(float));
    float *floats = padded->data;
    for (size_t i = 0; i < count; i++)
        floats[i] = random_float();
    return floats;
}

static uint16_t to_half(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000;
    const int exponent = (int)(bits >> 23 & 0xff) - 112;
    if (exponent >= 1)
        return (uint16_t)(sign | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff));
    return (uint16_t)(sign | (uint32_t)(fabsf(value) * 0x1p24f));
}

void *padded_weights(struct padded *padded, const float *from, size_t count, enum dtype dtype)
{
    padded_alloc(padded, count * dtype_size(dtype));
    if (dtype == DTYPE_F32) {
        memcpy(padded->data, from, padded->bytes);
        return padded->data;
    }
    uint16_t *halves = padded->data;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        halves[i] = dtype == DTYPE_F16 ? to_half(from[i]) : (uint16_t)(bits >> 16);
    }
    return halves;
}

bool padded_release(struct padded *padded)
{
    bool intact = true;
    for (size_t i = 1; i <= BORDER; i++)
        intact = intact && ((unsigned char *)padded->data)[-(ptrdiff_t)i] == BORDER_BYTE;
    munmap(padded->map, padded->map_bytes);
    if (!intact)
        printf("  something wrote before its buffer\n");
    return intact;
}

bool check_close(const char *what, const float *got, const float *want, const float *magnitude,
                 size_t count, double tolerance)
{
    for (size_t i = 0; i < count; i++) {
        const double allowed = tolerance * (double)(magnitude ? magnitude[i] : fabsf(want[i]));
        if (!(fabs((double)got[i] - (double)want[i]) <= allowed) &&
            !(isnan(got[i]) && isnan(want[i]))) {
            printf("  %s: [%zu] is %.9g, not %.9g ± %.2g\n", what, i, (double)got[i],
                   (double)want[i], allowed);
            return false;
        }
    }
    return true;
}
