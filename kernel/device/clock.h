/* Time: one monotonic clock, the wall clock's offset, and the local APIC's timer in nanoseconds.
 *
 * The reference is the HPET, else the ACPI PM timer, else CPUID's numbers, else the PIT; every wait is bounded, a source that does not count is
 * passed over. clock_now() reads the TSC (the reference, when the TSC is not invariant or differs between CPUs), scaled by 32.32 fixed-point factors found against the reference; the log says which source won. */
#ifndef KERNEL_DEVICE_CLOCK_H
#define KERNEL_DEVICE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "efi/boot_info.h"

#define NANOSECONDS UINT64_C(1000000000)

/* Calibrate. `hpet`: its mapped registers or NULL. `time`: the firmware's wall clock. -ENODEV when nothing counts (then 1 GHz is assumed, loudly). */
int clock_start(volatile void *hpet, const struct boot_time *time);

/* Nanoseconds since boot; never goes back. Any context. */
uint64_t clock_now(void);

/* Nanoseconds since 1970-01-01 UTC: what the wall clock was set to (wall_clock.h; by the firmware's clock at first) plus clock_now(). */
uint64_t clock_realtime(void);

/* The TSC cannot be the clock: it is not invariant, or those of this machine's CPUs were seen to differ. From now on clock_now() reads the reference. At start-up, on the boot CPU. */
void clock_tsc_distrust(void);

/* When clock_now() must be called again at the latest, so that the reference does not come round unseen; UINT64_MAX: whenever. */
uint64_t clock_keep(uint64_t now);

/* What anyone needs to compute clock_now() from a TSC. `steady`: it never goes back on the CPUs that run now, whichever of them reads it. */
struct clock_facts {
    bool steady;
    uint64_t tsc_start, from_tsc;
};
void clock_facts(struct clock_facts *facts);

/* Raise VECTOR_TIMER on this CPU once, `nanoseconds` from now (clipped to what the timer can do; at least 1 count). */
void clock_timer_start(uint64_t nanoseconds);
void clock_timer_stop(void);

/* Spin for a short, bounded time (hardware handshakes). */
void clock_delay(uint64_t nanoseconds);

/* Ticks of the TSC to nanoseconds. */
uint64_t clock_from_tsc(uint64_t ticks);
uint64_t clock_tsc_hz(void);

#endif
