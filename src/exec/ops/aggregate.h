/* aggregate.h - what aggregate.c (grouping, merging, output), aggregate_calls.c (DISTINCT and
 * ordered calls) and aggregate_spill.c (partitions in temporary files) share. */
#pragma once
#include "exec/groups.h"
#include "exec/op.h"
#include "exec/sorting.h"
#include "exec/spill.h"

enum { WR_AGG_LIST_MAX = 64 };

/* One call as this operator runs it. */
typedef struct wr_agg_call {
    const wr_aggregate_call *call;
    uint32_t state_offset; /* from the start of the group's row */
    int first_arg;         /* among the evaluated expressions; order keys follow the arguments */
    wr_exprs filter;       /* count 0: none */
    bool is_kept;          /* DISTINCT or ORDER BY: arguments are kept and fed at the end */
    bool is_distinct;
    bool is_free;        /* kept rows may be fed in any order and in several goes */
    bool takes_few;      /* groups may come by number */
    bool by_position;    /* kept rows are fed in the order of the input, keys of the call first */
    wr_rows_layout kept; /* group address, arguments, order keys, position if by_position */
} wr_agg_call;

/* What one worker wrote of one partition. Kept rows name their group by its number on the tape. */
typedef struct wr_agg_source {
    wr_tape groups;
    wr_tape *kept;   /* by call */
    uint8_t **final; /* by number: the group in memory, while the partition is read */
} wr_agg_source;

typedef struct wr_agg_part {
    int level;
    wr_agg_source *sources; /* source_count of the operator */
    struct wr_agg_part *next;
} wr_agg_part;

typedef struct wr_agg_item {
    uint8_t *row;
    uint64_t hash;
} wr_agg_item;

typedef struct wr_agg_local {
    wr_op_local base;
    wr_exprs_local exprs;
    wr_eval **filters; /* by call */
    wr_groups groups;
    bool has_groups;
    uint64_t position; /* of the first row of the batch: number of the morsel, row in it */
    uint64_t position_next;
    wr_mem *mem; /* of states: what aggregates reserve is given back as a whole */
    wr_arena heap;
    wr_aggregate_env *envs; /* by call */
    wr_rows **kept;         /* by call: ordered calls */
    wr_groups *distinct;    /* by call */
    uint64_t *feed_counts;  /* by call and part: kept rows */
    uint64_t tried, made; /* rows grouped and groups made since the last look at how they repeat */
    wr_agg_item **lists;  /* while merging: groups by partition */
    uint64_t *list_counts;
    wr_agg_item *all; /* memory of lists */
    uint64_t all_count;
    uint64_t at, end;       /* when reading: of the list, or keys from the least one on */
    bool gives_null;        /* after these keys */
    wr_agg_source *spilled; /* by partition, NULL: nothing yet */
    wr_agg_part *part;      /* being read */
    bool is_loaded;
    wr_rows_cursor part_at;
} wr_agg_local;

typedef struct wr_agg {
    wr_op op;
    wr_exprs exprs;
    int key_count, hashed_count,
        column_count; /* columns of a group: keys and, with grouping sets, the set */
    int set_count;
    wr_agg_call *calls;
    int call_count;
    bool any_kept;
    bool counts_few; /* some call takes groups by number */
    int moved_word;  /* of a row's extra words: the group it was merged into */
    wr_rows_layout layout;
    /* finishing */
    int partition_count;
    int feed_parts;       /* kept arguments are fed in so many parts of the groups */
    bool is_merged;       /* rows holds groups that were merged into others, to be left out */
    uint64_t group_count; /* of all workers, before merging */
    bool is_by_key;       /* all tables are arrays over one key: partitions are ranges of it */
    int64_t lo;
    uint64_t key_step;
    uint8_t **rows; /* all groups, to be read; not by key */
    uint64_t row_count, row_cap;
    _Atomic uint64_t next;
    /* spilling */
    wr_spill spill;
    _Atomic bool has_spilled;
    bool is_packed;        /* some states have pointers: saved as more columns */
    wr_rows_layout packed; /* columns, then a saved state per such call; the same extra bytes */
    int source_count;
    wr_mutex todo_lock;
    wr_agg_part *todo; /* guarded by todo_lock */
} wr_agg;

/* Extra words of a group's row: the hash, and where its state lives after merging (0: here). The
 * same word when nothing is kept for calls. */
static inline uint8_t *wr_agg_final(const wr_agg *a, uint8_t *row)
{
    uint64_t moved = wr_row_extra(&a->layout, row)[a->moved_word];
    return moved ? (uint8_t *)(uintptr_t)moved : row;
}

/* Lays out the rows in which the arguments of a call are kept: group, arguments, order, place. When
 * the operator opens. */
WR_MUST_CHECK weir_status wr_agg_open_kept(wr_agg *a, wr_agg_call *c);
/* Keeps arguments of the selected rows for their groups. */
WR_MUST_CHECK weir_status wr_agg_keep(wr_agg *a, wr_agg_local *me, int call, const uint16_t *sel,
                                      uint32_t count, uint8_t *const *groups);
/* Feeds kept arguments of a call to the merged groups: those of one worker, or of all (only NULL).
 * part: of feed_parts, after wr_agg_aim for all workers; -1: all groups. */
WR_MUST_CHECK weir_status wr_agg_feed(wr_agg *a, wr_agg_local *me, int call, wr_agg_local *only,
                                      int part);
/* Task number index of feeding: a call, for all groups or (feed_parts > 1) for a part of them. */
WR_MUST_CHECK weir_status wr_agg_feed_task(wr_agg *a, wr_agg_local *me, int index);
/* Points what a worker has kept to the merged groups and counts it by part. */
WR_MUST_CHECK weir_status wr_agg_aim(const wr_agg *a, wr_agg_local *whose);
/* Adds rows of the call's kept layout. */
WR_MUST_CHECK weir_status wr_agg_add_kept(wr_agg *a, wr_agg_local *me, int call,
                                          const wr_column *columns, const uint16_t *sel,
                                          uint32_t count, wr_arena *scratch);
void wr_agg_init_states(const wr_agg *a, uint8_t *row);
/* Merges the states of a group into another one's, which it says from now on. */
WR_MUST_CHECK weir_status wr_agg_merge(wr_agg *a, wr_agg_local *me, uint8_t *into, uint8_t *from);

/* aggregate_by_key.c */
/* Whether all groups can be merged by ranges of their key; sets the ranges, as many as there are
 * partitions. */
bool wr_agg_is_by_key(wr_agg *a);
/* Merges the groups of range p, any worker. */
WR_MUST_CHECK weir_status wr_agg_merge_range(wr_agg *a, wr_agg_local *me, int p);
/* The next groups of the keys the worker is to read, in their order, at most a batch; NULL comes at
 * the end of the first range. *count 0: there are no more. Uses the worker's scratch memory. */
WR_MUST_CHECK weir_status wr_agg_next_by_key(wr_agg *a, wr_agg_local *me, uint8_t **some,
                                             uint32_t *count);

/* aggregate_spill.c */
WR_MUST_CHECK weir_status wr_agg_spill_open(wr_agg *a);
void wr_agg_spill_close(wr_agg *a);
bool wr_agg_is_due(const wr_agg *a, const wr_agg_local *me);
/* Writes out everything a worker holds and empties it (without keys: what is kept for calls). */
WR_MUST_CHECK weir_status wr_agg_spill(wr_agg *a, wr_agg_local *me);
/* All workers have spilled: makes the list of partitions to be read. */
WR_MUST_CHECK weir_status wr_agg_list_parts(wr_agg *a);
/* Without keys: feeds what was spilled for a call to the only group. */
WR_MUST_CHECK weir_status wr_agg_feed_spilled(wr_agg *a, wr_agg_local *me, int call,
                                              uint8_t *group);
/* Takes the next partition; *got false: there is none. */
void wr_agg_take_part(wr_agg *a, wr_agg_local *me, bool *got);
/* The next groups of the partition taken; *count 0 at its end, and everything is given back. */
WR_MUST_CHECK weir_status wr_agg_next_groups(wr_agg *a, wr_agg_local *me, uint8_t **rows,
                                             uint32_t *count);
void wr_agg_drop_spilled(wr_agg *a, wr_agg_local *me);
void wr_agg_drop_kept(wr_agg *a, wr_agg_local *me);
