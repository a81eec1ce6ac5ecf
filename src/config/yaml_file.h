/* Reads a YAML file into the fields of a table, by libyaml's events.
 *
 * One document: mappings nested as the paths are, or paths with dots; scalars, lists of scalars,
 * lists of mappings. Anchors, aliases, tags, and keys given twice are refused. An absent value
 * ("key:", "~", "null") leaves the default. In every other value ${NAME} is replaced by the
 * variable of that name; "$${" stands for "${". */
#pragma once

#include "config/snapshot.h"
#include "config/value.h"

enum { YAML_BYTES_MAX = 1 << 20 };

/* `file` names the text in messages: the subject becomes file:line. Values go to snapshot->values,
 * which hold the defaults, the places to snapshot->origins. */
MUST_CHECK enum status yaml_read(struct snapshot *snapshot, const char *file, struct str text,
                                 char *const *environment, struct reason *why);

/* ${NAME} replaced, in the arena; `name` is the setting. */
MUST_CHECK enum status yaml_expand(const char *name, struct str text, char *const *environment,
                                   struct arena *arena, struct str *out, struct reason *why);
