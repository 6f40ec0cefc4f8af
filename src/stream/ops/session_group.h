/* session_group.h - what GROUP BY over sessions shares between its logic (session_group.c) and the
 * state store (session_state.c). */
#pragma once
#include "stream/ops/group.h"
#include "stream/ops/run_filter.h"

typedef struct wr_due_session {
    int64_t due;
    uint8_t *row;
} wr_due_session;

/* Behind the keys in their table. */
typedef struct wr_session_keys {
    uint64_t hash;
    uint8_t *first;
} wr_session_keys;

typedef struct wr_session_grouping {
    wr_grouping base; /* one pane, whose rows are the sessions; its table is not used to look up */
    wr_rows_layout keys_layout;
    wr_groups keys;   /* in memory: of a key all sessions are, or none */
    uint8_t *no_keys; /* the row of the table without keys */
    wr_due_session *heap;
    uint64_t heap_count, heap_cap;
    int64_t gap;
    wr_run_filter runs; /* of the sessions in the state */
    /* The state's list of what is due: read up to `listed`, where the next entry is not before
     * `next_listed`. Both begin anew with each commit. */
    wr_buf listed;
    int64_t next_listed;
    bool all_listed;         /* there is no next entry */
    uint64_t counted, pages; /* of the list of changes: for wr_session_pending */
} wr_session_grouping;

static inline wr_session_keys *wr_session_keys_of(const wr_session_grouping *me, uint8_t *row)
{
    return (wr_session_keys *)(void *)(row + me->keys_layout.extra_offset);
}

/* ---- session_group.c ---- */

/* The rows of keys; sessions of new ones are read from the state. */
WR_MUST_CHECK weir_status wr_session_find_keys(wr_session_grouping *me, const wr_column *columns,
                                               const uint16_t *sel, uint32_t count,
                                               uint8_t **found);
/* A session from start to last among those of the keys; not counted, and without rows. */
WR_MUST_CHECK weir_status wr_session_make(wr_session_grouping *me, uint8_t *keys,
                                          const wr_column *columns, uint16_t at, int64_t start,
                                          int64_t last, uint8_t **out);
/* Waits in the heap until it is due. */
WR_MUST_CHECK weir_status wr_session_wait(wr_session_grouping *me, uint8_t *row);
void wr_session_drop_lookup(wr_session_grouping *me);

/* ---- session_state.c ---- */

/* Reads the sessions of keys, which are in no table yet: row keys[i], their columns at at[i]. */
WR_MUST_CHECK weir_status wr_session_fetch(wr_session_grouping *me, const wr_column *columns,
                                           const uint16_t *at, uint32_t count,
                                           uint8_t *const *keys);
/* Reads a batch of sessions that are listed as due at the operator's time. */
WR_MUST_CHECK weir_status wr_session_fetch_due(wr_session_grouping *me);
/* There may be some. */
static inline bool wr_session_has_listed(const wr_session_grouping *me)
{
    return me->base.panes[0]->has_stored && !me->all_listed && me->next_listed <= me->base.op.time;
}
WR_MUST_CHECK weir_status wr_session_load(wr_stream_op *op, wr_state *state);
uint64_t wr_session_pending(wr_stream_op *op);
/* After a commit: everything in memory goes, the state has it. */
void wr_session_evict(wr_session_grouping *me);
