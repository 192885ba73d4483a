/* Page tables of x86-64, as a library.
 *
 * `struct paging` carries all it needs, so the same code builds the first tables inside the firmware, serves every process in the
 * kernel, and runs under a host's sanitizers and fuzzers. It keeps no state of its own, includes no kernel header, takes no lock
 * (the caller owns the tables) and never sleeps. It never flushes a TLB: what must be flushed is reported in `struct paging_flush`.
 *
 * Levels are Intel's: the root is level 4 (or 5 with CR4.LA57), a 4 KiB leaf is in a level-1 table, a 2 MiB leaf at level 2, a 1 GiB
 * leaf at level 3. Intermediate entries are made P|W|U so that the leaf alone decides; entries in the high half (root index >= 256)
 * get no U anywhere, so that no kernel page can become user-accessible by its leaf alone.
 *
 * Errors are negative Linux errno values (<asm/errno.h>): -ENOMEM, no table page to be had; -EEXIST, something is mapped there;
 * -EINVAL, the arguments could never be right. A range [va, va+size) is page-aligned, canonical, lies in one half of the address space
 * and does not wrap, else -EINVAL; an empty one is fine and nothing happens. A range [start, end) is page-aligned too but may cross both
 * halves; its end is VMITER_END when it goes up to the last page. */
#ifndef PAGING_PAGING_H
#define PAGING_PAGING_H

#include "paging/entry.h"
#include "paging/types.h"

#define PAGING_TABLE_ENTRIES 512

/* After the last page of the address space: no page begins there. */
#define VMITER_END           UINT64_MAX

#define PAGEOFFSET(va)       ((va)&UINT64_C(0xfff))
#define PAGEINDEX(va, level) (((va) >> (12 + 9 * ((level)-1))) & UINT64_C(0x1ff))

/* Bytes that one entry of a table at `level` covers: 4 KiB, 2 MiB, 1 GiB, 512 GiB, 256 TiB. */
#define PAGING_SPAN(level)   (UINT64_C(1) << (12 + 9 * ((level)-1)))

/* How the library reaches memory. All three are called with the `context` of the struct paging. */
struct paging_ops {
    /* Give a zeroed, page-aligned table page; PADDR_NONE when there is none. */
    paddr_t (*table_alloc)(void *context);
    /* Take it back, contents undefined. Called only from paging_free() and paging_flush_free_tables(), never while a TLB may still hold it. */
    void (*table_free)(void *context, paddr_t table);
    /* Where a table page can be read and written; page-aligned, like the table. */
    pte_t *(*table_pointer)(void *context, paddr_t table);
};

struct paging {
    const struct paging_ops *ops;
    void *context;
    uint64_t direct; /* every table page is found at this address + its own; 0: ask table_pointer() */
    paddr_t root;
    uint8_t levels;         /* 4 or 5 */
    uint8_t physical_width; /* CPUID.80000008H:EAX[7:0], at most 52: bits above it are reserved in entries */
    bool nx;                /* EFER.NXE is set; when clear, PTE_NX is left out of every entry written */
    bool global;            /* CR4.PGE; when clear, PTE_G is left out */
    bool pages_1g;          /* CPUID.80000001H:EDX.Page1GB: 1 GiB leaves may be made */
    bool pat;               /* CPUID.1:EDX.PAT; when clear, PERM_WRITE_COMBINING becomes PERM_UNCACHED */
};

/* What a change left stale in the TLBs. Zero it before the first call (PAGING_FLUSH_NONE); several changes may add to one. A call that
 * failed may have added to it too: a leaf that was split maps the same as before, but no longer by the entry a TLB may hold. */
struct paging_flush {
    vaddr_t start;  /* the smallest range that covers every changed page; start == end: nothing to flush */
    vaddr_t end;    /* VMITER_END when the last page of the address space changed */
    uint64_t pages; /* how many leaves changed */
    bool global;    /* a leaf with PTE_G changed: a CR3 load is not enough */
    bool
        structure; /* table pages were unlinked: paging-structure caches must go too, which any INVLPG or CR3 load does (SDM
                     * 4.10.4); the range then holds at least one page */
    paddr_t
        tables; /* unlinked table pages, chained; give them back with paging_flush_free_tables() after the flush */
};
#define PAGING_FLUSH_NONE ((struct paging_flush){.tables = PADDR_NONE})

/* Make an empty root. 0, or -ENOMEM. `paging` is complete but for `root`. */
int must_check paging_init(struct paging *paging);

/* Free every table page below root index range [first, last] (0..511) and, when the range is all 512, the root itself. Leaves' frames
 * are the caller's. No TLB may hold any of it. */
void paging_free(struct paging *paging, unsigned first, unsigned last);

/* Canonical for this number of levels (SDM vol. 1, 3.3.7.1). */
static inline bool paging_canonical(const struct paging *paging, vaddr_t va)
{
    /* Everything from the top index bit up is equal. */
    uint64_t sign = UINT64_MAX << (PAGE_SHIFT + 9 * paging->levels - 1);
    return (va & sign) == 0 || (va & sign) == sign;
}

/* Map [va, va+size) to [pa, pa+size) with `perm`, all three page-aligned, using leaves as large as alignment, `pages_1g`, `largest`
 * (PAGE_SIZE, PAGE_2M or PAGE_1G) and tables that exist already allow. All or nothing: no leaf is written before every table is made
 * (those stay, empty, until paging_prune). -ENOMEM; -EINVAL for a wrong range, pa beyond physical_width, or a perm that no page may
 * have there: without P, with bits outside PERM_MASK, with W and without NX while nx is on (W^X), with U in the high half, or with
 * more than the tables above allow; -EEXIST when something is mapped there already. */
int must_check paging_map(struct paging *paging, vaddr_t va, paddr_t pa, uint64_t size, uint64_t perm,
                          uint64_t largest);

/* Unmap every page in [va, va+size); a large leaf that sticks out is split first, which may fail with -ENOMEM while every mapping is
 * as before. Holes are fine. Table pages stay; see paging_prune. `flush` may be NULL when no processor has these tables loaded, here
 * and in the three functions below. */
int must_check paging_unmap(struct paging *paging, vaddr_t va, uint64_t size, struct paging_flush *flush);

/* Give every present page in [va, va+size) the permission bits W, U, NX and soft bits of `perm`; memory type, G, A and D stay.
 * Large leaves are split as in paging_unmap; all or nothing. -EINVAL for a perm as in paging_map: to take P away, unmap. */
int must_check paging_protect(struct paging *paging, vaddr_t va, uint64_t size, uint64_t perm,
                              struct paging_flush *flush);

/* Make sure that no large leaf crosses `va` (page-aligned): split what does, down to 4 KiB when needed. -ENOMEM. */
int must_check paging_split(struct paging *paging, vaddr_t va, struct paging_flush *flush);

/* Unlink the table pages whose entries are all zero and that lie wholly inside [start, end), onto flush->tables. Never the root. Where
 * several roots share the tables below a root entry, [start, end) must not cover that entry whole: the others would not notice. */
void paging_prune(struct paging *paging, vaddr_t start, vaddr_t end, struct paging_flush *flush);
void paging_flush_free_tables(struct paging *paging, struct paging_flush *flush);

/* Map into `to` every page that `from` maps in [start, end), same frame and effective permission (A and D included), leaf by leaf with
 * the same sizes (the seeds' copy_mappings); smaller leaves only where start or end cut one, where `to` cannot have 1 GiB leaves or
 * has an empty table. `to` must be empty there. All or nothing, as paging_map; -ENOMEM, -EEXIST, -EINVAL (start or end not
 * page-aligned, or `to` may not have such a page). */
int must_check paging_copy(struct paging *to, const struct paging *from, vaddr_t start, vaddr_t end);

/* --- what the processor would do --- */

/* Page-fault error code bits (SDM vol. 3A, 4.7). */
#define FAULT_PRESENT  (1u << 0) /* 0: not present; 1: protection */
#define FAULT_WRITE    (1u << 1)
#define FAULT_USER     (1u << 2)
#define FAULT_RESERVED (1u << 3)
#define FAULT_FETCH    (1u << 4) /* reported only when NX or SMEP is on */

struct paging_access {
    bool write, user, fetch; /* user: CPL 3; a fetch is never a write */
    bool wp;                 /* CR0.WP */
    bool smep, smap;         /* CR4 */
    bool ac;                 /* RFLAGS.AC: suspends SMAP for explicit supervisor accesses */
};

enum paging_refusal {
    PAGING_ALLOWED,
    PAGING_NON_CANONICAL, /* #GP or #SS, not #PF */
    PAGING_NOT_PRESENT,
    PAGING_RESERVED_BIT,
    PAGING_NOT_USER,
    PAGING_NOT_WRITABLE,
    PAGING_NO_EXECUTE,
    PAGING_SMEP,
    PAGING_SMAP,
};

struct paging_step {
    uint8_t level;
    pte_t entry;
};

struct paging_walk {
    paddr_t pa; /* where it led, PADDR_NONE when refused */
    uint64_t
        perm; /* effective permission of the entries walked, without one that is not present or malformed */
    uint64_t size;       /* of the leaf, 0 when none was reached */
    uint32_t error_code; /* what #PF would push; 0 when allowed or non-canonical */
    enum paging_refusal refusal;
    uint8_t refused_level; /* of the first entry that stands in the way; 0 when allowed or non-canonical */
    uint8_t steps;         /* entries read */
    struct paging_step step[5];
};

/* The walk the hardware does for an access to `va`, with every check it makes: P, reserved bits (SDM 4.5: bits 51:physical_width,
 * PS at levels 5 and 4, PS at level 3 without 1 GiB pages, the address bits below a large leaf's alignment, bit 63 without NXE), then
 * U, W, NX over all levels, WP, SMEP, SMAP. Changes nothing, not even A and D. */
struct paging_walk paging_lookup(const struct paging *paging, vaddr_t va, struct paging_access access);

/* One short English sentence for a refusal: "the page is not writable". */
const char *paging_refusal_name(enum paging_refusal refusal);

/* --- looking at whole tables --- */

/* Takes one line of text, without newline. */
typedef void paging_print(void *context, const char *line);

/* The mappings of [start, end), neighbours with equal permission and contiguous frames merged, one line each:
 *
 *     ffff800000000000-ffff800040000000 -> 0000000000000000  1 GiB   rw-- g wb
 *
 * first address, the one after the last (ffffffffffffffff at the very top), physical address, length; read, write, execute, user;
 * global; memory type by Quire's PAT: wb, wt, uc-, uc, wc. */
void paging_dump(const struct paging *paging, vaddr_t start, vaddr_t end, paging_print *print, void *context);

/* Prove what every Quire table promises: no U page in the high half, no page W without NX (while nx), no table page reached twice, no
 * reserved bit set. The number of violations; each is printed when `print` is not NULL. Needs no memory: a repeated table is found by
 * setting PTE_MARK in each table's first entry during the walk, so no other software may walk the tables meanwhile (processors may). */
unsigned paging_check(struct paging *paging, paging_print *print, void *context);

#endif
