/* unnest.c - one row per element of one or more lists, side by side; shorter lists are filled with
 * NULL.
 *
 * An input batch is expanded piece by piece (AGAIN). Elements are gathered from the lists' child
 * columns with 16-bit positions relative to a window; a piece ends when an element lies outside of
 * its window. */
#include "exec/op.h"

enum { WINDOW = 65536 };

typedef struct unnest_op {
    wr_op op;
    wr_exprs lists;
} unnest_op;

typedef struct unnest_local {
    wr_op_local base;
    wr_exprs_local lists;
    bool in_batch;
    const wr_batch *kept; /* the input without bad rows */
    uint32_t row;         /* next input row (position in the selection) */
    uint32_t element;     /* next element of that row */
} unnest_local;

static weir_status unnest_open(wr_op *op)
{
    return wr_exprs_open(&((unnest_op *)op)->lists, op, op->node->unnest.lists,
                         op->node->unnest.list_count);
}

/* The elements of one list value: first row in the child and how many; 0 for NULL. */
static uint32_t elements_of(const wr_column *list, uint32_t row, uint32_t *first)
{
    *first = 0;
    if (wr_column_is_null(list, row)) return 0;
    const wr_column *c = wr_column_at(list, row, &row);
    if (c->type->phys == WR_P_ARRAY) {
        *first = row * c->type->array_length;
        return c->type->array_length;
    }
    wr_list_slot slot = ((const wr_list_slot *)c->data)[row];
    *first = slot.offset;
    return slot.length;
}

static const wr_column *child_of(const wr_column *list)
{
    return list->form == WR_DICTIONARY ? &list->dict->children[0] : &list->children[0];
}

/* One piece of output. */
typedef struct piece {
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS];
    int64_t *ordinals;
    uint16_t **elements; /* by list, relative to windows */
    uint64_t **present;  /* by list */
    uint32_t *windows;
    bool *has_window;
} piece;

static void piece_init(piece *p, int lists, wr_arena *scratch)
{
    p->count = 0;
    p->ordinals = wr_new_array(scratch, int64_t, WR_BATCH_ROWS);
    p->elements = wr_new_array(scratch, uint16_t *, lists + 1);
    p->present = wr_new_array(scratch, uint64_t *, lists + 1);
    p->windows = wr_new_array(scratch, uint32_t, lists + 1);
    p->has_window = wr_new_array(scratch, bool, lists + 1);
    for (int k = 0; k < lists; k++) {
        p->elements[k] = wr_new_array(scratch, uint16_t, WR_BATCH_ROWS);
        p->present[k] = wr_new_array(scratch, uint64_t, WR_BATCH_WORDS);
    }
}

/* Adds element number `element` of all lists of a row; false if one lies outside of its window. */
static bool piece_add(piece *p, int lists, const uint32_t *first, const uint32_t *length,
                      uint32_t element, uint16_t row)
{
    for (int k = 0; k < lists; k++) {
        if (element >= length[k]) continue;
        uint32_t at = first[k] + element;
        if (p->has_window[k] && (at < p->windows[k] || at - p->windows[k] >= WINDOW)) return false;
        if (!p->has_window[k]) p->windows[k] = at / 64 * 64, p->has_window[k] = true;
    }
    for (int k = 0; k < lists; k++) {
        bool here = element < length[k];
        p->elements[k][p->count] = here ? (uint16_t)(first[k] + element - p->windows[k]) : 0;
        if (here) wr_bit_set(p->present[k], p->count);
    }
    p->rows[p->count] = row;
    p->ordinals[p->count++] = (int64_t)element + 1;
    return true;
}

/* Fills the piece; *done when the batch is used up. */
static void fill(unnest_local *me, const wr_batch *in, int lists, bool keep_empty,
                 wr_arena *scratch, piece *p, bool *done)
{
    uint32_t *first = wr_new_array(scratch, uint32_t, lists + 1),
             *length = wr_new_array(scratch, uint32_t, lists + 1);
    for (; me->row < wr_batch_count(in); me->row++, me->element = 0) {
        uint16_t row = (uint16_t)wr_batch_row(in, me->row);
        uint32_t longest = 0;
        for (int k = 0; k < lists; k++) {
            length[k] = elements_of(&me->lists.out[k], row, &first[k]);
            longest = WR_MAX(longest, length[k]);
        }
        if (longest == 0 && keep_empty && me->element == 0) longest = 1;
        for (; me->element < longest; me->element++)
            if (p->count == WR_BATCH_ROWS || !piece_add(p, lists, first, length, me->element, row))
                return;
    }
    *done = true;
}

static void gather_elements(const piece *p, int k, const wr_column *list, const wr_type *type,
                            wr_arena *scratch, wr_column *out)
{
    if (!p->has_window[k]) {
        wr_value null = wr_value_null(type);
        wr_value_column(&null, p->count, scratch, out);
        return;
    }
    const wr_column *child = child_of(list);
    wr_column window;
    wr_column_slice(child, p->windows[k], WR_MIN(child->rows - p->windows[k], (uint32_t)WINDOW),
                    &window);
    wr_column_gather(&window, p->elements[k], p->count, scratch, out);
    bool all = true;
    for (uint32_t i = 0; i < p->count && all; i++)
        all = wr_bit_get(p->present[k], i);
    if (all) return;
    wr_column flat = *out;
    if (flat.form == WR_CONSTANT) wr_column_flatten(&flat, NULL, p->count, scratch, out);
    uint64_t *valid = wr_column_need_valid(out, scratch, p->count);
    for (uint32_t i = 0; i < p->count; i++)
        if (!wr_bit_get(p->present[k], i)) wr_bit_clear(valid, i);
}

static weir_status unnest_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                               wr_flow *flow)
{
    unnest_op *u = (unnest_op *)op;
    unnest_local *me = (unnest_local *)local;
    const wr_plan_node *node = op->node;
    int lists = node->unnest.list_count, at = 0;
    wr_arena *scratch = &local->scratch;
    if (!me->in_batch) {
        WR_TRY(wr_exprs_sift(&u->lists, &me->lists, op->exec, in, &me->kept));
        me->row = me->element = 0;
    }
    in = me->kept;
    wr_arena_reset(scratch);
    piece *p = wr_new(scratch, piece);
    bool done = false;
    piece_init(p, lists, scratch);
    fill(me, in, lists, node->unnest.keep_empty, scratch, p, &done);
    me->in_batch = !done;
    *flow = done ? WR_FLOW_NEXT : WR_FLOW_AGAIN;
    *out = (wr_batch){.column_count = node->schema.count, .rows = p->count};
    out->columns = wr_new_array(scratch, wr_column, node->schema.count + 1);
    if (p->count == 0) return WR_OK;
    for (int c = 0; c < node->unnest.carried_count; c++)
        wr_column_gather(&in->columns[node->unnest.carried[c]], p->rows, p->count, scratch,
                         &out->columns[at++]);
    for (int k = 0; k < lists; k++, at++)
        gather_elements(p, k, &me->lists.out[k], node->schema.fields[at].type, scratch,
                        &out->columns[at]);
    if (!node->unnest.with_ordinality) return WR_OK;
    wr_column_init(&out->columns[at], scratch, WR_BIGINT, WR_P_I64, p->count);
    out->columns[at].rows = p->count;
    memcpy(out->columns[at].data, p->ordinals, p->count * sizeof(int64_t));
    return WR_OK;
}

static void unnest_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    wr_exprs_close(&((unnest_local *)local)->lists);
}

const wr_op_def wr_op_unnest = {.name = "unnest",
                                .size = sizeof(unnest_op),
                                .local_size = sizeof(unnest_local),
                                .open = unnest_open,
                                .local_close = unnest_local_close,
                                .push = unnest_push};
