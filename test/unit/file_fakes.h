/* What kernel/file and the file system calls stand on, for tests on the host: heap, locks, waiting, user memory, devices and one process.
 *
 * The fakes check what the real ones would: mutexes are taken in order of their ranks and never under a spinlock, user memory is
 * touched under no spinlock, nothing is left locked or allocated at the end of a test. */
#ifndef TEST_UNIT_FILE_FAKES_H
#define TEST_UNIT_FILE_FAKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/memory/user_copy.h"

struct mutex;
struct process;
struct thread_files;

/* A fresh machine: a tree with an empty root, one process of one thread with an empty file table in "/". Give it back with fakes_end(), which checks for leaks and locks. */
void fakes_begin(void);
void fakes_end(void);

/* cmocka's form of the two. */
int fakes_setup(void **state);
int fakes_teardown(void **state);

struct process *fake_process(void);
struct thread_files *fake_files(void);

/* Make the n-th allocation from now fail (0: none). */
void fake_heap_fail_at(unsigned n);

/* User memory: any other address faults. */
#define FAKE_USER_SIZE (1u << 20)
extern uint8_t *const fake_user;

/* The same address as the system calls want it. */
#define USER(pointer) user_pointer(void, pointer)

/* Copy a string to fake user memory and give its address there; strings of one test stay until fakes_begin(). */
const char __user *fake_string(const char *text);

/* Called before a mutex is taken and after one is given up, for what another processor may do just then; not while it runs. */
extern void (*fake_other_cpu)(const struct mutex *mutex);

/* Called instead of sleeping: it makes true what is waited for. NULL: a sleep is a signal (-EINTR), counted. */
extern void (*fake_sleep)(void);
extern unsigned fake_sleeps;
extern bool fake_interrupted;

/* What was written to the console, and to each serial port. */
#define FAKE_OUTPUT_SIZE 65536
extern char fake_console_text[FAKE_OUTPUT_SIZE];
extern size_t fake_console_size;
extern char fake_second_text[FAKE_OUTPUT_SIZE]; /* on the second console */
extern size_t fake_second_size;
extern char fake_serial_text[4][FAKE_OUTPUT_SIZE];
extern size_t fake_serial_size[4];

/* Let bytes arrive at a serial port. */
void fake_serial_input(unsigned port, const char *bytes, size_t size);

/* The last log line, the last signal that was sent (0: none), and how many SIGHUP were. */
extern char fake_log[256];
extern int fake_signal, fake_hangups;

/* The clock, in nanoseconds; it stands still. */
extern uint64_t fake_now;

#endif
