/* Fuzz the teletype: any bytes onto a small framebuffer that is exactly as large as it says.
 *
 * Long run: build/test/fuzz/device_screen_fuzz -max_total_time=3600 -max_len=1024 CORPUS */
#include <stdint.h>
#include <stdlib.h>

#include "kernel/debug/log.h"
#include "kernel/device/screen.h"

#define WIDTH  100
#define HEIGHT 70

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the kernel's log. */
void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t *pixels;

    if (pixels == NULL) {
        struct boot_framebuffer framebuffer = {.width = WIDTH,
                                               .height = HEIGHT,
                                               .pitch = WIDTH * 4,
                                               .size = WIDTH * HEIGHT * 4,
                                               .kind = BOOT_FRAMEBUFFER_RGB,
                                               .red_mask = 0xff0000,
                                               .green_mask = 0xff00,
                                               .blue_mask = 0xff,
                                               .bits_per_pixel = 32};
        pixels = malloc(framebuffer.size);
        if (screen_start(&framebuffer, pixels) != 0)
            abort();
    }
    screen_write((const char *)data, size);
    screen_update();
    return 0;
}
