/* What the machine can do at best, measured. */
#pragma once

#include <stddef.h>

/* F32 GFLOP/s of one thread from multiply-adds (or multiplies and adds) on registers alone. */
double peak_gflops(const char *level);
/* One run of some milliseconds; returns its floating-point operations. */
double peak_run(const char *level);

/* Reads `bytes` once; for timing. */
void peak_read(const void *data, size_t bytes);
