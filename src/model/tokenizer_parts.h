/* The inside of a tokenizer, shared by loading and encoding. */
#pragma once

#include "model/bpe.h"
#include "model/tokenizer.h"
#include "model/unicode.h"
#include "model/vocabulary.h"

struct added_token {
    struct str text;
    int32_t id;
    bool special;
};

struct tokenizer {
    struct vocabulary vocabulary; /* base tokens; their bytes, not their GPT-2 letters */
    struct bpe *bpe;
    struct added_token *added; /* longest text first */
    size_t added_count;
    int32_t size;           /* highest id of any kind, plus one */
    bool added_starts[256]; /* an added token begins with this byte */
    uint8_t classes[UNICODE_CODES];
};
