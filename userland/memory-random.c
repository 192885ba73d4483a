/* Random calls and stores against a model: mmap, munmap, mprotect, mremap, madvise, fork, stores and loads by the program
 * and by the kernel, in an arena whose every page is known: mapped or not, with which protection, holding what.
 *
 * usage: memory-random [SEED [STEPS]] */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userland/memory_tools.h"
#include "userland/system_call.h"

#define PAGES        1536 /* three times 2 MiB, so that huge pages have room */
#define ARENA        ((unsigned char *)UINT64_C(0x340000000000))
#define FILE_PAGES   64
#define WORD_AT      1016 /* where in a page the word is that the model knows */
#define LENGTH_SMALL 12
#define LENGTH_LARGE 900
#define STEPS        1200
#define SEEDS        3
#define VERIFY_EVERY 60
#define FORK_STEPS   25
#define FORK_DEPTH   2

enum kind { NOTHING, PRIVATE, SHARED, OF_FILE };

struct page {
    uint8_t kind;
    uint8_t protection;
    uint16_t file_page; /* OF_FILE */
    uint32_t origin;    /* pages of one mmap have the same: a hole or another mapping never lies between */
    uint32_t word;
};

static struct page model[PAGES];
static uint64_t random_state;
static uint32_t mappings;
static int file, ends[2] = {-1, -1}; /* a pipe: the kernel's way to read and write memory */
static unsigned depth;
static long step, seed;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % below;
}

static uint32_t file_word(unsigned page)
{
    size_t at = page * PAGE_SIZE + WORD_AT;
    return (uint32_t)memory_file_byte(at) | (uint32_t)memory_file_byte(at + 1) << 8 |
           (uint32_t)memory_file_byte(at + 2) << 16 | (uint32_t)memory_file_byte(at + 3) << 24;
}

static volatile uint32_t *word_of(size_t page)
{
    return (volatile uint32_t *)(void *)(ARENA + page * PAGE_SIZE + WORD_AT);
}

static bool expect(bool held, const char *what, size_t page, long result)
{
    if (held)
        return true;
    return check_that(false, "seed %ld, step %ld, depth %u: %s at page %zu: %ld", seed, step, depth, what,
                      page, result);
}

/* --- touching --- */

static sigjmp_buf touch_failed;

static void on_fault(int signal)
{
    siglongjmp(touch_failed, signal);
}

/* By the program: 0, or the signal. */
static int program_reads(size_t page, uint32_t *word)
{
    int signal = sigsetjmp(touch_failed, 0);
    if (signal == 0)
        *word = *word_of(page);
    return signal;
}

static int program_writes(size_t page, uint32_t word)
{
    int signal = sigsetjmp(touch_failed, 0);
    if (signal == 0)
        *word_of(page) = word;
    return signal;
}

/* Each process has its own. */
static void pipe_make(void)
{
    close(ends[0]);
    close(ends[1]);
    check_that(pipe(ends) == 0, "no pipe");
}

/* By the kernel: 0, or EFAULT. */
static int kernel_reads(size_t page, uint32_t *word)
{
    long result = system_call(SYS_write, ends[1], word_of(page), sizeof(*word));
    if (result == sizeof(*word))
        system_call(SYS_read, ends[0], word, sizeof(*word));
    return result == sizeof(*word) ? 0 : (int)-result;
}

static int kernel_writes(size_t page, uint32_t word)
{
    uint32_t rest;
    system_call(SYS_write, ends[1], &word, sizeof(word));
    long result = system_call(SYS_read, ends[0], word_of(page), sizeof(word));
    if (result != sizeof(word))
        system_call(SYS_read, ends[0], &rest, sizeof(rest));
    return result == sizeof(word) ? 0 : (int)-result;
}

static void read_page(size_t page, bool by_kernel)
{
    uint32_t word = 0;
    bool allowed = model[page].kind != NOTHING && model[page].protection != PROT_NONE;
    int error = by_kernel ? kernel_reads(page, &word) : program_reads(page, &word);
    expect(error == (allowed     ? 0
                     : by_kernel ? EFAULT
                                 : SIGSEGV),
           by_kernel ? "a load by the kernel" : "a load", page, error);
    if (allowed && error == 0)
        expect(word == model[page].word, "contents", page, (long)word);
}

static void write_page(size_t page, bool by_kernel)
{
    uint32_t word = pick(UINT32_MAX) | 1;
    bool allowed = model[page].kind != NOTHING && model[page].protection & PROT_WRITE;
    int error = by_kernel ? kernel_writes(page, word) : program_writes(page, word);
    expect(error == (allowed     ? 0
                     : by_kernel ? EFAULT
                                 : SIGSEGV),
           by_kernel ? "a store by the kernel" : "a store", page, error);
    if (allowed)
        model[page].word = word;
}

static void verify(void)
{
    unsigned char there[1];
    for (size_t page = 0; page < PAGES; page++) {
        long result = system_call(SYS_mincore, ARENA + page * PAGE_SIZE, PAGE_SIZE, there);
        expect(result == (model[page].kind == NOTHING ? -ENOMEM : 0), "mincore", page, result);
        read_page(page, false);
    }
}

/* --- steps --- */

struct range {
    size_t first, count;
};

static struct range range_pick(void)
{
    size_t count = 1 + pick(pick(4) == 0 ? LENGTH_LARGE : LENGTH_SMALL);
    return (struct range){pick((uint32_t)(PAGES - count)), count};
}

static bool all_mapped(struct range range)
{
    for (size_t i = 0; i < range.count; i++)
        if (model[range.first + i].kind == NOTHING)
            return false;
    return true;
}

static bool all_free(struct range range)
{
    for (size_t i = 0; i < range.count; i++)
        if (model[range.first + i].kind != NOTHING)
            return false;
    return true;
}

static unsigned char *address_of(struct range range)
{
    return ARENA + range.first * PAGE_SIZE;
}

static int protection_pick(void)
{
    static const int protections[] = {PROT_NONE, PROT_READ, READ_WRITE, READ_WRITE, PROT_READ | PROT_EXEC};
    return protections[pick(sizeof(protections) / sizeof(protections[0]))];
}

static void do_mmap(void)
{
    struct range range = range_pick();
    enum kind kind = PRIVATE + pick(3);
    int protection = protection_pick();
    unsigned first = 0;
    int flags = MAP_FIXED | (kind == SHARED ? MAP_SHARED : MAP_PRIVATE) |
                (kind == OF_FILE ? 0 : MAP_ANONYMOUS) | (pick(8) == 0 ? MAP_POPULATE : 0);
    if (kind == OF_FILE) {
        if (range.count > FILE_PAGES / 2)
            range.count = FILE_PAGES / 2;
        first = pick(FILE_PAGES / 2);
    }
    long result = system_call(SYS_mmap, address_of(range), range.count * PAGE_SIZE, protection, flags,
                              kind == OF_FILE ? file : -1, first * PAGE_SIZE);
    expect(result == (long)address_of(range), "mmap", range.first, result);
    mappings++;
    for (size_t i = 0; i < range.count; i++)
        model[range.first + i] =
            (struct page){(uint8_t)kind, (uint8_t)protection, (uint16_t)(first + i), mappings,
                          kind == OF_FILE ? file_word(first + (unsigned)i) : 0};
}

static void do_munmap(void)
{
    struct range range = range_pick();
    long result = system_call(SYS_munmap, address_of(range), range.count * PAGE_SIZE);
    expect(result == 0, "munmap", range.first, result);
    memset(&model[range.first], 0, range.count * sizeof(model[0]));
}

static void do_mprotect(void)
{
    struct range range = range_pick();
    int protection = protection_pick();
    bool mapped = all_mapped(range);
    /* Linux changes what lies before a hole, Quire nothing: only holes at the beginning are alike. */
    if (!mapped && model[range.first].kind != NOTHING)
        return;
    long result = system_call(SYS_mprotect, address_of(range), range.count * PAGE_SIZE, protection);
    expect(result == (mapped ? 0 : -ENOMEM), "mprotect", range.first, result);
    for (size_t i = 0; mapped && i < range.count; i++)
        model[range.first + i].protection = (uint8_t)protection;
}

static void do_madvise(void)
{
    struct range range = range_pick();
    long result = system_call(SYS_madvise, address_of(range), range.count * PAGE_SIZE, MADV_DONTNEED);
    expect(result == (all_mapped(range) ? 0 : -ENOMEM), "madvise", range.first, result);
    for (size_t i = 0; i < range.count; i++) {
        struct page *page = &model[range.first + i];
        if (page->kind == PRIVATE)
            page->word = 0;
        else if (page->kind == OF_FILE)
            page->word = file_word(page->file_page);
    }
}

/* One mapping with one protection: what mremap takes. */
static bool movable(struct range range)
{
    for (size_t i = 0; i < range.count; i++)
        if (model[range.first + i].origin != model[range.first].origin ||
            model[range.first + i].kind == NOTHING ||
            model[range.first + i].protection != model[range.first].protection)
            return false;
    return true;
}

static void do_move(void)
{
    struct range from = range_pick(), to = {pick((uint32_t)(PAGES - from.count)), from.count};
    if (!movable(from) || !all_free(to))
        return;
    long result = system_call(SYS_mremap, address_of(from), from.count * PAGE_SIZE, to.count * PAGE_SIZE,
                              MREMAP_MAYMOVE | MREMAP_FIXED, address_of(to));
    /* Linux may keep what was once cut in pieces. */
    if (result == -EFAULT && check_on_linux)
        return;
    expect(result == (long)address_of(to), "mremap", from.first, result);
    memcpy(&model[to.first], &model[from.first], to.count * sizeof(model[0]));
    memset(&model[from.first], 0, from.count * sizeof(model[0]));
    mappings++;
    for (size_t i = 0; i < to.count; i++)
        model[to.first + i].origin = mappings;
}

static void do_resize(void)
{
    struct range old = range_pick();
    size_t count = 1 + pick(2 * (uint32_t)old.count);
    struct range more = {old.first + old.count, count > old.count ? count - old.count : 0};
    if (!movable(old) || old.first + count > PAGES)
        return;
    bool grows = count > old.count;
    /* What grows is private, ends where its mapping ends, and has room. */
    if (grows && (model[old.first].kind != PRIVATE || !all_free(more)))
        return;
    long result = system_call(SYS_mremap, address_of(old), old.count * PAGE_SIZE, count * PAGE_SIZE, 0, 0);
    if (result == -EFAULT && check_on_linux)
        return;
    expect(result == (long)address_of(old), "mremap", old.first, result);
    for (size_t i = old.count; i < count; i++) {
        model[old.first + i] = model[old.first];
        model[old.first + i].word = 0;
    }
    if (!grows)
        memset(&model[old.first + count], 0, (old.count - count) * sizeof(model[0]));
}

static void do_touch(void)
{
    struct range range = range_pick();
    size_t stride = range.count > LENGTH_SMALL ? 1 + pick(40) : 1;
    for (size_t i = 0; i < range.count; i += stride)
        switch (pick(4)) {
        case 0:
            read_page(range.first + i, pick(2) == 0);
            break;
        default:
            write_page(range.first + i, pick(4) == 0);
        }
}

static void run(long steps);

/* Parent and child go on at once, each with a model of its own. The child does without shared memory, in which each would
 * see what the other does. */
static void do_fork(void)
{
    if (depth == FORK_DEPTH)
        return;
    uint32_t start = pick(UINT32_MAX);
    pid_t child = fork();
    if (child == 0) {
        depth++;
        random_state += start;
        pipe_make();
        for (size_t page = 0; page < PAGES; page++)
            if (model[page].kind == SHARED) {
                system_call(SYS_munmap, ARENA + page * PAGE_SIZE, PAGE_SIZE);
                model[page] = (struct page){0};
            }
        verify();
        int before = check_verdict_silent();
        run(FORK_STEPS);
        verify();
        _exit(before == 0 ? check_verdict_silent() : before);
    }
    int status = -1;
    /* Meanwhile the parent writes: none of it is seen there. */
    for (int i = 0; i < 10; i++)
        do_touch();
    waitpid(child, &status, 0);
    expect(status == 0, "fork", 0, status);
}

/* A child writes into shared pages: the parent knows what. */
static void do_fork_shared(void)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        verify();
    for (size_t page = 0; page < PAGES; page++) {
        if (model[page].kind != SHARED || !(model[page].protection & PROT_WRITE) || pick(8) != 0)
            continue;
        uint32_t word = pick(UINT32_MAX) | 1;
        if (child == 0)
            *word_of(page) = word;
        model[page].word = word;
    }
    if (child == 0)
        _exit(check_verdict_silent());
    waitpid(child, &status, 0);
    expect(status == 0, "a child with shared memory", 0, status);
}

static void run(long steps)
{
    static void (*const actions[])(void) = {do_mmap,    do_mmap,  do_munmap, do_mprotect, do_mprotect,
                                            do_madvise, do_move,  do_move,   do_resize,   do_resize,
                                            do_touch,   do_touch, do_touch,  do_touch};
    for (long i = 1; i <= steps; i++) {
        step = depth == 0 ? i : step;
        if (pick(40) == 0)
            pick(2) == 0 ? do_fork() : do_fork_shared();
        else
            actions[pick(sizeof(actions) / sizeof(actions[0]))]();
        if (check_verdict_silent() != 0)
            return;
        if (i % VERIFY_EVERY == 0 && depth == 0) {
            verify();
            memory_expect_sound("among random steps");
        }
    }
}

static void run_seed(long with, long steps)
{
    seed = with;
    random_state = (uint64_t)with * UINT64_C(0x9e3779b97f4a7c15) + 1;
    memset(model, 0, sizeof(model));
    munmap(ARENA, PAGES * PAGE_SIZE);
    run(steps);
    verify();
    check_that(true, "one seed");
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};

    memory_begin("memory-random");
    file = memory_file(FILE_PAGES * PAGE_SIZE);
    pipe_make();
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    long first = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    long steps = argc > 2 ? strtol(argv[2], NULL, 10) : STEPS;
    for (long i = first; i < first + (argc > 1 ? 1 : SEEDS) && check_verdict_silent() == 0; i++)
        run_seed(i, steps);
    munmap(ARENA, PAGES * PAGE_SIZE);
    memory_expect_sound("at the end");
    return check_verdict();
}
