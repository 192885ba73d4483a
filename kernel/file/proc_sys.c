/* See proc_sys.h. */
#include "kernel/file/proc_sys.h"

#include <asm/errno.h>

#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/file/proc_text.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

static SLIST_HEAD(, proc_text) entries = SLIST_HEAD_INITIALIZER(entries);

void proc_text_register(struct proc_text *entry)
{
    SLIST_INSERT_HEAD(&entries, entry, link);
}

static int text_open(struct node *node, struct file *file)
{
    const struct proc_text *entry = (const struct proc_text *)node->key;
    char *text = NULL;
    size_t length = 0;

    int error = entry->read != NULL && file_readable(file) ? entry->read(&text, &length) : 0;
    if (error != 0)
        return error;
    error = proc_text_open(file, text, length, entry->write);
    if (error != 0)
        heap_free(text);
    return error;
}

static const struct node_operations text_node_operations = {.open = text_open};

/* --- the directories --- */

static int quire_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    struct proc_text *entry;

    (void)directory;
    SLIST_FOREACH (entry, &entries, link) {
        if (strlen(entry->name) != length || memcmp(entry->name, name, length) != 0)
            continue;
        struct node *node = node_create(S_IFREG | (entry->read ? 0444 : 0) | (entry->write ? 0200 : 0));
        if (node == NULL)
            return -ENOMEM;
        node->links = 1;
        node->key = (uint64_t)entry;
        node->operations = &text_node_operations;
        *child = node;
        return 0;
    }
    return -ENOENT;
}

static int quire_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    struct proc_text *entry;
    uint64_t at = DIRECTORY_POSITION_FIRST;

    SLIST_FOREACH (entry, &entries, link) {
        if (at++ < *position)
            continue;
        if (!emit(context, entry->name, strlen(entry->name), directory->inode + at, S_IFREG, at))
            return 0;
        *position = at;
    }
    return 0;
}

static const struct node_operations quire_operations = {.lookup = quire_lookup, .list = quire_list};

static struct node *directory_create(struct node *parent, const struct node_operations *operations)
{
    struct node *node = node_create(S_IFDIR | 0555);

    if (node == NULL)
        return NULL;
    node->links = 2;
    node->operations = operations;
    node->directory.parent = node_get(parent);
    return node;
}

static int sys_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (length != strlen("quire") || memcmp(name, "quire", length) != 0)
        return -ENOENT;
    *child = directory_create(directory, &quire_operations);
    return *child != NULL ? 0 : -ENOMEM;
}

static int sys_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    if (*position == DIRECTORY_POSITION_FIRST &&
        emit(context, "quire", strlen("quire"), directory->inode + 1, S_IFDIR, *position + 1))
        (*position)++;
    return 0;
}

static const struct node_operations sys_operations = {.lookup = sys_lookup, .list = sys_list};

int proc_sys_create(struct node *parent, struct node **directory)
{
    *directory = directory_create(parent, &sys_operations);
    return *directory != NULL ? 0 : -ENOMEM;
}
