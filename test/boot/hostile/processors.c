/* A MADT that calls processors enabled which do not exist (ACPI 6.4, 5.2.12.2), as some firmware does for empty sockets; a local APIC
 * left in x2APIC mode (SDM vol. 3A, 11.12), as firmware of machines with many processors leaves it. */

#include "efi/runtime.h"
#include "test/boot/hostile/hostile.h"

#define BELOW_4G   UINT64_C(0x100000000)
#define PAGE_BYTES 4096u

/* The header that all tables begin with (5.2.6), and the RSDP (5.2.5.3). */
enum { TABLE_LENGTH = 4, TABLE_CHECKSUM = 9, TABLE_ENTRIES = 36, RSDP_XSDT = 24 };

/* A local APIC entry: type 0, eight bytes: UID, id, enabled. */
enum { ENTRY_BYTES = 8 };

/* Ids that machines of the tests do not use. */
#define FIRST_ID           0xc0u

#define CPUID_1_ECX_X2APIC (1u << 21)
#define MSR_APIC_BASE      0x1bu
#define APIC_BASE_X2APIC   (1u << 10)

/* The XSDT's entries begin at an odd multiple of four. */
typedef uint8_t *xsdt_entry __attribute__((aligned(4)));

static uint32_t length_of(const uint8_t *table)
{
    return *(const uint32_t *)(table + TABLE_LENGTH);
}

/* All bytes of a table add up to 0 (5.2.6). */
static void checksum_mend(uint8_t *table)
{
    uint8_t sum = 0;
    table[TABLE_CHECKSUM] = 0;
    for (uint32_t i = 0; i < length_of(table); ++i)
        sum = (uint8_t)(sum + table[i]);
    table[TABLE_CHECKSUM] = (uint8_t)-sum;
}

static uint8_t *xsdt_find(void)
{
    EFI_GUID acpi = UEFI_ACPI_20_TABLE_GUID;
    for (UINTN i = 0; i < hostile_system->NumberOfTableEntries; ++i) {
        const EFI_CONFIGURATION_TABLE *table = &hostile_system->ConfigurationTable[i];
        if (memcmp(&table->VendorGuid, &acpi, sizeof(acpi)) == 0)
            return *(uint8_t **)((uint8_t *)table->VendorTable + RSDP_XSDT);
    }
    return NULL;
}

/* A copy of the MADT with the entries behind its own. */
static uint8_t *madt_extended(const uint8_t *madt)
{
    uint32_t length = length_of(madt);
    uint8_t *copy = (uint8_t *)(uintptr_t)hostile_pages(1, BELOW_4G, EfiACPIReclaimMemory);
    if (length + mischief.absent_processors * ENTRY_BYTES > PAGE_BYTES)
        hostile_exit(EXIT_RULE);
    for (uint32_t i = 0; i < length; ++i)
        copy[i] = madt[i];
    for (uint32_t i = 0; i < mischief.absent_processors; ++i) {
        uint8_t id = (uint8_t)(FIRST_ID + i);
        const uint8_t entry[ENTRY_BYTES] = {0, ENTRY_BYTES, id, id, 1, 0, 0, 0};
        for (unsigned j = 0; j < ENTRY_BYTES; ++j)
            copy[length++] = entry[j];
    }
    *(uint32_t *)(copy + TABLE_LENGTH) = length;
    checksum_mend(copy);
    return copy;
}

/* On this processor only: the others sleep in the mode they woke in, and the kernel has to bring them along. */
static void x2apic_enter(void)
{
    uint32_t a = 1, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c & CPUID_1_ECX_X2APIC)) {
        report("hostile: this processor has no x2APIC\n");
        hostile_exit(EXIT_RULE);
    }
    __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(MSR_APIC_BASE));
    __asm__ volatile("wrmsr" ::"c"(MSR_APIC_BASE), "a"(a | APIC_BASE_X2APIC), "d"(d));
    report("hostile: x2APIC mode\n");
}

void hostile_processors(void)
{
    if (mischief.x2apic)
        x2apic_enter();
    uint8_t *xsdt = mischief.absent_processors > 0 ? xsdt_find() : NULL;
    if (!xsdt)
        return;
    for (uint32_t at = TABLE_ENTRIES; at + sizeof(uint8_t *) <= length_of(xsdt); at += sizeof(uint8_t *)) {
        xsdt_entry *entry = (xsdt_entry *)(xsdt + at);
        if (memcmp(*entry, "APIC", 4) == 0)
            *entry = madt_extended(*entry);
    }
    checksum_mend(xsdt);
}
