/* group.h - what the operators that group a stream (group.c, window_group.c, session_group.c)
 * share.
 *
 * A pane is one table of groups that lives and ends as a whole: a window, a slice of one, the
 * groups of one moment of end, or all groups there are. A group is a row of the tuple store: its
 * keys, its head, the states of the calls. What a pane says is known behind the operator (is_said)
 * or not yet; a group of the former kind keeps, from its first change in a round until the flush,
 * the row it said before. */
#pragma once
#include "col/growing.h"
#include "exec/groups.h"
#include "stream/specs.h"

enum {
    WR_GROUP_TOUCHED = 1, /* since the last flush */
    WR_GROUP_CHANGED = 2, /* since the last commit */
    WR_GROUP_SAVED = 4,   /* the state has it */
    WR_GROUP_STALE = 8,   /* states have to be computed again from kept values */
    WR_GROUP_DEAD = 16,   /* without rows */
    WR_GROUP_MUTE = 32,   /* there before this round, but without a result */
};

/* Behind the keys of a group; the states of the calls follow. */
typedef struct wr_group_head {
    uint64_t hash;   /* belongs to groups.h */
    uint64_t serial; /* names the group in tables of kept arguments; never 0 */
    int64_t rows;    /* in it: those that appeared minus those taken back */
    uint8_t *said;   /* what it said before this round, NULL: nothing, or it was not touched */
    uint64_t flags;  /* WR_GROUP_* */
} wr_group_head;

/* One call as these operators run it. Arguments are kept, counted by value and in order, where the
 * state alone is not enough: DISTINCT, and rows taken back from a state that cannot forget. */
typedef struct wr_group_call {
    const wr_aggregate_call *call;
    uint32_t state_offset, root_offset; /* from the start of a group's row */
    uint32_t state_size;
    int first_arg, filter; /* columns; filter: -1 none */
    bool is_set;           /* each value counts once */
    bool is_kept;          /* kept values hang below root_offset */
    bool is_ordered;       /* as a tree in their order; else as a chain of right ones */
    bool once, ends;       /* fed again: each value once; the first and the last only */
    wr_rows_layout kept;   /* serial, arguments */
} wr_group_call;

/* What a session has behind the states; sessions are rows like groups, in no pane of their own. */
typedef struct wr_session {
    int64_t start, last; /* times of its first and last row */
    uint8_t *next;       /* of the same keys */
    uint8_t *moved;      /* the session it became part of */
    uint8_t *keys;       /* row of the table of keys */
    bool is_said;        /* what it says is known downstream */
} wr_session;

typedef struct wr_row_list {
    uint8_t **items;
    uint64_t count, cap;
} wr_row_list;

/* Behind the columns of a kept value. */
typedef struct wr_kept_head {
    uint64_t hash;  /* belongs to groups.h */
    uint8_t *group; /* whose value it is */
    uint8_t *left, *right;
    int64_t count;  /* how often it is there */
    uint64_t flags; /* WR_GROUP_* */
} wr_kept_head;

/* Values of one call in all groups of a pane. */
typedef struct wr_kept {
    wr_groups values;
    wr_row_list changed;
    uint64_t dead; /* values whose count is 0 */
} wr_kept;

/* How a pane stands in the state: as pairs of key and group, or packed, many groups in a block. */
typedef struct wr_pane_stored {
    bool is_packed;
    uint32_t blocks; /* number of the next one */
    uint64_t groups; /* in blocks; those that were written again count again */
} wr_pane_stored;

typedef struct wr_pane {
    int64_t id; /* start of the window or slice, or the moment after which groups are complete */
    wr_groups groups;
    wr_mem *mem; /* of the states */
    wr_arena heap;
    size_t heap_live; /* of heap when it was last made new */
    wr_aggregate_env *envs;
    wr_kept *kept; /* by call */
    wr_row_list touched, changed;
    uint64_t dead; /* groups without rows in the table */
    uint64_t live; /* groups with rows, in memory or not */
    bool is_said, is_saved;
    bool has_stored; /* the state may have groups that are not in memory; if packed, all of them */
    wr_pane_stored stored, next; /* next: as the commit in progress has it */
} wr_pane;

typedef struct wr_grouping {
    wr_stream_op op;
    const wr_group_spec *spec;
    int key_count, edge_count; /* edge_count: 2 with a window: its start and end */
    wr_group_call *calls;
    bool any_kept, is_session;
    uint32_t session_offset; /* from the start of a row */
    wr_rows_layout layout;   /* of groups */
    wr_rows_layout output;   /* of said rows */
    wr_rows *said;
    wr_arena scratch, results; /* of a call to push, of one batch put out */
    uint64_t group_count, serial, position;

    wr_pane **panes; /* by id */
    int pane_count, pane_cap;
    bool ends;      /* panes end; id + length is when */
    bool is_sliced; /* panes are slices, windows are merged when they close */
    int64_t length, lateness;
    int64_t closed; /* all that ends by then was put out */
    wr_buf gone;    /* ids of ended panes that the state still holds */
    bool has_saved; /* save was called since the last settled */
} wr_grouping;

static inline wr_group_head *wr_group_head_of(const wr_grouping *g, uint8_t *row)
{
    return (wr_group_head *)(void *)(row + g->layout.extra_offset);
}
/* A group is there while it has rows; the one of a query without GROUP BY always is. */
static inline bool wr_group_is_there(const wr_grouping *g, uint8_t *row)
{
    return wr_group_head_of(g, row)->rows > 0 || g->spec->has_empty_group;
}

static inline wr_session *wr_session_of(const wr_grouping *g, uint8_t *row)
{
    return (wr_session *)(void *)(row + g->session_offset);
}
/* The end that is put out: nothing came for the gap. A row of that very moment still belongs to it.
 */
static inline int64_t wr_session_end(const wr_grouping *g, const wr_session *s)
{
    return s->last + g->spec->window->gap;
}
/* Does what became of a group show at the flush? */
static inline bool wr_group_shows(const wr_grouping *g, uint8_t *row)
{
    if (!wr_group_is_there(g, row)) return false;
    return !g->is_session || g->spec->emit == WR_EMIT_ON_CHANGE ||
           (g->closed != WR_NO_TIME_YET && wr_session_end(g, wr_session_of(g, row)) < g->closed);
}

/* Appends a row; fails with MEMORY_LIMIT. The list is given back to the same budget. */
WR_MUST_CHECK weir_status wr_row_list_add(wr_mem *mem, wr_row_list *list, uint8_t *row);
/* Empties a list and gives its memory back. */
void wr_row_list_clear(wr_mem *mem, wr_row_list *list);

/* ---- group_calls.c ---- */

/* Lays out groups for op's spec. */
WR_MUST_CHECK weir_status wr_grouping_open(wr_grouping *g, bool with_edges);
void wr_grouping_close(wr_grouping *g);
/* One aggregate_env per call, with states in heap counted by mem. */
wr_aggregate_env *wr_group_envs(const wr_grouping *g, wr_mem *mem, wr_arena *heap);
void wr_group_init_states(const wr_grouping *g, uint8_t *row);
/* The columns put out for groups (in the arena): keys, edges, results. */
WR_MUST_CHECK weir_status wr_group_results(wr_grouping *g, wr_pane *pane, int64_t start,
                                           int64_t end, uint8_t *const *rows, uint32_t count,
                                           wr_arena *arena, wr_batch *out);
/* The same where bad groups are left out: is_bad[i] says that rows[i] has no result; the others are
 * in out, in their order, which has no rows if there are none. tells: they are told, unless they
 * are MUTE. */
WR_MUST_CHECK weir_status wr_group_good_results(wr_grouping *g, wr_pane *pane, int64_t start,
                                                int64_t end, uint8_t *const *rows, uint32_t count,
                                                bool tells, wr_arena *arena, bool *is_bad,
                                                wr_batch *out);
/* Selected rows for which call i's filter is true, with their groups; kept and sel have room for
 * count. */
uint32_t wr_group_filter(const wr_grouping *g, int call, const wr_batch *in, const uint16_t *sel,
                         uint32_t count, uint8_t *const *groups, uint16_t *passed,
                         uint8_t **passed_groups);

/* ---- group_pane.c ---- */

/* The pane of an id; made when missing. NULL from wr_pane_at: there is none. */
wr_pane *wr_pane_at(const wr_grouping *g, int64_t id);
WR_MUST_CHECK weir_status wr_pane_need(wr_grouping *g, int64_t id, wr_pane **out);
/* A pane that is in no list, and its end. */
WR_MUST_CHECK weir_status wr_pane_new(wr_grouping *g, int64_t id, wr_pane **out);
void wr_pane_drop(wr_grouping *g, wr_pane *pane);
/* Ends the first count panes; the state forgets them with the next commit. */
void wr_panes_end(wr_grouping *g, int count);
/* Puts rows of a delta into their groups. */
WR_MUST_CHECK weir_status wr_pane_add(wr_grouping *g, wr_pane *pane, const wr_delta *delta,
                                      const uint16_t *sel, uint32_t count);
/* Finds or makes the groups of rows, keys in the first columns; new ones are ready to be updated.
 */
WR_MUST_CHECK weir_status wr_pane_find(wr_grouping *g, wr_pane *pane, const wr_column *keys,
                                       const uint16_t *sel, uint32_t count, uint8_t **found);
/* What single groups said before is kept, if this is their first change in the round. */
WR_MUST_CHECK weir_status wr_pane_touch(wr_grouping *g, wr_pane *pane, uint8_t *const *rows,
                                        uint32_t count);
/* Groups have to be written with the next commit. */
WR_MUST_CHECK weir_status wr_pane_mark(wr_grouping *g, wr_pane *pane, uint8_t *const *rows,
                                       uint32_t count);
/* Feeds rows that appear (or are taken back) to the states of their groups; is_one: all to the
 * first. */
WR_MUST_CHECK weir_status wr_pane_update(wr_grouping *g, wr_pane *pane, const wr_batch *in,
                                         const uint16_t *sel, uint32_t count, uint8_t **groups,
                                         bool back, bool is_one);
/* Makes a row of the table a group without rows. */
void wr_group_begin(wr_grouping *g, uint8_t *row);
/* One group more. TOO_BIG when there are too many. */
WR_MUST_CHECK weir_status wr_group_count_new(wr_grouping *g, wr_pane *pane);
/* Forgets the groups in memory of a pane that the state has; it reads them again. The pane has
 * nothing that was not committed and nothing to flush. */
void wr_pane_evict(wr_grouping *g, wr_pane *pane);
/* Bytes of the groups in memory. */
uint64_t wr_pane_bytes(const wr_grouping *g, const wr_pane *pane);
/* A state into the heap of another pane. */
WR_MUST_CHECK weir_status wr_group_move_state(wr_grouping *g, wr_pane *from, wr_pane *into,
                                              int call, uint8_t *row, wr_buf *bytes);
bool wr_pane_is_untidy(const wr_grouping *g, const wr_pane *pane);
/* Exchanges what two panes hold. */
void wr_pane_swap(const wr_grouping *g, wr_pane *a, wr_pane *b);
/* Puts out all groups, once. */
WR_MUST_CHECK weir_status wr_pane_say(wr_grouping *g, wr_pane *pane, int64_t start, int64_t end);
/* Puts out what changed since the last flush. */
WR_MUST_CHECK weir_status wr_pane_flush(wr_grouping *g, wr_pane *pane);
WR_MUST_CHECK weir_status wr_panes_flush(wr_grouping *g);
/* After a commit: gives back what dead groups and outgrown states hold, where that is much. */
void wr_pane_tidy(wr_grouping *g, wr_pane *pane);

/* ---- group_route.c ---- */

/* Selected rows of a batch, their times, and (windows) the last window of each. */
typedef struct wr_timed_rows {
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS], starts[WR_BATCH_ROWS];
} wr_timed_rows;

/* Times of the rows; those without one are late. */
WR_MUST_CHECK weir_status wr_group_times(wr_grouping *g, const wr_batch *in, wr_timed_rows *out);

/* Rows by their panes. ids[i] belongs to selected row i; rows whose pane has ended are left out. */
WR_MUST_CHECK weir_status wr_route(wr_grouping *g, const wr_delta *delta, const uint16_t *sel,
                                   const int64_t *ids, uint32_t count);
/* op->time rose: panes that are complete are put out, those that nothing can reach are ended. */
WR_MUST_CHECK weir_status wr_panes_advance(wr_grouping *g);
/* When a pane of this id ends, without overflow. */
static inline int64_t wr_pane_end(const wr_grouping *g, int64_t id)
{
    int64_t end;
    return __builtin_add_overflow(id, g->length, &end) ? INT64_MAX : end;
}
/* Rows of a pane that ends at end come too late. */
static inline bool wr_end_is_late(const wr_grouping *g, int64_t end)
{
    int64_t last;
    if (g->closed == WR_NO_TIME_YET) return false;
    return !__builtin_add_overflow(end, g->lateness, &last) && last <= g->closed;
}

/* ---- group_kept.c ---- */

/* Lays out the kept values of a call. */
WR_MUST_CHECK weir_status wr_group_kept_open(wr_grouping *g, wr_group_call *c);
/* Counts arguments of rows and updates the states of their groups. */
WR_MUST_CHECK weir_status wr_group_kept_add(wr_grouping *g, wr_pane *pane, int call,
                                            const wr_batch *in, const uint16_t *sel, uint32_t count,
                                            uint8_t *const *groups, bool back);
/* Adds a value that was saved, without touching states. */
WR_MUST_CHECK weir_status wr_group_kept_restore(wr_grouping *g, wr_pane *pane, int call,
                                                uint8_t *group, const wr_column *args,
                                                int64_t count);
/* Computes the states of groups again that cannot forget single rows. */
WR_MUST_CHECK weir_status wr_group_kept_refresh(wr_grouping *g, wr_pane *pane, uint8_t *const *rows,
                                                uint32_t count);
static inline wr_kept_head *wr_kept_head_of(const wr_group_call *c, uint8_t *row)
{
    return (wr_kept_head *)(void *)(row + c->kept.extra_offset);
}
/* Fills the empty kept tables of into with the values of its groups, which came from another pane.
 * Dead ones stay behind. */
WR_MUST_CHECK weir_status wr_group_kept_move(wr_grouping *g, wr_pane *into);
/* The values of a session become those of another one, which it is now part of. */
WR_MUST_CHECK weir_status wr_group_kept_merge(wr_grouping *g, wr_pane *pane, int call,
                                              uint8_t *into, uint8_t *from);
void wr_group_kept_clear(wr_grouping *g, wr_pane *pane);

/* ---- group_state.c ---- */

enum { WR_GROUP_META = 'm', WR_GROUP_PANE = 'p', WR_GROUP_ROW = 'g', WR_GROUP_KEPT = 'k' };
enum { WR_GROUP_BLOCK = 'b', WR_GROUP_DUE = 't', WR_GROUP_RUN = 'r', WR_GROUP_PREFIX = 9 };
enum { WR_GROUP_META_VERSION = 3 };

/* The slots of wr_stream_op_def for all grouping operators. */
WR_MUST_CHECK weir_status wr_grouping_save(wr_stream_op *op, wr_state *state);
/* See settled there; tables that are mostly dead are made anew, and what exceeds the operator's
 * share of the budget is forgotten. */
void wr_grouping_settled(wr_stream_op *op, bool committed);
uint64_t wr_grouping_pending(wr_stream_op *op);
WR_MUST_CHECK weir_status wr_grouping_list_all(wr_stream_op *op);
/* What settled does, without forgetting. */
void wr_grouping_settle(wr_grouping *g, bool committed);

/* Replaces key: [tag][number, in order]. */
void wr_group_key_begin(wr_buf *key, char tag, int64_t number);
/* Appends the key columns of a group, shortened if they are too long. */
void wr_group_key_add(const wr_grouping *g, wr_buf *key, const wr_column *columns, uint32_t row);
/* What kept values of a group begin with. columns: those of the group's key. */
void wr_group_kept_prefix(const wr_grouping *g, wr_buf *key, int64_t id, int call,
                          const wr_column *columns, uint32_t row);
static inline int64_t wr_group_key_number(wr_str key)
{
    uint64_t ordered;
    memcpy(&ordered, key.data + 1, sizeof ordered);
    return (int64_t)(__builtin_bswap64(ordered) ^ UINT64_C(1) << 63);
}

/* ---- group_blocks.c ---- */

/* Whether panes can be packed. */
bool wr_group_can_pack(const wr_grouping *g);
/* Whether so much is in memory that what is packed has to become pairs. */
bool wr_group_is_short(const wr_grouping *g);
/* Before a save: sets next of all panes. */
void wr_panes_choose_form(wr_grouping *g);
/* Writes what changed, or all of the pane, in blocks; counts them in next. */
WR_MUST_CHECK weir_status wr_pane_pack(wr_grouping *g, wr_pane *pane, wr_state *state);
/* key, last: for the bounds. */
WR_MUST_CHECK weir_status wr_pane_delete_blocks(wr_grouping *g, int64_t id, wr_state *state,
                                                wr_buf *key, wr_buf *last);
/* Reads a packed pane of which nothing is in memory. CORRUPT. */
WR_MUST_CHECK weir_status wr_pane_unpack(wr_grouping *g, wr_pane *pane);
static inline bool wr_pane_is_unread(const wr_pane *pane)
{
    return pane->has_stored && pane->stored.is_packed;
}

/* ---- group_read.c ---- */

/* Reads what is needed to go on; groups are read when they are asked for. CORRUPT when it is not
 * what save writes. */
WR_MUST_CHECK weir_status wr_grouping_load(wr_stream_op *op, wr_state *state);
/* Fills new rows of a pane with what the state has of them: keys of row i stand at at[i] of
 * columns. *found counts them, is_found tells which. */
WR_MUST_CHECK weir_status wr_pane_fetch(wr_grouping *g, wr_pane *pane, const wr_column *columns,
                                        const uint16_t *at, uint32_t count, uint8_t *const *rows,
                                        bool *is_found);
/* Walks all groups of a pane, those in memory and those in the state alone. */
typedef struct wr_pane_walk {
    wr_grouping *g;
    wr_pane *pane, *read; /* read: a batch from the state */
    wr_rows_cursor cursor;
    bool is_below;
    wr_buf after; /* the last key that was read */
} wr_pane_walk;
void wr_pane_walk_begin(wr_pane_walk *walk, wr_grouping *g, wr_pane *pane);
/* Up to WR_BATCH_ROWS rows, 0 at the end; *of is the pane whose states they have. Valid until the
 * next call. */
WR_MUST_CHECK weir_status wr_pane_walk_next(wr_pane_walk *walk, uint8_t **rows, uint32_t *count,
                                            wr_pane **of);
void wr_pane_walk_end(wr_pane_walk *walk);

/* Columns that packed rows are read into. */
typedef struct wr_reading {
    wr_growing *growing;
    wr_column *columns;
    int count;
    wr_arena arena;
} wr_reading;
/* For the keys of a group, with call >= 0 also its arguments. */
void wr_reading_begin(wr_reading *r, const wr_grouping *g, int call);
WR_MUST_CHECK weir_status wr_group_damaged(const wr_grouping *g);
static inline bool wr_take_bytes(wr_str *from, void *out, size_t size)
{
    if (from->length < size) return false;
    memcpy(out, from->data, size);
    from->data += size;
    from->length -= size;
    return true;
}
/* The rest of a group's value into its row. */
WR_MUST_CHECK weir_status wr_group_read_states(wr_grouping *g, wr_pane *pane, uint8_t *row,
                                               int64_t rows, wr_str value);
/* Kept values of a group that was read; id, columns, at: as wr_group_kept_prefix has them. */
WR_MUST_CHECK weir_status wr_group_read_kept(wr_grouping *g, wr_pane *pane, uint8_t *row,
                                             int64_t id, const wr_column *columns, uint32_t at);

/* ---- session_state.c ---- */

/* Writes the sessions that changed, and what those that ended leave. */
WR_MUST_CHECK weir_status wr_session_save(wr_grouping *g, wr_state *state);
