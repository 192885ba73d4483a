/* Strict protection: the firmware's tables, copied and cut to 4 KiB pages where there is memory, with W^X everywhere. Data is not
 * executable; images follow their section headers where those are page-aligned; page 0 is not mapped. */

#include "efi/processor.h"
#include "paging/entry.h"
#include "paging/paging.h"
#include "test/boot/hostile/hostile.h"

#define TABLES_MAX              4096

/* PE/COFF (Microsoft's specification, 2, 3.4, 4). */
#define DOS_PE_OFFSET           0x3c
#define PE_SECTION_COUNT        6
#define PE_OPTIONAL_SIZE        20
#define PE_OPTIONAL             24
#define PE_ENTRY                16 /* in the optional header */
#define PE_SECTION_ALIGNMENT    32 /* in the optional header */
#define SECTION_BYTES           40
#define SECTION_VIRTUAL_SIZE    8
#define SECTION_VIRTUAL_ADDRESS 12
#define SECTION_CHARACTERISTICS 36
#define SECTION_EXECUTE         0x20000000u
#define SECTION_WRITE           0x80000000u

static uint64_t tables_start, tables_used;
static uint64_t root;
static unsigned levels;
static bool armed;

static uint64_t *table_at(uint64_t address)
{
    return (uint64_t *)(uintptr_t)(address & PTE_ADDRESS_MASK);
}

static uint64_t table_new(void)
{
    if (tables_used == TABLES_MAX) {
        report("hostile: too few pages for strict protection\n");
        hostile_exit(EXIT_RULE);
    }
    uint64_t table = tables_start + tables_used++ * EFI_PAGE_SIZE;
    for (unsigned i = 0; i < PAGING_TABLE_ENTRIES; ++i)
        table_at(table)[i] = 0;
    return table;
}

/* A copy of the tables from `level` down; large leaves stay for now. */
static uint64_t tables_copy(uint64_t from, unsigned level)
{
    uint64_t copy = table_new();
    for (unsigned i = 0; i < PAGING_TABLE_ENTRIES; ++i) {
        uint64_t entry = table_at(from)[i];
        bool leaf = level == 1 || (entry & PTE_PS);
        if ((entry & PTE_P) && !leaf)
            entry = tables_copy(entry, level - 1) | PTE_P | PTE_W;
        else if (entry & PTE_P)
            entry |= PTE_NX | PTE_W;
        table_at(copy)[i] = entry;
    }
    return copy;
}

/* Replace a large leaf by a table of the next smaller leaves. */
static void leaf_split(uint64_t *entry, unsigned level)
{
    uint64_t table = table_new();
    uint64_t span = PAGING_SPAN(level - 1);
    uint64_t start = *entry & PTE_ADDRESS_MASK & ~(PAGING_SPAN(level) - 1);
    uint64_t bits = *entry & ~PTE_ADDRESS_MASK;
    if (level == 2)
        bits &= ~PTE_PS;
    for (uint64_t i = 0; i < PAGING_TABLE_ENTRIES; ++i)
        table_at(table)[i] = (start + i * span) | bits;
    *entry = table | PTE_P | PTE_W;
}

/* The 4 KiB leaf of an address; NULL where nothing is mapped. */
static uint64_t *page_entry(uint64_t address)
{
    uint64_t table = root;
    for (unsigned level = levels; level > 1; --level) {
        uint64_t *entry = &table_at(table)[PAGEINDEX(address, level)];
        if (!(*entry & PTE_P))
            return NULL;
        if (*entry & PTE_PS)
            leaf_split(entry, level);
        table = *entry;
    }
    return &table_at(table)[PAGEINDEX(address, 1)];
}

static void pages_protect(uint64_t start, uint64_t size, bool write, bool execute)
{
    for (uint64_t at = ROUND_DOWN(start, EFI_PAGE_SIZE); at < start + size; at += EFI_PAGE_SIZE) {
        uint64_t *entry = page_entry(at);
        if (!entry)
            continue;
        *entry = (*entry & ~(PTE_W | PTE_NX)) | (write ? PTE_W : 0) | (execute ? 0 : PTE_NX);
        __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
    }
}

static void pages_unmap(uint64_t start, uint64_t size)
{
    for (uint64_t at = start; at < start + size; at += EFI_PAGE_SIZE) {
        uint64_t *entry = page_entry(at);
        if (entry)
            *entry = 0;
    }
}

static uint32_t header_u32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

void hostile_protect_image(EFI_LOADED_IMAGE *image)
{
    const uint8_t *base = image->ImageBase;
    if (!armed || !base)
        return;
    uint64_t start = (uint64_t)(uintptr_t)base;
    const uint8_t *header = base + header_u32(base + DOS_PE_OFFSET);
    bool aligned = base[0] == 'M' && base[1] == 'Z' &&
                   header_u32(header + PE_OPTIONAL + PE_SECTION_ALIGNMENT) % EFI_PAGE_SIZE == 0;
    if (!aligned) {
        /* Code and data share pages in many of the firmware's own drivers: as old firmware does it. */
        pages_protect(start, image->ImageSize, true, true);
        return;
    }
    unsigned count = header[PE_SECTION_COUNT] | (unsigned)header[PE_SECTION_COUNT + 1] << 8;
    unsigned optional = header[PE_OPTIONAL_SIZE] | (unsigned)header[PE_OPTIONAL_SIZE + 1] << 8;
    const uint8_t *section = header + PE_OPTIONAL + optional;
    pages_protect(start, image->ImageSize, false, false);
    for (unsigned i = 0; i < count; ++i, section += SECTION_BYTES) {
        uint32_t flags = header_u32(section + SECTION_CHARACTERISTICS);
        pages_protect(start + header_u32(section + SECTION_VIRTUAL_ADDRESS),
                      header_u32(section + SECTION_VIRTUAL_SIZE), (flags & SECTION_WRITE) != 0,
                      (flags & SECTION_EXECUTE) != 0);
    }
}

EFI_IMAGE_ENTRY_POINT hostile_image_entry(const EFI_LOADED_IMAGE *image)
{
    const uint8_t *base = image->ImageBase;
    const uint8_t *header = base + header_u32(base + DOS_PE_OFFSET);
    return (EFI_IMAGE_ENTRY_POINT)(uintptr_t)(base + header_u32(header + PE_OPTIONAL + PE_ENTRY));
}

void hostile_unprotect(uint64_t start, uint64_t size)
{
    if (armed)
        pages_protect(start, size, true, false);
}

/* Every page of RAM on its own: 4 KiB leaves, as a strict firmware has them. */
static void memory_split(void)
{
    static uint8_t map[64 * 1024];
    UINTN size = sizeof(map), key, stride;
    UINT32 version;
    if (EFI_ERROR(
            hostile_services->GetMemoryMap(&size, (EFI_MEMORY_DESCRIPTOR *)map, &key, &stride, &version)))
        return;
    for (UINTN at = 0; at + stride <= size; at += stride) {
        const EFI_MEMORY_DESCRIPTOR *memory = (const EFI_MEMORY_DESCRIPTOR *)(map + at);
        if (memory->Type == EfiReservedMemoryType || memory->Type == EfiMemoryMappedIO)
            continue;
        for (uint64_t page = 0; page < memory->NumberOfPages; ++page)
            page_entry(memory->PhysicalStart + page * EFI_PAGE_SIZE);
    }
}

static void images_protect(void)
{
    EFI_GUID loaded_image_guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
    EFI_HANDLE *handles;
    UINTN count = 0;
    if (EFI_ERROR(
            hostile_services->LocateHandleBuffer(ByProtocol, &loaded_image_guid, NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count; ++i) {
        EFI_LOADED_IMAGE *image;
        if (!EFI_ERROR(hostile_services->HandleProtocol(handles[i], &loaded_image_guid, (void **)&image)))
            hostile_protect_image(image);
    }
}

void hostile_protection(void)
{
    if (!mischief.strict_protection)
        return;
    uint64_t cr3, cr4;
    __asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    levels = cr4 & CR4_LA57 ? 5 : 4;
    tables_start = hostile_pages(TABLES_MAX, UINT32_MAX, EfiBootServicesData);
    root = tables_copy(cr3, levels);
    memory_split();
    armed = true;
    images_protect();
    pages_unmap(0, EFI_PAGE_SIZE);
    if (mischief.graphics_high)
        pages_unmap(GRAPHICS_HIGH_BASE, GRAPHICS_HIGH_SIZE);
    __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
    report("hostile: strict protection is on\n");
}
