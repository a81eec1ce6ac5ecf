#include "model/nfc.h"

#include "base/utf8.h"
#include "model/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

/* The longest canonical decomposition is four characters. */
enum { DECOMPOSITION_MAX = 8 };

bool nfc_is_stable(const uint8_t *classes, struct str text)
{
    size_t i = 0;
    while (i < text.len) {
        if ((unsigned char)text.ptr[i] < 0xCC) { /* below U+0300 all is stable */
            i++;
            continue;
        }
        uint32_t len;
        if (classes[unicode_read(text.ptr + i, &len)] & UNICODE_UNSTABLE)
            return false;
        i += len;
    }
    return true;
}

static int combining_class(const uint8_t *classes, int32_t c)
{
    return classes[c] & UNICODE_LATE ? 0 : utf8proc_get_property(c)->combining_class;
}

/* Full canonical decomposition; returns the number of characters. */
static size_t decompose(const uint8_t *classes, uint32_t c, int32_t *out)
{
    if (classes[c] & UNICODE_LATE) {
        out[0] = (int32_t)c;
        return 1;
    }
    int boundary = 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((int32_t)c, out, DECOMPOSITION_MAX, UTF8PROC_DECOMPOSE, &boundary);
    return n > 0 ? (size_t)n : 0;
}

/* The primary composite of the pair, or -1. */
static int32_t compose(const uint8_t *classes, int32_t first, int32_t second)
{
    if (!(classes[second] & UNICODE_UNSTABLE))
        return -1;
    int32_t pair[3] = {first, second, 0};
    const utf8proc_ssize_t n =
        utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    return n == 1 && !(classes[pair[0]] & UNICODE_LATE) ? pair[0] : -1;
}

/* Canonical ordering of a run of marks: a stable counting sort by combining class. */
static void sort_marks(int32_t *marks, uint8_t *ranks, size_t n, int32_t *scratch)
{
    size_t starts[257] = {0};
    for (size_t i = 0; i < n; i++)
        starts[ranks[i] + 1]++;
    for (size_t k = 0; k < 256; k++)
        starts[k + 1] += starts[k];
    for (size_t i = 0; i < n; i++)
        scratch[starts[ranks[i]]++] = marks[i];
    memcpy(marks, scratch, n * sizeof *marks);
}

static void order(const uint8_t *classes, int32_t *codes, size_t n, uint8_t *ranks,
                  int32_t *scratch)
{
    for (size_t i = 0; i < n; i++)
        ranks[i] = (uint8_t)combining_class(classes, codes[i]);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        bool sorted = true;
        for (; end < n && ranks[end]; end++)
            sorted = sorted && (end == i || ranks[end - 1] <= ranks[end]);
        if (!sorted)
            sort_marks(codes + i, ranks + i, end - i, scratch);
        i = end > i ? end : i + 1;
    }
}

/* Composes in place (UAX #15, D117); returns the new length. */
static size_t compose_all(const uint8_t *classes, int32_t *codes, size_t n)
{
    size_t starter = SIZE_MAX, len = 0;
    int last_class = -1; /* of what stands between the starter and here; -1: nothing */
    for (size_t i = 0; i < n; i++) {
        const int rank = combining_class(classes, codes[i]);
        if (starter != SIZE_MAX && last_class < (rank ? rank : 1)) {
            const int32_t composite = compose(classes, codes[starter], codes[i]);
            if (composite >= 0) {
                codes[starter] = composite;
                continue;
            }
        }
        if (rank == 0) {
            starter = len;
            last_class = -1;
        } else {
            last_class = rank;
        }
        codes[len++] = codes[i];
    }
    return len;
}

enum status nfc_append(const uint8_t *classes, struct str text, struct buf *out, struct reason *why)
{
    /* A character of n bytes decomposes into at most 4·n/2 characters. */
    const size_t most = text.len * 4 + DECOMPOSITION_MAX;
    int32_t *codes = malloc(most * sizeof *codes);
    int32_t *scratch = malloc(most * sizeof *scratch);
    uint8_t *ranks = malloc(most);
    enum status status = STATUS_OK;
    if (!codes || !scratch || !ranks) {
        status = reason_no_memory(why, most * 9);
        goto out;
    }
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        uint32_t len;
        n += decompose(classes, unicode_read(text.ptr + i, &len), codes + n);
        i += len;
    }
    order(classes, codes, n, ranks, scratch);
    n = compose_all(classes, codes, n);
    for (size_t i = 0; i < n; i++) {
        char bytes[4];
        buf_add(out, bytes, utf8_encode((uint32_t)codes[i], bytes));
    }
    if (out->failed)
        status = reason_no_memory(why, text.len);
out:
    free(ranks);
    free(scratch);
    free(codes);
    return status;
}
