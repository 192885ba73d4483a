#include "efi/archives.h"

#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/payload.h"
#include "efi/runtime.h"
#include "efi/volume.h"

#define ARCHIVES_DIRECTORY "\\quire"
#define ARCHIVES_MAX       32
#define ARCHIVE_NAME_MAX   256 /* UTF-16 units, FAT's limit and a terminator */
#define ARCHIVE_SIZE_MAX   (UINT64_C(1) << 40)

struct archive_name {
    CHAR16 name[ARCHIVE_NAME_MAX];
};

/* Static: the firmware's stack is small. */
static struct archive_name archive_names[ARCHIVES_MAX];
static union {
    EFI_FILE_INFO info;
    uint8_t bytes[offsetof(EFI_FILE_INFO, FileName) + ARCHIVE_NAME_MAX * sizeof(CHAR16)];
} directory_entry;

static CHAR16 lower(CHAR16 character)
{
    return character >= 'A' && character <= 'Z' ? (CHAR16)(character - 'A' + 'a') : character;
}

static size_t name_length(const CHAR16 *name)
{
    size_t length = 0;
    while (name[length])
        ++length;
    return length;
}

/* FAT does not tell the case of letters apart, so neither does the order. */
static bool name_before(const CHAR16 *left, const CHAR16 *right)
{
    for (; *left && lower(*left) == lower(*right); ++left, ++right)
        ;
    return lower(*left) < lower(*right);
}

static bool name_is_archive(const CHAR16 *name)
{
    static const CHAR16 suffix[] = L".cpio";
    const size_t suffix_length = sizeof(suffix) / sizeof(suffix[0]) - 1;
    size_t length = name_length(name);
    if (length <= suffix_length || length >= ARCHIVE_NAME_MAX)
        return false;
    for (size_t i = 0; i < suffix_length; ++i)
        if (lower(name[length - suffix_length + i]) != suffix[i])
            return false;
    return true;
}

static EFI_STATUS name_insert(const CHAR16 *name, size_t *count)
{
    if (*count == ARCHIVES_MAX)
        return failure(ARCHIVES_DIRECTORY, "holds too many archives", EFI_OUT_OF_RESOURCES);
    size_t at = (*count)++;
    for (; at > 0 && name_before(name, archive_names[at - 1].name); --at)
        archive_names[at] = archive_names[at - 1];
    memcpy(archive_names[at].name, name, (name_length(name) + 1) * sizeof(CHAR16));
    return EFI_SUCCESS;
}

/* The names of the archives in an open directory, sorted, in archive_names. */
static EFI_STATUS names_collect(EFI_FILE_HANDLE directory, size_t *count)
{
    *count = 0;
    for (;;) {
        UINTN size = sizeof(directory_entry);
        EFI_STATUS status = directory->Read(directory, &size, &directory_entry);
        if (EFI_ERROR(status))
            return failure(ARCHIVES_DIRECTORY, "cannot be listed", status);
        if (size == 0)
            return EFI_SUCCESS;
        if ((directory_entry.info.Attribute & EFI_FILE_DIRECTORY) ||
            !name_is_archive(directory_entry.info.FileName))
            continue;
        status = name_insert(directory_entry.info.FileName, count);
        if (EFI_ERROR(status))
            return status;
    }
}

static void name_show(char *shown, size_t size, const CHAR16 *name)
{
    static const char prefix[] = ARCHIVES_DIRECTORY "\\";
    memcpy(shown, prefix, sizeof(prefix));
    ascii_from_utf16(shown + sizeof(prefix) - 1, size - (sizeof(prefix) - 1), name);
}

static EFI_STATUS archive_load(EFI_FILE_HANDLE directory, CHAR16 *name, struct boot_info *info)
{
    char shown[ARCHIVE_NAME_MAX + sizeof(ARCHIVES_DIRECTORY) + 1];
    name_show(shown, sizeof(shown), name);
    EFI_FILE_HANDLE file;
    EFI_STATUS status = file_open(directory, name, shown, &file);
    if (status == EFI_NOT_FOUND)
        return failure(shown, "is listed but cannot be found", status);
    if (EFI_ERROR(status))
        return status;
    paddr_t pages;
    uint64_t size;
    status = file_read(file, ARCHIVE_SIZE_MAX, shown, &pages, &size);
    file->Close(file);
    if (EFI_ERROR(status) || size == 0)
        return status;
    return range_add(info, BOOT_RANGE_ARCHIVE, pages, size, shown);
}

EFI_STATUS archives_load(EFI_FILE_HANDLE root, struct boot_info *info)
{
    if (payload_archive_size() > 0) {
        EFI_STATUS status = range_add(info, BOOT_RANGE_ARCHIVE, (paddr_t)(uintptr_t)payload_archive,
                                      payload_archive_size(), "built-in archive");
        if (EFI_ERROR(status))
            return status;
    }
    if (!root || info->secure_boot)
        return EFI_SUCCESS;

    EFI_FILE_HANDLE directory;
    EFI_STATUS status = file_open(root, L"\\quire", ARCHIVES_DIRECTORY, &directory);
    if (status == EFI_NOT_FOUND)
        return EFI_SUCCESS;
    if (EFI_ERROR(status))
        return status;
    size_t count;
    status = names_collect(directory, &count);
    for (size_t i = 0; i < count && !EFI_ERROR(status); ++i)
        status = archive_load(directory, archive_names[i].name, info);
    directory->Close(directory);
    return status;
}
