/* Any bytes in the place of one of a good checkpoint's JSON files: it loads, or is refused with a
 * sentence. The first byte says which file. */
#include "base/utf8.h"
#include "model/load.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

static const char *const names[] = {
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "model.safetensors.index.json",
    "tokenizer_config.json",
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
};
enum { EDITABLE = 7 }; /* the first of them */

static char dir[64];

static void check(bool truth, const char *what)
{
    if (truth)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void link_file(const char *name)
{
    const char *root = getenv("QVL_SOURCE_ROOT");
    char source[PATH_BYTES], absolute[4096], path[PATH_BYTES];
    snprintf(source, sizeof source, "%s/tests/golden/models/tiny-a/%s", root ? root : ".", name);
    check(realpath(source, absolute) != NULL, source);
    check(path_join(path, sizeof path, dir, name), "a long path");
    (void)unlink(path);
    check(symlink(absolute, path) == 0, path);
}

static void leave(void)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[PATH_BYTES];
        check(path_join(path, sizeof path, dir, names[i]), "a long path");
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static void set_up(void)
{
    snprintf(dir, sizeof dir, "/tmp/qvl-fuzz-XXXXXX");
    check(mkdtemp(dir) != NULL, "no temporary folder");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        link_file(names[i]);
    atexit(leave);
}

static enum status load(struct reason *why)
{
    static struct model model;
    const enum status status = model_open(dir, NULL, &model, why);
    if (status == STATUS_OK)
        model_close(&model);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (!dir[0])
        set_up();
    const char *name = names[data[0] % EDITABLE];
    char path[PATH_BYTES];
    check(path_join(path, sizeof path, dir, name), "a long path");
    (void)unlink(path);
    FILE *file = fopen(path, "wb");
    check(file && fwrite(data + 1, 1, size - 1, file) == size - 1 && fclose(file) == 0, path);
    struct reason why = {.code = ""};
    if (load(&why) != STATUS_OK) {
        check(strstr(why.message[LANG_EN], dir) != NULL, why.message[LANG_EN]);
        for (int lang = 0; lang < LANG_COUNT; lang++) {
            const size_t len = strlen(why.message[lang]);
            check(utf8_valid_prefix(why.message[lang], len) == len, "a bad message");
        }
    }
    link_file(name);
    return 0;
}
