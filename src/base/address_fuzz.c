/* Any text: what is taken for an address or a range comes back the same when it is written. */
#include "base/address.h"

#include <stdlib.h>

static void check_address(struct str text)
{
    struct address address, again;
    char written[ADDRESS_TEXT_MAX];
    if (!address_parse(text, &address))
        return;
    address_write(&address, written);
    if (!address_parse(str_from(written), &again) || !address_eq(&address, &again))
        abort();
    if (address_classify(&address) >= ADDRESS_KIND_COUNT)
        abort();
}

static void check_range(struct str text)
{
    struct address_range range, again;
    struct reason why = {0};
    char written[ADDRESS_RANGE_TEXT_MAX];
    if (address_range_parse(text, &range, &why)) {
        if (!why.code || !why.message[LANG_ZH][0])
            abort();
        return;
    }
    const bool v4 = range.prefix >= 96 && address_is_v4(&range.first);
    address_range_write(&range, written);
    if (address_range_parse(str_from(written), &again, NULL) || again.prefix != range.prefix ||
        !address_eq(&range.first, &again.first))
        abort();
    if (v4 != address_is_v4(&range.first) || !address_range_has(&range, &range.first))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct str text = {(const char *)data, size};
    check_address(text);
    check_range(text);
    return 0;
}
