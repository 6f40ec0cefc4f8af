/* stack.c - the bounds of the thread's stack, and how far the current frame is from its end.
 *
 * Counting levels cannot protect a stack whose size the user sets (ulimit -s, threads of a host
 * program, sanitizers with their large frames); the address of the frame can. Stacks grow downwards
 * on every machine weir runs on.
 *
 * Traps: the frame address is taken, not that of a local variable, which a sanitizer may keep
 * elsewhere. The main thread's stack grows on demand: what counts is the limit, which may be larger
 * than what is mapped, and "unlimited" is cut to SIZE_MAX_USED. Guard pages belong to the size that
 * the system reports for some threads, hence GUARD_SIZE. */
#include "base/stack.h"
#include <pthread.h>

#define SIZE_MAX_USED ((uintptr_t)64 << 20)
#define SIZE_UNKNOWN ((uintptr_t)512 << 10)
#define GUARD_SIZE ((uintptr_t)16 << 10)

typedef struct bounds {
    uintptr_t top, size; /* size 0: not asked yet */
} bounds;

static _Thread_local bounds own;

static void find_bounds(uintptr_t frame)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    own = (bounds){frame, SIZE_UNKNOWN};
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    bool is_known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
    pthread_attr_destroy(&attributes);
    uintptr_t top = (uintptr_t)lowest + size;
    /* A coroutine of the host program runs on a stack that pthreads know nothing of. */
    if (!is_known || frame > top || frame < (uintptr_t)lowest || size <= 2 * GUARD_SIZE) return;
    own = (bounds){top, WR_MIN(size - GUARD_SIZE, SIZE_MAX_USED)};
}

__attribute__((noinline)) bool wr_stack_is_low(int part)
{
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    if (!own.size) find_bounds(frame);
    if (frame > own.top) find_bounds(frame); /* another stack than before */
    return own.top - frame > own.size - own.size / (uintptr_t)part;
}

weir_status wr_stack_check(int part, wr_span span)
{
    if (__builtin_expect(!wr_stack_is_low(part), 1)) return WR_OK;
    weir_status bad =
        wr_fail_at(WR_E_TOO_DEEP, span, "the statement is nested too deeply for a stack of %llu KB",
                   (unsigned long long)((own.size + GUARD_SIZE) >> 10));
    return wr_with_hint(bad, "a larger stack (ulimit -s) lets statements nest deeper");
}
