#include "client/call.h"

#include "client/outcome.h"

#include <stdio.h>
#include <sys/random.h>

static uint64_t random_bits(void)
{
    uint64_t bits = 0;
    while (getrandom(&bits, sizeof bits, 0) != sizeof bits)
        continue;
    return bits;
}

double call_random(void *context)
{
    (void)context;
    return (double)(random_bits() >> 11) * 0x1p-53;
}

void call_idempotency_header(char out[64])
{
    snprintf(out, 64, "Idempotency-Key: qvl-%016llx%016llx", (unsigned long long)random_bits(),
             (unsigned long long)random_bits());
}

static void tell(const struct call *call, int retry, const struct retry_decision *decision,
                 const struct http_response *response, const struct reason *why)
{
    const struct retry_note note = {.retry = retry,
                                    .max_retries = call->policy.max_retries,
                                    .wait_ms = decision->wait_ms,
                                    .asked = decision->asked,
                                    .status = why ? 0 : response->status,
                                    .why = why};
    if (call->on_retry)
        call->on_retry(call->context, &note);
}

enum status call_perform(const struct call *call, const struct http_request *request,
                         http_body_fn *on_body, void *context, struct http_response *response,
                         struct reason *why)
{
    for (int done = 0;; done++) {
        struct reason failure;
        const enum status status = http_client_perform(call->client, call->transport, request,
                                                       on_body, context, response, &failure);
        const bool failed = status != STATUS_OK;
        const bool may_pass = failed && fault_retryable(failure.code);
        const bool final_fault = failed && !may_pass;
        const struct retry_decision decision =
            final_fault ? (struct retry_decision){0}
                        : retry_decide(&call->policy, done, may_pass, response);
        if (!decision.again) {
            if (failed && why)
                *why = failure;
            return status;
        }
        tell(call, done + 1, &decision, response, failed ? &failure : NULL);
        if (!http_client_sleep(call->client, decision.wait_ms)) {
            reason_set(why, "cancelled", "The request was interrupted.", "请求已中断。");
            return STATUS_CANCELLED;
        }
    }
}
