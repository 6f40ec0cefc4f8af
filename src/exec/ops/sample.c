/* sample.c - TABLESAMPLE. The choice depends on the seed and a row's place in the source (morsel
 * and position), not on which worker sees it, so a REPEATABLE sample is the same at any thread
 * count.
 *
 * Bernoulli: each row by itself. System (is_block): whole batches. A fixed number of rows: every
 * row gets a random rank, the smallest ranks stay: what cannot be among them is dropped whenever
 * there are twice as many rows as wanted. */
#include "exec/ops/kept.h"
#include "exec/sorting.h"
#include "sys/clock.h"

typedef struct sample_op {
    wr_op op;
    uint64_t seed;
    wr_rows_layout layout; /* fixed size: input columns and the rank */
    uint8_t **rows;
    uint64_t count, cap, next;
} sample_op;

typedef struct sample_local {
    wr_op_local base;
    uint64_t morsel_seen, position;
    bool started;
    wr_rows *rows;
    uint16_t sel[WR_BATCH_ROWS];
} sample_local;

static uint64_t random_of(uint64_t seed, uint64_t morsel, uint64_t position)
{
    uint64_t x = seed ^ (morsel + 1) * UINT64_C(0x9e3779b97f4a7c15) ^
                 (position + 1) * UINT64_C(0xd1342543de82ef95);
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Position of the batch's first row in its morsel. */
static uint64_t place(sample_local *me, uint32_t count)
{
    if (!me->started || me->morsel_seen != me->base.morsel) me->position = 0;
    me->started = true;
    me->morsel_seen = me->base.morsel;
    uint64_t at = me->position;
    me->position += count;
    return at;
}

static weir_status sample_open(wr_op *op)
{
    sample_op *s = (sample_op *)op;
    const wr_plan_node *node = op->node;
    s->seed = node->sample.has_seed ? (uint64_t)node->sample.seed : wr_random_u64();
    int n = node->schema.count;
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, n + 1);
    for (int i = 0; i < n; i++)
        types[i] = node->schema.fields[i].type;
    types[n] = WR_BIGINT;
    wr_rows_layout_init(&s->layout, &op->arena, types, n + 1, 0);
    return WR_OK;
}

static bool is_chosen(double fraction, uint64_t random)
{
    return (double)(random >> 11) * 0x1p-53 < fraction;
}

static weir_status sample_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                               wr_flow *flow)
{
    sample_op *s = (sample_op *)op;
    sample_local *me = (sample_local *)local;
    double fraction = op->node->sample.fraction;
    uint32_t count = wr_batch_count(in), kept = 0;
    uint64_t at = place(me, count);
    bool whole =
        op->node->sample.is_block && is_chosen(fraction, random_of(s->seed, local->morsel, at));
    for (uint32_t i = 0; i < count; i++) {
        me->sel[kept] = (uint16_t)wr_batch_row(in, i);
        kept += op->node->sample.is_block
                    ? whole
                    : is_chosen(fraction, random_of(s->seed, local->morsel, at + i));
    }
    *out = *in;
    out->sel = me->sel;
    out->sel_count = kept;
    *flow = WR_FLOW_NEXT;
    return WR_OK;
}

const wr_op_def wr_op_sample = {.name = "sample",
                                .size = sizeof(sample_op),
                                .local_size = sizeof(sample_local),
                                .open = sample_open,
                                .push = sample_push,
                                .is_ordered = true};

/* ---- a fixed number of rows ---- */

enum { ROWS_MIN = 4 * WR_BATCH_ROWS };

static weir_status list(sample_op *s, wr_rows *rows)
{
    uint64_t more = wr_rows_count(rows);
    if (s->count + more > s->cap) {
        uint64_t cap = s->count + more;
        WR_TRY(wr_mem_grow(s->op.mem, (void **)&s->rows, s->cap * sizeof *s->rows,
                           cap * sizeof *s->rows));
        s->cap = cap;
    }
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(rows, &cursor, s->rows + s->count, WR_BATCH_ROWS)) > 0;)
        s->count += n;
    return WR_OK;
}

/* Drops all but the rows with the smallest ranks. */
static weir_status drop_late(sample_op *s, sample_local *me)
{
    WR_AUTO(wr_rows) *kept = NULL;
    WR_ARENA(scratch);
    wr_batch batch;
    uint64_t wanted = (uint64_t)WR_MAX(s->op.node->sample.rows, 0);
    wr_sort_slot key = {.slot = s->layout.column_count - 1};
    s->count = 0;
    WR_TRY(list(s, me->rows));
    WR_TRY(wr_sort_addresses(s->op.exec, s->op.mem, &s->layout, &key, 1, s->rows, s->count));
    WR_TRY(wr_rows_new(s->op.mem, &s->layout, &kept));
    for (uint64_t at = 0; at < wanted; at += batch.rows) {
        uint32_t n = (uint32_t)WR_MIN(wanted - at, (uint64_t)WR_BATCH_ROWS);
        wr_arena_reset(&scratch);
        wr_rows_batch(&s->layout, s->layout.column_count, s->rows + at, n, &scratch, &batch);
        WR_TRY(wr_rows_append(kept, batch.columns, NULL, n, NULL));
    }
    s->count = 0;
    wr_rows_drop(me->rows);
    me->rows = WR_TAKE(kept);
    return WR_OK;
}

static weir_status rows_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    sample_op *s = (sample_op *)op;
    sample_local *me = (sample_local *)local;
    int n = s->layout.column_count - 1;
    uint32_t count = wr_batch_count(in);
    *flow = WR_FLOW_NEXT;
    wr_arena_reset(&local->scratch);
    wr_column *columns = wr_new_array(&local->scratch, wr_column, n + 1);
    if (n) memcpy(columns, in->columns, sizeof *columns * (size_t)n);
    wr_column_init(&columns[n], &local->scratch, WR_BIGINT, WR_P_I64, WR_MAX(in->rows, 1u));
    columns[n].rows = in->rows;
    uint64_t at = place(me, count);
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)columns[n].data)[wr_batch_row(in, i)] =
            (int64_t)random_of(s->seed, local->morsel, at + i);
    if (!me->rows) WR_TRY(wr_rows_new(op->mem, &s->layout, &me->rows));
    WR_TRY(wr_rows_append(me->rows, columns, in->sel, count, NULL));
    uint64_t most = 2 * WR_MAX((uint64_t)WR_MAX(op->node->sample.rows, 0), (uint64_t)ROWS_MIN);
    return wr_rows_count(me->rows) > most ? drop_late(s, me) : WR_OK;
}

static weir_status rows_finish(wr_op *op, int phase, int *tasks)
{
    sample_op *s = (sample_op *)op;
    (void)phase;
    *tasks = -1;
    for (int w = 0; w < wr_exec_workers(op->exec); w++) {
        sample_local *me = (sample_local *)op->locals[w];
        if (me && me->rows) WR_TRY(list(s, me->rows));
    }
    wr_sort_slot key = {.slot = s->layout.column_count - 1};
    WR_TRY(wr_sort_addresses(op->exec, op->mem, &s->layout, &key, 1, s->rows, s->count));
    s->count = WR_MIN(s->count, (uint64_t)WR_MAX(op->node->sample.rows, 0));
    return WR_OK;
}

static weir_status rows_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    (void)local;
    sample_op *s = (sample_op *)op;
    *got = s->next < s->count;
    return WR_OK;
}

static weir_status rows_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    sample_op *s = (sample_op *)op;
    *more = s->next < s->count;
    if (!*more) return WR_OK;
    uint32_t n = (uint32_t)WR_MIN(s->count - s->next, (uint64_t)WR_BATCH_ROWS);
    wr_arena_reset(&local->scratch);
    wr_rows_batch(&s->layout, s->layout.column_count - 1, s->rows + s->next, n, &local->scratch,
                  out);
    s->next += n;
    return WR_OK;
}

static void rows_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    wr_rows_drop(((sample_local *)local)->rows);
}

static void rows_close(wr_op *op)
{
    sample_op *s = (sample_op *)op;
    if (s->rows) wr_mem_free(op->mem, s->rows, s->cap * sizeof *s->rows);
}

const wr_op_def wr_op_sample_rows = {.name = "sample",
                                     .size = sizeof(sample_op),
                                     .local_size = sizeof(sample_local),
                                     .open = sample_open,
                                     .local_close = rows_local_close,
                                     .close = rows_close,
                                     .sink = rows_sink,
                                     .finish = rows_finish,
                                     .morsel = rows_morsel,
                                     .next_batch = rows_next,
                                     .is_ordered = true,
                                     .is_serial = true};
