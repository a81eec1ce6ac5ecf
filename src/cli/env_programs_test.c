/* Children of qvl env: fake programs on PATH. */
#include "base/test.h"
#include "cli/env_gpus.h"
#include "cli/env_tools.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/qvl-env-XXXXXX";

/* A shell script that is found before any other program of that name. */
static void write_program(const char *name, const char *script)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
}

static void parses_cards(void **state)
{
    (void)state;
    struct gpus gpus = {0};
    gpus_parse("NVIDIA H100 80GB HBM3, 81559, 81007\n"
               "NVIDIA GeForce RTX 4080, 16376, 15012\r\n"
               "Card, with commas, 100, 7\n"
               "\n"
               "NVIDIA GB10, [N/A], [N/A]\n",
               &gpus);
    assert_int_equal(gpus.count, 4);
    assert_int_equal(gpus.unreadable, 0);
    assert_string_equal(gpus.list[0].name, "NVIDIA H100 80GB HBM3");
    assert_true(gpus.list[0].total == 81559ull << 20 && gpus.list[0].free == 81007ull << 20);
    assert_string_equal(gpus.list[1].name, "NVIDIA GeForce RTX 4080");
    assert_true(gpus.list[1].free == 15012ull << 20);
    assert_string_equal(gpus.list[2].name, "Card, with commas");
    assert_string_equal(gpus.list[3].name, "NVIDIA GB10");
    assert_true(gpus.list[3].total == 0 && gpus.list[3].free == 0);
}

static void leaves_nonsense_out(void **state)
{
    static const char *const lines[] = {
        "No devices were found",
        "name, 16376",
        ", 16376, 15012",
        "card, 16376 MiB, 15012 MiB",
        "card, -1, -1",
        "card, 1, 2",
        "card, 99999999999999999999999, 1",
        "card, , ",
        ",,",
        "card, 0x10, 1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct gpus gpus = {0};
        gpus_parse(lines[i], &gpus);
        assert_int_equal(gpus.count, 0);
        assert_int_equal(gpus.unreadable, 1);
    }
}

static void keeps_no_more_than_there_is_room(void **state)
{
    (void)state;
    char text[200 * 12] = "";
    for (int i = 0; i < 100; i++)
        strcat(text, "card, 2, 1\n");
    struct gpus gpus = {0};
    gpus_parse(text, &gpus);
    assert_int_equal(gpus.count, GPUS_MAX);
    assert_int_equal(gpus.unreadable, 100 - GPUS_MAX);
}

static void asks_nvidia_smi(void **state)
{
    (void)state;
    struct gpus gpus;
    write_program("nvidia-smi", "[ \"$1\" = --query-gpu=name,memory.total,memory.free ] || exit 3\n"
                                "[ \"$2\" = --format=csv,noheader,nounits ] || exit 3\n"
                                "echo 'NVIDIA A10, 23028, 22500'");
    gpus_read(20000, &gpus);
    assert_int_equal(gpus.end, CHILD_DONE);
    assert_int_equal(gpus.count, 1);
    assert_string_equal(gpus.list[0].name, "NVIDIA A10");
    assert_string_equal(gpus.fault, "");
}

static void tells_what_nvidia_smi_complains_of(void **state)
{
    (void)state;
    struct gpus gpus;
    write_program("nvidia-smi", "echo 'NVIDIA-SMI has failed because it could not reach the "
                                "driver.'; echo more; exit 9");
    gpus_read(20000, &gpus);
    assert_int_equal(gpus.end, CHILD_FAILED);
    assert_string_equal(gpus.fault, "NVIDIA-SMI has failed because it could not reach the driver.");
    write_program("nvidia-smi", "echo out; printf '\\n\\033[31mno driver\\n' >&2; exit 1");
    gpus_read(20000, &gpus);
    assert_string_equal(gpus.fault, "?[31mno driver");
    write_program("nvidia-smi", "echo 'No devices were found'");
    gpus_read(20000, &gpus);
    assert_int_equal(gpus.end, CHILD_FAILED);
    assert_string_equal(gpus.fault, "No devices were found");
    assert_int_equal(gpus.count, 0);
    write_program("nvidia-smi", "head -c 3000000 /dev/zero");
    gpus_read(20000, &gpus);
    assert_int_equal(gpus.end, CHILD_FAILED);
    assert_int_equal(gpus.count, 0);
}

static void does_not_wait_for_a_hanging_program(void **state)
{
    (void)state;
    struct gpus gpus;
    const time_t begun = time(NULL);
    write_program("nvidia-smi", "trap '' TERM; sleep 1000 & sleep 1000");
    gpus_read(200, &gpus);
    assert_int_equal(gpus.end, CHILD_TIMED_OUT);
    assert_int_equal(gpus.count, 0);
    assert_true(time(NULL) - begun < 60);
}

static void no_program_is_no_card(void **state)
{
    (void)state;
    struct gpus gpus;
    if (access("/usr/lib/wsl/lib/nvidia-smi", X_OK) == 0)
        skip();
    gpus_read(20000, &gpus);
    assert_int_equal(gpus.end, CHILD_ABSENT);
    assert_int_equal(gpus.count, 0);
}

static void reads_versions(void **state)
{
    (void)state;
    struct tools tools;
    write_program("python3", "echo python3 3.11.2; echo requests 2.31.0; echo other 1");
    write_program("curl", "echo 'curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1'; echo Release");
    write_program("http", "echo 3.2.1");
    tools_read(20000, &tools);
    assert_string_equal(tools.version[TOOL_PYTHON], "3.11.2");
    assert_string_equal(tools.version[TOOL_REQUESTS], "2.31.0");
    assert_string_equal(tools.version[TOOL_OPENAI], "");
    assert_string_equal(tools.version[TOOL_CURL], "7.88.1");
    assert_string_equal(tools.version[TOOL_HTTPIE], "3.2.1");
    assert_string_equal(tool_name(TOOL_HTTPIE), "httpie");
}

static void believes_no_nonsense(void **state)
{
    (void)state;
    struct tools tools;
    write_program("python3", "echo 'python3: command not found' >&2; exit 127");
    write_program("curl", "sleep 1000");
    write_program("http", "echo 'usage: http'; exit 0");
    tools_read(200, &tools);
    for (int i = 0; i < TOOL_COUNT; i++)
        assert_string_equal(tools.version[i], "");
}

static void the_python_program_is_python(void **state)
{
    (void)state;
    struct tools tools;
    setenv("PATH", "/usr/bin:/bin", 1);
    if (system("command -v python3 > /dev/null") != 0)
        skip();
    tools_read(60000, &tools);
    assert_int_equal(tools.version[TOOL_PYTHON][0], '3');
}

static int make_folder(void **state)
{
    (void)state;
    char path[128];
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", folder);
    return setenv("PATH", path, 1);
}

/* Without the programs of this machine. */
static int make_lonely_folder(void **state)
{
    const int failed = make_folder(state);
    return failed ? failed : setenv("PATH", folder, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_cards),
        cmocka_unit_test(leaves_nonsense_out),
        cmocka_unit_test(keeps_no_more_than_there_is_room),
        cmocka_unit_test_setup_teardown(asks_nvidia_smi, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(tells_what_nvidia_smi_complains_of, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(does_not_wait_for_a_hanging_program, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(no_program_is_no_card, make_lonely_folder, remove_folder),
        cmocka_unit_test_setup_teardown(reads_versions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(believes_no_nonsense, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_python_program_is_python, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
