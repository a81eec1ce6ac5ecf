#include "base/test.h"
#include "os/file.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/qvl-file-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

static const char *make_file(const char *name, const char *bytes, size_t len)
{
    static char path[128];
    assert_true(path_join(path, sizeof path, dir, name));
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
    return path;
}

static void maps_and_reads_whole_files(void **state)
{
    (void)state;
    char bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    const char *path = make_file("a", bytes, sizeof bytes);
    struct file_map map;
    assert_int_equal(file_map_open(path, &map, NULL), STATUS_OK);
    assert_int_equal(map.size, sizeof bytes);
    assert_memory_equal(map.data, bytes, sizeof bytes);
    file_map_close(&map);
    file_map_close(&map); /* harmless */
    struct buf buf;
    buf_init(&buf, sizeof bytes);
    buf_puts(&buf, "what was there before");
    assert_int_equal(file_read(path, &buf, NULL), STATUS_OK);
    assert_int_equal(buf.len, sizeof bytes);
    assert_memory_equal(buf.data, bytes, sizeof bytes);
    buf_release(&buf);
}

static void an_empty_file_is_empty(void **state)
{
    (void)state;
    struct file_map map;
    assert_int_equal(file_map_open(make_file("empty", "", 0), &map, NULL), STATUS_OK);
    assert_null(map.data);
    assert_int_equal(map.size, 0);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    struct reason why;
    struct file_map map;
    struct buf buf;
    buf_init(&buf, 10);
    assert_int_equal(file_map_open("/nowhere/x", &map, &why), STATUS_IO);
    assert_string_equal(why.code, "missing_file");
    assert_string_equal(why.subject, "/nowhere/x");
    assert_int_equal(file_map_open(dir, &map, &why), STATUS_IO);
    assert_string_equal(why.code, "unreadable");
    assert_int_equal(file_read(make_file("long", "12345678901", 11), &buf, &why), STATUS_LIMIT);
    assert_string_equal(why.code, "too_large");
    char fifo[128];
    assert_true(path_join(fifo, sizeof fifo, dir, "fifo"));
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(fifo, &buf, &why), STATUS_IO); /* does not wait for a writer */
    assert_string_equal(why.code, "unreadable");
    buf_release(&buf);
}

static void joins_paths(void **state)
{
    (void)state;
    char path[8];
    assert_true(path_join(path, sizeof path, "a", "b"));
    assert_string_equal(path, "a/b");
    assert_true(path_join(path, sizeof path, "a/", "b"));
    assert_string_equal(path, "a/b");
    assert_false(path_join(path, sizeof path, "abcd", "efgh"));
    assert_true(file_is_directory(dir));
    assert_false(file_exists("/nowhere/x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_and_reads_whole_files),
        cmocka_unit_test(an_empty_file_is_empty),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(joins_paths),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
