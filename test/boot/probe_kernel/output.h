/* The probe's only voice: lines on the first serial port and QEMU's debug console, and the verdict through isa-debug-exit. */
#ifndef PROBE_OUTPUT_H
#define PROBE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

void put_text(const char *text);
void put_hexadecimal(uint64_t number);
void put_line(const char *text);

/* One promise of the contract: counted, and a line when it is broken. `saw` is printed with it. */
void check(bool kept, const char *promise, uint64_t saw);
unsigned checks_failed(void);
unsigned checks_made(void);

/* End QEMU with status (value << 1) | 1; halt where there is no such device. */
_Noreturn void machine_exit(uint32_t value);

#endif
