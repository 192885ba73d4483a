/* See fault_report.h. */
#include "kernel/process/fault_report.h"

#include <linux/elf.h>

#include "kernel/cpu/mutex.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/trap.h"
#include "kernel/debug/log.h"
#include "kernel/debug/symbols.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/space_access.h"
#include "kernel/memory/walk_report.h"
#include "kernel/process/process.h"
#include "kernel/process/thread.h"
#include "paging/layout.h"

#define FRAMES_MAX 16
#define NEAR_STACK (UINT64_C(1) << 20) /* below a stack: it was probably meant to grow */
#define NULL_AREA  USER_BASE
#define CODE_BYTES 16
#define TAIL_LINES 4                   /* of the log before, which a report repeats */
#define TAIL_MAX   (LOG_LINE_MAX + 64) /* with its time stamp */

/* One report at a time, so that none stands in the middle of another. */
static struct mutex reporting; /* also guards what follows */
static uint64_t reported;      /* where in the log the last report ended */
struct fault_record fault_last;

/* --- the program's own names --- */

/* What a place in the program's file is called. The region's backing is the whole file, and the region begins where one of its segments does. */
struct program_names {
    struct symbol_table table;
    vaddr_t bias; /* address in memory - address as the file counts */
    bool known;
};

static bool segment_bias(const uint8_t *bytes, uint64_t size, const struct region *region, vaddr_t *bias)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;

    if (size < sizeof(header))
        return false;
    memcpy(&header, bytes, sizeof(header));
    for (unsigned i = 0; i < header.e_phnum; i++) {
        uint64_t at = header.e_phoff + i * sizeof(segment);
        if (at > size || size - at < sizeof(segment))
            return false;
        memcpy(&segment, bytes + at, sizeof(segment));
        if (segment.p_type == PT_LOAD && ROUND_DOWN(segment.p_offset, PAGE_SIZE) == region->offset) {
            *bias = region->start - ROUND_DOWN(segment.p_vaddr, PAGE_SIZE);
            return true;
        }
    }
    return false;
}

/* The names that hold at `rip`. The space's mutex is taken; the bytes stay as long as the process runs this program. */
static void names_find(struct address_space *space, vaddr_t rip, struct program_names *names)
{
    names->known = false;
    mutex_lock(&space->mutex);
    struct region *region = region_find(&space->regions, rip);
    if (region != NULL && region->start <= rip && region->backing != NULL) {
        uint64_t size;
        const uint8_t *bytes = backing_bytes(region->backing, &size);
        names->known = bytes != NULL && segment_bias(bytes, size, region, &names->bias) &&
                       symbol_table_open(&names->table, bytes, size) == 0;
    }
    mutex_unlock(&space->mutex);
}

static const char *place_text(struct address_space *space, vaddr_t address, char *to, size_t size)
{
    struct program_names names;
    uint64_t offset = 0;

    names_find(space, address, &names);
    const char *name = names.known ? symbol_table_find(&names.table, address - names.bias, &offset) : NULL;
    if (name != NULL)
        snprintf(to, size, "%#lx %s+%#lx", address, name, offset);
    else
        snprintf(to, size, "%#lx", address);
    return to;
}

/* --- regions --- */

static void region_tell(const char *where, const struct region *region)
{
    log_info("  %s %#lx-%#lx %c%c%c%s %s", where, region->start, region->end,
             region->protection & REGION_READ ? 'r' : '-', region->protection & REGION_WRITE ? 'w' : '-',
             region->protection & REGION_EXEC ? 'x' : '-', region->flags & REGION_SHARED ? " shared" : "",
             region->name != NULL      ? region->name
             : region->backing != NULL ? "file"
                                       : "anonymous");
}

static const char *access_name(uint64_t error)
{
    return error & FAULT_WRITE ? "written" : error & FAULT_FETCH ? "executed" : "read";
}

static void hole_explain(vaddr_t address, const struct region *below, const struct region *above)
{
    if (address < NULL_AREA)
        log_info("  legal if: never; the first 64 KiB are kept free so that null pointers fault");
    else if (above != NULL && above->flags & REGION_GROWS_DOWN && above->start - address < NEAR_STACK)
        log_info(
            "  legal if: the stack could grow by %lu KiB more; its limit, or what lies below, forbids it",
            (above->start - address) >> 10);
    else if (below != NULL && address - below->end < PAGE_SIZE)
        log_info("  legal if: the region below were larger; the address is %lu bytes past its end",
                 address - below->end);
    else
        log_info("  legal if: something were mapped there");
}

static void regions_explain(struct address_space *space, vaddr_t address, uint64_t error)
{
    if (address >= USER_END) {
        log_info("  legal if: never; that half of the address space is the kernel's");
        return;
    }
    mutex_lock(&space->mutex);
    struct region *region = region_find_from(&space->regions, address);
    if (region != NULL && region->start <= address) {
        region_tell("in region", region);
        if (region->protection & REGION_WRITE && region->protection & REGION_EXEC)
            log_info("  legal if: the program did not write to the page it runs from");
        else
            log_info("  legal if: the region could be %s (mprotect), or, when its rights are enough, the "
                     "file were "
                     "longer",
                     access_name(error));
    } else {
        struct region *below = NULL;
        for (struct region *each = region_find_from(&space->regions, 0); each != region;
             each = region_next(each))
            below = each;
        if (below != NULL)
            region_tell("below is ", below);
        if (region != NULL)
            region_tell("above is ", region);
        hole_explain(address, below, region);
    }
    mutex_unlock(&space->mutex);
}

/* --- registers and calls --- */

static void registers_tell(const struct trap_frame *frame)
{
    log_info("  rip %016lx  rflags %08lx  fs %016lx  gs %016lx", frame->rip, frame->rflags,
             thread_current()->fs_base, thread_current()->gs_base);
    log_info("  rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", frame->rax, frame->rbx, frame->rcx,
             frame->rdx);
    log_info("  rsi %016lx  rdi %016lx  rbp %016lx  rsp %016lx", frame->rsi, frame->rdi, frame->rbp,
             frame->rsp);
    log_info("  r8  %016lx  r9  %016lx  r10 %016lx  r11 %016lx", frame->r8, frame->r9, frame->r10,
             frame->r11);
    log_info("  r12 %016lx  r13 %016lx  r14 %016lx  r15 %016lx", frame->r12, frame->r13, frame->r14,
             frame->r15);
}

/* A return address follows a call; what does not stand in an executable region is none. */
static bool executable(struct address_space *space, vaddr_t address)
{
    mutex_lock(&space->mutex);
    struct region *region = region_find(&space->regions, address);
    bool result = region != NULL && region->start <= address && region->protection & REGION_EXEC;
    mutex_unlock(&space->mutex);
    return result;
}

static bool word_read(struct address_space *space, vaddr_t address, uint64_t *word)
{
    return address % sizeof(*word) == 0 && space_read(space, word, address, sizeof(*word)) == 0;
}

/* By frame pointers, which optimised programs may not keep; the return address of a function that has not made its frame yet is on top of the stack. */
static void calls_tell(struct address_space *space, const struct trap_frame *frame)
{
    char place[SYMBOL_TEXT_MAX];
    vaddr_t rbp = frame->rbp;
    uint64_t word;

    log_info("  #0 %s", place_text(space, frame->rip, place, sizeof(place)));
    if (word_read(space, frame->rsp, &word) && executable(space, word))
        log_info("  top of stack: %s", place_text(space, word, place, sizeof(place)));
    for (unsigned i = 1; i < FRAMES_MAX && rbp >= frame->rsp; i++) {
        uint64_t caller;
        if (!word_read(space, rbp, &caller) || !word_read(space, rbp + sizeof(word), &word) ||
            !executable(space, word))
            break;
        log_info("  #%u %s", i, place_text(space, word, place, sizeof(place)));
        if (caller <= rbp)
            break;
        rbp = caller;
    }
}

/* The instruction, for exceptions that come of what it is. */
static void code_tell(struct address_space *space, vaddr_t rip)
{
    char text[3 * CODE_BYTES + 1] = "";
    uint8_t byte;

    for (unsigned i = 0; i < CODE_BYTES && space_read(space, &byte, rip + i, 1) == 0; i++)
        snprintf(text + (size_t)3 * i, sizeof(text) - (size_t)3 * i, " %02x", byte);
    log_info("  code at rip:%s", text[0] != '\0' ? text : " cannot be read");
}

/* What was logged before `end`, the last lines, for on the screen other text may have gone between. Nothing that a report said, or repeated, is repeated: however many programs crash, each line stands
 * in the log twice at most. */
static void log_before_tell(uint64_t end)
{
    char line[TAIL_MAX];
    enum log_level level;
    uint64_t start[TAIL_LINES] = {0}; /* of the last lines, in turn */
    unsigned count = 0;

    for (uint64_t position = reported; position < end; count++) {
        start[count % TAIL_LINES] = position;
        if (log_record(&position, &level, line, sizeof(line)) < 0)
            break;
    }
    if (count > 0)
        log_info("  the log before:");
    for (unsigned i = count > TAIL_LINES ? count - TAIL_LINES : 0; i < count; i++) {
        uint64_t position = start[i % TAIL_LINES];
        if (log_record(&position, &level, line, sizeof(line)) >= 0)
            log_info("  | %s", line);
    }
}

/* Keep the walk and the region, which go with the process. */
static void memory_record(struct process *process, vaddr_t address)
{
    struct address_space *space = process->space;

    mutex_lock(&space->mutex);
    const struct paging *paging = &space->paging;
    paddr_t table = paging->root;
    fault_last.levels = paging->levels;
    for (unsigned level = paging->levels; level > 0; level--) {
        pte_t entry = ((const pte_t *)direct_map(table))[PAGEINDEX(address, level)];
        fault_last.entry[paging->levels - level] = entry;
        if (!(entry & PTE_P) || (level > 1 && entry & PTE_PS))
            break;
        table = entry & PTE_ADDRESS_MASK;
    }
    const struct region *region = region_find_from(&space->regions, address);
    if (region != NULL) {
        fault_last.region_start = region->start;
        fault_last.region_end = region->end;
        fault_last.region_protection = region->protection;
    }
    mutex_unlock(&space->mutex);
}

static void fault_record(const struct trap_frame *frame, uint64_t address, const char *reason)
{
    struct process *process = current_process();

    fault_last = (struct fault_record){.pid = process->pid,
                                       .vector = frame->vector,
                                       .error = frame->error,
                                       .address = address,
                                       .rip = frame->rip,
                                       .rsp = frame->rsp,
                                       .cr3 = read_cr3()};
    strlcpy(fault_last.process, process->name, sizeof(fault_last.process));
    strlcpy(fault_last.reason, reason, sizeof(fault_last.reason));
    if (frame->vector == EXCEPTION_PAGE_FAULT)
        memory_record(process, address);
}

static void report(const struct trap_frame *frame, uint64_t address, const char *reason)
{
    struct process *process = current_process();
    const struct thread *thread = thread_current();
    char place[SYMBOL_TEXT_MAX], who[32] = "";

    if (thread->tid != process->pid)
        snprintf(who, sizeof(who), ", thread %d", thread->tid);
    log_info("%s (%d%s): %s at %s, error code %#lx: %s", process->name, process->pid, who,
             exception_name(frame->vector), place_text(process->space, frame->rip, place, sizeof(place)),
             frame->error, reason);
    if (frame->vector == EXCEPTION_PAGE_FAULT) {
        walk_report(address, frame->error);
        regions_explain(process->space, address, frame->error);
    } else {
        code_tell(process->space, frame->rip);
    }
    registers_tell(frame);
    calls_tell(process->space, frame);
}

void fault_report(const struct trap_frame *frame, uint64_t address, const char *reason)
{
    mutex_lock(&reporting);
    uint64_t before = log_end();
    fault_record(frame, address, reason);
    report(frame, address, reason);
    log_before_tell(before);
    reported = log_end();
    mutex_unlock(&reporting);
}

void fault_report_start(void)
{
    mutex_init(&reporting, MUTEX_REPORT, "fault report");
}
