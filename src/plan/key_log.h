/* key_log.h - what a statement did to rows that foreign keys are about.
 *
 * A table sink notes, per foreign key of its table, the keys of the rows it wrote, and per foreign
 * key of other tables to its own the keys it took away or changed. When the statement is through,
 * session carries out the actions and checks the rest, set by set. */
#pragma once
#include "plan/logical.h"

/* One foreign key and the rows of one sink. Lives in the planner's arena; the planner holds the
 * references of what it points to. */
typedef struct wr_key_log {
    wr_object *owner;  /* the table that has the constraint */
    wr_object *target; /* the table it refers to */
    const wr_reference_def *key;
    bool is_own;          /* the sink's table has the constraint: written; else removed, changed */
    wr_relation *written; /* k0, k1 ..: what the rows refer to; kept rows */
    wr_relation *removed; /* k0, k1 ..: keys of rows that were deleted */
    wr_relation *changed; /* k0 .., n0 ..: keys before and after */
    int *columns;         /* of the sink's table: those of the constraint or those of the key */
} wr_key_log;

/* Makes the logs of a sink over table and adds them to planner->key_logs; none in *count without
 * foreign keys. */
wr_key_log **wr_key_logs_new(wr_planner *planner, wr_object *table, int *count);
/* Rows (columns of the table) are about to be written. FOREIGN_KEY_VIOLATION for a MATCH FULL of
 * which only a part is NULL. scratch is for the call. */
WR_MUST_CHECK weir_status wr_key_log_written(wr_key_log *log, const wr_batch *rows,
                                             wr_arena *scratch);
/* Rows are about to be ended; fresh: what takes their place, as many rows, or NULL. */
WR_MUST_CHECK weir_status wr_key_log_ended(wr_key_log *log, const wr_batch *old,
                                           const wr_batch *fresh, wr_arena *scratch);

/* FOREIGN KEY (..) REFERENCES .., nothing if the table it refers to is not visible. */
void wr_foreign_key_text(const wr_catalog_view *view, const wr_object *owner,
                         const wr_reference_def *key, wr_buf *out);
