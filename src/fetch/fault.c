#include "fetch/fault.h"

#include <stdio.h>

enum status fetch_fault(enum fetch_kind kind, const char *shown, const char *code, const char *en,
                        const char *zh, struct reason *why)
{
    const char *noun[LANG_COUNT] = {"picture", "图片"};
    if (kind == FETCH_VIDEO) {
        noun[LANG_EN] = "video";
        noun[LANG_ZH] = "视频";
    }
    reason_set(why, code, "The %s%.0s at %s could not be fetched: %s%.0s.",
               "获取%.0s%s（%s）失败：%.0s%s。", noun[LANG_EN], noun[LANG_ZH], shown, en, zh);
    return STATUS_INVALID;
}

enum status fetch_fault_printf(enum fetch_kind kind, const char *shown, struct reason *why,
                               const char *code, const char *en, const char *zh, ...)
{
    char text[LANG_COUNT][256];
    va_list args;
    va_start(args, zh);
    vsnprintf(text[LANG_EN], sizeof text[LANG_EN], en, args);
    va_end(args);
    va_start(args, zh);
    vsnprintf(text[LANG_ZH], sizeof text[LANG_ZH], zh, args);
    va_end(args);
    return fetch_fault(kind, shown, code, text[LANG_EN], text[LANG_ZH], why);
}
