#include "cli/env_tools.h"

#include "base/str.h"
#include "cli/env_child.h"

#include <stdio.h>

/* Python 3.8 and later know which packages are there without importing them. */
#define PYTHON_PROGRAM                                                                             \
    "import sys\n"                                                                                 \
    "print('python3', '.'.join(map(str, sys.version_info[:3])))\n"                                 \
    "from importlib.metadata import version\n"                                                     \
    "for name in ('requests', 'openai'):\n"                                                        \
    "    try:\n"                                                                                   \
    "        print(name, version(name))\n"                                                         \
    "    except Exception:\n"                                                                      \
    "        pass\n"

const char *tool_name(enum tool tool)
{
    static const char *const names[TOOL_COUNT] = {"python3", "requests", "openai", "curl",
                                                  "httpie"};
    return names[tool];
}

/* A version is a number with points, and perhaps letters: "2.31.0", "1.2rc1". */
static void take_version(struct tools *tools, enum tool tool, const char *text)
{
    const size_t len = strcspn(text, " \r\n");
    if (*text >= '0' && *text <= '9')
        snprintf(tools->version[tool], sizeof tools->version[tool], "%.*s", (int)len, text);
}

/* Lines "name version". */
static void take_lines(struct tools *tools, const char *text)
{
    while (*text) {
        for (int i = TOOL_PYTHON; i <= TOOL_OPENAI; i++) {
            const char *name = tool_name((enum tool)i);
            const size_t len = strlen(name);
            if (strncmp(text, name, len) == 0 && text[len] == ' ')
                take_version(tools, (enum tool)i, text + len + 1);
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
}

void tools_read(int wall_ms, struct tools *out)
{
    static const char *const python[] = {"python3", "-B", "-c", PYTHON_PROGRAM, NULL};
    static const char *const curl[] = {"curl", "--version", NULL};
    static const char *const httpie[] = {"http", "--version", NULL};
    char text[4096];
    *out = (struct tools){0};
    env_child_run(&(struct child_run){"python3", NULL, python, wall_ms}, text, sizeof text, NULL,
                  0);
    take_lines(out, text);
    env_child_run(&(struct child_run){"curl", NULL, curl, wall_ms}, text, sizeof text, NULL, 0);
    if (str_starts(str_from(text), "curl "))
        take_version(out, TOOL_CURL, text + 5);
    if (env_child_run(&(struct child_run){"http", NULL, httpie, wall_ms}, text, sizeof text, NULL,
                      0) == CHILD_DONE)
        take_version(out, TOOL_HTTPIE, text);
}
