/* libFuzzer target: bytes become operations on two address spaces, each compared with the flat model.
 *
 * The first byte chooses the machine. The suite makes a short run with a fixed seed; a long one, with a corpus that grows:
 *
 *     mkdir -p corpus && build/test/fuzz/paging_fuzz -max_len=4096 -len_control=0 -timeout=20 -max_total_time=3600 corpus
 *
 * A crash prints what was not true and leaves the bytes in a file, which is given as the only argument to see it again. */
#include "test/unit/paging_steps.h"

#define STEPS_MOST 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct steps steps;
    if (size == 0)
        return 0;
    steps.data = data + 1;
    steps.size = size - 1;
    steps_start(&steps, &machines[data[0] % machine_count], data[0] & 0x40, data[0] & 0x80);
    while (steps.done < STEPS_MOST && steps_run(&steps))
        ;
    steps_end(&steps);
    return 0;
}
