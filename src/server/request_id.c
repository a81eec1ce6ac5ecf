#include "server/request_id.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_BYTES = 128,
    RANDOM_LETTERS = 20,
    RANDOM_BYTES = 256, /* the most that getentropy gives */
    LETTER_COUNT = 62,
    UNBIASED_BELOW = 256 / LETTER_COUNT * LETTER_COUNT,
};

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
_Static_assert(sizeof letters == LETTER_COUNT + 1, "base 62");

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

/* A letter from the system's randomness, which is asked for in blocks. */
static char random_letter(void)
{
    static _Thread_local unsigned char bytes[RANDOM_BYTES];
    static _Thread_local size_t left;
    for (;;) {
        if (left == 0) {
            if (getentropy(bytes, sizeof bytes) != 0)
                abort(); /* the system has no randomness: nothing could be trusted */
            left = sizeof bytes;
        }
        const unsigned char byte = bytes[--left];
        if (byte < UNBIASED_BELOW)
            return letters[byte % LETTER_COUNT];
    }
}

void request_id_make(const char *prefix, char *out, size_t size)
{
    char *end = out + size - 1;
    while (*prefix && out < end)
        *out++ = *prefix++;
    for (int i = 0; i < RANDOM_LETTERS && out < end; i++)
        *out++ = random_letter();
    *out = '\0';
}
