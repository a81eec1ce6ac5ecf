#include "os/service_manager.h"

#include "base/clock.h"
#include "base/test.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A manager: a datagram socket at `name`, which may be abstract. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    return fd;
}

static void assert_told(int fd, const char *wanted)
{
    char text[2048];
    const ssize_t n = recv(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    assert_string_equal(text, wanted);
}

static void make_name(char out[64], const char *begin)
{
    snprintf(out, 64, "%sqvl-manager-%d", begin, (int)getpid());
}

static void everything_is_told(void **state)
{
    (void)state;
    static const char *const places[] = {"/tmp/", "@"};
    for (size_t i = 0; i < 2; i++) {
        char name[64], text[2048];
        make_name(name, places[i]);
        const int fd = listen_at(name);
        setenv("NOTIFY_SOCKET", name, 1);
        struct service_manager manager;
        service_manager_open(&manager);
        assert_true(service_manager_is_there(&manager));
        assert_null(getenv("NOTIFY_SOCKET"));
        service_manager_status(&manager, "loading: %d %%\nREADY=1", 40);
        assert_told(fd, "STATUS=loading: 40 % READY=1");
        service_manager_extend(&manager, 30000);
        assert_told(fd, "EXTEND_TIMEOUT_USEC=30000000");
        service_manager_ready(&manager);
        assert_told(fd, "READY=1");
        service_manager_reloading(&manager);
        const ssize_t n = recv(fd, text, sizeof text - 1, 0);
        assert_true(n > 0);
        text[n] = '\0';
        long long usec;
        assert_int_equal(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
        assert_true(clock_ns(&clock_system) / 1000 - usec < 10000000);
        service_manager_stopping(&manager);
        assert_told(fd, "STOPPING=1");
        service_manager_close(&manager);
        close(fd);
        unlink(name);
    }
}

static void life_is_due_at_half_the_patience(void **state)
{
    (void)state;
    char name[64], pid[32];
    make_name(name, "@");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    const int fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    struct service_manager manager;
    service_manager_open(&manager);
    assert_null(getenv("WATCHDOG_USEC"));
    const int64_t begin = manager.alive_ns;
    assert_false(service_manager_wants_life(&manager, begin + 999000000));
    assert_true(service_manager_wants_life(&manager, begin + 1000000000));
    service_manager_alive(&manager, begin + 1000000000);
    assert_told(fd, "WATCHDOG=1");
    assert_false(service_manager_wants_life(&manager, begin + 1999000000));
    service_manager_close(&manager);
    close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "", "@", "relative/path", "vsock:2:1234"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i])
            setenv("NOTIFY_SOCKET", names[i], 1);
        setenv("WATCHDOG_USEC", "2000000", 1);
        struct service_manager manager;
        service_manager_open(&manager);
        assert_false(service_manager_is_there(&manager));
        assert_false(service_manager_wants_life(&manager, INT64_MAX));
        service_manager_ready(&manager);
        service_manager_close(&manager);
    }
}

static void the_watchdog_of_another_process_is_not_ours(void **state)
{
    (void)state;
    setenv("NOTIFY_SOCKET", "@nobody-is-there", 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    struct service_manager manager;
    service_manager_open(&manager);
    assert_int_equal(manager.watchdog_ns, 0);
    service_manager_ready(&manager); /* nobody reads: no signal, no wait */
    service_manager_close(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_told),
        cmocka_unit_test(life_is_due_at_half_the_patience),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(the_watchdog_of_another_process_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
