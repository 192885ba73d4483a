/* arch_prctl: the fs and gs bases are each process's own, through yields, time slices, fork and faults. */
#include <errno.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"
#include "userland/system_call.h"

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004
#define PROCESSES   4

static uint64_t area[64];

static uint64_t gs_read(void)
{
    uint64_t value;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(value));
    return value;
}

static uint64_t fs_read(void)
{
    uint64_t value;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(value));
    return value;
}

static void own_base(unsigned index)
{
    area[index] = index + 1000;
    check_result("arch_prctl of gs", system_call(SYS_arch_prctl, ARCH_SET_GS, &area[index]), 0);
    uint64_t thread_pointer = fs_read();
    for (int i = 0; i < 50; i++) {
        check_that(gs_read() == index + 1000, "process %u reads %lu through gs", index, gs_read());
        check_that(fs_read() == thread_pointer, "fs changed");
        if (i % 10 == 0)
            for (volatile unsigned long spin = 0; spin < 200000; spin++)
                continue;
        else
            check_yield(1);
    }
    uint64_t base = 0;
    check_result("arch_prctl", system_call(SYS_arch_prctl, ARCH_GET_GS, &base), 0);
    check_that(base == (uint64_t)&area[index], "the gs base is %#lx", base);
}

/* The C library's own thread pointer is replaced, and given back before anything of it is used. */
static void replace_fs(void)
{
    uint64_t saved = 0, other[8] = {4242}, seen = 0;
    check_result("arch_prctl", system_call(SYS_arch_prctl, ARCH_GET_FS, &saved), 0);
    long set = system_call(SYS_arch_prctl, ARCH_SET_FS, other);
    if (set == 0)
        seen = fs_read();
    system_call(SYS_sched_yield);
    uint64_t after_yield = set == 0 ? fs_read() : 0;
    system_call(SYS_arch_prctl, ARCH_SET_FS, saved);
    check_result("arch_prctl of fs", set, 0);
    check_that(seen == 4242 && after_yield == 4242, "through fs one reads %lu, and %lu after a yield", seen,
               after_yield);
}

/* Loading the selector makes the base zero without a system call: of who does it, not of another process with the same base. */
static void selector_loaded(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 50; i++) {
            check_that(gs_read() == 1000, "a process reads %lu through gs", gs_read());
            system_call(SYS_sched_yield);
        }
        _exit(check_verdict_silent());
    }
    for (int i = 0; i < 50; i++) {
        __asm__ volatile("movl %%ss, %%eax\n\tmovl %%eax, %%gs" ::: "eax");
        system_call(SYS_sched_yield);
        system_call(SYS_arch_prctl, ARCH_SET_GS, &area[0]);
    }
    int status = -1;
    check_that(waitpid(child, &status, 0) == child && status == 0, "the other process ended with %s",
               check_status_text(status));
}

int main(void)
{
    check_begin("check-tls");
    replace_fs();
    own_base(0);
    for (unsigned i = 1; i <= PROCESSES; i++)
        if (fork() == 0) {
            check_that(gs_read() == 1000, "the child of a fork reads %lu through gs", gs_read());
            own_base(i);
            _exit(check_verdict_silent());
        }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        check_that(wait(&status) > 0 && status == 0, "a process ended with %s", check_status_text(status));
    }
    check_that(gs_read() == 1000, "the parent reads %lu through gs", gs_read());
    selector_loaded();
    check_error("arch_prctl into a bad pointer", system_call(SYS_arch_prctl, ARCH_GET_FS, 8), EFAULT);
    return check_verdict();
}
