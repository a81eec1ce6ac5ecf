#include "llhttp_reading_test.h"

#include <llhttp.h>
#include <stdio.h>

/* What llhttp's callbacks collect. */
struct collector {
    struct buf method, target, name, value, fields, body;
    struct reading *out;
};

static struct collector *collector_of(llhttp_t *parser)
{
    return parser->data;
}

static int add_target(llhttp_t *parser, const char *at, size_t len)
{
    buf_add(&collector_of(parser)->target, at, len);
    return 0;
}

static int add_name(llhttp_t *parser, const char *at, size_t len)
{
    buf_add(&collector_of(parser)->name, at, len);
    return 0;
}

static int add_value(llhttp_t *parser, const char *at, size_t len)
{
    buf_add(&collector_of(parser)->value, at, len);
    return 0;
}

/* Blanks around a value are no part of it (RFC 9110, 5.5); llhttp leaves those behind it. */
static struct str without_blanks(struct str value)
{
    while (value.len > 0 && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
        value.len--;
    return value;
}

static int end_field(llhttp_t *parser)
{
    struct collector *c = collector_of(parser);
    if (!c->out->head)
        reading_field(&c->fields, buf_str(&c->name), without_blanks(buf_str(&c->value)));
    buf_clear(&c->name);
    buf_clear(&c->value);
    return 0;
}

static int end_head(llhttp_t *parser)
{
    collector_of(parser)->out->head = true;
    return 0;
}

static int add_body(llhttp_t *parser, const char *at, size_t len)
{
    buf_add(&collector_of(parser)->body, at, len);
    return 0;
}

static int end_message(llhttp_t *parser)
{
    struct collector *c = collector_of(parser);
    c->out->state = READING_WHOLE;
    c->out->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static void note_end(llhttp_t *parser, llhttp_errno_t error, struct str input, struct reading *out)
{
    const char *at = llhttp_get_error_pos(parser);
    out->end = at ? (size_t)(at - input.ptr) : input.len;
    if (out->state == READING_WHOLE || error == HPE_OK)
        return;
    out->state = READING_REFUSED;
    snprintf(out->why, sizeof out->why, "%s: %s", llhttp_errno_name(error),
             llhttp_get_error_reason(parser));
}

static void write_text(llhttp_t *parser, const struct collector *c)
{
    struct buf *out = &c->out->text;
    buf_printf(out, "%s %.*s HTTP/%d.%d\n", llhttp_method_name(parser->method),
               STR_ARG(buf_str(&c->target)), parser->http_major, parser->http_minor);
    buf_add_str(out, buf_str(&c->fields));
    buf_putc(out, '\n');
    buf_add_str(out, buf_str(&c->body));
}

void reading_by_llhttp(struct str input, struct reading *out)
{
    *out = (struct reading){.state = READING_MORE};
    struct collector c = {.out = out};
    struct buf *const bufs[] = {&c.target, &c.name, &c.value, &c.fields, &c.body, &out->text};
    for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
        buf_init(bufs[i], READING_TEXT_MAX);
    llhttp_settings_t settings;
    llhttp_settings_init(&settings);
    settings.on_url = add_target;
    settings.on_header_field = add_name;
    settings.on_header_value = add_value;
    settings.on_header_value_complete = end_field;
    settings.on_headers_complete = end_head;
    settings.on_body = add_body;
    settings.on_message_complete = end_message;
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &c;
    note_end(&parser, llhttp_execute(&parser, input.ptr, input.len), input, out);
    if (out->head)
        write_text(&parser, &c);
    for (size_t i = 0; i + 1 < ARRAY_LEN(bufs); i++)
        buf_release(bufs[i]);
}
