/* Bytes become load options and a command line file: whatever comes out is printable, terminated and within its buffer, and the words of
 * it can be asked for. A long run:
 *
 *     build/test/fuzz/efi_text_fuzz -max_len=512 -max_total_time=600 */

#include "efi/command_line.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(char *line, size_t size, int error)
{
    size_t length = strnlen(line, size);
    if (length == size || (error && length != 0))
        abort();
    for (size_t i = 0; i < length; ++i)
        if (line[i] < 0x20 || line[i] > 0x7e)
            abort();
    if (length > 0 && (line[0] == ' ' || line[length - 1] == ' '))
        abort();
    command_line_drop_program(line);
    if (strnlen(line, size) > length)
        abort();

    char value[8];
    if (command_line_value(line, "levels", value, sizeof(value)) &&
        strnlen(value, sizeof(value)) == sizeof(value))
        abort();
    uint32_t width, height;
    if (command_line_value(line, "mode", value, sizeof(value)) && command_line_size(value, &width, &height) &&
        !strchr(value, 'x'))
        abort();
    if (command_line_has(line, "loader-wait") && !strstr(line, "loader") && !strchr(line, '"'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t line_size = 1 + data[0];
    char *line = malloc(line_size);
    size_t where = 0;
    memset(line, 0xee, line_size);
    check_line(line, line_size, command_line_from_utf16(data + 1, size - 1, line, line_size));
    memset(line, 0xee, line_size);
    int error = command_line_from_file(data + 1, size - 1, line, line_size, &where);
    if (where > size)
        abort();
    check_line(line, line_size, error);
    free(line);
    return 0;
}
