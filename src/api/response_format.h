/* The body's response_format. Part of generation_params.c. */
#pragma once

#include "api/generation_params.h"

#define RESPONSE_SCHEMA_PATH "response_format.json_schema.schema"

extern const struct field_row response_format_rows[], response_schema_rows[];

/* `to` is the generation_params. */
field_parse_fn response_format_parse;
