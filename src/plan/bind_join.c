/* bind_join.c - joins as written: conditions, USING and NATURAL, RIGHT, ASOF, POSITIONAL.
 *
 * USING merges columns: the merged one stands first in *, unqualified names mean it, and both sides
 * stay reachable by their tables. It is the left column, of a RIGHT join the right one, of a FULL
 * join whichever is present. A right side that uses columns of the left makes the join lateral. */
#include "plan/bind.h"
#include "sql/format.h"
#include "sql/place.h"

wr_logical *wr_join_new(wr_planner *planner, wr_join_kind kind, wr_logical *left, wr_logical *right,
                        wr_expr **conditions, int count)
{
    wr_logical *node = wr_logical_new(planner, WR_L_JOIN, left, right);
    wr_column_set free = {0}, provided = {0};
    wr_logical_free_columns(planner->arena, right, &free);
    wr_logical_provided(planner->arena, left, &provided);
    node->join.kind = kind;
    node->join.is_lateral = wr_column_set_meets(&free, &provided);
    node->join.conditions = conditions;
    node->join.condition_count = count;
    wr_logical_set_outputs(planner, node);
    return node;
}

typedef struct join_binder {
    wr_scope *outer;
    const wr_sql_join *node;
    wr_join_kind kind;
    wr_from left, right;
    WR_LIST(wr_expr *) conditions;
    WR_LIST(wr_scope_item) merged;
    bool *left_gone, *right_gone; /* items hidden by merged ones */
} join_binder;

static weir_status join_kind(const wr_sql_join *join, wr_join_kind *kind)
{
    static const wr_join_kind kinds[] = {
        [WR_JOIN_SQL_INNER] = WR_JOIN_INNER, [WR_JOIN_SQL_LEFT] = WR_JOIN_LEFT,
        [WR_JOIN_SQL_RIGHT] = WR_JOIN_RIGHT, [WR_JOIN_SQL_FULL] = WR_JOIN_FULL,
        [WR_JOIN_SQL_CROSS] = WR_JOIN_INNER, [WR_JOIN_SQL_SEMI] = WR_JOIN_SEMI,
        [WR_JOIN_SQL_ANTI] = WR_JOIN_ANTI,   [WR_JOIN_SQL_POSITIONAL] = WR_JOIN_FULL};
    *kind = kinds[join->join];
    if (join->asof && *kind != WR_JOIN_INNER && *kind != WR_JOIN_LEFT)
        return wr_fail_at(WR_E_UNSUPPORTED, join->node.span, "ASOF joins are inner or left joins");
    return WR_OK;
}

static wr_expr *either(wr_planner *planner, const wr_expr *left, const wr_expr *right)
{
    wr_expr *e = wr_new(planner->arena, wr_expr);
    wr_expr *present = wr_expr_is_null(planner->arena, wr_expr_copy(planner->arena, left), true);
    *e = (wr_expr){.kind = WR_X_CASE, .type = left->type, .arg_count = 3};
    e->args = wr_new_array(planner->arena, wr_expr *, 3);
    e->args[0] = present;
    e->args[1] = wr_expr_copy(planner->arena, left);
    e->args[2] = wr_expr_copy(planner->arena, right);
    return e;
}

static weir_status side_column(join_binder *b, wr_from *from, wr_str name, wr_span span,
                               const char *side, wr_scope_item **out)
{
    bool ambiguous;
    *out = wr_items_find(from->items.items, from->items.count, name, &ambiguous);
    if (ambiguous)
        return wr_fail_at(WR_E_AMBIGUOUS_COLUMN, span,
                          "column \"%.*s\" of USING is ambiguous on the %s side", WR_STR_ARGS(name),
                          side);
    if (*out) return WR_OK;
    weir_status s = wr_scope_unknown_column(wr_scope_over(b->outer, from), WR_STR(""), name, span);
    return wr_wrap(s, "USING, %s side", side);
}

static weir_status merge_column(join_binder *b, wr_str name, wr_span span)
{
    wr_planner *planner = b->outer->planner;
    wr_scope_item *l, *r;
    WR_TRY(side_column(b, &b->left, name, span, "left", &l));
    WR_TRY(side_column(b, &b->right, name, span, "right", &r));
    wr_expr *sides[2] = {wr_expr_copy(planner->arena, l->expr),
                         wr_expr_copy(planner->arena, r->expr)};
    const wr_type *type;
    weir_status s = wr_bind_unify(b->outer, sides, 2, "USING", &type);
    if (s) return wr_with_span(s, span);
    wr_expr *equal;
    WR_TRY(wr_bind_compare(planner->arena, WR_EQ, sides[0], sides[1], span, &equal));
    wr_push(planner->arena, &b->conditions, equal);
    wr_scope_item merged = {.name = l->name};
    merged.expr = b->kind == WR_JOIN_RIGHT  ? wr_expr_copy(planner->arena, r->expr)
                  : b->kind == WR_JOIN_FULL ? either(planner, sides[0], sides[1])
                                            : wr_expr_copy(planner->arena, l->expr);
    wr_push(planner->arena, &b->merged, merged);
    b->left_gone[l - b->left.items.items] = true;
    b->right_gone[r - b->right.items.items] = true;
    return WR_OK;
}

static weir_status merge_all(join_binder *b)
{
    const wr_sql_join *join = b->node;
    b->left_gone = wr_new_array(b->outer->planner->arena, bool, b->left.items.count + 1);
    b->right_gone = wr_new_array(b->outer->planner->arena, bool, b->right.items.count + 1);
    for (int i = 0; i < join->using.count; i++)
        WR_TRY(merge_column(b, join->using.items[i].text, join->using.items[i].span));
    if (!join->natural) return WR_OK;
    for (int i = 0; i < b->left.items.count; i++) {
        const wr_scope_item *item = &b->left.items.items[i];
        bool ambiguous;
        if (item->hidden) continue;
        wr_scope_item *other =
            wr_items_find(b->right.items.items, b->right.items.count, item->name, &ambiguous);
        if (other && !other->hidden && !b->left_gone[i])
            WR_TRY(merge_column(b, item->name, join->node.span));
    }
    return WR_OK;
}

/* ON customer: USING (customer) was meant, if both sides have the column. */
static weir_status explain_condition(const join_binder *b, weir_status bad)
{
    const wr_node *on = b->node->on;
    bool is_name = on->kind == WR_SQL_COLUMN &&
                   (bad->code == WR_E_AMBIGUOUS_COLUMN || bad->code == WR_E_TYPE_MISMATCH);
    if (!is_name) return bad;
    const wr_names *parts = &wr_sql_as_column(on)->parts;
    wr_str name = parts->items[parts->count - 1].text;
    bool ambiguous;
    if (!wr_items_find(b->left.items.items, b->left.items.count, name, &ambiguous) ||
        !wr_items_find(b->right.items.items, b->right.items.count, name, &ambiguous))
        return wr_with_hint(bad, "a join compares two columns: ON a.x = b.y");
    bad = wr_with_hint(bad, "USING (%.*s) joins rows with the same value", WR_STR_ARGS(name));
    wr_span span = wr_names_span(parts);
    size_t at;
    if (!span.length || !wr_place_of_word_before(b->outer->planner->sql, span.pos, "on", &at))
        return bad;
    WR_BUF(quoted);
    wr_format_name(&quoted, name);
    span.length += span.pos - (uint32_t)at;
    span.pos = (uint32_t)at;
    return wr_with_edit(bad, span, "USING (%s)", quoted.data);
}

static weir_status bind_condition(join_binder *b)
{
    const wr_sql_join *join = b->node;
    wr_planner *planner = b->outer->planner;
    if (!join->on) return WR_OK;
    wr_scope *scope = wr_scope_over(b->outer, &b->left);
    wr_scope_add_from(scope, &b->right);
    scope->clause = WR_IN_ON;
    wr_expr **conjuncts;
    int count;
    weir_status bad = wr_bind_conjuncts(scope, join->on, "ON", &conjuncts, &count);
    if (bad) return explain_condition(b, bad);
    for (int i = 0; i < count; i++)
        wr_push(planner->arena, &b->conditions, conjuncts[i]);
    return WR_OK;
}

/* Splits the conditions of ASOF into equalities and the one inequality, turned so that left stands
 * left. */
static weir_status make_asof(join_binder *b, wr_from *out)
{
    static const wr_compare_op turned[] = {
        [WR_LT] = WR_GT, [WR_LE] = WR_GE, [WR_GT] = WR_LT, [WR_GE] = WR_LE};
    wr_planner *planner = b->outer->planner;
    wr_logical *node = wr_logical_new(planner, WR_L_ASOF_JOIN, b->left.plan, b->right.plan);
    wr_column_set left = {0}, right = {0};
    wr_logical_provided(planner->arena, b->left.plan, &left);
    wr_logical_provided(planner->arena, b->right.plan, &right);
    WR_LIST(wr_expr *) equal = {0};
    if (b->node->using.count &&
        b->conditions.count) { /* the last column of USING is the one to be near */
        wr_expr *last = b->conditions.items[b->conditions.count - 1];
        if (!b->node->on) last->op = WR_GE;
    }
    for (int i = 0; i < b->conditions.count; i++) {
        wr_expr *e = b->conditions.items[i];
        wr_column_set a = {0}, c = {0};
        bool sided = e->kind == WR_X_COMPARE;
        if (sided) {
            wr_expr_columns(planner->arena, e->args[0], &a);
            wr_expr_columns(planner->arena, e->args[1], &c);
            bool straight = wr_column_set_within(&a, &left) && wr_column_set_within(&c, &right);
            bool crossed = wr_column_set_within(&a, &right) && wr_column_set_within(&c, &left);
            bool is_order = e->op == WR_LT || e->op == WR_LE || e->op == WR_GT || e->op == WR_GE;
            sided = straight || crossed;
            if (sided && crossed && !straight)
                e = wr_expr_compare(planner->arena, is_order ? turned[e->op] : (wr_compare_op)e->op,
                                    e->args[1], e->args[0]);
            if (sided && is_order && !node->asof.inequality) {
                node->asof.inequality = e;
                continue;
            }
            sided = sided && (e->op == WR_EQ || e->op == WR_NOT_DISTINCT);
        }
        if (!sided)
            return wr_fail_at(WR_E_UNSUPPORTED,
                              b->conditions.items[i]->span.length ? b->conditions.items[i]->span
                                                                  : b->node->node.span,
                              "an ASOF join takes equalities and exactly one of >=, >, <=, < "
                              "between the two sides");
        wr_push(planner->arena, &equal, e);
    }
    if (!node->asof.inequality)
        return wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                          "an ASOF join needs one of >=, >, <=, < between the two sides");
    node->asof.conditions = equal.items;
    node->asof.condition_count = equal.count;
    node->asof.is_left = b->kind == WR_JOIN_LEFT;
    wr_logical_set_outputs(planner, node);
    out->plan = node;
    return WR_OK;
}

static bool is_equality_with(const wr_expr *e, wr_column_id column)
{
    if (e->kind != WR_X_COMPARE || (e->op != WR_EQ && e->op != WR_NOT_DISTINCT)) return false;
    for (int i = 0; i < 2; i++)
        if (e->args[i]->kind == WR_X_COLUMN && e->args[i]->column == column) return true;
    return false;
}

/* The version of a key that was valid at a moment is the newest one that is not after it: an ASOF
 * join by the column of the watermark. With a primary key the condition compares just that: other
 * columns may differ from version to version. */
static weir_status make_versions(join_binder *b, wr_from *out)
{
    wr_planner *planner = b->outer->planner;
    const wr_object *source = b->right.version_of;
    const wr_scope_table *table = b->right.tables.items[0];
    const wr_key_def *primary = NULL;
    for (int i = 0; i < source->key_count && !primary; i++)
        if (source->keys[i].is_primary) primary = &source->keys[i];
    if (b->kind != WR_JOIN_INNER && b->kind != WR_JOIN_LEFT)
        return wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                          "joins FOR SYSTEM_TIME AS OF are inner or left joins");
    if (!b->conditions.count)
        return wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                          "FOR SYSTEM_TIME AS OF needs an equality: whose version?");
    int named = 0;
    for (int k = 0; primary && k < primary->column_count; k++) {
        const wr_expr *column = table->items[primary->columns[k]].expr;
        for (int i = 0; i < b->conditions.count; i++)
            named += is_equality_with(b->conditions.items[i], column->column);
    }
    if (primary && (named != primary->column_count || named != b->conditions.count))
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                                       "versions of %.*s are told apart by its primary key",
                                       WR_STR_ARGS(source->name)),
                            "compare all of its columns in ON, and nothing else: the rest goes "
                            "into WHERE");
    wr_expr *sides[2] = {b->right.version_at,
                         wr_expr_copy(planner->arena, table->items[source->watermark_column].expr)};
    const wr_type *type;
    weir_status bad = wr_bind_unify(b->outer, sides, 2, "FOR SYSTEM_TIME AS OF", &type);
    if (bad) return wr_with_span(bad, b->node->right->span);
    wr_expr *near;
    WR_TRY(wr_bind_compare(planner->arena, WR_GE, sides[0], sides[1], b->node->right->span, &near));
    wr_push(planner->arena, &b->conditions, near);
    return make_asof(b, out);
}

/* Rows side by side: both sides are numbered and joined by the number. */
static weir_status make_positional(join_binder *b)
{
    wr_planner *planner = b->outer->planner;
    wr_from *sides[2] = {&b->left, &b->right};
    wr_expr *numbers[2];
    for (int i = 0; i < 2; i++) {
        wr_logical *node = wr_logical_new(planner, WR_L_ORDINAL, sides[i]->plan, NULL);
        node->ordinal.id = wr_planner_column(planner, WR_STR("position"), WR_BIGINT);
        wr_logical_set_outputs(planner, node);
        sides[i]->plan = node;
        numbers[i] = wr_column_ref(planner, node->ordinal.id);
    }
    wr_push(planner->arena, &b->conditions,
            wr_expr_compare(planner->arena, WR_EQ, numbers[0], numbers[1]));
    return WR_OK;
}

static void collect_names(join_binder *b, wr_from *out)
{
    wr_planner *planner = b->outer->planner;
    bool left_only = b->kind == WR_JOIN_SEMI || b->kind == WR_JOIN_ANTI;
    for (int i = 0; i < b->left.tables.count; i++)
        wr_push(planner->arena, &out->tables, b->left.tables.items[i]);
    for (int i = 0; i < b->right.tables.count && !left_only; i++)
        wr_push(planner->arena, &out->tables, b->right.tables.items[i]);
    if (left_only) {
        for (int i = 0; i < b->left.items.count; i++)
            wr_push(planner->arena, &out->items, b->left.items.items[i]);
        return;
    }
    for (int i = 0; i < b->merged.count; i++)
        wr_push(planner->arena, &out->items, b->merged.items[i]);
    for (int i = 0; i < b->left.items.count; i++)
        if (!b->left_gone[i]) wr_push(planner->arena, &out->items, b->left.items.items[i]);
    for (int i = 0; i < b->right.items.count; i++)
        if (!b->right_gone[i]) wr_push(planner->arena, &out->items, b->right.items.items[i]);
}

/* JOIN .. USING (a) AS u, and (a JOIN b) AS t. */
static void name_join(join_binder *b, wr_from *out)
{
    wr_planner *planner = b->outer->planner;
    const wr_sql_join *join = b->node;
    if (wr_name_given(join->using_alias)) {
        wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
        *table = (wr_scope_table){
            .name = join->using_alias.text, .items = b->merged.items, .count = b->merged.count};
        wr_push(planner->arena, &out->tables, table);
    }
    if (!wr_name_given(join->alias.name)) return;
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    *table = (wr_scope_table){
        .name = join->alias.name.text, .items = out->items.items, .count = out->items.count};
    for (int i = 0, next = 0; i < table->count && next < join->alias.columns.count; i++)
        if (!table->items[i].hidden) table->items[i].name = join->alias.columns.items[next++].text;
    for (int i = 0; i < table->count; i++)
        table->items[i].table = table;
    out->tables.count = 0;
    wr_push(planner->arena, &out->tables, table);
}

static bool is_condition_missing(const join_binder *b)
{
    const wr_sql_join *join = b->node;
    return !join->on && !join->using.count && !join->natural && join->join != WR_JOIN_SQL_CROSS &&
           join->join != WR_JOIN_SQL_POSITIONAL;
}

weir_status wr_bind_join(wr_scope *outer, const wr_from *left, const wr_sql_join *join,
                         wr_from *out)
{
    wr_planner *planner = outer->planner;
    join_binder b = {.outer = outer, .node = join};
    WR_TRY(join_kind(join, &b.kind));
    WR_TRY(wr_bind_relation(outer, left, join->left, &b.left));
    wr_from seen = {.plan = b.left.plan}; /* what a lateral right side may use: this join's left and
                                             what came before */
    for (int i = 0; left && i < left->tables.count; i++)
        wr_push(planner->arena, &seen.tables, left->tables.items[i]);
    for (int i = 0; left && i < left->items.count; i++)
        wr_push(planner->arena, &seen.items, left->items.items[i]);
    for (int i = 0; i < b.left.tables.count; i++)
        wr_push(planner->arena, &seen.tables, b.left.tables.items[i]);
    for (int i = 0; i < b.left.items.count; i++)
        wr_push(planner->arena, &seen.items, b.left.items.items[i]);
    WR_TRY(wr_bind_relation(outer, &seen, join->right, &b.right));
    WR_TRY(wr_from_check_names(&b.left, &b.right, join->right->span));
    if (is_condition_missing(&b))
        return wr_fail_at(WR_E_SYNTAX, join->node.span, "the join needs a condition: ON or USING");
    *out = (wr_from){0};
    WR_TRY(merge_all(&b));
    WR_TRY(bind_condition(&b));
    if (join->join == WR_JOIN_SQL_POSITIONAL) WR_TRY(make_positional(&b));
    if (b.left.version_at)
        return wr_fail_at(WR_E_UNSUPPORTED, join->left->span,
                          "FOR SYSTEM_TIME AS OF stands on the right side of a join");
    if (b.right.version_at)
        WR_TRY(make_versions(&b, out));
    else if (join->asof)
        WR_TRY(make_asof(&b, out));
    else
        out->plan = wr_join_new(planner, b.kind, b.left.plan, b.right.plan, b.conditions.items,
                                b.conditions.count);
    if (out->plan->kind == WR_L_JOIN && out->plan->join.is_lateral &&
        (b.kind == WR_JOIN_RIGHT || b.kind == WR_JOIN_FULL))
        return wr_fail_at(WR_E_UNSUPPORTED, join->node.span,
                          "a lateral relation cannot be the right side of a RIGHT or FULL join");
    collect_names(&b, out);
    name_join(&b, out);
    return WR_OK;
}
