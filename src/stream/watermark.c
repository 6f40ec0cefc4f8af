/* watermark.c - see watermark.h.
 *
 * A batch is passed on first, then time rises to the largest value of the expression over its rows:
 * what stands behind has ingested the batch before it hears of its time, so rows of one batch do
 * not make each other late. Rows without a value say nothing. The state is one number per operator.
 *
 * The usual expression, a column less an interval of plain time, is not computed per row: the
 * largest value of the column less the interval is the same.
 */
#include "stream/watermark.h"

#define SHIFT_MAX (INT64_C(1) << 50) /* microseconds: 35 years */

typedef struct watermark {
    wr_stream_op op;
    int column;    /* time is this column and shift; -1: the program computes it */
    int64_t shift; /* at most 0 */
    wr_program *program;
    wr_eval *eval;
    wr_bad_rows bad_rows; /* for which the program fails */
    wr_sieve *sieve;
    int64_t highest, saved;
    int64_t of_rows; /* what rows said, without the clock */
} watermark;

/* ts - INTERVAL '5 seconds', or ts itself. */
static void look_for_column(watermark *w, const wr_expr *time)
{
    const wr_expr *column = time;
    w->column = -1;
    if (time->kind == WR_X_CALL && time->arg_count == 2 && strcmp(time->call.fn->name, "-") == 0) {
        const wr_expr *step = time->args[1];
        if (step->kind != WR_X_CONST || step->value.is_null || step->type->id != WR_T_INTERVAL)
            return;
        wr_interval back = step->value.interval;
        if (back.months || back.days || back.usecs < 0 || back.usecs > SHIFT_MAX) return;
        w->shift = -back.usecs;
        column = time->args[0];
    }
    bool is_moment = column->type->id == WR_T_TIMESTAMP || column->type->id == WR_T_TIMESTAMPTZ;
    if (column->kind == WR_X_COLUMN && is_moment && column->type == time->type)
        w->column = (int)column->column;
}

static weir_status tell_bad(wr_bad_rows *self, const wr_batch *in, uint32_t row, weir_status why)
{
    watermark *w = (watermark *)(void *)((char *)self - offsetof(watermark, bad_rows));
    return wr_stream_bad_row(&w->op, w->op.schema, in, row, true, why);
}

static weir_status watermark_open(wr_stream_op *op)
{
    watermark *w = (watermark *)op;
    const wr_watermark_spec *spec = op->spec;
    w->bad_rows.tell = tell_bad;
    look_for_column(w, spec->time);
    w->highest = w->saved = w->of_rows = WR_NO_TIME_YET;
    WR_TRY(wr_program_new(&op->arena, &spec->time, 1, &w->program));
    return wr_eval_new(w->program, op->graph->env, &w->eval);
}

static int64_t highest_of(const wr_column *times, const wr_batch *batch)
{
    int64_t highest = WR_NO_TIME_YET;
    uint32_t count = wr_batch_count(batch);
    if (times->form == WR_FLAT && times->phys == WR_P_I64 && !times->valid) {
        const int64_t *restrict values = times->data;
        if (batch->sel)
            for (uint32_t i = 0; i < count; i++)
                highest = WR_MAX(highest, values[batch->sel[i]]);
        else
            for (uint32_t i = 0; i < count; i++)
                highest = WR_MAX(highest, values[i]);
        return count ? highest + times->base : highest;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(batch, i);
        if (!wr_column_is_null(times, row)) highest = WR_MAX(highest, wr_column_int(times, row));
    }
    return highest;
}

/* *kept: the rows that go on. */
static weir_status time_of(watermark *w, const wr_batch *batch, int64_t *highest,
                           const wr_batch **kept)
{
    *kept = batch;
    if (w->column >= 0) {
        *highest = highest_of(&batch->columns[w->column], batch);
        if (*highest > INT64_MIN + SHIFT_MAX && *highest < WR_TS_INF) {
            *highest += w->shift;
            return WR_OK;
        }
    }
    wr_column times;
    wr_bad_rows *bad = w->op.graph->dead ? &w->bad_rows : NULL;
    WR_TRY(wr_eval_run_sieved(w->eval, batch, bad, &w->sieve, &times, kept));
    *highest = highest_of(&times, *kept);
    return WR_OK;
}

static weir_status rise(watermark *w, int64_t time)
{
    w->highest = WR_MAX(w->highest, time);
    return wr_stream_advance(&w->op, 0, w->highest);
}

static weir_status watermark_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    watermark *w = (watermark *)op;
    int64_t highest;
    const wr_batch *kept;
    WR_TRY(time_of(w, &delta->batch, &highest, &kept));
    WR_TRY(wr_stream_emit(op, &(wr_delta){.batch = *kept, .changes = delta->changes}));
    w->of_rows = WR_MAX(w->of_rows, highest);
    return highest > w->highest ? rise(w, highest) : WR_OK;
}

weir_status wr_watermark_follow_clock(wr_stream_op *op, int64_t passed_us)
{
    watermark *w = (watermark *)op;
    if (w->of_rows == WR_NO_TIME_YET) return WR_OK;
    return rise(w, w->of_rows + passed_us);
}

static wr_str the_key(void) { return WR_STR("time"); }

static weir_status watermark_save(wr_stream_op *op, wr_state *state)
{
    watermark *w = (watermark *)op;
    if (w->highest == w->saved) return WR_OK;
    return wr_state_put(state, op->section, the_key(),
                        (wr_str){(const char *)&w->highest, sizeof w->highest});
}

static void watermark_settled(wr_stream_op *op, bool committed)
{
    watermark *w = (watermark *)op;
    if (committed) w->saved = w->highest;
}

static weir_status watermark_load(wr_stream_op *op, wr_state *state)
{
    watermark *w = (watermark *)op;
    wr_str value;
    bool found;
    WR_TRY(wr_state_get(state, op->section, the_key(), &value, &found));
    if (!found) return WR_OK;
    if (value.length != sizeof w->highest)
        return wr_fail(WR_E_CORRUPT, "the saved time of a stream has %zu bytes", value.length);
    memcpy(&w->highest, value.data, sizeof w->highest);
    w->saved = w->of_rows = w->highest;
    return wr_stream_advance(op, 0, w->highest);
}

static void watermark_close(wr_stream_op *op)
{
    wr_eval_drop(((watermark *)op)->eval);
    wr_heap_drop(((watermark *)op)->sieve);
}

const wr_stream_op_def wr_stream_watermark = {.name = "watermark",
                                              .size = sizeof(watermark),
                                              .is_stateful = true,
                                              .keeps_rows = true,
                                              .open = watermark_open,
                                              .push = watermark_push,
                                              .save = watermark_save,
                                              .settled = watermark_settled,
                                              .load = watermark_load,
                                              .close = watermark_close};
