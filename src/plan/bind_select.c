/* bind_select.c - one SELECT block: FROM, WHERE, GROUP BY, windows, projection, DISTINCT, ORDER BY,
 * LIMIT.
 *
 * All expressions of the block are bound first, over the columns of FROM; then the plan is put
 * together from below, and each layer replaces what it computes (aggregates, windows, set-returning
 * functions) in the expressions above it:
 *
 *   FROM -> filter (WHERE) -> aggregate -> filter (HAVING) -> windows -> filter (QUALIFY) -> unnest
 * -> project
 *        -> distinct -> sort/limit -> project (drops columns that only ORDER BY needed)
 *
 * The select list is bound before WHERE, so that its aliases may be used there when no column has
 * the name. */
#include "plan/bind.h"

typedef struct order_target {
    int item; /* of the select list */
    wr_sort_key key;
} order_target;

typedef struct block {
    wr_scope *scope;
    const wr_sql_select *select;
    wr_select_item
        *items; /* those of the select list, then hidden ones of ORDER BY and DISTINCT ON */
    int visible, count;
    order_target *order;
    int order_count;
    int *distinct_on; /* item numbers */
    int distinct_on_count;
    wr_expr **having, **qualify;
    int having_count, qualify_count;
    wr_grouping grouping;
    wr_column_id *ids; /* of the items in the projection */
} block;

static bool is_own(const wr_scope *scope, const wr_expr *e)
{
    if (e->kind == WR_X_WINDOW) return true;
    for (int i = 0; i < scope->aggregates.count; i++)
        if (scope->aggregates.items[i]->fn == e->aggregate->fn) return true;
    return false;
}

/* An alias may have brought a call of this block into WHERE; aggregates of outer blocks may stand
 * there. */
static weir_status no_calls(const wr_scope *scope, const wr_expr *e, wr_span span,
                            const char *where)
{
    for (;; e = e->args[0]) { /* chains of operators lean to the left without limit */
        bool is_call = e->kind == WR_X_AGGREGATE || e->kind == WR_X_WINDOW;
        if (is_call && is_own(scope, e)) {
            bool is_window = e->kind == WR_X_WINDOW;
            weir_status bad = wr_fail_at(is_window ? WR_E_WINDOWING : WR_E_GROUPING,
                                         e->span.length ? e->span : span, "%s cannot stand in %s",
                                         is_window ? "a window function" : "an aggregate", where);
            return strcmp(where, "WHERE") ? bad
                   : is_window            ? wr_with_hint(bad, "filter its result with QUALIFY")
                                          : wr_with_hint(bad, "filter groups with HAVING");
        }
        for (int i = 1; i < e->arg_count; i++)
            WR_TRY(no_calls(scope, e->args[i], span, where));
        if (!e->arg_count) return WR_OK;
    }
}

static void add_hidden(block *b, wr_expr *e, wr_span span)
{
    wr_arena *arena = b->scope->planner->arena;
    wr_select_item *items = wr_new_array(arena, wr_select_item, b->count + 2);
    if (b->count) memcpy(items, b->items, sizeof *items * (size_t)b->count);
    items[b->count] = (wr_select_item){.expr = e, .name = WR_STR("order"), .span = span};
    b->items = items;
    b->count++;
}

/* The item of the select list an expression of ORDER BY or DISTINCT ON means; a new hidden one if
 * none. */
static weir_status target_item(block *b, const wr_node *node, bool may_add, const char *what,
                               int *item)
{
    int64_t position;
    wr_scope *scope = b->scope;
    if (node->kind == WR_SQL_LITERAL) {
        const wr_sql_literal *literal = wr_sql_as_literal(node);
        if (literal->literal != WR_LIT_INTEGER)
            return wr_fail_at(WR_E_UNSUPPORTED, node->span,
                              "%s takes positions, columns or expressions, not other constants",
                              what);
        if (!wr_i64_read(literal->text, &position, NULL) || position < 1 || position > b->visible)
            return wr_fail_at(WR_E_UNKNOWN_COLUMN, node->span,
                              "%s position %.*s is not in the select list of %d %s", what,
                              WR_STR_ARGS(literal->text), b->visible,
                              b->visible == 1 ? "item" : "items");
        *item = (int)position - 1;
        return WR_OK;
    }
    if (node->kind == WR_SQL_COLUMN && wr_sql_as_column(node)->parts.count == 1) {
        wr_str name = wr_sql_as_column(node)->parts.items[0].text;
        int found = -1;
        for (int i = 0; i < b->visible; i++) {
            if (!wr_str_ieq(b->items[i].name, name)) continue;
            if (found >= 0 && !wr_expr_eq(b->items[found].expr, b->items[i].expr))
                return wr_fail_at(
                    WR_E_AMBIGUOUS_COLUMN, node->span,
                    "%s \"%.*s\" is ambiguous: several columns of the result have this name", what,
                    WR_STR_ARGS(name));
            if (found < 0) found = i;
        }
        if (found >= 0) {
            *item = found;
            return WR_OK;
        }
    }
    wr_expr *e;
    WR_TRY(wr_bind_expr(scope, node, &e));
    if (e->is_untyped) WR_TRY(wr_bind_coerce(scope->planner->arena, e, WR_VARCHAR, what, &e));
    for (int i = 0; i < b->count; i++)
        if (wr_expr_eq(b->items[i].expr, e)) {
            *item = i;
            return WR_OK;
        }
    if (!may_add)
        return wr_fail_at(WR_E_GROUPING, node->span,
                          "with SELECT DISTINCT, %s may only use what is in the select list", what);
    *item = b->count;
    add_hidden(b, e, node->span);
    return WR_OK;
}

static weir_status bind_order(block *b, const wr_nodes *order_by)
{
    wr_arena *arena = b->scope->planner->arena;
    b->order = wr_new_array(arena, order_target, order_by->count + b->visible + 1);
    for (int i = 0; i < order_by->count; i++) {
        const wr_sql_order_item *item = wr_sql_as_order_item(order_by->items[i]);
        if (!item->value) { /* ALL */
            for (int k = 0; k < b->visible; k++) {
                order_target *target = &b->order[b->order_count++];
                target->item = k;
                wr_sort_key_direction(item, &target->key);
            }
            continue;
        }
        const wr_node *columns = wr_find_columns(item->value);
        if (columns && columns == item->value) { /* ORDER BY COLUMNS(..) */
            wr_scope_item *some;
            int n;
            WR_TRY(wr_bind_column_choice(b->scope, columns, &some, &n));
            order_target *more = wr_new_array(
                arena, order_target, b->order_count + n + order_by->count + b->visible + 1);
            memcpy(more, b->order, sizeof *more * (size_t)b->order_count);
            b->order = more;
            for (int k = 0; k < n; k++) {
                order_target *target = &b->order[b->order_count++];
                for (target->item = 0; target->item < b->count; target->item++)
                    if (wr_expr_eq(b->items[target->item].expr, some[k].expr)) break;
                if (target->item == b->count)
                    add_hidden(b, wr_expr_copy(arena, some[k].expr), columns->span);
                wr_sort_key_direction(item, &target->key);
            }
            continue;
        }
        order_target *target = &b->order[b->order_count++];
        WR_TRY(target_item(b, item->value, !b->select->distinct, "ORDER BY", &target->item));
        wr_sort_key_direction(item, &target->key);
    }
    return WR_OK;
}

static weir_status bind_distinct_on(block *b)
{
    const wr_nodes *on = &b->select->distinct_on;
    b->distinct_on = wr_new_array(b->scope->planner->arena, int, on->count + 1);
    for (int i = 0; i < on->count; i++)
        WR_TRY(target_item(b, on->items[i], true, "DISTINCT ON",
                           &b->distinct_on[b->distinct_on_count++]));
    return WR_OK;
}

/* Literals without a type are text, unless a set operation may still give them one. */
static weir_status settle_items(block *b, bool keep)
{
    for (int i = 0; i < b->count; i++) {
        wr_expr **e = &b->items[i].expr;
        if (!(*e)->is_untyped || (keep && i < b->visible)) continue;
        wr_param_adopt(b->scope, *e, WR_VARCHAR);
        WR_TRY(wr_bind_coerce(b->scope->planner->arena, *e, WR_VARCHAR, "the select list", e));
    }
    return WR_OK;
}

static weir_status bind_parts(block *b, wr_logical **plan)
{
    wr_scope *scope = b->scope;
    const wr_sql_select *select = b->select;
    if (select->where) {
        wr_expr **where;
        int n;
        scope->clause = WR_IN_WHERE;
        WR_TRY(wr_bind_conjuncts(scope, select->where, "WHERE", &where, &n));
        for (int i = 0; i < n; i++)
            WR_TRY(no_calls(scope, where[i], where[i]->span, "WHERE"));
        *plan = wr_filter(scope->planner, *plan, where, n);
    }
    if (select->sample) WR_TRY(wr_bind_sample(scope, select->sample, plan));
    scope->clause = WR_IN_GROUP_BY;
    wr_expr **exprs = wr_new_array(scope->planner->arena, wr_expr *, b->visible + 1);
    wr_str *names = wr_new_array(scope->planner->arena, wr_str, b->visible + 1);
    for (int i = 0; i < b->visible; i++)
        exprs[i] = b->items[i].expr, names[i] = b->items[i].name;
    b->grouping.is_grouped = select->having != NULL;
    WR_TRY(wr_bind_group_by(scope, select, exprs, names, b->visible, &b->grouping));
    scope->clause = WR_IN_HAVING;
    if (select->having)
        WR_TRY(wr_bind_conjuncts(scope, select->having, "HAVING", &b->having, &b->having_count));
    scope->clause = WR_IN_QUALIFY;
    if (select->qualify)
        WR_TRY(
            wr_bind_conjuncts(scope, select->qualify, "QUALIFY", &b->qualify, &b->qualify_count));
    return WR_OK;
}

/* Replaces aggregates, then windows in everything above them; filters go between. */
static weir_status stack_layers(block *b, wr_logical **plan, int open_sessions)
{
    wr_scope *scope = b->scope;
    int total = b->count + b->qualify_count + b->having_count + scope->unnests.count, n = 0;
    wr_expr **all = wr_new_array(scope->planner->arena, wr_expr *, total + 1);
    for (int i = 0; i < b->count; i++)
        all[n++] = b->items[i].expr;
    for (int i = 0; i < b->qualify_count; i++)
        all[n++] = b->qualify[i];
    for (int i = 0; i < scope->unnests.count; i++)
        all[n++] = scope->unnests.items[i].list;
    for (int i = 0; i < b->having_count; i++)
        all[n++] = b->having[i];
    WR_TRY(wr_bind_grouping(scope, plan, &b->grouping, all, total));
    WR_TRY(wr_bind_sessions(scope, *plan, open_sessions));
    int above = total - b->having_count;
    if (b->having_count) *plan = wr_filter(scope->planner, *plan, all + above, b->having_count);
    WR_TRY(wr_place_windows(scope, plan, all, above));
    if (b->qualify_count)
        *plan = wr_filter(scope->planner, *plan, all + b->count, b->qualify_count);
    for (int i = 0; i < b->count; i++)
        b->items[i].expr = all[i];
    for (int i = 0; i < scope->unnests.count; i++)
        scope->unnests.items[i].list = all[b->count + b->qualify_count + i];
    return wr_place_unnests(scope, plan);
}

static void project_items(block *b, wr_logical **plan)
{
    wr_planner *planner = b->scope->planner;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, b->count + 1);
    b->ids = wr_new_array(planner->arena, wr_column_id, b->count + 1);
    for (int i = 0; i < b->count; i++) {
        b->ids[i] = wr_planner_column(planner, b->items[i].name, b->items[i].expr->type);
        bindings[i] = (wr_binding){b->ids[i], b->items[i].expr};
    }
    *plan = wr_project(planner, *plan, bindings, b->count);
}

static wr_sort_key *sort_keys(block *b)
{
    wr_planner *planner = b->scope->planner;
    wr_sort_key *keys = wr_new_array(planner->arena, wr_sort_key, b->order_count + 1);
    for (int i = 0; i < b->order_count; i++) {
        keys[i] = b->order[i].key;
        keys[i].expr = wr_column_ref(planner, b->ids[b->order[i].item]);
    }
    return keys;
}

static void apply_distinct(block *b, wr_logical **plan)
{
    wr_planner *planner = b->scope->planner;
    if (b->distinct_on_count) {
        wr_logical *node = wr_logical_new(planner, WR_L_DISTINCT_ON, *plan, NULL);
        node->distinct_on.keys = wr_new_array(planner->arena, wr_expr *, b->distinct_on_count);
        for (int i = 0; i < b->distinct_on_count; i++)
            node->distinct_on.keys[i] = wr_column_ref(planner, b->ids[b->distinct_on[i]]);
        node->distinct_on.key_count = b->distinct_on_count;
        node->distinct_on.order = sort_keys(b);
        node->distinct_on.order_count = b->order_count;
        wr_logical_set_outputs(planner, node);
        *plan = node;
        return;
    }
    if (!b->select->distinct) return;
    wr_result_column *columns = wr_new_array(planner->arena, wr_result_column, b->count);
    for (int i = 0; i < b->count; i++)
        columns[i] = (wr_result_column){
            .id = b->ids[i], .name = b->items[i].name, .type = b->items[i].expr->type};
    *plan = wr_distinct(planner, *plan, columns, b->count);
    for (int i = 0; i < b->count; i++)
        b->ids[i] = columns[i].id;
}

/* FETCH FIRST n ROWS WITH TIES: rows whose rank by the order is within offset + n. */
static weir_status keep_ties(block *b, wr_logical **plan, wr_expr *limit, wr_expr *offset,
                             wr_span span)
{
    wr_planner *planner = b->scope->planner;
    if (!b->order_count) return wr_fail_at(WR_E_SYNTAX, span, "WITH TIES needs an ORDER BY");
    wr_logical *node = wr_logical_new(planner, WR_L_WINDOW, *plan, NULL);
    wr_window_call *call = wr_new(planner->arena, wr_window_call);
    call->order = sort_keys(b);
    call->order_count = b->order_count;
    call->frame = (wr_frame){.unit = WR_WINDOW_RANGE, .end = WR_CURRENT_ROW};
    WR_TRY(wr_bind_window_fn(planner->arena, WR_STR("rank"), span, call));
    node->window.calls = call;
    node->window.call_count = 1;
    node->window.top_rows = -1;
    wr_logical_set_outputs(planner, node);
    wr_expr *last = limit, *within;
    if (offset)
        WR_TRY(wr_bind_by_name(b->scope, "+",
                               (wr_expr *[]){limit, wr_expr_copy(planner->arena, offset)}, 2, span,
                               &last));
    const wr_output *rank = &node->outputs[node->output_count - 1];
    WR_TRY(wr_bind_compare(planner->arena, WR_LE,
                           wr_expr_column(planner->arena, rank->id, rank->type), last, span,
                           &within));
    wr_expr **conjunct = wr_new_array(planner->arena, wr_expr *, 1);
    conjunct[0] = within;
    *plan = wr_filter(planner, node, conjunct, 1);
    return WR_OK;
}

static weir_status order_and_limit(block *b, const wr_sql_query *around, wr_logical **plan)
{
    wr_planner *planner = b->scope->planner;
    wr_expr *limit = NULL, *offset = NULL;
    WR_TRY(wr_bind_limit(b->scope->parent, around, &limit, &offset));
    bool percent = limit && around->limit_percent;
    if (limit && around->with_ties) {
        WR_TRY(keep_ties(b, plan, limit, offset, around->node.span));
        limit = NULL;
    }
    bool fused = b->order_count && !percent;
    if (wr_limit_is_value(planner, limit, offset))
        return wr_limit_by_value(b->scope, b->order_count ? sort_keys(b) : NULL, b->order_count,
                                 limit, offset, plan);
    if (b->order_count) {
        wr_logical *sort = wr_logical_new(planner, WR_L_SORT, *plan, NULL);
        sort->sort.keys = sort_keys(b);
        sort->sort.key_count = b->order_count;
        if (fused) sort->sort.limit = limit, sort->sort.offset = offset;
        wr_logical_set_outputs(planner, sort);
        *plan = sort;
    }
    if ((limit || offset) && !fused) {
        wr_logical *node = wr_logical_new(planner, WR_L_LIMIT, *plan, NULL);
        node->limit.count = limit;
        node->limit.offset = offset;
        node->limit.is_percent = percent;
        wr_logical_set_outputs(planner, node);
        *plan = node;
    }
    return WR_OK;
}

static void make_result(block *b, wr_logical *plan, bool keep_untyped, wr_result *out)
{
    wr_planner *planner = b->scope->planner;
    wr_logical *top = plan;
    out->count = b->visible;
    out->columns = wr_new_array(planner->arena, wr_result_column, b->visible + 1);
    for (int i = 0; i < b->visible; i++) {
        out->columns[i] = (wr_result_column){
            .id = b->ids[i], .name = b->items[i].name, .type = b->items[i].expr->type};
        if (keep_untyped && b->items[i].expr->is_untyped && plan->kind == WR_L_PROJECT)
            out->columns[i].untyped = &plan->project.bindings[i].expr;
    }
    if (b->count > b->visible) {
        wr_binding *bindings = wr_new_array(planner->arena, wr_binding, b->visible + 1);
        for (int i = 0; i < b->visible; i++) {
            bindings[i].expr = wr_column_ref(planner, b->ids[i]);
            bindings[i].id = wr_planner_column(planner, b->items[i].name, bindings[i].expr->type);
            out->columns[i].id = bindings[i].id;
        }
        top = wr_project(planner, plan, bindings, b->visible);
    }
    out->plan = top;
}

static weir_status check_window_names(const wr_nodes *defs)
{
    for (int i = 0; i < defs->count; i++)
        for (int k = 0; k < i; k++) {
            wr_name name = wr_sql_as_window(defs->items[i])->name;
            if (wr_str_ieq(name.text, wr_sql_as_window(defs->items[k])->name.text))
                return wr_fail_at(WR_E_WINDOWING, name.span, "the window %.*s is defined twice",
                                  WR_STR_ARGS(name.text));
        }
    return WR_OK;
}

static weir_status refuse_unsupported(const wr_sql_select *select)
{
    if (select->keyword_search)
        return wr_fail_at(WR_E_UNSUPPORTED, select->keyword_search->span,
                          "KEYWORD SEARCH is not supported");
    if (select->hybrid_search)
        return wr_fail_at(WR_E_UNSUPPORTED, select->hybrid_search->span,
                          "HYBRID SEARCH is not supported");
    return WR_OK;
}

weir_status wr_bind_select(wr_scope *outer, const wr_sql_select *select, const wr_sql_query *around,
                           bool keep_untyped, wr_result *out)
{
    wr_planner *planner = outer->planner;
    wr_scope *scope = wr_scope_new(planner, outer);
    block b = {.scope = scope, .select = select};
    wr_from from = {0};
    WR_TRY(refuse_unsupported(select));
    int open_sessions = planner->open_sessions.count;
    WR_TRY(wr_bind_from(outer, &select->from, &from));
    if (select->window_by)
        WR_TRY(wr_bind_window_by(outer, wr_sql_as_window_by(select->window_by), &from));
    WR_TRY(wr_bind_group_window(outer, &select, &from));
    b.select = select;
    wr_scope_add_from(scope, &from);
    scope->is_block = true;
    WR_TRY(check_window_names(&select->windows));
    scope->window_defs = &select->windows;
    wr_logical *plan = from.plan;
    if (!plan) {
        plan = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
        plan->values.rows = wr_new_array(planner->arena, wr_expr **, 1);
        plan->values.row_count = 1;
    }
    scope->clause = WR_IN_SELECT;
    WR_TRY(wr_bind_items(scope, &select->items, &b.items, &b.visible));
    b.count = b.visible;
    if (!b.visible && !from.plan)
        return wr_fail_at(WR_E_SYNTAX, select->node.span, "SELECT needs something to select");
    bool plain = !select->distinct && !select->distinct_on.count && !around->order_by.count &&
                 !select->group_all && !select->group_by.count;
    keep_untyped = keep_untyped && plain;
    WR_TRY(bind_parts(&b, &plan));
    scope->clause = WR_IN_ORDER_BY;
    if (select->distinct_on.count) WR_TRY(bind_distinct_on(&b));
    WR_TRY(bind_order(&b, &around->order_by));
    WR_TRY(settle_items(&b, keep_untyped));
    WR_TRY(stack_layers(&b, &plan, open_sessions));
    project_items(&b, &plan);
    wr_logical *projection = plan;
    apply_distinct(&b, &plan);
    WR_TRY(order_and_limit(&b, around, &plan));
    make_result(&b, plan, keep_untyped, out);
    if (keep_untyped &&
        plan != projection) /* a LIMIT is above: the slots are in the projection below */
        for (int i = 0; i < b.visible; i++)
            if (b.items[i].expr->is_untyped)
                out->columns[i].untyped = &projection->project.bindings[i].expr;
    return WR_OK;
}
