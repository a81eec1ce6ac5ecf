#include "base/test.h"
#include "os/beneath.h"
#include "os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* dir/root/{file, sub/file, inside → sub/file, outside → ../secret, up → .., fifo, empty/}
 * dir/secret, dir/root2/file */
static char dir[64], root[96], alias[96];

static const char *at(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name)
{
    FILE *file = fopen(at(name), "w");
    assert_non_null(file);
    fputs(name, file);
    fclose(file);
}

static int make_tree(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/qvl-beneath-XXXXXX");
    assert_non_null(mkdtemp(dir));
    static const char *const folders[] = {"root", "root/sub", "root/empty", "root2"};
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        assert_int_equal(mkdir(at(folders[i]), 0700), 0);
    static const char *const files[] = {"secret", "root/file", "root/sub/file", "root2/file"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        write_file(files[i]);
    assert_int_equal(symlink("sub/file", at("root/inside")), 0);
    assert_int_equal(symlink("../secret", at("root/outside")), 0);
    assert_int_equal(symlink("..", at("root/up")), 0);
    assert_int_equal(mkfifo(at("root/fifo"), 0600), 0);
    assert_int_equal(symlink("root", at("alias")), 0);
    strcpy(root, at("root"));
    strcpy(alias, at("alias"));
    return 0;
}

static int remove_tree(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command);
}

/* Whether the file can be opened, and then holds its own name. */
static bool opens(const char *base, const char *name, const char *holds)
{
    char text[64] = "";
    const int fd = file_open_beneath(base, at(name));
    if (fd < 0)
        return false;
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_string_equal(text, holds);
    close(fd);
    return true;
}

static void opens_what_lies_below(void **state)
{
    (void)state;
    assert_true(opens(root, "root/file", "root/file"));
    assert_true(opens(root, "root/sub/file", "root/sub/file"));
    assert_true(opens(root, "root/sub/../file", "root/file"));
    assert_true(opens(root, "root/inside", "root/sub/file"));
    assert_true(opens(alias, "root/file", "root/file"));
    assert_true(opens(root, "alias/file", "root/file"));
    assert_true(opens("/", "secret", "secret"));
}

static void opens_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"secret",
                                        "root/../secret",
                                        "root/outside",
                                        "root/up/secret",
                                        "root2/file",
                                        "root/absent",
                                        "root/fifo",
                                        "root/empty",
                                        "root",
                                        "root/file/x",
                                        "",
                                        "root/sub/",
                                        "root/up/root2/file"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(file_open_beneath(root, at(names[i])), -1);
    assert_int_equal(file_open_beneath(root, "root/file"), -1);
    assert_int_equal(file_open_beneath(root, ""), -1);
    assert_int_equal(file_open_beneath(root, "/dev/null"), -1);
    assert_int_equal(file_open_beneath("/", "/dev/null"), -1);
    assert_int_equal(file_open_beneath("/nowhere", at("root/file")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_lies_below),
        cmocka_unit_test(opens_nothing_else),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
