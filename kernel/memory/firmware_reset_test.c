/* The firmware's own address space; that its call works is seen by machines that it ends. */
#include "kernel/memory/firmware_reset.h"

#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/selftest.h"
#include "kernel/debug/spinlock.h"
#include "kernel/memory/kernel_space.h"
#include "paging/layout.h"
#include "paging/vmiter.h"

static void violation_print(void *context, const char *line)
{
    (void)context;
    log_error("%s", line);
}

SELFTEST(firmware_tables_keep_every_promise)
{
    struct paging *paging = firmware_reset_paging();
    unsigned pages = 0, elsewhere = 0, shared = 0, code = 0;
    struct vmiter it;

    if (paging == NULL)
        return;
    CHECK_EQ(paging_check(paging, violation_print, NULL), 0);
    for (vmiter_init(&it, paging, 0); it.va < USER_END; vmiter_next(&it)) {
        if (!vmiter_present(&it))
            continue;
        pages++;
        elsewhere += vmiter_pa(&it) != it.va;
        /* A global or user page would be seen by processes. */
        shared += (vmiter_perm(&it) & (PTE_G | PTE_U)) != 0;
        code += !(vmiter_perm(&it) & PTE_NX);
    }
    CHECK(pages > 0 && code > 0);
    CHECK(!paging->nx || code < pages);
    CHECK_EQ(elsewhere, 0);
    CHECK_EQ(shared, 0);
}

/* Where the firmware keeps data no code runs, and where it keeps nothing there is nothing: the call ends, and all is as before. */
SELFTEST(firmware_calls_that_fault_come_back)
{
    struct paging *paging = firmware_reset_paging();
    paddr_t data = PADDR_NONE;
    struct vmiter it;

    if (paging == NULL)
        return;
    for (vmiter_init(&it, paging, 0); it.va < USER_END && data == PADDR_NONE; vmiter_next(&it))
        if (vmiter_present(&it) && vmiter_perm(&it) & PTE_NX)
            data = it.va;
    uint64_t tables = read_cr3();
    bool enabled = interrupts_disable();
    bool ran = firmware_reset_call(0, false);
    bool executed = data != PADDR_NONE && firmware_reset_call(data, false);
    interrupts_restore(enabled);
    CHECK(!ran);
    CHECK(!executed);
    CHECK_EQ(read_cr3(), tables);
}
