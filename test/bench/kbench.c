/* What the kernel's operations cost, in ticks of the TSC. A static program that runs unmodified on Quire and on Linux; run.py
 * boots it under an emulated clock that counts instructions, and makes the table.
 *
 * usage: kbench [NAME...]   each benchmark, or those named; a line each: "NAME MEDIAN MINIMUM COUNT",
 *                          ticks per operation and how many there were, with those that only warm up
 *        kbench --exit      do nothing: the program that "exec" runs
 *
 * Before them come "entry TICK", the TSC at the program's first instruction, and "free BYTES", memory that is free.
 *
 * A benchmark measures a batch of operations several times. What disturbs it (timer interrupts) only ever adds, and seldom:
 * the median forgives it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE         4096
#define MEGABYTE     ((size_t)1 << 20)
#define DIRTY_SIZE   (64 * MEGABYTE)
#define FAULT_SIZE   (4 * MEGABYTE)
#define HUGE_PAGE    (2 * MEGABYTE)
#define PIPE_SIZE    ((size_t)65536)
#define SAMPLES_MAX  64
#define FILE_PATH    "/tmp/kbench"
#define YIELDS_FIRST 16 /* so that both processes take turns when the measurement begins */

/* The operation cannot be measured on this kernel; errno says why. */
#define UNAVAILABLE  UINT64_MAX

static const char *program_path;

/* The TSC at the program's very first instruction: the linker makes this the entry point, which goes on to the C library's. */
uint64_t entry_ticks;

__asm__(".text\n"
        ".globl kbench_entry\n"
        "kbench_entry:\n"
        "rdtsc\n"
        "shlq $32, %rdx\n"
        "orq %rdx, %rax\n"
        "movq %rax, entry_ticks(%rip)\n"
        "xorl %edx, %edx\n" /* nothing to call at exit (System V ABI for x86-64, 3.4.1) */
        "jmp _start\n");

/* Ticks that `operations` operations took, or UNAVAILABLE. */
typedef uint64_t benchmark_body(unsigned operations);

/* Declares `measured`: what `operations` times `operation` took, an expression that must come true. */
#define MEASURE(operations, operation)                                                                       \
    uint64_t measure_start = __rdtsc();                                                                      \
    for (unsigned measure_i = 0; measure_i < (operations); measure_i++)                                      \
        if (!(operation))                                                                                    \
            return UNAVAILABLE;                                                                              \
    uint64_t measured = __rdtsc() - measure_start

/* --- calls --- */

static uint64_t measure_getpid(unsigned operations)
{
    MEASURE(operations, (syscall(SYS_getpid), true));
    return measured;
}

static uint64_t measure_clock_system_call(unsigned operations)
{
    struct timespec now;
    MEASURE(operations, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0);
    return measured;
}

static uint64_t measure_clock_library(unsigned operations)
{
    struct timespec now;
    MEASURE(operations, clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return measured;
}

static uint64_t measure_read_zero(unsigned operations)
{
    char byte;
    int file = open("/dev/zero", O_RDONLY);
    if (file < 0)
        return UNAVAILABLE;
    MEASURE(operations, read(file, &byte, 1) == 1);
    close(file);
    return measured;
}

static uint64_t measure_write_null(unsigned operations)
{
    char byte = 0;
    int file = open("/dev/null", O_WRONLY);
    if (file < 0)
        return UNAVAILABLE;
    MEASURE(operations, write(file, &byte, 1) == 1);
    close(file);
    return measured;
}

static bool file_make(void)
{
    static const char content[100];
    int file = open(FILE_PATH, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        return false;
    bool made = write(file, content, sizeof(content)) == sizeof(content);
    close(file);
    return made;
}

static bool open_read_close(void)
{
    char content[256];
    int file = open(FILE_PATH, O_RDONLY);
    return file >= 0 && read(file, content, sizeof(content)) > 0 && close(file) == 0;
}

static uint64_t measure_open_read_close(unsigned operations)
{
    if (!file_make())
        return UNAVAILABLE;
    MEASURE(operations, open_read_close());
    return measured;
}

static uint64_t measure_stat(unsigned operations)
{
    struct stat status;
    if (!file_make())
        return UNAVAILABLE;
    MEASURE(operations, stat(FILE_PATH, &status) == 0);
    return measured;
}

static volatile sig_atomic_t signals_seen;

static void signal_count(int number)
{
    (void)number;
    signals_seen++;
}

static uint64_t measure_signal(unsigned operations)
{
    struct sigaction action = {.sa_handler = signal_count};
    pid_t self = getpid();
    sigaction(SIGUSR1, &action, NULL);
    signals_seen = 0;
    MEASURE(operations, syscall(SYS_kill, self, SIGUSR1) == 0);
    return (unsigned)signals_seen == operations ? measured : UNAVAILABLE;
}

/* --- processes --- */

static bool child_wait(pid_t child)
{
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

static bool fork_exit_wait(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0 && child_wait(child);
}

static uint64_t measure_fork(unsigned operations)
{
    MEASURE(operations, fork_exit_wait());
    return measured;
}

/* Memory in small pages on every kernel, so that all are asked for the same. */
static char *memory_map(size_t size)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_NOHUGEPAGE);
    return memory;
}

static bool page_write(char *memory, size_t page)
{
    *(volatile char *)(memory + page * PAGE) = 1;
    return true;
}

static void memory_touch(char *memory, size_t size)
{
    for (size_t page = 0; page < size / PAGE; page++)
        page_write(memory, page);
}

static uint64_t measure_fork_dirty(unsigned operations)
{
    char *memory = memory_map(DIRTY_SIZE);
    if (memory == NULL)
        return UNAVAILABLE;
    memory_touch(memory, DIRTY_SIZE);
    MEASURE(operations, fork_exit_wait());
    munmap(memory, DIRTY_SIZE);
    return measured;
}

static bool fork_exec_exit_wait(void)
{
    char *const arguments[] = {"kbench", "--exit", NULL};
    char *const environment[] = {NULL};
    pid_t child = fork();
    if (child == 0) {
        execve(program_path, arguments, environment);
        _exit(1);
    }
    return child > 0 && child_wait(child);
}

static uint64_t measure_exec(unsigned operations)
{
    MEASURE(operations, fork_exec_exit_wait());
    return measured;
}

/* Shared by a process and its children. */
struct shared {
    _Atomic unsigned long yields;
    _Atomic int stop, ready, word;
};

static struct shared *shared_make(void)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

static void yield_until_stopped(struct shared *shared)
{
    while (!shared->stop) {
        sched_yield();
        shared->yields++;
    }
    _exit(0);
}

/* Per call, of both: a scheduler that lets one of them yield twice in a row is not charged for it. */
static uint64_t measure_yield(unsigned operations)
{
    struct shared *shared = shared_make();
    if (shared == NULL)
        return UNAVAILABLE;
    pid_t child = fork();
    if (child == 0)
        yield_until_stopped(shared);
    while (shared->yields < YIELDS_FIRST)
        sched_yield();
    unsigned long before = shared->yields;
    MEASURE(operations, sched_yield() == 0);
    unsigned long calls = operations + (shared->yields - before);
    shared->stop = 1;
    bool ended = child > 0 && child_wait(child);
    munmap(shared, sizeof(*shared));
    return ended && calls > operations ? measured * operations / calls : UNAVAILABLE;
}

/* --- memory --- */

static uint64_t measure_fault(unsigned operations)
{
    char *memory = memory_map(operations * PAGE);
    if (memory == NULL)
        return UNAVAILABLE;
    MEASURE(operations, page_write(memory, measure_i));
    munmap(memory, operations * PAGE);
    return measured;
}

/* Per page of 4 KiB again, of memory that comes 2 MiB at a time. */
static uint64_t measure_fault_huge(unsigned operations)
{
    size_t size = operations * PAGE;
    char *memory = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return UNAVAILABLE;
    char *aligned = memory + (-(uintptr_t)memory & (HUGE_PAGE - 1));
    madvise(aligned, size, MADV_HUGEPAGE);
    MEASURE(operations, page_write(aligned, measure_i));
    munmap(memory, size + HUGE_PAGE);
    return measured;
}

/* The parent writes pages that a sleeping child shares. */
static uint64_t measure_copy_on_write(unsigned operations)
{
    char *memory = memory_map(operations * PAGE);
    int ends[2];
    if (memory == NULL || pipe(ends) != 0)
        return UNAVAILABLE;
    memory_touch(memory, operations * PAGE);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    sched_yield();
    MEASURE(operations, page_write(memory, measure_i));
    close(ends[1]);
    close(ends[0]);
    bool ended = child > 0 && child_wait(child);
    munmap(memory, operations * PAGE);
    return ended ? measured : UNAVAILABLE;
}

static bool map_unmap(size_t size, bool touched)
{
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    if (touched)
        memory_touch(memory, size);
    return munmap(memory, size) == 0;
}

static uint64_t measure_map(unsigned operations)
{
    MEASURE(operations, map_unmap(PAGE, false));
    return measured;
}

static uint64_t measure_map_touch(unsigned operations)
{
    MEASURE(operations, map_unmap(MEGABYTE, true));
    return measured;
}

static bool protect_toggle(char *memory)
{
    return mprotect(memory, PAGE, PROT_READ) == 0 && mprotect(memory, PAGE, PROT_READ | PROT_WRITE) == 0 &&
           page_write(memory, 0);
}

static uint64_t measure_protect(unsigned operations)
{
    char *memory = memory_map(PAGE);
    if (memory == NULL)
        return UNAVAILABLE;
    page_write(memory, 0);
    MEASURE(operations, protect_toggle(memory));
    munmap(memory, PAGE);
    return measured;
}

/* --- pipes --- */

static void echo_until_closed(int from, int to)
{
    char byte;
    while (read(from, &byte, 1) == 1 && write(to, &byte, 1) == 1)
        ;
    _exit(0);
}

static bool ping_pong(int to, int from)
{
    char byte = 0;
    return write(to, &byte, 1) == 1 && read(from, &byte, 1) == 1;
}

static uint64_t measure_pipe_ping_pong(unsigned operations)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        return UNAVAILABLE;
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        echo_until_closed(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    if (!ping_pong(there[1], back[0])) /* the child runs */
        return UNAVAILABLE;
    MEASURE(operations, ping_pong(there[1], back[0]));
    close(there[1]);
    close(back[0]);
    return child > 0 && child_wait(child) ? measured : UNAVAILABLE;
}

/* Through a pipe of one process, as much at a time as it holds. */
static bool pipe_pass(const int ends[2], char *bytes)
{
    for (size_t passed = 0; passed < PIPE_SIZE;) {
        ssize_t written = write(ends[1], bytes + passed, PIPE_SIZE - passed);
        if (written <= 0)
            return false;
        for (ssize_t taken = 0, got; taken < written; taken += got) {
            got = read(ends[0], bytes + passed + taken, (size_t)(written - taken));
            if (got <= 0)
                return false;
        }
        passed += (size_t)written;
    }
    return true;
}

static uint64_t measure_pipe_bulk(unsigned operations)
{
    static char bytes[PIPE_SIZE];
    int ends[2];
    memory_touch(bytes, sizeof(bytes));
    if (pipe2(ends, O_NONBLOCK) != 0)
        return UNAVAILABLE;
    MEASURE(operations, pipe_pass(ends, bytes));
    close(ends[0]);
    close(ends[1]);
    return measured;
}

/* --- threads --- */

static void *thread_nothing(void *argument)
{
    return argument;
}

static bool thread_create_join(void)
{
    pthread_t thread;
    errno = pthread_create(&thread, NULL, thread_nothing, NULL);
    return errno == 0 && pthread_join(thread, NULL) == 0;
}

static uint64_t measure_thread(unsigned operations)
{
    MEASURE(operations, thread_create_join());
    return measured;
}

static long futex(_Atomic int *word, int operation, int value)
{
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* Whose turn it is: MINE while the measuring thread has it. */
enum { TURN_MINE, TURN_THEIRS, TURN_STOP };

static _Atomic int turn;

static void turn_give(int whose)
{
    turn = whose;
    futex(&turn, FUTEX_WAKE, 1);
}

static int turn_wait(int others)
{
    int now;
    while ((now = turn) == others)
        futex(&turn, FUTEX_WAIT, others);
    return now;
}

static void *futex_partner(void *argument)
{
    while (turn_wait(TURN_MINE) != TURN_STOP)
        turn_give(TURN_MINE);
    return argument;
}

static uint64_t measure_futex(unsigned operations)
{
    pthread_t thread;
    turn = TURN_MINE;
    errno = pthread_create(&thread, NULL, futex_partner, NULL);
    if (errno != 0)
        return UNAVAILABLE;
    turn_give(TURN_THEIRS);
    turn_wait(TURN_THEIRS);
    MEASURE(operations, (turn_give(TURN_THEIRS), turn_wait(TURN_THEIRS) == TURN_MINE));
    turn_give(TURN_STOP);
    pthread_join(thread, NULL);
    return measured;
}

/* --- the table --- */

static const struct benchmark {
    const char *name;
    benchmark_body *body;
    unsigned samples, operations; /* operations in each sample */
} benchmarks[] = {
    {"getpid", measure_getpid, 31, 500},
    {"read-zero", measure_read_zero, 31, 200},
    {"write-null", measure_write_null, 31, 200},
    {"yield", measure_yield, 15, 200},
    {"pipe-ping-pong", measure_pipe_ping_pong, 15, 50},
    {"pipe-64k", measure_pipe_bulk, 15, 4},
    {"fork", measure_fork, 15, 2},
    {"fork-64m", measure_fork_dirty, 3, 1},
    {"exec", measure_exec, 15, 2},
    {"fault", measure_fault, 7, FAULT_SIZE / PAGE},
    {"fault-huge", measure_fault_huge, 7, FAULT_SIZE / PAGE},
    {"copy-on-write", measure_copy_on_write, 7, FAULT_SIZE / PAGE},
    {"map", measure_map, 31, 50},
    {"map-1m", measure_map_touch, 15, 1},
    {"protect", measure_protect, 31, 50},
    {"signal", measure_signal, 31, 50},
    {"clock-call", measure_clock_system_call, 31, 200},
    {"clock-library", measure_clock_library, 31, 200},
    {"thread", measure_thread, 15, 4},
    {"futex-ping-pong", measure_futex, 15, 50},
    {"open-read-close", measure_open_read_close, 31, 20},
    {"stat", measure_stat, 31, 50},
};

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static bool run(const struct benchmark *benchmark)
{
    uint64_t ticks[SAMPLES_MAX];
    benchmark->body(benchmark->operations); /* what is made on first use is made */
    for (unsigned i = 0; i < benchmark->samples; i++) {
        errno = 0;
        ticks[i] = benchmark->body(benchmark->operations);
        if (ticks[i] == UNAVAILABLE) {
            printf("%s unavailable: %s\n", benchmark->name, strerror(errno));
            return false;
        }
    }
    qsort(ticks, benchmark->samples, sizeof(ticks[0]), compare);
    printf("%s %.1f %.1f %u\n", benchmark->name,
           (double)ticks[benchmark->samples / 2] / benchmark->operations,
           (double)ticks[0] / benchmark->operations, (benchmark->samples + 1) * benchmark->operations);
    return true;
}

static bool wanted(const char *name, char *const names[])
{
    if (names[0] == NULL)
        return true;
    for (; names[0] != NULL; names++)
        if (strcmp(name, names[0]) == 0)
            return true;
    return false;
}

static void start_report(void)
{
    struct sysinfo information;
    printf("entry %lu\n", entry_ticks);
    if (sysinfo(&information) == 0)
        printf("free %lu\n", information.freeram * information.mem_unit);
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "--exit") == 0)
        return 0;
    program_path = argv[0];
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    start_report();
    for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++)
        if (wanted(benchmarks[i].name, argv + 1))
            run(&benchmarks[i]);
    unlink(FILE_PATH);
    printf("end\n");
    return 0;
}
