/* bind_group.c - GROUP BY: keys, grouping sets, and what may stand above an aggregation.
 *
 * Expressions of a grouped block were bound over the columns of FROM. Here they are rewritten from
 * the top down: an expression equal to a key becomes the key's column, an aggregate of the block
 * becomes a call's column, and a column of FROM that is left over is an error - except when the
 * keys hold the primary key of its table, which determines it: then it is carried along as one more
 * key. The rewriting goes into subqueries, because they may mention columns of this block and may
 * hold aggregates that belong to it. */
#include "plan/bind.h"
#include "sql/place.h"

#define SETS_MAX 4096

/* ---- mapping expressions ---- */
typedef struct mapping {
    wr_arena *arena;
    wr_expr_map_fn *fn;
    void *arg;
    weir_status failed;
} mapping;

static void map_slot(wr_expr **slot, void *arg)
{
    mapping *m = arg;
    if (!m->failed && *slot) m->failed = wr_expr_map(m->arena, *slot, m->fn, m->arg, slot);
}

static weir_status map_all(mapping *m, wr_expr ***exprs, int count)
{
    wr_expr **copy = wr_new_array(m->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++) {
        copy[i] = (*exprs)[i];
        map_slot(&copy[i], m);
    }
    *exprs = copy;
    return m->failed;
}

static weir_status map_order(mapping *m, wr_sort_key **keys, int count)
{
    wr_sort_key *copy = wr_new_array(m->arena, wr_sort_key, count + 1);
    for (int i = 0; i < count; i++) {
        copy[i] = (*keys)[i];
        map_slot(&copy[i].expr, m);
    }
    *keys = copy;
    return m->failed;
}

static weir_status map_call(mapping *m, wr_aggregate_call *call)
{
    WR_TRY(map_all(m, &call->args, call->arg_count));
    map_slot(&call->filter, m);
    return map_order(m, &call->order, call->order_count);
}

static weir_status map_window(mapping *m, wr_window_call *call)
{
    WR_TRY(map_call(m, &call->aggregate));
    WR_TRY(map_all(m, &call->partition, call->partition_count));
    WR_TRY(map_order(m, &call->order, call->order_count));
    map_slot(&call->frame.start_offset, m);
    map_slot(&call->frame.end_offset, m);
    return m->failed;
}

static weir_status map_plan(mapping *m, wr_logical *node, wr_column_set *seen)
{
    if (node->kind == WR_L_SHARED) {
        if (wr_column_set_has(seen, (wr_column_id)node->shared.id)) return WR_OK;
        wr_column_set_add(m->arena, seen, (wr_column_id)node->shared.id);
    }
    wr_logical_each_expr(node, map_slot, m);
    for (int i = 0; i < node->input_count && !m->failed; i++)
        m->failed = map_plan(m, node->inputs[i], seen);
    return m->failed;
}

/* A copy of e whose children are mapped, all but the first of args. */
static weir_status map_node(mapping *m, wr_expr *e, wr_expr **out)
{
    wr_expr *copy = wr_new(m->arena, wr_expr);
    *copy = *e;
    *out = copy;
    if (e->arg_count) {
        copy->args = wr_new_array(m->arena, wr_expr *, e->arg_count + 1);
        memcpy(copy->args, e->args, sizeof(wr_expr *) * (size_t)e->arg_count);
        for (int i = 1; i < e->arg_count; i++)
            map_slot(&copy->args[i], m);
        if (m->failed) return m->failed;
    }
    if (e->kind == WR_X_AGGREGATE) {
        copy->aggregate = wr_new(m->arena, wr_aggregate_call);
        *copy->aggregate = *e->aggregate;
        return map_call(m, copy->aggregate);
    }
    if (e->kind == WR_X_WINDOW) {
        copy->window = wr_new(m->arena, wr_window_call);
        *copy->window = *e->window;
        return map_window(m, copy->window);
    }
    if (e->kind == WR_X_SUBQUERY) {
        wr_subquery *sub = e->subquery;
        wr_column_set seen = {0};
        WR_TRY(map_all(m, &sub->left, sub->left_count));
        return map_plan(m, sub->plan, &seen);
    }
    return WR_OK;
}

/* First operands are followed in a loop: chains of operators lean to the left without limit. */
weir_status wr_expr_map(wr_arena *arena, wr_expr *e, wr_expr_map_fn *fn, void *arg, wr_expr **out)
{
    mapping m = {.arena = arena, .fn = fn, .arg = arg};
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, e->span));
    for (wr_expr **slot = out;; slot = &(*slot)->args[0]) {
        wr_expr *instead = NULL;
        WR_TRY(fn(e, arg, &instead));
        if (instead) {
            *slot = instead;
            return WR_OK;
        }
        WR_TRY(map_node(&m, e, slot));
        if (!e->arg_count) return WR_OK;
        e = e->args[0];
    }
}

/* ---- keys ---- */
static bool finds_block_calls(const wr_expr *e, void *arg)
{
    bool *found = arg;
    if (e->kind == WR_X_AGGREGATE || e->kind == WR_X_WINDOW) *found = true;
    return !*found;
}

static bool has_calls(const wr_expr *e)
{
    bool found = false;
    wr_expr_walk(e, finds_block_calls, &found);
    return found;
}

static weir_status add_key(wr_scope *scope, wr_grouping *g, int *cap, wr_expr *key, wr_str name,
                           int *index)
{
    wr_arena *arena = scope->planner->arena;
    for (int i = 0; i < g->key_count; i++)
        if (wr_expr_eq(g->keys[i], key)) {
            *index = i;
            return WR_OK;
        }
    if (g->key_count == *cap) {
        int more = *cap ? *cap * 2 : 8;
        g->keys = wr_arena_grow(arena, g->keys, sizeof *g->keys * (size_t)*cap,
                                sizeof *g->keys * (size_t)more);
        g->names = wr_arena_grow(arena, g->names, sizeof *g->names * (size_t)*cap,
                                 sizeof *g->names * (size_t)more);
        *cap = more;
    }
    *index = g->key_count;
    g->keys[g->key_count] = key;
    g->names[g->key_count++] = name;
    return WR_OK;
}

typedef struct group_binder {
    wr_scope *scope;
    wr_expr **items;
    const wr_str *names;
    int item_count;
    wr_grouping *out;
    int cap;
} group_binder;

static weir_status use_item(group_binder *b, int i, wr_span span, wr_expr **key, wr_str *name)
{
    if (has_calls(b->items[i]))
        return wr_fail_at(WR_E_GROUPING, span,
                          "aggregates and window functions cannot stand in GROUP BY");
    *key = b->items[i];
    *name = b->names[i];
    return WR_OK;
}

/* A position, a column, an alias of the select list, or an expression. */
static weir_status bind_key(group_binder *b, const wr_node *node, int *index)
{
    wr_scope *scope = b->scope;
    wr_expr *key = NULL;
    wr_str name = wr_node_column_name(node);
    int64_t position;
    if (node->kind == WR_SQL_LITERAL && wr_sql_as_literal(node)->literal == WR_LIT_INTEGER &&
        wr_i64_read(wr_sql_as_literal(node)->text, &position, NULL)) {
        if (position < 1 || position > b->item_count)
            return wr_fail_at(WR_E_GROUPING, node->span,
                              "GROUP BY position %lld is not in the select list of %d %s",
                              (long long)position, b->item_count,
                              b->item_count == 1 ? "item" : "items");
        WR_TRY(use_item(b, (int)position - 1, node->span, &key, &name));
    } else if (node->kind == WR_SQL_COLUMN && wr_sql_as_column(node)->parts.count == 1) {
        wr_str alias = wr_sql_as_column(node)->parts.items[0].text;
        bool ambiguous;
        if (!wr_items_find(scope->items.items, scope->items.count, alias, &ambiguous))
            for (int i = 0; i < b->item_count && !key; i++)
                if (wr_str_ieq(b->names[i], alias)) WR_TRY(use_item(b, i, node->span, &key, &name));
    }
    if (!key) WR_TRY(wr_bind_expr(scope, node, &key));
    if (key->is_untyped)
        WR_TRY(wr_bind_coerce(scope->planner->arena, key, WR_VARCHAR, "GROUP BY", &key));
    return add_key(scope, b->out, &b->cap, key, name, index);
}

typedef struct set_list {
    uint64_t *masks;
    int count;
} set_list;

static weir_status bit_of(group_binder *b, const wr_node *node, uint64_t *mask)
{
    int index;
    WR_TRY(bind_key(b, node, &index));
    if (index > 63)
        return wr_fail_at(WR_E_TOO_BIG, node->span, "grouping sets over more than 64 keys");
    *mask |= UINT64_C(1) << index;
    return WR_OK;
}

/* An expression or a row of them as one set. */
static weir_status element_mask(group_binder *b, const wr_node *node, uint64_t *mask)
{
    *mask = 0;
    if (node->kind != WR_SQL_ROW) return bit_of(b, node, mask);
    const wr_nodes *items = &wr_sql_as_row(node)->items;
    for (int i = 0; i < items->count; i++)
        WR_TRY(bit_of(b, items->items[i], mask));
    return WR_OK;
}

static weir_status sets_of(group_binder *b, const wr_node *node, int depth, set_list *out);

static weir_status grouping_set(group_binder *b, const wr_sql_grouping_set *node, int depth,
                                set_list *out)
{
    wr_arena *arena = b->scope->planner->arena;
    int n = node->sets.count;
    if (depth > 20)
        return wr_fail_at(WR_E_TOO_DEEP, node->node.span, "grouping sets are nested too deeply");
    if (node->grouping == WR_GROUPING_SETS) {
        WR_LIST(uint64_t) all = {0};
        for (int i = 0; i < n; i++) {
            set_list some;
            WR_TRY(sets_of(b, node->sets.items[i], depth + 1, &some));
            for (int k = 0; k < some.count; k++)
                wr_push(arena, &all, some.masks[k]);
        }
        *out = (set_list){all.items, all.count};
        return WR_OK;
    }
    if (node->grouping == WR_GROUPING_CUBE && n > 12)
        return wr_fail_at(WR_E_TOO_BIG, node->node.span, "CUBE of more than 12 elements");
    uint64_t *masks = wr_new_array(arena, uint64_t, n + 1);
    for (int i = 0; i < n; i++)
        WR_TRY(element_mask(b, node->sets.items[i], &masks[i]));
    int count = node->grouping == WR_GROUPING_CUBE ? 1 << n : n + 1;
    out->masks = wr_new_array(arena, uint64_t, count);
    out->count = count;
    for (int s = 0; s < count; s++)
        for (int i = 0; i < n; i++) {
            bool in = node->grouping == WR_GROUPING_CUBE ? !(s >> (n - 1 - i) & 1) : i < n - s;
            if (in) out->masks[s] |= masks[i];
        }
    return WR_OK;
}

static weir_status sets_of(group_binder *b, const wr_node *node, int depth, set_list *out)
{
    if (node->kind == WR_SQL_GROUPING_SET)
        return grouping_set(b, wr_sql_as_grouping_set(node), depth, out);
    out->masks = wr_new_array(b->scope->planner->arena, uint64_t, 1);
    out->count = 1;
    return element_mask(b, node, &out->masks[0]);
}

/* Several elements of GROUP BY: the product of their sets. */
static weir_status all_sets(group_binder *b, const wr_sql_select *select)
{
    wr_arena *arena = b->scope->planner->arena;
    set_list product = {wr_new_array(arena, uint64_t, 1), 1};
    for (int i = 0; i < select->group_by.count; i++) {
        set_list some;
        const wr_node *node = select->group_by.items[i];
        WR_TRY(sets_of(b, node, 0, &some));
        if ((int64_t)some.count * product.count > SETS_MAX)
            return wr_fail_at(WR_E_TOO_BIG, node->span, "more than %d grouping sets", SETS_MAX);
        set_list next = {wr_new_array(arena, uint64_t, some.count * product.count + 1), 0};
        for (int a = 0; a < product.count; a++)
            for (int c = 0; c < some.count; c++) {
                uint64_t mask = product.masks[a] | some.masks[c];
                bool known = false;
                for (int k = 0; select->group_distinct && k < next.count; k++)
                    known = known || next.masks[k] == mask;
                if (!known) next.masks[next.count++] = mask;
            }
        product = next;
    }
    b->out->sets = product.masks;
    b->out->set_count = product.count;
    return WR_OK;
}

weir_status wr_bind_group_by(wr_scope *scope, const wr_sql_select *select, wr_expr **items,
                             const wr_str *names, int item_count, wr_grouping *out)
{
    group_binder b = {
        .scope = scope, .items = items, .names = names, .item_count = item_count, .out = out};
    int index;
    if (select->group_all) {
        for (int i = 0; i < item_count; i++)
            if (!has_calls(items[i]) && !wr_expr_is_const(items[i]))
                WR_TRY(add_key(scope, out, &b.cap, items[i], names[i], &index));
        out->is_grouped = out->is_grouped || out->key_count > 0;
        return WR_OK;
    }
    bool has_sets = false;
    for (int i = 0; i < select->group_by.count; i++) {
        const wr_node *node = select->group_by.items[i];
        has_sets = has_sets || node->kind == WR_SQL_GROUPING_SET ||
                   (node->kind == WR_SQL_ROW && wr_sql_as_row(node)->items.count == 0);
    }
    out->is_grouped = out->is_grouped || select->group_by.count > 0;
    if (has_sets) return all_sets(&b, select);
    for (int i = 0; i < select->group_by.count; i++) {
        const wr_node *node = select->group_by.items[i];
        if (node->kind != WR_SQL_ROW) {
            WR_TRY(bind_key(&b, node, &index));
            continue;
        }
        const wr_nodes *parts = &wr_sql_as_row(node)->items;
        for (int k = 0; k < parts->count; k++)
            WR_TRY(bind_key(&b, parts->items[k], &index));
    }
    return WR_OK;
}

/* ---- replacing ---- */
typedef struct regrouping {
    wr_scope *scope;
    const wr_grouping *grouping;
    WR_LIST(wr_binding) keys;
    WR_LIST(wr_aggregate_call) calls;
    WR_LIST(wr_column_id) call_ids;
    WR_LIST(const int *) groupings;
    WR_LIST(wr_column_id) grouping_ids;
} regrouping;

static bool owns(const wr_scope *scope, const wr_aggregate_call *call)
{
    wr_expr a = {
        .kind = WR_X_AGGREGATE, .type = call->type, .aggregate = (wr_aggregate_call *)call};
    for (int i = 0; i < scope->aggregates.count;
         i++) { /* uses of an alias hold copies of the call */
        if (scope->aggregates.items[i] == call) return true;
        wr_expr b = {.kind = WR_X_AGGREGATE,
                     .type = scope->aggregates.items[i]->type,
                     .aggregate = scope->aggregates.items[i]};
        if (wr_expr_eq(&a, &b)) return true;
    }
    return false;
}

static weir_status grouping_column(regrouping *r, wr_expr *e, wr_column_id *id)
{
    wr_planner *planner = r->scope->planner;
    int *list = wr_new_array(planner->arena, int, e->aggregate->arg_count + 1);
    for (int i = 0; i < e->aggregate->arg_count; i++) {
        int k = 0;
        while (k < r->grouping->key_count &&
               !wr_expr_eq(r->grouping->keys[k], e->aggregate->args[i]))
            k++;
        if (k == r->grouping->key_count)
            return wr_fail_at(WR_E_GROUPING, e->span,
                              "the arguments of GROUPING must be expressions of GROUP BY");
        list[i] = k;
    }
    list[e->aggregate->arg_count] = -1;
    *id = wr_planner_column(planner, WR_STR("grouping"), WR_INTEGER);
    wr_push(planner->arena, &r->groupings, list);
    wr_push(planner->arena, &r->grouping_ids, *id);
    return WR_OK;
}

static weir_status call_column(regrouping *r, wr_expr *e, wr_column_id *id)
{
    if (!e->aggregate->fn) return grouping_column(r, e, id);
    wr_planner *planner = r->scope->planner;
    for (int i = 0; i < r->calls.count; i++) {
        wr_expr other = *e;
        other.aggregate = &r->calls.items[i];
        if (wr_expr_eq(e, &other)) {
            *id = r->call_ids.items[i];
            return WR_OK;
        }
    }
    WR_BUF(name);
    wr_buf_add_text(&name, e->aggregate->fn->name);
    char *bar = name.data ? strchr(name.data, '|') : NULL;
    wr_str plain = {name.data, bar ? (size_t)(bar - name.data) : name.length};
    *id = wr_planner_column(planner, wr_arena_str(planner->arena, plain), e->type);
    wr_push(planner->arena, &r->calls, *e->aggregate);
    wr_push(planner->arena, &r->call_ids, *id);
    return WR_OK;
}

/* True if the keys hold the primary key of the table that has the column. */
static bool is_determined(const regrouping *r, wr_column_id id)
{
    if (r->grouping->sets) return false;
    for (int t = 0; t < r->scope->table_count; t++) {
        const wr_scope_table *table = r->scope->tables[t];
        bool has = false;
        for (int i = 0; i < table->count && !has; i++)
            has = table->items[i].expr->kind == WR_X_COLUMN && table->items[i].expr->column == id;
        if (!has || !table->object) continue;
        for (int k = 0; k < table->object->key_count; k++) {
            const wr_key_def *key = &table->object->keys[k];
            bool all = key->is_primary;
            for (int c = 0; c < key->column_count && all; c++) {
                const wr_expr *column = table->items[key->columns[c]].expr;
                bool grouped = false;
                for (int g = 0; g < r->grouping->key_count; g++)
                    grouped = grouped || wr_expr_eq(r->grouping->keys[g], column);
                all = grouped;
            }
            if (all) return true;
        }
    }
    return false;
}

static weir_status ungrouped(const regrouping *r, const wr_expr *e)
{
    wr_planner *planner = r->scope->planner;
    wr_str name = planner->column_names.items[e->column];
    for (int t = 0; t < r->scope->table_count; t++) /* as the alias of the table calls it */
        for (int i = 0; i < r->scope->tables[t]->count; i++) {
            const wr_scope_item *item = &r->scope->tables[t]->items[i];
            if (!item->hidden && item->expr->kind == WR_X_COLUMN && item->expr->column == e->column)
                name = item->name;
        }
    weir_status s =
        wr_fail_at(WR_E_GROUPING, e->span,
                   "column \"%.*s\" must be in GROUP BY or inside an aggregate", WR_STR_ARGS(name));
    s = wr_with_hint(s, "add it to GROUP BY or take any_value(%.*s)", WR_STR_ARGS(name));
    wr_str sql = planner->sql;
    size_t at, end = (size_t)e->span.pos + e->span.length;
    bool has_keys;
    if (!e->span.length || end > sql.length || r->grouping->sets) return s;
    wr_str written = {sql.data + e->span.pos, e->span.length}; /* may be *, or t.name */
    if (!wr_str_has_suffix(written, name) ||
        !wr_place_of_group_by(sql, e->span.pos, &at, &has_keys))
        return s;
    return wr_with_edit(s, (wr_span){(uint32_t)at, 0}, "%s%.*s", has_keys ? ", " : " GROUP BY ",
                        WR_STR_ARGS(written));
}

static weir_status regroup(wr_expr *e, void *arg, wr_expr **out)
{
    regrouping *r = arg;
    wr_planner *planner = r->scope->planner;
    wr_column_id id = 0;
    if (e->kind == WR_X_AGGREGATE && owns(r->scope, e->aggregate)) {
        WR_TRY(call_column(r, e, &id));
    } else if (e->kind != WR_X_CONST) {
        for (int i = 0; i < r->grouping->key_count && !id; i++)
            if (wr_expr_eq(r->grouping->keys[i], e)) id = r->keys.items[i].id;
    }
    if (!id && e->kind == WR_X_COLUMN && wr_column_set_has(&r->scope->own, e->column)) {
        for (int i = r->grouping->key_count; i < r->keys.count && !id; i++)
            if (r->keys.items[i].expr->column == e->column) id = r->keys.items[i].id;
        if (!id && !is_determined(r, e->column)) return ungrouped(r, e);
        if (!id) {
            id = wr_planner_column(planner, planner->column_names.items[e->column], e->type);
            wr_binding carried = {id, wr_expr_column(planner->arena, e->column, e->type)};
            wr_push(planner->arena, &r->keys, carried);
        }
    }
    if (!id) return WR_OK;
    *out = wr_expr_column(planner->arena, id, e->type);
    (*out)->span = e->span;
    return WR_OK;
}

static void finish_aggregate(regrouping *r, wr_logical *node)
{
    wr_planner *planner = r->scope->planner;
    const wr_grouping *g = r->grouping;
    node->aggregate.keys = r->keys.items;
    node->aggregate.key_count = r->keys.count;
    node->aggregate.carried_first = g->key_count;
    node->aggregate.calls = r->calls.items;
    node->aggregate.call_count = r->calls.count;
    node->aggregate.sets = g->sets;
    node->aggregate.set_count = g->set_count;
    node->aggregate.grouping_keys = r->groupings.items;
    node->aggregate.grouping_count = r->groupings.count;
    int keys = r->keys.count, calls = r->calls.count;
    node->output_count = keys + calls + r->groupings.count;
    node->outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    for (int i = 0; i < calls; i++)
        node->outputs[keys + i] = (wr_output){
            .id = r->call_ids.items[i], .name = planner->column_names.items[r->call_ids.items[i]]};
    for (int i = 0; i < r->groupings.count; i++)
        node->outputs[keys + calls + i] =
            (wr_output){.id = r->grouping_ids.items[i], .name = WR_STR("grouping")};
    wr_logical_set_outputs(planner, node);
}

weir_status wr_bind_grouping(wr_scope *scope, wr_logical **plan, const wr_grouping *grouping,
                             wr_expr **exprs, int count)
{
    wr_planner *planner = scope->planner;
    if (!grouping->is_grouped && !scope->aggregates.count) return WR_OK;
    regrouping r = {.scope = scope, .grouping = grouping};
    for (int i = 0; i < grouping->key_count; i++) {
        wr_expr *key = grouping->keys[i];
        wr_binding binding = {wr_planner_column(planner, grouping->names[i], key->type), key};
        wr_push(planner->arena, &r.keys, binding);
    }
    for (int i = 0; i < count; i++)
        WR_TRY(wr_expr_map(planner->arena, exprs[i], regroup, &r, &exprs[i]));
    wr_logical *node = wr_logical_new(planner, WR_L_AGGREGATE, *plan, NULL);
    finish_aggregate(&r, node);
    *plan = node;
    return WR_OK;
}
