/* A memory map that is hard to read, and a firmware that is hard to leave. */

#include "test/boot/hostile/hostile.h"

#define DESCRIPTORS_MAX 1024
#define WIDE_STRIDE     72
#define LONG_MAP_LEAST  320
#define OEM_TYPE        0x70000005u
#define UNKNOWN_TYPE    0x42u
#define OVERLAP_PAGE    UINT64_C(0x2000)

/* Descriptors that each refused exit adds, and how often; far from all memory. */
#define GROWTH          5
#define GROWTHS_MAX     4
#define GROWTH_START    UINT64_C(0x2000000000)

static EFI_GET_MEMORY_MAP real_map;
static EFI_EXIT_BOOT_SERVICES real_exit;
static bool refused;
static bool exiting;
static uint32_t refusals;
static uint32_t small_answers;
static UINTN last_key;
static bool key_fresh;

static uint8_t raw[DESCRIPTORS_MAX * 48];
static EFI_MEMORY_DESCRIPTOR descriptors[DESCRIPTORS_MAX];
static unsigned descriptor_count;

void hostile_rule_check(const char *call)
{
    if (!refused || exiting)
        return;
    report("hostile: after a refused ExitBootServices the loader called ");
    report(call);
    report("\n");
    hostile_exit(EXIT_RULE);
}

static void descriptor_add(uint32_t type, uint64_t start, uint64_t pages, uint64_t attributes)
{
    if (descriptor_count == DESCRIPTORS_MAX)
        return;
    descriptors[descriptor_count++] = (EFI_MEMORY_DESCRIPTOR){
        .Type = type, .PhysicalStart = start, .NumberOfPages = pages, .Attribute = attributes};
}

static void map_make_strange(void)
{
    /* The same page as what the firmware says, and reserved. */
    descriptor_add(EfiReservedMemoryType, OVERLAP_PAGE, 1, EFI_MEMORY_WB);
    descriptor_add(OEM_TYPE, UINT64_C(0x5000), 0, EFI_MEMORY_WB);
    descriptor_add(EfiConventionalMemory, 0, 0, EFI_MEMORY_WB);
    descriptor_add(UNKNOWN_TYPE, UINT64_C(0x30000000000), 16, EFI_MEMORY_WB);
    /* Runs over the end of everything. */
    descriptor_add(EfiMemoryMappedIO, UINT64_C(0xffffffffffff0000), UINT64_C(0x100000), EFI_MEMORY_UC);
    descriptor_add(EfiReservedMemoryType, UINT64_C(0xfe000000000), UINT64_MAX, 0);
}

/* Every refusal splits something: the map is longer than the last time. */
static void map_grow(void)
{
    unsigned times = refusals < GROWTHS_MAX ? refusals : GROWTHS_MAX;
    for (unsigned i = 0; i < times * GROWTH; ++i)
        descriptor_add(EfiReservedMemoryType, GROWTH_START + 2 * i * EFI_PAGE_SIZE, 1, EFI_MEMORY_UC);
}

/* Cut conventional memory up until there are enough descriptors. */
static void map_make_long(void)
{
    for (unsigned i = 0; descriptor_count < LONG_MAP_LEAST && i < descriptor_count; ++i) {
        EFI_MEMORY_DESCRIPTOR *from = &descriptors[i];
        while (from->Type == EfiConventionalMemory && from->NumberOfPages > 1 &&
               descriptor_count < LONG_MAP_LEAST) {
            uint64_t keep = from->NumberOfPages - from->NumberOfPages / 3 - 1;
            if (keep == 0)
                break;
            descriptor_add(from->Type, from->PhysicalStart + keep * EFI_PAGE_SIZE, from->NumberOfPages - keep,
                           from->Attribute);
            from->NumberOfPages = keep;
        }
    }
}

static void map_shuffle(void)
{
    /* The same disorder every time (Knuth's constants for a linear congruential generator). */
    uint64_t state = 1;
    for (unsigned i = descriptor_count; i > 1; --i) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned j = (unsigned)((state >> 33) % i);
        EFI_MEMORY_DESCRIPTOR moving = descriptors[i - 1];
        descriptors[i - 1] = descriptors[j];
        descriptors[j] = moving;
    }
}

static EFI_STATUS map_read(UINTN *key, UINT32 *version)
{
    UINTN size = sizeof(raw), stride = 0;
    EFI_STATUS status = real_map(&size, (EFI_MEMORY_DESCRIPTOR *)raw, key, &stride, version);
    if (EFI_ERROR(status))
        return status;
    descriptor_count = 0;
    for (UINTN at = 0; at + stride <= size && descriptor_count < DESCRIPTORS_MAX; at += stride)
        descriptors[descriptor_count++] = *(EFI_MEMORY_DESCRIPTOR *)(raw + at);
    map_grow();
    if (mischief.strange_map)
        map_make_strange();
    if (mischief.long_map)
        map_make_long();
    if (mischief.shuffled_map)
        map_shuffle();
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI get_memory_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *stride,
                                        UINT32 *version)
{
    EFI_STATUS status = map_read(key, version);
    if (EFI_ERROR(status))
        return status;
    *stride = mischief.wide_descriptors ? WIDE_STRIDE : sizeof(EFI_MEMORY_DESCRIPTOR) + 8;
    UINTN needed = descriptor_count * *stride;
    bool too_small = *size < needed;
    if (!too_small && map && small_answers < mischief.small_map) {
        ++small_answers;
        needed = *size + *stride;
        too_small = true;
    }
    *size = needed;
    if (too_small)
        return EFI_BUFFER_TOO_SMALL;
    for (unsigned i = 0; i < descriptor_count; ++i) {
        uint8_t *to = (uint8_t *)map + i * *stride;
        for (UINTN byte = 0; byte < *stride; ++byte)
            to[byte] = 0xee;
        *(EFI_MEMORY_DESCRIPTOR *)to = descriptors[i];
    }
    last_key = *key;
    key_fresh = true;
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI exit_boot_services(EFI_HANDLE image, UINTN key)
{
    if (!key_fresh || key != last_key) {
        report("hostile: ExitBootServices with a stale key\n");
        hostile_exit(EXIT_RULE);
    }
    key_fresh = false;
    if (refusals < mischief.refuse_exit) {
        ++refusals;
        refused = true;
        return EFI_INVALID_PARAMETER;
    }
    /* The firmware's own handlers may call what the loader may not. */
    exiting = true;
    EFI_STATUS status = real_exit(image, key);
    exiting = false;
    return status;
}

void hostile_memory_map(void)
{
    real_map = hostile_services->GetMemoryMap;
    real_exit = hostile_services->ExitBootServices;
    hostile_services->GetMemoryMap = get_memory_map;
    hostile_services->ExitBootServices = exit_boot_services;
}
