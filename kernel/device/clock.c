#include "kernel/device/clock.h"

#include <asm/errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/registers.h"
#include "kernel/debug/log.h"
#include "kernel/device/acpi.h"
#include "kernel/device/apic.h"
#include "kernel/device/clock_math.h"
#include "kernel/device/clock_source.h"
#include "kernel/device/wall_clock.h"
#include "kernel/lib/options.h"
#include "kernel/lib/string.h"

/* One measurement lasts so many counts of the source, within bounds: what its resolution and one disturbed read spoil is then some 100 ppm at most. A fine source makes
 * the start short. */
#define MEASURE_COUNTS   30000
#define MEASURE_MIN      (UINT64_C(500) * 1000) /* nanoseconds */
#define MEASURE_MAX      (UINT64_C(10) * 1000 * 1000)
#define MEASUREMENTS_MIN 3
#define MEASUREMENTS_MAX 7
#define AGREEMENT_PPM    100
#define DOUBT_PPM        1000

/* Bounds, far beyond what any counting source needs: reads until it changes, and pauses until the time is over. */
#define EDGE_READS_MAX   50000u
#define PAUSES_MAX       1000000u
#define PAUSE_LOOPS      1000u

#define HZ_ASSUMED       NANOSECONDS
/* Before calibration delays are counted with this: as fast as TSCs get, so they last long enough. */
#define HZ_FASTEST       (6 * NANOSECONDS)
#define DELAY_LOOPS_MAX  UINT32_MAX
#define KILOHERTZ        1000u

static struct {
    clock_scale_t from_tsc; /* to nanoseconds; 0 until clock_start() */
    clock_scale_t to_lapic; /* from nanoseconds */
    uint64_t tsc_start;     /* nanosecond 0 */
    uint64_t tsc_hz;
    uint64_t last; /* newest value given, while the TSC is not trusted */
    bool have_reference;
    struct clock_source reference;

    /* When the TSC is not to be believed, the source itself is the clock. */
    bool by_reference;
    clock_scale_t from_reference;
    uint64_t counted;       /* counts of the source, made 64 bits wide; atomic */
    uint64_t counted_start; /* these were counted */
    uint64_t counted_time;  /* at this time */
} state;

/* Source, TSC and local APIC at one instant. */
struct moment {
    uint64_t source, tsc;
    uint32_t lapic;
};

/* Busy without touching any device: under an emulator a device read is dear. */
static void pause_shortly(void)
{
    for (unsigned i = 0; i < PAUSE_LOOPS; i++)
        __asm__ volatile("");
}

/* The next instant at which the source changes. False when it does not. */
static bool moment_find(const struct clock_source *source, struct moment *out)
{
    uint64_t before = source->read(source);

    for (unsigned reads = 0; reads < EDGE_READS_MAX; reads++) {
        out->source = source->read(source);
        if (out->source != before) {
            out->tsc = rdtsc();
            out->lapic = lapic_timer_remaining();
            return true;
        }
    }
    return false;
}

static bool wait_for(const struct clock_source *source, uint64_t start, uint64_t counts)
{
    for (unsigned pauses = 0; pauses < PAUSES_MAX; pauses++) {
        pause_shortly();
        if (clock_counter_delta(start, source->read(source), source->bits) >= counts)
            return true;
    }
    return false;
}

/* Counts of the source that one measurement takes. */
static uint64_t measure_counts(const struct clock_source *source)
{
    uint64_t least = clock_multiply_divide(source->hz, MEASURE_MIN, NANOSECONDS);
    uint64_t most = clock_multiply_divide(source->hz, MEASURE_MAX, NANOSECONDS);

    return most < MEASURE_COUNTS ? most : least > MEASURE_COUNTS ? least : MEASURE_COUNTS;
}

static bool measure(const struct clock_source *source, uint64_t *tsc_hz, uint64_t *lapic_hz)
{
    uint64_t counts = measure_counts(source);
    struct moment first, last;

    lapic_timer_measure();
    if (!moment_find(source, &first) || !wait_for(source, first.source, counts) ||
        !moment_find(source, &last))
        return false;
    uint64_t elapsed = clock_counter_delta(first.source, last.source, source->bits);
    *tsc_hz = clock_multiply_divide(last.tsc - first.tsc, source->hz, elapsed);
    *lapic_hz = clock_multiply_divide(first.lapic - last.lapic, source->hz, elapsed);
    return *tsc_hz != 0 && *tsc_hz != UINT64_MAX;
}

/* Measure until enough agree, or often enough; the median forgives the ones that something disturbed. */
static bool calibrate(const struct clock_source *source, uint64_t *tsc_hz, uint64_t *lapic_hz)
{
    uint64_t tsc[MEASUREMENTS_MAX], lapic[MEASUREMENTS_MAX];
    size_t count = 0;
    bool agree = false;

    while (count < MEASUREMENTS_MAX && !agree) {
        if (!measure(source, &tsc[count], &lapic[count]))
            return false;
        count++;
        *tsc_hz = clock_median(tsc, count);
        *lapic_hz = clock_median(lapic, count);
        agree = count >= MEASUREMENTS_MIN && clock_values_agree(tsc, count, *tsc_hz, AGREEMENT_PPM) &&
                clock_values_agree(lapic, count, *lapic_hz, AGREEMENT_PPM);
    }
    if (!agree && !clock_values_agree(tsc + 1, count - 2, *tsc_hz, DOUBT_PPM))
        log_warning("clock: measurements against the %s differ: TSC %lu to %lu Hz", source->name, tsc[0],
                    tsc[count - 1]);
    return true;
}

/* Candidate number `rank`, best first; -ENODEV when this machine has not got it. */
static int candidate(unsigned rank, volatile void *hpet, struct clock_source *out)
{
    switch (rank) {
    case 0:
        return clock_source_hpet(hpet, out);
    case 1:
        return clock_source_pm_timer(acpi_info.pm_timer_port, acpi_info.pm_timer_32_bit, out);
    case 2:
        return clock_source_tsc(cpu_features.tsc_hz, out);
    default:
        return clock_source_pit(out);
    }
}

#define CANDIDATES 4

static bool reference_find(volatile void *hpet, uint64_t *tsc_hz, uint64_t *lapic_hz)
{
    for (unsigned rank = 0; rank < CANDIDATES; rank++) {
        if (candidate(rank, hpet, &state.reference) != 0)
            continue;
        if (calibrate(&state.reference, tsc_hz, lapic_hz))
            return true;
        log_warning("clock: the %s does not count", state.reference.name);
    }
    return false;
}

int clock_start(volatile void *hpet, const struct boot_time *time)
{
    uint64_t start = rdtsc();
    uint64_t tsc_hz = HZ_ASSUMED, lapic_hz = HZ_ASSUMED;

    state.have_reference = reference_find(hpet, &tsc_hz, &lapic_hz);
    if (!state.have_reference)
        tsc_hz = lapic_hz = HZ_ASSUMED;
    lapic_timer_start(0);
    state.tsc_hz = tsc_hz;
    state.tsc_start = start;
    state.to_lapic = clock_scale(NANOSECONDS, lapic_hz);
    struct wall_clock_setting setting = {.start = clock_unix_seconds(time) * NANOSECONDS};
    wall_clock_set(&setting);
    __atomic_store_n(&state.from_tsc, clock_scale(tsc_hz, NANOSECONDS), __ATOMIC_RELEASE);
    log_set_clock(clock_now);
    if (setting.start == 0)
        log_warning("clock: the firmware gave no usable time; the wall clock starts in 1970");
    if (!state.have_reference) {
        log_error("clock: nothing on this machine counts; all times assume a TSC of %lu Hz", tsc_hz);
        return -ENODEV;
    }
    const char *asked = option_value("clock");
    log_info("clock: TSC %lu kHz%s, local APIC timer %lu kHz, measured against the %s", tsc_hz / KILOHERTZ,
             cpu_features.tsc_invariant ? " (invariant)" : "", lapic_hz / KILOHERTZ, state.reference.name);
    /* On a machine of iron it stops or changes its pace with the processor's (SDM vol. 3B, 18.17). */
    if ((!cpu_features.tsc_invariant && !cpu_features.hypervisor) ||
        (asked != NULL && strcmp(asked, "reference") == 0))
        clock_tsc_distrust();
    return 0;
}

const struct clock_source *clock_reference(void)
{
    return state.have_reference ? &state.reference : NULL;
}

uint64_t clock_from_tsc(uint64_t ticks)
{
    return clock_apply(state.from_tsc, ticks);
}

uint64_t clock_tsc_hz(void)
{
    return state.tsc_hz;
}

/* The source counts for all CPUs. It is narrow: what it has counted is carried on with every look, of which there must be one in each half of its range (clock_keep). */
static uint64_t reference_now(void)
{
    const struct clock_source *source = &state.reference;
    uint64_t range = source->bits < 64 ? UINT64_C(1) << source->bits : 0;
    uint64_t known = __atomic_load_n(&state.counted, __ATOMIC_ACQUIRE), count = source->read(source);

    for (;;) {
        uint64_t delta = clock_counter_delta(known & (range - 1), count, source->bits);
        /* Another CPU has looked later than this one. */
        if (delta == 0 || delta > UINT64_MAX >> (65 - source->bits))
            break;
        if (__atomic_compare_exchange_n(&state.counted, &known, known + delta, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            known += delta;
            break;
        }
    }
    return state.counted_time + clock_apply(state.from_reference, known - state.counted_start);
}

uint64_t clock_keep(uint64_t now)
{
    if (!__atomic_load_n(&state.by_reference, __ATOMIC_ACQUIRE) || state.reference.bits == 64)
        return UINT64_MAX;
    return now + clock_apply(state.from_reference, UINT64_C(1) << (state.reference.bits - 2));
}

uint64_t clock_now(void)
{
    if (__builtin_expect(__atomic_load_n(&state.by_reference, __ATOMIC_ACQUIRE), 0))
        return reference_now();

    uint64_t tsc = rdtsc_ordered();
    uint64_t now = tsc > state.tsc_start ? clock_apply(state.from_tsc, tsc - state.tsc_start) : 0;

    if (cpu_features.tsc_invariant || __atomic_load_n(&cpu_count, __ATOMIC_RELAXED) == 1)
        return now;
    /* A virtual machine's several, which are kept in step as well as it goes; no one shall see time go back. */
    uint64_t last = __atomic_load_n(&state.last, __ATOMIC_RELAXED);
    while (now > last) {
        if (__atomic_compare_exchange_n(&state.last, &last, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return now;
    }
    return last;
}

uint64_t clock_realtime(void)
{
    return wall_clock_now().start + clock_now();
}

void clock_tsc_distrust(void)
{
    if (!state.have_reference || state.by_reference)
        return;
    state.counted = state.counted_start = state.reference.read(&state.reference);
    state.from_reference = clock_scale(state.reference.hz, NANOSECONDS);
    state.counted_time = clock_now();
    __atomic_store_n(&state.by_reference, true, __ATOMIC_RELEASE);
    log_info("clock: the %s is read for the time", state.reference.name);
}

void clock_facts(struct clock_facts *facts)
{
    *facts = (struct clock_facts){
        .steady = state.have_reference && !state.by_reference &&
                  (cpu_features.tsc_invariant || cpu_count_now() == 1),
        .tsc_start = state.tsc_start,
        .from_tsc = state.from_tsc,
    };
}

void clock_timer_start(uint64_t nanoseconds)
{
    uint64_t count = clock_apply(state.to_lapic, nanoseconds);

    if (count == 0)
        count = 1;
    lapic_timer_start(count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

void clock_timer_stop(void)
{
    lapic_timer_start(0);
}

void clock_delay(uint64_t nanoseconds)
{
    uint64_t hz = state.tsc_hz != 0 ? state.tsc_hz : HZ_FASTEST;
    uint64_t ticks = clock_multiply_divide(nanoseconds, hz, NANOSECONDS);
    uint64_t start = rdtsc();

    for (uint32_t loops = 0; loops < DELAY_LOOPS_MAX && rdtsc() - start < ticks; loops++)
        cpu_relax();
}
