/* See signal_fpu.h. */
#include "kernel/process/signal_fpu.h"

#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <stdbool.h>

#include "kernel/cpu/features.h"
#include "kernel/cpu/fpu.h"
#include "kernel/lib/string.h"
#include "kernel/memory/user_copy.h"
#include "kernel/process/thread.h"

#define LEGACY_SIZE       sizeof(struct _fpstate_64) /* what FXSAVE writes */
#define LEGACY_COMPONENTS UINT64_C(3)      /* of it XSAVE's components x87 and SSE, SDM vol. 1, 13.1 */
#define MAGIC2_SIZE       sizeof(uint32_t) /* not of the constant's type */

static struct _fpx_sw_bytes description(void)
{
    uint32_t size = (uint32_t)fpu_state_size();

    return (struct _fpx_sw_bytes){
        .magic1 = FP_XSTATE_MAGIC1,
        .extended_size = size + MAGIC2_SIZE,
        .xfeatures = cpu_features.xsave_mask,
        .xstate_size = size,
    };
}

size_t signal_fpu_size(void)
{
    return fpu_state_size() + (cpu_features.xsave ? MAGIC2_SIZE : 0);
}

int signal_fpu_push(vaddr_t at)
{
    const uint32_t magic2 = FP_XSTATE_MAGIC2;
    struct thread *thread = thread_current();
    struct _fpstate_64 *legacy = thread->fpu_state;

    fpu_save(thread->fpu_state);
    if (cpu_features.xsave) {
        legacy->sw_reserved = description();
        if (copy_to_user(user_pointer(void, at + fpu_state_size()), &magic2, sizeof(magic2)) != 0)
            return -EFAULT;
    }
    return copy_to_user(user_pointer(void, at), thread->fpu_state, fpu_state_size()) != 0 ? -EFAULT : 0;
}

/* Whether the state of which `legacy` was the beginning goes on behind it; as Linux, one that is not whole is taken for a legacy one. -EFAULT. */
static int has_more(const struct _fpstate_64 *legacy, vaddr_t from)
{
    struct _fpx_sw_bytes ours = description();
    const struct _fpx_sw_bytes *found = &legacy->sw_reserved;
    uint32_t magic2;

    if (found->magic1 != ours.magic1 || found->xstate_size != ours.xstate_size ||
        found->extended_size < ours.extended_size)
        return false;
    if (copy_from_user(&magic2, user_pointer(const void, from + ours.xstate_size), sizeof(magic2)) != 0)
        return -EFAULT;
    return magic2 == FP_XSTATE_MAGIC2;
}

/* What is behind the legacy part is loaded by XRSTOR for the components that the header names; its reserved bits would make that fault (SDM vol. 1, 13.8.1). */
static int extension_copy(struct _xstate *state, vaddr_t from)
{
    int more = has_more(&state->fpstate, from);

    if (more < 0)
        return more;
    if (more) {
        if (copy_from_user(&state->xstate_hdr, user_pointer(const void, from + LEGACY_SIZE),
                           fpu_state_size() - LEGACY_SIZE) != 0)
            return -EFAULT;
        state->xstate_hdr =
            (struct _header){.xfeatures = state->xstate_hdr.xfeatures & cpu_features.xsave_mask};
    } else {
        state->xstate_hdr = (struct _header){.xfeatures = LEGACY_COMPONENTS};
    }
    return 0;
}

static int state_copy(struct _xstate *state, vaddr_t from)
{
    if (copy_from_user(&state->fpstate, user_pointer(const void, from), LEGACY_SIZE) != 0)
        return -EFAULT;
    state->fpstate.mxcsr &= fpu_mxcsr_mask(); /* a reserved bit makes loading fault: 11.6.6 */
    return cpu_features.xsave ? extension_copy(state, from) : 0;
}

/* The copy may sleep: meanwhile no switch to another thread may save the registers over it, or load what is not whole and sane. */
int signal_fpu_pop(vaddr_t from)
{
    struct thread *thread = thread_current();

    thread->fpu_live = false;
    int error = from != 0 ? state_copy(thread->fpu_state, from) : 0;
    if (from == 0 || error != 0)
        fpu_state_init(thread->fpu_state);
    fpu_load(thread->fpu_state);
    thread->fpu_live = true;
    return error;
}
