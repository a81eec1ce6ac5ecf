/* How many connections are at what. */
#pragma once

#include "http/server.h"

struct http_connection_counts {
    uint32_t opening;   /* before the first request: TLS */
    uint32_t idle;      /* between requests */
    uint32_t reading;   /* a request comes */
    uint32_t answering; /* an answer is made, or goes out */
    uint32_t closing;
};

/* Adds up those of a server. */
void http_server_count(const struct http_server *server, struct http_connection_counts *counts);
