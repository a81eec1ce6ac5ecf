#include "model/impostor.h"

enum { HEAD_BYTES = 64 };

static enum status refuse(const char *path, struct reason *why, const char *en, const char *zh)
{
    reason_set(why, "not_a_checkpoint", "The file %s is %s%.0s.", "文件 %s %.0s%s。", path, en, zh);
    reason_subject(why, "%s", path);
    return STATUS_INVALID;
}

enum status impostor_check(const char *path, struct str head, struct reason *why)
{
    const struct str start = str_trim(str_slice(head, 0, HEAD_BYTES));
    if (str_starts(start, "version https://git-lfs")) {
        const enum status status = refuse(path, why, "a Git LFS pointer, not the file itself",
                                          "只是一个 Git LFS 指针，并不是文件本身");
        reason_hint(why, "Run `git lfs pull` in the checkpoint's folder.",
                    "请在模型目录中执行 `git lfs pull`。");
        return status;
    }
    if (str_starts(start, "<")) {
        const enum status status =
            refuse(path, why, "a web page, not part of a checkpoint", "是一个网页，并不是模型文件");
        reason_hint(why, "The download answered with a page; download the file again.",
                    "下载得到的是网页，请重新下载该文件。");
        return status;
    }
    return STATUS_OK;
}
