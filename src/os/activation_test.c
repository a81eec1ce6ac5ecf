#include "os/activation.h"

#include "base/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int sockets(const char *pid, const char *count)
{
    char own[32];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid ? pid : own, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    const int found = activation_sockets();
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    return found;
}

static void what_is_counted(void **state)
{
    (void)state;
    for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + 2; fd++)
        assert_true(dup2(STDERR_FILENO, fd) == fd);
    assert_int_equal(sockets(NULL, "2"), 2);
    assert_int_equal(fcntl(ACTIVATION_FIRST + 1, F_GETFD), FD_CLOEXEC);
    assert_int_equal(sockets("1", "2"), 0);
    assert_int_equal(sockets(NULL, "0"), 0);
    assert_int_equal(sockets(NULL, "-1"), 0);
    assert_int_equal(sockets(NULL, "2x"), 0);
    assert_int_equal(sockets(NULL, ""), 0);
    assert_int_equal(sockets(NULL, "1000"), 0);
    close(ACTIVATION_FIRST + 1);
    assert_int_equal(sockets(NULL, "2"), 0);
    assert_int_equal(activation_sockets(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
