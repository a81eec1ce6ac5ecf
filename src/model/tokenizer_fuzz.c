/* Any bytes as text, and any bytes as token ids.
 *
 * Text: plain tokens decode to its NFC form and are never control tokens; ill-formed text is
 * refused. Ids: what a stream gives, piece by piece, is whole characters, and together the same as
 * decoding at once. */
#include "base/utf8.h"
#include "model/nfc.h"
#include "model/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20 };

static struct tokenizer *tokenizer;

static void check(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void load(void)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    char path[1024];
    struct reason why;
    snprintf(path, sizeof path, "%s/tests/golden/models/tiny-a/tokenizer.json", root ? root : ".");
    if (tokenizer_load(path, &tokenizer, &why))
        check(false, why.message[LANG_EN]);
}

/* One U+FFFD for each maximal ill-formed part. */
static void decode_whole(const int32_t *ids, size_t count, struct buf *out)
{
    struct buf bytes;
    buf_init(&bytes, TEXT_MAX);
    for (size_t i = 0; i < count; i++)
        buf_add_str(&bytes, tokenizer_bytes(tokenizer, ids[i]));
    for (size_t i = 0; i < bytes.len;) {
        const struct utf8_step step = utf8_decode(bytes.data + i, bytes.len - i);
        if (step.code == UTF8_INVALID)
            buf_puts(out, "\xEF\xBF\xBD");
        else
            buf_add(out, bytes.data + i, step.len);
        i += step.len;
    }
    buf_release(&bytes);
}

static void check_stream(const int32_t *ids, size_t count)
{
    struct decode_stream stream;
    struct buf pieces, whole;
    buf_init(&pieces, TEXT_MAX);
    buf_init(&whole, TEXT_MAX);
    decode_stream_init(&stream, false);
    for (size_t i = 0; i < count; i++) {
        const size_t before = pieces.len;
        decode_stream_push(&stream, tokenizer, ids[i], &pieces);
        const size_t fresh = pieces.len - before;
        check(fresh == 0 || utf8_valid_prefix(pieces.data + before, fresh) == fresh,
              "half a character");
    }
    decode_stream_finish(&stream, &pieces);
    decode_whole(ids, count, &whole);
    check(str_eq(buf_str(&pieces), buf_str(&whole)), "stream and whole differ");
    buf_release(&whole);
    buf_release(&pieces);
}

static void check_plain(struct str text, const struct token_list *list)
{
    struct buf decoded, composed;
    buf_init(&decoded, TEXT_MAX);
    buf_init(&composed, TEXT_MAX);
    for (size_t i = 0; i < list->count; i++) {
        check(list->ids[i] >= 0 && list->ids[i] < tokenizer->vocabulary.size, "a control token");
        buf_add_str(&decoded, tokenizer_bytes(tokenizer, list->ids[i]));
    }
    check(nfc_append(tokenizer->classes, text, &composed, NULL) == STATUS_OK, "composition failed");
    check(str_eq(buf_str(&decoded), buf_str(&composed)), "decoded text differs");
    buf_release(&composed);
    buf_release(&decoded);
}

static void check_text(struct str text)
{
    const bool valid = utf8_valid_prefix(text.ptr, text.len) == text.len;
    for (int special = 0; special < 2; special++) {
        struct token_list list = {0};
        const enum status status = tokenizer_encode(tokenizer, text, special, &list, NULL);
        check((status == STATUS_OK) == valid, "well-formed text and only that is encoded");
        if (valid && !special)
            check_plain(text, &list);
        check_stream(list.ids, list.count);
        token_list_release(&list);
    }
}

static void check_ids(const uint8_t *data, size_t size)
{
    const size_t count = size / 2;
    int32_t *ids = malloc((count + 1) * sizeof *ids);
    check(ids != NULL, "memory");
    for (size_t i = 0; i < count; i++)
        ids[i] = (data[2 * i] << 8 | data[2 * i + 1]) % 1700 - 8;
    check_stream(ids, count);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!tokenizer)
        load();
    char *text = malloc(size ? size : 1); /* its own block, so that reads behind it are seen */
    check(text != NULL, "memory");
    if (size > 0)
        memcpy(text, data, size);
    check_text((struct str){text, size});
    free(text);
    check_ids(data, size);
    return 0;
}
