/* Any bytes: what our parser and llhttp make of them differs only where we know why. */
#include "llhttp_compare_test.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf report;
    buf_init(&report, 16 << 20);
    if (!llhttp_compare((struct str){(const char *)data, size}, &report, NULL)) {
        fprintf(stderr, "%s\n", report.data);
        abort();
    }
    buf_release(&report);
    return 0;
}
