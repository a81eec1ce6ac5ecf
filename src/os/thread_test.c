#include "os/thread.h"

#include "base/test.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static void *step_back_twice(void *arg)
{
    thread_step_back();
    thread_step_back();
    *(int *)arg = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

/* One step, however often, and nobody else's. */
static void only_the_caller_steps_back(void **state)
{
    (void)state;
    const int before = getpriority(PRIO_PROCESS, 0);
    int there = before;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, step_back_twice, &there), 0);
    pthread_join(thread, NULL);
    assert_int_equal(there, before + 5 < 19 ? before + 5 : 19);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_caller_steps_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
