#include "os/thread.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STEP = 5 };

void thread_step_back(void)
{
    errno = 0;
    const int usual = getpriority(PRIO_PROCESS, (id_t)getpid());
    if (errno == 0)
        setpriority(PRIO_PROCESS, 0, usual + STEP);
}
