/* The three ways to touch memory, as bodies for check_dies(): the argument is the address itself. */
#ifndef USERLAND_ACCESS_H
#define USERLAND_ACCESS_H

#include <stdint.h>
#include <stdio.h>

#include "userland/addresses.h"
#include "userland/check.h"

static inline void access_read(const void *address)
{
    __asm__ volatile("movb (%0), %%al" ::"r"(address) : "rax", "memory");
}

static inline void access_write(const void *address)
{
    __asm__ volatile("movb $0x5a, (%0)" ::"r"(address) : "memory");
}

/* A call, so that code that can run returns and survives. */
static inline void access_jump(const void *address)
{
    __asm__ volatile("call *%0" ::"r"(address)
                     : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

/* Every address of a table must kill whoever touches it so. */
static inline void access_all_die(const char *verb, check_body *access, int signal,
                                  const struct named_address *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char what[96];
        snprintf(what, sizeof(what), "%s %#lx (%s)", verb, table[i].address, table[i].name);
        check_dies(what, signal, access, (const void *)table[i].address);
    }
}

#endif
