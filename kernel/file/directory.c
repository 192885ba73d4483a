/* See directory.h. Names are ordered by length first: a comparison that is quick, and nobody sees the order. */
#include "kernel/file/directory.h"

#include <asm/errno.h>

#include "kernel/debug/panic.h"
#include "kernel/file/node.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"

static int name_compare(const char *left, size_t left_length, const char *right, size_t right_length)
{
    if (left_length != right_length)
        return left_length < right_length ? -1 : 1;
    return memcmp(left, right, left_length);
}

static int entry_compare(const struct directory_entry *left, const struct directory_entry *right)
{
    return name_compare(left->name, left->length, right->name, right->length);
}

RB_GENERATE_INTERNAL(directory_names, directory_entry, by_name, entry_compare,
                     static __attribute__((__unused__)))

void directory_init(struct directory *directory)
{
    *directory = (struct directory){.next_position = DIRECTORY_POSITION_FIRST};
    RB_INIT(&directory->names);
    TAILQ_INIT(&directory->ages);
}

/* Searched by hand, because RB_FIND() wants a whole entry to compare with. */
struct directory_entry *directory_find(struct node *directory, const char *name, size_t length)
{
    struct directory_entry *entry = RB_ROOT(&directory->directory.names);

    while (entry != NULL) {
        int order = name_compare(name, length, entry->name, entry->length);
        if (order == 0)
            return entry;
        entry = order < 0 ? RB_LEFT(entry, by_name) : RB_RIGHT(entry, by_name);
    }
    return NULL;
}

struct directory_entry *directory_entry_create(const char *name, size_t length)
{
    ASSERT(length > 0 && length <= DIRECTORY_NAME_MAX, "a name of %zu bytes was checked before", length);
    struct directory_entry *entry = heap_alloc_zeroed(sizeof(*entry) + length + 1);
    if (entry == NULL)
        return NULL;
    entry->length = (uint8_t)length;
    memcpy(entry->name, name, length);
    return entry;
}

/* The node is reachable through `entry` of `directory` from now on. */
static void link_made(struct node *directory, struct directory_entry *entry, struct node *node)
{
    entry->node = node_get(node);
    node->links++;
    if (S_ISDIR(node->mode)) {
        node->links++; /* its own "." */
        directory->links++;
        node->directory.parent = node_get(directory);
        node->directory.entry = entry;
    }
    node->changed = node_time();
}

/* The reverse. A removed directory keeps its parent, so that ".." from inside it still leads somewhere. */
static void link_removed(struct node *directory, struct directory_entry *entry)
{
    struct node *node = entry->node;

    node->links--;
    if (S_ISDIR(node->mode)) {
        node->links--;
        directory->links--;
        if (node->directory.entry == entry) /* not when it has moved to another one */
            node->directory.entry = NULL;
    }
    node->changed = node_time();
    entry->node = NULL;
    node_put(node);
}

void directory_insert(struct node *directory, struct directory_entry *entry, struct node *node)
{
    struct directory *entries = &directory->directory;

    struct node *old_parent = S_ISDIR(node->mode) ? node->directory.parent : NULL;
    link_made(directory, entry, node);
    node_put(old_parent);
    entry->position = entries->next_position++;
    struct directory_entry *same = RB_INSERT(directory_names, &entries->names, entry);
    ASSERT(same == NULL, "the name %s is free", entry->name);
    TAILQ_INSERT_TAIL(&entries->ages, entry, by_age);
    entries->count++;
    node_touch(directory);
}

void directory_remove(struct node *directory, struct directory_entry *entry)
{
    struct directory *entries = &directory->directory;

    RB_REMOVE(directory_names, &entries->names, entry);
    TAILQ_REMOVE(&entries->ages, entry, by_age);
    entries->count--;
    link_removed(directory, entry);
    heap_free(entry);
    node_touch(directory);
}

void directory_replace(struct node *directory, struct directory_entry *entry, struct node *node)
{
    struct node *old_parent = S_ISDIR(node->mode) ? node->directory.parent : NULL;

    link_removed(directory, entry);
    link_made(directory, entry, node);
    node_put(old_parent);
    node_touch(directory);
}

int directory_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    struct directory *entries = &directory->directory;
    struct directory_entry *entry;

    if (*position == 0) {
        if (!emit(context, ".", 1, directory->inode, directory->mode, 1))
            return 0;
        *position = 1;
    }
    if (*position == 1) {
        struct node *parent = entries->parent;
        if (!emit(context, "..", 2, parent->inode, parent->mode, DIRECTORY_POSITION_FIRST))
            return 0;
        *position = DIRECTORY_POSITION_FIRST;
    }
    if (directory->operations != NULL && directory->operations->list != NULL)
        return directory->operations->list(directory, position, emit, context);
    TAILQ_FOREACH (entry, &entries->ages, by_age) {
        if (entry->position < *position)
            continue;
        if (!emit(context, entry->name, entry->length, entry->node->inode, entry->node->mode,
                  entry->position + 1))
            break;
        *position = entry->position + 1;
    }
    return 0;
}
