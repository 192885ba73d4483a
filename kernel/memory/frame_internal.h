/* Between the files of the frame allocator: the buddy lists, and the chunks that feed them. All with frame_lock held. */
#ifndef KERNEL_MEMORY_FRAME_INTERNAL_H
#define KERNEL_MEMORY_FRAME_INTERNAL_H

#include "kernel/debug/spinlock.h"
#include "kernel/memory/frame.h"

#define FRAME_CHUNK        (UINT64_C(32) << 20)
#define FRAME_CHUNK_FRAMES (FRAME_CHUNK / PAGE_SIZE)

extern struct spinlock frame_lock;

/* Put the block into the lists, merged with its free buddies. Its frames have count 0. */
void buddy_free(struct frame *frame, unsigned order);

/* Take a block out; NULL when no list has one of this order or above. */
struct frame *buddy_alloc(unsigned order);

/* Take the smallest block there is, or as much of it as has at most `most` frames (a power of two): its order in *order. NULL when the lists are empty. */
struct frame *buddy_alloc_some(unsigned most, unsigned *order);

/* Frames in the lists. */
extern uint64_t buddy_frames;

/* Usable RAM: the lowest run [*start, *end) at or above `at` and below `limit`. false: none. */
bool frame_usable_run(paddr_t at, paddr_t limit, paddr_t *start, paddr_t *end);

/* Take the next untouched chunk into use. false: there is none left, or no memory to describe it. */
bool frame_chunk_take_next(void);

/* Make sure that the chunk of `pa` is in use. */
bool frame_chunk_take(paddr_t pa);

/* A zeroed page while a chunk is being taken into use, for the page tables of the frame array. */
paddr_t frame_chunk_table_page(void);

void frame_chunks_start(const struct boot_info *boot);
extern uint64_t frame_chunk_usable_total; /* frames of usable RAM in the machine */
extern uint64_t frame_chunk_untouched;    /* of these, in no chunk yet */

/* Frames in this CPU's cache, for tests. */
unsigned frame_cache_count(void);

#endif
