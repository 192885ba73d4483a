#include "kernel/debug/panic.h"

#include "kernel/debug/backtrace.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/debug/symbols.h"
#include "kernel/debug/trap_frame.h"
#include "kernel/lib/string.h"

/* How much of the log, as it was, a report repeats: on the screen other text may have gone between. */
#define TAIL_SIZE  1024
#define TAIL_LINES 8

static struct {
    struct cpu *cpu; /* the one that panics; the first wins */
    unsigned depth;  /* panics within the panic */
    unsigned reporter_count;
    void (*reporters[PANIC_REPORTERS_MAX])(const struct trap_frame *frame_or_null);
    void (*end)(void);
    char message[LOG_LINE_MAX];
    char tail[TAIL_SIZE];
    size_t tail_size;
} state;

_Noreturn static void stop(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" : : : "memory");
}

/* The whole report and the ending are one CPU's; a second CPU that panics meanwhile only stops. How many panics are now nested. */
static unsigned panic_enter(void)
{
    struct cpu *first = NULL;

    interrupts_disable();
    if (!__atomic_compare_exchange_n(&state.cpu, &first, cpu_current(), false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE) &&
        first != cpu_current())
        stop();
    log_panic_mode();
    return ++state.depth;
}

bool panic_in_progress(void)
{
    struct cpu *cpu = __atomic_load_n(&state.cpu, __ATOMIC_ACQUIRE);

    return cpu != NULL && cpu == cpu_current();
}

bool panic_elsewhere(void)
{
    struct cpu *cpu = __atomic_load_n(&state.cpu, __ATOMIC_ACQUIRE);

    return cpu != NULL && cpu != cpu_current();
}

_Noreturn static void panic_leave(void)
{
    void (*end)(void) = state.end;

    /* Should the ending panic in its turn, it is not tried again. */
    state.end = NULL;
    if (end != NULL)
        end();
    stop();
}

/* A panic while reporting one. The first time there is still a word and the ending; after that, silence. */
_Noreturn static void panic_again(unsigned depth, const char *file, int line, const char *message)
{
    if (depth > 3)
        stop();
    if (depth == 2) {
        log_error("panic while reporting a panic: %s  %s:%d", message, file, line);
        log_error("quire: panic: %s", state.message);
    }
    panic_leave();
}

static void log_registers(const struct trap_frame *frame)
{
    char place[SYMBOL_TEXT_MAX];

    log_error("rip %04lx:%016lx %s  rflags %08lx", frame->cs, frame->rip,
              symbol_text(frame->rip, place, sizeof(place)), frame->rflags);
    log_error("rsp %04lx:%016lx  vector %lu  error %#lx", frame->ss, frame->rsp, frame->vector, frame->error);
    log_error("rax %016lx  rbx %016lx  rcx %016lx", frame->rax, frame->rbx, frame->rcx);
    log_error("rdx %016lx  rsi %016lx  rdi %016lx", frame->rdx, frame->rsi, frame->rdi);
    log_error("rbp %016lx  r8  %016lx  r9  %016lx", frame->rbp, frame->r8, frame->r9);
    log_error("r10 %016lx  r11 %016lx  r12 %016lx", frame->r10, frame->r11, frame->r12);
    log_error("r13 %016lx  r14 %016lx  r15 %016lx", frame->r13, frame->r14, frame->r15);
}

static void log_control_registers(void)
{
    uint64_t cr0, cr2, cr3, cr4;

    __asm__ volatile("movq %%cr0, %0; movq %%cr2, %1; movq %%cr3, %2; movq %%cr4, %3"
                     : "=r"(cr0), "=r"(cr2), "=r"(cr3), "=r"(cr4));
    log_error("cr0 %08lx  cr2 %016lx  cr3 %016lx  cr4 %08lx", cr0, cr2, cr3, cr4);
}

/* Each with the stack on which it was taken: what has not returned since is still there. */
static void log_locks(uint64_t rbp)
{
    const struct cpu *cpu = cpu_current();
    char place[SYMBOL_TEXT_MAX];

    for (uint32_t i = 0; i < cpu->locks_held && i < CPU_LOCKS_HELD_MAX; i++) {
        log_error("holds lock \"%s\" taken at %s, called from", cpu->lock[i]->name,
                  symbol_text((uint64_t)cpu->lock[i]->taken_at, place, sizeof(place)));
        backtrace_log_above((uint64_t)cpu->lock[i]->taken_from, (uint64_t)cpu->lock[i]->taken_frame, rbp);
    }
}

static void log_tail_lines(void)
{
    size_t start = state.tail_size;

    /* Lines end with a newline: the start of the last few. */
    for (unsigned lines = 0; start > 0; start--)
        if (state.tail[start - 1] == '\n' && lines++ == TAIL_LINES)
            break;
    if (start < state.tail_size)
        log_error("the log before:");
    for (size_t end = start; end < state.tail_size; end++) {
        if (state.tail[end] != '\n')
            continue;
        state.tail[end] = '\0';
        log_error("  | %s", state.tail + start);
        start = end + 1;
    }
}

/* Everything after the first line. `frame` is NULL when the kernel itself found the fault, at `rip` with frame pointer `rbp`. */
_Noreturn static void panic_report(const struct trap_frame *frame, uint64_t rip, uint64_t rbp)
{
    if (frame != NULL)
        log_registers(frame);
    log_control_registers();
    log_locks(rbp);
    if (frame == NULL || !trap_from_user(frame)) {
        log_error("backtrace:");
        backtrace_log(rip, rbp);
    }
    for (unsigned i = 0; i < state.reporter_count; i++)
        state.reporters[i](frame);
    log_tail_lines();
    log_error("quire: panic: %s", state.message);
    panic_leave();
}

/* Why, and where: line 0 means that only rip is known. */
struct cause {
    const char *file;
    int line;
    const struct trap_frame *frame;
    uint64_t rip, rbp;
};

/* The common course of all panics. */
_Noreturn static void panic_run(const struct cause *cause, const char *message)
{
    unsigned depth = panic_enter();

    if (depth > 1)
        panic_again(depth, cause->file, cause->line, message);
    strlcpy(state.message, message, sizeof(state.message));
    state.tail_size = log_tail(state.tail, sizeof(state.tail));
    log_error("----------------------------------------------------------------");
    log_error("panic on CPU %u: %s", cpu_current()->id, state.message);
    if (cause->line != 0)
        log_error("at %s:%d", cause->file, cause->line);
    panic_report(cause->frame, cause->rip, cause->rbp);
}

/* The call that led here: an address inside the call instruction, and the caller's own frame pointer. */
#define CAUSE_HERE(file_name, line_number)                                                                   \
    {                                                                                                        \
        .file = (file_name), .line = (line_number), .rip = (uint64_t)__builtin_return_address(0) - 1,        \
        .rbp = *(const uint64_t *)__builtin_frame_address(0)                                                 \
    }

void panic_at(const char *file, int line, const char *format, ...)
{
    struct cause cause = CAUSE_HERE(file, line);
    char message[LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    panic_run(&cause, message);
}

void panic_trap(const struct trap_frame *frame, const char *format, ...)
{
    struct cause cause = {.file = "trap", .frame = frame, .rip = frame->rip, .rbp = frame->rbp};
    char message[LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    panic_run(&cause, message);
}

void panic_assertion(const char *file, int line, const char *condition, const char *format, ...)
{
    struct cause cause = CAUSE_HERE(file, line);
    char words[LOG_LINE_MAX], message[LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    snprintf(message, sizeof(message), "%s%s%s is false", words, words[0] != '\0' ? ": " : "", condition);
    panic_run(&cause, message);
}

void panic_comparison(const char *file, int line, const char *comparison, uint64_t left, uint64_t right,
                      const char *format, ...)
{
    struct cause cause = CAUSE_HERE(file, line);
    char words[LOG_LINE_MAX], message[LOG_LINE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    snprintf(message, sizeof(message), "%s%s%s is false: left %#lx (%lu), right %#lx (%lu)", words,
             words[0] != '\0' ? ": " : "", comparison, left, left, right, right);
    panic_run(&cause, message);
}

void panic_reporter_add(void (*report)(const struct trap_frame *frame_or_null))
{
    if (state.reporter_count < PANIC_REPORTERS_MAX)
        state.reporters[state.reporter_count++] = report;
}

void panic_set_ending(void (*end)(void))
{
    state.end = end;
}
