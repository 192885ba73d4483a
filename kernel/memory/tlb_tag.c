/* See tlb_tag.h. */
#include "kernel/memory/tlb_tag.h"

static struct tlb_load slot_load(struct tlb_slots *slots, uint32_t number, struct tlb_version now, bool flush)
{
    slots->slot[number] = now;
    slots->loaded_next = number + 1;
    return (struct tlb_load){.identifier = (uint16_t)(number + 1), .flush = flush};
}

struct tlb_load tlb_slots_enter(struct tlb_slots *slots, struct tlb_version now, bool identifiers)
{
    if (!identifiers) {
        struct tlb_load load = slot_load(slots, 0, now, true);
        load.identifier = 0;
        return load;
    }
    for (uint32_t i = 0; i < TLB_SLOTS_MAX; i++)
        if (slots->slot[i].id == now.id)
            return slot_load(slots, i, now, slots->slot[i].generation != now.generation);
    uint32_t number = slots->victim;
    slots->victim = (number + 1) % TLB_SLOTS_MAX;
    return slot_load(slots, number, now, true);
}

/* The kernel's own tables have nothing below the kernel half, whose pages are global: flushing them costs nothing. */
struct tlb_load tlb_slots_leave(struct tlb_slots *slots)
{
    slots->loaded_next = 0;
    return (struct tlb_load){.identifier = 0, .flush = true};
}

enum tlb_need tlb_slots_flush(struct tlb_slots *slots, struct tlb_version asked, uint64_t now)
{
    if (slots->loaded_next == 0)
        return TLB_NEED_NOTHING;
    struct tlb_version *slot = &slots->slot[slots->loaded_next - 1];
    if (slot->id != asked.id || slot->generation >= asked.generation)
        return TLB_NEED_NOTHING;
    /* One flush behind: this one. More: others are on their way to this CPU, and all are done by one. */
    bool one = slot->generation + 1 == asked.generation;
    slot->generation = one ? asked.generation : now;
    return one ? TLB_NEED_RANGE : TLB_NEED_ALL;
}
