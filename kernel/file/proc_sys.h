/* /proc/sys/quire: the kernel's own knobs and reports, one text file each.
 *
 * The text is made when the file is opened, so a reader sees one moment. Writing hands over each write() as one text. */
#ifndef KERNEL_FILE_PROC_SYS_H
#define KERNEL_FILE_PROC_SYS_H

#include <stddef.h>
#include <sys/queue.h>

#include "paging/types.h"

struct proc_text {
    const char *name;
    /* Make the text: a heap block in *text and its length; 0 or negative errno. NULL: reads as empty. Thread context; may sleep. */
    int (*read)(char **text, size_t *length);
    /* Take a written text, terminated, without trailing newline. 0 or negative errno. NULL: not writable. */
    int (*write)(char *text);
    SLIST_ENTRY(proc_text) link;
};

/* The entry is the caller's and stays. At start-up, before programs run. */
void proc_text_register(struct proc_text *entry);

/* The directories /proc/sys and /proc/sys/quire, for proc.c. A new node with one reference; -ENOMEM. */
struct node;
int must_check proc_sys_create(struct node *parent, struct node **directory);

#endif
