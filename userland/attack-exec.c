/* Attack: execute files that are no programs. A good one of 200 bytes is made first, and runs; then each
 * of its fields is spoiled. execve refuses with an errno and the old program goes on, or, where it is too
 * late for that, the process is killed; nothing of the file ever runs. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/addresses.h"
#include "userland/check.h"
#include "userland/system_call.h"

#define EXIT_RAN     42  /* of the good program */
#define EXIT_REFUSED 100 /* execve came back; the errno is kept in `refusal` */
#define IMAGE_BASE   UINT64_C(0x400000)
#define RANDOM_TRIES 300
#define PATIENCE     2000 /* naps of a millisecond */

struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    unsigned char code[32];
};

static char path[64];

/* exit_group(42) */
static const unsigned char exit_code[] = {0xb8, 231, 0, 0, 0, 0xbf, EXIT_RAN, 0, 0, 0, 0x0f, 0x05};

static struct image good_image(void)
{
    struct image image = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_entry = IMAGE_BASE + offsetof(struct image, code),
                   .e_phoff = offsetof(struct image, segments),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .segments = {{.p_type = PT_LOAD,
                      .p_flags = PF_R | PF_X,
                      .p_vaddr = IMAGE_BASE,
                      .p_filesz = sizeof(struct image),
                      .p_memsz = sizeof(struct image),
                      .p_align = PAGE_SIZE},
                     {.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16}},
    };
    memcpy(image.code, exit_code, sizeof(exit_code));
    return image;
}

static bool file_write(const void *bytes, size_t size)
{
    unlink(path);
    int file = open(path, O_CREAT | O_EXCL | O_WRONLY, 0755);
    bool written = file >= 0 && write(file, bytes, size) == (ssize_t)size;
    return check_that(file >= 0 && close(file) == 0 && written, "%s cannot be written", path);
}

/* Wait for the child's end; one that takes too long is killed, and counted as a failure. */
static int wait_patiently(pid_t child)
{
    int status = -1;
    struct timespec nap = {.tv_nsec = 1000000};
    for (int naps = 0; naps < PATIENCE; naps++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        nanosleep(&nap, NULL);
    }
    check_that(false, "the program did not end within %d ms", PATIENCE);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return status;
}

/* Execute the file in a child. The wait status; with EXIT_REFUSED the errno comes with it. */
static int file_execute(int *refusal)
{
    int ends[2];
    *refusal = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        char *const arguments[] = {path, NULL}, *const environment[] = {NULL};
        execve(path, arguments, environment);
        int error = errno;
        _exit(write(ends[1], &error, sizeof(error)) == sizeof(error) ? EXIT_REFUSED : 1);
    }
    close(ends[1]);
    if (read(ends[0], refusal, sizeof(*refusal)) != sizeof(*refusal))
        *refusal = 0;
    close(ends[0]);
    return wait_patiently(child);
}

static bool ran(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RAN;
}

static bool refused(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED;
}

/* Must be refused with this errno; 0: with any, or by killing the process. */
static void must_not_run(const char *what, const void *bytes, size_t size, int error)
{
    if (!file_write(bytes, size))
        return;
    int refusal;
    int status = file_execute(&refusal);
    if (error != 0)
        check_that(refused(status) && refusal == error, "%s: expected %s, got %s (%s)", what, strerror(error),
                   check_status_text(status), strerror(refusal));
    else
        check_that((refused(status) && refusal != 0) || WIFSIGNALED(status),
                   "%s: expected refusal or death, got %s", what, check_status_text(status));
}

#define SPOILED(what, error, ...)                                                                            \
    do {                                                                                                     \
        struct image image = good_image();                                                                   \
        Elf64_Ehdr *header __attribute__((unused)) = &image.header;                                          \
        Elf64_Phdr *load __attribute__((unused)) = &image.segments[0];                                       \
        Elf64_Phdr *second __attribute__((unused)) = &image.segments[1];                                     \
        __VA_ARGS__;                                                                                         \
        must_not_run(what, &image, sizeof(image), error);                                                    \
    } while (0)

static void spoiled_headers(void)
{
    SPOILED("wrong magic", ENOEXEC, header->e_ident[EI_MAG2] = 'X');
    SPOILED("32-bit class", 0, header->e_ident[EI_CLASS] = ELFCLASS32; header->e_machine = EM_386);
    SPOILED("wrong machine", ENOEXEC, header->e_machine = EM_AARCH64);
    SPOILED("an object file", ENOEXEC, header->e_type = ET_REL);
    SPOILED("a core dump", ENOEXEC, header->e_type = ET_CORE);
    SPOILED("no program headers", 0, header->e_phnum = 0);
    SPOILED("program headers of another size", ENOEXEC, header->e_phentsize = 32);
    SPOILED("65535 program headers", ENOEXEC, header->e_phnum = 65535);
    SPOILED("program headers past the end of the file", 0, header->e_phoff = 1 << 20);
    SPOILED("program headers at the end of all offsets", 0, header->e_phoff = UINT64_MAX - 8);
    SPOILED("program headers over the end of the file", 0, header->e_phoff = sizeof(struct image) - 60);
    SPOILED("entry at null", 0, header->e_entry = 0);
    SPOILED("entry outside of every segment", 0, header->e_entry = IMAGE_BASE + (1 << 20));
    SPOILED("entry in the kernel", 0, header->e_entry = KERNEL_IMAGE_BASE);
    SPOILED("entry that is no address", 0, header->e_entry = NONCANONICAL_LOWEST);
}

static void spoiled_segments(void)
{
    SPOILED("no segment to load", 0, load->p_type = PT_NOTE);
    SPOILED("a segment at null", 0, load->p_vaddr = 0; header->e_entry = IMAGE_BASE);
    SPOILED("a segment in the kernel", 0, load->p_vaddr = KERNEL_IMAGE_BASE);
    SPOILED("a segment in the direct map", 0, load->p_vaddr = DIRECT_MAP_BASE);
    SPOILED("a segment at no address", 0, load->p_vaddr = NONCANONICAL_LOWEST);
    SPOILED("a segment over the end of user memory", 0, load->p_vaddr = USER_LAST_PAGE;
            load->p_memsz = 3 * PAGE_SIZE);
    SPOILED("a segment that reaches the kernel", 0,
            load->p_memsz = KERNEL_IMAGE_BASE + PAGE_SIZE - IMAGE_BASE);
    SPOILED("a segment that wraps", 0, load->p_memsz = UINT64_MAX - IMAGE_BASE + PAGE_SIZE);
    SPOILED("a segment of 2^64-1 bytes", 0, load->p_memsz = UINT64_MAX);
    SPOILED("a segment of 128 TiB", 0, load->p_memsz = NONCANONICAL_LOWEST);
    SPOILED("more bytes in the file than in memory", 0, load->p_memsz = 16);
    SPOILED("a file size of 2^64-1", 0, load->p_filesz = load->p_memsz = UINT64_MAX);
    SPOILED("a segment past the end of the file", 0, load->p_offset = 1 << 20);
    SPOILED("a segment at the end of all offsets", 0, load->p_offset = UINT64_MAX & ~(PAGE_SIZE - 1));
    SPOILED("an address that does not go with the offset", 0, load->p_vaddr += 16; header->e_entry += 16);
    SPOILED("a segment that may not be executed", 0, load->p_flags = PF_R);
    SPOILED("a segment without rights", 0, load->p_flags = 0);
    SPOILED("an interpreter that is not there", 0, second->p_type = PT_INTERP;
            second->p_offset = offsetof(struct image, code); second->p_filesz = second->p_memsz = 8;
            memcpy(image.code, "/no/one", 8); header->e_entry += 8);
    SPOILED("an interpreter without a name", 0, second->p_type = PT_INTERP; second->p_offset = 0;
            second->p_filesz = 0);
    SPOILED("an interpreter's name of 2^40 bytes", 0, second->p_type = PT_INTERP;
            second->p_filesz = UINT64_C(1) << 40);
    SPOILED("a segment over another's code", 0, *second = *load; second->p_filesz = 0;
            second->p_memsz = PAGE_SIZE; second->p_flags = PF_R | PF_W);
}

static void spoiled_files(void)
{
    struct image image = good_image();
    must_not_run("an empty file", &image, 0, ENOEXEC);
    for (size_t size = 1; size < offsetof(struct image, code); size += 9)
        must_not_run("a file that ends early", &image, size, 0);
    must_not_run("text", "echo this is no program\n", 24, ENOEXEC);
    must_not_run("a script of an interpreter that is not there", "#!/no/such/interpreter\n", 23, 0);
    must_not_run("a script without an interpreter", "#!\n", 3, ENOEXEC);

    file_write(&image, sizeof(image));
    chmod(path, 0644);
    int refusal;
    int status = file_execute(&refusal);
    check_that(refused(status) && refusal == EACCES, "a file that is not executable: %s (%s)",
               check_status_text(status), strerror(refusal));
    unlink(path);
    status = file_execute(&refusal);
    check_that(refused(status) && refusal == ENOENT, "no file: %s (%s)", check_status_text(status),
               strerror(refusal));
    mkdir(path, 0755);
    status = file_execute(&refusal);
    check_that(refused(status) && refusal == EACCES, "a folder: %s (%s)", check_status_text(status),
               strerror(refusal));
    rmdir(path);
}

/* Code and data in one segment, as linkers made them once. The kernel may refuse it or run it, but no page is ever
 * writable and executable at once: an instruction that changes its own page must not keep the process for ever. */
static void writable_code(void)
{
    /* movb $1, (the operand of exit_group's argument); exit_group(42), which becomes exit_group(1) */
    static const unsigned char change_self[] = {0xc6, 0x05, 0x06, 0,        0, 0, 1, 0xb8, 231, 0,
                                                0,    0,    0xbf, EXIT_RAN, 0, 0, 0, 0x0f, 0x05};
    struct image image = good_image();
    memcpy(image.code, change_self, sizeof(change_self));
    image.segments[0].p_flags = PF_R | PF_W | PF_X;
    if (!file_write(&image, sizeof(image)))
        return;
    int refusal;
    int status = file_execute(&refusal);
    check_that((refused(status) && refusal != 0) || WIFSIGNALED(status) || status == 1 << 8,
               "a program that changes its own code: %s", check_status_text(status));
}

/* Random bytes in the headers: whatever comes of it, the process ends and the system goes on. */
static void random_headers(void)
{
    uint32_t state = 61;
    for (int i = 0; i < RANDOM_TRIES; i++) {
        struct image image = good_image();
        for (int changes = 0; changes < 1 + i % 4; changes++) {
            state = state * 1664525u + 1013904223u;
            size_t at = (state >> 16) % offsetof(struct image, code);
            if (at < offsetof(Elf64_Ehdr, e_entry) ||
                at >= offsetof(Elf64_Ehdr, e_phoff)) /* no wild jumps within the code */
                ((unsigned char *)&image)[at] = (unsigned char)(state >> 8);
        }
        if (!file_write(&image, sizeof(image)))
            return;
        int refusal;
        int status = file_execute(&refusal);
        check_that(ran(status) || WIFSIGNALED(status) || (refused(status) && refusal != 0),
                   "random header %d: %s", i, check_status_text(status));
    }
}

int main(void)
{
    check_begin("attack-exec");
    snprintf(path, sizeof(path), "/tmp/attack-exec.%d", getpid());
    struct image image = good_image();
    file_write(&image, sizeof(image));
    int refusal;
    int status = file_execute(&refusal);
    if (check_that(ran(status), "the good program: %s (%s)", check_status_text(status), strerror(refusal))) {
        spoiled_headers();
        spoiled_segments();
        spoiled_files();
        writable_code();
        random_headers();
    }
    unlink(path);
    return check_verdict();
}
