/* See contents.h. */
#include "kernel/file/contents.h"

#include <asm/errno.h>

#include "kernel/debug/panic.h"
#include "kernel/file/buffer.h"
#include "kernel/file/file_page.h"
#include "kernel/lib/string.h"
#include "kernel/memory/heap.h"
#include "kernel/process/scheduler.h"

#define PAGE_SLOTS_MIN 8

static uint64_t pages_limit = UINT64_MAX; /* written at start-up only */
static uint64_t pages_used;               /* atomic */

void contents_set_limit(uint64_t bytes)
{
    pages_limit = bytes / PAGE_SIZE;
}

uint64_t contents_bytes_used(void)
{
    return __atomic_load_n(&pages_used, __ATOMIC_RELAXED) * PAGE_SIZE;
}

void contents_init(struct contents *contents)
{
    *contents = (struct contents){0};
    mutex_init(&contents->mutex, MUTEX_NODE, "file contents");
    mutex_init(&contents->pages_mutex, MUTEX_BACKING, "file pages");
}

/* Free the first page from *slot on, and leave *slot there; false: there is none. */
static bool page_free_next(struct contents *contents, uint64_t *slot)
{
    mutex_lock(&contents->pages_mutex);
    uint64_t end = contents->page_count > 0 ? contents->page_slots : 0;
    while (*slot < end && contents->pages[*slot] == NULL)
        ++*slot;
    bool found = *slot < end;
    if (found) {
        file_page_free(contents->pages[*slot]);
        contents->pages[*slot] = NULL;
        contents->page_count--;
    }
    mutex_unlock(&contents->pages_mutex);
    if (found)
        __atomic_fetch_sub(&pages_used, 1, __ATOMIC_RELAXED);
    return found;
}

static void pages_free(struct contents *contents, uint64_t slot)
{
    while (page_free_next(contents, &slot))
        ;
}

void contents_free(struct contents *contents)
{
    pages_free(contents, 0);
    heap_free(contents->pages);
    contents->pages = NULL;
    contents->page_slots = 0;
}

void contents_set_archive(struct contents *contents, const void *bytes, uint64_t size)
{
    mutex_lock(&contents->mutex);
    contents_free(contents);
    contents->archive = bytes;
    contents->archive_size = contents->size = size;
    mutex_unlock(&contents->mutex);
}

const void *contents_span(const struct contents *contents)
{
    if (contents->page_count != 0 || contents->size != contents->archive_size)
        return NULL;
    return contents->archive;
}

/* pages_mutex held: whoever holds `mutex` alone may find the table replaced by a larger one, for a fault in a mapping. */
static uint8_t *page_at(const struct contents *contents, uint64_t slot)
{
    ASSERT(mutex_held(&contents->pages_mutex), "the table of pages is looked at under its mutex");
    return slot < contents->page_slots ? contents->pages[slot] : NULL;
}

/* Room for a pointer to page `slot`. */
static int slots_grow(struct contents *contents, uint64_t slot)
{
    if (slot < contents->page_slots)
        return 0;
    size_t slots = contents->page_slots == 0 ? PAGE_SLOTS_MIN : contents->page_slots;
    while (slots <= slot)
        slots *= 2;
    uint8_t **pages = heap_alloc_zeroed(slots * sizeof(*pages));
    if (pages == NULL)
        return -ENOSPC;
    if (contents->pages != NULL)
        memcpy(pages, contents->pages, contents->page_slots * sizeof(*pages));
    heap_free(contents->pages);
    contents->pages = pages;
    contents->page_slots = slots;
    return 0;
}

/* Copy what the archive has of page `slot`, zeros behind it. */
static void page_fill(const struct contents *contents, uint64_t slot, uint8_t *page)
{
    uint64_t start = slot * PAGE_SIZE;
    size_t from_archive = 0;

    if (start < contents->archive_size) {
        uint64_t rest = contents->archive_size - start;
        from_archive = rest < PAGE_SIZE ? rest : PAGE_SIZE;
        memcpy(page, contents->archive + start, from_archive);
    }
    memset(page + from_archive, 0, PAGE_SIZE - from_archive);
}

/* The file's own page `slot`, made when it is not there yet; NULL when memory is exhausted. pages_mutex held. */
static uint8_t *page_make(struct contents *contents, uint64_t slot)
{
    uint8_t *page = page_at(contents, slot);
    if (page != NULL)
        return page;
    if (slots_grow(contents, slot) != 0)
        return NULL;
    if (__atomic_fetch_add(&pages_used, 1, __ATOMIC_RELAXED) >= pages_limit)
        goto undo;
    page = file_page_alloc();
    if (page == NULL)
        goto undo;
    page_fill(contents, slot, page);
    contents->pages[slot] = page;
    contents->page_count++;
    return page;
undo:
    __atomic_fetch_sub(&pages_used, 1, __ATOMIC_RELAXED);
    return NULL;
}

static uint8_t *page_own(struct contents *contents, uint64_t slot)
{
    mutex_lock(&contents->pages_mutex);
    uint8_t *page = page_make(contents, slot);
    mutex_unlock(&contents->pages_mutex);
    return page;
}

/* Only pages_mutex is held for a mapping, so the answer is true for as long as that is. */
static bool page_within(const struct contents *contents, uint64_t slot)
{
    return slot * PAGE_SIZE < contents->size;
}

int contents_page(struct contents *contents, uint64_t slot, bool own,
                  int (*use)(const uint8_t *page, void *context), void *context)
{
    const uint8_t *page = NULL;
    int error = -EFAULT;

    mutex_lock(&contents->pages_mutex);
    if (page_within(contents, slot)) {
        page = own ? page_make(contents, slot) : page_at(contents, slot);
        if (!own && page == NULL && (slot + 1) * PAGE_SIZE <= contents->archive_size)
            page = contents->archive + slot * PAGE_SIZE;
        error = own && page == NULL ? -ENOMEM : use(page, context);
    }
    mutex_unlock(&contents->pages_mutex);
    return error;
}

int contents_copy_page(struct contents *contents, uint64_t slot, uint8_t *to)
{
    mutex_lock(&contents->pages_mutex);
    bool within = page_within(contents, slot);
    const uint8_t *page = within ? page_at(contents, slot) : NULL;
    if (page != NULL)
        memcpy(to, page, PAGE_SIZE);
    else if (within)
        page_fill(contents, slot, to);
    mutex_unlock(&contents->pages_mutex);
    return within ? 0 : -EFAULT;
}

/* How many of the `size` bytes from `position` on can be read in one step, and from where; NULL: zeros. `mutex` held: it keeps the page where it is. */
static const uint8_t *span_at(struct contents *contents, uint64_t position, size_t *size)
{
    uint64_t slot = position / PAGE_SIZE, in_page = position % PAGE_SIZE;

    mutex_lock(&contents->pages_mutex);
    const uint8_t *page = page_at(contents, slot);
    bool no_pages = contents->page_count == 0;
    mutex_unlock(&contents->pages_mutex);
    if (no_pages && position < contents->archive_size) {
        /* No page anywhere: the archive's bytes in one go. */
        if (*size > contents->archive_size - position)
            *size = contents->archive_size - position;
        return contents->archive + position;
    }
    if (*size > PAGE_SIZE - in_page)
        *size = PAGE_SIZE - in_page;
    if (page != NULL)
        return page + in_page;
    if (position >= contents->archive_size)
        return NULL;
    if (*size > contents->archive_size - position)
        *size = contents->archive_size - position;
    return contents->archive + position;
}

long contents_read(struct contents *contents, struct buffer *to, uint64_t position)
{
    size_t done = 0;
    long error = 0;

    mutex_lock(&contents->mutex);
    while (to->left > 0 && position + done < contents->size) {
        uint64_t rest = contents->size - (position + done);
        size_t part = to->left < rest ? to->left : rest;
        if (part > TRANSFER_STEP)
            part = TRANSFER_STEP;
        const uint8_t *from = span_at(contents, position + done, &part);
        size_t moved = from != NULL ? buffer_put(to, from, part) : buffer_clear(to, part);
        done += moved;
        if (moved < part) {
            error = -EFAULT;
            break;
        }
        if (to->left > 0 && !scheduler_relax_killable())
            break;
    }
    mutex_unlock(&contents->mutex);
    return done > 0 ? (long)done : error;
}

long contents_write(struct contents *contents, struct buffer *from, uint64_t *position, bool append)
{
    size_t done = 0;
    long error = 0;

    mutex_lock(&contents->mutex);
    uint64_t at = append ? contents->size : *position;
    while (from->left > 0 && error == 0) {
        if (at >= CONTENTS_SIZE_MAX) {
            error = -EFBIG;
            break;
        }
        uint8_t *page = page_own(contents, at / PAGE_SIZE);
        if (page == NULL) {
            error = -ENOSPC;
            break;
        }
        size_t part = PAGE_SIZE - at % PAGE_SIZE;
        if (part > from->left)
            part = from->left;
        size_t moved = buffer_take(from, page + at % PAGE_SIZE, part);
        if (moved < part)
            error = -EFAULT;
        done += moved;
        at += moved;
        if (moved > 0 && at > contents->size)
            contents->size = at;
        if (from->left > 0 && !scheduler_relax_killable())
            break;
    }
    mutex_unlock(&contents->mutex);
    if (done == 0)
        return error;
    *position = at;
    return (long)done;
}

/* End at `size` and drop what lies behind it, so that growing again shows zeros. The end comes first: a fault that looks at it later makes no page behind it, and the page of one that
 * looked before is freed here. */
static void contents_cut(struct contents *contents, uint64_t size)
{
    size_t in_last = size % PAGE_SIZE;

    mutex_lock(&contents->pages_mutex);
    contents->size = size;
    if (contents->archive_size > size)
        contents->archive_size = size;
    uint8_t *last = page_at(contents, size / PAGE_SIZE);
    if (last != NULL && in_last != 0)
        memset(last + in_last, 0, PAGE_SIZE - in_last);
    mutex_unlock(&contents->pages_mutex);
    pages_free(contents, ROUND_UP(size, PAGE_SIZE) / PAGE_SIZE);
}

int contents_resize(struct contents *contents, uint64_t size, bool *shrank)
{
    if (size > CONTENTS_SIZE_MAX)
        return -EFBIG;
    mutex_lock(&contents->mutex);
    *shrank = size < contents->size;
    if (*shrank)
        contents_cut(contents, size);
    else
        contents->size = size;
    mutex_unlock(&contents->mutex);
    return 0;
}
