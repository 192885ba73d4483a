/* The kernel's command line: printable ASCII, one line. It comes from the firmware's load options (UTF-16, sometimes garbage) or from
 * the file \quire\cmdline.txt (written by a person, with any editor).
 *
 * Pure: no firmware call, no allocation, no state. Words are separated by blanks; a double quote begins or ends a stretch in which
 * blanks do not separate, and a backslash inside quotes takes the next character as it is. The word `--` ends the options; what
 * follows is the first program's. */
#ifndef EFI_COMMAND_LINE_H
#define EFI_COMMAND_LINE_H

#include "paging/types.h"

/* Convert `bytes` of UTF-16LE text at any alignment, up to its end or its first NUL; an odd last byte is dropped. Tabs and line ends
 * become blanks, blanks at both ends go. -EILSEQ when it holds anything but printable ASCII: then it is no command line at all (some
 * firmware passes binary data). -ENAMETOOLONG when it does not fit `size` with its terminator. On failure `line` is empty. */
int must_check command_line_from_utf16(const void *text, size_t bytes, char *line, size_t size);

/* Convert a text file: ASCII or UTF-8 whose text is ASCII, or UTF-16LE with a byte order mark, as editors write it. Lines are joined
 * by blanks; a line whose first visible character is '#' is a comment. -EILSEQ and `*where` (byte offset) for a character that is not
 * printable ASCII; -ENAMETOOLONG. On failure `line` is empty. */
int must_check command_line_from_file(const void *text, size_t bytes, char *line, size_t size, size_t *where);

/* Drop the first word when it is a program's path (its name ends in ".efi", any case): the UEFI shell passes it like argv[0]. */
void command_line_drop_program(char *line);

/* Copy the value of the last word `name=value` among the options to `value`, terminated and without quotes. False when there is none or
 * it does not fit. */
bool command_line_value(const char *line, const char *name, char *value, size_t size);

/* Is the word `name` among the options? */
bool command_line_has(const char *line, const char *name);

/* A decimal number, all of `text`. */
bool command_line_number(const char *text, uint32_t *number);

/* "1024x768". */
bool command_line_size(const char *text, uint32_t *width, uint32_t *height);

#endif
