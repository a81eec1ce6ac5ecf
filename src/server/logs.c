#include "server/logs.h"

#include <signal.h>

enum { CLOSE_MS = 1000 };

static enum status open_file(const char *name, struct log_file **out, struct reason *why)
{
    *out = NULL;
    return strcmp(name, "off") == 0 ? STATUS_OK : log_file_open(name, out, why);
}

static void close_files(struct log_file *access, struct log_file *error)
{
    if (access != error)
        log_file_close(access, CLOSE_MS);
    log_file_close(error, CLOSE_MS);
}

static enum status open_files(const struct settings *settings, struct log_file **access,
                              struct log_file **error, struct reason *why)
{
    struct log_file *first, *second;
    enum status status = open_file(settings->log.error, &first, why);
    if (status)
        return status;
    second = first;
    if (strcmp(settings->log.access, settings->log.error) != 0)
        status = open_file(settings->log.access, &second, why);
    if (status) {
        log_file_close(first, CLOSE_MS);
        return status;
    }
    *access = second;
    *error = first;
    return STATUS_OK;
}

/* What changes without opening anything. */
static void follow(struct logs *logs, const struct settings *settings)
{
    logs->access = (struct access_log){logs->access_file, settings->log.format};
    logs->sink.level = settings->log.level;
    logs->sink.arg = logs->error_file;
}

enum status logs_open(struct logs *logs, const struct settings *settings, struct reason *why)
{
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error like a full disk */
    *logs = (struct logs){
        .sink = {.put = log_file_put_line, .format = LOG_JSON, .clock = &clock_system}};
    log_root(&logs->root, &logs->sink);
    const enum status status = open_files(settings, &logs->access_file, &logs->error_file, why);
    follow(logs, settings);
    return status;
}

enum status logs_change(struct logs *logs, const struct settings *before,
                        const struct settings *now, struct reason *why)
{
    if (strcmp(before->log.access, now->log.access) != 0 ||
        strcmp(before->log.error, now->log.error) != 0) {
        struct log_file *access, *error;
        const enum status status = open_files(now, &access, &error, why);
        if (status)
            return status;
        close_files(logs->access_file, logs->error_file);
        logs->access_file = access;
        logs->error_file = error;
    }
    follow(logs, now);
    return STATUS_OK;
}

void logs_close(struct logs *logs)
{
    close_files(logs->access_file, logs->error_file);
    *logs = (struct logs){0};
}

void logs_reopen(struct logs *logs)
{
    log_file_reopen(logs->error_file);
    if (logs->access_file != logs->error_file)
        log_file_reopen(logs->access_file);
}

uint64_t logs_lost(const struct logs *logs)
{
    const uint64_t lost = log_file_lost(logs->error_file);
    return logs->access_file == logs->error_file ? lost : lost + log_file_lost(logs->access_file);
}
