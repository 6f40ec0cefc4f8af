/* alter.c - ALTER TABLE and what else replaces a table by a changed one.
 *
 * The catalog entry is replaced by a new object inside the transaction, so rollback brings the old
 * one back. Changes of names, defaults and constraints share the rows of the old table; new columns
 * and types copy them through a query. The old table is frozen first: nobody's concurrent change
 * can be lost with it. */
#include "session/create_table.h"
#include "sql/format.h"

/* What the altered table is made of. */
typedef struct altered {
    weir_query *query;
    const wr_object *old;
    wr_object *object; /* the new one; owns the lists */
    wr_column_def *columns;
    wr_str
        *sources; /* per column: SQL over the old table, or empty = the column of the same number */
    int *old_column; /* per column: number in the old table, -1 = only the source */
    int column_count;
    bool copies; /* rows must be copied */
} altered;

static weir_status start(weir_query *query, const wr_object *old, altered *out)
{
    wr_object *object = wr_object_new(WR_ENTRY_TABLE, old->schema, old->name);
    object->is_temporary = old->is_temporary;
    wr_arena *arena = &object->arena;
    object->comment = wr_arena_str(arena, old->comment);
    *out =
        (altered){.query = query, .old = old, .object = object, .column_count = old->column_count};
    int room = old->column_count + 1;
    out->columns = wr_new_array(arena, wr_column_def, room);
    out->sources = wr_new_array(arena, wr_str, room);
    out->old_column = wr_new_array(arena, int, room);
    for (int i = 0; i < old->column_count; i++) {
        const wr_column_def *column = &old->columns[i];
        out->columns[i] = *column;
        out->columns[i].name = wr_arena_str(arena, column->name);
        out->columns[i].default_sql = wr_arena_str(arena, column->default_sql);
        out->columns[i].generated_sql = wr_arena_str(arena, column->generated_sql);
        out->columns[i].comment = wr_arena_str(arena, column->comment);
        out->old_column[i] = i;
    }
    object->keys = wr_new_array(arena, wr_key_def, old->key_count + 1);
    object->checks = wr_new_array(arena, wr_check_def, old->check_count + 1);
    for (int k = 0; k < old->key_count; k++) {
        const wr_key_def *key = &old->keys[k];
        int *columns = wr_new_array(arena, int, key->column_count);
        memcpy(columns, key->columns, sizeof(int) * (size_t)key->column_count);
        object->keys[k] = (wr_key_def){wr_arena_str(arena, key->name), columns, key->column_count,
                                       key->is_primary};
    }
    object->key_count = old->key_count;
    for (int c = 0; c < old->check_count; c++)
        object->checks[c] = (wr_check_def){wr_arena_str(arena, old->checks[c].name),
                                           wr_arena_str(arena, old->checks[c].sql)};
    object->check_count = old->check_count;
    wr_copy_foreign_keys(object, old, NULL, NULL);
    return wr_table_freeze(old->table, query->view.txn);
}

static weir_status copy_rows(altered *a)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "SELECT ");
    for (int i = 0; i < a->column_count; i++) {
        if (i) wr_buf_add_text(&sql, ", ");
        if (a->sources[i].length)
            wr_buf_add_str(&sql, a->sources[i]);
        else
            wr_format_name(&sql, a->old->columns[a->old_column[i]].name);
    }
    wr_buf_add_text(&sql, " FROM ");
    wr_format_name(&sql, a->old->is_temporary ? WR_STR("temp") : a->old->schema);
    wr_buf_add_char(&sql, '.');
    wr_format_name(&sql, a->old->name);
    wr_arena *arena = &a->query->arena;
    wr_statement statement;
    wr_bound bound;
    WR_TRY(wr_parse_one(arena, wr_arena_str(arena, wr_buf_str(&sql)), &statement));
    weir_status bad = wr_bind_statement(&a->query->planner, statement.node, &bound);
    void *target[2] = {a->object->table, a->query->view.txn};
    if (!bad) bad = wr_query_drain(a->query, &bound, wr_append_to_table, target);
    if (bad) bad->span = (wr_span){0};
    return bad;
}

static weir_status check_not_null(const altered *a)
{
    WR_AUTO(wr_relation) *rows = NULL;
    bool wanted = false;
    for (int i = 0; i < a->column_count; i++)
        wanted |= a->columns[i].not_null &&
                  (a->old_column[i] < 0 || !a->old->columns[a->old_column[i]].not_null);
    if (!wanted) return WR_OK;
    WR_TRY(wr_table_snapshot(a->object->table, a->query->view.txn, &rows));
    WR_ARENA(scratch);
    int *columns = wr_new_array(&scratch, int, a->column_count);
    for (int i = 0; i < a->column_count; i++)
        columns[i] = i;
    wr_scan_request request = {.columns = columns,
                               .column_count = a->column_count,
                               .limit = -1,
                               .worker_count = 1,
                               .mem = a->query->mem,
                               .cancel = &a->query->cancel};
    wr_scan *scan;
    WR_TRY(rows->def->open(rows, &request, &scan));
    wr_scan_worker *worker;
    weir_status bad = rows->def->worker_new(scan, 0, &worker);
    for (bool got = !bad; got && !bad;) {
        bad = rows->def->next_morsel(worker, &got);
        for (bool more = got; more && !bad;) {
            wr_batch batch;
            bad = rows->def->next_batch(worker, &batch, &more);
            for (uint32_t i = 0; more && !bad && i < wr_batch_count(&batch); i++)
                for (int c = 0; c < a->column_count && !bad; c++)
                    if (a->columns[c].not_null &&
                        wr_column_is_null(&batch.columns[c], wr_batch_row(&batch, i)))
                        bad = wr_fail(WR_E_NOT_NULL_VIOLATION, "column \"%.*s\" holds NULLs",
                                      WR_STR_ARGS(a->columns[c].name));
        }
    }
    rows->def->worker_drop(worker);
    rows->def->close(scan);
    return bad;
}

/* Builds the new table and puts it into the catalog. Takes over a->object. */
static weir_status complete(altered *a)
{
    WR_AUTO(wr_object) *object = a->object;
    wr_schema schema = {.fields =
                            wr_new_array(&object->arena, wr_field, WR_MAX(a->column_count, 1)),
                        .not_null = wr_new_array(&object->arena, bool, WR_MAX(a->column_count, 1)),
                        .count = a->column_count};
    for (int i = 0; i < a->column_count; i++) {
        schema.fields[i] = (wr_field){a->columns[i].name, a->columns[i].type};
        schema.not_null[i] = a->columns[i].not_null;
    }
    object->columns = a->columns;
    object->column_count = a->column_count;
    object->table = a->copies ? wr_table_new(a->query->session->engine->store, &schema)
                              : wr_table_renamed(a->old->table, &schema);
    if (a->copies) WR_TRY(copy_rows(a));
    WR_TRY(check_not_null(a));
    for (int k = 0; k < object->key_count; k++) {
        const wr_key_def *key = &object->keys[k];
        WR_TRY(wr_table_add_unique(object->table, a->query->view.txn, key->columns,
                                   key->column_count, key->name, key->is_primary));
    }
    return wr_catalog_replace(&a->query->view, (wr_object *)a->old, WR_TAKE(object));
}

weir_status wr_replace_keys(weir_query *query, const wr_object *table, const wr_key_def *add,
                            wr_str remove)
{
    altered a;
    weir_status bad = start(query, table, &a);
    if (add && !bad) {
        wr_key_def *key = &a.object->keys[a.object->key_count++];
        int *columns = wr_new_array(&a.object->arena, int, add->column_count);
        memcpy(columns, add->columns, sizeof(int) * (size_t)add->column_count);
        *key = (wr_key_def){wr_arena_str(&a.object->arena, add->name), columns, add->column_count,
                            add->is_primary};
    }
    for (int k = 0; remove.length && k < a.object->key_count; k++) {
        if (!wr_str_ieq(a.object->keys[k].name, remove)) continue;
        memmove(&a.object->keys[k], &a.object->keys[k + 1],
                (size_t)(a.object->key_count - k - 1) * sizeof(wr_key_def));
        a.object->key_count--;
        break;
    }
    if (!bad) return complete(&a);
    wr_object_release(a.object);
    return bad;
}

weir_status wr_drop_foreign_keys(weir_query *query, const wr_object *owner, const wr_object *target,
                                 const wr_key_def *only)
{
    altered a;
    weir_status bad = start(query, owner, &a);
    if (bad) {
        wr_object_release(a.object);
        return bad;
    }
    wr_copy_foreign_keys(a.object, owner, target, only);
    return complete(&a);
}

/* ---- ALTER TABLE actions ---- */

static weir_status find_column(const altered *a, wr_names name, int *out)
{
    wr_name last = wr_names_last(name);
    wr_nearest nearest = {.wanted = last.text};
    for (int i = 0; i < a->column_count; i++) {
        if (wr_str_ieq(a->columns[i].name, last.text)) {
            *out = i;
            return WR_OK;
        }
        wr_nearest_offer(&nearest, a->columns[i].name);
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, last.span, "no column \"%.*s\" in %.*s",
                                      WR_STR_ARGS(last.text), WR_STR_ARGS(a->old->name)),
                           &nearest);
}

/* SQL for the value of a column made from other values, no longer than the column takes. */
static wr_str source_text(const altered *a, const wr_column_def *column, wr_str value)
{
    wr_arena *arena = &a->object->arena;
    wr_str text =
        wr_arena_printf(arena, "CAST(%.*s AS %s)", WR_STR_ARGS(value), wr_type_name(column->type));
    if (!column->length.characters) return text;
    WR_BUF(name);
    wr_buf_printf(&name, "column \"%.*s\" of %.*s", WR_STR_ARGS(column->name),
                  WR_STR_ARGS(a->old->name));
    WR_BUF(quoted);
    wr_format_string(&quoted, wr_buf_str(&name));
    text = wr_arena_printf(arena, "fit_text(%.*s, %u, %s)", WR_STR_ARGS(text),
                           column->length.characters, quoted.data);
    return column->length.cuts_blanks
               ? wr_arena_printf(arena, "rtrim(%.*s, ' ')", WR_STR_ARGS(text))
               : text;
}

static weir_status add_column(altered *a, const wr_sql_alter_action *action)
{
    const wr_sql_column_def *def = wr_sql_as_column_def(action->column);
    for (int i = 0; i < a->column_count; i++) {
        if (!wr_str_ieq(a->columns[i].name, def->name.text)) continue;
        if (action->if_not_exists) return WR_OK;
        return wr_fail_at(WR_E_DUPLICATE_COLUMN, def->name.span, "column \"%.*s\" exists already",
                          WR_STR_ARGS(def->name.text));
    }
    wr_arena *arena = &a->object->arena;
    wr_column_def column;
    WR_TRY(wr_column_of_definition(a->query, def, arena, &column));
    for (int i = 0; i < def->constraints.count; i++) {
        const wr_sql_constraint *constraint = wr_sql_as_constraint(def->constraints.items[i]);
        if (constraint->constraint == WR_CONSTRAINT_NOT_NULL)
            column.not_null = true;
        else if (constraint->constraint == WR_CONSTRAINT_DEFAULT)
            column.default_sql = wr_ddl_format(arena, constraint->expression);
        else if (constraint->constraint == WR_CONSTRAINT_IDENTITY)
            WR_TRY(wr_column_identity(&column, constraint));
        else if (constraint->constraint != WR_CONSTRAINT_NULL)
            return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span,
                                           "a column added later takes NOT NULL, DEFAULT and "
                                           "IDENTITY only"),
                                "ADD CONSTRAINT adds keys and checks");
    }
    WR_TRY(wr_column_sequence_new(a->query, a->object, arena, &column, def));
    wr_str value = column.default_sql.length ? column.default_sql : WR_STR("NULL");
    int at = a->column_count++;
    a->columns[at] = column;
    a->old_column[at] = -1;
    a->sources[at] = source_text(a, &column, value);
    a->copies = true;
    return WR_OK;
}

static weir_status drop_column(altered *a, const wr_sql_alter_action *action)
{
    int column = 0;
    weir_status bad = find_column(a, action->name, &column);
    if (bad && action->if_exists) {
        wr_status_drop(bad);
        return WR_OK;
    }
    WR_TRY(bad);
    wr_name last = wr_names_last(action->name);
    if (a->column_count == 1)
        return wr_fail_at(WR_E_DEPENDENT, last.span, "a table keeps at least one column");
    for (int k = 0; k < a->object->key_count; k++) {
        int *columns = (int *)a->object->keys[k].columns;
        for (int i = 0; i < a->object->keys[k].column_count; i++) {
            if (columns[i] == column)
                return wr_fail_at(WR_E_DEPENDENT, last.span,
                                  "column \"%.*s\" is part of key \"%.*s\"", WR_STR_ARGS(last.text),
                                  WR_STR_ARGS(a->object->keys[k].name));
            if (columns[i] > column) columns[i]--;
        }
    }
    WR_TRY(wr_drop_owned_sequences(a->query, a->old, column));
    wr_object *object = a->object;
    int kept = 0; /* foreign keys go with their columns */
    for (int k = 0; k < object->foreign_key_count; k++)
        if (!wr_reference_uses(&object->foreign_keys[k], a->columns[column].id))
            object->foreign_keys[kept++] = object->foreign_keys[k];
    object->foreign_key_count = kept;
    size_t behind = (size_t)(a->column_count - column - 1);
    memmove(&a->columns[column], &a->columns[column + 1], behind * sizeof *a->columns);
    memmove(&a->sources[column], &a->sources[column + 1], behind * sizeof *a->sources);
    memmove(&a->old_column[column], &a->old_column[column + 1], behind * sizeof *a->old_column);
    a->column_count--;
    a->copies = true;
    return WR_OK;
}

/* What ALTER COLUMN may not do to a column that a sequence fills. */
static weir_status check_filler(const altered *a, int column, const wr_sql_alter_action *action)
{
    const wr_column_def *def = &a->columns[column];
    if (def->filler < WR_FILLER_IDENTITY) return WR_OK;
    return wr_fail_at(WR_E_DEPENDENT, action->node.span,
                      "column \"%.*s\" is an IDENTITY column: its type, default and NOT NULL stay",
                      WR_STR_ARGS(def->name));
}

static weir_status change_type(altered *a, const wr_sql_alter_action *action)
{
    int column = 0;
    WR_TRY(find_column(a, action->name, &column));
    WR_TRY(check_filler(a, column, action));
    if (wr_in_foreign_key(a->query, a->old, a->columns[column].id))
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, action->node.span,
                                       "the type of a column of a foreign key stays"),
                            "drop the constraint first and add it again");
    const wr_type *type = a->columns[column].type;
    wr_text_length length = a->columns[column].length;
    if (action->type) {
        WR_TRY(wr_bind_type(&a->query->planner, action->type, &type));
        WR_TRY(wr_bind_text_length(&a->query->planner, action->type, &length));
    }
    WR_BUF(source);
    if (action->expression)
        wr_node_format(&source, action->expression);
    else
        wr_format_name(&source, a->old->columns[a->old_column[column]].name);
    a->columns[column].type = type;
    a->columns[column].length = length;
    a->sources[column] = source_text(a, &a->columns[column], wr_buf_str(&source));
    a->copies = true;
    return WR_OK;
}

static weir_status rename_table(altered *a, const wr_sql_alter_action *action, bool is_schema)
{
    wr_str text = wr_arena_str(&a->object->arena, action->new_name.text);
    for (int i = 0; is_schema && i < a->column_count; i++) {
        WR_AUTO(wr_object) *sequence = wr_sequence_of_column(a->query, &a->columns[i]);
        if (sequence)
            return wr_fail_at(WR_E_UNSUPPORTED, action->node.span,
                              "a table whose column \"%.*s\" owns a sequence keeps its schema",
                              WR_STR_ARGS(a->columns[i].name));
    }
    if (is_schema)
        a->object->schema = text;
    else
        a->object->name = text;
    return WR_OK;
}

/* A number that nothing bears yet is put behind the name. */
static weir_status add_check(altered *a, const wr_sql_constraint *constraint)
{
    wr_arena *arena = &a->object->arena;
    wr_expr *bound;
    wr_str name = wr_arena_str(arena, constraint->name.text);
    for (int number = a->object->check_count + 1; !name.length; number++) {
        name = wr_arena_printf(arena, "%.*s_check%d", WR_STR_ARGS(a->old->name), number);
        if (wr_object_has_constraint(a->object, name)) name = (wr_str){0};
    }
    WR_TRY(wr_bind_over_schema(&a->query->planner, wr_table_schema(a->old->table), a->old->name,
                               wr_node_copy(&a->query->arena, constraint->expression), WR_BOOLEAN,
                               &bound));
    a->object->checks[a->object->check_count++] =
        (wr_check_def){name, wr_ddl_format(arena, constraint->expression)};
    return WR_OK;
}

/* The rows that are there must satisfy what was added. table: as it is in the catalog. */
static weir_status check_added(weir_query *query, const wr_object *table,
                               const wr_sql_constraint *constraint)
{
    if (constraint->constraint == WR_CONSTRAINT_FOREIGN_KEY) {
        const wr_reference_def *key = &table->foreign_keys[table->foreign_key_count - 1];
        WR_AUTO(wr_object) *target = wr_catalog_table_of(&query->view, key->keys[0]);
        wr_assert(target);
        return wr_with_span(wr_check_foreign_key(query, table, target, key), constraint->node.span);
    }
    if (constraint->constraint != WR_CONSTRAINT_CHECK) return WR_OK;
    WR_BUF(sql);
    WR_BUF(row);
    const wr_check_def *check = &table->checks[table->check_count - 1];
    wr_buf_add_text(&sql, "SELECT * FROM ");
    wr_format_name(&sql, table->is_temporary ? WR_STR("temp") : table->schema);
    wr_buf_add_char(&sql, '.');
    wr_format_name(&sql, table->name);
    wr_buf_printf(&sql, " WHERE NOT (%.*s) LIMIT 1", WR_STR_ARGS(check->sql));
    WR_TRY(wr_find_row(query, wr_buf_str(&sql), &row));
    if (!row.length) return WR_OK;
    return wr_with_detail(wr_fail_at(WR_E_CHECK_VIOLATION, constraint->node.span,
                                     "check \"%.*s\" is violated by some row of %.*s",
                                     WR_STR_ARGS(check->name), WR_STR_ARGS(table->name)),
                          "the row: (%s)", row.data);
}

/* Takes the item at out of an array. */
#define TAKE_OUT(items, count, at)                                                           \
    memmove(&(items)[at], &(items)[(at) + 1], (size_t)((count) - (at)-1) * sizeof *(items)); \
    (count)--

static weir_status drop_constraint(altered *a, const wr_sql_alter_action *action)
{
    wr_object *object = a->object;
    wr_name name = wr_names_last(action->name);
    for (int i = 0; i < object->foreign_key_count; i++) {
        if (!wr_str_ieq(object->foreign_keys[i].name, name.text)) continue;
        TAKE_OUT(object->foreign_keys, object->foreign_key_count, i);
        return WR_OK;
    }
    for (int i = 0; i < object->check_count; i++) {
        if (!wr_str_ieq(object->checks[i].name, name.text)) continue;
        TAKE_OUT(object->checks, object->check_count, i);
        return WR_OK;
    }
    for (int i = 0; i < object->key_count; i++) {
        if (!wr_str_ieq(object->keys[i].name, name.text)) continue;
        WR_TRY(wr_with_span(
            wr_free_of_referrers(a->query, a->old, &a->old->keys[i], NULL, 0, false), name.span));
        TAKE_OUT(object->keys, object->key_count, i);
        return WR_OK;
    }
    if (action->if_exists) return WR_OK;
    wr_nearest nearest = {.wanted = name.text};
    for (int i = 0; i < object->key_count; i++)
        wr_nearest_offer(&nearest, object->keys[i].name);
    for (int i = 0; i < object->check_count; i++)
        wr_nearest_offer(&nearest, object->checks[i].name);
    for (int i = 0; i < object->foreign_key_count; i++)
        wr_nearest_offer(&nearest, object->foreign_keys[i].name);
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_CONSTRAINT, name.span,
                                      "no constraint \"%.*s\" in %.*s", WR_STR_ARGS(name.text),
                                      WR_STR_ARGS(object->name)),
                           &nearest);
}

static weir_status rename_constraint(altered *a, const wr_sql_alter_action *action)
{
    wr_object *object = a->object;
    wr_name old = wr_names_last(action->name);
    wr_str fresh = wr_arena_str(&object->arena, action->new_name.text);
    if (wr_object_has_constraint(object, fresh))
        return wr_fail_at(WR_E_DUPLICATE_NAME, action->new_name.span,
                          "constraint \"%.*s\" exists already", WR_STR_ARGS(fresh));
    for (int i = 0; i < object->key_count; i++)
        if (wr_str_ieq(object->keys[i].name, old.text)) return object->keys[i].name = fresh, WR_OK;
    for (int i = 0; i < object->check_count; i++)
        if (wr_str_ieq(object->checks[i].name, old.text))
            return object->checks[i].name = fresh, WR_OK;
    for (int i = 0; i < object->foreign_key_count; i++)
        if (wr_str_ieq(object->foreign_keys[i].name, old.text))
            return object->foreign_keys[i].name = fresh, WR_OK;
    return wr_fail_at(WR_E_UNKNOWN_CONSTRAINT, old.span, "no constraint \"%.*s\" in %.*s",
                      WR_STR_ARGS(old.text), WR_STR_ARGS(object->name));
}

static weir_status add_constraint(altered *a, const wr_sql_alter_action *action)
{
    const wr_sql_constraint *constraint = wr_sql_as_constraint(action->column);
    wr_arena *arena = &a->object->arena;
    bool primary = constraint->constraint == WR_CONSTRAINT_PRIMARY_KEY;
    WR_TRY(wr_check_constraint_modes(constraint));
    if (constraint->not_valid)
        return wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span, "NOT VALID is not supported");
    if (constraint->name.text.length && wr_object_has_constraint(a->object, constraint->name.text))
        return wr_fail_at(WR_E_DUPLICATE_NAME, constraint->name.span,
                          "constraint \"%.*s\" exists already", WR_STR_ARGS(constraint->name.text));
    a->object->columns = a->columns;
    a->object->column_count = a->column_count;
    if (constraint->constraint == WR_CONSTRAINT_FOREIGN_KEY)
        return wr_add_foreign_key(a->query, a->object, constraint, -1);
    if (constraint->constraint == WR_CONSTRAINT_CHECK) return add_check(a, constraint);
    for (int k = 0; primary && k < a->object->key_count; k++)
        if (a->object->keys[k].is_primary)
            return wr_fail_at(WR_E_DUPLICATE_COLUMN, constraint->node.span,
                              "a table has at most one primary key");
    int *columns = wr_new_array(arena, int, WR_MAX(constraint->columns.count, 1));
    for (int i = 0; i < constraint->columns.count; i++) {
        WR_TRY(find_column(a, (wr_names){&constraint->columns.items[i], 1}, &columns[i]));
        if (primary) a->columns[columns[i]].not_null = true;
    }
    wr_str name = constraint->name.text.length
                      ? wr_arena_str(arena, constraint->name.text)
                      : wr_arena_printf(arena, "%.*s_%s", WR_STR_ARGS(a->old->name),
                                        primary ? "pkey" : "key");
    a->object->keys[a->object->key_count++] =
        (wr_key_def){name, columns, constraint->columns.count, primary};
    return WR_OK;
}

static weir_status run_action(altered *a, const wr_sql_alter_action *action)
{
    int column = 0;
    wr_arena *arena = &a->object->arena;
    switch (action->action) {
    case WR_ALTER_ADD_COLUMN:
        return add_column(a, action);
    case WR_ALTER_DROP_COLUMN:
        return drop_column(a, action);
    case WR_ALTER_RENAME_COLUMN:
        WR_TRY(find_column(a, action->name, &column));
        for (int i = 0; i < a->column_count; i++)
            if (i != column && wr_str_ieq(a->columns[i].name, action->new_name.text))
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, action->new_name.span,
                                  "column \"%.*s\" exists already",
                                  WR_STR_ARGS(action->new_name.text));
        a->columns[column].name = wr_arena_str(arena, action->new_name.text);
        return WR_OK;
    case WR_ALTER_TYPE:
        return change_type(a, action);
    case WR_ALTER_SET_DEFAULT:
        WR_TRY(find_column(a, action->name, &column));
        WR_TRY(check_filler(a, column, action));
        a->columns[column].default_sql = wr_ddl_format(arena, action->expression);
        a->columns[column].filler = WR_FILLER_NONE;
        return WR_OK;
    case WR_ALTER_DROP_DEFAULT:
        WR_TRY(find_column(a, action->name, &column));
        WR_TRY(check_filler(a, column, action));
        a->columns[column].default_sql = WR_STR("");
        a->columns[column].filler = WR_FILLER_NONE;
        return WR_OK;
    case WR_ALTER_SET_NOT_NULL:
    case WR_ALTER_DROP_NOT_NULL:
        WR_TRY(find_column(a, action->name, &column));
        if (action->action == WR_ALTER_DROP_NOT_NULL) WR_TRY(check_filler(a, column, action));
        a->columns[column].not_null = action->action == WR_ALTER_SET_NOT_NULL;
        return WR_OK;
    case WR_ALTER_RENAME:
    case WR_ALTER_SET_SCHEMA:
        return rename_table(a, action, action->action == WR_ALTER_SET_SCHEMA);
    case WR_ALTER_ADD_CONSTRAINT:
        return add_constraint(a, action);
    case WR_ALTER_DROP_CONSTRAINT:
        return drop_constraint(a, action);
    case WR_ALTER_RENAME_CONSTRAINT:
        return rename_constraint(a, action);
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, action->node.span,
                          "this form of ALTER TABLE is not supported");
    }
}

static wr_object *view_like(const wr_object *old, wr_str schema, wr_str name)
{
    wr_object *view = wr_object_new(WR_ENTRY_VIEW, schema, name);
    view->is_temporary = old->is_temporary;
    view->sql = wr_arena_str(&view->arena, old->sql);
    view->comment = wr_arena_str(&view->arena, old->comment);
    view->column_count = old->column_count;
    view->columns = wr_new_array(&view->arena, wr_column_def, WR_MAX(old->column_count, 1));
    for (int i = 0; i < old->column_count; i++)
        view->columns[i].name = wr_arena_str(&view->arena, old->columns[i].name);
    return view;
}

/* Views and others only change their name or schema. */
static weir_status rename_object(weir_query *query, const wr_object *old, const wr_sql_alter *alter)
{
    const wr_sql_alter_action *action = wr_sql_as_alter_action(alter->actions.items[0]);
    if (alter->actions.count != 1 || old->kind != WR_ENTRY_VIEW ||
        (action->action != WR_ALTER_RENAME && action->action != WR_ALTER_SET_SCHEMA))
        return wr_fail_at(WR_E_UNSUPPORTED, alter->node.span, "ALTER %s can only rename",
                          wr_object_kind_text(alter->object));
    bool renames = action->action == WR_ALTER_RENAME;
    wr_object *view = view_like(old, renames ? old->schema : action->new_name.text,
                                renames ? action->new_name.text : old->name);
    return wr_catalog_replace(&query->view, (wr_object *)old, view);
}

/* DROP CONSTRAINT .. CASCADE of a key: foreign keys to it go. */
static weir_status drop_key_referrers(weir_query *query, const wr_object *table, wr_str name)
{
    for (int i = 0; i < table->key_count; i++)
        if (wr_str_ieq(table->keys[i].name, name))
            return wr_free_of_referrers(query, table, &table->keys[i], NULL, 0, true);
    return WR_OK;
}

weir_status wr_run_alter(weir_query *query, const wr_sql_alter *alter)
{
    wr_str tag = wr_arena_printf(&query->arena, "ALTER %s", wr_object_kind_text(alter->object));
    query->tag = tag.data;
    if (alter->object == WR_OBJECT_SEQUENCE) return wr_run_alter_sequence(query, alter);
    wr_str schema, name;
    wr_ddl_split_name(&alter->name, WR_STR(""), &schema, &name);
    unsigned kinds = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_VIEW;
    WR_AUTO(wr_object) *old = wr_catalog_find(&query->view, kinds, schema, name);
    if (!old && alter->if_exists) return WR_OK;
    if (!old) {
        wr_nearest nearest = {.wanted = name};
        wr_catalog_offer_names(&query->view, kinds, &nearest);
        return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(alter->name).span,
                                          "no table \"%.*s\"", WR_STR_ARGS(name)),
                               &nearest);
    }
    if (old->kind != WR_ENTRY_TABLE) return rename_object(query, old, alter);
    if (old->is_materialized)
        return wr_fail_at(WR_E_UNSUPPORTED, wr_names_last(alter->name).span,
                          "%.*s is a materialized view: it changes with its query only",
                          WR_STR_ARGS(old->name));
    for (int i = 0; i < alter->actions.count; i++) {
        altered a;
        const wr_sql_alter_action *action = wr_sql_as_alter_action(alter->actions.items[i]);
        weir_status bad = WR_OK;
        if (action->action == WR_ALTER_DROP_CONSTRAINT && action->cascade) {
            bad = drop_key_referrers(query, old, wr_names_last(action->name).text);
            schema = old->is_temporary ? WR_STR("temp") : wr_arena_str(&query->arena, old->schema);
            name = wr_arena_str(&query->arena, old->name);
            wr_object_release(old); /* a foreign key to itself replaced it */
            old = wr_catalog_find(&query->view, kinds, schema, name);
            WR_TRY(bad);
        }
        bad = start(query, old, &a);
        if (!bad) bad = run_action(&a, action);
        if (bad) {
            wr_object_release(a.object);
            return bad;
        }
        wr_str new_schema =
            old->is_temporary ? WR_STR("temp") : wr_arena_str(&query->arena, a.object->schema);
        wr_str new_name = wr_arena_str(&query->arena, a.object->name);
        WR_TRY(wr_with_span(complete(&a), alter->node.span));
        wr_object_release(old);
        old = wr_catalog_find(&query->view, kinds, new_schema, new_name);
        if (action->action == WR_ALTER_ADD_CONSTRAINT)
            WR_TRY(check_added(query, old, wr_sql_as_constraint(action->column)));
    }
    return WR_OK;
}

/* ---- COMMENT ON TABLE, VIEW, MATERIALIZED VIEW, COLUMN ---- */

/* The view with the rows and the query it has. */
static wr_object *materialized_like(const wr_object *old)
{
    wr_object *view = wr_object_new(WR_ENTRY_TABLE, old->schema, old->name);
    wr_arena *arena = &view->arena;
    view->is_temporary = old->is_temporary;
    view->is_materialized = true;
    view->emit_on_close = old->emit_on_close;
    view->sql = wr_arena_str(arena, old->sql);
    view->comment = wr_arena_str(arena, old->comment);
    view->table = wr_table_keep(old->table);
    if (old->source) view->source = wr_source_keep(old->source);
    view->column_count = old->column_count;
    view->columns = wr_new_array(arena, wr_column_def, old->column_count + 1);
    for (int i = 0; i < old->column_count; i++) {
        view->columns[i] = old->columns[i];
        view->columns[i].name = wr_arena_str(arena, old->columns[i].name);
        view->columns[i].comment = wr_arena_str(arena, old->columns[i].comment);
    }
    return view;
}

static weir_status comment_on_materialized(weir_query *query, const wr_names *column,
                                           wr_object *old, wr_str text)
{
    int at = -1;
    wr_name name = column ? wr_names_last(*column) : (wr_name){0};
    for (int i = 0; column && i < old->column_count; i++)
        if (wr_str_ieq(old->columns[i].name, name.text)) at = i;
    if (column && at < 0)
        return wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span, "%.*s has no column \"%.*s\"",
                          WR_STR_ARGS(old->name), WR_STR_ARGS(name.text));
    wr_object *view = materialized_like(old);
    *(column ? &view->columns[at].comment : &view->comment) = wr_arena_str(&view->arena, text);
    return wr_catalog_replace(&query->view, old, view);
}

weir_status wr_run_comment(weir_query *query, const wr_sql_comment *comment)
{
    bool on_column = comment->object == WR_OBJECT_COLUMN;
    wr_str text = comment->text ? wr_sql_as_literal(comment->text)->text : (wr_str){0};
    wr_names name = comment->name;
    wr_str schema, last;
    query->tag = "COMMENT";
    bool on_materialized = comment->object == WR_OBJECT_MATERIALIZED_VIEW;
    if (!on_column && !on_materialized && comment->object != WR_OBJECT_TABLE &&
        comment->object != WR_OBJECT_VIEW)
        return wr_fail_at(WR_E_UNSUPPORTED, comment->node.span, "COMMENT ON %s is not supported",
                          wr_object_kind_text(comment->object));
    if (on_column && name.count < 2)
        return wr_fail_at(WR_E_SYNTAX, comment->node.span,
                          "COMMENT ON COLUMN takes the table and the column: t.c");
    name.count -= on_column;
    wr_ddl_split_name(&name, WR_STR(""), &schema, &last);
    unsigned kinds = comment->object == WR_OBJECT_VIEW ? 1u << WR_ENTRY_VIEW : 1u << WR_ENTRY_TABLE;
    WR_AUTO(wr_object) *old = wr_catalog_find(&query->view, kinds, schema, last);
    if (old && old->is_materialized && comment->object == WR_OBJECT_TABLE)
        return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(name).span,
                                       "%.*s is a materialized view", WR_STR_ARGS(last)),
                            "COMMENT ON MATERIALIZED VIEW %.*s", WR_STR_ARGS(last));
    if (!old || (on_materialized && !old->is_materialized))
        return wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(name).span, "no %s \"%.*s\"",
                          comment->object == WR_OBJECT_VIEW ? "view"
                          : on_materialized                 ? "materialized view"
                                                            : "table",
                          WR_STR_ARGS(last));
    if (old->kind == WR_ENTRY_VIEW) {
        wr_object *view = view_like(old, old->schema, old->name);
        view->comment = wr_arena_str(&view->arena, text);
        return wr_catalog_replace(&query->view, old, view);
    }
    if (old->is_materialized)
        return comment_on_materialized(query, on_column ? &comment->name : NULL, old, text);
    altered a;
    int column = 0;
    weir_status bad = start(query, old, &a);
    if (!bad && on_column) bad = find_column(&a, comment->name, &column);
    if (bad) {
        wr_object_release(a.object);
        return bad;
    }
    *(on_column ? &a.columns[column].comment : &a.object->comment) =
        wr_arena_str(&a.object->arena, text);
    return complete(&a);
}
