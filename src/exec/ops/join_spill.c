/* join_spill.c - joins whose build side does not fit in memory.
 *
 * Both sides are written to partitions by the hash of the keys, so that rows that can match meet in
 * the same partition; when all probe rows have come, each partition is joined by one worker with
 * the ordinary code: a copy of the join with a table of its own (wr_join_run). A partition whose
 * build side is too large is split by the next level's hash function, both sides. What cannot be
 * split, because one key or no key at all makes it large, is joined in chunks: a table of some of
 * the build rows at a time, past which all probe rows of the partition run again. What a chunk
 * found out about a probe row is carried to the next (one byte per row); rows without a match come
 * out with the last.
 *
 * The hash: of all keys; of all but the first for complex MARK, which looks at rows where the first
 * key is NULL too; 0 without such keys, which puts everything into one partition. NULL keys hash
 * like any value; they just do not match. */
#include "exec/ops/join.h"
#include "base/pages.h"

enum { WAITING_MIN = 256 << 10, WAITING_MAX = 8 << 20, WAITING_SHARE = 32, SPLIT_BYTES = 4 << 20 };

typedef struct wr_join_part {
    int level;
    bool is_whole;            /* splitting would not help */
    int source_count;         /* one per worker that wrote */
    wr_tape **build, **probe; /* by source; owned */
    struct wr_join_part *next;
} wr_join_part;

typedef enum run_stage { RUN_CHUNK, RUN_PROBE, RUN_REST, RUN_END } run_stage;

struct wr_join_run {
    wr_join *of;
    wr_join join; /* a copy with a table of its own */
    wr_join_local *me;
    wr_op_local **locals; /* of the copy: me alone */
    wr_join_part *part;
    run_stage stage;
    int build_source; /* next block to be loaded */
    uint32_t build_block;
    int probe_source;
    wr_tape_reader reader;
    bool in_batch, is_followed;
    wr_batch batch;
    wr_arena arena; /* of the batch */
    uint8_t *carried;
    uint64_t carried_count, probe_at;
    wr_rows_cursor rest_at;
};

static const wr_schema *probe_schema(const wr_join *j)
{
    return &j->op.node->inputs[j->build_left ? 1 : 0]->schema;
}

static int first_hashed(const wr_join *j) { return j->mark_is_complex ? 1 : 0; }

static bool is_splittable(const wr_join *j) { return j->key_count > first_hashed(j); }

static bool note_column(const wr_expr *e, void *needed)
{
    if (e->kind == WR_X_COLUMN) ((bool *)needed)[e->column] = true;
    return true;
}

weir_status wr_join_spill_open(wr_join *j)
{
    const wr_plan_node *node = j->op.node;
    const wr_schema *schema = probe_schema(j);
    wr_arena *arena = &j->op.arena;
    bool *needed = wr_new_array(arena, bool, schema->count + 1);
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + 1);
    for (int c = 0; c < node->schema.count; c++)
        if (j->output[c].side == WR_FROM_PROBE) needed[j->output[c].index] = true;
    for (int c = 0; c < j->combined_count; c++)
        if (j->combined_needed[c] && j->combined[c].side == WR_FROM_PROBE)
            needed[j->combined[c].index] = true;
    for (int k = 0; k < j->key_count; k++)
        wr_expr_walk(j->build_left ? node->join.keys[k].right : node->join.keys[k].left,
                     note_column, needed);
    j->probe_stored = wr_new_array(arena, int, schema->count + 1);
    for (int c = 0; c < schema->count; c++) {
        if (!needed[c]) continue;
        types[j->probe_stored_count] = schema->fields[c].type;
        j->probe_stored[j->probe_stored_count++] = c;
    }
    wr_rows_layout_init(&j->probe_layout, arena, types, j->probe_stored_count, sizeof(uint64_t));
    wr_mutex_init(&j->todo_lock);
    wr_spill_init(&j->spill, &j->op);
    return WR_OK;
}

/* ---- partitions ---- */

static void part_drop(wr_join_part *part)
{
    if (!part) return;
    for (int s = 0; s < part->source_count; s++) {
        wr_tape_clear(part->build[s]);
        wr_tape_clear(part->probe[s]);
        wr_heap_drop(part->build[s]);
        wr_heap_drop(part->probe[s]);
    }
    wr_heap_drop(part->build);
    wr_heap_drop(part->probe);
    wr_heap_drop(part);
}

static wr_join_part *part_new(int level, int sources)
{
    wr_join_part *part = wr_heap_new(sizeof *part);
    part->level = level;
    part->source_count = sources;
    part->build = wr_heap_new(sizeof *part->build * (size_t)(sources + 1));
    part->probe = wr_heap_new(sizeof *part->probe * (size_t)(sources + 1));
    for (int s = 0; s < sources; s++) {
        part->build[s] = wr_heap_new(sizeof(wr_tape));
        part->probe[s] = wr_heap_new(sizeof(wr_tape));
    }
    return part;
}

static void add_todo(wr_join *j, wr_join_part *part)
{
    wr_mutex_lock(&j->todo_lock);
    part->next = j->todo;
    j->todo = part;
    wr_mutex_unlock(&j->todo_lock);
}

void wr_join_spill_close(wr_join *j)
{
    while (j->todo) {
        wr_join_part *next = j->todo->next;
        part_drop(j->todo);
        j->todo = next;
    }
    if (!j->spill.op) return;
    wr_mutex_clear(&j->todo_lock);
    wr_spill_clear(&j->spill);
}

void wr_join_drop_spilled(const wr_join *j, wr_join_local *me)
{
    for (int p = 0; p < wr_spill_parts(&j->op); p++) {
        if (me->build_tapes) wr_tape_clear(&me->build_tapes[p]);
        if (me->probe_tapes) wr_tape_clear(&me->probe_tapes[p]);
    }
    wr_heap_drop(me->build_tapes);
    wr_heap_drop(me->probe_tapes);
    wr_rows_drop(me->waiting);
}

/* ---- writing ---- */

/* The first extra word of build rows becomes what partitions go by. */
static void hash_for_parts(const wr_join *j, uint8_t *const *rows, uint32_t n)
{
    WR_ARENA(scratch);
    int from = first_hashed(j), keys = j->key_count - from;
    uint64_t hashes[WR_BATCH_ROWS] = {0};
    wr_column *columns = wr_new_array(&scratch, wr_column, j->key_count + 1);
    for (int k = 0; k < keys; k++)
        wr_rows_gather(&j->layout, j->key_slots[from + k], rows, n, &scratch, &columns[k]);
    if (keys > 0) wr_keys_hash(columns, keys, NULL, n, hashes);
    for (uint32_t i = 0; i < n; i++)
        wr_row_extra(&j->layout, rows[i])[WR_JX_HASH] = hashes[i];
}

weir_status wr_join_spill_build(wr_join *j, wr_join_local *me)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    bool has_hashes = !j->can_be_dense && j->key_count > 0 && !j->mark_is_complex;
    j->is_spilled = true;
    if (wr_rows_count(me->rows) == 0) return WR_OK;
    if (!me->build_tapes)
        me->build_tapes = wr_heap_new(sizeof(wr_tape) * (size_t)wr_spill_parts(&j->op));
    for (uint32_t n; !has_hashes && (n = wr_rows_next(me->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        hash_for_parts(j, rows, n);
    WR_TRY(wr_spill_by_hash(&j->spill, &j->layout, me->rows, 0, me->build_tapes));
    me->spilled_rows += wr_rows_count(me->rows);
    wr_rows_empty(me->rows);
    wr_pages_trim();
    return WR_OK;
}

/* Rows that may have a match, or come out without one. */
static uint32_t worth_keeping(const wr_join *j, const wr_join_local *me, const wr_batch *in,
                              uint16_t *sel)
{
    uint32_t count = wr_batch_count(in);
    bool all_come = j->probe_outer || (!j->gives_pairs && !j->build_left);
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)wr_batch_row(in, i);
    for (int k = 0; !all_come && k < j->key_count; k++) {
        const wr_column *c = &me->probe_keys.out[k];
        if ((j->null_equal >> k & 1) || wr_column_has_no_nulls(c)) continue;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i++) {
            sel[kept] = sel[i];
            kept += !wr_column_is_null(c, sel[i]);
        }
        count = kept;
    }
    return count;
}

static weir_status write_waiting(wr_join *j, wr_join_local *me)
{
    if (!me->waiting || wr_rows_count(me->waiting) == 0) return WR_OK;
    if (!me->probe_tapes)
        me->probe_tapes = wr_heap_new(sizeof(wr_tape) * (size_t)wr_spill_parts(&j->op));
    WR_TRY(wr_spill_by_hash(&j->spill, &j->probe_layout, me->waiting, 0, me->probe_tapes));
    wr_rows_empty(me->waiting);
    return WR_OK;
}

weir_status wr_join_spill_probe(wr_join *j, wr_join_local *me, const wr_batch *in)
{
    wr_arena *scratch = &me->base.scratch;
    uint16_t sel[WR_BATCH_ROWS];
    uint64_t hashes[WR_BATCH_ROWS] = {0};
    uint8_t *rows[WR_BATCH_ROWS];
    int from = first_hashed(j), keys = j->key_count - from;
    wr_arena_reset(scratch);
    WR_TRY(wr_exprs_sift(&j->probe_keys, &me->probe_keys, j->op.exec, in, &in));
    uint32_t count = worth_keeping(j, me, in, sel);
    if (count == 0) return WR_OK;
    if (keys > 0) {
        wr_column *flat = wr_new_array(scratch, wr_column, keys);
        wr_keys_flatten(me->probe_keys.out + from, keys, sel, count, scratch, flat);
        wr_keys_hash(flat, keys, sel, count, hashes);
    }
    if (!me->waiting) WR_TRY(wr_rows_new(j->op.mem, &j->probe_layout, &me->waiting));
    wr_column *columns = wr_new_array(scratch, wr_column, j->probe_stored_count + 1);
    for (int c = 0; c < j->probe_stored_count; c++)
        columns[c] = in->columns[j->probe_stored[c]];
    WR_TRY(wr_rows_append(me->waiting, columns, sel, count, rows));
    for (uint32_t i = 0; i < count; i++)
        *wr_row_extra(&j->probe_layout, rows[i]) = hashes[i];
    uint64_t limit = wr_mem_limit(j->op.mem), most = WAITING_MAX;
    if (limit) most = WR_MAX(WR_MIN(limit / WAITING_SHARE, most), (uint64_t)WAITING_MIN);
    if (wr_rows_bytes(me->waiting) < most && !wr_spill_is_forced(&j->op)) return WR_OK;
    return write_waiting(j, me);
}

weir_status wr_join_list_parts(wr_join *j)
{
    int workers = wr_exec_workers(j->op.exec), parts = wr_spill_parts(&j->op);
    for (int w = 0; w < workers; w++)
        if (j->op.locals[w]) WR_TRY(write_waiting(j, (wr_join_local *)j->op.locals[w]));
    for (int p = parts; p-- > 0;) {
        wr_join_part *part = part_new(0, workers);
        part->is_whole = !is_splittable(j);
        add_todo(j, part);
        for (int w = 0; w < workers; w++) {
            wr_join_local *from = (wr_join_local *)j->op.locals[w];
            if (from && from->build_tapes) {
                *part->build[w] = from->build_tapes[p];
                from->build_tapes[p] = (wr_tape){0};
            }
            if (from && from->probe_tapes) {
                *part->probe[w] = from->probe_tapes[p];
                from->probe_tapes[p] = (wr_tape){0};
            }
        }
    }
    return WR_OK;
}

/* ---- splitting ---- */

static void measure(wr_tape *const *tapes, int count, uint64_t *rows, uint64_t *bytes)
{
    *rows = *bytes = 0;
    for (int s = 0; s < count; s++) {
        *rows += tapes[s]->rows;
        *bytes += tapes[s]->bytes;
    }
}

static bool is_to_be_split(const wr_join *j, const wr_join_part *part)
{
    uint64_t rows, bytes;
    measure(part->build, part->source_count, &rows, &bytes);
    if (part->is_whole || part->level + 1 >= WR_SPILL_LEVELS || rows < 2) return false;
    if (wr_spill_is_forced(&j->op)) return part->level == 0;
    return bytes + rows * 32 > wr_spill_portion(&j->op);
}

static weir_status split_tape(wr_join *j, const wr_tape *from, const wr_rows_layout *layout,
                              int level, wr_tape *tapes)
{
    WR_AUTO(wr_rows) *rows = NULL;
    WR_TRY(wr_rows_new(j->op.mem, layout, &rows));
    for (uint32_t block = 0; block < from->count;) {
        wr_rows_empty(rows);
        while (block < from->count && wr_rows_bytes(rows) < SPLIT_BYTES)
            WR_TRY(wr_tape_load(&j->spill, from, block++, rows));
        WR_TRY(wr_spill_by_hash(&j->spill, layout, rows, level, tapes));
    }
    return WR_OK;
}

static weir_status split_side(wr_join *j, const wr_join_part *part, bool is_build,
                              wr_join_part **into)
{
    int parts = wr_spill_parts(&j->op);
    for (int s = 0; s < part->source_count; s++) {
        wr_tape tapes[WR_SPILL_PARTS_MAX] = {0};
        weir_status bad =
            split_tape(j, is_build ? part->build[s] : part->probe[s],
                       is_build ? &j->layout : &j->probe_layout, part->level + 1, tapes);
        for (int p = 0; p < parts; p++)
            *(is_build ? into[p]->build[s] : into[p]->probe[s]) = tapes[p];
        if (bad) return bad;
    }
    return WR_OK;
}

static weir_status split_part(wr_join *j, const wr_join_part *part)
{
    int parts = wr_spill_parts(&j->op);
    wr_join_part *into[WR_SPILL_PARTS_MAX];
    uint64_t all, rows, bytes;
    for (int p = 0; p < parts; p++)
        into[p] = part_new(part->level + 1, part->source_count);
    weir_status bad = split_side(j, part, true, into);
    if (!bad) bad = split_side(j, part, false, into);
    measure(part->build, part->source_count, &all, &bytes);
    for (int p = 0; p < parts; p++) {
        measure(into[p]->build, part->source_count, &rows, &bytes);
        into[p]->is_whole = rows > all / 2; /* a key that occurs very often */
        add_todo(j, into[p]);
    }
    return bad;
}

/* ---- joining a partition ---- */

weir_status wr_join_run_new(wr_join *j, wr_op_local *local, wr_join_run **out)
{
    int workers = wr_exec_workers(j->op.exec);
    wr_join_run *run = *out = wr_heap_new(sizeof *run);
    run->of = j;
    run->me = wr_heap_new(sizeof *run->me);
    run->locals = wr_heap_new(sizeof *run->locals * (size_t)workers);
    run->locals[0] = &run->me->base;
    run->me->base.worker = local->worker;
    run->me->ranges = wr_heap_new(sizeof *run->me->ranges * (size_t)(j->key_count + 1));
    memcpy(&run->join, j, sizeof run->join);
    run->join.is_spilled = false;
    run->join.can_be_dense = false; /* hashes are there, and ranges are those of all partitions */
    run->join.op.locals = run->locals;
    return wr_rows_new(j->op.mem, &j->layout, &run->me->rows);
}

static void leave_part(wr_join_run *run)
{
    wr_join_drop_table(&run->join);
    wr_rows_empty(run->me->rows);
    wr_mem_free(run->of->op.mem, run->carried, run->carried_count);
    run->carried = NULL;
    part_drop(WR_TAKE(run->part));
}

void wr_join_run_drop(wr_join_run *run)
{
    if (!run) return;
    wr_join_local *me = run->me;
    leave_part(run);
    wr_tape_close(&run->reader);
    wr_arena_clear(&run->arena);
    wr_exprs_close(&me->probe_keys);
    if (me->residual) wr_eval_drop(me->residual);
    wr_heap_drop(me->sieve);
    wr_rows_drop(me->rows);
    wr_heap_drop(me->ranges);
    wr_arena_clear(&me->batch);
    wr_arena_clear(&me->base.scratch);
    wr_heap_drop(me);
    wr_heap_drop(run->locals);
    wr_heap_drop(run);
}

bool wr_join_run_take(wr_join_run *run)
{
    wr_join *j = run->of;
    wr_mutex_lock(&j->todo_lock);
    run->part = j->todo;
    if (run->part) j->todo = run->part->next;
    wr_mutex_unlock(&j->todo_lock);
    run->stage = RUN_CHUNK;
    run->build_source = 0;
    run->build_block = 0;
    return run->part != NULL;
}

/* Loads build rows until the worker's portion is used up or there are no more. */
static weir_status load_chunk(wr_join_run *run)
{
    const wr_join_part *part = run->part;
    wr_rows *rows = run->me->rows;
    uint64_t most = wr_spill_portion(&run->of->op) / 4 * 3;
    wr_rows_empty(rows);
    while (run->build_source < part->source_count) {
        const wr_tape *tape = part->build[run->build_source];
        if (run->build_block == tape->count) {
            run->build_source++;
            run->build_block = 0;
            continue;
        }
        uint64_t held = wr_rows_bytes(rows) + wr_rows_count(rows) * 32;
        if (held > 0 && (held > most || wr_spill_is_forced(&run->of->op))) break;
        WR_TRY(wr_tape_load(&run->of->spill, tape, run->build_block++, rows));
    }
    run->is_followed = run->build_source < part->source_count;
    return WR_OK;
}

static weir_status begin_chunk(wr_join_run *run)
{
    wr_join *j = &run->join, *of = run->of;
    uint64_t probe_rows, bytes;
    bool is_first = run->build_source == 0 && run->build_block == 0;
    measure(run->part->probe, run->part->source_count, &probe_rows, &bytes);
    wr_join_drop_table(j);
    WR_TRY(load_chunk(run));
    if (is_first && run->is_followed && probe_rows > 0) {
        run->carried_count = probe_rows;
        WR_TRY(wr_mem_zalloc(of->op.mem, probe_rows, (void **)&run->carried));
    }
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n;
         j->mark_is_complex && (n = wr_rows_next(run->me->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        wr_join_hash_rows(j, rows, n);
    WR_TRY(wr_join_fill_table(j, run->me));
    j->rows = of->rows; /* MARK asks about the whole build side */
    j->nulls = of->nulls;
    run->me->is_followed = run->is_followed;
    run->probe_source = 0;
    run->probe_at = 0;
    run->in_batch = false;
    run->stage = RUN_PROBE;
    run->rest_at = (wr_rows_cursor){0, 0};
    if (run->part->source_count == 0) return WR_OK;
    return wr_tape_open(&run->reader, &of->spill, run->part->probe[0], &of->probe_layout);
}

/* The next probe rows as the input batch they came in; columns nobody needs are NULL. */
static weir_status read_batch(wr_join_run *run, bool *got)
{
    wr_join *of = run->of;
    const wr_schema *schema = probe_schema(of);
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t n = 0;
    *got = false;
    while (run->probe_source < run->part->source_count) {
        WR_TRY(wr_tape_next(&run->reader, rows, WR_BATCH_ROWS, &n));
        if (n > 0) break;
        if (++run->probe_source < run->part->source_count)
            WR_TRY(wr_tape_open(&run->reader, &of->spill, run->part->probe[run->probe_source],
                                &of->probe_layout));
    }
    if (n == 0) return WR_OK;
    wr_arena_reset(&run->arena);
    run->batch = (wr_batch){.column_count = schema->count, .rows = n};
    wr_column *columns = run->batch.columns =
        wr_new_array(&run->arena, wr_column, schema->count + 1);
    for (int c = 0, stored = 0; c < schema->count; c++) {
        if (stored < of->probe_stored_count && of->probe_stored[stored] == c) {
            wr_rows_gather(&of->probe_layout, stored++, rows, n, &run->arena, &columns[c]);
        } else {
            wr_value null = wr_value_null(schema->fields[c].type);
            wr_value_column(&null, n, &run->arena, &columns[c]);
        }
    }
    run->me->carried = run->carried ? run->carried + run->probe_at : NULL;
    run->probe_at += n;
    *got = run->in_batch = true;
    return WR_OK;
}

/* Runs probe rows past the present chunk until rows come out or there are no more. */
static weir_status probe_on(wr_join_run *run, wr_batch *out)
{
    while (run->stage == RUN_PROBE) {
        WR_TRY(wr_exec_check(run->of->op.exec));
        bool got = true;
        if (!run->in_batch) WR_TRY(read_batch(run, &got));
        if (!got) {
            run->stage = run->of->tracks_build ? RUN_REST : RUN_CHUNK;
            break;
        }
        wr_flow flow;
        *out = (wr_batch){0};
        WR_TRY(wr_join_push(&run->join.op, &run->me->base, &run->batch, out, &flow));
        run->in_batch = flow == WR_FLOW_AGAIN;
        if (wr_batch_count(out) > 0) return WR_OK;
    }
    return WR_OK;
}

weir_status wr_join_run_next(wr_join_run *run, wr_batch *out, bool *more)
{
    wr_join *j = run->of;
    *more = false;
    if (!run->part) return WR_OK;
    if (run->stage == RUN_CHUNK && run->build_source == 0 && run->build_block == 0 &&
        is_to_be_split(j, run->part)) {
        weir_status bad = split_part(j, run->part);
        leave_part(run);
        return bad;
    }
    bool is_begun = run->stage != RUN_CHUNK;
    for (;;) {
        *out = (wr_batch){0};
        if (run->stage == RUN_CHUNK && (!is_begun || run->is_followed))
            WR_TRY(begin_chunk(run));
        else if (run->stage == RUN_CHUNK)
            break;
        is_begun = true;
        if (run->stage == RUN_PROBE) WR_TRY(probe_on(run, out));
        if (run->stage == RUN_REST && !wr_join_give_rest(&run->join, run->me->rows, &run->rest_at,
                                                         &run->me->base.scratch, out))
            run->stage = RUN_CHUNK;
        *more = wr_batch_count(out) > 0;
        if (*more) return WR_OK;
    }
    leave_part(run);
    return WR_OK;
}
