#include "test/boot/hostile/hostile.h"

#define WORDS_MAX       1024

/* More than any loader makes. */
#define ALLOCATIONS_MAX 256

struct mischief mischief;
EFI_SYSTEM_TABLE *hostile_system;
EFI_BOOT_SERVICES *hostile_services;

static const struct {
    const char *word;
    bool *set;
} flags[] = {
    {"strict-protection", &mischief.strict_protection},
    {"five-levels", &mischief.five_levels},
    {"wide-descriptors", &mischief.wide_descriptors},
    {"shuffled-map", &mischief.shuffled_map},
    {"x2apic", &mischief.x2apic},
    {"long-map", &mischief.long_map},
    {"strange-map", &mischief.strange_map},
    {"no-low-memory", &mischief.no_low_memory},
    {"no-acpi-2", &mischief.no_acpi_2},
    {"no-acpi", &mischief.no_acpi},
    {"no-smbios", &mischief.no_smbios},
    {"no-random", &mischief.no_random},
    {"random-not-ready", &mischief.random_not_ready},
    {"secure-boot", &mischief.secure_boot},
    {"no-time", &mischief.no_time},
    {"no-console", &mischief.no_console},
    {"no-device", &mischief.no_device},
    {"no-own-device", &mischief.no_own_device},
    {"garbage-options", &mischief.garbage_options},
    {"shell-options", &mischief.shell_options},
    {"graphics-mask", &mischief.graphics_mask},
    {"graphics-padded", &mischief.graphics_padded},
    {"graphics-blt-only", &mischief.graphics_blt_only},
    {"graphics-high", &mischief.graphics_high},
    {"graphics-beyond", &mischief.graphics_beyond},
    {"graphics-unstarted", &mischief.graphics_unstarted},
    {"fail-every-allocation", &mischief.fail_every_allocation},
};
static const struct {
    const char *word;
    uint32_t *set;
} numbers[] = {
    {"refuse-exit=", &mischief.refuse_exit},
    {"small-map=", &mischief.small_map},
    {"absent-processors=", &mischief.absent_processors},
    {"fail-allocation=", &mischief.fail_allocation},
};

/* `text` behind `prefix`, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return NULL;
    return text;
}

static bool word_obey(const char *word)
{
    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); ++i) {
        const char *rest = after(word, flags[i].word);
        if (rest && *rest == '\0')
            return *flags[i].set = true;
    }
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); ++i) {
        const char *rest = after(word, numbers[i].word);
        if (!rest)
            continue;
        uint32_t number = 0;
        for (; *rest >= '0' && *rest <= '9'; ++rest)
            number = number * 10 + (uint32_t)(*rest - '0');
        *numbers[i].set = number;
        return *rest == '\0';
    }
    return false;
}

static void words_obey(char *text)
{
    while (*text) {
        while (*text == ' ' || *text == '\n' || *text == '\r')
            *text++ = '\0';
        char *word = text;
        while (*text && *text != ' ' && *text != '\n' && *text != '\r')
            ++text;
        if (text == word)
            continue;
        char end = *text;
        *text = '\0';
        report("hostile: ");
        report(word);
        report("\n");
        if (!word_obey(word)) {
            report("hostile: does not know this word\n");
            hostile_exit(EXIT_RULE);
        }
        *text = end;
    }
}

static EFI_STATUS words_read(EFI_HANDLE device)
{
    static char text[WORDS_MAX];
    EFI_GUID file_system_guid = EFI_SIMPLE_FILE_SYSTEM_PROTOCOL_GUID;
    EFI_FILE_IO_INTERFACE *volume;
    EFI_FILE_HANDLE root, file;
    EFI_STATUS status = hostile_services->HandleProtocol(device, &file_system_guid, (void **)&volume);
    if (!EFI_ERROR(status))
        status = volume->OpenVolume(volume, &root);
    if (!EFI_ERROR(status))
        status = root->Open(root, &file, L"\\hostile.txt", EFI_FILE_MODE_READ, 0);
    UINTN size = sizeof(text) - 1;
    if (!EFI_ERROR(status))
        status = file->Read(file, &size, text);
    if (EFI_ERROR(status))
        return status;
    file->Close(file);
    root->Close(root);
    words_obey(text);
    return EFI_SUCCESS;
}

/* The device path of a file on a device: the device's, then one node with the file's name (UEFI 2.10, 10.3.5.4). */
static EFI_DEVICE_PATH *file_path(EFI_HANDLE device, const CHAR16 *name, UINTN name_bytes)
{
    static uint8_t path[1024];
    EFI_GUID device_path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
    uint8_t *from;
    if (EFI_ERROR(hostile_services->HandleProtocol(device, &device_path_guid, (void **)&from)))
        return NULL;
    UINTN length = 0;
    while (from[length] != 0x7f) /* the end node's type */
        length += from[length + 2] | (UINTN)from[length + 3] << 8;
    UINTN node = 4 + name_bytes;
    if (length + node + 4 > sizeof(path))
        return NULL;
    for (UINTN i = 0; i < length; ++i)
        path[i] = from[i];
    path[length] = 4;     /* media */
    path[length + 1] = 4; /* file path */
    path[length + 2] = (uint8_t)node;
    path[length + 3] = (uint8_t)(node >> 8);
    for (UINTN i = 0; i < name_bytes; ++i)
        path[length + 4 + i] = ((const uint8_t *)name)[i];
    static const uint8_t end_node[4] = {0x7f, 0xff, 4, 0};
    for (UINTN i = 0; i < sizeof(end_node); ++i)
        path[length + node + i] = end_node[i];
    return (EFI_DEVICE_PATH *)path;
}

static void image_spoil(EFI_LOADED_IMAGE *image, EFI_LOADED_IMAGE *own)
{
    static uint8_t garbage[] = {0xff, 0x00, 0x13, 0xd8, 0x01, 0x02, 0xfe, 0xff, 0x07, 0x41, 0x00};
    static CHAR16 shell[] = L"FS0:\\EFI\\Boot\\LOADER.EFI  from=shell \"two words\"";
    if (mischief.no_device || mischief.no_own_device)
        image->DeviceHandle = NULL;
    if (mischief.no_device)
        own->DeviceHandle = NULL;
    if (mischief.garbage_options) {
        image->LoadOptions = garbage + 1;
        image->LoadOptionsSize = sizeof(garbage) - 2;
    }
    if (mischief.shell_options) {
        image->LoadOptions = shell;
        image->LoadOptionsSize = sizeof(shell);
    }
}

static EFI_LOADED_IMAGE *loaded_image(EFI_HANDLE handle)
{
    EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_LOADED_IMAGE *image = NULL;
    if (EFI_ERROR(hostile_services->HandleProtocol(handle, &loaded_image_guid, (void **)&image)))
        return NULL;
    return image;
}

/* Start an image. The firmware under this one frees a returned image's pages itself, and would stumble over the protection that it knows
 * nothing of; so a protected image is entered directly, and freed once its pages are data again. */
static EFI_STATUS image_start(EFI_HANDLE child, EFI_LOADED_IMAGE *image)
{
    if (!mischief.strict_protection)
        return hostile_services->StartImage(child, NULL, NULL);
    EFI_STATUS status = hostile_image_entry(image)(child, hostile_system);
    hostile_unprotect((uint64_t)(uintptr_t)image->ImageBase, image->ImageSize);
    hostile_services->UnloadImage(child);
    return status;
}

/* Load \loader.efi afresh and start it. Comes back only when the loader does, and then only when it did so properly. */
static void loader_start(EFI_HANDLE self, EFI_DEVICE_PATH *path, EFI_LOADED_IMAGE *own, uint32_t failing)
{
    EFI_HANDLE child = NULL;
    EFI_STATUS status =
        path ? hostile_services->LoadImage(FALSE, self, path, NULL, 0, &child) : EFI_NOT_FOUND;
    EFI_LOADED_IMAGE *image = EFI_ERROR(status) ? NULL : loaded_image(child);
    if (!image) {
        report("hostile: cannot load \\loader.efi\n");
        hostile_exit(EXIT_RULE);
    }
    hostile_protect_image(image);
    image_spoil(image, own);
    hostile_allocation_arm(image, failing);
    status = image_start(child, image);
    int64_t kept = hostile_allocation_kept();
    report("hostile: the loader returned status ");
    report_number(status & ~(UINT64_C(1) << 63));
    report(", pages kept ");
    report_number((uint64_t)kept);
    report("\n");
    if (!EFI_ERROR(status))
        hostile_exit(EXIT_RULE);
    if (kept != 0)
        hostile_exit(EXIT_LEAKED);
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
    hostile_system = system;
    hostile_services = system->BootServices;
    EFI_LOADED_IMAGE *own = loaded_image(self);
    if (!own || EFI_ERROR(words_read(own->DeviceHandle))) {
        report("hostile: cannot read \\hostile.txt\n");
        hostile_exit(EXIT_RULE);
    }

    static const CHAR16 loader_name[] = L"\\loader.efi";
    EFI_DEVICE_PATH *path = file_path(own->DeviceHandle, loader_name, sizeof(loader_name));
    hostile_five_levels();
    hostile_protection();
    hostile_processors();
    hostile_configuration();
    hostile_graphics();
    hostile_memory_map();
    hostile_allocation();
    if (mischief.no_console)
        system->ConOut = NULL;
    report("hostile: armed\n");
    if (!mischief.fail_every_allocation) {
        loader_start(self, path, own, mischief.fail_allocation);
        hostile_exit(EXIT_RETURNED);
    }
    /* Sooner or later the failing call is one that the loader does not make, and the kernel starts. */
    for (uint32_t failing = 1; failing < ALLOCATIONS_MAX; ++failing)
        loader_start(self, path, own, failing);
    hostile_exit(EXIT_RULE);
}
