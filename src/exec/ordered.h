/* ordered.h - lets batches of many workers pass in the order of their morsels.
 *
 * The batches of the first unfinished morsel (the head) pass at once, those of later ones are
 * copied and held until their turn. What is held is bounded: workers ahead of their time wait. */
#pragma once
#include "exec/engine.h"

typedef struct wr_held {
    wr_batch batch;
    wr_arena arena;
    uint64_t reserved;
    struct wr_held *next;
} wr_held;

typedef struct wr_waiting_morsel {
    uint64_t number;
    bool is_done;
    wr_held *first, **end;
    struct wr_waiting_morsel *next; /* ascending numbers */
} wr_waiting_morsel;

typedef struct wr_ordered {
    wr_exec *exec; /* its lock guards everything here */
    wr_mem *mem;
    uint64_t head;
    wr_waiting_morsel *waiting;
    uint64_t held_bytes;
    /* Receives batches in order, one call at a time, without the lock. Either held (to be kept or
     * dropped by the receiver) or batch (borrowed) is set. */
    weir_status (*deliver)(void *owner, wr_held *held, const wr_batch *batch);
    void *owner;
} wr_ordered;

/* mem must outlive it; deliver and owner are set by the caller. clear drops what is still held. */
void wr_ordered_init(wr_ordered *o, wr_exec *exec, wr_mem *mem);
void wr_ordered_clear(wr_ordered *o);
/* may_wait false: never blocks, holds above the bound instead. */
WR_MUST_CHECK weir_status wr_ordered_put(wr_ordered *o, uint64_t morsel, const wr_batch *batch,
                                         bool may_wait);
WR_MUST_CHECK weir_status wr_ordered_end(wr_ordered *o, uint64_t morsel);
/* With the lock held: morsel would have to wait. */
bool wr_ordered_is_full(const wr_ordered *o, uint64_t morsel);
WR_MUST_CHECK weir_status wr_held_new(wr_mem *mem, const wr_batch *batch, wr_held **out);
void wr_held_drop(wr_mem *mem, wr_held *held);
