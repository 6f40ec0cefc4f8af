/* divided.c - see divided.h.
 *
 * Rows go to parts by the hash of their key, parts to workers by their number. A part is an
 * ordinary operator that never knows; one thread at a time touches it: its worker, or, while
 * workers do not run or have settled (before a commit, say), the driving thread. What a worker gets
 * of one batch is one copy with the rows of its parts one after the other, each part's in the order
 * they came; so a key sees its rows, and time between them, as it would alone, and sums come out to
 * the last bit.
 *
 * Behind each part stands an outlet. It copies what the part puts out into a packet, which the
 * driving thread emits. Time that parts have reached is passed on behind the rows they put out for
 * it, the smallest of all workers: so the graph behind sees no row later than its time says.
 *
 * Without running workers all of this is calls on one thread, and nothing is copied. */
#include "stream/divided.h"
#include "exec/keys.h"

typedef struct divided divided;

typedef struct outlet {
    wr_stream_op op;
    divided *whole;
    int worker;
} outlet;

struct divided {
    wr_stream_op op;
    wr_stream_op_def def; /* with the name of what is divided */
    wr_division_keys keys;
    int part_count;
    wr_stream_op **parts;
    outlet *outlets;              /* one behind each part */
    int64_t *worker_times;        /* reached, and everything put out before */
    int64_t passed;               /* on to the operators behind */
    bool is_touched;              /* packets were posted since the last flush */
    bool reads_views;             /* of the state: parts do, each worker's its own */
    uint64_t pending, rows_since; /* changes at the last flush, rows after it */
    wr_arena scratch;
};

typedef struct routed {
    uint16_t rows[WR_BATCH_ROWS]; /* by part */
    uint32_t ends[WR_PARTS_MAX];  /* in rows, behind the last one of each part */
    uint8_t part_of[WR_BATCH_ROWS];
} routed;

static int workers_of(const divided *d)
{
    return d->op.graph->workers ? wr_workers_count(d->op.graph->workers) : 1;
}
static bool is_parallel(const divided *d)
{
    return d->op.graph->workers && wr_workers_are_running(d->op.graph->workers);
}

/* Parts of a worker follow one another. */
static int first_part(const divided *d, int worker)
{
    return d->part_count * worker / workers_of(d);
}

/* ---- routing ---- */

/* Tables of groups look at the low and the high bits of the same hash. */
static uint32_t part_of(uint64_t hash, uint32_t count)
{
    return (uint32_t)(hash >> 24 & UINT16_MAX) * count >> 16;
}

/* Few parts: a pass without branches for each. */
static void sort_by_passes(const wr_batch *in, uint32_t count, uint32_t parts, routed *out)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < parts; p++) {
        for (uint32_t i = 0; i < count && n < WR_BATCH_ROWS; i++) {
            out->rows[n] = (uint16_t)i;
            n += out->part_of[i] == p;
        }
        out->ends[p] = n;
    }
    for (uint32_t i = 0; i < n && in->sel; i++)
        out->rows[i] = in->sel[out->rows[i]];
}

static void sort_by_counting(const wr_batch *in, uint32_t count, uint32_t parts, routed *out)
{
    uint32_t before = 0;
    memset(out->ends, 0, sizeof out->ends);
    for (uint32_t i = 0; i < count; i++)
        out->ends[out->part_of[i]]++;
    for (uint32_t p = 0; p < parts; p++) {
        uint32_t rows = out->ends[p];
        out->ends[p] = before;
        before += rows;
    }
    for (uint32_t i = 0; i < count; i++)
        out->rows[out->ends[out->part_of[i]]++] = (uint16_t)wr_batch_row(in, i);
}

static void route(divided *d, int input, const wr_batch *in, routed *out)
{
    enum { FEW = 4 };
    uint64_t hashes[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(in), parts = (uint32_t)d->part_count;
    wr_column *keys = wr_new_array(&d->scratch, wr_column, d->keys.count),
              *flat = wr_new_array(&d->scratch, wr_column, d->keys.count);
    for (int k = 0; k < d->keys.count; k++)
        keys[k] = in->columns[d->keys.columns[input][k]];
    wr_keys_flatten(keys, d->keys.count, in->sel, count, &d->scratch, flat);
    wr_keys_hash(flat, d->keys.count, in->sel, count, hashes);
    for (uint32_t i = 0; i < count; i++)
        out->part_of[i] = (uint8_t)part_of(hashes[i], parts);
    if (parts <= FEW)
        sort_by_passes(in, count, parts, out);
    else
        sort_by_counting(in, count, parts, out);
}

/* An item with rows rows[0...count) of a delta, copied. */
static wr_packet_item *add_rows(wr_packet *packet, divided *d, const wr_delta *delta,
                                const uint16_t *rows, uint32_t count)
{
    wr_packet_item *item = wr_packet_add(packet, &d->op, WR_PACKET_ROWS);
    wr_batch in = delta->batch;
    in.sel = rows;
    in.sel_count = count;
    wr_batch_copy(&in, &packet->arena, &item->delta.batch);
    if (!delta->changes) return item;
    int8_t *changes = wr_arena_raw(&packet->arena, count);
    for (uint32_t i = 0; i < count; i++)
        changes[i] = delta->changes[rows[i]];
    item->delta.changes = changes;
    return item;
}

static weir_status post_rows(divided *d, int input, const wr_delta *delta, const routed *r)
{
    wr_workers *workers = d->op.graph->workers;
    for (int w = 0; w < workers_of(d); w++) {
        int first = first_part(d, w), end = first_part(d, w + 1);
        uint32_t from = first ? r->ends[first - 1] : 0, count = r->ends[end - 1] - from;
        if (count == 0) continue;
        wr_packet *packet = wr_workers_open(workers, w);
        wr_packet_item *item = add_rows(packet, d, delta, r->rows + from, count);
        item->input = input;
        uint32_t *ends = wr_arena_raw(&packet->arena, sizeof *ends * (size_t)(end - first));
        for (int p = first; p < end; p++)
            ends[p - first] = r->ends[p] - from;
        item->ends = ends;
        WR_TRY(wr_arena_check(&packet->arena));
        wr_workers_filled(workers, packet, false);
    }
    return WR_OK;
}

static weir_status push_part(wr_stream_op *part, int input, const wr_delta *delta,
                             const uint16_t *rows, uint32_t count)
{
    wr_delta own = *delta;
    own.batch.sel = rows;
    own.batch.sel_count = count;
    part->rows_in += count;
    return count ? part->def->push(part, input, &own) : WR_OK;
}

/* Parts that work beside others read through views of the state, others the state itself. They
 * rest when this changes: it does after a start, a commit, or when workers were stopped. */
static void choose_reading(divided *d)
{
    bool views = is_parallel(d) && d->op.state;
    if (d->reads_views == views) return;
    d->reads_views = views;
    for (int p = 0; p < d->part_count; p++)
        d->parts[p]->state =
            views ? wr_workers_view(d->op.graph->workers, d->outlets[p].worker, d->op.state)
                  : d->op.state;
}

static weir_status divided_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    divided *d = (divided *)op;
    routed r;
    choose_reading(d);
    d->rows_since += wr_batch_count(&delta->batch);
    wr_arena_reset(&d->scratch);
    route(d, input, &delta->batch, &r);
    d->is_touched = true;
    if (is_parallel(d)) return post_rows(d, input, delta, &r);
    for (int p = 0; p < d->part_count; p++) {
        uint32_t from = p ? r.ends[p - 1] : 0;
        WR_TRY(push_part(d->parts[p], input, delta, r.rows + from, r.ends[p] - from));
    }
    return WR_OK;
}

/* ---- time and the end of a round ---- */

static weir_status pass_time(divided *d, int worker, int64_t time)
{
    d->worker_times[worker] = time;
    int64_t least = time;
    for (int w = 0; w < workers_of(d); w++)
        least = WR_MIN(least, d->worker_times[w]);
    if (least <= d->passed) return WR_OK;
    d->passed = least;
    for (int i = 0; i < d->op.output_count; i++)
        WR_TRY(wr_stream_advance(d->op.outputs[i].to, d->op.outputs[i].input, least));
    return WR_OK;
}

static weir_status advance_parts(divided *d, int worker, int64_t time)
{
    for (int p = first_part(d, worker); p < first_part(d, worker + 1); p++)
        for (int i = 0; i < d->op.input_count; i++)
            WR_TRY(wr_stream_advance(d->parts[p], i, time));
    return WR_OK;
}

static void add_to_all(divided *d, int kind)
{
    for (int w = 0; w < workers_of(d); w++) {
        wr_packet *packet = wr_workers_open(d->op.graph->workers, w);
        wr_packet_add(packet, &d->op, kind)->time = d->op.time;
    }
}

/* On this thread; those behind hear of the time when no part is behind. */
static weir_status advance_alone(divided *d)
{
    for (int p = 0; p < d->part_count && !d->op.is_behind; p++) {
        wr_stream_op *part = d->parts[p];
        if (part->is_behind) WR_TRY(wr_stream_catch_up(part));
        for (int i = 0; i < d->op.input_count && !part->is_behind; i++)
            WR_TRY(wr_stream_advance(part, i, d->op.time));
        d->op.is_behind = part->is_behind;
    }
    for (int w = 0; w < workers_of(d) && !d->op.is_behind; w++)
        WR_TRY(pass_time(d, w, d->op.time));
    return WR_OK;
}

static weir_status divided_advance(wr_stream_op *op)
{
    divided *d = (divided *)op;
    choose_reading(d);
    d->is_touched = true;
    if (!is_parallel(d)) return advance_alone(d);
    add_to_all(d, WR_PACKET_TIME);
    return WR_OK;
}

static weir_status divided_settle(wr_stream_op *op)
{
    return op->graph->workers ? wr_workers_settle(op->graph->workers) : WR_OK;
}

static weir_status flush_parts(divided *d, int worker)
{
    for (int p = first_part(d, worker); p < first_part(d, worker + 1); p++)
        if (d->parts[p]->def->flush) WR_TRY(d->parts[p]->def->flush(d->parts[p]));
    return WR_OK;
}

static weir_status divided_flush(wr_stream_op *op)
{
    divided *d = (divided *)op;
    if (!d->is_touched) return WR_OK;
    d->is_touched = false;
    if (is_parallel(d)) {
        add_to_all(d, WR_PACKET_FLUSH);
        WR_TRY(divided_settle(op));
    } else {
        for (int w = 0; w < workers_of(d); w++)
            WR_TRY(flush_parts(d, w));
    }
    op->late_rows = d->pending = d->rows_since = 0;
    for (int p = 0; p < d->part_count; p++) {
        wr_stream_op *part = d->parts[p];
        op->late_rows += part->late_rows;
        if (part->def->pending) d->pending += part->def->pending(part);
    }
    return WR_OK;
}

/* ---- a worker's side ---- */

static weir_status work_on_rows(divided *d, const wr_packet_item *item, int worker)
{
    uint16_t rows[WR_BATCH_ROWS];
    int first = first_part(d, worker), end = first_part(d, worker + 1);
    for (uint32_t i = 0; i < item->delta.batch.rows; i++)
        rows[i] = (uint16_t)i;
    for (int p = first; p < end; p++) {
        uint32_t from = p > first ? item->ends[p - first - 1] : 0;
        WR_TRY(push_part(d->parts[p], item->input, &item->delta, rows + from,
                         item->ends[p - first] - from));
    }
    return WR_OK;
}

static weir_status work_on_time(divided *d, const wr_packet_item *item, int worker)
{
    WR_TRY(advance_parts(d, worker, item->time));
    wr_packet *answer = wr_workers_answer(d->op.graph->workers, worker);
    wr_packet_add(answer, &d->op, WR_PACKET_TIME)->time = item->time;
    return WR_OK;
}

static weir_status divided_work(const wr_packet_item *item, int worker)
{
    divided *d = (divided *)item->op;
    switch (item->kind) {
    case WR_PACKET_ROWS:
        return work_on_rows(d, item, worker);
    case WR_PACKET_TIME:
        return work_on_time(d, item, worker);
    case WR_PACKET_FLUSH:
        return flush_parts(d, worker);
    }
    return WR_OK;
}

static weir_status divided_take(const wr_packet_item *item, int worker)
{
    divided *d = (divided *)item->op;
    if (item->kind == WR_PACKET_TIME) return pass_time(d, worker, item->time);
    return wr_stream_emit(&d->op, &item->delta);
}

const wr_packet_calls wr_divided_calls = {.work = divided_work, .take = divided_take};

static weir_status outlet_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    outlet *o = (outlet *)op;
    divided *d = o->whole;
    if (!is_parallel(d)) return wr_stream_emit(&d->op, delta);
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(&delta->batch);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)wr_batch_row(&delta->batch, i);
    wr_packet *packet = wr_workers_answer(op->graph->workers, o->worker);
    add_rows(packet, d, delta, rows, count);
    WR_TRY(wr_arena_check(&packet->arena));
    wr_workers_filled(op->graph->workers, packet, true);
    return WR_OK;
}

static const wr_stream_op_def outlet_def = {
    .name = "outlet", .size = sizeof(outlet), .takes_back = true, .push = outlet_push};

/* ---- as one operator ---- */

static weir_status divided_open(wr_stream_op *op)
{
    divided *d = (divided *)op;
    for (int p = 0; p < d->part_count; p++) {
        wr_stream_op *part = d->parts[p];
        part->is_open = true;
        part->share = WR_MAX(op->share / (uint64_t)d->part_count, op->share > 0);
        if (part->def->open) WR_TRY(part->def->open(part));
    }
    memcpy(op->note, d->parts[0]->note, sizeof op->note);
    return WR_OK;
}

static weir_status divided_sections(wr_stream_op *op, wr_state *state, wr_str name)
{
    divided *d = (divided *)op;
    WR_BUF(own);
    for (int p = 0; p < d->part_count; p++) {
        wr_buf_clear(&own);
        wr_buf_printf(&own, "%.*s, part %d of %d", WR_STR_ARGS(name), p + 1, d->part_count);
        WR_TRY(wr_state_section(state, wr_buf_str(&own), &d->parts[p]->section));
    }
    return WR_OK;
}

static weir_status divided_list_all(wr_stream_op *op)
{
    divided *d = (divided *)op;
    for (int p = 0; p < d->part_count; p++)
        if (d->parts[p]->def->list_all) WR_TRY(d->parts[p]->def->list_all(d->parts[p]));
    return WR_OK;
}

/* While workers are at work as if each row changed something new. */
static uint64_t divided_pending(wr_stream_op *op)
{
    const divided *d = (const divided *)op;
    uint64_t count = 0;
    if (is_parallel(d)) return d->pending + d->rows_since;
    for (int p = 0; p < d->part_count; p++)
        if (d->parts[p]->def->pending) count += d->parts[p]->def->pending(d->parts[p]);
    return count;
}

static weir_status divided_save(wr_stream_op *op, wr_state *state)
{
    divided *d = (divided *)op;
    if (op->graph->workers) wr_workers_forget_views(op->graph->workers);
    op->state = state;
    d->reads_views = false;
    for (int p = 0; p < d->part_count; p++)
        WR_TRY(d->parts[p]->def->save(d->parts[p], state));
    return WR_OK;
}

static void divided_settled(wr_stream_op *op, bool committed)
{
    divided *d = (divided *)op;
    for (int p = 0; p < d->part_count; p++)
        d->parts[p]->def->settled(d->parts[p], committed);
    if (committed) d->pending = d->rows_since = 0;
    op->kept_bytes = wr_mem_used(op->mem);
}

static weir_status divided_load(wr_stream_op *op, wr_state *state)
{
    divided *d = (divided *)op;
    d->is_touched = true;
    op->state = state;
    for (int p = 0; p < d->part_count; p++)
        WR_TRY(d->parts[p]->def->load(d->parts[p], state));
    return WR_OK;
}

static void divided_close(wr_stream_op *op)
{
    divided *d = (divided *)op;
    for (int p = 0; p < d->part_count; p++) {
        wr_stream_op_drop(d->parts[p]);
        wr_stream_op_clear(&d->outlets[p].op);
    }
    wr_arena_clear(&d->scratch);
}

static void make_part(divided *d, int number, const wr_stream_op *of)
{
    outlet *o = &d->outlets[number];
    wr_stream_op *part =
        wr_stream_op_new(d->op.graph, of->def, of->spec, of->schema, of->input_count, d->op.mem);
    wr_stream_op_init(&o->op, d->op.graph, &outlet_def, NULL, of->schema, 1, d->op.mem);
    o->whole = d;
    for (int w = 0; w < workers_of(d); w++)
        if (number >= first_part(d, w)) o->worker = w;
    part->whole = &d->op;
    part->outputs = wr_new_array(&d->op.arena, wr_stream_edge, 1);
    part->outputs[0] = (wr_stream_edge){&o->op, 0};
    part->output_count = 1;
    d->parts[number] = part;
}

void wr_divided_replace(wr_graph *graph, int number, const wr_division_keys *keys, int part_count)
{
    static const wr_stream_op_def common = {.size = sizeof(divided),
                                            .is_stateful = true,
                                            .takes_back = true,
                                            .passes_time = true,
                                            .open = divided_open,
                                            .push = divided_push,
                                            .advance = divided_advance,
                                            .flush = divided_flush,
                                            .settle = divided_settle,
                                            .sections = divided_sections,
                                            .list_all = divided_list_all,
                                            .pending = divided_pending,
                                            .save = divided_save,
                                            .settled = divided_settled,
                                            .load = divided_load,
                                            .close = divided_close};
    wr_stream_op *of = graph->ops[number];
    divided *d = (divided *)wr_stream_op_new(graph, &common, of->spec, of->schema, of->input_count,
                                             graph->mem);
    d->def = common;
    d->def.name = of->def->name;
    d->op.def = &d->def;
    d->op.kind = of->def;
    d->keys = *keys;
    d->part_count = part_count;
    d->passed = WR_NO_TIME_YET;
    d->parts = wr_new_array(&d->op.arena, wr_stream_op *, part_count);
    d->outlets = wr_new_array(&d->op.arena, outlet, part_count);
    d->worker_times = wr_new_array(&d->op.arena, int64_t, workers_of(d));
    for (int w = 0; w < workers_of(d); w++)
        d->worker_times[w] = WR_NO_TIME_YET;
    for (int p = 0; p < part_count; p++)
        make_part(d, p, of);
    wr_graph_replace(graph, number, &d->op);
}
