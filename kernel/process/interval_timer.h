/* A process's interval timer: SIGALRM after some time, once or again and again (setitimer(2), ITIMER_REAL).
 *
 * It belongs to the process: execve leaves it, fork's child has none. A repeating one begins its next interval at the end of the last, but is set again only when its signal has been taken:
 * so however short the interval, no more interrupts come than the program takes signals. */
#ifndef KERNEL_PROCESS_INTERVAL_TIMER_H
#define KERNEL_PROCESS_INTERVAL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/cpu/mutex.h"
#include "kernel/process/timer.h"

struct process;
struct signal_info;

struct interval_timer {
    struct mutex setting; /* one at a time, as taking a timer back can take a moment */
    struct timer timer;

    /* process->lock */
    uint64_t
        expires; /* clock_now(), the next time, or the last when the signal has not been taken yet; 0: not set */
    uint64_t interval; /* nanoseconds; 0: once */
    bool untaken;      /* it has expired, and is set again when its signal is taken */
    bool firing;       /* expired() is between its two looks at it, and sets it again itself */
    bool taken;        /* the signal was taken meanwhile */
};

void interval_timer_init(struct interval_timer *timer);

/* For the current process: expire in `value` nanoseconds (0: never), then every `interval`. What was left, and the interval before. Thread context; may sleep. */
void interval_timer_set(uint64_t value, uint64_t interval, uint64_t *left, uint64_t *interval_before);
void interval_timer_get(uint64_t *left, uint64_t *interval);

/* Its signal has been taken. process->lock held. */
void interval_timer_taken(struct process *process);

/* The process has ended: it expires no more. */
void interval_timer_end(struct process *process);

#endif
