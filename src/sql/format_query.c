/* format_query.c - queries and what stands in FROM as text. */
#include "sql/printer.h"

void wr_print_ctes(wr_buf *out, bool recursive, wr_nodes ctes)
{
    if (!ctes.count) return;
    wr_buf_add_text(out, recursive ? "WITH RECURSIVE " : "WITH ");
    wr_print_series(out, ctes);
    wr_buf_add_char(out, ' ');
}

void wr_print_cte(wr_buf *out, const wr_sql_cte *node)
{
    wr_print_name(out, node->name, WR_PLACE_COLUMN);
    wr_print_names_after(out, "", node->columns);
    wr_print_names_after(out, " USING KEY ", node->key);
    wr_buf_add_text(out, " AS ");
    if (node->materialized == WR_MATERIALIZED_YES) wr_buf_add_text(out, "MATERIALIZED ");
    if (node->materialized == WR_MATERIALIZED_NO) wr_buf_add_text(out, "NOT MATERIALIZED ");
    wr_buf_add_char(out, '(');
    wr_node_format(out, node->query);
    wr_buf_add_char(out, ')');
}

static void print_pivot_words(wr_buf *out, const wr_sql_pivot *node)
{
    wr_buf_add_text(out, "PIVOT ");
    wr_node_format(out, node->source);
    wr_print_series_after(out, "ON", node->on);
    wr_print_series_after(out, "USING", node->values);
    if (node->group_by.count) wr_buf_add_text(out, " GROUP BY ");
    wr_print_names(out, node->group_by);
}

static void print_unpivot_words(wr_buf *out, const wr_sql_unpivot *node)
{
    wr_buf_add_text(out, "UNPIVOT ");
    wr_node_format(out, node->source);
    wr_print_if(out, node->include_nulls, " INCLUDE NULLS");
    wr_print_series_after(out, "ON", node->on);
    if (!wr_name_given(node->name_column)) return;
    wr_buf_add_text(out, " INTO NAME ");
    wr_print_name(out, node->name_column, WR_PLACE_COLUMN);
    wr_buf_add_text(out, " VALUE ");
    wr_print_names(out, node->value_columns);
}

void wr_print_body(wr_buf *out, const wr_node *node)
{
    bool nested = node->kind == WR_SQL_QUERY;
    if (nested) wr_buf_add_char(out, '(');
    if (node->kind == WR_SQL_PIVOT)
        print_pivot_words(out, wr_sql_as_pivot(node));
    else if (node->kind == WR_SQL_UNPIVOT)
        print_unpivot_words(out, wr_sql_as_unpivot(node));
    else
        wr_node_format(out, node);
    if (nested) wr_buf_add_char(out, ')');
}

void wr_print_query(wr_buf *out, const wr_sql_query *node)
{
    wr_print_ctes(out, node->recursive, node->ctes);
    wr_print_body(out, node->body);
    wr_print_series_after(out, "ORDER BY", node->order_by);
    if (node->with_ties) {
        wr_buf_add_text(out, " FETCH FIRST ");
        wr_print_operand(out, node->limit, WR_LEVEL_OTHER);
        wr_print_if(out, node->limit_percent, " PERCENT");
        wr_buf_add_text(out, " ROWS WITH TIES");
    } else {
        wr_print_after(out, "LIMIT", node->limit);
        wr_print_if(out, node->limit_percent, " PERCENT");
    }
    wr_print_after(out, "OFFSET", node->offset);
    for (int i = 0; i < node->locks.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->locks.items[i]);
    }
    wr_print_if(out, node->emit_on_close, " EMIT ON WINDOW CLOSE");
    wr_print_if(out, node->emit_changes, " EMIT CHANGES");
    if (!node->emit_with.count) return;
    wr_print_if(out, !node->emit_on_close && !node->emit_changes, " EMIT");
    wr_buf_add_text(out, " WITH (");
    wr_print_series(out, node->emit_with);
    wr_buf_add_char(out, ')');
}

void wr_print_select(wr_buf *out, const wr_sql_select *node)
{
    wr_buf_add_text(out, node->distinct ? "SELECT DISTINCT " : "SELECT ");
    if (node->distinct_on.count) {
        wr_buf_add_text(out, "ON (");
        wr_print_series(out, node->distinct_on);
        wr_buf_add_text(out, ") ");
    }
    wr_print_series(out, node->items);
    wr_print_series_after(out, "FROM", node->from);
    wr_print_after(out, "WHERE", node->where);
    const wr_node *clauses[] = {node->window_by, node->keyword_search, node->hybrid_search};
    for (int i = 0; i < 3; i++) {
        if (clauses[i]) wr_buf_add_char(out, ' ');
        wr_node_format(out, clauses[i]);
    }
    wr_print_if(out, node->group_all, " GROUP BY ALL");
    wr_print_series_after(out, node->group_distinct ? "GROUP BY DISTINCT" : "GROUP BY",
                          node->group_by);
    wr_print_after(out, "HAVING", node->having);
    wr_print_series_after(out, "WINDOW", node->windows);
    wr_print_after(out, "QUALIFY", node->qualify);
    wr_print_after(out, "USING SAMPLE", node->sample);
}

void wr_print_setop(wr_buf *out, const wr_sql_setop *node)
{
    static const char *const words[] = {" UNION ", " INTERSECT ", " EXCEPT "};
    for (int i = 0; i < node->inputs.count; i++) {
        const wr_node *input = node->inputs.items[i];
        bool bare = input->kind == WR_SQL_SELECT || input->kind == WR_SQL_VALUES ||
                    input->kind == WR_SQL_QUERY;
        if (i) {
            wr_buf_add_text(out, words[node->op]);
            wr_print_if(out, node->all, "ALL ");
            wr_print_if(out, node->by_name, "BY NAME ");
        }
        wr_print_if(out, !bare, "(");
        wr_print_body(out, input);
        wr_print_if(out, !bare, ")");
    }
}

void wr_print_values(wr_buf *out, const wr_sql_values *node)
{
    for (int i = 0; i < node->rows.count; i++) {
        wr_buf_add_text(out, i ? ", (" : "VALUES (");
        wr_print_series(out, wr_sql_as_row(node->rows.items[i])->items);
        wr_buf_add_char(out, ')');
    }
}

void wr_print_item(wr_buf *out, const wr_sql_item *node)
{
    wr_node_format(out, node->value);
    if (!wr_name_given(node->alias)) return;
    wr_buf_add_text(out, " AS ");
    wr_print_name(out, node->alias, WR_PLACE_LABEL);
}

void wr_print_grouping_set(wr_buf *out, const wr_sql_grouping_set *node)
{
    static const char *const words[] = {"GROUPING SETS (", "ROLLUP (", "CUBE ("};
    wr_buf_add_text(out, words[node->grouping]);
    wr_print_series(out, node->sets);
    wr_buf_add_char(out, ')');
}

void wr_print_alias(wr_buf *out, const wr_sql_alias *alias)
{
    if (wr_name_given(alias->name)) {
        wr_buf_add_text(out, " AS ");
        wr_print_name(out, alias->name, WR_PLACE_COLUMN);
        wr_print_names_after(out, "", alias->columns);
    } else if (alias->types.count || alias->columns.count) {
        wr_print_names_after(out, " AS ", alias->columns);
        wr_print_if(out, alias->types.count > 0, " AS ");
    }
    if (!alias->types.count) return;
    wr_buf_add_char(out, '(');
    wr_print_series(out, alias->types);
    wr_buf_add_char(out, ')');
}

void wr_print_table_ref(wr_buf *out, const wr_sql_table_ref *node)
{
    wr_print_if(out, node->only, "ONLY ");
    if (node->file)
        wr_format_string(out, node->name.items[0].text);
    else
        wr_print_qualified(out, node->name, WR_PLACE_COLUMN);
    if (node->time_travel) wr_buf_add_char(out, ' ');
    wr_node_format(out, node->time_travel);
    wr_print_alias(out, &node->alias);
    wr_print_after(out, "TABLESAMPLE", node->sample);
}

void wr_print_function_ref(wr_buf *out, const wr_sql_function_ref *node)
{
    wr_print_if(out, node->lateral, "LATERAL ");
    wr_node_format(out, node->call);
    wr_print_if(out, node->ordinality, " WITH ORDINALITY");
    wr_print_alias(out, &node->alias);
    wr_print_after(out, "TABLESAMPLE", node->sample);
}

void wr_print_query_ref(wr_buf *out, const wr_sql_query_ref *node)
{
    wr_buf_add_text(out, node->lateral ? "LATERAL (" : "(");
    wr_node_format(out, node->query);
    wr_buf_add_char(out, ')');
    wr_print_alias(out, &node->alias);
    wr_print_after(out, "TABLESAMPLE", node->sample);
}

void wr_print_join(wr_buf *out, const wr_sql_join *node)
{
    static const char *const words[] = {"JOIN",       "LEFT JOIN", "RIGHT JOIN", "FULL JOIN",
                                        "CROSS JOIN", "SEMI JOIN", "ANTI JOIN",  "POSITIONAL JOIN"};
    bool alias = wr_name_given(node->alias.name);
    wr_print_if(out, alias, "(");
    wr_node_format(out, node->left);
    wr_buf_printf(out, " %s%s%s ", node->natural ? "NATURAL " : "", node->asof ? "ASOF " : "",
                  words[node->join]);
    bool nested = node->right->kind == WR_SQL_PIVOT || node->right->kind == WR_SQL_UNPIVOT ||
                  (node->right->kind == WR_SQL_JOIN &&
                   !wr_name_given(wr_sql_as_join(node->right)->alias.name));
    wr_print_if(out, nested, "(");
    wr_node_format(out, node->right);
    wr_print_if(out, nested, ")");
    wr_print_after(out, "ON", node->on);
    wr_print_names_after(out, " USING ", node->using);
    if (wr_name_given(node->using_alias)) {
        wr_buf_add_text(out, " AS ");
        wr_print_name(out, node->using_alias, WR_PLACE_COLUMN);
    }
    wr_print_if(out, alias, ")");
    wr_print_alias(out, &node->alias);
}

void wr_print_pivot(wr_buf *out, const wr_sql_pivot *node)
{
    wr_node_format(out, node->source);
    wr_buf_add_text(out, " PIVOT (");
    wr_print_series(out, node->values);
    wr_buf_add_text(out, " FOR");
    for (int i = 0; i < node->on.count; i++) {
        wr_buf_add_char(out, ' ');
        wr_node_format(out, node->on.items[i]);
    }
    if (node->group_by.count) wr_buf_add_text(out, " GROUP BY ");
    wr_print_names(out, node->group_by);
    wr_buf_add_char(out, ')');
    wr_print_alias(out, &node->alias);
}

void wr_print_pivot_on(wr_buf *out, const wr_sql_pivot_on *node)
{
    wr_print_operand(out, node->value, WR_LEVEL_OTHER);
    if (node->in_enum.count) {
        wr_buf_add_text(out, " IN ");
        wr_print_qualified(out, node->in_enum, WR_PLACE_COLUMN);
    }
    if (!node->in.count && !node->in_query) return;
    wr_buf_add_text(out, " IN (");
    wr_print_series(out, node->in);
    wr_node_format(out, node->in_query);
    wr_buf_add_char(out, ')');
}

void wr_print_unpivot(wr_buf *out, const wr_sql_unpivot *node)
{
    wr_node_format(out, node->source);
    wr_buf_add_text(out, node->include_nulls ? " UNPIVOT INCLUDE NULLS (" : " UNPIVOT (");
    wr_print_if(out, node->value_columns.count > 1, "(");
    wr_print_names(out, node->value_columns);
    wr_print_if(out, node->value_columns.count > 1, ")");
    wr_buf_add_text(out, " FOR ");
    wr_print_name(out, node->name_column, WR_PLACE_COLUMN);
    wr_buf_add_text(out, " IN (");
    wr_print_series(out, node->on);
    wr_buf_add_text(out, "))");
    wr_print_alias(out, &node->alias);
}

void wr_print_sample(wr_buf *out, const wr_sql_sample *node)
{
    if (wr_name_given(node->method)) wr_print_name(out, node->method, WR_PLACE_LABEL);
    wr_buf_add_char(out, '(');
    wr_print_operand(out, node->size, WR_LEVEL_PRIMARY);
    wr_buf_add_text(out, node->unit == WR_SAMPLE_ROWS ? " ROWS)" : " PERCENT)");
    if (!node->seed) return;
    wr_print_after(out, "REPEATABLE (", node->seed);
    wr_buf_add_char(out, ')');
}

void wr_print_time_travel(wr_buf *out, const wr_sql_time_travel *node)
{
    wr_buf_add_text(out, node->version ? "AT (VERSION => " : "AT (TIMESTAMP => ");
    wr_node_format(out, node->value);
    wr_buf_add_char(out, ')');
}

void wr_print_lock(wr_buf *out, const wr_sql_lock *node)
{
    static const char *const words[] = {"UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"};
    wr_buf_printf(out, "FOR %s", words[node->strength]);
    wr_print_series_after(out, "OF", node->tables);
    wr_print_if(out, node->nowait, " NOWAIT");
    wr_print_if(out, node->skip_locked, " SKIP LOCKED");
}

static void print_value_after(wr_buf *out, const char *word, const wr_node *node)
{
    if (!node) return;
    wr_buf_add_text(out, word);
    wr_print_operand(out, node, WR_LEVEL_OTHER);
}

void wr_print_window_by(wr_buf *out, const wr_sql_window_by *node)
{
    print_value_after(out, "WINDOW BY ", node->time);
    print_value_after(out, " EVERY ", node->every);
    print_value_after(out, " SLIDE ", node->slide);
    wr_buf_add_text(out, " AS ");
    wr_print_name(out, node->alias, WR_PLACE_COLUMN);
}

void wr_print_keyword_search(wr_buf *out, const wr_sql_keyword_search *node)
{
    wr_buf_add_text(out, "KEYWORD SEARCH (");
    wr_print_series(out, node->columns);
    print_value_after(out, ") QUERY ", node->query);
    print_value_after(out, " TOP_K ", node->top_k);
}

void wr_print_hybrid_search(wr_buf *out, const wr_sql_hybrid_search *node)
{
    print_value_after(out, "HYBRID SEARCH ", node->column);
    print_value_after(out, " QUERY ", node->query);
    if (wr_name_given(node->metric)) wr_buf_add_text(out, " METRIC ");
    if (wr_name_given(node->metric)) wr_print_name(out, node->metric, WR_PLACE_COLUMN);
    print_value_after(out, " TOP_K ", node->top_k);
    print_value_after(out, " SCORE_THRESHOLD ", node->threshold);
}
