#include "os/thread_room.h"

#include <pthread.h>

enum { MOST_THREADS = 16 };

static void *wait_for_the_others(void *lock)
{
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    return NULL;
}

enum status thread_room_check(size_t count, size_t stack_bytes, struct reason *why)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[MOST_THREADS];
    pthread_attr_t attributes;
    if (count > MOST_THREADS)
        count = MOST_THREADS;
    if (pthread_attr_init(&attributes) != 0)
        return reason_no_memory(why, count * stack_bytes);
    pthread_attr_setstacksize(&attributes, stack_bytes); /* one that is wrong is not taken */
    size_t started = 0;
    pthread_mutex_lock(&lock);
    while (started < count &&
           pthread_create(&threads[started], &attributes, wait_for_the_others, &lock) == 0)
        started++;
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    pthread_mutex_destroy(&lock);
    return started == count ? STATUS_OK : reason_no_memory(why, count * stack_bytes);
}
