#include "test/unit/paging_probe.h"

void probe_iterator(const struct vmiter *it, vaddr_t va)
{
    CHECK(it->va == va, "the iterator is at %#jx instead of %#jx", (uintmax_t)it->va, (uintmax_t)va);
    if (va == VMITER_END) {
        CHECK(!vmiter_present(it) && !vmiter_user(it) && !vmiter_writable(it) && vmiter_size(it) == 0 &&
                  vmiter_pa(it) == PADDR_NONE && vmiter_perm(it) == 0,
              "there is something at the end");
        return;
    }
    struct manual_walk walk = manual_walk(it->paging, va);
    CHECK(it->entry == walk.entry && it->level == walk.level, "wrong entry for %#jx", (uintmax_t)va);
    CHECK(vmiter_size(it) == walk.size, "size %#jx at %#jx", (uintmax_t)vmiter_size(it), (uintmax_t)va);
    CHECK(vmiter_present(it) == walk.present, "present at %#jx", (uintmax_t)va);
    CHECK(vmiter_perm(it) == walk.flags, "perm %#jx at %#jx", (uintmax_t)vmiter_perm(it), (uintmax_t)va);
    CHECK(vmiter_pa(it) == (walk.present ? walk.pa : UINT64_MAX), "pa at %#jx", (uintmax_t)va);
    CHECK(vmiter_writable(it) == (walk.flags >> 1 & 1) && vmiter_user(it) == (walk.flags >> 2 & 1), "at %#jx",
          (uintmax_t)va);
}

/* Where an iterator is that was told to go to `va`. */
static vaddr_t landing(const struct paging *paging, vaddr_t va)
{
    if (manual_walk(paging, va).canonical)
        return va;
    return paging->levels == 5 ? UINT64_C(0xff00000000000000) : UINT64_C(0xffff800000000000);
}

void probe_move(struct vmiter *it, unsigned how, vaddr_t target, uint64_t delta)
{
    vaddr_t expected = VMITER_END;
    switch (how % 8) {
    case 0:
        expected = landing(it->paging, target);
        vmiter_find(it, target);
        break;
    case 1:
        if (it->va != VMITER_END && it->va + delta >= delta)
            expected = landing(it->paging, it->va + delta);
        vmiter_advance(it, delta);
        break;
    case 2:
        if (it->va != VMITER_END && it->va <= UINT64_MAX - PAGE_SIZE)
            expected = landing(it->paging, it->va + PAGE_SIZE);
        vmiter_advance(it, PAGE_SIZE);
        break;
    default:
        if (it->va != VMITER_END) {
            vaddr_t last = it->va | (manual_walk(it->paging, it->va).size - 1);
            expected = last == UINT64_MAX ? VMITER_END : landing(it->paging, last + 1);
        }
        vmiter_next(it);
        break;
    }
    probe_iterator(it, expected);
}

void probe_ranges(const struct model *model, struct paging *paging)
{
    static struct model expected;
    expected = *model;
    model_normalize(&expected, PTE_A | PTE_D);
    unsigned found = 0;
    bool hole_before = false;
    struct vmiter it;
    for (vmiter_init(&it, paging, 0); it.va != VMITER_END; vmiter_next_range(&it)) {
        if (!vmiter_present(&it)) {
            CHECK(!hole_before, "two holes meet at %#jx", (uintmax_t)it.va);
            hole_before = true;
            continue;
        }
        hole_before = false;
        CHECK(found < expected.count, "a range too many at %#jx", (uintmax_t)it.va);
        const struct extent *e = &expected.extents[found++];
        CHECK(it.va >> 12 == e->first && vmiter_pa(&it) >> 12 == e->frame &&
                  (vmiter_perm(&it) & ~(PTE_A | PTE_D)) == e->flags,
              "the range at %#jx", (uintmax_t)it.va);
    }
    CHECK(found == expected.count, "%u ranges of %u", found, expected.count);
}

void probe_lookup(const struct paging *paging, vaddr_t va)
{
    struct manual_walk manual = manual_walk(paging, va);
    for (unsigned kind = 0; kind < 128; kind++) {
        struct paging_access access = {.write = kind & 1,
                                       .user = kind & 2,
                                       .fetch = kind & 4,
                                       .wp = kind & 8,
                                       .smep = kind & 16,
                                       .smap = kind & 32,
                                       .ac = kind & 64};
        if (access.write && access.fetch)
            continue;
        int code = manual_access(paging, &manual, access);
        struct paging_walk walk = paging_lookup(paging, va, access);
        CHECK((walk.refusal == PAGING_ALLOWED) == (code == MANUAL_ALLOWED), "access %#x to %#jx: %s", kind,
              (uintmax_t)va, paging_refusal_name(walk.refusal));
        CHECK((walk.refusal == PAGING_NON_CANONICAL) == (code == MANUAL_GENERAL_PROTECTION),
              "access %#x to %#jx", kind, (uintmax_t)va);
        CHECK(walk.error_code == (code > 0 ? (uint32_t)code : 0),
              "access %#x to %#jx: code %#x instead of %#x", kind, (uintmax_t)va, walk.error_code, code);
        CHECK(walk.pa == (code == MANUAL_ALLOWED ? manual.pa : UINT64_MAX), "access %#x to %#jx", kind,
              (uintmax_t)va);
        CHECK(walk.size == (manual.present ? manual.size : 0), "access %#x to %#jx", kind, (uintmax_t)va);
        CHECK(!manual.present || walk.perm == manual.flags, "access %#x to %#jx", kind, (uintmax_t)va);
        CHECK(walk.steps == manual.visited, "access %#x to %#jx", kind, (uintmax_t)va);
        for (unsigned i = 0; i < walk.steps; i++)
            CHECK(walk.step[i].entry == manual.entries[i] && walk.step[i].level == paging->levels - i,
                  "step %u", i);
    }
}
