#include "efi/leave.h"

#include "efi/firmware.h"
#include "efi/memory.h"

#define LEAVE_ATTEMPTS_MAX   128
#define PREPARE_ATTEMPTS_MAX 16

/* Entries that the map may grow by, besides doubling: our own allocations, and events that run before the firmware is gone. */
#define MAP_SLACK            32

static EFI_STATUS map_read(struct map_buffers *map)
{
    /* The size is in and out: after a failure it may be smaller than the buffer, so it starts from the buffer's each time. */
    UINTN size = map->raw_capacity;
    UINTN stride = 0;
    UINT32 version = 0;
    EFI_STATUS status =
        firmware.services->GetMemoryMap(&size, physical_pointer(map->raw), &map->key, &stride, &version);
    if (EFI_ERROR(status))
        return status;
    map->raw_size = size;
    map->stride = stride;
    return stride < UEFI_MEMORY_DESCRIPTOR_LEAST ? EFI_INCOMPATIBLE_VERSION : EFI_SUCCESS;
}

/* How many bytes the map takes now, and the stride. */
static EFI_STATUS map_size(UINTN *size, UINTN *stride)
{
    UINTN key;
    UINT32 version;
    *size = 0;
    *stride = 0;
    EFI_STATUS status = firmware.services->GetMemoryMap(size, NULL, &key, stride, &version);
    if (status != EFI_BUFFER_TOO_SMALL)
        return EFI_ERROR(status) ? status : EFI_LOAD_ERROR;
    /* Some firmware leaves the stride alone here. */
    if (*stride < UEFI_MEMORY_DESCRIPTOR_LEAST)
        *stride = UEFI_MEMORY_DESCRIPTOR_LEAST;
    return EFI_SUCCESS;
}

static EFI_STATUS array_allocate(size_t count, size_t size, void **array)
{
    paddr_t pages = 0;
    EFI_STATUS status = pages_allocate(count * size, MEMORY_ANYWHERE, "memory map", &pages);
    *array = physical_pointer(pages);
    return status;
}

/* Everything that depends on how many descriptors there can be. */
static EFI_STATUS arrays_allocate(struct map_buffers *map)
{
    /* Whatever the stride will be, no more descriptors than this fit. */
    size_t descriptors = map->raw_capacity / UEFI_MEMORY_DESCRIPTOR_LEAST;
    /* After cleaning come reservations: two more entries for the framebuffer and for each extent's ends. */
    map->clean_capacity = MEMORY_MAP_ENTRIES(descriptors) + 2 * (MEMORY_MAP_ENTRIES(descriptors) + 2);
    map->boundary_capacity = MEMORY_MAP_BOUNDARIES(descriptors);
    EFI_STATUS status = array_allocate(map->clean_capacity, sizeof(map->clean[0]), (void **)&map->clean);
    if (!EFI_ERROR(status))
        status =
            array_allocate(map->boundary_capacity, sizeof(map->boundaries[0]), (void **)&map->boundaries);
    if (!EFI_ERROR(status))
        status = array_allocate(map->clean_capacity, sizeof(map->extents[0]), (void **)&map->extents);
    return status;
}

EFI_STATUS map_prepare(struct map_buffers *map)
{
    *map = (struct map_buffers){0};
    UINTN size, stride;
    EFI_STATUS status = map_size(&size, &stride);
    if (EFI_ERROR(status))
        return failure("memory map", "has no size", status);
    map->raw_capacity = 2 * size + MAP_SLACK * stride;
    for (unsigned attempt = 0; attempt < PREPARE_ATTEMPTS_MAX; ++attempt) {
        status = pages_allocate(map->raw_capacity, MEMORY_ANYWHERE, "memory map", &map->raw);
        if (EFI_ERROR(status))
            return status;
        status = map_read(map);
        if (!EFI_ERROR(status))
            return arrays_allocate(map);
        if (status != EFI_BUFFER_TOO_SMALL)
            break;
        pages_free(map->raw);
        map->raw_capacity *= 2;
    }
    return failure("memory map", "cannot be read", status);
}

int map_clean(struct map_buffers *map, const struct boot_framebuffer *framebuffer)
{
    int error =
        memory_map_clean(physical_pointer(map->raw), map->raw_size, map->stride, map->clean,
                         map->clean_capacity, map->boundaries, map->boundary_capacity, &map->clean_count);
    if (error == 0 && framebuffer->kind != BOOT_FRAMEBUFFER_NONE)
        error = memory_map_reserve(map->clean, &map->clean_count, map->clean_capacity,
                                   ROUND_DOWN(framebuffer->base, PAGE_SIZE),
                                   ROUND_UP(framebuffer->base + framebuffer->size, PAGE_SIZE));
    return error;
}

EFI_STATUS firmware_leave(struct map_buffers *map, uint32_t *attempts)
{
    EFI_STATUS status = EFI_SUCCESS;
    for (unsigned attempt = 0; attempt < LEAVE_ATTEMPTS_MAX; ++attempt) {
        status = map_read(map);
        if (status == EFI_INCOMPATIBLE_VERSION)
            return status;
        if (EFI_ERROR(status))
            continue;
        ++*attempts;
        status = firmware.services->ExitBootServices(firmware.image, map->key);
        if (!EFI_ERROR(status))
            return status;
    }
    return status;
}
