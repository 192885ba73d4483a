/* See exec.h. Everything that can fail happens on a space of its own; the last step swaps it in and cannot fail. */
#include "kernel/process/exec.h"

#include <asm/errno.h>
#include <asm/hwcap2.h>
#include <asm/signal.h>
#include <linux/auxvec.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/random.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/space_access.h"
#include "kernel/process/elf.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/thread_internal.h"
#include "kernel/vdso/vdso.h"
#include "paging/layout.h"
#include "paging/paging.h"

/* Where things go when the program does not say, and how many pages of randomness each gets (Linux's figures for x86-64, a little less for the stack). */
#define PIE_BASE           UINT64_C(0x0000555555554000)
#define PIE_RANDOM_PAGES   (UINT64_C(1) << 28)
#define STACK_RANDOM_PAGES (UINT64_C(1) << 22)
#define MAP_RANDOM_PAGES   (UINT64_C(1) << 28)
#define BREAK_RANDOM_PAGES (UINT64_C(1) << 13)
#define STACK_ROOM         (UINT64_C(256) << 20) /* kept free below the top of the stack */
#define STACK_INITIAL      (UINT64_C(132) << 10) /* mapped from the beginning */

#define CLOCK_TICKS        100 /* AT_CLKTCK: what times() counts in */

int exec_arguments_add(struct exec_arguments *arguments, const char *string, size_t length)
{
    size_t needed = arguments->size + length + 1;

    if (needed + (arguments->argument_count + arguments->environment_count) * sizeof(uint64_t) >
        EXEC_ARGUMENTS_MAX)
        return -E2BIG;
    if (needed > arguments->capacity) {
        size_t capacity = arguments->capacity ? arguments->capacity * 2 : PAGE_SIZE;
        while (capacity < needed)
            capacity *= 2;
        char *larger = heap_alloc(capacity);
        if (larger == NULL)
            return -ENOMEM;
        memcpy(larger, arguments->bytes, arguments->size);
        heap_free(arguments->bytes);
        arguments->bytes = larger;
        arguments->capacity = capacity;
    }
    memcpy(arguments->bytes + arguments->size, string, length);
    arguments->bytes[needed - 1] = '\0';
    arguments->size = needed;
    return 0;
}

void exec_arguments_free(struct exec_arguments *arguments)
{
    heap_free(arguments->bytes);
    *arguments = (struct exec_arguments){0};
}

static uint64_t random_pages(uint64_t most)
{
    return random_u64() % most * PAGE_SIZE;
}

/* One segment: its file pages, zeroes behind them. */
static int segment_map(struct address_space *space, const struct elf_segment *segment, vaddr_t bias,
                       struct backing *backing)
{
    vaddr_t start = segment->address + bias;
    vaddr_t page = ROUND_DOWN(start, PAGE_SIZE);
    vaddr_t file_end = start + segment->file_size;
    vaddr_t file_pages_end = segment->file_size ? ROUND_UP(file_end, PAGE_SIZE) : page;
    vaddr_t end = ROUND_UP(start + segment->memory_size, PAGE_SIZE);
    struct region file = {.protection = segment->protection,
                          .backing = backing,
                          .offset = ROUND_DOWN(segment->offset, PAGE_SIZE)};
    struct region zero = {.protection = segment->protection};
    vaddr_t ignored;
    int error = 0;

    if (file_pages_end > page)
        error =
            space_map(space, page, file_pages_end - page, SPACE_FIXED | SPACE_NO_REPLACE, &file, &ignored);
    if (error == 0 && end > file_pages_end)
        error = space_map(space, file_pages_end, end - file_pages_end, SPACE_FIXED | SPACE_NO_REPLACE, &zero,
                          &ignored);
    /* What the file has behind the segment in its last page must read as zeroes where the program expects .bss. */
    if (error == 0 && segment->memory_size > segment->file_size && PAGEOFFSET(file_end) != 0 &&
        segment->file_size > 0 && segment->protection & REGION_WRITE) {
        static const char zeroes[PAGE_SIZE];
        error = space_write(space, file_end, zeroes, PAGE_SIZE - PAGEOFFSET(file_end));
    }
    return error;
}

static int program_map(struct address_space *space, const struct elf_program *program,
                       struct backing *backing, vaddr_t *bias)
{
    *bias = program->relocatable ? PIE_BASE + random_pages(PIE_RANDOM_PAGES) - program->low : 0;
    for (unsigned i = 0; i < program->segment_count; i++) {
        int error = segment_map(space, &program->segment[i], *bias, backing);
        if (error != 0)
            return error;
    }
    space->break_start = space->break_end = program->high + *bias + random_pages(BREAK_RANDOM_PAGES);
    return 0;
}

static int stack_map(struct process *process, struct address_space *space, bool executable)
{
    uint32_t protection = REGION_READ | REGION_WRITE | (executable ? REGION_EXEC : 0);
    struct region stack = {.protection = protection, .flags = REGION_GROWS_DOWN, .name = "[stack]"};
    vaddr_t ignored;

    space->stack_end = USER_END - random_pages(STACK_RANDOM_PAGES);
    space->stack_limit = process->limits[3 /* RLIMIT_STACK */][0];
    space->map_base = space->stack_end - STACK_ROOM - random_pages(MAP_RANDOM_PAGES);
    return space_map(space, space->stack_end - STACK_INITIAL, STACK_INITIAL, SPACE_FIXED | SPACE_NO_REPLACE,
                     &stack, &ignored);
}

/* --- the initial stack: from high to low the path, the strings, random bytes, then auxv, envp, argv, argc --- */

struct stack_builder {
    struct address_space *space;
    vaddr_t at;
    int error;
};

static vaddr_t stack_push(struct stack_builder *stack, const void *bytes, size_t size)
{
    stack->at -= size;
    if (stack->error == 0)
        stack->error = space_write(stack->space, stack->at, bytes, size);
    return stack->at;
}

#define AUXILIARY_MAX 24

struct auxiliary {
    unsigned count;
    uint64_t pair[AUXILIARY_MAX][2];
};

static void auxiliary_add(struct auxiliary *vector, uint64_t type, uint64_t value)
{
    ASSERT_LT(vector->count, AUXILIARY_MAX);
    vector->pair[vector->count][0] = type;
    vector->pair[vector->count++][1] = value;
}

static void auxiliary_fill(struct auxiliary *vector, const struct elf_program *program, vaddr_t bias)
{
    auxiliary_add(vector, AT_HWCAP, cpuid(1, 0).edx);
    auxiliary_add(vector, AT_PAGESZ, PAGE_SIZE);
    auxiliary_add(vector, AT_CLKTCK, CLOCK_TICKS);
    if (program->header_address != 0) {
        auxiliary_add(vector, AT_PHDR, program->header_address + bias);
        auxiliary_add(vector, AT_PHENT, program->header_size);
        auxiliary_add(vector, AT_PHNUM, program->header_count);
    }
    auxiliary_add(vector, AT_BASE, 0);
    auxiliary_add(vector, AT_FLAGS, 0);
    auxiliary_add(vector, AT_ENTRY, program->entry + bias);
    auxiliary_add(vector, AT_UID, 0);
    auxiliary_add(vector, AT_EUID, 0);
    auxiliary_add(vector, AT_GID, 0);
    auxiliary_add(vector, AT_EGID, 0);
    auxiliary_add(vector, AT_SECURE, 0);
    auxiliary_add(vector, AT_HWCAP2, 0);
    /* Room for a signal frame: registers, siginfo and the FPU state. */
    auxiliary_add(vector, AT_MINSIGSTKSZ, 1024 + fpu_state_size());
}

/* The table of pointers to `count` terminated strings that begin at `strings` in the new space and at `bytes` here; returns the bytes they take. */
static size_t pointers_fill(uint64_t *pointer, unsigned count, vaddr_t strings, const char *bytes)
{
    size_t at = 0;

    for (unsigned i = 0; i < count; i++) {
        pointer[i] = strings + at;
        at += strlen(bytes + at) + 1;
    }
    pointer[count] = 0;
    return at;
}

/* Also notes where the strings of argv are. */
static void pointers_push(struct stack_builder *stack, const struct exec_arguments *arguments,
                          vaddr_t strings, struct auxiliary *vector)
{
    size_t vector_size = vector->count * sizeof(vector->pair[0]);
    size_t words = 1 + arguments->argument_count + 1 + arguments->environment_count + 1;
    uint64_t *table = heap_alloc(words * sizeof(uint64_t));

    if (table == NULL) {
        stack->error = -ENOMEM;
        return;
    }
    table[0] = arguments->argument_count;
    size_t used = pointers_fill(table + 1, arguments->argument_count, strings, arguments->bytes);
    stack->space->arguments_start = strings;
    stack->space->arguments_end = strings + used;
    pointers_fill(table + 2 + arguments->argument_count, arguments->environment_count, strings + used,
                  arguments->bytes + used);
    /* argc is at a multiple of 16. */
    stack->at = ROUND_DOWN(stack->at - vector_size - words * sizeof(uint64_t), UINT64_C(16)) + vector_size +
                words * sizeof(uint64_t);
    stack_push(stack, vector->pair, vector_size);
    stack_push(stack, table, words * sizeof(uint64_t));
    heap_free(table);
}

static int stack_fill(struct address_space *space, const struct elf_program *program, vaddr_t bias,
                      vaddr_t vdso, const char *path, const struct exec_arguments *arguments, vaddr_t *rsp)
{
    static const char platform[] = "x86_64";
    struct stack_builder stack = {space, space->stack_end - sizeof(uint64_t), 0};
    struct auxiliary vector = {0};
    uint8_t random[16];

    vaddr_t path_at = stack_push(&stack, path, strlen(path) + 1);
    vaddr_t strings = stack_push(&stack, arguments->bytes, arguments->size);
    vaddr_t platform_at = stack_push(&stack, platform, sizeof(platform));
    random_bytes(random, sizeof(random));
    vaddr_t random_at = stack_push(&stack, random, sizeof(random));
    auxiliary_fill(&vector, program, bias);
    auxiliary_add(&vector, AT_RANDOM, random_at);
    auxiliary_add(&vector, AT_EXECFN, path_at);
    auxiliary_add(&vector, AT_PLATFORM, platform_at);
    if (vdso != 0)
        auxiliary_add(&vector, AT_SYSINFO_EHDR, vdso);
    auxiliary_add(&vector, AT_NULL, 0);
    pointers_push(&stack, arguments, strings, &vector);
    *rsp = stack.at;
    return stack.error;
}

/* The vector is no system call's any more, so that entry.S gives back all registers from here. */
static void frame_enter(struct trap_frame *frame, vaddr_t entry, vaddr_t rsp)
{
    *frame = (struct trap_frame){
        .rip = entry,
        .cs = SELECTOR_USER_CODE,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = rsp,
        .ss = SELECTOR_USER_DATA,
    };
}

static void process_rename(struct process *process, const char *path)
{
    const char *slash = strrchr(path, '/');

    strlcpy(process->path, path, sizeof(process->path));
    strlcpy(process->name, slash ? slash + 1 : path, sizeof(process->name));
}

/* Nothing fails from here on. */
static void program_commit(struct process *process, struct address_space *space, const char *path)
{
    struct address_space *old = process->space;
    bool enabled = interrupts_disable();

    spinlock_lock(&process->lock); /* process_space_get() */
    process->space = space;
    spinlock_unlock(&process->lock);
    if (process == current_process()) {
        thread_current()->space = space;
        space_activate(space);
    }
    interrupts_restore(enabled);
    if (old != NULL)
        space_put(old);
    if (process == current_process())
        thread_file_operations.exec(&thread_current()->files);
    signal_actions_reset(process->actions); /* handlers are of the old program */
    process->exit_signal = SIGCHLD;
    process_rename(process, path);
    process_vfork_release(process);
}

static void thread_reset(struct thread *thread)
{
    bool enabled = interrupts_disable();

    thread->fs_base = thread->gs_base = 0;
    wrmsr(MSR_FS_BASE, 0);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    fpu_state_init(thread->fpu_state);
    fpu_load(thread->fpu_state);
    interrupts_restore(enabled);
    thread->signals.stack = thread->signals.stack_size = 0;
    thread->signals.stack_flags = 2; /* SS_DISABLE */
    strlcpy(thread->name, thread->process->name, sizeof(thread->name));
}

/* What the process shares is left to the others. When memory is wanting for that, the old program goes on, but with this thread alone. */
static int process_stand_alone(struct process *process)
{
    int error = process_end_other_threads();

    if (error == 0)
        error = signal_actions_unshare(process);
    if (error == 0)
        error = thread_files_unshare(&thread_current()->files, THREAD_FILES_PLACE);
    if (error == 0)
        process_take_id();
    return error;
}

int process_exec(struct process *process, const struct exec_program *program,
                 const struct exec_arguments *arguments, struct trap_frame *frame)
{
    struct elf_program elf;
    const char *reason;
    vaddr_t bias, vdso, rsp = 0;

    int error = elf_read(program->bytes, program->size, &elf, &reason);
    if (error != 0) {
        log_info("exec: %s: %s", program->path, reason);
        return error;
    }
    struct address_space *space = space_create();
    if (space == NULL)
        return -ENOMEM;
    error = stack_map(process, space, elf.executable_stack);
    if (error == 0)
        error = program_map(space, &elf, program->backing, &bias);
    if (error == 0)
        error = vdso_map(space, &vdso);
    if (error == 0)
        error = stack_fill(space, &elf, bias, vdso, program->path, arguments, &rsp);
    if (error == 0 && process == current_process())
        error = process_stand_alone(process);
    if (error != 0) {
        space_put(space);
        return error == -EEXIST || error == -EPERM || error == -EINVAL ? -ENOEXEC : error;
    }
    frame_enter(frame, elf.entry + bias, rsp);
    program_commit(process, space, program->path);
    if (process == current_process())
        thread_reset(thread_current());
    return 0;
}

int process_exec_first(struct process *process, const struct exec_program *program,
                       const struct exec_arguments *arguments, struct thread_files *files)
{
    struct trap_frame frame;
    int error = process_exec(process, program, arguments, &frame);

    if (error != 0)
        return error;
    struct thread *thread = thread_make_user(&frame, NULL);
    if (thread == NULL)
        return -ENOMEM;
    strlcpy(thread->name, process->name, sizeof(thread->name));
    thread->files = *files;
    *files = (struct thread_files){0};
    thread_set_process(thread, process);
    error = thread_join_process(thread);
    ASSERT_EQ(error, 0, "a process that has not begun does not end");
    thread_enter_main(thread);
    thread_start(thread);
    return 0;
}
