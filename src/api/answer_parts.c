#include "api/answer_parts.h"

#include "json/json.h"

static const char think_open[] = "<think>", think_close[] = "</think>", call_open[] = "<tool_call>",
                  call_close[] = "</tool_call>";

enum { ARENA_BYTES = 256 << 20 };

void answer_parts_init(struct answer_parts *parts, struct answer_form form, size_t text_max)
{
    *parts = (struct answer_parts){.form = form, .place = ANSWER_CONTENT};
    if (form.reasons)
        parts->place = form.reasoning_begun ? ANSWER_REASONING_BREAKS : ANSWER_OPENING;
    buf_init(&parts->held, text_max);
}

void answer_parts_release(struct answer_parts *parts)
{
    buf_release(&parts->held);
}

static struct str rest_of(const struct answer_parts *parts)
{
    return str_slice(buf_str(&parts->held), parts->from, parts->held.len);
}

/* The text of the call's object, and what stands behind it so far. */
static struct str call_text(const struct answer_parts *parts)
{
    const struct str rest = rest_of(parts);
    return str_slice(rest, parts->call_at, rest.len);
}

static size_t find(struct str text, const char *marker)
{
    const char *at = text.len ? memmem(text.ptr, text.len, marker, strlen(marker)) : NULL;
    return at ? (size_t)(at - text.ptr) : SIZE_MAX;
}

/* The text without a tail that may be the beginning of the marker. */
static size_t before_partial(struct str text, const char *marker)
{
    const size_t most = strlen(marker) - 1;
    size_t n = most < text.len ? most : text.len;
    while (n > 0 && memcmp(text.ptr + text.len - n, marker, n) != 0)
        n--;
    return text.len - n;
}

static bool is_beginning(struct str text, const char *marker)
{
    return text.len < strlen(marker) && (text.len == 0 || !memcmp(text.ptr, marker, text.len));
}

static size_t before_breaks(struct str text, size_t end)
{
    while (end > 0 && text.ptr[end - 1] == '\n')
        end--;
    return end;
}

static size_t count_breaks(struct str text)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] == '\n')
        n++;
    return n;
}

static size_t count_blanks(struct str text)
{
    size_t n = 0;
    while (n < text.len && (text.ptr[n] == '\n' || text.ptr[n] == ' ' || text.ptr[n] == '\t' ||
                            text.ptr[n] == '\r'))
        n++;
    return n;
}

static void give_content(struct answer_parts *parts, struct str text, struct answer_delta *out)
{
    buf_add_str(&out->content, text);
    parts->has_content = parts->has_content || text.len > 0;
}

static void give_arguments(const struct answer_parts *parts, struct str text,
                           struct answer_delta *out)
{
    struct answer_call *call = text.len > 0 ? answer_delta_call(out, parts->calls - 1) : NULL;
    if (call)
        buf_add_str(&call->arguments, text);
}

static void begin_call(struct answer_parts *parts, struct str name, struct answer_delta *out)
{
    struct answer_call *call = answer_delta_call(out, parts->calls++);
    if (!call)
        return;
    call->begins = true;
    buf_add_str(&call->name, name);
}

/* What looked like a call is content up to `end`, counted from the held text's beginning. */
static void spoil(struct answer_parts *parts, size_t end, struct answer_delta *out)
{
    give_content(parts, str_slice(rest_of(parts), 0, end), out);
    parts->from += end;
    parts->place = ANSWER_CONTENT;
}

static bool calls_may_come(const struct answer_parts *parts)
{
    return parts->form.calls && !(parts->form.calls_come_first && parts->has_content);
}

static void enter_call(struct answer_parts *parts, size_t text, size_t marker)
{
    parts->from += text;
    parts->call_at = marker - text + strlen(call_open);
    parts->scan = (struct call_scan){0};
    parts->place = ANSWER_CALL;
}

/* Text up to a marker. Each step returns whether another one may follow at once. */
static bool step_reasoning(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str rest = rest_of(parts);
    const bool calls = parts->form.calls && parts->form.calls_end_reasoning;
    const size_t close = find(rest, think_close), call = calls ? find(rest, call_open) : SIZE_MAX;
    const size_t marker = close < call ? close : call;
    size_t ready = marker;
    if (marker == SIZE_MAX) {
        ready = before_partial(rest, think_close);
        const size_t before_call = calls ? before_partial(rest, call_open) : ready;
        ready = ready < before_call ? ready : before_call;
    }
    ready = before_breaks(rest, ready);
    buf_add_str(&out->reasoning, str_slice(rest, 0, ready));
    if (marker == SIZE_MAX) {
        parts->from += ready;
    } else if (call < close) {
        enter_call(parts, ready, call);
    } else {
        parts->from += close + strlen(think_close);
        parts->place = ANSWER_BREAKS;
    }
    return marker != SIZE_MAX;
}

static bool step_content(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str rest = rest_of(parts);
    const bool calls = calls_may_come(parts);
    const size_t marker = calls ? find(rest, call_open) : SIZE_MAX;
    size_t ready = rest.len;
    if (marker != SIZE_MAX)
        ready = before_breaks(rest, marker);
    else if (calls)
        ready = before_breaks(rest, before_partial(rest, call_open));
    if (marker != SIZE_MAX && parts->form.calls_come_first && ready > 0) {
        ready = marker; /* it is not the first */
        give_content(parts, str_slice(rest, 0, ready), out);
        parts->from += ready;
        return true;
    }
    give_content(parts, str_slice(rest, 0, ready), out);
    if (marker != SIZE_MAX)
        enter_call(parts, ready, marker);
    else
        parts->from += ready;
    return marker != SIZE_MAX;
}

static bool step_opening(struct answer_parts *parts)
{
    const struct str rest = rest_of(parts);
    const size_t breaks = count_breaks(rest);
    const struct str text = str_slice(rest, breaks, rest.len);
    if (is_beginning(text, think_open))
        return false;
    const bool opens = str_starts(text, think_open);
    parts->from += opens ? breaks + strlen(think_open) : 0;
    parts->place = opens ? ANSWER_REASONING_BREAKS : ANSWER_CONTENT;
    return true;
}

static bool step_breaks(struct answer_parts *parts, enum answer_place next)
{
    parts->from += count_breaks(rest_of(parts));
    const bool more = parts->from < parts->held.len;
    if (more)
        parts->place = next;
    return more;
}

/* A JSON text on its own. NULL: it is none, or there is no memory, and the delta fails. */
static const struct json *read_json(struct arena *arena, struct str text, struct answer_delta *out)
{
    if (text.len == 0)
        return NULL;
    struct json *root = NULL;
    char *copy = arena_strdup(arena, text);
    const enum status status =
        copy ? json_parse(copy, text.len, (struct json_limits){0}, arena, &root, NULL)
             : STATUS_NO_MEMORY;
    out->failed = out->failed || status == STATUS_NO_MEMORY;
    return status == STATUS_OK ? root : NULL;
}

static struct str span_text(struct str text, struct scan_span span)
{
    return str_slice(text, span.begin, span.end ? span.end : text.len);
}

/* The call's name is known, and its arguments are an object that has begun. */
static bool arguments_begin(const struct answer_parts *parts, struct str text)
{
    const struct call_scan *scan = &parts->scan;
    return scan->name.end && scan->arguments.begin && text.ptr[scan->arguments.begin] == '{';
}

/* False: the name is no name. */
static bool begin_named(struct answer_parts *parts, struct str text, struct answer_delta *out)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const struct json *name = read_json(&arena, span_text(text, parts->scan.name), out);
    const bool good = json_is(name, JSON_STRING) && name->text.len > 0;
    if (good)
        begin_call(parts, name->text, out);
    arena_release(&arena);
    return good;
}

static bool step_call(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str text = call_text(parts);
    const enum scan_result result = call_scan_run(&parts->scan, text);
    const bool begins = parts->form.stream && arguments_begin(parts, text);
    if (begins && begin_named(parts, text, out)) {
        parts->given = parts->scan.arguments.begin;
        parts->place = ANSWER_ARGUMENTS;
    } else if (begins || result == SCAN_BAD) {
        const size_t end = begins ? parts->scan.arguments.begin : parts->scan.at;
        spoil(parts, parts->call_at + end, out);
    } else if (result == SCAN_END) {
        parts->given = 0;
        parts->place = ANSWER_CALL_END;
    }
    return begins || result != SCAN_MORE;
}

static bool step_arguments(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str text = call_text(parts);
    const enum scan_result result = call_scan_run(&parts->scan, text);
    const size_t known = parts->scan.arguments.end;
    const size_t end = known ? known : parts->scan.at;
    give_arguments(parts, str_slice(text, parts->given, end), out);
    parts->given = end;
    if (result == SCAN_END) {
        parts->place = ANSWER_CALL_END;
    } else if (result == SCAN_BAD) {
        parts->from += parts->call_at + parts->scan.at;
        parts->place = known ? ANSWER_CONTENT : ANSWER_BROKEN;
    }
    return result != SCAN_MORE;
}

static bool step_broken(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str rest = rest_of(parts);
    const size_t close = find(rest, call_close);
    const size_t end = close != SIZE_MAX ? close : before_partial(rest, call_close);
    give_arguments(parts, str_slice(rest, 0, end), out);
    parts->from += end;
    if (close == SIZE_MAX)
        return false;
    parts->from += strlen(call_close);
    parts->place = parts->form.one_call ? ANSWER_DROPPED : ANSWER_BREAKS;
    return true;
}

/* Arguments as they stand in a JSON string. */
static bool quoted_arguments(struct arena *arena, const struct json *given,
                             struct answer_delta *delta, struct str *out)
{
    if (!given || given->type == JSON_NULL || given->text.len == 0)
        *out = STR("{}");
    else
        *out = given->text;
    return json_is(read_json(arena, *out, delta), JSON_OBJECT);
}

/* Gives out a call whose object is whole. False: it is none. */
static bool give_whole(struct answer_parts *parts, struct answer_delta *out)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const struct str object = str_slice(call_text(parts), 0, parts->scan.at);
    const struct json *root = read_json(&arena, object, out);
    const struct json *name = json_get(root, "name"), *given = json_get(root, "arguments");
    struct str arguments = {0};
    bool good = json_is(name, JSON_STRING) && name->text.len > 0;
    if (good && json_is(given, JSON_OBJECT) && parts->scan.arguments.begin)
        arguments = span_text(object, parts->scan.arguments);
    else if (!given || given->type == JSON_NULL || given->type == JSON_STRING)
        good = good && quoted_arguments(&arena, given, out, &arguments);
    else
        good = false;
    if (good) {
        begin_call(parts, name->text, out);
        give_arguments(parts, arguments, out);
    }
    arena_release(&arena);
    return good;
}

static bool step_call_end(struct answer_parts *parts, struct answer_delta *out)
{
    const struct str rest = rest_of(parts);
    size_t end = parts->call_at + parts->scan.at;
    end += count_blanks(str_slice(rest, end, rest.len));
    const struct str tail = str_slice(rest, end, rest.len);
    if (is_beginning(tail, call_close) || is_beginning(tail, call_open))
        return false;
    const bool closed = str_starts(tail, call_close);
    const bool good = closed || str_starts(tail, call_open);
    end += closed ? strlen(call_close) : 0;
    if (parts->given == 0 && !(good && give_whole(parts, out))) {
        spoil(parts, end, out);
        return true;
    }
    parts->from += good ? end : parts->call_at + parts->scan.at;
    parts->place = parts->form.one_call ? ANSWER_DROPPED : good ? ANSWER_BREAKS : ANSWER_CONTENT;
    return true;
}

static bool step(struct answer_parts *parts, struct answer_delta *out)
{
    switch (parts->place) {
    case ANSWER_OPENING: return step_opening(parts);
    case ANSWER_REASONING_BREAKS: return step_breaks(parts, ANSWER_REASONING);
    case ANSWER_REASONING: return step_reasoning(parts, out);
    case ANSWER_BREAKS: return step_breaks(parts, ANSWER_CONTENT);
    case ANSWER_CONTENT: return step_content(parts, out);
    case ANSWER_CALL: return step_call(parts, out);
    case ANSWER_ARGUMENTS: return step_arguments(parts, out);
    case ANSWER_CALL_END: return step_call_end(parts, out);
    case ANSWER_BROKEN: return step_broken(parts, out);
    case ANSWER_DROPPED: parts->from = parts->held.len; break;
    }
    return false;
}

static void forget_given(struct answer_parts *parts, struct answer_delta *out)
{
    buf_consume(&parts->held, parts->from);
    parts->from = 0;
    out->failed = out->failed || parts->held.failed;
}

void answer_parts_push(struct answer_parts *parts, struct str text, struct answer_delta *out)
{
    buf_add_str(&parts->held, text);
    while (step(parts, out))
        continue;
    forget_given(parts, out);
}

/* A call that the text ends in. */
static void finish_call(struct answer_parts *parts, bool cut, struct answer_delta *out)
{
    const struct str text = call_text(parts);
    const bool begun = cut && arguments_begin(parts, text);
    if (begun && begin_named(parts, text, out))
        give_arguments(parts, span_text(text, parts->scan.arguments), out);
    else
        give_content(parts, rest_of(parts), out);
}

void answer_parts_finish(struct answer_parts *parts, bool cut, struct answer_delta *out)
{
    const struct str rest = rest_of(parts);
    switch (parts->place) {
    case ANSWER_REASONING:
        buf_add_str(&out->reasoning, str_slice(rest, 0, before_breaks(rest, rest.len)));
        break;
    case ANSWER_OPENING:
    case ANSWER_CONTENT: give_content(parts, rest, out); break;
    case ANSWER_CALL: finish_call(parts, cut, out); break;
    case ANSWER_CALL_END:
        if (parts->given == 0 && !give_whole(parts, out))
            give_content(parts, rest, out);
        break;
    case ANSWER_BROKEN: give_arguments(parts, rest, out); break;
    case ANSWER_REASONING_BREAKS:
    case ANSWER_BREAKS:
    case ANSWER_ARGUMENTS:
    case ANSWER_DROPPED: break;
    }
    parts->from = parts->held.len;
    forget_given(parts, out);
}
