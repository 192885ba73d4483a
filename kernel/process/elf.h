/* ELF64 program files: checking and describing them (System V gABI, chapters 4 and 5; x86-64 psABI). Pure: reads bytes, keeps nothing; the file is untrusted. */
#ifndef KERNEL_PROCESS_ELF_H
#define KERNEL_PROCESS_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "paging/types.h"

#define ELF_SEGMENTS_MAX 32

struct elf_segment {
    vaddr_t address; /* as the file says, not rounded */
    uint64_t memory_size;
    uint64_t offset, file_size;
    uint32_t protection; /* REGION_READ | REGION_WRITE | REGION_EXEC */
};

struct elf_program {
    bool relocatable; /* ET_DYN: static PIE, may be put anywhere */
    vaddr_t entry;
    vaddr_t header_address; /* of the program headers in memory; 0: they are in no segment */
    uint16_t header_count;
    uint16_t header_size;
    vaddr_t low, high; /* page-aligned range of all segments */
    bool executable_stack;
    unsigned segment_count;
    struct elf_segment segment[ELF_SEGMENTS_MAX]; /* ascending */
};

/* Understand `size` bytes at `file`. 0; -ENOEXEC when it is not a static x86-64 program that can be run as it is: *reason then says why, in words. */
int must_check elf_read(const void *file, size_t size, struct elf_program *program, const char **reason);

#endif
