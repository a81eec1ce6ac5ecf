#include "cli/env_child.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "os/process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 256 << 10 };

static bool keep(void *arg, const void *bytes, size_t len)
{
    buf_add(arg, bytes, len);
    return true;
}

static bool find(const struct child_run *run, char *path, size_t size)
{
    if (process_find(run->name, path, size))
        return true;
    if (!run->elsewhere)
        return false;
    const int n = snprintf(path, size, "%s/%s", run->elsewhere, run->name);
    return n > 0 && (size_t)n < size && access(path, X_OK) == 0;
}

/* Text from outside: what is no character, or a terminal would take for a command, becomes '?'. */
static void copy_clean(char *out, size_t size, const char *text, size_t len)
{
    size_t used = 0;
    for (size_t at = 0; at < len;) {
        const struct utf8_step step = utf8_decode(text + at, len - at);
        if (used + step.len >= size)
            break;
        if (step.code == UTF8_INVALID || (step.code < ' ' && step.code != '\n'))
            out[used++] = step.code == '\t' || step.code == '\r' ? ' ' : '?';
        else
            used += utf8_encode(step.code, out + used);
        at += step.len;
    }
    out[used] = '\0';
}

static void first_line(char *out, size_t size, const char *text)
{
    const size_t blank = strspn(text, " \t\r\n");
    copy_clean(out, size, text + blank, strcspn(text + blank, "\r\n"));
}

enum child_end env_child_run(const struct child_run *run, char *out, size_t size, char *errors,
                             size_t errors_size)
{
    char path[1024];
    *out = '\0';
    if (errors)
        *errors = '\0';
    if (!find(run, path, sizeof path))
        return CHILD_ABSENT;
    struct buf output;
    buf_init(&output, OUTPUT_BYTES + 1);
    const struct process_spec spec = {
        .program = path,
        .argv = run->argv,
        .input = -1,
        /* Room for drivers and interpreters; a hanging program is what happens. */
        .limits = {.wall_ms = run->wall_ms,
                   .output_bytes = OUTPUT_BYTES,
                   .memory_bytes = (uint64_t)64 << 30,
                   .cpu_seconds = 30,
                   .file_bytes = 1 << 20,
                   .open_files = 256},
        .on_output = keep,
        .arg = &output,
    };
    struct process_result result;
    const enum status status = process_run(&spec, &result, NULL);
    if (output.len > 0)
        copy_clean(out, size, output.data, output.len);
    buf_release(&output);
    if (status == STATUS_OK && errors)
        first_line(errors, errors_size, *result.errors ? result.errors : out);
    if (status == STATUS_OK && result.end == PROCESS_OUT_OF_TIME)
        return CHILD_TIMED_OUT;
    return status == STATUS_OK && result.end == PROCESS_EXITED && result.code == 0 ? CHILD_DONE
                                                                                   : CHILD_FAILED;
}
