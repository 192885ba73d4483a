/* Processes as a tree: ids, parents, reference counts. See process.h. */
#include "kernel/process/process.h"

#include <asm/errno.h>
#include <asm/resource.h>
#include <asm/signal.h>

#include "kernel/debug/panic.h"
#include "kernel/device/clock.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process_internal.h"
#include "kernel/process/signal_frame.h"

#define PID_MAX     32768
#define PID_BUCKETS 256

/* Threads of all processes; their kernel stacks are what they cost most. */
#define THREADS_MAX 8192

LIST_HEAD(pid_bucket, process);
LIST_HEAD(tid_bucket, thread);

struct spinlock process_tree_lock = {.rank = LOCK_PROCESS_TREE, .name = "process tree"};

/* process_tree_lock */
static struct pid_bucket buckets[PID_BUCKETS];
static struct tid_bucket tid_buckets[PID_BUCKETS];
static int last_pid;
static unsigned count, thread_count;
struct process *first_process;

static struct pid_bucket *bucket_of(int pid)
{
    return &buckets[(unsigned)pid % PID_BUCKETS];
}

static struct process *find_locked(int pid)
{
    struct process *process;

    LIST_FOREACH (process, bucket_of(pid), by_pid)
        if (process->pid == pid)
            return process;
    return NULL;
}

static struct thread *thread_find_locked(int tid)
{
    struct thread *thread;

    LIST_FOREACH (thread, &tid_buckets[(unsigned)tid % PID_BUCKETS], by_tid)
        if (thread->tid == tid)
            return thread;
    return NULL;
}

/* An id in use as a group or session id is not given again either: it is that of a live process, or its members keep it visible. To look at all processes for each new id would be slow,
 * so it is done once for the next ID_WINDOW of them. What is in no use then comes into use only by being given, and what is, is left out until the next time around, even if it has become
 * free since. process_tree_lock */
#define ID_WINDOW 1024
static struct {
    int number; /* ids of [number, number+1) * ID_WINDOW; -1: none yet */
    uint64_t used[ID_WINDOW / 64];
} window = {.number = -1};

static void window_mark(int id)
{
    if (id / ID_WINDOW == window.number)
        window.used[id % ID_WINDOW / 64] |= UINT64_C(1) << id % 64;
}

static void window_make(int number)
{
    window.number = number;
    memset(window.used, 0, sizeof(window.used));
    for (unsigned i = 0; i < PID_BUCKETS; i++) {
        struct process *process;
        struct thread *thread;
        LIST_FOREACH (process, &buckets[i], by_pid) {
            window_mark(process->pid);
            window_mark(process->group);
            window_mark(process->session);
        }
        LIST_FOREACH (thread, &tid_buckets[i], by_tid)
            window_mark(thread->tid);
    }
}

static int pid_next(void)
{
    do {
        last_pid = last_pid < PID_MAX ? last_pid + 1 : 2;
        if (last_pid / ID_WINDOW != window.number)
            window_make(last_pid / ID_WINDOW);
    } while (window.used[last_pid % ID_WINDOW / 64] >> last_pid % 64 & 1);
    return last_pid;
}

struct process *process_make(struct signal_actions *actions)
{
    struct process *process = actions != NULL ? heap_alloc_zeroed(sizeof(*process)) : NULL;

    if (process == NULL) {
        signal_actions_put(actions);
        return NULL;
    }
    process->actions = actions;
    process->references = 1;
    process->lock = SPINLOCK_INIT(LOCK_PROCESS, "process");
    TAILQ_INIT(&process->children);
    TAILQ_INIT(&process->threads);
    wait_queue_init(&process->child_events);
    wait_queue_init(&process->vfork_done);
    wait_queue_init(&process->threads_gone);
    wait_queue_init(&process->continued_queue);
    interval_timer_init(&process->real_timer);
    process->exit_signal = SIGCHLD;
    process->start_time = clock_now();
    for (unsigned i = 0; i < RLIM_NLIMITS; i++)
        process->limits[i][0] = process->limits[i][1] = RLIM_INFINITY;
    process->limits[RLIMIT_STACK][0] = UINT64_C(8) << 20;
    process->limits[RLIMIT_NOFILE][0] = process->limits[RLIMIT_NOFILE][1] = 1024;
    process->limits[RLIMIT_NPROC][0] = process->limits[RLIMIT_NPROC][1] = PROCESS_MAX;
    process->limits[RLIMIT_CORE][0] = 0;
    return process;
}

int process_enter(struct process *process, struct process *parent, uint32_t signals_sent)
{
    spinlock_lock(&process_tree_lock);
    /* Who sends to a group holds the lock until all have it. */
    if (parent != NULL && __atomic_load_n(&parent->signals_sent, __ATOMIC_RELAXED) != signals_sent) {
        spinlock_unlock(&process_tree_lock);
        signal_interrupts();
        return -RESTART_ALWAYS;
    }
    if (count >= PROCESS_MAX) {
        spinlock_unlock(&process_tree_lock);
        return -EAGAIN;
    }
    process->pid = pid_next();
    if (parent == NULL) {
        process->group = process->session = process->pid;
    } else {
        process->group = parent->group;
        process->session = parent->session;
        process->parent = parent;
        TAILQ_INSERT_TAIL(&parent->children, process, sibling);
    }
    __atomic_add_fetch(&process->references, 1, __ATOMIC_RELAXED); /* the tree's, until it is reaped */
    LIST_INSERT_HEAD(bucket_of(process->pid), process, by_pid);
    count++;
    spinlock_unlock(&process_tree_lock);
    return process->pid;
}

void process_leave_locked(struct process *process)
{
    ASSERT(spinlock_held(&process_tree_lock), "the tree is locked");
    LIST_REMOVE(process, by_pid);
    if (process->parent != NULL)
        TAILQ_REMOVE(&process->parent->children, process, sibling);
    process->parent = NULL;
    count--;
}

static void thread_enter_locked(struct thread *thread, int tid)
{
    thread->tid = tid;
    LIST_INSERT_HEAD(&tid_buckets[(unsigned)tid % PID_BUCKETS], thread, by_tid);
    thread_count++;
}

int thread_enter_id(struct thread *thread)
{
    int tid = -EAGAIN;

    spinlock_lock(&process_tree_lock);
    if (thread_count < THREADS_MAX) {
        tid = pid_next();
        thread_enter_locked(thread, tid);
    }
    spinlock_unlock(&process_tree_lock);
    return tid;
}

void thread_enter_main(struct thread *thread)
{
    spinlock_lock(&process_tree_lock);
    thread_enter_locked(thread, thread->process->pid);
    spinlock_unlock(&process_tree_lock);
}

void thread_leave_id(struct thread *thread)
{
    spinlock_lock(&process_tree_lock);
    LIST_REMOVE(thread, by_tid);
    thread_count--;
    spinlock_unlock(&process_tree_lock);
}

int thread_with_id(int tid, int (*visit)(struct thread *thread, void *context), void *context)
{
    spinlock_lock(&process_tree_lock);
    struct thread *thread = thread_find_locked(tid);
    int result = thread != NULL ? visit(thread, context) : -ESRCH;
    spinlock_unlock(&process_tree_lock);
    return result;
}

void thread_set_process(struct thread *thread, struct process *process)
{
    thread->process = process;
    thread->space = process->space;
    __atomic_add_fetch(&process->references, 1, __ATOMIC_RELAXED);
}

int thread_join_process(struct thread *thread)
{
    struct process *process = thread->process;
    int error = 0;

    spinlock_lock(&process->lock);
    if (process->exiting || process->exec_thread != NULL) {
        error = -EINTR;
    } else {
        TAILQ_INSERT_TAIL(&process->threads, thread, sibling);
        process->thread_count++;
    }
    spinlock_unlock(&process->lock);
    return error;
}

uint64_t process_run_time(struct process *process)
{
    struct thread *thread;

    spinlock_lock(&process->lock);
    uint64_t time = process->run_time;
    TAILQ_FOREACH (thread, &process->threads, sibling)
        time += thread_run_time(thread);
    spinlock_unlock(&process->lock);
    return time;
}

struct process *process_find(int pid)
{
    spinlock_lock(&process_tree_lock);
    struct process *process = find_locked(pid);
    if (process != NULL)
        __atomic_add_fetch(&process->references, 1, __ATOMIC_RELAXED);
    spinlock_unlock(&process_tree_lock);
    return process;
}

void process_put(struct process *process)
{
    if (__atomic_sub_fetch(&process->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    ASSERT(process->space == NULL, "an ended process has given back its memory");
    signal_actions_put(process->actions);
    signal_pending_clear(&process->pending);
    heap_free(process);
}

struct address_space *process_space_get(struct process *process)
{
    spinlock_lock(&process->lock);
    struct address_space *space = process->space;
    if (space != NULL)
        space_get(space);
    spinlock_unlock(&process->lock);
    return space;
}

int process_each(int (*visit)(struct process *process, void *context), void *context)
{
    int result = 0;

    spinlock_lock(&process_tree_lock);
    for (unsigned i = 0; i < PID_BUCKETS && result == 0; i++) {
        struct process *process, *next;
        for (process = LIST_FIRST(&buckets[i]); process != NULL && result == 0; process = next) {
            next = LIST_NEXT(process, by_pid);
            result = visit(process, context);
        }
    }
    spinlock_unlock(&process_tree_lock);
    return result;
}

unsigned process_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_RELAXED);
}
