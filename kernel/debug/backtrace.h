/* Walk the frame-pointer chain of kernel code. Reads only memory that `readable` vouches for, so that a broken chain ends the walk and
 * nothing else. Any context. */
#ifndef KERNEL_DEBUG_BACKTRACE_H
#define KERNEL_DEBUG_BACKTRACE_H

#include <stdint.h>

/* Log one line per frame: "  #2 ffffffff80012345 frame_alloc+0x35". Starts at `rip` with frame pointer `rbp`; at most 32 frames. */
void backtrace_log(uint64_t rip, uint64_t rbp);

#endif
