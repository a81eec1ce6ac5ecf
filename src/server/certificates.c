#include "server/certificates.h"

#include <stdlib.h>

enum status certificates_load(const struct settings *settings, struct tls **out, struct reason *why)
{
    *out = NULL;
    if (!settings->server.tls.certificate[0])
        return STATUS_OK;
    const struct record_list *others = &settings->server.tls.others;
    struct tls_files *files = calloc(others->count + 1, sizeof *files);
    if (!files)
        return reason_no_memory(why, (others->count + 1) * sizeof *files);
    files[0] = (struct tls_files){settings->server.tls.certificate, settings->server.tls.key};
    for (size_t i = 0; i < others->count; i++) {
        const struct tls_pair *pair = (const struct tls_pair *)others->items + i;
        files[i + 1] = (struct tls_files){pair->certificate, pair->key};
    }
    const char *client_ca = settings->server.tls.client_ca;
    const struct tls_options options = {
        .certificates = files,
        .count = others->count + 1,
        .client_ca = client_ca[0] ? client_ca : NULL,
    };
    const enum status status = tls_create(&options, out, why);
    free(files);
    return status;
}

void certificates_warn(const struct tls *tls, const struct log *log)
{
    struct reason why;
    if (tls && tls_find_invalid(tls, clock_wall_ms(&clock_system) / 1000, &why))
        log_warning(log, "%s Clients will refuse it.", why.message[LANG_EN]);
}
