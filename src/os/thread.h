/* How threads share scarce processors. */
#pragma once

/* The calling thread, which computes for long, goes behind those that answer quickly: it gets a
 * nicer value than the process' main thread (setpriority(2); on Linux a thread has its own). To be
 * called by all threads of a team, so that none waits for a slower one. */
void thread_step_back(void);
