#include "test/boot/probe_kernel/output.h"

#define COM1         0x3f8
#define COM1_LSR     0x3fd
#define LSR_READY    0x20
#define LSR_ABSENT   0xff
#define SERIAL_POLLS 100000
#define DEBUGCON     0xe9
#define DEBUG_EXIT   0xf4

static unsigned failed, made;

static void port_write(uint16_t port, uint8_t byte)
{
    __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

static uint8_t port_read(uint16_t port)
{
    uint8_t byte;
    __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
    return byte;
}

static void put_byte(char byte)
{
    if (port_read(DEBUGCON) == DEBUGCON)
        port_write(DEBUGCON, (uint8_t)byte);
    for (unsigned polls = 0; polls < SERIAL_POLLS; ++polls) {
        uint8_t status = port_read(COM1_LSR);
        if (status == LSR_ABSENT)
            return;
        if (status & LSR_READY)
            break;
    }
    port_write(COM1, (uint8_t)byte);
}

void put_text(const char *text)
{
    for (; *text; ++text)
        put_byte(*text);
}

void put_hexadecimal(uint64_t number)
{
    put_text("0x");
    bool begun = false;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)(number >> shift) & 0xf;
        begun = begun || digit != 0 || shift == 0;
        if (begun)
            put_byte("0123456789abcdef"[digit]);
    }
}

void put_line(const char *text)
{
    put_text(text);
    put_text("\r\n");
}

void check(bool kept, const char *promise, uint64_t saw)
{
    ++made;
    if (kept)
        return;
    ++failed;
    put_text("probe: BROKEN: ");
    put_text(promise);
    put_text(": ");
    put_hexadecimal(saw);
    put_line("");
}

unsigned checks_failed(void)
{
    return failed;
}

unsigned checks_made(void)
{
    return made;
}

_Noreturn void machine_exit(uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)DEBUG_EXIT));
    for (;;)
        __asm__ volatile("cli; hlt");
}
