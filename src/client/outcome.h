/* How a call ended, in the classes that exit codes and advice follow. */
#pragma once

#include <stdbool.h>

enum outcome {
    OUTCOME_OK,
    OUTCOME_REQUEST,    /* 4xx other than those below, and what cannot even be sent */
    OUTCOME_REFUSED,    /* 401, 403 */
    OUTCOME_LIMITED,    /* 429 */
    OUTCOME_SERVER,     /* 5xx */
    OUTCOME_CONNECTION, /* DNS, TCP, TLS, reset, a cut answer */
    OUTCOME_TIMEOUT,
    OUTCOME_NONSENSE, /* an answer that is no answer of an API */
    OUTCOME_CANCELLED,
};

/* 200 → OK, 401 → REFUSED, …; 1xx and 3xx are nonsense to an API's client. */
enum outcome outcome_of_status(int http_status);

/* Whether the fault of that code (http_fault.h) may pass when tried again, and its class. */
bool fault_retryable(const char *code);
enum outcome outcome_of_fault(const char *code);
