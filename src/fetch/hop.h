/* One request of a fetch, and its answer: a fetch has one, and one more for each redirect.
 *
 * The connection is made to the addresses that were checked, and to no other: the host's name is
 * pinned to them (CURLOPT_RESOLVE), and each address is checked once more when its socket is
 * opened. Nothing of the environment (proxies, .netrc) is used; connections are not kept. */
#pragma once

#include "fetch/fetched.h"
#include "fetch/guard.h"
#include "fetch/target.h"

#include <curl/curl.h>

struct fetch_rules {
    struct fetch_guard guard;
    uint64_t max_picture_bytes, max_video_bytes; /* of one file */
    uint64_t budget_bytes; /* of all files together, until they are released */
    int64_t max_redirects;
    int64_t timeout_ms;                   /* from the look-up of the name to the last byte */
    uint32_t running, running_per_client; /* fetches at once; more of them wait */
};

/* Where certificates are looked for, and nowhere else: the file, else the directory, else the
 * system's store. */
struct fetch_trust {
    const char *ca_file, *ca_directory;
};

enum hop_stop {
    HOP_NOT_STOPPED,
    HOP_STATUS, /* not 200: nothing behind the head is of interest */
    HOP_TOO_LARGE,
    HOP_NO_ROOM,
    HOP_HEAD_TOO_LONG,
    HOP_ENCODED, /* compressed, though nobody asked for that */
};

struct hop {
    const struct fetch_rules *rules;
    const struct fetch_target *target;
    struct fetched *file;
    CURL *easy;
    CURLSH *share; /* names pinned for this one alone */
    struct curl_slist *pins, *headers;
    char error[CURL_ERROR_SIZE];
    size_t head_bytes;
    int status;
    bool head_over;
    int socket;   /* the last that was opened; -1: none */
    bool blocked; /* an address was refused when its socket was opened */
    uint64_t announced_bytes;
    char encoding[32];
    struct buf location;
    enum hop_stop stop;
};

/* Prepares a transfer whose CURLOPT_PRIVATE is `arg`. All pointers outlive the hop; `addresses` are
 * allowed ones, of the target's name. Must be released in any case, when it is no longer part of
 * any transfers. False: no memory. */
MUST_CHECK bool hop_init(struct hop *hop, const struct fetch_rules *rules,
                         const struct fetch_trust *trust, const struct fetch_target *target,
                         const struct address *addresses, size_t count, struct fetched *file,
                         void *arg);
void hop_release(struct hop *hop); /* a zeroed one too */

/* The answer leads elsewhere; where: `location`. */
bool hop_is_redirect(const struct hop *hop);

/* What became of a transfer that is over. Codes: image_connect_failed image_tls_failed
 * image_http_status image_too_large (pictures) invalid_video (videos that are too large)
 * image_not_an_image (compressed) image_address_blocked memory_full. */
MUST_CHECK enum status hop_result(const struct hop *hop, CURLcode code, struct reason *why);

/* What it is waiting for, for "timed out while …". */
const char *hop_step(const struct hop *hop, enum lang lang);
