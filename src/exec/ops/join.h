/* join.h - the join operator: join.c builds the table, join_probe.c runs rows past it,
 * join_array.c does both for different integers of a small range,
 * join_spill.c joins in partitions what does not fit in memory, join_rest.c gives what comes last.
 *
 * The side that is stored is "build", the other "probe"; left and right only matter for column
 * numbers and kinds. */
#pragma once
#include "exec/engine.h"
#include "exec/filters.h"
#include "exec/keys.h"
#include "exec/spill.h"
#include "exec/store.h"

typedef enum wr_join_table {
    WR_TABLE_NONE,  /* no equality keys: every pair is looked at */
    WR_TABLE_HASH,  /* directory of chains; 16 bits of each entry tell which hashes are not there */
    WR_TABLE_DENSE, /* one integer key of a small range: an array indexed by the key */
    WR_TABLE_BITS,  /* the same when only membership counts */
    WR_TABLE_ARRAY, /* the same when no key comes twice: columns indexed by the key */
} wr_join_table;

/* Where an output column (or a column of the residual) comes from. */
typedef struct wr_join_source {
    enum { WR_FROM_PROBE, WR_FROM_BUILD, WR_FROM_MARK } side;
    int index; /* column of the probe input, or slot of the build layout */
} wr_join_source;

/* Extra words of a build row. REST (complex MARK only, which tracks no matches): next in the chain
 * of rows with the same keys but the first. */
enum { WR_JX_HASH, WR_JX_NEXT, WR_JX_MATCHED, WR_JX_WORDS, WR_JX_REST = WR_JX_MATCHED };

/* x IN (SELECT y ... WHERE other conditions) needs up to three looks at the build side. */
typedef enum wr_mark_pass {
    WR_MARK_TRUE,    /* x present: rows with y = x, in the table of all keys */
    WR_MARK_UNKNOWN, /* x present, not found: rows where y is NULL, in the same table */
    WR_MARK_ANY,     /* x NULL: any row the other conditions allow, in the table without y */
    WR_MARK_DONE,
} wr_mark_pass;

typedef struct wr_join_piece wr_join_piece;
/* A build column: what is known of its values, and the array. */
typedef struct wr_join_lane {
    bool any, has_nulls;
    int64_t lo, hi; /* integers */
    wr_phys phys;
    void *data;
    uint64_t *nulls; /* by key: set bits are NULL */
    uint64_t bytes, null_bytes;
    int64_t absent; /* of wr_join.mark: what is where no key is */
} wr_join_lane;

typedef struct wr_join {
    wr_op op;
    wr_join_kind kind;
    bool build_left;
    bool gives_pairs, probe_outer, build_outer, tracks_build, only_membership;
    bool mark_is_complex; /* MARK with more keys or a residual, see wr_mark_pass */
    int key_count;
    uint64_t null_equal; /* by key */
    wr_exprs build_keys, probe_keys;
    wr_rows_layout layout;
    int *stored; /* build input column of the first stored_count slots */
    int stored_count;
    int *key_slots; /* by key */
    wr_join_source *output;
    wr_exprs residual;
    int combined_count; /* left + right columns */
    wr_join_source *combined;
    bool *combined_needed;
    /* the table; written by finish and its tasks */
    wr_join_table table;
    bool can_be_dense;
    int64_t lo, hi;
    uint64_t rows, nulls; /* build rows; those with a NULL first key */
    _Atomic uint64_t *heads;
    uint64_t head_count;
    _Atomic uint64_t *rest_heads; /* head_count too, by all keys but the first; complex MARK only */
    uint64_t *bits;
    uint64_t bit_words;
    bool takes_pieces; /* join_array.c may be used */
    enum { WR_JOIN_COMING, WR_JOIN_ARRAYS, WR_JOIN_ROWS, WR_JOIN_TABLE } step; /* of finish */
    struct wr_key_range *ranges; /* by key, of all workers */
    _Atomic bool has_repeats;
    wr_join_lane *lanes; /* by slot */
    wr_join_lane *mark;  /* the lane that tells which keys there are, or NULL: */
    uint64_t *present;   /* a bit per key */
    uint64_t present_words;
    uint8_t **all; /* WR_TABLE_NONE: every build row */
    uint64_t all_count;
    struct {
        uint64_t *words;
        uint64_t count;
    } * filters; /* memory of published filters, by key */
    /* spilling */
    wr_spill spill;
    _Atomic bool is_spilled; /* the build side does not stay in memory, so probe rows wait too */
    wr_rows_layout probe_layout; /* probe columns somebody needs; extra: the hash */
    int *probe_stored;           /* their numbers, probe_stored_count of them */
    int probe_stored_count;
    wr_mutex todo_lock;
    struct wr_join_part *todo; /* guarded by todo_lock */
} wr_join;

typedef struct wr_key_range {
    int64_t lo, hi;
    bool any;
} wr_key_range;

typedef struct wr_join_local {
    wr_op_local base;
    /* build */
    wr_exprs_local build_keys;
    wr_rows *rows;
    wr_key_range *ranges; /* by key */
    uint64_t nulls;
    wr_join_piece *pieces, *last_piece; /* instead of rows, as long as that may be of use */
    uint64_t piece_rows, piece_bytes;
    wr_join_lane *lanes; /* by slot: of the pieces */
    /* spilling, by partition; NULL: nothing yet */
    wr_tape *build_tapes, *probe_tapes;
    uint64_t spilled_rows; /* of the build side */
    wr_rows *waiting;      /* probe rows to be written */
    /* probe */
    wr_exprs_local probe_keys;
    wr_eval *residual;
    wr_sieve *sieve; /* the batch without rows for which the residual fails; NULL: never needed */
    wr_column *flat; /* probe keys, flattened, for this batch */
    wr_mark_pass mark_pass;
    bool in_batch, is_first_round;
    const wr_batch *kept; /* the batch without rows whose keys or residuals fail */
    uint32_t count;       /* selected rows of the batch */
    uint32_t active_count;
    uint32_t pair_count;
    uint32_t nested_row;
    uint64_t nested_at;
    uint16_t active[WR_BATCH_ROWS];
    uint8_t *chain[WR_BATCH_ROWS];   /* by position: the next candidate */
    uint16_t pair_at[WR_BATCH_ROWS]; /* positions */
    uint8_t *pair_row[WR_BATCH_ROWS];
    uint8_t matched[WR_BATCH_ROWS]; /* by position */
    uint8_t unknown[WR_BATCH_ROWS]; /* by position: MARK is NULL unless TRUE */
    uint16_t sel[WR_BATCH_ROWS];
    wr_arena batch; /* lives as long as the input batch */
    /* The build side comes in chunks: what earlier ones said about each row of the batch, and
     * whether another one follows, so that what depends on having no match has to wait. */
    uint8_t *carried;
    bool is_followed;
} wr_join_local;

/* The slot push of wr_op_def: probes with a batch, or keeps it for later once the build side has
 * spilled. Each worker with its own local. */
WR_MUST_CHECK weir_status wr_join_push(wr_op *op, wr_op_local *local, const wr_batch *in,
                                       wr_batch *out, wr_flow *flow);
static inline uint64_t wr_join_tag(uint64_t hash) { return UINT64_C(1) << (48 + (hash >> 60)); }
#define WR_JOIN_ADDRESS ((UINT64_C(1) << 48) - 1)

/* join.c */
WR_MUST_CHECK weir_status wr_join_fill_table(wr_join *j, wr_join_local *me);
void wr_join_drop_table(wr_join *j);
/* Hashes of all keys into the rows. */
void wr_join_hash_rows(const wr_join *j, uint8_t *const *rows, uint32_t n);

/* join_array.c. */
bool wr_join_can_be_array(const wr_join *j);
WR_MUST_CHECK weir_status wr_join_add_piece(wr_join *j, wr_join_local *me, const wr_column *columns,
                                            const uint16_t *sel, uint32_t count);
WR_MUST_CHECK weir_status wr_join_pieces_to_rows(wr_join *j, wr_join_local *me);
void wr_join_drop_pieces(const wr_join *j, wr_join_local *me);
/* Makes room for the pieces of all workers if the keys allow it. */
WR_MUST_CHECK weir_status wr_join_plan_array(wr_join *j, const wr_key_range *range, uint64_t rows,
                                             bool *planned);
/* The pieces of one worker; sets has_repeats. */
WR_MUST_CHECK weir_status wr_join_fill_array(wr_join *j, const wr_join_local *me);
/* When all are filled; rows: how many there were. Sets has_repeats. */
void wr_join_check_array(wr_join *j, uint64_t rows);
void wr_join_drop_array(wr_join *j);
WR_MUST_CHECK weir_status wr_join_array_push(wr_join *j, wr_join_local *me, const wr_batch *in,
                                             wr_batch *out);

/* join_spill.c: writing. */
WR_MUST_CHECK weir_status wr_join_spill_open(wr_join *j);
void wr_join_spill_close(wr_join *j);
void wr_join_drop_spilled(const wr_join *j, wr_join_local *me);
/* Writes the build rows a worker holds. */
WR_MUST_CHECK weir_status wr_join_spill_build(wr_join *j, wr_join_local *me);
/* Instead of probing: keeps the rows for later. */
WR_MUST_CHECK weir_status wr_join_spill_probe(wr_join *j, wr_join_local *me, const wr_batch *in);
/* Reading, when all probe rows have come. One partition per worker at a time. */
WR_MUST_CHECK weir_status wr_join_list_parts(wr_join *j);
typedef struct wr_join_run wr_join_run;
WR_MUST_CHECK weir_status wr_join_run_new(wr_join *j, wr_op_local *local, wr_join_run **out);
void wr_join_run_drop(wr_join_run *run);
/* Takes the next partition; false: there is none. */
bool wr_join_run_take(wr_join_run *run);
/* The next rows of the partition; *more false at its end. */
WR_MUST_CHECK weir_status wr_join_run_next(wr_join_run *run, wr_batch *out, bool *more);

/* join_rest.c: up to a batch of build rows that come at the end; false: there are no more. */
bool wr_join_give_rest(const wr_join *j, const wr_rows *rows, wr_rows_cursor *at, wr_arena *scratch,
                       wr_batch *out);
