/* Files of /proc whose text is made when they are opened, so that a reader sees one moment. */
#ifndef KERNEL_FILE_PROC_TEXT_H
#define KERNEL_FILE_PROC_TEXT_H

#include <stddef.h>

#include "kernel/view/text_buffer.h"
#include "paging/types.h"

struct file;

/* Let `file`, which is being opened, read `text` (a heap block, the file's from now on; NULL: empty) and hand what is written to `write`, terminated and without trailing newline (NULL: -EACCES).
 * -ENOMEM: the text stays the caller's. */
int must_check proc_text_open(struct file *file, char *text, size_t length, int (*write)(char *text));

/* The same with what was written into `made`, which is used up in any case. -ENOMEM, also when `made` has failed. */
int must_check proc_text_open_made(struct file *file, struct text_buffer *made);

#endif
