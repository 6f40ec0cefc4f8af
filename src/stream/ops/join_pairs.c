/* join_pairs.c - what the join of two streams puts out. See join.h.
 *
 * Candidates come in batches. Columns of what arrives are gathered from its batch, those of
 * partners from the store. What a pair takes away (an orphan that is none any more) leaves before
 * the pair, what the loss of a pair gives (an orphan again) after it: whoever stands behind and
 * knows rows by a key sees the old one go first. */
#include "stream/ops/join.h"

static const int8_t *signs(int change)
{
    static int8_t minus[WR_BATCH_ROWS];
    if (change > 0) return NULL;
    memset(minus, -1, sizeof minus);
    return minus;
}

static weir_status put_out(wr_stream_join_op *j, wr_column *columns, int column_count,
                           uint32_t count, int change)
{
    wr_delta delta = {.batch = {.columns = columns, .column_count = column_count, .rows = count},
                      .changes = signs(change)};
    return wr_stream_emit(&j->op, &delta);
}

static void gather_stored(wr_stream_join_op *j, int side, uint8_t *const *rows, uint32_t count,
                          wr_column *out)
{
    const wr_shelf *shelf = &j->sides[side];
    for (int c = 0; c < shelf->layout.column_count; c++)
        wr_rows_gather(&shelf->layout, c, rows, count, &j->out, &out[c]);
}

static void gather_arriving(wr_stream_join_op *j, const wr_arriving *a, const uint16_t *rows,
                            uint32_t count, wr_column *out)
{
    for (int c = 0; c < j->sides[a->side].layout.column_count; c++)
        wr_column_gather(&a->batch->columns[c], rows, count, &j->out, &out[c]);
}

/* Both sides of all candidates, left columns first. */
static wr_column *gather_pairs(wr_stream_join_op *j, const wr_arriving *a, int *column_count)
{
    const wr_pairs *pairs = &j->pairs;
    uint16_t rows[WR_BATCH_ROWS];
    int left = j->sides[0].layout.column_count, right = j->sides[1].layout.column_count;
    wr_arena_reset(&j->out);
    wr_column *columns = wr_new_array(&j->out, wr_column, left + right + 1);
    for (uint32_t i = 0; i < pairs->count; i++)
        rows[i] = a->rows[pairs->own[i]];
    gather_arriving(j, a, rows, pairs->count, columns + (a->side ? left : 0));
    gather_stored(j, 1 - a->side, pairs->partner, pairs->count, columns + (a->side ? 0 : left));
    *column_count = left + right;
    return columns;
}

/* The candidates the residual condition accepts. */
static weir_status find_accepted(wr_stream_join_op *j, const wr_arriving *a, wr_bad_rows *bad,
                                 uint16_t *accepted, uint32_t *count)
{
    wr_batch batch = {.rows = j->pairs.count};
    batch.columns = gather_pairs(j, a, &batch.column_count);
    *count = j->pairs.count;
    for (uint32_t i = 0; i < *count; i++)
        accepted[i] = (uint16_t)i;
    return wr_eval_filter_sieved(j->eval, &batch, bad, accepted, count);
}

/* Narrows candidates to those. */
static weir_status keep_accepted(wr_stream_join_op *j, const wr_arriving *a)
{
    wr_pairs *pairs = &j->pairs;
    uint16_t accepted[WR_BATCH_ROWS];
    uint32_t count;
    WR_TRY(find_accepted(j, a, NULL, accepted, &count));
    for (uint32_t i = 0; i < count; i++) {
        pairs->own[i] = pairs->own[accepted[i]];
        pairs->partner[i] = pairs->partner[accepted[i]];
    }
    pairs->count = count;
    return WR_OK;
}

/* Whoever takes a row back was told of it when it appeared. */
static weir_status tell_bad_pair(wr_bad_rows *self, const wr_batch *in, uint32_t pair,
                                 weir_status why)
{
    (void)in;
    wr_stream_join_op *j =
        (wr_stream_join_op *)(void *)((char *)self - offsetof(wr_stream_join_op, bad_pairs));
    const wr_join_spec *spec = j->op.spec;
    wr_arriving *a = &j->arriving;
    uint16_t i = j->pairs.own[pair];
    if (a->is_bad[i]) return WR_OK;
    a->is_bad[i] = 1;
    if (a->change < 0) return WR_OK;
    wr_batch shown = *a->batch; /* without keys and times */
    shown.column_count = spec->output_count[a->side];
    return wr_stream_bad_row(&j->op, wr_shelf_input_schema(&j->op, a->side), &shown, a->rows[i],
                             true, why);
}

void wr_join_open_sieve(wr_stream_join_op *j)
{
    j->bad_pairs.tell = tell_bad_pair;
    j->sifts = j->op.graph->dead != NULL;
}

weir_status wr_join_sift_pairs(wr_stream_join_op *j, wr_arriving *a)
{
    uint16_t accepted[WR_BATCH_ROWS];
    uint32_t count;
    if (j->pairs.count) WR_TRY(find_accepted(j, a, &j->bad_pairs, accepted, &count));
    j->pairs.count = 0;
    return WR_OK;
}

/* Counts the pairs on both sides. turned gets the partners that have their first, or lost their
 * last. */
static weir_status count_pairs(wr_stream_join_op *j, wr_arriving *a, uint8_t **turned,
                               uint32_t *turned_count)
{
    const wr_join_spec *spec = j->op.spec;
    wr_shelf *other = &j->sides[1 - a->side];
    bool counts_all = spec->input_takes_back[a->side];
    *turned_count = 0;
    for (uint32_t i = 0; i < j->pairs.count; i++)
        a->partners[j->pairs.own[i]]++;
    for (uint32_t i = 0; i < j->pairs.count && j->counts[1 - a->side]; i++) {
        uint8_t *partner = j->pairs.partner[i];
        wr_shelf_row *header = wr_shelf_row_of(other, partner);
        uint32_t before = header->number;
        if (a->change > 0 && (before == 0 || (counts_all && before < UINT32_MAX)))
            header->number++;
        else if (a->change < 0 && before > 0)
            header->number--;
        if (header->number == before) continue;
        WR_TRY(wr_shelf_touch(other, partner));
        if (before == 0 || header->number == 0) turned[(*turned_count)++] = partner;
    }
    return WR_OK;
}

weir_status wr_join_pairs(wr_stream_join_op *j, wr_arriving *a)
{
    const wr_join_spec *spec = j->op.spec;
    int other = 1 - a->side, column_count;
    uint8_t *turned[WR_BATCH_ROWS];
    uint32_t turned_count;
    if (j->pairs.count && j->eval) WR_TRY(keep_accepted(j, a));
    if (j->pairs.count == 0) return WR_OK;
    WR_TRY(count_pairs(j, a, turned, &turned_count));
    bool is_semi = spec->kind == WR_JOIN_SEMI && other == 0;
    bool says_orphans = j->keeps_orphans[other] && spec->orphans_at_once;
    if (is_semi) WR_TRY(wr_join_say_stored(j, other, turned, turned_count, a->change));
    if (says_orphans && a->change > 0)
        WR_TRY(wr_join_say_stored(j, other, turned, turned_count, -1));
    if (j->puts_pairs) {
        wr_column *columns = gather_pairs(j, a, &column_count);
        WR_TRY(put_out(j, columns, column_count, j->pairs.count, a->change));
    }
    j->pairs.count = 0;
    if (says_orphans && a->change < 0)
        WR_TRY(wr_join_say_stored(j, other, turned, turned_count, 1));
    return WR_OK;
}

/* Where the columns of one side stand in a batch of rows alone; the other side's are NULL. */
static wr_column *place_alone(wr_stream_join_op *j, int side, uint32_t count, wr_column **columns,
                              int *column_count)
{
    static uint8_t *const nobody[WR_BATCH_ROWS];
    int left = j->sides[0].layout.column_count, right = j->sides[1].layout.column_count;
    wr_arena_reset(&j->out);
    *column_count = j->puts_pairs ? left + right : left;
    *columns = wr_new_array(&j->out, wr_column, *column_count + 1);
    if (j->puts_pairs) gather_stored(j, 1 - side, nobody, count, *columns + (side ? 0 : left));
    return *columns + (side ? left : 0);
}

weir_status wr_join_say_arriving(wr_stream_join_op *j, const wr_arriving *a, const uint16_t *rows,
                                 uint32_t count)
{
    wr_column *columns;
    int column_count;
    if (count == 0) return WR_OK;
    gather_arriving(j, a, rows, count, place_alone(j, a->side, count, &columns, &column_count));
    return put_out(j, columns, column_count, count, a->change);
}

weir_status wr_join_say_stored(wr_stream_join_op *j, int side, uint8_t *const *rows, uint32_t count,
                               int change)
{
    wr_column *columns;
    int column_count;
    if (count == 0) return WR_OK;
    gather_stored(j, side, rows, count, place_alone(j, side, count, &columns, &column_count));
    return put_out(j, columns, column_count, count, change);
}
