#include "os/system.h"

#include "base/test.h"
#include "os/cpu.h"
#include "os/fixture_test.h"

static const char *root;

static struct system_facts read_facts(void)
{
    struct system_facts facts;
    system_facts_read(root, &facts);
    return facts;
}

static void write_kernel(const char *release, const char *version)
{
    fixture_write("proc/sys/kernel/ostype", "Linux\n");
    fixture_write("proc/sys/kernel/osrelease", release);
    fixture_write("proc/version", version);
}

static void names_distributions(void **state)
{
    static const struct {
        const char *release, *name;
    } rows[] = {
        {"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n",
         "Linux, Debian GNU/Linux 12 (bookworm)"},
        {"NAME=Fedora\nPRETTY_NAME='Fedora Linux 40 (Server Edition)'\n",
         "Linux, Fedora Linux 40 (Server Edition)"},
        {"NAME=\"Alpine Linux\"\nID=alpine\n", "Linux, Alpine Linux"},
        {"# nothing\nID=arch\n", "Linux, arch"},
        {"", "Linux"},
        {"PRETTY_NAME=\n=\nPRETTY_NAME\n\"", "Linux"},
    };
    (void)state;
    write_kernel("6.1.0-18-amd64\n", "Linux version 6.1.0-18-amd64 (debian-kernel@…)\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture_write("etc/os-release", rows[i].release);
        const struct system_facts facts = read_facts();
        assert_string_equal(facts.name, rows[i].name);
        assert_string_equal(facts.kernel, "6.1.0-18-amd64");
        assert_int_equal(facts.kind, SYSTEM_LINUX);
    }
}

static void recognises_windows_below(void **state)
{
    static const struct {
        const char *release, *version, *name;
        enum system_kind kind;
    } rows[] = {
        {"5.15.90.1-microsoft-standard-WSL2\n",
         "Linux version 5.15.90.1-microsoft-standard-WSL2 (oe-user@oe-host) #1 SMP\n",
         "WSL2, Ubuntu 22.04.4 LTS", SYSTEM_WSL2},
        {"4.19.104-microsoft-standard\n", "Linux version 4.19.104-microsoft-standard\n",
         "WSL2, Ubuntu 22.04.4 LTS", SYSTEM_WSL2},
        {"6.6.9-own\n", "Linux version 6.6.9-own (me@Microsoft-laptop)\n",
         "WSL2, Ubuntu 22.04.4 LTS", SYSTEM_WSL2},
        {"4.4.0-19041-Microsoft\n",
         "Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)\n",
         "WSL1, Ubuntu 22.04.4 LTS", SYSTEM_WSL1},
        {"6.5.0-1-azure\n", "Linux version 6.5.0-1-azure (buildd@lcy02)\n",
         "Linux, Ubuntu 22.04.4 LTS", SYSTEM_LINUX},
    };
    (void)state;
    fixture_write("etc/os-release", "PRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_kernel(rows[i].release, rows[i].version);
        const struct system_facts facts = read_facts();
        assert_string_equal(facts.name, rows[i].name);
        assert_int_equal(facts.kind, rows[i].kind);
    }
    fixture_write("proc/sys/fs/binfmt_misc/WSLInterop", "enabled\n");
    write_kernel("6.6.9-own\n", "Linux version 6.6.9-own\n");
    assert_int_equal(read_facts().kind, SYSTEM_WSL2);
}

static void recognises_macos(void **state)
{
    (void)state;
    fixture_write("System/Library/CoreServices/SystemVersion.plist",
                  "<plist><dict>\n\t<key>ProductName</key>\n\t<string>macOS</string>\n"
                  "\t<key>ProductVersion</key>\n\t<string>14.5</string>\n</dict></plist>\n");
    const struct system_facts facts = read_facts();
    assert_string_equal(facts.name, "macOS 14.5");
    assert_int_equal(facts.kind, SYSTEM_MACOS);
}

static void says_when_nothing_is_known(void **state)
{
    (void)state;
    const struct system_facts facts = read_facts();
    assert_string_equal(facts.name, "unknown");
    assert_string_equal(facts.kernel, "unknown");
    assert_int_equal(facts.kind, SYSTEM_OTHER);
}

static void reads_this_system(void **state)
{
    (void)state;
    struct system_facts facts;
    system_facts_read("", &facts);
    assert_true(facts.kind == SYSTEM_LINUX || facts.kind == SYSTEM_WSL2);
    assert_string_not_equal(facts.kernel, "unknown");
}

static void names_processors(void **state)
{
    char name[64];
    (void)state;
    cpu_model_name_in(root, name, sizeof name);
    assert_string_equal(name, "unknown");
    fixture_write("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 108.00\nHardware\t: BCM2835\n");
    cpu_model_name_in(root, name, sizeof name);
    assert_string_equal(name, "BCM2835");
    fixture_write("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0");
    cpu_model_name_in(root, name, sizeof name);
    assert_string_equal(name, "Raspberry Pi 5 Model B Rev 1.0");
    fixture_write("proc/cpuinfo", "processor\t: 0\nmodel\t\t: 97\n"
                                  "model name\t:  AMD Ryzen 9 7950X 16-Core Processor \n");
    cpu_model_name_in(root, name, sizeof name);
    assert_string_equal(name, "AMD Ryzen 9 7950X 16-Core Processor");
}

static int make_root(void **state)
{
    (void)state;
    root = fixture_create();
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_distributions, make_root, remove_root),
        cmocka_unit_test_setup_teardown(recognises_windows_below, make_root, remove_root),
        cmocka_unit_test_setup_teardown(recognises_macos, make_root, remove_root),
        cmocka_unit_test_setup_teardown(says_when_nothing_is_known, make_root, remove_root),
        cmocka_unit_test_setup_teardown(reads_this_system, make_root, remove_root),
        cmocka_unit_test_setup_teardown(names_processors, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
