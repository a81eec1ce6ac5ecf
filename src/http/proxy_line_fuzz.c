/* Any bytes, cut anywhere: the line must neither crash nor change its mind, nor take what is the
 * client's. The first byte says where the input is cut. */
#include "http/proxy_line.h"

#include <stdlib.h>

/* Reads in pieces of `step` bytes; returns what happened last, and how much was taken. */
static enum proxy_event read_in_steps(struct str input, size_t step, struct proxy_line *line,
                                      size_t *taken)
{
    enum proxy_event event = PROXY_MORE;
    *taken = 0;
    while (event == PROXY_MORE && *taken < input.len) {
        struct reason why;
        struct str piece = str_slice(input, *taken, *taken + step);
        const size_t before = piece.len;
        event = proxy_line_next(line, &piece, &why);
        *taken += before - piece.len;
        if (event == PROXY_MORE && piece.len > 0)
            abort();
        if (event == PROXY_ERROR && !why.code)
            abort();
    }
    return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct str input = {(const char *)data + 1, size - 1};
    struct proxy_line whole = {0}, pieces = {0};
    size_t taken, taken_in_pieces;
    const enum proxy_event event = read_in_steps(input, input.len + 1, &whole, &taken);
    if (read_in_steps(input, 1 + data[0] % 16, &pieces, &taken_in_pieces) != event)
        abort();
    if (event != PROXY_DONE)
        return 0;
    if (taken != taken_in_pieces || whole.has_client != pieces.has_client ||
        whole.port != pieces.port || !address_eq(&whole.address, &pieces.address))
        abort();
    return 0;
}
