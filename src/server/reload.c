#include "server/reload.h"

#include "config/table.h"
#include "server/certificates.h"
#include "server/http_options.h"

enum { NAMES_BYTES = 8 << 10 };

/* The names of what differs, with commas: what has changed, or what needs a restart to change. */
static void list_changes(const struct settings *before, const struct settings *now, bool restart,
                         struct buf *out)
{
    const struct setting_table *table = now->snapshot->table;
    for (size_t i = 0;; i++) {
        i = snapshot_next_change(before->snapshot, now->snapshot, i);
        if (i == table->count)
            return;
        if (table->rows[i].restart == restart)
            buf_printf(out, "%s%s", out->len ? ", " : "", table->rows[i].path);
    }
}

static void tell_list(const struct service *service, struct settings *before, bool restart,
                      const char *format)
{
    struct buf names;
    buf_init(&names, NAMES_BYTES);
    list_changes(before, service->settings, restart, &names);
    if (names.len > 0)
        log_write(&service->logs.root, restart ? LOG_WARNING : LOG_INFO, format, names.data);
    buf_release(&names);
}

static void tell(const struct service *service, struct settings *before)
{
    const struct log *log = &service->logs.root;
    const struct snapshot *now = service->settings->snapshot;
    log_info(log, "The configuration was read anew: version %u.", service->policy_version);
    tell_list(service, before, false, "Changed: %s.");
    tell_list(service, service->first, true, "Changed, but as before until a restart: %s.");
    for (size_t i = 0; i < now->warnings.count; i++)
        log_warning(log, "%s", now->warnings.items[i].text[LANG_EN]);
}

static void tell_failure(const struct service *service, const struct reason *why)
{
    log_error(&service->logs.root,
              "The configuration was not read anew, and stays as it was: %s%s%s%s%s", why->subject,
              why->subject[0] ? ": " : "", why->message[LANG_EN], why->hint[LANG_EN][0] ? " " : "",
              why->hint[LANG_EN]);
}

/* Everything that can fail, before anything changes; the logs change last, all or nothing. */
static enum status prepare(struct service *service, struct settings *now, struct tls **tls,
                           struct reason *why)
{
    const struct settings *first = service->first;
    const bool spoke_tls = first->server.tls.certificate[0];
    enum status status = certificates_load(now, tls, why);
    if (!status && spoke_tls && !*tls) {
        reason_set(why, "config_invalid_value",
                   "The listeners speak TLS until a restart, so there must be a certificate.",
                   "监听在重启前使用 TLS，因此必须有证书。");
        status = STATUS_INVALID;
    }
    if (!status)
        status = logs_change(&service->logs, service->settings, now, why);
    if (status) {
        tls_release(*tls);
        settings_release(now);
    }
    return status;
}

/* Cannot fail. */
static void change_servers(const struct service *service, const struct settings *now,
                           struct tls *tls)
{
    const struct http_server_options options = http_options_of(now);
    http_server_set_options(service->http, &options);
    http_server_set_tls(service->http, tls);
    if (!service->metrics_http)
        return;
    const struct http_server_options metrics = http_options_of_metrics(now);
    http_server_set_options(service->metrics_http, &metrics);
    http_server_set_tls(service->metrics_http, tls);
}

void service_reload(struct service *service)
{
    struct settings *now, *before = service->settings;
    struct tls *tls = NULL;
    struct reason why;
    if (service->stopping)
        return; /* there are no servers any more */
    enum status status = service->hooks.load(service->hooks.arg, &now, &why);
    if (!status)
        status = prepare(service, now, &tls, &why);
    if (status) {
        tell_failure(service, &why);
        return;
    }
    change_servers(service, now, tls);
    service->settings = now;
    service->policy_version++;
    tell(service, before);
    certificates_warn(tls, &service->logs.root);
    tls_release(tls);
    settings_release(before);
}
