/* See first_process.h. The command line chooses: `selftest[=NAME]`, or a program: the words after `--`, else init=PATH, else /bin/demo. */
#include "kernel/first_process.h"

#include <asm/errno.h>

#include "kernel/controls.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/debug/selftest.h"
#include "kernel/device/clock.h"
#include "kernel/device/power.h"
#include "kernel/file/files.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/lock_report.h"
#include "kernel/memory/failure.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/memory_check.h"
#include "kernel/process/exec.h"
#include "kernel/process/scheduler.h"
#include "syscalls/exec.h"
#include "syscalls/syscall.h"

#define DEFAULT_PROGRAM   "/bin/demo"

/* Of all memory, what files that programs write may take together. */
#define FILE_MEMORY_SHARE 2

/* How long the threads of a self-test may take to end, in nanoseconds. */
#define SELFTEST_PATIENCE (UINT64_C(2000) * 1000 * 1000)

/* `end=reboot`: start anew, to be tried on PCs and by tests. */
_Noreturn static void machine_leave(uint8_t debug_exit_value)
{
    const char *end = option_value("end");

    if (end != NULL && strcmp(end, "reboot") == 0)
        power_reboot();
    power_off(debug_exit_value);
}

static void machine_end(int status)
{
    lock_report_log();
    if (status & 0x7f)
        log_info("quire: exit signal %d", status & 0x7f);
    else
        log_info("quire: exit status %d", status >> 8 & 0xff);
    machine_leave(POWER_EXIT_SUCCESS);
}

static void files_begin(const struct boot_info *boot)
{
    struct frame_statistics frames;
    const char *stdio = option_value("stdio"), *console = option_value("console");

    frame_statistics(&frames);
    struct files_options options = {
        .serial_streams = stdio != NULL && strcmp(stdio, "serial") == 0,
        .console_input = true,
        .console_terminal = console != NULL && strcmp(console, "serial") == 0,
        .memory_limit = frames.total * PAGE_SIZE / FILE_MEMORY_SHARE,
    };
    int error = files_start(&options);
    if (error == 0)
        error = files_unpack(boot);
    if (error != 0)
        panic("the file tree cannot be made: error %d", -error);
}

/* Memory in use before a self-test. */
static uint64_t frames_free, heap_used;

static uint64_t frames_free_now(void)
{
    struct frame_statistics frames;

    frame_statistics(&frames);
    return frames.free;
}

static void memory_note(void)
{
    kernel_stacks_drop_cached();
    frames_free = frames_free_now();
    heap_used = heap_bytes_used();
}

/* More in use than before, or something unaccounted for. */
static const char *memory_worse(uint64_t *before, uint64_t *now)
{
    kernel_stacks_drop_cached();
    *before = heap_used;
    *now = heap_bytes_used();
    if (*now > *before)
        return "heap bytes as before the test";
    *before = frames_free;
    *now = frames_free_now();
    if (*now < *before)
        return "free frames as before the test";
    int violations = memory_check();
    *before = 0;
    *now = (uint64_t)violations;
    return violations != 0 ? "memory_check() == 0" : NULL;
}

/* Threads of the test may still be on their way out. */
static const char *memory_difference(uint64_t *before, uint64_t *now)
{
    uint64_t patience = clock_now() + SELFTEST_PATIENCE;
    const char *what = memory_worse(before, now);

    while (what != NULL && clock_now() < patience) {
        cpu_relax();
        scheduler_yield();
        what = memory_worse(before, now);
    }
    return what;
}

static void selftests_run(void)
{
    static const struct selftest_ground memory = {memory_note, memory_difference};
    unsigned failed = selftest_run(option_value("selftest"), &memory);
    lock_report_log();
    machine_leave(failed == 0 ? POWER_EXIT_SUCCESS : POWER_EXIT_FAILED);
}

static int strings_add(struct exec_arguments *arguments, const char *string, unsigned *count)
{
    ++*count;
    return exec_arguments_add(arguments, string, strlen(string));
}

int first_process_environment(struct exec_arguments *arguments)
{
    static const char *const defaults[] = {"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/", "TERM=linux"};
    size_t position = 0;
    int error = 0;

    for (unsigned i = 0; i < sizeof(defaults) / sizeof(defaults[0]) && error == 0; i++)
        error = strings_add(arguments, defaults[i], &arguments->environment_count);
    for (const char *value; error == 0 && (value = option_next("env.", &position)) != NULL;)
        error = strings_add(arguments, value, &arguments->environment_count);
    return error;
}

/* argv and the environment of the first program; the program's path. */
static const char *arguments_make(struct exec_arguments *arguments)
{
    size_t count;
    char *const *words = option_arguments(&count);
    const char *path = option_value("init");
    int error = 0;

    if (path == NULL || *path == '\0')
        path = count > 0 ? words[0] : DEFAULT_PROGRAM;
    if (count == 0)
        error = strings_add(arguments, path, &arguments->argument_count);
    for (size_t i = 0; i < count && error == 0; i++)
        error = strings_add(arguments, words[i], &arguments->argument_count);
    if (error == 0)
        error = first_process_environment(arguments);
    if (error != 0)
        panic("the arguments of %s cannot be passed: error %d", path, -error);
    return path;
}

/* `fail=`: from the first program's first instruction on. */
static void failures_arm(void)
{
    size_t position = 0;

    for (const char *value; (value = option_next("fail=", &position)) != NULL;)
        if (failure_option(value) != 0)
            log_error("options: fail=%s is not frame or heap, a comma, and N or random,SEED,ONE_IN", value);
}

static void program_start(void)
{
    struct exec_arguments arguments = {0};
    struct thread_files files;
    struct process *process = process_create_first(machine_end);

    if (process == NULL || files_make_first(&files) != 0)
        panic("there is no memory for a first process");
    const char *path = arguments_make(&arguments);
    int error = program_exec(process, path, &arguments, &files, NULL);
    if (error != 0)
        panic("%s cannot be run: error %d", path, -error);
    exec_arguments_free(&arguments);
    failures_arm();
}

static void start(void *argument)
{
    const struct boot_info *boot = argument;

    controls_register();
    lock_report_start();
    files_begin(boot);
    if (option_present("selftest"))
        selftests_run();
    syscall_trace_set(option_present("trace"));
    program_start();
}

void first_process_prepare(const struct boot_info *boot)
{
    if (thread_create_kernel("start", start, (void *)(uintptr_t)boot) == NULL)
        panic("there is no memory for a kernel thread");
}
