/* Memory: mmap, munmap, mprotect, brk, madvise. */
#include <asm/errno.h>
#include <linux/mman.h>

#include "kernel/file/file_map.h"
#include "kernel/memory/address_space.h"
#include "kernel/process/process.h"
#include "paging/layout.h"
#include "paging/paging.h"
#include "syscalls/memory.h"
#include "syscalls/syscall.h"

#define PROTECTION (PROT_READ | PROT_WRITE | PROT_EXEC)
_Static_assert(REGION_READ == PROT_READ && REGION_WRITE == PROT_WRITE && REGION_EXEC == PROT_EXEC,
               "region protection is mmap's");

/* Flags that change nothing here: there is no swap to reserve, no file to deny writing to. */
#define MAP_HINTS                                                                                            \
    (MAP_NORESERVE | MAP_STACK | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_NONBLOCK | MAP_LOCKED |                \
     MAP_UNINITIALIZED)

static struct address_space *current_space(void)
{
    return current_process()->space;
}

static int flags_check(uint64_t flags)
{
    uint64_t type = flags & MAP_TYPE;

    if (type != MAP_PRIVATE && type != MAP_SHARED && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    if (type == MAP_SHARED_VALIDATE &&
        flags & ~(uint64_t)(MAP_TYPE | MAP_HINTS | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS |
                            MAP_POPULATE | MAP_GROWSDOWN))
        return -EOPNOTSUPP;
    return 0;
}

static long file_mmap(uint64_t address, uint64_t size, unsigned how, struct region *region, int descriptor,
                      uint64_t offset)
{
    bool shared = region->flags & REGION_SHARED;
    vaddr_t result;

    if (offset + ROUND_UP(size, PAGE_SIZE) < offset)
        return -EOVERFLOW;
    int error = file_map(thread_current()->files.table, descriptor, shared, region->protection & REGION_WRITE,
                         &region->backing);
    if (error != 0)
        return error;
    region->offset = offset;
    error = space_map(current_space(), address, size, how, region, &result);
    backing_put(region->backing);
    return error ? error : (long)result;
}

long sys_mmap(uint64_t address, uint64_t size, uint64_t protection, uint64_t flags, int descriptor,
              uint64_t offset)
{
    unsigned how = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) ? SPACE_FIXED : 0) |
                   (flags & MAP_FIXED_NOREPLACE ? SPACE_NO_REPLACE : 0) |
                   (flags & MAP_POPULATE ? SPACE_POPULATE : 0);
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    struct region region = {
        .protection = protection & PROTECTION,
        .flags = (shared ? REGION_SHARED : 0) | (flags & MAP_NORESERVE ? REGION_NO_RESERVE : 0) |
                 (flags & MAP_GROWSDOWN && !shared ? REGION_GROWS_DOWN : 0),
    };
    vaddr_t result;

    int error = flags_check(flags);
    if (error != 0)
        return error;
    if (PAGEOFFSET(offset) != 0)
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS))
        return file_mmap(address, size, how, &region, descriptor, offset);
    if (size == 0)
        return -EINVAL;
    if (size > USER_END)
        return -ENOMEM;
    if (shared && (region.backing = backing_shared_create(ROUND_UP(size, PAGE_SIZE))) == NULL)
        return -ENOMEM;
    error = space_map(current_space(), address, size, how, &region, &result);
    if (region.backing != NULL)
        backing_put(region.backing);
    return error ? error : (long)result;
}

long sys_munmap(uint64_t address, uint64_t size)
{
    return space_unmap(current_space(), address, size);
}

long sys_mprotect(uint64_t address, uint64_t size, uint64_t protection)
{
    if (protection & ~(uint64_t)(PROTECTION | PROT_GROWSDOWN | PROT_GROWSUP | PROT_SEM))
        return -EINVAL;
    if (protection & (PROT_GROWSDOWN | PROT_GROWSUP))
        return -EINVAL;
    return space_protect(current_space(), address, size, protection & PROTECTION);
}

long sys_brk(uint64_t end)
{
    return (long)space_break(current_space(), end);
}

long sys_mremap(uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t flags, uint64_t address)
{
    unsigned how = (flags & MREMAP_MAYMOVE ? SPACE_MAY_MOVE : 0) | (flags & MREMAP_FIXED ? SPACE_FIXED : 0);

    /* MREMAP_DONTUNMAP is for garbage collectors with userfaultfd, which is not here. */
    if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) ||
        (flags & MREMAP_FIXED && !(flags & MREMAP_MAYMOVE)))
        return -EINVAL;
    int error = space_move(current_space(), old, old_size, new_size, how, &address);
    return error ? error : (long)address;
}

long sys_madvise(uint64_t address, uint64_t size, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
        return space_advise(current_space(), address, size, SPACE_DISCARD);
    case MADV_FREE:
        return space_advise(current_space(), address, size, SPACE_FREE);
    case MADV_HUGEPAGE:
        return space_advise(current_space(), address, size, SPACE_HUGE_PAGES);
    case MADV_NOHUGEPAGE:
        return space_advise(current_space(), address, size, SPACE_SMALL_PAGES);
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
        return space_advise(current_space(), address, size, SPACE_NOTHING);
    default:
        return -EINVAL;
    }
}

long sys_mincore(uint64_t address, uint64_t size, uint8_t __user *to)
{
    return space_residency(current_space(), address, size, to);
}

long sys_msync(uint64_t address, uint64_t size, int flags)
{
    if (PAGEOFFSET(address) != 0 || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
        (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (ROUND_UP(size, PAGE_SIZE) > USER_END)
        return -ENOMEM;
    /* The memory is the file: nothing has to be written back. */
    return ROUND_UP(size, PAGE_SIZE) == 0 ||
                   space_range_mapped(current_space(), address, ROUND_UP(size, PAGE_SIZE))
               ? 0
               : -ENOMEM;
}
