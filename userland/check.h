/* How a test program reaches its verdict.
 *
 * main() calls check_begin(), holds what it sees against what must be, and returns check_verdict(): one
 * line, exit status 0 or 1. Each difference is printed when it is found, with what was expected. A body
 * that may not survive runs in a child of its own. */
#ifndef USERLAND_CHECK_H
#define USERLAND_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Exit status of a child whose attack did what it tried and that lived to tell. */
#define CHECK_SURVIVED 77

/* The program runs on Linux itself, for comparison (CHECK_KERNEL=linux in the environment). Only for
 * answers that differ by design. */
extern bool check_on_linux;

/* Time is the host's, which other work of it takes away from this machine (CHECK_TIME=host in the environment): nobody is held to how long
 * something takes, or to who is first. */
extern bool check_time_is_hosts;

void check_begin(const char *program);
int check_verdict(void);

/* The exit status alone, for a child that reports to its parent. A child that had nothing to check has
 * passed. */
int check_verdict_silent(void);

/* Count one check; when `held` is false print the message, which says what was expected and what was seen.
 * Returns `held`. */
bool check_that(bool held, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A raw system call's result must be this negative errno, or this value. */
bool check_error(const char *what, long result, int error);
bool check_result(const char *what, long result, long expected);

typedef void check_body(const void *argument);

/* Run the body in a child; a body that returns has survived. The wait4 status. */
int check_child(check_body *body, const void *argument);

/* The body's child must be killed by this signal. */
void check_dies(const char *what, int signal, check_body *body, const void *argument);

/* The body's child must either be killed by this signal or survive: for what some processors do not do. */
void check_dies_or_survives(const char *what, int signal, check_body *body, const void *argument);

/* The body's child must survive: return, or exit with CHECK_SURVIVED. Anything it finds wrong it reports
 * with check_that(). */
void check_survives(const char *what, check_body *body, const void *argument);

/* A status of wait4 in words: "exit status 3", "signal SIGSEGV". Static storage, good until the next call
 * but three. */
const char *check_status_text(int status);

/* QEMU's emulated CPU (TCG): does without alignment checks, unmasked SSE exceptions, reserved bits of mxcsr. */
bool check_cpu_is_emulated(void);

/* Linux as the guest of a hypervisor, which may let programs do what the processor would refuse, or refuse it in another way (PVM
 * runs the guest's kernel itself in user mode): no second opinion on what is the processor's alone to decide. */
bool check_cpu_is_shared(void);

/* The signal of a non-canonical address used through rsp or rbp: SIGBUS, as Linux has it for a stack fault; the emulated CPU
 * raises a general-protection fault instead. */
int check_stack_fault_signal(void);

/* Sleep so that others get to where they sleep or spin: for so many nanoseconds, and longer when time is the host's. */
void check_nap(long nanoseconds);

/* Hand the CPU to others so often. */
void check_yield(int times);

#endif
