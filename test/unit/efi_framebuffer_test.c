/* Which screen, which mode, which pixels: all formats, odd rows, impossible addresses. */

#include "efi/framebuffer.h"
#include "paging/layout.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WIDTH 40 /* bits of a physical address */

static struct graphics_mode mode(uint32_t format)
{
    return (struct graphics_mode){.width = 800, .height = 600, .format = format, .pixels_per_row = 800};
}

static struct graphics_mode mask_mode(uint32_t red, uint32_t green, uint32_t blue, uint32_t reserved)
{
    struct graphics_mode masked = mode(GRAPHICS_BIT_MASK);
    masked.red_mask = red;
    masked.green_mask = green;
    masked.blue_mask = blue;
    masked.reserved_mask = reserved;
    return masked;
}

static struct boot_framebuffer framebuffer;

static int describe(struct graphics_mode of, uint64_t base, uint64_t size)
{
    int error = framebuffer_describe(&of, base, size, WIDTH, &framebuffer);
    assert_int_equal(framebuffer.kind, error ? BOOT_FRAMEBUFFER_NONE : BOOT_FRAMEBUFFER_RGB);
    return error;
}

static void each_format_has_its_masks(void **state)
{
    (void)state;
    assert_int_equal(describe(mode(GRAPHICS_RGB), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.red_mask, 0xff);
    assert_int_equal(describe(mode(GRAPHICS_BGR), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.red_mask, 0xff0000);
    assert_int_equal(framebuffer.bits_per_pixel, 32);
    assert_int_equal(framebuffer.pitch, 3200);
    assert_int_equal(framebuffer.size, 3200 * 600);
    assert_int_equal(describe(mask_mode(0xf800, 0x7e0, 0x1f, 0), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.bits_per_pixel, 16);
    assert_int_equal(framebuffer.pitch, 1600);
    assert_int_equal(describe(mask_mode(0x7c00, 0x3e0, 0x1f, 0), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.bits_per_pixel, 16);
    assert_int_equal(describe(mask_mode(0xff0000, 0xff00, 0xff, 0), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.bits_per_pixel, 24);
    assert_int_equal(describe(mask_mode(0xff0000, 0xff00, 0xff, 0xff000000), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.bits_per_pixel, 32);
    assert_int_equal(describe(mask_mode(0xffc00000, 0x3ff000, 0xffc, 3), 0x80000000, 0), 0);
    assert_int_equal(framebuffer.bits_per_pixel, 32);
}

static void what_cannot_be_drawn_on_is_none(void **state)
{
    (void)state;
    assert_int_equal(describe(mode(GRAPHICS_BLT_ONLY), 0x80000000, 0), -ENODEV);
    assert_int_equal(describe(mode(4), 0x80000000, 0), -ENODEV);
    assert_int_equal(describe(mode(UINT32_MAX), 0x80000000, 0), -ENODEV);
    assert_int_equal(describe(mode(GRAPHICS_BGR), 0, 0), -ENODEV);
    assert_int_equal(describe(mask_mode(0, 0xff00, 0xff, 0), 0x80000000, 0), -ENODEV);
    assert_int_equal(describe(mask_mode(0xff00, 0xff00, 0xff, 0), 0x80000000, 0), -ENODEV);
    assert_int_equal(describe(mask_mode(0xf0f000, 0xf00, 0xff, 0), 0x80000000, 0), -ENODEV);
    struct graphics_mode odd = mode(GRAPHICS_BGR);
    odd.pixels_per_row = 799;
    assert_int_equal(describe(odd, 0x80000000, 0), -ENODEV);
    odd = mode(GRAPHICS_BGR);
    odd.height = 0;
    assert_int_equal(describe(odd, 0x80000000, 0), -ENODEV);
    odd = mode(GRAPHICS_BGR);
    odd.width = odd.pixels_per_row = UINT32_MAX;
    assert_int_equal(describe(odd, 0x80000000, 0), -ENODEV);
}

static void rows_may_be_padded(void **state)
{
    (void)state;
    struct graphics_mode padded = mode(GRAPHICS_BGR);
    padded.pixels_per_row = 832;
    assert_int_equal(describe(padded, 0x80000000, 0), 0);
    assert_int_equal(framebuffer.pitch, 832 * 4);
    assert_int_equal(framebuffer.width, 800);
}

static void a_small_framebuffer_loses_rows(void **state)
{
    (void)state;
    assert_int_equal(describe(mode(GRAPHICS_BGR), 0x80000000, 3200 * 500 + 100), 0);
    assert_int_equal(framebuffer.height, 500);
    assert_int_equal(framebuffer.size, 3200 * 500);
    assert_int_equal(describe(mode(GRAPHICS_BGR), 0x80000000, 3199), -ENODEV);
    assert_int_equal(describe(mode(GRAPHICS_BGR), 0x80000000, UINT64_MAX), 0);
    assert_int_equal(framebuffer.height, 600);
}

static void any_address_that_can_be_mapped_is_good(void **state)
{
    (void)state;
    uint64_t size = 3200 * 600;
    uint64_t top = (UINT64_C(1) << WIDTH) - ROUND_UP(size, PAGE_SIZE);
    assert_int_equal(describe(mode(GRAPHICS_BGR), UINT64_C(0x7000000000), size), 0);
    assert_int_equal(framebuffer.base, UINT64_C(0x7000000000));
    assert_int_equal(describe(mode(GRAPHICS_BGR), top, size), 0);
    assert_int_equal(describe(mode(GRAPHICS_BGR), top + PAGE_SIZE, size), -ENODEV);
    assert_int_equal(describe(mode(GRAPHICS_BGR), UINT64_C(1) << WIDTH, size), -ENODEV);
    assert_int_equal(describe(mode(GRAPHICS_BGR), UINT64_MAX - 4095, size), -ENODEV);
    struct graphics_mode wide = mode(GRAPHICS_BGR);
    assert_int_equal(framebuffer_describe(&wide, USER_END - PAGE_SIZE, size, 52, &framebuffer), -ENODEV);
}

static void the_consoles_screen_is_preferred_then_a_devices(void **state)
{
    (void)state;
    struct graphics_output outputs[] = {
        {mode(GRAPHICS_BLT_ONLY), 0, 0, true, true},      {mode(GRAPHICS_BGR), 0x80000000, 0, false, false},
        {mode(GRAPHICS_BGR), 0x90000000, 0, false, true}, {mode(GRAPHICS_BGR), 0xa0000000, 0, true, false},
        {mode(GRAPHICS_BGR), 0xb0000000, 0, true, true},  {mode(GRAPHICS_BGR), 0xc0000000, 0, true, true},
    };
    assert_int_equal(framebuffer_choose(outputs, 0, WIDTH), -1);
    assert_int_equal(framebuffer_choose(outputs, 1, WIDTH), -1);
    for (int count = 2; count <= 5; ++count)
        assert_int_equal(framebuffer_choose(outputs, (size_t)count, WIDTH), count - 1);
    assert_int_equal(framebuffer_choose(outputs, 6, WIDTH), 4);
}

static void modes_are_chosen_by_size(void **state)
{
    (void)state;
    struct graphics_mode modes[] = {mode(GRAPHICS_BGR), mode(GRAPHICS_BLT_ONLY), mode(GRAPHICS_BGR),
                                    mode(GRAPHICS_BGR)};
    modes[1].width = 1600, modes[1].height = 1200, modes[1].pixels_per_row = 1600;
    modes[2].width = 1024, modes[2].height = 768, modes[2].pixels_per_row = 1024;
    modes[3].width = 3840, modes[3].height = 2160, modes[3].pixels_per_row = 3840;
    assert_int_equal(graphics_mode_choose(modes, 4, 1024, 768), 2);
    assert_int_equal(graphics_mode_choose(modes, 4, 3840, 2160), 3);
    assert_int_equal(graphics_mode_choose(modes, 4, 1600, 1200), -1);
    assert_int_equal(graphics_mode_choose(modes, 4, 0, 0), 2);
    assert_int_equal(graphics_mode_choose(modes, 0, 0, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_has_its_masks),
        cmocka_unit_test(what_cannot_be_drawn_on_is_none),
        cmocka_unit_test(rows_may_be_padded),
        cmocka_unit_test(a_small_framebuffer_loses_rows),
        cmocka_unit_test(any_address_that_can_be_mapped_is_good),
        cmocka_unit_test(the_consoles_screen_is_preferred_then_a_devices),
        cmocka_unit_test(modes_are_chosen_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
