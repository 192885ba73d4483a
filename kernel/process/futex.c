/* See futex.h. */
#include "kernel/process/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/queue.h>

#include "kernel/debug/panic.h"
#include "kernel/device/wall_clock.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/user_atomic.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/wait_queue.h"

#define BUCKETS 256

/* What a word is known by: `object` is an address space, or what is behind shared memory: a file or the backing; `at` the address or the offset there. A reference to the
 * backing is held. */
struct futex_key {
    const void *object;
    uint64_t at;
    struct backing *backing; /* NULL: private */
};

struct futex_bucket;

struct futex_waiter {
    TAILQ_ENTRY(futex_waiter) link;
    struct futex_bucket *bucket; /* NULL: woken; changed with the locks of both buckets held */
    struct futex_key key;
    struct thread *thread;
    uint32_t bitset;
    struct futex_deadline deadline;
};

struct futex_bucket {
    struct spinlock lock;
    TAILQ_HEAD(, futex_waiter) waiters;
};

static struct futex_bucket buckets[BUCKETS];

void futex_start(void)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        buckets[i].lock = SPINLOCK_INIT(LOCK_FUTEX, "futex");
        TAILQ_INIT(&buckets[i].waiters);
    }
}

static uint32_t __user *word_at(vaddr_t address)
{
    return user_pointer(uint32_t, address);
}

/* 0; -EINVAL: not aligned; -EFAULT: no user address, or nothing is mapped there. */
static int key_make(vaddr_t address, enum futex_scope scope, struct futex_key *key)
{
    struct address_space *space = current_process()->space;
    int error = 0;

    if (address % sizeof(uint32_t) != 0)
        return -EINVAL;
    if (!user_range(address, sizeof(uint32_t)))
        return -EFAULT;
    *key = (struct futex_key){.object = space, .at = address};
    if (scope == FUTEX_PRIVATE)
        return 0;
    mutex_lock(&space->mutex);
    const struct region *region = region_find(&space->regions, address);
    if (region == NULL || !(region->protection & (REGION_READ | REGION_WRITE))) {
        error = -EFAULT;
    } else if (region->flags & REGION_SHARED && region->backing != NULL) {
        key->backing = region->backing;
        key->object = key->backing->bytes != NULL ? key->backing->bytes : key->backing;
        key->at = region->offset + (address - region->start);
        backing_get(key->backing);
    }
    mutex_unlock(&space->mutex);
    return error;
}

static void key_put(struct futex_key *key)
{
    if (key->backing != NULL)
        backing_put(key->backing);
    key->backing = NULL;
}

static bool key_equal(const struct futex_key *left, const struct futex_key *right)
{
    return left->object == right->object && left->at == right->at;
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
    uint64_t mix = ((uint64_t)key->object >> 4 ^ key->at >> 2) * UINT64_C(0x9e3779b97f4a7c15);

    return &buckets[mix >> 56 & (BUCKETS - 1)];
}

static void buckets_lock(struct futex_bucket *one, struct futex_bucket *other)
{
    struct futex_bucket *first = one < other ? one : other;

    spinlock_lock(&first->lock);
    if (one != other)
        spinlock_lock_next(first == one ? &other->lock : &one->lock);
}

static void buckets_unlock(struct futex_bucket *one, struct futex_bucket *other)
{
    spinlock_unlock(&one->lock);
    if (one != other)
        spinlock_unlock(&other->lock);
}

/* The waiter's bucket, locked; NULL: it has been woken. */
static struct futex_bucket *bucket_lock_of(struct futex_waiter *waiter)
{
    for (;;) {
        struct futex_bucket *bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_ACQUIRE);
        if (bucket == NULL)
            return NULL;
        spinlock_lock(&bucket->lock);
        if (waiter->bucket == bucket)
            return bucket;
        spinlock_unlock(&bucket->lock);
    }
}

/* Enter the waiter if the word still is `value`: 0 with the bucket locked; -EAGAIN. */
static int wait_enter(struct futex_waiter *waiter, vaddr_t address, uint32_t value)
{
    struct futex_bucket *bucket = bucket_of(&waiter->key);
    uint32_t found;

    for (;;) {
        /* Fills the page in. */
        if (user_load(word_at(address), &found) != 0)
            return -EFAULT;
        if (found != value)
            return -EAGAIN;
        spinlock_lock(&bucket->lock);
        if (user_load(word_at(address), &found) == 0)
            break;
        spinlock_unlock(&bucket->lock); /* it has gone again meanwhile */
    }
    if (found != value) {
        spinlock_unlock(&bucket->lock);
        return -EAGAIN;
    }
    waiter->bucket = bucket;
    TAILQ_INSERT_TAIL(&bucket->waiters, waiter, link);
    return 0;
}

/* As a clock_now(), as the wall clock is set now. */
static uint64_t deadline_now(const struct futex_waiter *waiter)
{
    return waiter->deadline.of_day ? wall_clock_to_monotonic(waiter->deadline.time) : waiter->deadline.time;
}

/* Sleep until woken; the bucket is locked. Who sets the wall clock wakes those to whom it matters under that lock: either the new time is seen here, or the wake-up comes. */
static int wait_leave(struct futex_waiter *waiter, struct futex_bucket *bucket)
{
    int error = 0;

    for (;;) {
        wait_block(&bucket->lock, deadline_now(waiter), SLEEP_INTERRUPTIBLE);
        bucket = bucket_lock_of(waiter);
        if (bucket == NULL)
            return 0;
        if (wait_interrupted())
            error = -EINTR;
        else if (wait_deadline_passed(deadline_now(waiter)))
            error = -ETIMEDOUT;
        else
            continue;
        TAILQ_REMOVE(&bucket->waiters, waiter, link);
        spinlock_unlock(&bucket->lock);
        return error;
    }
}

void futex_clock_was_set(void)
{
    struct futex_waiter *waiter;

    for (unsigned i = 0; i < BUCKETS; i++) {
        spinlock_lock(&buckets[i].lock);
        TAILQ_FOREACH (waiter, &buckets[i].waiters, link)
            if (waiter->deadline.of_day)
                thread_wake(waiter->thread);
        spinlock_unlock(&buckets[i].lock);
    }
}

int futex_wait(vaddr_t address, enum futex_scope scope, uint32_t value, struct futex_deadline deadline,
               uint32_t bitset)
{
    struct futex_waiter waiter = {.thread = thread_current(), .bitset = bitset, .deadline = deadline};

    if (bitset == 0)
        return -EINVAL;
    int error = key_make(address, scope, &waiter.key);
    if (error != 0)
        return error;
    error = wait_enter(&waiter, address, value);
    if (error == 0)
        error = wait_leave(&waiter, waiter.bucket);
    key_put(&waiter.key);
    return error;
}

/* Wake a waiter of a locked bucket. As long as `bucket` is not NULL its thread waits for the lock; once it is NULL, waiter and thread may be gone: so that comes last. */
static void waiter_wake(struct futex_bucket *bucket, struct futex_waiter *waiter)
{
    struct thread *thread = waiter->thread;

    TAILQ_REMOVE(&bucket->waiters, waiter, link);
    thread_wake(thread);
    __atomic_store_n(&waiter->bucket, NULL, __ATOMIC_RELEASE);
}

/* As on Linux, who asks for none or fewer wakes one. */
static int bucket_wake(struct futex_bucket *bucket, const struct futex_key *key, int most, uint32_t bitset)
{
    struct futex_waiter *waiter, *next;
    int woken = 0;

    for (waiter = TAILQ_FIRST(&bucket->waiters); waiter != NULL; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (!key_equal(&waiter->key, key) || !(waiter->bitset & bitset))
            continue;
        waiter_wake(bucket, waiter);
        if (++woken >= most)
            break;
    }
    return woken;
}

int futex_wake(vaddr_t address, enum futex_scope scope, int most, uint32_t bitset)
{
    struct futex_key key;

    if (bitset == 0)
        return -EINVAL;
    int error = key_make(address, scope, &key);
    if (error != 0)
        return error;
    struct futex_bucket *bucket = bucket_of(&key);
    spinlock_lock(&bucket->lock);
    int woken = bucket_wake(bucket, &key, most, bitset);
    spinlock_unlock(&bucket->lock);
    key_put(&key);
    return woken;
}

static void bucket_move(struct futex_bucket *from, const struct futex_key *key, struct futex_bucket *to,
                        const struct futex_key *to_key, int most, int *moved, struct backing **released)
{
    struct futex_waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&from->waiters); waiter != NULL && *moved < most; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (!key_equal(&waiter->key, key))
            continue;
        if (key_equal(key, to_key)) { /* nothing changes, but it counts */
            ++*moved;
            continue;
        }
        TAILQ_REMOVE(&from->waiters, waiter, link);
        if (to_key->backing != NULL)
            backing_get(to_key->backing);
        if (waiter->key.backing != NULL)
            backing_drop(waiter->key.backing, released);
        waiter->key = *to_key;
        __atomic_store_n(&waiter->bucket, to, __ATOMIC_RELEASE);
        TAILQ_INSERT_TAIL(&to->waiters, waiter, link);
        ++*moved;
    }
}

/* Both words' keys, or none. */
static int keys_make(vaddr_t first, vaddr_t second, enum futex_scope scope, struct futex_key key[2])
{
    int error = key_make(first, scope, &key[0]);

    if (error != 0)
        return error;
    error = key_make(second, scope, &key[1]);
    if (error != 0)
        key_put(&key[0]);
    return error;
}

static void keys_put(struct futex_key key[2])
{
    key_put(&key[0]);
    key_put(&key[1]);
}

int futex_requeue(vaddr_t address, vaddr_t to, enum futex_scope scope, int most, int move,
                  const uint32_t *expected)
{
    struct backing *released = NULL, *next;
    struct futex_key key[2];
    uint32_t found;
    int moved = 0;

    if (most < 0 || move < 0)
        return -EINVAL;
    int result = keys_make(address, to, scope, key);
    if (result != 0)
        return result;
    struct futex_bucket *from_bucket = bucket_of(&key[0]), *to_bucket = bucket_of(&key[1]);
    for (;;) {
        buckets_lock(from_bucket, to_bucket);
        if (expected == NULL || user_load(word_at(address), &found) == 0)
            break;
        buckets_unlock(from_bucket, to_bucket);
        if (user_load(word_at(address), &found) != 0) {
            keys_put(key);
            return -EFAULT;
        }
    }
    if (expected != NULL && found != *expected) {
        result = -EAGAIN;
    } else {
        result = most > 0 ? bucket_wake(from_bucket, &key[0], most, FUTEX_BITSET_MATCH_ANY) : 0;
        bucket_move(from_bucket, &key[0], to_bucket, &key[1], move, &moved, &released);
        result += moved;
    }
    buckets_unlock(from_bucket, to_bucket);
    for (; released != NULL; released = next) {
        next = released->next;
        backing_put(released);
    }
    keys_put(key);
    return result;
}

/* The parts of FUTEX_WAKE_OP's last argument (futex(2)). */
struct word_operation {
    uint32_t operation, comparison;
    int32_t operand, compared;
};

static struct word_operation operation_read(uint32_t encoded)
{
    struct word_operation operation = {
        .operation = encoded >> 28 & 7,
        .comparison = encoded >> 24 & 15,
        .operand = (int32_t)(encoded << 8) >> 20,
        .compared = (int32_t)(encoded << 20) >> 20,
    };

    if (encoded >> 28 & FUTEX_OP_OPARG_SHIFT)
        operation.operand = (int32_t)(1u << (operation.operand & 31));
    return operation;
}

static int operation_apply(const struct word_operation *operation, uint32_t old, uint32_t *new)
{
    uint32_t operand = (uint32_t)operation->operand;

    switch (operation->operation) {
    case FUTEX_OP_SET:
        *new = operand;
        return 0;
    case FUTEX_OP_ADD:
        *new = old + operand;
        return 0;
    case FUTEX_OP_OR:
        *new = old | operand;
        return 0;
    case FUTEX_OP_ANDN:
        *new = old & ~operand;
        return 0;
    case FUTEX_OP_XOR:
        *new = old ^ operand;
        return 0;
    default:
        return -ENOSYS;
    }
}

static int operation_compare(const struct word_operation *operation, uint32_t old)
{
    int32_t value = (int32_t)old;

    switch (operation->comparison) {
    case FUTEX_OP_CMP_EQ:
        return value == operation->compared;
    case FUTEX_OP_CMP_NE:
        return value != operation->compared;
    case FUTEX_OP_CMP_LT:
        return value < operation->compared;
    case FUTEX_OP_CMP_LE:
        return value <= operation->compared;
    case FUTEX_OP_CMP_GT:
        return value > operation->compared;
    case FUTEX_OP_CMP_GE:
        return value >= operation->compared;
    default:
        return -ENOSYS;
    }
}

/* Do it to the word, atomically; *old is what was there. Does not fill the page in when locks are held: -EFAULT. */
static int word_change(vaddr_t address, const struct word_operation *operation, uint32_t *old)
{
    uint32_t expected, changed;

    int error = user_load(word_at(address), &expected);
    while (error == 0) {
        error = operation_apply(operation, expected, &changed);
        if (error == 0)
            error = user_compare_exchange(word_at(address), expected, changed, old);
        if (error != 0 || *old == expected)
            break;
        expected = *old;
    }
    return error;
}

int futex_wake_operation(vaddr_t first, vaddr_t second, enum futex_scope scope, int most, int most_second,
                         uint32_t encoded)
{
    struct word_operation operation = operation_read(encoded);
    struct futex_key key[2];
    uint32_t old = 0;

    int result = keys_make(first, second, scope, key);
    if (result != 0)
        return result;
    struct futex_bucket *bucket[2] = {bucket_of(&key[0]), bucket_of(&key[1])};
    for (;;) {
        buckets_lock(bucket[0], bucket[1]);
        result = word_change(second, &operation, &old);
        if (result != -EFAULT)
            break;
        buckets_unlock(bucket[0], bucket[1]);
        /* Fill it in for writing: nothing is changed when the comparison fails, and nothing either when it holds. */
        if (user_compare_exchange(word_at(second), 0, 0, &old) != 0) {
            keys_put(key);
            return -EFAULT;
        }
    }
    int also = result == 0 ? operation_compare(&operation, old) : result;
    if (also >= 0) {
        result = bucket_wake(bucket[0], &key[0], most, FUTEX_BITSET_MATCH_ANY);
        if (also > 0)
            result += bucket_wake(bucket[1], &key[1], most_second, FUTEX_BITSET_MATCH_ANY);
    } else {
        result = also;
    }
    buckets_unlock(bucket[0], bucket[1]);
    keys_put(key);
    return result;
}

/* --- robust mutexes (Linux, Documentation/locking/robust-futex-ABI) --- */

#define ROBUST_ENTRIES_MAX 2048 /* a list may be a circle */
#define ROBUST_PI          1u /* in an entry's address: a priority-inheriting mutex, which there is none of */

struct robust_head {
    uint64_t first;
    int64_t word_offset; /* of the mutex's word from its entry */
    uint64_t pending;    /* an entry that was being added or removed */
};

/* The word of a mutex that the ending thread holds: mark it, and wake one who waits. `pending`: the thread may have been about to take it, or have just given it up. */
static int robust_release(const struct thread *thread, vaddr_t address, bool pending)
{
    uint32_t value, found;

    if (address % sizeof(uint32_t) != 0 || user_load(word_at(address), &value) != 0)
        return -EFAULT;
    /* It gave the mutex up and died before it woke anybody, or was woken to take one that is nobody's and died before it did. */
    if (pending && (value & FUTEX_TID_MASK) == 0) {
        futex_wake(address, FUTEX_SHARED, 1, FUTEX_BITSET_MATCH_ANY);
        return 0;
    }
    while ((value & FUTEX_TID_MASK) == (uint32_t)thread->tid) {
        if (user_compare_exchange(word_at(address), value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED,
                                  &found) != 0)
            return -EFAULT;
        if (found == value) {
            if (value & FUTEX_WAITERS)
                futex_wake(address, FUTEX_SHARED, 1, FUTEX_BITSET_MATCH_ANY);
            break;
        }
        value = found;
    }
    return 0;
}

void futex_robust_exit(struct thread *thread)
{
    vaddr_t list = thread->robust_list;
    struct robust_head head;

    thread->robust_list = 0;
    if (list == 0 || copy_from_user(&head, user_pointer(const void, list), sizeof(head)) != 0)
        return;
    uint64_t offset = (uint64_t)head.word_offset, pending = head.pending & ~(uint64_t)ROBUST_PI;
    uint64_t entry = head.first & ~(uint64_t)ROBUST_PI;
    for (unsigned count = 0; entry != list && count < ROBUST_ENTRIES_MAX; count++) {
        uint64_t next;
        /* The next one first: the mutex may be gone as soon as somebody else has it. */
        int error = copy_from_user(&next, user_pointer(const void, entry), sizeof(next));
        if (entry != pending && robust_release(thread, entry + offset, false) != 0)
            break;
        if (error != 0)
            break;
        entry = next & ~(uint64_t)ROBUST_PI;
        scheduler_relax();
    }
    if (pending != 0 && robust_release(thread, pending + offset, true) != 0)
        return;
}
