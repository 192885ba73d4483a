#include "efi/volume.h"

#include "efi/firmware.h"
#include "efi/memory.h"

/* Some firmware fails large reads, and every later one on the same handle. */
#define READ_CHUNK      UINT64_C(0x100000)

/* How far up the chain of programs that started one another a volume is looked for. */
#define PARENTS_MAX     8

/* Room for EFI_FILE_INFO with the longest name that FAT has. */
#define FILE_INFO_BYTES (offsetof(EFI_FILE_INFO, FileName) + 256 * sizeof(CHAR16))

static EFI_FILE_HANDLE device_volume(EFI_HANDLE device)
{
    EFI_GUID file_system_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    void *found = NULL;
    if (!device)
        return NULL;
    EFI_STATUS status = firmware.services->HandleProtocol(device, &file_system_guid, &found);
    if (EFI_ERROR(status))
        return NULL;
    EFI_FILE_IO_INTERFACE *volume = found;
    EFI_FILE_HANDLE root = NULL;
    status = volume->OpenVolume(volume, &root);
    if (EFI_ERROR(status)) {
        MESSAGE("boot volume: cannot be opened: ", STATUS(status));
        return NULL;
    }
    return root;
}

EFI_FILE_HANDLE volume_open(void)
{
    EFI_LOADED_IMAGE *image = firmware.loaded_image;
    for (unsigned parents = 0; image && parents <= PARENTS_MAX; ++parents) {
        EFI_FILE_HANDLE root = device_volume(image->DeviceHandle);
        if (root || !image->ParentHandle)
            return root;
        EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
        void *found = NULL;
        EFI_STATUS status =
            firmware.services->HandleProtocol(image->ParentHandle, &loaded_image_guid, &found);
        image = EFI_ERROR(status) ? NULL : found;
    }
    return NULL;
}

EFI_STATUS file_open(EFI_FILE_HANDLE directory, CHAR16 *name, const char *shown_name, EFI_FILE_HANDLE *file)
{
    EFI_STATUS status = directory->Open(directory, file, name, EFI_FILE_MODE_READ, 0);
    if (EFI_ERROR(status) && status != EFI_NOT_FOUND)
        failure(shown_name, "cannot be opened", status);
    return status;
}

static EFI_STATUS file_size(EFI_FILE_HANDLE file, uint64_t *size)
{
    static union {
        EFI_FILE_INFO info;
        uint8_t bytes[FILE_INFO_BYTES];
    } buffer;
    EFI_GUID file_info_guid = EFI_FILE_INFO_ID;
    UINTN buffer_size = sizeof(buffer);
    EFI_STATUS status = file->GetInfo(file, &file_info_guid, &buffer_size, &buffer);
    if (EFI_ERROR(status))
        return status;
    *size = buffer.info.FileSize;
    return buffer.info.Attribute & EFI_FILE_DIRECTORY ? EFI_INVALID_PARAMETER : EFI_SUCCESS;
}

static EFI_STATUS file_read_chunks(EFI_FILE_HANDLE file, uint8_t *to, uint64_t size)
{
    uint64_t done = 0;
    while (done < size) {
        UINTN chunk = size - done < READ_CHUNK ? size - done : READ_CHUNK;
        UINTN given = chunk;
        EFI_STATUS status = file->Read(file, &given, to + done);
        if (EFI_ERROR(status))
            return status;
        if (given == 0 || given > chunk)
            return EFI_END_OF_FILE;
        done += given;
    }
    return EFI_SUCCESS;
}

EFI_STATUS file_read(EFI_FILE_HANDLE file, uint64_t most, const char *shown_name, paddr_t *pages,
                     uint64_t *size)
{
    *pages = 0;
    EFI_STATUS status = file_size(file, size);
    if (EFI_ERROR(status))
        return failure(shown_name, "has no size", status);
    if (*size > most)
        return failure(shown_name, "is too large", EFI_BAD_BUFFER_SIZE);
    if (*size == 0)
        return EFI_SUCCESS;
    status = pages_allocate(*size, MEMORY_ANYWHERE, shown_name, pages);
    if (EFI_ERROR(status))
        return status;
    status = file_read_chunks(file, physical_pointer(*pages), *size);
    if (EFI_ERROR(status)) {
        pages_free(*pages);
        return failure(shown_name, "cannot be read", status);
    }
    return EFI_SUCCESS;
}
