#include "edit.h"

#include "base/buf.h"
#include "base/test.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 768, FILE_MAX_BYTES = 64 << 20, LENGTH_BYTES = 8 };

static void check(int result, const char *what)
{
    if (result != 0)
        fail_msg("%s: %s", what, strerror(errno));
}

static void write_file(const char *path, struct str content)
{
    (void)unlink(path); /* it may be a link to the good file */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    if (content.len > 0)
        assert_int_equal(fwrite(content.ptr, 1, content.len, file), content.len);
    assert_int_equal(fclose(file), 0);
}

/* A folder of links to every file of the good checkpoint. */
static void link_all(const char *source, const char *dir)
{
    DIR *list = opendir(source);
    assert_non_null(list);
    for (struct dirent *entry; (entry = readdir(list));) {
        if (entry->d_name[0] == '.')
            continue;
        char from[PATH_BYTES], to[PATH_BYTES];
        assert_true(path_join(from, sizeof from, source, entry->d_name));
        assert_true(path_join(to, sizeof to, dir, entry->d_name));
        check(symlink(from, to), to);
    }
    closedir(list);
}

static uint64_t get_length(const char *bytes)
{
    uint64_t n = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | (unsigned char)bytes[i];
    return n;
}

static void put_length(char *bytes, uint64_t n)
{
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes[i] = (char)(n >> (8 * i));
}

static void add_number(struct buf *out, uint64_t n)
{
    char bytes[LENGTH_BYTES];
    put_length(bytes, n);
    buf_add(out, bytes, sizeof bytes);
}

static void replace(const struct fault *fault, const struct buf *good, struct buf *out)
{
    const bool container = str_ends(str_from(fault->file), ".safetensors");
    const size_t begin = container ? LENGTH_BYTES : 0;
    const size_t end = container ? begin + get_length(good->data) : good->len;
    const char *at = memmem(good->data + begin, end - begin, fault->from, strlen(fault->from));
    if (!at)
        fail_msg("%s/%s does not hold %s", fault->base, fault->file, fault->from);
    if (container)
        add_number(out, end - begin - strlen(fault->from) + strlen(fault->to));
    buf_add(out, good->data + begin, (size_t)(at - good->data) - begin);
    buf_puts(out, fault->to);
    const size_t after = (size_t)(at - good->data) + strlen(fault->from);
    buf_add(out, good->data + after, good->len - after);
}

static void edit_content(const struct fault *fault, const char *source, const char *path)
{
    char original[PATH_BYTES];
    struct buf good, out;
    assert_true(path_join(original, sizeof original, source, fault->file));
    buf_init(&good, FILE_MAX_BYTES);
    buf_init(&out, FILE_MAX_BYTES);
    if (fault->edit == EDIT_WRITE) {
        buf_puts(&out, fault->to);
    } else if (fault->edit == EDIT_HEADER) {
        add_number(&out, strlen(fault->to));
        buf_puts(&out, fault->to);
    } else {
        assert_int_equal(file_read(original, &good, NULL), 0);
        if (fault->edit == EDIT_REPLACE) {
            replace(fault, &good, &out);
        } else {
            buf_add_str(&out, buf_str(&good));
            if (fault->edit == EDIT_LENGTH)
                put_length(out.data, strtoull(fault->to, NULL, 0));
            else if (fault->edit == EDIT_CUT)
                out.len = strtoull(fault->to, NULL, 0);
            else
                buf_puts(&out, fault->to);
        }
    }
    write_file(path, buf_str(&out));
    buf_release(&out);
    buf_release(&good);
}

static void edit_folder(const struct fault *fault, const char *dir)
{
    fault_remove(dir);
    if (fault->edit == EDIT_EMPTY)
        check(mkdir(dir, 0700), dir);
    else if (fault->edit == EDIT_FILE)
        write_file(dir, STR("weights"));
}

void fault_make(const struct fault *fault, char dir[64])
{
    char source[PATH_BYTES], path[PATH_BYTES];
    snprintf(dir, 64, "/tmp/qvl-broken-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(source, sizeof source, "%s/tests/golden/models/%s", getenv("QVL_SOURCE_ROOT"),
             fault->base);
    link_all(source, dir);
    if (fault->edit == EDIT_NONE)
        return;
    if (!fault->file) {
        edit_folder(fault, dir);
        return;
    }
    assert_true(path_join(path, sizeof path, dir, fault->file));
    if (fault->edit <= EDIT_APPEND) {
        edit_content(fault, source, path);
        return;
    }
    check(unlink(path), path);
    if (fault->edit == EDIT_DIRECTORY)
        check(mkdir(path, 0700), path);
    else if (fault->edit == EDIT_LOOP)
        check(symlink(fault->file, path), path);
}

void fault_remove(const char *dir)
{
    DIR *list = opendir(dir);
    if (list) {
        for (struct dirent *entry; (entry = readdir(list));) {
            char path[PATH_BYTES];
            assert_true(path_join(path, sizeof path, dir, entry->d_name));
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                check(remove(path), path);
        }
        closedir(list);
    }
    (void)remove(dir);
}
