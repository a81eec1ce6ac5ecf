#include "base/log.h"

#include "base/buf.h"
#include "base/json_text.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 64 * 1024, MESSAGE_MAX_BYTES = 8 * 1024 };

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_root(struct log *log, const struct log_sink *sink)
{
    *log = (struct log){.sink = sink};
}

void log_child(struct log *child, const struct log *parent)
{
    *child = (struct log){.sink = parent->sink, .parent = parent};
}

void log_field_set(struct log *log, const char *key, struct str value)
{
    if (log->field_count < LOG_FIELDS_MAX)
        log->fields[log->field_count++] = (struct log_field){key, value};
}

static void add_fields(struct buf *line, const struct log *log, enum log_format format)
{
    if (!log)
        return;
    add_fields(line, log->parent, format);
    for (int i = 0; i < log->field_count; i++) {
        buf_puts(line, format == LOG_JSON ? ",\"" : " ");
        buf_puts(line, log->fields[i].key);
        buf_puts(line, format == LOG_JSON ? "\":" : "=");
        json_text_string(line, log->fields[i].value);
    }
}

/* Control characters would break the line, or drive the operator's terminal. */
static void blank_controls(struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7F)
            text->data[i] = ' ';
}

void log_write(const struct log *log, enum log_level level, const char *format, ...)
{
    const struct log_sink *sink = log->sink;
    if (level < sink->level)
        return;
    struct buf message, line;
    buf_init(&message, MESSAGE_MAX_BYTES);
    buf_init(&line, LINE_MAX_BYTES);
    va_list args;
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    char time[32];
    clock_format_rfc3339(clock_wall_ms(sink->clock), time);
    if (sink->format == LOG_JSON) {
        buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time,
                   level_names[level]);
        json_text_string(&line, buf_str(&message));
        add_fields(&line, log, LOG_JSON);
        buf_puts(&line, "}\n");
    } else {
        blank_controls(&message);
        buf_printf(&line, "%s %s ", time, level_names[level]);
        buf_add_str(&line, buf_str(&message));
        add_fields(&line, log, LOG_TEXT);
        buf_putc(&line, '\n');
    }
    if (!line.failed)
        sink->put(sink->arg, level, buf_str(&line));
    buf_release(&message);
    buf_release(&line);
}
