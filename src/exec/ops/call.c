/* call.c - calls functions of the host program for many rows at a time.
 *
 * A call costs the host far more than its rows do, so rows are put together until there are enough:
 * the arguments go into arrays for the host at once, the columns that are carried along are kept as
 * copies, batch by batch, and come out the same way with their results beside them. The first call
 * has the rows of one batch, each next one twice as many, so that a query that needs few rows asks
 * for few. Long texts make it fewer.
 *
 * Rows with a NULL argument are left out for functions that do not see NULLs, so the results of a
 * batch are a part of those of the call, in their order, and are spread over the rows they are for.
 *
 * Rows that are kept back come out when the input ends (drain). A batch whose only arguments are
 * dictionaries passes as it is: the evaluator calls the function once per dictionary. */
#include "exec/arrays.h"
#include "exec/op.h"
#include "expr/host_fn.h"
#include "sys/thread.h"

enum { ROWS_MOST = 64 << 10, BYTES_MOST = 32 << 20, ROOM_SHARE = 8 };

typedef struct function_call {
    const wr_host_fn *fn;
    int first_arg, arg_count; /* among the expressions of the operator */
    bool is_volatile;
} function_call;

typedef struct call_op {
    wr_op op;
    function_call *calls;
    wr_exprs args;            /* of all calls */
    wr_exprs whole;           /* the calls themselves */
    _Atomic uint64_t rows_in; /* of all workers */
    wr_mutex lock;            /* of what follows */
    uint64_t call_count, row_count;
} call_op;

/* A batch that was kept. */
typedef struct kept {
    wr_batch carried;
    uint32_t rows;
    uint32_t *first, *count; /* by call: its part of the results */
    uint64_t **seen;         /* by call: rows the function saw; NULL: all */
} kept;

typedef struct call_local {
    wr_op_local base;
    wr_exprs_local args, whole;
    wr_array_builder **builders; /* by call */
    uint32_t *given;             /* by call: rows in its builder */
    wr_arena arena;              /* of the rows that are kept, and their results */
    WR_LIST(kept) batches;
    wr_column *results; /* by call; NULL: not called yet */
    int next;           /* batch to come out */
    uint32_t rows, wanted;
    uint64_t bytes, bytes_wanted;
    uint64_t seen; /* rows that were called for */
} call_local;

/* ---- life ---- */

static weir_status call_open(wr_op *op)
{
    call_op *c = (call_op *)op;
    const wr_plan_node *node = op->node;
    int count = node->call.count, args = 0;
    wr_mutex_init(&c->lock);
    c->calls = wr_new_array(&op->arena, function_call, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_expr *e = node->call.exprs[i];
        c->calls[i] = (function_call){wr_host_fn_of(e), args, e->arg_count, wr_expr_is_volatile(e)};
        wr_assert(c->calls[i].fn);
        args += e->arg_count;
    }
    wr_expr **all = wr_new_array(&op->arena, wr_expr *, args + 1);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < c->calls[i].arg_count; k++)
            all[c->calls[i].first_arg + k] = node->call.exprs[i]->args[k];
    WR_TRY(wr_exprs_open(&c->args, op, all, args));
    return wr_exprs_open(&c->whole, op, node->call.exprs, count);
}

static weir_status call_local_open(wr_op *op, wr_op_local *local)
{
    const call_op *c = (call_op *)op;
    call_local *me = (call_local *)local;
    int count = op->node->call.count;
    me->builders = wr_heap_new(sizeof *me->builders * (size_t)(count + 1));
    me->given = wr_heap_new(sizeof *me->given * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        me->builders[i] = wr_array_builder_new(wr_host_fn_args(c->calls[i].fn));
    me->arena.mem = op->mem;
    me->wanted = WR_BATCH_ROWS;
    return WR_OK;
}

static void let_go(wr_op *op, call_local *me)
{
    wr_arena_reset(&me->arena);
    wr_mem_release(op->mem, me->bytes);
    me->batches.items = NULL;
    me->batches.count = me->batches.cap = 0;
    me->results = NULL;
    me->next = 0;
    me->rows = 0;
    me->bytes = 0;
}

static void call_local_close(wr_op *op, wr_op_local *local)
{
    call_local *me = (call_local *)local;
    let_go(op, me);
    wr_arena_clear(&me->arena);
    for (int i = 0; me->builders && i < op->node->call.count; i++)
        wr_array_builder_drop(me->builders[i]);
    wr_heap_drop(me->builders);
    wr_heap_drop(me->given);
    wr_exprs_close(&me->args);
    wr_exprs_close(&me->whole);
}

static void call_close(wr_op *op) { wr_mutex_clear(&((call_op *)op)->lock); }

/* ---- keeping rows ---- */

static uint64_t text_bytes(const wr_column *c, const uint16_t *sel, uint32_t count)
{
    uint64_t bytes = 0;
    if (c->type->phys != WR_P_VIEW) return 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_column_is_null(c, row)) bytes += wr_column_view(c, row).length;
    }
    return bytes;
}

/* The arguments of one call for the rows it sees. */
static weir_status give(call_op *c, call_local *me, int call, const wr_batch *in, kept *k)
{
    const function_call *f = &c->calls[call];
    uint16_t room[WR_BATCH_ROWS];
    const uint16_t *sel;
    wr_batch args = {.columns = me->args.out + f->first_arg,
                     .column_count = f->arg_count,
                     .rows = in->rows,
                     .sel = in->sel,
                     .sel_count = in->sel_count};
    uint32_t count = wr_host_fn_rows(f->fn, &args, room, &sel);
    if (count < k->rows) {
        k->seen[call] = wr_new_array(&me->arena, uint64_t, WR_BATCH_WORDS);
        for (uint32_t i = 0, at = 0; i < k->rows && at < count; i++)
            if (wr_batch_row(in, i) == (sel ? sel[at] : at)) {
                wr_bit_set(k->seen[call], i);
                at++;
            }
    }
    args.sel = sel;
    args.sel_count = count;
    k->first[call] = me->given[call];
    k->count[call] = count;
    if (!count) return WR_OK;
    uint64_t bytes = 0;
    for (int a = 0; a < f->arg_count; a++)
        bytes += text_bytes(&args.columns[a], sel, count) +
                 wr_phys_size(args.columns[a].type->phys) * count;
    WR_TRY(wr_mem_reserve(c->op.mem, bytes));
    me->bytes += bytes;
    me->given[call] += count;
    return wr_array_builder_add(me->builders[call], &args, me->wanted + WR_BATCH_ROWS);
}

/* Large dictionaries are not copied for a batch that uses few of their values. */
static void copy_column(const wr_column *in, const wr_batch *of, call_local *me, wr_column *out)
{
    uint32_t count = wr_batch_count(of);
    wr_column flat;
    if (in->form == WR_DICTIONARY && in->dict->rows > count) {
        wr_column_flatten(in, of->sel, count, &me->base.scratch, &flat);
        in = &flat;
    }
    if (of->sel)
        wr_column_copy_rows(in, of->sel, count, &me->arena, out);
    else
        wr_column_copy(in, 0, count, &me->arena, out);
}

static weir_status keep(call_op *c, call_local *me, const wr_batch *in)
{
    const wr_plan_node *node = c->op.node;
    int calls = node->call.count;
    kept k = {.rows = wr_batch_count(in)};
    k.first = wr_new_array(&me->arena, uint32_t, calls + 1);
    k.count = wr_new_array(&me->arena, uint32_t, calls + 1);
    k.seen = wr_new_array(&me->arena, uint64_t *, calls + 1);
    for (int i = 0; i < calls; i++)
        WR_TRY(give(c, me, i, in, &k));
    k.carried = (wr_batch){.column_count = node->call.carried_count, .rows = k.rows};
    k.carried.columns = wr_new_array(&me->arena, wr_column, node->call.carried_count + 1);
    wr_arena_reset(&me->base.scratch);
    for (int i = 0; i < node->call.carried_count; i++)
        copy_column(&in->columns[node->call.carried[i]], in, me, &k.carried.columns[i]);
    wr_push(&me->arena, &me->batches, k);
    me->rows += k.rows;
    c->rows_in += k.rows;
    return wr_arena_check(&me->arena);
}

static bool has_enough(call_op *c, call_local *me)
{
    if (!me->bytes_wanted)
        me->bytes_wanted = WR_MIN((uint64_t)BYTES_MOST, wr_mem_room(c->op.mem) / ROOM_SHARE);
    return me->rows >= me->wanted || wr_mem_used(c->op.mem) >= me->bytes_wanted;
}

/* ---- calling ---- */

static void note(call_op *c, uint64_t calls, uint64_t rows)
{
    wr_mutex_lock(&c->lock);
    c->call_count += calls;
    c->row_count += rows;
    wr_op_note(&c->op, "%llu calls for %llu rows", (unsigned long long)c->call_count,
               (unsigned long long)c->row_count);
    wr_mutex_unlock(&c->lock);
}

static weir_status call_all(call_op *c, call_local *me)
{
    int calls = c->op.node->call.count, made = 0;
    uint64_t rows = 0;
    wr_column *results = wr_new_array(&me->arena, wr_column, calls + 1);
    /* Where rows stand in the input is known as long as one worker got all of them. */
    bool is_alone = c->rows_in == me->seen + me->rows;
    for (int i = 0; i < calls; i++) {
        struct ArrowArray args;
        uint32_t count = me->given[i];
        int64_t before = is_alone && count == me->rows ? (int64_t)me->seen : -1;
        if (!count) continue;
        WR_TRY(wr_exec_check(c->op.exec));
        me->given[i] = 0;
        WR_TRY(wr_array_builder_take(me->builders[i], &args));
        weir_status bad =
            wr_host_fn_call(c->calls[i].fn, &args, count, before, &me->arena, &results[i]);
        if (bad) return wr_with_span(bad, c->op.node->call.exprs[i]->span);
        rows += count;
        made++;
    }
    me->seen += me->rows;
    me->results = results;
    me->wanted = WR_MIN(me->wanted * 2, (uint32_t)ROWS_MOST);
    note(c, (uint64_t)made, rows);
    return WR_OK;
}

/* ---- rows come out ---- */

/* Results to the rows they are for; NULL elsewhere. */
static void spread(const wr_column *results, const kept *k, int call, const wr_type *type,
                   wr_arena *arena, wr_column *out)
{
    uint32_t *which = wr_new_array(arena, uint32_t, k->rows + 1);
    uint32_t *from = wr_new_array(arena, uint32_t, k->rows + 1), at = 0;
    for (uint32_t i = 0; i < k->rows; i++) {
        bool is_seen = wr_bit_get(k->seen[call], i);
        which[i] = is_seen ? 0 : UINT32_MAX;
        from[i] = at;
        at += is_seen;
    }
    wr_column_stitch(type, &results, 1, which, from, k->rows, arena, out);
}

static weir_status result_of(call_op *c, call_local *me, const kept *k, int call, wr_column *out)
{
    const wr_type *type = c->op.node->call.exprs[call]->type;
    wr_arena *arena = &me->base.scratch;
    if (!k->count[call]) {
        const wr_value null = wr_value_null(type);
        wr_value_column(&null, k->rows, arena, out);
        return WR_OK;
    }
    wr_column part;
    wr_column_part(&me->results[call], k->first[call], k->count[call], arena, &part);
    WR_TRY(wr_host_fn_settle(c->calls[call].fn, wr_exec_env(c->op.exec), arena, &part));
    if (k->seen[call])
        spread(&part, k, call, type, arena, out);
    else
        *out = part;
    return WR_OK;
}

static weir_status come_out(call_op *c, call_local *me, wr_batch *out, wr_flow *flow)
{
    const kept *k = &me->batches.items[me->next++];
    int carried = k->carried.column_count, calls = c->op.node->call.count;
    wr_arena_reset(&me->base.scratch);
    *out = (wr_batch){.column_count = carried + calls, .rows = k->rows};
    out->columns = wr_new_array(&me->base.scratch, wr_column, carried + calls + 1);
    if (carried) memcpy(out->columns, k->carried.columns, sizeof(wr_column) * (size_t)carried);
    for (int i = 0; i < calls; i++)
        WR_TRY(result_of(c, me, k, i, &out->columns[carried + i]));
    *flow = me->next < me->batches.count ? WR_FLOW_AGAIN : WR_FLOW_NEXT;
    return WR_OK;
}

/* ---- dictionaries ---- */

/* Does the evaluator answer all calls from what it knows of their dictionaries? */
static bool is_by_dictionary(const call_op *c, const call_local *me)
{
    for (int i = 0; i < c->op.node->call.count; i++) {
        const function_call *f = &c->calls[i];
        const wr_column *arg = me->args.out + f->first_arg;
        if (f->arg_count != 1 || f->is_volatile || arg->form != WR_DICTIONARY || !arg->dict_id ||
            arg->dict->rows == 0 || arg->dict->rows >= ROWS_MOST || arg->valid || arg->dict->valid)
            return false;
    }
    return true;
}

static weir_status pass(call_op *c, call_local *me, const wr_batch *in, wr_batch *out)
{
    const wr_plan_node *node = c->op.node;
    int carried = node->call.carried_count, calls = node->call.count;
    WR_TRY(wr_exprs_run(&c->whole, &me->whole, wr_exec_env(c->op.exec), in));
    wr_arena_reset(&me->base.scratch);
    me->seen += wr_batch_count(in);
    c->rows_in += wr_batch_count(in);
    *out = *in;
    out->column_count = carried + calls;
    out->columns = wr_new_array(&me->base.scratch, wr_column, carried + calls + 1);
    for (int i = 0; i < carried; i++)
        out->columns[i] = in->columns[node->call.carried[i]];
    memcpy(out->columns + carried, me->whole.out, sizeof(wr_column) * (size_t)calls);
    return WR_OK;
}

/* ---- the operator ---- */

static weir_status call_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                             wr_flow *flow)
{
    call_op *c = (call_op *)op;
    call_local *me = (call_local *)local;
    *flow = WR_FLOW_NEXT;
    if (me->results && me->next < me->batches.count) return come_out(c, me, out, flow);
    if (me->results) let_go(op, me);
    WR_TRY(wr_exprs_run(&c->args, &me->args, wr_exec_env(op->exec), in));
    if (!me->rows && is_by_dictionary(c, me)) return pass(c, me, in, out);
    WR_TRY(keep(c, me, in));
    if (!has_enough(c, me)) return WR_OK;
    WR_TRY(call_all(c, me));
    return come_out(c, me, out, flow);
}

static weir_status call_drain(wr_op *op, wr_op_local *local, wr_batch *out, wr_flow *flow)
{
    call_op *c = (call_op *)op;
    call_local *me = (call_local *)local;
    *flow = WR_FLOW_NEXT;
    if (me->results && me->next == me->batches.count) let_go(op, me);
    if (!me->rows) return WR_OK;
    if (!me->results) WR_TRY(call_all(c, me));
    return come_out(c, me, out, flow);
}

const wr_op_def wr_op_call = {.name = "call",
                              .size = sizeof(call_op),
                              .local_size = sizeof(call_local),
                              .open = call_open,
                              .close = call_close,
                              .local_open = call_local_open,
                              .local_close = call_local_close,
                              .push = call_push,
                              .drain = call_drain};
