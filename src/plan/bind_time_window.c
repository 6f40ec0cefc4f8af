/* bind_time_window.c - windows of time: tumble(), hop() and session() in FROM, Flink's spelling of
 * them, WINDOW BY, and the sessions of a GROUP BY.
 *
 *     tumble(s, ts, INTERVAL '1 minute')          hop(s, ts, slide, size)        session(s, ts,
 * gap) TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' MINUTE)                       offset => ..
 *
 *     GROUP BY TUMBLE(ts, size), HOP(ts, slide, size), SESSION(ts, gap)    with TUMBLE_START(..)
 *
 * All become one WR_L_TIME_WINDOW node over s. The time is a column of its input: anything else is
 * computed by a projection below it.
 *
 * Sessions are made per key. With partition_by => the function says which. Without it the keys are
 * those of the GROUP BY that follows, window_start and window_end aside; the sessions are then made
 * of the rows that reach it, so what WHERE says goes below the node. Such a node is open
 * (planner->open_sessions) until its GROUP BY is bound; one that is never closed is an error. */
#include "plan/bind.h"
#include "sql/format.h"
#include "sql/parse.h"

enum { WINDOWS_MAX = 100000 }; /* of one row */

typedef struct window_call {
    wr_str name; /* "tumble", "hop", "session" */
    const wr_node *table, *time, *size, *slide, *offset, *gap, *partition;
    const wr_sql_call *call;
} window_call;

bool wr_is_time_window(wr_str name)
{
    return wr_str_is(name, "tumble") || wr_str_is(name, "hop") || wr_str_is(name, "session");
}

/* ---- arguments ---- */

static weir_status place_argument(window_call *w, const wr_node *node, const wr_node **slot)
{
    if (*slot)
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "this argument of %.*s is given twice",
                          WR_STR_ARGS(w->name));
    *slot = node;
    return WR_OK;
}

static weir_status named_argument(window_call *w, const wr_sql_arg *arg)
{
    const struct {
        const char *name;
        const wr_node **slot;
    } slots[] = {{"data", &w->table},
                 {"timecol", &w->time},
                 {"size", &w->size},
                 {"slide", &w->slide},
                 {"gap", &w->gap},
                 {"offset", &w->offset},
                 {"partition_by", &w->partition}};
    wr_nearest nearest = {.wanted = arg->name.text};
    bool is_session = wr_str_is(w->name, "session"), is_hop = wr_str_is(w->name, "hop");
    for (size_t i = 0; i < WR_COUNT(slots); i++) {
        const wr_node **slot = slots[i].slot;
        bool takes = slot == &w->gap || slot == &w->partition ? is_session
                     : slot == &w->size || slot == &w->offset ? !is_session
                     : slot == &w->slide                      ? is_hop
                                                              : true;
        if (!takes) continue;
        if (wr_str_is(arg->name.text, slots[i].name)) return place_argument(w, arg->value, slot);
        wr_nearest_offer(&nearest, wr_str_of(slots[i].name));
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_OPTION, arg->name.span,
                                      "%.*s has no argument \"%.*s\"", WR_STR_ARGS(w->name),
                                      WR_STR_ARGS(arg->name.text)),
                           &nearest);
}

static weir_status read_arguments(const wr_sql_call *call, bool has_table, window_call *w)
{
    const wr_node **by_kind[3][5] = {{&w->table, &w->time, &w->size, &w->offset, NULL},
                                     {&w->table, &w->time, &w->slide, &w->size, &w->offset},
                                     {&w->table, &w->time, &w->gap, NULL, NULL}};
    static const char *const usage[] = {
        "tumble(table, time, INTERVAL '1 minute')",
        "hop(table, time, slide => INTERVAL '10 seconds', size => INTERVAL '1 minute')",
        "session(table, time, gap => INTERVAL '1 minute')"};
    w->call = call;
    w->name = wr_names_last(call->name).text;
    int kind = wr_str_is(w->name, "tumble") ? 0 : wr_str_is(w->name, "hop") ? 1 : 2;
    for (int i = 0, at = !has_table; i < call->args.count; i++) {
        const wr_node *node = call->args.items[i];
        if (node->kind == WR_SQL_ARG) {
            WR_TRY(named_argument(w, wr_sql_as_arg(node)));
            continue;
        }
        if (at == 5 || !by_kind[kind][at])
            return wr_with_hint(wr_fail_at(WR_E_BAD_ARGUMENT, node->span,
                                           "%.*s has no such argument", WR_STR_ARGS(w->name)),
                                "%s", usage[kind]);
        WR_TRY(place_argument(w, node, by_kind[kind][at++]));
    }
    const char *missing = has_table && !w->table   ? "a table"
                          : !w->time               ? "the column with the time"
                          : kind != 2 && !w->size  ? "the size of the windows"
                          : kind == 1 && !w->slide ? "the slide of the windows"
                          : kind == 2 && !w->gap   ? "the gap that ends a session"
                                                   : NULL;
    if (!missing) return WR_OK;
    return wr_with_hint(wr_fail_at(WR_E_BAD_ARGUMENT, call->node.span, "%.*s needs %s",
                                   WR_STR_ARGS(w->name), missing),
                        "%s", usage[kind]);
}

/* A length of time in microseconds; is_signed: it may be 0 or less. */
static weir_status read_length(wr_planner *planner, const wr_node *node, const char *what,
                               bool is_signed, int64_t *out)
{
    wr_value value;
    int64_t days;
    WR_TRY(wr_bind_constant(planner, node, NULL, &value));
    if (node->kind == WR_SQL_LITERAL && value.type->id == WR_T_VARCHAR)
        WR_TRY(wr_bind_constant(planner, node, wr_type_of(WR_T_INTERVAL), &value));
    if (value.type->id != WR_T_INTERVAL)
        return wr_with_hint(wr_fail_at(WR_E_TYPE_MISMATCH, node->span, "%s is an INTERVAL, not %s",
                                       what, wr_type_name(value.type)),
                            "INTERVAL '1 minute'");
    if (value.is_null)
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "%s must not be NULL", what);
    if (value.interval.months)
        return wr_with_hint(wr_fail_at(WR_E_BAD_ARGUMENT, node->span,
                                       "%s has months, which are not all of one length", what),
                            "days are 24 hours here; date_trunc('month', time) makes months");
    bool over = __builtin_mul_overflow((int64_t)value.interval.days, INT64_C(86400000000), &days) ||
                __builtin_add_overflow(days, value.interval.usecs, out);
    if (over) return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "%s is too long", what);
    if (!is_signed && *out <= 0)
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "%s must be longer than 0", what);
    return WR_OK;
}

static weir_status read_lengths(wr_planner *planner, const window_call *w, wr_logical *node)
{
    int64_t *size = &node->time_window.size, *slide = &node->time_window.slide;
    if (w->gap) {
        node->time_window.kind = WR_TIME_SESSION;
        return read_length(planner, w->gap, "the gap of sessions", false, &node->time_window.gap);
    }
    WR_TRY(read_length(planner, w->size, "the size of windows", false, size));
    *slide = *size;
    if (w->slide) WR_TRY(read_length(planner, w->slide, "the slide of windows", false, slide));
    if (*size / *slide >= WINDOWS_MAX)
        return wr_fail_at(WR_E_BAD_ARGUMENT, w->slide->span,
                          "every row would be in more than %d windows", WINDOWS_MAX);
    if (!w->offset) return WR_OK;
    return read_length(planner, w->offset, "the offset of windows", true,
                       &node->time_window.offset);
}

/* ---- the node ---- */

/* e as a column of *plan: a projection computes it if it is not one yet. */
static wr_expr *as_column(wr_planner *planner, wr_logical **plan, wr_expr *e, const char *name)
{
    if (e->kind == WR_X_COLUMN && wr_logical_output(*plan, e->column)) return e;
    int count = (*plan)->output_count;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, count + 2);
    for (int i = 0; i < count; i++)
        bindings[i] =
            (wr_binding){(*plan)->outputs[i].id, wr_column_ref(planner, (*plan)->outputs[i].id)};
    bindings[count] = (wr_binding){wr_planner_column(planner, wr_str_of(name), e->type), e};
    *plan = wr_project(planner, *plan, bindings, count + 1);
    return wr_column_ref(planner, bindings[count].id);
}

static bool calls_proctime(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_CALL && strcmp(e->call.fn->name, "proctime") == 0) *(bool *)arg = true;
    return true;
}

/* Whether the column is proctime(), however many projections renamed it. */
static bool is_arrival(const wr_logical *plan, wr_column_id id)
{
    while (plan) {
        if (plan->kind == WR_L_PROJECT) {
            const wr_expr *e = NULL;
            for (int i = 0; i < plan->project.count && !e; i++)
                if (plan->project.bindings[i].id == id) e = plan->project.bindings[i].expr;
            bool found = false;
            if (e) wr_expr_walk(e, calls_proctime, &found);
            if (!e || found || e->kind != WR_X_COLUMN) return found;
            id = e->column;
        }
        const wr_logical *next = NULL;
        for (int i = 0; i < plan->input_count && !next; i++)
            if (wr_logical_output(plan->inputs[i], id)) next = plan->inputs[i];
        plan = plan->kind == WR_L_SET || plan->kind == WR_L_SHARED ? NULL : next;
    }
    return false;
}

bool wr_is_arrival_time(const wr_logical *plan, const wr_expr *e)
{
    bool is_call = e->kind == WR_X_CALL && strcmp(e->call.fn->name, "proctime") == 0;
    return is_call || (e->kind == WR_X_COLUMN && is_arrival(plan, e->column));
}

static weir_status check_time(const wr_expr *time, wr_span span)
{
    return wr_fail_at(WR_E_TYPE_MISMATCH, span, "the time of a window is a TIMESTAMP, not %s",
                      wr_type_name(time->type));
}

/* Puts node, whose lengths are known, over *plan. */
static weir_status put_window(wr_planner *planner, wr_logical *node, wr_expr *time, wr_span span,
                              wr_logical **plan)
{
    const wr_type *type = time->type;
    if (time->is_untyped) return check_time(time, span);
    if (type->id == WR_T_DATE || type->id == WR_T_TIMESTAMP_S || type->id == WR_T_TIMESTAMP_MS ||
        type->id == WR_T_TIMESTAMP_NS)
        WR_TRY(wr_bind_cast(planner->arena, time, wr_type_of(WR_T_TIMESTAMP), false, span, &time));
    else if (type->id != WR_T_TIMESTAMP && type->id != WR_T_TIMESTAMPTZ)
        return check_time(time, span);
    node->time_window.time = as_column(planner, plan, time, "time");
    node->time_window.follows_clock = is_arrival(*plan, node->time_window.time->column);
    node->time_window.start =
        wr_planner_column(planner, WR_STR("window_start"), node->time_window.time->type);
    node->time_window.end =
        wr_planner_column(planner, WR_STR("window_end"), node->time_window.time->type);
    node->inputs[0] = *plan;
    node->input_count = 1;
    node->span = span;
    wr_logical_set_outputs(planner, node);
    *plan = node;
    return WR_OK;
}

/* ---- in FROM ---- */

/* What the first argument names: a table, view, query or file, as a relation of FROM. */
static weir_status table_argument(wr_planner *planner, const window_call *w, wr_node **out,
                                  wr_str *name)
{
    const wr_node *node = w->table;
    *name = WR_STR("");
    if (node->kind == WR_SQL_SUBQUERY) {
        wr_sql_query_ref *ref =
            (wr_sql_query_ref *)wr_node_new(planner->arena, WR_SQL_QUERY_REF, node->span);
        ref->query = wr_sql_as_subquery(node)->query;
        const wr_sql_query *query =
            ref->query->kind == WR_SQL_QUERY ? wr_sql_as_query(ref->query) : NULL;
        const wr_sql_select *select =
            query && query->body->kind == WR_SQL_SELECT ? wr_sql_as_select(query->body) : NULL;
        bool is_table = select && select->from.count == 1 && !select->where &&
                        select->from.items[0]->kind == WR_SQL_TABLE_REF;
        if (is_table) /* TABLE bid is SELECT * FROM bid */
            *name = wr_names_last(wr_sql_as_table_ref(select->from.items[0])->name).text;
        *out = &ref->node;
        return WR_OK;
    }
    wr_sql_table_ref *ref =
        (wr_sql_table_ref *)wr_node_new(planner->arena, WR_SQL_TABLE_REF, node->span);
    if (node->kind == WR_SQL_COLUMN) {
        ref->name = wr_sql_as_column(node)->parts;
        *name = wr_names_last(ref->name).text;
    } else if (node->kind == WR_SQL_LITERAL) {
        ref->name.items = wr_new_array(planner->arena, wr_name, 1);
        ref->name.items[0] = (wr_name){.text = wr_sql_as_literal(node)->text, .span = node->span};
        ref->name.count = 1;
        ref->file = true;
    } else {
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span,
                          "%.*s takes a table, a view or a query in brackets first",
                          WR_STR_ARGS(w->name));
    }
    *out = &ref->node;
    return WR_OK;
}

static weir_status bind_partition(wr_scope *scope, const window_call *w, wr_logical *node,
                                  wr_logical **plan)
{
    wr_planner *planner = scope->planner;
    const wr_node *said = w->partition;
    const wr_nodes one = {.items = (wr_node **)&said, .count = 1};
    const wr_nodes *items = said->kind == WR_SQL_ROW    ? &wr_sql_as_row(said)->items
                            : said->kind == WR_SQL_LIST ? &wr_sql_as_list(said)->items
                                                        : &one;
    wr_expr **keys;
    WR_TRY(wr_bind_exprs(scope, items, &keys));
    for (int i = 0; i < items->count; i++)
        keys[i] = as_column(planner, plan, keys[i], "key");
    node->time_window.partition = keys;
    node->time_window.partition_count = items->count;
    return WR_OK;
}

/* The columns of the table, then window_start and window_end, as one table. */
static void windowed_table(wr_planner *planner, const wr_from *from, const wr_logical *node,
                           wr_from *out)
{
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    const wr_column_id ids[2] = {node->time_window.start, node->time_window.end};
    for (int t = 0; t < from->tables.count; t++)
        table->count += from->tables.items[t]->count;
    table->items = wr_new_array(planner->arena, wr_scope_item, table->count + 2);
    table->count = 0;
    for (int t = 0; t < from->tables.count; t++)
        for (int i = 0; i < from->tables.items[t]->count; i++) {
            table->items[table->count] = from->tables.items[t]->items[i];
            table->items[table->count++].table = table;
        }
    for (int i = 0; i < 2; i++)
        table->items[table->count++] =
            (wr_scope_item){.name = i ? WR_STR("window_end") : WR_STR("window_start"),
                            .expr = wr_column_ref(planner, ids[i]),
                            .table = table};
    *out = (wr_from){.plan = (wr_logical *)node};
    wr_from_add_table(planner, out, table);
}

weir_status wr_bind_time_window(wr_scope *outer, const wr_from *left,
                                const wr_sql_function_ref *ref, wr_from *out)
{
    wr_planner *planner = outer->planner;
    window_call w = {0};
    wr_from from = {0};
    wr_node *relation = NULL;
    wr_str name;
    WR_TRY(read_arguments(wr_sql_as_call(ref->call), true, &w));
    WR_TRY(table_argument(planner, &w, &relation, &name));
    WR_TRY(wr_bind_relation(outer, left, relation, &from));
    wr_logical *node = wr_logical_new(planner, WR_L_TIME_WINDOW, NULL, NULL);
    WR_TRY(read_lengths(planner, &w, node));
    wr_scope *scope = wr_scope_over(outer, &from);
    scope->clause = WR_IN_FROM;
    const wr_node *said = w.time;
    if (said->kind == WR_SQL_CALL) {
        const wr_sql_call *call = wr_sql_as_call(said);
        if (wr_str_is(wr_names_last(call->name).text, "descriptor") && call->args.count == 1)
            said = call->args.items[0];
    }
    wr_expr *time;
    WR_TRY(wr_bind_expr(scope, said, &time));
    wr_logical *plan = from.plan;
    if (w.partition) WR_TRY(bind_partition(scope, &w, node, &plan));
    WR_TRY(put_window(planner, node, time, said->span, &plan));
    if (node->time_window.kind == WR_TIME_SESSION && !w.partition) {
        node->span = w.call->node.span;
        wr_push(planner->arena, &planner->open_sessions, node);
    }
    windowed_table(planner, &from, node, out);
    return wr_from_alias(planner, out, &ref->alias, name, ref->node.span);
}

/* ---- sessions of a GROUP BY ---- */

/* The session windows that wait at the bottom of plan, below nothing but filters; NULL: none. */
static wr_logical *open_session(const wr_planner *planner, wr_logical *plan, int from)
{
    while (plan->kind == WR_L_FILTER)
        plan = plan->inputs[0];
    for (int i = from; i < planner->open_sessions.count; i++)
        if (planner->open_sessions.items[i] == plan) return plan;
    return NULL;
}

/* Conjuncts that do not speak of the windows go below: they say which rows there are at all. */
static wr_logical *sink_filters(wr_planner *planner, wr_logical *plan, wr_logical *session)
{
    if (plan == session) return session;
    wr_logical *below = sink_filters(planner, plan->inputs[0], session);
    wr_column_set windows = {0};
    wr_column_set_add(planner->arena, &windows, session->time_window.start);
    wr_column_set_add(planner->arena, &windows, session->time_window.end);
    int count = plan->filter.count, stay = 0, sinks = 0;
    wr_expr **staying = wr_new_array(planner->arena, wr_expr *, count + 1);
    wr_expr **sinking = wr_new_array(planner->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++) {
        wr_column_set used = {0};
        wr_expr_columns(planner->arena, plan->filter.conjuncts[i], &used);
        if (wr_column_set_meets(&used, &windows))
            staying[stay++] = plan->filter.conjuncts[i];
        else
            sinking[sinks++] = plan->filter.conjuncts[i];
    }
    if (sinks) session->inputs[0] = wr_filter(planner, session->inputs[0], sinking, sinks);
    return stay ? wr_filter(planner, below, staying, stay) : below;
}

static weir_status session_keys(wr_planner *planner, wr_logical *group, wr_logical *session)
{
    wr_column_set windows = {0};
    int keys = group->aggregate.carried_first, count = 0;
    wr_expr **partition = wr_new_array(planner->arena, wr_expr *, keys + 1);
    wr_column_set_add(planner->arena, &windows, session->time_window.start);
    wr_column_set_add(planner->arena, &windows, session->time_window.end);
    for (int i = 0; i < keys; i++) {
        wr_expr *key = group->aggregate.keys[i].expr;
        wr_column_set used = {0};
        wr_expr_columns(planner->arena, key, &used);
        if (!wr_column_set_meets(&used, &windows)) {
            if (wr_expr_has_subquery(key) || wr_expr_is_volatile(key))
                return wr_fail_at(WR_E_UNSUPPORTED, key->span,
                                  "sessions are made per column or plain expression");
            key = as_column(planner, &session->inputs[0], key, "key");
            group->aggregate.keys[i].expr = wr_expr_copy(planner->arena, key);
            partition[count++] = key;
        } else if (!wr_column_set_within(&used, &windows)) {
            return wr_with_hint(
                wr_fail_at(WR_E_UNSUPPORTED, key->span,
                           "a key of sessions cannot depend on where they begin or end"),
                "session(.., partition_by => ..) says what sessions are made per");
        }
    }
    session->time_window.partition = partition;
    session->time_window.partition_count = count;
    return WR_OK;
}

static void update_outputs(wr_planner *planner, wr_logical *node, const wr_logical *last)
{
    if (node != last) update_outputs(planner, node->inputs[0], last);
    wr_logical_set_outputs(planner, node);
}

weir_status wr_bind_sessions(wr_scope *scope, wr_logical *group, int open_before)
{
    wr_planner *planner = scope->planner;
    if (planner->open_sessions.count == open_before) return WR_OK;
    bool is_plain = group->kind == WR_L_AGGREGATE && !group->aggregate.sets &&
                    group->aggregate.carried_first > 0;
    wr_logical *session = is_plain ? open_session(planner, group->inputs[0], open_before) : NULL;
    for (int i = open_before; i < planner->open_sessions.count; i++)
        if (planner->open_sessions.items[i] != session)
            return wr_with_hint(
                wr_fail_at(WR_E_UNSUPPORTED, planner->open_sessions.items[i]->span,
                           "nothing says what the sessions are made per: no GROUP BY follows"),
                "session(.., partition_by => column) makes them without a GROUP BY");
    planner->open_sessions.count = open_before;
    group->inputs[0] = sink_filters(planner, group->inputs[0], session);
    WR_TRY(session_keys(planner, group, session));
    update_outputs(planner, group->inputs[0], session);
    return WR_OK;
}

/* ---- WINDOW BY time EVERY n [SLIDE n] AS w ---- */

static weir_status milliseconds(wr_planner *planner, const wr_node *node, const char *what,
                                int64_t *out)
{
    wr_value value;
    WR_TRY(wr_bind_constant(planner, node, NULL, &value));
    if (value.type->id == WR_T_INTERVAL) return read_length(planner, node, what, false, out);
    if (value.is_null || !wr_type_is_integer(value.type))
        return wr_fail_at(WR_E_TYPE_MISMATCH, node->span,
                          "%s is a number of milliseconds or an INTERVAL", what);
    int64_t number = (int64_t)wr_value_as_i128(&value);
    if (number <= 0)
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "%s must be longer than 0", what);
    if (__builtin_mul_overflow(number, INT64_C(1000), out))
        return wr_fail_at(WR_E_BAD_ARGUMENT, node->span, "%s is too long", what);
    return WR_OK;
}

/* Numbers and texts of digits are milliseconds since 1970, other texts are timestamps. */
static weir_status moment_of(wr_scope *scope, wr_expr *time, wr_span span, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr *number = time, *text;
    if (wr_type_is_integer(time->type)) {
        WR_TRY(wr_bind_coerce(arena, time, WR_BIGINT, "the time", &number));
        return wr_bind_by_name(scope, "epoch_ms", &number, 1, span, out);
    }
    if (time->type->id != WR_T_VARCHAR) {
        *out = time;
        return WR_OK;
    }
    WR_TRY(wr_bind_cast(arena, wr_expr_copy(arena, time), WR_BIGINT, true, span, &number));
    wr_expr *is_number = wr_expr_is_null(arena, wr_expr_copy(arena, number), true);
    WR_TRY(wr_bind_by_name(scope, "epoch_ms", &number, 1, span, &number));
    WR_TRY(wr_bind_cast(arena, time, wr_type_of(WR_T_TIMESTAMP), false, span, &text));
    wr_expr *choice = wr_new(arena, wr_expr);
    *choice = (wr_expr){
        .kind = WR_X_CASE, .type = wr_type_of(WR_T_TIMESTAMP), .arg_count = 3, .span = span};
    choice->args = wr_new_array(arena, wr_expr *, 3);
    choice->args[0] = is_number;
    choice->args[1] = number;
    choice->args[2] = text;
    *out = choice;
    return WR_OK;
}

weir_status wr_bind_window_by(wr_scope *outer, const wr_sql_window_by *by, wr_from *from)
{
    wr_planner *planner = outer->planner;
    if (!from->plan) return wr_fail_at(WR_E_SYNTAX, by->node.span, "WINDOW BY needs a FROM");
    wr_scope *scope = wr_scope_over(outer, from);
    wr_logical *node = wr_logical_new(planner, WR_L_TIME_WINDOW, NULL, NULL);
    wr_expr *time, *moment, *start;
    WR_TRY(wr_bind_expr(scope, by->time, &time));
    WR_TRY(milliseconds(planner, by->every, "the size of windows", &node->time_window.size));
    node->time_window.slide = node->time_window.size;
    if (by->slide)
        WR_TRY(milliseconds(planner, by->slide, "the slide of windows", &node->time_window.slide));
    if (node->time_window.slide > node->time_window.size)
        return wr_fail_at(WR_E_BAD_ARGUMENT, by->slide->span,
                          "SLIDE is longer than EVERY: rows between the windows would be lost");
    if (node->time_window.size / node->time_window.slide >= WINDOWS_MAX)
        return wr_fail_at(WR_E_BAD_ARGUMENT, by->slide->span,
                          "every row would be in more than %d windows", WINDOWS_MAX);
    WR_TRY(moment_of(scope, time, by->time->span, &moment));
    WR_TRY(put_window(planner, node, moment, by->time->span, &from->plan));
    start = wr_column_ref(planner, node->time_window.start);
    if (moment != time) { /* such times are texts in what they become */
        wr_expr *args[2] = {
            start, wr_expr_const(planner->arena, wr_value_text(WR_STR("%Y-%m-%dT%H:%M:%S")))};
        WR_TRY(wr_bind_by_name(scope, "strftime", args, 2, by->node.span, &start));
        start = as_column(planner, &from->plan, start, "window_start");
    }
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->items = wr_new_array(planner->arena, wr_scope_item, 1);
    table->count = 1;
    table->items[0] =
        (wr_scope_item){.name = wr_name_given(by->alias) ? by->alias.text : WR_STR("window_start"),
                        .expr = start,
                        .table = table};
    wr_from_add_table(planner, from, table);
    return WR_OK;
}

/* ---- GROUP BY TUMBLE(time, size) ---- */

/* Names no column has, so that the input may have a column window_start. */
static const char *const bound_names[] = {"$window_start", "$window_end"};

bool wr_is_window_bound(wr_str name)
{
    static const char *const names[] = {"tumble_start", "hop_start", "session_start",
                                        "tumble_end",   "hop_end",   "session_end"};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_str_is(name, names[i])) return true;
    return false;
}

static wr_node *bound_column(wr_planner *planner, int bound, wr_span span)
{
    wr_sql_column *column = (wr_sql_column *)wr_node_new(planner->arena, WR_SQL_COLUMN, span);
    column->parts.items = wr_new_array(planner->arena, wr_name, 1);
    column->parts.items[0] =
        (wr_name){.text = wr_str_of(bound_names[bound]), .span = span, .quoted = true};
    column->parts.count = 1;
    return &column->node;
}

weir_status wr_bind_window_bound(wr_scope *scope, const wr_sql_call *call, wr_expr **out)
{
    wr_str name = wr_names_last(call->name).text;
    bool is_end = wr_str_is((wr_str){name.data + name.length - 4, 4}, "_end");
    const wr_node *column = bound_column(scope->planner, is_end, call->node.span);
    weir_status bad = wr_bind_expr(scope, column, out);
    if (!bad) return WR_OK;
    wr_status_drop(bad);
    return wr_with_hint(wr_fail_at(WR_E_GROUPING, call->node.span,
                                   "%.*s needs a window of time in GROUP BY", WR_STR_ARGS(name)),
                        "GROUP BY tumble(time, INTERVAL '1 minute')");
}

static const wr_sql_call *group_window(const wr_sql_select *select, int *at)
{
    for (*at = 0; *at < select->group_by.count; (*at)++) {
        const wr_node *key = select->group_by.items[*at];
        if (key->kind != WR_SQL_CALL) continue;
        const wr_sql_call *call = wr_sql_as_call(key);
        if (wr_is_time_window(wr_names_last(call->name).text) && call->args.count > 1) return call;
    }
    return NULL;
}

weir_status wr_bind_group_window(wr_scope *outer, const wr_sql_select **select, wr_from *from)
{
    wr_planner *planner = outer->planner;
    window_call w = {0};
    int at, ignored;
    const wr_sql_call *call = group_window(*select, &at);
    if (!call || !from->plan) return WR_OK;
    WR_TRY(read_arguments(call, false, &w));
    if (w.table || w.partition)
        return wr_fail_at(WR_E_BAD_ARGUMENT, call->node.span,
                          "a window of GROUP BY is over the rows of FROM, per its other keys");
    wr_scope *scope = wr_scope_over(outer, from);
    wr_logical *node = wr_logical_new(planner, WR_L_TIME_WINDOW, NULL, NULL);
    wr_expr *time;
    WR_TRY(read_lengths(planner, &w, node));
    WR_TRY(wr_bind_expr(scope, w.time, &time));
    WR_TRY(put_window(planner, node, time, w.time->span, &from->plan));
    if (node->time_window.kind == WR_TIME_SESSION)
        wr_push(planner->arena, &planner->open_sessions, node);
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    const wr_column_id ids[2] = {node->time_window.start, node->time_window.end};
    table->items = wr_new_array(planner->arena, wr_scope_item, 2);
    table->count = 2;
    for (int i = 0; i < 2; i++)
        table->items[i] = (wr_scope_item){.name = wr_str_of(bound_names[i]),
                                          .expr = wr_column_ref(planner, ids[i]),
                                          .table = table,
                                          .hidden = true};
    wr_from_add_table(planner, from, table);
    wr_sql_select *grouped = wr_new(planner->arena, wr_sql_select);
    *grouped = **select;
    grouped->group_by.items =
        wr_new_array(planner->arena, wr_node *, (*select)->group_by.count + 1);
    for (int i = 0; i < (*select)->group_by.count; i++)
        grouped->group_by.items[i] = (*select)->group_by.items[i];
    grouped->group_by.items[at] = bound_column(planner, 0, call->node.span);
    grouped->group_by.items[grouped->group_by.count++] = bound_column(planner, 1, call->node.span);
    if (group_window(grouped, &ignored))
        return wr_fail_at(WR_E_UNSUPPORTED, (*select)->node.span,
                          "GROUP BY has two windows of time");
    *select = grouped;
    return WR_OK;
}
