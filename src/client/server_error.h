/* What an answer that is not the hoped-for one says, and what to do about it.
 *
 * Reads the error bodies of OpenAI's API and its many relatives: {"error":{…}}, {"error":"…"},
 * FastAPI's "detail", a bare "message", an HTML page's title. */
#pragma once

#include "base/arena.h"
#include "client/endpoint.h"
#include "client/outcome.h"

/* Empty strings: the answer does not say. Text of the answer is shown as it is: the edge must keep
 * its control characters from the terminal. */
struct server_error {
    struct str message, code, type, hint, docs;
    struct str request_id; /* the body's, else the header x-request-id */
    struct str title;      /* of an HTML page */
    bool html, json;
};

/* Strings live in the arena or in the response. */
void server_error_read(struct arena *arena, const struct http_response *response,
                       struct server_error *error);

/* The same for the data of an event that came in a stream. */
void server_error_read_event(struct arena *arena, struct str data, struct server_error *error);

/* The class of an error event in a stream, which has no HTTP status: by its type. */
enum outcome server_error_outcome(const struct server_error *error);

/* One sentence on what the answer means, and advice as the hint. For a status of 200 to 299 it says
 * that the answer makes no sense. */
void server_error_explain(const struct server_error *error, const struct http_response *response,
                          const struct endpoint *endpoint, const struct clock *clock,
                          struct reason *why);

/* The advice for a failed connection that only the endpoint can give: "Start it with: qvl serve".
 */
void endpoint_advise(const struct endpoint *endpoint, struct reason *why);
