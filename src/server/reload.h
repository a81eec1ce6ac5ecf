/* SIGHUP: the configuration is read anew, and takes the place of the old one at once.
 *
 * A configuration with a mistake changes nothing, and the error log says what is wrong with it.
 * Requests that run keep the settings they began with; those that begin afterwards get the new
 * ones. */
#pragma once

#include "server/service.h"

void service_reload(struct service *service);
