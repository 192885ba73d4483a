#include "efi/graphics.h"

#include "efi/firmware.h"
#include "efi/framebuffer.h"
#include "efi/stage.h"

#define OUTPUTS_MAX 16
#define MODES_MAX   128

/* Static: the firmware's stack is small. */
static struct graphics_output outputs[OUTPUTS_MAX];
static EFI_GRAPHICS_OUTPUT_PROTOCOL *output_protocols[OUTPUTS_MAX];
static struct graphics_mode modes[MODES_MAX];

static struct graphics_mode mode_read(const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *from)
{
    return (struct graphics_mode){
        .width = from->HorizontalResolution,
        .height = from->VerticalResolution,
        .format = (uint32_t)from->PixelFormat,
        .red_mask = from->PixelInformation.RedMask,
        .green_mask = from->PixelInformation.GreenMask,
        .blue_mask = from->PixelInformation.BlueMask,
        .reserved_mask = from->PixelInformation.ReservedMask,
        .pixels_per_row = from->PixelsPerScanLine,
    };
}

/* An adapter that nobody has used yet has no mode: set the first. */
static void output_start(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics)
{
    EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode = NULL;
    UINTN size = 0;
    UINT32 number = graphics->Mode ? graphics->Mode->Mode : 0;
    EFI_STATUS status = graphics->QueryMode(graphics, number, &size, &mode);
    if (status == EFI_NOT_STARTED)
        graphics->SetMode(graphics, 0);
    else if (!EFI_ERROR(status) && mode)
        firmware.services->FreePool(mode);
}

static bool output_read(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics, struct graphics_output *output)
{
    if (!graphics->Mode || !graphics->Mode->Info)
        return false;
    output->mode = mode_read(graphics->Mode->Info);
    output->base = graphics->Mode->FrameBufferBase;
    output->size = graphics->Mode->FrameBufferSize;
    return true;
}

static EFI_GRAPHICS_OUTPUT_PROTOCOL *handle_graphics(EFI_HANDLE handle)
{
    EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    void *found = NULL;
    if (!handle || EFI_ERROR(firmware.services->HandleProtocol(handle, &graphics_guid, &found)))
        return NULL;
    return found;
}

static bool handle_is_device(EFI_HANDLE handle)
{
    EFI_GUID device_path_guid = EFI_DEVICE_PATH_PROTOCOL_GUID;
    void *found = NULL;
    return !EFI_ERROR(firmware.services->HandleProtocol(handle, &device_path_guid, &found)) && found;
}

/* The framebuffer base that the text console draws on; 0 when that is none. */
static uint64_t console_base(void)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = handle_graphics(firmware.system->ConsoleOutHandle);
    return graphics && graphics->Mode ? graphics->Mode->FrameBufferBase : 0;
}

/* Every output with a mode; how many. */
static size_t outputs_collect(void)
{
    EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_HANDLE *handles = NULL;
    UINTN handle_count = 0;
    EFI_STATUS status =
        firmware.services->LocateHandleBuffer(ByProtocol, &graphics_guid, NULL, &handle_count, &handles);
    if (EFI_ERROR(status))
        return 0;

    uint64_t console = console_base();
    size_t count = 0;
    for (UINTN i = 0; i < handle_count && count < OUTPUTS_MAX; ++i) {
        EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = handle_graphics(handles[i]);
        if (!graphics)
            continue;
        output_start(graphics);
        if (!output_read(graphics, &outputs[count]))
            continue;
        outputs[count].console = console != 0 && outputs[count].base == console;
        outputs[count].device = handle_is_device(handles[i]);
        output_protocols[count++] = graphics;
    }
    firmware.services->FreePool(handles);
    return count;
}

/* Read the list of modes, and set the one that fits. False when there is none, or it cannot be set. */
static bool mode_set(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics, uint32_t width, uint32_t height)
{
    uint32_t count = graphics->Mode->MaxMode < MODES_MAX ? graphics->Mode->MaxMode : MODES_MAX;
    for (uint32_t i = 0; i < count; ++i) {
        EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = NULL;
        UINTN size = 0;
        modes[i] = (struct graphics_mode){.format = GRAPHICS_BLT_ONLY};
        if (EFI_ERROR(graphics->QueryMode(graphics, i, &size, &info)) || !info)
            continue;
        modes[i] = mode_read(info);
        firmware.services->FreePool(info);
    }
    int chosen = graphics_mode_choose(modes, count, width, height);
    return chosen >= 0 && !EFI_ERROR(graphics->SetMode(graphics, (UINT32)chosen));
}

/* No output has a framebuffer as it is: perhaps one has in another mode. The index, or -1. */
static int output_switch_to_linear(size_t count)
{
    for (size_t i = 0; i < count; ++i)
        if (mode_set(output_protocols[i], 0, 0) && output_read(output_protocols[i], &outputs[i]) &&
            outputs[i].base != 0)
            return (int)i;
    return -1;
}

void graphics_find(const struct options *options, const struct processor *processor, struct boot_info *info)
{
    size_t count = outputs_collect();
    int chosen = framebuffer_choose(outputs, count, processor->physical_width);
    if (chosen < 0)
        chosen = output_switch_to_linear(count);
    if (chosen < 0) {
        stage_screen(info, NULL);
        return;
    }

    EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics = output_protocols[chosen];
    if (options->mode_width != 0) {
        if (mode_set(graphics, options->mode_width, options->mode_height))
            output_read(graphics, &outputs[chosen]);
        else
            MESSAGE("screen: has no mode ", DECIMAL(options->mode_width), "x", DECIMAL(options->mode_height),
                    ", or cannot set it");
    }
    const struct graphics_output *output = &outputs[chosen];
    int error = framebuffer_describe(&output->mode, output->base, output->size, processor->physical_width,
                                     &info->framebuffer);
    if (error)
        MESSAGE("screen: its framebuffer cannot be used");
    stage_screen(info, graphics);
}
