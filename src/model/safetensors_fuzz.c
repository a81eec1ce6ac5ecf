/* Any bytes as a container: refused with a sentence, or every tensor lies where it should.
 *
 * The first byte says what follows: even, a whole file; odd, two bytes that give the size of the
 * data (zeros) and then the text of a header, so that inputs get past the length field. */
#include "base/arena.h"
#include "base/utf8.h"
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8 };

static void check(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* The file in a block of its own, so that reads behind it are seen. */
static uint8_t *make_file(const uint8_t *data, size_t size, size_t *file_size)
{
    if (data[0] % 2 == 0 || size < 3) {
        *file_size = size - 1;
        uint8_t *file = malloc(size);
        check(file != NULL, "memory");
        memcpy(file, data + 1, size - 1);
        return file;
    }
    const size_t data_bytes = (size_t)data[1] << 8 | data[2], header = size - 3;
    *file_size = LENGTH_BYTES + header + data_bytes;
    uint8_t *file = calloc(*file_size, 1);
    check(file != NULL, "memory");
    for (int i = 0; i < LENGTH_BYTES; i++)
        file[i] = (uint8_t)((uint64_t)header >> (8 * i));
    memcpy(file + LENGTH_BYTES, data + 3, header);
    return file;
}

static void check_tensors(const uint8_t *file, size_t size, const struct tensor *tensors,
                          size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tensor *t = &tensors[i];
        const struct dtype_info *info = dtype_info(t->dtype);
        uint64_t bytes = info->bytes;
        for (uint32_t d = 0; d < t->dims; d++)
            bytes *= t->shape[d];
        check(bytes == t->bytes, "another size than shape and type give");
        const uint8_t *begin = t->data;
        check(begin >= file + LENGTH_BYTES && begin + t->bytes <= file + size, "outside the file");
        check(i == 0 || strcmp(tensors[i - 1].name, t->name) < 0, "not sorted by name");
        sum += t->bytes;
    }
    check(sum <= size - LENGTH_BYTES, "tensors overlap");
}

static void check_sentence(const struct reason *why)
{
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        const size_t len = strlen(why->message[lang]);
        check(len > 0 && utf8_valid_prefix(why->message[lang], len) == len, "a bad message");
    }
    const size_t len = strlen(why->subject);
    check(len > 0 && utf8_valid_prefix(why->subject, len) == len, "a bad subject");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t file_size, count;
    uint8_t *file = make_file(data, size, &file_size);
    struct arena arena;
    struct tensor *tensors;
    struct reason why;
    arena_init(&arena, 64 << 20);
    if (safetensors_read("file", file, file_size, &arena, &tensors, &count, &why) == STATUS_OK)
        check_tensors(file, file_size, tensors, count);
    else
        check_sentence(&why);
    arena_release(&arena);
    free(file);
    return 0;
}
