/* Sockets that the service manager opened for this process: systemd's socket activation
 * (sd_listen_fds(3)). */
#pragma once

/* The number of sockets, descriptors ACTIVATION_FIRST and on; 0 if there are none. They are closed
 * in children, and the variables that told of them leave the environment. To be called once. */
int activation_sockets(void);

enum { ACTIVATION_FIRST = 3, ACTIVATION_MAX = 64 };
