/* Any URL, and any redirect from it: what is taken is written so that it is taken the same way
 * again, and no resolver takes a host for an address that we take for a name. */
#include "fetch/target.h"

#include <arpa/inet.h>
#include <stdlib.h>

static void check(const struct fetch_target *target)
{
    struct fetch_target again;
    struct in_addr any_form;
    if (fetch_target_parse(str_from(target->url), FETCH_PICTURE, &again, NULL))
        abort();
    if (strcmp(target->url, again.url) != 0 || strcmp(target->host, again.host) != 0 ||
        target->port != again.port || target->tls != again.tls)
        abort();
    if (target->is_address != again.is_address ||
        (!target->is_address && inet_aton(target->host, &any_form)))
        abort();
    if (strspn(target->host, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") != strlen(target->host))
        abort();
    for (const char *c = target->url; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            abort();
    fetch_target_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = memchr(data, '\n', size);
    const struct str text = {(const char *)data, size};
    const size_t first = line ? (size_t)(line - text.ptr) : size;
    struct fetch_target target, next;
    struct reason why = {0};
    if (fetch_target_parse(str_slice(text, 0, first), FETCH_PICTURE, &target, &why)) {
        if (!why.code || !why.message[LANG_ZH][0])
            abort();
        return 0;
    }
    check(&target);
    if (fetch_target_follow(&target, str_slice(text, first + 1, size), FETCH_VIDEO, &next, NULL) ==
        STATUS_OK) {
        check(&next);
        fetch_target_release(&next);
    }
    fetch_target_release(&target);
    return 0;
}
