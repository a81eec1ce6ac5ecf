#include "scripted_server_test.h"

#include "base/buf.h"
#include "base/test.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads one request: its head, and a body of Content-Length bytes. False: the peer left. */
static bool read_request(int fd, struct buf *seen)
{
    for (;;) {
        const char *end = seen->data ? strstr(seen->data, "\r\n\r\n") : NULL;
        if (end) {
            const char *length = strcasestr(seen->data, "content-length:");
            const size_t body = length && length < end ? (size_t)atoi(length + 15) : 0;
            const size_t whole = (size_t)(end - seen->data) + 4 + body;
            if (seen->len >= whole) {
                buf_consume(seen, whole);
                return true;
            }
        }
        char piece[4096];
        const ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0)
            return false;
        buf_add(seen, piece, (size_t)n);
    }
}

static void play(struct scripted_server *server, int fd, const struct script_step *step)
{
    struct buf seen;
    char byte;
    buf_init(&seen, 1 << 24);
    for (int i = 0; i <= step->keep_requests && read_request(fd, &seen); i++) {
        server->requests++;
        if (step->reply)
            send(fd, step->reply, strlen(step->reply), MSG_NOSIGNAL);
    }
    if (step->end == SCRIPT_HOLD)
        while (recv(fd, &byte, 1, 0) > 0)
            continue;
    const struct linger linger = {.l_onoff = step->end == SCRIPT_RESET};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
    buf_release(&seen);
}

static void *serve(void *context)
{
    struct scripted_server *server = context;
    for (size_t i = 0; i < server->count; i++) {
        const int fd = accept(server->fd, NULL, NULL);
        if (fd < 0)
            break;
        play(server, fd, &server->steps[i]);
    }
    return NULL;
}

void scripted_server_start(struct scripted_server *server, const struct script_step *steps,
                           size_t count)
{
    *server = (struct scripted_server){.steps = steps, .count = count};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

void scripted_server_stop(struct scripted_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
}
