/* See files.h. */
#include "kernel/file/files.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "efi/boot_info.h"
#include "kernel/debug/log.h"
#include "kernel/file/archive.h"
#include "kernel/file/character_device.h"
#include "kernel/file/console.h"
#include "kernel/file/contents.h"
#include "kernel/file/file.h"
#include "kernel/file/file_table.h"
#include "kernel/file/log_device.h"
#include "kernel/file/node.h"
#include "kernel/file/path.h"
#include "kernel/file/proc.h"
#include "kernel/file/proc_view.h"
#include "kernel/file/serial_stream.h"
#include "kernel/file/tree.h"
#include "kernel/file/tty_session.h"
#include "kernel/lib/direct_map.h"
#include "kernel/process/process.h"

#define STANDARD_FILES 3

static bool serial_streams;

/* Under tree_lock, as chdir of another thread may replace it. */
static struct node *directory_get(const struct process *process)
{
    tree_lock();
    struct node *directory = process->directory != NULL ? node_get(process->directory) : NULL;
    tree_unlock();
    return directory;
}

int files_start(const struct files_options *options)
{
    int error = tree_start();

    if (error != 0)
        return error;
    if (options->memory_limit != 0)
        contents_set_limit(options->memory_limit);
    memory_devices_register();
    log_device_register();
    proc_view_register();
    console_start(options->console_input, options->console_terminal);
    serial_streams = options->serial_streams;
    if (serial_streams)
        serial_stream_start();
    process_file_operations = (struct process_file_operations){
        .fork = file_table_copy,
        .exec = file_table_close_on_exec,
        .release = file_table_destroy,
        .directory_get = directory_get,
        .directory_put = node_put,
        .session_end = tty_session_end,
    };
    return proc_start();
}

int files_unpack(const struct boot_info *boot)
{
    for (uint32_t i = 0; i < boot->range_count; i++) {
        const struct boot_range *range = &boot->ranges[i];
        if (range->kind != BOOT_RANGE_ARCHIVE)
            continue;
        int error = archive_unpack(range->name, direct_map(range->start), range->size);
        if (error == -ENOMEM)
            return error;
    }
    int error = tree_make(tree_root(), "/tmp", S_IFDIR | S_ISVTX | 0777, 0);
    if (error != 0 && error != -EEXIST)
        return error;
    error = character_device_make_names();
    return error != 0 ? error : proc_make_name();
}

/* Open a device, and let one descriptor name it. */
static int standard_file(struct file_table *table, const char *path, unsigned flags)
{
    struct node *node;
    struct file *file;

    int error = path_find(tree_root(), path, PATH_FOLLOW, &node);
    if (error != 0)
        return error;
    error = file_open(node, flags, &file);
    node_put(node);
    if (error != 0)
        return error;
    int descriptor = file_table_add(table, file, 0, FILE_TABLE_MAX, false);
    if (descriptor < 0)
        file_put(file);
    return descriptor < 0 ? descriptor : 0;
}

/* A table with one file under each of the first descriptors. */
static int table_make(struct file_table **table, const char *const *paths, const unsigned *flags)
{
    struct file_table *made = file_table_create();

    if (made == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < STANDARD_FILES; i++) {
        int error = standard_file(made, paths[i], flags[i]);
        if (error != 0) {
            log_error("cannot open %s: error %d", paths[i], -error);
            file_table_destroy(made);
            return error;
        }
    }
    *table = made;
    return 0;
}

int file_table_make_console(struct file_table **table, const char *path)
{
    const char *paths[STANDARD_FILES] = {path, path, path};
    static const unsigned flags[STANDARD_FILES] = {O_RDWR, O_RDWR, O_RDWR};

    return table_make(table, paths, flags);
}

int file_table_make_first(struct file_table **table)
{
    static const char *const paths[STANDARD_FILES] = {"/dev/ttyS1", "/dev/ttyS1", "/dev/ttyS2"};
    static const unsigned flags[STANDARD_FILES] = {O_RDONLY, O_WRONLY, O_WRONLY};

    return serial_streams ? table_make(table, paths, flags) : file_table_make_console(table, "/dev/console");
}
