#include "userland/memory_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONTROLS     "/proc/sys/quire/"
#define TEXT_MAX     512
#define SETTLE_TRIES 50
#define SETTLE_TIME  1000000 /* nanoseconds */

#define STATUS_WRONG 2 /* of a child: the signal came, but with another code or address */
#define COMMAND_END  0
#define FILE_PATTERN 251 /* a prime: no two pages begin alike */

void memory_begin(const char *program)
{
    check_begin(program);
    if (check_on_linux)
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

unsigned char *memory_map(size_t pages, int protection)
{
    unsigned char *memory = mmap(NULL, pages * PAGE_SIZE, protection, ANONYMOUS, -1, 0);

    if (!check_that(memory != MAP_FAILED, "mapping %zu pages: %s", pages, strerror(errno)))
        exit(check_verdict());
    return memory;
}

unsigned char memory_file_byte(size_t offset)
{
    return (unsigned char)(offset % FILE_PATTERN + 1);
}

int memory_file(size_t size)
{
    char name[] = "/tmp/memory.XXXXXX";
    unsigned char bytes[PAGE_SIZE];
    int file = mkstemp(name);

    if (!check_that(file >= 0, "no file in /tmp: %s", strerror(errno)))
        exit(check_verdict());
    unlink(name);
    for (size_t done = 0; done < size; done += sizeof(bytes)) {
        size_t piece = size - done < sizeof(bytes) ? size - done : sizeof(bytes);
        for (size_t i = 0; i < piece; i++)
            bytes[i] = memory_file_byte(done + i);
        check_result("write of the file", write(file, bytes, piece), (long)piece);
    }
    return file;
}

/* By words where they are aligned: some programs look at all memory there is. */
bool memory_is(const unsigned char *from, size_t size, unsigned char value)
{
    const uint64_t word = value * UINT64_C(0x0101010101010101);
    const unsigned char *end = from + size;

    for (; from < end && (uintptr_t)from % sizeof(word) != 0; from++)
        if (*from != value)
            return false;
    for (; (size_t)(end - from) >= sizeof(word); from += sizeof(word))
        if (*(const uint64_t *)(const void *)from != word)
            return false;
    for (; from < end; from++)
        if (*from != value)
            return false;
    return true;
}

long memory_faults(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

/* Read one file of /proc/sys/quire; false when there is none. */
static bool control_read(const char *name, char *text)
{
    char path[sizeof(CONTROLS) + 32];

    snprintf(path, sizeof(path), "%s%s", CONTROLS, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, text, TEXT_MAX - 1);
    if (file >= 0)
        close(file);
    text[size < 0 ? 0 : size] = '\0';
    return size > 0;
}

long memory_frames(const char *owner)
{
    char text[TEXT_MAX];
    size_t length = strlen(owner);

    if (check_on_linux)
        return 0;
    check_that(control_read("memory_free", text), CONTROLS "memory_free cannot be read");
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, owner, length) == 0 && line[length] == ' ')
            return strtol(line + length, NULL, 10);
    }
    check_that(false, "memory_free says nothing of \"%s\"", owner);
    return 0;
}

bool memory_expect_frames(const char *what, const char *owner, long before, long more)
{
    long now = memory_frames(owner);

    return check_on_linux || check_that(now - before == more, "%s: %ld more frames are %s, not %ld", what,
                                        now - before, owner, more);
}

bool memory_expect_free(const char *what, long before)
{
    long now = memory_frames("free");

    for (int i = 0; now < before && i < SETTLE_TRIES; i++) {
        struct timespec pause = {.tv_nsec = SETTLE_TIME};
        nanosleep(&pause, NULL);
        now = memory_frames("free");
    }
    return check_that(now >= before, "%s: %ld of %ld free frames are lost", what, before - now, before);
}

bool memory_expect_sound(const char *what)
{
    char text[TEXT_MAX];

    if (check_on_linux)
        return true;
    check_that(control_read("memory_check", text), CONTROLS "memory_check cannot be read");
    return check_that(strcmp(text, "0\n") == 0, "%s: memory_check finds violations: %s", what, text);
}

long memory_control_read(const char *name)
{
    char text[TEXT_MAX];

    return control_read(name, text) ? strtol(text, NULL, 10) : -1;
}

void memory_control(const char *name, long value)
{
    char path[sizeof(CONTROLS) + 32], text[24];

    if (check_on_linux)
        return;
    snprintf(path, sizeof(path), "%s%s", CONTROLS, name);
    int length = snprintf(text, sizeof(text), "%ld", value);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    check_that(file >= 0 && write(file, text, (size_t)length) == length, "%s cannot be written: %s", path,
               strerror(errno));
    close(file);
}

/* --- signals and what they tell --- */

static struct {
    check_body *access;
    const void *address;
    int signal, code;
} wanted;

static void fault_handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    _exit(signal == wanted.signal && info->si_code == wanted.code && info->si_addr == wanted.address
              ? 0
              : STATUS_WRONG);
}

void memory_raises(const char *what, int signal, int code, check_body *access, const void *address)
{
    struct sigaction action = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO};
    int status = -1;

    pid_t child = fork();
    if (child == 0) {
        wanted.address = address;
        wanted.signal = signal;
        wanted.code = code;
        sigaction(SIGSEGV, &action, NULL);
        sigaction(SIGBUS, &action, NULL);
        access(address);
        _exit(CHECK_SURVIVED);
    }
    waitpid(child, &status, 0);
    check_that(status == 0, "%s: expected signal %d with code %d, got %s", what, signal, code,
               WIFEXITED(status) && WEXITSTATUS(status) == STATUS_WRONG ? "another signal, code or address"
                                                                        : check_status_text(status));
}

/* --- a second process --- */

static void partner_serve(int from, int to, int (*act)(int command))
{
    int command;

    while (read(from, &command, sizeof(command)) == sizeof(command) && command != COMMAND_END) {
        int result = act(command);
        if (write(to, &result, sizeof(result)) != sizeof(result))
            break;
    }
    _exit(0);
}

void partner_start(struct partner *partner, int (*act)(int command))
{
    int there[2], back[2];

    if (!check_that(pipe(there) == 0 && pipe(back) == 0, "no pipe: %s", strerror(errno)))
        exit(check_verdict());
    partner->pid = fork();
    if (partner->pid == 0) {
        close(there[1]);
        close(back[0]);
        partner_serve(there[0], back[1], act);
    }
    close(there[0]);
    close(back[1]);
    partner->to = there[1];
    partner->from = back[0];
    check_that(partner->pid > 0, "fork: %s", strerror(errno));
}

int partner_do(struct partner *partner, int command)
{
    int result = -1;

    check_that(write(partner->to, &command, sizeof(command)) == sizeof(command) &&
                   read(partner->from, &result, sizeof(result)) == sizeof(result),
               "the partner does not answer to %d", command);
    return result;
}

void partner_end(struct partner *partner)
{
    int command = COMMAND_END, status = -1;

    check_that(write(partner->to, &command, sizeof(command)) == sizeof(command), "the partner is gone");
    waitpid(partner->pid, &status, 0);
    check_that(status == 0, "the partner ended with %s", check_status_text(status));
    close(partner->to);
    close(partner->from);
}
