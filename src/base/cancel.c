/* cancel.c - see cancel.h. */
#include "base/cancel.h"

weir_status wr_cancel_check(const wr_cancel *c)
{
    if (!c) return WR_OK;
    bool requested = atomic_load_explicit(&c->requested, memory_order_relaxed);
    if (c->interrupts)
        requested |=
            atomic_load_explicit(c->interrupts, memory_order_relaxed) != c->interrupts_before;
    if (wr_unlikely(requested)) return wr_fail(WR_E_CANCELLED, "the statement was cancelled");
    if (wr_unlikely(c->deadline_ns && c->now_ns() > c->deadline_ns))
        return wr_fail(WR_E_TIMEOUT, "the statement took longer than its limit of %lld ms",
                       (long long)c->timeout_ms);
    return WR_OK;
}
