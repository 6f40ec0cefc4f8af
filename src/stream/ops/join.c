/* join.c - joins two streams, symmetrically: a row that comes is stored on its side and meets the
 * rows of the other side that are there, so each pair is found by the later of the two.
 *
 * Rows of one key and side are a chain (link[0] next, link[1] previous). A row whose pairs decide
 * about itself (it is kept without a partner, or asks only whether there is one) counts in `number`
 * the partners it has met, less those that were taken back; a partner that was forgotten counts on.
 * Where the other side takes nothing back it is enough to know whether there was one.
 *
 * A row is forgotten when time is past its expiry; no partner that comes in time is later. Until
 * then it may take its leave as an orphan; one that comes after its expiry meets who is there and
 * is not stored. Rows whose key can equal nothing (NULL) meet nobody.
 *
 * A row that comes so late that partners of it may have been forgotten (time is past its `since`)
 * is never called an orphan: where rows are put out without partners it is told as late and left
 * out. Elsewhere it meets who is there, and is told if that is nobody and it is not stored.
 *
 * Rows that take back are put in front of those that appear in the same batch when all of them mean
 * rows that are stored already; otherwise the batch goes through in runs of one sign, because then
 * some mean rows of this very batch. A row that is taken back after its expiry does what one that
 * comes then does, with the other sign. Pairs with rows that were forgotten are not taken back.
 *
 * Where bad rows are left out, the condition is tried on all pairs of a row before anything is said
 * of it. If it fails for one, the row that came later is the bad one: it is told, makes no pair and
 * is not stored. So the condition holds or does not for any two rows that are stored, and a row
 * that is taken back finds the pairs it has made. */
#include "stream/ops/join.h"

typedef weir_status pairs_fn(wr_stream_join_op *j, wr_arriving *a);

enum { AHEAD = 12 }; /* rows whose surroundings are fetched early */

static bool is_about_left(wr_join_kind kind)
{
    return kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI;
}

static bool keeps_orphans(wr_join_kind kind, int side)
{
    if (kind == WR_JOIN_FULL) return true;
    return side == 0 ? kind == WR_JOIN_LEFT || kind == WR_JOIN_ANTI : kind == WR_JOIN_RIGHT;
}

/* ---- chains ---- */

static void link_row(wr_stream_join_op *j, int side, uint8_t *row)
{
    wr_shelf *shelf = &j->sides[side];
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    uint8_t **first = &wr_shelf_key_of(shelf, header->key)->first[side];
    header->link[0] = *first;
    header->link[1] = NULL;
    if (*first) wr_shelf_row_of(shelf, *first)->link[1] = row;
    *first = row;
}

static void unlink_row(wr_stream_join_op *j, int side, uint8_t *row)
{
    wr_shelf *shelf = &j->sides[side];
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    uint8_t *next = header->link[0], *before = header->link[1];
    if (next) wr_shelf_row_of(shelf, next)->link[1] = before;
    if (before)
        wr_shelf_row_of(shelf, before)->link[0] = next;
    else
        wr_shelf_key_of(shelf, header->key)->first[side] = next;
}

static void link_left(void *owner, uint8_t *row) { link_row(owner, 0, row); }
static void link_right(void *owner, uint8_t *row) { link_row(owner, 1, row); }

/* ---- opening ---- */

static weir_status open_side(wr_stream_join_op *j, int side, const wr_type ***key_types)
{
    wr_stream_op *op = &j->op;
    const wr_join_spec *spec = op->spec;
    const wr_schema *schema = wr_shelf_input_schema(op, side);
    int outputs = spec->output_count[side], width = outputs + spec->key_count;
    wr_assert(schema->count >= width + spec->has_expiry[side] + spec->has_since[side]);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, width + 1);
    for (int c = 0; c < width; c++)
        types[c] = schema->fields[c].type;
    wr_shelf_init(&j->sides[side], op, &j->keys, types, outputs, side, side);
    *key_types = types + outputs;
    return WR_OK;
}

static weir_status join_open(wr_stream_op *op)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    const wr_join_spec *spec = op->spec;
    wr_assert(spec->kind <= WR_JOIN_ANTI);
    const wr_type **key_types[2];
    for (int s = 0; s < 2; s++) {
        WR_TRY(open_side(j, s, &key_types[s]));
        j->keeps_orphans[s] = keeps_orphans(spec->kind, s);
        j->counts[s] = j->keeps_orphans[s] || (s == 0 && spec->kind == WR_JOIN_SEMI);
    }
    for (int k = 0; k < spec->key_count; k++)
        if (key_types[0][k] != key_types[1][k])
            return wr_fail(WR_E_UNSUPPORTED, "a join of two streams by keys of types %s and %s",
                           wr_type_name(key_types[0][k]), wr_type_name(key_types[1][k]));
    j->puts_pairs = !is_about_left(spec->kind);
    j->scratch.mem = j->out.mem = op->mem;
    WR_TRY(wr_shelf_keys_init(&j->keys, op, key_types[0], spec->key_count));
    for (int s = 0; s < 2; s++) {
        j->both[s] = &j->sides[s];
        j->sides[s].link = s ? link_right : link_left;
        j->sides[s].owner = j;
    }
    wr_shelf_keys_serve(&j->keys, j->both, 2);
    if (!spec->residual) return WR_OK;
    wr_join_open_sieve(j);
    wr_expr *residual = spec->residual;
    WR_TRY(wr_program_new(&op->arena, &residual, 1, &j->program));
    return wr_eval_new(j->program, op->graph->env, &j->eval);
}

static void join_close(wr_stream_op *op)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    wr_eval_drop(j->eval);
    for (int s = 0; s < 2; s++)
        wr_shelf_clear(&j->sides[s]);
    wr_shelf_keys_clear(&j->keys);
    wr_arena_clear(&j->scratch);
    wr_arena_clear(&j->out);
}

/* ---- what comes ---- */

/* Whether the key of rows[i] can equal nothing, and when it expires. */
static void look_at(wr_stream_join_op *j, wr_arriving *a)
{
    const wr_join_spec *spec = j->op.spec;
    const wr_column *columns = a->batch->columns + spec->output_count[a->side];
    for (uint32_t i = 0; i < a->count; i++)
        a->times[i] = WR_NEVER_FORGOTTEN;
    if (spec->has_expiry[a->side]) {
        uint8_t is_null[WR_BATCH_ROWS];
        wr_keys_ints(&columns[spec->key_count], a->rows, a->count, a->times, is_null);
        for (uint32_t i = 0; i < a->count; i++)
            a->is_late[i] = is_null[i] || a->times[i] < j->op.time;
    }
    for (int k = 0; k < spec->key_count; k++) {
        if (spec->null_equal[k] || wr_column_has_no_nulls(&columns[k])) continue;
        for (uint32_t i = 0; i < a->count; i++)
            a->is_alone[i] |= wr_column_is_null(&columns[k], a->rows[i]);
    }
    if (!spec->has_since[a->side]) return;
    int64_t since[WR_BATCH_ROWS];
    uint8_t is_null[WR_BATCH_ROWS];
    wr_keys_ints(&columns[spec->key_count + spec->has_expiry[a->side]], a->rows, a->count, since,
                 is_null);
    for (uint32_t i = 0; i < a->count; i++)
        a->is_doubtful[i] = !is_null[i] && since[i] < j->op.time && !a->is_alone[i];
}

static weir_status tell_late(wr_stream_join_op *j, const wr_arriving *a, uint16_t i)
{
    return wr_stream_late(&j->op, a->batch, a->rows[i], "rows it would meet are forgotten");
}

/* Leaves out rows of list that could be called orphans without being some; those that are taken
 * back: when what they mean is not stored. */
static weir_status leave_out_doubtful(wr_stream_join_op *j, wr_arriving *a, bool appear,
                                      uint16_t *list, uint32_t *count)
{
    uint32_t kept = 0;
    if (!j->keeps_orphans[a->side]) return WR_OK;
    for (uint32_t k = 0; k < *count; k++) {
        uint16_t i = list[k];
        bool is_told = a->is_doubtful[i] && (appear || !a->stored[i]);
        list[kept] = i;
        kept += !is_told;
        if (is_told) WR_TRY(tell_late(j, a, i));
    }
    *count = kept;
    return WR_OK;
}

/* Stored rows are those that can still meet somebody or leave as orphans. */
static bool is_stored(const wr_stream_join_op *j, const wr_arriving *a, uint32_t i)
{
    const wr_join_spec *spec = j->op.spec;
    if (a->is_late[i]) return false;
    return !a->is_alone[i] || (j->keeps_orphans[a->side] && !spec->orphans_at_once);
}

/* All candidate pairs of rows list[0...count) with the other side, batch by batch. */
static weir_status for_pairs(wr_stream_join_op *j, wr_arriving *a, const uint16_t *list,
                             uint32_t count, pairs_fn *each)
{
    wr_shelf *other = &j->sides[1 - a->side];
    wr_pairs *pairs = &j->pairs;
    pairs->count = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint16_t i = list[k];
        if (a->is_alone[i]) continue;
        uint8_t *partner = wr_shelf_key_of(other, a->keys[i])->first[1 - a->side];
        while (partner) {
            uint8_t *next = wr_shelf_row_of(other, partner)->link[0];
            __builtin_prefetch(next);
            pairs->own[pairs->count] = i;
            pairs->partner[pairs->count++] = partner;
            if (pairs->count == WR_BATCH_ROWS) WR_TRY(each(j, a));
            partner = next;
        }
    }
    return each(j, a);
}

static weir_status meet(wr_stream_join_op *j, wr_arriving *a, const uint16_t *list, uint32_t count)
{
    return for_pairs(j, a, list, count, wr_join_pairs);
}

/* Leaves out rows of list whose pairs cannot be judged; stored rows are none of them. */
static weir_status leave_out_bad(wr_stream_join_op *j, wr_arriving *a, uint16_t *list,
                                 uint32_t *count)
{
    uint16_t tried[WR_BATCH_ROWS];
    uint32_t n = 0, kept = 0;
    if (!j->sifts) return WR_OK;
    for (uint32_t k = 0; k < *count; k++)
        if (a->change > 0 || !a->stored[list[k]]) tried[n++] = list[k];
    WR_TRY(for_pairs(j, a, tried, n, wr_join_sift_pairs));
    for (uint32_t k = 0; k < *count; k++) {
        list[kept] = list[k];
        kept += !a->is_bad[list[k]];
    }
    *count = kept;
    return WR_OK;
}

/* ---- rows that appear ---- */

static weir_status store_rows(wr_stream_join_op *j, wr_arriving *a, const uint16_t *list,
                              uint32_t count)
{
    wr_shelf *shelf = &j->sides[a->side];
    uint16_t rows[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *stored[WR_BATCH_ROWS];
    uint32_t partners[WR_BATCH_ROWS], n = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint16_t i = list[k];
        if (!is_stored(j, a, i)) continue;
        rows[n] = a->rows[i];
        times[n] = a->times[i];
        keys[n] = a->keys[i];
        partners[n++] = a->partners[i];
    }
    if (n == 0) return WR_OK;
    WR_TRY(wr_shelf_add(shelf, a->batch->columns, rows, n, times, keys, NULL, stored));
    for (uint32_t k = 0; k < n; k++) {
        wr_shelf_row_of(shelf, stored[k])->number = j->counts[a->side] ? partners[k] : 0;
        link_row(j, a->side, stored[k]);
    }
    return WR_OK;
}

static weir_status appear(wr_stream_join_op *j, wr_arriving *a, uint16_t *list, uint32_t count)
{
    const wr_join_spec *spec = j->op.spec;
    uint16_t said[WR_BATCH_ROWS];
    uint32_t n = 0;
    a->change = 1;
    WR_TRY(leave_out_doubtful(j, a, true, list, &count));
    WR_TRY(leave_out_bad(j, a, list, &count));
    if (count == 0) return WR_OK;
    WR_TRY(meet(j, a, list, count));
    bool is_semi = spec->kind == WR_JOIN_SEMI && a->side == 0;
    for (uint32_t k = 0; k < count; k++) {
        uint16_t i = list[k];
        bool is_orphan = j->keeps_orphans[a->side] && !a->partners[i] &&
                         (spec->orphans_at_once || !is_stored(j, a, i));
        said[n] = a->rows[i];
        n += is_orphan || (is_semi && a->partners[i]);
        bool is_lost = a->is_doubtful[i] && !a->partners[i] && !is_stored(j, a, i);
        if (is_lost) WR_TRY(tell_late(j, a, i));
    }
    WR_TRY(wr_join_say_arriving(j, a, said, n));
    return store_rows(j, a, list, count);
}

/* ---- rows that are taken back ---- */

/* The oldest stored row that equals the arriving one and is not claimed yet. */
static uint8_t *find_equal(wr_stream_join_op *j, const wr_arriving *a, const wr_column *flat,
                           uint16_t i)
{
    wr_shelf *shelf = &j->sides[a->side];
    uint8_t *addresses[WR_BATCH_ROWS], *oldest = NULL;
    uint8_t *row = wr_shelf_key_of(shelf, a->keys[i])->first[a->side];
    for (; row; row = wr_shelf_row_of(shelf, row)->link[0]) {
        const wr_shelf_row *header = wr_shelf_row_of(shelf, row);
        if (header->is_claimed || header->time != a->times[i]) continue;
        uint16_t list[1] = {i};
        addresses[i] = row;
        if (wr_keys_match(&shelf->layout, NULL, flat, shelf->layout.column_count, UINT64_MAX,
                          a->rows, addresses, list, 1, NULL, NULL))
            oldest = row;
    }
    return oldest;
}

/* Finds the stored rows that list means, and gives how many of it have none: rows that are never
 * stored among them. */
static uint32_t claim(wr_stream_join_op *j, wr_arriving *a, const uint16_t *list, uint32_t count)
{
    wr_shelf *shelf = &j->sides[a->side];
    int columns = shelf->layout.column_count;
    wr_column *flat = wr_new_array(&j->scratch, wr_column, columns + 1);
    wr_keys_flatten(a->batch->columns, columns, a->rows, a->count, &j->scratch, flat);
    uint32_t missing = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint16_t i = list[k];
        a->stored[i] = NULL;
        if (is_stored(j, a, i)) a->stored[i] = find_equal(j, a, flat, i);
        if (a->stored[i])
            wr_shelf_row_of(shelf, a->stored[i])->is_claimed = 1;
        else
            missing++;
    }
    return missing;
}

static void disclaim(wr_stream_join_op *j, wr_arriving *a, const uint16_t *list, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        if (a->stored[list[k]])
            wr_shelf_row_of(&j->sides[a->side], a->stored[list[k]])->is_claimed = 0;
}

/* What was said of a row alone: as an orphan, or because it has partners (SEMI). */
static bool was_said(const wr_stream_join_op *j, const wr_arriving *a, uint16_t i)
{
    const wr_join_spec *spec = j->op.spec;
    const wr_shelf *shelf = &j->sides[a->side];
    uint32_t partners =
        a->stored[i] ? wr_shelf_row_of(shelf, a->stored[i])->number : a->partners[i];
    if (spec->kind == WR_JOIN_SEMI && a->side == 0) return partners > 0;
    return j->keeps_orphans[a->side] && !partners && (spec->orphans_at_once || !a->stored[i]);
}

/* Claimed rows of list go, and so do their pairs. */
static weir_status disappear(wr_stream_join_op *j, wr_arriving *a, uint16_t *list, uint32_t count)
{
    uint16_t gone[WR_BATCH_ROWS] = {0}, said[WR_BATCH_ROWS];
    uint32_t gone_count = 0, n = 0;
    a->change = -1;
    WR_TRY(leave_out_doubtful(j, a, false, list, &count));
    WR_TRY(leave_out_bad(j, a, list, &count));
    if (count == 0) return WR_OK;
    for (uint32_t k = 0; k < count; k++) {
        uint16_t i = list[k];
        gone[gone_count] = i;
        if (a->stored[i] || !is_stored(j, a, i))
            gone_count++;
        else
            WR_TRY(wr_stream_late(&j->op, a->batch, a->rows[i],
                                  "a row is taken back that is not there"));
    }
    WR_TRY(meet(j, a, gone, gone_count));
    for (uint32_t k = 0; k < gone_count; k++) {
        uint16_t i = gone[k];
        said[n] = a->rows[i];
        n += was_said(j, a, i);
        if (!a->stored[i]) continue;
        unlink_row(j, a->side, a->stored[i]);
        WR_TRY(wr_shelf_drop(&j->sides[a->side], a->stored[i]));
    }
    return wr_join_say_arriving(j, a, said, n);
}

/* Runs of one sign, one after the other. */
static weir_status push_runs(wr_stream_join_op *j, wr_arriving *a, const int8_t *changes)
{
    uint16_t run[WR_BATCH_ROWS];
    for (uint32_t i = 0, n = 0; i < a->count; i++) {
        bool appears = changes[a->rows[i]] > 0;
        run[n++] = (uint16_t)i;
        if (i + 1 < a->count && appears == (changes[a->rows[i + 1]] > 0)) continue;
        if (!appears) claim(j, a, run, n);
        WR_TRY(appears ? appear(j, a, run, n) : disappear(j, a, run, n));
        n = 0;
    }
    return WR_OK;
}

static weir_status push_signs(wr_stream_join_op *j, wr_arriving *a, const int8_t *changes)
{
    uint16_t in[WR_BATCH_ROWS], out[WR_BATCH_ROWS];
    uint32_t in_count = 0, out_count = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!changes || changes[a->rows[i]] > 0)
            in[in_count++] = (uint16_t)i;
        else
            out[out_count++] = (uint16_t)i;
    }
    if (out_count && claim(j, a, out, out_count)) {
        disclaim(j, a, out, out_count);
        return push_runs(j, a, changes);
    }
    WR_TRY(disappear(j, a, out, out_count));
    return appear(j, a, in, in_count);
}

static weir_status tidy(wr_stream_join_op *j)
{
    for (int s = 0; s < 2; s++)
        WR_TRY(wr_shelf_tidy(j->both[s]));
    return wr_shelf_keys_tidy(&j->keys, j->both, 2);
}

static weir_status join_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    const wr_join_spec *spec = op->spec;
    wr_arriving *a = &j->arriving;
    wr_arena_reset(&j->scratch);
    a->batch = &delta->batch;
    a->side = input;
    a->count = wr_batch_count(&delta->batch);
    for (uint32_t i = 0; i < a->count; i++)
        a->rows[i] = (uint16_t)wr_batch_row(&delta->batch, i);
    memset(a->is_alone, 0, a->count);
    memset(a->is_late, 0, a->count);
    memset(a->is_doubtful, 0, a->count);
    memset(a->is_bad, 0, a->count);
    memset(a->partners, 0, a->count * sizeof *a->partners);
    look_at(j, a);
    WR_TRY(wr_shelf_keys_find(&j->keys, delta->batch.columns + spec->output_count[input], a->rows,
                              a->count, &j->scratch, a->keys));
    WR_TRY(push_signs(j, a, delta->changes));
    return tidy(j);
}

/* ---- time ---- */

/* Rows whose time is past leave; those without a partner say so. */
static weir_status expire(wr_stream_join_op *j, int side, int64_t time)
{
    const wr_join_spec *spec = j->op.spec;
    uint8_t *rows[WR_BATCH_ROWS], *orphans[WR_BATCH_ROWS];
    wr_shelf *shelf = &j->sides[side];
    wr_shelf_walk walk = {0};
    bool says_orphans = j->keeps_orphans[side] && !spec->orphans_at_once;
    if (says_orphans) WR_TRY(wr_shelf_fetch_due(shelf, time));
    for (uint32_t n; (n = wr_shelf_due(shelf, time, &walk, rows, WR_BATCH_ROWS)) > 0;) {
        uint32_t orphan_count = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (i + AHEAD < n) wr_shelf_prefetch(shelf, rows[i + AHEAD]);
            orphans[orphan_count] = rows[i];
            orphan_count += says_orphans && !wr_shelf_row_of(shelf, rows[i])->number;
            unlink_row(j, side, rows[i]);
            wr_shelf_let_go(shelf, rows[i]);
        }
        WR_TRY(wr_join_say_stored(j, side, orphans, orphan_count, 1));
    }
    wr_shelf_forget(shelf, time);
    return WR_OK;
}

static weir_status join_advance(wr_stream_op *op)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    for (;;) {
        int64_t until = op->time;
        for (int s = 0; s < 2; s++)
            WR_TRY(wr_shelf_step(&j->sides[s], &until));
        for (int s = 0; s < 2; s++)
            WR_TRY(expire(j, s, until));
        WR_TRY(tidy(j));
        if (until == op->time) return WR_OK;
        op->is_behind = wr_graph_wants_commit(op->graph);
        if (op->is_behind) return WR_OK;
    }
}

/* ---- state ---- */

static weir_status join_save(wr_stream_op *op, wr_state *state)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    for (int s = 0; s < 2; s++)
        WR_TRY(wr_shelf_save(&j->sides[s], state, op->section));
    return wr_shelf_save_time(&j->sides[0], op, state);
}

static void join_settled(wr_stream_op *op, bool committed)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    for (int s = 0; s < 2; s++)
        wr_shelf_settled(&j->sides[s], committed);
    wr_shelf_keys_settled(&j->keys, op, committed);
}

static weir_status join_list_all(wr_stream_op *op)
{
    return wr_shelf_list_all(&((wr_stream_join_op *)op)->keys);
}

static uint64_t join_pending(wr_stream_op *op)
{
    return wr_shelf_keys_pending(&((wr_stream_join_op *)op)->keys);
}

static weir_status join_load(wr_stream_op *op, wr_state *state)
{
    wr_stream_join_op *j = (wr_stream_join_op *)op;
    for (int s = 0; s < 2; s++)
        WR_TRY(wr_shelf_load(&j->sides[s], state, op->section));
    return wr_shelf_load_time(&j->sides[0], op, state);
}

const wr_stream_op_def wr_stream_join = {.name = "join",
                                         .size = sizeof(wr_stream_join_op),
                                         .is_stateful = true,
                                         .takes_back = true,
                                         .open = join_open,
                                         .push = join_push,
                                         .advance = join_advance,
                                         .list_all = join_list_all,
                                         .pending = join_pending,
                                         .save = join_save,
                                         .settled = join_settled,
                                         .load = join_load,
                                         .close = join_close};
