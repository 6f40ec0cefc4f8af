/* round.h - rows that left a stream between two flushes, copied for others to read: whoever
 * subscribes, queries that read a view. Shared by counted references, read-only once it is sealed.
 */
#pragma once
#include "spi/connector.h"
#include "sys/thread.h"

typedef struct wr_round {
    _Atomic int references;
    wr_mem *mem;
    int64_t time_us; /* when it was complete, Unix time */
    uint64_t rows;
    wr_arena arena; /* counted in mem */
    wr_delta *deltas;
    int delta_count, delta_cap;
} wr_round;

wr_round *wr_round_new(wr_mem *mem); /* mem outlives it */
/* One reference more; returns round. Any thread. */
wr_round *wr_round_keep(wr_round *round);
void wr_round_release(wr_round *round); /* any thread; accepts NULL */
/* The selected rows are copied. MEMORY_LIMIT: they may be there or not, the round can only be
 * released then. */
WR_MUST_CHECK weir_status wr_round_add(wr_round *round, const wr_delta *delta);

/* Rounds in the order they came. Not thread-safe by itself. */
typedef struct wr_round_queue {
    wr_round **items;
    int first, count, cap;
    uint64_t rows; /* of all that wait */
} wr_round_queue;
void wr_round_push(wr_round_queue *queue, wr_round *round); /* takes over a reference */
wr_round *wr_round_pop(wr_round_queue *queue);              /* gives one; NULL: it is empty */
void wr_round_queue_clear(wr_round_queue *queue);
