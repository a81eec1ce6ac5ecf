#include "server/language.h"

#include "http/request.h"

/* "zh-CN;q=0.8" → 800; without weight 1000. */
static int weight_of(struct str element)
{
    const char *semicolon = element.len ? memchr(element.ptr, ';', element.len) : NULL;
    if (!semicolon)
        return 1000;
    struct str q = str_trim(str_slice(element, (size_t)(semicolon - element.ptr) + 1, element.len));
    if (!str_starts(q, "q="))
        return 1000;
    q = str_slice(q, 2, q.len);
    int weight = 0, scale = 1000;
    for (size_t i = 0; i < q.len && scale > 0; i++) {
        if (q.ptr[i] == '.')
            continue;
        if (q.ptr[i] < '0' || q.ptr[i] > '9')
            return 0;
        weight += (q.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return weight;
}

static bool is_language(struct str element, const char *name)
{
    const struct str tag = str_slice(element, 0, 2);
    return str_ieq(tag, str_from(name)) && (element.len == 2 || element.ptr[2] == '-' ||
                                            element.ptr[2] == ';' || element.ptr[2] == ' ');
}

enum lang language_of(struct str accept_language, enum lang usual)
{
    int best = 0;
    enum lang lang = usual;
    struct str element;
    while (http_list_next(&accept_language, &element)) {
        const bool zh = is_language(element, "zh");
        if (!zh && !is_language(element, "en"))
            continue;
        const int weight = weight_of(element);
        if (weight > best) {
            best = weight;
            lang = zh ? LANG_ZH : LANG_EN;
        }
    }
    return lang;
}
