/* EXIF orientation: finding it, and turning the picture. */
#include "image/decode.h"

#include <stdlib.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

static uint32_t read16(const uint8_t *p, bool big)
{
    return big ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
}

static uint32_t read32(const uint8_t *p, bool big)
{
    const uint32_t a = read16(p, big), b = read16(p + 2, big);
    return big ? a << 16 | b : b << 16 | a;
}

/* IFD0 of a TIFF structure (TIFF 6.0, section 2): 12-byte entries, tag, type, count, value. */
void decode_see_exif(struct decode *d, struct str exif)
{
    if (str_starts(exif, "Exif"))
        exif = str_slice(exif, 6, exif.len);
    const uint8_t *p = (const uint8_t *)exif.ptr;
    if (exif.len < 14 || !((p[0] == 'I' && p[1] == 'I') || (p[0] == 'M' && p[1] == 'M')))
        return;
    const bool big = p[0] == 'M';
    const size_t ifd = read32(p + 4, big);
    if (ifd > exif.len - 2)
        return;
    const size_t entries = read16(p + ifd, big);
    for (size_t i = 0; i < entries; i++) {
        const size_t at = ifd + 2 + i * 12;
        if (at + 12 > exif.len)
            return;
        if (read16(p + at, big) == TAG_ORIENTATION && read16(p + at + 2, big) == TYPE_SHORT) {
            d->orientation = (int)read16(p + at + 8, big);
            return;
        }
    }
}

/* tiff:Orientation="6" or <tiff:Orientation>6< */
void decode_see_xmp(struct decode *d, struct str xmp)
{
    static const char name[] = "tiff:Orientation";
    const size_t n = sizeof name - 1;
    if (d->orientation || !xmp.len)
        return;
    const char *at = memmem(xmp.ptr, xmp.len, name, n);
    if (!at)
        return;
    const struct str rest = str_slice(xmp, (size_t)(at - xmp.ptr) + n, xmp.len);
    const size_t value = str_starts(rest, "=\"") ? 2 : str_starts(rest, ">") ? 1 : 0;
    if (value && rest.len > value && rest.ptr[value] >= '0' && rest.ptr[value] <= '9')
        d->orientation = rest.ptr[value] - '0';
}

/* Where the pixel (x, y) of the stored picture goes: steps for a move right and a move down. */
struct turn {
    ptrdiff_t first, right, down; /* in pixels of the turned picture */
};

static struct turn turn_of(int orientation, ptrdiff_t w, ptrdiff_t h)
{
    switch (orientation) {
    case 2: return (struct turn){w - 1, -1, w};
    case 3: return (struct turn){w * h - 1, -1, -w};
    case 4: return (struct turn){w * (h - 1), 1, -w};
    case 5: return (struct turn){0, h, 1};
    case 6: return (struct turn){h - 1, h, -1};
    case 7: return (struct turn){w * h - 1, -h, -1};
    default: return (struct turn){h * (w - 1), -h, 1}; /* 8 */
    }
}

enum status decode_orient(struct image *image, int orientation, struct reason *why)
{
    if (orientation < 2 || orientation > 8)
        return STATUS_OK;
    const size_t w = image->width, h = image->height;
    uint8_t *turned = malloc(w * h * 3);
    if (!turned)
        return reason_no_memory(why, w * h * 3);
    const struct turn turn = turn_of(orientation, (ptrdiff_t)w, (ptrdiff_t)h);
    const uint8_t *from = image->rgb;
    for (size_t y = 0; y < h; y++) {
        ptrdiff_t at = turn.first + (ptrdiff_t)y * turn.down;
        for (size_t x = 0; x < w; x++, at += turn.right, from += 3)
            memcpy(turned + at * 3, from, 3);
    }
    free(image->rgb);
    image->rgb = turned;
    if (orientation >= 5) {
        image->width = (uint32_t)h;
        image->height = (uint32_t)w;
    }
    return STATUS_OK;
}
