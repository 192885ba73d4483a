/* The address space, drawn once. The loader builds it, the kernel keeps it, the boot log and docs/ print it from these constants.
 *
 *  0000_0000_0000_0000 +-----------------------------+
 *                      | never mapped                |  64 KiB
 *  0000_0000_0001_0000 +-----------------------------+ USER_BASE
 *                      | processes                   |  image, heap, mappings, stack
 *  0000_7fff_ffff_f000 +-----------------------------+ USER_END (last page never mapped: SYSRET)
 *                      | non-canonical               |
 *  ffff_8000_0000_0000 +-----------------------------+ DIRECT_MAP_BASE
 *                      | direct map of RAM           |  64 TiB, RW NX global, write-back ranges only, 1 GiB / 2 MiB / 4 KiB leaves
 *  ffff_c000_0000_0000 +-----------------------------+ KERNEL_MAP_BASE
 *                      | kernel mappings             |  32 TiB: guarded stacks, device registers, framebuffer
 *  ffff_e000_0000_0000 +-----------------------------+ FRAME_MAP_BASE
 *                      | struct frame of every frame |  1 TiB, backed only where frames exist
 *  ffff_e100_0000_0000 +-----------------------------+ FRAME_MAP_END
 *                      | never mapped                |
 *  ffff_ffff_8000_0000 +-----------------------------+ KERNEL_IMAGE_BASE
 *                      | kernel image                |  text R-X, rodata R--, data and bss RW-, 4 KiB-exact
 *  ffff_ffff_ffff_ffff +-----------------------------+
 *
 * With five levels the drawing is the same: the high half hangs below root entry 511, processes stay below 2^47.
 * In the boot tables only, the low half also holds identity maps: the CGA window, the framebuffer, the hand-off page. */
#ifndef PAGING_LAYOUT_H
#define PAGING_LAYOUT_H

#include "paging/types.h"

#define USER_BASE         UINT64_C(0x0000000000010000)
#define USER_END          UINT64_C(0x00007ffffffff000)

#define DIRECT_MAP_BASE   UINT64_C(0xffff800000000000)
#define DIRECT_MAP_SIZE   UINT64_C(0x0000400000000000)

#define KERNEL_MAP_BASE   UINT64_C(0xffffc00000000000)
#define KERNEL_MAP_SIZE   UINT64_C(0x0000200000000000)

#define FRAME_MAP_BASE    UINT64_C(0xffffe00000000000)
#define FRAME_MAP_SIZE    UINT64_C(0x0000010000000000)
#define FRAME_MAP_END     (FRAME_MAP_BASE + FRAME_MAP_SIZE)

#define KERNEL_IMAGE_BASE UINT64_C(0xffffffff80000000)

/* The loader's fixed places in the kernel mappings; the kernel hands out the rest from KERNEL_MAP_FREE on. */
#define KERNEL_MAP_LAPIC  (KERNEL_MAP_BASE + 0 * PAGE_SIZE)
#define KERNEL_MAP_IOAPIC (KERNEL_MAP_BASE + 1 * PAGE_SIZE)
#define KERNEL_MAP_FREE   (KERNEL_MAP_BASE + PAGE_2M)

/* The CGA window of a PC, and where local and I/O APIC live unless the machine says otherwise. */
#define CGA_WINDOW_BASE   UINT64_C(0x000a0000)
#define CGA_WINDOW_END    UINT64_C(0x000c0000)
#define LAPIC_DEFAULT     UINT64_C(0xfee00000)
#define IOAPIC_DEFAULT    UINT64_C(0xfec00000)

_Static_assert(DIRECT_MAP_BASE + DIRECT_MAP_SIZE == KERNEL_MAP_BASE, "direct map and kernel mappings touch");
_Static_assert(KERNEL_MAP_BASE + KERNEL_MAP_SIZE == FRAME_MAP_BASE, "kernel mappings and frame map touch");
_Static_assert(FRAME_MAP_END <= KERNEL_IMAGE_BASE, "frame map ends below the kernel image");
_Static_assert(USER_END < (UINT64_C(1) << 47), "the last page of the low half is never a process's");

#endif
