/* What people put in the place of a checkpoint's files by mistake. */
#pragma once

#include "base/status.h"
#include "base/str.h"

/* Refuses the beginning of a file that is a Git LFS pointer or a web page. `path` names the file.
 * Code: not_a_checkpoint. */
MUST_CHECK enum status impostor_check(const char *path, struct str head, struct reason *why);
