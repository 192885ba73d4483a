/* Walk the frame-pointer chain of kernel code. Reads only memory that `readable` vouches for, so that a broken chain ends the walk and
 * nothing else. Any context. */
#ifndef KERNEL_DEBUG_BACKTRACE_H
#define KERNEL_DEBUG_BACKTRACE_H

#include <stdint.h>

/* Log one line per frame: "  #2 ffffffff80012345 frame_alloc+0x35". Starts at `rip` with frame pointer `rbp`; at most 32 frames. */
void backtrace_log(uint64_t rip, uint64_t rbp);

/* The same from `rip` on for a function whose frame was at `frame` on the stack whose chain begins at `rbp`: its callers, as far as they have not returned since. */
void backtrace_log_above(uint64_t rip, uint64_t frame, uint64_t rbp);

#endif
