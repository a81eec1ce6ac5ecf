/* Any bytes, cut anywhere: the parser must neither crash nor change its mind. The first byte says
 * where the input is cut. */
#include "client/sse.h"

#include <stdint.h>
#include <stdlib.h>

static bool record(void *context, const struct sse_event *event)
{
    buf_add_str(context, event->type);
    buf_putc(context, '=');
    buf_add_str(context, event->data);
    buf_putc(context, '\0');
    return !str_is(event->data, "[DONE]");
}

static struct buf transcript(struct str input, size_t piece)
{
    struct buf out;
    struct sse_parser sse;
    buf_init(&out, 1 << 20);
    sse_init(&sse, 256, record, &out);
    bool go_on = true;
    for (size_t at = 0; at < input.len && go_on; at += piece)
        go_on = sse_feed(&sse, str_slice(input, at, at + piece));
    buf_putc(&out, sse.failed ? 'F' : go_on ? 'E' : 'S');
    sse_release(&sse);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct str input = {(const char *)data + 1, size - 1};
    struct buf whole = transcript(input, size), pieces = transcript(input, 1 + data[0] % 16);
    if (!str_eq(buf_str(&whole), buf_str(&pieces)))
        abort();
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
