/* The kernel's ELF file: a good one is described exactly, and every way to be bad is refused with its reason. */

#include "efi/kernel_elf.h"
#include "paging/entry.h"
#include "paging/layout.h"

#include <asm/errno.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEGMENTS 3

/* A small kernel: code, constants, data with a .bss. */
static struct file {
    Elf64_Ehdr header;
    Elf64_Phdr programs[SEGMENTS];
    unsigned char bytes[0x300];
} good;

static Elf64_Phdr segment(uint32_t flags, uint64_t va, uint64_t file_size, uint64_t memory_size)
{
    return (Elf64_Phdr){.p_type = PT_LOAD,
                        .p_flags = flags,
                        .p_offset = offsetof(struct file, bytes),
                        .p_vaddr = va,
                        .p_paddr = 0x1234,
                        .p_filesz = file_size,
                        .p_memsz = memory_size};
}

static int start(void **state)
{
    (void)state;
    memset(&good, 0, sizeof(good));
    memcpy(good.header.e_ident, ELFMAG, SELFMAG);
    good.header.e_ident[EI_CLASS] = ELFCLASS64;
    good.header.e_ident[EI_DATA] = ELFDATA2LSB;
    good.header.e_ident[EI_VERSION] = EV_CURRENT;
    good.header.e_type = ET_EXEC;
    good.header.e_machine = EM_X86_64;
    good.header.e_version = EV_CURRENT;
    good.header.e_entry = KERNEL_IMAGE_BASE + 0x10;
    good.header.e_phoff = offsetof(struct file, programs);
    good.header.e_phentsize = sizeof(Elf64_Phdr);
    good.header.e_phnum = SEGMENTS;
    good.programs[0] = segment(PF_R | PF_W, KERNEL_IMAGE_BASE + 0x3008, 0x10, 0x2000);
    good.programs[1] = segment(PF_R | PF_X, KERNEL_IMAGE_BASE, 0x200, 0x200);
    good.programs[2] = segment(PF_R, KERNEL_IMAGE_BASE + 0x1000, 0x100, 0x100);
    return 0;
}

static struct kernel_image image;

/* Checked at an odd address, exactly as long as said. */
static const char *refusal(size_t size)
{
    const char *reason = NULL;
    unsigned char *copy = malloc(size + 1);
    memcpy(copy + 1, &good, size);
    int error = kernel_elf_check(copy + 1, size, &image, &reason);
    free(copy);
    assert_int_equal(error, reason ? -ENOEXEC : 0);
    return reason;
}

static void assert_refused(const char *reason)
{
    const char *found = refusal(sizeof(good));
    assert_non_null(found);
    assert_string_equal(found, reason);
    start(NULL);
}

static void a_good_kernel_is_described(void **state)
{
    (void)state;
    assert_null(refusal(sizeof(good)));
    assert_int_equal(image.entry, KERNEL_IMAGE_BASE + 0x10);
    assert_int_equal(image.segment_count, 3);
    assert_int_equal(image.segments[0].perm, PERM_KERNEL_RX);
    assert_int_equal(image.segments[1].perm, PERM_KERNEL_R);
    assert_int_equal(image.segments[1].va, KERNEL_IMAGE_BASE + 0x1000);
    const struct kernel_segment *data = &image.segments[2];
    assert_int_equal(data->perm, PERM_KERNEL_RW);
    assert_int_equal(data->va, KERNEL_IMAGE_BASE + 0x3000);
    assert_int_equal(data->lead, 8);
    assert_int_equal(data->size, 0x3000);
    assert_int_equal(data->file_size, 0x10);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    good.header.e_ident[0] = 'X';
    assert_refused("not an ELF file");
    good.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused("not a 64-bit little-endian ELF file");
    good.header.e_machine = EM_AARCH64;
    assert_refused("not for x86-64");
    good.header.e_type = ET_DYN;
    assert_refused("not an executable with fixed addresses");
    good.programs[2].p_type = PT_INTERP;
    assert_refused("it is dynamically linked");
    good.programs[2].p_type = PT_DYNAMIC;
    assert_refused("it is dynamically linked");
    for (size_t size = 0; size < offsetof(struct file, bytes) + 0x200; ++size)
        assert_non_null(refusal(size));
}

static void headers_outside_the_file_are_refused(void **state)
{
    (void)state;
    good.header.e_phoff = UINT64_MAX - 8;
    assert_refused("its program headers lie outside the file");
    good.header.e_phnum = 0xffff;
    assert_refused("its program headers lie outside the file");
    good.header.e_phentsize = 32;
    assert_refused("its program headers have an unknown size");
}

static void bad_segments_are_refused(void **state)
{
    (void)state;
    good.programs[0].p_flags = PF_R | PF_W | PF_X;
    assert_refused("a segment is both writable and executable");
    good.programs[0].p_flags = PF_W;
    assert_refused("a segment cannot be read");
    good.programs[0].p_filesz = 0x2001;
    assert_refused("a segment is larger in the file than in memory");
    good.programs[0].p_offset = UINT64_MAX;
    assert_refused("a segment lies outside the file");
    good.programs[0].p_offset = sizeof(good) - 0xf;
    assert_refused("a segment lies outside the file");
    good.programs[0].p_vaddr = KERNEL_IMAGE_BASE - 8;
    assert_refused("a segment lies outside the kernel image's addresses");
    good.programs[0].p_memsz = UINT64_MAX;
    assert_refused("a segment lies outside the kernel image's addresses");
    good.programs[0].p_vaddr = KERNEL_IMAGE_END;
    assert_refused("a segment lies outside the kernel image's addresses");
    good.programs[0].p_vaddr = KERNEL_IMAGE_BASE + 0x2ff8;
    assert_null(refusal(sizeof(good)));
    good.programs[0].p_vaddr = KERNEL_IMAGE_BASE + 0x10f8;
    assert_refused("two segments share a page");
    good.programs[0].p_memsz = KERNEL_IMAGE_END - good.programs[0].p_vaddr;
    assert_null(refusal(sizeof(good)));
    assert_int_equal(image.segments[2].va + image.segments[2].size, KERNEL_IMAGE_END);
}

static void the_entry_point_must_be_in_code(void **state)
{
    (void)state;
    good.header.e_entry = KERNEL_IMAGE_BASE + 0x200;
    assert_refused("its entry point is not in executable code");
    good.header.e_entry = KERNEL_IMAGE_BASE + 0x1000;
    assert_refused("its entry point is not in executable code");
    good.header.e_entry = 0;
    assert_refused("its entry point is not in executable code");
    good.header.e_phnum = 0;
    assert_refused("it has nothing to load");
}

static void only_so_many_segments_fit(void **state)
{
    (void)state;
    enum { TOO_MANY = KERNEL_SEGMENTS_MAX + 1 };
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr programs[TOO_MANY];
        unsigned char bytes[16];
    } file = {.header = good.header};
    file.header.e_phnum = TOO_MANY;
    for (unsigned i = 0; i < TOO_MANY; ++i) {
        file.programs[i] = segment(PF_R | PF_X, KERNEL_IMAGE_BASE + i * PAGE_SIZE, 16, 16);
        file.programs[i].p_offset = 64;
    }
    file.header.e_entry = KERNEL_IMAGE_BASE;
    const char *reason;
    assert_int_equal(kernel_elf_check(&file, sizeof(file), &image, &reason), -ENOEXEC);
    assert_string_equal(reason, "it has too many segments");
    file.header.e_phnum = KERNEL_SEGMENTS_MAX;
    assert_int_equal(kernel_elf_check(&file, sizeof(file), &image, &reason), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_kernel_is_described, start),
        cmocka_unit_test_setup(other_files_are_refused, start),
        cmocka_unit_test_setup(headers_outside_the_file_are_refused, start),
        cmocka_unit_test_setup(bad_segments_are_refused, start),
        cmocka_unit_test_setup(the_entry_point_must_be_in_code, start),
        cmocka_unit_test_setup(only_so_many_segments_fit, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
