/* Bytes become a graphics mode: a framebuffer that is accepted can be mapped and drawn on to its last pixel. A long run:
 *
 *     build/test/fuzz/efi_framebuffer_fuzz -max_len=128 -max_total_time=600 */

#include "efi/framebuffer.h"
#include "paging/layout.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct graphics_mode mode;
    uint64_t base, size;
    uint8_t width;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {0};
    memcpy(&input, data, size < sizeof(input) ? size : sizeof(input));
    input.mode.format %= 5;
    unsigned physical_width = 32 + input.width % 21;
    struct boot_framebuffer framebuffer;
    if (framebuffer_describe(&input.mode, input.base, input.size, physical_width, &framebuffer) != 0) {
        if (framebuffer.kind != BOOT_FRAMEBUFFER_NONE)
            abort();
        return 0;
    }
    uint64_t bytes = framebuffer.bits_per_pixel / 8;
    unsigned __int128 last = (unsigned __int128)framebuffer.base +
                             (uint64_t)(framebuffer.height - 1) * framebuffer.pitch +
                             (uint64_t)framebuffer.width * bytes;
    if (bytes < 1 || bytes > 4 || framebuffer.height == 0 || framebuffer.width == 0)
        abort();
    if (last > framebuffer.base + framebuffer.size || last > UINT64_C(1) << physical_width || last > USER_END)
        abort();
    if (input.size != 0 && framebuffer.size > input.size)
        abort();
    uint32_t all = framebuffer.red_mask | framebuffer.green_mask | framebuffer.blue_mask;
    if (bytes < 4 && all >> (8 * bytes) != 0)
        abort();
    struct graphics_output output = {input.mode, input.base, input.size, false, false};
    if (framebuffer_choose(&output, 1, physical_width) != 0)
        abort();
    return 0;
}
