/* sequence.c - CREATE and ALTER SEQUENCE, and the columns that own sequences.
 *
 * A sequence knows the id of the column it is OWNED BY, which renaming and altering the table keep;
 * it is dropped with the column. SERIAL and IDENTITY columns are ordinary columns whose default is
 * nextval() of a sequence made with them.
 *
 * ALTER SEQUENCE and RESTART IDENTITY put a changed copy in the place of the old object, so that
 * rollback brings the old one back. Values taken by nextval() never come back. */
#include "session/session.h"
#include "sql/format.h"

/* ---- options ---- */

static wr_str text_of(const wr_object *object, wr_arena *arena)
{
    return object->is_temporary ? WR_STR("temp") : wr_arena_str(arena, object->schema);
}

/* OWNED BY table.column: in the schema of the sequence. */
static weir_status owned_by(weir_query *query, wr_object *sequence, const wr_sql_option *option)
{
    sequence->owner = 0;
    if (!option->value) return WR_OK;
    wr_span span = option->value->span;
    const wr_names *parts =
        option->value->kind == WR_SQL_COLUMN ? &wr_sql_as_column(option->value)->parts : NULL;
    if (!parts || parts->count < 2)
        return wr_fail_at(WR_E_SYNTAX, span, "OWNED BY takes table.column or NONE");
    wr_names table_name = {.items = parts->items, .count = parts->count - 1};
    wr_str schema, name, column = wr_names_last(*parts).text;
    wr_ddl_split_name(&table_name, text_of(sequence, &query->arena), &schema, &name);
    WR_AUTO(wr_object) *table = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (!table)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, span,
                          "no table \"%.*s\" in the schema of the sequence", WR_STR_ARGS(name));
    if (table->is_temporary != sequence->is_temporary ||
        !wr_str_ieq(table->schema, sequence->schema))
        return wr_fail_at(WR_E_UNSUPPORTED, span,
                          "a sequence is in the schema of the table that owns it");
    wr_nearest nearest = {.wanted = column};
    for (int i = 0; i < table->column_count; i++) {
        wr_nearest_offer(&nearest, table->columns[i].name);
        if (!wr_str_ieq(table->columns[i].name, column)) continue;
        sequence->owner = table->columns[i].id;
        return WR_OK;
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "no column \"%.*s\" in %.*s",
                                      WR_STR_ARGS(column), WR_STR_ARGS(name)),
                           &nearest);
}

static weir_status set_option(weir_query *query, wr_object *sequence, const wr_sql_option *option)
{
    wr_str name = option->name.text;
    wr_value value = wr_value_null(WR_BIGINT);
    if (wr_str_is(name, "owned_by")) return owned_by(query, sequence, option);
    if (wr_str_is(name, "as")) return WR_OK; /* sequence_limits */
    if (wr_str_is(name, "cycle")) {
        if (option->value)
            WR_TRY(wr_bind_constant(&query->planner, option->value, WR_BOOLEAN, &value));
        sequence->cycles = value.is_null || value.boolean;
        return WR_OK;
    }
    if (option->value) WR_TRY(wr_bind_constant(&query->planner, option->value, WR_BIGINT, &value));
    if (wr_str_is(name, "minvalue"))
        sequence->min_value = value.is_null ? INT64_MIN : value.i64;
    else if (wr_str_is(name, "maxvalue"))
        sequence->max_value = value.is_null ? INT64_MAX : value.i64;
    else if (value.is_null)
        return WR_OK;
    else if (wr_str_is(name, "start") || wr_str_is(name, "restart"))
        sequence->start = value.i64;
    else if (wr_str_is(name, "increment"))
        sequence->increment = value.i64;
    else if (wr_str_is(name, "cache") && value.i64 < 1) /* values are never kept aside */
        return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span, "CACHE must be at least 1");
    if (sequence->increment == 0)
        return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span, "the increment must not be 0");
    return WR_OK;
}

static weir_status check_given_once(const wr_nodes *options)
{
    for (int i = 0; i < options->count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options->items[i]);
        for (int k = 0; k < i; k++)
            if (wr_str_eq(wr_sql_as_option(options->items[k])->name.text, option->name.text))
                return wr_fail_at(WR_E_SYNTAX, option->node.span, "the option %.*s is given twice",
                                  WR_STR_ARGS(option->name.text));
    }
    return WR_OK;
}

/* The values must fit in sequence->type: that of the column, or AS SMALLINT | INTEGER | BIGINT. */
static weir_status sequence_limits(weir_query *query, const wr_nodes *options, wr_object *sequence,
                                   wr_span span)
{
    for (int i = 0; i < options->count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options->items[i]);
        if (!wr_str_is(option->name.text, "as")) continue;
        span = option->value->span;
        WR_TRY(wr_bind_type(&query->planner, option->value, &sequence->type));
    }
    const wr_type *type = sequence->type;
    if (type->id != WR_T_SMALLINT && type->id != WR_T_INTEGER && type->id != WR_T_BIGINT)
        return wr_fail_at(WR_E_PARAMETER_VALUE, span,
                          "a sequence is SMALLINT, INTEGER or BIGINT, not %s", wr_type_name(type));
    int64_t lo = wr_phys_int_min(type->phys), hi = wr_phys_int_max(type->phys);
    bool up = sequence->increment > 0;
    if (sequence->min_value == INT64_MIN) sequence->min_value = up ? 1 : lo;
    if (sequence->max_value == INT64_MAX) sequence->max_value = up ? hi : -1;
    if (sequence->min_value < lo || sequence->max_value > hi)
        return wr_fail_at(WR_E_PARAMETER_VALUE, span, "%s is out of the range of %s",
                          sequence->min_value < lo ? "MINVALUE" : "MAXVALUE", wr_type_name(type));
    return WR_OK;
}

/* Fills a sequence that nothing is known of but its name and type. */
static weir_status fill(weir_query *query, wr_object *sequence, const wr_nodes *options,
                        wr_span span)
{
    sequence->increment = 1;
    sequence->start = INT64_MIN;
    sequence->min_value = INT64_MIN;
    sequence->max_value = INT64_MAX;
    WR_TRY(check_given_once(options));
    for (int i = 0; i < options->count; i++)
        WR_TRY(set_option(query, sequence, wr_sql_as_option(options->items[i])));
    WR_TRY(sequence_limits(query, options, sequence, span));
    bool up = sequence->increment > 0;
    if (sequence->start == INT64_MIN)
        sequence->start = up ? sequence->min_value : sequence->max_value;
    if (sequence->start < sequence->min_value || sequence->start > sequence->max_value)
        return wr_fail_at(WR_E_PARAMETER_VALUE, span, "START is outside of MINVALUE ... MAXVALUE");
    sequence->next = sequence->start;
    return WR_OK;
}

weir_status wr_run_create_sequence(weir_query *query, const wr_sql_create_sequence *create)
{
    query->tag = "CREATE SEQUENCE";
    if (create->mode.if_not_exists && wr_ddl_exists(query, 1u << WR_ENTRY_SEQUENCE, &create->name))
        return WR_OK;
    WR_AUTO(wr_object) *sequence =
        wr_ddl_object_new(query, WR_ENTRY_SEQUENCE, &create->name, create->mode.temporary);
    sequence->type = WR_BIGINT;
    WR_TRY(fill(query, sequence, &create->options, create->node.span));
    return wr_ddl_add(query, WR_TAKE(sequence), create->mode, wr_names_last(create->name).span);
}

/* ---- ALTER SEQUENCE ---- */

static wr_object *copy_of(const wr_object *old)
{
    wr_object *copy = wr_object_new(WR_ENTRY_SEQUENCE, old->schema, old->name);
    copy->is_temporary = old->is_temporary;
    copy->type = old->type;
    copy->start = old->start;
    copy->increment = old->increment;
    copy->min_value = old->min_value;
    copy->max_value = old->max_value;
    copy->cycles = old->cycles;
    copy->next = old->next;
    copy->used = old->used;
    copy->owner = old->owner;
    return copy;
}

/* RESTART [WITH n] sets the next value, START only what the next RESTART begins with. */
static weir_status alter_options(weir_query *query, wr_object *sequence, const wr_nodes *options)
{
    WR_TRY(check_given_once(options));
    const wr_sql_option *restart = NULL;
    for (int i = 0; i < options->count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options->items[i]);
        if (wr_str_is(option->name.text, "as"))
            return wr_fail_at(WR_E_UNSUPPORTED, option->node.span,
                              "the type of a sequence does not change");
        if (wr_str_is(option->name.text, "owned_by"))
            WR_TRY(wr_with_span(wr_check_sequence_free(query, sequence), option->node.span));
        if (wr_str_is(option->name.text, "restart"))
            restart = option;
        else
            WR_TRY(set_option(query, sequence, option));
    }
    wr_span span = options->items[0]->span;
    const wr_nodes none = {0};
    WR_TRY(sequence_limits(query, &none, sequence, span));
    if (restart) {
        wr_value value = wr_value_int(WR_BIGINT, sequence->start);
        if (restart->value)
            WR_TRY(wr_bind_constant(&query->planner, restart->value, WR_BIGINT, &value));
        sequence->next = value.i64;
        sequence->used = false;
    }
    int64_t checked[2] = {sequence->start, sequence->next};
    for (int i = 0; i < (restart ? 2 : 1); i++)
        if (checked[i] < sequence->min_value || checked[i] > sequence->max_value)
            return wr_fail_at(WR_E_PARAMETER_VALUE, span, "%s is outside of MINVALUE ... MAXVALUE",
                              i ? "RESTART" : "START");
    return WR_OK;
}

weir_status wr_run_alter_sequence(weir_query *query, const wr_sql_alter *alter)
{
    wr_str schema, name;
    wr_ddl_split_name(&alter->name, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *old = wr_catalog_find(&query->view, 1u << WR_ENTRY_SEQUENCE, schema, name);
    if (!old && alter->if_exists) return WR_OK;
    if (!old) {
        wr_nearest nearest = {.wanted = name};
        wr_catalog_offer_names(&query->view, 1u << WR_ENTRY_SEQUENCE, &nearest);
        return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(alter->name).span,
                                          "no sequence \"%.*s\"", WR_STR_ARGS(name)),
                               &nearest);
    }
    WR_AUTO(wr_object) *changed = copy_of(old);
    for (int i = 0; i < alter->actions.count; i++) {
        const wr_sql_alter_action *action = wr_sql_as_alter_action(alter->actions.items[i]);
        if (action->action != WR_ALTER_SEQUENCE)
            return wr_fail_at(WR_E_UNSUPPORTED, action->node.span,
                              "ALTER SEQUENCE changes the options of CREATE SEQUENCE only");
        WR_TRY(alter_options(query, changed, &action->options));
    }
    return wr_with_span(wr_catalog_replace(&query->view, old, WR_TAKE(changed)), alter->node.span);
}

/* ---- columns that own sequences ---- */

bool wr_is_serial(const wr_node *type_node, const wr_type **out)
{
    static const struct {
        const char *name;
        wr_type_id id;
    } serials[] = {{"serial", WR_T_INTEGER},       {"serial4", WR_T_INTEGER},
                   {"bigserial", WR_T_BIGINT},     {"serial8", WR_T_BIGINT},
                   {"smallserial", WR_T_SMALLINT}, {"serial2", WR_T_SMALLINT}};
    const wr_sql_type *type = wr_sql_as_type(type_node);
    if (type->form != WR_TYPE_NAMED || type->name.count != 1 || type->modifiers.count) return false;
    for (size_t i = 0; i < WR_COUNT(serials); i++) {
        if (!wr_str_is(type->name.items[0].text, serials[i].name)) continue;
        *out = wr_type_of(serials[i].id);
        return true;
    }
    return false;
}

weir_status wr_column_identity(wr_column_def *column, const wr_sql_constraint *constraint)
{
    wr_type_id id = column->type->id;
    if (column->filler != WR_FILLER_NONE)
        return wr_fail_at(WR_E_SYNTAX, constraint->node.span,
                          "column \"%.*s\" takes its values from two sequences",
                          WR_STR_ARGS(column->name));
    if (id != WR_T_SMALLINT && id != WR_T_INTEGER && id != WR_T_BIGINT)
        return wr_fail_at(WR_E_TYPE_MISMATCH, constraint->node.span,
                          "an IDENTITY column is SMALLINT, INTEGER or BIGINT, not %s",
                          wr_type_name(column->type));
    column->filler = constraint->always ? WR_FILLER_IDENTITY_ALWAYS : WR_FILLER_IDENTITY;
    return WR_OK;
}

/* What stands beside SERIAL or IDENTITY must not say something else. */
static weir_status check_alone(const wr_column_def *column, const wr_sql_column_def *def)
{
    for (int i = 0; i < def->constraints.count; i++) {
        const wr_sql_constraint *constraint = wr_sql_as_constraint(def->constraints.items[i]);
        if (constraint->constraint == WR_CONSTRAINT_NULL)
            return wr_fail_at(WR_E_SYNTAX, constraint->node.span,
                              "column \"%.*s\" cannot be NULL: a sequence fills it",
                              WR_STR_ARGS(column->name));
        if (constraint->constraint == WR_CONSTRAINT_DEFAULT ||
            constraint->constraint == WR_CONSTRAINT_GENERATED)
            return wr_fail_at(WR_E_SYNTAX, constraint->node.span,
                              "column \"%.*s\" has a default already: the next value of its "
                              "sequence",
                              WR_STR_ARGS(column->name));
    }
    return WR_OK;
}

/* table_column_seq, or with the first number that makes it free. */
static wr_object *named_sequence(weir_query *query, const wr_object *table, wr_str column)
{
    wr_arena *arena = &query->arena;
    wr_str schema = text_of(table, arena);
    for (int number = 0;; number++) {
        wr_str name = number ? wr_arena_printf(arena, "%.*s_%.*s_seq%d", WR_STR_ARGS(table->name),
                                               WR_STR_ARGS(column), number)
                             : wr_arena_printf(arena, "%.*s_%.*s_seq", WR_STR_ARGS(table->name),
                                               WR_STR_ARGS(column));
        WR_AUTO(wr_object) *taken =
            wr_catalog_find(&query->view, 1u << WR_ENTRY_SEQUENCE, schema, name);
        if (taken) continue;
        wr_object *sequence = wr_object_new(WR_ENTRY_SEQUENCE, table->schema, name);
        sequence->is_temporary = table->is_temporary;
        return sequence;
    }
}

static wr_str next_value_of(wr_arena *arena, const wr_object *sequence)
{
    WR_BUF(name);
    WR_BUF(text);
    wr_format_name(&name, text_of(sequence, arena));
    wr_buf_add_char(&name, '.');
    wr_format_name(&name, sequence->name);
    wr_buf_add_text(&text, "nextval(");
    wr_format_string(&text, wr_buf_str(&name));
    wr_buf_add_char(&text, ')');
    return wr_arena_str(arena, wr_buf_str(&text));
}

weir_status wr_column_sequence_new(weir_query *query, const wr_object *table, wr_arena *arena,
                                   wr_column_def *column, const wr_sql_column_def *def)
{
    const wr_nodes none = {0}, *options = &none;
    if (column->filler == WR_FILLER_NONE) return WR_OK;
    WR_TRY(check_alone(column, def));
    for (int i = 0; i < def->constraints.count; i++) {
        const wr_sql_constraint *constraint = wr_sql_as_constraint(def->constraints.items[i]);
        if (constraint->constraint == WR_CONSTRAINT_IDENTITY) options = &constraint->options;
    }
    for (int i = 0; i < options->count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options->items[i]);
        if (wr_str_is(option->name.text, "as") || wr_str_is(option->name.text, "owned_by"))
            return wr_fail_at(WR_E_SYNTAX, option->node.span,
                              "the sequence of an IDENTITY column has its column's type and owner");
    }
    WR_AUTO(wr_object) *sequence = named_sequence(query, table, column->name);
    sequence->type = column->type;
    WR_TRY(fill(query, sequence, options, def->node.span));
    sequence->owner = column->id;
    column->not_null = true;
    column->default_sql = next_value_of(arena, sequence);
    const wr_create_mode mode = {0};
    return wr_ddl_add(query, WR_TAKE(sequence), mode, def->name.span);
}

weir_status wr_column_sequence_like(weir_query *query, const wr_object *table, wr_arena *arena,
                                    const wr_column_def *model, wr_column_def *column)
{
    const wr_create_mode mode = {0};
    WR_AUTO(wr_object) *from = wr_sequence_of_column(query, model);
    wr_assert(from);
    WR_AUTO(wr_object) *sequence = named_sequence(query, table, column->name);
    sequence->type = from->type;
    sequence->start = from->start;
    sequence->increment = from->increment;
    sequence->min_value = from->min_value;
    sequence->max_value = from->max_value;
    sequence->cycles = from->cycles;
    sequence->next = from->start;
    sequence->owner = column->id;
    column->filler = model->filler;
    column->not_null = true;
    column->default_sql = next_value_of(arena, sequence);
    return wr_ddl_add(query, WR_TAKE(sequence), mode, (wr_span){0});
}

/* Calls fn with every sequence that the column, or any column of the table (-1), owns. */
static weir_status each_owned(weir_query *query, const wr_object *table, int column,
                              weir_status (*fn)(weir_query *query, wr_object *sequence))
{
    int count = 0;
    weir_status bad = WR_OK;
    wr_object **list =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_SEQUENCE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        bool owned = false;
        for (int c = 0; c < table->column_count; c++)
            owned |= (column < 0 || c == column) && list[i]->owner == table->columns[c].id;
        if (owned && list[i]->owner && !bad) bad = fn(query, list[i]);
        wr_object_release(list[i]);
    }
    return bad;
}

static weir_status drop_sequence(weir_query *query, wr_object *sequence)
{
    return wr_catalog_remove(&query->view, sequence);
}

weir_status wr_drop_owned_sequences(weir_query *query, const wr_object *table, int column)
{
    return each_owned(query, table, column, drop_sequence);
}

static weir_status restart(weir_query *query, wr_object *sequence)
{
    wr_object *fresh = copy_of(sequence);
    fresh->next = fresh->start;
    fresh->used = false;
    return wr_catalog_replace(&query->view, sequence, fresh);
}

/* The tables of the statement, with CASCADE those that refer to them as well. */
weir_status wr_restart_sequences(weir_query *query, const wr_sql_truncate *truncate)
{
    WR_LIST(wr_object *) tables = {0};
    weir_status bad = WR_OK;
    for (int i = 0; i < truncate->names.count; i++) {
        wr_str schema, name;
        wr_ddl_split_name(&wr_sql_as_name_node(truncate->names.items[i])->name, WR_STR(""), &schema,
                          &name);
        wr_object *table = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
        if (table) wr_push(&query->arena, &tables, table);
    }
    for (int i = 0; i < tables.count; i++) {
        int count = 0;
        bool again = false; /* a table given twice is restarted once */
        for (int k = 0; k < i && !again; k++)
            again = tables.items[k] == tables.items[i];
        if (again) continue;
        if (!bad) bad = each_owned(query, tables.items[i], -1, restart);
        if (truncate->behavior != WR_DROP_CASCADE) continue;
        wr_object **owners =
            wr_catalog_referrers(&query->view, tables.items[i], &query->arena, &count);
        for (int k = 0; k < count; k++)
            wr_push(&query->arena, &tables, owners[k]);
    }
    for (int i = 0; i < tables.count; i++)
        wr_object_release(tables.items[i]);
    return bad;
}

weir_status wr_check_sequence_free(weir_query *query, const wr_object *sequence)
{
    int count = 0;
    weir_status bad = WR_OK;
    wr_object **tables = wr_catalog_list(&query->view, 1u << WR_ENTRY_TABLE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        for (int c = 0; c < tables[i]->column_count && !bad; c++) {
            const wr_column_def *column = &tables[i]->columns[c];
            if (!sequence->owner || column->id != sequence->owner ||
                column->filler == WR_FILLER_NONE)
                continue;
            bool serial = column->filler == WR_FILLER_SERIAL;
            bad = wr_fail(WR_E_DEPENDENT, "column \"%.*s\" of %.*s takes its values from \"%.*s\"",
                          WR_STR_ARGS(column->name), WR_STR_ARGS(tables[i]->name),
                          WR_STR_ARGS(sequence->name));
            bad = wr_with_fix(bad,
                              serial ? "ALTER TABLE %.*s ALTER COLUMN %.*s DROP DEFAULT"
                                     : "ALTER TABLE %.*s DROP COLUMN %.*s",
                              WR_STR_ARGS(tables[i]->name), WR_STR_ARGS(column->name));
        }
        wr_object_release(tables[i]);
    }
    return bad;
}

wr_object *wr_sequence_of_column(weir_query *query, const wr_column_def *column)
{
    int count = 0;
    wr_object *found = NULL;
    wr_object **list =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_SEQUENCE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        if (!found && column->id && list[i]->owner == column->id)
            found = list[i];
        else
            wr_object_release(list[i]);
    }
    return found;
}

void wr_sequence_options_text(const wr_object *sequence, wr_buf *out)
{
    bool up = sequence->increment > 0;
    int64_t lo = up ? 1 : wr_phys_int_min(sequence->type->phys),
            hi = up ? wr_phys_int_max(sequence->type->phys) : -1;
    if (sequence->start != (up ? sequence->min_value : sequence->max_value))
        wr_buf_printf(out, " START WITH %lld", (long long)sequence->start);
    if (sequence->increment != 1)
        wr_buf_printf(out, " INCREMENT BY %lld", (long long)sequence->increment);
    if (sequence->min_value != lo)
        wr_buf_printf(out, " MINVALUE %lld", (long long)sequence->min_value);
    if (sequence->max_value != hi)
        wr_buf_printf(out, " MAXVALUE %lld", (long long)sequence->max_value);
    if (sequence->cycles) wr_buf_add_text(out, " CYCLE");
}
