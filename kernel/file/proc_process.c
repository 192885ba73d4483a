/* See proc_process.h. node.key is the process id, and for a file in such a directory also its place in the table of files: a process that has gone meanwhile is -ESRCH. */
#include "kernel/file/proc_process.h"

#include <asm/errno.h>

#include "kernel/device/clock.h"
#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/file/proc_text.h"
#include "kernel/lib/string.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/space_access.h"
#include "kernel/process/process_status.h"

#define TICKS_PER_SECOND 100 /* Linux's USER_HZ, the unit of times in /proc */
#define KEY_PID_SHIFT    8
#define KIBIBYTES(pages) ((pages) * (PAGE_SIZE / 1024))
#define RSS_UNLIMITED    UINT64_MAX

static uint64_t ticks(uint64_t nanoseconds)
{
    return nanoseconds / (NANOSECONDS / TICKS_PER_SECOND);
}

struct memory_size {
    uint64_t mapped, resident; /* pages */
    vaddr_t arguments_start, arguments_end;
};

/* Zeroes for a process without memory, which is one that has ended. */
static void memory_size(struct process *process, struct memory_size *size)
{
    struct address_space *space = process_space_get(process);

    *size = (struct memory_size){0};
    if (space == NULL)
        return;
    mutex_lock(&space->mutex);
    *size = (struct memory_size){
        .mapped = space->pages_mapped,
        .resident = space->pages_resident,
        .arguments_start = space->arguments_start,
        .arguments_end = space->arguments_end,
    };
    mutex_unlock(&space->mutex);
    space_put(space);
}

/* Linux's 52 fields; those that have no meaning here are 0, as Linux gives them to who may not see them. Priority 20 is nice 0. */
static void stat_make(struct process *process, struct text_buffer *text)
{
    struct process_status status;
    struct memory_size size;

    process_status(process, &status);
    memory_size(process, &size);
    text_add(text, "%d (%s) %c %d %d %d 0 -1 0 0 0 0 0 ", status.pid, status.name, status.state,
             status.parent, status.group, status.session);
    text_add(text, "%lu 0 %lu 0 %d %d %u 0 %lu ", ticks(status.run_time), ticks(status.child_time),
             20 + status.nice, status.nice, status.threads, ticks(status.start_time));
    text_add(text, "%lu %lu %lu 0 0 0 0 0 ", size.mapped * PAGE_SIZE, size.resident, RSS_UNLIMITED);
    text_add(text, "%lu %lu %lu %lu 0 0 0 17 %u 0 0 0 0 0 0 0 0 %lu %lu 0 0 0\n", status.pending,
             status.blocked, status.ignored, status.caught, status.cpu, size.arguments_start,
             size.arguments_end);
}

static void statm_make(struct process *process, struct text_buffer *text)
{
    struct memory_size size;

    memory_size(process, &size);
    text_add(text, "%lu %lu 0 0 0 %lu 0\n", size.mapped, size.resident, size.mapped);
}

static const char *state_name(char state)
{
    switch (state) {
    case 'R':
        return "running";
    case 'D':
        return "disk sleep";
    case 'T':
        return "stopped";
    case 'Z':
        return "zombie";
    default:
        return "sleeping";
    }
}

static void status_make(struct process *process, struct text_buffer *text)
{
    struct process_status status;
    struct memory_size size;

    process_status(process, &status);
    memory_size(process, &size);
    text_add(text, "Name:\t%s\nState:\t%c (%s)\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n", status.name, status.state,
             state_name(status.state), status.pid, status.pid, status.parent);
    text_add(text, "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmSize:\t%8lu kB\nVmRSS:\t%8lu kB\n",
             KIBIBYTES(size.mapped), KIBIBYTES(size.resident));
    text_add(text, "Threads:\t%u\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
             status.threads, status.pending, status.blocked, status.ignored, status.caught);
}

static void comm_make(struct process *process, struct text_buffer *text)
{
    struct process_status status;

    process_status(process, &status);
    text_add(text, "%s\n", status.name);
}

/* The arguments as the program has them now: each with its terminator. Empty once it has ended. */
static void cmdline_make(struct process *process, struct text_buffer *text)
{
    struct address_space *space = process_space_get(process);

    if (space == NULL)
        return;
    size_t size = space->arguments_end - space->arguments_start;
    char *bytes = size > 0 ? heap_alloc(size) : NULL;
    if (bytes != NULL && space_read(space, bytes, space->arguments_start, size) == 0)
        text_add_bytes(text, bytes, size);
    heap_free(bytes);
    space_put(space);
}

static void maps_make(struct process *process, struct text_buffer *text)
{
    struct address_space *space = process_space_get(process);

    if (space == NULL)
        return;
    mutex_lock(&space->mutex);
    for (struct region *region = region_find_from(&space->regions, 0); region != NULL;
         region = region_next(region)) {
        uint32_t protection = region->protection;
        text_add(text, "%08lx-%08lx %c%c%c%c %08lx 00:00 0%s%s\n", region->start, region->end,
                 protection & REGION_READ ? 'r' : '-', protection & REGION_WRITE ? 'w' : '-',
                 protection & REGION_EXEC ? 'x' : '-', region->flags & REGION_SHARED ? 's' : 'p',
                 region->offset, region->name != NULL ? "                          " : "",
                 region->name != NULL ? region->name : "");
    }
    mutex_unlock(&space->mutex);
    space_put(space);
}

static const struct {
    const char *name;
    void (*make)(struct process *process, struct text_buffer *text);
} files[] = {
    {"cmdline", cmdline_make}, {"comm", comm_make},   {"maps", maps_make},
    {"stat", stat_make},       {"statm", statm_make}, {"status", status_make},
};

#define FILES (sizeof(files) / sizeof(files[0]))

static int text_open(struct node *node, struct file *file)
{
    struct process *process = process_find((int)(node->key >> KEY_PID_SHIFT));
    struct text_buffer made = {0};

    if (process == NULL)
        return -ESRCH;
    files[node->key & ((1u << KEY_PID_SHIFT) - 1)].make(process, &made);
    process_put(process);
    return proc_text_open_made(file, &made);
}

static long exe_text(struct node *link, char *to, size_t size)
{
    struct process *process = process_find((int)link->key);

    if (process == NULL)
        return -ENOENT;
    size_t length = strnlen(process->path, sizeof(process->path));
    if (length > size)
        length = size;
    memcpy(to, process->path, length);
    process_put(process);
    return length > 0 ? (long)length : -ENOENT; /* a process of the kernel runs no file */
}

static const struct node_operations text_operations = {.open = text_open};
static const struct node_operations exe_operations = {.link_text = exe_text};

static int entry_make(uint32_t mode, uint64_t key, const struct node_operations *operations,
                      struct node **child)
{
    struct node *node = node_create(mode);

    if (node == NULL)
        return -ENOMEM;
    node->links = 1;
    node->key = key;
    node->operations = operations;
    *child = node;
    return 0;
}

static bool name_is(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static int process_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (name_is(name, length, "exe"))
        return entry_make(S_IFLNK | 0777, directory->key, &exe_operations, child);
    for (uint64_t i = 0; i < FILES; i++)
        if (name_is(name, length, files[i].name))
            return entry_make(S_IFREG | 0444, directory->key << KEY_PID_SHIFT | i, &text_operations, child);
    return -ENOENT;
}

/* Position 2 is "exe", the files follow. */
static int process_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    for (; *position <= DIRECTORY_POSITION_FIRST + FILES; ++*position) {
        uint64_t at = *position - DIRECTORY_POSITION_FIRST;
        const char *name = at == 0 ? "exe" : files[at - 1].name;
        if (!emit(context, name, strlen(name), directory->inode + 1 + at, at == 0 ? S_IFLNK : S_IFREG,
                  *position + 1))
            break;
    }
    return 0;
}

static const struct node_operations process_operations = {.lookup = process_lookup, .list = process_list};

int proc_process_create(struct node *parent, int pid, struct node **directory)
{
    struct node *node = node_create(S_IFDIR | 0555);

    if (node == NULL)
        return -ENOMEM;
    node->links = 2;
    node->key = (uint64_t)pid;
    node->operations = &process_operations;
    node->directory.parent = node_get(parent);
    *directory = node;
    return 0;
}
