/* Attack: give the kernel pointers to write or read through that are not the process's. Every system call
 * with a pointer must answer -EFAULT - for kernel addresses, null, closed pages, what runs over the end of
 * a mapping, and for its results also read-only pages - and do nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

/* Stand-ins in the table, replaced when the call is made. */
enum { POINTER = -1000, ZEROES, PIPE_IN, PIPE_OUT, FOLDER, PATH, PROGRAM, MISSING, BUFFER, ARGUMENTS };

enum {
    READS = 1,  /* the kernel reads through the pointer */
    WRITES = 2, /* it writes */
    NULLABLE = 4,
    PARTIAL = 8, /* at the end of a mapping the call may succeed in part */
};

#define SIGNAL_SET_BYTES 8 /* of the kernel's signal set */
#define FUTEX_WAIT       0
#define FIONREAD         0x541b
#define ARCH_GET_FS      0x1003

static const struct attack {
    const char *name;
    int number, flags;
    long arguments[6];
} attacks[] = {
    {"read", SYS_read, WRITES | PARTIAL, {ZEROES, POINTER, 16}},
    {"write", SYS_write, READS | PARTIAL, {PIPE_IN, POINTER, 16}},
    {"pread64", SYS_pread64, WRITES | PARTIAL, {ZEROES, POINTER, 16, 0}},
    {"open", SYS_open, READS, {POINTER, O_RDONLY}},
    {"openat", SYS_openat, READS, {AT_FDCWD, POINTER, O_RDONLY}},
    {"creat", SYS_creat, READS, {POINTER, 0600}},
    {"stat of", SYS_stat, READS, {POINTER, BUFFER}},
    {"stat into", SYS_stat, WRITES, {PATH, POINTER}},
    {"lstat of", SYS_lstat, READS, {POINTER, BUFFER}},
    {"lstat into", SYS_lstat, WRITES, {PATH, POINTER}},
    {"fstat", SYS_fstat, WRITES, {ZEROES, POINTER}},
    {"newfstatat of", SYS_newfstatat, READS, {AT_FDCWD, POINTER, BUFFER, 0}},
    {"newfstatat into", SYS_newfstatat, WRITES, {AT_FDCWD, PATH, POINTER, 0}},
    {"access", SYS_access, READS, {POINTER, 0}},
    {"faccessat", SYS_faccessat, READS, {AT_FDCWD, POINTER, 0}},
    {"poll", SYS_poll, READS | WRITES, {POINTER, 1, 0}},
    {"readv", SYS_readv, READS, {ZEROES, POINTER, 1}},
    {"writev", SYS_writev, READS, {PIPE_IN, POINTER, 1}},
    {"pipe", SYS_pipe, WRITES, {POINTER}},
    {"select for reading", SYS_select, READS | NULLABLE, {10, POINTER, 0, 0, 0}},
    {"select for writing", SYS_select, READS | NULLABLE, {10, 0, POINTER, 0, 0}},
    {"pipe2", SYS_pipe2, WRITES, {POINTER, 0}},
    {"ioctl FIONREAD", SYS_ioctl, WRITES | PARTIAL, {PIPE_OUT, FIONREAD, POINTER}},
    {"rt_sigaction from", SYS_rt_sigaction, READS | NULLABLE, {SIGUSR1, POINTER, 0, SIGNAL_SET_BYTES}},
    {"rt_sigaction into", SYS_rt_sigaction, WRITES | NULLABLE, {SIGUSR1, 0, POINTER, SIGNAL_SET_BYTES}},
    {"rt_sigprocmask from", SYS_rt_sigprocmask, READS | NULLABLE, {SIG_BLOCK, POINTER, 0, SIGNAL_SET_BYTES}},
    {"rt_sigprocmask into", SYS_rt_sigprocmask, WRITES | NULLABLE, {SIG_BLOCK, 0, POINTER, SIGNAL_SET_BYTES}},
    {"rt_sigpending", SYS_rt_sigpending, WRITES, {POINTER, SIGNAL_SET_BYTES}},
    {"sigaltstack from", SYS_sigaltstack, READS | NULLABLE, {POINTER, 0}},
    {"sigaltstack into", SYS_sigaltstack, WRITES | NULLABLE, {0, POINTER}},
    {"nanosleep", SYS_nanosleep, READS, {POINTER, 0}},
    {"clock_nanosleep", SYS_clock_nanosleep, READS, {1, 0, POINTER, 0}},
    {"clock_gettime", SYS_clock_gettime, WRITES, {1, POINTER}},
    {"clock_getres", SYS_clock_getres, WRITES | NULLABLE, {1, POINTER}},
    {"gettimeofday", SYS_gettimeofday, WRITES | NULLABLE, {POINTER, 0}},
    {"clock_settime", SYS_clock_settime, READS, {0, POINTER}},
    {"settimeofday", SYS_settimeofday, READS | NULLABLE, {POINTER, 0}},
    {"settimeofday of a zone", SYS_settimeofday, READS | NULLABLE, {0, POINTER}},
    {"time", SYS_time, WRITES | NULLABLE, {POINTER}},
    {"times", SYS_times, WRITES | NULLABLE, {POINTER}},
    {"uname", SYS_uname, WRITES, {POINTER}},
    {"sysinfo", SYS_sysinfo, WRITES, {POINTER}},
    {"getrlimit", SYS_getrlimit, WRITES, {3, POINTER}},
    {"getrusage", SYS_getrusage, WRITES, {0, POINTER}},
    {"prlimit64 from", SYS_prlimit64, READS | NULLABLE, {0, 3, POINTER, 0}},
    {"prlimit64 into", SYS_prlimit64, WRITES | NULLABLE, {0, 3, 0, POINTER}},
    {"getcwd", SYS_getcwd, WRITES | PARTIAL, {POINTER, 100}},
    {"chdir", SYS_chdir, READS, {POINTER}},
    {"mkdir", SYS_mkdir, READS, {POINTER, 0700}},
    {"rmdir", SYS_rmdir, READS, {POINTER}},
    {"unlink", SYS_unlink, READS, {POINTER}},
    {"rename from", SYS_rename, READS, {POINTER, MISSING}},
    {"rename to", SYS_rename, READS, {PATH, POINTER}},
    {"link from", SYS_link, READS, {POINTER, MISSING}},
    {"symlink to", SYS_symlink, READS, {POINTER, MISSING}},
    {"symlink at", SYS_symlink, READS, {MISSING, POINTER}},
    {"chmod", SYS_chmod, READS, {POINTER, 0600}},
    {"truncate", SYS_truncate, READS, {POINTER, 0}},
    {"readlink of", SYS_readlink, READS, {POINTER, BUFFER, 64}},
    {"readlink into", SYS_readlink, WRITES, {PROGRAM, POINTER, 64}},
    {"getdents64", SYS_getdents64, WRITES, {FOLDER, POINTER, 512}},
    {"prctl name from", SYS_prctl, READS, {PR_SET_NAME, POINTER}},
    {"prctl name into", SYS_prctl, WRITES, {PR_GET_NAME, POINTER}},
    {"arch_prctl", SYS_arch_prctl, WRITES, {ARCH_GET_FS, POINTER}},
    {"getrandom", SYS_getrandom, WRITES | PARTIAL, {POINTER, 16, 0}},
    {"futex", SYS_futex, READS | PARTIAL, {POINTER, FUTEX_WAIT, 12345, 0}},
    {"sched_getaffinity", SYS_sched_getaffinity, WRITES | PARTIAL, {0, 128, POINTER}},
    {"execve of", SYS_execve, READS, {POINTER, ARGUMENTS, 0}},
    {"execve with arguments", SYS_execve, READS | NULLABLE, {PROGRAM, POINTER, 0}},
    {"execve with environment", SYS_execve, READS | NULLABLE, {PROGRAM, ARGUMENTS, POINTER}},
};

static int zeroes, pipe_ends[2], folder;
static char path_root[] = "/", path_program[] = "/proc/self/exe", path_missing[] = "/nowhere/at-all";
static char buffer[4096];
static char *program_arguments[] = {path_program, NULL};

static long stand_in(long argument, const void *pointer)
{
    switch (argument) {
    case POINTER:
        return (long)pointer;
    case ZEROES:
        return zeroes;
    case PIPE_IN:
        return pipe_ends[1];
    case PIPE_OUT:
        return pipe_ends[0];
    case FOLDER:
        return folder;
    case PATH:
        return (long)path_root;
    case PROGRAM:
        return (long)path_program;
    case MISSING:
        return (long)path_missing;
    case BUFFER:
        return (long)buffer;
    case ARGUMENTS:
        return (long)program_arguments;
    default:
        return argument;
    }
}

static unsigned long absent_calls;

/* The call with this pointer must be refused as a bad address. A call that the kernel does not have cannot
 * be attacked. */
static void attack(const struct attack *attack, const char *where, const void *pointer)
{
    if (pointer == NULL && (attack->flags & NULLABLE) != 0)
        return;
    long arguments[6];
    for (int i = 0; i < 6; i++)
        arguments[i] = stand_in(attack->arguments[i], pointer);
    long result = system_call(attack->number, arguments[0], arguments[1], arguments[2], arguments[3],
                              arguments[4], arguments[5]);
    if (result == -ENOSYS) {
        absent_calls++;
        return;
    }
    char what[128];
    snprintf(what, sizeof(what), "%s %p (%s)", attack->name, pointer, where);
    check_error(what, result, EFAULT);
}

/* Two pages of which the second is closed; the first is full of letters, so that no string in it ends. */
static char *page_before_gap(int protection)
{
    char *pages = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!check_that(pages != MAP_FAILED, "no memory"))
        _exit(1);
    memset(pages, 'a', PAGE_SIZE);
    check_result("mprotect", mprotect(pages, PAGE_SIZE, protection), 0);
    check_result("mprotect of the gap", mprotect(pages + PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
    return pages;
}

static void attack_with_table(const struct attack *one, const struct named_address *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        attack(one, table[i].name, (const void *)table[i].address);
}

static void attack_everything(void)
{
    char *open_page = page_before_gap(PROT_READ | PROT_WRITE);
    char *read_only = page_before_gap(PROT_READ);
    char *unmapped = mmap(NULL, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(unmapped, PAGE_SIZE);
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
        const struct attack *one = &attacks[i];
        attack_with_table(one, kernel_addresses, ADDRESS_COUNT(kernel_addresses));
        attack_with_table(one, forbidden_addresses, ADDRESS_COUNT(forbidden_addresses));
        attack_with_table(one, noncanonical_addresses, ADDRESS_COUNT(noncanonical_addresses));
        attack(one, "unmapped", unmapped);
        attack(one, "closed page", open_page + PAGE_SIZE);
        memset(open_page, 'a', PAGE_SIZE); /* results of other calls may have ended the string */
        if ((one->flags & PARTIAL) == 0)
            attack(one, "end of a mapping", open_page + PAGE_SIZE - 4);
        if ((one->flags & WRITES) != 0 && (one->flags & READS) == 0) {
            attack(one, "read-only page", read_only);
            attack(one, "code", (const void *)check_begin);
        }
    }
    for (size_t i = 0; i < PAGE_SIZE; i++)
        if (!check_that(read_only[i] == 'a', "a read-only page was written at %zu", i))
            break;
}

/* wait4 needs a child to tell of. */
static void wait_into_pointers(void)
{
    const void *const pointers[] = {(const void *)1, (const void *)KERNEL_IMAGE_BASE,
                                    (const void *)DIRECT_MAP_BASE, (const void *)NONCANONICAL_LOWEST,
                                    (const void *)check_begin};
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        check_error("wait4 with a bad status pointer", system_call(SYS_wait4, child, pointers[i], 0, 0),
                    EFAULT);
        while (wait(NULL) > 0)
            continue;
    }
}

/* Vectors whose entries are bad, too many or too long. */
static void vectors(void)
{
    for (size_t i = 0; i < ADDRESS_COUNT(kernel_addresses); i++) {
        struct iovec vector = {(void *)kernel_addresses[i].address, 8};
        check_error("writev from the kernel", system_call(SYS_writev, pipe_ends[1], &vector, 1), EFAULT);
        check_error("readv into the kernel", system_call(SYS_readv, zeroes, &vector, 1), EFAULT);
    }
    struct iovec huge[2] = {{buffer, SIZE_MAX}, {buffer, 1}};
    check_that(system_call(SYS_writev, pipe_ends[1], huge, 1) < 0, "writev of 2^64-1 bytes succeeds");
    check_error("writev of no sensible count", system_call(SYS_writev, pipe_ends[1], huge, 1 << 20), EINVAL);
    check_error("readv of a negative count", system_call(SYS_readv, zeroes, huge, -1), EINVAL);
}

/* Lengths that run around the end of the address space. */
static void lengths(void)
{
    check_that(system_call(SYS_read, zeroes, buffer, SIZE_MAX) < 0, "read of 2^64-1 bytes succeeds");
    check_that(system_call(SYS_write, pipe_ends[1], buffer, SIZE_MAX) < 0, "write of 2^64-1 bytes succeeds");
    check_that(system_call(SYS_read, zeroes, buffer, -(uintptr_t)buffer + 16) < 0,
               "read around the end of all addresses succeeds");
    check_that(system_call(SYS_write, pipe_ends[1], buffer, KERNEL_IMAGE_BASE + 16 - (uintptr_t)buffer) < 0,
               "write of all up to the kernel succeeds");
    check_that(system_call(SYS_read, zeroes, buffer, INT64_MAX) < 0, "read of 2^63-1 bytes succeeds");
    check_result("read of nothing", system_call(SYS_read, zeroes, buffer, 0), 0);
}

int main(void)
{
    check_begin("attack-pointers");
    zeroes = open("/dev/zero", O_RDWR);
    folder = open("/", O_RDONLY | O_DIRECTORY);
    if (!check_that(zeroes >= 0 && folder >= 0 && pipe(pipe_ends) == 0, "/dev/zero, / and a pipe are needed"))
        return check_verdict();
    attack_everything();
    wait_into_pointers();
    vectors();
    lengths();
    if (absent_calls != 0 && check_on_linux)
        check_that(false, "%lu calls do not exist on Linux?", absent_calls);
    return check_verdict();
}
