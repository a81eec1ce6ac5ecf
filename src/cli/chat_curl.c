#include "cli/chat_curl.h"

#include <ctype.h>

enum { ARGUMENT_MAX = 32 << 10 };

/* In single quotes, as a POSIX shell reads them. */
static void write_quoted(struct buf *out, struct str text)
{
    buf_putc(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, text.ptr[i]);
    }
    buf_putc(out, '\'');
}

/* X-API-Key → X_API_KEY */
static void write_variable(struct buf *out, struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        const unsigned char c = (unsigned char)name.ptr[i];
        buf_putc(out, isalnum(c) ? (char)toupper(c) : '_');
    }
}

static void write_header(struct buf *out, const struct endpoint *e, const char *header)
{
    const struct str text = str_from(header);
    const struct str name = str_slice(text, 0, strcspn(header, ":"));
    const bool own_key = e->api_key.value && str_starts(text, "Authorization: Bearer ") &&
                         str_is(str_slice(text, 22, text.len), e->api_key.value);
    buf_puts(out, " \\\n  -H ");
    if (own_key) {
        const bool openai = e->api_key.name && strcmp(e->api_key.name, "OPENAI_API_KEY") == 0;
        buf_printf(out, "\"Authorization: Bearer $%s\"",
                   openai ? "OPENAI_API_KEY" : "QWEN_API_KEY");
    } else if (http_header_secret(name)) {
        buf_printf(out, "\"%.*s: $", STR_ARG(name));
        write_variable(out, name);
        buf_putc(out, '"');
    } else {
        write_quoted(out, text);
    }
}

static void write_option(struct buf *out, const char *option, const char *value)
{
    if (!value)
        return;
    buf_printf(out, " \\\n  %s ", option);
    write_quoted(out, str_from(value));
}

static void write_body(struct buf *out, struct str body)
{
    const bool long_body = body.len > ARGUMENT_MAX;
    buf_puts(out, " \\\n  ");
    if (long_body)
        buf_puts(out, "--data-binary @- <<'END'\n");
    else
        buf_puts(out, "-d ");
    if (long_body)
        buf_add_str(out, body);
    else
        write_quoted(out, body);
    buf_puts(out, long_body ? "\nEND\n" : "\n");
}

void curl_command_write(struct buf *out, const struct endpoint *e, const char *url,
                        const char *const *headers, struct str body, bool stream)
{
    const struct http_transport *t = &e->transport;
    buf_printf(out, "curl %s", stream ? "-N " : "");
    write_quoted(out, str_from(url));
    for (; *headers; headers++)
        write_header(out, e, *headers);
    if (e->proxy.origin == ORIGIN_FLAG)
        write_option(out, "--proxy", t->proxy ? t->proxy_public : "");
    write_option(out, "--cacert", t->ca_file);
    write_option(out, "--cert", t->certificate);
    write_option(out, "--key", t->certificate_key);
    if (t->insecure)
        buf_puts(out, " \\\n  --insecure");
    write_body(out, body);
}
