/* What libyaml's scanner and parser complain about, in words for people. */
#pragma once

#include "base/status.h"
#include "base/str.h"

#include <yaml.h>

/* Fills `why` with config_syntax (or memory_full) from a parser that failed; `text` is what it
 * reads. The subject becomes file:line. */
enum status yaml_syntax_reason(const yaml_parser_t *parser, const char *file, struct str text,
                               struct reason *why);
