/* See path.h.
 *
 * A symbolic link in the middle of a path leaves the rest of the path for later: a short stack of rests, no recursion, no copies. Link
 * texts cannot change or go while tree_mutex is held; those made on the fly live in a buffer of the walk. */
#include "kernel/file/path.h"

#include <asm/errno.h>

#include "kernel/file/node.h"
#include "kernel/file/tree.h"
#include "kernel/lib/string.h"

#define MADE_TEXT_MAX 256 /* bytes in a link text that is made on the fly, terminator included */

struct walk {
    struct node *at; /* counted */
    const char *rest;
    const char *later[PATH_LINKS_MAX]; /* rests of the paths that links were met in */
    unsigned depth, links;
    enum path_end end;
    bool no_slash;
    char made_text[MADE_TEXT_MAX];
};

static const char *skip_slashes(const char *text)
{
    while (*text == '/')
        text++;
    return text;
}

static void walk_to(struct walk *walk, struct node *counted)
{
    node_put(walk->at);
    walk->at = counted;
}

static int child_find(struct node *directory, const char *name, size_t length, struct node **child)
{
    if (directory->operations != NULL && directory->operations->lookup != NULL)
        return directory->operations->lookup(directory, name, length, child);
    struct directory_entry *entry = directory_find(directory, name, length);
    if (entry == NULL)
        return -ENOENT;
    *child = node_get(entry->node);
    return 0;
}

/* Is the buffer of made texts still to be read from? */
static bool made_text_in_use(const struct walk *walk)
{
    for (unsigned i = 0; i < walk->depth; i++) {
        if (walk->later[i] >= walk->made_text && walk->later[i] < walk->made_text + MADE_TEXT_MAX)
            return true;
    }
    return false;
}

static int link_text_of(struct walk *walk, struct node *link, const char **text)
{
    if (link->link.text != NULL) {
        *text = link->link.text;
        return 0;
    }
    if (made_text_in_use(walk))
        return -ELOOP;
    long length = node_link_text(link, walk->made_text, MADE_TEXT_MAX - 1);
    if (length < 0)
        return (int)length;
    walk->made_text[length] = '\0';
    *text = walk->made_text;
    return 0;
}

/* Go on with the text of `link`, which stands in walk->at; then with `after`. */
static int link_enter(struct walk *walk, struct node *link, const char *after)
{
    const char *text;

    if (++walk->links > PATH_LINKS_MAX)
        return -ELOOP;
    if (*after != '\0')
        walk->later[walk->depth++] = after;
    int error = link_text_of(walk, link, &text);
    if (error != 0)
        return error;
    if (*text == '\0')
        return -ENOENT;
    if (*text == '/')
        walk_to(walk, node_get(tree_root()));
    walk->rest = text;
    return 0;
}

/* The walk ended in a directory that no last name leads to. */
static void place_directory(struct walk *walk, struct path_place *place, enum path_last last)
{
    place->last = last;
    place->node = walk->at;
    walk->at = NULL;
}

/* Take one component off walk->rest. 1: the walk has ended, in *place; 0: go on; or negative errno. */
static int walk_step(struct walk *walk, struct path_place *place)
{
    const char *name = skip_slashes(walk->rest);
    size_t length = 0;

    if (*name == '\0' && walk->depth == 0) {
        place_directory(walk, place, PATH_ROOT);
        return 1;
    }
    if (*name == '\0') {
        walk->rest = walk->later[--walk->depth];
        return 0;
    }
    if (!S_ISDIR(walk->at->mode))
        return -ENOTDIR;
    while (name[length] != '\0' && name[length] != '/')
        length++;
    const char *after = skip_slashes(name + length);
    bool final = *after == '\0' && walk->depth == 0;
    if (final && name[length] == '/')
        place->slash = true;
    walk->rest = after;

    if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'))) {
        if (length == 2)
            walk_to(walk, node_get(walk->at->directory.parent));
        if (final)
            place_directory(walk, place, length == 1 ? PATH_DOT : PATH_DOT_DOT);
        return final;
    }
    if (place->slash && walk->no_slash)
        return -EISDIR;
    if (length > DIRECTORY_NAME_MAX)
        return walk->at->links > 0 ? -ENAMETOOLONG : -ENOENT; /* removed */

    struct node *child = NULL;
    int error = child_find(walk->at, name, length, &child);
    if (error != 0 && !(final && error == -ENOENT))
        return error;
    if (child != NULL && S_ISLNK(child->mode) &&
        (!final || walk->end == PATH_FOLLOW || (walk->end == PATH_STAY && place->slash))) {
        error = link_enter(walk, child, after);
        node_put(child); /* its entry keeps it while tree_mutex is held */
        return error;
    }
    if (!final) {
        walk_to(walk, child);
        return 0;
    }
    place->last = PATH_NAME;
    place->parent = walk->at;
    walk->at = NULL;
    place->node = child;
    place->length = length;
    memcpy(place->name, name, length);
    place->name[length] = '\0';
    return 1;
}

int path_walk(struct node *start, const char *path, enum path_end end, struct path_place *place)
{
    struct walk walk;
    int result;

    place->parent = place->node = NULL;
    place->slash = false;
    place->length = 0;
    if (*path == '\0')
        return -ENOENT;
    walk.at = node_get(*path == '/' || start == NULL ? tree_root() : start);
    walk.rest = path;
    walk.depth = walk.links = 0;
    walk.end = end & ~(unsigned)PATH_NO_SLASH;
    walk.no_slash = (end & PATH_NO_SLASH) != 0;
    do
        result = walk_step(&walk, place);
    while (result == 0);
    node_put(walk.at);
    if (result < 0)
        return result;
    if (end != PATH_ENTRY && place->slash && place->node != NULL && !S_ISDIR(place->node->mode)) {
        path_place_put(place);
        return -ENOTDIR;
    }
    return 0;
}

void path_place_put(struct path_place *place)
{
    node_put(place->parent);
    node_put(place->node);
    place->parent = place->node = NULL;
}

int path_find(struct node *start, const char *path, enum path_end end, struct node **node)
{
    struct path_place place;

    tree_lock();
    int error = path_walk(start, path, end, &place);
    tree_unlock();
    if (error != 0)
        return error;
    if (place.node == NULL)
        error = -ENOENT;
    else
        *node = node_get(place.node);
    path_place_put(&place);
    return error;
}

/* Write "/name" in front of `end`; NULL when it does not fit. */
static char *prepend(const char *start, char *end, const char *name, size_t length)
{
    if (end == NULL || (size_t)(end - start) < length + 1)
        return NULL;
    end -= length;
    memcpy(end, name, length);
    *--end = '/';
    return end;
}

/* Build the path from its end at to[size] backwards, then move it to the front. `end` stands before what was written already. */
static long path_finish(struct node *directory, char *to, size_t size, char *end)
{
    while (directory != tree_root()) {
        struct directory_entry *entry = directory->directory.entry;
        if (entry == NULL)
            return -ENOENT;
        end = prepend(to, end, entry->name, entry->length);
        directory = directory->directory.parent;
    }
    if (end != NULL && *end == '\0')
        end = prepend(to, end, "", 0);
    if (end == NULL)
        return -ERANGE;
    size_t length = (size_t)(to + size - 1 - end);
    memmove(to, end, length + 1);
    return (long)length;
}

long path_of_directory(struct node *directory, char *to, size_t size)
{
    if (size == 0)
        return -ERANGE;
    char *end = to + size - 1;
    *end = '\0';
    tree_lock();
    long length = path_finish(directory, to, size, end);
    tree_unlock();
    return length;
}

long path_of_place(const struct path_place *place, char *to, size_t size)
{
    if (size == 0)
        return -ERANGE;
    char *end = to + size - 1;
    *end = '\0';
    if (place->parent == NULL)
        return path_finish(place->node, to, size, end);
    end = prepend(to, end, place->name, place->length);
    return path_finish(place->parent, to, size, end);
}
