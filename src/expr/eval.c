/* eval.c - runs programs: registers, scopes, calls.
 *
 * Results are pulled: asking for a step computes its operands for the same rows first. A register
 * remembers the scope it was computed in; asked again while that scope is open, it answers at once,
 * because scopes only ever ask for subsets.
 *
 * Calls see their arguments flat unless they say otherwise. Three shortcuts stand before the call
 * itself: all arguments constant -> one row; a NULL constant for a strict function -> NULL; one
 * dictionary among constants -> once per dictionary, remembered by the dictionary's identity. The
 * last one may touch values no row refers to, so a failure there is forgotten and the rows are
 * computed one by one. */
#include "base/stack.h"
#include "expr/program.h"
#include "sys/clock.h"

/* ---- scopes and registers ---- */

void wr_eval_enter(wr_eval *ev)
{
    wr_assert(ev->depth + 1 < WR_SCOPES_MAX);
    ev->scopes[++ev->depth] = ++ev->next_scope;
}

void wr_eval_leave(wr_eval *ev)
{
    wr_check(ev->depth > 0);
    ev->depth--;
}

static bool is_ready(const wr_eval *ev, const wr_register *reg)
{
    return reg->is_fixed ||
           (reg->scope && reg->depth <= ev->depth && ev->scopes[reg->depth] == reg->scope);
}

wr_column *wr_eval_result(wr_eval *ev, int step, wr_phys phys)
{
    wr_register *reg = &ev->registers[step];
    const wr_type *type = ev->program->steps[step].expr->type;
    uint32_t rows = ev->batch->rows;
    if (wr_type_is_nested(type)) {
        wr_column_init(&reg->result, &ev->arena, type, phys, rows);
        return &reg->result;
    }
    size_t widest = WR_MAX(wr_phys_size(type->phys), 8);
    void **spare = &ev->spare[widest > 8];
    if (!reg->buffer && *spare) {
        reg->buffer = *spare;
        memcpy(spare, reg->buffer, sizeof *spare);
    }
    if (!reg->buffer) reg->buffer = wr_arena_alloc(&ev->heap, widest * WR_BATCH_ROWS + 64);
    wr_check(wr_phys_size(phys) <= widest && rows <= WR_BATCH_ROWS);
    reg->result = (wr_column){
        .type = type, .form = WR_FLAT, .phys = (uint8_t)phys, .rows = rows, .data = reg->buffer};
    return &reg->result;
}

uint64_t *wr_eval_valid(wr_eval *ev, int step)
{
    wr_register *reg = &ev->registers[step];
    if (reg->result.valid) return reg->result.valid;
    if (!reg->valid) reg->valid = wr_arena_alloc(&ev->heap, WR_BATCH_WORDS * 8 + 8);
    memset(reg->valid, 0xff, ((size_t)ev->batch->rows + 63) / 64 * 8);
    reg->result.valid = reg->valid;
    return reg->valid;
}

static void null_result(wr_eval *ev, int step)
{
    wr_register *reg = &ev->registers[step];
    wr_value null = wr_value_null(ev->program->steps[step].expr->type);
    wr_value_column(&null, ev->batch->rows, &ev->arena, &reg->result);
}

/* ---- arguments ---- */

/* Clears the bits of rows whose argument is NULL, for any form. */
static void and_validity(uint64_t *bits, const wr_column *c, wr_rows rows)
{
    if (c->form == WR_FLAT) {
        for (uint32_t w = 0; w < (c->rows + 63) / 64; w++)
            bits[w] &= c->valid[w];
        return;
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        if (wr_column_is_null(c, row)) wr_bit_clear(bits, row);
    }
}

static bool is_null_constant(const wr_column *c)
{
    return c->type->id == WR_T_NULL || (c->form == WR_CONSTANT && !wr_column_has_no_nulls(c));
}

/* ---- calls ---- */

typedef struct call_frame {
    wr_eval *ev;
    int step;
} call_frame;

static weir_status call_failed(wr_eval *ev, int step, weir_status bad)
{
    return wr_with_span(bad, ev->program->steps[step].expr->span);
}

/* Runs the function on args for rows of a batch of batch_rows into the register. */
static weir_status run_function(wr_eval *ev, int step, wr_column *args, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    const wr_fn *fn = s->expr->call.fn;
    wr_register *reg = &ev->registers[step];
    call_frame frame = {ev, step};
    if (fn->state_size && !reg->state) reg->state = wr_arena_alloc(&ev->heap, fn->state_size);
    bool any_form = fn->flags & WR_FN_ANY_FORM, sees_nulls = fn->flags & WR_FN_SEES_NULLS;
    for (int i = 0; i < s->arg_count && !any_form; i++) {
        if (s->args[i] < 0) continue;
        wr_column flat;
        wr_column_flatten(&args[i], rows.sel, rows.count, &ev->arena, &flat);
        args[i] = flat;
    }
    wr_column *out = wr_eval_result(ev, step, s->expr->type->phys);
    for (int i = 0; i < s->arg_count && !sees_nulls; i++)
        if (s->args[i] >= 0 && !wr_column_has_no_nulls(&args[i])) {
            if (wr_type_is_nested(out->type))
                wr_column_need_valid(out, &ev->arena, out->rows);
            else
                wr_eval_valid(ev, step);
            and_validity(out->valid, &args[i], rows);
        }
    wr_call call = {.expr = s->expr,
                    .bound = s->expr->call.bound,
                    .env = ev->env,
                    .args = args,
                    .arg_count = s->arg_count,
                    .rows = ev->batch->rows,
                    .sel = rows.sel,
                    .sel_count = rows.count,
                    .arena = &ev->arena,
                    .state = reg->state,
                    .lambdas = &frame};
    weir_status bad = fn->exec(&call, out);
    return bad ? call_failed(ev, step, bad) : WR_OK;
}

/* All arguments are constant: one row tells all. */
static weir_status run_once(wr_eval *ev, int step, wr_column *args)
{
    uint32_t rows = ev->batch->rows;
    wr_batch one = *ev->batch;
    const wr_batch *outer = ev->batch;
    one.rows = 1;
    one.sel = NULL;
    ev->batch = &one;
    for (int i = 0; i < ev->program->steps[step].arg_count; i++)
        args[i].rows = 1;
    weir_status bad = run_function(ev, step, args, (wr_rows){NULL, 1});
    ev->batch = outer;
    if (bad) return bad;
    wr_column *result = &ev->registers[step].result;
    if (result->form == WR_DICTIONARY) {
        wr_column flat;
        wr_column_flatten(result, NULL, 1, &ev->arena, &flat);
        *result = flat;
    }
    result->form = WR_CONSTANT;
    result->rows = rows;
    return WR_OK;
}

/* ---- dictionaries ---- */

/* The one dictionary among constants, or -1. */
static int only_dictionary(const wr_step *s, const wr_column *args)
{
    int found = -1;
    for (int i = 0; i < s->arg_count; i++) {
        if (s->args[i] < 0) return -1;
        if (args[i].form == WR_CONSTANT) continue;
        if (args[i].form != WR_DICTIONARY || found >= 0) return -1;
        found = i;
    }
    return found;
}

static bool knows_dictionary(const wr_register *reg, const wr_column *in)
{
    if (!reg->dict_out) return false;
    if (in->dict_id) return reg->dict_in_id == in->dict_id;
    return false;
}

/* The function over all values of the dictionary, in slices of a batch. */
static weir_status map_dictionary(wr_eval *ev, int step, const wr_column *args, int which)
{
    const wr_step *s = &ev->program->steps[step];
    wr_register *reg = &ev->registers[step];
    const wr_column *dict = args[which].dict;
    const wr_batch *outer = ev->batch;
    if (!reg->dict_arena) {
        reg->dict_arena = wr_new(&ev->heap, wr_arena);
        reg->dict_arena->mem = ev->env->mem;
    }
    wr_arena_clear(reg->dict_arena);
    reg->dict_out = NULL;
    const wr_type *type = s->expr->type;
    wr_column *out = wr_new(reg->dict_arena, wr_column);
    wr_column_init(out, reg->dict_arena, type, type->phys, dict->rows);
    wr_column *slice_args = wr_new_array(&ev->arena, wr_column, s->arg_count + 1);
    weir_status bad = WR_OK;
    for (uint32_t from = 0; from < dict->rows && !bad; from += WR_BATCH_ROWS) {
        uint32_t count = WR_MIN(dict->rows - from, WR_BATCH_ROWS);
        wr_batch part = {.rows = count};
        memcpy(slice_args, args, sizeof *args * (size_t)s->arg_count);
        for (int i = 0; i < s->arg_count; i++)
            slice_args[i].rows = count;
        wr_column_part(dict, from, count, &ev->arena, &slice_args[which]);
        ev->batch = &part;
        bad = run_function(ev, step, slice_args, (wr_rows){NULL, count});
        ev->batch = outer;
        if (bad) return bad;
        wr_column flat, copy;
        wr_column_flatten(&reg->result, NULL, count, &ev->arena, &flat);
        wr_column_copy(&flat, 0, count, reg->dict_arena, &copy);
        memcpy((char *)out->data + wr_phys_size(type->phys) * from, copy.data,
               wr_phys_size(type->phys) * count);
        for (uint32_t i = 0; copy.valid && i < count; i++)
            if (!wr_bit_get(copy.valid, i))
                wr_bit_clear(wr_column_need_valid(out, reg->dict_arena, dict->rows), from + i);
    }
    reg->dict_out = out;
    reg->dict_in = dict;
    reg->dict_in_id = args[which].dict_id;
    reg->dict_out_id = wr_dict_id_next();
    return bad;
}

/* True when the call was answered through the dictionary. */
static bool run_on_dictionary(wr_eval *ev, int step, const wr_column *args)
{
    const wr_step *s = &ev->program->steps[step];
    wr_register *reg = &ev->registers[step];
    int which = only_dictionary(s, args);
    if (which < 0 || s->is_volatile || wr_type_is_nested(s->expr->type)) return false;
    const wr_column *in = &args[which];
    if (in->dict->rows == 0) return false;
    bool known = knows_dictionary(reg, in);
    bool is_worth_it = in->dict->rows <= ev->batch->rows || (in->dict_id && in->dict->rows < 65536);
    if (!known && !is_worth_it) return false;
    if (!known) {
        weir_status bad = map_dictionary(ev, step, args, which);
        if (bad) {
            wr_status_drop(bad);
            reg->dict_out = NULL;
            return false;
        }
    }
    reg->result = *in;
    reg->result.type = s->expr->type;
    reg->result.has_bounds = reg->result.sorted = false;
    reg->result.dict = reg->dict_out;
    reg->result.dict_id = reg->dict_out_id;
    return true;
}

static weir_status eval_call(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    const wr_fn *fn = s->expr->call.fn;
    if (fn->flags & WR_FN_LAZY) return wr_eval_lazy(ev, step, rows);
    wr_column local[4];
    wr_column *args = s->arg_count <= 4 ? local : wr_new_array(&ev->arena, wr_column, s->arg_count);
    bool all_constant = !s->lambdas && !s->is_volatile, any_null = false;
    for (int i = 0; i < s->arg_count; i++) {
        if (s->args[i] < 0) {
            args[i] = (wr_column){.type = s->expr->args[i]->type};
            continue;
        }
        const wr_column *arg;
        WR_TRY(wr_eval_step(ev, s->args[i], rows, &arg));
        args[i] = *arg;
        if (arg->form != WR_CONSTANT) all_constant = false;
        any_null |= is_null_constant(arg);
    }
    bool is_strict = !(fn->flags & WR_FN_SEES_NULLS);
    if (is_strict && any_null && !s->is_volatile) {
        null_result(ev, step);
        return WR_OK;
    }
    if (all_constant && s->arg_count > 0) return run_once(ev, step, args);
    bool strict_or_whole = is_strict || s->arg_count == 1;
    if (strict_or_whole && run_on_dictionary(ev, step, args)) {
        /* a NULL row keeps its NULL; only a function that sees NULLs may make something of it */
        if (is_strict || (!args[0].valid && !args[0].dict->valid)) return WR_OK;
    }
    return run_function(ev, step, args, rows);
}

weir_status wr_call_lambda(wr_call *call, int arg, const wr_column *params, const uint16_t *outer,
                           uint32_t rows, wr_column *out)
{
    call_frame *frame = call->lambdas;
    wr_eval *ev = frame->ev;
    const wr_lambda_code *code = &ev->program->steps[frame->step].lambdas[arg];
    wr_register *reg = &ev->registers[frame->step];
    wr_assert(rows <= WR_BATCH_ROWS && code->program);
    if (!reg->lambdas) reg->lambdas = wr_new_array(&ev->heap, wr_eval *, call->arg_count);
    if (!reg->lambdas[arg]) WR_TRY(wr_eval_new(code->program, ev->env, &reg->lambdas[arg]));
    wr_batch batch = {.column_count = code->captured_count + code->param_count, .rows = rows};
    batch.columns = wr_new_array(call->arena, wr_column, batch.column_count + 1);
    for (int i = 0; i < code->captured_count; i++)
        wr_column_gather(&ev->batch->columns[code->captured[i]], outer, rows, call->arena,
                         &batch.columns[i]);
    memcpy(batch.columns + code->captured_count, params,
           sizeof *params * (size_t)code->param_count);
    wr_column result;
    WR_TRY(wr_eval_run(reg->lambdas[arg], &batch, &result));
    wr_column_copy(&result, 0, rows, call->arena, out);
    return WR_OK;
}

/* ---- other kinds ---- */

static weir_status eval_cast(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    const wr_column *in;
    WR_TRY(wr_eval_step(ev, s->args[0], rows, &in));
    wr_cast_job job = {.env = ev->env,
                       .to = s->expr->type,
                       .is_try = s->expr->is_try,
                       .sel = rows.sel,
                       .sel_count = rows.count,
                       .arena = &ev->arena};
    weir_status bad = wr_cast_column(&job, in, &ev->registers[step].result);
    return bad ? call_failed(ev, step, bad) : WR_OK;
}

static weir_status eval_is_null(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    const wr_column *in;
    WR_TRY(wr_eval_step(ev, s->args[0], rows, &in));
    bool negated = s->expr->is_negated;
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    uint8_t *to = out->data;
    if (wr_column_has_no_nulls(in) || in->form == WR_CONSTANT) {
        to[0] = (in->form == WR_CONSTANT && !wr_column_has_no_nulls(in)) != negated;
        out->form = WR_CONSTANT;
        return WR_OK;
    }
    if (in->form == WR_FLAT && in->valid) {
        for (uint32_t i = 0; i < in->rows; i++)
            to[i] = (uint8_t)(!wr_bit_get(in->valid, i) ^ negated);
        return WR_OK;
    }
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        to[row] = wr_column_is_null(in, row) != negated;
    }
    return WR_OK;
}

static weir_status eval_not(wr_eval *ev, int step, wr_rows rows)
{
    const wr_column *in;
    WR_TRY(wr_eval_step(ev, ev->program->steps[step].args[0], rows, &in));
    wr_column flat;
    wr_column_flatten(in, rows.sel, rows.count, &ev->arena, &flat);
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    out->valid = flat.valid;
    const uint8_t *from = flat.data;
    uint8_t *to = out->data;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        to[row] = !from[row];
    }
    return WR_OK;
}

static weir_status compute(wr_eval *ev, int step, wr_rows rows)
{
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, ev->program->steps[step].expr->span));
    const wr_step *s = &ev->program->steps[step];
    switch (s->expr->kind) {
    case WR_X_COLUMN:
        wr_assert(s->expr->column < (uint32_t)ev->batch->column_count);
        ev->registers[step].result = ev->batch->columns[s->expr->column];
        return WR_OK;
    case WR_X_CALL:
        return eval_call(ev, step, rows);
    case WR_X_CAST:
        return eval_cast(ev, step, rows);
    case WR_X_AND:
    case WR_X_OR:
        return wr_eval_junction(ev, step, rows);
    case WR_X_NOT:
        return eval_not(ev, step, rows);
    case WR_X_COMPARE:
        return wr_eval_compare(ev, step, rows);
    case WR_X_IS_NULL:
        return eval_is_null(ev, step, rows);
    case WR_X_CASE:
        return wr_eval_case(ev, step, rows);
    case WR_X_IN:
        return wr_eval_in(ev, step, rows);
    default:
        return wr_fail_at(WR_E_INTERNAL, s->expr->span,
                          "an expression of kind %d reached the evaluator", (int)s->expr->kind);
    }
}

/* A constant subexpression is computed when first needed and kept. */
static weir_status fix_constant(wr_eval *ev, int step)
{
    wr_register *reg = &ev->registers[step];
    const wr_expr *e = ev->program->steps[step].expr;
    wr_value value;
    if (e->kind == WR_X_CONST) {
        wr_value_column(&e->value, 1, &ev->heap, &reg->result);
        reg->is_fixed = true;
        return WR_OK;
    }
    const wr_batch *outer = ev->batch;
    wr_batch one = {.rows = 1};
    ev->batch = &one;
    wr_eval_enter(ev);
    weir_status bad = compute(ev, step, (wr_rows){NULL, 1});
    wr_eval_leave(ev);
    ev->batch = outer;
    if (bad) return bad;
    /* A long text would be there twice until the evaluator goes. */
    if (e->type->phys == WR_P_VIEW && !wr_column_is_null(&reg->result, 0))
        WR_TRY(wr_arena_admit(&ev->heap, wr_column_view(&reg->result, 0).length));
    value = wr_value_at(&reg->result, 0, &ev->heap);
    wr_value_column(&value, 1, &ev->heap, &reg->result);
    reg->is_fixed = true;
    return WR_OK;
}

/* The operands of a long chain, from the bottom up: only every WR_SPINE_PART-th of them is asked
 * for here and asks for those between itself. */
static weir_status eval_spine(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *steps = ev->program->steps;
    int count = 0, *stops = wr_new_array(&ev->arena, int, steps[step].spine / WR_SPINE_PART + 1);
    for (int at = steps[step].args[0]; !is_ready(ev, &ev->registers[at]);) {
        if (steps[at].spine % WR_SPINE_PART == 0) stops[count++] = at;
        if (steps[at].spine == 0) break;
        at = steps[at].args[0];
    }
    const wr_column *value;
    while (count > 0)
        WR_TRY(wr_eval_step(ev, stops[--count], rows, &value));
    return WR_OK;
}

/* Gives the buffer of a long chain's operand to the next link: ten thousand buffers of a batch
 * would be too much. Nobody else uses the operand, and this step's result does not point into it.
 */
static void release_operand(wr_eval *ev, int step)
{
    const wr_step *s = &ev->program->steps[step];
    wr_register *above = &ev->registers[step], *below = &ev->registers[s->args[0]];
    const wr_type *type = ev->program->steps[s->args[0]].expr->type;
    bool is_apart = above->result.form == WR_FLAT && above->result.data == above->buffer &&
                    type->phys != WR_P_VIEW && !wr_type_is_nested(type) && below->buffer;
    if (ev->program->steps[s->args[0]].uses != 1 || below->is_fixed || !is_apart) return;
    void **spare = &ev->spare[wr_phys_size(type->phys) > 8];
    memcpy(below->buffer, spare, sizeof *spare);
    *spare = below->buffer;
    below->buffer = NULL;
    below->scope = 0;
}

weir_status wr_eval_step(wr_eval *ev, int step, wr_rows rows, const wr_column **out)
{
    wr_register *reg = &ev->registers[step];
    *out = &reg->result;
    if (!is_ready(ev, reg)) {
        const wr_step *s = &ev->program->steps[step];
        if (s->spine > WR_SPINE_PART) WR_TRY(eval_spine(ev, step, rows));
        if (s->is_const && !s->is_volatile) {
            WR_TRY(fix_constant(ev, step));
        } else {
            WR_TRY(compute(ev, step, rows));
            if (s->spine > WR_SPINE_PART) release_operand(ev, step);
            reg->scope = ev->scopes[ev->depth];
            reg->depth = ev->depth;
        }
    }
    if (reg->is_fixed) reg->result.rows = ev->batch->rows;
    return WR_OK;
}

/* ---- entry points ---- */

weir_status wr_eval_new(const wr_program *program, const wr_env *env, wr_eval **out)
{
    static const wr_env no_session = {.zone = NULL};
    wr_eval *ev = wr_heap_new(sizeof *ev);
    ev->program = program;
    ev->env = env ? env : &no_session;
    ev->arena.mem = ev->heap.mem = ev->env->mem;
    ev->registers = wr_new_array(&ev->heap, wr_register, program->step_count + 1);
    *out = ev;
    return WR_OK;
}

static void drop_register(const wr_step *step, wr_register *reg)
{
    const wr_fn *fn = step->expr->kind == WR_X_CALL ? step->expr->call.fn : NULL;
    if (fn && fn->state_clear && reg->state) fn->state_clear(reg->state);
    for (int i = 0; reg->lambdas && i < step->arg_count; i++)
        wr_eval_drop(reg->lambdas[i]);
    if (reg->dict_arena) wr_arena_clear(reg->dict_arena);
}

void wr_eval_drop(wr_eval *ev)
{
    if (!ev) return;
    for (int i = 0; i < ev->program->step_count; i++)
        drop_register(&ev->program->steps[i], &ev->registers[i]);
    wr_arena_clear(&ev->arena);
    wr_arena_clear(&ev->heap);
    wr_heap_drop(ev);
}

static void begin_batch(wr_eval *ev, const wr_batch *in)
{
    wr_assert(in->rows <= WR_BATCH_ROWS);
    wr_arena_reset(&ev->arena);
    ev->batch = in;
    ev->depth = 0;
    ev->scopes[0] = ++ev->next_scope;
}

weir_status wr_eval_run(wr_eval *ev, const wr_batch *in, wr_column *out)
{
    begin_batch(ev, in);
    wr_rows rows = {in->sel, wr_batch_count(in)};
    for (int i = 0; i < ev->program->root_count; i++) {
        const wr_column *result;
        if (rows.count == 0) {
            wr_value null = wr_value_null(ev->program->steps[ev->program->roots[i]].expr->type);
            wr_value_column(&null, in->rows, &ev->arena, &out[i]);
            continue;
        }
        WR_TRY(wr_eval_step(ev, ev->program->roots[i], rows, &result));
        out[i] = *result;
    }
    return WR_OK;
}

/* ---- filters ---- */

/* The conjuncts of all roots, ANDs taken apart; in order. */
static void find_conjuncts(wr_eval *ev)
{
    const wr_program *p = ev->program;
    ev->order = wr_new_array(&ev->heap, int, p->step_count + p->root_count + 1);
    for (int i = 0; i < p->root_count; i++) {
        const wr_step *s = &p->steps[p->roots[i]];
        ev->order_is_fixed |= s->can_fail || s->is_volatile;
        if (s->expr->kind != WR_X_AND || s->is_const) {
            ev->order[ev->order_count++] = p->roots[i];
            continue;
        }
        bool fits =
            ev->order_count + s->arg_count + p->root_count - i <= p->step_count + p->root_count;
        for (int k = 0; fits && k < s->arg_count; k++)
            ev->order[ev->order_count++] = s->args[k];
        if (!fits) ev->order[ev->order_count++] = p->roots[i];
    }
}

/* Nanoseconds to be rid of one row: the cheapest such conjunct should come first. */
static double price(const wr_register *reg)
{
    double dropped = (double)(reg->rows_in - reg->rows_out);
    return (double)reg->ticks / (dropped + 0.01 * (double)reg->rows_in + 1);
}

static void reorder_conjuncts(wr_eval *ev)
{
    for (int i = 1; i < ev->order_count; i++) {
        int step = ev->order[i], k = i;
        for (; k > 0 && price(&ev->registers[ev->order[k - 1]]) > price(&ev->registers[step]); k--)
            ev->order[k] = ev->order[k - 1];
        ev->order[k] = step;
    }
    for (int i = 0; i < ev->order_count; i++) { /* old measurements fade */
        wr_register *reg = &ev->registers[ev->order[i]];
        reg->rows_in /= 2, reg->rows_out /= 2, reg->ticks /= 2;
    }
}

#define MEASURE_EVERY 8
#define REORDER_EVERY 64

weir_status wr_eval_filter(wr_eval *ev, const wr_batch *in, uint16_t *sel, uint32_t *count)
{
    begin_batch(ev, in);
    if (!ev->order) find_conjuncts(ev);
    bool may_reorder = ev->order_count > 1 && !ev->order_is_fixed;
    bool measures = may_reorder && ev->batches++ % MEASURE_EVERY == 0;
    if (may_reorder && ev->batches % REORDER_EVERY == 0) reorder_conjuncts(ev);
    uint16_t kept[WR_BATCH_ROWS];
    for (int i = 0; i<ev->order_count && * count> 0; i++) {
        wr_register *reg = &ev->registers[ev->order[i]];
        /* the whole batch is told apart from a selection: loops over all rows are faster */
        wr_rows rows = {*count == in->rows ? NULL : sel, *count};
        if (ev->depth > WR_SCOPES_MAX / 2) wr_eval_leave(ev); /* older results are computed again */
        wr_eval_enter(ev);
        int64_t began = measures ? wr_clock_mono_ns() : 0;
        WR_TRY(wr_eval_select(ev, ev->order[i], rows, kept, count));
        if (measures) {
            reg->ticks += (uint64_t)(wr_clock_mono_ns() - began);
            reg->rows_in += rows.count;
            reg->rows_out += *count;
        }
        memcpy(sel, kept, sizeof *kept * *count);
    }
    return WR_OK;
}

weir_status wr_expr_fold(wr_arena *arena, const wr_env *env, const wr_expr *e, wr_value *out)
{
    if (e->kind == WR_X_CONST) {
        *out = wr_value_copy(&e->value, arena);
        return WR_OK;
    }
    WR_ARENA(scratch);
    wr_program *program;
    WR_AUTO(wr_eval) *ev = NULL;
    wr_expr *root = (wr_expr *)e;
    WR_TRY(wr_program_new(&scratch, &root, 1, &program));
    WR_TRY(wr_eval_new(program, env, &ev));
    wr_batch one = {.rows = 1};
    wr_column result;
    WR_TRY(wr_eval_run(ev, &one, &result));
    if (e->type->phys == WR_P_VIEW && !wr_column_is_null(&result, 0))
        WR_TRY(wr_arena_admit(arena, wr_column_view(&result, 0).length));
    *out = wr_value_at(&result, 0, arena);
    return WR_OK;
}
