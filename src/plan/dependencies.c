/* dependencies.c - see dependencies.h.
 *
 * Dependencies hold for the rows of a node, so they hold for any part of these rows and for their
 * combinations with other rows: filters, sorts, groupings and inner joins keep them. An outer join
 * adds rows in which all columns of one side are NULL; then only those stay that such a row obeys:
 * a determinant is never NULL, or what it decides is NULL with it.
 *
 * Traps: 0.0 and -0.0 are equal and print differently, and so do some intervals: expressions depend
 * on their columns only where equal values are the same in every respect. The uses of a SHARED
 * subplan are different rows under the same inner ids: its dependencies are translated. */
#include "plan/dependencies.h"

static void add(wr_planner *planner, wr_dependencies *out, const wr_column_id *from, int count,
                wr_column_id to, bool keeps_null)
{
    wr_dependency d = {.from_count = count, .to = to, .keeps_null = keeps_null};
    if (count > WR_DETERMINANT_MAX) return;
    for (int i = 0; i < count; i++)
        d.from[i] = from[i];
    wr_push(planner->arena, &out->all, d);
}

static void add_key(wr_planner *planner, wr_dependencies *out, const wr_column_id *key, int count,
                    const wr_logical *node, bool keeps_null)
{
    for (int i = 0; i < node->output_count; i++)
        add(planner, out, key, count, node->outputs[i].id, keeps_null);
}

/* ---- conditions and expressions ---- */

static void from_condition(wr_planner *planner, const wr_expr *e, wr_dependencies *out)
{
    for (int i = 0; e->kind == WR_X_AND && i < e->arg_count; i++)
        from_condition(planner, e->args[i], out);
    if (e->kind != WR_X_COMPARE || (e->op != WR_EQ && e->op != WR_NOT_DISTINCT)) return;
    for (int side = 0; side < 2; side++) {
        const wr_expr *a = e->args[side], *b = e->args[1 - side];
        if (a->kind != WR_X_COLUMN) continue;
        if (b->kind == WR_X_COLUMN)
            add(planner, out, &b->column, 1, a->column, true);
        else if (b->kind == WR_X_CONST)
            add(planner, out, NULL, 0, a->column, false);
    }
}

static void from_conditions(wr_planner *planner, wr_expr **conditions, int count,
                            wr_dependencies *out)
{
    for (int i = 0; i < count; i++)
        from_condition(planner, conditions[i], out);
}

bool wr_equal_is_same(const wr_type *type)
{
    return wr_type_is_int_like(type) || type->id == WR_T_VARCHAR;
}

typedef struct operands {
    wr_column_id ids[WR_DETERMINANT_MAX];
    int count;
    bool fits;
} operands;

static bool note_operand(const wr_expr *e, void *arg)
{
    operands *o = arg;
    o->fits &= e->kind != WR_X_SUBQUERY && e->kind != WR_X_LAMBDA;
    if (e->kind != WR_X_COLUMN || !o->fits) return o->fits;
    int at = 0;
    while (at < o->count && o->ids[at] != e->column)
        at++;
    o->fits &= at < WR_DETERMINANT_MAX && wr_equal_is_same(e->type);
    if (o->fits && at == o->count) o->ids[o->count++] = e->column;
    return true;
}

void wr_dependencies_bind(wr_planner *planner, const wr_binding *bindings, int count,
                          wr_dependencies *out)
{
    for (int i = 0; i < count; i++) {
        const wr_expr *e = bindings[i].expr;
        if (e->kind == WR_X_COLUMN) {
            if (e->column == bindings[i].id) continue;
            add(planner, out, &e->column, 1, bindings[i].id, true);
            add(planner, out, &bindings[i].id, 1, e->column, true);
            continue;
        }
        operands o = {.fits = !wr_expr_is_volatile(e)};
        if (o.fits) wr_expr_walk(e, note_operand, &o);
        if (o.fits) add(planner, out, o.ids, o.count, bindings[i].id, false);
    }
}

/* ---- nodes ---- */

static void from_scan(wr_planner *planner, const wr_logical *node, wr_dependencies *out)
{
    wr_relation *relation = node->scan.relation;
    from_conditions(planner, node->scan.filters, node->scan.filter_count, out);
    if (!relation->def->key) return;
    int columns[WR_KEY_COLUMNS_MAX];
    for (int number = 0;; number++) {
        int count = relation->def->key(relation, number, columns);
        if (count == 0) return;
        wr_column_id ids[WR_KEY_COLUMNS_MAX];
        int found = 0;
        for (int k = 0; k < count; k++) {
            if (!relation->schema.not_null || !relation->schema.not_null[columns[k]]) break;
            for (int i = 0; i < node->output_count; i++)
                if (node->scan.columns[i] == columns[k]) ids[k] = node->outputs[i].id, found++;
        }
        if (count > 0 && found == count) add_key(planner, out, ids, count, node, true);
    }
}

static void from_aggregate(wr_planner *planner, const wr_logical *node, wr_dependencies *out)
{
    int count = WR_MIN(node->aggregate.carried_first, node->aggregate.key_count);
    if (node->aggregate.sets) return;
    wr_dependencies_of(planner, node->inputs[0], out);
    wr_dependencies_bind(planner, node->aggregate.keys, node->aggregate.key_count, out);
    wr_column_id ids[WR_DETERMINANT_MAX];
    bool not_null = false;
    if (count > WR_DETERMINANT_MAX) return;
    for (int k = 0; k < count; k++) {
        ids[k] = node->aggregate.keys[k].id;
        not_null |= node->outputs[k].not_null;
    }
    add_key(planner, out, ids, count, node, not_null);
}

/* What stays of an input that a join fills up with NULLs. */
static void from_filled(wr_planner *planner, const wr_logical *input, wr_dependencies *out)
{
    wr_dependencies own = {0};
    wr_dependencies_of(planner, input, &own);
    for (int i = 0; i < own.all.count; i++)
        if (own.all.items[i].keeps_null) wr_push(planner->arena, &out->all, own.all.items[i]);
}

static void from_join(wr_planner *planner, const wr_logical *node, wr_dependencies *out)
{
    const wr_logical *left = node->inputs[0], *right = node->inputs[1];
    wr_join_kind kind = node->join.kind;
    if (kind == WR_JOIN_RIGHT || kind == WR_JOIN_FULL)
        from_filled(planner, left, out);
    else
        wr_dependencies_of(planner, left, out);
    if (node->join.is_lateral) return;
    if (kind == WR_JOIN_INNER || kind == WR_JOIN_RIGHT)
        wr_dependencies_of(planner, right, out);
    else if (kind == WR_JOIN_LEFT || kind == WR_JOIN_FULL || kind == WR_JOIN_SINGLE)
        from_filled(planner, right, out);
    if (kind == WR_JOIN_INNER)
        from_conditions(planner, node->join.conditions, node->join.condition_count, out);
}

static bool use_of(const wr_logical *shared, wr_column_id inner, wr_column_id *out)
{
    for (int i = 0; i < shared->output_count; i++) {
        if (shared->shared.inner[i] != inner) continue;
        *out = shared->outputs[i].id;
        return true;
    }
    return false;
}

static void from_shared(wr_planner *planner, const wr_logical *node, wr_dependencies *out)
{
    wr_dependencies inner = {0};
    wr_dependencies_of(planner, node->inputs[0], &inner);
    for (int i = 0; i < inner.all.count; i++) {
        wr_dependency d = inner.all.items[i];
        bool provided = use_of(node, d.to, &d.to);
        for (int k = 0; provided && k < d.from_count; k++)
            provided = use_of(node, d.from[k], &d.from[k]);
        if (provided) wr_push(planner->arena, &out->all, d);
    }
}

void wr_dependencies_of(wr_planner *planner, const wr_logical *node, wr_dependencies *out)
{
    switch (node->kind) {
    case WR_L_SCAN:
        from_scan(planner, node, out);
        return;
    case WR_L_FILTER:
        from_conditions(planner, node->filter.conjuncts, node->filter.count, out);
        break;
    case WR_L_PROJECT:
        wr_dependencies_bind(planner, node->project.bindings, node->project.count, out);
        break;
    case WR_L_AGGREGATE:
        from_aggregate(planner, node, out);
        return;
    case WR_L_JOIN:
        from_join(planner, node, out);
        return;
    case WR_L_SHARED:
        from_shared(planner, node, out);
        return;
    case WR_L_DISTINCT_ON:
    case WR_L_WINDOW:
    case WR_L_SORT:
    case WR_L_LIMIT:
    case WR_L_ORDINAL:
    case WR_L_UNNEST:
    case WR_L_SAMPLE:
    case WR_L_WATERMARK:
    case WR_L_TIME_WINDOW:
        break;
    default:
        return;
    }
    wr_dependencies_of(planner, node->inputs[0], out);
}

void wr_dependencies_close(wr_arena *arena, const wr_dependencies *known, wr_column_set *set)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < known->all.count; i++) {
            const wr_dependency *d = &known->all.items[i];
            bool decided = !wr_column_set_has(set, d->to);
            for (int k = 0; decided && k < d->from_count; k++)
                decided = wr_column_set_has(set, d->from[k]);
            if (!decided) continue;
            wr_column_set_add(arena, set, d->to);
            more = true;
        }
    }
}
