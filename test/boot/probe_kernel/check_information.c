#include "paging/layout.h"
#include "test/boot/probe_kernel/checks.h"
#include "test/boot/probe_kernel/output.h"

#define RSDP_BYTES_1         20
#define FRAMEBUFFER_BITS_MAX 32

void *probe_pointer(uint64_t physical)
{
    return (void *)(DIRECT_MAP_BASE + physical);
}

static int text_matches(const char *text, const char *begin)
{
    while (*begin)
        if (*text++ != *begin++)
            return 0;
    return 1;
}

static void check_framebuffer(const struct boot_framebuffer *framebuffer)
{
    if (framebuffer->kind == BOOT_FRAMEBUFFER_NONE) {
        put_line("probe: no framebuffer");
        return;
    }
    uint32_t bits = framebuffer->bits_per_pixel;
    check(framebuffer->kind == BOOT_FRAMEBUFFER_RGB, "the framebuffer's kind is known", framebuffer->kind);
    check(framebuffer->base != 0, "the framebuffer has an address", framebuffer->base);
    check(bits != 0 && bits % 8 == 0 && bits <= FRAMEBUFFER_BITS_MAX, "pixels are whole bytes", bits);
    check(framebuffer->pitch >= (uint64_t)framebuffer->width * bits / 8, "a row holds its pixels",
          framebuffer->pitch);
    check((uint64_t)framebuffer->pitch * framebuffer->height <= framebuffer->size, "the rows fit",
          framebuffer->size);
    check((framebuffer->red_mask & framebuffer->green_mask) == 0 &&
              (framebuffer->red_mask & framebuffer->blue_mask) == 0,
          "colours do not overlap", framebuffer->red_mask);
    put_text("probe: framebuffer at ");
    put_hexadecimal(framebuffer->base);
    put_text(", width ");
    put_hexadecimal(framebuffer->width);
    put_text(", pitch ");
    put_hexadecimal(framebuffer->pitch);
    put_line("");
}

static void check_firmware_tables(const struct boot_info *info)
{
    check(info->system_table != 0, "there is a system table", 0);
    if (info->rsdp) {
        const char *rsdp = probe_pointer(info->rsdp);
        uint8_t sum = 0;
        for (unsigned i = 0; i < RSDP_BYTES_1; ++i)
            sum = (uint8_t)(sum + (uint8_t)rsdp[i]);
        check(text_matches(rsdp, "RSD PTR "), "the RSDP is one", info->rsdp);
        check(sum == 0, "the RSDP's checksum holds", sum);
        check(info->rsdp_revision == 1 || info->rsdp_revision == 2, "the RSDP's revision is known",
              info->rsdp_revision);
    } else {
        put_line("probe: no RSDP");
        check(info->rsdp_revision == 0, "no RSDP, no revision", info->rsdp_revision);
    }
    if (info->smbios)
        check(text_matches(probe_pointer(info->smbios), info->smbios_version == 3 ? "_SM3_" : "_SM_"),
              "the SMBIOS entry point is one", info->smbios);
    else
        put_line("probe: no SMBIOS");
    check((info->smbios == 0) == (info->smbios_version == 0), "SMBIOS has a version", info->smbios_version);
}

static void check_stages(const struct boot_info *info)
{
    check(info->stage_count > 0 && info->stage_count <= BOOT_STAGES_MAX, "there are stages",
          info->stage_count);
    for (uint32_t i = 0; i < info->stage_count; ++i) {
        check(info->stages[i].name[0] != '\0', "a stage has a name", i);
        check(info->stages[i].name[sizeof(info->stages[i].name) - 1] == '\0', "a stage's name ends", i);
        check(i == 0 || info->stages[i].tsc >= info->stages[i - 1].tsc, "stages follow one another", i);
    }
}

static void check_random(const struct boot_info *info)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < sizeof(info->random_seed); ++i)
        bits += (unsigned)__builtin_popcount(info->random_seed[i]);
    /* 512 fair bits stray this far less than once in 10^9 boots. */
    check(bits > 180 && bits < 332, "the seed looks random", bits);
    check(info->random_seed_sources != 0, "the seed has a source", 0);
}

static void check_command_line(const struct boot_info *info)
{
    unsigned length = 0;
    while (length < BOOT_COMMAND_LINE_MAX && info->command_line[length] >= 0x20 &&
           info->command_line[length] <= 0x7e)
        ++length;
    check(length < BOOT_COMMAND_LINE_MAX && info->command_line[length] == '\0',
          "the command line is printable and ends", length);
    put_text("probe: command line: ");
    put_line(info->command_line);
}

static void check_time(const struct boot_time *time)
{
    if (!time->valid) {
        put_line("probe: no time");
        return;
    }
    check(time->year >= 1970 && time->year < 2200, "the year is plausible", time->year);
    check(time->month >= 1 && time->month <= 12 && time->day >= 1 && time->day <= 31, "so is the date",
          time->month);
}

void check_information(const struct boot_info *info)
{
    check(info->version == BOOT_INFO_VERSION, "the version is known", info->version);
    check(info->size == sizeof(struct boot_info), "both sides agree about the size", info->size);
    check(info->levels == 4 || info->levels == 5, "there are 4 or 5 levels", info->levels);
    check(info->exit_attempts >= 1, "boot services were exited", info->exit_attempts);
    check(info->firmware.cr3 != 0 && info->firmware.cr0 != 0 && info->firmware.efer != 0,
          "the firmware's registers were noted", info->firmware.cr0);
    check(info->firmware.vendor[sizeof(info->firmware.vendor) - 1] == '\0', "the vendor's name ends", 0);
    check_framebuffer(&info->framebuffer);
    check_firmware_tables(info);
    check_stages(info);
    check_random(info);
    check_time(&info->time);
    check_command_line(info);
}
