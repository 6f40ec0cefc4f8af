/* cancel.h - how a running statement is told to stop: a flag anybody may raise and a deadline.
 * Checked once per batch by every long loop. */
#pragma once
#include "base/status.h"
#include <stdatomic.h>

typedef struct wr_cancel {
    _Atomic bool requested;
    int64_t deadline_ns;     /* monotonic clock; 0 = none */
    int64_t timeout_ms;      /* as set, for the message */
    int64_t (*now_ns)(void); /* the clock; set by whoever sets deadline_ns */
} wr_cancel;

static inline void wr_cancel_request(wr_cancel *c)
{
    atomic_store_explicit(&c->requested, true, memory_order_relaxed);
}
/* CANCELLED, TIMEOUT or WR_OK; c may be NULL. Cheap when nothing happened. */
WR_MUST_CHECK weir_status wr_cancel_check(const wr_cancel *c);
