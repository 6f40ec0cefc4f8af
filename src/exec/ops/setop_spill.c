/* setop_spill.c - INTERSECT and EXCEPT over more distinct rows than fit in memory.
 *
 * When memory is short the table is written to partitions by hash, with its counts: a row may stand
 * on its tape several times, each time for some of the right rows. From then on left rows are only
 * partitioned too; when all have come, one partition after the other is worked off: its right tape
 * becomes a table again, its left tape streams past. A partition that is too large, or becomes so
 * while EXCEPT remembers what it gave out, is split by the next level's hash function: the table as
 * it stands and what is unread of both tapes.
 *
 * Left rows that passed before the table was first written out are done with: what they changed is
 * in the counts. */
#include "exec/ops/setop.h"
#include "base/pages.h"

enum { SPILL_SHARE = 60, WAITING_BYTES = 1 << 20, WAITING_SHARE = 16 };

typedef struct rest_op {
    wr_op op;
    wr_setop *setop;
    wr_setop_job *job; /* being worked off */
    wr_tape_reader reader;
    uint16_t sel[WR_BATCH_ROWS];
} rest_op;

/* ---- writing ---- */

/* Writes all rows of the table to tapes and empties it. */
static weir_status spill_table(wr_setop *s, int level, wr_tape *tapes)
{
    WR_ARENA(scratch);
    wr_groups *g = &s->groups;
    wr_rows_cursor cursor = {0, 0};
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t n; (n = wr_rows_next(g->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        wr_groups_hash_rows(g, rows, n, &scratch);
        wr_arena_reset(&scratch);
    }
    WR_TRY(wr_spill_by_hash(&s->spill, &s->layout, g->rows, level, tapes));
    wr_groups_clear(g);
    wr_pages_trim();
    return wr_setop_table_new(s);
}

static bool is_due(const wr_setop *s)
{
    const wr_groups *g = &s->groups;
    uint64_t held = wr_rows_count(g->rows) ? wr_rows_bytes(g->rows) : 0;
    if (held) held += g->slot_count * sizeof *g->slots + g->direct_bytes;
    return wr_spill_is_due(&s->op, held, wr_groups_need(g, WR_BATCH_ROWS), SPILL_SHARE);
}

weir_status wr_setop_spill_if_due(wr_setop *s)
{
    if (!is_due(s)) return WR_OK;
    s->is_spilled = true;
    return spill_table(s, 0, s->right);
}

static weir_status write_waiting(wr_setop *s)
{
    if (!s->waiting) return WR_OK;
    WR_TRY(wr_spill_by_hash(&s->spill, &s->left_layout, s->waiting, 0, s->left));
    wr_rows_empty(s->waiting);
    return WR_OK;
}

weir_status wr_setop_keep_left(wr_setop *s, const wr_batch *in, wr_arena *scratch)
{
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t hashes[WR_BATCH_ROWS];
    int n = s->layout.column_count;
    uint32_t count = wr_batch_count(in);
    wr_column *flat = wr_new_array(scratch, wr_column, n + 1);
    if (!s->waiting) WR_TRY(wr_rows_new(s->op.mem, &s->left_layout, &s->waiting));
    wr_keys_flatten(in->columns, n, in->sel, count, scratch, flat);
    wr_keys_hash(flat, n, in->sel, count, hashes);
    WR_TRY(wr_rows_append(s->waiting, in->columns, in->sel, count, rows));
    for (uint32_t i = 0; i < count; i++)
        *wr_row_extra(&s->left_layout, rows[i]) = hashes[i];
    uint64_t most = WAITING_BYTES, limit = wr_mem_limit(s->op.mem);
    if (limit) most = WR_MIN(most, limit / WAITING_SHARE);
    return wr_rows_bytes(s->waiting) >= most ? write_waiting(s) : WR_OK;
}

/* ---- jobs ---- */

static void drop_job(wr_setop_job *job)
{
    if (!job) return;
    wr_tape_clear(&job->right);
    wr_tape_clear(&job->left);
    wr_heap_drop(job);
}

/* Makes jobs of pairs of tapes, which are empty afterwards. */
static void add_jobs(wr_setop *s, int level, wr_tape *right, wr_tape *left)
{
    for (int p = 0; p < wr_spill_parts(&s->op); p++) {
        wr_setop_job *job = wr_heap_new(sizeof *job);
        *job = (wr_setop_job){level, right[p], left[p], s->jobs};
        s->jobs = job;
        right[p] = left[p] = (wr_tape){0};
    }
}

/* Distributes the blocks of a tape from number `from` on. */
static weir_status split_tape(wr_setop *s, const wr_tape *tape, uint32_t from,
                              const wr_rows_layout *layout, int level, wr_tape *tapes)
{
    WR_AUTO(wr_rows) *rows = NULL;
    WR_TRY(wr_rows_new(s->op.mem, layout, &rows));
    for (uint32_t b = from; b < tape->count; b++) {
        WR_TRY(wr_tape_load(&s->spill, tape, b, rows));
        WR_TRY(wr_spill_by_hash(&s->spill, layout, rows, level, tapes));
        wr_rows_empty(rows);
    }
    return WR_OK;
}

/* Replaces the job by jobs of the next level: the table, and both tapes from these blocks on. */
static weir_status split_job(wr_setop *s, const wr_setop_job *job, uint32_t right_from,
                             uint32_t left_from)
{
    wr_tape right[WR_SPILL_PARTS_MAX] = {0}, left[WR_SPILL_PARTS_MAX] = {0};
    int level = job->level + 1;
    weir_status bad = spill_table(s, level, right);
    if (!bad) bad = split_tape(s, &job->right, right_from, &s->layout, level, right);
    if (!bad) bad = split_tape(s, &job->left, left_from, &s->left_layout, level, left);
    add_jobs(s, level, right, left);
    return bad;
}

/* Forced spilling splits once: else nothing would ever be worked off. */
static bool wants_split(const wr_setop *s, const wr_setop_job *job)
{
    bool may = job->level + 1 < (wr_spill_is_forced(&s->op) ? 2 : WR_SPILL_LEVELS);
    return may && is_due(s);
}

/* Makes the table of a job. *split: it was too large and has been replaced. */
static weir_status load_table(wr_setop *s, const wr_setop_job *job, bool *split)
{
    __attribute__((cleanup(wr_tape_close))) wr_tape_reader reader = {0};
    WR_ARENA(scratch);
    uint8_t *rows[WR_BATCH_ROWS], *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t n, fresh;
    *split = false;
    wr_groups_clear(&s->groups);
    WR_TRY(wr_setop_table_new(s));
    WR_TRY(wr_tape_open(&reader, &s->spill, &job->right, &s->layout));
    for (uint32_t block = 0;;) {
        WR_TRY(wr_tape_next(&reader, rows, WR_BATCH_ROWS, &n));
        if (n == 0) return WR_OK;
        if (reader.next != block && block > 0 && wants_split(s, job)) {
            *split = true; /* between two blocks: the one just read is split with the rest */
            return split_job(s, job, reader.next - 1, 0);
        }
        block = reader.next;
        wr_batch batch;
        wr_arena_reset(&scratch);
        wr_rows_batch(&s->layout, s->layout.column_count, rows, n, &scratch, &batch);
        WR_TRY(wr_groups_find(&s->groups, batch.columns, NULL, n, NULL, &scratch, found, added,
                              &fresh));
        for (uint32_t i = 0; i < n; i++) {
            const uint64_t *from = wr_row_extra(&s->layout, rows[i]);
            uint64_t *to = wr_row_extra(&s->layout, found[i]);
            to[WR_SET_RIGHT_ROWS] += from[WR_SET_RIGHT_ROWS];
            to[WR_SET_GIVEN] |= from[WR_SET_GIVEN];
        }
    }
}

/* ---- the source ---- */

static weir_status rest_start(wr_op *op)
{
    wr_setop *s = ((rest_op *)op)->setop;
    op->stopped = !s->is_spilled;
    if (!s->is_spilled) return WR_OK;
    WR_TRY(write_waiting(s));
    WR_TRY(spill_table(s, 0, s->right));
    add_jobs(s, 0, s->right, s->left);
    wr_op_note(&s->op, "%d partitions", wr_spill_parts(&s->op));
    return WR_OK;
}

/* A morsel is a job. Those without left rows give nothing. */
static weir_status rest_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    rest_op *r = (rest_op *)op;
    wr_setop *s = r->setop;
    (void)local;
    *got = false;
    while (!*got && s->jobs) {
        bool split = false;
        drop_job(r->job);
        r->job = s->jobs;
        s->jobs = r->job->next;
        if (r->job->left.rows == 0) continue;
        WR_TRY(load_table(s, r->job, &split));
        if (split) continue;
        WR_TRY(wr_tape_open(&r->reader, &s->spill, &r->job->left, &s->left_layout));
        *got = true;
    }
    return WR_OK;
}

static weir_status rest_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    rest_op *r = (rest_op *)op;
    wr_setop *s = r->setop;
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t n, before = r->reader.next;
    *more = false;
    WR_TRY(wr_tape_next(&r->reader, rows, WR_BATCH_ROWS, &n));
    if (n == 0) return WR_OK;
    if (r->reader.next != before && before > 0 && s->adds_left && wants_split(s, r->job))
        return split_job(s, r->job, r->job->right.count, r->reader.next - 1);
    *more = true;
    wr_arena_reset(&local->scratch);
    wr_rows_batch(&s->left_layout, s->left_layout.column_count, rows, n, &local->scratch, out);
    WR_TRY(wr_setop_pass(s, out, &local->scratch, r->sel, &out->sel_count));
    out->sel = r->sel;
    return WR_OK;
}

static void rest_close(wr_op *op)
{
    rest_op *r = (rest_op *)op;
    wr_tape_close(&r->reader);
    drop_job(r->job);
}

void wr_setop_spill_clear(wr_setop *s)
{
    while (s->jobs) {
        wr_setop_job *job = s->jobs;
        s->jobs = job->next;
        drop_job(job);
    }
    for (int p = 0; p < WR_SPILL_PARTS_MAX; p++) {
        wr_tape_clear(&s->right[p]);
        wr_tape_clear(&s->left[p]);
    }
    wr_rows_drop(s->waiting);
    wr_spill_clear(&s->spill);
}

static const wr_op_def setop_rest = {.name = "set operation",
                                     .size = sizeof(rest_op),
                                     .close = rest_close,
                                     .start = rest_start,
                                     .morsel = rest_morsel,
                                     .next_batch = rest_next,
                                     .is_serial = true};

weir_status wr_setop_rest(wr_exec *exec, wr_op *setop, wr_op **out)
{
    WR_TRY(wr_exec_op(exec, &setop_rest, setop->node, out));
    ((rest_op *)*out)->setop = (wr_setop *)setop;
    return WR_OK;
}
