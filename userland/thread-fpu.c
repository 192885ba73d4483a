/* A handler's return loads the vector registers from user memory, which may have to be filled in first: the thread sleeps in the middle of it, others run, and yet what
 * is loaded is what the memory says, all of it.
 *
 * The state is moved to a page that is not there yet, while another thread keeps the address space's lock busy and a third one, on the same processor, uses the same registers. */
#include <cpuid.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "userland/check.h"

#define ROUNDS              600
#define REGISTERS           16
#define BYTES               16
#define PAGE                4096u
#define STATE_PAGES         4 /* of the largest processor's state and more */
#define BUSY_BYTES          (16u << 20)
#define LEGACY_BYTES        512u
#define STATE_AT            3840u /* the end of a page cuts it in two, in the middle of the registers */
/* In the bytes that FXSAVE leaves to software Linux tells how long the whole is (asm/sigcontext.h); Quire does not. */
#define SIZE_MAGIC          0x46505853u
#define SIZE_AT             464

/* Of XSAVE's area for what is switched on: CPUID leaf 13, EBX (SDM vol. 1, 13.2). */
#define CPUID_1_ECX_OSXSAVE (1u << 27)
#define CPUID_XSTATE        13

static atomic_bool done;
static atomic_long used_wrong;
static int file, moves;

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

/* Other values than anybody else's, held for a while. */
static void *use_registers(void *unused)
{
    (void)unused;
    uint64_t mine[2] = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)}, after[2];
    stay_on(0);
    while (!done) {
        __asm__ volatile("movups %1, %%xmm0\n\tmovups %1, %%xmm7\n\tmovups %1, %%xmm15\n\t"
                         "movl %2, %%eax\n\tsyscall\n\t"
                         "movups %%xmm7, %0"
                         : "=m"(after)
                         : "m"(mine), "i"(SYS_sched_yield)
                         : "rax", "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
        used_wrong += memcmp(mine, after, sizeof(mine)) != 0;
    }
    return NULL;
}

/* Long stays under the lock of the address space, which filling a page in takes: copies of much memory. */
static void *keep_busy(void *unused)
{
    (void)unused;
    static uint8_t much[BUSY_BYTES];
    while (!done) {
        memset(much, 1, sizeof(much));
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    return NULL;
}

static uint32_t word_at(const uint8_t *bytes, unsigned at)
{
    uint32_t word;
    memcpy(&word, bytes + at, sizeof(word));
    return word;
}

/* Bytes of a state in a frame. */
static size_t state_size(const uint8_t *state)
{
    unsigned a, b, c, d;
    if (word_at(state, SIZE_AT) == SIZE_MAGIC)
        return word_at(state, SIZE_AT + 4);
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & CPUID_1_ECX_OSXSAVE))
        return LEGACY_BYTES;
    __cpuid_count(CPUID_XSTATE, 0, a, b, c, d);
    return b;
}

/* Put the state into a file, and let the frame point to a new mapping of it that nobody has touched. */
static void move_state(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    ucontext_t *ucontext = context;
    const uint8_t *state = (const uint8_t *)ucontext->uc_mcontext.fpregs;
    size_t size = state_size(state);
    if (STATE_AT + size > STATE_PAGES * PAGE || pwrite(file, state, size, STATE_AT) != (ssize_t)size)
        return;
    void *fresh = mmap(NULL, STATE_PAGES * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
    if (fresh == MAP_FAILED)
        return;
    ucontext->uc_mcontext.fpregs = (void *)((char *)fresh + STATE_AT);
    moves++;
    __asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm7, %%xmm7\n\tpxor %%xmm15, %%xmm15" ::
                         : "xmm0", "xmm7", "xmm15");
}

#define ALL(text)                                                                                            \
    text(0) text(1) text(2) text(3) text(4) text(5) text(6) text(7) text(8) text(9) text(10) text(11)        \
        text(12) text(13) text(14) text(15)
#define LOAD(n)  "movups 16*" #n "(%[before]), %%xmm" #n "\n\t"
#define STORE(n) "movups %%xmm" #n ", 16*" #n "(%[after])\n\t"

/* All registers before and after a signal to this thread. */
static void signal_with_registers(const uint8_t *before, uint8_t *after)
{
    long number = SYS_tgkill;
    __asm__ volatile(ALL(LOAD) "syscall\n\t" ALL(STORE)
                     : "+a"(number)
                     : [before] "r"(before), [after] "r"(after), "D"((long)getpid()),
                       "S"(syscall(SYS_gettid)), "d"((long)SIGUSR1)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    check_result("tgkill", number, 0);
}

int main(void)
{
    static uint8_t before[REGISTERS * BYTES], after[REGISTERS * BYTES];
    struct sigaction action = {.sa_sigaction = move_state, .sa_flags = SA_SIGINFO};
    char name[] = "/tmp/thread-fpu.XXXXXX";
    pthread_t threads[2];
    check_begin("thread-fpu");
    file = mkstemp(name);
    if (!check_that(file >= 0 && ftruncate(file, STATE_PAGES * PAGE) == 0, "there is no file"))
        return check_verdict();
    unlink(name);
    sigaction(SIGUSR1, &action, NULL);
    stay_on(0);
    check_result("pthread_create", pthread_create(&threads[0], NULL, use_registers, NULL), 0);
    check_result("pthread_create", pthread_create(&threads[1], NULL, keep_busy, NULL), 0);
    cpu_set_t all;
    memset(&all, 0xff, sizeof(all));
    pthread_setaffinity_np(threads[1], sizeof(all), &all);
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < sizeof(before); i++)
            before[i] = (uint8_t)(round * 7 + (int)i);
        signal_with_registers(before, after);
        if (!check_that(memcmp(before, after, sizeof(before)) == 0,
                        "round %d: the registers are not those of the frame", round))
            break;
    }
    done = true;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    check_that(used_wrong == 0, "another thread's registers changed %ld times", (long)used_wrong);
    check_result("states that were moved", moves, ROUNDS);
    return check_verdict();
}
