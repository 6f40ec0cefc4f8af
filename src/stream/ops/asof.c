/* asof.c - joins each row of a stream with the newest row of its key of another stream that is not
 * after it.
 *
 * The right rows of a key are versions: each holds from its time until that of the next one. A left
 * row waits until time has passed its own, for then every version that concerns it has come. So
 * what is due is answered at once: left rows and versions up to the time that was reached are
 * walked together in order of time. What the last of the versions of a key leaves behind is the
 * current one, which rows to come begin with.
 *
 * Three shelves share the keys: left rows that wait, versions that are not due (both in buckets of
 * their times), and the current version of each key, which is never forgotten by time. first[1] of
 * a key is its current version; first[0] the version that was met last while due rows are
 * answered, and NULL outside of that.
 *
 * A left row before the time has lost the versions it would need: it is late, told and left out. A
 * version before the time is told, too, because rows that have left may have missed it; it becomes
 * the current one if it is newer than that. */
#include "stream/ops/shelf.h"
#include "stream/specs.h"
#include <stdlib.h>

enum { LEFT, LATER, CURRENT, SHELVES };

/* A row that is due. */
typedef struct due_row {
    int64_t time;
    uint64_t sequence;
    uint8_t *row, *key;
} due_row;

typedef struct due_rows {
    due_row *items;
    uint64_t count, cap;
} due_rows;

typedef struct asof {
    wr_stream_op op;
    wr_shelf_keys keys;
    wr_shelf shelves[SHELVES], *all[SHELVES];
    due_rows due[2]; /* LEFT, LATER */
    wr_arena scratch, out;
    uint32_t pair_count; /* to be put out */
    uint8_t *pairs[2][WR_BATCH_ROWS];
} asof;

static const wr_asof_spec *spec_of(const asof *a) { return a->op.spec; }

/* ---- opening ---- */

static void link_nothing(void *owner, uint8_t *row) { (void)owner, (void)row; }

static void link_current(void *owner, uint8_t *row)
{
    wr_shelf *shelf = &((asof *)owner)->shelves[CURRENT];
    wr_shelf_key_of(shelf, wr_shelf_row_of(shelf, row)->key)->first[1] = row;
}

/* Of one input: what is put out, the time, the keys. */
static const wr_type **types_of(asof *a, int side)
{
    const wr_schema *schema = wr_shelf_input_schema(&a->op, side);
    const wr_type **types = wr_new_array(&a->op.arena, const wr_type *, schema->count + 1);
    wr_assert(schema->count >= spec_of(a)->output_count[side] + 1 + spec_of(a)->key_count);
    for (int c = 0; c < schema->count; c++)
        types[c] = schema->fields[c].type;
    return types;
}

static weir_status asof_open(wr_stream_op *op)
{
    asof *a = (asof *)op;
    const wr_asof_spec *spec = spec_of(a);
    const wr_type **left = types_of(a, 0), **right = types_of(a, 1);
    int widths[2] = {spec->output_count[0] + 1, spec->output_count[1] + 1};
    for (int k = 0; k < spec->key_count; k++)
        if (left[widths[0] + k] != right[widths[1] + k])
            return wr_fail(WR_E_UNSUPPORTED, "a join of two streams by keys of types %s and %s",
                           wr_type_name(left[widths[0] + k]), wr_type_name(right[widths[1] + k]));
    a->scratch.mem = a->out.mem = op->mem;
    WR_TRY(wr_shelf_keys_init(&a->keys, op, left + widths[0], spec->key_count));
    wr_shelf_init(&a->shelves[LEFT], op, &a->keys, left, widths[0] - 1, LEFT, 0);
    wr_shelf_init(&a->shelves[LATER], op, &a->keys, right, widths[1], LATER, 0);
    wr_shelf_init(&a->shelves[CURRENT], op, &a->keys, right, widths[1], CURRENT, 1);
    for (int s = 0; s < SHELVES; s++) {
        a->all[s] = &a->shelves[s];
        a->shelves[s].link = s == CURRENT ? link_current : link_nothing;
        a->shelves[s].owner = a;
    }
    wr_shelf_keys_serve(&a->keys, a->all, SHELVES);
    return WR_OK;
}

static void asof_close(wr_stream_op *op)
{
    asof *a = (asof *)op;
    for (int s = 0; s < SHELVES; s++)
        wr_shelf_clear(&a->shelves[s]);
    wr_shelf_keys_clear(&a->keys);
    for (int i = 0; i < 2; i++)
        wr_mem_free(op->mem, a->due[i].items, a->due[i].cap * sizeof *a->due[i].items);
    wr_arena_clear(&a->scratch);
    wr_arena_clear(&a->out);
}

static weir_status tidy(asof *a)
{
    for (int s = 0; s < SHELVES; s++)
        WR_TRY(wr_shelf_tidy(&a->shelves[s]));
    return wr_shelf_keys_tidy(&a->keys, a->all, SHELVES);
}

/* ---- putting out ---- */

static weir_status put_out(asof *a, wr_column *columns, uint32_t count)
{
    const wr_asof_spec *spec = spec_of(a);
    wr_delta delta = {.batch = {.columns = columns,
                                .column_count = spec->output_count[0] + spec->output_count[1],
                                .rows = count}};
    return wr_stream_emit(&a->op, &delta);
}

static wr_column *columns_of(asof *a)
{
    const wr_asof_spec *spec = spec_of(a);
    wr_arena_reset(&a->out);
    return wr_new_array(&a->out, wr_column, spec->output_count[0] + spec->output_count[1] + 1);
}

static void gather_versions(asof *a, uint8_t *const *rows, uint32_t count, wr_column *out)
{
    for (int c = 0; c < spec_of(a)->output_count[1]; c++)
        wr_rows_gather(&a->shelves[CURRENT].layout, c, rows, count, &a->out, &out[c]);
}

static weir_status put_out_pairs(asof *a)
{
    int left = spec_of(a)->output_count[0];
    if (!a->pair_count) return WR_OK;
    wr_column *columns = columns_of(a);
    for (int c = 0; c < left; c++)
        wr_rows_gather(&a->shelves[LEFT].layout, c, a->pairs[0], a->pair_count, &a->out,
                       &columns[c]);
    gather_versions(a, a->pairs[1], a->pair_count, columns + left);
    uint32_t count = a->pair_count;
    a->pair_count = 0;
    return put_out(a, columns, count);
}

/* Left rows that can meet nobody. */
static weir_status put_out_alone(asof *a, const wr_batch *batch, const uint16_t *rows,
                                 uint32_t count)
{
    static uint8_t *const nobody[WR_BATCH_ROWS];
    int left = spec_of(a)->output_count[0];
    if (!count || !spec_of(a)->is_left) return WR_OK;
    wr_column *columns = columns_of(a);
    for (int c = 0; c < left; c++)
        wr_column_gather(&batch->columns[c], rows, count, &a->out, &columns[c]);
    gather_versions(a, nobody, count, columns + left);
    return put_out(a, columns, count);
}

/* ---- what comes ---- */

typedef struct arriving {
    const wr_batch *batch;
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t is_alone[WR_BATCH_ROWS]; /* a NULL, so it meets nobody */
    uint8_t *keys[WR_BATCH_ROWS];
} arriving;

static weir_status look_at(asof *a, int side, const wr_batch *batch, arriving *in)
{
    const wr_asof_spec *spec = spec_of(a);
    const wr_column *columns = batch->columns + spec->output_count[side];
    in->batch = batch;
    in->count = wr_batch_count(batch);
    for (uint32_t i = 0; i < in->count; i++)
        in->rows[i] = (uint16_t)wr_batch_row(batch, i);
    wr_keys_ints(&columns[0], in->rows, in->count, in->times, in->is_alone);
    for (uint32_t i = 0; i < in->count; i++) /* infinity comes before the end */
        in->times[i] -= in->times[i] == INT64_MAX;
    for (int k = 0; k < spec->key_count; k++) {
        if (spec->null_equal[k] || wr_column_has_no_nulls(&columns[1 + k])) continue;
        for (uint32_t i = 0; i < in->count; i++)
            in->is_alone[i] |= wr_column_is_null(&columns[1 + k], in->rows[i]);
    }
    return wr_shelf_keys_find(&a->keys, columns + 1, in->rows, in->count, &a->scratch, in->keys);
}

/* The rows of list go onto a shelf with times that are theirs. */
static weir_status store(asof *a, int shelf, const arriving *in, const uint16_t *list,
                         uint32_t count)
{
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
    if (!count) return WR_OK;
    for (uint32_t k = 0; k < count; k++) {
        rows[k] = in->rows[list[k]];
        times[k] = in->times[list[k]];
        keys[k] = in->keys[list[k]];
    }
    return wr_shelf_add(&a->shelves[shelf], in->batch->columns, rows, count, times, keys, NULL,
                        stored);
}

static weir_status push_left(asof *a, const arriving *in)
{
    uint16_t alone[WR_BATCH_ROWS], waits[WR_BATCH_ROWS];
    uint32_t alone_count = 0, wait_count = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->is_alone[i])
            alone[alone_count++] = in->rows[i];
        else if (in->times[i] >= a->op.time)
            waits[wait_count++] = (uint16_t)i;
        else
            WR_TRY(wr_stream_late(&a->op, in->batch, in->rows[i],
                                  "the versions of its time are forgotten"));
    }
    WR_TRY(put_out_alone(a, in->batch, alone, alone_count));
    return store(a, LEFT, in, waits, wait_count);
}

static int64_t time_of_version(const asof *a, const uint8_t *row)
{
    int64_t time;
    const wr_shelf *shelf = &a->shelves[CURRENT];
    memcpy(&time, row + shelf->layout.offsets[spec_of(a)->output_count[1]], sizeof time);
    return time;
}

/* The version becomes the current one of its key unless that is newer. */
static weir_status push_late_version(asof *a, const arriving *in, uint32_t i)
{
    wr_shelf *shelf = &a->shelves[CURRENT];
    wr_shelf_key *key = wr_shelf_key_of(shelf, in->keys[i]);
    const int64_t never[1] = {WR_NEVER_FORGOTTEN};
    uint8_t *added[1], *keys[1] = {in->keys[i]};
    WR_TRY(wr_stream_late(&a->op, in->batch, in->rows[i],
                          "rows of its time have left with an older version"));
    if (key->first[1] && time_of_version(a, key->first[1]) > in->times[i]) return WR_OK;
    if (key->first[1]) WR_TRY(wr_shelf_drop(shelf, key->first[1]));
    key->first[1] = NULL;
    WR_TRY(wr_shelf_add(shelf, in->batch->columns, &in->rows[i], 1, never, keys, NULL, added));
    key->first[1] = added[0];
    return WR_OK;
}

static weir_status push_right(asof *a, const arriving *in)
{
    uint16_t later[WR_BATCH_ROWS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->is_alone[i]) continue;
        if (in->times[i] >= a->op.time)
            later[count++] = (uint16_t)i;
        else
            WR_TRY(push_late_version(a, in, i));
    }
    return store(a, LATER, in, later, count);
}

static weir_status asof_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    asof *a = (asof *)op;
    arriving in;
    wr_assert(!delta->changes);
    wr_arena_reset(&a->scratch);
    WR_TRY(look_at(a, input, &delta->batch, &in));
    WR_TRY(input ? push_right(a, &in) : push_left(a, &in));
    return tidy(a);
}

/* ---- time ---- */

static int by_time(const void *a, const void *b)
{
    const due_row *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static weir_status need_due(asof *a, due_rows *due, uint64_t more)
{
    void *items = due->items;
    if (due->count + more <= due->cap) return WR_OK;
    uint64_t cap = WR_MAX(due->cap * 2, due->count + more);
    WR_TRY(wr_mem_grow(a->op.mem, &items, due->cap * sizeof *due->items, cap * sizeof *due->items));
    due->items = items;
    due->cap = cap;
    return WR_OK;
}

/* Takes what is due off its shelf, in order of time; the rows can be read until it forgets. */
static weir_status take_due(asof *a, int which, int64_t until)
{
    wr_shelf *shelf = &a->shelves[which];
    due_rows *due = &a->due[which];
    wr_shelf_walk walk = {0};
    uint8_t *rows[WR_BATCH_ROWS];
    bool is_sorted = true;
    due->count = 0;
    for (uint32_t n; (n = wr_shelf_due(shelf, until, &walk, rows, WR_BATCH_ROWS)) > 0;) {
        WR_TRY(need_due(a, due, n));
        for (uint32_t i = 0; i < n; i++) {
            const wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
            due_row *next = &due->items[due->count++];
            *next = (due_row){header->time, header->sequence, rows[i], header->key};
            is_sorted &= next == due->items || by_time(next - 1, next) <= 0;
            wr_shelf_let_go(shelf, rows[i]);
        }
    }
    if (!is_sorted) qsort(due->items, due->count, sizeof *due->items, by_time);
    return WR_OK;
}

/* Left rows and versions, as time goes on. */
static weir_status answer(asof *a)
{
    const wr_asof_spec *spec = spec_of(a);
    const due_rows *left = &a->due[LEFT], *later = &a->due[LATER];
    const wr_shelf *shelf = &a->shelves[CURRENT];
    uint64_t at = 0;
    for (uint64_t i = 0; i < left->count; i++) {
        int64_t until = left->items[i].time - spec->is_strict;
        for (; at < later->count && later->items[at].time <= until; at++)
            wr_shelf_key_of(shelf, later->items[at].key)->first[0] = later->items[at].row;
        const wr_shelf_key *key = wr_shelf_key_of(shelf, left->items[i].key);
        uint8_t *version = key->first[0] ? key->first[0] : key->first[1];
        if (!version && !spec->is_left) continue;
        a->pairs[0][a->pair_count] = left->items[i].row;
        a->pairs[1][a->pair_count++] = version;
        if (a->pair_count == WR_BATCH_ROWS) WR_TRY(put_out_pairs(a));
    }
    for (; at < later->count; at++)
        wr_shelf_key_of(shelf, later->items[at].key)->first[0] = later->items[at].row;
    return put_out_pairs(a);
}

static weir_status make_current(asof *a, uint8_t **rows, uint8_t **keys, uint32_t count)
{
    wr_shelf *shelf = &a->shelves[CURRENT];
    uint16_t all[WR_BATCH_ROWS];
    int64_t never[WR_BATCH_ROWS];
    uint8_t *added[WR_BATCH_ROWS];
    int width = shelf->layout.column_count;
    wr_arena_reset(&a->out);
    wr_column *columns = wr_new_array(&a->out, wr_column, width + 1);
    for (int c = 0; c < width; c++)
        wr_rows_gather(&shelf->layout, c, rows, count, &a->out, &columns[c]);
    for (uint32_t i = 0; i < count; i++) {
        wr_shelf_key *key = wr_shelf_key_of(shelf, keys[i]);
        if (key->first[1]) WR_TRY(wr_shelf_drop(shelf, key->first[1]));
        key->first[0] = key->first[1] = NULL;
        all[i] = (uint16_t)i;
        never[i] = WR_NEVER_FORGOTTEN;
    }
    WR_TRY(wr_shelf_add(shelf, columns, all, count, never, keys, NULL, added));
    for (uint32_t i = 0; i < count; i++)
        wr_shelf_key_of(shelf, keys[i])->first[1] = added[i];
    return WR_OK;
}

/* Of the versions that are due the last one of each key stays. */
static weir_status keep_current(asof *a)
{
    const due_rows *later = &a->due[LATER];
    uint8_t *rows[WR_BATCH_ROWS], *keys[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint64_t i = 0; i < later->count; i++) {
        const due_row *due = &later->items[i];
        if (wr_shelf_key_of(&a->shelves[CURRENT], due->key)->first[0] != due->row) continue;
        rows[n] = due->row;
        keys[n++] = due->key;
        if (n < WR_BATCH_ROWS) continue;
        WR_TRY(make_current(a, rows, keys, n));
        n = 0;
    }
    return n ? make_current(a, rows, keys, n) : WR_OK;
}

static weir_status reach(asof *a, int64_t until)
{
    for (int s = LEFT; s <= LATER; s++)
        WR_TRY(wr_shelf_fetch_due(&a->shelves[s], until));
    for (int s = LEFT; s <= LATER; s++)
        WR_TRY(take_due(a, s, until));
    WR_TRY(answer(a));
    WR_TRY(keep_current(a));
    for (int s = LEFT; s <= LATER; s++)
        wr_shelf_forget(&a->shelves[s], until);
    return tidy(a);
}

static weir_status asof_advance(wr_stream_op *op)
{
    asof *a = (asof *)op;
    for (;;) {
        int64_t until = op->time;
        for (int s = LEFT; s <= LATER; s++)
            WR_TRY(wr_shelf_step(&a->shelves[s], &until));
        WR_TRY(reach(a, until));
        if (until == op->time) return WR_OK;
        op->is_behind = wr_graph_wants_commit(op->graph);
        if (op->is_behind) return WR_OK;
    }
}

/* ---- state ---- */

static weir_status asof_save(wr_stream_op *op, wr_state *state)
{
    asof *a = (asof *)op;
    for (int s = 0; s < SHELVES; s++)
        WR_TRY(wr_shelf_save(&a->shelves[s], state, op->section));
    return wr_shelf_save_time(&a->shelves[LEFT], op, state);
}

static void asof_settled(wr_stream_op *op, bool committed)
{
    asof *a = (asof *)op;
    for (int s = 0; s < SHELVES; s++)
        wr_shelf_settled(&a->shelves[s], committed);
    wr_shelf_keys_settled(&a->keys, op, committed);
}

static weir_status asof_list_all(wr_stream_op *op)
{
    return wr_shelf_list_all(&((asof *)op)->keys);
}

static uint64_t asof_pending(wr_stream_op *op)
{
    return wr_shelf_keys_pending(&((asof *)op)->keys);
}

static weir_status asof_load(wr_stream_op *op, wr_state *state)
{
    asof *a = (asof *)op;
    for (int s = 0; s < SHELVES; s++)
        WR_TRY(wr_shelf_load(&a->shelves[s], state, op->section));
    return wr_shelf_load_time(&a->shelves[LEFT], op, state);
}

const wr_stream_op_def wr_stream_asof = {.name = "asof join",
                                         .size = sizeof(asof),
                                         .is_stateful = true,
                                         .open = asof_open,
                                         .push = asof_push,
                                         .advance = asof_advance,
                                         .list_all = asof_list_all,
                                         .pending = asof_pending,
                                         .save = asof_save,
                                         .settled = asof_settled,
                                         .load = asof_load,
                                         .close = asof_close};
