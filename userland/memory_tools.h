/* What the memory-* programs measure with: faults, frames by owner, the kernel's own check, and a second process that
 * acts when told.
 *
 * Frames are those of the whole machine, so they are counted while every other process stands still. Linux does not
 * tell them: there the comparisons of frames hold by definition, those of faults are made. */
#ifndef USERLAND_MEMORY_TOOLS_H
#define USERLAND_MEMORY_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "paging/types.h"
#include "userland/check.h"

#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define READ_WRITE (PROT_READ | PROT_WRITE)

/* check_begin(), and pages of 4 KiB only where Linux would choose larger ones. */
void memory_begin(const char *program);

/* Anonymous private memory, `pages` pages; the program ends when there is none. */
unsigned char *memory_map(size_t pages, int protection);

/* A file without a name, open for reading and writing, of `size` bytes: byte i is memory_file_byte(i). */
int memory_file(size_t size);
unsigned char memory_file_byte(size_t offset);

bool memory_is(const unsigned char *from, size_t size, unsigned char value);

/* Page faults that were served for this process so far. */
long memory_faults(void);

/* Frames of an owner as /proc/sys/quire/memory_free names it ("free", "anonymous", "page table", ...). 0 on Linux. */
long memory_frames(const char *owner);

/* So many frames more than `before` belong to the owner now. */
bool memory_expect_frames(const char *what, const char *owner, long before, long more);

/* As many frames are free as before, soon: a process that ended is tidied up behind. */
bool memory_expect_free(const char *what, long before);

/* memory_check() finds nothing wrong. */
bool memory_expect_sound(const char *what);

/* The number in a file of /proc/sys/quire; -1 when it cannot be read, or on Linux. */
long memory_control_read(const char *name);

/* Write a number to a file of /proc/sys/quire; no such file on Linux. */
void memory_control(const char *name, long value);

/* The access must raise this signal with this si_code, and si_addr the address itself. */
void memory_raises(const char *what, int signal, int code, check_body *access, const void *address);

/* A child that does `act(command)` for each command, and nothing else: between two commands it stands still. */
struct partner {
    pid_t pid;
    int to, from;
};
void partner_start(struct partner *partner, int (*act)(int command));
int partner_do(struct partner *partner, int command);
void partner_end(struct partner *partner);

#endif
