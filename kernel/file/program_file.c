/* See program_file.h. A program that came in an archive and was never written to is used where it lies. */
#include "kernel/file/program_file.h"

#include <asm/errno.h>

#include "kernel/file/buffer.h"
#include "kernel/file/node.h"
#include "kernel/file/path.h"
#include "kernel/file/tree.h"
#include "kernel/memory/heap.h"

#define EXECUTE_PERMISSIONS 0111u

/* What the bytes hang on. */
struct program_hold {
    struct node *node; /* counted */
    void *copy;        /* of a file that is not one span already; NULL otherwise */
};

static void hold_release(void *context)
{
    struct program_hold *hold = context;

    heap_free(hold->copy);
    node_put(hold->node);
    heap_free(hold);
}

/* Walk to the program; its node, counted, and its path. */
static int program_find(struct node *start, const char *path, struct program_file *program,
                        struct node **node)
{
    struct path_place place;

    tree_lock();
    int error = path_walk(start, path, PATH_FOLLOW, &place);
    if (error == 0) {
        if (place.node == NULL)
            error = -ENOENT;
        else if (!S_ISREG(place.node->mode) || (place.node->mode & EXECUTE_PERMISSIONS) == 0)
            error = -EACCES;
        else
            *node = node_get(place.node);
        if (error == 0 && path_of_place(&place, program->path, sizeof(program->path)) < 0)
            program->path[0] = '\0'; /* too long to tell, or below a removed directory */
        path_place_put(&place);
    }
    tree_unlock();
    return error;
}

/* Copy a file that has been written to. */
static int program_copy(struct program_hold *hold, struct program_file *program)
{
    struct contents *contents = &hold->node->contents;
    struct buffer buffer;

    size_t size = contents->size;
    hold->copy = heap_alloc(size);
    if (hold->copy == NULL)
        return -ENOMEM;
    buffer_init_kernel(&buffer, hold->copy, size);
    long done = contents_read(contents, &buffer, 0);
    if (done < 0)
        return (int)done;
    program->bytes = hold->copy;
    program->size = (uint64_t)done;
    return 0;
}

static int program_bytes(struct program_hold *hold, struct program_file *program)
{
    struct contents *contents = &hold->node->contents;

    mutex_lock(&contents->mutex);
    program->bytes = contents_span(contents);
    program->size = contents->size;
    mutex_unlock(&contents->mutex);
    return program->bytes == NULL && program->size > 0 ? program_copy(hold, program) : 0;
}

int program_file_open(struct node *start, const char *path, struct program_file *program)
{
    struct program_hold *hold = heap_alloc_zeroed(sizeof(*hold));

    *program = (struct program_file){0};
    if (hold == NULL)
        return -ENOMEM;
    int error = program_find(start, path, program, &hold->node);
    if (error == 0)
        error = program_bytes(hold, program);
    if (error == 0) {
        program->backing = backing_bytes_create(program->bytes, program->size, hold_release, hold);
        error = program->backing != NULL ? 0 : -ENOMEM;
    }
    if (error != 0)
        hold_release(hold);
    return error;
}

void program_file_close(struct program_file *program)
{
    backing_put(program->backing);
    program->backing = NULL;
    program->bytes = NULL;
}
