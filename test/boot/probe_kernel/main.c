/* The probe: a kernel that only checks what the loader gave it, promise by promise, and says so.
 *
 * Last line "probe: N checks, M broken"; QEMU ends with status 33 when none is, 37 otherwise. The word `trash` on the command line lets
 * it overwrite first the memory that the contract calls free or boot services', which shows that nothing of the firmware is in use. The
 * word `fault` lets it execute an undefined instruction instead: it has no handlers, so the loader's must report that. */

#include "paging/layout.h"
#include "test/boot/probe_kernel/checks.h"
#include "test/boot/probe_kernel/output.h"

#define EXIT_GOOD      0x10
#define EXIT_BROKEN    0x12
#define TRASH_WORD     UINT64_C(0xcccccccccccccccc)

/* Of each piece of free memory: enough to hit what lies at its start, quick enough for terabytes. */
#define TRASH_FREE_MAX (UINT64_C(16) << 20)

_Noreturn void probe_main(uint64_t boot_info, uint64_t stack_pointer, uint64_t flags);

/* Set by entry.S: .data is writable. Not in .bss, so that .data exists. */
uint64_t probe_written = 1;
#define WRITTEN UINT64_C(0x1122334455667788)

/* .bss is zero, all of it. */
static uint64_t zeroes[1024];

static int command_line_has(const struct boot_info *info, const char *word)
{
    for (const char *at = info->command_line; *at; ++at) {
        const char *have = at;
        const char *want = word;
        while (*want && *have == *want)
            ++have, ++want;
        if (*want == '\0')
            return 1;
    }
    return 0;
}

static void memory_trash(const struct boot_info *info)
{
    const struct boot_memory *map = probe_memory_map(info);
    for (uint32_t i = 0; i < info->memory_map_count; ++i) {
        uint64_t size = map[i].size;
        if (map[i].kind == BOOT_MEMORY_FREE && size > TRASH_FREE_MAX)
            size = TRASH_FREE_MAX;
        else if (map[i].kind != BOOT_MEMORY_FREE && map[i].kind != BOOT_MEMORY_BOOT_SERVICES)
            continue;
        void *at = probe_pointer(map[i].start);
        uint64_t words = size / sizeof(uint64_t);
        __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(TRASH_WORD) : "memory");
    }
}

_Noreturn void probe_main(uint64_t boot_info, uint64_t stack_pointer, uint64_t flags)
{
    const struct boot_info *info = probe_pointer(boot_info);
    struct probe_registers registers = {stack_pointer, flags};
    put_line("probe: here");
    check(info->magic == BOOT_INFO_MAGIC, "RDI points at boot_info", info->magic);
    if (info->magic != BOOT_INFO_MAGIC)
        machine_exit(EXIT_BROKEN);
    check(probe_written == WRITTEN, "data is writable", probe_written);
    for (unsigned i = 0; i < sizeof(zeroes) / sizeof(zeroes[0]); ++i)
        check(((volatile uint64_t *)zeroes)[i] == 0, "bss is zero", i);

    if (command_line_has(info, "trash"))
        memory_trash(info);
    if (command_line_has(info, "fault"))
        __asm__ volatile("ud2");
    check_registers(info, &registers);
    check_information(info);
    check_memory_map(info);
    check_ranges(info);
    check_tables(info);

    put_text("probe: levels ");
    put_hexadecimal(info->levels);
    put_text(", toggled ");
    put_hexadecimal(info->toggled_la57);
    put_text(", exit attempts ");
    put_hexadecimal(info->exit_attempts);
    put_text(", Secure Boot ");
    put_hexadecimal(info->secure_boot);
    put_line("");
    put_text("probe: ");
    put_hexadecimal(checks_made());
    put_text(" checks, ");
    put_hexadecimal(checks_failed());
    put_line(" broken");
    machine_exit(checks_failed() == 0 ? EXIT_GOOD : EXIT_BROKEN);
}
