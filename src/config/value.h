/* One value: text → typed field, and back.
 *
 * Messages name the setting and what was expected; the place (file:line, variable, flag) is the
 * caller's to add as the subject. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "config/table.h"

struct value_context {
    struct arena *arena;   /* all text and lists go there */
    const char *directory; /* relative paths start here: "" or ending with '/' */
};

enum { LIST_ITEMS_MAX = 1000, SECRET_BYTES_MAX = 64 * 1024 };

/* Parses into `field`, which has the row's C type. Lists are replaced; their items stand between
 * commas. `name` is the path for messages. Not for RECORDS. Code: config_invalid_value; for
 * secrets also missing_file, unreadable, too_large. */
MUST_CHECK enum status value_parse(const struct setting *row, const char *name, struct str text,
                                   const struct value_context *context, void *field,
                                   struct reason *why);

/* Appends the items between commas to a list (STRINGS, LISTENERS). */
MUST_CHECK enum status value_append(const struct setting *row, const char *name, struct str text,
                                    const struct value_context *context, void *field,
                                    struct reason *why);

/* Appends one item, commas and all. */
MUST_CHECK enum status value_add_item(const struct setting *row, const char *name, struct str text,
                                      const struct value_context *context, void *field,
                                      struct reason *why);

/* Appends a zeroed item of `size` bytes to an array in the arena; NULL: out of memory. */
void *value_list_grow(struct arena *arena, void **items, size_t *count, size_t size);

/* The default, or unset. */
MUST_CHECK enum status value_set_default(const struct setting *row,
                                         const struct value_context *context, void *field,
                                         struct reason *why);

/* Sets every field of a struct. */
MUST_CHECK enum status value_set_defaults(const struct setting_table *table,
                                          const struct value_context *context, void *values,
                                          struct reason *why);

/* Appends the value as YAML that reads back as itself; nothing if unset; secrets as "***". */
void value_write(const struct setting *row, const void *field, struct buf *out);

/* Whether two fields have the same value, secrets included. False too without memory. */
bool value_same(const struct setting *row, const void *a, const void *b);

/* "from 1KiB to 16GiB", "one of json, combined"; empty if the type alone says all. */
void value_range_text(const struct setting *row, enum lang lang, struct buf *out);
