#include "cli/demo_model.h"

#include "os/file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LEVELS_UP = 4 };

bool demo_model_find(char *out, size_t size)
{
    static const char *const places[] = {"share/qvl/models/demo", "models/demo"};
    char directory[PATH_BYTES];
    const ssize_t n = readlink("/proc/self/exe", directory, sizeof directory - 1);
    if (n <= 0)
        return false;
    directory[n] = '\0';
    for (int level = 0; level < LEVELS_UP; level++) {
        char *slash = strrchr(directory, '/');
        if (!slash)
            return false;
        *slash = '\0';
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (path_join(out, size, directory, places[i]) && file_is_directory(out))
                return true;
    }
    return false;
}
