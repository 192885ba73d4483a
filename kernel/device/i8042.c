/* See i8042.h. Registers and commands: Intel 8255A/8042 keyboard controller, as IBM's PC/AT Technical Reference describes them. */
#include "kernel/device/i8042.h"

#include <asm/errno.h>
#include <stdbool.h>

#include "kernel/cpu/interrupt.h"
#include "kernel/cpu/port.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/debug/spinlock.h"
#include "kernel/device/acpi.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock.h"
#include "kernel/device/keyboard.h"

#define DATA                      0x60
#define STATUS                    0x64 /* read */
#define COMMAND                   0x64 /* write */

#define STATUS_OUTPUT             (1u << 0) /* a byte waits to be read */
#define STATUS_INPUT              (1u << 1) /* the last one written is not taken yet */
#define STATUS_MOUSE              (1u << 5) /* what waits is the second port's */

#define READ_CONFIGURATION        0x20
#define WRITE_CONFIGURATION       0x60
#define DISABLE_SECOND            0xa7
#define DISABLE_FIRST             0xad
#define ENABLE_FIRST              0xae

#define CONFIGURATION_INTERRUPT   (1u << 0)
#define CONFIGURATION_INTERRUPT_2 (1u << 1)
#define CONFIGURATION_NO_CLOCK    (1u << 4)
#define CONFIGURATION_TRANSLATE   (1u << 6)

/* To the keyboard, and from it. */
#define SET_LIGHTS                0xed
#define SET_REPEAT                0xf3
#define ENABLE_SCANNING           0xf4
#define ACKNOWLEDGE               0xfa
#define RESEND                    0xfe
#define EXTENDED_PREFIX           0xe0
#define PAUSE_PREFIX              0xe1
#define PAUSE_REST                2 /* key bytes after that prefix, each down and up */
#define RELEASED                  0x80
#define REPEAT_FAST               0x20 /* 500 ms, then 30 a second */

#define IRQ                       1
#define LOOKS_MAX                 2000u /* of 10 microseconds */
#define LOOK_TIME                 UINT64_C(10000)
#define DRAIN_MAX                 64u
#define BYTES_A_TIME              16u

static struct {
    bool extended;
    unsigned skip; /* bytes of a Pause key that are still to come */
    /* Commands to the keyboard, one byte at a time as it acknowledges; used with its interrupt off or in it. */
    uint8_t queue[4];
    unsigned queued;
    bool waiting;
} state;

static bool wait_status(uint8_t mask, uint8_t wanted)
{
    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        if ((inb(STATUS) & mask) == wanted)
            return true;
        clock_delay(LOOK_TIME);
    }
    return false;
}

static bool command(uint8_t byte)
{
    if (!wait_status(STATUS_INPUT, 0))
        return false;
    outb(COMMAND, byte);
    return true;
}

static bool data_write(uint8_t byte)
{
    if (!wait_status(STATUS_INPUT, 0))
        return false;
    outb(DATA, byte);
    return true;
}

static bool data_read(uint8_t *byte)
{
    if (!wait_status(STATUS_OUTPUT, STATUS_OUTPUT))
        return false;
    *byte = inb(DATA);
    return true;
}

static void drain(void)
{
    for (unsigned i = 0; i < DRAIN_MAX && inb(STATUS) & STATUS_OUTPUT; i++)
        inb(DATA);
}

/* --- commands to the keyboard --- */

static void queue_send(void)
{
    if (state.waiting || state.queued == 0 || inb(STATUS) & STATUS_INPUT)
        return;
    outb(DATA, state.queue[0]);
    state.waiting = true;
}

static void queue_add(uint8_t byte)
{
    if (state.queued < sizeof(state.queue))
        state.queue[state.queued++] = byte;
}

/* The keyboard took the byte, or wants it again. */
static void queue_answer(bool again)
{
    state.waiting = false;
    if (!again && state.queued > 0) {
        state.queued--;
        for (unsigned i = 0; i < state.queued; i++)
            state.queue[i] = state.queue[i + 1];
    }
    queue_send();
}

void i8042_lights(uint8_t lights)
{
    bool enabled = interrupts_disable();

    /* A change that is still on its way is overtaken. */
    if (state.queued == 2 && state.queue[0] == SET_LIGHTS && !state.waiting)
        state.queued = 0;
    if (state.queued + 2 <= sizeof(state.queue)) {
        queue_add(SET_LIGHTS);
        queue_add(lights);
        queue_send();
    }
    interrupts_restore(enabled);
}

/* --- keys --- */

static void byte_take(uint8_t byte)
{
    if (state.skip > 0) {
        state.skip--;
    } else if (byte == ACKNOWLEDGE || byte == RESEND) {
        queue_answer(byte == RESEND);
    } else if (byte == EXTENDED_PREFIX) {
        state.extended = true;
    } else if (byte == PAUSE_PREFIX) {
        state.skip = PAUSE_REST;
    } else {
        uint8_t key = byte & (uint8_t)~RELEASED;
        keyboard_key(state.extended ? key | KEY_EXTENDED : key, !(byte & RELEASED));
        state.extended = false;
    }
}

static void interrupt(struct trap_frame *frame, void *context)
{
    (void)frame;
    (void)context;
    lapic_end_of_interrupt();
    for (unsigned i = 0; i < BYTES_A_TIME; i++) {
        uint8_t status = inb(STATUS);
        if (!(status & STATUS_OUTPUT))
            break;
        uint8_t byte = inb(DATA);
        if (!(status & STATUS_MOUSE))
            byte_take(byte);
    }
}

/* --- setting up --- */

static bool controller_prepare(void)
{
    uint8_t configuration;

    if (inb(STATUS) == 0xff || !command(DISABLE_FIRST) || !command(DISABLE_SECOND))
        return false;
    drain();
    if (!command(READ_CONFIGURATION) || !data_read(&configuration))
        return false;
    configuration |= CONFIGURATION_INTERRUPT | CONFIGURATION_TRANSLATE;
    configuration &= (uint8_t) ~(CONFIGURATION_INTERRUPT_2 | CONFIGURATION_NO_CLOCK);
    return command(WRITE_CONFIGURATION) && data_write(configuration) && command(ENABLE_FIRST);
}

static bool keyboard_tell(uint8_t byte)
{
    uint8_t answer;

    for (unsigned i = 0; i < 3; i++) {
        if (!data_write(byte) || !data_read(&answer))
            return false;
        if (answer == ACKNOWLEDGE)
            return true;
    }
    return false;
}

int i8042_start(void)
{
    int vector = interrupt_vector_alloc();

    if (!acpi_info.i8042_present || vector < 0)
        return vector < 0 ? vector : -ENODEV;
    if (!controller_prepare())
        return -ENODEV;
    if (!keyboard_tell(ENABLE_SCANNING))
        return -ENODEV;
    /* Not all take this one; keys come anyway. */
    if (keyboard_tell(SET_REPEAT) && !keyboard_tell(REPEAT_FAST))
        log_debug("keyboard: its repeat rate stays as it is");
    drain();
    int error = interrupt_register((uint8_t)vector, interrupt, NULL);
    if (error == 0)
        error = ioapic_route_isa(IRQ, (uint8_t)vector, lapic_id());
    if (error == 0)
        ioapic_mask_isa(IRQ, false);
    return error;
}
