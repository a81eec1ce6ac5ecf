/* The table of settings: one row says all there is to say about a setting.
 *
 * From the row come the line of the YAML file, the flag, the variable, the help, the reference and
 * the dump. Rows of one section stand together. Functions take the table as an argument; the
 * program's own is settings_table (settings.h).
 *
 *   path "server.max_body"    flag --server.max-body    variable QVL_SERVER_MAX_BODY */
#pragma once

#include "base/address.h"
#include "base/status.h"
#include "base/str.h"

#include <stdint.h>

/* The comment gives the C type of the field. "Unset" is a value only of optional rows. */
enum setting_type {
    SETTING_BOOL,      /* bool */
    SETTING_TRISTATE,  /* enum tristate */
    SETTING_INTEGER,   /* int64_t; unset: -1 */
    SETTING_COUNT,     /* int64_t, "100M"; unset: -1 */
    SETTING_BYTES,     /* int64_t, "64MiB"; unset: -1 */
    SETTING_RATE,      /* int64_t, bytes per second, "1KiB/s"; unset: -1 */
    SETTING_DURATION,  /* int64_t, milliseconds, "10s"; unset: -1 */
    SETTING_NUMBER,    /* double; unset: NAN */
    SETTING_PERCENT,   /* double, 0.2 for "20%"; unset: NAN */
    SETTING_STRING,    /* const char *, never NULL; unset: "" */
    SETTING_PATH,      /* const char *, as above; relative to the file that names it */
    SETTING_SECRET,    /* const char *, as above; "file:PATH" reads the file */
    SETTING_CHOICE,    /* an enum whose values count up from 0, in the order of `words` */
    SETTING_STRINGS,   /* struct text_list */
    SETTING_LISTENERS, /* struct listener_list (listen.h) */
    SETTING_RANGES,    /* struct range_list: addresses, and CIDR */
    SETTING_RECORDS,   /* struct record_list: a list of mappings with a table of their own */
};

enum tristate { TRISTATE_UNSET, TRISTATE_NO, TRISTATE_YES };

struct text_list {
    const char **items;
    size_t count;
};

struct range_list {
    struct address_range *items;
    size_t count;
};

struct record_list {
    void *items; /* count structs of the inner table's size */
    size_t count;
};

struct setting {
    const char *path;
    enum setting_type type;
    size_t offset;        /* of the field in the table's struct */
    const char *fallback; /* the default, as text; NULL: unset, or an empty list */
    double min, max;      /* numbers only; in the field's unit; bounds included */
    bool required;        /* inside records only */
    bool restart;         /* a reload does not change it */
    const char *alias;    /* a short flag, without dashes; or NULL */
    /* NULL-terminated: what a CHOICE may be; what a PATH may be beside paths; the one word that an
     * integer may be, stored as 0. */
    const char *const *words;
    const struct setting_table *table; /* of RECORDS */
    const char *help[LANG_COUNT];      /* one sentence */
};

struct setting_table {
    const struct setting *rows;
    size_t count;
    size_t size; /* of the struct that the rows fill */
};

static inline bool setting_is_list(const struct setting *row)
{
    return row->type == SETTING_STRINGS || row->type == SETTING_LISTENERS ||
           row->type == SETTING_RANGES;
}

enum { SETTING_NAME_MAX = 128 };

/* "server.max-body" and "QVL_SERVER_MAX_BODY". */
void setting_flag_name(const struct setting *row, char out[SETTING_NAME_MAX]);
void setting_variable_name(const struct setting *row, char out[SETTING_NAME_MAX]);

/* The row of this path; NULL if there is none. */
const struct setting *setting_find(const struct setting_table *table, struct str path);

/* Whether rows stand below this path: "server", "model.image". */
bool setting_is_section(const struct setting_table *table, struct str path);

/* Length of the section's part of a path: 6 for "server.max_body", 0 for "x". */
size_t setting_section_len(const char *path);

/* The path that was probably meant, NULL if nothing is near: a slip of the keyboard, or the right
 * name in the wrong section. */
const char *setting_nearest(const struct setting_table *table, struct str path);

/* What a user may call the type: "SIZE"; "size"; "a size such as 64MiB, 20MB or 4096". */
struct setting_kind {
    const char *metavar;
    const char *name[LANG_COUNT];
    const char *expected[LANG_COUNT];
};

const struct setting_kind *setting_kind(enum setting_type type);
