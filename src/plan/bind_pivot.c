/* bind_pivot.c - PIVOT and UNPIVOT, rewritten to plain SELECTs before they are bound.
 *
 *   PIVOT t ON c IN (1, 2) USING sum(x)  is  SELECT g, sum(x) FILTER (c = 1) "1", ... FROM t GROUP
 * BY g UNPIVOT t ON a, b INTO NAME n VALUE v  is  SELECT rest, unnest(['a', 'b']) n, unnest([a, b])
 * v FROM t
 *
 * Without IN the values of PIVOT are found by running SELECT DISTINCT c while the statement is
 * bound: the columns of the result depend on them. The rewritten tree is new, its parts are copies:
 * the statement is left as it was. */
#include "exec/run.h"
#include "plan/bind.h"
#include "sql/format.h"

#define PIVOT_COLUMNS_MAX 10000

typedef struct rewriter {
    wr_scope *scope;
    wr_arena *arena;
    wr_span span;
} rewriter;

static wr_name name_of(const rewriter *r, wr_str text)
{
    return (wr_name){.text = text, .span = r->span, .quoted = true};
}

static void add_node(const rewriter *r, wr_nodes *list, wr_node *node)
{
    wr_node **items = wr_new_array(r->arena, wr_node *, list->count + 1);
    if (list->count) memcpy(items, list->items, sizeof *items * (size_t)list->count);
    items[list->count++] = node;
    list->items = items;
}

static wr_node *column_node(const rewriter *r, wr_str name)
{
    wr_sql_column *column = (wr_sql_column *)wr_node_new(r->arena, WR_SQL_COLUMN, r->span);
    column->parts.items = wr_new_array(r->arena, wr_name, 1);
    column->parts.items[0] = name_of(r, name);
    column->parts.count = 1;
    return &column->node;
}

static wr_node *text_node(const rewriter *r, wr_str text)
{
    wr_sql_literal *literal = (wr_sql_literal *)wr_node_new(r->arena, WR_SQL_LITERAL, r->span);
    literal->literal = WR_LIT_STRING;
    literal->text = text;
    return &literal->node;
}

static wr_node *item_node(const rewriter *r, wr_node *value, wr_str alias)
{
    wr_sql_item *item = (wr_sql_item *)wr_node_new(r->arena, WR_SQL_ITEM, r->span);
    item->value = value;
    if (alias.length) item->alias = name_of(r, alias);
    return &item->node;
}

/* A SELECT as a relation with an alias, bound. */
static weir_status bind_rewritten(const rewriter *r, const wr_from *left, wr_sql_select *select,
                                  const wr_sql_alias *alias, wr_from *out)
{
    wr_sql_query *query = (wr_sql_query *)wr_node_new(r->arena, WR_SQL_QUERY, r->span);
    wr_sql_query_ref *ref = (wr_sql_query_ref *)wr_node_new(r->arena, WR_SQL_QUERY_REF, r->span);
    query->body = &select->node;
    ref->query = &query->node;
    ref->alias = *alias;
    return wr_bind_relation(r->scope, left, &ref->node, out);
}

static wr_sql_select *select_from(const rewriter *r, const wr_node *source)
{
    wr_sql_select *select = (wr_sql_select *)wr_node_new(r->arena, WR_SQL_SELECT, r->span);
    add_node(r, &select->from, wr_node_copy(r->arena, source));
    return select;
}

/* ---- values of PIVOT ---- */
typedef struct pivot_value {
    wr_node *value;
    wr_str name;
} pivot_value;
typedef struct value_list {
    WR_LIST(pivot_value) all;
} value_list;

static weir_status collect_batch(const rewriter *r, const wr_batch *batch, value_list *out)
{
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        uint32_t row = wr_batch_row(batch, i);
        if (wr_column_is_null(&batch->columns[0], row)) continue;
        WR_BUF(text);
        wr_column_print(&batch->columns[0], row, &text);
        wr_str copy = wr_arena_str(r->arena, wr_buf_str(&text));
        pivot_value value = {text_node(r, copy), copy};
        wr_push(r->arena, &out->all, value);
        if (out->all.count > PIVOT_COLUMNS_MAX)
            return wr_fail_at(WR_E_TOO_BIG, r->span,
                              "PIVOT finds more than %d values: list those wanted with IN",
                              PIVOT_COLUMNS_MAX);
    }
    return WR_OK;
}

/* Runs a query of one column with the values to make columns of. */
static weir_status run_query(const rewriter *r, const wr_node *query, value_list *out)
{
    wr_planner *planner = r->scope->planner;
    wr_result result;
    wr_plan_node *plan;
    WR_TRY(wr_bind_query(r->scope, query, false, &result));
    if (result.count != 1)
        return wr_fail_at(WR_E_COLUMN_COUNT, r->span, "the query of IN must have one column");
    wr_binding *binding = wr_new(planner->arena, wr_binding);
    *binding = (wr_binding){wr_planner_column(planner, WR_STR("value"), result.columns[0].type),
                            wr_column_ref(planner, result.columns[0].id)};
    wr_bound bound = {.root = wr_project(planner, result.plan, binding, 1)};
    WR_TRY(wr_plan_statement(planner, &bound, &plan));
    wr_pool *pool;
    wr_run *run = NULL;
    const wr_run_options options = {.thread_count = 1};
    WR_TRY(wr_pool_new(1, &pool));
    weir_status s = wr_run_new(pool, plan, planner->env, planner->env->mem, &options, &run);
    for (bool more = true; !s && more;) {
        wr_batch batch;
        s = wr_run_next(run, &batch, &more);
        if (!s && more) s = collect_batch(r, &batch, out);
    }
    if (run) wr_run_drop(run);
    wr_pool_drop(pool);
    return s;
}

/* SELECT DISTINCT value FROM source ORDER BY 1. */
static weir_status find_values(const rewriter *r, const wr_sql_pivot *pivot, const wr_node *value,
                               value_list *out)
{
    wr_sql_query *query = (wr_sql_query *)wr_node_new(r->arena, WR_SQL_QUERY, r->span);
    wr_sql_select *select = select_from(r, pivot->source);
    wr_sql_order_item *order =
        (wr_sql_order_item *)wr_node_new(r->arena, WR_SQL_ORDER_ITEM, r->span);
    add_node(r, &select->items, item_node(r, wr_node_copy(r->arena, value), WR_STR("value")));
    select->distinct = true;
    order->value = column_node(r, WR_STR("value"));
    add_node(r, &query->order_by, &order->node);
    query->body = &select->node;
    return run_query(r, &query->node, out);
}

static weir_status value_name(const rewriter *r, const wr_node *node, wr_str *out)
{
    wr_value value;
    WR_TRY(wr_bind_constant(r->scope->planner, node, NULL, &value));
    WR_BUF(text);
    if (value.is_null)
        wr_buf_add_text(&text, "NULL");
    else
        wr_value_print(&value, &text);
    *out = wr_arena_str(r->arena, wr_buf_str(&text));
    return WR_OK;
}

static weir_status values_of(const rewriter *r, const wr_sql_pivot *pivot,
                             const wr_sql_pivot_on *on, value_list *out)
{
    if (on->in_query) return run_query(r, on->in_query, out);
    if (on->in_enum.count) {
        wr_str schema, name;
        wr_split_name(&on->in_enum, &schema, &name);
        wr_planner *planner = r->scope->planner;
        wr_object *object =
            planner->catalog ? wr_catalog_find(planner->catalog, 1u << WR_ENTRY_TYPE, schema, name)
                             : NULL;
        if (object) wr_push(planner->arena, &planner->objects, object);
        if (!object || object->type->id != WR_T_ENUM)
            return wr_fail_at(WR_E_UNKNOWN_TYPE, on->node.span, "no ENUM type \"%.*s\"",
                              WR_STR_ARGS(name));
        for (int i = 0; i < object->type->label_count; i++) {
            pivot_value value = {text_node(r, object->type->labels[i]), object->type->labels[i]};
            wr_push(r->arena, &out->all, value);
        }
        return WR_OK;
    }
    if (!on->in.count) return find_values(r, pivot, on->value, out);
    for (int i = 0; i < on->in.count; i++) {
        const wr_sql_item *item = wr_sql_as_item(on->in.items[i]);
        pivot_value value = {item->value, item->alias.text};
        if (item->value->kind == WR_SQL_COLUMN) /* a bare word is its text */
            value.value = text_node(r, wr_names_last(wr_sql_as_column(item->value)->parts).text);
        if (!value.name.length) WR_TRY(value_name(r, value.value, &value.name));
        wr_push(r->arena, &out->all, value);
    }
    return WR_OK;
}

/* ---- PIVOT ---- */
typedef struct adding_filter {
    const rewriter *r;
    wr_node *condition;
    bool found;
} adding_filter;

static weir_status add_filter(void *context, wr_node **slot)
{
    adding_filter *f = context;
    for (; (*slot)->kind == WR_SQL_BINARY; slot = &wr_sql_as_binary(*slot)->left)
        WR_TRY(add_filter(context, &wr_sql_as_binary(*slot)->right));
    if ((*slot)->kind == WR_SQL_QUERY) return WR_OK;
    if ((*slot)->kind == WR_SQL_CALL && !wr_sql_as_call(*slot)->over &&
        wr_aggregate_exists(wr_names_last(wr_sql_as_call(*slot)->name).text)) {
        wr_sql_call *call = wr_sql_as_call(*slot);
        f->found = true;
        wr_node *condition = wr_node_copy(f->r->arena, f->condition);
        if (call->filter) {
            wr_sql_logic *both = (wr_sql_logic *)wr_node_new(f->r->arena, WR_SQL_LOGIC, f->r->span);
            add_node(f->r, &both->operands, call->filter);
            add_node(f->r, &both->operands, condition);
            condition = &both->node;
        }
        call->filter = condition;
        return WR_OK;
    }
    return wr_node_each_child(*slot, add_filter, f);
}

static weir_status collect_names(void *context, wr_node **slot)
{
    wr_nodes *list = context;
    for (; (*slot)->kind == WR_SQL_BINARY; slot = &wr_sql_as_binary(*slot)->left)
        WR_TRY(collect_names(context, &wr_sql_as_binary(*slot)->right));
    if ((*slot)->kind == WR_SQL_COLUMN) list->items[list->count++] = *slot;
    if (list->count >= 1000) return WR_OK;
    return wr_node_each_child(*slot, collect_names, list);
}

static bool mentions(const wr_nodes *columns, wr_str name)
{
    for (int i = 0; i < columns->count; i++)
        if (wr_str_ieq(wr_names_last(wr_sql_as_column(columns->items[i])->parts).text, name))
            return true;
    return false;
}

/* GROUP BY: as written, else every column that is neither pivoted nor aggregated. */
static weir_status group_columns(const rewriter *r, const wr_sql_pivot *pivot,
                                 wr_sql_select *select)
{
    for (int i = 0; i < pivot->group_by.count; i++)
        add_node(r, &select->items,
                 item_node(r, column_node(r, pivot->group_by.items[i].text), WR_STR("")));
    if (!pivot->group_by.count) {
        wr_from from = {0};
        wr_nodes used = {.items = wr_new_array(r->arena, wr_node *, 1001)};
        for (int i = 0; i < pivot->on.count; i++)
            WR_TRY(collect_names(&used, &wr_sql_as_pivot_on(pivot->on.items[i])->value));
        for (int i = 0; i < pivot->values.count; i++)
            WR_TRY(collect_names(&used, &wr_sql_as_item(pivot->values.items[i])->value));
        WR_TRY(wr_bind_relation(r->scope, NULL, pivot->source, &from));
        for (int i = 0; i < from.items.count; i++)
            if (!from.items.items[i].hidden && !mentions(&used, from.items.items[i].name))
                add_node(r, &select->items,
                         item_node(r, column_node(r, from.items.items[i].name), WR_STR("")));
    }
    for (int i = 0; i < select->items.count; i++)
        add_node(r, &select->group_by,
                 wr_node_copy(r->arena, wr_sql_as_item(select->items.items[i])->value));
    return WR_OK;
}

static wr_node *equals(const rewriter *r, const wr_node *left, const wr_node *right)
{
    wr_sql_binary *equal = (wr_sql_binary *)wr_node_new(r->arena, WR_SQL_BINARY, r->span);
    equal->op = WR_OP_NOT_DISTINCT;
    equal->left = wr_node_copy(r->arena, left);
    equal->right = wr_node_copy(r->arena, right);
    return &equal->node;
}

static weir_status pivot_column(const rewriter *r, const wr_sql_pivot *pivot, wr_sql_select *select,
                                wr_node *condition, wr_str name)
{
    for (int i = 0; i < pivot->values.count; i++) {
        const wr_sql_item *item = wr_sql_as_item(pivot->values.items[i]);
        wr_node *value = wr_node_copy(r->arena, item->value);
        adding_filter f = {.r = r, .condition = condition};
        WR_TRY(add_filter(&f, &value));
        if (!f.found) return wr_fail_at(WR_E_GROUPING, item->node.span, "USING takes aggregates");
        wr_str suffix = item->alias.text;
        if (!suffix.length && pivot->values.count > 1) {
            WR_BUF(text);
            wr_node_format(&text, item->value);
            suffix = wr_arena_str(r->arena, wr_buf_str(&text));
        }
        wr_str full = suffix.length ? wr_arena_printf(r->arena, "%.*s_%.*s", WR_STR_ARGS(name),
                                                      WR_STR_ARGS(suffix))
                                    : name;
        add_node(r, &select->items, item_node(r, value, full));
    }
    return WR_OK;
}

/* All combinations of the values of the ON elements from at on. */
static weir_status pivot_from(const rewriter *r, const wr_sql_pivot *pivot, wr_sql_select *select,
                              const value_list *values, int at, wr_node *condition, wr_str name)
{
    if (at == pivot->on.count) return pivot_column(r, pivot, select, condition, name);
    for (int i = 0; i < values[at].all.count; i++) {
        const pivot_value *value = &values[at].all.items[i];
        wr_node *equal = equals(r, wr_sql_as_pivot_on(pivot->on.items[at])->value, value->value);
        wr_str longer =
            at ? wr_arena_printf(r->arena, "%.*s_%.*s", WR_STR_ARGS(name), WR_STR_ARGS(value->name))
               : value->name;
        if (condition) {
            wr_sql_logic *both = (wr_sql_logic *)wr_node_new(r->arena, WR_SQL_LOGIC, r->span);
            add_node(r, &both->operands, wr_node_copy(r->arena, condition));
            add_node(r, &both->operands, equal);
            equal = &both->node;
        }
        if (select->items.count > PIVOT_COLUMNS_MAX)
            return wr_fail_at(WR_E_TOO_BIG, r->span, "PIVOT makes more than %d columns",
                              PIVOT_COLUMNS_MAX);
        WR_TRY(pivot_from(r, pivot, select, values, at + 1, equal, longer));
    }
    return WR_OK;
}

weir_status wr_bind_pivot(wr_scope *outer, const wr_from *left, const wr_sql_pivot *pivot,
                          wr_from *out)
{
    rewriter r = {.scope = outer, .arena = outer->planner->arena, .span = pivot->node.span};
    wr_sql_pivot full = *pivot;
    wr_sql_select *select = select_from(&r, pivot->source);
    if (!full.values.count) { /* count(*) */
        wr_sql_call *count = (wr_sql_call *)wr_node_new(r.arena, WR_SQL_CALL, r.span);
        count->name.items = wr_new_array(r.arena, wr_name, 1);
        count->name.items[0] = name_of(&r, WR_STR("count"));
        count->name.count = 1;
        add_node(&r, &count->args, wr_node_new(r.arena, WR_SQL_STAR, r.span));
        add_node(&r, &full.values, item_node(&r, &count->node, WR_STR("")));
    }
    WR_TRY(group_columns(&r, &full, select));
    value_list *values = wr_new_array(r.arena, value_list, full.on.count + 1);
    for (int i = 0; i < full.on.count; i++)
        WR_TRY(values_of(&r, &full, wr_sql_as_pivot_on(full.on.items[i]), &values[i]));
    WR_TRY(pivot_from(&r, &full, select, values, 0, NULL, WR_STR("")));
    return bind_rewritten(&r, left, select, &pivot->alias, out);
}

/* ---- UNPIVOT ---- */
typedef struct unpivot_lists {
    wr_nodes names;   /* text literals */
    wr_nodes *values; /* per value column */
    int width;
    WR_LIST(wr_str) used;
} unpivot_lists;

static weir_status add_group(const rewriter *r, unpivot_lists *lists, const wr_str *columns,
                             int count, wr_str label)
{
    if (count != lists->width)
        return wr_fail_at(WR_E_COLUMN_COUNT, r->span,
                          "UNPIVOT has %d value %s and an element of %d", lists->width,
                          lists->width == 1 ? "column" : "columns", count);
    WR_BUF(text);
    for (int i = 0; i < count; i++) {
        wr_buf_printf(&text, "%s%.*s", i ? "_" : "", WR_STR_ARGS(columns[i]));
        add_node(r, &lists->values[i], column_node(r, columns[i]));
        wr_push(r->arena, &lists->used, columns[i]);
    }
    if (!label.length) label = wr_arena_str(r->arena, wr_buf_str(&text));
    add_node(r, &lists->names, text_node(r, label));
    return WR_OK;
}

static weir_status add_element(const rewriter *r, wr_scope *scope, unpivot_lists *lists,
                               const wr_sql_item *item)
{
    const wr_node *value = item->value;
    if (value->kind == WR_SQL_STAR || value->kind == WR_SQL_COLUMNS) {
        wr_scope_item *items;
        int count;
        WR_TRY(wr_bind_column_choice(scope, value, &items, &count));
        for (int i = 0; i < count; i++)
            WR_TRY(add_group(r, lists, &items[i].name, 1, WR_STR("")));
        return WR_OK;
    }
    const wr_nodes one = {.items = (wr_node **)&value, .count = 1};
    const wr_nodes *parts = value->kind == WR_SQL_ROW ? &wr_sql_as_row(value)->items : &one;
    wr_str *columns = wr_new_array(r->arena, wr_str, parts->count + 1);
    for (int i = 0; i < parts->count; i++) {
        if (parts->items[i]->kind != WR_SQL_COLUMN)
            return wr_fail_at(WR_E_UNSUPPORTED, parts->items[i]->span, "UNPIVOT takes columns");
        columns[i] = wr_names_last(wr_sql_as_column(parts->items[i])->parts).text;
    }
    return add_group(r, lists, columns, parts->count, item->alias.text);
}

static wr_node *unnest_of(const rewriter *r, wr_nodes items)
{
    wr_sql_list *list = (wr_sql_list *)wr_node_new(r->arena, WR_SQL_LIST, r->span);
    wr_sql_call *call = (wr_sql_call *)wr_node_new(r->arena, WR_SQL_CALL, r->span);
    list->items = items;
    call->name.items = wr_new_array(r->arena, wr_name, 1);
    call->name.items[0] = name_of(r, WR_STR("unnest"));
    call->name.count = 1;
    add_node(r, &call->args, &list->node);
    return &call->node;
}

/* SELECT * FROM (inner) WHERE value IS NOT NULL [OR ...]. */
static wr_sql_select *without_nulls(const rewriter *r, wr_sql_select *inner, const wr_str *names,
                                    int count)
{
    wr_sql_query *query = (wr_sql_query *)wr_node_new(r->arena, WR_SQL_QUERY, r->span);
    wr_sql_query_ref *ref = (wr_sql_query_ref *)wr_node_new(r->arena, WR_SQL_QUERY_REF, r->span);
    wr_sql_select *select = (wr_sql_select *)wr_node_new(r->arena, WR_SQL_SELECT, r->span);
    wr_sql_logic *any = (wr_sql_logic *)wr_node_new(r->arena, WR_SQL_LOGIC, r->span);
    query->body = &inner->node;
    ref->query = &query->node;
    add_node(r, &select->from, &ref->node);
    add_node(r, &select->items,
             item_node(r, wr_node_new(r->arena, WR_SQL_STAR, r->span), WR_STR("")));
    any->is_or = true;
    for (int i = 0; i < count; i++) {
        wr_sql_test *test = (wr_sql_test *)wr_node_new(r->arena, WR_SQL_TEST, r->span);
        test->test = WR_IS_NULL;
        test->negated = true;
        test->operand = column_node(r, names[i]);
        add_node(r, &any->operands, &test->node);
    }
    select->where = count == 1 ? any->operands.items[0] : &any->node;
    return select;
}

weir_status wr_bind_unpivot(wr_scope *outer, const wr_from *left, const wr_sql_unpivot *unpivot,
                            wr_from *out)
{
    rewriter r = {.scope = outer, .arena = outer->planner->arena, .span = unpivot->node.span};
    int width = WR_MAX(unpivot->value_columns.count, 1);
    unpivot_lists lists = {.width = width, .values = wr_new_array(r.arena, wr_nodes, width)};
    wr_from from = {0};
    WR_TRY(wr_bind_relation(outer, NULL, unpivot->source, &from));
    wr_scope *scope = wr_scope_over(outer, &from);
    for (int i = 0; i < unpivot->on.count; i++)
        WR_TRY(add_element(&r, scope, &lists, wr_sql_as_item(unpivot->on.items[i])));
    wr_sql_select *select = select_from(&r, unpivot->source);
    for (int i = 0; i < from.items.count; i++) {
        bool used = from.items.items[i].hidden;
        for (int k = 0; k < lists.used.count; k++)
            used = used || wr_str_ieq(lists.used.items[k], from.items.items[i].name);
        if (!used)
            add_node(&r, &select->items,
                     item_node(&r, column_node(&r, from.items.items[i].name), WR_STR("")));
    }
    wr_str name = wr_name_given(unpivot->name_column) ? unpivot->name_column.text : WR_STR("name");
    wr_str *values = wr_new_array(r.arena, wr_str, width);
    add_node(&r, &select->items, item_node(&r, unnest_of(&r, lists.names), name));
    for (int i = 0; i < width; i++) {
        values[i] =
            unpivot->value_columns.count ? unpivot->value_columns.items[i].text : WR_STR("value");
        add_node(&r, &select->items, item_node(&r, unnest_of(&r, lists.values[i]), values[i]));
    }
    if (!unpivot->include_nulls) select = without_nulls(&r, select, values, width);
    return bind_rewritten(&r, left, select, &unpivot->alias, out);
}
