/* What requests can make the service read: URLs and files. */
#include "config/mistakes.h"

#include <limits.h>
#include <stdlib.h>

static void look_for_private_fetches(struct inspection *in)
{
    const struct listener *open = listeners_first_open(&in->settings->server.listen);
    if (!in->settings->model.image.allow_private || !in->settings->model.image.fetch || !open)
        return;
    mistake_found(in,
                  "Everybody who can reach %s can have pictures fetched from your internal "
                  "network.",
                  "任何能访问 %s 的人都可以让服务从内网获取图片。", open->text);
    mistake_fix(in,
                "Set model.image.allow_private: false, and name the hosts that are meant in "
                "model.image.allow_addresses.",
                "请设置 model.image.allow_private: false，并在 model.image.allow_addresses "
                "中列出确需访问的主机。");
}

/* At these addresses a cloud tells a machine its secrets. */
static const char *const metadata[] = {"169.254.169.254", "fd00:ec2::254", "100.100.100.200"};

static bool has_metadata(const struct address_range *range)
{
    for (size_t i = 0; i < ARRAY_LEN(metadata); i++) {
        struct address address;
        if (address_parse(str_from(metadata[i]), &address) && address_range_has(range, &address))
            return true;
    }
    return false;
}

static void look_for_metadata(struct inspection *in)
{
    const struct range_list *list = &in->settings->model.image.allow_addresses;
    for (size_t i = 0; i < list->count; i++) {
        char text[ADDRESS_RANGE_TEXT_MAX];
        if (!has_metadata(&list->items[i]))
            continue;
        address_range_write(&list->items[i], text);
        mistake_found(in, "%s holds the address at which a cloud tells a machine its secrets.",
                      "%s 包含云平台向机器提供凭据的地址。", text);
        mistake_fix(in, "Leave that address out of model.image.allow_addresses.",
                    "请从 model.image.allow_addresses 中去掉该地址。");
        return;
    }
}

/* Whether `path` is `folder` or below it; both resolved. */
static bool is_below(const char *path, const char *folder)
{
    char inner[PATH_MAX], outer[PATH_MAX];
    if (!realpath(path, inner) || !realpath(folder, outer))
        return false;
    const size_t len = strlen(outer);
    return strncmp(inner, outer, len) == 0 && (inner[len] == '/' || inner[len] == '\0' || len == 1);
}

static void look_for_wide_root(struct inspection *in)
{
    static const char *const folders[] = {"/etc",  "/root", "/home", "/var",
                                          "/proc", "/sys",  "/run"};
    const char *root = in->settings->model.image.file_root;
    for (size_t i = 0; i < ARRAY_LEN(folders) && root[0]; i++) {
        if (!is_below(folders[i], root))
            continue;
        mistake_found(in, "Requests may name any file below %s, which holds %s.",
                      "请求可以引用 %s 下的任何文件，其中包括 %s。", root, folders[i]);
        mistake_fix(in, "Give pictures a folder of their own.", "请为图片单独设置一个目录。");
        return;
    }
}

static void look_for_secrets_below_root(struct inspection *in)
{
    const struct settings *settings = in->settings;
    const char *root = settings->model.image.file_root;
    const char *const secrets[] = {in->file, settings->server.tls.key, settings->log.access,
                                   settings->log.error};
    for (size_t i = 0; i < ARRAY_LEN(secrets) && root[0]; i++) {
        if (!secrets[i] || !strchr(secrets[i], '/') || !is_below(secrets[i], root) ||
            is_below("/etc", root))
            continue;
        mistake_found(in, "%s lies below %s, whose files requests may name.",
                      "%s 位于请求可以引用的目录 %s 之下。", secrets[i], root);
        mistake_fix(in, "Give pictures a folder of their own.", "请为图片单独设置一个目录。");
        return;
    }
}

const struct mistake mistakes_fetch[] = {
    {"fetches_private", FINDING_ERROR, "model.image.allow_private", look_for_private_fetches},
    {"fetches_metadata", FINDING_ERROR, "model.image.allow_addresses", look_for_metadata},
    {"file_root_too_wide", FINDING_ERROR, "model.image.file_root", look_for_wide_root},
    {"file_root_has_secrets", FINDING_ERROR, "model.image.file_root", look_for_secrets_below_root},
    {0},
};
