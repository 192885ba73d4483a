/* See space_access.h. Page by page through the direct map, with the space's mutex held between the look at the page and the copy. */
#include "kernel/memory/space_access.h"

#include <asm/errno.h>

#include "kernel/lib/string.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/user_copy.h"

/* Where the byte at `va` is, with the mutex held when the answer is not NULL. */
static uint8_t *page_hold(struct address_space *space, vaddr_t va, uint32_t access, int *error)
{
    struct vmiter it;

    for (;;) {
        enum space_fault fault = space_fault(space, va, access);
        if (fault != SPACE_FAULT_DONE) {
            *error = fault == SPACE_FAULT_NO_MEMORY ? -ENOMEM : -EFAULT;
            return NULL;
        }
        mutex_lock(&space->mutex);
        vmiter_init(&it, &space->paging, va);
        /* Another thread may have changed the mapping in between. */
        if (vmiter_present(&it) && (access != REGION_WRITE || vmiter_writable(&it)))
            return direct_map(vmiter_pa(&it));
        mutex_unlock(&space->mutex);
    }
}

static int access_range(struct address_space *space, vaddr_t va, uint8_t *buffer, size_t size, bool write)
{
    if (!user_range(va, size))
        return -EFAULT;
    while (size > 0) {
        int error = 0;
        size_t piece = PAGE_SIZE - PAGEOFFSET(va);
        if (piece > size)
            piece = size;
        uint8_t *at = page_hold(space, va, write ? REGION_WRITE : REGION_READ, &error);
        if (at == NULL)
            return error;
        memcpy(write ? at : buffer, write ? buffer : at, piece);
        mutex_unlock(&space->mutex);
        va += piece;
        buffer += piece;
        size -= piece;
    }
    return 0;
}

int space_write(struct address_space *space, vaddr_t to, const void *from, size_t size)
{
    return access_range(space, to, (uint8_t *)(uintptr_t)from, size, true);
}

int space_read(struct address_space *space, void *to, vaddr_t from, size_t size)
{
    return access_range(space, from, to, size, false);
}
