/* What is allowed, and yet probably wrong: doors left open, secrets that others can read, limits
 * that contradict each other. For `qvl config check`.
 *
 * One row of the table in mistakes.c for each kind: a stable code, how bad it is, the setting it is
 * about, and the function that looks. */
#pragma once

#include "config/settings.h"

enum finding_level { FINDING_NOTE, FINDING_WARNING, FINDING_ERROR };

struct finding {
    enum finding_level level;
    const char *setting; /* path */
    struct reason
        why; /* code, message, hint; the subject is the place: file:line, flag, variable */
};

struct findings {
    struct finding *items; /* malloc'ed */
    size_t count;
    bool failed; /* out of memory: some are missing */
};

/* What the looks need to know beside the settings. */
struct inspection {
    const struct settings *settings;
    const char *file;      /* of the configuration; NULL: none */
    int64_t now_s;         /* seconds since 1970 */
    uint64_t memory_bytes; /* of the machine; 0: unknown */
    struct findings *findings;
    const struct mistake *mistake; /* the row that looks */
};

struct mistake {
    const char *code;
    enum finding_level level;
    const char *setting;
    void (*look)(struct inspection *in);
};

/* Looks for everything. Reads files, connects to nothing. */
void mistakes_find(const struct settings *settings, const char *file, struct findings *out);
void findings_release(struct findings *findings);

/* "note", "warning", "error". */
const char *finding_level_name(enum finding_level level, enum lang lang);

/* For the rows: adds a finding, and what to do about it. Formats as in reason_set. */
void mistake_found(struct inspection *in, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
void mistake_fix(struct inspection *in, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* The rows, by what they are about. Each ends with a row without a code. */
extern const struct mistake mistakes_listen[], mistakes_tls[], mistakes_proxies[], mistakes_fetch[],
    mistakes_files[], mistakes_sizes[];
