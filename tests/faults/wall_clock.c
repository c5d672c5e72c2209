/* Stands between a process and its wall clock, for the tests of a clock that jumps.
 *
 * The clock is ahead of the real one by the number of nanoseconds in the file that
 * ROBOT_CELL_WALL_CLOCK names, which may change at any moment. Monotonic time is left alone. What
 * waits until an instant of the wall clock waits until the real clock is there; such instants are
 * told from those of monotonic time by their size, since no machine is up for thirty years.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define WALL_FROM_S 1000000000LL

static const volatile int64_t *page;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ROBOT_CELL_WALL_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        page = mapped;
}

static struct timespec moved(struct timespec at, int64_t by)
{
    int64_t ns = at.tv_sec * SECOND + at.tv_nsec + by;
    return (struct timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static int64_t ahead(void) { return page ? *page : 0; }

static int is_wall(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

static struct timespec real_instant(const struct timespec *until)
{
    return until->tv_sec >= WALL_FROM_S ? moved(*until, -ahead()) : *until;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static __typeof__(&clock_gettime) real;
    if (!real)
        real = REAL(clock_gettime);
    int code = real(clock, now);
    if (code == 0 && is_wall(clock))
        *now = moved(*now, ahead());
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept)
        *kept = now.tv_sec;
    return now.tv_sec;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until, struct timespec *left)
{
    struct timespec real = *until;
    if (is_wall(clock) && (flags & TIMER_ABSTIME))
        real = moved(real, -ahead());
    return REAL(clock_nanosleep)(clock, flags, &real, left);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    struct timespec real = real_instant(until);
    return REAL(pthread_cond_timedwait)(condition, mutex, &real);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until)
{
    struct timespec real = real_instant(until);
    return REAL(pthread_mutex_timedlock)(mutex, &real);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    struct timespec real = real_instant(until);
    return REAL(sem_timedwait)(semaphore, &real);
}
