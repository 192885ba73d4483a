/* See tree.h. */
#include "kernel/file/tree.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "kernel/cpu/mutex.h"
#include "kernel/file/node.h"
#include "kernel/file/path.h"
#include "kernel/lib/string.h"

static struct mutex tree_mutex;
static struct node *root;

int tree_start(void)
{
    mutex_init(&tree_mutex, MUTEX_TREE, "file tree");
    root = node_create(S_IFDIR | 0755);
    if (root == NULL)
        return -ENOMEM;
    root->links = 2;
    root->directory.parent = root;
    return 0;
}

struct node *tree_root(void)
{
    return root;
}

void tree_lock(void)
{
    mutex_lock(&tree_mutex);
}

void tree_unlock(void)
{
    mutex_unlock(&tree_mutex);
}

/* May programs add and remove names here? */
static int directory_writable(const struct node *directory)
{
    if (directory->operations != NULL && directory->operations->lookup != NULL)
        return -EPERM;
    return directory->links == 0 ? -ENOENT : 0; /* removed */
}

/* Walk to a name that is to be made: it must not exist yet. */
static int place_for_new(struct node *start, const char *path, bool directory, struct path_place *place)
{
    int error = path_walk(start, path, PATH_ENTRY, place);

    if (error != 0)
        return error;
    if (place->last != PATH_NAME || place->node != NULL)
        error = -EEXIST;
    else if (place->slash && !directory)
        error = -ENOENT;
    else
        error = directory_writable(place->parent);
    if (error != 0)
        path_place_put(place);
    return error;
}

/* Give `node` the place's name. */
static int place_fill(struct path_place *place, struct node *node)
{
    struct directory_entry *entry = directory_entry_create(place->name, place->length);

    if (entry == NULL)
        return -ENOMEM;
    directory_insert(place->parent, entry, node);
    return 0;
}

/* May `node` have (one more) name? */
static int link_check(const struct node *node, bool again)
{
    if (!again)
        return 0;
    if (S_ISDIR(node->mode))
        return -EPERM;
    return node->links == 0 ? -ENOENT : 0; /* its last name went while it was open */
}

/* Make `node` (counted) known by a new path, for the first time or `again`; the reference is dropped in every case. */
static int name_add(struct node *start, const char *path, struct node *node, bool again)
{
    struct path_place place;

    tree_lock();
    int error = place_for_new(start, path, S_ISDIR(node->mode) && !again, &place);
    if (error == 0) {
        error = link_check(node, again);
        if (error == 0)
            error = place_fill(&place, node);
        path_place_put(&place);
    }
    tree_unlock();
    node_put(node);
    return error;
}

int tree_add(struct node *start, const char *path, struct node *node)
{
    return node != NULL ? name_add(start, path, node, false) : -ENOMEM;
}

int tree_make(struct node *start, const char *path, uint32_t mode, uint64_t device)
{
    struct node *node = node_create(mode);

    if (node != NULL)
        node->device = device;
    return tree_add(start, path, node);
}

int tree_symlink(struct node *start, const char *path, const char *text)
{
    if (*text == '\0')
        return -ENOENT;
    return tree_add(start, path, node_create_link(text, strlen(text)));
}

int tree_link(struct node *node, struct node *start, const char *path)
{
    return name_add(start, path, node_get(node), true);
}

/* What an existing node must be to be opened so. */
static int open_check(const struct node *node, unsigned flags)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;

    if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
        return -EEXIST;
    if (S_ISDIR(node->mode))
        return writes || (flags & O_CREAT) != 0 ? -EISDIR : 0;
    if ((flags & O_DIRECTORY) != 0)
        return -ENOTDIR;
    return S_ISLNK(node->mode) && (flags & O_PATH) == 0 ? -ELOOP : 0;
}

/* Create the regular file that the place names. */
static int open_create(struct path_place *place, uint32_t mode, struct node **node)
{
    int error = directory_writable(place->parent);
    if (error != 0)
        return error;
    struct node *made = node_create(S_IFREG | mode);
    if (made == NULL)
        return -ENOMEM;
    error = place_fill(place, made);
    if (error != 0)
        node_put(made);
    else
        *node = made;
    return error;
}

int tree_open(struct node *start, const char *path, unsigned flags, uint32_t mode, struct node **node,
              bool *created)
{
    struct path_place place;
    bool exclusive = (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0;
    enum path_end end = (flags & O_NOFOLLOW) == 0 && !exclusive ? PATH_FOLLOW : PATH_STAY;

    if ((flags & O_CREAT) != 0)
        end |= PATH_NO_SLASH;
    *created = false;
    tree_lock();
    int error = path_walk(start, path, end, &place);
    if (error != 0)
        goto out;
    if (place.node != NULL) {
        error = open_check(place.node, flags);
        if (error == 0)
            *node = node_get(place.node);
    } else if ((flags & O_CREAT) == 0) {
        error = -ENOENT;
    } else {
        error = open_create(&place, mode, node);
        *created = error == 0;
    }
    path_place_put(&place);
out:
    tree_unlock();
    return error;
}

/* --- removing --- */

static int unlink_check(const struct path_place *place)
{
    if (place->last != PATH_NAME)
        return -EISDIR;
    if (place->node == NULL)
        return -ENOENT;
    if (S_ISDIR(place->node->mode))
        return -EISDIR;
    if (place->slash)
        return -ENOTDIR;
    return directory_writable(place->parent);
}

static int rmdir_check(const struct path_place *place)
{
    switch (place->last) {
    case PATH_DOT:
        return -EINVAL;
    case PATH_DOT_DOT:
        return -ENOTEMPTY;
    case PATH_ROOT:
        return -EBUSY;
    case PATH_NAME:
        break;
    }
    if (place->node == NULL)
        return -ENOENT;
    if (!S_ISDIR(place->node->mode))
        return -ENOTDIR;
    int error = directory_writable(place->parent);
    if (error == 0)
        error = directory_writable(place->node);
    if (error == 0 && place->node->directory.count > 0)
        error = -ENOTEMPTY;
    return error;
}

static int tree_remove(struct node *start, const char *path, int (*check)(const struct path_place *place))
{
    struct path_place place;

    tree_lock();
    int error = path_walk(start, path, PATH_ENTRY, &place);
    if (error == 0) {
        error = check(&place);
        if (error == 0)
            directory_remove(place.parent, directory_find(place.parent, place.name, place.length));
        path_place_put(&place);
    }
    tree_unlock();
    return error;
}

int tree_unlink(struct node *start, const char *path)
{
    return tree_remove(start, path, unlink_check);
}

int tree_rmdir(struct node *start, const char *path)
{
    return tree_remove(start, path, rmdir_check);
}

/* --- renaming --- */

/* Is `directory` the same as, or somewhere below, `ancestor`? */
static bool directory_inside(const struct node *directory, const struct node *ancestor)
{
    while (directory != ancestor) {
        if (directory == root)
            return false;
        directory = directory->directory.parent;
    }
    return true;
}

static int rename_check_kinds(const struct path_place *old, const struct path_place *new, bool exchange)
{
    if (new->node == NULL || new->node == old->node || exchange)
        return 0;
    if (S_ISDIR(old->node->mode) && !S_ISDIR(new->node->mode))
        return -ENOTDIR;
    if (!S_ISDIR(old->node->mode) && S_ISDIR(new->node->mode))
        return -EISDIR;
    if (S_ISDIR(new->node->mode) && new->node->directory.count > 0)
        return -ENOTEMPTY;
    return 0;
}

static int rename_check(const struct path_place *old, const struct path_place *new, unsigned flags)
{
    bool exchange = (flags & RENAME_EXCHANGE) != 0;

    if (old->last != PATH_NAME)
        return -EBUSY;
    if (new->last != PATH_NAME)
        return (flags & RENAME_NOREPLACE) != 0 ? -EEXIST : -EBUSY;
    if (old->node == NULL || (exchange && new->node == NULL))
        return -ENOENT;
    if ((flags & RENAME_NOREPLACE) != 0 && new->node != NULL)
        return -EEXIST;
    if (exchange && new->slash && !S_ISDIR(new->node->mode))
        return -ENOTDIR;
    if (!S_ISDIR(old->node->mode) && (old->slash || (new->slash && !exchange)))
        return -ENOTDIR;
    int error = directory_writable(old->parent);
    if (error == 0)
        error = directory_writable(new->parent);
    if (error != 0)
        return error;
    if (S_ISDIR(old->node->mode) && directory_inside(new->parent, old->node))
        return -EINVAL;
    if (new->node != NULL && S_ISDIR(new->node->mode) && directory_inside(old->parent, new->node))
        return exchange ? -EINVAL : -ENOTEMPTY;
    return rename_check_kinds(old, new, exchange);
}

static int rename_commit(struct path_place *old, struct path_place *new, unsigned flags)
{
    if (new->node == old->node)
        return 0;
    struct directory_entry *old_entry = directory_find(old->parent, old->name, old->length);
    if (new->node != NULL) {
        struct directory_entry *new_entry = directory_find(new->parent, new->name, new->length);
        directory_replace(new->parent, new_entry, old->node);
        if ((flags & RENAME_EXCHANGE) != 0)
            directory_replace(old->parent, old_entry, new->node);
        else
            directory_remove(old->parent, old_entry);
        return 0;
    }
    int error = place_fill(new, old->node);
    if (error == 0)
        directory_remove(old->parent, old_entry);
    return error;
}

int tree_rename(struct node *start, const char *path, struct node *new_start, const char *new_path,
                unsigned flags)
{
    struct path_place old, new;

    tree_lock();
    int error = path_walk(start, path, PATH_ENTRY, &old);
    if (error != 0)
        goto out;
    error = path_walk(new_start, new_path, PATH_ENTRY, &new);
    if (error == 0) {
        error = rename_check(&old, &new, flags);
        if (error == 0)
            error = rename_commit(&old, &new, flags);
        path_place_put(&new);
    }
    path_place_put(&old);
out:
    tree_unlock();
    return error;
}
