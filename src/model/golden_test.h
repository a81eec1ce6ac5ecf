/* Reading the reference's JSON lines in tests. */
#pragma once

#include "base/test.h"
#include "model/tokenizer.h"
#include "json/json.h"

/* The path of a file of the repository. */
void golden_path(char out[512], const char *name);

/* Calls `check` with every line of a JSON lines file; returns the number of lines. */
int golden_each_line(const char *name, void (*check)(const struct json *row));

/* Fails the test unless the list holds exactly these ids; `text` is for the message. */
void golden_check_ids(const struct token_list *list, const struct json *expected, struct str text);
