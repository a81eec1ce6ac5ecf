/* Any bytes as a GGUF file: refused with a sentence, or every value and tensor lies where it
 * should, and the values make a tokenizer and a configuration, or are refused.
 *
 * The first byte says what follows: even, a whole file; odd, what comes behind the magic number and
 * the version, so that inputs get past them. */
#include "base/utf8.h"
#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/gguf_tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

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
    static const uint8_t start[] = {'G', 'G', 'U', 'F', 3, 0, 0, 0};
    const size_t prefix = data[0] % 2 ? sizeof start : 0;
    *file_size = prefix + size - 1;
    uint8_t *file = malloc(*file_size + (*file_size == 0));
    check(file != NULL, "memory");
    memcpy(file, start, prefix);
    memcpy(file + prefix, data + 1, size - 1);
    return file;
}

static void check_values(const struct gguf *gguf, const uint8_t *file, size_t size)
{
    for (size_t i = 0; i < gguf->value_count; i++) {
        const struct gguf_value *v = &gguf->values[i];
        const uint8_t *end = v->bytes + v->count * gguf_width(v->type);
        if (v->type == GGUF_STRING) {
            end = v->bytes;
            for (uint64_t k = 0; k < v->count; k++)
                (void)gguf_next_string(&end);
        }
        check(v->bytes >= file && end >= v->bytes && end <= file + size,
              "a value outside the file");
        char key[256];
        snprintf(key, sizeof key, "%.*s", (int)(v->key.len < 255 ? v->key.len : 255), v->key.ptr);
        check(v->key.len > 255 || gguf_find(gguf, key) == v, "a value that is not found");
    }
}

static void check_tensors(const struct gguf *gguf, const uint8_t *file, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf->tensor_count; i++) {
        const struct tensor *t = &gguf->tensors[i];
        uint64_t count = 1;
        for (uint32_t d = 0; d < t->dims; d++)
            count *= t->shape[d];
        check(dtype_bytes(t->dtype, count) == t->bytes, "another size than shape and type give");
        const uint8_t *begin = t->data;
        check(begin >= file && begin + t->bytes <= file + size, "a tensor outside the file");
        check(i == 0 || strcmp(gguf->tensors[i - 1].name, t->name) < 0, "not sorted by name");
        sum += t->bytes;
        char name[SPELLED_BYTES], back[SPELLED_BYTES];
        const struct vision_config vision = {.deepstack = {1, 3}, .deepstack_count = 2};
        if (gguf_text_name(t->name, name) || gguf_vision_name(t->name, &vision, name)) {
            gguf_spell(name, &vision, back);
            check(strcmp(back, t->name) == 0, "a name that does not come back");
        }
    }
    check(sum <= size, "tensors overlap");
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

static void use_values(const struct gguf *gguf)
{
    struct tokenizer *tokenizer;
    struct reason why;
    const enum status status = gguf_tokenizer_load(gguf, &tokenizer, &why);
    if (status == STATUS_INVALID)
        check_sentence(&why);
    if (status != STATUS_OK)
        return;
    struct model_config config = {.text.vocab_size = (uint32_t)tokenizer_size(tokenizer)};
    if (gguf_config_tokens(gguf, tokenizer, false, &config, &why) != STATUS_OK)
        check_sentence(&why);
    tokenizer_destroy(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t file_size;
    uint8_t *file = make_file(data, size, &file_size);
    struct arena arena;
    struct gguf gguf;
    struct reason why;
    arena_init(&arena, 64 << 20);
    if (gguf_read("file", file, file_size, &arena, &gguf, &why) == STATUS_OK) {
        check_values(&gguf, file, file_size);
        check_tensors(&gguf, file, file_size);
        use_values(&gguf);
    } else {
        check_sentence(&why);
    }
    arena_release(&arena);
    free(file);
    return 0;
}
