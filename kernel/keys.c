/* See keys.h. Keys come in interrupts; what takes long or sleeps is done by a thread. */
#include "kernel/keys.h"

#include <asm/errno.h>

#include "kernel/debug/log.h"
#include "kernel/debug/panic.h"
#include "kernel/device/console.h"
#include "kernel/device/i8042.h"
#include "kernel/device/keyboard.h"
#include "kernel/device/power.h"
#include "kernel/file/console.h"
#include "kernel/lib/options.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/heap.h"
#include "kernel/memory/memory_check.h"
#include "kernel/process/process.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/wait_queue.h"
#include "kernel/second_shell.h"
#include "kernel/view/viewer.h"

static struct {
    struct spinlock lock; /* holds what is wanted */
    struct wait_queue queue;
    bool check_wanted, shell_wanted;
} magic = {
    .lock = SPINLOCK_INIT(LOCK_DEVICE, "magic keys"),
    .queue = WAIT_QUEUE_INIT(magic.queue),
};

/* Have the thread do something. */
static void want(bool *wanted)
{
    spinlock_lock(&magic.lock);
    *wanted = true;
    spinlock_unlock(&magic.lock);
    wait_queue_wake_all(&magic.queue);
}

/* Without a shell there, Enter starts one. */
static void typed_second(const uint8_t *bytes, size_t size)
{
    if (second_shell_runs())
        console_input(CONSOLE_SECOND, bytes, size);
    else if (size == 1 && bytes[0] == '\r')
        want(&magic.shell_wanted);
}

static void typed(const uint8_t *bytes, size_t size)
{
    console_scroll_end();
    switch (console_terminal_shown()) {
    case CONSOLE_VIEWER:
        viewer_input(bytes, size);
        break;
    case CONSOLE_LOG:
        break;
    case CONSOLE_SECOND:
        typed_second(bytes, size);
        break;
    default:
        console_input(CONSOLE_SHELL, bytes, size);
        break;
    }
}

static void terminal_choose(unsigned number)
{
    static bool second_seen;

    if (number >= CONSOLE_TERMINALS)
        return;
    if (number == CONSOLE_SECOND && !second_seen) {
        second_seen = true;
        want(&magic.shell_wanted);
    }
    console_terminal_show((enum console_terminal)number);
    viewer_wake();
}

static bool application_keys(void)
{
    return console_application_keys(console_terminal_shown());
}

/* --- magic --- */

static int process_tell(struct process *process, void *context)
{
    (void)context;
    log_info("%5d  parent %5d  threads %u  %s%s", process->pid,
             process->parent != NULL ? process->parent->pid : 0, process->thread_count, process->name,
             process->zombie ? " (ended)" : "");
    return 0;
}

static void memory_tell(void)
{
    struct frame_statistics frames;

    frame_statistics(&frames);
    log_info("memory: %lu pages of %lu free (%lu untouched), heap %lu KiB", frames.free, frames.total,
             frames.untouched, heap_bytes_used() >> 10);
    for (unsigned i = FRAME_KERNEL; i < FRAME_OWNERS; i++)
        log_info("  %-10s %lu", frame_owner_name(i), frames.owned[i]);
}

static void check_tell(void)
{
    int violations;

    while ((violations = memory_check()) == -EAGAIN)
        scheduler_yield();
    log_info("memory check: %d violations", violations);
}

static void magic_run(void *nothing)
{
    (void)nothing;
    for (;;) {
        spinlock_lock(&magic.lock);
        int error = wait_event(&magic.queue, &magic.lock, magic.check_wanted || magic.shell_wanted);
        bool check = magic.check_wanted, shell = magic.shell_wanted;
        magic.check_wanted = magic.shell_wanted = false;
        spinlock_unlock(&magic.lock);
        if (error == 0 && check)
            check_tell();
        if (error == 0 && shell)
            second_shell_start();
    }
}

static void magic_key(char letter)
{
    switch (letter) {
    case 'p':
        process_each(process_tell, NULL);
        break;
    case 'm':
        memory_tell();
        break;
    case 'c':
        want(&magic.check_wanted);
        break;
    case 'l':
        terminal_choose(CONSOLE_LOG);
        break;
    case 'v':
        terminal_choose(CONSOLE_VIEWER);
        break;
    case 'x':
        panic("asked for by Alt-SysRq-x");
    case 'b':
        power_reboot();
    case 'o':
        power_off(POWER_EXIT_SUCCESS);
    default:
        log_info(
            "Alt-SysRq: p processes, m memory, c check memory, l log, v viewer, x panic, b restart, o off");
        break;
    }
}

static void restart(void)
{
    log_info("restart: Ctrl-Alt-Del");
    power_reboot();
}

void keys_start(void)
{
    static const struct keyboard_operations operations = {
        .typed = typed,
        .terminal = terminal_choose,
        .scroll = console_scroll_back,
        .magic = magic_key,
        .restart = restart,
        .application_keys = application_keys,
        .lights = i8042_lights,
    };
    const char *layout = option_value("keymap");

    if (layout != NULL && !keyboard_layout(layout))
        log_warning("keyboard: there is no layout %s", layout);
    int error = i8042_start();
    if (error != 0) {
        log_info("keyboard: none at an 8042: error %d", -error);
        return;
    }
    if (thread_create_kernel("magic keys", magic_run, NULL) == NULL)
        log_warning("keyboard: no memory for the thread of the magic keys");
    keyboard_start(&operations);
}
