#include "os/service_manager.h"

#include "base/clock.h"
#include "base/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024 };

/* "/run/systemd/notify", or "@name": a name in Linux' abstract space, see unix(7). */
static bool parse_address(const char *name, struct sockaddr_un *out, socklen_t *len)
{
    const size_t n = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof out->sun_path)
        return false;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->sun_path, name, n);
    if (name[0] == '@')
        out->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    return true;
}

/* The watchdog of the variables, unless they are for another process. */
static int64_t read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    const int64_t value = strtoll(usec, NULL, 10);
    return value > 0 && value < INT64_MAX / 1000 ? value * 1000 : 0;
}

void service_manager_open(struct service_manager *manager)
{
    *manager = (struct service_manager){.fd = -1};
    const char *name = getenv("NOTIFY_SOCKET");
    if (name && parse_address(name, &manager->address, &manager->address_len))
        manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (manager->fd >= 0)
        manager->watchdog_ns = read_watchdog();
    manager->alive_ns = clock_ns(&clock_system);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void service_manager_close(struct service_manager *manager)
{
    if (manager->fd >= 0)
        close(manager->fd);
    manager->fd = -1;
}

bool service_manager_is_there(const struct service_manager *manager)
{
    return manager->fd >= 0;
}

static void tell(const struct service_manager *manager, const char *text)
{
    if (manager->fd >= 0)
        (void)sendto(manager->fd, text, strlen(text), MSG_NOSIGNAL,
                     (const struct sockaddr *)&manager->address, manager->address_len);
}

void service_manager_status(const struct service_manager *manager, const char *format, ...)
{
    char text[MESSAGE_BYTES] = "STATUS=";
    const size_t name = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + name, sizeof text - name, format, args);
    va_end(args);
    for (char *lf = text; (lf = strchr(lf, '\n'));) /* a line each would be a message */
        *lf = ' ';
    tell(manager, text);
}

void service_manager_extend(const struct service_manager *manager, int64_t more_ms)
{
    char text[64];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%lld", (long long)more_ms * 1000);
    tell(manager, text);
}

void service_manager_ready(const struct service_manager *manager)
{
    tell(manager, "READY=1");
}

void service_manager_reloading(const struct service_manager *manager)
{
    char text[96];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)clock_ns(&clock_system) / 1000);
    tell(manager, text);
}

void service_manager_stopping(const struct service_manager *manager)
{
    tell(manager, "STOPPING=1");
}

bool service_manager_wants_life(const struct service_manager *manager, int64_t now_ns)
{
    return manager->watchdog_ns > 0 && now_ns - manager->alive_ns >= manager->watchdog_ns / 2;
}

void service_manager_alive(struct service_manager *manager, int64_t now_ns)
{
    manager->alive_ns = now_ns;
    tell(manager, "WATCHDOG=1");
}
