/* cancel.h - how a running statement is told to stop: a flag anybody may raise, a count of
 * interrupts that outlives the statement, and a deadline. Checked once per batch by every long
 * loop. */
#pragma once
#include "base/status.h"
#include <stdatomic.h>

typedef struct wr_cancel {
    _Atomic bool requested;
    /* Of whoever runs the statement; NULL = none. A count, because one who interrupts from another
     * thread or a signal handler must not touch a statement that may be gone meanwhile. */
    const _Atomic uint64_t *interrupts;
    uint64_t interrupts_before;
    int64_t deadline_ns;     /* monotonic clock; 0 = none */
    int64_t timeout_ms;      /* as set, for the message */
    int64_t (*now_ns)(void); /* the clock; set by whoever sets deadline_ns */
} wr_cancel;

/* Raises the flag. Any thread, while *c exists. */
static inline void wr_cancel_request(wr_cancel *c)
{
    atomic_store_explicit(&c->requested, true, memory_order_relaxed);
}
/* From here on *count going up stops the statement too; count outlives *c. Before it is shared. */
static inline void wr_cancel_follow(wr_cancel *c, const _Atomic uint64_t *count)
{
    c->interrupts = count;
    c->interrupts_before = atomic_load_explicit(count, memory_order_relaxed);
}
/* CANCELLED, TIMEOUT or WR_OK; c may be NULL. Cheap when nothing happened. Any thread. */
WR_MUST_CHECK weir_status wr_cancel_check(const wr_cancel *c);
