#include "os/self.h"

#include "base/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

static void figures_are_plausible(void **state)
{
    (void)state;
    struct self_figures a;
    self_figures_read(&a);
    const double now = (double)time(NULL);
    assert_true(a.start_seconds > now - 600 && a.start_seconds < now + 2);
    assert_true(a.resident_bytes > 100000 && a.resident_bytes < a.virtual_bytes);
    assert_true(a.cpu_seconds >= 0 && a.cpu_seconds < 600);
    assert_true(a.max_files >= a.open_files);
    assert_true(a.threads >= 1);
}

static void files_are_counted(void **state)
{
    (void)state;
    struct self_figures before, after;
    self_figures_read(&before);
    const int fd = open("/dev/null", O_RDONLY);
    self_figures_read(&after);
    assert_int_equal(after.open_files, before.open_files + 1);
    close(fd);
}

static void *wait_on(void *arg)
{
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return NULL;
}

static void threads_are_counted(void **state)
{
    (void)state;
    struct self_figures before, after;
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    self_figures_read(&before);
    pthread_mutex_lock(&lock);
    assert_int_equal(pthread_create(&thread, NULL, wait_on, &lock), 0);
    self_figures_read(&after);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    assert_int_equal(after.threads, before.threads + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_plausible),
        cmocka_unit_test(files_are_counted),
        cmocka_unit_test(threads_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
