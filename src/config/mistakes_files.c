/* Files: who may read and write what the service relies on. */
#include "config/mistakes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void look_for_writable_configuration(struct inspection *in)
{
    struct stat info;
    if (!in->file || stat(in->file, &info) != 0 || !(info.st_mode & (S_IWGRP | S_IWOTH)))
        return;
    mistake_found(in, "Others than its owner may write %s (mode %03o).",
                  "除所有者外，其他用户也可写 %s（权限 %03o）。", in->file,
                  (unsigned)info.st_mode & 0777);
    mistake_fix(in, "chmod go-w %s", "chmod go-w %s", in->file);
}

static void look_for_readable_key(struct inspection *in)
{
    const struct record_list *others = &in->settings->server.tls.others;
    for (size_t i = 0; i <= others->count; i++) {
        const char *key =
            i ? ((const struct tls_pair *)others->items)[i - 1].key : in->settings->server.tls.key;
        struct stat info;
        if (!key[0] || stat(key, &info) != 0 || !(info.st_mode & (S_IROTH | S_IWOTH)))
            continue;
        mistake_found(in, "Everybody on this machine may read the private key %s (mode %03o).",
                      "本机所有用户都可读取私钥 %s（权限 %03o）。", key,
                      (unsigned)info.st_mode & 0777);
        mistake_fix(in, "chmod 600 %s", "chmod 600 %s", key);
        return;
    }
}

static bool is_file(const char *log)
{
    return strchr(log, '/') != NULL;
}

/* The folder of a path. */
static void folder_of(const char *path, char out[4096])
{
    snprintf(out, 4096, "%s", path);
    char *slash = strrchr(out, '/');
    slash[slash == out] = '\0';
}

/* Both logs, one after the other; `log` is NULL behind the second. */
static const char *log_at(const struct inspection *in, size_t index)
{
    const char *const logs[] = {in->settings->log.access, in->settings->log.error, NULL};
    return logs[index];
}

static void look_for_readable_logs(struct inspection *in)
{
    for (size_t i = 0; log_at(in, i); i++) {
        struct stat info;
        const char *log = log_at(in, i);
        if (!is_file(log) || stat(log, &info) != 0 || !(info.st_mode & (S_IROTH | S_IWOTH)))
            continue;
        mistake_found(in, "Everybody on this machine may read the log %s (mode %03o).",
                      "本机所有用户都可读取日志 %s（权限 %03o）。", log,
                      (unsigned)info.st_mode & 0777);
        mistake_fix(in, "chmod 640 %s", "chmod 640 %s", log);
        return;
    }
}

static void look_for_open_log_folders(struct inspection *in)
{
    for (size_t i = 0; log_at(in, i); i++) {
        char folder[4096];
        struct stat info;
        if (!is_file(log_at(in, i)))
            continue;
        folder_of(log_at(in, i), folder);
        if (stat(folder, &info) != 0 || !(info.st_mode & S_IWOTH) || info.st_mode & S_ISVTX)
            continue;
        mistake_found(in, "Everybody on this machine may replace the log %s: all may write to %s.",
                      "本机所有用户都可替换日志 %s：所有用户都可写 %s。", log_at(in, i), folder);
        mistake_fix(in, "Use a folder of the service's own, such as /var/log/qvl.",
                    "请使用服务专用的目录，例如 /var/log/qvl。");
        return;
    }
}

static void look_for_missing_log_folders(struct inspection *in)
{
    for (size_t i = 0; log_at(in, i); i++) {
        char folder[4096];
        if (!is_file(log_at(in, i)))
            continue;
        folder_of(log_at(in, i), folder);
        if (access(folder, W_OK | X_OK) == 0)
            continue;
        mistake_found(in, "The log %s cannot be written: %s.", "无法写入日志 %s：%s。",
                      log_at(in, i), strerror(errno));
        mistake_fix(in, "Make the folder %s, and let the service's user write to it.",
                    "请创建目录 %s，并允许服务的用户写入。", folder);
        return;
    }
}

static void look_for_mixed_logs(struct inspection *in)
{
    const struct settings *settings = in->settings;
    if (settings->log.format != ACCESS_LOG_COMBINED ||
        strcmp(settings->log.access, settings->log.error) != 0)
        return;
    mistake_found(in,
                  "Requests and messages go to %s in two formats, which no reader understands "
                  "together.",
                  "请求和消息以两种格式写入 %s，没有工具能一并读取。", settings->log.access);
    mistake_fix(in, "Give log.access a file of its own, or set log.format: json.",
                "请为 log.access 单独指定文件，或设置 log.format: json。");
}

static void look_for_missing_model(struct inspection *in)
{
    const char *path = in->settings->model.path;
    if (!path[0] || access(path, R_OK) == 0)
        return;
    mistake_found(in, "The model %s cannot be read: %s.", "无法读取模型 %s：%s。", path,
                  strerror(errno));
    mistake_fix(in,
                "Name the folder of a checkpoint, or a GGUF file; relative paths begin at the file "
                "that names them.",
                "请给出检查点目录或 GGUF 文件；相对路径从写出它的文件算起。");
}

const struct mistake mistakes_files[] = {
    {"configuration_writable", FINDING_ERROR, "server.listen", look_for_writable_configuration},
    {"key_readable", FINDING_ERROR, "server.tls.key", look_for_readable_key},
    {"log_readable", FINDING_WARNING, "log.access", look_for_readable_logs},
    {"log_in_open_folder", FINDING_WARNING, "log.access", look_for_open_log_folders},
    {"log_unwritable", FINDING_ERROR, "log.access", look_for_missing_log_folders},
    {"logs_mixed", FINDING_NOTE, "log.format", look_for_mixed_logs},
    {"model_missing", FINDING_ERROR, "model.path", look_for_missing_model},
    {0},
};
