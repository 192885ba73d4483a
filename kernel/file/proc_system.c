/* See proc_system.h. */
#include "kernel/file/proc_system.h"

#include <asm/errno.h>

#include "kernel/file/file.h"
#include "kernel/file/node.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/view/report.h"

/* What can be written at once. */
#define WORDS_MAX 256

/* --- files whose text is made when they are opened --- */

static long text_read(struct file *file, struct buffer *to, uint64_t *position)
{
    const struct text_buffer *text = file->private;

    if (*position >= text->length)
        return 0;
    size_t wanted = text->length - *position < to->left ? text->length - *position : to->left;
    size_t done = buffer_put(to, text->bytes + *position, wanted);
    *position += done;
    return done > 0 || wanted == 0 ? (long)done : -EFAULT;
}

static void text_release(struct file *file)
{
    text_free(file->private);
    heap_free(file->private);
}

static const struct file_operations text_operations = {
    .read = text_read,
    .release = text_release,
    .seekable = true,
};

static int text_open(struct file *file, void (*make)(struct text_buffer *text))
{
    struct text_buffer *text = heap_alloc_zeroed(sizeof(*text));

    if (text == NULL)
        return -ENOMEM;
    make(text);
    if (text->failed) {
        text_free(text);
        heap_free(text);
        return -ENOMEM;
    }
    file->private = text;
    file->operations = &text_operations;
    return 0;
}

static void map_make(struct text_buffer *text)
{
    view_report_json(&view_report_settings, text);
}

static void view_make(struct text_buffer *text)
{
    view_report_text(&view_report_settings, false, text);
}

static void view_colour_make(struct text_buffer *text)
{
    view_report_text(&view_report_settings, true, text);
}

static int map_open(struct node *node, struct file *file)
{
    (void)node;
    return text_open(file, map_make);
}

static int view_open(struct node *node, struct file *file)
{
    (void)node;
    return text_open(file, view_make);
}

static int view_colour_open(struct node *node, struct file *file)
{
    (void)node;
    return text_open(file, view_colour_make);
}

/* --- the viewer's settings --- */

static long viewer_write(struct file *file, struct buffer *from, uint64_t *position)
{
    char words[WORDS_MAX];
    size_t size = from->left;

    (void)file, (void)position;
    if (size >= sizeof(words))
        return -EINVAL;
    if (buffer_take(from, words, size) != size)
        return -EFAULT;
    words[size] = '\0';
    int error = view_settings_parse(&view_report_settings, words);
    return error != 0 ? error : (long)size;
}

static const struct file_operations viewer_operations = {.write = viewer_write};

static int viewer_open(struct node *node, struct file *file)
{
    (void)node;
    file->operations = &viewer_operations;
    return 0;
}

/* --- the directories --- */

struct entry {
    const char *name;
    uint32_t mode;
    struct node_operations operations;
    const struct entry *children; /* of a directory; ends with one without a name */
};

static int entry_lookup(struct node *directory, const char *name, size_t length, struct node **child);
static int entry_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context);

static const struct entry quire_entries[] = {
    {.name = "memory_map", .mode = S_IFREG | 0444, .operations = {.open = map_open}},
    {.name = "memory_view", .mode = S_IFREG | 0444, .operations = {.open = view_open}},
    {.name = "memory_view_colour", .mode = S_IFREG | 0444, .operations = {.open = view_colour_open}},
    {.name = "viewer", .mode = S_IFREG | 0200, .operations = {.open = viewer_open}},
    {.name = NULL},
};

static const struct entry system_entries[] = {
    {.name = "quire",
     .mode = S_IFDIR | 0555,
     .operations = {.lookup = entry_lookup, .list = entry_list},
     .children = quire_entries},
    {.name = NULL},
};

static const struct entry root_entry = {
    .mode = S_IFDIR | 0555,
    .operations = {.lookup = entry_lookup, .list = entry_list},
    .children = system_entries,
};

/* node.key is the entry's address. */
static int entry_node_make(const struct entry *entry, struct node *parent, struct node **made)
{
    struct node *node = node_create(entry->mode);

    if (node == NULL)
        return -ENOMEM;
    node->links = S_ISDIR(entry->mode) ? 2 : 1;
    node->key = (uintptr_t)entry;
    node->operations = &entry->operations;
    if (S_ISDIR(entry->mode))
        node->directory.parent = node_get(parent);
    *made = node;
    return 0;
}

static int entry_lookup(struct node *directory, const char *name, size_t length, struct node **child)
{
    const struct entry *parent = (const struct entry *)directory->key;

    for (const struct entry *entry = parent->children; entry->name != NULL; entry++)
        if (length == strlen(entry->name) && memcmp(name, entry->name, length) == 0)
            return entry_node_make(entry, directory, child);
    return -ENOENT;
}

static int entry_list(struct node *directory, uint64_t *position, directory_emit *emit, void *context)
{
    const struct entry *parent = (const struct entry *)directory->key;
    uint64_t at = DIRECTORY_POSITION_FIRST;

    for (const struct entry *entry = parent->children; entry->name != NULL; entry++, at++) {
        if (at < *position)
            continue;
        if (!emit(context, entry->name, strlen(entry->name), directory->inode + 1 + at, entry->mode & S_IFMT,
                  at + 1))
            return 0;
        *position = at + 1;
    }
    return 0;
}

int proc_system_make(struct node *parent, struct node **made)
{
    return entry_node_make(&root_entry, parent, made);
}
