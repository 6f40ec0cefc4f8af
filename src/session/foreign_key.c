/* foreign_key.c - what foreign keys do at the end of a statement.
 *
 * The sinks of a statement leave notes (plan/key_log.h): which keys rows refer to, which keys were
 * taken away or changed. Here, set by set: RESTRICT is checked, CASCADE and SET change the rows
 * that refer to such keys by statements of their own over the relation "changed keys", whose sinks
 * leave further notes. The list of notes is worked off in order, not by recursion, so that trees
 * may be as deep as they like. At last NO ACTION is checked, and the keys that rows refer to: by
 * the index of the key, or by a join where the types differ or a key was not found.
 *
 * Other transactions: a row that is referred to must not be about to end (wr_table_hold_keys), and
 * a table that refers to a key that goes must not have rows nobody here can see
 * (wr_table_check_seen). Both sides write before they look, so one of two sees the other. */
#include "plan/key_log.h"
#include "plan/table_sink.h"
#include "session/session.h"
#include "sql/format.h"

typedef struct settling {
    weir_query *query;
    wr_arena arena;
    WR_LIST(wr_key_log *) logs;
    WR_LIST(weir_query *) inner; /* whose planners own logs */
} settling;

static uint64_t row_count(const wr_relation *relation)
{
    const wr_kept_rows *rows = wr_kept_relation_rows(relation);
    uint64_t count = 0;
    for (int i = 0; i < rows->batches.count; i++)
        count += rows->batches.items[i].rows;
    return count;
}

static bool take_logs(settling *s, const wr_planner *planner)
{
    bool any = false;
    for (int i = 0; i < planner->key_logs.count; i++) {
        wr_key_log *log = planner->key_logs.items[i];
        bool busy = log->is_own ? row_count(log->written) > 0
                                : row_count(log->removed) + row_count(log->changed) > 0;
        if (busy) wr_push(&s->arena, &s->logs, log);
        any = any || busy;
    }
    return any;
}

/* ---- texts ---- */

static void add_table(wr_buf *out, const wr_object *table)
{
    wr_format_name(out, table->is_temporary ? WR_STR("temp") : table->schema);
    wr_buf_add_char(out, '.');
    wr_format_name(out, table->name);
}

static void add_column(wr_buf *out, const wr_object *table, uint64_t id)
{
    wr_format_name(out, table->columns[wr_object_column(table, id)].name);
}

static void add_columns(wr_buf *out, const wr_object *table, const uint64_t *ids, int count)
{
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        add_column(out, table, ids[i]);
    }
}

/* t."a" = "changed keys".k0 AND ..: a name with a blank, because a column of the name of an alias
 * would hide it in EXISTS */
static void add_match(wr_buf *out, char alias, const wr_object *table, const uint64_t *ids,
                      int count)
{
    for (int i = 0; i < count; i++) {
        wr_buf_printf(out, "%s%c.", i ? " AND " : "", alias);
        add_column(out, table, ids[i]);
        wr_buf_printf(out, " = \"changed keys\".k%d", i);
    }
}

static void add_exists(wr_buf *out, const wr_object *table, const uint64_t *ids, int count)
{
    wr_buf_add_text(out, "EXISTS (SELECT 1 FROM ");
    add_table(out, table);
    wr_buf_add_text(out, " AS t WHERE ");
    add_match(out, 't', table, ids, count);
    wr_buf_add_char(out, ')');
}

/* ---- statements inside ---- */

static weir_status take_first_row(void *arg, const wr_batch *batch)
{
    wr_buf *row = arg;
    if (row->length || !wr_batch_count(batch)) return WR_OK;
    uint32_t at = wr_batch_row(batch, 0);
    for (int c = 0; c < batch->column_count; c++) {
        if (c) wr_buf_add_text(row, ", ");
        if (wr_column_is_null(&batch->columns[c], at))
            wr_buf_add_text(row, "NULL");
        else
            wr_column_print(&batch->columns[c], at, row);
    }
    if (!row->length) wr_buf_add_char(row, ' '); /* one empty text */
    return WR_OK;
}

static weir_status run_text(weir_query *inner, wr_relation *keys, wr_str sql, wr_buf *row)
{
    wr_statement statement;
    wr_bound bound;
    wr_query_prepare_planner(inner);
    inner->planner.changed_keys = keys;
    WR_TRY(wr_parse_one(&inner->arena, wr_arena_str(&inner->arena, sql), &statement));
    WR_TRY(wr_bind_statement(&inner->planner, statement.node, &bound));
    return wr_query_drain(inner, &bound, take_first_row, row);
}

/* Runs a statement over the relation; the first row goes to row as text. */
static weir_status run_inner(settling *s, wr_relation *keys, wr_str sql, wr_buf *row)
{
    weir_session *session = s->query->session;
    weir_query *inner;
    WR_TRY(wr_query_new(session, &inner));
    inner->cancel.interrupts_before = s->query->cancel.interrupts_before;
    weir_status bad = run_text(inner, keys, sql, row);
    if (bad) bad->span = (wr_span){0};
    if (!bad && take_logs(s, &inner->planner))
        wr_push(&s->arena, &s->inner, inner);
    else
        weir_query_close(inner);
    return bad;
}

/* ---- keys that go ---- */

static weir_status still_referenced(const wr_key_log *log, wr_str row)
{
    WR_BUF(columns);
    add_columns(&columns, log->target, log->key->keys, log->key->column_count);
    return wr_with_detail(
        wr_fail(WR_E_FOREIGN_KEY_VIOLATION,
                "update or delete on table \"%.*s\" violates foreign key constraint \"%.*s\" on "
                "table \"%.*s\"",
                WR_STR_ARGS(log->target->name), WR_STR_ARGS(log->key->name),
                WR_STR_ARGS(log->owner->name)),
        "Key (%s)=(%.*s) is still referenced from table \"%.*s\"", columns.data, WR_STR_ARGS(row),
        WR_STR_ARGS(log->owner->name));
}

/* No row may refer to the keys; with replaced, those that are there again do not count. */
static weir_status check_unused(settling *s, const wr_key_log *log, wr_relation *keys,
                                bool replaced)
{
    WR_BUF(sql);
    WR_BUF(row);
    int count = log->key->column_count;
    if (!row_count(keys)) return WR_OK;
    wr_buf_add_text(&sql, "SELECT ");
    for (int i = 0; i < count; i++)
        wr_buf_printf(&sql, "%s\"changed keys\".k%d", i ? ", " : "", i);
    wr_buf_add_text(&sql, " FROM \"changed keys\" WHERE ");
    add_exists(&sql, log->owner, log->key->columns, count);
    if (replaced) {
        wr_buf_add_text(&sql, " AND NOT ");
        add_exists(&sql, log->target, log->key->keys, count);
    }
    wr_buf_add_text(&sql, " LIMIT 1");
    WR_TRY(run_inner(s, keys, wr_buf_str(&sql), &row));
    return row.length ? still_referenced(log, wr_buf_str(&row)) : WR_OK;
}

/* UPDATE owner AS t SET .. FROM "changed keys" WHERE .. */
static weir_status set_columns(settling *s, const wr_key_log *log, wr_relation *keys,
                               wr_key_action action, bool on_delete)
{
    WR_BUF(sql);
    WR_BUF(row);
    const wr_reference_def *key = log->key;
    bool some = on_delete && key->set_count;
    int count = some ? key->set_count : key->column_count;
    const uint64_t *ids = some ? key->set_columns : key->columns;
    wr_buf_add_text(&sql, "UPDATE ");
    add_table(&sql, log->owner);
    wr_buf_add_text(&sql, " AS t SET ");
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(&sql, ", ");
        add_column(&sql, log->owner, ids[i]);
        if (action == WR_KEY_CASCADE)
            wr_buf_printf(&sql, " = \"changed keys\".n%d", i);
        else
            wr_buf_add_text(&sql, action == WR_KEY_SET_NULL ? " = NULL" : " = DEFAULT");
    }
    wr_buf_add_text(&sql, " FROM \"changed keys\" WHERE ");
    add_match(&sql, 't', log->owner, key->columns, key->column_count);
    return run_inner(s, keys, wr_buf_str(&sql), &row);
}

static weir_status delete_referrers(settling *s, const wr_key_log *log)
{
    WR_BUF(sql);
    WR_BUF(row);
    wr_buf_add_text(&sql, "DELETE FROM ");
    add_table(&sql, log->owner);
    wr_buf_add_text(&sql, " AS t USING \"changed keys\" WHERE ");
    add_match(&sql, 't', log->owner, log->key->columns, log->key->column_count);
    return run_inner(s, log->removed, wr_buf_str(&sql), &row);
}

static weir_status act(settling *s, const wr_key_log *log)
{
    const wr_reference_def *key = log->key;
    wr_txn *txn = s->query->view.txn;
    if (log->is_own) return WR_OK;
    WR_TRY(wr_table_check_seen(log->owner->table, txn));
    if (key->on_delete == WR_KEY_RESTRICT) WR_TRY(check_unused(s, log, log->removed, false));
    if (key->on_update == WR_KEY_RESTRICT) WR_TRY(check_unused(s, log, log->changed, false));
    if (row_count(log->removed) && key->on_delete == WR_KEY_CASCADE)
        WR_TRY(delete_referrers(s, log));
    else if (row_count(log->removed) && key->on_delete > WR_KEY_CASCADE)
        WR_TRY(set_columns(s, log, log->removed, key->on_delete, true));
    if (row_count(log->changed) && key->on_update >= WR_KEY_CASCADE)
        WR_TRY(set_columns(s, log, log->changed, key->on_update, false));
    return WR_OK;
}

/* ---- keys that rows refer to ---- */

static weir_status not_present(const wr_object *owner, const wr_object *target,
                               const wr_reference_def *key, wr_str row)
{
    WR_BUF(columns);
    add_columns(&columns, owner, key->columns, key->column_count);
    return wr_with_detail(
        wr_fail(WR_E_FOREIGN_KEY_VIOLATION,
                "insert or update on table \"%.*s\" violates foreign key constraint \"%.*s\"",
                WR_STR_ARGS(owner->name), WR_STR_ARGS(key->name)),
        "Key (%s)=(%.*s) is not present in table \"%.*s\"", columns.data, WR_STR_ARGS(row),
        WR_STR_ARGS(target->name));
}

int wr_key_of_columns(const wr_object *table, const uint64_t *ids, int count)
{
    for (int k = 0; k < table->key_count; k++) {
        const wr_key_def *key = &table->keys[k];
        int found = 0;
        for (int i = 0; key->column_count == count && i < count; i++)
            for (int c = 0; c < count; c++)
                found += table->columns[key->columns[c]].id == ids[i];
        if (found == count) return k;
    }
    return -1;
}

/* Asks the index of the key; *sure: every key is there. */
static weir_status ask_index(settling *s, const wr_key_log *log, bool *sure)
{
    const wr_object *target = log->target;
    const wr_reference_def *key = log->key;
    const wr_kept_rows *rows = wr_kept_relation_rows(log->written);
    int index = wr_key_of_columns(target, key->keys, key->column_count);
    *sure = index >= 0;
    for (int i = 0; i < key->column_count && *sure; i++)
        *sure = target->columns[wr_object_column(target, key->keys[i])].type ==
                log->owner->columns[log->columns[i]].type;
    for (int b = 0; b < rows->batches.count && *sure; b++) {
        WR_ARENA(scratch);
        wr_batch keys = rows->batches.items[b];
        bool *missing = wr_new_array(&scratch, bool, keys.rows + 1);
        keys.columns = wr_new_array(&scratch, wr_column, target->column_count);
        keys.column_count = target->column_count;
        for (int i = 0; i < key->column_count; i++)
            keys.columns[wr_object_column(target, key->keys[i])] =
                rows->batches.items[b].columns[i];
        WR_TRY(wr_table_hold_keys(target->table, s->query->view.txn, index, &keys, missing));
        for (uint32_t i = 0; i < keys.rows && *sure; i++)
            *sure = !missing[i];
    }
    return WR_OK;
}

/* Rows that are gone again (a key that goes may take them along) need no key. */
static weir_status check_written(settling *s, const wr_key_log *log)
{
    WR_BUF(sql);
    WR_BUF(row);
    bool sure;
    int count = log->key->column_count;
    WR_TRY(ask_index(s, log, &sure));
    if (sure) return WR_OK;
    wr_buf_add_text(&sql, "SELECT * FROM \"changed keys\" WHERE NOT ");
    add_exists(&sql, log->target, log->key->keys, count);
    wr_buf_add_text(&sql, " AND ");
    add_exists(&sql, log->owner, log->key->columns, count);
    wr_buf_add_text(&sql, " LIMIT 1");
    WR_TRY(run_inner(s, log->written, wr_buf_str(&sql), &row));
    return row.length ? not_present(log->owner, log->target, log->key, wr_buf_str(&row)) : WR_OK;
}

static weir_status settle(settling *s)
{
    take_logs(s, &s->query->planner);
    for (int i = 0; i < s->logs.count; i++)
        WR_TRY(act(s, s->logs.items[i]));
    for (int i = 0; i < s->logs.count; i++) {
        const wr_key_log *log = s->logs.items[i];
        if (log->is_own) {
            WR_TRY(check_written(s, log));
            continue;
        }
        if (log->key->on_delete == WR_KEY_NO_ACTION)
            WR_TRY(check_unused(s, log, log->removed, true));
        if (log->key->on_update == WR_KEY_NO_ACTION)
            WR_TRY(check_unused(s, log, log->changed, true));
    }
    return WR_OK;
}

weir_status wr_settle_foreign_keys(weir_query *query)
{
    settling s = {.query = query};
    if (!query->planner.key_logs.count) return WR_OK;
    weir_status bad = settle(&s);
    query->planner.key_logs.count = 0;
    for (int i = s.inner.count; i-- > 0;) /* later ones read rows that earlier ones keep */
        weir_query_close(s.inner.items[i]);
    wr_arena_clear(&s.arena);
    return bad;
}

/* ---- all rows of a table that gets a foreign key ---- */

weir_status wr_find_row(weir_query *query, wr_str sql, wr_buf *row)
{
    settling s = {.query = query};
    weir_status bad = run_inner(&s, NULL, sql, row);
    wr_arena_clear(&s.arena);
    return bad;
}

weir_status wr_check_foreign_key(weir_query *query, const wr_object *owner, const wr_object *target,
                                 const wr_reference_def *key)
{
    WR_BUF(sql);
    WR_BUF(row);
    int count = key->column_count;
    for (int part = 0; part <= (key->match_full && count > 1) && !row.length; part++) {
        wr_buf_clear(&sql);
        wr_buf_add_text(&sql, "SELECT ");
        add_columns(&sql, owner, key->columns, count);
        wr_buf_add_text(&sql, " FROM ");
        add_table(&sql, owner);
        wr_buf_add_text(&sql, part ? " AS \"referring rows\" WHERE NOT (("
                                   : " AS \"referring rows\" WHERE ");
        for (int all = 0; all <= part; all++) {
            for (int i = 0; i < count; i++) {
                wr_buf_printf(&sql, "%s\"referring rows\".", i ? " AND " : "");
                add_column(&sql, owner, key->columns[i]);
                wr_buf_add_text(&sql, part && all ? " IS NULL" : " IS NOT NULL");
            }
            if (part) wr_buf_add_text(&sql, all ? "))" : ") OR (");
        }
        if (!part) {
            wr_buf_add_text(&sql, " AND NOT EXISTS (SELECT 1 FROM ");
            add_table(&sql, target);
            wr_buf_add_text(&sql, " AS t WHERE ");
            for (int i = 0; i < count; i++) {
                wr_buf_add_text(&sql, i ? " AND t." : "t.");
                add_column(&sql, target, key->keys[i]);
                wr_buf_add_text(&sql, " = \"referring rows\".");
                add_column(&sql, owner, key->columns[i]);
            }
            wr_buf_add_char(&sql, ')');
        }
        wr_buf_add_text(&sql, " LIMIT 1");
        WR_TRY(wr_find_row(query, wr_buf_str(&sql), &row));
    }
    return row.length ? not_present(owner, target, key, wr_buf_str(&row)) : WR_OK;
}
