/* BOOTX64.EFI: start Quire's kernel from UEFI firmware. efi_main() is the table of contents; each step is a file of its own.
 *
 * Until firmware_leave() is called, every failure says what failed and returns an error status to the firmware, which goes on with its
 * next boot option; what was allocated is given back. After that there is no way back: the squares tell. */

#include "efi/address_space.h"
#include "efi/archives.h"
#include "efi/debugger.h"
#include "efi/firmware.h"
#include "efi/graphics.h"
#include "efi/handoff.h"
#include "efi/kernel_load.h"
#include "efi/leave.h"
#include "efi/machine.h"
#include "efi/memory.h"
#include "efi/options.h"
#include "efi/processor.h"
#include "efi/stage.h"
#include "efi/tables.h"
#include "efi/volume.h"

#define KERNEL_STACK_SIZE   (UINT64_C(64) * 1024)

/* Where processors start: real mode reaches below 1 MiB, and the top of the first 640 KiB is often the firmware's own. */
#define AP_TRAMPOLINE_SIZE  (2 * PAGE_SIZE)
#define AP_TRAMPOLINE_BELOW UINT64_C(0x9f000)

/* Everything that the steps hand to each other. Static: the firmware's stack is small. */
static struct loader {
    struct boot_info *info;
    struct processor processor;
    struct options options;
    struct kernel_image kernel;
    paddr_t segment_pages[KERNEL_SEGMENTS_MAX];
    paddr_t stack;
    struct map_buffers map;
    struct handoff handoff;
} loader;

static EFI_STATUS boot_info_start(void)
{
    paddr_t pages;
    EFI_STATUS status = pages_allocate(sizeof(struct boot_info), MEMORY_ANYWHERE, "boot information", &pages);
    if (EFI_ERROR(status))
        return status;
    loader.info = physical_pointer(pages);
    loader.info->magic = BOOT_INFO_MAGIC;
    loader.info->version = BOOT_INFO_VERSION;
    loader.info->size = sizeof(struct boot_info);
    processor_detect(&loader.processor);
    processor_state(&loader.processor, &loader.info->firmware);
    status =
        range_add(loader.info, BOOT_RANGE_BOOT_INFO, pages, sizeof(struct boot_info), "boot information");
    stage_done(loader.info, "entry");
    return status;
}

/* The command line and the archives, from the volume we came from. */
static EFI_STATUS files_load(void)
{
    EFI_FILE_HANDLE root = volume_open();
    EFI_STATUS status = options_read(root, loader.info, &loader.options);
    if (!EFI_ERROR(status)) {
        stage_done(loader.info, "options");
        debugger_meet(&loader.options);
        graphics_find(&loader.options, &loader.processor, loader.info);
        stage_done(loader.info, "screen");
        status = archives_load(root, loader.info);
    }
    if (root)
        root->Close(root);
    if (!EFI_ERROR(status))
        stage_done(loader.info, "archives");
    return status;
}

static void machine_describe(void)
{
    machine_tables(loader.info);
    machine_time(loader.info);
    machine_random(&loader.processor, loader.info);
    stage_done(loader.info, "machine");
}

static EFI_STATUS stack_allocate(void)
{
    EFI_STATUS status = pages_allocate(KERNEL_STACK_SIZE, MEMORY_ANYWHERE, "stack", &loader.stack);
    if (EFI_ERROR(status))
        return status;
    return range_add(loader.info, BOOT_RANGE_STACK, loader.stack, KERNEL_STACK_SIZE, "stack");
}

/* Without it the kernel runs on one processor. */
static EFI_STATUS ap_trampoline_allocate(void)
{
    paddr_t pages;
    EFI_STATUS status = pages_try_allocate(AP_TRAMPOLINE_SIZE, AP_TRAMPOLINE_BELOW, &pages);
    if (EFI_ERROR(status)) {
        MESSAGE("no memory below 1 MiB to start other processors from: ", STATUS(status));
        return EFI_SUCCESS;
    }
    return range_add(loader.info, BOOT_RANGE_TRAMPOLINE, pages, AP_TRAMPOLINE_SIZE, "processor start");
}

static EFI_STATUS kernel_place(void)
{
    EFI_STATUS status = kernel_load(&loader.kernel, loader.segment_pages, loader.info);
    if (!EFI_ERROR(status))
        status = stack_allocate();
    if (!EFI_ERROR(status))
        status = ap_trampoline_allocate();
    if (!EFI_ERROR(status))
        status = handoff_prepare(&loader.options, &loader.processor, loader.info, &loader.handoff);
    if (!EFI_ERROR(status))
        stage_done(loader.info, "kernel");
    return status;
}

static EFI_STATUS tables_make(void)
{
    EFI_STATUS status = map_prepare(&loader.map);
    if (EFI_ERROR(status))
        return status;
    struct tables_request request = {
        .processor = &loader.processor,
        .kernel = &loader.kernel,
        .segment_pages = loader.segment_pages,
        .handoff = &loader.handoff,
        .map = &loader.map,
    };
    paddr_t first_root;
    status = tables_build(&request, loader.info, &first_root);
    if (EFI_ERROR(status))
        return status;
    handoff_finish(&loader.handoff, &loader.processor, loader.info, first_root, loader.kernel.entry,
                   loader.stack + KERNEL_STACK_SIZE);
    stage_done(loader.info, "tables");
    return EFI_SUCCESS;
}

/* The firmware is gone: clean its last map, and jump. */
static _Noreturn void kernel_start(void)
{
    interrupts_disable();
    stage_done(loader.info, "firmware left");
    struct map_buffers *map = &loader.map;
    int error = map_clean(map, &loader.info->framebuffer);
    if (error == 0)
        error = memory_map_limit(map->clean, &map->clean_count, map->clean_capacity, map->extents,
                                 map->extent_count);
    if (error)
        stage_dead_end(loader.info);
    loader.info->memory_map_count = (uint32_t)map->clean_count;
    stage_done(loader.info, "map");
    handoff_jump(&loader.handoff, loader.info);
}

/* Returns only when the boot has failed. */
static EFI_STATUS boot(void)
{
    EFI_STATUS status = boot_info_start();
    if (!EFI_ERROR(status))
        status = files_load();
    if (EFI_ERROR(status))
        return status;
    machine_describe();
    status = kernel_place();
    if (!EFI_ERROR(status))
        status = tables_make();
    if (EFI_ERROR(status))
        return status;

    stage_screen_after_firmware(loader.info);
    status = firmware_leave(&loader.map, &loader.info->exit_attempts);
    if (EFI_ERROR(status) && loader.info->exit_attempts == 0)
        return failure("memory map", "cannot be read", status);
    if (EFI_ERROR(status)) {
        /* It may have shut down half of itself, so there is no way back into it (UEFI 2.10, 7.4.6), and saying so may be the last thing that
         * works. */
        failure("firmware", "does not let go (ExitBootServices)", status);
        stage_dead_end(loader.info);
    }
    kernel_start();
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    EFI_STATUS status = firmware_start(image, system);
    if (EFI_ERROR(status))
        return status;
    status = boot();
    pages_free_all();
    return status;
}
