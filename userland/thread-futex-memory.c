/* Futex words in every kind of memory: not touched yet, read-only, closed, copied by fork, huge, of files mapped twice; robust lists that lie. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "userland/check.h"

/* The kernel's interface; musl has no header for it. */
#define FUTEX_WAIT    0
#define FUTEX_WAKE    1
#define FUTEX_REQUEUE 3
#define FUTEX_WAKE_OP 5
#define FUTEX_PRIVATE 128
#define ADD_ONE       (1u << 28 | 1u << 12) /* of FUTEX_WAKE_OP: add 1; wake the second's too if it was 0 */

#define MILLISECOND   1000000L
#define PAGE          4096L
#define HUGE          (2L << 20)

typedef _Atomic uint32_t word;

static long futex(word *at, int operation, uint32_t value, const void *timeout, word *second, uint32_t third)
{
    long result = syscall(SYS_futex, at, operation, value, timeout, second, third);
    return result < 0 ? -errno : result;
}

static void *map(long size, int protection, int flags, int file)
{
    void *at = mmap(NULL, (size_t)size, protection, flags | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
    check_that(at != MAP_FAILED, "mmap");
    return at;
}

/* --- who waits for a word, and what wakes him --- */

struct waiter {
    pthread_t thread;
    word *at;
    int operation;
    atomic_int begun;
    long result;
};

static void *waiter_body(void *argument)
{
    struct waiter *waiter = argument;
    struct timespec limit = {10, 0};
    waiter->begun = 1;
    waiter->result = futex(waiter->at, waiter->operation, 0, &limit, NULL, 0);
    return NULL;
}

static void waiter_start(struct waiter *waiter, word *at, int operation)
{
    *waiter = (struct waiter){.at = at, .operation = operation, .result = 1};
    pthread_create(&waiter->thread, NULL, waiter_body, waiter);
    while (!waiter->begun)
        sched_yield();
    check_nap(20 * MILLISECOND);
}

static void waiter_join(const char *what, struct waiter *waiter)
{
    pthread_join(waiter->thread, NULL);
    check_result(what, waiter->result, 0);
}

/* A waiter at one address is woken through another, or the same. */
static void wait_and_wake(const char *what, word *at, word *from, int scope)
{
    struct waiter waiter;
    waiter_start(&waiter, at, FUTEX_WAIT | scope);
    check_result(what, futex(from, FUTEX_WAKE | scope, 1, NULL, NULL, 0), 1);
    waiter_join(what, &waiter);
}

static void private_memory(void)
{
    struct timespec soon = {0, 5 * MILLISECOND};
    word *at = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
    check_error("a page never touched holds 0", futex(at, FUTEX_WAIT, 0, &soon, NULL, 0), ETIMEDOUT);
    at = map(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
    check_error("and nothing else", futex(at, FUTEX_WAIT, 1, &soon, NULL, 0), EAGAIN);
    wait_and_wake("a private word", at, at, FUTEX_PRIVATE);
    wait_and_wake("the same, as if shared", at, at, 0);
    check_result("wake-op in a page never touched",
                 futex(at, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, (void *)1, at + PAGE / 4, ADD_ONE), 0);
    check_result("its word", at[PAGE / 4], 1);

    struct waiter waiter;
    waiter_start(&waiter, at, FUTEX_WAIT | FUTEX_PRIVATE);
    madvise((void *)at, PAGE, MADV_DONTNEED);
    check_result("the page has gone meanwhile", futex(at, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), 1);
    waiter_join("the page has gone meanwhile", &waiter);

    mprotect((void *)at, PAGE, PROT_READ);
    check_error("read-only, another value", futex(at, FUTEX_WAIT | FUTEX_PRIVATE, 1, NULL, NULL, 0), EAGAIN);
    wait_and_wake("a read-only word", at, at, FUTEX_PRIVATE);
    check_error("wake-op of a read-only word",
                futex(at + PAGE / 4, FUTEX_WAKE_OP | FUTEX_PRIVATE, 1, (void *)1, at, ADD_ONE), EFAULT);
    mprotect((void *)at, PAGE, PROT_NONE);
    check_error("a closed page", futex(at, FUTEX_WAIT | FUTEX_PRIVATE, 0, &soon, NULL, 0), EFAULT);
    check_error("a closed page, as if shared", futex(at, FUTEX_WAIT, 0, &soon, NULL, 0), EFAULT);
    check_error("waking there, as if shared", futex(at, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
    munmap((void *)at, 4 * PAGE);
    check_error("what is mapped no more", futex(at, FUTEX_WAIT | FUTEX_PRIVATE, 0, &soon, NULL, 0), EFAULT);
}

/* The child's copy is another word. */
static void copied(void)
{
    word *at = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
    struct waiter waiter;
    int status = -1;
    at[1] = 1; /* a page of its own, which fork shares until somebody writes */
    waiter_start(&waiter, at, FUTEX_WAIT);
    pid_t child = fork();
    if (child == 0)
        _exit((int)futex(at, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
    waitpid(child, &status, 0);
    check_result("woken through the child's copy", status, 0);
    at[1] = 2;
    check_result("woken through the copied page", futex(at, FUTEX_WAKE, INT_MAX, NULL, NULL, 0), 1);
    waiter_join("a copied page", &waiter);
    munmap((void *)at, PAGE);
}

static void files(void)
{
    char name[] = "/tmp/thread-futex-memory.XXXXXX";
    int file = mkstemp(name);
    check_that(file >= 0 && ftruncate(file, 3 * PAGE) == 0, "a file of three pages");
    unlink(name);
    word *one = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    word *two = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    word *read_only = map(3 * PAGE, PROT_READ, MAP_SHARED, file);
    word *copy = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file);
    word *last = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 2 * PAGE);
    long words = PAGE / (long)sizeof(word);
    wait_and_wake("a file mapped twice", one + words, two + words, 0);
    wait_and_wake("waiting where it is read-only", read_only + 3, two + 3, 0);
    wait_and_wake("from another offset on", one + 2 * words + 5, last + 5, 0);
    wait_and_wake("a private mapping of it", copy, copy, 0);
    struct waiter waiter;
    waiter_start(&waiter, one, FUTEX_WAIT);
    check_result("another word of the file", futex(two + 1, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    check_result("the private mapping's word", futex(copy, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    check_result("the address alone", futex(one, FUTEX_WAKE | FUTEX_PRIVATE, 1, NULL, NULL, 0), 0);
    check_result("to another word", futex(two, FUTEX_REQUEUE, 0, (void *)1, last + 7, 0), 1);
    munmap((void *)one, 3 * PAGE);
    check_result("and back", futex(two + 2 * words + 7, FUTEX_REQUEUE, 0, (void *)1, copy, 0), 1);
    check_result("and back", futex(copy, FUTEX_REQUEUE, 0, (void *)1, two, 0), 1);
    check_result("the waiter's mapping has gone", futex(two, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    waiter_join("its mapping has gone", &waiter);
    close(file);
    munmap((void *)two, 3 * PAGE);
    munmap((void *)read_only, 3 * PAGE);
    munmap((void *)copy, 3 * PAGE);
    munmap((void *)last, PAGE);
}

static void huge(void)
{
    char *room = map(2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
    char *page = (char *)(((uintptr_t)room + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    word *at = (word *)(page + 5 * PAGE);
    madvise(page, HUGE, MADV_HUGEPAGE);
    page[0] = 1;
    wait_and_wake("a word in a huge page", at, at, FUTEX_PRIVATE);
    struct waiter waiter;
    waiter_start(&waiter, at, FUTEX_WAIT);
    munmap(page + HUGE / 2, HUGE / 2);
    mprotect(page + 6 * PAGE, PAGE, PROT_READ);
    check_result("in one that was split", futex(at, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    waiter_join("in one that was split", &waiter);
    munmap(room, 2 * HUGE);
}

/* --- robust lists --- */

struct entry {
    struct entry *next;
    word owner;
};

static struct list {
    struct entry *first;
    long offset;
    struct entry *pending;
} list;

static struct entry entries[3];

/* A thread that ends with this list: musl's and glibc's own is replaced. */
static void *ends_with_list(void *argument)
{
    uint32_t self = (uint32_t)syscall(SYS_gettid);
    (void)argument;
    for (int i = 0; i < 3; i++)
        if (entries[i].owner == 1)
            entries[i].owner = self | (entries[i].owner & 0x80000000u);
    syscall(SYS_set_robust_list, &list, sizeof(list));
    return NULL;
}

static void thread_ends(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, ends_with_list, NULL);
    pthread_join(thread, NULL);
}

#define DIED    0x40000000
#define WAITERS 0x80000000u

static void *waits_for_owner(void *argument)
{
    struct waiter *waiter = argument;
    struct timespec limit = {10, 0};
    waiter->begun = 1;
    waiter->result = futex(&entries[2].owner, FUTEX_WAIT, (int)(WAITERS | DIED), &limit, NULL, 0);
    return NULL;
}

/* Who was woken to take a mutex that is nobody's, and ended before it did: the next one is woken. */
static void waiter_after_waiter(void)
{
    struct waiter waiter = {.result = 1};

    list.offset = (char *)&entries[0].owner - (char *)&entries[0];
    list.first = (struct entry *)&list;
    list.pending = &entries[2];
    entries[2].owner = WAITERS | DIED;
    pthread_create(&waiter.thread, NULL, waits_for_owner, &waiter);
    while (!waiter.begun)
        sched_yield();
    check_nap(20 * MILLISECOND);
    thread_ends();
    waiter_join("a mutex that was nobody's when its taker ended", &waiter);
    list.pending = NULL;
}

static void lists(void)
{
    struct list *set = NULL;
    size_t size = 0;
    check_that(syscall(SYS_set_robust_list, &list, 7) == -1 && errno == EINVAL, "a list of a wrong size");
    check_result("get_robust_list", syscall(SYS_get_robust_list, 0, &set, &size), 0);
    check_result("size", (long)size, 24);
    check_that(syscall(SYS_get_robust_list, 0x7fff0000, &set, &size) == -1 && errno == ESRCH, "of no thread");

    list.offset = (char *)&entries[0].owner - (char *)&entries[0];
    list.first = &entries[0];
    entries[0] = (struct entry){&entries[1], 1};
    entries[1] = (struct entry){(struct entry *)&list, 99}; /* another's */
    entries[2] = (struct entry){NULL, 1};
    list.pending = &entries[2];
    thread_ends();
    check_result("a mutex in the list", entries[0].owner, DIED);
    check_result("one of another owner", entries[1].owner, 99);
    check_result("the pending one", entries[2].owner, DIED);

    entries[0] = (struct entry){&entries[1], 1};
    entries[1] = (struct entry){&entries[0], 1}; /* a circle */
    list.pending = NULL;
    thread_ends();
    check_result("a list without end", entries[1].owner, DIED);

    entries[0] = (struct entry){(struct entry *)16, 1}; /* leads nowhere */
    thread_ends();
    check_result("a list that breaks off", entries[0].owner, DIED);
    list.first = (struct entry *)0xffff800000000000;
    thread_ends();
    list.first = &entries[0];
    list.offset = 0x7fffffffffffffff;
    thread_ends();
    list.first = (struct entry *)((char *)&entries[0] + 1); /* not aligned */
    thread_ends();
    waiter_after_waiter();
    check_that(true, "lists that lead into the kernel or nowhere do no harm");
}

int main(void)
{
    check_begin("thread-futex-memory");
    private_memory();
    copied();
    files();
    huge();
    lists();
    return check_verdict();
}
