#include "base/test.h"
#include "os/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { ITEMS = 5000, THREADS = 9 };

struct tally {
    atomic_int taken[ITEMS];
    atomic_int busy[THREADS]; /* by how many calls the thread's index is in use */
    atomic_int faults;
    int plain[ITEMS]; /* written without atomics: the pool orders it before pool_run returns */
    int threads;
    size_t count, grain;
};

static void take_items(void *arg, size_t begin, size_t end, int thread)
{
    struct tally *tally = arg;
    if (thread < 0 || thread >= tally->threads || begin >= end || end > tally->count ||
        (tally->threads > 1 && tally->count > tally->grain && end - begin > tally->grain)) {
        atomic_fetch_add(&tally->faults, 1);
        return;
    }
    if (atomic_fetch_add(&tally->busy[thread], 1) != 0)
        atomic_fetch_add(&tally->faults, 1);
    for (size_t i = begin; i < end; i++) {
        atomic_fetch_add(&tally->taken[i], 1);
        tally->plain[i]++;
    }
    atomic_fetch_sub(&tally->busy[thread], 1);
}

static void check_run(struct pool *pool, struct tally *tally, size_t count, size_t grain)
{
    memset(tally, 0, sizeof *tally);
    tally->threads = pool_threads(pool);
    tally->count = count;
    tally->grain = grain ? grain : 1;
    pool_run(pool, count, grain, take_items, tally);
    assert_int_equal(atomic_load(&tally->faults), 0);
    for (size_t i = 0; i < ITEMS; i++) {
        assert_int_equal(atomic_load(&tally->taken[i]), i < count);
        assert_int_equal(tally->plain[i], i < count);
    }
}

static void takes_every_item_once(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 65, 1000, ITEMS};
    static const size_t grains[] = {0, 1, 3, 64, ITEMS, SIZE_MAX};
    static struct tally tally;
    for (int threads = 1; threads <= THREADS; threads++) {
        struct pool *pool = NULL;
        assert_int_equal(pool_create(threads, &pool, NULL), STATUS_OK);
        assert_int_equal(pool_threads(pool), threads);
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
            for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
                check_run(pool, &tally, counts[c], grains[g]);
        pool_destroy(pool);
    }
}

static void add_one(void *arg, size_t begin, size_t end, int thread)
{
    int *numbers = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        numbers[i]++;
}

/* Each job depends on the one before; short enough that workers are still spinning, with a pause
 * now and then that sends them to sleep. */
static void orders_one_job_after_another(void **state)
{
    (void)state;
    enum { JOBS = 2000, NUMBERS = 8 };
    int numbers[NUMBERS] = {0};
    struct pool *pool = NULL;
    assert_int_equal(pool_create(4, &pool, NULL), STATUS_OK);
    for (int job = 0; job < JOBS; job++) {
        pool_run(pool, NUMBERS, 1, add_one, numbers);
        if (job % 500 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    pool_destroy(pool);
    for (int i = 0; i < NUMBERS; i++)
        assert_int_equal(numbers[i], JOBS);
}

static void comes_and_goes_without_work(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct pool *pool = NULL;
        assert_int_equal(pool_create(1 + i % 5, &pool, NULL), STATUS_OK);
        pool_destroy(pool);
    }
    pool_destroy(NULL);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static pthread_t worker;
static atomic_bool has_worker, is_held, is_released;

/* Waits until the worker has come, so that it is known. */
static void meet(void *arg, size_t begin, size_t end, int thread)
{
    (void)arg;
    (void)begin;
    (void)end;
    if (thread > 0) {
        worker = pthread_self();
        atomic_store(&has_worker, true);
    }
    while (!atomic_load(&has_worker))
        pause_ms(1);
}

/* Holds a thread where it is, as a system without a free core does. */
static void hold(int signal)
{
    (void)signal;
    atomic_store(&is_held, true);
    for (int ms = 0; ms < 20000 && !atomic_load(&is_released); ms++)
        pause_ms(1);
    atomic_store(&is_held, false);
}

static void does_not_wait_for_a_worker_without_a_core(void **state)
{
    (void)state;
    int numbers[8] = {0};
    struct pool *pool = NULL;
    assert_int_equal(pool_create(2, &pool, NULL), STATUS_OK);
    pool_run(pool, 2, 1, meet, NULL);
    assert_false(pthread_equal(pthread_self(), worker));
    struct sigaction action = {.sa_handler = hold};
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pthread_kill(worker, SIGUSR1), 0);
    while (!atomic_load(&is_held))
        pause_ms(1);
    for (int job = 0; job < 100; job++)
        pool_run(pool, 8, 1, add_one, numbers);
    assert_true(atomic_load(&is_held));
    for (int i = 0; i < 8; i++)
        assert_int_equal(numbers[i], 100);
    atomic_store(&is_released, true);
    pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_item_once),
        cmocka_unit_test(orders_one_job_after_another),
        cmocka_unit_test(comes_and_goes_without_work),
        cmocka_unit_test(does_not_wait_for_a_worker_without_a_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
