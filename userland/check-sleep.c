/* nanosleep and clock_nanosleep: nobody wakes early, those who sleep less wake first, and nonsense is
 * refused. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define LATE        (500 * MILLISECOND) /* generous: other processes have their turns */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static long sleep_for(int64_t nanoseconds)
{
    struct timespec time = {.tv_sec = nanoseconds / SECOND, .tv_nsec = nanoseconds % SECOND};
    return system_call(SYS_nanosleep, &time, NULL);
}

static void durations(void)
{
    const int64_t times[] = {0, 1, 1000, MILLISECOND, 7 * MILLISECOND, 50 * MILLISECOND};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        int64_t start = now();
        check_result("nanosleep", sleep_for(times[i]), 0);
        int64_t slept = now() - start;
        check_that(slept >= times[i] && (check_time_is_hosts || slept < times[i] + LATE),
                   "%ld ns of sleep took %ld ns", times[i], slept);
    }
}

static void absolute_times(void)
{
    int64_t start = now(), wake = start + 20 * MILLISECOND;
    struct timespec until = {.tv_sec = wake / SECOND, .tv_nsec = wake % SECOND};
    check_result("clock_nanosleep until",
                 system_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    check_that(now() >= wake && (check_time_is_hosts || now() < wake + LATE),
               "slept until %ld instead of %ld", now() - start, wake - start);
    start = now();
    check_result("clock_nanosleep until what has passed",
                 system_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0);
    check_that(check_time_is_hosts || now() - start < LATE, "that took %ld ns", now() - start);
    struct timespec shortly = {.tv_nsec = 2 * MILLISECOND};
    check_result("clock_nanosleep by the wall clock",
                 system_call(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &shortly, NULL), 0);
}

/* Sleepers of different times report in the order of their waking. */
static void order(void)
{
    static const int delays[] = {120, 40, 160, 80}; /* milliseconds */
    int ends[2];
    if (!check_that(pipe(ends) == 0, "no pipe"))
        return;
    int64_t start = now();
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            int64_t left = start + delays[i] * MILLISECOND - now();
            sleep_for(left > 0 ? left : 0);
            char letter = (char)('a' + i);
            _exit(write(ends[1], &letter, 1) == 1 ? 0 : 1);
        }
    char letters[5] = {0};
    for (int i = 0; i < 4; i++)
        check_that(read(ends[0], &letters[i], 1) == 1, "sleeper %d did not report", i);
    check_that(check_time_is_hosts || strcmp(letters, "bdac") == 0,
               "the sleepers woke in the order %s instead of bdac", letters);
    while (wait(NULL) > 0)
        continue;
    close(ends[0]);
    close(ends[1]);
}

static void nonsense(void)
{
    const struct timespec bad[] = {{0, SECOND},    {0, -1},        {-1, 0},
                                   {0, INT64_MAX}, {INT64_MIN, 0}, {1, INT64_MIN}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_error("nanosleep of no time", system_call(SYS_nanosleep, &bad[i], NULL), EINVAL);
    struct timespec time = {.tv_nsec = 1};
    check_error("clock_nanosleep by no clock", system_call(SYS_clock_nanosleep, 1234, 0, &time, NULL),
                EINVAL);
    check_error("nanosleep of null", system_call(SYS_nanosleep, NULL, NULL), EFAULT);
}

int main(void)
{
    check_begin("check-sleep");
    durations();
    absolute_times();
    order();
    nonsense();
    return check_verdict();
}
