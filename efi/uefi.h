/* UEFI's types and protocols: gnu-efi's headers, and what its version 3.0.15 lacks. The only door to <efi.h>; pure code never
 * includes it, so that host tests need no UEFI headers. */
#ifndef EFI_UEFI_H
#define EFI_UEFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <efi.h>

/* gnu-efi defines __attribute__ away when Microsoft extensions are on; the build turns them off, and this sees to it. */
struct uefi_packed_probe {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct uefi_packed_probe) == 10, "attributes are silently ignored: see efi/README.md");
_Static_assert(sizeof(UINTN) == 8, "the loader is a 64-bit program");

/* Oldest firmware that has every boot service used here: LocateHandleBuffer and friends came with 1.10. */
#define UEFI_REVISION_LEAST 0x0001000a

/* Configuration tables (UEFI 2.10, 4.6). */
#define UEFI_ACPI_20_TABLE_GUID                                                                              \
    {                                                                                                        \
        0x8868e871, 0xe4f1, 0x11d3,                                                                          \
        {                                                                                                    \
            0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81                                                   \
        }                                                                                                    \
    }
#define UEFI_ACPI_10_TABLE_GUID                                                                              \
    {                                                                                                        \
        0xeb9d2d30, 0x2d88, 0x11d3,                                                                          \
        {                                                                                                    \
            0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d                                                   \
        }                                                                                                    \
    }
#define UEFI_SMBIOS3_TABLE_GUID                                                                              \
    {                                                                                                        \
        0xf2fd1544, 0x9794, 0x4a2c,                                                                          \
        {                                                                                                    \
            0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94                                                   \
        }                                                                                                    \
    }
#define UEFI_SMBIOS_TABLE_GUID                                                                               \
    {                                                                                                        \
        0xeb9d2d31, 0x2d88, 0x11d3,                                                                          \
        {                                                                                                    \
            0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d                                                   \
        }                                                                                                    \
    }
#define UEFI_MEMORY_ATTRIBUTES_GUID                                                                          \
    {                                                                                                        \
        0xdcfa911d, 0x26eb, 0x469f,                                                                          \
        {                                                                                                    \
            0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20                                                   \
        }                                                                                                    \
    }

/* Protocols and variables. */
#define UEFI_PCI_IO_GUID                                                                                     \
    {                                                                                                        \
        0x4cf5b200, 0x68b8, 0x4ca5,                                                                          \
        {                                                                                                    \
            0x9e, 0xec, 0xb2, 0x3e, 0x3f, 0x50, 0x02, 0x9a                                                   \
        }                                                                                                    \
    }
#define UEFI_GLOBAL_VARIABLE_GUID                                                                            \
    {                                                                                                        \
        0x8be4df61, 0x93ca, 0x11d2,                                                                          \
        {                                                                                                    \
            0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c                                                   \
        }                                                                                                    \
    }

#endif
