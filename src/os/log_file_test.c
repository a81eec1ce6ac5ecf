#include "os/log_file.h"

#include "base/buf.h"
#include "base/test.h"
#include "os/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CLOSE_MS = 10000 };

static void make_path(char path[64])
{
    snprintf(path, 64, "/tmp/qvl-log-XXXXXX");
    close(mkstemp(path));
}

static struct log_file *open_file(const char *path)
{
    struct log_file *file;
    assert_int_equal(log_file_open(path, &file, NULL), STATUS_OK);
    return file;
}

static void assert_content(const char *path, const char *wanted)
{
    struct buf text;
    buf_init(&text, 64 << 20);
    assert_int_equal(file_read(path, &text, NULL), STATUS_OK);
    assert_string_equal(text.len ? text.data : "", wanted);
    buf_release(&text);
}

static void lines_come_in_order(void **state)
{
    (void)state;
    char path[64];
    make_path(path);
    struct log_file *file = open_file(path);
    log_file_put(file, LOG_INFO, STR("one\n"));
    log_file_put(file, LOG_ERROR, STR("two\n"));
    log_file_close(file, CLOSE_MS);
    assert_content(path, "one\ntwo\n");
    unlink(path);
    log_file_put(NULL, LOG_INFO, STR("nothing\n"));
    log_file_close(NULL, 0);
}

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    struct log_file *file;
    struct reason why;
    assert_int_equal(log_file_open("/no/such/folder/log", &file, &why), STATUS_IO);
    assert_non_null(strstr(why.message[LANG_EN], "/no/such/folder/log"));
}

struct writer {
    struct log_file *file;
    char letter;
};

enum { WRITERS = 4, LINES_EACH = 2000 };

static void *put_lines(void *arg)
{
    const struct writer *writer = arg;
    char line[64];
    for (int i = 0; i < LINES_EACH; i++) {
        const int len = snprintf(line, sizeof line, "%c %d\n", writer->letter, i);
        log_file_put(writer->file, LOG_INFO, (struct str){line, (size_t)len});
    }
    return NULL;
}

/* Every line of every writer, whole, each writer's in its order. */
static void count_lines_of(const char *path, int next[WRITERS])
{
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char letter;
    int number;
    while (fscanf(in, "%c %d\n", &letter, &number) == 2) {
        assert_in_range(letter, 'a', 'a' + WRITERS - 1);
        assert_int_equal(number, next[letter - 'a']++);
    }
    assert_true(feof(in));
    fclose(in);
}

/* As logrotate does it: renamed first, then the program is told. */
static void rotation_loses_no_line(void **state)
{
    (void)state;
    char path[64], old[80];
    make_path(path);
    struct log_file *file = open_file(path);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){file, (char)('a' + i)};
        assert_int_equal(pthread_create(&threads[i], NULL, put_lines, &writers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(old, sizeof old, "%s.%d", path, i);
        assert_int_equal(rename(path, old), 0);
        log_file_reopen(file);
        while (access(path, F_OK) != 0)
            usleep(1000);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    log_file_close(file, CLOSE_MS);
    int next[WRITERS] = {0};
    for (int i = 0; i <= 5; i++) {
        snprintf(old, sizeof old, i < 5 ? "%s.%d" : "%s", path, i);
        count_lines_of(old, next);
        unlink(old);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(next[i], LINES_EACH);
}

static void a_failed_reopen_keeps_the_old_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/qvl-log-XXXXXX", path[64], moved[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s.moved", folder);
    struct log_file *file = open_file(path);
    assert_int_equal(rename(folder, moved), 0);
    log_file_reopen(file);
    log_file_put(file, LOG_INFO, STR("still here\n"));
    log_file_close(file, CLOSE_MS);
    snprintf(path, sizeof path, "%s/log", moved);
    assert_content(path, "still here\n");
    unlink(path);
    rmdir(moved);
}

static int64_t now_ms(void)
{
    return clock_ns(&clock_system) / 1000000;
}

/* Nobody reads the pipe: putting does not wait, memory is bounded, closing gives up. */
static void a_blocked_reader_stops_nobody(void **state)
{
    (void)state;
    char path[64];
    make_path(path);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct log_file *file = open_file(path);
    static char line[1024];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    const int64_t begin = now_ms();
    for (int i = 0; i < 3 * LOG_FILE_BUFFER_BYTES / (int)sizeof line; i++)
        log_file_put(file, LOG_INFO, (struct str){line, sizeof line});
    assert_true(log_file_lost(file) > 0);
    log_file_close(file, 50);
    assert_true(now_ms() - begin < 20000);
    signal(SIGPIPE, SIG_IGN);
    close(reader);
    unlink(path);
}

/* A file that may not grow is a full disk. */
static void a_full_disk_is_told_when_there_is_room(void **state)
{
    (void)state;
    char path[64];
    make_path(path);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    struct log_file *file = open_file(path);
    log_file_put(file, LOG_INFO, STR("12345\n"));
    log_file_put(file, LOG_INFO, STR("abcdefgh\n"));
    log_file_put(file, LOG_INFO, STR("ijk\n"));
    while (log_file_lost(file) < 2)
        usleep(1000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    log_file_put(file, LOG_INFO, STR("back\n"));
    struct stat info;
    while (stat(path, &info) == 0 && info.st_size < 16)
        usleep(1000);
    log_file_put(file, LOG_INFO, STR("more\n"));
    log_file_close(file, CLOSE_MS);
    struct buf text;
    buf_init(&text, 4096);
    assert_int_equal(file_read(path, &text, NULL), STATUS_OK);
    assert_true(str_starts(buf_str(&text), "12345\nabcd\nback\n{\"time\":\""));
    assert_non_null(strstr(text.data,
                           "\"level\":\"warning\",\"message\":\"2 log lines were lost\"}\n"
                           "more\n"));
    buf_release(&text);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_in_order),
        cmocka_unit_test(what_cannot_be_opened_is_said),
        cmocka_unit_test(rotation_loses_no_line),
        cmocka_unit_test(a_failed_reopen_keeps_the_old_file),
        cmocka_unit_test(a_blocked_reader_stops_nobody),
        cmocka_unit_test(a_full_disk_is_told_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
