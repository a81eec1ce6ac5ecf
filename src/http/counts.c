#include "http/counts.h"

#include "http/connection.h"

static uint32_t *count_of(enum connection_state state, struct http_connection_counts *counts)
{
    switch (state) {
    case CONNECTION_IDLE: return &counts->idle;
    case CONNECTION_HEAD:
    case CONNECTION_BODY: return &counts->reading;
    case CONNECTION_ANSWER:
    case CONNECTION_FLUSH: return &counts->answering;
    case CONNECTION_LINGER:
    case CONNECTION_CLOSED: return &counts->closing;
    case CONNECTION_OPENING: break;
    }
    return &counts->opening;
}

void http_server_count(const struct http_server *server, struct http_connection_counts *counts)
{
    for (const struct connection *c = server->connections; c; c = c->next)
        ++*count_of(c->state, counts);
}
