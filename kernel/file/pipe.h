/* Pipes: pipe(2) and named pipes (fifo(7)).
 *
 * A ring of bytes with counted read and write ends. One reader and one writer at a time copy straight between the ring and user memory, without a
 * lock: `reading` and `writing` keep others of their side away from the part that is theirs. Lock: pipe.lock (LOCK_DEVICE). */
#ifndef KERNEL_FILE_PIPE_H
#define KERNEL_FILE_PIPE_H

#include "paging/types.h"

struct file;
struct file_operations;
struct node;

#define PIPE_CAPACITY 65536 /* bytes, as Linux; a power of two */

/* The two ends of a new pipe; `flags` may hold O_NONBLOCK. 0 or -ENOMEM. */
int must_check pipe_create(unsigned flags, struct file **read_end, struct file **write_end);

/* For file_open(): make an open file of a node of kind S_IFIFO one end of its pipe. Waits for the other end, as open(2) says. 0, -ENOMEM, -EINTR, or
 * -ENXIO (nobody reads, and O_NONBLOCK). */
int must_check pipe_open(struct node *node, struct file *file);

extern const struct file_operations pipe_operations;

/* When a named pipe's node goes. */
void pipe_free(struct node *node);

#endif
