#include "json/scan.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

size_t scan_plain_portable(const char *bytes, size_t len)
{
    size_t i = 0;
    while (i < len && is_plain((unsigned char)bytes[i]))
        i++;
    return i;
}

#ifdef __SSE2__
#include <emmintrin.h>

/* 0xFF where a byte is not plain. As signed numbers, control characters and bytes ≥ 0x80 are all
 * below 0x20. */
static inline __m128i not_plain(__m128i v)
{
    const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
    const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    const __m128i escape = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    return _mm_or_si128(low, _mm_or_si128(quote, escape));
}

static inline __m128i load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

size_t scan_plain(const char *bytes, size_t len)
{
    size_t i = 0;
    for (; i + 64 <= len; i += 64) {
        const __m128i a = not_plain(load(bytes + i)), b = not_plain(load(bytes + i + 16));
        const __m128i c = not_plain(load(bytes + i + 32)), d = not_plain(load(bytes + i + 48));
        if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d))))
            break;
    }
    for (; i + 16 <= len; i += 16) {
        const unsigned mask = (unsigned)_mm_movemask_epi8(not_plain(load(bytes + i)));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
    return i + scan_plain_portable(bytes + i, len - i);
}
#else
size_t scan_plain(const char *bytes, size_t len)
{
    return scan_plain_portable(bytes, len);
}
#endif
