/* From a JSON schema (draft 2020-12) to a grammar of the JSON texts that satisfy it.
 *
 * Understood: type (also lists), enum, const, properties, required, additionalProperties, items,
 * prefixItems, minItems, maxItems, minLength, maxLength, pattern, minimum, maximum,
 * exclusiveMinimum, exclusiveMaximum, multipleOf (whole numbers to 100), anyOf, allOf, $ref within
 * the document, and oneOf where no value can satisfy two of its branches. Annotations, `format`
 * among them, are accepted. Any other keyword is refused: nothing is ignored silently.
 *
 * Of the values that satisfy a schema these are left out: objects whose properties are not in the
 * order of declaration; undeclared properties, where `properties` is there and
 * additionalProperties is not; values of a type that the schema does not speak of, where it has no
 * `type` but keywords of some types; numbers beyond those of grammar_number.h; nesting beyond
 * GRAMMAR_DEPTH_MAX; spellings of enum and const other than the shortest. */
#pragma once

#include "engine/grammar.h"

/* `path` is where the schema stands, for messages. Codes: invalid_schema (the subject is the JSON
 * path of the keyword), memory_full. */
MUST_CHECK enum status json_schema_compile(const struct json *schema, const char *path,
                                           struct grammar **out, struct reason *why);
