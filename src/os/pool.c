#include "os/pool.h"

#include "os/cpu.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHE_LINE = 64,
    /* About 50 µs: longer than the gaps between the jobs of one token, short enough not to be seen
     * in an idle process. */
    SPINS = 2000,
};

/* Life of a job: the caller writes `job` and `unfinished`, then sets each run's `left` to its
 * number of chunks (release). Whoever takes a chunk decrements `left` (acquire) and may read `job`
 * until it has decremented `unfinished`; when that is 0 the job is done. So a job waits for the
 * chunks that were taken, never for a worker that has not come yet: the system may have no core for
 * it. */
struct pool {
    struct job {
        pool_fn *fn;
        void *arg;
        size_t count, grain, chunks;
    } job;
    alignas(CACHE_LINE) atomic_size_t unfinished; /* chunks that are not done */
    alignas(CACHE_LINE) pthread_mutex_t mutex;
    pthread_cond_t work, done;
    atomic_int sleeping;      /* workers that wait for `work` */
    atomic_bool caller_waits; /* the caller waits for `done` */
    atomic_bool stop;
    atomic_size_t runs;
    int threads, spins;
    int started; /* workers that exist */
    struct worker {
        alignas(CACHE_LINE) atomic_size_t left; /* chunks to take of its run */
        struct pool *pool;
        pthread_t handle;
        int index;
    } workers[]; /* [threads], the first is the caller */
};

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Takes a chunk of a run of the job there is now; 0: none is left, else its number from the run's
 * end. */
static size_t take_chunk(struct worker *run)
{
    size_t left = atomic_load_explicit(&run->left, memory_order_relaxed);
    while (left > 0 && !atomic_compare_exchange_weak_explicit(
                           &run->left, &left, left - 1, memory_order_acquire, memory_order_relaxed))
        continue;
    return left;
}

/* The first chunk of a run. */
static size_t run_begin(const struct pool *pool, int run)
{
    return pool->job.chunks * (size_t)run / (size_t)pool->threads;
}

static void finish_chunk(struct pool *pool)
{
    if (atomic_fetch_sub(&pool->unfinished, 1) != 1 || !atomic_load(&pool->caller_waits))
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

/* A thread's own run, then what is left of the others. */
static void run_chunks(struct pool *pool, int thread)
{
    for (int i = 0; i < pool->threads; i++) {
        const int run = (thread + i) % pool->threads;
        for (size_t left; (left = take_chunk(&pool->workers[run])) > 0;) {
            const struct job *job = &pool->job;
            const size_t begin = (run_begin(pool, run + 1) - left) * job->grain;
            const size_t rest = job->count - begin;
            job->fn(job->arg, begin, begin + (rest < job->grain ? rest : job->grain), thread);
            finish_chunk(pool);
        }
    }
}

static bool has_work(struct pool *pool)
{
    for (int i = 0; i < pool->threads; i++)
        if (atomic_load(&pool->workers[i].left) > 0)
            return true;
    return atomic_load(&pool->stop);
}

static void wait_for_work(struct pool *pool)
{
    for (int i = 0; i < pool->spins; i++) {
        if (has_work(pool))
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping, 1);
    while (!has_work(pool))
        pthread_cond_wait(&pool->work, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->mutex);
}

/* What there is to see and the counter of sleepers are both sequentially consistent: either the
 * caller sees the sleeper, or the sleeper sees the work. */
static void wake_workers(struct pool *pool)
{
    if (atomic_load(&pool->sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_for_chunks(struct pool *pool)
{
    for (int i = 0; i < pool->spins; i++) {
        if (atomic_load_explicit(&pool->unfinished, memory_order_acquire) == 0)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_waits, true);
    while (atomic_load(&pool->unfinished) != 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_waits, false);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *arg)
{
    const struct worker *worker = arg;
    thread_step_back();
    while (!atomic_load(&worker->pool->stop)) {
        wait_for_work(worker->pool);
        run_chunks(worker->pool, worker->index);
    }
    return NULL;
}

enum status pool_create(int threads, struct pool **out, struct reason *why)
{
    if (threads < 1)
        threads = 1;
    const size_t bytes = sizeof(struct pool) + (size_t)threads * sizeof(struct worker);
    const size_t rounded = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct pool *pool = aligned_alloc(CACHE_LINE, rounded);
    if (!pool)
        return reason_no_memory(why, rounded);
    memset(pool, 0, rounded);
    pool->threads = threads;
    pool->spins = threads <= cpu_usable_threads() ? SPINS : 0;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    for (int i = 0; i < threads; i++) /* a worker looks at the runs of those yet to start */
        pool->workers[i] = (struct worker){.pool = pool, .index = i};
    for (int i = 1; i < threads; i++) {
        struct worker *worker = &pool->workers[i];
        const int error = pthread_create(&worker->handle, NULL, worker_main, worker);
        if (error != 0) {
            pool_destroy(pool);
            return reason_no_thread(why, error);
        }
        pool->started++;
    }
    *out = pool;
    return STATUS_OK;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    wake_workers(pool);
    for (int i = 1; i <= pool->started; i++)
        pthread_join(pool->workers[i].handle, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int pool_threads(const struct pool *pool)
{
    return pool->threads;
}

void pool_run(struct pool *pool, size_t count, size_t grain, pool_fn *fn, void *arg)
{
    if (count == 0)
        return;
    atomic_fetch_add_explicit(&pool->runs, 1, memory_order_relaxed);
    if (grain == 0)
        grain = 1;
    if (count <= grain || pool->threads == 1) {
        fn(arg, 0, count, 0);
        return;
    }
    pool->job = (struct job){fn, arg, count, grain, (count - 1) / grain + 1};
    atomic_store_explicit(&pool->unfinished, pool->job.chunks, memory_order_relaxed);
    for (int i = 0; i < pool->threads; i++)
        atomic_store(&pool->workers[i].left, run_begin(pool, i + 1) - run_begin(pool, i));
    wake_workers(pool);
    run_chunks(pool, 0);
    wait_for_chunks(pool);
}

size_t pool_runs(const struct pool *pool)
{
    return atomic_load_explicit(&pool->runs, memory_order_relaxed);
}
