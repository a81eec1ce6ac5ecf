#include "base/status.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

__attribute__((format(printf, 3, 0))) static void format_cut(char *out, size_t size,
                                                             const char *format, va_list args)
{
    const int n = vsnprintf(out, size, format, args);
    if (n >= 0 && (size_t)n >= size)
        out[utf8_floor(out, size - 1)] = '\0';
    for (char *c = out; *c; c++) /* names out of files and requests must not drive a terminal */
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

void reason_set(struct reason *why, const char *code, const char *en, const char *zh, ...)
{
    if (!why)
        return;
    why->code = code;
    why->subject[0] = '\0';
    va_list args;
    va_start(args, zh);
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        va_list copy;
        va_copy(copy, args);
        format_cut(why->message[lang], sizeof why->message[lang], lang == LANG_ZH ? zh : en, copy);
        va_end(copy);
        why->hint[lang][0] = '\0';
    }
    va_end(args);
}

void reason_hint(struct reason *why, const char *en, const char *zh, ...)
{
    if (!why)
        return;
    va_list args;
    va_start(args, zh);
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        va_list copy;
        va_copy(copy, args);
        format_cut(why->hint[lang], sizeof why->hint[lang], lang == LANG_ZH ? zh : en, copy);
        va_end(copy);
    }
    va_end(args);
}

void reason_subject(struct reason *why, const char *format, ...)
{
    if (!why)
        return;
    va_list args;
    va_start(args, format);
    format_cut(why->subject, sizeof why->subject, format, args);
    va_end(args);
}

void reason_context(struct reason *why, const char *en, const char *zh, ...)
{
    if (!why)
        return;
    va_list args;
    va_start(args, zh);
    for (int lang = 0; lang < LANG_COUNT; lang++) {
        char context[sizeof why->message[0]];
        char joined[2 * sizeof why->message[0] + 4];
        va_list copy;
        va_copy(copy, args);
        format_cut(context, sizeof context, lang == LANG_ZH ? zh : en, copy);
        va_end(copy);
        snprintf(joined, sizeof joined, "%s%s%s", context, lang == LANG_ZH ? "：" : ": ",
                 why->message[lang]);
        const size_t end = utf8_floor(joined, sizeof why->message[lang] - 1);
        memcpy(why->message[lang], joined, end);
        why->message[lang][end] = '\0';
    }
    va_end(args);
}

struct reason *reason_copy(const struct reason *why)
{
    struct reason *copy = malloc(sizeof *copy);
    if (copy)
        *copy = *why;
    return copy;
}

enum status reason_no_memory(struct reason *why, size_t bytes)
{
    reason_set(why, "memory_full", "There is not enough memory for another %zu bytes.",
               "内存不足，无法再分配 %zu 字节。", bytes);
    return STATUS_NO_MEMORY;
}

enum status reason_no_thread(struct reason *why, int error)
{
    reason_set(why, "memory_full",
               "The system refused another thread (%s): memory, or the limit on threads, is too "
               "small.",
               "系统拒绝再创建线程（%s）：内存不足，或线程数上限过低。", strerror(error));
    return STATUS_NO_MEMORY;
}

enum lang lang_from_name(const char *name)
{
    return name && strncasecmp(name, "zh", 2) == 0 ? LANG_ZH : LANG_EN;
}

enum lang lang_from_environment(void)
{
    static const char *const names[] = {"QVL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return lang_from_name(value);
    }
    return LANG_EN;
}
