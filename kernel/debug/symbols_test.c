/* The loader's copy of the kernel file names our own functions. */
#include "kernel/debug/symbols.h"

#include "kernel/debug/selftest.h"
#include "kernel/lib/string.h"

SELFTEST(symbols_name_a_function)
{
    uint64_t offset = 0;
    const char *name = symbol_name((uint64_t)symbols_start + 1, &offset);

    CHECK(name != NULL);
    CHECK_EQ(strcmp(name, "symbols_start"), 0);
    CHECK_EQ(offset, 1);
    CHECK_EQ(symbol_address("symbols_start"), (uint64_t)symbols_start);
    CHECK(symbol_name(0x1000, &offset) == NULL);
}
