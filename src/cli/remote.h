/* What all client commands share: the options that name a server, and the connection to it. */
#pragma once

#include "cli/options.h"
#include "client/call.h"
#include "client/endpoint.h"
#include "client/outcome.h"

enum { REMOTE_ROWS = 14 };

struct remote_options {
    struct endpoint_flags flags;
    struct option_list headers;
    double max_wait_s;
    int64_t retries;
};

/* Sets the defaults and writes the rows of the option table; the caller appends its own. */
void remote_options_init(struct remote_options *options, struct option rows[REMOTE_ROWS]);
void remote_options_release(struct remote_options *options);

struct remote {
    const struct cli *cli;
    struct endpoint endpoint;
    struct http_client client;
    struct call call;
};

/* Reads settings and prepares the client; sends nothing. `why` says what is wrong: usage. */
MUST_CHECK enum status remote_open(struct remote *remote, const struct cli *cli,
                                   struct remote_options *options, struct reason *why);
void remote_close(struct remote *remote); /* takes a zeroed one too */

enum exit_code exit_code_of(enum outcome outcome);

/* Text from outside: without control characters but tab and line feed, so that it cannot drive the
 * terminal. */
void put_clean(FILE *out, struct str text);
