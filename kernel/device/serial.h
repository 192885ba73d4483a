/* The 16550 UARTs of a PC: COM1..COM4 at their ISA ports (National Semiconductor PC16550D).
 *
 * A port that does not answer its loop-back test is absent and everything on it is a no-op; every wait is bounded. */
#ifndef KERNEL_DEVICE_SERIAL_H
#define KERNEL_DEVICE_SERIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_PORTS 4

/* Probe and program all ports: 115200 8n1, FIFOs on, interrupts off. Safe before anything else runs. */
void serial_start(void);
bool serial_present(unsigned port); /* 0 = COM1 */

/* Write all bytes, waiting for the transmitter; gives a port up as absent after a bounded wait. Any context; callers serialise. */
void serial_write(unsigned port, const void *bytes, size_t size);

/* Receive: `receiver` is called with interrupts off, for the bytes that came. Uses IRQ 4 (COM1, COM3) and IRQ 3 (COM2, COM4) through
 * ioapic_route_isa(); without an I/O APIC the caller must call serial_poll() regularly. 0 or negative errno. */
typedef void serial_receiver(void *context, const uint8_t *bytes, size_t size);
int serial_receive(unsigned port, serial_receiver *receiver, void *context);
/* true: receiving works by interrupts */
bool serial_interrupts(void);
void serial_poll(void);

#endif
