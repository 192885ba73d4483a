/* libbsd's red-black trees. Their macros expect the BSDs' <sys/cdefs.h>, of which they use one word. */
#ifndef KERNEL_LIB_TREE_H
#define KERNEL_LIB_TREE_H

#ifndef __unused
#define __unused __attribute__((__unused__))
#endif

#include <bsd/sys/tree.h>

#endif
