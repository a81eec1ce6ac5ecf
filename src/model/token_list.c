#include "model/tokenizer.h"

#include <stdlib.h>

void token_list_release(struct token_list *list)
{
    free(list->ids);
    *list = (struct token_list){0};
}

enum status token_list_reserve(struct token_list *list, size_t more, struct reason *why)
{
    if (more <= list->cap - list->count)
        return STATUS_OK;
    size_t cap = list->cap ? list->cap : 64;
    while (cap - list->count < more) {
        if (cap > SIZE_MAX / 2 / sizeof *list->ids)
            return reason_no_memory(why, SIZE_MAX);
        cap *= 2;
    }
    int32_t *ids = realloc(list->ids, cap * sizeof *ids);
    if (!ids)
        return reason_no_memory(why, cap * sizeof *ids);
    list->ids = ids;
    list->cap = cap;
    return STATUS_OK;
}

enum status token_list_add(struct token_list *list, int32_t id, struct reason *why)
{
    const enum status status = token_list_reserve(list, 1, why);
    if (!status)
        list->ids[list->count++] = id;
    return status;
}
