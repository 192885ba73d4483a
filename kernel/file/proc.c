/* See proc.h. */
#include "kernel/file/proc.h"

#include <asm/errno.h>

#include "kernel/file/node.h"
#include "kernel/file/proc_machine.h"
#include "kernel/file/proc_process.h"
#include "kernel/file/proc_sys.h"
#include "kernel/file/tree.h"
#include "kernel/lib/format.h"
#include "kernel/lib/string.h"
#include "kernel/process/process.h"

#define PID_DIGITS_MAX 10

static struct node *proc_root; /* counted */

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

static const struct node_operations self_operations = {.link_text = self_text};

static bool name_is(const char *name, size_t length, const char *wanted)
{
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0;
}

static int self_create(struct node **child)
{
    struct node *node = node_create(S_IFLNK | 0777);

    if (node == NULL)
        return -ENOMEM;
    node->links = 1;
    node->operations = &self_operations;
    *child = node;
    return 0;
}

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
        return self_create(child);
    if (name_is(name, length, "sys"))
        return proc_sys_create(directory, child);
    int pid = pid_parse(name, length);
    struct process *process = pid > 0 ? process_find(pid) : NULL;
    if (process == NULL)
        return proc_machine_lookup(name, length, child);
    process_put(process);
    return proc_process_create(directory, pid, child);
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

/* Entries before those of processes: "self", "sys", then the machine's files. NULL: no more. */
static const char *fixed_name(uint64_t index, uint32_t *kind)
{
    *kind = index == 0 ? S_IFLNK : index == 1 ? S_IFDIR : S_IFREG;
    if (index < 2)
        return index == 0 ? "self" : "sys";
    return proc_machine_name(index - 2);
}

/* Each process stands at its id after the fixed entries, so that a listing survives processes that come and go. */
static int root_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    uint64_t first_pid = DIRECTORY_POSITION_FIRST;
    const char *fixed;
    uint32_t kind;

    for (; (fixed = fixed_name(first_pid - DIRECTORY_POSITION_FIRST, &kind)) != NULL; first_pid++) {
        if (*position > first_pid)
            continue;
        if (!emit(context, fixed, strlen(fixed), directory->inode + first_pid, kind, first_pid + 1))
            return 0;
        *position = first_pid + 1;
    }
    for (;;) {
        struct pid_search search = {.least = (int)(*position - first_pid)};
        char name[PID_DIGITS_MAX + 2];
        process_each(pid_visit, &search);
        if (search.found == 0)
            return 0;
        size_t length = (size_t)snprintf(name, sizeof(name), "%d", search.found);
        uint64_t next = (uint64_t)search.found + first_pid + 1;
        if (!emit(context, name, length, directory->inode + next, S_IFDIR, next))
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
