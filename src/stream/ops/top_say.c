/* top_say.c - what the best rows per partition put out. See top.h.
 *
 * Rows that were put out know how: with which number, or just that they were (1) when nobody asks
 * for numbers. Walking the first rows of a key's tree gives what should be said; what differs left
 * or came. Rows that were put out stand in the tree in the same order as then, so all of them are
 * met when as many as were said have been seen. A row that left and one that came that look the
 * same cancel out. */
#include "stream/ops/top.h"
#include <stdlib.h>

/* A row and the number it was or is to be put out with. */
typedef struct place {
    uint8_t *row;
    int64_t number;
    bool is_cancelled, waits;
} place;

typedef WR_LIST(place) places;

static int rank_output(const wr_stream_top_op *t)
{
    return ((const wr_top_spec *)t->op.spec)->rank_output;
}

/* ---- putting out ---- */

static void put_numbers(const wr_stream_top_op *t, wr_arena *arena, wr_column *out)
{
    const wr_type *type = t->op.schema->fields[rank_output(t)].type;
    wr_column_init(out, arena, type, (wr_phys)type->phys, t->out_count);
    out->rows = t->out_count;
    for (uint32_t i = 0; i < t->out_count; i++)
        wr_column_put_i128(out, i, t->out_numbers[i]);
}

weir_status wr_top_say_rest(wr_stream_top_op *t)
{
    const wr_top_spec *spec = t->op.spec;
    if (t->out_count == 0) return WR_OK;
    int width = spec->output_count + (spec->rank_output >= 0), from = 0;
    wr_arena_reset(&t->out);
    wr_column *columns = wr_new_array(&t->out, wr_column, width + 1);
    for (int c = 0; c < width; c++) {
        if (c == spec->rank_output)
            put_numbers(t, &t->out, &columns[c]);
        else
            wr_rows_gather(&t->shelf.layout, from++, t->out_rows, t->out_count, &t->out,
                           &columns[c]);
    }
    bool any_back = memchr(t->out_changes, -1, t->out_count) != NULL;
    wr_delta delta = {
        .batch = {.columns = columns, .column_count = width, .rows = t->out_count},
        .changes = any_back ? t->out_changes : NULL,
    };
    t->out_count = 0;
    return wr_stream_emit(&t->op, &delta);
}

static weir_status say(wr_stream_top_op *t, uint8_t *row, int64_t number, int change)
{
    t->out_rows[t->out_count] = row;
    t->out_numbers[t->out_count] = number;
    t->out_changes[t->out_count++] = (int8_t)change;
    return t->out_count == WR_BATCH_ROWS ? wr_top_say_rest(t) : WR_OK;
}

/* ---- the best ---- */

/* Numbers rows in their order. */
typedef struct numbering {
    uint8_t *last;
    int64_t rows, ties; /* rows so far; different ones of them */
    int64_t number;
} numbering;

static int64_t number_next(const wr_stream_top_op *t, numbering *n, uint8_t *row)
{
    const wr_top_spec *spec = t->op.spec;
    bool is_tie =
        n->last && spec->kind != WR_TOP_ROW_NUMBER && wr_top_is_tie(&t->order, row, n->last);
    n->rows++;
    n->ties += !is_tie;
    if (!is_tie) n->number = spec->kind == WR_TOP_DENSE_RANK ? n->ties : n->rows;
    n->last = row;
    return n->number;
}

weir_status wr_top_say_best(wr_stream_top_op *t, uint8_t *key)
{
    const wr_top_spec *spec = t->op.spec;
    wr_top_walk walk;
    numbering n = {0};
    wr_top_walk_begin(&t->order, &walk, wr_shelf_key_of(&t->shelf, key)->first[0]);
    for (uint8_t *row; (row = wr_top_walk_next(&t->order, &walk));) {
        int64_t number = number_next(t, &n, row);
        if (number > spec->limit) break;
        WR_TRY(say(t, row, number, 1));
    }
    return WR_OK;
}

/* ---- changes ---- */

/* What of the tree is to be said now and was not (came), and the other way round (left). */
static void compare_tree(wr_stream_top_op *t, const wr_shelf_key *key, places *left, places *came)
{
    const wr_top_spec *spec = t->op.spec;
    wr_top_walk walk;
    numbering n = {0};
    uint32_t seen = 0;
    wr_top_walk_begin(&t->order, &walk, key->first[0]);
    for (uint8_t *row; (row = wr_top_walk_next(&t->order, &walk));) {
        int64_t number = number_next(t, &n, row);
        uint32_t before = wr_shelf_row_of(&t->shelf, row)->number;
        bool is_best = number <= spec->limit;
        if (!is_best && seen == key->said) break;
        seen += before > 0;
        int64_t now = !is_best ? 0 : spec->rank_output < 0 ? 1 : WR_MIN(number, UINT32_MAX);
        if (now == before) continue;
        if (before) wr_push(&t->scratch, left, ((place){.row = row, .number = before}));
        if (now) wr_push(&t->scratch, came, ((place){.row = row, .number = now}));
    }
}

static void add_waiting(wr_stream_top_op *t, const wr_shelf_key *key, places *left)
{
    for (uint8_t *row = key->first[1]; row; row = wr_shelf_row_of(&t->shelf, row)->link[0]) {
        int64_t number = wr_shelf_row_of(&t->shelf, row)->number;
        wr_push(&t->scratch, left, ((place){.row = row, .number = number, .waits = true}));
    }
}

/* As they look when they are put out. */
static int by_look(const void *a, const void *b, void *arg)
{
    const wr_stream_top_op *t = arg;
    const place *x = *(place *const *)a, *y = *(place *const *)b;
    const wr_top_spec *spec = t->op.spec;
    if (spec->rank_output >= 0 && x->number != y->number) return x->number < y->number ? -1 : 1;
    for (int c = 0, result; c < spec->output_count; c++)
        if ((result = wr_keys_compare(&t->shelf.layout, c, x->row, y->row))) return result;
    return 0;
}

static place **sorted_by_look(wr_stream_top_op *t, const places *list)
{
    place **sorted = wr_new_array(&t->scratch, place *, list->count + 1);
    for (int i = 0; i < list->count; i++)
        sorted[i] = &list->items[i];
    qsort_r(sorted, (size_t)list->count, sizeof(place *), by_look, t);
    return sorted;
}

static void cancel_equal(wr_stream_top_op *t, const places *left, const places *came)
{
    if (left->count == 0 || came->count == 0) return;
    place **gone = sorted_by_look(t, left), **arrived = sorted_by_look(t, came);
    for (int i = 0, k = 0; i < left->count && k < came->count;) {
        int result = by_look(&gone[i], &arrived[k], t);
        if (result == 0) gone[i]->is_cancelled = arrived[k]->is_cancelled = true;
        i += result <= 0;
        k += result >= 0;
    }
}

static weir_status say_left(wr_stream_top_op *t, wr_shelf_key *key, const places *left)
{
    for (int i = 0; i < left->count; i++) {
        const place *l = &left->items[i];
        if (!l->is_cancelled) WR_TRY(say(t, l->row, l->number, -1));
        wr_shelf_row_of(&t->shelf, l->row)->number = 0;
        if (!l->waits) {
            key->said--;
            WR_TRY(wr_shelf_touch(&t->shelf, l->row));
        }
    }
    return WR_OK;
}

static weir_status say_came(wr_stream_top_op *t, wr_shelf_key *key, const places *came)
{
    for (int i = 0; i < came->count; i++) {
        const place *c = &came->items[i];
        if (!c->is_cancelled) WR_TRY(say(t, c->row, c->number, 1));
        wr_shelf_row_of(&t->shelf, c->row)->number = (uint32_t)c->number;
        key->said++;
        WR_TRY(wr_shelf_touch(&t->shelf, c->row));
    }
    return WR_OK;
}

/* Rows that waited go; their bytes stay until the shelf is tidied. */
static weir_status drop_waiting(wr_stream_top_op *t, wr_shelf_key *key)
{
    for (uint8_t *row = key->first[1], *next; row; row = next) {
        next = wr_shelf_row_of(&t->shelf, row)->link[0];
        wr_shelf_row_of(&t->shelf, row)->link[0] = NULL;
        WR_TRY(wr_shelf_drop(&t->shelf, row));
    }
    key->first[1] = NULL;
    return WR_OK;
}

weir_status wr_top_say_changes(wr_stream_top_op *t, uint8_t *key)
{
    wr_shelf_key *of = wr_shelf_key_of(&t->shelf, key);
    places left = {0}, came = {0};
    wr_arena_reset(&t->scratch);
    compare_tree(t, of, &left, &came);
    add_waiting(t, of, &left);
    cancel_equal(t, &left, &came);
    WR_TRY(say_left(t, of, &left));
    WR_TRY(say_came(t, of, &came));
    return drop_waiting(t, of);
}
