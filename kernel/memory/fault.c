/* The fault handler: the one place that fills pages in.
 *
 * Demand zero (reads share one zero frame), demand file, copy-on-write, stack growth. Anything else is refused, with the reason. */
#include <asm/errno.h>

#include "kernel/cpu/trap.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/panic.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/space_internal.h"
#include "paging/layout.h"

/* A stack does not grow nearer than this to what lies below it (Linux's stack_guard_gap). */
#define STACK_GUARD     (UINT64_C(256) * PAGE_SIZE)

#define INSTRUCTION_MAX 15 /* bytes, SDM vol. 2A, 2.3.11 */

struct frame *zero_frame;

void zero_frame_make(void)
{
    zero_frame = frame_alloc_zeroed(FRAME_ANONYMOUS);
    ASSERT(zero_frame != NULL, "there is memory for the zero page");
    zero_frame->flags |= FRAME_FLAG_ZERO;
}

/* A region that may be written and executed has pages that are one or the other, as last asked: no page is ever both. */
uint64_t region_perm(const struct region *region, bool write, bool execute)
{
    uint64_t perm = PTE_P | PTE_U;

    if (write && region->protection & REGION_WRITE)
        perm |= PTE_W;
    if (kernel_paging.nx && (!(execute && region->protection & REGION_EXEC) || perm & PTE_W))
        perm |= PTE_NX;
    return perm;
}

static bool region_allows(const struct region *region, uint32_t access)
{
    if (access == REGION_WRITE)
        return region->protection & REGION_WRITE;
    if (access == REGION_EXEC)
        return region->protection & REGION_EXEC;
    /* On x86 what can be written or executed can be read. */
    return region->protection != 0;
}

/* The region for a fault at `va`, after growing a stack down to it when that is what it wants. */
static struct region *region_for_fault(struct address_space *space, vaddr_t va, bool grow)
{
    struct region *region = region_find_from(&space->regions, va);

    if (region == NULL || region->start <= va || !(region->flags & REGION_GROWS_DOWN))
        return region != NULL && region->start <= va ? region : NULL;
    vaddr_t page = ROUND_DOWN(va, PAGE_SIZE);
    struct region *below = region_previous(region);
    if (region->end - page > space->stack_limit || page < USER_BASE + STACK_GUARD)
        return NULL;
    if (below != NULL && below->end + STACK_GUARD > page)
        return NULL;
    if (grow) {
        space->pages_mapped += (region->start - page) / PAGE_SIZE;
        region->start = page;
    }
    return region;
}

struct fault {
    struct address_space *space;
    struct region *region;
    vaddr_t page;
    uint32_t access;
    struct vmiter it;
};

static enum space_fault page_install(struct fault *fault, struct frame *frame, bool write)
{
    uint64_t perm = region_perm(fault->region, write, fault->access != REGION_WRITE);

    /* The first page of a new table: the library makes it. The others are stores. */
    if (fault->it.level == 1) {
        *fault->it.entry = frame_pa(frame) | perm;
    } else if (vmiter_map(&fault->it, frame_pa(frame), perm, PAGE_SIZE, NULL) != 0) {
        page_frame_put(frame);
        return SPACE_FAULT_NO_MEMORY;
    }
    fault->space->pages_resident++;
    fault->space->faults++;
    return SPACE_FAULT_DONE;
}

static enum space_fault anonymous_fill(struct fault *fault)
{
    if (fault->access != REGION_WRITE)
        return page_install(fault, zero_frame, false);
    if (huge_page_fill(fault->space, fault->region, &fault->it))
        return SPACE_FAULT_DONE;
    struct frame *frame = frame_alloc_zeroed(FRAME_ANONYMOUS);
    if (frame == NULL)
        return SPACE_FAULT_NO_MEMORY;
    return page_install(fault, frame, true);
}

/* A private page of its own with the backing's bytes. */
static enum space_fault private_copy(struct fault *fault, uint64_t offset, const struct frame *source)
{
    struct backing *backing = fault->region->backing;
    struct frame *frame = frame_alloc(FRAME_ANONYMOUS);

    if (frame == NULL)
        return SPACE_FAULT_NO_MEMORY;
    if (source != NULL) {
        page_copy(frame_pointer(frame), frame_pointer(source));
    } else if (backing->operations->read(backing, offset, frame_pointer(frame)) != 0) {
        frame_put(frame);
        return SPACE_FAULT_BEYOND_FILE;
    }
    return page_install(fault, frame, true);
}

static enum space_fault backing_fill(struct fault *fault)
{
    struct backing *backing = fault->region->backing;
    uint64_t offset = fault->region->offset + (fault->page - fault->region->start);
    bool shared = fault->region->flags & REGION_SHARED;
    struct frame *frame = NULL;

    int error = backing->operations->page(backing, offset, shared && fault->access == REGION_WRITE, &frame);
    if (error != 0)
        return error == -ENOMEM ? SPACE_FAULT_NO_MEMORY : SPACE_FAULT_BEYOND_FILE;
    if (shared)
        return frame != NULL ? page_install(fault, frame, true) : SPACE_FAULT_BEYOND_FILE;
    if (frame != NULL && fault->access != REGION_WRITE)
        return page_install(fault, frame, false);
    enum space_fault result = private_copy(fault, offset, frame);
    if (frame != NULL)
        frame_put(frame);
    return result;
}

/* The page is there, but without the right that was asked for. */
static enum space_fault page_upgrade(struct fault *fault)
{
    pte_t entry = *fault->it.entry;
    struct frame *frame = leaf_frame(&fault->it, entry);
    bool shared = fault->region->flags & REGION_SHARED;
    bool write = fault->access == REGION_WRITE;
    struct frame *copy = NULL;

    if (write && !(entry & PTE_W) && !shared &&
        (frame->owner != FRAME_ANONYMOUS || frame == zero_frame ||
         __atomic_load_n(&frame->count, __ATOMIC_ACQUIRE) != 1)) {
        copy = frame == zero_frame ? frame_alloc_zeroed(FRAME_ANONYMOUS) : frame_alloc(FRAME_ANONYMOUS);
        if (copy == NULL)
            return SPACE_FAULT_NO_MEMORY;
        if (frame != zero_frame)
            page_copy(frame_pointer(copy), frame_pointer(frame));
    }
    fault->space->faults++;
    bool writable = write || (fault->access == REGION_READ && entry & PTE_W);
    uint64_t perm = region_perm(fault->region, writable, fault->access == REGION_EXEC);
    /* A huge page is never shared, so never copied: it keeps its size. */
    pte_t kept = entry & (leaf_address_mask(vmiter_size(&fault->it)) | (fault->it.level > 1 ? PTE_PS : 0));
    pte_t changed = (copy != NULL ? frame_pa(copy) : kept) | perm;
    struct paging_flush flush = PAGING_FLUSH_NONE;
    flush.start = fault->page;
    flush.end = fault->page + PAGE_SIZE;
    *fault->it.entry = changed;
    tlb_flush(fault->space, &flush);
    if (copy != NULL)
        page_frame_put(frame); /* no TLB knows it any more */
    return SPACE_FAULT_DONE;
}

static enum space_fault fault_locked(struct address_space *space, vaddr_t address, uint32_t access)
{
    struct fault fault = {.space = space, .page = ROUND_DOWN(address, PAGE_SIZE), .access = access};

    fault.region = region_for_fault(space, address, true);
    if (fault.region == NULL)
        return SPACE_FAULT_UNMAPPED;
    if (!region_allows(fault.region, access))
        return SPACE_FAULT_REFUSED;
    vmiter_init(&fault.it, &space->paging, fault.page);
    if (vmiter_present(&fault.it))
        return page_upgrade(&fault);
    return fault.region->backing == NULL ? anonymous_fill(&fault) : backing_fill(&fault);
}

enum space_fault space_fault(struct address_space *space, vaddr_t address, uint32_t access)
{
    mutex_lock(&space->mutex);
    enum space_fault result = fault_locked(space, address, access);
    mutex_unlock(&space->mutex);
    return result;
}

static uint32_t access_of(uint64_t error_code)
{
    return error_code & FAULT_WRITE ? REGION_WRITE : error_code & FAULT_FETCH ? REGION_EXEC : REGION_READ;
}

/* A write by an instruction to its own page, in a region whose pages are writable or executable in turn: it would fault for ever. */
static bool writes_own_page(const struct trap_frame *frame, vaddr_t address)
{
    vaddr_t page = ROUND_DOWN(address, PAGE_SIZE);

    return frame->error & FAULT_WRITE && (ROUND_DOWN(frame->rip, PAGE_SIZE) == page ||
                                          ROUND_DOWN(frame->rip + INSTRUCTION_MAX - 1, PAGE_SIZE) == page);
}

static bool region_refuses(const struct region *region, const struct trap_frame *frame, vaddr_t address)
{
    return !region_allows(region, access_of(frame->error)) ||
           (region->protection & REGION_EXEC && writes_own_page(frame, address));
}

enum space_fault space_fault_reason(struct address_space *space, const struct trap_frame *frame,
                                    vaddr_t address)
{
    enum space_fault reason;

    if (address >= USER_END || frame->error & FAULT_RESERVED)
        return SPACE_FAULT_UNMAPPED;
    if (!(frame->error & FAULT_USER))
        return SPACE_FAULT_REFUSED;
    mutex_lock(&space->mutex);
    struct region *region = region_for_fault(space, address, false);
    if (region == NULL)
        reason = SPACE_FAULT_UNMAPPED;
    else if (region_refuses(region, frame, address))
        reason = SPACE_FAULT_REFUSED;
    else
        reason =
            fault_locked(space, address, access_of(frame->error)); /* another thread may have mended it */
    mutex_unlock(&space->mutex);
    return reason;
}

bool space_page_fault(struct trap_frame *frame, uint64_t address)
{
    struct address_space *space = cpu_current()->space;

    if (address >= USER_END || space == NULL || frame->error & FAULT_RESERVED)
        return false;
    /* An access that the processor makes for itself (a descriptor, SDM vol. 3A, 4.6.1) has no business in user memory; filling in would not make it legal. */
    if (trap_from_user(frame) && !(frame->error & FAULT_USER))
        return false;
    /* The kernel touches user memory only in user_copy: with interrupts on and no lock held. Anything else is a bug to be named, not filled in. */
    if (!trap_from_user(frame) && (!trap_has_fixup(frame->rip) || cpu_current()->locks_held != 0))
        return false;
    if (trap_from_user(frame) && writes_own_page(frame, address) &&
        space_fault_reason(space, frame, address) == SPACE_FAULT_REFUSED)
        return false;
    return space_fault(space, address, access_of(frame->error)) == SPACE_FAULT_DONE;
}
