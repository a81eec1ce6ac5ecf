#include "base/buf.h"
#include "base/clock.h"
#include "base/test.h"
#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct process_limits usual = {
    .wall_ms = 30000,
    .output_bytes = 1 << 20,
    .memory_bytes = 1 << 30,
    .cpu_seconds = 20,
    .file_bytes = 0,
    .open_files = 16,
};

static bool keep(void *arg, const void *bytes, size_t len)
{
    buf_add(arg, bytes, len);
    return true;
}

static struct process_spec shell(const char *const argv[4], struct buf *out)
{
    return (struct process_spec){.program = "/bin/sh",
                                 .argv = argv,
                                 .input = -1,
                                 .limits = usual,
                                 .on_output = keep,
                                 .arg = out};
}

/* Runs a script; its output is in out_text. */
static struct process_result run(const char *script, struct process_limits limits)
{
    struct buf out;
    struct process_result result;
    struct reason why;
    buf_init(&out, 1 << 20);
    const char *const argv[4] = {"sh", "-c", script};
    struct process_spec spec = shell(argv, &out);
    spec.limits = limits;
    assert_int_equal(process_run(&spec, &result, &why), STATUS_OK);
    buf_release(&out);
    return result;
}

static void check_output(const char *script, const char *expected)
{
    struct buf out;
    struct process_result result;
    struct reason why;
    buf_init(&out, 1 << 20);
    const char *const argv[4] = {"sh", "-c", script};
    const struct process_spec spec = shell(argv, &out);
    assert_int_equal(process_run(&spec, &result, &why), STATUS_OK);
    if (!str_is(buf_str(&out), expected))
        fail_msg("%s: %.*s%s", script, STR_ARG(buf_str(&out)), result.errors);
    buf_release(&out);
}

static void no_child_is_left(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void says_how_it_ended(void **state)
{
    (void)state;
    struct process_result result = run("echo out; echo err >&2; exit 3", usual);
    assert_int_equal(result.end, PROCESS_EXITED);
    assert_int_equal(result.code, 3);
    assert_string_equal(result.errors, "err\n");
    result = run("kill -SEGV $$", usual);
    assert_int_equal(result.end, PROCESS_SIGNALED);
    assert_int_equal(result.code, SIGSEGV);
    result = run("kill -9 $$", usual);
    assert_int_equal(result.end, PROCESS_SIGNALED);
    assert_int_equal(result.code, SIGKILL);
    no_child_is_left();
}

/* Words of a file name, an option or a shell mean nothing: there is no shell. */
static void arguments_arrive_as_they_are(void **state)
{
    (void)state;
    struct buf out;
    struct process_result result;
    buf_init(&out, 1000);
    const char *const argv[] = {"printf", "%s|%s|%s", "$(id)", "a b;", "", NULL};
    char program[256];
    assert_true(process_find("printf", program, sizeof program));
    const struct process_spec spec = {.program = program,
                                      .argv = argv,
                                      .input = -1,
                                      .limits = usual,
                                      .on_output = keep,
                                      .arg = &out};
    assert_int_equal(process_run(&spec, &result, NULL), STATUS_OK);
    assert_true(str_is(buf_str(&out), "$(id)|a b;|"));
    buf_release(&out);
}

static void the_child_has_only_what_it_was_given(void **state)
{
    (void)state;
    setenv("QVL_SECRET", "hunter2", 1);
    const int leaking = open("/dev/null", O_RDONLY); /* not close-on-exec */
    signal(SIGPIPE, SIG_IGN);
    check_output("ls /proc/self/fd | wc -l", "4\n"); /* its own directory is the fourth */
    check_output("echo \"$QVL_SECRET$HOME\"", "\n");
    check_output("echo $LC_ALL", "C\n");
    check_output("cat", "");
    check_output("grep -E 'SigIgn|SigBlk' /proc/self/status | tr -d '\\t\\n'",
                 "SigBlk:0000000000000000SigIgn:0000000000000000");
    check_output("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n");
    check_output("ulimit -c; ulimit -t; ulimit -f; ulimit -n; ulimit -v",
                 "0\n20\n0\n16\n1048576\n");
    check_output("test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo own", "own\n");
    signal(SIGPIPE, SIG_DFL);
    close(leaking);
    unsetenv("QVL_SECRET");
}

static void a_descriptor_becomes_its_input(void **state)
{
    (void)state;
    int ends[2];
    struct buf out;
    struct process_result result;
    buf_init(&out, 100);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    close(ends[1]);
    const char *const argv[4] = {"sh", "-c", "cat"};
    struct process_spec spec = shell(argv, &out);
    spec.input = ends[0];
    assert_int_equal(process_run(&spec, &result, NULL), STATUS_OK);
    assert_true(str_is(buf_str(&out), "hello"));
    close(ends[0]);
    buf_release(&out);
}

static void works_without_standard_descriptors(void **state)
{
    (void)state;
    const int saved = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    check_output("cat; echo fine", "fine\n");
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static int64_t milliseconds(void)
{
    return clock_ns(&clock_system) / 1000000;
}

static void ends_at_the_deadline(void **state)
{
    (void)state;
    struct process_limits limits = usual;
    limits.wall_ms = 200;
    static const char *const scripts[] = {"sleep 100", "sleep 100 & sleep 100",
                                          "exec >&- 2>&-; sleep 100", "trap '' TERM; sleep 100",
                                          "while :; do :; done"};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        const int64_t begin = milliseconds();
        assert_int_equal(run(scripts[i], limits).end, PROCESS_OUT_OF_TIME);
        assert_true(milliseconds() - begin >= 200);
        assert_true(milliseconds() - begin < 20000);
    }
    no_child_is_left();
}

/* The pipes are still open in a child of the child. */
static void kills_what_the_child_left_running(void **state)
{
    (void)state;
    const int64_t begin = milliseconds();
    const struct process_result result = run("sleep 100 & exit 5", usual);
    assert_int_equal(result.end, PROCESS_EXITED);
    assert_int_equal(result.code, 5);
    assert_true(milliseconds() - begin < 20000);
}

static void limits_hold(void **state)
{
    (void)state;
    struct process_limits limits = usual;
    limits.output_bytes = 100000;
    assert_int_equal(run("yes", limits).end, PROCESS_TOO_MUCH_OUTPUT);
    assert_int_equal(run("head -c 100000 /dev/zero", limits).end, PROCESS_EXITED);
    limits = usual;
    limits.cpu_seconds = 1;
    struct process_result result = run("while :; do :; done", limits);
    assert_int_equal(result.end, PROCESS_SIGNALED);
    assert_true(result.code == SIGXCPU || result.code == SIGKILL);
    limits = usual;
    limits.memory_bytes = 64 << 20;
    result = run("x=$(head -c 200000000 /dev/zero | tr '\\0' x); exit 0", limits);
    assert_false(result.end == PROCESS_EXITED && result.code == 0);
    char script[128];
    snprintf(script, sizeof script, "echo x > /tmp/qvl-process-%d", (int)getpid());
    result = run(script, usual);
    assert_false(result.end == PROCESS_EXITED && result.code == 0);
    unlink(script + strlen("echo x > "));
    no_child_is_left();
}

static void keeps_the_beginning_of_the_errors(void **state)
{
    (void)state;
    const struct process_result result = run(
        "i=0; while [ $i -lt 9999 ]; do echo 'a longer line' >&2; i=$((i+1)); done; exit 7", usual);
    assert_int_equal(result.end, PROCESS_EXITED);
    assert_int_equal(result.code, 7);
    assert_int_equal(strlen(result.errors), PROCESS_ERRORS_BYTES - 1);
    assert_memory_equal(result.errors, "a longer line\n", 14);
}

static bool refuse(void *arg, const void *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)arg += len;
    return false;
}

static void stops_when_nobody_wants_more(void **state)
{
    (void)state;
    size_t taken = 0;
    struct process_result result;
    const char *const argv[4] = {"sh", "-c", "echo x; sleep 100"};
    struct process_spec spec = shell(argv, NULL);
    spec.on_output = refuse;
    spec.arg = &taken;
    assert_int_equal(process_run(&spec, &result, NULL), STATUS_OK);
    assert_int_equal(result.end, PROCESS_STOPPED);
    assert_int_equal(taken, 2);
}

static atomic_bool cancelled;

static void *cancel_soon(void *unused)
{
    (void)unused;
    usleep(100000);
    atomic_store(&cancelled, true);
    return NULL;
}

static void stops_when_cancelled(void **state)
{
    (void)state;
    pthread_t thread;
    struct process_result result;
    const char *const argv[4] = {"sh", "-c", "sleep 100"};
    struct process_spec spec = shell(argv, NULL);
    spec.on_output = NULL;
    spec.cancelled = &cancelled;
    const int64_t begin = milliseconds();
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, NULL), 0);
    assert_int_equal(process_run(&spec, &result, NULL), STATUS_OK);
    assert_int_equal(result.end, PROCESS_CANCELLED);
    assert_true(milliseconds() - begin < 20000);
    pthread_join(thread, NULL);
    no_child_is_left();
}

static void says_that_a_program_cannot_be_started(void **state)
{
    (void)state;
    char program[256];
    assert_false(process_find("qvl-no-such-program", program, sizeof program));
    assert_true(process_find("sh", program, sizeof program));
    assert_int_equal(program[0], '/');
#ifndef __SANITIZE_THREAD__ /* which makes a fork of vfork, and the child cannot tell */
    static const char *const programs[] = {"/nowhere/program", "/etc/passwd", "/"};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        struct process_result result;
        struct reason why;
        const char *const argv[4] = {"x"};
        struct process_spec spec = shell(argv, NULL);
        spec.program = programs[i];
        assert_int_equal(process_run(&spec, &result, &why), STATUS_IO);
        assert_string_equal(why.code, "process_failed");
    }
#endif
    no_child_is_left();
}

static void *run_some(void *arg)
{
    (void)arg;
    struct process_limits quick = usual;
    quick.wall_ms = 30;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(run("echo hello; exit 4", usual).code, 4);
        assert_int_equal(run("sleep 100", quick).end, PROCESS_OUT_OF_TIME);
        assert_int_equal(run("kill -9 $$", usual).code, SIGKILL);
    }
    return NULL;
}

/* Each child sees the end of its own pipes, whatever runs beside it, and nothing stays open. */
static void many_run_at_once(void **state)
{
    (void)state;
    pthread_t threads[8];
    const int before = open_descriptors();
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_some, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(open_descriptors(), before);
    no_child_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_it_ended),
        cmocka_unit_test(arguments_arrive_as_they_are),
        cmocka_unit_test(the_child_has_only_what_it_was_given),
        cmocka_unit_test(a_descriptor_becomes_its_input),
        cmocka_unit_test(works_without_standard_descriptors),
        cmocka_unit_test(ends_at_the_deadline),
        cmocka_unit_test(kills_what_the_child_left_running),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(keeps_the_beginning_of_the_errors),
        cmocka_unit_test(stops_when_nobody_wants_more),
        cmocka_unit_test(stops_when_cancelled),
        cmocka_unit_test(says_that_a_program_cannot_be_started),
        cmocka_unit_test(many_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
