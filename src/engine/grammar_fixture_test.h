/* What the tests of grammars share: tokenizers with their vocabularies, and grammars from text. */
#pragma once

#include "base/test.h"

#include "engine/grammar_matcher.h"
#include "engine/json_schema.h"

struct grammar_fixture {
    struct tokenizer *tokenizer;
    struct grammar_vocabulary *vocabulary;
};

/* path: below the source root. */
void grammar_fixture_open(const char *path, struct grammar_fixture *out);
void grammar_fixture_close(struct grammar_fixture *fixture);

#define DEMO_TOKENIZER  "models/demo/tokenizer.json"
#define LARGE_TOKENIZER "tests/golden/tokenizer/tokenizer.json"

/* Compiles a schema written as text; ' stands for ". */
enum status grammar_from_text(const char *schema, struct grammar **out, struct reason *why);

/* A text with ' for "; valid until the call after next. */
const char *grammar_quotes(const char *text);

/* Does the grammar accept exactly this text, fed byte by byte? */
bool grammar_accepts(const struct grammar_fixture *fixture, struct grammar *grammar,
                     struct str text);
