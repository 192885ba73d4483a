/* The memory functions of the C library, with the C library's meaning: the loader has no other. */
#ifndef EFI_RUNTIME_H
#define EFI_RUNTIME_H

#include <stddef.h>

void *memset(void *to, int byte, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);
int memcmp(const void *left, const void *right, size_t size);

#endif
