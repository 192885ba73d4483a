/* See standstill.h. While it waits or stands, a CPU serves flushes that others ask for: one that waits for such a flush has its interrupts off and could not be stopped. */
#include "kernel/memory/standstill.h"

#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/panic.h"
#include "kernel/device/apic.h"
#include "kernel/memory/tlb.h"
#include "paging/paging.h"

/* All atomic. */
static bool taken, over;
static uint32_t standing;

/* CR3 of each CPU that stands; its own until it stands, read until it goes on. */
static paddr_t roots[CPU_MAX];

static void wait_step(void)
{
    tlb_serve();
    cpu_relax();
    if (panic_elsewhere())
        cpu_stop();
}

static void standstill_interrupt(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    roots[cpu_current()->id] = read_cr3() & PTE_ADDRESS_MASK;
    __atomic_add_fetch(&standing, 1, __ATOMIC_ACQ_REL);
    while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
        wait_step();
    __atomic_sub_fetch(&standing, 1, __ATOMIC_ACQ_REL);
}

void standstill_start(void)
{
    int error = interrupt_register(VECTOR_STANDSTILL, standstill_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the standstill vector");
}

bool standstill_begin(void)
{
    uint32_t count = cpu_count_now(), self = cpu_current()->id;

    ASSERT_EQ(cpu_current()->locks_held, 0u, "who waits for other CPUs holds no spinlock");
    if (__atomic_exchange_n(&taken, true, __ATOMIC_ACQUIRE))
        return false;
    __atomic_store_n(&over, false, __ATOMIC_RELEASE);
    for (uint32_t id = 0; id < count; id++)
        if (id != self)
            lapic_send(cpus[id]->lapic_id, VECTOR_STANDSTILL);
    while (__atomic_load_n(&standing, __ATOMIC_ACQUIRE) < count - 1)
        wait_step();
    return true;
}

paddr_t standstill_root(const struct cpu *cpu)
{
    return cpu == cpu_current() ? read_cr3() & PTE_ADDRESS_MASK : roots[cpu->id];
}

void standstill_end(void)
{
    __atomic_store_n(&over, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&standing, __ATOMIC_ACQUIRE) > 0)
        wait_step();
    __atomic_store_n(&taken, false, __ATOMIC_RELEASE);
}
