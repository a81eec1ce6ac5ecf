/* One line per request: JSON, or the combined format of web servers. No secrets: neither headers
 * nor queries are written. */
#pragma once

#include "base/str.h"
#include "config/settings.h"
#include "os/log_file.h"

#include <stdbool.h>
#include <stdint.h>

struct access_log {
    struct log_file *file; /* borrowed; NULL: off */
    enum access_log_format format;
};

struct access_line {
    int64_t wall_ms; /* when it ended */
    const char *request_id, *peer;
    struct str method, path, user_agent;
    int status;       /* 499: the client left */
    const char *code; /* of the error; NULL: none */
    double ms;
    double queue_ms, ttft_ms; /* ttft_ms < 0: no token */
    uint64_t bytes;
    const char *model; /* "" : none */
    /* cached and image tokens are some of the prompt's. */
    uint32_t prompt_tokens, cached_tokens, image_tokens, output_tokens;
};

void access_log_write(const struct access_log *log, const struct access_line *line);
