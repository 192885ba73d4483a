#include "kernel/device/serial.h"

#include <asm/errno.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/port.h"
#include "kernel/device/apic.h"
#include "kernel/lib/string.h"

/* Registers, by offset from the port's base (PC16550D, table II). */
enum {
    UART_DATA = 0,              /* receive and transmit; divisor low with LCR_DIVISOR */
    UART_INTERRUPT_ENABLE = 1,  /* divisor high with LCR_DIVISOR */
    UART_FIFO_CONTROL = 2,      /* written */
    UART_INTERRUPT_PENDING = 2, /* read */
    UART_LINE_CONTROL = 3,
    UART_MODEM_CONTROL = 4,
    UART_LINE_STATUS = 5,
    UART_MODEM_STATUS = 6,
};

enum { IER_RECEIVED = 1 << 0 };
enum {
    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RECEIVER = 1 << 1,
    FCR_CLEAR_TRANSMITTER = 1 << 2,
    FCR_TRIGGER_14 = 3 << 6
};
enum { IIR_NONE_PENDING = 1 << 0, IIR_FIFOS_ON = 3 << 6 };
enum { LCR_8_BITS = 3 << 0, LCR_DIVISOR = 1 << 7 };
/* OUT2 is the gate between the UART and the interrupt line of a PC. */
enum { MCR_DTR = 1 << 0, MCR_RTS = 1 << 1, MCR_OUT2 = 1 << 3, MCR_LOOP = 1 << 4 };
enum { LSR_DATA_READY = 1 << 0, LSR_TRANSMITTER_EMPTY = 1 << 5 };

#define DIVISOR_115200    1
#define FIFO_SIZE         16
#define STATUS_ABSENT     0xff /* what an empty place on the bus reads as */
#define LOOP_BYTE         0xae

/* Looks at the status before the port counts as stuck. One is a microsecond on the ISA bus: half a minute, because an emulator's
 * transmitter stands still for as long as nobody reads the other end. */
#define TRANSMIT_WAIT_MAX (1u << 25)
#define LOOP_WAIT_MAX     10000u

/* Bytes and interrupts that one pass may handle, so that a port that always has more cannot hold the CPU. */
#define RECEIVE_MAX       64
#define PASSES_MAX        16

static struct port {
    const uint16_t base;
    const uint8_t irq;
    bool present;
    unsigned fifo; /* bytes the transmitter takes when it is empty */
    serial_receiver *receiver;
    void *context;
} ports[SERIAL_PORTS] = {
    {.base = 0x3f8, .irq = 4},
    {.base = 0x2f8, .irq = 3},
    {.base = 0x3e8, .irq = 4},
    {.base = 0x2e8, .irq = 3},
};

/* Interrupts that were asked for and could not be had: then serial_poll() must be called. */
static bool polling;
static bool receiving;

static uint8_t uart_read(const struct port *port, uint16_t reg)
{
    return inb(port->base + reg);
}

static void uart_write(const struct port *port, uint16_t reg, uint8_t value)
{
    outb(port->base + reg, value);
}

static bool wait_for(const struct port *port, uint8_t status, uint32_t most)
{
    for (uint32_t looks = 0; looks < most; looks++) {
        if (uart_read(port, UART_LINE_STATUS) & status)
            return true;
    }
    return false;
}

/* A byte sent in loop-back mode comes back: there is a UART, and it works. */
static bool loop_test(const struct port *port)
{
    uart_write(port, UART_MODEM_CONTROL, MCR_LOOP | MCR_RTS);
    /* A UART has emptied its cleared FIFO at once; what still claims data then is none. */
    for (unsigned i = 0; i < FIFO_SIZE && (uart_read(port, UART_LINE_STATUS) & LSR_DATA_READY); i++)
        (void)uart_read(port, UART_DATA);
    if (uart_read(port, UART_LINE_STATUS) & LSR_DATA_READY)
        return false;
    uart_write(port, UART_DATA, LOOP_BYTE);
    return wait_for(port, LSR_DATA_READY, LOOP_WAIT_MAX) && uart_read(port, UART_DATA) == LOOP_BYTE;
}

static void port_start(struct port *port)
{
    uart_write(port, UART_INTERRUPT_ENABLE, 0);
    if (uart_read(port, UART_LINE_STATUS) == STATUS_ABSENT)
        return;
    uart_write(port, UART_LINE_CONTROL, LCR_DIVISOR | LCR_8_BITS);
    uart_write(port, UART_DATA, DIVISOR_115200);
    uart_write(port, UART_INTERRUPT_ENABLE, DIVISOR_115200 >> 8);
    uart_write(port, UART_LINE_CONTROL, LCR_8_BITS);
    uart_write(port, UART_FIFO_CONTROL,
               FCR_ENABLE | FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER | FCR_TRIGGER_14);
    port->present = loop_test(port);
    if (!port->present)
        return;
    bool fifos = (uart_read(port, UART_INTERRUPT_PENDING) & IIR_FIFOS_ON) == IIR_FIFOS_ON;
    port->fifo = fifos ? FIFO_SIZE : 1;
    uart_write(port, UART_MODEM_CONTROL, MCR_DTR | MCR_RTS);
}

void serial_start(void)
{
    for (unsigned i = 0; i < SERIAL_PORTS; i++)
        port_start(&ports[i]);
}

bool serial_present(unsigned port)
{
    return port < SERIAL_PORTS && ports[port].present;
}

void serial_write(unsigned number, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    if (!serial_present(number))
        return;
    struct port *port = &ports[number];
    while (size > 0) {
        if (!wait_for(port, LSR_TRANSMITTER_EMPTY, TRANSMIT_WAIT_MAX)) {
            port->present = false;
            return;
        }
        for (unsigned room = port->fifo; room > 0 && size > 0; room--, size--)
            uart_write(port, UART_DATA, *at++);
    }
}

/* Hand over what has arrived at one port. */
static bool port_receive(struct port *port)
{
    uint8_t bytes[RECEIVE_MAX];
    size_t size = 0;

    while (size < RECEIVE_MAX && (uart_read(port, UART_LINE_STATUS) & LSR_DATA_READY))
        bytes[size++] = uart_read(port, UART_DATA);
    if (size > 0)
        port->receiver(port->context, bytes, size);
    return size > 0;
}

/* An ISA interrupt is an edge: one that comes while another port holds the shared line is seen only if every port is found quiet
 * before this ends. */
static void irq_handle(struct trap_frame *frame, void *context)
{
    uint8_t irq = (uint8_t)(uintptr_t)context;
    bool again = true;

    (void)frame;
    for (unsigned pass = 0; pass < PASSES_MAX && again; pass++) {
        again = false;
        for (unsigned i = 0; i < SERIAL_PORTS; i++) {
            struct port *port = &ports[i];
            if (port->irq != irq || port->receiver == NULL)
                continue;
            if (!(uart_read(port, UART_INTERRUPT_PENDING) & IIR_NONE_PENDING))
                again |= port_receive(port);
        }
    }
    lapic_end_of_interrupt();
}

/* Route the port's interrupt, once for both ports that share it. */
static int irq_connect(const struct port *port)
{
    static bool connected[SERIAL_PORTS + 1]; /* by IRQ: 3 and 4 */

    if (connected[port->irq])
        return 0;
    int vector = interrupt_vector_alloc();
    if (vector < 0)
        return vector;
    int error = interrupt_register((uint8_t)vector, irq_handle, (void *)(uintptr_t)port->irq);
    if (error == 0)
        error = ioapic_route_isa(port->irq, (uint8_t)vector, lapic_id());
    connected[port->irq] = error == 0;
    return error;
}

int serial_receive(unsigned number, serial_receiver *receiver, void *context)
{
    if (!serial_present(number))
        return -ENODEV;
    struct port *port = &ports[number];
    if (port->receiver != NULL)
        return -EBUSY;
    port->context = context;
    __atomic_store_n(&port->receiver, receiver, __ATOMIC_RELEASE);
    receiving = true;
    if (irq_connect(port) != 0) {
        polling = true;
        return 0;
    }
    uart_write(port, UART_MODEM_CONTROL, MCR_DTR | MCR_RTS | MCR_OUT2);
    uart_write(port, UART_INTERRUPT_ENABLE, IER_RECEIVED);
    return 0;
}

bool serial_interrupts(void)
{
    return receiving && !polling;
}

void serial_poll(void)
{
    if (!polling)
        return;
    for (unsigned i = 0; i < SERIAL_PORTS; i++) {
        if (ports[i].present && ports[i].receiver != NULL)
            (void)port_receive(&ports[i]);
    }
}
