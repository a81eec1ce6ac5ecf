/* What the service manager (systemd) hears of the service: loading with its progress, ready, signs
 * of life, stopping. For the loop's thread. */
#pragma once

#include "os/service_manager.h"

#include <stdint.h>

struct service;

struct supervision {
    struct service_manager manager;
    int64_t told_ns;       /* when the progress was told */
    uint64_t loaded_bytes; /* then */
    uint64_t progress;     /* of the engine, at the last sign of life */
};

void supervision_begin(struct service *service);

/* Ten times a second or so. A sign of life says that the loop turns, and that the engine, if it has
 * work, went on since the last one: a machine that computes slowly lives, a thread that hangs does
 * not. */
void supervision_tick(struct service *service, int64_t now_ns);

/* After the state changed. */
void supervision_tell_state(const struct service *service);

void supervision_end(struct service *service);
