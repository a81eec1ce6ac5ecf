/* The table of routes: what there is, and what access each needs. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

struct call;

/* LOCAL: for programs of this machine, unless metrics.open or metrics.listen say otherwise. */
enum route_access { ACCESS_OPEN, ACCESS_KEY, ACCESS_LOCAL };

#define METRICS_PATH "/metrics"

struct route {
    const char *path;   /* may end in "{id}", which stands for the rest of the path, not empty */
    const char *method; /* GET (HEAD goes with it) or POST */
    enum route_access access;
    /* The whole request is there; it must be answered, now or later. */
    void (*handle)(struct call *call);
};

/* NULL-terminated by a row without path. */
extern const struct route routes[];

/* The route of a path and a method. *known says whether the path exists with another method. */
const struct route *route_find(struct str path, struct str method, bool *known);

/* The methods of a path for the header Allow: "GET, HEAD, OPTIONS". */
void route_allow(struct str path, char *out, size_t size);

/* The part of the path that "{id}" stands for. */
struct str route_id(const struct route *route, struct str path);

/* The nearest route to a path that does not exist; NULL if none is near. */
const char *route_nearest(struct str path);
