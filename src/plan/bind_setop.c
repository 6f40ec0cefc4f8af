/* bind_setop.c - UNION, INTERSECT, EXCEPT: columns matched by position or name, types unified.
 *
 * UNION is a distinct over UNION ALL. A flat chain of INTERSECT or EXCEPT is folded from the left.
 * Names are those of the first query; a literal without a type takes that of the other inputs. */
#include "plan/bind.h"

static weir_status unify_columns(wr_planner *planner, wr_result *inputs, int count, wr_span span,
                                 const wr_type **types)
{
    wr_expr **args = wr_new_array(planner->arena, wr_expr *, count);
    for (int c = 0; c < inputs[0].count; c++) {
        for (int i = 0; i < count; i++) {
            wr_result_column *column = &inputs[i].columns[c];
            args[i] = column->untyped ? *column->untyped : wr_column_ref(planner, column->id);
        }
        weir_status s = wr_bind_common_type(args, count, "a set operation", &types[c]);
        if (s) return wr_with_span(wr_wrap(s, "column %d of the queries", c + 1), span);
        if (types[c]->id == WR_T_NULL) types[c] = WR_VARCHAR;
    }
    for (int i = 0; i < count; i++)
        WR_TRY(wr_result_cast(planner, &inputs[i], types, "a set operation"));
    return WR_OK;
}

static void combine(wr_planner *planner, int op, bool is_all, wr_result *inputs, int count,
                    wr_result *out)
{
    wr_logical *node = wr_logical_new(planner, WR_L_SET, NULL, NULL);
    int width = inputs[0].count;
    node->set.op = op;
    node->set.is_all = is_all;
    node->input_count = count;
    node->inputs = wr_new_array(planner->arena, wr_logical *, count);
    node->set.columns = wr_new_array(planner->arena, wr_column_id *, count);
    node->outputs = wr_new_array(planner->arena, wr_output, width + 1);
    node->output_count = width;
    wr_result result = {.plan = node, .count = width};
    result.columns = wr_new_array(planner->arena, wr_result_column, width + 1);
    for (int c = 0; c < width; c++) {
        const wr_result_column *first = &inputs[0].columns[c];
        wr_column_id id = wr_planner_column(planner, first->name, first->type);
        result.columns[c] = (wr_result_column){.id = id, .name = first->name, .type = first->type};
        node->outputs[c] = (wr_output){.id = id, .name = first->name, .type = first->type};
    }
    for (int i = 0; i < count; i++) {
        node->inputs[i] = inputs[i].plan;
        node->set.columns[i] = wr_new_array(planner->arena, wr_column_id, width + 1);
        for (int c = 0; c < width; c++)
            node->set.columns[i][c] = inputs[i].columns[c].id;
    }
    *out = result;
}

weir_status wr_set_operation(wr_planner *planner, int op, bool is_all, wr_result *inputs, int count,
                             wr_span span, wr_result *out)
{
    const wr_type **types = wr_new_array(planner->arena, const wr_type *, inputs[0].count + 1);
    WR_TRY(unify_columns(planner, inputs, count, span, types));
    if (op == WR_SET_UNION) {
        combine(planner, op, true, inputs, count, out);
        if (!is_all) out->plan = wr_distinct(planner, out->plan, out->columns, out->count);
        return WR_OK;
    }
    wr_result left = inputs[0];
    for (int i = 1; i < count; i++) {
        wr_result pair[2] = {left, inputs[i]};
        combine(planner, op, is_all, pair, 2, &left);
    }
    *out = left;
    return WR_OK;
}

static int find_column(const wr_result *result, wr_str name)
{
    for (int i = 0; i < result->count; i++)
        if (wr_str_ieq(result->columns[i].name, name)) return i;
    return -1;
}

/* BY NAME: every input gets all names, in order of first appearance; what it lacks is NULL. */
static weir_status align_by_name(wr_planner *planner, wr_result *inputs, int count)
{
    WR_LIST(wr_str) names = {0};
    for (int i = 0; i < count; i++)
        for (int c = 0; c < inputs[i].count; c++) {
            bool known = false;
            for (int k = 0; k < names.count; k++)
                known = known || wr_str_ieq(names.items[k], inputs[i].columns[c].name);
            if (!known) wr_push(planner->arena, &names, inputs[i].columns[c].name);
        }
    for (int i = 0; i < count; i++) {
        wr_binding *bindings = wr_new_array(planner->arena, wr_binding, names.count + 1);
        wr_result_column *columns = wr_new_array(planner->arena, wr_result_column, names.count + 1);
        for (int k = 0; k < names.count; k++) {
            int at = find_column(&inputs[i], names.items[k]);
            wr_expr *e;
            if (at < 0) {
                e = wr_expr_const(planner->arena, wr_value_null(WR_NULLTYPE));
                e->is_untyped = true;
            } else {
                e = inputs[i].columns[at].untyped
                        ? *inputs[i].columns[at].untyped
                        : wr_column_ref(planner, inputs[i].columns[at].id);
            }
            bindings[k] = (wr_binding){wr_planner_column(planner, names.items[k], e->type), e};
            columns[k] = (wr_result_column){.id = bindings[k].id,
                                            .name = names.items[k],
                                            .type = e->type,
                                            .untyped = e->is_untyped ? &bindings[k].expr : NULL};
        }
        inputs[i].plan = wr_project(planner, inputs[i].plan, bindings, names.count);
        inputs[i].columns = columns;
        inputs[i].count = names.count;
    }
    return WR_OK;
}

weir_status wr_bind_setop(wr_scope *outer, const wr_sql_setop *setop, wr_result *out)
{
    static const int ops[] = {
        [WR_UNION] = WR_SET_UNION, [WR_INTERSECT] = WR_SET_INTERSECT, [WR_EXCEPT] = WR_SET_EXCEPT};
    wr_planner *planner = outer->planner;
    int count = setop->inputs.count;
    wr_result *inputs = wr_new_array(planner->arena, wr_result, count);
    for (int i = 0; i < count; i++)
        WR_TRY(wr_bind_query(outer, setop->inputs.items[i], true, &inputs[i]));
    if (setop->by_name) WR_TRY(align_by_name(planner, inputs, count));
    for (int i = 1; i < count; i++)
        if (inputs[i].count != inputs[0].count)
            return wr_fail_at(WR_E_COLUMN_COUNT, setop->inputs.items[i]->span,
                              "query %d of the set operation has %d %s, the first has %d", i + 1,
                              inputs[i].count, inputs[i].count == 1 ? "column" : "columns",
                              inputs[0].count);
    return wr_set_operation(planner, ops[setop->op], setop->all, inputs, count, setop->node.span,
                            out);
}
