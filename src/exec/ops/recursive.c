/* recursive.c - WITH RECURSIVE: the start's rows, then the step's rows over the rows of the step
 * before, until none come.
 *
 * The operator is the sink of the start and a source that runs the step when all rows so far have
 * been read, so LIMIT can end an endless recursion. Each step is a plan of its own run by this
 * worker (wr_exec_run_inline); its WORKING nodes read `current`. With UNION (not ALL) rows seen
 * before are dropped.
 *
 * When the rows seen do not fit in memory they go to a tape, and the table holds the rows that came
 * since. Whether one of these is new is then not known until the tape has been read past the table
 * (settle), which happens at the end of a step and when the table is written out in its turn: one
 * reading for as many rows as there is memory for, or for a whole step. */
#include "exec/groups.h"
#include "base/pages.h"
#include "exec/ops/kept.h"

typedef struct recursive_op {
    wr_op op;
    wr_store stores[2];
    int current;
    uint32_t stretch;
    wr_store_reader reader;
    bool in_stretch;
    wr_rows_layout layout; /* of seen */
    wr_groups seen;
    bool is_spilled;
    wr_spill spill;
    wr_tape tape;             /* rows seen that are not in the table */
    wr_rows_cursor unsettled; /* rows of the table from here on may stand on the tape */
    int64_t steps;
} recursive_op;

/* Extra words of a row seen. */
enum { HASH, STATE, EXTRA_WORDS };
/* States. Until something was spilled nobody looks at them. */
enum { NEW, SETTLED, DUPLICATE };
enum { SPILL_SHARE = 60, FORCED_ROWS = 64 };

static weir_status recursive_open(wr_op *op)
{
    recursive_op *r = (recursive_op *)op;
    wr_spill_init(&r->spill, op);
    const wr_schema *schema = &op->node->schema;
    for (int i = 0; i < 2; i++)
        wr_store_init(&r->stores[i], op, schema, 1);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    wr_rows_layout_init(&r->layout, &op->arena, types, schema->count, EXTRA_WORDS * 8);
    return wr_groups_init(&r->seen, op->mem, &r->layout, schema->count, true);
}

/* ---- rows seen ---- */

static uint64_t *state_of(const recursive_op *r, uint8_t *row)
{
    return &wr_row_extra(&r->layout, row)[STATE];
}

/* Reads the tape past the table: rows of the table that stand on it were seen before. */
static weir_status find_duplicates(recursive_op *r)
{
    __attribute__((cleanup(wr_tape_close))) wr_tape_reader reader = {0};
    WR_ARENA(scratch);
    uint8_t *rows[WR_BATCH_ROWS], *found[WR_BATCH_ROWS];
    WR_TRY(wr_tape_open(&reader, &r->spill, &r->tape, &r->layout));
    for (uint32_t n;;) {
        wr_batch batch;
        WR_TRY(wr_tape_next(&reader, rows, WR_BATCH_ROWS, &n));
        if (n == 0) return WR_OK;
        wr_arena_reset(&scratch);
        wr_rows_batch(&r->layout, r->layout.column_count, rows, n, &scratch, &batch);
        WR_TRY(wr_groups_lookup(&r->seen, batch.columns, NULL, n, &scratch, found));
        for (uint32_t i = 0; i < n; i++)
            if (found[i] && *state_of(r, found[i]) == NEW) *state_of(r, found[i]) = DUPLICATE;
    }
}

/* Finds out which of the unsettled rows are new and adds them to a store. */
static weir_status settle(recursive_op *r, int to)
{
    uint8_t *rows[WR_BATCH_ROWS];
    WR_ARENA(scratch);
    wr_rows_cursor at = r->unsettled;
    if (!r->is_spilled || wr_rows_next(r->seen.rows, &at, rows, 1) == 0) return WR_OK;
    WR_TRY(find_duplicates(r));
    at = r->unsettled;
    for (uint32_t n; (n = wr_rows_next(r->seen.rows, &at, rows, WR_BATCH_ROWS)) > 0;) {
        uint32_t kept = 0;
        wr_batch batch;
        for (uint32_t i = 0; i < n; i++) {
            if (*state_of(r, rows[i]) != NEW) continue;
            *state_of(r, rows[i]) = SETTLED;
            rows[kept++] = rows[i];
        }
        wr_arena_reset(&scratch);
        wr_rows_batch(&r->layout, r->layout.column_count, rows, kept, &scratch, &batch);
        WR_TRY(wr_store_add(&r->stores[to], 0, 0, &batch));
    }
    r->unsettled = wr_rows_end(r->seen.rows);
    return WR_OK;
}

static bool is_due(const recursive_op *r)
{
    const wr_groups *g = &r->seen;
    uint64_t rows = wr_rows_count(g->rows), held = rows ? wr_rows_bytes(g->rows) : 0;
    /* Forced, but not so often that a long recursion takes for ever. */
    if (wr_spill_is_forced(&r->op) && r->is_spilled && rows < FORCED_ROWS) return false;
    if (held) held += g->slot_count * sizeof *g->slots + g->direct_bytes;
    return wr_spill_is_due(&r->op, held, wr_groups_need(g, WR_BATCH_ROWS), SPILL_SHARE);
}

/* Moves the table to the tape. Before the first time all its rows are known to be new. */
static weir_status spill_seen(recursive_op *r, int to)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor at = {0, 0};
    WR_TRY(settle(r, to));
    for (uint32_t n; (n = wr_rows_next(r->seen.rows, &at, rows, WR_BATCH_ROWS)) > 0;) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n; i++)
            if (*state_of(r, rows[i]) != DUPLICATE) rows[kept++] = rows[i];
        WR_TRY(wr_tape_write(&r->spill, &r->tape, &r->layout, rows, kept));
    }
    r->is_spilled = true;
    r->unsettled = (wr_rows_cursor){0, 0};
    wr_groups_clear(&r->seen);
    wr_pages_trim();
    return wr_groups_init(&r->seen, r->op.mem, &r->layout, r->op.node->schema.count, true);
}

/* Adds rows that are new to a store; once spilled, settle does that. */
static weir_status add_new(recursive_op *r, int to, wr_arena *scratch, const wr_batch *in)
{
    if (r->op.node->recursive.is_all) return wr_store_add(&r->stores[to], 0, 0, in);
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS], sel[WR_BATCH_ROWS];
    uint32_t fresh;
    WR_TRY(wr_groups_find(&r->seen, in->columns, in->sel, wr_batch_count(in), NULL, scratch, found,
                          added, &fresh));
    if (r->is_spilled) return is_due(r) ? spill_seen(r, to) : WR_OK;
    for (uint32_t i = 0; i < fresh; i++)
        sel[i] = (uint16_t)wr_batch_row(in, added[i]);
    wr_batch part = *in;
    part.sel = sel;
    part.sel_count = fresh;
    WR_TRY(wr_store_add(&r->stores[to], 0, 0, &part));
    return is_due(r) ? spill_seen(r, to) : WR_OK;
}

static weir_status recursive_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    *flow = WR_FLOW_NEXT;
    wr_arena_reset(&local->scratch);
    return add_new((recursive_op *)op, 0, &local->scratch, in);
}

static weir_status recursive_finish(wr_op *op, int phase, int *tasks)
{
    (void)phase;
    *tasks = -1;
    WR_TRY(settle((recursive_op *)op, 0));
    return wr_store_seal(&((recursive_op *)op)->stores[0]);
}

/* Everything a step gave, into the other store. */
static weir_status take_step(recursive_op *r, wr_store *from)
{
    WR_ARENA(scratch);
    WR_ARENA(rows);
    __attribute__((cleanup(wr_store_reader_close))) wr_store_reader reader = {0};
    for (uint32_t i = 0; i < from->stretch_count; i++) {
        WR_TRY(wr_store_seek(from, &reader, i));
        for (;;) {
            wr_batch batch;
            bool more;
            WR_TRY(wr_store_read(from, &reader, &rows, &batch, &more));
            if (!more) break;
            wr_arena_reset(&scratch);
            WR_TRY(add_new(r, 1 - r->current, &scratch, &batch));
        }
    }
    return settle(r, 1 - r->current);
}

static weir_status run_step(recursive_op *r)
{
    wr_op *op = &r->op, *collect;
    const wr_plan_node *node = op->node;
    if (node->recursive.max_steps > 0 && r->steps >= node->recursive.max_steps)
        return wr_with_hint(wr_fail(WR_E_TOO_BIG, "the recursion did not end within %lld steps",
                                    (long long)node->recursive.max_steps),
                            "add a condition that ends it, or UNION instead of UNION ALL");
    r->steps++;
    wr_op_note(op, "%lld steps", (long long)r->steps);
    WR_AUTO(wr_exec) *step = NULL;
    WR_TRY(wr_exec_new(op->exec, node->inputs[1], wr_exec_env(op->exec), op->mem, op->exec->options,
                       1, &step));
    step->stats = op->exec->stats;
    step->stats_count = op->exec->stats_count;
    step->stats_arena = op->exec->stats_arena;
    wr_named_op *working = wr_new(&step->arena, wr_named_op);
    *working = (wr_named_op){node->recursive.id, op, NULL};
    step->working = working;
    WR_TRY(wr_exec_op(step, &wr_op_collect, node->inputs[1], &collect));
    WR_TRY(wr_exec_build(step, node->inputs[1], collect));
    WR_TRY(wr_exec_run_inline(step));
    WR_TRY(take_step(r, &((wr_kept *)collect)->store));
    wr_store_empty(&r->stores[r->current]);
    r->current = 1 - r->current;
    WR_TRY(wr_store_seal(&r->stores[r->current]));
    r->stretch = 0;
    return WR_OK;
}

static weir_status recursive_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    recursive_op *r = (recursive_op *)op;
    (void)local;
    wr_store *store = &r->stores[r->current];
    if (store->rows > 0 && r->stretch >= store->stretch_count) {
        WR_TRY(run_step(r));
        store = &r->stores[r->current];
    }
    *got = r->stretch < store->stretch_count;
    return *got ? wr_store_seek(store, &r->reader, r->stretch++) : WR_OK;
}

static weir_status recursive_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    recursive_op *r = (recursive_op *)op;
    return wr_store_read(&r->stores[r->current], &r->reader, &local->scratch, out, more);
}

static void recursive_close(wr_op *op)
{
    recursive_op *r = (recursive_op *)op;
    wr_store_reader_close(&r->reader);
    for (int i = 0; i < 2; i++)
        wr_store_clear(&r->stores[i]);
    wr_groups_clear(&r->seen);
    wr_tape_clear(&r->tape);
    wr_spill_clear(&r->spill);
}

const wr_op_def wr_op_recursive = {.name = "recursive",
                                   .size = sizeof(recursive_op),
                                   .open = recursive_open,
                                   .close = recursive_close,
                                   .sink = recursive_sink,
                                   .finish = recursive_finish,
                                   .morsel = recursive_morsel,
                                   .next_batch = recursive_next,
                                   .is_ordered = true,
                                   .is_serial = true};

/* ---- WORKING: the rows of the step before ---- */

typedef struct working_op {
    wr_op op;
    recursive_op *from;
    _Atomic uint32_t next;
} working_op;

static weir_status working_open(wr_op *op)
{
    working_op *w = (working_op *)op;
    w->from = (recursive_op *)wr_exec_working(op->exec, op->node->shared.id);
    if (w->from) return WR_OK;
    return wr_fail(WR_E_INTERNAL, "recursion %d is read outside of its step", op->node->shared.id);
}

static weir_status working_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    working_op *w = (working_op *)op;
    wr_store *store = &w->from->stores[w->from->current];
    uint32_t index = atomic_fetch_add(&w->next, 1);
    *got = index < store->stretch_count;
    return *got ? wr_store_seek(store, &((wr_kept_local *)local)->reader, index) : WR_OK;
}

static weir_status working_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    working_op *w = (working_op *)op;
    return wr_store_read(&w->from->stores[w->from->current], &((wr_kept_local *)local)->reader,
                         &local->scratch, out, more);
}

const wr_op_def wr_op_working = {.name = "working",
                                 .size = sizeof(working_op),
                                 .local_size = sizeof(wr_kept_local),
                                 .local_close = wr_kept_local_close,
                                 .open = working_open,
                                 .morsel = working_morsel,
                                 .next_batch = working_next};
