/* over.c - window functions over a stream: OVER (PARTITION BY .. ORDER BY ..).
 *
 * The functions are those of batch queries: an ordinary plan with a window node is run over the
 * rows of the partitions concerned, each with a version that says what it is there for.
 *
 * By time (ORDER BY a column that time follows, frames that end with the row): a row waits until
 * time is past it, so all before it have come; then it leaves once, with what its frame saw, and
 * stands on a second shelf as long as frames of later rows can reach back to it. When complete (a
 * partition that ends with a window of time): all rows of the partition leave when time is past its
 * end. Both are the same here: rows leave when the time of their shelf is past.
 *
 * On change: the partition is calculated as it was and as it is, in one run; rows that come out of
 * both cancel out, the others are taken back or appear. So nothing that was said is stored: it
 * follows from the rows that were there when it was said (number 1).
 *
 * Invariants: rows of a key hang together from the newest (link[0]: older, link[1]: newer), at
 * first[0] the rows themselves, at first[1] those that were said: seen by frames, or, on change,
 * taken back since the last flush (link[0] only). Trap: equal rows in order of sequence, so that
 * ties come out as in a batch. */
#include "stream/ops/shelf.h"
#include "stream/feed.h"
#include "stream/specs.h"
#include <stdlib.h>

enum { IS_CONTEXT = 0, IS_NEW = 1, WAS = 0, IS = 1, IS_SAID = 1 };

typedef struct row_list {
    uint8_t **items;
    uint64_t count, cap;
} row_list;

typedef struct over {
    wr_stream_op op;
    wr_shelf_keys keys;
    wr_shelf rows, seen; /* seen: by time only */
    wr_shelf *shelves[2];
    wr_arena scratch;    /* of one batch */
    wr_arena list_arena; /* of listed */
    WR_LIST(uint8_t *) listed;
    wr_rows_layout answer_layout; /* on change: what is put out, hash and net count behind it */
    wr_groups answers;
    wr_run *run; /* while something is calculated */
} over;

static const wr_over_spec *spec_of(const over *o) { return o->op.spec; }
static bool is_on_change(const over *o) { return spec_of(o)->mode == WR_OVER_ON_CHANGE; }
static bool keeps_seen(const over *o)
{
    return spec_of(o)->mode == WR_OVER_BY_TIME && spec_of(o)->back != WR_OVER_NO_ROWS;
}
static int64_t *net_of(const over *o, uint8_t *answer)
{
    return (int64_t *)(void *)(answer + o->answer_layout.extra_offset + sizeof(uint64_t));
}

static void link_row(wr_shelf *shelf, int which, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    wr_shelf_key *key = wr_shelf_key_of(shelf, header->key);
    header->link[0] = key->first[which];
    header->link[1] = NULL;
    if (header->link[0]) wr_shelf_row_of(shelf, header->link[0])->link[1] = row;
    key->first[which] = row;
}

static void unlink_row(wr_shelf *shelf, int which, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    wr_shelf_key *key = wr_shelf_key_of(shelf, header->key);
    if (header->link[0]) wr_shelf_row_of(shelf, header->link[0])->link[1] = header->link[1];
    if (header->link[1])
        wr_shelf_row_of(shelf, header->link[1])->link[0] = header->link[0];
    else
        key->first[which] = header->link[0];
    header->link[0] = header->link[1] = NULL;
}

static void link_loaded(void *owner, uint8_t *row)
{
    over *o = owner;
    wr_shelf_row_of(&o->rows, row)->number = IS_SAID;
    link_row(&o->rows, 0, row);
}

static void link_seen(void *owner, uint8_t *row) { link_row(&((over *)owner)->seen, 1, row); }

static weir_status over_open(wr_stream_op *op)
{
    over *o = (over *)op;
    const wr_over_spec *spec = op->spec;
    const wr_schema *in = wr_shelf_input_schema(op, 0);
    int outputs = spec->output_count;
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, op->schema->count + 1);
    const wr_type **keys = wr_new_array(&op->arena, const wr_type *, spec->partition_count + 1);
    for (int c = 0; c < op->schema->count; c++)
        types[c] = op->schema->fields[c].type;
    for (int c = 0; c < spec->partition_count; c++)
        keys[c] = in->fields[outputs + c].type;
    wr_shelf_init(&o->rows, op, &o->keys, types, outputs, 0, is_on_change(o) ? -1 : 0);
    if (keeps_seen(o)) wr_shelf_init(&o->seen, op, &o->keys, types, outputs, 1, 1);
    o->rows.is_ordered = o->seen.is_ordered = true;
    if (is_on_change(o))
        wr_rows_layout_init(&o->answer_layout, &op->arena, types, op->schema->count,
                            sizeof(uint64_t) + sizeof(int64_t));
    o->scratch.mem = o->list_arena.mem = op->mem;
    o->rows.link = link_loaded;
    o->seen.link = link_seen;
    o->rows.owner = o->seen.owner = o;
    WR_TRY(wr_shelf_keys_init(&o->keys, op, keys, spec->partition_count));
    o->shelves[0] = &o->rows;
    o->shelves[1] = &o->seen;
    wr_shelf_keys_serve(&o->keys, o->shelves, 1 + keeps_seen(o));
    return WR_OK;
}

static void over_close(wr_stream_op *op)
{
    over *o = (over *)op;
    wr_run_drop(o->run);
    if (o->answers.mem) wr_groups_clear(&o->answers);
    wr_shelf_clear(&o->rows);
    wr_shelf_clear(&o->seen);
    wr_shelf_keys_clear(&o->keys);
    wr_arena_clear(&o->scratch);
    wr_arena_clear(&o->list_arena);
}

/* ---- rows of a key ---- */

static void list_key(over *o, uint8_t *key)
{
    wr_shelf_key *of = wr_shelf_key_of(&o->rows, key);
    if (of->is_listed) return;
    of->is_listed = 1;
    wr_push(&o->list_arena, &o->listed, key);
}

static void forget_list(over *o)
{
    for (int i = 0; i < o->listed.count; i++)
        wr_shelf_key_of(&o->rows, o->listed.items[i])->is_listed = 0;
    memset(&o->listed, 0, sizeof o->listed);
    wr_arena_reset(&o->list_arena);
}

/* Only when nobody holds addresses of keys. */
static weir_status tidy(over *o)
{
    if (o->listed.count) return WR_OK;
    WR_TRY(wr_shelf_tidy(&o->rows));
    if (keeps_seen(o)) WR_TRY(wr_shelf_tidy(&o->seen));
    return wr_shelf_keys_tidy(&o->keys, o->shelves, 1 + keeps_seen(o));
}

static weir_status list_row(over *o, row_list *list, uint8_t *row)
{
    if (list->count == list->cap) {
        uint64_t cap = WR_MAX(list->cap * 2, UINT64_C(256));
        void *items = list->items;
        WR_TRY(wr_mem_grow(o->op.mem, &items, list->cap * sizeof row, cap * sizeof row));
        list->items = items;
        list->cap = cap;
    }
    list->items[list->count++] = row;
    return WR_OK;
}

static void drop_list(over *o, row_list *list)
{
    wr_mem_free(o->op.mem, list->items, list->cap * sizeof *list->items);
    *list = (row_list){0};
}

/* In the order they came, moment by moment. */
static int by_age(const void *a, const void *b, void *arg)
{
    const wr_shelf *shelf = arg;
    const wr_shelf_row *x = wr_shelf_row_of(shelf, *(uint8_t *const *)a);
    const wr_shelf_row *y = wr_shelf_row_of(shelf, *(uint8_t *const *)b);
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void sort_by_age(const wr_shelf *shelf, row_list *list)
{
    if (list->count > 1)
        qsort_r(list->items, list->count, sizeof *list->items, by_age, (void *)(uintptr_t)shelf);
}

/* ---- calculating ---- */

/* Rows that leave: those that are new, without their version. */
static weir_status put_out(over *o, const wr_batch *out)
{
    int outputs = spec_of(o)->output_count;
    const wr_column *version = &out->columns[outputs];
    uint16_t sel[WR_BATCH_ROWS];
    uint32_t kept = 0;
    for (uint32_t i = 0, count = wr_batch_count(out); i < count; i++) {
        sel[kept] = (uint16_t)wr_batch_row(out, i);
        kept += wr_column_int(version, sel[kept]) == IS_NEW;
    }
    if (kept == 0) return WR_OK;
    wr_delta delta = {.batch = *out};
    delta.batch.column_count--;
    delta.batch.columns = wr_new_array(&o->scratch, wr_column, out->column_count);
    for (int c = 0; c < delta.batch.column_count; c++)
        delta.batch.columns[c] = out->columns[c + (c >= outputs)];
    delta.batch.sel = sel;
    delta.batch.sel_count = kept;
    return wr_stream_emit(&o->op, &delta);
}

/* Rows of before and after, until all are there. */
static weir_status weigh(over *o, const wr_batch *out)
{
    int outputs = spec_of(o)->output_count;
    const wr_column *version = &out->columns[outputs];
    wr_column *columns = wr_new_array(&o->scratch, wr_column, out->column_count);
    for (int c = 0; c < out->column_count - 1; c++)
        columns[c] = out->columns[c + (c >= outputs)];
    uint16_t sel[WR_BATCH_ROWS], added[WR_BATCH_ROWS];
    uint8_t *found[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(out), added_count;
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)wr_batch_row(out, i);
    WR_TRY(wr_groups_find(&o->answers, columns, sel, count, NULL, &o->scratch, found, added,
                          &added_count));
    for (uint32_t i = 0; i < count; i++)
        *net_of(o, found[i]) += wr_column_int(version, sel[i]) == IS ? 1 : -1;
    return WR_OK;
}

/* What the run has to give by now. */
static weir_status take_answers(over *o)
{
    for (bool more = true; more;) {
        wr_batch out;
        wr_arena_reset(&o->scratch);
        WR_TRY(wr_run_next(o->run, &out, &more));
        if (wr_batch_count(&out) == 0) return WR_OK;
        WR_TRY(is_on_change(o) ? weigh(o, &out) : put_out(o, &out));
    }
    return WR_OK;
}

static weir_status begin_run(over *o)
{
    static const wr_run_options one = {.thread_count = 1};
    wr_feed_begin(spec_of(o)->feed);
    return wr_run_new(o->op.graph->pool, spec_of(o)->plan, o->op.graph->env, o->op.mem, &one,
                      &o->run);
}

static weir_status feed_rows(over *o, const wr_shelf *shelf, const row_list *list, int8_t version)
{
    int outputs = spec_of(o)->output_count;
    for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS) {
        WR_ARENA(arena);
        arena.mem = o->op.mem;
        uint32_t count = (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS);
        wr_column *columns = wr_new_array(&arena, wr_column, outputs + 1);
        for (int c = 0; c < outputs; c++)
            wr_rows_gather(&shelf->layout, c, list->items + at, count, &arena, &columns[c]);
        columns[outputs] = (wr_column){.type = wr_type_of(WR_T_TINYINT),
                                       .form = WR_CONSTANT,
                                       .phys = WR_P_I8,
                                       .rows = count,
                                       .data = &version};
        wr_batch batch = {.columns = columns, .column_count = outputs + 1, .rows = count};
        wr_feed_push(spec_of(o)->feed, &batch);
        WR_TRY(take_answers(o));
    }
    return WR_OK;
}

static weir_status end_run(over *o)
{
    wr_feed_end(spec_of(o)->feed);
    WR_TRY(take_answers(o));
    wr_run_drop(o->run);
    o->run = NULL;
    return WR_OK;
}

/* ---- a batch ---- */

typedef struct arriving {
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS];
    int8_t changes[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS]; /* of the shelf */
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
} arriving;

static int64_t moved(int64_t time, int64_t by)
{
    int64_t sum;
    return __builtin_add_overflow(time, by, &sum) ? by < 0 ? INT64_MIN : INT64_MAX : sum;
}

/* Until when each row stays, and away with those that come too late. */
static weir_status take_rows(over *o, const wr_delta *delta, arriving *a)
{
    const wr_over_spec *spec = spec_of(o);
    const wr_batch *batch = &delta->batch;
    uint8_t is_null[WR_BATCH_ROWS] = {0};
    uint32_t count = wr_batch_count(batch), kept = 0;
    bool is_by_time = spec->mode == WR_OVER_BY_TIME;
    int column = is_by_time ? spec->time : spec->end_column;
    for (uint32_t i = 0; i < count; i++)
        a->rows[i] = (uint16_t)wr_batch_row(batch, i);
    if (column >= 0) wr_keys_ints(&batch->columns[column], a->rows, count, a->times, is_null);
    for (uint32_t i = 0; i < count; i++) {
        int64_t time = WR_NEVER_FORGOTTEN;
        if (column >= 0 && !is_null[i])
            time = is_by_time ? a->times[i] : moved(moved(a->times[i], spec->end_after), -1);
        if (time < o->op.time || (is_by_time && is_null[i])) {
            WR_TRY(wr_stream_late(&o->op, batch, a->rows[i],
                                  !is_by_time  ? "its partition is complete"
                                  : is_null[i] ? "it has no time"
                                               : "rows behind it have left"));
            continue;
        }
        a->times[kept] = time;
        a->changes[kept] = delta->changes ? delta->changes[a->rows[i]] : 1;
        a->rows[kept++] = a->rows[i];
    }
    a->count = kept;
    return WR_OK;
}

static weir_status store(over *o, const wr_batch *batch, arriving *a)
{
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        rows[n] = a->rows[i];
        times[n] = a->times[i];
        keys[n] = a->keys[i];
        n += a->changes[i] > 0;
    }
    if (n > 0) WR_TRY(wr_shelf_add(&o->rows, batch->columns, rows, n, times, keys, NULL, stored));
    n = 0;
    for (uint32_t i = 0; i < a->count; i++)
        a->stored[i] = a->changes[i] > 0 ? stored[n++] : NULL;
    return WR_OK;
}

/* The newest row of a key that equals a probe. */
static uint8_t *find_equal(over *o, const uint8_t *key, const uint8_t *probe)
{
    const wr_rows_layout *layout = &o->rows.layout;
    uint8_t *row = wr_shelf_key_of(&o->rows, (uint8_t *)(uintptr_t)key)->first[0];
    for (; row; row = wr_shelf_row_of(&o->rows, row)->link[0]) {
        int c = 0;
        while (c < layout->column_count && wr_keys_compare(layout, c, row, probe) == 0)
            c++;
        if (c == layout->column_count) break;
    }
    return row;
}

static weir_status take_back(over *o, const wr_batch *batch, uint32_t at, uint8_t *key,
                             const uint8_t *probe)
{
    uint8_t *row = find_equal(o, key, probe);
    if (!row) return wr_stream_late(&o->op, batch, at, "a row is taken back that is not there");
    wr_shelf_row *header = wr_shelf_row_of(&o->rows, row);
    unlink_row(&o->rows, 0, row);
    if (header->number != IS_SAID) return wr_shelf_drop(&o->rows, row);
    header->link[0] = wr_shelf_key_of(&o->rows, key)->first[1];
    wr_shelf_key_of(&o->rows, key)->first[1] = row;
    return WR_OK;
}

/* One after the other: a row may come and be taken back in the same batch. */
static weir_status change_rows(over *o, const wr_batch *batch, arriving *a)
{
    WR_AUTO(wr_rows) *probes = NULL;
    uint8_t *probe[WR_BATCH_ROWS];
    if (memchr(a->changes, -1, a->count)) {
        WR_TRY(wr_rows_new(o->op.mem, &o->rows.layout, &probes));
        WR_TRY(wr_rows_append(probes, batch->columns, a->rows, a->count, probe));
    }
    for (uint32_t i = 0; i < a->count; i++) {
        list_key(o, a->keys[i]);
        if (a->stored[i])
            link_row(&o->rows, 0, a->stored[i]);
        else
            WR_TRY(take_back(o, batch, a->rows[i], a->keys[i], probe[i]));
    }
    return WR_OK;
}

static weir_status over_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    over *o = (over *)op;
    const wr_batch *batch = &delta->batch;
    arriving a;
    wr_arena_reset(&o->scratch);
    WR_TRY(take_rows(o, delta, &a));
    if (a.count == 0) return WR_OK;
    wr_assert(is_on_change(o) || !memchr(a.changes, -1, a.count));
    WR_TRY(wr_shelf_keys_find(&o->keys, batch->columns + spec_of(o)->output_count, a.rows, a.count,
                              &o->scratch, a.keys));
    WR_TRY(store(o, batch, &a));
    if (is_on_change(o)) return change_rows(o, batch, &a);
    for (uint32_t i = 0; i < a.count; i++)
        link_row(&o->rows, 0, a.stored[i]);
    return WR_OK;
}

/* ---- leaving by time ---- */

/* What frames of the listed keys look back to, oldest first. */
static weir_status feed_seen(over *o)
{
    row_list list = {0};
    weir_status s = WR_OK;
    for (int i = 0; i < o->listed.count && !s; i++) {
        uint8_t *row = wr_shelf_key_of(&o->seen, o->listed.items[i])->first[1];
        for (; row && !s; row = wr_shelf_row_of(&o->seen, row)->link[0])
            s = list_row(o, &list, row);
    }
    for (uint64_t i = 0; i < list.count / 2; i++) {
        uint8_t *row = list.items[i];
        list.items[i] = list.items[list.count - 1 - i];
        list.items[list.count - 1 - i] = row;
    }
    if (!s) s = feed_rows(o, &o->seen, &list, IS_CONTEXT);
    drop_list(o, &list);
    return s;
}

/* Rows that left stay as long as frames reach back to them. */
static weir_status remember(over *o, const row_list *due)
{
    const wr_over_spec *spec = spec_of(o);
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint16_t all[WR_BATCH_ROWS];
    for (uint64_t at = 0; at < due->count; at += WR_BATCH_ROWS) {
        uint32_t count = (uint32_t)WR_MIN(due->count - at, (uint64_t)WR_BATCH_ROWS);
        wr_column *columns = wr_new_array(&o->scratch, wr_column, spec->output_count + 1);
        for (int c = 0; c < spec->output_count; c++)
            wr_rows_gather(&o->rows.layout, c, due->items + at, count, &o->scratch, &columns[c]);
        for (uint32_t i = 0; i < count; i++) {
            const wr_shelf_row *header = wr_shelf_row_of(&o->rows, due->items[at + i]);
            keys[i] = header->key;
            times[i] = WR_NEVER_FORGOTTEN;
            if (spec->back == WR_OVER_RANGE) times[i] = moved(header->time, spec->back_range);
            all[i] = (uint16_t)i;
        }
        WR_TRY(wr_shelf_add(&o->seen, columns, all, count, times, keys, NULL, stored));
        for (uint32_t i = 0; i < count; i++)
            link_row(&o->seen, 1, stored[i]);
        wr_arena_reset(&o->scratch);
    }
    return WR_OK;
}

/* Leaves a key the rows that the next frame can see; all of a moment or none, for the order within
 * it may be another one. */
static weir_status trim(over *o, const uint8_t *key)
{
    const wr_over_spec *spec = spec_of(o);
    uint8_t *row = wr_shelf_key_of(&o->seen, (uint8_t *)(uintptr_t)key)->first[1], *last = row;
    for (int64_t i = 0; row && (i < spec->back_rows ||
                                wr_keys_compare(&o->seen.layout, spec->time, row, last) == 0);
         i++) {
        last = row;
        row = wr_shelf_row_of(&o->seen, row)->link[0];
    }
    for (uint8_t *older; row; row = older) {
        older = wr_shelf_row_of(&o->seen, row)->link[0];
        unlink_row(&o->seen, 1, row);
        WR_TRY(wr_shelf_drop(&o->seen, row));
    }
    return WR_OK;
}

/* Rows whose time is past leave their keys and the shelf. */
static void let_go(wr_shelf *shelf, int which, int64_t time)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_walk walk = {0};
    for (uint32_t n; (n = wr_shelf_due(shelf, time, &walk, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++) {
            unlink_row(shelf, which, rows[i]);
            wr_shelf_let_go(shelf, rows[i]);
        }
    wr_shelf_forget(shelf, time);
}

static weir_status list_due(over *o, int64_t time, row_list *due)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_walk walk = {.only_looks = true};
    for (uint32_t n; (n = wr_shelf_due(&o->rows, time, &walk, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++) {
            WR_TRY(list_row(o, due, rows[i]));
            list_key(o, wr_shelf_row_of(&o->rows, rows[i])->key);
        }
    sort_by_age(&o->rows, due);
    return WR_OK;
}

static weir_status leave(over *o, const row_list *due)
{
    WR_TRY(begin_run(o));
    if (keeps_seen(o)) WR_TRY(feed_seen(o));
    WR_TRY(feed_rows(o, &o->rows, due, IS_NEW));
    WR_TRY(end_run(o));
    if (!keeps_seen(o)) return WR_OK;
    WR_TRY(remember(o, due));
    for (int i = 0; i < o->listed.count && spec_of(o)->back == WR_OVER_ROWS; i++)
        WR_TRY(trim(o, o->listed.items[i]));
    return WR_OK;
}

/* ---- changes ---- */

static weir_status feed_version(over *o, int version)
{
    row_list list = {0};
    weir_status s = WR_OK;
    for (int i = 0; i < o->listed.count && !s; i++) {
        const wr_shelf_key *key = wr_shelf_key_of(&o->rows, o->listed.items[i]);
        for (uint8_t *row = key->first[0]; row && !s; row = wr_shelf_row_of(&o->rows, row)->link[0])
            if (version == IS || wr_shelf_row_of(&o->rows, row)->number == IS_SAID)
                s = list_row(o, &list, row);
        uint8_t *gone = version == WAS ? key->first[1] : NULL;
        for (; gone && !s; gone = wr_shelf_row_of(&o->rows, gone)->link[0])
            s = list_row(o, &list, gone);
    }
    sort_by_age(&o->rows, &list);
    if (!s) s = feed_rows(o, &o->rows, &list, (int8_t)version);
    drop_list(o, &list);
    return s;
}

static weir_status say(over *o, uint8_t **rows, uint32_t count, int8_t change)
{
    int8_t changes[WR_BATCH_ROWS];
    int width = o->op.schema->count;
    wr_arena_reset(&o->scratch);
    wr_column *columns = wr_new_array(&o->scratch, wr_column, width + 1);
    for (int c = 0; c < width; c++)
        wr_rows_gather(&o->answer_layout, c, rows, count, &o->scratch, &columns[c]);
    memset(changes, change, count);
    wr_delta delta = {.batch = {.columns = columns, .column_count = width, .rows = count},
                      .changes = changes};
    return wr_stream_emit(&o->op, &delta);
}

/* Answers of before that are none any more (-1), or the other way round. */
static weir_status say_answers(over *o, int8_t change)
{
    uint8_t *seen[WR_BATCH_ROWS], *said[WR_BATCH_ROWS];
    uint32_t count = 0;
    wr_rows_cursor cursor = {0};
    for (uint32_t n; (n = wr_rows_next(o->answers.rows, &cursor, seen, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++)
            for (int64_t times = *net_of(o, seen[i]) * change; times > 0; times--) {
                said[count++] = seen[i];
                if (count < WR_BATCH_ROWS) continue;
                WR_TRY(say(o, said, count, change));
                count = 0;
            }
    return count ? say(o, said, count, change) : WR_OK;
}

/* What the listed keys say now is what they said. */
static weir_status settle_rows(over *o)
{
    for (int i = 0; i < o->listed.count; i++) {
        wr_shelf_key *key = wr_shelf_key_of(&o->rows, o->listed.items[i]);
        for (uint8_t *row = key->first[0]; row; row = wr_shelf_row_of(&o->rows, row)->link[0])
            wr_shelf_row_of(&o->rows, row)->number = IS_SAID; /* the state has only such rows */
        for (uint8_t *row = key->first[1], *next; row; row = next) {
            next = wr_shelf_row_of(&o->rows, row)->link[0];
            wr_shelf_row_of(&o->rows, row)->link[0] = NULL;
            WR_TRY(wr_shelf_drop(&o->rows, row));
        }
        key->first[1] = NULL;
    }
    return WR_OK;
}

static weir_status say_changes(over *o)
{
    WR_TRY(wr_groups_init(&o->answers, o->op.mem, &o->answer_layout, o->op.schema->count, false));
    WR_TRY(begin_run(o));
    WR_TRY(feed_version(o, WAS));
    WR_TRY(feed_version(o, IS));
    WR_TRY(end_run(o));
    WR_TRY(say_answers(o, -1));
    WR_TRY(say_answers(o, 1));
    wr_groups_clear(&o->answers);
    o->answers = (wr_groups){0};
    return settle_rows(o);
}

static weir_status over_flush(wr_stream_op *op)
{
    over *o = (over *)op;
    if (!is_on_change(o) || !o->listed.count) return WR_OK;
    WR_TRY(say_changes(o));
    forget_list(o);
    return tidy(o);
}

static weir_status leave_until(over *o, int64_t time)
{
    if (is_on_change(o)) {
        let_go(&o->rows, 0, time);
        return tidy(o);
    }
    row_list due = {0};
    WR_TRY(wr_shelf_fetch_due(&o->rows, time));
    weir_status s = list_due(o, time, &due);
    if (!s && due.count) s = leave(o, &due);
    drop_list(o, &due);
    WR_TRY(s);
    let_go(&o->rows, 0, time);
    if (keeps_seen(o)) let_go(&o->seen, 1, time);
    forget_list(o);
    return tidy(o);
}

static weir_status over_advance(wr_stream_op *op)
{
    over *o = (over *)op;
    if (is_on_change(o) && spec_of(o)->end_column < 0) return WR_OK;
    WR_TRY(over_flush(op));
    for (;;) {
        int64_t until = op->time;
        for (int s = 0; s < o->keys.shelf_count; s++)
            WR_TRY(wr_shelf_step(o->shelves[s], &until));
        WR_TRY(leave_until(o, until));
        if (until == op->time) return WR_OK;
        op->is_behind = wr_graph_wants_commit(op->graph);
        if (op->is_behind) return WR_OK;
    }
}

/* ---- state ---- */

static weir_status over_save(wr_stream_op *op, wr_state *state)
{
    over *o = (over *)op;
    if (o->listed.count)
        return wr_fail(WR_E_INTERNAL, "window functions are saved in the middle of a round");
    WR_TRY(wr_shelf_save(&o->rows, state, op->section));
    if (keeps_seen(o)) WR_TRY(wr_shelf_save(&o->seen, state, op->section));
    return wr_shelf_save_time(&o->rows, op, state);
}

static void over_settled(wr_stream_op *op, bool committed)
{
    over *o = (over *)op;
    wr_shelf_settled(&o->rows, committed);
    if (keeps_seen(o)) wr_shelf_settled(&o->seen, committed);
    if (!o->listed.count) wr_shelf_keys_settled(&o->keys, op, committed);
}

static weir_status over_list_all(wr_stream_op *op)
{
    return wr_shelf_list_all(&((over *)op)->keys);
}

static uint64_t over_pending(wr_stream_op *op)
{
    return wr_shelf_keys_pending(&((over *)op)->keys);
}

static weir_status over_load(wr_stream_op *op, wr_state *state)
{
    over *o = (over *)op;
    WR_TRY(wr_shelf_load(&o->rows, state, op->section));
    if (keeps_seen(o)) WR_TRY(wr_shelf_load(&o->seen, state, op->section));
    return wr_shelf_load_time(&o->rows, op, state);
}

const wr_stream_op_def wr_stream_over = {.name = "over",
                                         .size = sizeof(over),
                                         .is_stateful = true,
                                         .takes_back = true,
                                         .open = over_open,
                                         .push = over_push,
                                         .advance = over_advance,
                                         .flush = over_flush,
                                         .list_all = over_list_all,
                                         .pending = over_pending,
                                         .save = over_save,
                                         .settled = over_settled,
                                         .load = over_load,
                                         .close = over_close};
