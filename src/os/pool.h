/* A pool of compute threads that run one job at a time, in chunks.
 *
 * pool_run splits [0, count) into chunks of `grain`, and these into one run for each thread, the
 * caller included. A thread takes the chunks of its own run in order, so that it reads memory as
 * one stream, and then helps with the others. A thread that gets no core meanwhile is not waited
 * for. Between jobs the workers spin briefly, then sleep. One caller at a time. */
#pragma once

#include "base/status.h"

#include <stddef.h>

struct pool;

/* Work on items [begin, end). `thread` is 0 … threads-1, stable within one job: an index for
 * per-thread scratch. */
typedef void pool_fn(void *arg, size_t begin, size_t end, int thread);

/* threads ≥ 1, the caller counted. */
MUST_CHECK enum status pool_create(int threads, struct pool **out, struct reason *why);
void pool_destroy(struct pool *pool); /* takes NULL */

int pool_threads(const struct pool *pool);
void pool_run(struct pool *pool, size_t count, size_t grain, pool_fn *fn, void *arg);

/* Jobs that began since the start. Any thread: whoever sees it grow knows that work goes on. */
size_t pool_runs(const struct pool *pool);
