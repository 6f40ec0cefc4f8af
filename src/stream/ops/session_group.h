/* session_group.h - what GROUP BY over sessions shares between its logic (session_group.c) and the
 * state store (session_state.c, session_read.c). */
#pragma once
#include "stream/ops/group.h"
#include "stream/ops/run_filter.h"
#include "stream/ops/run_index.h"

typedef struct wr_due_session {
    int64_t due;
    uint8_t *row;
} wr_due_session;

/* Behind the keys in their table. */
typedef struct wr_session_keys {
    uint64_t hash;
    uint8_t *first;
} wr_session_keys;

/* A chunk of the state that was read because something in it was due. */
typedef struct wr_visited_chunk {
    uint64_t chunk;
    int64_t due;  /* when something else in it is */
    bool is_done; /* nothing is */
} wr_visited_chunk;

typedef struct wr_session_grouping {
    wr_grouping base; /* one pane, whose rows are the sessions; its table is not used to look up */
    wr_rows_layout keys_layout;
    wr_groups keys;   /* in memory: of a key all sessions are, or none */
    uint8_t *no_keys; /* the row of the table without keys */
    wr_due_session *heap;
    uint64_t heap_count, heap_cap;
    int64_t gap;
    uint32_t per_chunk;  /* sessions in a chunk of the state; 0: not known yet */
    wr_run_filter runs;  /* of the sessions in the state */
    wr_run_index index;  /* and which they are */
    wr_buf visited;      /* wr_visited_chunk: since the last commit */
    int64_t visited_due; /* the earliest of theirs, if */
    bool has_visits;     /* something else in one of them will be due */
    /* The state's list of what is due: read up to `listed`, where the next entry is not before
     * `next_listed`. Both begin anew with each commit. */
    wr_buf listed;
    int64_t next_listed;
    bool all_listed;                        /* there is no next entry */
    uint64_t counted, counted_chunk, pages; /* of the list of changes: for wr_session_pending */
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

/* What the index knows of keys, which are given as wr_group_key_add writes them. */
static inline uint32_t wr_session_hash(const wr_buf *keys)
{
    return wr_run_hash(wr_hash_bytes(keys->data ? keys->data : "", keys->length));
}

/* ---- session_read.c ---- */

/* Reads the sessions of keys, which are in no table yet: row keys[i], their columns at at[i]. */
WR_MUST_CHECK weir_status wr_session_fetch(wr_session_grouping *me, const wr_column *columns,
                                           const uint16_t *at, uint32_t count,
                                           uint8_t *const *keys);
/* Reads a batch of sessions that are listed as due at the operator's time. */
WR_MUST_CHECK weir_status wr_session_fetch_due(wr_session_grouping *me);
/* There may be some. */
static inline bool wr_session_has_listed(const wr_session_grouping *me)
{
    int64_t time = me->base.op.time;
    if (!me->base.panes[0]->has_stored) return false;
    return (!me->all_listed && me->next_listed <= time) ||
           (me->has_visits && me->visited_due <= time);
}

/* ---- session_state.c ---- */

/* When something happens to a session: it is put out, or nothing can reach it any more. */
int64_t wr_session_due(const wr_grouping *g, int64_t last, bool is_said);
uint64_t wr_session_chunk_of(const wr_session_grouping *me, uint64_t number);
/* A commit succeeded or not, and everything is in it. */
void wr_session_settle(wr_session_grouping *me, bool committed);
WR_MUST_CHECK weir_status wr_session_load(wr_stream_op *op, wr_state *state);
uint64_t wr_session_pending(wr_stream_op *op);
/* After a commit: everything in memory goes, the state has it. */
void wr_session_evict(wr_session_grouping *me);
