/* See proc.h. */
#include "kernel/file/proc.h"

#include <asm/errno.h>

#include "kernel/file/node.h"
#include "kernel/file/proc_sys.h"
#include "kernel/file/tree.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"

#define PID_DIGITS_MAX 10

static struct node *proc_root; /* counted */

/* --- links whose text is made --- */

static long self_text(struct node *link, char *to, size_t size)
{
    char text[PID_DIGITS_MAX + 2];

    (void)link;
    size_t length = (size_t)snprintf(text, sizeof(text), "%d", current_process()->pid);
    if (length > size)
        length = size;
    memcpy(to, text, length);
    return (long)length;
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

static const struct node_operations self_operations = {.link_text = self_text};
static const struct node_operations exe_operations = {.link_text = exe_text};

/* A node for `key`: of that kind, with those operations, and `parent` when it is a directory. */
static int node_make(uint32_t mode, uint64_t key, const struct node_operations *operations,
                     struct node *parent, struct node **made)
{
    struct node *node = node_create(mode);

    if (node == NULL)
        return -ENOMEM;
    node->links = S_ISDIR(mode) ? 2 : 1;
    node->key = key;
    node->operations = operations;
    if (S_ISDIR(mode))
        node->directory.parent = node_get(parent);
    *made = node;
    return 0;
}

/* --- /proc/PID --- */

static bool name_is(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static int process_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (name_is(name, length, "exe"))
        return node_make(S_IFLNK | 0777, directory->key, &exe_operations, NULL, child);
    return -ENOENT;
}

static int process_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    if (*position == DIRECTORY_POSITION_FIRST &&
        emit(context, "exe", 3, directory->inode + 1, S_IFLNK, *position + 1))
        (*position)++;
    return 0;
}

static const struct node_operations process_operations = {.lookup = process_lookup, .list = process_list};

/* --- /proc --- */

/* A name of digits only, without leading zero, as a process id; 0: it is none. */
static int pid_parse(const char *name, size_t length)
{
    int pid = 0;

    if (length > PID_DIGITS_MAX - 1 || name[0] == '0')
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return 0;
        pid = pid * 10 + (name[i] - '0');
    }
    return pid;
}

static int root_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (name_is(name, length, "self"))
        return node_make(S_IFLNK | 0777, 0, &self_operations, NULL, child);
    if (name_is(name, length, "sys"))
        return proc_sys_create(directory, child);
    int pid = pid_parse(name, length);
    struct process *process = pid > 0 ? process_find(pid) : NULL;
    if (process == NULL)
        return -ENOENT;
    process_put(process);
    return node_make(S_IFDIR | 0555, (uint64_t)pid, &process_operations, directory, child);
}

/* The smallest process id that is not below `least`. */
struct pid_search {
    int least, found;
};

static int pid_visit(struct process *process, void *context)
{
    struct pid_search *search = context;

    if (process->pid >= search->least && (search->found == 0 || process->pid < search->found))
        search->found = process->pid;
    return 0;
}

/* Position 2 is "self", 3 is "sys", then each process stands at its id plus 4, so that a listing survives processes that come and go. */
static int root_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    const uint64_t first_pid = DIRECTORY_POSITION_FIRST + 2;

    if (*position == DIRECTORY_POSITION_FIRST) {
        if (!emit(context, "self", 4, directory->inode + 1, S_IFLNK, *position + 1))
            return 0;
        ++*position;
    }
    if (*position == DIRECTORY_POSITION_FIRST + 1) {
        if (!emit(context, "sys", 3, directory->inode + 2, S_IFDIR, first_pid))
            return 0;
        *position = first_pid;
    }
    for (;;) {
        struct pid_search search = {.least = (int)(*position - first_pid)};
        char name[PID_DIGITS_MAX + 2];
        process_each(pid_visit, &search);
        if (search.found == 0)
            return 0;
        size_t length = (size_t)snprintf(name, sizeof(name), "%d", search.found);
        uint64_t next = (uint64_t)search.found + first_pid + 1;
        if (!emit(context, name, length, directory->inode + 2 + (uint64_t)search.found, S_IFDIR, next))
            return 0;
        *position = next;
    }
}

static const struct node_operations root_operations = {.lookup = root_lookup, .list = root_list};

int proc_start(void)
{
    proc_root = node_create(S_IFDIR | 0555);
    if (proc_root == NULL)
        return -ENOMEM;
    proc_root->operations = &root_operations;
    return 0;
}

int proc_make_name(void)
{
    int error = tree_add(tree_root(), "/proc", node_get(proc_root));

    if (error != -EEXIST)
        return error;
    /* An archive may bring an empty directory of that name to stand for it. */
    error = tree_rmdir(tree_root(), "/proc");
    return error != 0 ? error : tree_add(tree_root(), "/proc", node_get(proc_root));
}
