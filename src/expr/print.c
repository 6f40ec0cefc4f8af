/* print.c - expressions as SQL-like text for EXPLAIN and messages.
 *
 * Parentheses are put around every nested operator: the reader of a plan should not have to know
 * precedences. */
#include "base/stack.h"
#include "expr/fn.h"

typedef struct printer {
    wr_str (*name_of)(void *arg, uint32_t column);
    void *arg;
    wr_buf *out;
} printer;

static const char *const compare_texts[] = {
    [WR_EQ] = " = ",
    [WR_NE] = " <> ",
    [WR_LT] = " < ",
    [WR_LE] = " <= ",
    [WR_GT] = " > ",
    [WR_GE] = " >= ",
    [WR_DISTINCT] = " IS DISTINCT FROM ",
    [WR_NOT_DISTINCT] = " IS NOT DISTINCT FROM ",
};

static void print_node(const printer *p, const wr_expr *e);

static bool is_operator(const wr_expr *e)
{
    if (e->kind == WR_X_AND || e->kind == WR_X_OR || e->kind == WR_X_COMPARE ||
        e->kind == WR_X_IN || e->kind == WR_X_NOT || e->kind == WR_X_IS_NULL)
        return true;
    char first = e->kind == WR_X_CALL ? e->call.fn->name[0] : 'a';
    return !((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_');
}

static void print_operand(const printer *p, const wr_expr *e)
{
    bool is_nested = is_operator(e);
    if (is_nested) wr_buf_add_char(p->out, '(');
    print_node(p, e);
    if (is_nested) wr_buf_add_char(p->out, ')');
}

static void print_list(const printer *p, wr_expr *const *args, int count, const char *separator)
{
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(p->out, separator);
        if (separator[0] == ',')
            print_node(p, args[i]);
        else
            print_operand(p, args[i]);
    }
}

static wr_str first_name(const char *names)
{
    const char *end = names;
    while (*end && (*end != '|' || end == names || names[0] == '|'))
        end++;
    return (wr_str){names, (size_t)(end - names)};
}

static void print_keys(const printer *p, const wr_sort_key *keys, int count)
{
    for (int i = 0; i < count; i++) {
        if (i) wr_buf_add_text(p->out, ", ");
        print_node(p, keys[i].expr);
        if (keys[i].descending) wr_buf_add_text(p->out, " DESC");
        if (keys[i].nulls_first != keys[i].descending)
            wr_buf_add_text(p->out, keys[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void print_aggregate(const printer *p, wr_str name, const wr_aggregate_call *call)
{
    wr_buf_add_str(p->out, name);
    wr_buf_add_char(p->out, '(');
    if (call->is_distinct) wr_buf_add_text(p->out, "DISTINCT ");
    if (call->arg_count == 0 && wr_str_is(name, "count")) wr_buf_add_char(p->out, '*');
    print_list(p, call->args, call->arg_count, ", ");
    if (call->order_count) {
        wr_buf_add_text(p->out, " ORDER BY ");
        print_keys(p, call->order, call->order_count);
    }
    wr_buf_add_char(p->out, ')');
    if (!call->filter) return;
    wr_buf_add_text(p->out, " FILTER (WHERE ");
    print_node(p, call->filter);
    wr_buf_add_char(p->out, ')');
}

static void print_window(const printer *p, const wr_window_call *w)
{
    const char *name = w->fn ? w->fn->name : w->aggregate.fn->name;
    print_aggregate(p, first_name(name), &w->aggregate);
    wr_buf_add_text(p->out, w->ignore_nulls ? " IGNORE NULLS OVER (" : " OVER (");
    if (w->partition_count) wr_buf_add_text(p->out, "PARTITION BY ");
    print_list(p, w->partition, w->partition_count, ", ");
    if (w->order_count) {
        wr_buf_add_text(p->out, w->partition_count ? " ORDER BY " : "ORDER BY ");
        print_keys(p, w->order, w->order_count);
    }
    wr_buf_add_char(p->out, ')');
}

static void print_call(const printer *p, const wr_expr *e)
{
    wr_str name = first_name(e->call.fn->name);
    if (!is_operator(e)) {
        wr_buf_add_str(p->out, name);
        wr_buf_add_char(p->out, '(');
        print_list(p, e->args, e->arg_count, ", ");
        wr_buf_add_char(p->out, ')');
        return;
    }
    if (e->arg_count == 1) wr_buf_add_str(p->out, name);
    if (e->arg_count > 0) print_operand(p, e->args[0]);
    for (int i = 1; i < e->arg_count; i++) {
        wr_buf_printf(p->out, " %.*s ", WR_STR_ARGS(name));
        print_operand(p, e->args[i]);
    }
}

static void print_case(const printer *p, const wr_expr *e)
{
    wr_buf_add_text(p->out, "CASE");
    for (int i = 0; i + 1 < e->arg_count; i += 2) {
        wr_buf_add_text(p->out, " WHEN ");
        print_node(p, e->args[i]);
        wr_buf_add_text(p->out, " THEN ");
        print_node(p, e->args[i + 1]);
    }
    wr_buf_add_text(p->out, " ELSE ");
    print_node(p, e->args[e->arg_count - 1]);
    wr_buf_add_text(p->out, " END");
}

static void print_column(const printer *p, uint32_t column)
{
    wr_str name = p->name_of ? p->name_of(p->arg, column) : (wr_str){NULL, 0};
    if (name.data)
        wr_buf_add_str(p->out, name);
    else
        wr_buf_printf(p->out, "#%u", column);
}

static void print_node(const printer *p, const wr_expr *e)
{
    if (wr_stack_is_low(WR_STACK_FOR_WALKS)) { /* for people, who do not read on here either */
        wr_buf_add_text(p->out, "...");
        return;
    }
    switch (e->kind) {
    case WR_X_COLUMN:
        print_column(p, e->column);
        return;
    case WR_X_CONST:
        wr_value_print_sql(&e->value, p->out);
        return;
    case WR_X_PARAM:
        wr_buf_printf(p->out, "$%d", e->param);
        return;
    case WR_X_CALL:
        print_call(p, e);
        return;
    case WR_X_CAST:
        wr_buf_add_text(p->out, e->is_try ? "TRY_CAST(" : "CAST(");
        print_node(p, e->args[0]);
        wr_buf_printf(p->out, " AS %s)", wr_type_name(e->type));
        return;
    case WR_X_AND:
        print_list(p, e->args, e->arg_count, " AND ");
        return;
    case WR_X_OR:
        print_list(p, e->args, e->arg_count, " OR ");
        return;
    case WR_X_NOT:
        wr_buf_add_text(p->out, "NOT ");
        print_operand(p, e->args[0]);
        return;
    case WR_X_COMPARE:
        print_list(p, e->args, 2, compare_texts[e->op]);
        return;
    case WR_X_IS_NULL:
        print_operand(p, e->args[0]);
        wr_buf_add_text(p->out, e->is_negated ? " IS NOT NULL" : " IS NULL");
        return;
    case WR_X_CASE:
        print_case(p, e);
        return;
    case WR_X_IN:
        print_operand(p, e->args[0]);
        wr_buf_add_text(p->out, e->is_negated ? " NOT IN (" : " IN (");
        print_list(p, e->args + 1, e->arg_count - 1, ", ");
        wr_buf_add_char(p->out, ')');
        return;
    case WR_X_LAMBDA:
        wr_buf_add_char(p->out, '(');
        for (int i = 0; i < e->lambda.param_count; i++) {
            if (i) wr_buf_add_text(p->out, ", ");
            print_column(p, e->lambda.first_param + (uint32_t)i);
        }
        wr_buf_add_text(p->out, ") -> ");
        print_node(p, e->args[0]);
        return;
    case WR_X_AGGREGATE:
        print_aggregate(p, first_name(e->aggregate->fn->name), e->aggregate);
        return;
    case WR_X_WINDOW:
        print_window(p, e->window);
        return;
    case WR_X_SUBQUERY:
        wr_buf_add_text(p->out, "(subquery)");
        return;
    }
}

void wr_expr_print(const wr_expr *e, wr_str (*name_of)(void *arg, uint32_t column), void *arg,
                   wr_buf *out)
{
    printer p = {name_of, arg, out};
    print_node(&p, e);
}
