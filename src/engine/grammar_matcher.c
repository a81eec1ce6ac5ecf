#include "engine/grammar_matcher.h"

#include "engine/grammar_mask.h"

#include <stdlib.h>

struct grammar_matcher {
    struct grammar *grammar;
    struct grammar_state state; /* its heads are where the text stands */
    struct mask mask;
    uint32_t *scratch; /* [FRAMES_MAX] */
};

enum status grammar_matcher_create(struct grammar *grammar,
                                   const struct grammar_vocabulary *vocabulary, bool breaks,
                                   struct grammar_matcher **out, struct reason *why)
{
    struct grammar_matcher *m = calloc(1, sizeof *m);
    if (!m)
        return reason_no_memory(why, sizeof *m);
    m->grammar = grammar_share(grammar);
    m->scratch = calloc(FRAMES_MAX, sizeof *m->scratch);
    enum status status =
        m->scratch ? STATUS_OK : reason_no_memory(why, FRAMES_MAX * sizeof *m->scratch);
    if (!status)
        status = grammar_state_init(&m->state, grammar, why);
    if (!status)
        status = mask_init(&m->mask, vocabulary, why);
    if (status) {
        grammar_matcher_destroy(m);
        return status;
    }
    grammar_state_begin(&m->state, breaks);
    *out = m;
    return STATUS_OK;
}

void grammar_matcher_destroy(struct grammar_matcher *m)
{
    if (!m)
        return;
    grammar_state_release(&m->state);
    mask_release(&m->mask);
    grammar_release(m->grammar);
    free(m->scratch);
    free(m);
}

const uint64_t *grammar_matcher_mask(struct grammar_matcher *m)
{
    mask_fill(&m->mask, &m->state);
    return m->mask.bits;
}

bool grammar_matcher_may_end(const struct grammar_matcher *m)
{
    for (uint32_t i = 0; i < m->state.head_count; i++)
        if (grammar_state_may_end(&m->state, m->state.heads[i]))
            return true;
    return false;
}

bool grammar_matcher_finished(const struct grammar_matcher *m)
{
    for (uint32_t i = 0; i < m->state.head_count; i++)
        if (m->state.heads[i] != HEAD_DONE)
            return false;
    return true;
}

/* The heads from the first on are kept until the last symbol is through; the lists between are
 * thrown away as they are used. */
static bool advance_symbols(struct grammar_matcher *m, const unsigned char *bytes, size_t count,
                            uint32_t symbol)
{
    struct grammar_state *s = &m->state;
    const uint32_t heads = s->head_count, frames = s->frame_count;
    uint32_t begin = 0, end = heads;
    for (size_t i = 0; i < count; i++) {
        grammar_state_step(s, begin, end, bytes ? bytes[i] : symbol);
        const uint32_t made = s->head_count - s->list;
        if (made == 0) {
            s->head_count = heads;
            s->frame_count = frames;
            return false;
        }
        memmove(s->heads + heads, s->heads + s->list, made * sizeof *s->heads);
        begin = heads;
        end = s->head_count = heads + made;
    }
    if (count > 0) {
        memmove(s->heads, s->heads + begin, (end - begin) * sizeof *s->heads);
        s->head_count = end - begin;
        grammar_state_compact(s, m->scratch);
    }
    return true;
}

bool grammar_matcher_advance(struct grammar_matcher *m, int32_t id)
{
    for (uint32_t t = 0; t < GRAMMAR_TOKENS_MAX; t++)
        if (id >= 0 && m->grammar->tokens[t] == id)
            return advance_symbols(m, NULL, 1, SYMBOL_TOKEN + t);
    const struct tokenizer *tokenizer = m->mask.vocabulary->tokenizer;
    const struct str bytes = tokenizer_bytes(tokenizer, id);
    return bytes.len > 0 && !tokenizer_is_added(tokenizer, id) &&
           advance_symbols(m, (const unsigned char *)bytes.ptr, bytes.len, 0);
}

bool grammar_matcher_advance_text(struct grammar_matcher *m, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!advance_symbols(m, (const unsigned char *)text.ptr + i, 1, 0))
            return false;
    return true;
}
