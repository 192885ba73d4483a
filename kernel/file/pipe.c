/* See pipe.h. */
#include "kernel/file/pipe.h"

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/process.h"
#include "kernel/process/wait_queue.h"

_Static_assert((PIPE_CAPACITY & (PIPE_CAPACITY - 1)) == 0, "the counters wrap over it");

struct pipe {
    struct spinlock lock;
    /* lock */
    struct wait_queue readable, writable; /* woken when their side may go on */
    uint32_t head, tail;                  /* bytes written and read so far; they wrap */
    uint32_t readers, writers;            /* open ends */
    uint32_t readers_ever, writers_ever;  /* how many were opened: what an open waits for */
    uint32_t both;                        /* files that are both ends: they wait on `readable`, for either */
    bool reading, writing;
    /* bytes tail..head are the reader's, the others the writer's */
    uint8_t *ring;
};

static uint32_t used(const struct pipe *pipe)
{
    return pipe->head - pipe->tail;
}

static uint32_t vacant(const struct pipe *pipe)
{
    return PIPE_CAPACITY - used(pipe);
}

/* Wake a side, with pipe->lock held. Whoever waits queued itself before it looked at the pipe under that lock, so an empty queue is really
 * empty. */
static void wake(struct wait_queue *queue)
{
    if (!TAILQ_EMPTY(&queue->waiters))
        wait_queue_wake_all(queue);
}

static void wake_both(struct pipe *pipe)
{
    wake(&pipe->readable);
    wake(&pipe->writable);
}

/* --- copying --- */

/* Move `size` bytes between the ring at `position` and the buffer, in one or two parts. Bytes moved. */
static uint32_t ring_move(struct pipe *pipe, uint32_t position, struct buffer *buffer, uint32_t size,
                          size_t (*move)(struct buffer *buffer, uint8_t *bytes, size_t size))
{
    uint32_t at = position % PIPE_CAPACITY;
    uint32_t first = size < PIPE_CAPACITY - at ? size : PIPE_CAPACITY - at;

    uint32_t moved = (uint32_t)move(buffer, pipe->ring + at, first);
    if (moved == first && size > first)
        moved += (uint32_t)move(buffer, pipe->ring, size - first);
    return moved;
}

static size_t move_out(struct buffer *buffer, uint8_t *bytes, size_t size)
{
    return buffer_put(buffer, bytes, size);
}

static size_t move_in(struct buffer *buffer, uint8_t *bytes, size_t size)
{
    return buffer_take(buffer, bytes, size);
}

/* --- reading --- */

/* Become the reader of at least one byte. The lock is held. 1; 0 at the end of the file; -EAGAIN, -EINTR. */
static int reader_begin(struct pipe *pipe, bool wait)
{
    for (;;) {
        if (used(pipe) == 0 && pipe->writers == 0)
            return 0;
        if (used(pipe) == 0 && !wait)
            return -EAGAIN;
        if (used(pipe) > 0 && !pipe->reading)
            break;
        int error = wait_event(&pipe->readable, &pipe->lock,
                               !pipe->reading && (used(pipe) > 0 || pipe->writers == 0));
        if (error != 0)
            return error;
    }
    pipe->reading = true;
    return 1;
}

static long pipe_read(struct file *file, struct buffer *to, uint64_t *position)
{
    struct pipe *pipe = file->node->private;

    (void)position;
    if (to->left == 0)
        return 0;
    spinlock_lock(&pipe->lock);
    int begun = reader_begin(pipe, (file->flags & O_NONBLOCK) == 0);
    if (begun <= 0) {
        spinlock_unlock(&pipe->lock);
        return begun;
    }
    uint32_t from = pipe->tail, size = used(pipe);
    spinlock_unlock(&pipe->lock);

    if (size > to->left)
        size = (uint32_t)to->left;
    uint32_t moved = ring_move(pipe, from, to, size, move_out);

    spinlock_lock(&pipe->lock);
    pipe->tail += moved;
    pipe->reading = false;
    wake(&pipe->writable);
    if (used(pipe) > 0 || pipe->both > 0)
        wake(&pipe->readable); /* those that this reader kept away, and those that wait for room there */
    spinlock_unlock(&pipe->lock);
    return moved > 0 ? (long)moved : -EFAULT;
}

/* --- writing --- */

/* Become the writer of at least `least` bytes. The lock is held. 0; -EPIPE, -EAGAIN, -EINTR. */
static int writer_begin(struct pipe *pipe, uint32_t least, bool wait)
{
    for (;;) {
        if (pipe->readers == 0)
            return -EPIPE;
        if (vacant(pipe) < least && !wait)
            return -EAGAIN;
        if (vacant(pipe) >= least && !pipe->writing)
            break;
        int error = wait_event(&pipe->writable, &pipe->lock,
                               pipe->readers == 0 || (!pipe->writing && vacant(pipe) >= least));
        if (error != 0)
            return error;
    }
    pipe->writing = true;
    return 0;
}

/* Write what fits, at least `least` bytes: bytes, or negative errno. */
static long write_some(struct pipe *pipe, struct buffer *from, uint32_t least, bool wait)
{
    spinlock_lock(&pipe->lock);
    int error = writer_begin(pipe, least, wait);
    uint32_t to = pipe->head, size = vacant(pipe);
    spinlock_unlock(&pipe->lock);
    if (error != 0)
        return error;

    if (size > from->left)
        size = (uint32_t)from->left;
    uint32_t moved = ring_move(pipe, to, from, size, move_in);

    spinlock_lock(&pipe->lock);
    pipe->head += moved;
    pipe->writing = false;
    wake(&pipe->readable);
    if (vacant(pipe) > 0)
        wake(&pipe->writable);
    spinlock_unlock(&pipe->lock);
    return moved > 0 ? (long)moved : -EFAULT;
}

static void broken_pipe_signal(void)
{
    struct signal_info info = {.signal = SIGPIPE, .code = SI_USER, .pid = current_process()->pid};

    signal_send_thread(thread_current(), &info, false);
}

static long pipe_write(struct file *file, struct buffer *from, uint64_t *position)
{
    struct pipe *pipe = file->node->private;
    bool wait = (file->flags & O_NONBLOCK) == 0;
    /* Up to PIPE_BUF bytes go in one piece, never mixed with others'. */
    uint32_t least = from->left <= PIPE_BUF ? (uint32_t)from->left : 1;
    long done = 0, result = 0;

    (void)position;
    while (from->left > 0) {
        result = write_some(pipe, from, least, wait);
        if (result < 0)
            break;
        done += result;
        least = 1; /* after a part that ended in a fault, the next attempt finds it again */
    }
    if (result == -EPIPE)
        broken_pipe_signal();
    return done > 0 ? done : result;
}

/* --- control --- */

static long pipe_ioctl(struct file *file, unsigned command, uint64_t argument)
{
    struct pipe *pipe = file->node->private;

    if (command != FIONREAD)
        return -ENOTTY;
    spinlock_lock(&pipe->lock);
    int waiting = (int)used(pipe);
    spinlock_unlock(&pipe->lock);
    return copy_to_user(user_pointer(void, argument), &waiting, sizeof(waiting));
}

static uint32_t pipe_ready(struct file *file)
{
    struct pipe *pipe = file->node->private;
    uint32_t events = 0;

    spinlock_lock(&pipe->lock);
    if (file_readable(file)) {
        if (used(pipe) > 0)
            events |= POLLIN | POLLRDNORM;
        if (pipe->writers == 0 && pipe->writers_ever > 0)
            events |= POLLHUP;
    }
    if (file_writable(file)) {
        if (vacant(pipe) >= PIPE_BUF)
            events |= POLLOUT | POLLWRNORM;
        if (pipe->readers == 0)
            events |= POLLERR;
    }
    spinlock_unlock(&pipe->lock);
    return events;
}

static struct wait_queue *pipe_queue(struct file *file)
{
    struct pipe *pipe = file->node->private;

    return file_readable(file) ? &pipe->readable : &pipe->writable;
}

/* --- making, opening, closing --- */

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->node->private;

    if (pipe == NULL)
        return; /* opening it failed */
    spinlock_lock(&pipe->lock);
    pipe->readers -= file_readable(file);
    pipe->writers -= file_writable(file);
    pipe->both -= file_readable(file) && file_writable(file);
    if (pipe->readers == 0 && pipe->writers == 0)
        pipe->tail = pipe->head; /* a named pipe forgets what nobody read */
    wake_both(pipe);
    spinlock_unlock(&pipe->lock);
}

const struct file_operations pipe_operations = {
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .ready = pipe_ready,
    .queue = pipe_queue,
    .release = pipe_release,
};

static void end_added(struct pipe *pipe, const struct file *file)
{
    pipe->readers += file_readable(file);
    pipe->readers_ever += file_readable(file);
    pipe->writers += file_writable(file);
    pipe->writers_ever += file_writable(file);
    pipe->both += file_readable(file) && file_writable(file);
}

static struct pipe *pipe_make(void)
{
    struct pipe *pipe = heap_alloc_zeroed(sizeof(*pipe));

    if (pipe == NULL)
        return NULL;
    pipe->ring = heap_alloc(PIPE_CAPACITY);
    if (pipe->ring == NULL) {
        heap_free(pipe);
        return NULL;
    }
    pipe->lock = SPINLOCK_INIT(LOCK_DEVICE, "pipe");
    wait_queue_init(&pipe->readable);
    wait_queue_init(&pipe->writable);
    return pipe;
}

void pipe_free(struct node *node)
{
    struct pipe *pipe = node->private;

    if (pipe == NULL)
        return;
    heap_free(pipe->ring);
    heap_free(pipe);
}

int pipe_create(unsigned flags, struct file **read_end, struct file **write_end)
{
    struct node *node = node_create(S_IFIFO | 0600);

    if (node == NULL)
        return -ENOMEM;
    struct pipe *pipe = node->private = pipe_make();
    if (pipe == NULL) {
        node_put(node);
        return -ENOMEM;
    }
    struct file *reader = file_create(&pipe_operations, node, O_RDONLY | flags);
    struct file *writer = file_create(&pipe_operations, node, O_WRONLY | flags);
    node_put(node); /* the ends hold it now */
    if (reader != NULL)
        end_added(pipe, reader);
    if (writer != NULL)
        end_added(pipe, writer);
    if (reader == NULL || writer == NULL) {
        file_put(reader);
        file_put(writer);
        return -ENOMEM;
    }
    *read_end = reader;
    *write_end = writer;
    return 0;
}

/* The pipe of a named pipe's node, made when it is opened for the first time. */
static struct pipe *pipe_of(struct node *node)
{
    struct pipe *pipe = __atomic_load_n((struct pipe **)&node->private, __ATOMIC_ACQUIRE);

    if (pipe != NULL)
        return pipe;
    struct pipe *made = pipe_make();
    if (made == NULL)
        return NULL;
    if (__atomic_compare_exchange_n((struct pipe **)&node->private, &pipe, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    heap_free(made->ring);
    heap_free(made);
    return pipe;
}

int pipe_open(struct node *node, struct file *file)
{
    struct pipe *pipe = pipe_of(node);
    int error = 0;

    if (pipe == NULL)
        return -ENOMEM;
    spinlock_lock(&pipe->lock);
    end_added(pipe, file);
    wake_both(pipe);
    bool both = file_readable(file) && file_writable(file), wait = (file->flags & O_NONBLOCK) == 0;
    if (!both && file_readable(file) && pipe->writers == 0 && wait) {
        uint32_t before = pipe->writers_ever;
        error = wait_event(&pipe->readable, &pipe->lock, pipe->writers_ever != before);
    } else if (!both && file_writable(file) && pipe->readers == 0) {
        uint32_t before = pipe->readers_ever;
        error = wait ? wait_event(&pipe->writable, &pipe->lock, pipe->readers_ever != before) : -ENXIO;
    }
    spinlock_unlock(&pipe->lock);
    return error;
}
