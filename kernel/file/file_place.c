/* See file_place.h. */
#include "kernel/file/file_place.h"

#include <stddef.h>

#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"

#define UMASK_FIRST 022

/* Takes the reference to the directory over. */
static struct file_place *place_make(struct node *directory, uint32_t umask)
{
    struct file_place *place = heap_alloc(sizeof(*place));

    if (place == NULL)
        node_put(directory);
    else
        *place = (struct file_place){.references = 1, .umask = umask, .directory = directory};
    return place;
}

struct file_place *file_place_create(void)
{
    return place_make(node_get(tree_root()), UMASK_FIRST);
}

struct file_place *file_place_copy(struct file_place *place)
{
    return place_make(file_place_directory(place), __atomic_load_n(&place->umask, __ATOMIC_RELAXED));
}

struct file_place *file_place_get(struct file_place *place)
{
    __atomic_add_fetch(&place->references, 1, __ATOMIC_RELAXED);
    return place;
}

void file_place_put(struct file_place *place)
{
    if (place == NULL || __atomic_sub_fetch(&place->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    node_put(place->directory);
    heap_free(place);
}

struct node *file_place_directory(struct file_place *place)
{
    tree_lock();
    struct node *directory = node_get(place->directory);
    tree_unlock();
    return directory;
}

void file_place_move(struct file_place *place, struct node *directory)
{
    tree_lock();
    struct node *before = place->directory;
    place->directory = directory;
    tree_unlock();
    node_put(before);
}
