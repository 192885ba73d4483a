/* Setting the time of day: what stays, who wakes, and that no reader ever sees half of a change.
 *
 * The clock is Quire's alone to set: on Linux only what is refused there too is tried. */
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

/* FUTEX_WAIT_BITSET, private, by the wall clock: of linux/futex.h, which is not among the C library's headers. */
#define FUTEX_WAIT_UNTIL_DAY (9 | 128 | 256)

#define HOUR                 3600
#define SECOND               INT64_C(1000000000)
#define READERS              3
#define CHANGES              10000
#define SETTLE_TIME          20000000 /* nanoseconds: until a thread sleeps */

typedef int time_function(struct timeval *time, struct timezone *zone);

static int64_t clock_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static long settime(clockid_t clock, long seconds, long nanoseconds)
{
    struct timespec time = {seconds, nanoseconds};
    return syscall(SYS_clock_settime, clock, &time) == 0 ? 0 : -errno;
}

static long settimeofday_raw(long seconds, long microseconds, int minutes_west)
{
    struct timeval time = {seconds, microseconds};
    struct timezone zone = {minutes_west, 0};
    return syscall(SYS_settimeofday, &time, &zone) == 0 ? 0 : -errno;
}

static void move_clock(long seconds)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    check_result("clock_settime", settime(CLOCK_REALTIME, time.tv_sec + seconds, time.tv_nsec), 0);
}

static void refusals(void)
{
    check_error("setting the monotonic clock", settime(CLOCK_MONOTONIC, 1, 0), EINVAL);
    check_error("setting no clock", settime(1000, 1, 0), EINVAL);
    if (check_on_linux)
        return;
    check_error("10^9 nanoseconds", settime(CLOCK_REALTIME, 1, SECOND), EINVAL);
    check_error("-1 nanoseconds", settime(CLOCK_REALTIME, 1, -1), EINVAL);
    check_error("before 1970", settime(CLOCK_REALTIME, -1, 0), EINVAL);
    check_error("before the machine's start", settime(CLOCK_REALTIME, 0, 0), EINVAL);
    check_error("the end of time", settime(CLOCK_REALTIME, INT64_MAX, 0), EINVAL);
    check_error("10^6 microseconds", settimeofday_raw(1, 1000000, 0), EINVAL);
    check_error("a zone beyond the earth", settimeofday_raw(1000000000, 0, 16 * 60), EINVAL);
    check_result("settimeofday of nothing", syscall(SYS_settimeofday, NULL, NULL), 0);
}

/* The library's functions, which may not enter the kernel, and the kernel say the same; the monotonic clock goes on. */
static void an_hour_on(void)
{
    int64_t before = clock_of(CLOCK_REALTIME), monotonic = clock_of(CLOCK_MONOTONIC);
    move_clock(HOUR);
    int64_t moved = clock_of(CLOCK_REALTIME) - before, passed = clock_of(CLOCK_MONOTONIC) - monotonic;
    check_that(moved >= HOUR * SECOND && moved <= HOUR * SECOND + passed + SECOND,
               "an hour moved the clock by %ld ns, while %ld passed", (long)moved, (long)passed);
    check_that(passed >= 0 && passed < HOUR * SECOND / 2, "the monotonic clock moved by %ld ns",
               (long)passed);
    struct timespec asked;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &asked);
    check_that(asked.tv_sec - (moved + before) / SECOND < HOUR / 2, "the kernel tells another time");
    move_clock(-HOUR);
    check_that(clock_of(CLOCK_REALTIME) - before < HOUR * SECOND / 2, "the hour was not taken back");
}

/* --- sleeping until a time of day --- */

static struct timespec wanted;
static atomic_bool awake;
static atomic_int result;

static void *sleep_by_call(void *unused)
{
    (void)unused;
    result = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &wanted, NULL);
    awake = true;
    return NULL;
}

static void *sleep_by_futex(void *unused)
{
    (void)unused;
    uint32_t word = 0;
    long error = syscall(SYS_futex, &word, FUTEX_WAIT_UNTIL_DAY, 0, &wanted, NULL, UINT32_MAX);
    result = error != 0 && errno == ETIMEDOUT ? 0 : errno;
    awake = true;
    return NULL;
}

/* Asleep until an hour from now. Set back, the clock lets it sleep on; when it is past that hour the sleeper wakes. */
static void sleeper(const char *what, void *(*function)(void *))
{
    pthread_t thread;
    awake = false;
    result = -1;
    clock_gettime(CLOCK_REALTIME, &wanted);
    wanted.tv_sec += HOUR;
    check_result("pthread_create", pthread_create(&thread, NULL, function, NULL), 0);
    check_nap(SETTLE_TIME);
    move_clock(-HOUR);
    check_nap(SETTLE_TIME);
    check_that(!awake, "%s: the clock was set back, and it woke", what);
    int64_t monotonic = clock_of(CLOCK_MONOTONIC);
    move_clock(3 * HOUR);
    pthread_join(thread, NULL);
    check_that(result == 0, "%s: error %d", what, result);
    int64_t took = clock_of(CLOCK_MONOTONIC) - monotonic;
    check_that(took < HOUR / 2 * SECOND, "%s: woke %ld ns after the clock was set past its time", what,
               (long)took);
    move_clock(-2 * HOUR);
}

/* --- changes under readers --- */

/* Two settings, far apart: of time and of zone. */
static const struct {
    long seconds;
    int zone;
} settings[] = {{1000000000, 100}, {2000000000, -200}};

static atomic_bool changing;
static atomic_long torn;
static time_function *functions[2]; /* the kernel's and the vDSO's, if there is one */

static int by_call(struct timeval *time, struct timezone *zone)
{
    return (int)syscall(SYS_gettimeofday, time, zone);
}

static void *reader(void *unused)
{
    (void)unused;
    while (changing) {
        for (int i = 0; i < 2 && functions[i] != NULL; i++) {
            struct timeval time;
            struct timezone zone;
            functions[i](&time, &zone);
            torn += zone.tz_minuteswest != settings[time.tv_sec >= settings[1].seconds].zone;
        }
    }
    return NULL;
}

/* __vdso_gettimeofday of what AT_SYSINFO_EHDR points to, by its dynamic symbols; NULL when there is none. */
static time_function *vdso_function(void)
{
    uintptr_t base = getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
    const Elf64_Sym *symbols = NULL;
    const char *names = NULL;
    const uint32_t *hash = NULL;
    if (base == 0)
        return NULL;
    const Elf64_Phdr *part = (const Elf64_Phdr *)(base + header->e_phoff);
    while (part->p_type != PT_DYNAMIC)
        part++;
    for (const Elf64_Dyn *entry = (const Elf64_Dyn *)(base + part->p_offset); entry->d_tag != DT_NULL;
         entry++) {
        uintptr_t at = base + entry->d_un.d_ptr;
        if (entry->d_tag == DT_SYMTAB)
            symbols = (const Elf64_Sym *)at;
        else if (entry->d_tag == DT_STRTAB)
            names = (const char *)at;
        else if (entry->d_tag == DT_HASH)
            hash = (const uint32_t *)at;
    }
    for (uint32_t i = 0; symbols != NULL && names != NULL && hash != NULL && i < hash[1]; i++)
        if (strcmp(names + symbols[i].st_name, "__vdso_gettimeofday") == 0)
            return (time_function *)(base + symbols[i].st_value);
    return NULL;
}

static void changes_under_readers(void)
{
    pthread_t threads[READERS];
    int64_t before = clock_of(CLOCK_REALTIME), monotonic = clock_of(CLOCK_MONOTONIC);
    functions[0] = by_call;
    functions[1] = vdso_function();
    check_that(functions[1] != NULL, "the vDSO has no gettimeofday");
    check_result("settimeofday", settimeofday_raw(settings[0].seconds, 0, settings[0].zone), 0);
    long refused = 0;
    changing = true;
    for (int i = 0; i < READERS; i++)
        check_result("pthread_create", pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (int i = 1; i <= CHANGES; i++)
        refused += settimeofday_raw(settings[i % 2].seconds, 0, settings[i % 2].zone) != 0;
    changing = false;
    check_result("settimeofday", refused, 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    check_that(torn == 0, "%ld readers saw the time of one setting and the zone of another", (long)torn);
    before += clock_of(CLOCK_MONOTONIC) - monotonic;
    check_result("settimeofday", settimeofday_raw(before / SECOND, before % SECOND / 1000, 0), 0);
}

int main(void)
{
    check_begin("thread-wall-clock");
    refusals();
    if (!check_on_linux) {
        an_hour_on();
        sleeper("clock_nanosleep", sleep_by_call);
        sleeper("futex", sleep_by_futex);
        changes_under_readers();
    }
    return check_verdict();
}
