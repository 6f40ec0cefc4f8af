/* bind_expr.c - expressions: syntax nodes to bound, typed expressions.
 *
 * Types are found bottom-up. Literals in quotes and NULL stay untyped (is_untyped) until a context
 * wants a type; a parameter without a value takes the type of what it is compared or combined with.
 * Chains of binary operators lean to the left without limit, so they are walked in a loop.
 *
 * Trap: an expression that is needed twice (BETWEEN, CASE x WHEN) must not share nodes: a subquery
 * in it is bound again, because column ids are unique in a statement. */
#include "plan/bind.h"
#include "sql/format.h"

#define NESTING_MAX 400 /* the evaluator follows such a nesting on the stack */

weir_status wr_bind_by_name(wr_scope *scope, const char *name, wr_expr **args, int count,
                            wr_span span, wr_expr **out)
{
    return wr_bind_call(scope->planner->arena, scope->planner->env, wr_str_of(name), args, NULL,
                        count, span, out);
}

weir_status wr_bind_exprs(wr_scope *scope, const wr_nodes *nodes, wr_expr ***out)
{
    *out = wr_new_array(scope->planner->arena, wr_expr *, nodes->count + 1);
    for (int i = 0; i < nodes->count; i++)
        WR_TRY(wr_bind_expr(scope, nodes->items[i], &(*out)[i]));
    return WR_OK;
}

weir_status wr_bind_expr_as(wr_scope *scope, const wr_node *node, const wr_type *type,
                            const char *what, wr_expr **out)
{
    wr_expr *e;
    WR_TRY(wr_bind_expr(scope, node, &e));
    wr_param_adopt(scope, e, type);
    weir_status s = wr_bind_coerce(scope->planner->arena, e, type, what, out);
    return s ? wr_with_span(s, node->span) : WR_OK;
}

weir_status wr_bind_again(wr_scope *scope, const wr_node *node, const wr_expr *bound, wr_expr **out)
{
    if (wr_expr_has_subquery(bound)) return wr_bind_expr(scope, node, out);
    *out = wr_expr_copy(scope->planner->arena, bound);
    return WR_OK;
}

static void adopt_among(wr_scope *scope, wr_expr **args, int count)
{
    const wr_type *type = NULL;
    for (int i = 0; i < count && !type; i++)
        if (!args[i]->is_untyped && args[i]->type->id != WR_T_NULL) type = args[i]->type;
    for (int i = 0; i < count && type; i++)
        wr_param_adopt(scope, args[i], type);
}

/* ---- operators ---- */
wr_compare_op wr_compare_of(wr_sql_op op, bool *is_compare)
{
    *is_compare = true;
    switch (op) {
    case WR_OP_EQ:
        return WR_EQ;
    case WR_OP_NE:
        return WR_NE;
    case WR_OP_LT:
        return WR_LT;
    case WR_OP_LE:
        return WR_LE;
    case WR_OP_GT:
        return WR_GT;
    case WR_OP_GE:
        return WR_GE;
    case WR_OP_DISTINCT:
        return WR_DISTINCT;
    case WR_OP_NOT_DISTINCT:
        return WR_NOT_DISTINCT;
    default:
        break;
    }
    *is_compare = false;
    return WR_EQ;
}

weir_status wr_bind_comparison(wr_scope *scope, wr_compare_op op, wr_expr *left, wr_expr *right,
                               wr_span span, wr_expr **out)
{
    wr_param_adopt(scope, left, right->type);
    wr_param_adopt(scope, right, left->type);
    return wr_bind_compare(scope->planner->arena, op, left, right, span, out);
}

/* (a, b) op (c, d): equality is a conjunction, order is decided by the first difference. */
weir_status wr_bind_row_compare(wr_scope *scope, wr_compare_op op, wr_expr **left, wr_expr **right,
                                int count, wr_span span, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    bool is_order = op == WR_LT || op == WR_LE || op == WR_GT || op == WR_GE;
    if (!is_order || count == 1) {
        wr_expr **parts = wr_new_array(arena, wr_expr *, count);
        for (int i = 0; i < count; i++)
            WR_TRY(wr_bind_comparison(scope, op, left[i], right[i], span, &parts[i]));
        *out = op == WR_NE || op == WR_DISTINCT ? wr_expr_or(arena, parts, count)
                                                : wr_expr_and(arena, parts, count);
        return WR_OK;
    }
    wr_compare_op strict = op == WR_LT || op == WR_LE ? WR_LT : WR_GT;
    wr_expr *rest;
    WR_TRY(wr_bind_row_compare(scope, op, left + 1, right + 1, count - 1, span, &rest));
    wr_expr *first, *equal, *tail, *both[2];
    WR_TRY(wr_bind_comparison(scope, strict, left[0], right[0], span, &first));
    if (wr_expr_has_subquery(left[0]) || wr_expr_has_subquery(right[0]))
        return wr_fail_at(WR_E_UNSUPPORTED, span,
                          "rows with subqueries cannot be compared by order");
    WR_TRY(wr_bind_comparison(scope, WR_EQ, wr_expr_copy(arena, left[0]),
                              wr_expr_copy(arena, right[0]), span, &equal));
    tail = wr_expr_and(arena, (wr_expr *[]){equal, rest}, 2);
    both[0] = first, both[1] = tail;
    *out = wr_expr_or(arena, both, 2);
    return WR_OK;
}

static weir_status compare_rows(wr_scope *scope, wr_compare_op op, const wr_node *left,
                                const wr_node *right, wr_span span, wr_expr **out)
{
    const wr_nodes *a = &wr_sql_as_row(left)->items, *b = &wr_sql_as_row(right)->items;
    if (a->count != b->count)
        return wr_fail_at(WR_E_COLUMN_COUNT, span, "rows of %d and %d values cannot be compared",
                          a->count, b->count);
    wr_expr **as, **bs;
    WR_TRY(wr_bind_exprs(scope, a, &as));
    WR_TRY(wr_bind_exprs(scope, b, &bs));
    return wr_bind_row_compare(scope, op, as, bs, a->count, span, out);
}

/* Parameters in arithmetic take the type of the other side (dates: what is added is an interval).
 */
static void adopt_operand(wr_scope *scope, wr_expr **args)
{
    for (int i = 0; i < 2; i++) {
        const wr_type *other = args[1 - i]->type;
        if (args[i]->kind != WR_X_PARAM || !args[i]->is_untyped) continue;
        wr_param_adopt(scope, args[i],
                       other->id == WR_T_TIMESTAMP || other->id == WR_T_TIMESTAMPTZ
                           ? wr_type_of(WR_T_INTERVAL)
                           : other);
    }
}

/* x = NULL is allowed and never true, which nobody wants. */
static void note_null(const wr_scope *scope, const wr_sql_binary *binary, const wr_expr *left,
                      const wr_expr *right)
{
    wr_buf *notices = scope->planner->notices;
    bool is_equal = binary->op == WR_OP_EQ, is_unequal = binary->op == WR_OP_NE;
    const wr_expr *null = right->kind == WR_X_CONST ? right : left;
    if (!notices || notices->length || !binary->node.span.length || !(is_equal || is_unequal) ||
        null->kind != WR_X_CONST || null->type->id != WR_T_NULL)
        return;
    wr_buf_printf(notices, "%s NULL is never true: IS %sNULL asks for it\n", is_equal ? "=" : "<>",
                  is_equal ? "" : "NOT ");
}

/* 'a' + 'b' was read as numbers, or refused: texts are joined by another operator. */
static weir_status explain_plus(weir_status bad, const wr_expr *left, const wr_expr *right,
                                wr_span span)
{
    bool left_text = wr_type_is_text(left->type), right_text = wr_type_is_text(right->type);
    bool literal =
        (left->kind == WR_X_CONST && left_text) || (right->kind == WR_X_CONST && right_text);
    bool applies = bad && ((left_text && right_text) || (literal && bad->code == WR_E_BAD_VALUE));
    if (!applies || (bad->code != WR_E_BAD_VALUE && bad->code != WR_E_UNKNOWN_FUNCTION)) return bad;
    if (bad->code == WR_E_UNKNOWN_FUNCTION) { /* without the list of its forms */
        wr_status_drop(bad);
        bad = wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "operator + does not take texts");
    }
    bad = wr_with_hint(bad, "|| joins texts, + adds numbers");
    return left_text && right_text && span.length ? wr_with_edit(bad, span, "||") : bad;
}

static weir_status apply_binary(wr_scope *scope, const wr_sql_binary *binary, wr_expr *left,
                                wr_expr *right, wr_expr **out)
{
    wr_span span = binary->node.span;
    bool is_compare;
    wr_compare_op op = wr_compare_of(binary->op, &is_compare);
    if (is_compare) note_null(scope, binary, left, right);
    if (is_compare) return wr_bind_comparison(scope, op, left, right, span, out);
    wr_expr *args[2] = {left, right};
    const char *name = wr_sql_op_text(binary->op);
    adopt_operand(scope, args);
    if (binary->op == WR_OP_DIV && scope->planner->env->duckdb_compat &&
        wr_type_is_integer(left->type) && wr_type_is_integer(right->type))
        WR_TRY(wr_bind_cast(scope->planner->arena, left, WR_DOUBLE, false, span, &args[0]));
    if (binary->op == WR_OP_INT_DIV && wr_type_is_integer(left->type) &&
        wr_type_is_integer(right->type))
        name = "/";
    if (binary->op == WR_OP_POW_STAR) name = "^";
    weir_status bad = wr_bind_by_name(scope, name, args, 2, span, out);
    return binary->op == WR_OP_ADD ? explain_plus(bad, left, right, span) : bad;
}

static weir_status bind_binary(wr_scope *scope, const wr_sql_binary *binary, wr_expr **out)
{
    WR_ARENA(scratch);
    WR_LIST(const wr_sql_binary *) chain = {0};
    const wr_node *first = &binary->node;
    while (first->kind == WR_SQL_BINARY) {
        const wr_sql_binary *here = wr_sql_as_binary(first);
        bool is_compare;
        wr_compare_of(here->op, &is_compare);
        if (is_compare && here->left->kind == WR_SQL_ROW && here->right->kind == WR_SQL_ROW) break;
        wr_push(&scratch, &chain, here);
        first = here->left;
    }
    wr_expr *left;
    if (first->kind == WR_SQL_BINARY) {
        const wr_sql_binary *rows = wr_sql_as_binary(first);
        bool is_compare;
        wr_compare_op op = wr_compare_of(rows->op, &is_compare);
        WR_TRY(compare_rows(scope, op, rows->left, rows->right, rows->node.span, &left));
    } else {
        WR_TRY(wr_bind_expr(scope, first, &left));
    }
    for (int i = chain.count; i-- > 0;) {
        wr_expr *right;
        WR_TRY(wr_bind_expr(scope, chain.items[i]->right, &right));
        WR_TRY(apply_binary(scope, chain.items[i], left, right, &left));
    }
    *out = left;
    return WR_OK;
}

static weir_status bind_unary(wr_scope *scope, const wr_sql_unary *unary, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_span span = unary->node.span;
    if (unary->op == WR_OP_SUB && unary->operand->kind == WR_SQL_LITERAL) {
        const wr_sql_literal *literal = wr_sql_as_literal(unary->operand);
        if (literal->literal == WR_LIT_INTEGER || literal->literal == WR_LIT_DECIMAL ||
            literal->literal == WR_LIT_FLOAT) {
            WR_TRY(wr_bind_literal(scope, literal, true, out));
            (*out)->span = span;
            return WR_OK;
        }
    }
    if (unary->op == WR_OP_NONE) {
        wr_expr *arg;
        WR_TRY(wr_bind_expr_as(scope, unary->operand, WR_BOOLEAN, "NOT", &arg));
        *out = wr_expr_not(arena, arg);
        (*out)->span = span;
        return WR_OK;
    }
    wr_expr *arg;
    WR_TRY(wr_bind_expr(scope, unary->operand, &arg));
    if (unary->op == WR_OP_ADD && wr_type_is_numeric(arg->type)) {
        *out = arg;
        return WR_OK;
    }
    const char *name = wr_sql_op_text(unary->op);
    if (unary->op == WR_OP_ABSOLUTE) name = "abs";
    if (unary->op == WR_OP_SQUARE_ROOT) name = "sqrt";
    if (unary->op == WR_OP_CUBE_ROOT) name = "cbrt";
    if (unary->op == WR_OP_FACTORIAL) name = "factorial";
    return wr_bind_by_name(scope, name, &arg, 1, span, out);
}

static weir_status bind_logic(wr_scope *scope, const wr_sql_logic *logic, wr_expr **out)
{
    const char *what = logic->is_or ? "OR" : "AND";
    wr_expr **args = wr_new_array(scope->planner->arena, wr_expr *, logic->operands.count);
    for (int i = 0; i < logic->operands.count; i++)
        WR_TRY(wr_bind_expr_as(scope, logic->operands.items[i], WR_BOOLEAN, what, &args[i]));
    *out = logic->is_or ? wr_expr_or(scope->planner->arena, args, logic->operands.count)
                        : wr_expr_and(scope->planner->arena, args, logic->operands.count);
    (*out)->span = logic->node.span;
    return WR_OK;
}

weir_status wr_bind_conjuncts(wr_scope *scope, const wr_node *node, const char *what,
                              wr_expr ***out, int *count)
{
    if (node->kind == WR_SQL_LOGIC && !wr_sql_as_logic(node)->is_or) {
        WR_LIST(wr_expr *) all = {0};
        const wr_nodes *parts = &wr_sql_as_logic(node)->operands;
        for (int i = 0; i < parts->count; i++) {
            wr_expr **some;
            int n;
            WR_TRY(wr_bind_conjuncts(scope, parts->items[i], what, &some, &n));
            for (int k = 0; k < n; k++)
                wr_push(scope->planner->arena, &all, some[k]);
        }
        *out = all.items, *count = all.count;
        return WR_OK;
    }
    *out = wr_new_array(scope->planner->arena, wr_expr *, 1);
    WR_TRY(wr_bind_expr_as(scope, node, WR_BOOLEAN, what, &(*out)[0]));
    *count = 1;
    if ((*out)[0]->kind == WR_X_AND) {
        *count = (*out)[0]->arg_count;
        *out = (*out)[0]->args;
    }
    return WR_OK;
}

static weir_status bind_test(wr_scope *scope, const wr_sql_test *test, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr *arg;
    if (test->test == WR_IS_NULL && test->operand->kind == WR_SQL_ROW) {
        const wr_nodes *items = &wr_sql_as_row(test->operand)->items;
        wr_expr **parts = wr_new_array(arena, wr_expr *, items->count + 1);
        for (int i = 0; i < items->count; i++) {
            WR_TRY(wr_bind_expr(scope, items->items[i], &arg));
            parts[i] = wr_expr_is_null(arena, arg, test->negated);
        }
        *out = wr_expr_and(arena, parts, items->count);
    } else if (test->test == WR_IS_NULL) {
        WR_TRY(wr_bind_expr(scope, test->operand, &arg));
        *out = wr_expr_is_null(arena, arg, test->negated);
    } else {
        WR_TRY(wr_bind_expr_as(scope, test->operand, WR_BOOLEAN, "IS TRUE, IS FALSE and IS UNKNOWN",
                               &arg));
        if (test->test == WR_IS_UNKNOWN)
            *out = wr_expr_is_null(arena, arg, test->negated);
        else
            *out = wr_expr_compare(arena, test->negated ? WR_DISTINCT : WR_NOT_DISTINCT, arg,
                                   wr_expr_bool(arena, test->test == WR_IS_TRUE));
    }
    (*out)->span = test->node.span;
    return WR_OK;
}

static weir_status bind_between(wr_scope *scope, const wr_sql_between *between, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_span span = between->node.span;
    wr_expr *x, *low, *high, *sides[2];
    WR_TRY(wr_bind_expr(scope, between->operand, &x));
    WR_TRY(wr_bind_expr(scope, between->low, &low));
    WR_TRY(wr_bind_expr(scope, between->high, &high));
    adopt_among(scope, (wr_expr *[]){x, low, high}, 3);
    for (int flip = 0; flip < 1 + between->symmetric; flip++) {
        wr_expr *a = low, *b = high, *first, *second, *x1 = x, *x2;
        WR_TRY(wr_bind_again(scope, between->operand, x, &x2));
        if (flip) {
            WR_TRY(wr_bind_again(scope, between->operand, x, &x1));
            WR_TRY(wr_bind_again(scope, between->high, high, &a));
            WR_TRY(wr_bind_again(scope, between->low, low, &b));
        }
        WR_TRY(wr_bind_compare(arena, WR_GE, x1, a, span, &first));
        WR_TRY(wr_bind_compare(arena, WR_LE, x2, b, span, &second));
        sides[flip] = wr_expr_and(arena, (wr_expr *[]){first, second}, 2);
    }
    *out = between->symmetric ? wr_expr_or(arena, sides, 2) : sides[0];
    if (between->negated) *out = wr_expr_not(arena, *out);
    (*out)->span = span;
    return WR_OK;
}

weir_status wr_bind_unify(wr_scope *scope, wr_expr **args, int count, const char *what,
                          const wr_type **type)
{
    adopt_among(scope, args, count);
    WR_TRY(wr_bind_common_type(args, count, what, type));
    for (int i = 0; i < count; i++)
        WR_TRY(wr_bind_coerce(scope->planner->arena, args[i], *type, what, &args[i]));
    return WR_OK;
}

static weir_status in_rows(wr_scope *scope, const wr_sql_in *in, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr **cases = wr_new_array(arena, wr_expr *, in->list.count);
    for (int i = 0; i < in->list.count; i++) {
        if (in->list.items[i]->kind != WR_SQL_ROW)
            return wr_fail_at(WR_E_COLUMN_COUNT, in->list.items[i]->span,
                              "IN compares a row with a single value");
        WR_TRY(
            compare_rows(scope, WR_EQ, in->operand, in->list.items[i], in->node.span, &cases[i]));
    }
    *out = wr_expr_or(arena, cases, in->list.count);
    if (in->negated) *out = wr_expr_not(arena, *out);
    (*out)->span = in->node.span;
    return WR_OK;
}

static weir_status bind_in(wr_scope *scope, const wr_sql_in *in, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    if (in->query) return wr_bind_in_query(scope, in, out);
    if (in->array) {
        wr_expr *args[2];
        WR_TRY(wr_bind_expr(scope, in->array, &args[0]));
        WR_TRY(wr_bind_expr(scope, in->operand, &args[1]));
        bool is_map = args[0]->type->id == WR_T_MAP;
        weir_status bad = wr_bind_by_name(scope, is_map ? "map_contains" : "list_contains", args, 2,
                                          in->node.span, out);
        if (bad && bad->code == WR_E_UNKNOWN_FUNCTION) {
            wr_status_drop(bad);
            bad = wr_with_hint(wr_fail_at(WR_E_TYPE_MISMATCH, in->array->span,
                                          "IN takes values in brackets, a list or a query, not %s",
                                          wr_type_name(args[0]->type)),
                               "one value stands in brackets as well: IN (1)");
        }
        if (bad) return bad;
        if (in->negated) *out = wr_expr_not(arena, *out);
        return WR_OK;
    }
    if (in->operand->kind == WR_SQL_ROW && in->list.count && in->list.items[0]->kind == WR_SQL_ROW)
        return in_rows(scope, in, out);
    int count = in->list.count + 1;
    wr_expr **args = wr_new_array(arena, wr_expr *, count);
    WR_TRY(wr_bind_expr(scope, in->operand, &args[0]));
    for (int i = 1; i < count; i++)
        WR_TRY(wr_bind_expr(scope, in->list.items[i - 1], &args[i]));
    const wr_type *type;
    weir_status s = wr_bind_unify(scope, args, count, "IN", &type);
    if (s) return wr_with_span(s, in->node.span);
    wr_expr *e = wr_new(arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_IN,
                   .type = WR_BOOLEAN,
                   .args = args,
                   .arg_count = count,
                   .is_negated = in->negated,
                   .span = in->node.span};
    *out = e;
    return WR_OK;
}

static weir_status bind_like(wr_scope *scope, const wr_sql_like *like, wr_expr **out)
{
    static const char *const names[] = {
        [WR_LIKE] = "~~", [WR_ILIKE] = "~~*", [WR_SIMILAR] = "similar_to", [WR_GLOB] = "~~~"};
    static const char *const escaped[] = {[WR_LIKE] = "like_escape",
                                          [WR_ILIKE] = "ilike_escape",
                                          [WR_SIMILAR] = "similar_to_escape",
                                          [WR_GLOB] = "~~~"};
    wr_expr *args[3];
    int count = 2;
    WR_TRY(wr_bind_expr(scope, like->operand, &args[0]));
    WR_TRY(wr_bind_expr(scope, like->pattern, &args[1]));
    if (like->escape) WR_TRY(wr_bind_expr(scope, like->escape, &args[count++]));
    for (int i = 0; i < count; i++)
        wr_param_adopt(scope, args[i], WR_VARCHAR);
    WR_TRY(wr_bind_by_name(scope, like->escape ? escaped[like->like] : names[like->like], args,
                           count, like->node.span, out));
    if (like->negated) *out = wr_expr_not(scope->planner->arena, *out);
    return WR_OK;
}

/* ELSE CASE ... END continues the CASE around it: any number of them is one node. */
static const wr_sql_case *case_in_else(const wr_sql_case *node)
{
    return node->otherwise && node->otherwise->kind == WR_SQL_CASE ? wr_sql_as_case(node->otherwise)
                                                                   : NULL;
}

static weir_status bind_whens(wr_scope *scope, const wr_sql_case *node, wr_expr **args,
                              wr_expr **results)
{
    wr_expr *operand = NULL;
    if (node->operand) WR_TRY(wr_bind_expr(scope, node->operand, &operand));
    for (int i = 0; i < node->whens.count; i++) {
        const wr_sql_when *when = wr_sql_as_when(node->whens.items[i]);
        if (operand) {
            wr_expr *x = operand, *value;
            if (i) WR_TRY(wr_bind_again(scope, node->operand, operand, &x));
            WR_TRY(wr_bind_expr(scope, when->condition, &value));
            WR_TRY(wr_bind_comparison(scope, WR_EQ, x, value, when->node.span, &args[2 * i]));
        } else {
            WR_TRY(wr_bind_expr_as(scope, when->condition, WR_BOOLEAN, "CASE WHEN", &args[2 * i]));
        }
        WR_TRY(wr_bind_expr(scope, when->result, &results[i]));
    }
    return WR_OK;
}

static weir_status bind_case(wr_scope *scope, const wr_sql_case *node, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    int n = 0, at = 0;
    const wr_sql_case *last = node;
    for (const wr_sql_case *part = node; part; part = case_in_else(part)) {
        n += part->whens.count;
        last = part;
    }
    wr_expr **results = wr_new_array(arena, wr_expr *, n + 1);
    wr_expr **args = wr_new_array(arena, wr_expr *, 2 * n + 1);
    for (const wr_sql_case *part = node; part; part = case_in_else(part)) {
        WR_TRY(bind_whens(scope, part, args + 2 * at, results + at));
        at += part->whens.count;
    }
    if (last->otherwise) {
        WR_TRY(wr_bind_expr(scope, last->otherwise, &results[n]));
    } else {
        results[n] = wr_expr_const(arena, wr_value_null(WR_NULLTYPE));
        results[n]->is_untyped = true;
    }
    const wr_type *type;
    weir_status s = wr_bind_unify(scope, results, n + 1, "CASE", &type);
    if (s) return wr_with_span(s, node->node.span);
    for (int i = 0; i < n; i++)
        args[2 * i + 1] = results[i];
    args[2 * n] = results[n];
    wr_expr *e = wr_new(arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_CASE,
                   .type = type,
                   .args = args,
                   .arg_count = 2 * n + 1,
                   .span = node->node.span};
    *out = e;
    return WR_OK;
}

static weir_status bind_cast_node(wr_scope *scope, const wr_sql_cast *cast, wr_expr **out)
{
    const wr_type *type;
    wr_expr *arg;
    bool done;
    WR_TRY(wr_bind_pg_cast(scope, cast, out, &done));
    if (done) return WR_OK;
    WR_TRY(wr_bind_expr(scope, cast->operand, &arg));
    WR_TRY(wr_bind_type(scope->planner, cast->type, &type));
    if (arg->kind == WR_X_PARAM && arg->is_untyped) {
        wr_param_adopt(scope, arg, type);
        return wr_bind_cut_text(scope, cast->type, arg, cast->node.span, out);
    }
    WR_TRY(wr_bind_cast(scope->planner->arena, arg, type, cast->try_cast, cast->node.span, out));
    return wr_bind_cut_text(scope, cast->type, *out, cast->node.span, out);
}

static weir_status bind_columns_value(wr_scope *scope, const wr_node *node, wr_expr **out)
{
    for (wr_scope *at = scope; at; at = at->is_names_only ? at->parent : NULL)
        if (at->columns_value) {
            *out = wr_expr_copy(scope->planner->arena, at->columns_value);
            return WR_OK;
        }
    return wr_fail_at(WR_E_UNSUPPORTED, node->span, "%s cannot stand here",
                      node->kind == WR_SQL_STAR ? "*" : "COLUMNS(...)");
}

static weir_status bind_collate(wr_scope *scope, const wr_sql_collate *node, wr_expr **out)
{
    wr_str name = wr_names_last(node->collation).text;
    if (!wr_str_is(name, "C") && !wr_str_is(name, "POSIX") && !wr_str_is(name, "default") &&
        !wr_str_is(name, "binary") && !wr_str_is(name, "ucs_basic"))
        return wr_fail_at(WR_E_UNSUPPORTED, node->node.span,
                          "no collation \"%.*s\": text is ordered by bytes", WR_STR_ARGS(name));
    return wr_bind_expr(scope, node->operand, out);
}

static weir_status bind_node(wr_scope *scope, const wr_node *node, wr_expr **out)
{
    switch (node->kind) {
    case WR_SQL_LITERAL:
        return wr_bind_literal(scope, wr_sql_as_literal(node), false, out);
    case WR_SQL_TYPED_LITERAL:
        return wr_bind_typed_literal(scope, wr_sql_as_typed_literal(node), out);
    case WR_SQL_INTERVAL:
        return wr_bind_interval(scope, wr_sql_as_interval(node), out);
    case WR_SQL_COLUMN:
        return wr_scope_find(scope, &wr_sql_as_column(node)->parts, node->span, out);
    case WR_SQL_STAR:
    case WR_SQL_COLUMNS:
        return bind_columns_value(scope, node, out);
    case WR_SQL_PARAM:
        return wr_bind_param(scope, wr_sql_as_param(node), out);
    case WR_SQL_UNARY:
        return bind_unary(scope, wr_sql_as_unary(node), out);
    case WR_SQL_BINARY:
        return bind_binary(scope, wr_sql_as_binary(node), out);
    case WR_SQL_LOGIC:
        return bind_logic(scope, wr_sql_as_logic(node), out);
    case WR_SQL_TEST:
        return bind_test(scope, wr_sql_as_test(node), out);
    case WR_SQL_BETWEEN:
        return bind_between(scope, wr_sql_as_between(node), out);
    case WR_SQL_IN:
        return bind_in(scope, wr_sql_as_in(node), out);
    case WR_SQL_LIKE:
        return bind_like(scope, wr_sql_as_like(node), out);
    case WR_SQL_QUANTIFIED:
        return wr_bind_quantified(scope, wr_sql_as_quantified(node), out);
    case WR_SQL_EXISTS:
    case WR_SQL_SUBQUERY:
        return wr_bind_subquery(scope, node, out);
    case WR_SQL_CASE:
        return bind_case(scope, wr_sql_as_case(node), out);
    case WR_SQL_CAST:
        return bind_cast_node(scope, wr_sql_as_cast(node), out);
    case WR_SQL_CALL:
        return wr_bind_function(scope, wr_sql_as_call(node), out);
    case WR_SQL_ARG:
        return wr_fail_at(WR_E_MISPLACED, node->span, "a named argument cannot stand here");
    case WR_SQL_COLLATE:
        return bind_collate(scope, wr_sql_as_collate(node), out);
    case WR_SQL_ROW:
        return wr_bind_row(scope, wr_sql_as_row(node), out);
    case WR_SQL_LIST:
        return wr_bind_list(scope, wr_sql_as_list(node), out);
    case WR_SQL_STRUCT:
        return wr_bind_struct(scope, wr_sql_as_struct(node), out);
    case WR_SQL_MAP:
        return wr_bind_map(scope, wr_sql_as_map(node), out);
    case WR_SQL_SUBSCRIPT:
        return wr_bind_subscript(scope, wr_sql_as_subscript(node), out);
    case WR_SQL_SLICE:
        return wr_bind_slice(scope, wr_sql_as_slice(node), out);
    case WR_SQL_FIELD: {
        const wr_sql_field *field = wr_sql_as_field(node);
        wr_expr *value;
        WR_TRY(wr_bind_expr(scope, field->operand, &value));
        return wr_bind_field(scope, value, field->name.text, field->name.span, out);
    }
    case WR_SQL_COMPREHENSION:
        return wr_bind_comprehension(scope, wr_sql_as_comprehension(node), out);
    case WR_SQL_LAMBDA:
        return wr_fail_at(WR_E_MISPLACED, node->span,
                          "a lambda can only be an argument of a function that takes one");
    case WR_SQL_DEFAULT:
        return wr_fail_at(WR_E_MISPLACED, node->span,
                          "DEFAULT can only stand in INSERT and UPDATE");
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, node->span, "%s cannot stand in an expression",
                          wr_node_kind_name(node->kind));
    }
}

weir_status wr_bind_expr(wr_scope *scope, const wr_node *node, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    if (planner->expr_depth >= NESTING_MAX)
        return wr_fail_at(WR_E_TOO_DEEP, node->span, "expressions are nested more than %d deep",
                          NESTING_MAX);
    WR_TRY(wr_stack_check(WR_STACK_FOR_READING, node->span));
    planner->expr_depth++;
    weir_status s = bind_node(scope, node, out);
    planner->expr_depth--;
    return s;
}
