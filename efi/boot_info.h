/* boot_info: everything the loader tells the kernel.
 *
 * One versioned struct of fixed-width fields and physical addresses; no bit-fields, enums or longs, because the loader is an LLP64
 * program and the kernel an LP64 one. The kernel checks magic, version, sizes and bounds before it believes any of it. Everything it
 * points at is in ranges of the list `ranges`, which the kernel does not reuse until it says so. Never changed after the jump.
 *
 * The jump: long mode, CR3 = `page_tables`, IF = 0, DF = 0, EFER.NXE when the CPU has NX, CR0.WP, CR4.PGE off, PAT = PAT_VALUE when
 * the CPU has PAT; RDI = physical address of this struct (read it through the direct map), RSP = top of BOOT_RANGE_STACK in the direct map,
 * RIP = the ELF entry of the kernel. GDT and IDT are the loader's leavings: the kernel loads its own first. */
#ifndef EFI_BOOT_INFO_H
#define EFI_BOOT_INFO_H

#include <stddef.h>
#include <stdint.h>

#define BOOT_INFO_MAGIC       UINT64_C(0x4f464e4951554952)
#define BOOT_INFO_VERSION     1

#define BOOT_COMMAND_LINE_MAX 16384 /* bytes, terminator included */
#define BOOT_RANGES_MAX       64
#define BOOT_STAGES_MAX       16
#define BOOT_NAME_MAX         48

/* What the kernel may do with memory (boot_memory.kind). */
#define BOOT_MEMORY_FREE      1 /* conventional, write-back: usable at once */
#define BOOT_MEMORY_BOOT_SERVICES                                                                            \
    2 /* boot services code and data, write-back: usable once the kernel stands on its own feet */
#define BOOT_MEMORY_LOADER        3 /* loader code and data: usable except for `ranges`, once the kernel runs */
#define BOOT_MEMORY_ACPI_RECLAIM  4 /* ACPI tables: in the direct map, read-only in spirit */
#define BOOT_MEMORY_ACPI_NVS      5
#define BOOT_MEMORY_RUNTIME_CODE  6
#define BOOT_MEMORY_RUNTIME_DATA  7
#define BOOT_MEMORY_MMIO          8
#define BOOT_MEMORY_RESERVED      9 /* reserved, OEM, OS or unknown types, and RAM that cannot be write-back */
#define BOOT_MEMORY_BAD           10
#define BOOT_MEMORY_UNACCEPTED    11
#define BOOT_MEMORY_PERSISTENT    12
#define BOOT_MEMORY_SOFT_RESERVED 13 /* EFI_MEMORY_SP */

/* One entry of the cleaned memory map: sorted, page-aligned, not overlapping, not empty, neighbours of equal type merged.
 * In the direct map are kinds FREE, BOOT_SERVICES, LOADER, ACPI_RECLAIM, ACPI_NVS, RUNTIME_CODE and RUNTIME_DATA, where write-back. */
struct boot_memory {
    uint64_t start;
    uint64_t size;       /* bytes */
    uint64_t attributes; /* EFI_MEMORY_*, as the firmware gave them */
    uint32_t uefi_type;
    uint32_t kind;
};

/* What the loader put where (boot_range.kind). */
#define BOOT_RANGE_BOOT_INFO   1
#define BOOT_RANGE_KERNEL      2 /* one per loaded segment */
#define BOOT_RANGE_KERNEL_FILE 3 /* the kernel's ELF file as carried, for its symbols */
#define BOOT_RANGE_TABLES      4 /* page tables */
#define BOOT_RANGE_ARCHIVE     5 /* one cpio archive, page-aligned; later ones are unpacked over earlier ones */
#define BOOT_RANGE_STACK       6
#define BOOT_RANGE_TRAMPOLINE  7 /* pages below 1 MiB for starting other processors */
#define BOOT_RANGE_MEMORY_MAP  8
#define BOOT_RANGE_SWITCH      9 /* the hand-off code; free once the kernel runs on its own tables */

struct boot_range {
    uint64_t start; /* page-aligned */
    uint64_t size;  /* bytes in use; the pages it touches are all its own */
    uint32_t kind;
    uint32_t reserved;
    char name[BOOT_NAME_MAX]; /* for messages: "\quire\exec.cpio"; terminated */
};

#define BOOT_FRAMEBUFFER_NONE 0
#define BOOT_FRAMEBUFFER_RGB  1 /* 32 bits a pixel described by the masks */
struct boot_framebuffer {
    uint64_t base; /* physical, any address */
    uint64_t size; /* bytes that may be touched */
    uint32_t width;
    uint32_t height;
    uint32_t pitch; /* bytes from one row to the next */
    uint32_t kind;
    uint32_t red_mask;
    uint32_t green_mask;
    uint32_t blue_mask;
    uint32_t bits_per_pixel; /* 8, 16, 24 or 32 */
};

/* The processor as the firmware handed it over: the first thing a bug report from a real PC needs. */
struct boot_firmware_state {
    uint64_t cr0, cr3, cr4, efer, rflags;
    uint64_t pat;       /* 0 when the CPU has none */
    uint64_t apic_base; /* IA32_APIC_BASE */
    uint64_t mtrr_default;
    uint32_t uefi_revision;
    uint32_t firmware_revision;
    char vendor[BOOT_NAME_MAX]; /* ASCII, terminated */
};

/* UEFI GetTime() before boot services ended; year 0 when there was none. */
struct boot_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, valid;
    int16_t zone_minutes; /* from UTC; 2047: local time, unknown */
    uint8_t daylight;
    uint8_t reserved[5];
};

/* Time stamps of the loader's stages. */
struct boot_stage {
    uint64_t tsc;
    char name[24];
};

struct boot_info {
    uint64_t magic;
    uint32_t version;
    uint32_t size; /* sizeof(struct boot_info) */

    uint64_t page_tables;  /* root */
    uint32_t levels;       /* 4 or 5 */
    uint32_t toggled_la57; /* 1: this loader turned LA57 on itself */

    uint64_t memory_map; /* struct boot_memory[memory_map_count] */
    uint32_t memory_map_count;
    uint32_t range_count;
    struct boot_range ranges[BOOT_RANGES_MAX];

    struct boot_framebuffer framebuffer;
    struct boot_firmware_state firmware;
    struct boot_time time;

    uint64_t rsdp;                    /* 0: none */
    uint32_t rsdp_revision;           /* from the GUID: 2 or 1 */
    uint32_t smbios_version;          /* 3, 2 or 0 */
    uint64_t smbios;                  /* 0: none */
    uint64_t system_table;            /* EFI_SYSTEM_TABLE */
    uint64_t memory_attributes_table; /* EFI_MEMORY_ATTRIBUTES_TABLE, 0: none */

    uint8_t random_seed[64];
    uint32_t random_seed_sources; /* bit 0: EFI_RNG_PROTOCOL, bit 1: RDRAND, bit 2: time stamps */
    uint32_t secure_boot;         /* 1: on */

    uint32_t stage_count;
    uint32_t exit_attempts; /* how many times ExitBootServices was called */
    struct boot_stage stages[BOOT_STAGES_MAX];

    uint64_t reserved[16];
    char command_line[BOOT_COMMAND_LINE_MAX]; /* printable ASCII, terminated */
};

_Static_assert(sizeof(struct boot_memory) == 32, "same in both worlds");
_Static_assert(sizeof(struct boot_range) == 72, "same in both worlds");
_Static_assert(sizeof(struct boot_framebuffer) == 48, "same in both worlds");
_Static_assert(offsetof(struct boot_info, ranges) == 48, "same in both worlds");
_Static_assert(sizeof(struct boot_time) == 16, "same in both worlds");

#endif
