#include "engine/text_stream.h"

#include <stdlib.h>

/* Between two pushes the buffer holds less than one stop string; one token adds its own bytes,
 * which no tokenizer makes this long. */
enum { TOKEN_TEXT_MAX = 1 << 20, FIRST_RESERVE = 1024 };

static enum status copy_stops(struct text_stream *stream, const struct str *stop, size_t count,
                              size_t total, struct reason *why)
{
    const size_t bytes = count * sizeof *stream->stop + total;
    if (total == 0)
        return STATUS_OK;
    stream->stop = malloc(bytes);
    if (!stream->stop)
        return reason_no_memory(why, bytes);
    char *to = (char *)(stream->stop + count);
    for (size_t i = 0; i < count; i++) {
        if (stop[i].len == 0)
            continue;
        memcpy(to, stop[i].ptr, stop[i].len);
        stream->stop[stream->stop_count++] = (struct stop_string){{to, stop[i].len}, (int32_t)i};
        to += stop[i].len;
    }
    return STATUS_OK;
}

enum status text_stream_init(struct text_stream *stream, const struct str *stop, size_t stop_count,
                             bool skip_special, struct reason *why)
{
    *stream = (struct text_stream){0};
    if (stop_count > STOP_STRINGS_MAX) {
        reason_set(why, "invalid_value", "There are more than %d stop strings.",
                   "停止字符串超过 %d 个。", STOP_STRINGS_MAX);
        return STATUS_INVALID;
    }
    size_t total = 0;
    for (size_t i = 0; i < stop_count; i++)
        total += stop[i].len;
    decode_stream_init(&stream->decode, skip_special);
    buf_init(&stream->text, TOKEN_TEXT_MAX + total);
    const enum status status = copy_stops(stream, stop, stop_count, total, why);
    if (status != STATUS_OK)
        text_stream_release(stream);
    return status;
}

enum status text_stream_start(struct text_stream *stream, struct reason *why)
{
    const size_t bytes = stream->text.max - TOKEN_TEXT_MAX + FIRST_RESERVE;
    return buf_reserve(&stream->text, bytes) ? STATUS_OK : reason_no_memory(why, bytes);
}

void text_stream_release(struct text_stream *stream)
{
    buf_release(&stream->text);
    free(stream->stop);
    *stream = (struct text_stream){0};
}

enum match { MATCH_NONE, MATCH_PARTIAL, MATCH_WHOLE };

/* Whether a stop string begins at text[0], or could if more text came. One that ends within the
 * first `settled` bytes is none. */
static enum match match_at(const struct text_stream *stream, struct str text, size_t settled,
                           size_t *which)
{
    enum match best = MATCH_NONE;
    for (size_t i = 0; i < stream->stop_count; i++) {
        const struct str stop = stream->stop[i].text;
        const size_t n = stop.len < text.len ? stop.len : text.len;
        if (memcmp(stop.ptr, text.ptr, n) != 0)
            continue;
        if (n < stop.len)
            best = MATCH_PARTIAL;
        else if (n > settled) {
            *which = i;
            return MATCH_WHOLE;
        }
    }
    return best;
}

/* Gives out the text up to the first match of a stop string. While more text may come, a possible
 * match counts too, and a whole match behind it waits for it: the earlier beginning wins. */
static struct str give_ready(struct text_stream *stream, bool more_may_come)
{
    const struct str text = buf_str(&stream->text);
    const enum match least = more_may_come ? MATCH_PARTIAL : MATCH_WHOLE;
    size_t ready = 0, which = 0;
    enum match match = MATCH_NONE;
    for (; ready < text.len; ready++) {
        const size_t settled = stream->settled > ready ? stream->settled - ready : 0;
        match = match_at(stream, str_slice(text, ready, text.len), settled, &which);
        if (match >= least)
            break;
    }
    stream->stopped = ready < text.len && match == MATCH_WHOLE;
    if (stream->stopped) {
        stream->stopped_by = stream->stop[which].index;
        ready += stream->include_stop ? stream->stop[which].text.len : 0;
    }
    stream->given = ready;
    return str_slice(text, 0, ready);
}

/* Forgets what was given out. */
static void drop_given(struct text_stream *stream)
{
    buf_consume(&stream->text, stream->given);
    stream->settled -= stream->given < stream->settled ? stream->given : stream->settled;
    stream->given = 0;
}

struct str text_stream_push(struct text_stream *stream, const struct tokenizer *tokenizer,
                            int32_t id, bool may_stop)
{
    drop_given(stream);
    decode_stream_push(&stream->decode, tokenizer, id, &stream->text);
    if (!may_stop)
        stream->settled = stream->text.len;
    return give_ready(stream, true);
}

struct str text_stream_finish(struct text_stream *stream)
{
    if (stream->stopped)
        return (struct str){0};
    drop_given(stream);
    decode_stream_finish(&stream->decode, &stream->text);
    return give_ready(stream, false);
}
