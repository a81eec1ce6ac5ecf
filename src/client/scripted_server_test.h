/* A server on loopback for tests: takes connections one after the other and plays one step of a
 * script for each. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum script_end { SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_HOLD };

struct script_step {
    const char *reply; /* after the request's head; NULL: nothing */
    int keep_requests; /* further requests on the connection that get the same reply */
    enum script_end end;
};

struct scripted_server {
    int fd, port;
    const struct script_step *steps;
    size_t count;
    size_t requests; /* read whole so far */
    pthread_t thread;
};

void scripted_server_start(struct scripted_server *server, const struct script_step *steps,
                           size_t count);
void scripted_server_stop(struct scripted_server *server); /* waits for its end */
