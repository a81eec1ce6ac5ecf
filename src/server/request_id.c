#include "server/request_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_BYTES = 128, RANDOM_LETTERS = 20 };

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
_Static_assert(sizeof letters == 62 + 1, "base 62");

static bool is_allowed(char c)
{
    return c != '\0' && (strchr(letters, c) || c == '.' || c == '_' || c == '-');
}

bool request_id_is_valid(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_allowed(id.ptr[i]))
            return false;
    return id.len > 0 && id.len <= MAX_BYTES;
}

void request_id_make(const char *prefix, char *out, size_t size)
{
    unsigned char bytes[RANDOM_LETTERS * 2];
    if (getentropy(bytes, sizeof bytes) != 0)
        abort(); /* the system has no randomness: nothing could be trusted */
    char text[RANDOM_LETTERS + 1];
    for (size_t i = 0; i < RANDOM_LETTERS; i++) /* 16 bits each: the bias is below 0.1 % */
        text[i] = letters[(bytes[2 * i] << 8 | bytes[2 * i + 1]) % 62];
    text[RANDOM_LETTERS] = '\0';
    snprintf(out, size, "%s%s", prefix, text);
}
