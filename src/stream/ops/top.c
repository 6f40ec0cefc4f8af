/* top.c - the best rows per partition of a stream: row_number(), rank() or dense_rank() <= limit,
 * deduplication, ORDER BY with LIMIT.
 *
 * Each partition is a tree of rows in order. Where nothing is taken back only rows that are among
 * the best are kept: one that is not when it comes never will be. Otherwise all are kept, because
 * any of them may become one of the best when others go.
 *
 * On change a partition that changed is listed and says at the end of the round what is different;
 * a row that was put out and left its tree waits until then. On close a partition is put out when
 * time has reached its end; in both cases it is forgotten then. */
#include "stream/ops/top.h"

static const wr_top_spec *spec_of(const wr_stream_top_op *t) { return t->op.spec; }

/* ---- trees ---- */

static bool has_tie(const wr_stream_top_op *t, const wr_shelf_key *key, uint8_t *row)
{
    uint8_t *at = wr_top_seek(&t->order, &t->shelf.layout, t->order.first, key->first[0], row);
    return at && wr_top_is_tie(&t->order, row, at);
}

static void put_in(wr_stream_top_op *t, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(&t->shelf, row);
    wr_shelf_key *key = wr_shelf_key_of(&t->shelf, header->key);
    if (spec_of(t)->kind == WR_TOP_DENSE_RANK) key->distinct += !has_tie(t, key, row);
    wr_top_insert(&t->order, &key->first[0], row);
    key->in_tree++;
    key->said += header->number > 0;
}

static void put_in_loaded(void *owner, uint8_t *row) { put_in(owner, row); }

static weir_status take_out(wr_stream_top_op *t, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(&t->shelf, row);
    wr_shelf_key *key = wr_shelf_key_of(&t->shelf, header->key);
    wr_top_remove(&t->order, &key->first[0], row);
    key->in_tree--;
    if (spec_of(t)->kind == WR_TOP_DENSE_RANK) key->distinct -= !has_tie(t, key, row);
    if (!header->number) return wr_shelf_drop(&t->shelf, row);
    header->link[0] = key->first[1];
    key->first[1] = row;
    key->said--;
    return WR_OK;
}

/* Whether the last rows of a tree, which are equal by its order, are too many. */
static bool ends_too_late(const wr_stream_top_op *t, const wr_shelf_key *key)
{
    uint64_t limit = (uint64_t)spec_of(t)->limit, rows = key->in_tree, ties = 1;
    if (spec_of(t)->kind == WR_TOP_DENSE_RANK) return key->distinct > limit;
    if (rows <= limit || spec_of(t)->kind == WR_TOP_ROW_NUMBER) return rows > limit;
    uint8_t *last = wr_top_last(&t->order, key->first[0]), *row = last;
    while ((row = wr_top_before(&t->order, key->first[0], row)) &&
           wr_top_is_tie(&t->order, row, last))
        ties++;
    return rows - ties >= limit;
}

/* Drops rows that are not among the best: the last one, or all that are equal to it. */
static weir_status trim(wr_stream_top_op *t, uint8_t *of)
{
    wr_shelf_key *key = wr_shelf_key_of(&t->shelf, of);
    while (ends_too_late(t, key)) {
        uint8_t *last = wr_top_last(&t->order, key->first[0]), *before = last;
        for (uint8_t *row = last; row; row = before) {
            before = wr_top_before(&t->order, key->first[0], row);
            bool goes_on = spec_of(t)->kind != WR_TOP_ROW_NUMBER && before &&
                           wr_top_is_tie(&t->order, row, before);
            WR_TRY(take_out(t, row));
            if (!goes_on) break;
        }
    }
    return WR_OK;
}

/* ---- opening ---- */

static weir_status top_open(wr_stream_op *op)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    const wr_top_spec *spec = op->spec;
    const wr_schema *schema = wr_shelf_input_schema(op, 0);
    int outputs = spec->output_count, orders = spec->order_count;
    wr_assert(schema->count >= outputs + spec->partition_count + orders);
    wr_assert(spec->emit == WR_EMIT_ON_CHANGE || spec->end_column >= 0);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, outputs + orders + 1);
    const wr_type **keys = wr_new_array(&op->arena, const wr_type *, spec->partition_count + 1);
    for (int c = 0; c < outputs; c++)
        types[c] = schema->fields[c].type;
    for (int c = 0; c < spec->partition_count; c++)
        keys[c] = schema->fields[outputs + c].type;
    for (int c = 0; c < orders; c++)
        types[outputs + c] = schema->fields[outputs + spec->partition_count + c].type;
    wr_shelf_init(&t->shelf, op, &t->keys, types, outputs + orders, 0, -1);
    t->order = (wr_top_order){&t->shelf, spec->order, orders, outputs};
    t->probe_first = spec->input_takes_back ? outputs : 0;
    if (spec->input_takes_back)
        wr_rows_layout_init(&t->probe_layout, &op->arena, types, outputs + orders, 0);
    else
        wr_rows_layout_init(&t->probe_layout, &op->arena, types + outputs, orders, 0);
    t->scratch.mem = t->list_arena.mem = t->out.mem = op->mem;
    WR_TRY(wr_rows_new(op->mem, &t->probe_layout, &t->probes));
    WR_TRY(wr_shelf_keys_init(&t->keys, op, keys, spec->partition_count));
    t->shelves[0] = &t->shelf;
    t->shelf.link = put_in_loaded;
    t->shelf.owner = t;
    wr_shelf_keys_serve(&t->keys, t->shelves, 1);
    return WR_OK;
}

static void top_close(wr_stream_op *op)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    wr_rows_drop(t->probes);
    wr_shelf_clear(&t->shelf);
    wr_shelf_keys_clear(&t->keys);
    wr_arena_clear(&t->scratch);
    wr_arena_clear(&t->list_arena);
    wr_arena_clear(&t->out);
}

/* ---- a batch ---- */

typedef struct arriving {
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS];
    int8_t changes[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS], *probes[WR_BATCH_ROWS];
} arriving;

static int64_t last_moment(int64_t end, int64_t after)
{
    int64_t time;
    if (__builtin_add_overflow(end, after, &time)) return after < 0 ? INT64_MIN : INT64_MAX;
    return time > INT64_MIN ? time - 1 : time;
}

/* The rows that are not late, and when their partition is complete. */
static weir_status take_rows(wr_stream_top_op *t, const wr_delta *delta, arriving *a)
{
    const wr_top_spec *spec = spec_of(t);
    const wr_batch *batch = &delta->batch;
    uint8_t is_null[WR_BATCH_ROWS] = {0};
    uint32_t count = wr_batch_count(batch), kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        a->rows[i] = (uint16_t)wr_batch_row(batch, i);
        a->times[i] = WR_NEVER_FORGOTTEN;
    }
    if (spec->end_column >= 0)
        wr_keys_ints(&batch->columns[spec->output_count + spec->end_column], a->rows, count,
                     a->times, is_null);
    for (uint32_t i = 0; i < count; i++) {
        int64_t time = WR_NEVER_FORGOTTEN;
        if (spec->end_column >= 0 && !is_null[i]) time = last_moment(a->times[i], spec->end_after);
        if (time < t->op.time) {
            WR_TRY(wr_stream_late(&t->op, batch, a->rows[i], "its partition is complete"));
            continue;
        }
        a->times[kept] = time;
        a->changes[kept] = delta->changes ? delta->changes[a->rows[i]] : 1;
        a->rows[kept++] = a->rows[i];
    }
    a->count = kept;
    return WR_OK;
}

/* Rows as they are compared with those of trees. */
static weir_status make_probes(wr_stream_top_op *t, const wr_batch *batch, arriving *a)
{
    const wr_top_spec *spec = spec_of(t);
    int outputs = t->probe_first;
    wr_column *columns = wr_new_array(&t->scratch, wr_column, outputs + spec->order_count + 1);
    for (int c = 0; c < outputs; c++)
        columns[c] = batch->columns[c];
    for (int c = 0; c < spec->order_count; c++)
        columns[outputs + c] = batch->columns[spec->output_count + spec->partition_count + c];
    wr_rows_empty(t->probes);
    return wr_rows_append(t->probes, columns, a->rows, a->count, a->probes);
}

/* Among the best of its tree as that stands? */
static bool may_be_best(wr_stream_top_op *t, uint8_t *of, const uint8_t *probe)
{
    const wr_top_spec *spec = spec_of(t);
    const wr_shelf_key *key = wr_shelf_key_of(&t->shelf, of);
    uint64_t places = spec->kind == WR_TOP_DENSE_RANK ? key->distinct : key->in_tree;
    if (places < (uint64_t)spec->limit) return true;
    int result = wr_top_compare(&t->order, &t->probe_layout, t->probe_first, probe,
                                wr_top_last(&t->order, key->first[0]));
    return spec->kind == WR_TOP_ROW_NUMBER ? result < 0 : result <= 0;
}

static void keep_best(wr_stream_top_op *t, arriving *a)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!may_be_best(t, a->keys[i], a->probes[i])) continue;
        a->rows[kept] = a->rows[i];
        a->times[kept] = a->times[i];
        a->changes[kept] = a->changes[i];
        a->keys[kept++] = a->keys[i];
    }
    a->count = kept;
}

/* Stores the rows that appear; trees do not know them yet. */
static weir_status store(wr_stream_top_op *t, const wr_batch *batch, arriving *a)
{
    const wr_top_spec *spec = spec_of(t);
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
    uint32_t n = 0;
    wr_column *columns =
        wr_new_array(&t->scratch, wr_column, spec->output_count + spec->order_count + 1);
    for (int c = 0; c < spec->output_count; c++)
        columns[c] = batch->columns[c];
    for (int c = 0; c < spec->order_count; c++)
        columns[spec->output_count + c] =
            batch->columns[spec->output_count + spec->partition_count + c];
    for (uint32_t i = 0; i < a->count; i++) {
        rows[n] = a->rows[i];
        times[n] = a->times[i];
        keys[n] = a->keys[i];
        n += a->changes[i] > 0;
    }
    if (n > 0) WR_TRY(wr_shelf_add(&t->shelf, columns, rows, n, times, keys, NULL, stored));
    n = 0;
    for (uint32_t i = 0; i < a->count; i++)
        a->stored[i] = a->changes[i] > 0 ? stored[n++] : NULL;
    return WR_OK;
}

/* The oldest row of the tree that equals a probe of all columns. */
static uint8_t *find_equal(wr_stream_top_op *t, uint8_t *of, const uint8_t *probe)
{
    uint8_t *root = wr_shelf_key_of(&t->shelf, of)->first[0];
    uint8_t *row = wr_top_seek(&t->order, &t->probe_layout, t->probe_first, root, probe);
    for (; row; row = wr_top_behind(&t->order, root, row)) {
        if (wr_top_compare(&t->order, &t->probe_layout, t->probe_first, probe, row)) return NULL;
        int c = 0;
        while (c < spec_of(t)->output_count &&
               wr_keys_compare_between(&t->probe_layout, c, probe, &t->shelf.layout, c, row) == 0)
            c++;
        if (c == spec_of(t)->output_count) return row;
    }
    return NULL;
}

static void list_key(wr_stream_top_op *t, uint8_t *key)
{
    wr_shelf_key *of = wr_shelf_key_of(&t->shelf, key);
    if (of->is_listed || spec_of(t)->emit == WR_EMIT_ON_CLOSE) return;
    of->is_listed = 1;
    wr_push(&t->list_arena, &t->listed, key);
}

/* The rows of a batch one after the other into and out of their trees. */
static weir_status change_trees(wr_stream_top_op *t, const wr_batch *batch, arriving *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        list_key(t, a->keys[i]);
        if (a->stored[i]) {
            put_in(t, a->stored[i]);
            if (!spec_of(t)->input_takes_back) WR_TRY(trim(t, a->keys[i]));
            continue;
        }
        uint8_t *row = find_equal(t, a->keys[i], a->probes[i]);
        if (row)
            WR_TRY(take_out(t, row));
        else
            WR_TRY(
                wr_stream_late(&t->op, batch, a->rows[i], "a row is taken back that is not there"));
    }
    return WR_OK;
}

/* Only when nobody holds addresses of keys. */
static weir_status tidy(wr_stream_top_op *t)
{
    wr_shelf *shelf = &t->shelf;
    if (t->listed.count) return WR_OK;
    WR_TRY(wr_shelf_tidy(shelf));
    return wr_shelf_keys_tidy(&t->keys, &shelf, 1);
}

static weir_status top_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    const wr_top_spec *spec = op->spec;
    const wr_batch *batch = &delta->batch;
    arriving a;
    if (spec->limit <= 0) return WR_OK;
    wr_arena_reset(&t->scratch);
    WR_TRY(take_rows(t, delta, &a));
    if (a.count == 0) return WR_OK;
    wr_assert(spec->input_takes_back || !memchr(a.changes, -1, a.count));
    WR_TRY(wr_shelf_keys_find(&t->keys, batch->columns + spec->output_count, a.rows, a.count,
                              &t->scratch, a.keys));
    WR_TRY(make_probes(t, batch, &a));
    if (!spec->input_takes_back) keep_best(t, &a);
    WR_TRY(store(t, batch, &a));
    WR_TRY(change_trees(t, batch, &a));
    return tidy(t);
}

/* ---- putting out ---- */

static weir_status top_flush(wr_stream_op *op)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    for (int i = 0; i < t->listed.count; i++) {
        uint8_t *key = t->listed.items[i];
        if (!wr_shelf_key_of(&t->shelf, key)->is_listed) continue; /* said when it was complete */
        wr_shelf_key_of(&t->shelf, key)->is_listed = 0;
        WR_TRY(wr_top_say_changes(t, key));
    }
    memset(&t->listed, 0, sizeof t->listed);
    wr_arena_reset(&t->list_arena);
    WR_TRY(wr_top_say_rest(t));
    return tidy(t);
}

enum { IS_CHANGED = 1, IS_DUE = 2 };

static void list_due(wr_stream_top_op *t, int64_t time, wr_arena *arena)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_walk walk = {.only_looks = true};
    memset(&t->due, 0, sizeof t->due);
    for (uint32_t n; (n = wr_shelf_due(&t->shelf, time, &walk, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *key = wr_shelf_row_of(&t->shelf, rows[i])->key;
            wr_shelf_key *of = wr_shelf_key_of(&t->shelf, key);
            if (of->is_listed & IS_DUE) continue;
            of->is_listed |= IS_DUE;
            wr_push(arena, &t->due, key);
        }
}

static weir_status complete(wr_stream_top_op *t, int64_t time)
{
    WR_ARENA(arena);
    arena.mem = t->op.mem;
    WR_TRY(wr_shelf_fetch_due(&t->shelf, time));
    list_due(t, time, &arena);
    for (int i = 0; i < t->due.count; i++) {
        uint8_t *key = t->due.items[i];
        if (spec_of(t)->emit == WR_EMIT_ON_CLOSE)
            WR_TRY(wr_top_say_best(t, key));
        else if (wr_shelf_key_of(&t->shelf, key)->is_listed & IS_CHANGED)
            WR_TRY(wr_top_say_changes(t, key));
    }
    WR_TRY(wr_top_say_rest(t));
    for (int i = 0; i < t->due.count; i++) {
        wr_shelf_key *of = wr_shelf_key_of(&t->shelf, t->due.items[i]);
        of->first[0] = NULL;
        of->distinct = of->said = of->in_tree = of->is_listed = 0;
    }
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_walk walk = {0};
    for (uint32_t n; (n = wr_shelf_due(&t->shelf, time, &walk, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++)
            wr_shelf_let_go(&t->shelf, rows[i]);
    wr_shelf_forget(&t->shelf, time);
    return tidy(t);
}

static weir_status top_advance(wr_stream_op *op)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    if (spec_of(t)->end_column < 0) return WR_OK;
    for (;;) {
        int64_t until = op->time;
        WR_TRY(wr_shelf_step(&t->shelf, &until));
        WR_TRY(complete(t, until));
        if (until == op->time) return WR_OK;
        op->is_behind = wr_stream_should_pause(op);
        if (op->is_behind) return WR_OK;
    }
}

/* ---- state ---- */

static weir_status top_save(wr_stream_op *op, wr_state *state)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    if (t->listed.count) return wr_fail(WR_E_INTERNAL, "a top is saved in the middle of a round");
    WR_TRY(wr_shelf_save(&t->shelf, state, op->section));
    return wr_shelf_save_time(&t->shelf, op, state);
}

static void top_settled(wr_stream_op *op, bool committed)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    wr_shelf_settled(&t->shelf, committed);
    if (t->listed.count == 0) wr_shelf_keys_settled(&t->keys, op, committed);
}

static weir_status top_list_all(wr_stream_op *op)
{
    return wr_shelf_list_all(&((wr_stream_top_op *)op)->keys);
}

static uint64_t top_pending(wr_stream_op *op)
{
    return wr_shelf_keys_pending(&((wr_stream_top_op *)op)->keys);
}

static weir_status top_load(wr_stream_op *op, wr_state *state)
{
    wr_stream_top_op *t = (wr_stream_top_op *)op;
    WR_TRY(wr_shelf_load(&t->shelf, state, op->section));
    return wr_shelf_load_time(&t->shelf, op, state);
}

const wr_stream_op_def wr_stream_top = {.name = "top",
                                        .size = sizeof(wr_stream_top_op),
                                        .is_stateful = true,
                                        .takes_back = true,
                                        .open = top_open,
                                        .push = top_push,
                                        .advance = top_advance,
                                        .flush = top_flush,
                                        .list_all = top_list_all,
                                        .pending = top_pending,
                                        .save = top_save,
                                        .settled = top_settled,
                                        .load = top_load,
                                        .close = top_close};
