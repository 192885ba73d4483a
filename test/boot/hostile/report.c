#include "test/boot/hostile/hostile.h"

#define DEBUGCON   0xe9
#define DEBUG_EXIT 0xf4

void report(const char *text)
{
    for (; *text; ++text)
        __asm__ volatile("outb %0, %1" : : "a"(*text), "Nd"((uint16_t)DEBUGCON));
}

void report_number(uint64_t number)
{
    char digits[24];
    unsigned at = sizeof(digits) - 1;
    digits[at] = '\0';
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    report(&digits[at]);
}

_Noreturn void hostile_exit(uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)DEBUG_EXIT));
    for (;;)
        __asm__ volatile("cli; hlt");
}

uint64_t hostile_pages(uint64_t count, uint64_t below, EFI_MEMORY_TYPE type)
{
    EFI_PHYSICAL_ADDRESS pages = below;
    if (EFI_ERROR(hostile_services->AllocatePages(AllocateMaxAddress, type, count, &pages))) {
        report("hostile: no memory for the mischief\n");
        hostile_exit(EXIT_RULE);
    }
    return pages;
}
