#include "http/request.h"

bool http_is_token_char(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool http_is_token(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!http_is_token_char(text.ptr[i]))
            return false;
    return text.len > 0;
}

bool http_is_field_text(struct str text)
{
    unsigned refused = 0; /* without a branch, so that the loop becomes a vector's */
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        refused |= (c < 0x20 && c != '\t') || c == 0x7f;
    }
    return refused == 0;
}

const struct http_header *http_request_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (str_ieq(request->headers[i].name, str_from(name)))
            return &request->headers[i];
    return NULL;
}

bool http_list_next(struct str *list, struct str *element)
{
    if (list->len == 0)
        return false;
    const char *comma = memchr(list->ptr, ',', list->len);
    const size_t end = comma ? (size_t)(comma - list->ptr) : list->len;
    *element = str_trim(str_slice(*list, 0, end));
    *list = str_slice(*list, comma ? end + 1 : end, list->len);
    return true;
}

bool http_list_has(struct str list, const char *token)
{
    struct str element;
    while (http_list_next(&list, &element))
        if (str_ieq(element, str_from(token)))
            return true;
    return false;
}
