#include "engine/grammar_state.h"

#include "engine/grammar_string.h"

#include <stdlib.h>

enum array_phase { ARRAY_OPEN, ARRAY_COMMA, ARRAY_AFTER };
enum object_phase {
    OBJECT_OPEN,
    OBJECT_COMMA,
    OBJECT_KEY,
    OBJECT_COLON, /* it comes next */
    OBJECT_VALUE,
    OBJECT_AFTER,
};
enum { BREAKS_MAX = 2, INDENT = 4 };
#define OTHER_PROPERTY UINT32_MAX

enum status grammar_state_init(struct grammar_state *s, const struct grammar *grammar,
                               struct reason *why)
{
    *s = (struct grammar_state){.grammar = grammar};
    /* Untouched pages of large blocks cost nothing. */
    s->frames = calloc(FRAMES_MAX, sizeof *s->frames);
    s->heads = calloc(HEADS_MAX, sizeof *s->heads);
    if (s->frames && s->heads)
        return STATUS_OK;
    grammar_state_release(s);
    return reason_no_memory(why, FRAMES_MAX * sizeof *s->frames);
}

void grammar_state_release(struct grammar_state *s)
{
    free(s->frames);
    free(s->heads);
    *s = (struct grammar_state){0};
}

static bool frames_equal(const struct frame *a, const struct frame *b)
{
    return a->node == b->node && a->state == b->state && a->count == b->count &&
           a->keys == b->keys && a->blanks == b->blanks && a->phase == b->phase &&
           a->depth == b->depth;
}

static bool heads_equal(const struct grammar_state *s, uint32_t a, uint32_t b)
{
    while (a != b) {
        if (a == HEAD_DONE || b == HEAD_DONE || !frames_equal(&s->frames[a], &s->frames[b]))
            return false;
        a = s->frames[a].parent;
        b = s->frames[b].parent;
    }
    return true;
}

/* Beyond HEADS_AT_ONCE alternatives are given up: what stays is still part of the grammar. */
static void emit(struct grammar_state *s, uint32_t head)
{
    if (s->head_count == HEADS_MAX || s->head_count - s->list == HEADS_AT_ONCE)
        return;
    for (uint32_t i = s->list; i < s->head_count; i++)
        if (heads_equal(s, s->heads[i], head))
            return;
    s->heads[s->head_count++] = head;
}

/* False if there is no room: that way is given up. */
static bool push(struct grammar_state *s, struct frame frame, uint32_t *head)
{
    if (s->frame_count == FRAMES_MAX)
        return false;
    *head = s->frame_count;
    s->frames[s->frame_count++] = frame;
    return true;
}

static void emit_frame(struct grammar_state *s, struct frame frame)
{
    uint32_t head;
    if (push(s, frame, &head))
        emit(s, head);
}

static bool fits(const struct grammar_state *s, uint32_t node, uint32_t depth)
{
    return depth + s->grammar->nodes[node].min_depth <= GRAMMAR_DEPTH_MAX;
}

static void step_head(struct grammar_state *s, uint32_t head, uint32_t symbol);
static void step_sequence(struct grammar_state *s, const struct frame *f, uint32_t symbol);

/* A value ends with the byte that makes it complete where nothing could follow, so that its frame
 * is gone at once; a number ends with the first byte behind it. */
static void step_dfa(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct dfa *dfa = &s->grammar->nodes[f->node].dfa;
    const uint16_t next = symbol < 256 ? dfa_next(dfa, f->state, (uint8_t)symbol) : DFA_DEAD;
    if (next == DFA_DEAD)
        return;
    struct frame frame = *f;
    frame.state = next;
    if (dfa->marks[next] & DFA_ENDS)
        emit(s, f->parent);
    else
        emit_frame(s, frame);
}

/* Begins the value of `node` with `symbol`; `depth` arrays and objects are around it. */
static void enter(struct grammar_state *s, uint32_t node, uint32_t parent, uint32_t depth,
                  uint32_t symbol)
{
    const struct grammar_node *n = &s->grammar->nodes[node];
    struct frame frame = {.parent = parent, .node = node, .depth = (uint8_t)depth};
    if (!fits(s, node, depth))
        return;
    switch (n->kind) {
    case NODE_DFA: step_dfa(s, &frame, symbol); return;
    case NODE_STRING:
        if (symbol == '"')
            emit_frame(s, frame);
        return;
    case NODE_ARRAY:
    case NODE_OBJECT:
        frame.depth++;
        if (symbol == (n->kind == NODE_ARRAY ? '[' : '{'))
            emit_frame(s, frame);
        return;
    case NODE_CHOICE:
        for (uint32_t i = 0; i < n->choice.count; i++)
            enter(s, n->choice.ways[i], parent, depth, symbol);
        return;
    case NODE_SEQUENCE: step_sequence(s, &frame, symbol); return;
    }
}

uint32_t key_node_child(const struct object_node *object, uint32_t at, uint32_t byte)
{
    uint32_t child = object->keys[at].child;
    while (child && object->keys[child].byte != byte)
        child = object->keys[child].sibling;
    return child;
}

/* Follows the declared keys along; false if the byte would make the key one of them, or might: an
 * escape can spell any character. */
static bool follow_keys(const struct grammar_state *s, struct frame *f, uint32_t byte)
{
    if (!f->keys)
        return true;
    const struct frame *parent = &s->frames[f->parent];
    const struct object_node *object = &s->grammar->nodes[parent->node].object;
    const uint32_t child = key_node_child(object, f->keys - 1, byte);
    f->keys = child ? child + 1 : 0;
    return byte != '\\' && !(byte == '"' && child);
}

static void step_string(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct length_range *length = &s->grammar->nodes[f->node].length;
    struct frame frame = *f;
    if (symbol >= 256 || !follow_keys(s, &frame, symbol))
        return;
    frame.state = string_next((enum string_state)f->state, (uint8_t)symbol);
    if (frame.state == STRING_REFUSED)
        return;
    if (frame.state == STRING_CLOSED) {
        if (f->count >= length->min)
            emit(s, f->parent);
        return;
    }
    if (f->state == STRING_BODY) {
        if (f->count >= length->max)
            return;
        /* Without a maximum only the way to the minimum counts. */
        frame.count += length->max < UINT32_MAX || f->count < length->min;
    }
    emit_frame(s, frame);
}

/* Blanks that may stand here: f with them, or false. */
static bool take_blank(const struct frame *f, uint32_t symbol, struct frame *out)
{
    *out = *f;
    if (f->blanks == 0 && (symbol == ' ' || symbol == '\n'))
        out->blanks = symbol == ' ' ? 1 : 2;
    else if (f->blanks >= 2 && (symbol == ' ' || symbol == '\t') &&
             f->blanks < 2 + INDENT * f->depth)
        out->blanks++;
    else
        return false;
    return true;
}

static uint32_t item_node(const struct array_node *array, uint32_t index)
{
    return index < array->prefix_count ? array->prefix[index] : array->rest;
}

static bool may_have_more(const struct grammar_state *s, const struct frame *f,
                          const struct array_node *array)
{
    return f->count < array->max && fits(s, item_node(array, f->count), f->depth);
}

static void begin_item(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct array_node *array = &s->grammar->nodes[f->node].array;
    /* Without a maximum, items behind those that are told apart are all the same. */
    const uint32_t told = array->min > array->prefix_count ? array->min : array->prefix_count;
    const bool counts = array->max < UINT32_MAX || f->count < told;
    struct frame after = *f;
    uint32_t parent;
    after.phase = ARRAY_AFTER;
    after.blanks = 0;
    after.count += counts;
    if (may_have_more(s, f, array) && push(s, after, &parent))
        enter(s, item_node(array, f->count), parent, f->depth, symbol);
}

static void step_array(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct array_node *array = &s->grammar->nodes[f->node].array;
    const bool may_close = f->phase != ARRAY_COMMA && f->count >= array->min;
    struct frame next;
    if (symbol == ']') {
        if (may_close)
            emit(s, f->parent);
    } else if (f->phase == ARRAY_AFTER && symbol == ',') {
        next = *f;
        next.phase = ARRAY_COMMA;
        if (f->blanks == 0 && may_have_more(s, f, array))
            emit_frame(s, next);
    } else if (take_blank(f, symbol, &next)) {
        if (f->phase != ARRAY_AFTER || may_close)
            emit_frame(s, next);
    } else if (f->phase != ARRAY_AFTER) {
        begin_item(s, f, symbol);
    }
}

/* Does a property that may come next have its key below this node? Next may come the optional ones
 * and the first required one. */
static bool may_have_key(const struct grammar_state *s, const struct frame *f,
                         const struct object_node *object, uint32_t at)
{
    const struct key_node *key = &object->keys[at];
    for (uint32_t k = key->first; k < key->end; k++) {
        const uint32_t i = object->sorted[k];
        if (i >= f->count && i <= object->required_from[f->count] &&
            fits(s, object->properties[i].node, f->depth))
            return true;
    }
    return false;
}

static bool has_all_required(const struct frame *f, const struct object_node *object)
{
    return object->required_from[f->count] == object->count;
}

static bool may_have_others(const struct grammar_state *s, const struct frame *f,
                            const struct object_node *object)
{
    return object->others != NO_NODE && has_all_required(f, object) &&
           fits(s, object->others, f->depth);
}

/* The opening quote of a key: of a declared one, or of another. */
static void begin_key(struct grammar_state *s, const struct frame *f)
{
    const struct object_node *object = &s->grammar->nodes[f->node].object;
    struct frame next = *f;
    next.blanks = 0;
    next.phase = OBJECT_KEY;
    next.state = 0;
    if (may_have_key(s, f, object, 0))
        emit_frame(s, next);
    uint32_t parent;
    next.phase = OBJECT_COLON;
    next.state = OTHER_PROPERTY;
    next.count = object->count;
    if (may_have_others(s, f, object) && push(s, next, &parent))
        emit_frame(s, (struct frame){.parent = parent,
                                     .node = s->grammar->key,
                                     .keys = object->count > 0,
                                     .depth = f->depth});
}

static void step_key(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct object_node *object = &s->grammar->nodes[f->node].object;
    const uint32_t child = key_node_child(object, f->state, symbol);
    if (!child || !may_have_key(s, f, object, child))
        return;
    struct frame next = *f;
    next.state = child;
    if (!object->keys[child].child) { /* the closing quote */
        next.phase = OBJECT_COLON;
        next.state = object->sorted[object->keys[child].first];
        next.count = next.state + 1;
    }
    emit_frame(s, next);
}

static void begin_value(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct object_node *object = &s->grammar->nodes[f->node].object;
    const uint32_t node =
        f->state == OTHER_PROPERTY ? object->others : object->properties[f->state].node;
    struct frame after = *f;
    uint32_t parent;
    after.phase = OBJECT_AFTER;
    after.state = 0;
    after.blanks = 0;
    if (push(s, after, &parent))
        enter(s, node, parent, f->depth, symbol);
}

/* Behind '{', ',' or a value. */
static void step_between(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct object_node *object = &s->grammar->nodes[f->node].object;
    const bool may_close = f->phase != OBJECT_COMMA && has_all_required(f, object);
    struct frame next;
    if (symbol == '}') {
        if (may_close)
            emit(s, f->parent);
    } else if (f->phase == OBJECT_AFTER && symbol == ',') {
        next = *f;
        next.phase = OBJECT_COMMA;
        if (f->blanks == 0 && (may_have_key(s, f, object, 0) || may_have_others(s, f, object)))
            emit_frame(s, next);
    } else if (take_blank(f, symbol, &next)) {
        if (f->phase != OBJECT_AFTER || may_close)
            emit_frame(s, next);
    } else if (f->phase != OBJECT_AFTER && symbol == '"') {
        begin_key(s, f);
    }
}

static void step_object(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    struct frame next = *f;
    switch ((enum object_phase)f->phase) {
    case OBJECT_KEY: step_key(s, f, symbol); return;
    case OBJECT_COLON:
        next.phase = OBJECT_VALUE;
        if (symbol == ':')
            emit_frame(s, next);
        return;
    case OBJECT_VALUE:
        next.blanks = 1;
        if (symbol == ' ' && f->blanks == 0)
            emit_frame(s, next);
        else
            begin_value(s, f, symbol);
        return;
    case OBJECT_OPEN:
    case OBJECT_COMMA:
    case OBJECT_AFTER: step_between(s, f, symbol); return;
    }
}

/* The part behind the current one; a sequence that is through leaves no frame. */
static void emit_next_part(struct grammar_state *s, const struct frame *f)
{
    struct frame next = *f;
    next.state++;
    next.count = 0;
    if (next.state == s->grammar->nodes[f->node].sequence.count)
        emit(s, f->parent);
    else
        emit_frame(s, next);
}

static void step_value_part(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct sequence_node *sequence = &s->grammar->nodes[f->node].sequence;
    const uint32_t node = sequence->parts[f->state].value;
    struct frame next = *f;
    uint32_t parent = f->parent;
    next.state++;
    if (next.state == sequence->count || push(s, next, &parent))
        enter(s, node, parent, f->depth, symbol);
}

static void step_sequence(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    const struct part *part = &s->grammar->nodes[f->node].sequence.parts[f->state];
    struct frame next = *f;
    switch (part->kind) {
    case PART_TEXT:
        next.count++;
        if (symbol != (uint8_t)part->text.ptr[f->count])
            return;
        if (next.count < part->text.len)
            emit_frame(s, next);
        else
            emit_next_part(s, f);
        return;
    case PART_TOKEN:
        if (symbol == part->value)
            emit_next_part(s, f);
        return;
    case PART_VALUE: step_value_part(s, f, symbol); return;
    case PART_BREAKS:
        next.count++;
        if (symbol == '\n' && f->count < BREAKS_MAX)
            emit_frame(s, next);
        break;
    case PART_MAY_END: break;
    }
    next = *f; /* what may be left out is: go on behind it */
    next.state++;
    next.count = 0;
    step_sequence(s, &next, symbol);
}

bool grammar_state_may_end(const struct grammar_state *s, uint32_t head)
{
    while (head != HEAD_DONE) {
        const struct frame *f = &s->frames[head];
        const struct grammar_node *n = &s->grammar->nodes[f->node];
        const bool ends = n->kind == NODE_DFA ? n->dfa.marks[f->state] & DFA_ACCEPTS
                          : n->kind == NODE_SEQUENCE
                              ? n->sequence.parts[f->state].kind == PART_MAY_END
                              : false;
        if (!ends)
            return false;
        head = f->parent;
    }
    return true;
}

static void step_top(struct grammar_state *s, const struct frame *f, uint32_t symbol)
{
    switch (s->grammar->nodes[f->node].kind) {
    case NODE_DFA: step_dfa(s, f, symbol); return;
    case NODE_STRING: step_string(s, f, symbol); return;
    case NODE_ARRAY: step_array(s, f, symbol); return;
    case NODE_OBJECT: step_object(s, f, symbol); return;
    case NODE_SEQUENCE: step_sequence(s, f, symbol); return;
    case NODE_CHOICE: return; /* never has a frame */
    }
}

/* A value that may end here may also be left behind, and the symbol belong to what is around it. */
static void step_head(struct grammar_state *s, uint32_t head, uint32_t symbol)
{
    while (head != HEAD_DONE) {
        const struct frame f = s->frames[head];
        const struct grammar_node *n = &s->grammar->nodes[f.node];
        step_top(s, &f, symbol);
        const bool ends =
            (n->kind == NODE_DFA && (n->dfa.marks[f.state] & DFA_ACCEPTS)) ||
            (n->kind == NODE_SEQUENCE && n->sequence.parts[f.state].kind == PART_MAY_END);
        if (!ends)
            return;
        head = f.parent;
    }
}

void grammar_state_step(struct grammar_state *s, uint32_t begin, uint32_t end, uint32_t symbol)
{
    s->list = s->head_count;
    for (uint32_t i = begin; i < end; i++)
        step_head(s, s->heads[i], symbol);
}

void grammar_state_begin(struct grammar_state *s, bool breaks)
{
    s->frames[0] = (struct frame){.parent = HEAD_DONE, .node = s->grammar->start, .state = !breaks};
    s->heads[0] = 0;
    s->frame_count = s->head_count = 1;
}

void grammar_state_compact(struct grammar_state *s, uint32_t *scratch)
{
    memset(scratch, 0, s->frame_count * sizeof *scratch);
    for (uint32_t i = 0; i < s->head_count; i++)
        for (uint32_t at = s->heads[i]; at != HEAD_DONE && !scratch[at]; at = s->frames[at].parent)
            scratch[at] = 1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->frame_count; i++) {
        if (!scratch[i])
            continue;
        struct frame frame = s->frames[i];
        if (frame.parent != HEAD_DONE)
            frame.parent = scratch[frame.parent];
        s->frames[kept] = frame;
        scratch[i] = kept++;
    }
    for (uint32_t i = 0; i < s->head_count; i++)
        if (s->heads[i] != HEAD_DONE)
            s->heads[i] = scratch[s->heads[i]];
    s->frame_count = kept;
}
