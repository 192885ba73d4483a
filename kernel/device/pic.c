/* The two 8259A interrupt controllers of a PC: switched off for good. */
#include <stddef.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/port.h"
#include "kernel/debug/log.h"
#include "kernel/device/apic.h"

/* Ports, and the initialisation words of the 8259A data sheet. */
#define PIC1_COMMAND    0x20
#define PIC1_DATA       0x21
#define PIC2_COMMAND    0xa0
#define PIC2_DATA       0xa1
#define ICW1_INITIALISE 0x11 /* edge, cascade, ICW4 follows */
#define ICW3_SLAVE_AT_2 0x04
#define ICW3_SLAVE_ID   0x02
#define ICW4_8086       0x01
#define PIC1_VECTOR     0x20
#define PIC2_VECTOR     0x28
#define MASK_ALL        0xff

/* A line that drops before it is acknowledged shows as the controller's lowest priority input, masked or not. */
#define SPURIOUS_INPUT  7

static void spurious_handle(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
}

void pic_disable(void)
{
    if (interrupt_register(PIC1_VECTOR + SPURIOUS_INPUT, spurious_handle, NULL) != 0 ||
        interrupt_register(PIC2_VECTOR + SPURIOUS_INPUT, spurious_handle, NULL) != 0)
        log_debug("PIC: its spurious vectors have handlers already");
    outb(PIC1_COMMAND, ICW1_INITIALISE);
    outb(PIC2_COMMAND, ICW1_INITIALISE);
    outb(PIC1_DATA, PIC1_VECTOR);
    outb(PIC2_DATA, PIC2_VECTOR);
    outb(PIC1_DATA, ICW3_SLAVE_AT_2);
    outb(PIC2_DATA, ICW3_SLAVE_ID);
    outb(PIC1_DATA, ICW4_8086);
    outb(PIC2_DATA, ICW4_8086);
    outb(PIC1_DATA, MASK_ALL);
    outb(PIC2_DATA, MASK_ALL);
}
