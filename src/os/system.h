/* Which operating system this is. */
#pragma once

enum system_kind {
    SYSTEM_OTHER,
    SYSTEM_LINUX,
    SYSTEM_MACOS,
    SYSTEM_WSL1, /* Windows' emulation of Linux */
    SYSTEM_WSL2, /* Linux in a virtual machine of Windows */
};

struct system_facts {
    enum system_kind kind;
    char name[160];   /* "Linux, Debian GNU/Linux 12 (bookworm)", "WSL2, Ubuntu 22.04.4 LTS",
                       * "macOS 14.5"; "unknown" */
    char kernel[128]; /* "6.1.0-18-amd64"; "unknown" */
};

/* root: "", or a folder with the files of another system, for tests. */
void system_facts_read(const char *root, struct system_facts *out);
