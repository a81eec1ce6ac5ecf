#include "base/utf8.h"
#include "model/tokenizer.h"

static const char replacement[] = "\xEF\xBF\xBD";

void decode_stream_init(struct decode_stream *stream, bool skip_special)
{
    *stream = (struct decode_stream){.skip_special = skip_special};
}

/* Half of a surrogate code (ED A0…BF) at the end of the input: ill-formed already, but told only
 * when the next byte comes, as the reference's incremental decoder does. */
static bool is_cut_surrogate(const char *bytes, size_t len)
{
    return len == 2 && (unsigned char)bytes[0] == 0xED && (unsigned char)bytes[1] >= 0xA0 &&
           (unsigned char)bytes[1] <= 0xBF;
}

/* Emits what is complete of bytes[0..len) and returns how many bytes of an incomplete tail remain
 * at its end. */
static size_t emit(const char *bytes, size_t len, struct buf *out)
{
    size_t i = 0;
    while (i < len) {
        const size_t valid = utf8_valid_prefix(bytes + i, len - i);
        buf_add(out, bytes + i, valid);
        i += valid;
        if (i == len)
            break;
        const struct utf8_step step = utf8_decode(bytes + i, len - i);
        if (step.partial || is_cut_surrogate(bytes + i, len - i))
            return len - i;
        buf_add(out, replacement, sizeof replacement - 1);
        i += step.len;
    }
    return 0;
}

/* Adds bytes to the held-back ones until these are settled; returns how many were taken. */
static size_t complete_held(struct decode_stream *stream, struct str bytes, struct buf *out)
{
    size_t taken = 0;
    while (stream->held_len && taken < bytes.len) {
        stream->held[stream->held_len] = bytes.ptr[taken++];
        const uint32_t len = stream->held_len + 1;
        const size_t tail = emit(stream->held, len, out);
        memmove(stream->held, stream->held + len - tail, tail);
        stream->held_len = (uint32_t)tail;
    }
    return taken;
}

void decode_stream_push(struct decode_stream *stream, const struct tokenizer *tokenizer, int32_t id,
                        struct buf *out)
{
    if (stream->skip_special && tokenizer_is_special(tokenizer, id))
        return;
    const struct str bytes = tokenizer_bytes(tokenizer, id);
    const size_t taken = complete_held(stream, bytes, out);
    if (taken == bytes.len)
        return;
    const size_t tail = emit(bytes.ptr + taken, bytes.len - taken, out);
    memcpy(stream->held, bytes.ptr + bytes.len - tail, tail);
    stream->held_len = (uint32_t)tail;
}

void decode_stream_finish(struct decode_stream *stream, struct buf *out)
{
    for (size_t i = 0; i < stream->held_len;) {
        buf_add(out, replacement, sizeof replacement - 1);
        i += utf8_decode(stream->held + i, stream->held_len - i).len;
    }
    stream->held_len = 0;
}
