/* Fuzz the command line's parser: its words must be terminated strings inside the caller's text, one behind the other.
 *
 * Long run: build/test/fuzz/lib_options_fuzz -max_total_time=3600 -max_len=1024 CORPUS */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/lib/options.h"

#define WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1), *text = malloc(size + 1), *words[WORDS];
    struct option_list list = {.words = words, .words_max = WORDS, .text = text, .text_size = size + 1};
    uint64_t number;

    memcpy(line, data, size);
    line[size] = '\0';
    int error = options_parse(&list, line);
    if ((error == 0) != (list.error == NULL) || list.error_offset > size)
        abort();
    char *expected = text;
    for (size_t i = 0; i < list.option_count + list.argument_count; i++) {
        if (words[i] != expected)
            abort();
        expected += strlen(expected) + 1;
        if (expected > text + size + 1)
            abort();
        (void)number_parse(words[i], &number);
        (void)option_list_value(&list, words[i]);
    }
    if (words[list.option_count + list.argument_count] != NULL)
        abort();
    free(text);
    free(line);
    return 0;
}
