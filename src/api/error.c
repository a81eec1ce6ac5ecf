#include "api/error.h"

#include "json/writer.h"

#include <stdio.h>
#include <string.h>

#define INVALID_REQUEST "invalid_request_error"
#define AUTHENTICATION  "authentication_error"
#define PERMISSION      "permission_error"
#define RATE_LIMIT      "rate_limit_error"
#define SERVER          "server_error"
#define UPSTREAM        "upstream_error"

static const struct error_row rows[] = {
#define ROW(code, status, type, retryable, en, zh) {#code, status, type, retryable, {en, zh}},
#include "api/errors.def"
#undef ROW
};

const struct error_row *error_rows(size_t *count)
{
    *count = ARRAY_LEN(rows);
    return rows;
}

static const struct error_row *find_exactly(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].code, code) == 0)
            return &rows[i];
    return NULL;
}

const struct error_row *error_find(const char *code)
{
    const struct error_row *row = code ? find_exactly(code) : NULL;
    return row ? row : find_exactly("internal_error");
}

static void write_key(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstring(w, value && *value ? value : NULL);
}

void error_write(struct buf *out, const struct reason *why, enum lang lang, const char *request_id)
{
    const struct error_row *row = error_find(why->code);
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, "error");
    json_begin_object(&w);
    write_key(&w, "message", why->message[lang][0] ? why->message[lang] : row->title[lang]);
    write_key(&w, "type", row->type);
    write_key(&w, "param", why->subject);
    write_key(&w, "code", row->code);
    write_key(&w, "request_id", request_id);
    write_key(&w, "hint", why->hint[lang]);
    char docs[96] = "docs/errors.md#";
    strncat(docs, row->code, sizeof docs - strlen(docs) - 1);
    write_key(&w, "docs", docs);
    json_end_object(&w);
    json_end_object(&w);
}

/* No text here needs escapes: titles have none, and ids are of letters, digits and "._-". */
size_t error_write_no_memory(char out[ERROR_NO_MEMORY_BYTES], enum lang lang,
                             const char *request_id)
{
    const struct error_row *row = error_find("memory_full");
    const int n = snprintf(out, ERROR_NO_MEMORY_BYTES,
                           "{\"error\":{\"message\":\"%s%s\",\"type\":\"%s\",\"param\":null,"
                           "\"code\":\"%s\",\"request_id\":\"%s\",\"hint\":null,"
                           "\"docs\":\"docs/errors.md#%s\"}}",
                           row->title[lang], lang == LANG_ZH ? "。" : ".", row->type, row->code,
                           request_id, row->code);
    return (size_t)n;
}

void error_write_event(struct buf *out, const struct reason *why, enum lang lang,
                       const char *request_id)
{
    buf_puts(out, "data: ");
    error_write(out, why, lang, request_id);
    buf_puts(out, "\n\n");
}
