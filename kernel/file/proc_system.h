/* /proc/sys: what the kernel says about itself, made when it is opened.
 *
 *   /proc/sys/quire/memory_map     who uses memory, as JSON (kernel/view/report.h)
 *   /proc/sys/quire/memory_view    the same as a picture of letters; memory_view_colour with colours
 *   /proc/sys/quire/viewer         written: what those two show ("page=physical lens=heat zoom=2M") */
#ifndef KERNEL_FILE_PROC_SYSTEM_H
#define KERNEL_FILE_PROC_SYSTEM_H

#include "paging/types.h"

struct node;

/* The node of /proc/sys, counted, in *made. -ENOMEM. */
int must_check proc_system_make(struct node *parent, struct node **made);

#endif
