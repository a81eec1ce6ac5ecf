/* Values of a JSON body together with their places, so that every refusal names its JSON path.
 *
 * A field points at the field around it, up to the body itself, and must not outlive it. A member
 * that is null counts as absent. All checks return STATUS_OK or set a reason whose subject is the
 * field's path. */
#pragma once

#include "base/status.h"
#include "json/json.h"

struct field {
    const struct json *json;    /* NULL: absent */
    const struct field *parent; /* NULL: the body itself */
    const char *name;           /* of a member; NULL: an element of an array */
    uint32_t index;             /* of an element */
};

struct field field_body(const struct json *root);
struct field field_member(const struct field *object, const char *name);
struct field field_element(const struct field *array, const struct json *element, uint32_t index);

/* "messages[0].content"; empty for the body itself. */
enum { FIELD_PATH_BYTES = 192 };
struct field_path {
    char text[FIELD_PATH_BYTES];
};
struct field_path field_path(const struct field *field);

/* A value as messages quote it: 40 bytes at most, whole characters. */
struct field_quote {
    char text[48];
};
struct field_quote field_quote(struct str text);

/* Names the field as the subject of a reason that is already set. Returns STATUS_INVALID. */
enum status field_blame(const struct field *field, struct reason *why);

/* missing_field if absent, invalid_type if of another type. */
MUST_CHECK enum status field_is(const struct field *field, enum json_type type, struct reason *why);

/* A string that must be there, and not be empty. */
MUST_CHECK enum status field_text(const struct field *field, struct str *out, struct reason *why);

/* "must be a string or an array, not …"; the expectation in both languages. */
enum status field_wrong_type(const struct field *field, const char *en, const char *zh,
                             struct reason *why);

/* "… is missing; it must be a string or an array"; the expectation in both languages. */
enum status field_missing(const struct field *field, const char *en, const char *zh,
                          struct reason *why);

/* What may be absent, and then leaves *out alone. */
MUST_CHECK enum status field_bool(const struct field *field, bool *out, struct reason *why);

/* 1.0 and 1e2 are integers. */
MUST_CHECK enum status field_integer(const struct field *field, int64_t min, int64_t max,
                                     int64_t *out, struct reason *why);

/* From min (without it, if `above`) to max. */
struct field_range {
    double min, max;
    bool above;
};
MUST_CHECK enum status field_number(const struct field *field, struct field_range range,
                                    double *out, struct reason *why);
