/* program.c - from bound expressions to steps.
 *
 * Equal subexpressions become one step (volatile calls are never equal). NOT is pushed down while
 * compiling: negated comparisons, IN and IS NULL are comparisons, IN and IS NULL again, and De
 * Morgan turns junctions around, which three- valued logic allows; so filters seldom meet a NOT. A
 * lambda's body is a program of its own. Operands are compiled before the node above them, so that
 * equality and all facts of a step follow from those of its operands. */
#include "expr/program.h"

typedef struct compiler {
    wr_arena *arena;
    WR_LIST(wr_step) steps;
    WR_LIST(uint64_t) hashes;
    int *slots; /* hash table of steps, plus one; 0 = free */
    uint32_t slot_count;
    WR_LIST(wr_expr *) spine; /* nodes whose first operand is being compiled */
    weir_status bad;
    int nesting; /* of AND, OR and CASE around the current node */
} compiler;

static int compile(compiler *c, wr_expr *e);

/* ---- NOT ---- */

static wr_expr *negated(wr_arena *arena, wr_expr *e)
{
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
            copy->op = wr_compare_opposite(e->op);
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

/* Facts about a step from those of its operands, which are steps already: nothing below them is
 * looked at again, or chains would take quadratic time. */
static void find_facts(const compiler *c, wr_step *step)
{
    const wr_expr *e = step->expr;
    step->is_volatile = e->kind == WR_X_CALL && e->call.fn->flags & WR_FN_VOLATILE;
    step->can_fail = wr_expr_may_fail_itself(e);
    step->is_const = e->kind != WR_X_COLUMN && e->kind != WR_X_PARAM && !step->is_volatile;
    for (int i = 0; i < step->arg_count; i++) {
        const wr_step *arg = step->args[i] < 0 ? NULL : &c->steps.items[step->args[i]];
        step->is_volatile |= arg ? arg->is_volatile : wr_expr_is_volatile(e->args[i]);
        step->can_fail |= arg ? arg->can_fail : wr_expr_can_fail(e->args[i]);
        step->is_const &= arg && arg->is_const; /* lambda parameters look like columns */
    }
}

static uint64_t mixed(uint64_t h, uint64_t more)
{
    h = (h ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 31;
}

static uint64_t step_hash(const wr_step *step)
{
    uint64_t h = wr_expr_node_hash(step->expr);
    for (int i = 0; i < step->arg_count; i++)
        h = mixed(h, (uint64_t)(uint32_t)step->args[i]);
    return h;
}

/* Same node over the same operands. What has no step, lambdas and lists of constants, is compared
 * as it stands. */
static bool step_eq(const wr_step *a, const wr_step *b)
{
    const wr_expr *x = a->expr, *y = b->expr;
    if (x->kind != y->kind || x->type != y->type || x->arg_count != y->arg_count ||
        a->arg_count != b->arg_count || !wr_expr_node_eq(x, y))
        return false;
    for (int i = 0; i < a->arg_count; i++) {
        if (a->args[i] != b->args[i]) return false;
        if (a->args[i] < 0 && !wr_expr_eq(x->args[i], y->args[i])) return false;
    }
    for (int i = a->arg_count; i < x->arg_count; i++)
        if (!wr_expr_eq(x->args[i], y->args[i])) return false;
    return true;
}

/* Doubles the table of known steps when it gets full. */
static void make_room(compiler *c)
{
    if ((uint32_t)c->steps.count * 2 < c->slot_count) return;
    c->slot_count = WR_MAX(c->slot_count * 2, 32);
    c->slots = wr_new_array(c->arena, int, c->slot_count);
    for (int i = 0; i < c->steps.count; i++) {
        uint32_t at = (uint32_t)c->hashes.items[i] & (c->slot_count - 1);
        while (c->slots[at])
            at = (at + 1) & (c->slot_count - 1);
        c->slots[at] = i + 1;
    }
}

/* The step, or the equal one there is already. */
static int add_step(compiler *c, wr_step *step)
{
    make_room(c);
    uint64_t hash = step_hash(step);
    uint32_t at = (uint32_t)hash & (c->slot_count - 1);
    for (; c->slots[at]; at = (at + 1) & (c->slot_count - 1)) {
        int known = c->slots[at] - 1;
        if (c->hashes.items[known] == hash && step_eq(&c->steps.items[known], step)) return known;
    }
    find_facts(c, step);
    if (step->expr->kind == WR_X_CALL) compile_lambdas(c, step);
    wr_push(c->arena, &c->steps, *step);
    wr_push(c->arena, &c->hashes, hash);
    c->slots[at] = c->steps.count;
    return c->steps.count - 1;
}

/* The list of an IN that needs no steps: the evaluator makes a set of the constants. */
static bool is_constant_list(const wr_expr *e)
{
    if (e->kind != WR_X_IN || e->arg_count < 2) return false;
    for (int i = 1; i < e->arg_count; i++)
        if (e->args[i]->kind != WR_X_CONST) return false;
    return true;
}

static bool continues(const wr_expr *e, const wr_expr *left)
{
    return left->kind == WR_X_CALL && left->call.fn->exec == e->call.fn->exec &&
           left->type == e->type && left->call.fn->flags & WR_FN_ASSOCIATIVE;
}

/* a || b || c, written as calls in calls, is one call with three arguments. */
static wr_expr *merged_chain(compiler *c, wr_expr *e)
{
    if (e->kind != WR_X_CALL || !(e->call.fn->flags & WR_FN_ASSOCIATIVE)) return e;
    if (e->arg_count == 0 || !continues(e, e->args[0])) return e;
    const wr_expr *at = e;
    int count = e->arg_count;
    for (; at->arg_count && continues(e, at->args[0]); at = at->args[0])
        count += at->args[0]->arg_count - 1;
    wr_expr *merged = wr_new(c->arena, wr_expr);
    *merged = *e;
    merged->args = wr_new_array(c->arena, wr_expr *, count);
    merged->arg_count = count;
    for (at = e; count > 0; at = at->args[0]) {
        int keeps = count == at->arg_count ? 0 : 1; /* the first one is the rest of the chain */
        for (int i = at->arg_count; i-- > keeps;)
            merged->args[--count] = at->args[i];
    }
    return merged;
}

static bool is_spine(const wr_expr *e)
{
    if (e->arg_count == 0 || e->args[0]->kind == WR_X_LAMBDA) return false;
    if (e->kind == WR_X_CALL) return !(e->call.fn->flags & WR_FN_LAZY);
    return e->kind == WR_X_CAST || e->kind == WR_X_COMPARE || e->kind == WR_X_IS_NULL;
}

/* The step of e; first is that of its first operand if it is known, else -1. */
static int compile_node(compiler *c, wr_expr *e, int first)
{
    bool is_scope = e->kind == WR_X_AND || e->kind == WR_X_OR || e->kind == WR_X_CASE ||
                    (e->kind == WR_X_CALL && e->call.fn->flags & WR_FN_LAZY);
    c->nesting += is_scope;
    if (c->nesting > WR_NESTING_MAX && !c->bad)
        c->bad = wr_fail_at(WR_E_TOO_DEEP, e->span, "conditions are nested deeper than %d",
                            WR_NESTING_MAX);
    if (e->kind == WR_X_PARAM && !c->bad)
        c->bad = wr_fail_at(WR_E_PARAMETER_VALUE, e->span, "parameter $%d has no value", e->param);
    if (c->bad) return 0;
    wr_step step = {.expr = e, .arg_count = is_constant_list(e) ? 1 : e->arg_count};
    step.args = wr_new_array(c->arena, int, step.arg_count + 1);
    for (int i = 0; i < step.arg_count; i++)
        step.args[i] = i == 0 && first >= 0 ? first : compile(c, e->args[i]);
    c->nesting -= is_scope;
    if (c->bad) return 0;
    if (first >= 0) step.spine = c->steps.items[first].spine + 1;
    return add_step(c, &step);
}

/* First operands are followed in a loop: x + x + x ... leans to the left as far as it likes. */
static int compile(compiler *c, wr_expr *e)
{
    int bottom = c->spine.count;
    for (;;) {
        if (e->kind == WR_X_LAMBDA) return -1;
        if (e->kind == WR_X_NOT) {
            wr_expr *positive = negated(c->arena, e->args[0]);
            if (positive->kind != WR_X_NOT) {
                e = positive;
                continue;
            }
        }
        e = merged_chain(c, e);
        if (!is_spine(e)) break;
        wr_push(c->arena, &c->spine, e);
        e = e->args[0];
    }
    int step = compile_node(c, e, -1);
    while (c->spine.count > bottom) {
        wr_expr *above = c->spine.items[--c->spine.count];
        if (!c->bad) step = compile_node(c, above, step);
    }
    return step;
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
    if (c.bad) return c.bad;
    for (int i = 0; i < c.steps.count; i++)
        for (int k = 0; k < c.steps.items[i].arg_count; k++)
            if (c.steps.items[i].args[k] >= 0) c.steps.items[c.steps.items[i].args[k]].uses++;
    for (int i = 0; i < count; i++)
        program->steps[program->roots[i]].uses += 2; /* the caller keeps the result */
    return WR_OK;
}
