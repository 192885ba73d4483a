/* See proc_machine.h. node.key is the file's place in the table. */
#include "kernel/file/proc_machine.h"

#include <asm/errno.h>

#include "kernel/cpu/cpus.h"
#include "kernel/cpu/features.h"
#include "kernel/device/clock.h"
#include "kernel/file/node.h"
#include "kernel/file/proc_text.h"
#include "kernel/lib/string.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/kernel_space.h"

#define TICK_LENGTH      (NANOSECONDS / 100) /* Linux's USER_HZ */
#define HUNDREDTH        (NANOSECONDS / 100)
#define KIBIBYTES(pages) ((pages) * (PAGE_SIZE / 1024))

static void cpuinfo_make(struct text_buffer *text)
{
    uint32_t count = cpu_count_now();
    uint64_t kilohertz = clock_tsc_hz() / 1000;

    for (uint32_t id = 0; id < count; id++) {
        text_add(text, "processor\t: %u\nvendor_id\t: %s\nmodel name\t: %s\n", id, cpu_features.vendor,
                 cpu_features.brand);
        text_add(text, "cpu MHz\t\t: %lu.%03lu\napicid\t\t: %u\n", kilohertz / 1000, kilohertz % 1000,
                 cpus[id]->lapic_id);
        text_add(text, "address sizes\t: %u bits physical, %u bits virtual\n\n", cpu_features.physical_width,
                 cpu_features.linear_width);
    }
}

static void meminfo_make(struct text_buffer *text)
{
    struct frame_statistics frames;

    frame_statistics(&frames);
    uint64_t free = frames.free + kernel_stacks_cached();
    text_add(text, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
             KIBIBYTES(frames.memory), KIBIBYTES(free), KIBIBYTES(free));
    text_add(text, "Buffers:        %8u kB\nCached:         %8lu kB\nSwapTotal:      %8u kB\n", 0,
             KIBIBYTES(frames.owned[FRAME_FILE] + frames.owned[FRAME_SHARED]), 0);
    text_add(text, "SwapFree:       %8u kB\nAnonPages:      %8lu kB\nShmem:          %8lu kB\n", 0,
             KIBIBYTES(frames.owned[FRAME_ANONYMOUS]), KIBIBYTES(frames.owned[FRAME_SHARED]));
    text_add(text, "Slab:           %8lu kB\nPageTables:     %8lu kB\n", KIBIBYTES(frames.owned[FRAME_HEAP]),
             KIBIBYTES(frames.owned[FRAME_TABLE]));
}

/* A CPU that switches at this moment may be told wrong by the run that ends. */
static uint64_t busy_time(uint32_t id, uint64_t now)
{
    uint64_t busy = __atomic_load_n(&cpus[id]->busy_time, __ATOMIC_RELAXED);
    uint64_t since = __atomic_load_n(&cpus[id]->busy_since, __ATOMIC_RELAXED);

    return since != 0 && since < now ? busy + (now - since) : busy;
}

static uint64_t idle_time(uint32_t id, uint64_t now)
{
    uint64_t busy = busy_time(id, now);

    return now > busy ? now - busy : 0;
}

/* All time that is not idle is told as the user's: it is not divided further. */
static void stat_make(struct text_buffer *text)
{
    uint32_t count = cpu_count_now();
    uint64_t now = clock_now(), busy = 0, idle = 0;

    for (uint32_t id = 0; id < count; id++) {
        busy += busy_time(id, now);
        idle += idle_time(id, now);
    }
    text_add(text, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", busy / TICK_LENGTH, idle / TICK_LENGTH);
    for (uint32_t id = 0; id < count; id++)
        text_add(text, "cpu%u %lu 0 0 %lu 0 0 0 0 0 0\n", id, busy_time(id, now) / TICK_LENGTH,
                 idle_time(id, now) / TICK_LENGTH);
    text_add(text, "btime %lu\n", (node_time() - now) / NANOSECONDS);
}

static void uptime_make(struct text_buffer *text)
{
    uint32_t count = cpu_count_now();
    uint64_t now = clock_now(), idle = 0;

    for (uint32_t id = 0; id < count; id++)
        idle += idle_time(id, now);
    text_add(text, "%lu.%02lu %lu.%02lu\n", now / NANOSECONDS, now % NANOSECONDS / HUNDREDTH,
             idle / NANOSECONDS, idle % NANOSECONDS / HUNDREDTH);
}

static const struct {
    const char *name;
    void (*make)(struct text_buffer *text);
} files[] = {
    {"cpuinfo", cpuinfo_make},
    {"meminfo", meminfo_make},
    {"stat", stat_make},
    {"uptime", uptime_make},
};

#define FILES (sizeof(files) / sizeof(files[0]))

static int text_open(struct node *node, struct file *file)
{
    struct text_buffer made = {0};

    files[node->key].make(&made);
    return proc_text_open_made(file, &made);
}

static const struct node_operations text_operations = {.open = text_open};

int proc_machine_lookup(const char *name, size_t length, struct node **child)
{
    for (uint64_t i = 0; i < FILES; i++) {
        if (length != strlen(files[i].name) || memcmp(name, files[i].name, length) != 0)
            continue;
        struct node *node = node_create(S_IFREG | 0444);
        if (node == NULL)
            return -ENOMEM;
        node->links = 1;
        node->key = i;
        node->operations = &text_operations;
        *child = node;
        return 0;
    }
    return -ENOENT;
}

const char *proc_machine_name(uint64_t index)
{
    return index < FILES ? files[index].name : NULL;
}
