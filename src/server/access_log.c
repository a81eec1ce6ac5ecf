#include "server/access_log.h"

#include "base/clock.h"
#include "json/writer.h"

#include <time.h>

enum { LINE_MAX_BYTES = 32 << 10, TEXT_MAX = 1024 };

static void text_member(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_string(w, str_slice(text, 0, TEXT_MAX));
}

static void number_member(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_number(w, (double)(int64_t)(value * 1000 + 0.5) / 1000);
}

static void count_member(struct json_writer *w, const char *key, uint32_t count)
{
    json_key(w, key);
    json_uint(w, count);
}

static void write_json(struct buf *out, const struct access_line *line)
{
    char time[32];
    clock_format_rfc3339(line->wall_ms, time);
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    text_member(&w, "time", str_from(time));
    text_member(&w, "request_id", str_from(line->request_id));
    text_member(&w, "client", str_from(line->peer));
    text_member(&w, "method", line->method);
    text_member(&w, "path", line->path);
    json_key(&w, "status");
    json_int(&w, line->status);
    if (line->code)
        text_member(&w, "code", str_from(line->code));
    number_member(&w, "ms", line->ms);
    if (line->ttft_ms >= 0) {
        number_member(&w, "queue_ms", line->queue_ms);
        number_member(&w, "ttft_ms", line->ttft_ms);
    }
    json_key(&w, "bytes");
    json_uint(&w, line->bytes);
    if (line->model[0])
        text_member(&w, "model", str_from(line->model));
    if (line->prompt_tokens) {
        count_member(&w, "prompt_tokens", line->prompt_tokens);
        count_member(&w, "cached_tokens", line->cached_tokens);
        count_member(&w, "image_tokens", line->image_tokens);
        count_member(&w, "output_tokens", line->output_tokens);
    }
    text_member(&w, "user_agent", line->user_agent);
    json_end_object(&w);
}

/* What would break the quotes of the format is escaped as nginx does. */
static void add_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len && i < TEXT_MAX; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\')
            buf_printf(out, "\\x%02X", c);
        else
            buf_putc(out, (char)c);
    }
}

static void write_combined(struct buf *out, const struct access_line *line)
{
    char time[64];
    const time_t seconds = (time_t)(line->wall_ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    if (strftime(time, sizeof time, "%d/%b/%Y:%H:%M:%S %z", &tm) == 0)
        time[0] = '\0';
    buf_printf(out, "%s - - [%s] \"", line->peer, time);
    add_escaped(out, line->method);
    buf_putc(out, ' ');
    add_escaped(out, line->path);
    buf_printf(out, " HTTP/1.1\" %d %llu \"-\" \"", line->status, (unsigned long long)line->bytes);
    add_escaped(out, line->user_agent);
    buf_putc(out, '"');
}

void access_log_write(const struct access_log *log, const struct access_line *line)
{
    if (!log->file)
        return;
    struct buf out;
    buf_init(&out, LINE_MAX_BYTES);
    if (log->format == ACCESS_LOG_JSON)
        write_json(&out, line);
    else
        write_combined(&out, line);
    buf_putc(&out, '\n');
    if (!out.failed)
        log_file_put(log->file, LOG_INFO, buf_str(&out));
    buf_release(&out);
}
