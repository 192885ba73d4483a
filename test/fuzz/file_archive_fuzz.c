/* Any bytes as an archive: unpacking reads nothing outside of them, leaves the tree consistent, leaks nothing.
 *
 * A long run: `build/test/fuzz/file_archive_fuzz -max_len=4096 CORPUS`, with a folder of archives to start from. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/file/archive.h"
#include "kernel/file/cpio.h"
#include "test/unit/file_cpio_maker.h"
#include "test/unit/file_fakes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t max_size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    fakes_begin();
    int error = archive_unpack("fuzz.cpio", bytes, size);
    (void)error;
    fakes_end(); /* counts links, references and allocations */
    return 0;
}

/* Half of the inputs are well-formed archives of random entries, so that unpacking is reached and not only the parser. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t max_size, unsigned seed)
{
    static const char *const names[] = {"a",   "b", "a/b",    "a/b/c",  "l",
                                        "l/x", ".", "b/../c", "//d//e", "l/../a"};
    static const uint32_t modes[] = {0100644, 0040755, 0120777, 0020600, 0010644, 0170000};
    static const char *const texts[] = {"", "a", "../..", "l", "/b", "some text"};
    static struct cpio_maker maker;

    if (seed % 2 == 0)
        return LLVMFuzzerMutate(bytes, size, max_size);
    srand(seed);
    cpio_maker_start(&maker);
    for (int entries = rand() % 12; entries > 0; entries--) {
        struct cpio_fields fields = {.inode = (uint32_t)rand() % 3,
                                     .mode = modes[rand() % (rand() % 40 ? 5 : 6)],
                                     .links = 1 + (uint32_t)rand() % 2};
        const char *text = texts[rand() % 6];
        cpio_maker_add(&maker, &fields, names[rand() % (rand() % 40 ? 7 : 10)], text, strlen(text));
    }
    if (rand() % 10 != 0)
        cpio_maker_end(&maker);
    size_t made = maker.size < max_size ? maker.size : max_size;
    memcpy(bytes, maker.bytes, made);
    return made;
}
