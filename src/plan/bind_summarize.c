/* bind_summarize.c - SUMMARIZE: one row about every column of a table or query.
 *
 * The statement is written anew as one query: a single scan computes all aggregates of all columns
 * into lists, and unnest turns the lists into rows. So it runs in parallel and within the budget
 * like any other query. What has no meaning for a type (the average of a text, the order of a
 * struct) is NULL. Numbers are counted exactly except distinct values and quartiles, which are
 * sketches; they too give the same with any number of threads. */
#include "plan/bind.h"
#include "sql/format.h"
#include "sql/parse.h"

typedef enum measure_kind { ALWAYS, ORDERED, DISTINCT, NUMERIC } measure_kind;

typedef struct measure {
    const char *name;
    measure_kind needs;
    const char *before, *after; /* around the quoted column */
    const char *none;           /* when the type has no such thing */
} measure;

static const measure measures[] = {
    {"min", ORDERED, "CAST(min(", ") AS VARCHAR)", "CAST(NULL AS VARCHAR)"},
    {"max", ORDERED, "CAST(max(", ") AS VARCHAR)", "CAST(NULL AS VARCHAR)"},
    {"approx_distinct", DISTINCT, "approx_count_distinct(", ")", "CAST(NULL AS BIGINT)"},
    {"avg", NUMERIC, "avg(CAST(", " AS DOUBLE))", "CAST(NULL AS DOUBLE)"},
    {"std", NUMERIC, "stddev(CAST(", " AS DOUBLE))", "CAST(NULL AS DOUBLE)"},
    {"q25", NUMERIC, "approx_quantile(CAST(", " AS DOUBLE), 0.25)", "CAST(NULL AS DOUBLE)"},
    {"q50", NUMERIC, "approx_quantile(CAST(", " AS DOUBLE), 0.5)", "CAST(NULL AS DOUBLE)"},
    {"q75", NUMERIC, "approx_quantile(CAST(", " AS DOUBLE), 0.75)", "CAST(NULL AS DOUBLE)"},
    {"count", ALWAYS, "count(", ")", ""},
    {"null_percentage", ALWAYS, "round(100.0 - 100.0 * count(", ") / nullif(count(*), 0), 2)", ""},
};

static bool has_measure(const wr_type *type, measure_kind needs)
{
    bool numeric = wr_type_is_numeric(type);
    bool nested = wr_type_is_nested(type);
    switch (needs) {
    case ALWAYS:
        return true;
    case ORDERED:
        return !nested && type->id != WR_T_JSON && type->id != WR_T_NULL;
    case DISTINCT:
        return !nested && type->id != WR_T_NULL;
    case NUMERIC:
        return numeric;
    }
    return false;
}

static void add_texts(wr_buf *sql, const wr_result *schema, bool types, const char *name)
{
    wr_buf_add_text(sql, "unnest([");
    for (int i = 0; i < schema->count; i++) {
        if (i) wr_buf_add_text(sql, ", ");
        wr_format_string(sql, types ? schema->columns[i].type->sql : schema->columns[i].name);
    }
    wr_buf_printf(sql, "]) AS %s", name);
}

/* The columns are called c1, c2 ...: the names of a query need not be unique. */
static void write_query(wr_buf *sql, const wr_result *schema, const wr_node *from)
{
    wr_buf_add_text(sql, "SELECT ");
    add_texts(sql, schema, false, "column_name");
    wr_buf_add_text(sql, ", ");
    add_texts(sql, schema, true, "column_type");
    for (size_t m = 0; m < WR_COUNT(measures); m++) {
        wr_buf_add_text(sql, ", unnest([");
        for (int i = 0; i < schema->count; i++) {
            if (i) wr_buf_add_text(sql, ", ");
            if (has_measure(schema->columns[i].type, measures[m].needs))
                wr_buf_printf(sql, "%sc%d%s", measures[m].before, i + 1, measures[m].after);
            else
                wr_buf_add_text(sql, measures[m].none);
        }
        wr_buf_printf(sql, "]) AS %s", measures[m].name);
    }
    wr_buf_add_text(sql, " FROM (");
    wr_node_format(sql, from);
    wr_buf_add_text(sql, ") AS summarized(");
    for (int i = 0; i < schema->count; i++)
        wr_buf_printf(sql, "%sc%d", i ? ", " : "", i + 1);
    wr_buf_add_char(sql, ')');
}

/* SUMMARIZE t is SUMMARIZE SELECT * FROM t. */
static weir_status summarized_query(wr_scope *scope, const wr_sql_describe *describe,
                                    const wr_node **out)
{
    wr_arena *arena = scope->planner->arena;
    *out = describe->query;
    if (*out) return WR_OK;
    WR_BUF(text);
    wr_buf_add_text(&text, "SELECT * FROM ");
    for (int i = 0; i < describe->name.count; i++) {
        if (i) wr_buf_add_char(&text, '.');
        if (describe->file)
            wr_format_string(&text, describe->name.items[i].text);
        else
            wr_format_name(&text, describe->name.items[i].text);
    }
    wr_statement statement;
    WR_TRY(wr_parse_one(arena, wr_arena_str(arena, wr_buf_str(&text)), &statement));
    wr_stamp_spans(statement.node, wr_names_span(&describe->name));
    *out = statement.node;
    return WR_OK;
}

weir_status wr_bind_summarize(wr_scope *scope, const wr_sql_describe *describe, wr_result *out)
{
    wr_arena *arena = scope->planner->arena;
    const wr_node *from;
    wr_result columns;
    wr_statement statement;
    if (!describe->query && !describe->name.count)
        return wr_fail_at(WR_E_SYNTAX, describe->node.span, "SUMMARIZE needs a table or a query");
    WR_TRY(summarized_query(scope, describe, &from));
    WR_TRY(wr_bind_query(scope, wr_node_copy(arena, from), false, &columns));
    WR_TRY(wr_result_settle(scope->planner, &columns));
    WR_BUF(sql);
    write_query(&sql, &columns, from);
    WR_TRY(wr_parse_one(arena, wr_arena_str(arena, wr_buf_str(&sql)), &statement));
    wr_stamp_spans(statement.node, describe->node.span);
    return wr_bind_query(scope, statement.node, false, out);
}
