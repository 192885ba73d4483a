/* The memory map's second opinion: page by page instead of entry by entry, straight from the promises in efi/memory_map.h. */
#ifndef TEST_UNIT_EFI_MAP_MODEL_H
#define TEST_UNIT_EFI_MAP_MODEL_H

#include "efi/memory_map.h"

/* The model sees this many pages from address 0, and this many below the end of physical memory. */
#define MODEL_PAGES 128

/* Clean `raw`, hold the result against the model, then reserve, limit and gather extents and hold those against it too. Aborts with a
 * message where they differ. */
void map_model_check(const void *raw, size_t raw_size, size_t stride);

#endif
