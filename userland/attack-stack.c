/* Attack: overrun the stack. Below it lies what is not mapped: deep recursion ends in SIGSEGV, not in a
 * neighbour's memory; and what is in reach of the limit may be used. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "userland/check.h"

#define PAGE_BYTES     4096
#define GROWTH_BYTES   (512 * 1024) /* a stack must be able to grow so far */
#define FRAME_BYTES    1024
#define NEIGHBOUR_SIZE (64 * PAGE_BYTES)

static unsigned char *neighbour;

static __attribute__((noinline)) unsigned long recurse(unsigned long depth)
{
    volatile unsigned char frame[FRAME_BYTES];
    frame[0] = (unsigned char)depth;
    if (depth == 0)
        return frame[0];
    return recurse(depth - 1) + frame[0];
}

static void recurse_some(const void *depth)
{
    recurse((uintptr_t)depth);
}

static void recurse_forever(const void *unused)
{
    (void)unused;
    recurse(UINT64_MAX);
}

/* push instead of mov, one word at a time, until it ends. */
static void push_forever(const void *unused)
{
    (void)unused;
    __asm__ volatile("1: pushq $0\n\tjmp 1b");
    __builtin_unreachable();
}

/* Far below the stack nothing is there, whatever the red zone or growth allow. */
static void touch_below(const void *distance)
{
    volatile unsigned char here;
    volatile unsigned char *below = (volatile unsigned char *)((uintptr_t)&here - (uintptr_t)distance);
    *below = 1;
}

/* Mappings are not made where the stack may still grow; one that was asked for below it is not run into
 * unnoticed. */
static void overflow_into_neighbour(const void *unused)
{
    (void)unused;
    struct rlimit limit = {0};
    getrlimit(RLIMIT_STACK, &limit);
    uintptr_t reach =
        limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > (64ul << 20) ? 64ul << 20 : limit.rlim_cur;
    uintptr_t below =
        ((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE_BYTES - 1)) - reach - 4 * NEIGHBOUR_SIZE;
    neighbour = mmap((void *)below, NEIGHBOUR_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (neighbour == MAP_FAILED)
        check_that(false, "no page can be mapped at %#lx", below);
    recurse(UINT64_MAX);
}

static void top_is_end(const void *unused)
{
    (void)unused;
    volatile unsigned char *above = (volatile unsigned char *)UINT64_C(0x7ffffffff000);
    (void)*above;
}

int main(void)
{
    check_begin("attack-stack");
    check_survives("recursion over 512 KiB", recurse_some, (const void *)(GROWTH_BYTES / FRAME_BYTES));
    check_dies("endless recursion", SIGSEGV, recurse_forever, NULL);
    check_dies("endless push", SIGSEGV, push_forever, NULL);
    check_dies("write 1 GiB below the stack", SIGSEGV, touch_below, (const void *)(UINT64_C(1) << 30));
    check_dies("recursion towards a read-only neighbour", SIGSEGV, overflow_into_neighbour, NULL);
    check_dies("read above the stack", SIGSEGV, top_is_end, NULL);
    return check_verdict();
}
