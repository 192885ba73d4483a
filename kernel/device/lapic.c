/* The local APIC (SDM vol. 3A, chapter 11). */
#include <asm/errno.h>
#include <stddef.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/apic.h"
#include "kernel/device/lapic_command.h"

/* Registers by offset in the page (table 11-1); as an MSR: MSR_X2APIC + offset / 16 (table 11-6). */
enum {
    LAPIC_ID = 0x020,
    LAPIC_TASK_PRIORITY = 0x080,
    LAPIC_END_OF_INTERRUPT = 0x0b0,
    LAPIC_SPURIOUS = 0x0f0,
    LAPIC_ERROR_STATUS = 0x280,
    LAPIC_COMMAND = 0x300,
    LAPIC_COMMAND_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_THERMAL = 0x330,
    LAPIC_LVT_PERFORMANCE = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_BASE_X2APIC  (UINT64_C(1) << 10) /* IA32_APIC_BASE, 11.4.4 and 11.12.1 */
#define APIC_BASE_ENABLE  (UINT64_C(1) << 11)
#define CPUID_1_EDX_APIC  (1u << 9)
#define SPURIOUS_ENABLE   (1u << 8)
#define LVT_MASKED        (1u << 16)
#define LVT_NMI           (4u << 8)
#define TIMER_DIVIDE_BY_1 0xbu
#define X2APIC_STEP_SHIFT 4

/* Looks at the delivery status before a command is written all the same. */
#define COMMAND_WAIT_MAX  100000u

static volatile uint8_t *registers;
static bool x2apic;
static bool started;

static uint32_t lapic_read(uint32_t reg)
{
    if (x2apic)
        return (uint32_t)rdmsr(MSR_X2APIC + (reg >> X2APIC_STEP_SHIFT));
    return *(volatile uint32_t *)(registers + reg);
}

static void lapic_write(uint32_t reg, uint32_t value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + (reg >> X2APIC_STEP_SHIFT), value);
    else
        *(volatile uint32_t *)(registers + reg) = value;
}

bool lapic_x2apic(void)
{
    return x2apic;
}

void lapic_x2apic_enter(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
    x2apic = true;
}

uint32_t lapic_id(void)
{
    if (!started)
        return 0;
    return x2apic ? lapic_read(LAPIC_ID) : lapic_read(LAPIC_ID) >> LAPIC_XAPIC_ID_SHIFT;
}

void lapic_end_of_interrupt(void)
{
    lapic_write(LAPIC_END_OF_INTERRUPT, 0);
}

/* A spurious interrupt is not acknowledged (11.9). */
static void spurious_handle(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
}

static void error_handle(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
    /* A write latches the current errors into the register (11.5.3). */
    lapic_write(LAPIC_ERROR_STATUS, 0);
    uint32_t status = lapic_read(LAPIC_ERROR_STATUS);
    lapic_end_of_interrupt();
    log_warning("local APIC %u: error status %#x", lapic_id(), status);
}

/* For all CPUs at once; when the trap code took a vector already, it is served. */
static void handlers_register(void)
{
    if (interrupt_register(VECTOR_SPURIOUS, spurious_handle, NULL) != 0 ||
        interrupt_register(VECTOR_LAPIC_ERROR, error_handle, NULL) != 0)
        log_debug("local APIC: its vectors have handlers already");
}

int lapic_start(volatile void *page)
{
    if (!(cpuid(1, 0).edx & CPUID_1_EDX_APIC))
        return -ENODEV;
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (!(base & APIC_BASE_ENABLE)) {
        base |= APIC_BASE_ENABLE;
        wrmsr(MSR_APIC_BASE, base);
        if (!(rdmsr(MSR_APIC_BASE) & APIC_BASE_ENABLE))
            return -ENODEV;
    }
    if (!started) {
        handlers_register();
        registers = page;
        x2apic = (base & APIC_BASE_X2APIC) != 0;
    } else if (x2apic && !(base & APIC_BASE_X2APIC)) {
        /* All in one mode: a processor that came up in xAPIC mode follows the boot CPU. */
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    }
    if (!x2apic && page == NULL)
        return -ENODEV;
    started = true;

    lapic_write(LAPIC_TASK_PRIORITY, 0);
    /* Before the local vectors: while it is off, which INIT leaves it, they stay masked whatever is written (SDM vol. 3A, 11.4.7.2). */
    lapic_write(LAPIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED); /* the 8259s' way in; they are off */
    lapic_write(LAPIC_LVT_LINT1, LVT_NMI);
    lapic_write(LAPIC_LVT_ERROR, VECTOR_LAPIC_ERROR);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    lapic_write(LAPIC_ERROR_STATUS, 0);
    /* Forget what the firmware left in service. */
    lapic_end_of_interrupt();
    return 0;
}

void lapic_timer_start(uint32_t count)
{
    if (!started)
        return;
    lapic_write(LAPIC_LVT_TIMER, count != 0 ? VECTOR_TIMER : LVT_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, count);
}

void lapic_timer_measure(void)
{
    if (!started)
        return;
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED);
    lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
}

uint32_t lapic_timer_remaining(void)
{
    return started ? lapic_read(LAPIC_TIMER_CURRENT) : 0;
}

/* --- inter-processor interrupts --- */

static void command_wait(void)
{
    for (uint32_t looks = 0; looks < COMMAND_WAIT_MAX; looks++) {
        if (!(lapic_read(LAPIC_COMMAND) & LAPIC_COMMAND_PENDING))
            return;
        cpu_relax();
    }
}

static void command_send(uint32_t apic_id, uint32_t low)
{
    if (!started)
        return;
    uint64_t command = lapic_command(x2apic, apic_id, low);
    if (x2apic) {
        /* WRMSR to the x2APIC does not order earlier stores by itself (11.12.3). */
        __asm__ volatile("mfence; lfence" : : : "memory");
        wrmsr(MSR_X2APIC + (LAPIC_COMMAND >> X2APIC_STEP_SHIFT), command);
        return;
    }
    /* Two registers make one command: no interrupt handler may send its own in between. */
    bool enabled = interrupts_disable();
    command_wait();
    lapic_write(LAPIC_COMMAND_HIGH, (uint32_t)(command >> 32));
    lapic_write(LAPIC_COMMAND, (uint32_t)command);
    interrupts_restore(enabled);
}

void lapic_send(uint32_t apic_id, uint8_t vector)
{
    command_send(apic_id, LAPIC_COMMAND_FIXED | LAPIC_COMMAND_ASSERT | vector);
}

void lapic_send_others(uint8_t vector)
{
    command_send(0, LAPIC_COMMAND_FIXED | LAPIC_COMMAND_ASSERT | LAPIC_COMMAND_OTHERS | vector);
}

void lapic_send_init(uint32_t apic_id)
{
    command_send(apic_id, LAPIC_COMMAND_INIT | LAPIC_COMMAND_ASSERT | LAPIC_COMMAND_LEVEL);
    if (!x2apic)
        command_wait();
    command_send(apic_id, LAPIC_COMMAND_INIT | LAPIC_COMMAND_LEVEL);
}

void lapic_send_startup(uint32_t apic_id, uint8_t page)
{
    command_send(apic_id, LAPIC_COMMAND_STARTUP | LAPIC_COMMAND_ASSERT | page);
}
