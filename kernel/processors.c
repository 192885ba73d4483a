/* See processors.h. One processor at a time: the page below 1 MiB holds the parameters of one.
 *
 * That page is mapped where it lies, readable and executable, in a root of its own that shares the kernel half; the root is the second page of the loader's range, below 4 GiB as
 * CR3 needs it in protected mode. Parameters are written through the direct map. Nothing is ever writable and executable, and the root is emptied when all have started. */
#include "kernel/processors.h"

#include <stddef.h>

#include "kernel/cpu/control.h"
#include "kernel/cpu/cpus.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/start.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/device/acpi.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/standstill.h"
#include "kernel/memory/tlb.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/timer.h"
#include "syscalls/syscall.h"

#define MICROSECOND   UINT64_C(1000)
#define MILLISECOND   (1000 * MICROSECOND)
#define INIT_DELAY    (10 * MILLISECOND) /* SDM vol. 3A, 9.4.4.1 */
#define STARTUP_DELAY (200 * MICROSECOND)
#define ANSWER_TIME   (1000 * MILLISECOND) /* a virtual machine may be slow to run a processor at all */
#define LOOK_INTERVAL (10 * MICROSECOND)

/* Descriptors, SDM vol. 3A, 3.4.5: accessed already, so that the page is never written. */
#define START_CODE_32 UINT64_C(0x00cf9b000000ffff)
#define START_DATA    UINT64_C(0x00cf93000000ffff)
#define START_CODE_64 UINT64_C(0x00af9b000000ffff)

#define TSC_ROUNDS    8

#define XAPIC_ID_MAX  254

static struct {
    paddr_t code; /* of the loader's range: this page, then the root's */
    struct paging paging;
    /* The one being started; NULL: it has come so far that the page is free for the next. Atomic: whoever changes it first decides whether the processor is given up or has come. */
    struct cpu *coming;

    /* Comparing time-stamp counters: each side writes its reading when it is its turn. */
    uint32_t turn;
    uint64_t reading;
    uint64_t backwards; /* the most ticks that time went back between the two */
} start;

static void wait_turn(uint32_t turn)
{
    while (__atomic_load_n(&start.turn, __ATOMIC_ACQUIRE) != turn)
        cpu_relax();
}

/* One side of the comparison; `first` is 0 on the boot CPU, 1 on the other. What one reads after the other must not be less. */
static void tsc_compare(uint32_t first)
{
    for (uint32_t round = 0; round < TSC_ROUNDS; round++) {
        wait_turn(2 * round + first);
        uint64_t now = rdtsc_ordered();
        if (now < start.reading && start.reading - now > start.backwards)
            start.backwards = start.reading - now;
        start.reading = now;
        __atomic_store_n(&start.turn, 2 * round + first + 1, __ATOMIC_RELEASE);
    }
}

/* The first C code of another processor, on its idle thread's stack, interrupts off. */
_Noreturn static void processor_main(struct cpu *cpu)
{
    struct cpu *expected = cpu;

    /* Too late: nobody waits any more. */
    if (!__atomic_compare_exchange_n(&start.coming, &expected, NULL, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        cpu_stop();
    cpu_tables_load(cpu, cpu->tables);
    cpu_control_start();
    write_cr3(kernel_paging.root);
    fpu_start_other();
    int error = lapic_start((volatile void *)KERNEL_MAP_LAPIC);
    ASSERT_EQ(error, 0, "a processor that was started through its local APIC has one");
    syscall_start();
    tsc_compare(1);
    while (cpu_count_now() <= cpu->id)
        cpu_relax();
    scheduler_idle();
}

/* Everything that a processor needs of memory. NULL: there is not enough. */
static struct cpu *processor_make(uint32_t apic_id)
{
    struct cpu *cpu = heap_alloc_zeroed(sizeof(*cpu));
    struct cpu_tables *tables = kernel_pages_alloc(cpu_tables_size());

    if (cpu == NULL || tables == NULL || frames_start_cpu(cpu) != 0)
        goto fail;
    for (unsigned i = 0; i < IST_COUNT; i++)
        kernel_page_guard(cpu_interrupt_stack_guard(tables, i));
    cpu->self = cpu;
    cpu->tables = tables;
    cpu->id = cpu_count;
    cpu->lapic_id = apic_id;
    if (scheduler_start_cpu(cpu) == 0)
        return cpu;
fail:
    /* What was had already is not given back: a machine without 100 KiB to spare at its start has other problems. */
    heap_free(cpu);
    return NULL;
}

/* Fill in the page for `cpu`. */
static void page_prepare(const struct cpu *cpu)
{
    uint8_t *page = direct_map(start.code);
    uint32_t base = (uint32_t)start.code;
    struct start_parameters *parameters = (struct start_parameters *)(page + START_GDT_POINTER);

    memcpy(page, start_code, (size_t)(start_code_end - start_code));
    *parameters = (struct start_parameters){
        .gdt_limit = sizeof(parameters->gdt) - 1,
        .gdt_base = base + START_GDT,
        .far_32 = base + (uint32_t)(start_code_32 - start_code),
        .far_32_selector = START_SELECTOR_32,
        .far_64 = base + (uint32_t)(start_code_64 - start_code),
        .far_64_selector = START_SELECTOR_64,
        .cr4 = CR4_PAE | (kernel_paging.levels == 5 ? CR4_LA57 : 0),
        .cr3 = start.paging.root,
        .efer = EFER_LME | (cpu_features.nx ? EFER_NXE : 0),
        .stack = cpu->idle->kernel_stack_top,
        .entry = (uint64_t)processor_main,
        .argument = (uint64_t)cpu,
        .gdt = {0, START_CODE_32, START_DATA, START_CODE_64},
    };
}

static bool answered(uint64_t wait)
{
    for (uint64_t waited = 0; waited < wait; waited += LOOK_INTERVAL) {
        if (__atomic_load_n(&start.coming, __ATOMIC_ACQUIRE) == NULL)
            return true;
        clock_delay(LOOK_INTERVAL);
    }
    return __atomic_load_n(&start.coming, __ATOMIC_ACQUIRE) == NULL;
}

/* false: it has come at the last moment. */
static bool give_up(struct cpu *cpu)
{
    return __atomic_compare_exchange_n(&start.coming, &cpu, &boot_cpu, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* The processor has had its INIT. */
static bool processor_start(struct cpu *cpu)
{
    uint8_t page = (uint8_t)(start.code >> PAGE_SHIFT);

    page_prepare(cpu);
    start.turn = UINT32_MAX; /* the comparison waits for the boot CPU */
    start.reading = 0;
    __atomic_store_n(&start.coming, cpu, __ATOMIC_RELEASE);
    lapic_send_startup(cpu->lapic_id, page);
    if (!answered(STARTUP_DELAY)) {
        lapic_send_startup(cpu->lapic_id, page);
        if (!answered(ANSWER_TIME) && give_up(cpu))
            return false;
    }
    __atomic_store_n(&start.turn, 0, __ATOMIC_RELEASE);
    tsc_compare(0);
    wait_turn(2 * TSC_ROUNDS);
    cpu_add(cpu);
    return true;
}

/* The machine ends. */
static void stop_interrupt(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
    cpu_stop();
}

static bool page_find(const struct boot_info *boot)
{
    for (uint32_t i = 0; i < boot->range_count; i++)
        if (boot->ranges[i].kind == BOOT_RANGE_TRAMPOLINE && boot->ranges[i].size >= 2 * PAGE_SIZE) {
            start.code = boot->ranges[i].start;
            return true;
        }
    return false;
}

/* 0, or the paging library's error. */
static int page_map(void)
{
    start.paging = kernel_paging;
    start.paging.root = start.code + PAGE_SIZE;
    memset(direct_map(start.paging.root), 0, PAGE_SIZE);
    kernel_space_share(&start.paging);
    return paging_map(&start.paging, start.code, start.code, PAGE_SIZE, PTE_P, PAGE_SIZE);
}

static void page_unmap(void)
{
    paging_free(&start.paging, 0, kernel_space_first_index() - 1);
    memset(direct_map(start.code), 0, 2 * PAGE_SIZE);
}

/* Ids that an xAPIC cannot address need the other mode (SDM vol. 3A, 11.12). */
static void mode_choose(void)
{
    bool wide = false;

    for (uint32_t i = 0; i < acpi_info.cpu_count; i++)
        wide |= acpi_info.cpu[i].enabled && acpi_info.cpu[i].apic_id > XAPIC_ID_MAX;
    if (wide && !lapic_x2apic() && cpu_features.x2apic)
        lapic_x2apic_enter();
}

static bool wanted(const struct acpi_cpu *cpu)
{
    return cpu->enabled && cpu->apic_id != boot_cpu.lapic_id &&
           (lapic_x2apic() || cpu->apic_id <= XAPIC_ID_MAX);
}

static uint32_t count_limit(void)
{
    uint64_t limit = CPU_MAX - 1;

    if (option_number("cpus", &limit) == 0 && limit == 0)
        limit = 1;
    return limit < CPU_MAX - 1 ? (uint32_t)limit : CPU_MAX - 1;
}

static void processors_start_all(uint32_t limit)
{
    uint32_t silent = 0;

    for (uint32_t i = 0; i < acpi_info.cpu_count; i++)
        if (wanted(&acpi_info.cpu[i]))
            lapic_send_init(acpi_info.cpu[i].apic_id);
    clock_delay(INIT_DELAY);
    for (uint32_t i = 0; i < acpi_info.cpu_count && cpu_count < limit; i++) {
        if (!wanted(&acpi_info.cpu[i]))
            continue;
        struct cpu *cpu = processor_make(acpi_info.cpu[i].apic_id);
        if (cpu == NULL) {
            log_error("processors: no memory for more than %u", cpu_count);
            break;
        }
        if (processor_start(cpu))
            continue;
        /* It gets another INIT, so that it does not wake up later to find the page gone. */
        lapic_send_init(cpu->lapic_id);
        clock_delay(INIT_DELAY);
        log_warning("processors: the one with APIC id %u does not answer; it is left out", cpu->lapic_id);
        silent++;
    }
    if (start.backwards > 0) {
        log_warning("processors: time-stamp counters differ by %lu ticks", start.backwards);
        clock_tsc_distrust();
        timer_at_latest(clock_keep(clock_now()));
    }
    log_info("processors: %u run%s%s", cpu_count, lapic_x2apic() ? ", x2APIC mode" : "",
             silent ? ", not all answered" : "");
}

void processors_start(const struct boot_info *boot)
{
    uint32_t limit = count_limit();

    boot_cpu.lapic_id = lapic_id();
    if (limit <= 1 || acpi_info.cpu_count <= 1)
        return;
    mode_choose();
    boot_cpu.lapic_id = lapic_id();
    if (!page_find(boot) || page_map() != 0) {
        log_warning("processors: there is no memory below 1 MiB to start the others with");
        return;
    }
    tlb_start();
    standstill_start();
    int error = interrupt_register(VECTOR_STOP, stop_interrupt, NULL);
    ASSERT_EQ(error, 0, "nobody else has the stop vector");
    processors_start_all(limit);
    page_unmap();
}
