/* Memory and strings: the C library's functions of the same names and meanings, as far as the kernel needs them. No state. */
#ifndef KERNEL_LIB_STRING_H
#define KERNEL_LIB_STRING_H

#include <stddef.h>

void *memset(void *to, int byte, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *left, const void *right, size_t size);
void *memchr(const void *from, int byte, size_t size);

size_t strlen(const char *string);
size_t strnlen(const char *string, size_t most);
int strcmp(const char *left, const char *right);
int strncmp(const char *left, const char *right, size_t most);
char *strchr(const char *string, int byte);
char *strrchr(const char *string, int byte);

/* Copy at most size-1 bytes and always terminate (size > 0). The length of `from`: >= size means that it was cut. */
size_t strlcpy(char *to, const char *from, size_t size);

#endif
