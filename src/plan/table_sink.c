/* table_sink.c - applies the rows of INSERT, UPDATE, DELETE and MERGE to a table.
 *
 * The input holds complete new rows (defaults, casts and generated columns are computed by the plan
 * below). NOT NULL and CHECK are tested here, unique keys by the table. UPDATE and MERGE keep their
 * rows until the end: only when all old rows are gone may the new ones be checked against unique
 * keys, otherwise SET k = k + 1 would collide with itself.
 *
 * Atomicity: the first row takes a savepoint of the transaction; abort rolls back to it. */
#include "plan/table_sink.h"
#include "plan/key_log.h"

typedef struct table_sink {
    wr_batch_sink base;
    wr_table_change change;
    wr_planner *planner;
    wr_table *table;
    wr_txn *txn;
    int width;         /* columns of the table */
    int64_t first_own; /* rows from this id on that the transaction sees are this statement's */
    bool has_savepoint;
    uint64_t savepoint;
    uint64_t affected;
    wr_arena scratch; /* of one batch */
    wr_arena programs;
    wr_eval *checks, *conflict, *conflict_where, *generated;
    wr_kept_rows kept;
    wr_key_log **key_logs; /* foreign keys of the table and to it */
    int key_log_count;
} table_sink;

/* ---- constraints ---- */
static weir_status null_violation(const table_sink *sink, int column)
{
    wr_object *object = sink->change.object;
    return wr_fail(WR_E_NOT_NULL_VIOLATION, "column \"%.*s\" of %.*s must not be NULL",
                   WR_STR_ARGS(object->columns[column].name), WR_STR_ARGS(object->name));
}

static weir_status check_nulls(const table_sink *sink, const wr_batch *rows)
{
    for (int c = 0; c < sink->width; c++) {
        if (!sink->change.object->columns[c].not_null || wr_column_has_no_nulls(&rows->columns[c]))
            continue;
        for (uint32_t i = 0; i < wr_batch_count(rows); i++)
            if (wr_column_is_null(&rows->columns[c], wr_batch_row(rows, i)))
                return null_violation(sink, c);
    }
    return WR_OK;
}

static weir_status check_violation(const table_sink *sink, int check, const wr_batch *rows,
                                   uint32_t row)
{
    const wr_object *object = sink->change.object;
    WR_BUF(values);
    for (int c = 0; c < sink->width; c++) {
        if (c) wr_buf_add_text(&values, ", ");
        if (wr_column_is_null(&rows->columns[c], row))
            wr_buf_add_text(&values, "NULL");
        else
            wr_column_print(&rows->columns[c], row, &values);
    }
    weir_status s = wr_fail(WR_E_CHECK_VIOLATION, "a row for %.*s fails the check %.*s (%.*s)",
                            WR_STR_ARGS(object->name), WR_STR_ARGS(object->checks[check].name),
                            WR_STR_ARGS(object->checks[check].sql));
    return wr_with_detail(s, "the row: (%s)", values.data);
}

static weir_status new_eval(table_sink *sink, wr_expr *const *exprs, int count, wr_eval **out)
{
    wr_program *program;
    if (*out || !count) return WR_OK;
    WR_TRY(wr_program_new(&sink->programs, exprs, count, &program));
    return wr_eval_new(program, sink->planner->env, out);
}

/* rows: exactly the table's columns. */
static weir_status check_rows(table_sink *sink, const wr_batch *rows)
{
    int count = sink->change.object->check_count;
    WR_TRY(check_nulls(sink, rows));
    if (!count) return WR_OK;
    wr_column *results = wr_new_array(&sink->scratch, wr_column, count);
    WR_TRY(new_eval(sink, sink->change.checks, count, &sink->checks));
    WR_TRY(wr_eval_run(sink->checks, rows, results));
    for (int k = 0; k < count; k++)
        for (uint32_t i = 0; i < wr_batch_count(rows); i++) {
            uint32_t row = wr_batch_row(rows, i);
            if (!wr_column_is_null(&results[k], row) && !wr_column_int(&results[k], row))
                return check_violation(sink, k, rows, row);
        }
    return WR_OK;
}

/* ---- pieces of the input ---- */
static wr_batch table_rows(const table_sink *sink, const wr_batch *in)
{
    wr_batch rows = *in;
    rows.columns = in->columns + sink->change.first_value;
    rows.column_count = sink->width;
    return rows;
}

static weir_status return_rows(table_sink *sink, const wr_batch *in)
{
    if (!sink->change.returned_rows) return WR_OK;
    wr_batch rows = *in;
    rows.column_count = sink->change.returned_count;
    rows.columns = wr_new_array(&sink->scratch, wr_column, rows.column_count + 1);
    for (int i = 0; i < rows.column_count; i++)
        rows.columns[i] = in->columns[sink->change.returned[i]];
    return wr_kept_relation_add(sink->change.returned_rows, &rows);
}

static int64_t *rowids_of(table_sink *sink, const wr_batch *in)
{
    uint32_t count = wr_batch_count(in);
    int64_t *rowids = wr_new_array(&sink->scratch, int64_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        rowids[i] = wr_column_int(&in->columns[sink->change.rowid], wr_batch_row(in, i));
    return rowids;
}

static wr_batch selected(const wr_batch *in, const uint16_t *sel, uint32_t count)
{
    wr_batch out = *in;
    out.sel = sel;
    out.sel_count = count;
    return out;
}

/* ---- changes of the table, with notes for foreign keys ---- */
static weir_status append_rows(table_sink *sink, const wr_batch *rows)
{
    for (int i = 0; i < sink->key_log_count; i++)
        WR_TRY(wr_key_log_written(sink->key_logs[i], rows, &sink->scratch));
    return wr_table_append(sink->table, sink->txn, rows);
}

/* fresh: the rows that take the place of those that end, one each, or NULL. */
static weir_status end_rows(table_sink *sink, const int64_t *rowids, uint32_t count,
                            const wr_batch *fresh, uint64_t *ended)
{
    bool is_target = false;
    wr_batch old;
    for (int i = 0; i < sink->key_log_count; i++)
        is_target = is_target || !sink->key_logs[i]->is_own;
    if (is_target && count) {
        WR_TRY(wr_table_fetch(sink->table, sink->txn, rowids, count, &sink->scratch, &old));
        for (int i = 0; i < sink->key_log_count; i++)
            WR_TRY(wr_key_log_ended(sink->key_logs[i], &old, fresh, &sink->scratch));
    }
    return wr_table_delete(sink->table, sink->txn, rowids, count, ended);
}

/* ---- INSERT ---- */
static bool same_key(const wr_batch *rows, const wr_key_def *key, uint32_t a, uint32_t b)
{
    for (int c = 0; c < key->column_count; c++) {
        const wr_column *column = &rows->columns[key->columns[c]];
        if (wr_column_is_null(column, a) || wr_column_is_null(column, b) ||
            wr_column_cmp(column, a, column, b) != 0)
            return false;
    }
    return true;
}

static uint64_t key_hash(const wr_batch *rows, const wr_key_def *key, uint32_t row)
{
    uint64_t hash = 0;
    for (int c = 0; c < key->column_count; c++)
        hash = (hash ^ wr_column_hash(&rows->columns[key->columns[c]], row)) *
               UINT64_C(0x9e3779b97f4a7c15);
    return hash;
}

/* Marks rows whose key equals that of an earlier row of the batch. */
static void mark_repeated(table_sink *sink, const wr_batch *rows, const wr_key_def *key,
                          const bool *skip, bool *later)
{
    uint32_t count = wr_batch_count(rows), size = 16;
    while (size < count * 2)
        size *= 2;
    uint32_t *slots = wr_new_array(&sink->scratch, uint32_t, size); /* number + 1 */
    for (uint32_t i = 0; i < count; i++) {
        if (skip[i] || later[i]) continue;
        uint32_t row = wr_batch_row(rows, i),
                 at = (uint32_t)(key_hash(rows, key, row) >> 20) & (size - 1);
        while (slots[at] && !same_key(rows, key, wr_batch_row(rows, slots[at] - 1), row))
            at = (at + 1) & (size - 1);
        if (slots[at])
            later[i] = true;
        else
            slots[at] = i + 1;
    }
}

/* DO UPDATE must not meet a row the statement itself has written: which of the two rows wins would
 * depend on their order. INSERT OR REPLACE says that the last one does. */
static weir_status check_written_once(const table_sink *sink, const int64_t *rowids, uint32_t count)
{
    for (uint32_t i = 0; i < count && !sink->change.conflict_replaces; i++)
        if (rowids[i] >= sink->first_own)
            return wr_with_hint(wr_fail(WR_E_CARDINALITY,
                                        "ON CONFLICT DO UPDATE would change a row of %.*s twice",
                                        WR_STR_ARGS(sink->change.object->name)),
                                "give every key once: two of the rows to be inserted have the "
                                "same one");
    return WR_OK;
}

/* The rows that are there take the values of SET; returns how many changed. */
static weir_status update_conflicting(table_sink *sink, const wr_batch *rows, const int64_t *rowids,
                                      const uint16_t *sel, uint32_t count)
{
    const wr_table_change *change = &sink->change;
    wr_arena *arena = &sink->scratch;
    wr_batch old, both = {.rows = count, .column_count = sink->width * 2 + change->conflict_extra};
    if (!count) return WR_OK;
    WR_TRY(check_written_once(sink, rowids, count));
    WR_TRY(wr_table_fetch(sink->table, sink->txn, rowids, count, arena, &old));
    both.columns = wr_new_array(arena, wr_column, both.column_count + 1);
    for (int c = 0; c < sink->width; c++)
        both.columns[c] = old.columns[c];
    for (int c = 0; c < sink->width + change->conflict_extra; c++)
        wr_column_gather(&rows->columns[c], sel, count, arena, &both.columns[sink->width + c]);
    uint16_t *chosen = wr_new_array(arena, uint16_t, count + 1);
    uint32_t chosen_count = count;
    for (uint32_t i = 0; i < count; i++)
        chosen[i] = (uint16_t)i;
    if (change->conflict_where) {
        WR_TRY(new_eval(sink, &change->conflict_where, 1, &sink->conflict_where));
        WR_TRY(wr_eval_filter(sink->conflict_where, &both, chosen, &chosen_count));
    }
    if (!chosen_count) return WR_OK;
    wr_batch changed = selected(&both, chosen, chosen_count);
    wr_column *values = wr_new_array(arena, wr_column, sink->width + 1);
    WR_TRY(new_eval(sink, change->conflict_values, sink->width, &sink->conflict));
    WR_TRY(wr_eval_run(sink->conflict, &changed, values));
    changed.columns = values;
    changed.column_count = sink->width;
    if (change->generated_count) {
        wr_column *computed = wr_new_array(arena, wr_column, change->generated_count);
        WR_TRY(new_eval(sink, change->generated_values, change->generated_count, &sink->generated));
        WR_TRY(wr_eval_run(sink->generated, &changed, computed));
        for (int g = 0; g < change->generated_count; g++)
            values[change->generated[g]] = computed[g];
    }
    WR_TRY(check_rows(sink, &changed));
    int64_t *ended = wr_new_array(arena, int64_t, chosen_count);
    for (uint32_t i = 0; i < chosen_count; i++)
        ended[i] = rowids[chosen[i]];
    WR_TRY(end_rows(sink, ended, chosen_count, &changed, NULL));
    WR_TRY(append_rows(sink, &changed));
    sink->affected += chosen_count;
    return change->returned_rows ? wr_kept_relation_add(change->returned_rows, &changed) : WR_OK;
}

/* One pass: rows without conflict are inserted, others ignored or applied; rows that repeat a key
 * of this pass wait for the next one. */
static weir_status insert_pass(table_sink *sink, const wr_batch *rows, uint16_t *waiting,
                               uint32_t *waiting_count)
{
    const wr_object *object = sink->change.object;
    wr_arena *arena = &sink->scratch;
    uint32_t count = wr_batch_count(rows), fresh_count = 0, taken_count = 0;
    int64_t *found = wr_new_array(arena, int64_t, count + 1),
            *there = wr_new_array(arena, int64_t, count + 1);
    bool *taken = wr_new_array(arena, bool, count + 1),
         *later = wr_new_array(arena, bool, count + 1);
    for (const int *k = sink->change.conflict_keys; *k >= 0; k++) {
        WR_TRY(wr_table_find_keys(sink->table, sink->txn, *k, rows, found));
        for (uint32_t i = 0; i < count; i++) {
            if (found[i] < 0 || taken[i]) continue;
            taken[i] = true;
            there[i] = found[i];
        }
    }
    for (const int *k = sink->change.conflict_keys; *k >= 0;
         k++) { /* also two rows for one row that is there */
        bool *none = wr_new_array(arena, bool, count + 1);
        mark_repeated(sink, rows, &object->keys[*k], none, later);
    }
    uint16_t *fresh = wr_new_array(arena, uint16_t, count + 1),
             *update = wr_new_array(arena, uint16_t, count + 1);
    int64_t *rowids = wr_new_array(arena, int64_t, count + 1);
    *waiting_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t row = (uint16_t)wr_batch_row(rows, i);
        if (later[i]) {
            waiting[(*waiting_count)++] = row;
        } else if (taken[i]) {
            rowids[taken_count] = there[i];
            update[taken_count++] = row;
        } else {
            fresh[fresh_count++] = row;
        }
    }
    if (fresh_count) {
        wr_batch inserted = selected(rows, fresh, fresh_count);
        WR_TRY(append_rows(sink, &inserted));
        sink->affected += fresh_count;
        if (sink->change.returned_rows)
            WR_TRY(wr_kept_relation_add(sink->change.returned_rows, &inserted));
    }
    return sink->change.conflict == WR_CONFLICT_UPDATE
               ? update_conflicting(sink, rows, rowids, update, taken_count)
               : WR_OK;
}

static weir_status insert_rows(table_sink *sink, const wr_batch *in)
{
    wr_batch rows = table_rows(sink, in);
    WR_TRY(check_rows(sink, &rows));
    if (sink->change.conflict == WR_CONFLICT_FAILS) {
        WR_TRY(append_rows(sink, &rows));
        sink->affected += wr_batch_count(&rows);
        return return_rows(sink, in);
    }
    uint32_t left = wr_batch_count(&rows);
    while (left) {
        uint16_t *waiting = wr_new_array(&sink->scratch, uint16_t, left + 1);
        WR_TRY(insert_pass(sink, &rows, waiting, &left));
        rows = selected(&rows, waiting, left);
    }
    return WR_OK;
}

/* ---- UPDATE, DELETE, MERGE ---- */
/* Another part of the statement has ended the row. */
static weir_status changed_twice(const table_sink *sink)
{
    return wr_fail(WR_E_CARDINALITY, "%s changes a row of %.*s twice", sink->base.name,
                   WR_STR_ARGS(sink->change.object->name));
}

static weir_status delete_rows(table_sink *sink, const wr_batch *in)
{
    uint64_t ended = 0;
    WR_TRY(end_rows(sink, rowids_of(sink, in), wr_batch_count(in), NULL, &ended));
    if (ended != wr_batch_count(in)) return changed_twice(sink);
    sink->affected += ended;
    return return_rows(sink, in);
}

/* Rows of MERGE whose action is in the set of bits. */
static wr_batch with_actions(table_sink *sink, const wr_batch *in, unsigned actions)
{
    if (sink->change.action < 0) return *in;
    uint32_t count = wr_batch_count(in), n = 0;
    uint16_t *sel = wr_new_array(&sink->scratch, uint16_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(in, i);
        if (actions >> wr_column_int(&in->columns[sink->change.action], row) & 1)
            sel[n++] = (uint16_t)row;
    }
    return selected(in, sel, n);
}

static weir_status keep_rows(table_sink *sink, const wr_batch *in)
{
    wr_batch written =
        with_actions(sink, in, 1u << WR_MERGE_ROW_INSERT | 1u << WR_MERGE_ROW_UPDATE);
    wr_batch values = table_rows(sink, &written);
    WR_TRY(check_rows(sink, &values));
    sink->affected += wr_batch_count(in);
    WR_TRY(return_rows(sink, in));
    return wr_kept_rows_add(&sink->kept, in);
}

static weir_status end_kept(table_sink *sink, const wr_batch *kept, int action)
{
    uint64_t ended = 0;
    wr_batch old = with_actions(sink, kept, 1u << action), fresh = table_rows(sink, &old);
    uint32_t count = wr_batch_count(&old);
    WR_TRY(end_rows(sink, rowids_of(sink, &old), count,
                    action == WR_MERGE_ROW_UPDATE ? &fresh : NULL, &ended));
    return ended == count ? WR_OK : changed_twice(sink);
}

static weir_status apply_kept(table_sink *sink)
{
    for (int i = 0; i < sink->kept.batches.count; i++) {
        wr_arena_reset(&sink->scratch);
        WR_TRY(end_kept(sink, &sink->kept.batches.items[i], WR_MERGE_ROW_UPDATE));
        if (sink->change.change == WR_CHANGE_MERGE)
            WR_TRY(end_kept(sink, &sink->kept.batches.items[i], WR_MERGE_ROW_DELETE));
    }
    for (int i = 0; i < sink->kept.batches.count; i++) {
        wr_arena_reset(&sink->scratch);
        wr_batch fresh = with_actions(sink, &sink->kept.batches.items[i],
                                      1u << WR_MERGE_ROW_INSERT | 1u << WR_MERGE_ROW_UPDATE);
        wr_batch values = table_rows(sink, &fresh);
        if (wr_batch_count(&values)) WR_TRY(append_rows(sink, &values));
    }
    return WR_OK;
}

/* ---- the sink ---- */
static weir_status sink_write(wr_batch_sink *self, int worker, const wr_batch *batch)
{
    table_sink *sink = (table_sink *)self;
    (void)worker;
    if (!wr_batch_count(batch)) return WR_OK;
    if (!sink->has_savepoint) sink->savepoint = wr_txn_savepoint(sink->txn);
    sink->has_savepoint = true;
    wr_arena_reset(&sink->scratch);
    switch (sink->change.change) {
    case WR_CHANGE_INSERT:
        return insert_rows(sink, batch);
    case WR_CHANGE_DELETE:
        return delete_rows(sink, batch);
    case WR_CHANGE_UPDATE:
    case WR_CHANGE_MERGE:
        return keep_rows(sink, batch);
    }
    return WR_OK;
}

static void release(table_sink *sink)
{
    wr_eval **evals[] = {&sink->checks, &sink->conflict, &sink->conflict_where, &sink->generated};
    for (size_t i = 0; i < WR_COUNT(evals); i++) {
        if (*evals[i]) wr_eval_drop(*evals[i]);
        *evals[i] = NULL;
    }
    wr_kept_rows_clear(&sink->kept);
    wr_arena_clear(&sink->scratch);
    wr_arena_clear(&sink->programs);
}

static weir_status sink_finish(wr_batch_sink *self)
{
    table_sink *sink = (table_sink *)self;
    WR_TRY(apply_kept(sink));
    release(sink);
    return WR_OK;
}

static void sink_abort(wr_batch_sink *self)
{
    table_sink *sink = (table_sink *)self;
    if (sink->has_savepoint)
        wr_txn_rollback_to(sink->txn, WR_MIN(sink->savepoint, wr_txn_savepoint(sink->txn)));
    sink->has_savepoint = false;
    release(sink);
}

static uint64_t sink_affected(const wr_batch_sink *self)
{
    return ((const table_sink *)self)->affected;
}

void wr_table_sink_restart(wr_batch_sink *self, wr_txn *txn)
{
    table_sink *sink = (table_sink *)self;
    sink->txn = txn;
    sink->first_own = wr_table_next_rowid(sink->table);
    sink->has_savepoint = false;
    sink->affected = 0;
}

wr_batch_sink *wr_table_sink_new(wr_planner *planner, const wr_table_change *change)
{
    static const char *const names[] = {[WR_CHANGE_INSERT] = "insert",
                                        [WR_CHANGE_UPDATE] = "update",
                                        [WR_CHANGE_DELETE] = "delete",
                                        [WR_CHANGE_MERGE] = "merge"};
    table_sink *sink = wr_new(planner->arena, table_sink);
    sink->base = (wr_batch_sink){.write = sink_write,
                                 .finish = sink_finish,
                                 .abort = sink_abort,
                                 .affected = sink_affected,
                                 .name = names[change->change]};
    sink->change = *change;
    sink->planner = planner;
    sink->table = change->object->table;
    sink->txn = planner->catalog->txn;
    sink->width = change->object->column_count;
    sink->first_own = wr_table_next_rowid(sink->table);
    sink->kept.mem = planner->env->mem;
    sink->key_logs = wr_key_logs_new(planner, change->object, &sink->key_log_count);
    return &sink->base;
}
