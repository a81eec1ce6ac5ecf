/* The members of an object of a request, one row each: name, type, range, and where the value goes.
 *
 * Parsing, the list of members that are not known, and the tests read the same rows. A table ends
 * with a row without a name. */
#pragma once

#include "api/field.h"
#include "base/arena.h"

enum field_kind {
    FIELD_BOOL,    /* a bool */
    FIELD_INTEGER, /* an int64_t, min to max */
    FIELD_NUMBER,  /* a double, in range */
    FIELD_STRING,  /* a struct str */
    FIELD_TEXT,    /* a struct str, not empty */
    FIELD_WORD,    /* an int: the index of one of `words` */
    FIELD_JSON,    /* a const struct json *, of `type` */
    FIELD_OBJECT,  /* by the table `members`, whose values go to the same struct */
    FIELD_PARSED,  /* by `parse`, if its type is among `types` */
    FIELD_NEUTRAL, /* is not supported: only what asks for nothing may stand there */
    FIELD_UNUSED,  /* changes nothing, whatever it is */
};

/* The one value of a NEUTRAL field that may stand there, other than null. */
enum field_neutral {
    ONLY_ABSENT,
    ONLY_FALSE,
    ONLY_TRUE,
    ONLY_ONE,
    ONLY_EMPTY_ARRAY,
    ONLY_EMPTY_OBJECT,
};

/* `out`: the struct of the table that the row is in. */
typedef enum status field_parse_fn(const struct field *field, struct arena *arena, void *out,
                                   struct reason *why);

#define FIELD_NOWHERE SIZE_MAX

struct field_row {
    const char *name;
    enum field_kind kind;
    bool required;
    size_t offset; /* of the value; FIELD_NOWHERE: it is checked only */
    int64_t min, max;
    struct field_range range;
    const char *const *words; /* ends with NULL */
    enum json_type type;
    const struct field_row *members;
    bool closed;           /* OBJECT: members that are not known are refused */
    unsigned types;        /* PARSED: bits 1 << enum json_type */
    const char *en, *zh;   /* PARSED: these types in words */
    field_parse_fn *parse; /* PARSED */
    enum field_neutral neutral;
};

/* Where a value goes. */
#define FIELD_AT(type, member) .offset = offsetof(struct type, member)

/* Reads the members of an object (which is checked to be one) by a table, in the table's order.
 * What is absent or null leaves its place alone. Codes: missing_field invalid_type invalid_value,
 * and those of the rows' parsers. */
MUST_CHECK enum status field_table_parse(const struct field *object, const struct field_row *rows,
                                         struct arena *arena, void *out, struct reason *why);

/* The row of that name; NULL if there is none. */
const struct field_row *field_table_find(const struct field_row *rows, struct str name);

/* The members of a body that none of the tables (NULL-terminated) knows: their names, with commas,
 * as a header may carry them: letters, digits and "_.-", anything else is '?'; at most 40 bytes of
 * each, and ",+3" for those that do not fit. In the arena; NULL: there are none. */
MUST_CHECK enum status field_unknown_list(const struct json *body,
                                          const struct field_row *const *tables,
                                          struct arena *arena, const char **out,
                                          struct reason *why);

/* invalid_value for the first member that none of the tables knows; the hint is the nearest name.
 */
MUST_CHECK enum status field_unknown_refuse(const struct json *body,
                                            const struct field_row *const *tables,
                                            struct reason *why);
