#include "efi/debugger.h"

#include "efi/firmware.h"
#include "efi/processor.h"

/* Found in memory by its first 16 bytes where there is no debug console. */
struct loader_debugger {
    char mark[16];
    uint64_t image_base;
    volatile uint64_t go;
};

struct loader_debugger loader_debugger = {.mark = "QUIRE-LOADER-AT"};

void debugger_meet(const struct options *options)
{
    if (firmware.loaded_image)
        loader_debugger.image_base = (uint64_t)(uintptr_t)firmware.loaded_image->ImageBase;
    if (debug_console_present()) {
        debug_console_write("quire-loader: image base 0x");
        debug_console_write(HEXADECIMAL(loader_debugger.image_base));
        debug_console_write("\n");
    }
    if (!options->wait)
        return;
    MESSAGE("image base 0x", HEXADECIMAL(loader_debugger.image_base),
            ", waiting for a debugger to set loader_debugger.go");
    while (!loader_debugger.go)
        __asm__ volatile("pause");
}
