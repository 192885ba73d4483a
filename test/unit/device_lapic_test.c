/* The local APIC's registers, as memory and as MSRs: which is touched, with what, and in which order (SDM vol. 3A, 11.4 and 11.12).
 *
 * The MSRs are functions of this file. The page of registers is one that no access is allowed to: each one faults, is let through by a single step, and noted. */
#define _GNU_SOURCE /* the names of saved registers */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cmocka.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"

static struct cpuid fake_cpuid(uint32_t leaf, uint32_t subleaf);
static uint64_t fake_rdmsr(uint32_t msr);
static void fake_wrmsr(uint32_t msr, uint64_t value);
static bool fake_interrupts_disable(void);
static void fake_interrupts_restore(bool enable);

#define cpuid(leaf, subleaf) fake_cpuid(leaf, subleaf)
#define rdmsr                fake_rdmsr
#define wrmsr                fake_wrmsr
#define interrupts_disable   fake_interrupts_disable
#define interrupts_restore   fake_interrupts_restore
#include "kernel/device/lapic.c"

#define PAGE             4096
#define NOTES_MAX        64
#define PAGE_FAULT_WRITE 2u /* of the error code, SDM vol. 3A 4.7 */
#define TRAP_FLAG        0x100

/* From the manual's tables, not from lapic.c: table 11-1, and 11-6 for the MSRs. */
enum {
    EOI = 0xb0,
    SPURIOUS = 0xf0,
    COMMAND_LOW = 0x300,
    COMMAND_HIGH = 0x310,
    LVT_TIMER = 0x320,
    INITIAL = 0x380,
    DIVIDE = 0x3e0
};
enum {
    MSR_BASE = 0x1b,
    MSR_EOI = 0x80b,
    MSR_SPURIOUS = 0x80f,
    MSR_COMMAND = 0x830,
    MSR_LVT_TIMER = 0x832,
    MSR_INITIAL = 0x838,
    MSR_CURRENT = 0x839,
    MSR_DIVIDE = 0x83e,
    MSR_ID = 0x802
};

/* What was written, in order. */
static struct note {
    uint32_t where; /* offset in the page, or MSR */
    uint64_t value;
    bool interrupts;
} notes[NOTES_MAX];
static unsigned note_count;
static uint64_t msrs[0x1000];
static uint8_t *page;
static bool interrupts_on;
static int registered;
static volatile uint32_t stepping; /* the register that is being accessed */
static volatile bool stepping_write;

static void note(uint32_t where, uint64_t value)
{
    if (note_count < NOTES_MAX)
        notes[note_count++] = (struct note){where, value, interrupts_on};
}

/* --- what lapic.c stands on --- */

static struct cpuid fake_cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)leaf, (void)subleaf;
    return (struct cpuid){.edx = 1u << 9};
}

static uint64_t fake_rdmsr(uint32_t msr)
{
    return msr < sizeof(msrs) / sizeof(msrs[0]) ? msrs[msr] : 0;
}

static void fake_wrmsr(uint32_t msr, uint64_t value)
{
    assert_in_range(msr, 0, sizeof(msrs) / sizeof(msrs[0]) - 1);
    msrs[msr] = value;
    note(msr, value);
}

static bool fake_interrupts_disable(void)
{
    bool on = interrupts_on;

    interrupts_on = false;
    return on;
}

static void fake_interrupts_restore(bool enable)
{
    interrupts_on = enable;
}

int interrupt_register(uint8_t vector, interrupt_handler *handler, void *context)
{
    (void)vector, (void)handler, (void)context;
    registered++;
    return 0;
}

void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

/* --- the page --- */

static void page_open(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    uintptr_t offset = (uintptr_t)info->si_addr - (uintptr_t)page;

    (void)signal;
    if (offset >= PAGE)
        abort();
    stepping = (uint32_t)offset;
    stepping_write = user->uc_mcontext.gregs[REG_ERR] & PAGE_FAULT_WRITE;
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void page_close(int signal, siginfo_t *info, void *context)
{
    ucontext_t *user = context;
    uint32_t value;

    (void)signal, (void)info;
    memcpy(&value, page + stepping, sizeof(value));
    if (stepping_write)
        note(stepping, value);
    mprotect(page, PAGE, PROT_NONE);
    user->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static int setup(void **state)
{
    (void)state;
    registers = NULL;
    x2apic = started = false;
    memset(msrs, 0, sizeof(msrs));
    note_count = 0;
    interrupts_on = true;
    registered = 0;
    page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(page, PAGE);
}

/* In the test itself, as cmocka takes SIGSEGV for each. */
static void page_watch(void)
{
    struct sigaction open = {.sa_sigaction = page_open, .sa_flags = SA_SIGINFO};
    struct sigaction close = {.sa_sigaction = page_close, .sa_flags = SA_SIGINFO};

    assert_int_equal(sigaction(SIGSEGV, &open, NULL), 0);
    assert_int_equal(sigaction(SIGTRAP, &close, NULL), 0);
}

/* Once more, with another machine. */
static void anew(void)
{
    assert_int_equal(teardown(NULL), 0);
    assert_int_equal(setup(NULL), 0);
}

/* The value last written there; fails when none was. */
static uint64_t written(uint32_t where)
{
    for (unsigned i = note_count; i-- > 0;)
        if (notes[i].where == where)
            return notes[i].value;
    fail_msg("nothing was written to %#x", where);
    return 0;
}

static void start(uint64_t base)
{
    page_watch();
    msrs[MSR_BASE] = base;
    assert_int_equal(lapic_start(page), 0);
}

#define BASE_XAPIC  0xfee00800u /* enabled */
#define BASE_X2APIC 0xfee00c00u

/* --- tests --- */

static void in_xapic_mode_only_the_page_is_touched(void **state)
{
    (void)state;
    start(BASE_XAPIC);
    assert_false(lapic_x2apic());
    assert_int_equal(written(SPURIOUS), 0x100 | VECTOR_SPURIOUS);
    assert_int_equal(written(DIVIDE), 0xb);
    assert_int_equal(written(LVT_TIMER), 1u << 16);
    assert_int_equal(registered, 2);
    note_count = 0;
    lapic_end_of_interrupt();
    lapic_timer_start(12345);
    assert_int_equal(written(EOI), 0);
    assert_int_equal(written(LVT_TIMER), VECTOR_TIMER);
    assert_int_equal(written(INITIAL), 12345);
    assert_int_equal(note_count, 3);
    for (unsigned i = 0; i < note_count; i++)
        assert_in_range(notes[i].where, 0x20, 0x3f0);
    assert_int_equal(msrs[MSR_BASE], BASE_XAPIC);
}

static void in_x2apic_mode_only_msrs_are_touched(void **state)
{
    (void)state;
    start(BASE_X2APIC);
    assert_true(lapic_x2apic());
    assert_int_equal(msrs[MSR_BASE], BASE_X2APIC); /* kept as the firmware left it */
    assert_int_equal(written(MSR_SPURIOUS), 0x100 | VECTOR_SPURIOUS);
    assert_int_equal(written(MSR_DIVIDE), 0xb);
    note_count = 0;
    lapic_end_of_interrupt();
    lapic_timer_start(12345);
    assert_int_equal(written(MSR_EOI), 0);
    assert_int_equal(written(MSR_LVT_TIMER), VECTOR_TIMER);
    assert_int_equal(written(MSR_INITIAL), 12345);
    assert_int_equal(note_count, 3);
    msrs[MSR_CURRENT] = 77;
    assert_int_equal(lapic_timer_remaining(), 77);
}

static void x2apic_mode_needs_no_page(void **state)
{
    (void)state;
    msrs[MSR_BASE] = BASE_X2APIC;
    assert_int_equal(lapic_start(NULL), 0);
    lapic_end_of_interrupt();
    anew();
    msrs[MSR_BASE] = BASE_XAPIC;
    assert_int_equal(lapic_start(NULL), -ENODEV);
}

static void a_command_in_xapic_mode_is_high_half_then_low(void **state)
{
    (void)state;
    start(BASE_XAPIC);
    note_count = 0;
    lapic_send(0x12, 0x45);
    assert_int_equal(note_count, 2);
    assert_int_equal(notes[0].where, COMMAND_HIGH);
    assert_int_equal(notes[0].value, 0x12000000);
    assert_int_equal(notes[1].where, COMMAND_LOW); /* which sends it */
    assert_int_equal(notes[1].value, 0x4045);
    assert_false(notes[0].interrupts);
    assert_false(notes[1].interrupts);
    assert_true(interrupts_on);
}

static void a_command_in_x2apic_mode_is_one_write_with_the_whole_id(void **state)
{
    static const uint32_t ids[] = {0, 1, 0xfe, 0x100, 0x1234, 0xfffffffe};

    (void)state;
    start(BASE_X2APIC);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        note_count = 0;
        lapic_send(ids[i], 0x45);
        assert_int_equal(note_count, 1);
        assert_int_equal(notes[0].where, MSR_COMMAND);
        assert_int_equal(notes[0].value, (uint64_t)ids[i] << 32 | 0x4045);
        note_count = 0;
        lapic_send_startup(ids[i], 0x8);
        assert_int_equal(note_count, 1);
        assert_int_equal(notes[0].value, (uint64_t)ids[i] << 32 | 0x4608);
    }
}

static void ids_are_read_in_both_widths(void **state)
{
    (void)state;
    assert_int_equal(lapic_id(), 0); /* before the start */
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    page[0x23] = 0x7e; /* the highest byte of the register at 0x20 */
    mprotect(page, PAGE, PROT_NONE);
    start(BASE_XAPIC);
    assert_int_equal(lapic_id(), 0x7e);
    anew();
    msrs[MSR_ID] = 0x12345;
    start(BASE_X2APIC);
    assert_int_equal(lapic_id(), 0x12345);
}

static void processors_follow_the_boot_processor_into_x2apic_mode(void **state)
{
    (void)state;
    start(BASE_XAPIC);
    lapic_x2apic_enter();
    assert_int_equal(msrs[MSR_BASE], BASE_X2APIC);
    note_count = 0;
    start(BASE_XAPIC); /* the next processor, as its firmware left it */
    assert_int_equal(notes[0].where, MSR_BASE);
    assert_int_equal(notes[0].value, BASE_X2APIC);
    assert_int_equal(written(MSR_SPURIOUS), 0x100 | VECTOR_SPURIOUS);
    assert_int_equal(registered, 2); /* once for all */
}

static void one_that_is_off_is_switched_on(void **state)
{
    (void)state;
    start(0xfee00000);
    assert_int_equal(msrs[MSR_BASE], BASE_XAPIC);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(in_xapic_mode_only_the_page_is_touched),
        TEST(in_x2apic_mode_only_msrs_are_touched),
        TEST(x2apic_mode_needs_no_page),
        TEST(a_command_in_xapic_mode_is_high_half_then_low),
        TEST(a_command_in_x2apic_mode_is_one_write_with_the_whole_id),
        TEST(ids_are_read_in_both_widths),
        TEST(processors_follow_the_boot_processor_into_x2apic_mode),
        TEST(one_that_is_off_is_switched_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
