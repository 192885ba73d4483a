/* HOSTILE.EFI: a firmware that does all that the specification allows, and some of what machines do beyond it, to the loader.
 *
 * It is started as BOOTX64.EFI, reads words from \hostile.txt, puts its hooks into the real firmware's tables, and starts \loader.efi.
 * What it sees goes to QEMU's debug console. When the loader returns, which is right only where the words make booting impossible, QEMU
 * ends with status 41, or 43 when the loader kept memory; when the loader breaks a rule, with 45. */
#ifndef HOSTILE_HOSTILE_H
#define HOSTILE_HOSTILE_H

#include "efi/uefi.h"

#define EXIT_RETURNED      0x14
#define EXIT_LEAKED        0x15
#define EXIT_RULE          0x16

/* Where graphics-high puts a framebuffer; not mapped when strict-protection is on as well. */
#define GRAPHICS_HIGH_BASE UINT64_C(0x7000000000)
#define GRAPHICS_HIGH_SIZE UINT64_C(0x1000000)

/* The words of \hostile.txt. */
struct mischief {
    bool
        strict_protection; /* strict-protection: W^X for all of the firmware's tables, by 4 KiB pages; page 0 not mapped */
    bool five_levels;       /* five-levels: the firmware runs with five-level paging */
    bool x2apic;            /* x2apic: the boot processor's local APIC is left in x2APIC mode */
    bool wide_descriptors;  /* wide-descriptors: 72 bytes from one memory descriptor to the next */
    bool shuffled_map;      /* shuffled-map: descriptors in no order */
    bool long_map;          /* long-map: more than 300 descriptors */
    bool strange_map;       /* strange-map: empty, overlapping, OEM-typed, unknown and wrapping descriptors */
    bool no_low_memory;     /* no-low-memory: nothing to allocate below 1 MiB */
    bool no_acpi_2;         /* no-acpi-2: only the ACPI 1.0 table */
    bool no_acpi;           /* no-acpi: none at all */
    bool no_smbios;         /* no-smbios */
    bool no_random;         /* no-random: no EFI_RNG_PROTOCOL */
    bool random_not_ready;  /* random-not-ready: it is there and refuses */
    bool secure_boot;       /* secure-boot: the variables say that it is on */
    bool no_time;           /* no-time: GetTime fails */
    bool no_console;        /* no-console: ConOut is NULL */
    bool no_device;         /* no-device: neither the loader's image nor ours has a device */
    bool no_own_device;     /* no-own-device: only the loader's has none */
    bool garbage_options;   /* garbage-options: load options that are no text, of odd size */
    bool shell_options;     /* shell-options: as the UEFI shell passes them */
    bool graphics_mask;     /* graphics-mask: PixelBitMask */
    bool graphics_padded;   /* graphics-padded: rows longer than they are wide */
    bool graphics_blt_only; /* graphics-blt-only: no framebuffer */
    bool graphics_high;     /* graphics-high: a framebuffer at 448 GiB */
    bool graphics_beyond;   /* graphics-beyond: one that no processor can reach */
    bool graphics_unstarted; /* graphics-unstarted: QueryMode answers EFI_NOT_STARTED until SetMode */
    bool
        fail_every_allocation; /* fail-every-allocation: start the loader again and again, its next AllocatePages failing each time */
    uint32_t refuse_exit; /* refuse-exit=N: the first N ExitBootServices fail */
    uint32_t small_map;   /* small-map=N: the first N GetMemoryMap with a buffer want a larger one */
    uint32_t
        absent_processors;    /* absent-processors=N: the MADT has N enabled processors more than there are */
    uint32_t fail_allocation; /* fail-allocation=N: the loader's N-th AllocatePages fails */
};

extern struct mischief mischief;
extern EFI_SYSTEM_TABLE *hostile_system;
extern EFI_BOOT_SERVICES *hostile_services;

/* Where things are done wrong. Each looks at `mischief` itself. */
void hostile_five_levels(void);
void hostile_protection(void); /* after five levels: it makes tables of the same depth */
void hostile_protect_image(EFI_LOADED_IMAGE *image);   /* a new image, once protection is on */
void hostile_unprotect(uint64_t start, uint64_t size); /* it is gone: its pages are data again */
EFI_IMAGE_ENTRY_POINT hostile_image_entry(const EFI_LOADED_IMAGE *image);
void hostile_memory_map(void);
void hostile_allocation(void);
void hostile_configuration(void);
void hostile_processors(void); /* before the tables are hidden */
void hostile_graphics(void);

/* This image runs from now on: its own allocations count, and the one of that number (from 1; 0: none) fails. */
void hostile_allocation_arm(const EFI_LOADED_IMAGE *image, uint32_t failing);

/* Does a call that will return there come from that image? The firmware's drivers use the same tables while they work for it. */
bool hostile_from_loader(const void *return_address);

/* It has returned: the pages it still has. */
int64_t hostile_allocation_kept(void);

/* ExitBootServices was refused at least once: only GetMemoryMap and ExitBootServices may be called. Ends QEMU when it was. */
void hostile_rule_check(const char *call);

/* A page of ours. Ends QEMU when there is none. */
uint64_t hostile_pages(uint64_t count, uint64_t below, EFI_MEMORY_TYPE type);

void report(const char *text);
void report_number(uint64_t number);
_Noreturn void hostile_exit(uint32_t value);

#endif
