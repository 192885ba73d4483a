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
#include "kernel/file/file_place.h"
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
#include "kernel/process/thread_files.h"

#define STANDARD_FILES 3

static bool serial_streams;

/* --- what threads need (thread_files.h) --- */

static void release(struct thread_files *files)
{
    file_table_put(files->table);
    file_place_put(files->place);
    *files = (struct thread_files){0};
}

static int share_or_copy(const struct thread_files *from, unsigned shared, struct thread_files *to)
{
    int error = 0;

    *to = (struct thread_files){0};
    if (shared & THREAD_FILES_TABLE)
        to->table = file_table_hold(from->table);
    else
        error = file_table_copy(from->table, &to->table);
    if (error == 0)
        to->place = shared & THREAD_FILES_PLACE ? file_place_get(from->place) : file_place_copy(from->place);
    if (error == 0 && to->place == NULL)
        error = -ENOMEM;
    if (error != 0)
        release(to);
    return error;
}

static bool table_alone(const struct thread_files *files)
{
    return file_table_alone(files->table);
}

static void close_on_exec(struct thread_files *files)
{
    file_table_close_on_exec(files->table);
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
    thread_file_operations = (struct thread_file_operations){
        .clone = share_or_copy,
        .table_alone = table_alone,
        .exec = close_on_exec,
        .release = release,
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

/* A table with one file under each of the first descriptors, and a place at the root. */
static int files_make(struct thread_files *files, const char *const *paths, const unsigned *flags)
{
    struct thread_files made = {file_table_create(), file_place_create()};
    int error = made.table != NULL && made.place != NULL ? 0 : -ENOMEM;

    for (unsigned i = 0; i < STANDARD_FILES && error == 0; i++) {
        error = standard_file(made.table, paths[i], flags[i]);
        if (error != 0)
            log_error("cannot open %s: error %d", paths[i], -error);
    }
    if (error == 0)
        *files = made;
    else
        release(&made);
    return error;
}

int files_make_console(struct thread_files *files, const char *path)
{
    const char *paths[STANDARD_FILES] = {path, path, path};
    static const unsigned flags[STANDARD_FILES] = {O_RDWR, O_RDWR, O_RDWR};

    return files_make(files, paths, flags);
}

int files_make_first(struct thread_files *files)
{
    static const char *const paths[STANDARD_FILES] = {"/dev/ttyS1", "/dev/ttyS1", "/dev/ttyS2"};
    static const unsigned flags[STANDARD_FILES] = {O_RDONLY, O_WRONLY, O_WRONLY};

    return serial_streams ? files_make(files, paths, flags) : files_make_console(files, "/dev/console");
}
