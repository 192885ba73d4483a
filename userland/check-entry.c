/* The state in which a program starts: registers, flags, the stack's alignment and layout - argument
 * count, arguments, environment, auxiliary vector (System V ABI for x86-64, 3.4.1) - seen by an entry
 * point that runs before the C library's. */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"

#define FLAGS_AT_START   UINT64_C(0x202) /* interrupts on, and the bit that is always one */
#define TICKS_PER_SECOND 100
#define REGISTERS        14
#define RANDOM_BYTES     16

/* rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 as found, then r15, rsp and flags. */
uint64_t entry_registers[REGISTERS], entry_r15, entry_stack, entry_flags;

/* The linker makes this the entry point; it goes on to the C library's. */
__asm__(".text\n"
        ".globl check_entry\n"
        "check_entry:\n"
        "movq %rax, entry_registers(%rip)\n"
        "movq %rsp, entry_stack(%rip)\n"
        "movq %r15, entry_r15(%rip)\n"
        "leaq entry_registers(%rip), %r15\n"
        "movq %rbx, 8(%r15)\n movq %rcx, 16(%r15)\n movq %rdx, 24(%r15)\n movq %rsi, 32(%r15)\n movq %rdi, "
        "40(%r15)\n"
        "movq %rbp, 48(%r15)\n movq %r8, 56(%r15)\n movq %r9, 64(%r15)\n movq %r10, 72(%r15)\n movq %r11, "
        "80(%r15)\n"
        "movq %r12, 88(%r15)\n movq %r13, 96(%r15)\n movq %r14, 104(%r15)\n"
        "pushfq\n popq entry_flags(%rip)\n"
        "xorl %r15d, %r15d\n"
        "jmp _start\n");
extern const char check_entry[];
extern const Elf64_Ehdr __ehdr_start; /* of the linker */

static void registers(void)
{
    static const char *const names[REGISTERS] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp",
                                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14"};
    for (int i = 0; i < REGISTERS; i++)
        check_that(entry_registers[i] == 0, "a program starts with %s = %#lx", names[i], entry_registers[i]);
    check_that(entry_r15 == 0, "a program starts with r15 = %#lx", entry_r15);
    check_that(entry_stack % 16 == 0, "a program starts with rsp = %#lx", entry_stack);
    check_that(entry_flags == FLAGS_AT_START, "a program starts with flags %#lx", entry_flags);
}

/* The pointers follow each other without a gap, and what they point to lies above them. */
static void stack_layout(int argc, char **argv, char **environment)
{
    uint64_t *word = (uint64_t *)entry_stack;
    check_that((long)*word == argc, "the stack's first word is %lu", *word);
    check_that((char **)(word + 1) == argv, "the arguments are at %p", (void *)argv);
    check_that(argv[argc] == NULL, "the arguments do not end");
    check_that(environment == argv + argc + 1, "the environment is at %p", (void *)environment);
    char **end = environment;
    while (*end != NULL)
        check_that(strchr(*end++, '=') != NULL, "an environment string without =");
    const Elf64_auxv_t *auxiliary = (const Elf64_auxv_t *)(end + 1);
    int count = 0;
    while (auxiliary->a_type != AT_NULL && count++ < 100)
        auxiliary++;
    check_that(count > 5 && count < 100, "the auxiliary vector has %d entries", count);
    check_that((uintptr_t)argv[0] > (uintptr_t)auxiliary, "the first argument lies at %p, below the vectors",
               (void *)argv[0]);
}

static void auxiliary_vector(void)
{
    check_that(getauxval(AT_PAGESZ) == PAGE_SIZE, "AT_PAGESZ is %lu", getauxval(AT_PAGESZ));
    check_that(getauxval(AT_ENTRY) == (uintptr_t)check_entry, "AT_ENTRY is %#lx", getauxval(AT_ENTRY));
    check_that(getauxval(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff, "AT_PHDR is %#lx",
               getauxval(AT_PHDR));
    check_that(getauxval(AT_PHENT) == sizeof(Elf64_Phdr), "AT_PHENT is %lu", getauxval(AT_PHENT));
    check_that(getauxval(AT_PHNUM) == __ehdr_start.e_phnum, "AT_PHNUM is %lu", getauxval(AT_PHNUM));
    check_that(getauxval(AT_BASE) == 0, "AT_BASE is %#lx", getauxval(AT_BASE));
    check_that(getauxval(AT_SECURE) == 0, "AT_SECURE is %lu", getauxval(AT_SECURE));
    check_that(getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid() &&
                   getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid(),
               "AT_UID and its like differ from the ids");
    check_that(getauxval(AT_CLKTCK) == TICKS_PER_SECOND, "AT_CLKTCK is %lu", getauxval(AT_CLKTCK));
    const char *name = (const char *)getauxval(AT_EXECFN);
    check_that(name != NULL && strstr(name, "check-entry") != NULL, "AT_EXECFN is %s",
               name == NULL ? "absent" : name);
    const char *platform = (const char *)getauxval(AT_PLATFORM);
    check_that(platform == NULL || strcmp(platform, "x86_64") == 0, "AT_PLATFORM is %s", platform);

    const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
    unsigned sum = 0;
    for (int i = 0; random != NULL && i < RANDOM_BYTES; i++)
        sum |= random[i];
    check_that(sum != 0, "AT_RANDOM is %p and holds nothing", (const void *)random);
}

/* Not mapped: null, and the page above the stack's top. Stack, code and data lie where processes do. */
static void places(void)
{
    check_that(entry_stack < USER_END && entry_stack > USER_END / 2, "the stack is at %#lx", entry_stack);
    check_that((uintptr_t)&__ehdr_start >= USER_BASE, "the image is at %p", (const void *)&__ehdr_start);
}

int main(int argc, char **argv, char **environment)
{
    check_begin("check-entry");
    registers();
    stack_layout(argc, argv, environment);
    auxiliary_vector();
    places();
    return check_verdict();
}
