/* bind_show.c - DESCRIBE and SHOW TABLES where a query may stand: FROM (DESCRIBE t).
 *
 * Alone, these statements are carried out by session; only inside a query do they become rows here.
 */
#include "plan/table_fn.h"

/* The column of the table that an item names. */
static const wr_column_def *column_of(const wr_scope_item *item)
{
    const wr_scope_table *table = item->table;
    for (int i = 0; i < table->count && i < table->object->column_count; i++)
        if (wr_str_eq(table->items[i].name, item->name)) return &table->object->columns[i];
    return NULL;
}

static weir_status describe(wr_scope *scope, const wr_sql_describe *node, wr_result *out)
{
    static const char *const names[] = {"column_name", "column_type", "null"};
    const wr_type *types[] = {WR_VARCHAR, WR_VARCHAR, WR_VARCHAR};
    wr_planner *planner = scope->planner;
    wr_row_list rows = {.planner = planner, .names = names, .types = types, .width = 3};
    wr_from from = {0};
    if (node->query) {
        wr_sql_query_ref ref = {.node = {WR_SQL_QUERY_REF, node->node.span}, .query = node->query};
        WR_TRY(wr_bind_relation(scope, NULL, &ref.node, &from));
    } else {
        wr_sql_table_ref ref = {
            .node = {WR_SQL_TABLE_REF, node->node.span}, .name = node->name, .file = node->file};
        WR_TRY(wr_bind_relation(scope, NULL, &ref.node, &from));
    }
    for (int i = 0; i < from.items.count; i++) {
        const wr_scope_item *item = &from.items.items[i];
        const wr_output *output = item->expr->kind == WR_X_COLUMN
                                      ? wr_logical_output(from.plan, item->expr->column)
                                      : NULL;
        if (item->hidden) continue;
        wr_row_text(&rows, item->name);
        const wr_object *table = item->table ? item->table->object : NULL;
        const wr_column_def *def =
            table && item->expr->kind == WR_X_COLUMN ? column_of(item) : NULL;
        wr_row_text(&rows, def ? wr_column_type_text(planner->arena, def) : item->expr->type->sql);
        wr_row_text(&rows, output && output->not_null ? WR_STR("NO") : WR_STR("YES"));
    }
    wr_row_list_result(&rows, out);
    return WR_OK;
}

weir_status wr_bind_show(wr_scope *scope, const wr_node *node, wr_result *out, bool *done)
{
    bool inner = scope->parent != NULL;
    *done = node->kind == WR_SQL_DESCRIBE && wr_sql_as_describe(node)->summarize;
    if (*done) return wr_bind_summarize(scope, wr_sql_as_describe(node), out);
    if (!inner || node->kind != WR_SQL_DESCRIBE) return WR_OK;
    const wr_sql_describe *described = wr_sql_as_describe(node);
    if (!described->query && !described->name.count) return WR_OK;
    *done = true;
    return describe(scope, described, out);
}
