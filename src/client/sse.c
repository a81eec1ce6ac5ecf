#include "client/sse.h"

void sse_init(struct sse_parser *sse, size_t max_event_bytes,
              bool (*on_event)(void *context, const struct sse_event *event), void *context)
{
    *sse = (struct sse_parser){
        .max_event_bytes = max_event_bytes, .on_event = on_event, .context = context};
    buf_init(&sse->line, max_event_bytes);
    buf_init(&sse->type, max_event_bytes);
    buf_init(&sse->data, max_event_bytes);
}

void sse_release(struct sse_parser *sse)
{
    buf_release(&sse->line);
    buf_release(&sse->type);
    buf_release(&sse->data);
}

static bool dispatch(struct sse_parser *sse)
{
    const struct str type = buf_str(&sse->type);
    const struct sse_event event = {type.len > 0 ? type : STR("message"), buf_str(&sse->data)};
    const bool go_on = !sse->has_data || sse->on_event(sse->context, &event);
    buf_clear(&sse->type);
    buf_clear(&sse->data);
    sse->has_data = false;
    return go_on;
}

static void set_field(struct sse_parser *sse, struct str name, struct str value)
{
    if (str_is(name, "data")) {
        if (sse->has_data)
            buf_putc(&sse->data, '\n');
        buf_add_str(&sse->data, value);
        sse->has_data = true;
    } else if (str_is(name, "event")) {
        buf_clear(&sse->type);
        buf_add_str(&sse->type, value);
    }
    sse->failed = sse->failed || sse->data.failed || sse->type.failed;
}

static bool end_line(struct sse_parser *sse)
{
    const struct str line = buf_str(&sse->line);
    if (line.len == 0)
        return dispatch(sse);
    const char *colon = memchr(line.ptr, ':', line.len);
    const size_t at = colon ? (size_t)(colon - line.ptr) : line.len;
    const bool blank = at + 1 < line.len && line.ptr[at + 1] == ' ';
    if (at > 0)
        set_field(sse, str_slice(line, 0, at), str_slice(line, at + 1 + blank, line.len));
    buf_clear(&sse->line);
    return !sse->failed;
}

static bool add_to_line(struct sse_parser *sse, struct str piece)
{
    buf_add_str(&sse->line, piece);
    sse->failed = sse->line.failed;
    return !sse->failed;
}

/* The stream's first bytes: a mark is dropped, a part of one is text after all. False: the byte
 * was taken. */
static bool past_bom(struct sse_parser *sse, char c)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (sse->bom_seen < 0)
        return true;
    if (c == bom[sse->bom_seen]) {
        sse->bom_seen = sse->bom_seen == 2 ? -1 : sse->bom_seen + 1;
        return false;
    }
    const struct str seen = {bom, (size_t)sse->bom_seen};
    sse->bom_seen = -1;
    (void)add_to_line(sse, seen);
    return true;
}

/* The number of bytes before the next line end. */
static size_t span(struct str bytes)
{
    size_t len = 0;
    while (len < bytes.len && bytes.ptr[len] != '\n' && bytes.ptr[len] != '\r')
        len++;
    return len;
}

bool sse_feed(struct sse_parser *sse, struct str bytes)
{
    for (size_t at = 0; at < bytes.len && !sse->failed;) {
        const char c = bytes.ptr[at];
        if (!past_bom(sse, c)) {
            at++;
            continue;
        }
        const bool second_of_crlf = c == '\n' && sse->after_cr;
        sse->after_cr = c == '\r';
        if (c == '\n' || c == '\r') {
            at++;
            if (!second_of_crlf && !end_line(sse))
                return false;
            continue;
        }
        const struct str rest = str_slice(bytes, at, bytes.len);
        const struct str piece = str_slice(rest, 0, span(rest));
        if (!add_to_line(sse, piece))
            return false;
        at += piece.len;
    }
    return !sse->failed;
}
