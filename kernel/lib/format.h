/* printf-style formatting without floating point: %d %i %u %x %X %o %c %s %p %% with flags "-+ #0", width, precision (both also *), and
 * the length modifiers hh h l ll z j t. No state; `%s` of NULL prints "(null)". */
#ifndef KERNEL_LIB_FORMAT_H
#define KERNEL_LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#define printf_like(string, first) __attribute__((__format__(__printf__, string, first)))

/* As C17's: at most size-1 characters and a terminator (none when size is 0); the length the whole text would have had. */
int snprintf(char *to, size_t size, const char *format, ...) printf_like(3, 4);
int vsnprintf(char *to, size_t size, const char *format, va_list arguments) printf_like(3, 0);

#endif
