/* setitimer, getitimer, alarm: SIGALRM in time, once or again and again, until it is stopped; across execve, not across fork; set by several threads at once. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define LATE        (500 * MILLISECOND)
#define PASSED      42

static char *program;
static volatile sig_atomic_t count, most, code, sender;

static void note(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    count++;
    code = info->si_code;
    sender = info->si_pid;
    static const struct itimerval off;
    if (count == most)
        system_call(SYS_setitimer, ITIMER_REAL, &off, NULL);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* In microseconds. */
static struct itimerval timer_of(int64_t value, int64_t interval)
{
    return (struct itimerval){.it_interval = {interval / 1000000, interval % 1000000},
                              .it_value = {value / 1000000, value % 1000000}};
}

static void set(int64_t value, int64_t interval)
{
    struct itimerval timer = timer_of(value, interval);
    count = 0;
    check_result("setitimer", system_call(SYS_setitimer, ITIMER_REAL, &timer, NULL), 0);
}

static int64_t left(void)
{
    struct itimerval timer;
    check_result("getitimer", system_call(SYS_getitimer, ITIMER_REAL, &timer), 0);
    return timer.it_value.tv_sec * 1000000 + timer.it_value.tv_usec;
}

static void count_up_to(int wanted)
{
    int64_t end = now() + 10 * SECOND;
    while (count < wanted && now() < end)
        continue;
}

static void refusals(void)
{
    struct itimerval timer = timer_of(0, 0), wrong[] = {{.it_value = {0, 1000000}},
                                                        {.it_value = {0, -1}},
                                                        {.it_value = {-1, 0}},
                                                        {.it_interval = {0, 1000000}}};
    check_error("no such timer", system_call(SYS_setitimer, 3, &timer, NULL), EINVAL);
    check_error("no such timer", system_call(SYS_getitimer, -1, &timer), EINVAL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        check_error("no such time", system_call(SYS_setitimer, ITIMER_REAL, &wrong[i], NULL), EINVAL);
    check_error("a bad address", system_call(SYS_setitimer, ITIMER_REAL, 16, NULL), EFAULT);
    check_error("a bad address", system_call(SYS_setitimer, ITIMER_REAL, NULL, 16), EFAULT);
    check_error("a bad address", system_call(SYS_getitimer, ITIMER_REAL, 16), EFAULT);
    check_result("no timer is set", left(), 0);
}

static void once(void)
{
    int64_t start = now();
    struct timespec time = {100, 0};
    set(20000, 0);
    int64_t remaining = left();
    check_that(remaining > 0 && remaining <= 20000, "%ld us are left of 20000", remaining);
    check_error("nanosleep", system_call(SYS_nanosleep, &time, NULL), EINTR);
    int64_t took = now() - start;
    check_that(took >= 20 * MILLISECOND && (check_time_is_hosts || took < 20 * MILLISECOND + LATE),
               "20 ms took %ld ns", took);
    check_result("signals", count, 1);
    check_result("its code", code, SI_KERNEL);
    check_result("its sender", sender, 0);
    check_result("nothing is left", left(), 0);
}

static void repeated(void)
{
    int64_t start = now();
    set(1000, 4000);
    count_up_to(11);
    int64_t took = now() - start;
    check_that(count >= 11 && took >= 41 * MILLISECOND &&
                   (check_time_is_hosts || took < 41 * MILLISECOND + LATE),
               "%d signals took %ld ns", count, took);
    struct itimerval off = timer_of(0, 0), before;
    check_result("setitimer", system_call(SYS_setitimer, ITIMER_REAL, &off, &before), 0);
    check_that(before.it_interval.tv_usec == 4000 && before.it_value.tv_usec <= 4000,
               "it was set to %ld and %ld us", before.it_value.tv_usec, before.it_interval.tv_usec);
    int at_end = count;
    check_nap(20 * MILLISECOND);
    check_result("signals after the end", count, at_end);
}

/* Intervals that are over before the handler is leave no time for anything else; it ends them. One more signal may be pending by then. */
static void very_often(void)
{
    most = 50;
    for (int round = 0; round < 20; round++) {
        set(1, 1);
        count_up_to(most);
        for (int64_t end = now() + MILLISECOND; now() < end;)
            continue;
        check_that(count == most || count == most + 1, "%d signals instead of %d", count, most);
    }
    most = 0;
}

/* However long it is blocked, it comes once; then the intervals go on. */
static void blocked(void)
{
    sigset_t alarms, old;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, &old);
    set(1000, 10000);
    check_nap(45 * MILLISECOND);
    check_result("signals while it is blocked", count, 0);
    check_result("left while it is pending", left(), 0);
    sigprocmask(SIG_SETMASK, &old, NULL);
    check_that(count >= 1, "none comes after that");
    check_that(check_time_is_hosts || count == 1, "%d come at once", count);
    count_up_to(4);
    check_that(count >= 4, "the intervals do not go on");
    set(0, 0);
}

static void alarms(void)
{
    check_result("alarm", system_call(SYS_alarm, 100), 0);
    check_result("alarm before", system_call(SYS_alarm, 50), 100);
    check_that(left() > 40000000 && left() <= 50000000, "%ld us are left", left());
    check_result("alarm before", system_call(SYS_alarm, 0), 50);
    set(1000000, 0);
    set(300000, 0);
    check_result("a part of a second", system_call(SYS_alarm, 0), 1);
    check_result("nothing is left", left(), 0);
}

static bool child_passes(pid_t child, int wanted)
{
    int status = 0;
    waitpid(child, &status, 0);
    return status == wanted;
}

static void processes(void)
{
    set(100000000, 1000);
    pid_t child = fork();
    if (child == 0)
        _exit(left() == 0 ? PASSED : 1);
    check_that(child_passes(child, PASSED << 8), "fork's child has no timer");
    check_that(left() > 90000000, "and its parent still has");
    set(0, 0);

    child = fork();
    if (child == 0) {
        set(50000, 0);
        execl("/proc/self/exe", program, "wait", NULL);
        _exit(1);
    }
    check_that(child_passes(child, SIGALRM), "the timer is the new program's too");

    int passed = 0;
    for (int i = 0; i < 30; i++) { /* ends at any moment of it */
        child = fork();
        if (child == 0) {
            set(500, 20000);
            for (int64_t end = now() + i * MILLISECOND / 30; now() < end;)
                continue;
            _exit(PASSED);
        }
        passed += child_passes(child, PASSED << 8);
    }
    check_result("processes that end with a timer", passed, 30);
}

static void *sets(void *argument)
{
    for (int i = 0; i < 300; i++) {
        struct itimerval timer = timer_of(i % 7 * (long)(intptr_t)argument, i % 3 * 20000);
        system_call(SYS_setitimer, ITIMER_REAL, &timer, NULL);
    }
    return NULL;
}

static void threads(void)
{
    pthread_t thread[4];
    for (intptr_t i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, sets, (void *)(i * 30 + 1));
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    set(0, 0);
    count = 0; /* one may have come on the way there, or waited until the call was over */
    check_nap(5 * MILLISECOND);
    check_result("signals when all have ended", count, 0);
    check_result("left", left(), 0);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    program = argv[0];
    while (argc > 1)
        pause();
    check_begin("check-alarm");
    sigaction(SIGALRM, &action, NULL);
    refusals();
    once();
    repeated();
    very_often();
    blocked();
    alarms();
    processes();
    threads();
    return check_verdict();
}
