#include "client/outcome.h"

#include "base/str.h"

enum outcome outcome_of_status(int http_status)
{
    if (http_status >= 200 && http_status < 300)
        return OUTCOME_OK;
    if (http_status == 401 || http_status == 403)
        return OUTCOME_REFUSED;
    if (http_status == 429)
        return OUTCOME_LIMITED;
    if (http_status >= 500 && http_status < 600)
        return OUTCOME_SERVER;
    return http_status >= 400 && http_status < 500 ? OUTCOME_REQUEST : OUTCOME_NONSENSE;
}

struct fault_row {
    const char *code;
    enum outcome outcome;
    bool retryable;
};

static const struct fault_row rows[] = {
    {"dns_not_found", OUTCOME_CONNECTION, true},
    {"dns_timeout", OUTCOME_TIMEOUT, true},
    {"connection_refused", OUTCOME_CONNECTION, true},
    {"connection_timeout", OUTCOME_TIMEOUT, true},
    {"connection_reset", OUTCOME_CONNECTION, true},
    {"network_unreachable", OUTCOME_CONNECTION, true},
    {"proxy_not_found", OUTCOME_CONNECTION, true},
    {"proxy_unreachable", OUTCOME_CONNECTION, true},
    {"proxy_auth_required", OUTCOME_CONNECTION, false},
    {"proxy_blocks", OUTCOME_CONNECTION, false},
    {"tls_timeout", OUTCOME_TIMEOUT, true},
    {"tls_expired", OUTCOME_CONNECTION, false},
    {"tls_not_yet_valid", OUTCOME_CONNECTION, false},
    {"tls_self_signed", OUTCOME_CONNECTION, false},
    {"tls_unknown_authority", OUTCOME_CONNECTION, false},
    {"tls_name_mismatch", OUTCOME_CONNECTION, false},
    {"tls_failed", OUTCOME_CONNECTION, false},
    {"plain_server_on_https_url", OUTCOME_CONNECTION, false},
    {"certificate_file_invalid", OUTCOME_REQUEST, false},
    {"ca_file_invalid", OUTCOME_REQUEST, false},
    {"url_invalid", OUTCOME_REQUEST, false},
    {"empty_reply", OUTCOME_CONNECTION, true},
    {"truncated_answer", OUTCOME_CONNECTION, true},
    {"first_byte_timeout", OUTCOME_TIMEOUT, false},
    {"idle_timeout", OUTCOME_TIMEOUT, false},
    {"not_http", OUTCOME_NONSENSE, false},
    {"answer_too_large", OUTCOME_NONSENSE, false},
    {"cancelled", OUTCOME_CANCELLED, false},
    {"transfer_failed", OUTCOME_CONNECTION, false},
};

static const struct fault_row *find(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].code, code) == 0)
            return &rows[i];
    return NULL;
}

bool fault_retryable(const char *code)
{
    const struct fault_row *row = find(code);
    return row && row->retryable;
}

enum outcome outcome_of_fault(const char *code)
{
    const struct fault_row *row = find(code);
    return row ? row->outcome : OUTCOME_REQUEST;
}
