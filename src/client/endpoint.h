/* Which server to ask, and how: what a client command knows before it sends anything.
 *
 * Each setting comes from a flag, else the environment, else `.env` in the working directory, else
 * its default; where it came from is remembered for messages. An empty value counts as absent. */
#pragma once

#include "base/arena.h"
#include "client/base_url.h"
#include "client/env_file.h"
#include "client/http_exchange.h"

enum origin { ORIGIN_DEFAULT, ORIGIN_FLAG, ORIGIN_ENVIRONMENT, ORIGIN_ENV_FILE };

struct sourced {
    const char *value; /* NULL: absent */
    const char *name;  /* "--base-url", "QWEN_API_BASE_URL", "OPENAI_BASE_URL"; NULL: default */
    enum origin origin;
};

/* What the command line gave; NULL, 0, false: nothing. Borrowed for as long as the endpoint. */
struct endpoint_flags {
    const char *base_url, *api_key, *api_key_file, *model, *env_file;
    const char *proxy; /* "": go around every proxy */
    const char *ca_file, *certificate, *certificate_key;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    double timeout_s;
    bool insecure;
};

struct endpoint {
    struct arena arena;
    struct env_file env_file;
    const char *env_file_path; /* NULL: none was read */
    struct sourced base_url, api_key, model, timeout, proxy;
    struct base_url url;
    struct http_transport transport;
    const char *const *headers; /* the command line's, checked */
    size_t header_count;
};

/* Codes: base_url_… (base_url.h), missing_file unreadable too_large env_file_not_text, key_empty
 * key_invalid key_missing timeout_invalid header_invalid memory_full. */
MUST_CHECK enum status endpoint_init(struct endpoint *endpoint, const struct endpoint_flags *flags,
                                     struct reason *why);
void endpoint_release(struct endpoint *endpoint); /* takes a zeroed endpoint too */

/* A setting by its variable's name: environment, else .env; NULL: absent. */
const char *endpoint_lookup(const struct endpoint *endpoint, const char *name);

/* "QWEN_API_KEY in .env": where a setting came from. `out` in that language. */
void endpoint_describe_source(const struct endpoint *endpoint, const struct sourced *setting,
                              enum lang lang, char *out, size_t size);

enum { ENDPOINT_HEADERS_MAX = 72 };

/* The headers of a request, ending with NULL: `first` (ends with NULL; may be NULL), Authorization
 * unless the command line sends one, and the command line's. From the endpoint's arena; NULL: no
 * memory. */
const char *const *endpoint_headers(struct endpoint *endpoint, const char *const *first);

/* "http://localhost:8000/v1/chat/completions" for "/chat/completions". NULL: no memory. */
const char *endpoint_url(struct endpoint *endpoint, const char *route);
