/* Tells the service manager how the service is: systemd's protocol of sd_notify(3), datagrams to
 * the socket that $NOTIFY_SOCKET names. Without one every call does nothing.
 *
 * Nothing here waits: a manager that does not read loses the message. For one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct service_manager {
    int fd; /* -1: nobody asked to be told */
    struct sockaddr_un address;
    socklen_t address_len;
    int64_t watchdog_ns; /* the manager wants a sign of life within this; 0: it does not */
    int64_t alive_ns;    /* when it last got one; clock_system's monotonic time */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment, so
 * that children do not speak for the service. */
void service_manager_open(struct service_manager *manager);
void service_manager_close(struct service_manager *manager);

/* False if nobody listens. */
bool service_manager_is_there(const struct service_manager *manager);

/* STATUS=…: one line of plain text for people. */
void service_manager_status(const struct service_manager *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The start goes on, and needs up to `more_ms` from now (EXTEND_TIMEOUT_USEC). */
void service_manager_extend(const struct service_manager *manager, int64_t more_ms);

void service_manager_ready(const struct service_manager *manager);
/* A reload begins; service_manager_ready tells that it is over. */
void service_manager_reloading(const struct service_manager *manager);
void service_manager_stopping(const struct service_manager *manager);

/* When a sign of life is due, that is half of the manager's patience after the last. */
bool service_manager_wants_life(const struct service_manager *manager, int64_t now_ns);
void service_manager_alive(struct service_manager *manager, int64_t now_ns);
