/* Bytes become a memory map: the first gives the stride, the rest are descriptors, mostly folded onto few pages so that they meet. The
 * cleaned map is held against the page-by-page model of test/unit/efi_map_model.h. A long run:
 *
 *     build/test/fuzz/efi_memory_map_fuzz -max_len=8192 -max_total_time=600 */

#include "test/unit/efi_map_model.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t stride = 32 + data[0] % 64;
    size_t bytes = size - 1;
    unsigned char *raw = malloc(bytes + 1);
    memcpy(raw, data + 1, bytes);
    for (size_t at = 0; stride >= sizeof(struct uefi_memory) && at + stride <= bytes; at += stride) {
        struct uefi_memory memory;
        memcpy(&memory, raw + at, sizeof(memory));
        /* `padding` is the fuzzer's to say what stays wild. */
        if (memory.padding & 1)
            memory.type %= 18;
        if (memory.padding & 2)
            memory.physical_start = memory.physical_start % MODEL_PAGES * PAGE_SIZE;
        if (memory.padding & 4)
            memory.page_count %= 32;
        if (memory.padding & 8)
            memory.attributes |= UEFI_MEMORY_WRITE_BACK;
        memcpy(raw + at, &memory, sizeof(memory));
    }
    map_model_check(raw, bytes, stride);
    free(raw);
    return 0;
}
