/* Loading the model beside the loop, so that /health answers meanwhile. */
#pragma once

#include "server/service.h"

#include <stdatomic.h>

struct loading {
    struct service *service;
    uv_work_t work;
    enum dtype type; /* of model.quantize */
    _Atomic uint64_t done_bytes, total_bytes;
    struct model *model;
    struct engine *engine;
    enum status status;
    struct reason why;
    void (*on_end)(struct service *service, enum status status, const struct reason *why);
};

/* on_end is called on the loop's thread; the model and the engine are then the service's. */
MUST_CHECK enum status loading_begin(struct service *service,
                                     void (*on_end)(struct service *service, enum status status,
                                                    const struct reason *why),
                                     struct reason *why);
