/* See file_fakes.h. */
#include "test/unit/file_fakes.h"

#include <asm/errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/cpu/mutex.h"
#include "kernel/cpu/random.h"
#include "kernel/debug/cpu_local.h"
#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/device/console.h"
#include "kernel/device/screen.h"
#include "kernel/device/serial.h"
#include "kernel/file/directory.h"
#include "kernel/file/file_map.h"
#include "kernel/file/file_page.h"
#include "kernel/file/file_place.h"
#include "kernel/file/file_table.h"
#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/signal_actions.h"
#include "kernel/process/signal_frame.h"
#include "kernel/process/wait_queue.h"
#include "syscalls/restart.h"

#define ARCH_SET_GS   0x1001
#define SIGNAL_HANGUP 1

#define REQUIRE(condition, ...)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: " #condition ": ", __FILE__, __LINE__);                                  \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

static struct cpu cpu;
static struct thread thread;
static struct signal_actions actions;
static struct process process;

/* --- heap --- */

static long live_allocations;
static unsigned fail_at;

void fake_heap_fail_at(unsigned n)
{
    fail_at = n;
}

static void *allocate(size_t size, bool zero)
{
    if (fail_at > 0 && --fail_at == 0)
        return NULL;
    live_allocations++;
    void *memory = malloc(size ? size : 1);
    REQUIRE(memory != NULL, "the host is out of memory");
    memset(memory, zero ? 0 : 0xa5, size);
    return memory;
}

void *heap_alloc(size_t size)
{
    return allocate(size, false);
}

void *heap_alloc_zeroed(size_t size)
{
    return allocate(size, true);
}

void heap_free(void *pointer)
{
    if (pointer == NULL)
        return;
    live_allocations--;
    free(pointer);
}

uint8_t *file_page_alloc(void)
{
    return allocate(PAGE_SIZE, false);
}

void file_page_free(uint8_t *page)
{
    heap_free(page);
}

void file_map_cut(struct node *node, uint64_t size)
{
    (void)node;
    (void)size;
}

/* --- locks: one thread, so that any wait for a lock is a mistake --- */

static unsigned spinlocks_held;
static enum lock_rank lock_ranks[CPU_LOCKS_HELD_MAX];
static uint64_t mutex_ranks_held;

void spinlock_lock(struct spinlock *lock)
{
    REQUIRE(lock->rank != 0, "lock %s was initialised", lock->name ? lock->name : "?");
    REQUIRE(lock->next_ticket == lock->now_serving, "%s is free", lock->name);
    REQUIRE(spinlocks_held == 0 || lock_ranks[spinlocks_held - 1] < lock->rank, "%s in order", lock->name);
    lock_ranks[spinlocks_held++] = lock->rank;
    lock->next_ticket++;
}

void spinlock_unlock(struct spinlock *lock)
{
    REQUIRE(lock->next_ticket == lock->now_serving + 1, "%s is held", lock->name);
    lock->now_serving++;
    spinlocks_held--;
}

bool spinlock_held(const struct spinlock *lock)
{
    return lock->next_ticket != lock->now_serving;
}

void mutex_init(struct mutex *mutex, enum mutex_rank rank, const char *name)
{
    *mutex = (struct mutex){.rank = rank, .name = name};
}

void scheduler_relax(void)
{
}

bool scheduler_relax_killable(void)
{
    return true;
}

void (*fake_other_cpu)(const struct mutex *mutex);

static void other_cpu(const struct mutex *mutex)
{
    void (*step)(const struct mutex *mutex) = fake_other_cpu;
    fake_other_cpu = NULL;
    if (step != NULL)
        step(mutex);
    fake_other_cpu = step;
}

void mutex_lock(struct mutex *mutex)
{
    other_cpu(mutex);
    REQUIRE(mutex->rank != 0, "mutex was initialised");
    REQUIRE(mutex->state == MUTEX_FREE, "%s is free", mutex->name);
    REQUIRE(spinlocks_held == 0, "%s taken under no spinlock", mutex->name);
    REQUIRE(mutex_ranks_held >> mutex->rank == 0, "%s in order", mutex->name);
    mutex_ranks_held |= UINT64_C(1) << mutex->rank;
    mutex->state = MUTEX_HELD;
}

void mutex_unlock(struct mutex *mutex)
{
    REQUIRE(mutex->state != MUTEX_FREE, "%s is held", mutex->name);
    mutex->state = MUTEX_FREE;
    mutex_ranks_held &= ~(UINT64_C(1) << mutex->rank);
    other_cpu(mutex);
}

bool mutex_held(const struct mutex *mutex)
{
    return mutex->state != MUTEX_FREE;
}

/* --- waiting --- */

void (*fake_sleep)(void);
unsigned fake_sleeps;
bool fake_interrupted;
static bool woken; /* a waiter was, during the last sleep */

void wait_queue_init(struct wait_queue *queue)
{
    queue->lock = SPINLOCK_INIT(LOCK_WAIT_QUEUE, "wait queue");
    TAILQ_INIT(&queue->waiters);
}

void wait_queue_wake_all(struct wait_queue *queue)
{
    struct wait_entry *entry;

    spinlock_lock(&queue->lock);
    while ((entry = TAILQ_FIRST(&queue->waiters)) != NULL) {
        TAILQ_REMOVE(&queue->waiters, entry, link);
        entry->queued = false;
        woken = true;
    }
    spinlock_unlock(&queue->lock);
}

void wait_queue_wake_one(struct wait_queue *queue)
{
    wait_queue_wake_all(queue);
}

void wait_begin(struct wait_queue *queue, struct wait_entry *entry)
{
    REQUIRE(!entry->queued, "a wait entry stands in one queue");
    entry->queued = true;
    TAILQ_INSERT_TAIL(&queue->waiters, entry, link);
}

void wait_sleep(struct spinlock *lock, uint64_t deadline, enum thread_sleep sleep)
{
    REQUIRE(spinlocks_held == 1 && spinlock_held(lock), "the caller's lock is the only one");
    REQUIRE(mutex_ranks_held == 0, "nothing sleeps for an event with a mutex");
    (void)sleep;
    fake_sleeps++;
    spinlock_unlock(lock);
    woken = false;
    if (fake_sleep != NULL) {
        fake_sleep();
        REQUIRE(woken, "who made true what is waited for wakes the waiter");
    } else if (deadline != UINT64_MAX) {
        fake_now = deadline;
    } else {
        fake_interrupted = true;
    }
    spinlock_lock(lock);
}

void wait_end(struct wait_queue *queue, struct wait_entry *entry)
{
    if (entry->queued)
        TAILQ_REMOVE(&queue->waiters, entry, link);
    entry->queued = false;
}

void signal_interrupts(void)
{
}

bool wait_interrupted(void)
{
    return fake_interrupted;
}

bool wait_deadline_passed(uint64_t deadline)
{
    return fake_now >= deadline;
}

/* --- user memory --- */

static uint8_t user_memory[FAKE_USER_SIZE] __attribute__((aligned(4096)));
uint8_t *const fake_user = user_memory;
static size_t strings_used;

const char __user *fake_string(const char *text)
{
    size_t size = strlen(text) + 1;

    REQUIRE(strings_used + size <= FAKE_USER_SIZE / 4, "there is room for strings");
    char *to = (char *)user_memory + FAKE_USER_SIZE - FAKE_USER_SIZE / 4 + strings_used;
    memcpy(to, text, size);
    strings_used += size;
    return USER(to);
}

/* How many of the bytes at `address` are there. */
static size_t accessible(uint64_t address, size_t size)
{
    uint64_t start = (uintptr_t)user_memory, end = start + FAKE_USER_SIZE;

    REQUIRE(spinlocks_held == 0, "user memory is touched under no spinlock");
    if (address < start || address >= end)
        return 0;
    return size < end - address ? size : end - address;
}

size_t copy_from_user_partial(void *to, const void __user *from, size_t size)
{
    size_t there = accessible(user_address(from), size);

    if (there > 0)
        memcpy(to, (const void *)user_address(from), there);
    return size - there;
}

size_t copy_to_user_partial(void __user *to, const void *from, size_t size)
{
    size_t there = accessible(user_address(to), size);

    if (there > 0)
        memcpy((void *)user_address(to), from, there);
    return size - there;
}

int copy_from_user(void *to, const void __user *from, size_t size)
{
    return copy_from_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}

int copy_to_user(void __user *to, const void *from, size_t size)
{
    return copy_to_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}

size_t clear_user_partial(void __user *to, size_t size)
{
    size_t there = accessible(user_address(to), size);

    if (there > 0)
        memset((void *)user_address(to), 0, there);
    return size - there;
}

long user_string(char *to, const char __user *from, size_t size)
{
    size_t there = accessible(user_address(from), size);
    size_t length = there > 0 ? strnlen((const char *)user_address(from), there) : 0;

    if (length == there)
        return there < size ? -EFAULT : -ENAMETOOLONG;
    memcpy(to, (const char *)user_address(from), length + 1);
    return (long)length;
}

bool user_range(vaddr_t address, uint64_t size)
{
    const uint64_t end = UINT64_C(0x7ffffffff000);

    return address <= end && size <= end - address;
}

/* --- devices --- */

uint64_t fake_now;
char fake_console_text[FAKE_OUTPUT_SIZE];
size_t fake_console_size;
char fake_second_text[FAKE_OUTPUT_SIZE];
size_t fake_second_size;
char fake_serial_text[4][FAKE_OUTPUT_SIZE];
size_t fake_serial_size[4];

static struct {
    serial_receiver *receiver;
    void *context;
} receivers[4];

uint64_t clock_now(void)
{
    return fake_now;
}

uint64_t clock_realtime(void)
{
    return UINT64_C(1700000000) * NANOSECONDS + fake_now;
}

void console_write(const char *text, size_t size)
{
    REQUIRE(fake_console_size + size <= FAKE_OUTPUT_SIZE, "the console's text fits");
    memcpy(fake_console_text + fake_console_size, text, size);
    fake_console_size += size;
}

void console_terminal_write(enum console_terminal terminal, const char *text, size_t size)
{
    REQUIRE(terminal == CONSOLE_SECOND, "the other consoles have writers of their own");
    REQUIRE(fake_second_size + size <= FAKE_OUTPUT_SIZE, "the second console's text fits");
    memcpy(fake_second_text + fake_second_size, text, size);
    fake_second_size += size;
}

/* Only the second console has a screen. */
bool console_terminal_size(enum console_terminal terminal, unsigned *rows, unsigned *columns)
{
    if (terminal != CONSOLE_SECOND)
        return false;
    *rows = 30;
    *columns = 100;
    return true;
}

size_t console_take_reply(enum console_terminal terminal, char *to)
{
    (void)terminal, (void)to;
    return 0;
}

bool serial_present(unsigned port)
{
    return port < 3;
}

void serial_write(unsigned port, const void *bytes, size_t size)
{
    REQUIRE(fake_serial_size[port] + size <= FAKE_OUTPUT_SIZE, "the port's text fits");
    memcpy(fake_serial_text[port] + fake_serial_size[port], bytes, size);
    fake_serial_size[port] += size;
}

int serial_receive(unsigned port, serial_receiver *receiver, void *context)
{
    receivers[port].receiver = receiver;
    receivers[port].context = context;
    return 0;
}

void fake_serial_input(unsigned port, const char *bytes, size_t size)
{
    receivers[port].receiver(receivers[port].context, (const uint8_t *)bytes, size);
}

void random_bytes(void *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)rand();
}

/* --- messages --- */

char fake_log[256];

void log_line(enum log_level level, const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    vsnprintf(fake_log, sizeof(fake_log), format, arguments);
    va_end(arguments);
}

void panic_at(const char *file, int line, const char *format, ...)
{
    REQUIRE(false, "%s:%d: panic: %s", file, line, format);
}

void panic_assertion(const char *file, int line, const char *condition, const char *format, ...)
{
    REQUIRE(false, "%s:%d: %s: %s", file, line, condition, format);
}

void panic_comparison(const char *file, int line, const char *comparison, uint64_t left, uint64_t right,
                      const char *format, ...)
{
    REQUIRE(false, "%s:%d: %s (%lu, %lu): %s", file, line, comparison, left, right, format);
}

/* --- the process --- */

int fake_signal, fake_hangups;
struct thread_file_operations thread_file_operations;

struct process *fake_process(void)
{
    return &process;
}

struct thread_files *fake_files(void)
{
    return &thread.files;
}

void signal_send_thread(struct thread *to, const struct signal_info *info, bool forced)
{
    (void)to, (void)forced;
    fake_signal = info->signal;
}

void signal_send_process(struct process *to, const struct signal_info *info)
{
    (void)to;
    fake_signal = info->signal;
    fake_hangups += info->signal == SIGNAL_HANGUP;
}

void signal_block(signal_set mask)
{
    thread.signals.blocked = mask;
}

uint64_t restart_deadline(uint64_t deadline)
{
    return deadline;
}

long restart_later(uint64_t deadline)
{
    (void)deadline;
    return -RESTART_TIMED;
}

int process_each(int (*visit)(struct process *process, void *context), void *context)
{
    REQUIRE(spinlocks_held == 0, "the process tree's lock comes first");
    return visit(&process, context);
}

struct process *process_find(int pid)
{
    return pid == process.pid ? &process : NULL;
}

void process_put(struct process *put)
{
    (void)put;
}

/* --- beginning and end --- */

static void directory_empty(struct node *directory)
{
    struct directory_entry *entry;

    while ((entry = TAILQ_FIRST(&directory->directory.ages)) != NULL) {
        if (S_ISDIR(entry->node->mode))
            directory_empty(entry->node);
        directory_remove(directory, entry);
    }
}

void fakes_begin(void)
{
    cpu = (struct cpu){.self = &cpu, .current = &thread};
    thread = (struct thread){.process = &process};
    process = (struct process){.pid = 1, .group = 1, .session = 1, .thread_count = 1, .actions = &actions};
    process.lock = SPINLOCK_INIT(LOCK_PROCESS, "process");
    process.limits[7][0] = FILE_TABLE_MAX; /* RLIMIT_NOFILE */
    REQUIRE(syscall(SYS_arch_prctl, ARCH_SET_GS, &cpu) == 0, "GS can be set");
    live_allocations = 0;
    fail_at = 0;
    strings_used = 0;
    fake_sleep = NULL;
    fake_sleeps = 0;
    fake_interrupted = false;
    fake_signal = 0;
    fake_console_size = 0;
    fake_second_size = 0;
    memset(fake_serial_size, 0, sizeof(fake_serial_size));
    fake_log[0] = '\0';
    REQUIRE(tree_start() == 0, "the tree starts");
    thread.files = (struct thread_files){file_table_create(), file_place_create()};
}

void fakes_end(void)
{
    fail_at = 0;
    file_table_put(thread.files.table);
    file_place_put(thread.files.place);
    directory_empty(tree_root());
    REQUIRE(tree_root()->links == 2 && tree_root()->references == 1,
            "the root is as it began: %u links, %u references", tree_root()->links, tree_root()->references);
    node_put(tree_root());
    REQUIRE(live_allocations == 0, "%ld allocations are left", live_allocations);
    REQUIRE(spinlocks_held == 0 && mutex_ranks_held == 0, "all locks are free");
}

int fakes_setup(void **state)
{
    (void)state;
    fakes_begin();
    return 0;
}

int fakes_teardown(void **state)
{
    (void)state;
    fakes_end();
    return 0;
}
