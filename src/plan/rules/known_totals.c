/* known_totals.c - count, min and max of a whole table or file from what is known about it.
 *
 * A grouping without keys over a scan without filters asks for things that a Parquet footer or the
 * versions of a table say exactly: it becomes a row of constants. All calls of the grouping must be
 * known, otherwise the rows are read anyway.
 *
 * Trap: most statistics are only bounds: long text is cut, NaN is left out, deleted rows may still
 * count. Only those that the source calls exact are taken. */
#include "expr/fn.h"
#include "plan/shared.h"

#define COUNT_MAX 9007199254740992.0 /* doubles are exact up to here */

typedef struct knowing {
    wr_planner *planner;
    wr_shared_definitions shared;
    /* of the scan looked at */
    const wr_logical *scan;
    uint64_t rows;
} knowing;

/* The scan below projections that only pass columns on, or NULL. */
static const wr_logical *whole_scan(const wr_logical *node)
{
    while (node->kind == WR_L_PROJECT)
        node = node->inputs[0];
    bool whole = node->kind == WR_L_SCAN && node->scan.filter_count == 0 &&
                 node->scan.runtime_count == 0 && node->scan.limit < 0;
    return whole ? node : NULL;
}

static bool count_rows(wr_relation *relation, uint64_t *rows)
{
    bool is_said = relation->has_row_count && relation->row_count >= 0;
    if (!is_said && !relation->def->count) return false;
    if (is_said && relation->row_count >= COUNT_MAX) return false;
    *rows = is_said ? (uint64_t)relation->row_count : relation->def->count(relation);
    return true;
}

/* The output of the scan that an expression over node's outputs is, or -1. */
static int scanned_output(const wr_logical *node, const wr_expr *e)
{
    while (node->kind == WR_L_PROJECT && e->kind == WR_X_COLUMN) {
        const wr_expr *from = NULL;
        for (int i = 0; i < node->project.count; i++)
            if (node->project.bindings[i].id == e->column) from = node->project.bindings[i].expr;
        if (!from) return -1;
        e = from;
        node = node->inputs[0];
    }
    if (node->kind != WR_L_SCAN || e->kind != WR_X_COLUMN) return -1;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i].id == e->column) return i;
    return -1;
}

static bool known_count(const knowing *k, const wr_logical *input, const wr_aggregate_call *call,
                        wr_value *out)
{
    uint64_t rows = k->rows;
    if (call->arg_count == 1 && call->args[0]->kind == WR_X_CONST) {
        if (call->args[0]->value.is_null) rows = 0;
    } else if (call->arg_count == 1) {
        int output = scanned_output(input, call->args[0]);
        wr_column_stats stats = {0};
        if (output < 0) return false;
        if (!k->scan->outputs[output].not_null) {
            wr_relation *relation = k->scan->scan.relation;
            if (!relation->def->stats) return false;
            relation->def->stats(relation, k->scan->scan.columns[output], &stats);
            if (!stats.has_null_count || stats.null_count > rows) return false;
            rows -= stats.null_count;
        }
    } else if (call->arg_count != 0) {
        return false;
    }
    *out = wr_value_int(WR_BIGINT, (int64_t)rows);
    return call->type == WR_BIGINT;
}

static bool known_bound(const knowing *k, const wr_logical *input, const wr_aggregate_call *call,
                        bool is_max, wr_value *out)
{
    wr_relation *relation = k->scan->scan.relation;
    int output = call->arg_count == 1 ? scanned_output(input, call->args[0]) : -1;
    wr_column_stats stats = {0};
    if (output < 0 || !relation->def->stats) return false;
    const wr_type *type = k->scan->outputs[output].type;
    if (type != call->type || !(wr_type_is_int_like(type) || type == WR_VARCHAR)) return false;
    relation->def->stats(relation, k->scan->scan.columns[output], &stats);
    bool all_null = stats.has_null_count && stats.null_count == k->rows;
    if (k->rows == 0 || all_null) {
        *out = wr_value_null(type);
        return true;
    }
    *out = is_max ? stats.max : stats.min;
    return stats.has_range && stats.is_exact && out->type == type;
}

static bool known_call(const knowing *k, const wr_logical *input, const wr_aggregate_call *call,
                       wr_value *out)
{
    const char *name = call->fn->name;
    size_t length = strcspn(name, "|");
    wr_str text = {(char *)name, length};
    if (call->filter) return false;
    if (wr_str_is(text, "count")) return !call->is_distinct && known_count(k, input, call, out);
    if (wr_str_is(text, "min")) return known_bound(k, input, call, false, out);
    return wr_str_is(text, "max") && known_bound(k, input, call, true, out);
}

static wr_logical *replace(knowing *k, wr_logical *node)
{
    wr_planner *planner = k->planner;
    int calls = node->aggregate.call_count;
    k->scan = whole_scan(node->inputs[0]);
    if (node->aggregate.key_count || node->aggregate.sets || node->aggregate.grouping_count ||
        calls == 0 || !k->scan || !count_rows(k->scan->scan.relation, &k->rows))
        return node;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, calls);
    for (int i = 0; i < calls; i++) {
        wr_value value;
        if (!known_call(k, node->inputs[0], &node->aggregate.calls[i], &value)) return node;
        bindings[i] = (wr_binding){node->outputs[i].id, wr_expr_const(planner->arena, value)};
    }
    wr_logical *row = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    row->values.row_count = 1;
    row->values.rows = wr_new_array(planner->arena, wr_expr **, 1);
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, row, NULL);
    project->project.bindings = bindings;
    project->project.count = calls;
    project->span = node->span;
    wr_logical_set_outputs(planner, project);
    return project;
}

static wr_logical *visit(knowing *k, wr_logical *node)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&k->shared, node)) return node;
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = visit(k, node->inputs[i]);
    if (is_shared) wr_shared_note(k->planner->arena, &k->shared, node);
    if (node->input_count) wr_logical_set_outputs(k->planner, node);
    return node->kind == WR_L_AGGREGATE ? replace(k, node) : node;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    knowing k = {.planner = planner};
    *root = visit(&k, *root);
    return WR_OK;
}

const wr_rule wr_rule_known_totals = {
    .name = "known_totals",
    .order = 45,
    .is_for_batches = true,
    .help = "answers count, min and max of a whole table or file from exact statistics",
    .apply = apply,
};
