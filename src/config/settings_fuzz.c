/* Any bytes as a configuration file: an answer with a place, or values that can be written. */
#include "config/table_test.h"
#include "config/value.h"

#include <stdlib.h>

static char *environment[] = {(char[]){"NAME=pear"}, (char[]){"EMPTY="}, NULL};

static void write_all(const struct snapshot *snapshot)
{
    struct buf out;
    buf_init(&out, 1 << 24);
    snapshot_write(snapshot, LANG_EN, &out);
    if (out.failed)
        abort();
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot *snapshot;
    struct reason why = {0};
    if (memmem(data, size, "file:", 5)) /* reads no files of the machine */
        return 0;
    if (!sample_load((const char *)data, size, environment, &snapshot, &why)) {
        write_all(snapshot);
        snapshot_destroy(snapshot);
    } else if (!why.code || !why.message[LANG_EN][0] || !why.message[LANG_ZH][0]) {
        abort();
    }
    return 0;
}
