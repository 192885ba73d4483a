/* The two kinds of address, and the page.
 *
 * Used by the loader, the kernel and the host tests alike: only fixed-width types, no other header. A physical address is never
 * dereferenced; a virtual one is meaningful only together with the page tables it belongs to. */
#ifndef PAGING_TYPES_H
#define PAGING_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;
typedef uint64_t vaddr_t;

#define PAGE_SHIFT          12
#define PAGE_SIZE           UINT64_C(0x1000)
#define PAGE_2M             UINT64_C(0x200000)
#define PAGE_1G             UINT64_C(0x40000000)

/* No physical address: what vmiter_pa() answers where nothing is mapped. */
#define PADDR_NONE          UINT64_MAX

/* Round to a multiple of `unit`, a power of two. */
#define ROUND_DOWN(x, unit) ((x) & ~((unit)-1))
#define ROUND_UP(x, unit)   ROUND_DOWN((x) + ((unit)-1), unit)

/* The result must be looked at: it says whether the call succeeded. */
#define must_check          __attribute__((warn_unused_result))

#endif
