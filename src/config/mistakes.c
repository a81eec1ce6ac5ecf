#include "config/mistakes.h"

#include "base/clock.h"
#include "os/memory.h"

#include <stdarg.h>
#include <stdlib.h>

static const struct mistake *const tables[] = {mistakes_listen, mistakes_tls,   mistakes_proxies,
                                               mistakes_fetch,  mistakes_files, mistakes_sizes};

static void look_at_table(struct inspection *in, const struct mistake *table)
{
    for (; table->code; table++) {
        in->mistake = table;
        table->look(in);
    }
}

static struct finding *add(struct inspection *in, const char *code, enum finding_level level,
                           const char *setting)
{
    struct findings *findings = in->findings;
    struct finding *items =
        realloc(findings->items, (findings->count + 1) * sizeof *findings->items);
    if (!items) {
        findings->failed = true;
        return NULL;
    }
    findings->items = items;
    struct finding *finding = &items[findings->count++];
    *finding = (struct finding){.level = level, .setting = setting, .why.code = code};
    return finding;
}

/* Both texts, formatted. */
static void format(char (*out)[512], const char *en, const char *zh, va_list args)
{
    va_list again;
    va_copy(again, args);
    vsnprintf(out[LANG_EN], sizeof out[0], en, args);
    vsnprintf(out[LANG_ZH], sizeof out[0], zh, again);
    va_end(again);
}

void mistake_found(struct inspection *in, const char *en, const char *zh, ...)
{
    const struct mistake *row = in->mistake;
    struct finding *finding = add(in, row->code, row->level, row->setting);
    if (!finding)
        return;
    char text[LANG_COUNT][512], place[256];
    va_list args;
    va_start(args, zh);
    format(text, en, zh, args);
    va_end(args);
    reason_set(&finding->why, row->code, "%s%.0s", "%.0s%s", text[LANG_EN], text[LANG_ZH]);
    origin_place(snapshot_origin(in->settings->snapshot, row->setting), place);
    reason_subject(&finding->why, "%s", place);
}

void mistake_fix(struct inspection *in, const char *en, const char *zh, ...)
{
    if (in->findings->count == 0)
        return;
    struct finding *finding = &in->findings->items[in->findings->count - 1];
    char text[LANG_COUNT][512];
    va_list args;
    va_start(args, zh);
    format(text, en, zh, args);
    va_end(args);
    reason_hint(&finding->why, "%s%.0s", "%.0s%s", text[LANG_EN], text[LANG_ZH]);
}

/* Variables that are no settings are found when the settings are loaded. */
static void add_warnings(struct inspection *in)
{
    const struct snapshot *snapshot = in->settings->snapshot;
    for (size_t i = 0; i < snapshot->warnings.count; i++) {
        const struct snapshot_warning *warning = &snapshot->warnings.items[i];
        struct finding *finding = add(in, "unknown_variable", FINDING_WARNING, "");
        if (finding)
            reason_set(&finding->why, "unknown_variable", "%s%.0s", "%.0s%s",
                       warning->text[LANG_EN], warning->text[LANG_ZH]);
    }
}

void mistakes_find(const struct settings *settings, const char *file, struct findings *out)
{
    struct memory_figures memory;
    memory_figures_read(&memory);
    *out = (struct findings){0};
    struct inspection in = {
        .settings = settings,
        .file = file,
        .now_s = clock_wall_ms(&clock_system) / 1000,
        .memory_bytes = memory.total,
        .findings = out,
    };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        look_at_table(&in, tables[i]);
    add_warnings(&in);
}

void findings_release(struct findings *findings)
{
    free(findings->items);
    *findings = (struct findings){0};
}

const char *finding_level_name(enum finding_level level, enum lang lang)
{
    static const char *const names[][LANG_COUNT] = {
        [FINDING_NOTE] = {"note", "提示"},
        [FINDING_WARNING] = {"warning", "警告"},
        [FINDING_ERROR] = {"error", "错误"},
    };
    return names[level][lang];
}
