/* Any text, cut anywhere: the parts must not depend on the cuts. The first byte chooses the form,
 * the second where the text is cut. */
#include "api/answer_parts.h"

#include <stdlib.h>

enum { TEXT_MAX = 1 << 20 };

static struct answer_form form_of(uint8_t bits)
{
    return (struct answer_form){
        .reasons = bits & 1,
        .reasoning_begun = bits & 2,
        .calls = bits & 4,
        .calls_end_reasoning = bits & 8,
        .calls_come_first = bits & 16,
        .one_call = bits & 32,
        .stream = bits & 64,
    };
}

/* Everything that came, in order of its kind. */
static struct answer_delta parts_of(struct answer_form form, bool cut, struct str text,
                                    size_t piece)
{
    struct answer_parts parts;
    struct answer_delta all;
    answer_parts_init(&parts, form, TEXT_MAX);
    answer_delta_init(&all, TEXT_MAX);
    for (size_t at = 0; at < text.len; at += piece)
        answer_parts_push(&parts, str_slice(text, at, at + piece), &all);
    answer_parts_finish(&parts, cut, &all);
    if (parts.calls != all.call_count || answer_delta_failed(&all))
        abort();
    answer_parts_release(&parts);
    return all;
}

static void check_equal(const struct buf *a, const struct buf *b)
{
    if (!str_eq(buf_str(a), buf_str(b)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct answer_form form = form_of(data[0]);
    const bool cut = data[0] & 128;
    const struct str text = {(const char *)data + 2, size - 2};
    struct answer_delta whole = parts_of(form, cut, text, size),
                        pieces = parts_of(form, cut, text, 1 + data[1] % 16);
    check_equal(&whole.reasoning, &pieces.reasoning);
    check_equal(&whole.content, &pieces.content);
    if (whole.call_count != pieces.call_count || (whole.call_count > 0 && !form.calls))
        abort();
    for (size_t i = 0; i < whole.call_count; i++) {
        check_equal(&whole.calls[i].name, &pieces.calls[i].name);
        check_equal(&whole.calls[i].arguments, &pieces.calls[i].arguments);
        if (whole.calls[i].name.len == 0)
            abort();
    }
    answer_delta_release(&whole);
    answer_delta_release(&pieces);
    return 0;
}
