/* with_change.c - INSERT, UPDATE, DELETE and MERGE as parts of WITH.
 *
 *     WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO archive SELECT * FROM gone
 *
 * Every change is a SHARED subplan, so that it is made once however often its rows are read. A sink
 * that discards the rows reads it first of all: the plan of the statement is put AFTER it, in the
 * order of the definitions, and pipelines run one at a time.
 *
 *     AFTER (AFTER (statement, discard (change 2)), discard (change 1))
 *
 * All parts of the statement see the tables as they were before it: snapshots fix their rows when
 * they are bound (wr_planner.fixes_rows). Two changes of one row are refused by the table's sink.
 */
#include "plan/bind.h"

bool wr_is_change(const wr_cte *cte) { return cte->node->query->kind != WR_SQL_QUERY; }

weir_status wr_planner_snapshot(wr_planner *planner, wr_table *table, wr_relation **out)
{
    return planner->fixes_rows ? wr_table_snapshot_fixed(table, planner->catalog->txn, out)
                               : wr_table_snapshot(table, planner->catalog->txn, out);
}

weir_status wr_bind_change(wr_scope *scope, const wr_node *node, wr_bound *out)
{
    switch (node->kind) {
    case WR_SQL_INSERT:
        return wr_bind_insert(scope, wr_sql_as_insert(node), out);
    case WR_SQL_UPDATE:
        return wr_bind_update(scope, wr_sql_as_update(node), out);
    case WR_SQL_DELETE:
        return wr_bind_delete(scope, wr_sql_as_delete(node), out);
    case WR_SQL_MERGE:
        return wr_bind_merge(scope, wr_sql_as_merge(node), out);
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, node->span, "%s cannot stand in WITH",
                          wr_node_kind_name(node->kind));
    }
}

weir_status wr_bind_change_cte(wr_cte *cte)
{
    wr_planner *planner = cte->scope->planner;
    wr_bound bound = {0};
    if (cte->plan) return WR_OK;
    cte->scope->ctes = cte->next; /* those defined before */
    WR_TRY(wr_bind_enter(planner, cte->node->node.span));
    wr_scope *scope = wr_scope_new(planner, cte->scope);
    scope->is_names_only = true;
    WR_TRY(wr_bind_change(scope, cte->node->query, &bound));
    planner->depth--;
    cte->plan = bound.root;
    cte->is_shareable = true;
    cte->shared_id = planner->next_shared++;
    cte->result = wr_new(planner->arena, wr_result);
    if (!bound.has_rows) return WR_OK;
    cte->result->plan = bound.root;
    cte->result->count = bound.schema.count;
    cte->result->columns = wr_new_array(planner->arena, wr_result_column, bound.schema.count + 1);
    for (int i = 0; i < bound.schema.count; i++)
        cte->result->columns[i] = (wr_result_column){.id = bound.root->outputs[i].id,
                                                     .name = bound.schema.fields[i].name,
                                                     .type = bound.schema.fields[i].type};
    return wr_cte_name_columns(cte, cte->result);
}

/* ---- running what nobody may read ---- */

static weir_status discard_rows(wr_batch_sink *self, int worker, const wr_batch *batch)
{
    (void)self, (void)worker, (void)batch;
    return WR_OK;
}

static weir_status discard_finish(wr_batch_sink *self)
{
    (void)self;
    return WR_OK;
}

static wr_logical *discard(wr_planner *planner, wr_logical *plan)
{
    wr_logical *sink = wr_logical_new(planner, WR_L_SINK, plan, NULL);
    sink->sink.columns = wr_new_array(planner->arena, wr_column_id, 1);
    sink->sink.columns[0] = plan->outputs[0].id;
    sink->sink.column_count = 1;
    sink->sink.sink = wr_new(planner->arena, wr_batch_sink);
    *sink->sink.sink = (wr_batch_sink){
        .write = discard_rows, .finish = discard_finish, .is_parallel = true, .name = "discard"};
    wr_logical_set_outputs(planner, sink);
    return sink;
}

weir_status wr_after_changes(wr_scope *scope, const wr_nodes *ctes, wr_logical **plan)
{
    for (int i = ctes->count; i-- > 0;) {
        const wr_sql_cte *node = wr_sql_as_cte(ctes->items[i]);
        wr_cte *cte = wr_find_cte(scope, node->name.text);
        wr_result rows;
        if (!wr_is_change(cte)) continue;
        WR_TRY(wr_bind_change_cte(cte));
        wr_logical *before = cte->plan;
        if (cte->result->count) {
            WR_TRY(wr_bind_cte_use(scope, cte, node->node.span, &rows));
            before = discard(scope->planner, rows.plan);
        }
        *plan = wr_logical_after(scope->planner, *plan, before);
    }
    return WR_OK;
}
