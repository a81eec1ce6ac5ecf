/* Copies of a good checkpoint with one fault each, in a temporary folder. */
#pragma once

#include <stdint.h>

enum edit {
    EDIT_REPLACE,   /* the first `from` of the file (of a .safetensors file: of its header, whose
                     * length is put right) becomes `to` */
    EDIT_WRITE,     /* the whole file becomes `to` */
    EDIT_HEADER,    /* the whole file becomes a container with the header `to` and no data */
    EDIT_LENGTH,    /* the header's length field becomes the number `to` */
    EDIT_CUT,       /* `to` bytes remain */
    EDIT_APPEND,    /* `to` is added at the end */
    EDIT_REMOVE,    /* the file is not there */
    EDIT_DIRECTORY, /* a folder has its name */
    EDIT_LOOP,      /* a link to itself, which nobody can read, root included */
    EDIT_EMPTY,     /* the checkpoint's folder is empty */
    EDIT_ABSENT,    /* there is no such folder */
    EDIT_FILE,      /* a file has the folder's name */
    EDIT_NONE,
};

struct fault {
    const char *base; /* folder under tests/golden/models */
    const char *file;
    enum edit edit;
    const char *from, *to;
    const char *code;  /* what loading must say; NULL: it loads */
    const char *names; /* what both messages must name beside the path; may be NULL */
};

/* Makes the copy; `dir` is its path. Fails the test if it cannot. */
void fault_make(const struct fault *fault, char dir[64]);
void fault_remove(const char *dir);
