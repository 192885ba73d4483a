/* See firmware_reset.h. */
#include "kernel/memory/firmware_reset.h"

#include <asm/errno.h>

#include "kernel/cpu/registers.h"
#include "kernel/cpu/trap.h"
#include "kernel/debug/log.h"
#include "kernel/device/power.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/kernel_space.h"
#include "paging/layout.h"

/* UEFI 2.10: descriptor attributes 7.2.3, EFI_SYSTEM_TABLE 4.3.1, EFI_RUNTIME_SERVICES 4.5.1, reset types 8.5.1. */
#define ATTRIBUTE_WRITE_BACK       UINT64_C(0x8)
#define ATTRIBUTE_NO_EXECUTE       UINT64_C(0x4000)
#define ATTRIBUTE_READ_ONLY        UINT64_C(0x20000)
#define ATTRIBUTE_RUNTIME          UINT64_C(0x8000000000000000)

#define SYSTEM_TABLE_SIGNATURE     UINT64_C(0x5453595320494249)
#define RUNTIME_SERVICES_SIGNATURE UINT64_C(0x56524553544e5552)

#define RESET_COLD                 0
#define RESET_SHUTDOWN             2

/* Calling convention, 2.3.4.2: the floating-point state that services may expect. */
#define MXCSR_INITIAL              0x1f80

/* Real machines have a few dozen. */
#define PIECES_MAX                 512

struct table_header {
    uint64_t signature;
    uint32_t revision, header_size, crc32, reserved;
};

struct system_table {
    struct table_header header;
    uint64_t firmware_vendor;
    uint32_t firmware_revision, padding;
    uint64_t consoles[6]; /* handles and protocols; gone with the boot services */
    uint64_t runtime_services;
};
_Static_assert(offsetof(struct system_table, runtime_services) == 88, "UEFI 2.10, 4.3.1");

struct runtime_services {
    struct table_header header;
    uint64_t services[10]; /* time, virtual memory, variables, counter */
    uint64_t reset_system;
};
_Static_assert(offsetof(struct runtime_services, reset_system) == 104, "UEFI 2.10, 4.5.1");

/* EFI_MEMORY_ATTRIBUTES_TABLE, 4.6.4, and its descriptors, 7.2.3. */
struct attributes_table {
    uint32_t version, count, descriptor_size, flags;
};

struct memory_descriptor {
    uint32_t type, padding;
    uint64_t physical_start, virtual_start, page_count, attributes;
};

typedef void __attribute__((ms_abi))
reset_system(uint32_t type, uint64_t status, uint64_t data_size, const void *data);

/* A part of a runtime region with rights of its own. */
struct piece {
    paddr_t start;
    uint64_t size;
    uint64_t perm;
};

static struct piece pieces[PIECES_MAX];
static unsigned piece_count; /* 0: no attributes table */
static struct paging firmware_paging;
static paddr_t reset_address; /* 0: not to be had */

/* W^X whatever the firmware says: what is neither marked is code or data by its type. */
static uint64_t perm_of(const struct boot_memory *region, uint64_t attributes)
{
    bool write = !(attributes & ATTRIBUTE_READ_ONLY), execute = !(attributes & ATTRIBUTE_NO_EXECUTE);

    if (write && execute) {
        execute = region->kind == BOOT_MEMORY_RUNTIME_CODE;
        write = !execute;
    }
    return PTE_P | (write ? PTE_W : 0) | (execute ? 0 : PTE_NX);
}

/* The runtime region of the memory map that holds all of the range, or NULL. */
static const struct boot_memory *region_of(const struct boot_info *boot, paddr_t start, uint64_t size)
{
    const struct boot_memory *map = direct_map(boot->memory_map);

    for (uint32_t i = 0; i < boot->memory_map_count; i++)
        if (start >= map[i].start && start - map[i].start < map[i].size &&
            size <= map[i].size - (start - map[i].start))
            return map[i].attributes & ATTRIBUTE_RUNTIME ? &map[i] : NULL;
    return NULL;
}

static bool is_program(const struct boot_memory *region)
{
    return region->kind == BOOT_MEMORY_RUNTIME_CODE || region->kind == BOOT_MEMORY_RUNTIME_DATA;
}

/* A table that cannot be believed in one line is not believed at all. */
static int piece_note(const struct boot_info *boot, const struct memory_descriptor *descriptor)
{
    if (PAGEOFFSET(descriptor->physical_start) != 0 || descriptor->page_count == 0 ||
        descriptor->page_count > DIRECT_MAP_SIZE / PAGE_SIZE)
        return -EINVAL;
    uint64_t size = descriptor->page_count * PAGE_SIZE;
    const struct boot_memory *region = region_of(boot, descriptor->physical_start, size);
    if (region == NULL || !is_program(region))
        return -EINVAL;
    if (piece_count == PIECES_MAX)
        return -ENOSPC;
    pieces[piece_count++] =
        (struct piece){descriptor->physical_start, size, perm_of(region, descriptor->attributes)};
    return 0;
}

void firmware_reset_note(const struct boot_info *boot)
{
    paddr_t at = boot->memory_attributes_table;
    const struct attributes_table *table = direct_map(at);

    piece_count = 0;
    if (at == 0 || at % sizeof(uint64_t) != 0 || !direct_map_covers(at, sizeof(*table)) ||
        table->version == 0 || table->descriptor_size < sizeof(struct memory_descriptor) ||
        table->descriptor_size % sizeof(uint64_t) != 0 || table->count > PIECES_MAX ||
        !direct_map_covers(at, sizeof(*table) + (uint64_t)table->count * table->descriptor_size))
        return;
    at += sizeof(*table);
    for (uint32_t i = 0; i < table->count; i++, at += table->descriptor_size)
        if (piece_note(boot, direct_map(at)) != 0) {
            piece_count = 0;
            return;
        }
}

/* Table pages for as long as the machine runs: no address space's, so they are the kernel's. */
static paddr_t table_alloc(void *context)
{
    struct frame *frame = frame_alloc_zeroed(FRAME_KERNEL);

    (void)context;
    return frame != NULL ? frame_pa(frame) : PADDR_NONE;
}

static void table_free(void *context, paddr_t table)
{
    (void)context;
    frame_put(frame_of(table));
}

static pte_t *table_pointer(void *context, paddr_t table)
{
    (void)context;
    return direct_map(table);
}

static int identity_map(paddr_t start, uint64_t size, uint64_t perm)
{
    if (start >= USER_END || size > USER_END - start)
        return -EINVAL;
    return paging_map(&firmware_paging, start, start, size, perm, PAGE_2M);
}

/* What the attributes table does not tell of: devices, and everything when there is none. */
static int region_map(const struct boot_memory *region)
{
    uint64_t type = region->attributes & ATTRIBUTE_WRITE_BACK ? PERM_WRITE_BACK : PERM_UNCACHED;

    if (!(region->attributes & ATTRIBUTE_RUNTIME) || (piece_count > 0 && is_program(region)))
        return 0;
    return identity_map(region->start, region->size, perm_of(region, 0) | type);
}

static int regions_map(const struct boot_info *boot)
{
    const struct boot_memory *map = direct_map(boot->memory_map);
    int error = 0;

    for (unsigned i = 0; i < piece_count && error == 0; i++)
        error = identity_map(pieces[i].start, pieces[i].size, pieces[i].perm);
    for (uint32_t i = 0; i < boot->memory_map_count && error == 0; i++)
        error = region_map(&map[i]);
    return error;
}

static int tables_make(const struct boot_info *boot)
{
    static const struct paging_ops ops = {table_alloc, table_free, table_pointer};

    firmware_paging = kernel_paging;
    firmware_paging.ops = &ops;
    int error = paging_init(&firmware_paging);
    if (error != 0)
        return error;
    kernel_space_share(&firmware_paging);
    error = regions_map(boot);
    if (error != 0) {
        paging_free(&firmware_paging, 0, kernel_space_first_index() - 1);
        table_free(NULL, firmware_paging.root);
    }
    return error;
}

/* Where ResetSystem() is, by the tables that the firmware keeps for us; 0 when they are not to be believed. */
static paddr_t reset_find(const struct boot_info *boot)
{
    const struct system_table *system = direct_map(boot->system_table);
    if (boot->system_table == 0 || !direct_map_covers(boot->system_table, sizeof(*system)) ||
        system->header.signature != SYSTEM_TABLE_SIGNATURE)
        return 0;
    const struct runtime_services *services = direct_map(system->runtime_services);
    if (!direct_map_covers(system->runtime_services, sizeof(*services)) ||
        services->header.signature != RUNTIME_SERVICES_SIGNATURE)
        return 0;
    struct paging_access fetch = {.fetch = true, .wp = true};
    return paging_lookup(&firmware_paging, services->reset_system, fetch).refusal == PAGING_ALLOWED
               ? services->reset_system
               : 0;
}

void firmware_reset_start(const struct boot_info *boot)
{
    int error = tables_make(boot);

    if (error != 0) {
        log_warning("firmware: its runtime services cannot be mapped: error %d", -error);
        firmware_paging.root = 0;
        return;
    }
    reset_address = reset_find(boot);
    if (reset_address == 0) {
        log_warning("firmware: it has no usable ResetSystem");
        return;
    }
    log_debug("firmware: ResetSystem at %#lx, protected by %s", reset_address,
              piece_count > 0 ? "its attributes table" : "type");
    power_set_firmware(firmware_reset);
}

struct call {
    paddr_t address;
    uint32_t type;
};

static void call_make(void *argument)
{
    const struct call *call = argument;
    static const uint32_t mxcsr = MXCSR_INITIAL;

    /* The firmware may load tables of its own, with bits below the address that mean something else to identifiers. */
    write_cr3(firmware_paging.root);
    write_cr4(read_cr4() & ~CR4_PCIDE);
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
    ((reset_system *)call->address)(call->type, 0, 0, NULL);
}

bool firmware_reset_call(paddr_t address, bool reboot)
{
    struct call call = {address, reboot ? RESET_COLD : RESET_SHUTDOWN};
    uint64_t tables = read_cr3(), cr4 = read_cr4();

    bool returned = trap_recover_call(call_make, &call);
    /* Identifiers come back while the loaded one is 0 (SDM vol. 3A, 4.10.1). */
    write_cr3(tables & ~CR3_IDENTIFIER);
    write_cr4(cr4);
    write_cr3(tables);
    return returned;
}

void firmware_reset(bool reboot)
{
    if (reset_address == 0)
        return;
    if (firmware_reset_call(reset_address, reboot))
        log_warning("firmware: ResetSystem came back");
}

struct paging *firmware_reset_paging(void)
{
    return firmware_paging.root != 0 ? &firmware_paging : NULL;
}
