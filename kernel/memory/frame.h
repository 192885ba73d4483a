/* Frames: who owns each physical page, and how often it is used.
 *
 * Every page of RAM that the kernel may ever hand out has one `struct frame`, in an array indexed by frame number at FRAME_MAP_BASE. The array is made in
 * chunks of 32 MiB of RAM, when the allocator needs that RAM, so boot takes the same time whatever the machine has. A frame is free, or owned by exactly one kind of
 * user and counted; memory_check() proves the counts.
 *
 * Buddy system of blocks of 2^order frames, order 0..FRAME_ORDER_MAX, with a cache of single frames per CPU in front. Any context but NMI; never sleeps.
 * Lock: frame.lock (LOCK_FRAMES). */
#ifndef KERNEL_MEMORY_FRAME_H
#define KERNEL_MEMORY_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "efi/boot_info.h"
#include "kernel/lib/direct_map.h"
#include "kernel/memory/failure.h"
#include "paging/layout.h"

struct cpu;

enum frame_owner {
    FRAME_FREE,
    FRAME_RESERVED, /* not RAM, or the firmware's for good */
    FRAME_KERNEL,   /* image, stacks, tables of the boot, the frame array itself */
    FRAME_HEAP,
    FRAME_TABLE, /* a page table */
    FRAME_ANONYMOUS,
    FRAME_FILE,   /* contents of a file, archives included */
    FRAME_SHARED, /* of a shared anonymous mapping */
    FRAME_DEVICE,
    FRAME_OWNERS
};

#define FRAME_ORDER_MAX 10 /* 4 MiB */
#define FRAME_ORDER_2M  9

struct frame {
    uint8_t owner; /* enum frame_owner */
    uint8_t order; /* of the block that begins here, for its first frame */
    uint16_t flags;
    uint32_t count; /* references; atomic */
    union {
        TAILQ_ENTRY(frame) link; /* free blocks, slabs with room, lists of the owner */
        struct {
            uint64_t private[2];
        };
    };
    void *owner_data; /* slab: first free object */
};
_Static_assert(sizeof(struct frame) == 32, "a power of two, so that frame numbers are shifts");

#define FRAME_FLAG_FREE_HEAD (1u << 0) /* first frame of a free block in the buddy lists */
#define FRAME_FLAG_SLAB      (1u << 1)
#define FRAME_FLAG_CACHED    (1u << 2) /* free, in a CPU's cache */
#define FRAME_FLAG_TAIL      (1u << 3) /* not the first frame of a used block of order > 0 */
#define FRAME_FLAG_ZERO      (1u << 4) /* the zero page */
#define FRAME_FLAG_SEEN      (1u << 5) /* memory_check()'s mark */

/* Take over the memory that the loader's map calls usable. `boot` stays where it is. The kernel's page tables (kernel_space) must be able to map. */
void frames_start(const struct boot_info *boot);

/* The cache of single frames of another CPU. 0, -ENOMEM. */
int must_check frames_start_cpu(struct cpu *cpu);

/* One frame, or 2^order that are contiguous and aligned, count 1, contents undefined; NULL when there is none. */
must_check struct frame *frame_alloc(enum frame_owner owner);
must_check struct frame *frame_alloc_zeroed(enum frame_owner owner);
must_check struct frame *frame_alloc_order(unsigned order, enum frame_owner owner);

/* Clear one free frame ahead, for frame_alloc_zeroed(): for CPUs that have nothing else to do. false: there are enough. Interrupts on. */
bool frame_zero_ahead(void);

/* One more reference; one less, the last of which frees the block. Whoever drops the last reference has removed the mapping from every TLB. */
void frame_get(struct frame *frame);
void frame_put(struct frame *frame);

/* frame_put() of each of so many; the array's contents are lost. */
void frame_put_many(struct frame **frame, unsigned count);

/* frame_put() of a single frame that holds nothing but zeroes again: it may serve frame_alloc_zeroed() as it is. */
void frame_put_zeroed(struct frame *frame);

/* Words that are not zero in frames kept for frame_alloc_zeroed(): for the checker, while nobody allocates. */
uint64_t frame_zeroed_wrong(void);

/* Make 2^order single frames, each with count 1, of one block of count 1. */
void frame_split(struct frame *frame, unsigned order);

/* From address to frame: NULL when that RAM has not been taken into use or is no RAM. */
struct frame *frame_lookup(paddr_t pa);

static inline paddr_t frame_pa(const struct frame *frame)
{
    return ((vaddr_t)frame - FRAME_MAP_BASE) / sizeof(struct frame) * PAGE_SIZE;
}

/* The frame of an address that is known to have one. */
static inline struct frame *frame_of(paddr_t pa)
{
    return (struct frame *)(FRAME_MAP_BASE + pa / PAGE_SIZE * sizeof(struct frame));
}

static inline void *frame_pointer(const struct frame *frame)
{
    return direct_map(frame_pa(frame));
}

/* Clear a page, with the instruction that suits this CPU. */
void page_clear(void *page);
void page_copy(void *to, const void *from);

struct frame_statistics {
    uint64_t total;               /* frames of usable RAM, taken into use or not */
    uint64_t free;                /* all that can still be had */
    uint64_t untouched;           /* of these, in chunks not yet taken into use */
    uint64_t owned[FRAME_OWNERS]; /* of frames taken into use */
    uint64_t
        memory; /* free, or owned as memory: with the kernel's image and the archives, which `total` leaves out */
};
/* More than a quarter of all frames is free: a good time to be generous. A snapshot, without lock. */
bool frame_plenty(void);

/* Frames of usable RAM in the machine. */
uint64_t frame_total(void);

void frame_statistics(struct frame_statistics *statistics);

/* Called when an allocation finds nothing: gives something back and says whether to try again. Registered by higher floors; may be called from any context. */
void frame_set_reclaim(bool (*reclaim)(void));

/* Visit every chunk of frames taken into use, in order; for the checker and the viewer. */
void frame_each_chunk(void (*visit)(struct frame *first, uint64_t count, void *context), void *context);

/* For tests: let the n-th allocation from now on fail, once (0: none). */
static inline void frame_fail_after(uint64_t n)
{
    failure_after(&frame_failure, n);
}

const char *frame_owner_name(enum frame_owner owner);

#endif
