#include "efi/options.h"

#include <asm/errno.h>

#include "efi/command_line.h"
#include "efi/firmware.h"
#include "efi/memory.h"
#include "efi/volume.h"

#define OPTIONS_FILE     "\\quire\\cmdline.txt"

/* A file may have comments and be UTF-16. */
#define OPTIONS_FILE_MAX (8 * BOOT_COMMAND_LINE_MAX)

/* One byte of a global variable; `otherwise` when there is none. */
static uint8_t global_variable(CHAR16 *name, uint8_t otherwise)
{
    EFI_GUID global_guid = UEFI_GLOBAL_VARIABLE_GUID;
    uint8_t value = 0;
    UINTN size = sizeof(value);
    if (!firmware.runtime)
        return otherwise;
    EFI_STATUS status = firmware.runtime->GetVariable(name, &global_guid, NULL, &size, &value);
    return EFI_ERROR(status) || size != sizeof(value) ? otherwise : value;
}

/* Secure Boot is in force when it is on and keys are enrolled (UEFI 2.10, 3.3). */
static bool secure_boot_on(void)
{
    return global_variable(L"SecureBoot", 0) == 1 && global_variable(L"SetupMode", 0) == 0;
}

static void options_from_firmware(struct boot_info *info)
{
    EFI_LOADED_IMAGE *image = firmware.loaded_image;
    if (!image || !image->LoadOptions || image->LoadOptionsSize == 0)
        return;
    int error = command_line_from_utf16(image->LoadOptions, image->LoadOptionsSize, info->command_line,
                                        sizeof(info->command_line));
    if (error == -EILSEQ)
        MESSAGE("load options: not a text, ignored");
    else if (error)
        MESSAGE("load options: too long, ignored");
    command_line_drop_program(info->command_line);
}

static EFI_STATUS options_file_convert(paddr_t text, uint64_t size, struct boot_info *info)
{
    size_t where = 0;
    int error = command_line_from_file(physical_pointer(text), size, info->command_line,
                                       sizeof(info->command_line), &where);
    if (error == -EILSEQ) {
        MESSAGE(OPTIONS_FILE, ": the character at byte ", DECIMAL(where),
                " is not printable ASCII: ", STATUS(EFI_INVALID_PARAMETER));
        return EFI_INVALID_PARAMETER;
    }
    return error ? failure(OPTIONS_FILE, "is too long", EFI_BAD_BUFFER_SIZE) : EFI_SUCCESS;
}

static EFI_STATUS options_from_file(EFI_FILE_HANDLE root, struct boot_info *info)
{
    EFI_FILE_HANDLE file;
    EFI_STATUS status = file_open(root, L"\\quire\\cmdline.txt", OPTIONS_FILE, &file);
    if (status == EFI_NOT_FOUND)
        return EFI_SUCCESS;
    if (EFI_ERROR(status))
        return status;
    paddr_t text;
    uint64_t size;
    status = file_read(file, OPTIONS_FILE_MAX, OPTIONS_FILE, &text, &size);
    file->Close(file);
    if (EFI_ERROR(status) || size == 0)
        return status;
    status = options_file_convert(text, size, info);
    pages_free(text);
    return status;
}

/* The words that the loader itself obeys. */
static EFI_STATUS options_parse(const char *line, struct options *options)
{
    char value[32];
    if (command_line_value(line, "levels", value, sizeof(value)) &&
        (!command_line_number(value, &options->levels) || (options->levels != 4 && options->levels != 5)))
        return failure("command line", "levels= is 4 or 5", EFI_INVALID_PARAMETER);
    if (command_line_value(line, "mode", value, sizeof(value)) &&
        !command_line_size(value, &options->mode_width, &options->mode_height))
        return failure("command line", "mode= is WIDTHxHEIGHT", EFI_INVALID_PARAMETER);
    options->wait = command_line_has(line, "loader-wait");
    return EFI_SUCCESS;
}

EFI_STATUS options_read(EFI_FILE_HANDLE root, struct boot_info *info, struct options *options)
{
    *options = (struct options){0};
    info->secure_boot = secure_boot_on();
    if (info->secure_boot) {
        MESSAGE("Secure Boot is on: unsigned options and archives are ignored");
        return EFI_SUCCESS;
    }
    options_from_firmware(info);
    if (info->command_line[0] == '\0' && root) {
        EFI_STATUS status = options_from_file(root, info);
        if (EFI_ERROR(status))
            return status;
    }
    return options_parse(info->command_line, options);
}
