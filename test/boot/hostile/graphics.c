/* Graphics modes that QEMU's adapters do not have. */

#include "test/boot/hostile/hostile.h"

#define BEYOND_BASE    (UINT64_C(1) << 54)
#define PADDING_PIXELS 48

static EFI_GRAPHICS_OUTPUT_PROTOCOL_QUERY_MODE real_query;
static EFI_GRAPHICS_OUTPUT_PROTOCOL_SET_MODE real_set;
static bool started;

static void mode_spoil(EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info)
{
    if (mischief.graphics_mask) {
        info->PixelFormat = PixelBitMask;
        info->PixelInformation = (EFI_PIXEL_BITMASK){0x00ff0000, 0x0000ff00, 0x000000ff, 0xff000000};
    }
    if (mischief.graphics_padded)
        info->PixelsPerScanLine = info->HorizontalResolution + PADDING_PIXELS;
    if (mischief.graphics_blt_only)
        info->PixelFormat = PixelBltOnly;
}

static void output_spoil(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics)
{
    if (!graphics->Mode || !graphics->Mode->Info)
        return;
    mode_spoil(graphics->Mode->Info);
    if (mischief.graphics_blt_only)
        graphics->Mode->FrameBufferBase = 0;
    if (mischief.graphics_high)
        graphics->Mode->FrameBufferBase = GRAPHICS_HIGH_BASE;
    if (mischief.graphics_beyond)
        graphics->Mode->FrameBufferBase = BEYOND_BASE;
}

static EFI_STATUS EFIAPI query_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics, UINT32 number, UINTN *size,
                                    EFI_GRAPHICS_OUTPUT_MODE_INFORMATION **info)
{
    if (mischief.graphics_unstarted && !started)
        return EFI_NOT_STARTED;
    EFI_STATUS status = real_query(graphics, number, size, info);
    if (!EFI_ERROR(status))
        mode_spoil(*info);
    return status;
}

static EFI_STATUS EFIAPI set_mode(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics, UINT32 number)
{
    started = true;
    EFI_STATUS status = real_set(graphics, number);
    output_spoil(graphics);
    return status;
}

static EFI_STATUS EFIAPI query_refuse(EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics, UINT32 number, UINTN *size,
                                      EFI_GRAPHICS_OUTPUT_MODE_INFORMATION **info)
{
    (void)graphics;
    (void)number;
    (void)size;
    (void)info;
    return EFI_DEVICE_ERROR;
}

void hostile_graphics(void)
{
    EFI_GUID graphics_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
    EFI_HANDLE *handles;
    UINTN count = 0;
    if (!mischief.graphics_mask && !mischief.graphics_padded && !mischief.graphics_blt_only &&
        !mischief.graphics_high && !mischief.graphics_beyond && !mischief.graphics_unstarted)
        return;
    if (EFI_ERROR(hostile_services->LocateHandleBuffer(ByProtocol, &graphics_guid, NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count; ++i) {
        EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics;
        if (EFI_ERROR(hostile_services->HandleProtocol(handles[i], &graphics_guid, (void **)&graphics)))
            continue;
        /* The console joins the devices' outputs under an interface of its own; one of a kind is enough here. */
        if (real_query && graphics->QueryMode != real_query) {
            graphics->QueryMode = query_refuse;
            graphics->Mode = NULL;
            continue;
        }
        real_query = graphics->QueryMode;
        real_set = graphics->SetMode;
        graphics->QueryMode = query_mode;
        graphics->SetMode = set_mode;
        output_spoil(graphics);
    }
}
