/* Any bytes, cut anywhere: the parser must neither crash nor change its mind. The first byte says
 * where the input is cut. */
#include "http/parser.h"
#include "transcript_test.h"

#include <stdlib.h>

static const struct http_limits limits = {
    .request_line = 256,
    .header_line = 256,
    .header_count = 16,
    .head = 1024,
    .body = 512,
    .overhead = 64,
};

static bool cut_every(size_t index, size_t arg)
{
    return index % (arg + 1) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct str input = {(const char *)data + 1, size - 1};
    struct buf whole, pieces;
    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    transcript_write(&whole, &limits, input, cut_never, 0);
    transcript_write(&pieces, &limits, input, cut_every, data[0] % 16);
    if (!str_eq(buf_str(&whole), buf_str(&pieces)))
        abort();
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
