/* The first address space: what the drawing in paging/layout.h becomes on this machine.
 *
 * Pure: no firmware call, no allocation, no state. First a plan (a sorted list of mappings), from which the number of table pages
 * follows; then the plan is built into pages that the caller brings. Host tests run both over pretended memory. */
#ifndef EFI_ADDRESS_SPACE_H
#define EFI_ADDRESS_SPACE_H

#include "efi/boot_info.h"
#include "efi/kernel_elf.h"
#include "efi/memory_map.h"
#include "efi/table_size.h"
#include "paging/paging.h"

#define ADDRESS_SPACE_IDENTITIES_MAX 4

/* Pages that are mapped where they are, so that the switch can run across the change of tables. */
struct identity_mapping {
    paddr_t start;
    uint64_t size;
    uint64_t perm;
};

struct address_space_parts {
    const struct memory_extent *extents; /* the direct map, from memory_map_extents() */
    size_t extent_count;
    const struct kernel_image *kernel;
    const paddr_t *segment_pages;               /* where each segment of `kernel` was put */
    const struct boot_framebuffer *framebuffer; /* kind NONE: not mapped */
    paddr_t lapic;                              /* 0: not mapped */
    paddr_t ioapic;                             /* 0: not mapped */
    uint32_t identity_count;
    struct identity_mapping identities[ADDRESS_SPACE_IDENTITIES_MAX];
};

/* How many mappings a plan can have. */
#define ADDRESS_SPACE_MAPPINGS(extents)                                                                      \
    ((extents) + KERNEL_SEGMENTS_MAX + ADDRESS_SPACE_IDENTITIES_MAX +                                        \
     4 /* framebuffer, CGA window, LAPIC, IOAPIC */)

/* Would the framebuffer's identity map collide with another one of `parts`? Then it has to go. */
bool address_space_framebuffer_collides(const struct address_space_parts *parts);

/* The mappings of `parts`, sorted by address. `mappings` has room for ADDRESS_SPACE_MAPPINGS(extent_count). -EINVAL when an identity
 * would lie outside the low half or an extent outside the direct map; -EEXIST when two overlap. */
int must_check address_space_plan(const struct address_space_parts *parts, struct table_mapping *mappings,
                                  size_t *count);

/* Table pages to build from: [base, base + pages * PAGE_SIZE), zeroed, seen at `memory`. */
struct table_pool {
    paddr_t base;
    uint64_t pages;
    uint64_t used;
    unsigned char *memory;
};

/* Make the tables. `paging` is complete but for ops, context and root; both stay valid as long as `pool`. -ENOMEM when the pool is too
 * small, or an error of paging_map(). */
int must_check address_space_build(struct paging *paging, struct table_pool *pool,
                                   const struct table_mapping *mappings, size_t count);

#endif
