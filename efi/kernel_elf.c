#include "efi/kernel_elf.h"

#include <asm/errno.h>

#include "paging/entry.h"
#include "paging/layout.h"

/* ELF-64 object file format, version 1.5: file header and program header. */
struct elf_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t program_offset;
    uint64_t section_offset;
    uint32_t flags;
    uint16_t header_size;
    uint16_t program_entry_size;
    uint16_t program_count;
    uint16_t section_entry_size;
    uint16_t section_count;
    uint16_t section_names;
};

struct elf_program {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t file_size;
    uint64_t memory_size;
    uint64_t align;
};

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_program) == 56, "ELF-64's sizes");

#define ELF_CLASS_64       2
#define ELF_DATA_LITTLE    1
#define ELF_VERSION        1
#define ELF_TYPE_EXEC      2
#define ELF_MACHINE_X86_64 62

#define ELF_PT_LOAD        1
#define ELF_PT_DYNAMIC     2
#define ELF_PT_INTERP      3

#define ELF_PF_X           1u
#define ELF_PF_W           2u
#define ELF_PF_R           4u

/* Is [offset, offset + length) inside [0, size)? */
static bool inside(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

static const char *header_refusal(const struct elf_header *header, size_t size)
{
    static const uint8_t magic[4] = {0x7f, 'E', 'L', 'F'};
    if (__builtin_memcmp(header->ident, magic, sizeof(magic)) != 0)
        return "not an ELF file";
    if (header->ident[4] != ELF_CLASS_64 || header->ident[5] != ELF_DATA_LITTLE ||
        header->ident[6] != ELF_VERSION || header->version != ELF_VERSION)
        return "not a 64-bit little-endian ELF file";
    if (header->machine != ELF_MACHINE_X86_64)
        return "not for x86-64";
    if (header->type != ELF_TYPE_EXEC)
        return "not an executable with fixed addresses";
    if (header->program_entry_size != sizeof(struct elf_program))
        return "its program headers have an unknown size";
    if (!inside(header->program_offset, (uint64_t)header->program_count * sizeof(struct elf_program), size))
        return "its program headers lie outside the file";
    return NULL;
}

/* The pages and permissions of one PT_LOAD with a size. */
static const char *segment_describe(const struct elf_program *program, size_t size,
                                    struct kernel_segment *segment)
{
    if (program->file_size > program->memory_size)
        return "a segment is larger in the file than in memory";
    if (!inside(program->offset, program->file_size, size))
        return "a segment lies outside the file";
    if (program->virtual_address < KERNEL_IMAGE_BASE || program->virtual_address > KERNEL_IMAGE_END ||
        program->memory_size > KERNEL_IMAGE_END - program->virtual_address)
        return "a segment lies outside the kernel image's addresses";
    if (!(program->flags & ELF_PF_R))
        return "a segment cannot be read";
    if ((program->flags & ELF_PF_W) && (program->flags & ELF_PF_X))
        return "a segment is both writable and executable";

    vaddr_t end = ROUND_UP(program->virtual_address + program->memory_size, PAGE_SIZE);
    segment->va = ROUND_DOWN(program->virtual_address, PAGE_SIZE);
    segment->size = end - segment->va;
    segment->file_offset = program->offset;
    segment->file_size = program->file_size;
    segment->lead = program->virtual_address - segment->va;
    if (program->flags & ELF_PF_X)
        segment->perm = PERM_KERNEL_RX;
    else if (program->flags & ELF_PF_W)
        segment->perm = PERM_KERNEL_RW;
    else
        segment->perm = PERM_KERNEL_R;
    return NULL;
}

/* Put a segment where its address belongs among those found. */
static const char *segment_insert(struct kernel_image *image, const struct kernel_segment *segment)
{
    if (image->segment_count == KERNEL_SEGMENTS_MAX)
        return "it has too many segments";
    uint32_t at = image->segment_count;
    for (; at > 0 && image->segments[at - 1].va > segment->va; --at)
        image->segments[at] = image->segments[at - 1];
    image->segments[at] = *segment;
    ++image->segment_count;
    return NULL;
}

static const char *segments_refusal(const struct kernel_image *image)
{
    if (image->segment_count == 0)
        return "it has nothing to load";
    bool entry_found = false;
    for (uint32_t i = 0; i < image->segment_count; ++i) {
        const struct kernel_segment *segment = &image->segments[i];
        if (i > 0 && segment[-1].va + segment[-1].size > segment->va)
            return "two segments share a page";
        vaddr_t code = segment->va + segment->lead;
        if (segment->perm == PERM_KERNEL_RX && image->entry >= code &&
            image->entry - code < segment->file_size)
            entry_found = true;
    }
    return entry_found ? NULL : "its entry point is not in executable code";
}

static const char *image_refusal(const unsigned char *file, size_t size, struct kernel_image *image)
{
    struct elf_header header;
    if (size < sizeof(header))
        return "not an ELF file";
    __builtin_memcpy(&header, file, sizeof(header));
    const char *refusal = header_refusal(&header, size);
    if (refusal)
        return refusal;

    image->entry = header.entry;
    image->segment_count = 0;
    for (uint16_t i = 0; i < header.program_count; ++i) {
        struct elf_program program;
        __builtin_memcpy(&program, file + header.program_offset + i * sizeof(program), sizeof(program));
        if (program.type == ELF_PT_INTERP || program.type == ELF_PT_DYNAMIC)
            return "it is dynamically linked";
        if (program.type != ELF_PT_LOAD || program.memory_size == 0)
            continue;
        struct kernel_segment segment;
        refusal = segment_describe(&program, size, &segment);
        if (!refusal)
            refusal = segment_insert(image, &segment);
        if (refusal)
            return refusal;
    }
    return segments_refusal(image);
}

int kernel_elf_check(const void *file, size_t size, struct kernel_image *image, const char **reason)
{
    *reason = image_refusal(file, size, image);
    return *reason ? -ENOEXEC : 0;
}
