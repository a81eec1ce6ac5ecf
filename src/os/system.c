#include "os/system.h"

#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

enum { LINE = 256 };

static FILE *open_below(const char *root, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return fopen(path, "re");
}

/* The first line of a file, without the spaces around it; empty if there is none. */
static void first_line(const char *root, const char *name, char out[LINE])
{
    char line[LINE] = "";
    FILE *file = open_below(root, name);
    if (file && !fgets(line, sizeof line, file))
        *line = '\0';
    if (file)
        fclose(file);
    snprintf(out, LINE, "%.*s", STR_ARG(str_trim(str_from(line))));
}

/* The value of a row KEY=value of os-release(5), which may stand in quotes. */
static bool release_row(const char *root, const char *file_name, const char *key, char out[LINE])
{
    FILE *file = open_below(root, file_name);
    char line[LINE];
    bool found = false;
    while (!found && file && fgets(line, sizeof line, file)) {
        const char *equals = strchr(line, '=');
        if (!equals || !str_is((struct str){line, (size_t)(equals - line)}, key))
            continue;
        struct str value = str_trim(str_from(equals + 1));
        if (value.len >= 2 && (*value.ptr == '"' || *value.ptr == '\'') &&
            value.ptr[value.len - 1] == *value.ptr)
            value = str_slice(value, 1, value.len - 1);
        found = value.len > 0;
        snprintf(out, LINE, "%.*s", STR_ARG(value));
    }
    if (file)
        fclose(file);
    return found;
}

static void distribution(const char *root, char out[LINE])
{
    static const char *const files[] = {"etc/os-release", "usr/lib/os-release"};
    static const char *const keys[] = {"PRETTY_NAME", "NAME", "ID"};
    *out = '\0';
    for (size_t f = 0; f < ARRAY_LEN(files); f++)
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            if (release_row(root, files[f], keys[k], out))
                return;
}

/* Microsoft's kernels name themselves: "4.4.0-19041-Microsoft" is WSL1, "5.15.90.1-microsoft-
 * standard-WSL2" is WSL2. With a kernel of one's own only the door to Windows programs tells. */
static enum system_kind linux_kind(const char *root, const char *kernel)
{
    char version[LINE], door[LINE];
    first_line(root, "proc/version", version);
    first_line(root, "proc/sys/fs/binfmt_misc/WSLInterop", door);
    if (strcasestr(kernel, "wsl2") || strcasestr(kernel, "microsoft-standard"))
        return SYSTEM_WSL2;
    if (strcasestr(kernel, "microsoft") || strcasestr(version, "microsoft"))
        return str_starts(str_from(kernel), "4.4.") ? SYSTEM_WSL1 : SYSTEM_WSL2;
    return *door ? SYSTEM_WSL2 : SYSTEM_LINUX;
}

static void read_linux(const char *root, struct system_facts *out)
{
    static const char *const families[] = {
        [SYSTEM_LINUX] = "Linux", [SYSTEM_WSL1] = "WSL1", [SYSTEM_WSL2] = "WSL2"};
    char name[LINE], kernel[LINE];
    first_line(root, "proc/sys/kernel/osrelease", kernel);
    distribution(root, name);
    out->kind = linux_kind(root, kernel);
    if (*kernel)
        snprintf(out->kernel, sizeof out->kernel, "%.127s", kernel);
    snprintf(out->name, sizeof out->name, "%s%s%.140s", families[out->kind], *name ? ", " : "",
             name);
}

/* The line after <key>ProductVersion</key>: <string>14.5</string>. */
static bool read_macos(const char *root, struct system_facts *out)
{
    FILE *file = open_below(root, "System/Library/CoreServices/SystemVersion.plist");
    char line[LINE], version[32] = "";
    bool wanted = false;
    while (file && !*version && fgets(line, sizeof line, file)) {
        const char *value = strstr(line, "<string>");
        if (wanted && value)
            (void)sscanf(value, "<string>%31[0-9.]", version);
        wanted = strstr(line, "<key>ProductVersion</key>") != NULL;
    }
    if (!file)
        return false;
    fclose(file);
    out->kind = SYSTEM_MACOS;
    snprintf(out->name, sizeof out->name, "macOS%s%s", *version ? " " : "", version);
    return true;
}

void system_facts_read(const char *root, struct system_facts *out)
{
    *out = (struct system_facts){.name = "unknown", .kernel = "unknown"};
    struct utsname names;
    if (!*root && uname(&names) == 0) {
        snprintf(out->name, sizeof out->name, "%.64s", names.sysname);
        snprintf(out->kernel, sizeof out->kernel, "%.64s", names.release);
    }
    char type[LINE];
    first_line(root, "proc/sys/kernel/ostype", type);
    if (str_is(str_from(type), "Linux"))
        read_linux(root, out);
    else
        (void)read_macos(root, out);
}
