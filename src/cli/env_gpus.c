#include "cli/env_gpus.h"

#include "base/str.h"

#include <stdio.h>

/* Where Windows puts the program for Linux under WSL2, which is not on every PATH. */
#define WSL_FOLDER "/usr/lib/wsl/lib"

enum { ANSWER_BYTES = 64 << 10 };

/* "81559", or "[N/A]", "[Not Supported]": 0. False if it is neither. */
static bool parse_mib(struct str text, uint64_t *bytes)
{
    uint64_t mib = 0;
    *bytes = 0;
    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        return true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || mib > (UINT64_MAX >> 20) / 16)
            return false;
        mib = mib * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *bytes = mib << 20;
    return text.len > 0;
}

/* Takes what stands behind the last comma off the line. */
static struct str take_last_field(struct str *line)
{
    size_t at = line->len;
    while (at > 0 && line->ptr[at - 1] != ',')
        at--;
    const struct str field = str_trim(str_slice(*line, at, line->len));
    *line = str_slice(*line, 0, at > 0 ? at - 1 : 0);
    return field;
}

/* Names may have commas: the numbers are read from the end. */
static bool parse_line(struct str line, struct gpu *out)
{
    const struct str free_mib = take_last_field(&line), total_mib = take_last_field(&line);
    const struct str name = str_trim(line);
    if (name.len == 0 || !parse_mib(total_mib, &out->total) || !parse_mib(free_mib, &out->free) ||
        out->free > out->total)
        return false;
    snprintf(out->name, sizeof out->name, "%.*s", STR_ARG(name));
    return true;
}

void gpus_parse(const char *text, struct gpus *out)
{
    while (*text) {
        const size_t len = strcspn(text, "\n");
        const struct str line = str_trim((struct str){text, len});
        struct gpu gpu;
        if (line.len > 0 && out->count < GPUS_MAX && parse_line(line, &gpu))
            out->list[out->count++] = gpu;
        else if (line.len > 0)
            out->unreadable++;
        text += len + (text[len] == '\n');
    }
}

void gpus_read(int wall_ms, struct gpus *out)
{
    static const char *const argv[] = {"nvidia-smi", "--query-gpu=name,memory.total,memory.free",
                                       "--format=csv,noheader,nounits", NULL};
    const struct child_run run = {"nvidia-smi", WSL_FOLDER, argv, wall_ms};
    char answer[ANSWER_BYTES];
    *out = (struct gpus){0};
    out->end = env_child_run(&run, answer, sizeof answer, out->fault, sizeof out->fault);
    if (out->end != CHILD_DONE)
        return;
    *out->fault = '\0';
    gpus_parse(answer, out);
    if (out->count > 0 || out->unreadable == 0)
        return;
    out->end = CHILD_FAILED; /* some of its errors come with exit status 0 */
    snprintf(out->fault, sizeof out->fault, "%.*s", (int)strcspn(answer, "\n"), answer);
}
