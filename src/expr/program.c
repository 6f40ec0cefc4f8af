/* program.c - from bound expressions to steps.
 *
 * Equal subexpressions become one step (volatile calls are never equal). NOT is pushed down while
 * compiling: negated comparisons, IN and IS NULL are comparisons, IN and IS NULL again, and De
 * Morgan turns junctions around, which three- valued logic allows; so filters seldom meet a NOT. A
 * lambda's body is a program of its own. */
#include "expr/program.h"

typedef struct compiler {
    wr_arena *arena;
    WR_LIST(wr_step) steps;
    WR_LIST(uint64_t) hashes;
    weir_status bad;
    int nesting; /* of AND, OR and CASE around the current node */
} compiler;

static int compile(compiler *c, wr_expr *e);

/* ---- NOT ---- */

static wr_expr *negated(wr_arena *arena, wr_expr *e)
{
    static const uint8_t opposite[] = {[WR_EQ] = WR_NE,
                                       [WR_NE] = WR_EQ,
                                       [WR_LT] = WR_GE,
                                       [WR_LE] = WR_GT,
                                       [WR_GT] = WR_LE,
                                       [WR_GE] = WR_LT,
                                       [WR_DISTINCT] = WR_NOT_DISTINCT,
                                       [WR_NOT_DISTINCT] = WR_DISTINCT};
    wr_expr *copy;
    switch (e->kind) {
    case WR_X_NOT:
        return e->args[0];
    case WR_X_COMPARE:
    case WR_X_IN:
    case WR_X_IS_NULL:
        copy = wr_new(arena, wr_expr);
        *copy = *e;
        if (e->kind == WR_X_COMPARE)
            copy->op = opposite[e->op];
        else
            copy->is_negated = !e->is_negated;
        return copy;
    case WR_X_AND:
    case WR_X_OR: {
        wr_expr **args = wr_new_array(arena, wr_expr *, e->arg_count);
        for (int i = 0; i < e->arg_count; i++)
            args[i] = negated(arena, e->args[i]);
        return e->kind == WR_X_AND ? wr_expr_or(arena, args, e->arg_count)
                                   : wr_expr_and(arena, args, e->arg_count);
    }
    default:
        return wr_expr_not(arena, e);
    }
}

/* ---- lambdas ---- */

typedef struct capture {
    wr_lambda_code *code;
    const wr_expr *lambda;
    wr_arena *arena;
    WR_LIST(uint32_t) columns;
    WR_LIST(const wr_expr *) inner; /* lambdas inside the body: their parameters stay */
} capture;

static bool find_inner_lambdas(const wr_expr *e, void *arg)
{
    capture *c = arg;
    if (e->kind == WR_X_LAMBDA) wr_push(c->arena, &c->inner, e);
    return true;
}

static bool is_param_of(const wr_expr *lambda, uint32_t id)
{
    return id >= lambda->lambda.first_param &&
           id - lambda->lambda.first_param < (uint32_t)lambda->lambda.param_count;
}

static bool is_inner_param(const capture *c, uint32_t id)
{
    for (int i = 0; i < c->inner.count; i++)
        if (is_param_of(c->inner.items[i], id)) return true;
    return false;
}

static bool find_captured(const wr_expr *e, void *arg)
{
    capture *c = arg;
    if (e->kind != WR_X_COLUMN || is_param_of(c->lambda, e->column)) return true;
    if (is_inner_param(c, e->column)) return true;
    for (int i = 0; i < c->columns.count; i++)
        if (c->columns.items[i] == e->column) return true;
    wr_push(c->arena, &c->columns, e->column);
    return true;
}

static wr_expr *renumber(wr_expr *e, void *arg)
{
    capture *c = arg;
    if (e->kind != WR_X_COLUMN || is_inner_param(c, e->column)) return e;
    if (is_param_of(c->lambda, e->column)) {
        e->column = (uint32_t)c->columns.count + e->column - c->lambda->lambda.first_param;
        return e;
    }
    for (int i = 0; i < c->columns.count; i++) {
        if (c->columns.items[i] != e->column) continue;
        e->column = (uint32_t)i;
        break;
    }
    return e;
}

static weir_status compile_lambda(wr_arena *arena, const wr_expr *lambda, wr_lambda_code *code)
{
    capture c = {.code = code, .lambda = lambda, .arena = arena};
    wr_expr *body = wr_expr_copy(arena, lambda->args[0]);
    wr_expr_walk(body, find_inner_lambdas, &c);
    wr_expr_walk(body, find_captured, &c);
    body = wr_expr_rewrite(body, renumber, &c);
    code->captured = c.columns.items;
    code->captured_count = c.columns.count;
    code->param_count = lambda->lambda.param_count;
    return wr_program_new(arena, &body, 1, &code->program);
}

static void compile_lambdas(compiler *c, wr_step *step)
{
    const wr_expr *e = step->expr;
    for (int i = 0; i < e->arg_count; i++) {
        if (e->args[i]->kind != WR_X_LAMBDA || c->bad) continue;
        if (!step->lambdas) step->lambdas = wr_new_array(c->arena, wr_lambda_code, e->arg_count);
        c->bad = compile_lambda(c->arena, e->args[i], &step->lambdas[i]);
    }
}

/* ---- steps ---- */

static bool step_is_const(const wr_expr *e)
{
    return e->kind == WR_X_CONST || (e->kind != WR_X_COLUMN && wr_expr_is_const(e));
}

static int compile(compiler *c, wr_expr *e)
{
    if (e->kind == WR_X_LAMBDA) return -1;
    if (e->kind == WR_X_NOT) {
        wr_expr *positive = negated(c->arena, e->args[0]);
        if (positive->kind != WR_X_NOT) return compile(c, positive);
    }
    if (e->kind == WR_X_PARAM && !c->bad)
        c->bad = wr_fail_at(WR_E_PARAMETER_VALUE, e->span, "parameter $%d has no value", e->param);
    bool is_scope = e->kind == WR_X_AND || e->kind == WR_X_OR || e->kind == WR_X_CASE ||
                    (e->kind == WR_X_CALL && e->call.fn->flags & WR_FN_LAZY);
    c->nesting += is_scope;
    if (c->nesting > WR_NESTING_MAX && !c->bad)
        c->bad = wr_fail_at(WR_E_TOO_DEEP, e->span, "conditions are nested deeper than %d",
                            WR_NESTING_MAX);
    if (c->bad) return 0;
    uint64_t hash = wr_expr_hash(e);
    for (int i = 0; i < c->steps.count; i++)
        if (c->hashes.items[i] == hash && wr_expr_eq(c->steps.items[i].expr, e))
            return c->nesting -= is_scope, i;
    wr_step step = {.expr = e, .arg_count = e->arg_count};
    step.args = wr_new_array(c->arena, int, e->arg_count + 1);
    for (int i = 0; i < e->arg_count; i++)
        step.args[i] = compile(c, e->args[i]);
    c->nesting -= is_scope;
    step.is_const = step_is_const(e);
    step.is_volatile = wr_expr_is_volatile(e);
    step.can_fail = wr_expr_can_fail(e);
    if (e->kind == WR_X_CALL) compile_lambdas(c, &step);
    wr_push(c->arena, &c->steps, step);
    wr_push(c->arena, &c->hashes, hash);
    return c->steps.count - 1;
}

weir_status wr_program_new(wr_arena *arena, wr_expr *const *exprs, int count, wr_program **out)
{
    compiler c = {.arena = arena};
    wr_program *program = wr_new(arena, wr_program);
    program->roots = wr_new_array(arena, int, count + 1);
    program->root_count = count;
    for (int i = 0; i < count; i++)
        program->roots[i] = compile(&c, exprs[i]);
    program->steps = c.steps.items;
    program->step_count = c.steps.count;
    *out = program;
    return c.bad;
}
