/* One page-table entry, as the processor reads it (Intel SDM vol. 3A, 4.5; AMD APM vol. 2, 5.3).
 *
 * A permission ("perm") throughout Quire is an entry without its address: any of these bits. Effective permission over a walk is
 * the AND of PTE_P, PTE_W and PTE_U over all levels and the OR of PTE_NX; the other bits come from the leaf. */
#ifndef PAGING_ENTRY_H
#define PAGING_ENTRY_H

#include "paging/types.h"

typedef uint64_t pte_t;

#define PTE_P         (UINT64_C(1) << 0) /* present */
#define PTE_W         (UINT64_C(1) << 1) /* writable */
#define PTE_U         (UINT64_C(1) << 2) /* user mode may use it */
#define PTE_PWT       (UINT64_C(1) << 3) /* PAT index bit 0 */
#define PTE_PCD       (UINT64_C(1) << 4) /* PAT index bit 1 */
#define PTE_A         (UINT64_C(1) << 5) /* accessed: set by the processor */
#define PTE_D         (UINT64_C(1) << 6) /* dirty: set by the processor, leaves only */
#define PTE_PS        (UINT64_C(1) << 7) /* at levels 2 and 3: this entry is a large leaf */
#define PTE_PAT_SMALL (UINT64_C(1) << 7) /* PAT index bit 2 of a 4 KiB leaf */
#define PTE_G         (UINT64_C(1) << 8) /* global: survives a CR3 load when CR4.PGE is set */
#define PTE_SOFT0     (UINT64_C(1) << 9) /* free for software */
#define PTE_SOFT1     (UINT64_C(1) << 10)
#define PTE_SOFT2     (UINT64_C(1) << 11)
#define PTE_PAT_LARGE (UINT64_C(1) << 12) /* PAT index bit 2 of a 2 MiB or 1 GiB leaf */
#define PTE_MARK                                                                                             \
    (UINT64_C(1) << 58) /* ignored by the processor; paging_check()'s own, never part of a perm */
#define PTE_NX           (UINT64_C(1) << 63) /* no instruction fetch; reserved unless EFER.NXE */

/* PAT index bit 2 in a perm, whatever the leaf's size: paging/ moves it to bit 7 or bit 12. It is PTE_PAT_LARGE's bit. */
#define PERM_PAT         PTE_PAT_LARGE

#define PTE_ADDRESS_MASK UINT64_C(0x000ffffffffff000) /* bits 51:12 */

/* What a perm may consist of. */
#define PERM_MASK                                                                                            \
    (PTE_P | PTE_W | PTE_U | PTE_PWT | PTE_PCD | PTE_A | PTE_D | PTE_G | PTE_SOFT0 | PTE_SOFT1 | PTE_SOFT2 | \
     PERM_PAT | PTE_NX)

/* Memory types of Quire's PAT (SDM 11.12; the loader programs it, kernel/cpu checks it): index 0 WB, 1 WT, 2 UC-, 3 UC, 4 WB,
 * 5 WC, 6 UC-, 7 UC. Indexes 0-3 are the reset values, so a CPU without PAT still gets WB and UC; there index 5 cannot be used. */
#define PAT_VALUE            UINT64_C(0x0007010600070406)
#define PERM_WRITE_BACK      UINT64_C(0)
#define PERM_UNCACHED        (PTE_PCD | PTE_PWT)
#define PERM_WRITE_COMBINING (PERM_PAT | PTE_PWT)

/* The usual perms. */
#define PERM_KERNEL_RX       (PTE_P | PTE_G)
#define PERM_KERNEL_R        (PTE_P | PTE_G | PTE_NX)
#define PERM_KERNEL_RW       (PTE_P | PTE_G | PTE_NX | PTE_W)

/* Entries are shared with the processors' page walkers, which set A and D whenever they like: each access is one whole load, store
 * or exchange. A store orders everything before it, so a table is complete before an entry points at it. */
static inline pte_t pte_read(const pte_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void pte_write(pte_t *entry, pte_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline pte_t pte_exchange(pte_t *entry, pte_t value)
{
    return __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);
}

/* Write `value` if the entry still is *expected; otherwise put what it is into *expected and say false. */
static inline bool pte_replace(pte_t *entry, pte_t *expected, pte_t value)
{
    return __atomic_compare_exchange_n(entry, expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Does a present entry of a table at `level` map memory, or point at the next table? Bit 7 is PS at levels 2 and 3 only. */
static inline bool pte_is_leaf(pte_t entry, unsigned level)
{
    return (entry & PTE_P) && (level == 1 || (level <= 3 && (entry & PTE_PS)));
}

static inline bool pte_is_table(pte_t entry, unsigned level)
{
    return (entry & PTE_P) && level > 1 && !(level <= 3 && (entry & PTE_PS));
}

#endif
