#include "os/pool.h"
#include "os/cpu.h"

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

/* Life of a job: the caller writes `job`, sets next and running, then increments `generation`
 * (release). Workers that see the new generation (acquire) take chunks; each decrements `running`
 * when it finds no more. Nobody touches `next` once running is 0. */
struct pool {
    struct job {
        pool_fn *fn;
        void *arg;
        size_t count, grain, chunks;
    } job;
    alignas(CACHE_LINE) atomic_uint generation;
    alignas(CACHE_LINE) atomic_size_t next; /* chunk to take */
    alignas(CACHE_LINE) atomic_int running; /* workers that have not finished the job */
    alignas(CACHE_LINE) pthread_mutex_t mutex;
    pthread_cond_t work, done;
    atomic_int sleeping;      /* workers that wait for `work` */
    atomic_bool caller_waits; /* the caller waits for `done` */
    atomic_bool stop;
    int threads, spins;
    int started; /* workers that exist */
    struct worker {
        struct pool *pool;
        pthread_t handle;
        int index;
    } workers[];
};

static inline void spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_chunks(struct pool *pool, int thread)
{
    const struct job job = pool->job;
    for (;;) {
        const size_t chunk = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (chunk >= job.chunks)
            return;
        const size_t begin = chunk * job.grain;
        const size_t left = job.count - begin;
        job.fn(job.arg, begin, begin + (left < job.grain ? left : job.grain), thread);
    }
}

/* Returns once the generation is no longer `seen`. */
static void wait_for_work(struct pool *pool, unsigned seen)
{
    for (int i = 0; i < pool->spins; i++) {
        if (atomic_load_explicit(&pool->generation, memory_order_acquire) != seen)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping, 1);
    while (atomic_load(&pool->generation) == seen)
        pthread_cond_wait(&pool->work, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->mutex);
}

/* The generation and the counter of sleepers are both sequentially consistent: either the caller
 * sees the sleeper, or the sleeper sees the new generation. */
static void start_generation(struct pool *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleeping) == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

static void finish_worker(struct pool *pool)
{
    if (atomic_fetch_sub(&pool->running, 1) != 1 || !atomic_load(&pool->caller_waits))
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_for_workers(struct pool *pool)
{
    for (int i = 0; i < pool->spins; i++) {
        if (atomic_load_explicit(&pool->running, memory_order_acquire) == 0)
            return;
        spin_pause();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_waits, true);
    while (atomic_load(&pool->running) != 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_waits, false);
    pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    for (unsigned seen = 0;; seen++) {
        wait_for_work(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        take_chunks(pool, worker->index);
        finish_worker(pool);
    }
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
    for (int i = 0; i < threads - 1; i++) {
        struct worker *worker = &pool->workers[i];
        *worker = (struct worker){.pool = pool, .index = i + 1};
        const int error = pthread_create(&worker->handle, NULL, worker_main, worker);
        if (error != 0) {
            reason_set(why, "no_threads", "The system refused thread %d of %d: %s.",
                       "系统拒绝创建第 %d 个线程（共 %d 个）：%s。", i + 2, threads,
                       strerror(error));
            pool_destroy(pool);
            return STATUS_IO;
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
    start_generation(pool);
    for (int i = 0; i < pool->started; i++)
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
    if (grain == 0)
        grain = 1;
    if (count <= grain || pool->threads == 1) {
        fn(arg, 0, count, 0);
        return;
    }
    pool->job = (struct job){fn, arg, count, grain, (count - 1) / grain + 1};
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->running, pool->started, memory_order_relaxed);
    start_generation(pool);
    take_chunks(pool, 0);
    wait_for_workers(pool);
}
