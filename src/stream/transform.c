/* transform.c - see transform.h.
 *
 * The plan runs as a wr_run of one worker that pauses whenever its feed is empty, so a pushed batch
 * flows through filters, projections and probes as in a batch query, and what was built for them
 * (tables of lookup joins) stays, or is exchanged as a whole between two pushes. A plan that ends
 * by itself (LIMIT) leaves the rest of the input unread.
 *
 * Rows for which an expression fails are dead letters if the query wants that. Where only filters
 * and projections run, rows stand in the same places all along, so the row is told as it was
 * pushed, and its source knows where it had it from. What fails while a lookup table is built is no
 * row of the stream and fails the query. */
#include "stream/transform.h"
#include "stream/feed.h"

typedef struct transform {
    wr_stream_op op;
    wr_run *run, *next; /* next: prepared, not taken yet; or NULL */
    bool next_has_ended;
    wr_run_options options;
    wr_bad_rows bad_rows;
    const wr_delta *pushed; /* on its way; NULL: nothing is */
    wr_column *columns;     /* of the input, $change behind them */
    bool has_ended;
    int8_t all_new[1];
} transform;

static const wr_transform_spec *spec_of(const wr_stream_op *op) { return op->spec; }

static bool keeps_rows(const wr_plan_node *node)
{
    bool keeps =
        node->kind == WR_PN_SCAN || node->kind == WR_PN_FILTER || node->kind == WR_PN_PROJECT;
    for (int i = 0; i < node->input_count; i++)
        keeps &= keeps_rows(node->inputs[i]);
    return keeps;
}

/* A row that is taken back was told when it appeared. */
static weir_status tell_bad(wr_bad_rows *self, const wr_batch *in, uint32_t row, weir_status why)
{
    transform *t = (transform *)(void *)((char *)self - offsetof(transform, bad_rows));
    const wr_transform_spec *spec = spec_of(&t->op);
    if (!t->pushed || !wr_feed_is_taken(spec->feed)) return wr_status_copy(why);
    if (!t->op.keeps_rows) return wr_stream_bad_row(&t->op, NULL, in, row, false, why);
    if (t->pushed->changes && t->pushed->changes[row] < 0) return WR_OK;
    return wr_stream_bad_row(&t->op, &spec->feed->schema, &t->pushed->batch, row, true, why);
}

static weir_status transform_open(wr_stream_op *op)
{
    transform *t = (transform *)op;
    const wr_transform_spec *spec = spec_of(op);
    t->bad_rows.tell = tell_bad;
    t->options =
        (wr_run_options){.thread_count = 1, .bad_rows = op->graph->dead ? &t->bad_rows : NULL};
    op->keeps_rows = keeps_rows(spec->plan);
    t->columns = wr_new_array(&op->arena, wr_column, spec->feed->schema.count + 1);
    t->all_new[0] = 1;
    return wr_run_new(op->graph->pool, spec->plan, op->graph->env, op->mem, &t->options, &t->run);
}

/* The batch with its changes as one more column. */
static void with_changes(transform *t, const wr_delta *delta, wr_batch *out)
{
    *out = delta->batch;
    for (int i = 0; i < out->column_count; i++)
        t->columns[i] = delta->batch.columns[i];
    t->columns[out->column_count] =
        (wr_column){.type = wr_type_of(WR_T_TINYINT),
                    .form = delta->changes ? WR_FLAT : WR_CONSTANT,
                    .phys = WR_P_I8,
                    .rows = out->rows,
                    .data = delta->changes ? (void *)(uintptr_t)delta->changes : t->all_new};
    out->columns = t->columns;
    out->column_count++;
}

/* The other way round: changes in scratch unless all rows are new. */
static void without_changes(wr_batch *batch, int8_t *scratch, wr_delta *out)
{
    *out = (wr_delta){.batch = *batch};
    out->batch.column_count--;
    const wr_column *changes = &batch->columns[out->batch.column_count];
    if (changes->form == WR_CONSTANT && wr_column_int(changes, 0) == 1) return;
    if (changes->form == WR_FLAT && changes->phys == WR_P_I8 && changes->base == 0) {
        out->changes = changes->data;
        return;
    }
    for (uint32_t i = 0, count = wr_batch_count(batch); i < count; i++)
        scratch[wr_batch_row(batch, i)] = (int8_t)wr_column_int(changes, wr_batch_row(batch, i));
    out->changes = scratch;
}

static weir_status run_pushed(transform *t)
{
    wr_stream_op *op = &t->op;
    const wr_transform_spec *spec = spec_of(op);
    for (;;) {
        wr_batch out;
        bool more;
        WR_TRY(wr_run_next(t->run, &out, &more));
        t->has_ended = !more;
        if (wr_batch_count(&out) == 0) return WR_OK;
        int8_t scratch[WR_BATCH_ROWS];
        wr_delta passed = {.batch = out};
        if (spec->takes_back) without_changes(&out, scratch, &passed);
        WR_TRY(wr_stream_emit(op, &passed));
    }
}

static weir_status transform_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    transform *t = (transform *)op;
    const wr_transform_spec *spec = spec_of(op);
    if (t->has_ended) return WR_OK;
    wr_assert(spec->takes_back || !delta->changes);
    wr_batch in = delta->batch;
    if (spec->takes_back) with_changes(t, delta, &in);
    wr_feed_push(spec->feed, &in);
    t->pushed = delta;
    weir_status bad = run_pushed(t);
    t->pushed = NULL;
    return bad;
}

/* Without rows in the feed the run builds its tables and pauses. */
weir_status wr_transform_prepare(wr_stream_op *op)
{
    transform *t = (transform *)op;
    wr_batch none;
    bool more;
    wr_assert(!t->next);
    wr_feed_begin(spec_of(op)->feed); /* a run that has ended left its last batch */
    WR_TRY(wr_run_new(op->graph->pool, spec_of(op)->plan, op->graph->env, op->mem, &t->options,
                      &t->next));
    WR_TRY(wr_run_next(t->next, &none, &more));
    wr_assert(wr_batch_count(&none) == 0);
    t->next_has_ended = !more;
    return WR_OK;
}

void wr_transform_settle(wr_stream_op *op, bool takes)
{
    transform *t = (transform *)op;
    if (!t->next) return;
    wr_run_drop(takes ? t->run : t->next);
    if (takes) {
        t->run = t->next;
        t->has_ended = t->next_has_ended;
    }
    t->next = NULL;
}

static void transform_close(wr_stream_op *op)
{
    transform *t = (transform *)op;
    if (t->next) wr_run_drop(t->next);
    wr_run_drop(t->run);
}

const wr_stream_op_def wr_stream_transform = {.name = "transform",
                                              .size = sizeof(transform),
                                              .takes_back = true,
                                              .open = transform_open,
                                              .push = transform_push,
                                              .close = transform_close};
