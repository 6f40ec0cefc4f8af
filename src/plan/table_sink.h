/* table_sink.h - where the rows of INSERT, UPDATE, DELETE and MERGE go. */
#pragma once
#include "expr/eval.h"
#include "plan/plan.h"

typedef enum wr_change {
    WR_CHANGE_INSERT,
    WR_CHANGE_UPDATE,
    WR_CHANGE_DELETE,
    WR_CHANGE_MERGE
} wr_change;
typedef enum wr_conflict_action {
    WR_CONFLICT_FAILS,
    WR_CONFLICT_NOTHING,
    WR_CONFLICT_UPDATE
} wr_conflict_action;

/* Values of the action column of MERGE. */
enum { WR_MERGE_ROW_INSERT = 1, WR_MERGE_ROW_UPDATE = 2, WR_MERGE_ROW_DELETE = 3 };

/* What a sink is told. All expressions name positions: checks and generated ones over the table's
 * columns; those of a conflict over the table's columns of the row that is there, then those of the
 * row that was to be inserted. */
typedef struct wr_table_change {
    wr_change change;
    wr_object *object;
    int first_value;   /* position of the table's columns in the sink's input; -1 for DELETE */
    int rowid, action; /* positions, -1: none */
    wr_expr **checks;  /* BOOLEAN, in the order of object->checks */
    wr_conflict_action conflict;
    bool conflict_replaces;    /* INSERT OR REPLACE: a key given twice is no mistake */
    const int *conflict_keys;  /* numbers of object->keys, -1 at the end */
    wr_expr **conflict_values; /* per table column: what it becomes */
    wr_expr *conflict_where;   /* NULL: always */
    int conflict_extra; /* columns of the input behind the table's: positions 2 * width ... */
    int *generated;     /* table columns computed from the others after a conflict */
    wr_expr **generated_values;
    int generated_count;
    const int *returned; /* positions in the sink's input that RETURNING may use */
    int returned_count;
    wr_relation *returned_rows; /* NULL: no RETURNING; filled with the rows that were changed */
} wr_table_change;

/* The sink lives in the planner's arena; what it allocates while running is freed by finish or
 * abort. */
wr_batch_sink *wr_table_sink_new(wr_planner *planner, const wr_table_change *change);

/* The same sink once more, after finish or abort, in another transaction. */
void wr_table_sink_restart(wr_batch_sink *sink, wr_txn *txn);

/* table_target.c: the table as where a stream delivers, for INSERTs whose rows do not end: what a
 * round brings becomes visible in one transaction of its own. With a primary key (key: its number,
 * else -1) rows take the place of those with the same key. */
wr_target *wr_table_target_new(wr_planner *planner, const wr_table_change *change, int key);

/* Batches kept in memory, counted in mem (may be NULL): rows to be applied later, rows to return.
 */
typedef struct wr_kept_rows {
    wr_arena arena;
    WR_LIST(wr_batch) batches;
    wr_mem *mem;
    uint64_t counted;
} wr_kept_rows;
WR_MUST_CHECK weir_status wr_kept_rows_add(wr_kept_rows *kept, const wr_batch *batch);
void wr_kept_rows_clear(wr_kept_rows *kept);

/* A relation over rows that are added before it is scanned. Names and types are copied. */
wr_relation *wr_kept_relation_new(const wr_schema *schema, wr_mem *mem);
WR_MUST_CHECK weir_status wr_kept_relation_add(wr_relation *relation, const wr_batch *batch);
/* The rows added so far; they stay the relation's. */
const wr_kept_rows *wr_kept_relation_rows(const wr_relation *relation);
uint64_t wr_kept_relation_bytes(const wr_relation *relation); /* of the rows added */
