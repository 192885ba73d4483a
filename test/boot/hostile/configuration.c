/* Tables, clocks and protocols that are not there. */

#include "efi/runtime.h"
#include "test/boot/hostile/hostile.h"

/* A vendor's table that nobody asks for. */
#define UNRELATED_GUID                                                                                       \
    {                                                                                                        \
        0x51554952, 0x4551, 0x4853,                                                                          \
        {                                                                                                    \
            0x54, 0x49, 0x4c, 0x45, 0x00, 0x00, 0x00, 0x01                                                   \
        }                                                                                                    \
    }

static EFI_LOCATE_PROTOCOL real_locate;
static EFI_GET_VARIABLE real_variable;

static void table_hide(EFI_GUID guid)
{
    static const EFI_GUID unrelated = UNRELATED_GUID;
    for (UINTN i = 0; i < hostile_system->NumberOfTableEntries; ++i)
        if (memcmp(&hostile_system->ConfigurationTable[i].VendorGuid, &guid, sizeof(guid)) == 0)
            hostile_system->ConfigurationTable[i].VendorGuid = unrelated;
}

static EFI_STATUS EFIAPI time_refuse(EFI_TIME *time, EFI_TIME_CAPABILITIES *capabilities)
{
    (void)time;
    (void)capabilities;
    return EFI_DEVICE_ERROR;
}

static bool name_is(const CHAR16 *name, const CHAR16 *wanted)
{
    for (; *name && *name == *wanted; ++name, ++wanted)
        ;
    return *name == *wanted;
}

/* Secure Boot looks on to the loader; the firmware, which verifies images, goes on as it was. */
static EFI_STATUS EFIAPI get_variable(CHAR16 *name, EFI_GUID *vendor, UINT32 *attributes, UINTN *size,
                                      void *data)
{
    bool secure = name_is(name, L"SecureBoot");
    bool asked = secure || name_is(name, L"SetupMode");
    if (!asked || *size == 0 || !hostile_from_loader(__builtin_return_address(0)))
        return real_variable(name, vendor, attributes, size, data);
    *size = sizeof(uint8_t);
    *(uint8_t *)data = secure ? 1 : 0;
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI random_refuse(EFI_RNG_PROTOCOL *random, EFI_RNG_ALGORITHM *algorithm, UINTN size,
                                       UINT8 *value)
{
    (void)random;
    (void)algorithm;
    (void)size;
    (void)value;
    return EFI_NOT_READY;
}

static EFI_STATUS EFIAPI locate_protocol(EFI_GUID *guid, void *registration, void **found)
{
    static EFI_RNG_PROTOCOL refusing = {.GetRNG = random_refuse};
    EFI_GUID random_guid = EFI_RNG_PROTOCOL_GUID;
    hostile_rule_check("LocateProtocol");
    if (memcmp(guid, &random_guid, sizeof(random_guid)) == 0) {
        if (mischief.no_random)
            return EFI_NOT_FOUND;
        if (mischief.random_not_ready) {
            *found = &refusing;
            return EFI_SUCCESS;
        }
    }
    return real_locate(guid, registration, found);
}

void hostile_configuration(void)
{
    if (mischief.no_acpi_2 || mischief.no_acpi)
        table_hide((EFI_GUID)UEFI_ACPI_20_TABLE_GUID);
    if (mischief.no_acpi)
        table_hide((EFI_GUID)UEFI_ACPI_10_TABLE_GUID);
    if (mischief.no_smbios) {
        table_hide((EFI_GUID)UEFI_SMBIOS3_TABLE_GUID);
        table_hide((EFI_GUID)UEFI_SMBIOS_TABLE_GUID);
    }
    if (mischief.no_time)
        hostile_system->RuntimeServices->GetTime = (EFI_GET_TIME)time_refuse;
    if (mischief.secure_boot) {
        real_variable = hostile_system->RuntimeServices->GetVariable;
        hostile_system->RuntimeServices->GetVariable = get_variable;
    }
    real_locate = hostile_services->LocateProtocol;
    hostile_services->LocateProtocol = locate_protocol;
}
