#include "efi/machine.h"

#include "efi/firmware.h"
#include "efi/random_mix.h"
#include "efi/runtime.h"

#define RANDOM_FROM_FIRMWARE    (1u << 0)
#define RANDOM_FROM_PROCESSOR   (1u << 1)
#define RANDOM_FROM_TIME_STAMPS (1u << 2)

#define RANDOM_FIRMWARE_BYTES   64
#define RANDOM_PROCESSOR_WORDS  8

/* The physical address of a configuration table; 0 when there is none. */
static uint64_t configuration_table(EFI_GUID wanted)
{
    const EFI_SYSTEM_TABLE *system = firmware.system;
    if (!system->ConfigurationTable)
        return 0;
    for (UINTN i = 0; i < system->NumberOfTableEntries; ++i)
        if (memcmp(&system->ConfigurationTable[i].VendorGuid, &wanted, sizeof(wanted)) == 0)
            return (uint64_t)(uintptr_t)system->ConfigurationTable[i].VendorTable;
    return 0;
}

void machine_tables(struct boot_info *info)
{
    info->system_table = (uint64_t)(uintptr_t)firmware.system;
    info->firmware.uefi_revision = firmware.system->Hdr.Revision;
    info->firmware.firmware_revision = firmware.system->FirmwareRevision;
    if (firmware.system->FirmwareVendor)
        ascii_from_utf16(info->firmware.vendor, sizeof(info->firmware.vendor),
                         firmware.system->FirmwareVendor);

    info->rsdp = configuration_table((EFI_GUID)UEFI_ACPI_20_TABLE_GUID);
    info->rsdp_revision = info->rsdp ? 2 : 0;
    if (!info->rsdp) {
        info->rsdp = configuration_table((EFI_GUID)UEFI_ACPI_10_TABLE_GUID);
        info->rsdp_revision = info->rsdp ? 1 : 0;
    }
    info->smbios = configuration_table((EFI_GUID)UEFI_SMBIOS3_TABLE_GUID);
    info->smbios_version = info->smbios ? 3 : 0;
    if (!info->smbios) {
        info->smbios = configuration_table((EFI_GUID)UEFI_SMBIOS_TABLE_GUID);
        info->smbios_version = info->smbios ? 2 : 0;
    }
    info->memory_attributes_table = configuration_table((EFI_GUID)UEFI_MEMORY_ATTRIBUTES_GUID);
}

void machine_time(struct boot_info *info)
{
    EFI_TIME now = {0};
    if (!firmware.runtime || EFI_ERROR(firmware.runtime->GetTime(&now, NULL)))
        return;
    /* Ranges of EFI_TIME (UEFI 2.10, 8.3.1): a clock without battery answers anything. */
    if (now.Year < 1900 || now.Year > 9999 || now.Month < 1 || now.Month > 12 || now.Day < 1 ||
        now.Day > 31 || now.Hour > 23 || now.Minute > 59 || now.Second > 59)
        return;
    info->time = (struct boot_time){
        .year = now.Year,
        .month = now.Month,
        .day = now.Day,
        .hour = now.Hour,
        .minute = now.Minute,
        .second = now.Second,
        .valid = 1,
        .zone_minutes = now.TimeZone,
        .daylight = now.Daylight,
    };
}

static bool random_from_firmware(struct random_mix *mix)
{
    EFI_GUID random_guid = EFI_RNG_PROTOCOL_GUID;
    void *found = NULL;
    if (EFI_ERROR(firmware.services->LocateProtocol(&random_guid, NULL, &found)) || !found)
        return false;
    EFI_RNG_PROTOCOL *random = found;
    uint8_t bytes[RANDOM_FIRMWARE_BYTES] = {0};
    if (EFI_ERROR(random->GetRNG(random, NULL, sizeof(bytes), bytes)))
        return false;
    random_mix_absorb(mix, bytes, sizeof(bytes));
    memset(bytes, 0, sizeof(bytes));
    return true;
}

static bool random_from_processor(struct random_mix *mix)
{
    uint64_t words[RANDOM_PROCESSOR_WORDS];
    unsigned given = 0;
    while (given < RANDOM_PROCESSOR_WORDS && random_instruction(&words[given]))
        ++given;
    random_mix_absorb(mix, words, given * sizeof(words[0]));
    return given > 0;
}

void machine_random(const struct processor *processor, struct boot_info *info)
{
    struct random_mix mix;
    random_mix_start(&mix);
    if (random_from_firmware(&mix))
        info->random_seed_sources |= RANDOM_FROM_FIRMWARE;
    if (processor->rdrand && random_from_processor(&mix))
        info->random_seed_sources |= RANDOM_FROM_PROCESSOR;

    uint64_t now = time_stamp();
    random_mix_absorb(&mix, info->stages, sizeof(info->stages));
    random_mix_absorb(&mix, &info->time, sizeof(info->time));
    random_mix_absorb(&mix, &now, sizeof(now));
    info->random_seed_sources |= RANDOM_FROM_TIME_STAMPS;
    random_mix_squeeze(&mix, info->random_seed, sizeof(info->random_seed));
    random_mix_start(&mix);
}
