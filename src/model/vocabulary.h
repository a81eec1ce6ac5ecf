/* Token ids and their bytes, both ways. */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stdint.h>

struct vocabulary {
    struct str *tokens; /* [size] bytes by id; {NULL, 0}: no such token */
    int32_t size;
    int32_t *slots; /* ids by hash of their bytes, open addressing; -1: free */
    uint32_t mask;
    bool *whole; /* [size] a word of just these bytes encodes to this one token */
    struct arena arena;
};

/* Room for ids 0 … size-1. */
MUST_CHECK enum status vocabulary_init(struct vocabulary *v, int32_t size, size_t max_bytes,
                                       struct reason *why);
void vocabulary_release(struct vocabulary *v);

/* Enters a token. False if the id or the bytes are there already. */
bool vocabulary_add(struct vocabulary *v, int32_t id, struct str bytes);

/* The id of these bytes; -1 if there is none. */
int32_t vocabulary_find(const struct vocabulary *v, struct str bytes);
