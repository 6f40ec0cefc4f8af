/* bind_set.c - SET of UPDATE, MERGE and ON CONFLICT DO UPDATE.
 *
 * A target is a column or a field of a struct in it: SET s.a = 1, s.b.c = 2. The assignments are
 * collected first; a column whose fields are set becomes a struct made of the new fields and of
 * the old ones, so that the fields of a struct that is NULL can be set, too. */
#include "plan/bind_dml.h"

typedef struct one_set {
    int column;
    const wr_name *path; /* fields; none: the whole column */
    int count;
    wr_expr *value;
} one_set;

typedef struct wr_dml_sets {
    WR_LIST(one_set) list;
} wr_dml_sets;

static int column_of(const wr_dml *dml, wr_str name)
{
    for (int c = 0; c < dml->width; c++)
        if (wr_str_ieq(dml->object->columns[c].name, name)) return c;
    return -1;
}

static bool is_target(const wr_dml *dml, wr_str name)
{
    return wr_str_ieq(name, dml->alias) || wr_str_ieq(name, dml->object->name);
}

/* a, s.f, t.a, t.s.f, schema.t.a: a struct column of the name comes before the table. */
static weir_status find_target(const wr_dml *dml, const wr_sql_column *target, one_set *out)
{
    const wr_names *parts = &target->parts;
    int first = column_of(dml, parts->items[0].text), at = 0;
    bool is_struct = first >= 0 && dml->object->columns[first].type->id == WR_T_STRUCT;
    if (parts->count > 1 && !is_struct && is_target(dml, parts->items[0].text))
        at = 1;
    else if (parts->count > 2 && first < 0 && is_target(dml, parts->items[1].text))
        at = 2;
    WR_TRY(wr_dml_column(dml, parts->items[at], &out->column));
    out->path = parts->items + at + 1;
    out->count = parts->count - at - 1;
    return WR_OK;
}

static int field_of(const wr_type *type, wr_str name)
{
    for (int i = 0; type->id == WR_T_STRUCT && i < type->field_count; i++)
        if (wr_str_ieq(type->fields[i].name, name)) return i;
    return -1;
}

static weir_status type_of_path(const one_set *set, const wr_type **type)
{
    for (int i = 0; i < set->count; i++) {
        wr_name name = set->path[i];
        if ((*type)->id != WR_T_STRUCT)
            return wr_fail_at(WR_E_TYPE_MISMATCH, name.span,
                              "a value of type %s has no field \"%.*s\" to set",
                              wr_type_name(*type), WR_STR_ARGS(name.text));
        int field = field_of(*type, name.text);
        wr_nearest nearest = {.wanted = name.text};
        for (int f = 0; f < (*type)->field_count; f++)
            wr_nearest_offer(&nearest, (*type)->fields[f].name);
        if (field < 0)
            return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span,
                                              "no field \"%.*s\" in %s", WR_STR_ARGS(name.text),
                                              wr_type_name(*type)),
                                   &nearest);
        *type = (*type)->fields[field].type;
    }
    return WR_OK;
}

/* Neither the same twice, nor a whole and a part of it. */
static weir_status check_once(const wr_dml *dml, const wr_dml_sets *sets, const one_set *set,
                              wr_span span)
{
    for (int i = 0; i < sets->list.count; i++) {
        const one_set *other = &sets->list.items[i];
        bool same = other->column == set->column;
        for (int k = 0; same && k < WR_MIN(other->count, set->count); k++)
            same = wr_str_ieq(other->path[k].text, set->path[k].text);
        if (same)
            return wr_fail_at(WR_E_DUPLICATE_COLUMN, span, "column \"%.*s\" is set twice",
                              WR_STR_ARGS(dml->object->columns[set->column].name));
    }
    return WR_OK;
}

/* bound: the value, if it is bound already. */
static weir_status set_target(wr_dml *dml, wr_dml_sets *sets, wr_scope *scope,
                              const wr_node *target, const wr_node *value, wr_expr *bound)
{
    one_set set = {.value = bound};
    if (target->kind != WR_SQL_COLUMN)
        return wr_fail_at(WR_E_UNSUPPORTED, target->span,
                          "SET takes columns and fields of structs, not other parts of values");
    WR_TRY(find_target(dml, wr_sql_as_column(target), &set));
    const wr_column_def *def = &dml->object->columns[set.column];
    const wr_type *type = def->type;
    WR_TRY(type_of_path(&set, &type));
    WR_TRY(check_once(dml, sets, &set, target->span));
    if (def->generated_sql.length)
        return wr_fail_at(WR_E_UNSUPPORTED, target->span,
                          "column \"%.*s\" is generated and cannot be set", WR_STR_ARGS(def->name));
    if (!bound && value->kind == WR_SQL_DEFAULT) {
        if (set.count) return wr_fail_at(WR_E_UNSUPPORTED, value->span, "a field has no DEFAULT");
        WR_TRY(wr_dml_default(dml, set.column, &set.value));
    } else {
        WR_TRY(wr_dml_may_give(dml, set.column, value->span));
        if (!bound) WR_TRY(wr_bind_expr(scope, value, &set.value));
        if (set.count && set.value->type != type) {
            wr_param_adopt(scope, set.value, type);
            WR_TRY(wr_bind_assign(dml->planner->arena, set.value, type, value->span, &set.value));
        } else if (!set.count) {
            WR_TRY(wr_dml_assign(dml, set.value, set.column, value->span, &set.value));
        }
    }
    wr_push(dml->planner->arena, &sets->list, set);
    return WR_OK;
}

/* Does the assignment set the field of like at depth, or something in it? */
static bool is_inside(const one_set *set, const one_set *like, int depth)
{
    bool same = set->column == like->column && set->count > depth;
    for (int k = 0; same && k < depth; k++)
        same = wr_str_ieq(set->path[k].text, like->path[k].text);
    return same;
}

/* The struct at like->path[0 .. depth) with its fields set; old: what it is. */
static weir_status rebuild(wr_scope *scope, const wr_dml_sets *sets, const one_set *like, int depth,
                           wr_expr *old, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    const wr_type *type = old->type;
    wr_expr **args = wr_new_array(arena, wr_expr *, type->field_count + 1);
    wr_str *names = wr_new_array(arena, wr_str, type->field_count + 1);
    for (int f = 0; f < type->field_count; f++) {
        const one_set *hit = NULL;
        names[f] = type->fields[f].name;
        for (int i = 0; i < sets->list.count && !hit; i++) {
            const one_set *set = &sets->list.items[i];
            if (is_inside(set, like, depth) && wr_str_ieq(set->path[depth].text, names[f]))
                hit = set;
        }
        if (hit && hit->count == depth + 1) {
            args[f] = hit->value;
            continue;
        }
        WR_TRY(wr_bind_field(scope, wr_expr_copy(arena, old), names[f], (wr_span){0}, &args[f]));
        if (hit) WR_TRY(rebuild(scope, sets, hit, depth + 1, args[f], &args[f]));
    }
    WR_TRY(wr_bind_call(arena, scope->planner->env, WR_STR("struct_pack"), args, names,
                        type->field_count, (wr_span){0}, out));
    if ((*out)->type == type) return WR_OK;
    return wr_bind_cast(arena, *out, type, false, (wr_span){0}, out);
}

static weir_status give_values(wr_dml *dml, wr_scope *scope, const wr_dml_sets *sets,
                               wr_expr **values)
{
    bool *done = wr_new_array(dml->planner->arena, bool, dml->width + 1);
    for (int i = 0; i < sets->list.count; i++) {
        const one_set *set = &sets->list.items[i];
        wr_name both[2] = {{.text = dml->alias}, {.text = dml->object->columns[set->column].name}};
        const wr_names name = {.items = both, .count = 2};
        wr_expr *old;
        if (!set->count) {
            values[set->column] = set->value;
            continue;
        }
        if (done[set->column]) continue;
        done[set->column] = true;
        WR_TRY(wr_scope_find(scope, &name, (wr_span){0}, &old));
        WR_TRY(rebuild(scope, sets, set, 0, old, &values[set->column]));
    }
    return WR_OK;
}

/* (a, b) = (SELECT ...): the query is joined as at most one row. */
static weir_status set_from_query(wr_dml *dml, wr_dml_sets *sets, wr_scope *scope, wr_from *from,
                                  const wr_sql_assignment *set)
{
    wr_planner *planner = dml->planner;
    wr_result result;
    WR_TRY(wr_bind_query(scope, wr_sql_as_subquery(set->value)->query, false, &result));
    if (result.count != set->targets.count)
        return wr_fail_at(WR_E_COLUMN_COUNT, set->node.span, "SET gives %d values for %d columns",
                          result.count, set->targets.count);
    from->plan = wr_join_new(planner, WR_JOIN_SINGLE, from->plan, result.plan, NULL, 0);
    for (int i = 0; i < result.count; i++)
        WR_TRY(set_target(dml, sets, scope, set->targets.items[i], set->value,
                          wr_column_ref(planner, result.columns[i].id)));
    return WR_OK;
}

weir_status wr_dml_set(wr_dml *dml, wr_scope *scope, wr_from *from, const wr_nodes *assignments,
                       wr_expr **values)
{
    wr_dml_sets sets = {0};
    scope->clause = WR_IN_SET;
    for (int i = 0; i < assignments->count; i++) {
        const wr_sql_assignment *set = wr_sql_as_assignment(assignments->items[i]);
        if (!set->several) {
            WR_TRY(set_target(dml, &sets, scope, set->targets.items[0], set->value, NULL));
            continue;
        }
        if (set->value->kind == WR_SQL_SUBQUERY && from) {
            WR_TRY(set_from_query(dml, &sets, scope, from, set));
            continue;
        }
        if (set->value->kind != WR_SQL_ROW)
            return wr_fail_at(WR_E_UNSUPPORTED, set->node.span,
                              "SET (...) takes a row of values here");
        const wr_nodes *items = &wr_sql_as_row(set->value)->items;
        if (items->count != set->targets.count)
            return wr_fail_at(WR_E_COLUMN_COUNT, set->node.span,
                              "SET gives %d values for %d columns", items->count,
                              set->targets.count);
        for (int k = 0; k < items->count; k++)
            WR_TRY(set_target(dml, &sets, scope, set->targets.items[k], items->items[k], NULL));
    }
    return give_values(dml, scope, &sets, values);
}
