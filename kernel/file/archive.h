/* Unpacking archives into the file tree. */
#ifndef KERNEL_FILE_ARCHIVE_H
#define KERNEL_FILE_ARCHIVE_H

#include <stddef.h>

#include "paging/types.h"

/* Unpack a cpio archive over what the tree holds: files of the same name are replaced, directories are shared and take the archive's
 * permissions. File contents are not copied: `bytes` must stay where it is for ever.
 *
 * The whole archive is checked first; one that is damaged changes nothing. Errors are logged with the archive's name and the offset: -EINVAL
 * (damaged), -ENOMEM, or what stands in the way in the tree (-ENOTDIR, -ENOTEMPTY, ...), where unpacking then ends. Thread context. */
int must_check archive_unpack(const char *name, const void *bytes, size_t size);

#endif
