/* What was loaded from a table of settings: typed values, where each came from, warnings.
 *
 * Immutable once loaded; all memory is in its arena. A flag beats a variable of the environment,
 * that the file, that the default. A function of its arguments alone but for the files it reads. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "config/flags.h"
#include "config/table.h"

enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct origin {
    enum origin_kind kind;
    const char *name; /* file, variable, or flag with its dashes */
    int line;         /* of the file */
};

struct snapshot_warning {
    const char *text[LANG_COUNT];
};

struct snapshot {
    const struct setting_table *table;
    void *values;           /* the struct that the table's rows fill */
    struct origin *origins; /* one per row */
    struct {
        struct snapshot_warning *items;
        size_t count;
    } warnings;
    struct arena arena;
};

struct settings_sources {
    const char *file;                   /* YAML; NULL: none */
    const struct settings_flags *flags; /* NULL: none */
    char *const *environment;           /* "NAME=value" …, NULL at the end; NULL: empty */
};

/* Codes: config_syntax, config_unknown_setting, config_invalid_value, missing_file, unreadable,
 * too_large. The subject is the place: file:line, variable, or flag. */
MUST_CHECK enum status snapshot_load(const struct setting_table *table,
                                     const struct settings_sources *sources, struct snapshot **out,
                                     struct reason *why);
void snapshot_destroy(struct snapshot *snapshot); /* takes NULL */

/* The next row, from `index` on, whose values differ in two snapshots of one table; the table's
 * count if there is no other. Texts of secrets are compared too. */
size_t snapshot_next_change(const struct snapshot *a, const struct snapshot *b, size_t index);

/* Where a setting came from; `path` must be in the table. */
const struct origin *snapshot_origin(const struct snapshot *snapshot, const char *path);

/* "qvl.yaml:3", "QVL_MODEL_PATH", "--model"; empty for a default. */
void origin_place(const struct origin *origin, char out[256]);

/* The effective values as YAML that loads back, each with its origin as a comment. */
void snapshot_write(const struct snapshot *snapshot, enum lang lang, struct buf *out);

/* The same as JSON: {"path": {"value": …, "origin": "file", "place": "qvl.yaml:3"}, …}; values as
 * YAML text, secrets as "***". */
void snapshot_write_json(const struct snapshot *snapshot, struct buf *out);

/* Formats as in reason_set. Out of memory drops the warning. */
void snapshot_warn(struct snapshot *snapshot, const char *en, const char *zh, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

/* The value of a variable, or NULL. */
const char *environment_get(char *const *environment, struct str name);
