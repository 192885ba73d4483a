/* kernel_main: the whole start-up, in order. Each line can be read aloud; what it does is in the header it comes from. */
#include "efi/boot_info.h"
#include "kernel/boot_check.h"
#include "kernel/cpu/control.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/cpu/random.h"
#include "kernel/cpu/registers.h"
#include "kernel/cpu/tables.h"
#include "kernel/debug/log.h"
#include "kernel/first_process.h"
#include "kernel/keys.h"
#include "kernel/lib/options.h"
#include "kernel/lock_report.h"
#include "kernel/machine.h"
#include "kernel/memory/firmware_reset.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/kernel_space.h"
#include "kernel/memory/memory_kind.h"
#include "kernel/memory/space_internal.h"
#include "kernel/memory/walk_report.h"
#include "kernel/process/fault.h"
#include "kernel/process/futex.h"
#include "kernel/process/scheduler.h"
#include "kernel/processors.h"
#include "kernel/screen_refresh.h"
#include "kernel/vdso/vdso.h"
#include "kernel/view/viewer.h"
#include "syscalls/syscall.h"

_Noreturn void kernel_main(paddr_t boot_info);

_Noreturn void kernel_main(paddr_t boot_info)
{
    uint64_t entered = rdtsc();
    const struct boot_info *boot = direct_map(boot_info);

    cpu_tables_load(&boot_cpu, cpu_tables_boot());
    boot_check(boot);
    const char *option_error;
    options_start(boot->command_line, &option_error);
    machine_console_start();
    if (option_error != NULL)
        log_error("options: %s", option_error);
    cpu_features_detect(option_value("nocpu"));
    cpu_control_start();
    fpu_start();

    kernel_space_describe(boot);
    firmware_reset_note(boot);
    frames_start(boot);
    kernel_space_start();
    spaces_cut_start();
    machine_symbols_start(boot);
    machine_screen_start(boot);
    boot_report(boot, entered);
    cpu_features_log();
    random_start(boot->random_seed, sizeof(boot->random_seed));

    machine_devices_start(boot);
    walk_report_in_panics();
    memory_kind_start(boot);
    kernel_space_drop_low();
    zero_frame_make();
    firmware_reset_start(boot);
    scheduler_start();
    screen_refresh_start();
    process_faults_start();
    futex_start();
    syscall_start();
    lock_report_start();
    processors_start(boot);
    vdso_start();
    viewer_start();
    keys_start();
    first_process_prepare(boot);
    scheduler_idle();
}
