/* What the log says of a program that an exception ends: each part of the report, read back from /dev/kmsg. The program needs its own symbols, so it is run as it
 * was linked, not stripped. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/check.h"

#define LOG_SIZE 65536
#define CRASHES  40
#define PART_MAX 160

static int kernel_log;
static char text[LOG_SIZE];
static const int constant = 1;

/* Functions with frames of their own, so that the calls can be told by frame pointers. */
#define FRAMED __attribute__((noinline)) static void

FRAMED keep_frame(void *frame)
{
    __asm__ volatile("" : : "r"(frame) : "memory");
}

FRAMED fault_read(const volatile void *address)
{
    keep_frame(__builtin_frame_address(0));
    __asm__ volatile("movabsq $0x1122334455667788, %%r13; movq (%0), %%rax" : : "r"(address) : "rax", "r13");
}

FRAMED fault_write(const volatile void *address)
{
    keep_frame(__builtin_frame_address(0));
    __asm__ volatile("movl $7, (%0)" : : "r"(address) : "memory");
}

FRAMED fault_call(const volatile void *address)
{
    keep_frame(__builtin_frame_address(0));
    ((void (*)(void))(uintptr_t)address)();
    __asm__ volatile("" : : : "memory");
}

FRAMED fault_instruction(const volatile void *nothing)
{
    (void)nothing;
    keep_frame(__builtin_frame_address(0));
    __asm__ volatile("ud2");
}

struct crash {
    void (*fault)(const volatile void *address);
    const volatile void *address;
};

__attribute__((noinline)) static void outer_function(const void *argument)
{
    const struct crash *crash = argument;

    keep_frame(__builtin_frame_address(0));
    crash->fault(crash->address);
    __asm__ volatile("" : : : "memory");
}

/* What was logged since the last look: the texts of the records, a line each. The records. */
static unsigned log_take(void)
{
    char record[1024];
    size_t filled = 0;
    unsigned records = 0;
    ssize_t size;

    while ((size = read(kernel_log, record, sizeof(record) - 1)) > 0) {
        record[size] = '\0';
        char *start = strchr(record, ';');
        size_t length = start != NULL ? strlen(start + 1) : 0;
        if (length == 0 || filled + length >= sizeof(text))
            continue;
        memcpy(text + filled, start + 1, length);
        filled += length;
        records++;
    }
    text[filled] = '\0';
    return records;
}

static void log_say(const char *line)
{
    check_that(write(kernel_log, line, strlen(line)) == (ssize_t)strlen(line), "%s is not logged", line);
}

/* The report says `part`, after what was found before. */
static const char *says(const char *what, const char *from, const char *part)
{
    const char *found = strstr(from, part);

    check_that(found != NULL, "%s: the report does not say \"%s\" there:\n%s", what, part, from);
    return found != NULL ? found : from;
}

static unsigned lines_repeated(void)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, "\n  | [")) != NULL; at++)
        count++;
    return count;
}

/* A child ends by `crash`; the report must say these things, in this order. */
static void explained(const char *what, int signal, const struct crash *crash, const char *const *parts)
{
    char line[PART_MAX];
    const char *at = text;

    snprintf(line, sizeof(line), "before %s", what);
    log_take();
    log_say(line);
    check_dies(what, signal, outer_function, crash);
    log_take();
    snprintf(line, sizeof(line), "before %s\nfault-report (", what);
    at = says(what, at, line);
    for (; *parts != NULL; parts++)
        at = says(what, at, *parts);
    at = says(what, at, "  the log before:\n  | [");
    snprintf(line, sizeof(line), "] before %s\n", what);
    at = says(what, at, line);
    check_that(lines_repeated() == 1, "%s: one line was logged, others are repeated:\n%s", what, text);
}

/* The first report since the machine started. */
static void last_lines(void)
{
    log_take();
    for (int i = 1; i <= 6; i++)
        log_say((char[]){'l', 'i', 'n', 'e', (char)('0' + i), '\0'});
    check_dies("the first", SIGSEGV, outer_function, &(struct crash){fault_read, (void *)0x10});
    log_take();
    says("the first", text, "] line3\n");
    says("the first", text, "] line6\n");
    check_that(lines_repeated() == 4, "the first: four lines are repeated:\n%s", text);
}

#define PARTS(...)      ((const char *const[]){__VA_ARGS__, NULL})
#define REGISTERS       "  rip 0000000000", "  rflags 0", "  rax "
#define CALLS(function) "  #0 0x", " " function "+0x", "  #1 0x", " outer_function+0x"

static void kinds(void)
{
    static int data;

    explained("null", SIGSEGV, &(struct crash){fault_read, (void *)0x10},
              PARTS("#PF page fault at 0x", " fault_read+0x", "error code 0x4: nothing is mapped there",
                    "  walk of 0x10 for a user read, tables at 0x", "  level 4: ", "P",
                    "  <- nothing is mapped there", "  the processor would allow it if that entry had P",
                    "  above is  0x", "  legal if: never; the first 64 KiB", REGISTERS,
                    "r13 1122334455667788", CALLS("fault_read")));
    explained("constant", SIGSEGV, &(struct crash){fault_write, &constant},
              PARTS(" fault_write+0x", "the mapping does not allow it", "for a user write",
                    "  level 1: ", " P-U", "  <- ", "W were set at every level", "  in region 0x", " r--",
                    "  legal if: the region could be written (mprotect)", REGISTERS, CALLS("fault_write")));
    explained("data", SIGSEGV, &(struct crash){fault_call, &data},
              PARTS("for a user instruction fetch", "  <- ", "NX were clear at every level",
                    "executed (mprotect)", REGISTERS, "  top of stack: 0x", " fault_call+0x",
                    "outer_function+0x"));
    explained("kernel", SIGSEGV, &(struct crash){fault_read, (void *)0xffffffff80000000},
              PARTS("the address is the kernel's", "  <- ", "U were set at every level",
                    "that half of the address space is the kernel's", REGISTERS, CALLS("fault_read")));
    explained("invalid", SIGILL, &(struct crash){fault_instruction, NULL},
              PARTS("#UD invalid opcode at 0x", " fault_instruction+0x", "invalid instruction",
                    "  code at rip: 0f 0b ", REGISTERS, CALLS("fault_instruction")));
}

static void *thread_crash(void *argument)
{
    outer_function(argument);
    return NULL;
}

static void threaded(const void *crash)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, thread_crash, (void *)(uintptr_t)crash) == 0)
        pthread_join(thread, NULL);
}

static void thread_named(void)
{
    log_take();
    check_dies("a thread", SIGSEGV, threaded, &(struct crash){fault_read, (void *)0x10});
    log_take();
    says("a thread", says("a thread", text, "fault-report ("), ", thread ");
}

/* However many programs crash, and whatever stood in the log: each report is as long as the one before, and none repeats another. */
static void crash_loop(void)
{
    unsigned first = 0;

    log_take();
    for (int i = 0; i < CRASHES; i++) {
        check_dies("one of many", SIGSEGV, outer_function, &(struct crash){fault_read, (void *)0x10});
        unsigned records = log_take();
        if (i == 0)
            first = records;
        check_that(records == first, "crash %d: %u records, the first took %u:\n%s", i, records, first, text);
        check_that(lines_repeated() == 0, "crash %d: a report repeats another:\n%s", i, text);
    }
}

int main(void)
{
    check_begin("fault-report");
    kernel_log = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
    if (!check_that(kernel_log >= 0, "/dev/kmsg cannot be opened"))
        return check_verdict();
    last_lines();
    kinds();
    thread_named();
    crash_loop();
    return check_verdict();
}
