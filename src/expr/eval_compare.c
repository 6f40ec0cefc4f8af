/* eval_compare.c - comparisons, as values and as selections.
 *
 * A comparison is first brought into a plain form: the constant on the right, dictionaries looked
 * at once per value, integers compared at the width they have. A constant outside the range of the
 * column decides for all rows without looking at one. What remains is a loop over two arrays, or
 * over one and a constant.
 *
 * Texts at NULL or unselected rows must not be followed: their comparisons visit the live rows
 * only. Numbers there are harmless, so whole columns are compared and the result masked. Intervals
 * and nested values go row by row. */
#include "expr/program.h"
#include "kern/kern.h"

typedef enum verdict { SOME, NONE, ALL } verdict;

/* Two arrays to compare: b is one value if is_constant. */
typedef struct plain {
    const void *a, *b;
    wr_phys phys;
    bool is_constant;
    uint8_t op;
    verdict known; /* NONE, ALL: of the rows that are not NULL */
    bool is_slow;  /* row by row through wr_column_cmp */
    const wr_column *left, *right;
    uint8_t constant[16];
} plain;

static bool holds(uint8_t op, int order)
{
    switch (op) {
    case WR_EQ:
    case WR_NOT_DISTINCT:
        return order == 0;
    case WR_NE:
    case WR_DISTINCT:
        return order != 0;
    case WR_LT:
        return order < 0;
    case WR_LE:
        return order <= 0;
    case WR_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool is_null_safe(uint8_t op) { return op == WR_DISTINCT || op == WR_NOT_DISTINCT; }

static bool is_null_constant(const wr_column *c)
{
    return c->type->id == WR_T_NULL || (c->form == WR_CONSTANT && !wr_column_has_no_nulls(c));
}

/* ---- bringing into plain form ---- */

/* All values are below (order < 0) or above the constant: what does that decide? */
static verdict decided(uint8_t op, int order) { return holds(op, order) ? ALL : NONE; }

static void plain_integer_constant(plain *p)
{
    const wr_column *c = p->left;
    wr_i128 value = wr_column_i128(p->right, 0);
    if (c->has_bounds && value < c->lo) p->known = decided(p->op, 1);
    if (c->has_bounds && value > c->hi) p->known = decided(p->op, -1);
    if (p->known != SOME) return;
    value -= c->base;
    if (c->phys != WR_P_I128) {
        wr_i128 most = c->phys == WR_P_U64 ? (wr_i128)UINT64_MAX : wr_phys_int_max(c->phys);
        if (value < wr_phys_int_min(c->phys)) p->known = decided(p->op, 1);
        if (value > most) p->known = decided(p->op, -1);
    }
    memcpy(p->constant, &value, sizeof value);
    p->a = c->data;
    p->b = p->constant;
    p->phys = c->phys;
}

static const void *widened(const wr_column *c, wr_phys phys, wr_arena *arena)
{
    if (c->phys == phys && c->base == 0) return c->data;
    void *wide = wr_arena_alloc(arena, wr_phys_size(phys) * c->rows + 64);
    wr_kern()->move->convert[c->phys][phys](c->data, c->base, wide, c->rows);
    return wide;
}

static bool is_wide(const wr_column *c) { return c->phys == WR_P_I128 || c->phys == WR_P_U64; }

static void plain_integer_columns(plain *p, wr_arena *arena)
{
    const wr_column *a = p->left, *b = p->right;
    if (a->phys == b->phys && a->base == b->base) {
        p->a = a->data, p->b = b->data, p->phys = a->phys;
        return;
    }
    p->phys = is_wide(a) || is_wide(b) ? WR_P_I128 : WR_P_I64;
    if (p->phys == WR_P_I64 && !a->base && !b->base && wr_phys_size(a->phys) <= 2 &&
        wr_phys_size(b->phys) <= 2)
        p->phys = WR_P_I32;
    p->a = widened(a, p->phys, arena);
    p->b = widened(b, p->phys, arena);
}

/* a and b: FLAT, or b CONSTANT. */
static void make_plain(plain *p, wr_arena *arena)
{
    p->is_constant = p->right->form == WR_CONSTANT;
    const wr_type *type = p->left->type;
    if (wr_type_is_int_like(type)) {
        if (p->is_constant)
            plain_integer_constant(p);
        else
            plain_integer_columns(p, arena);
        return;
    }
    p->phys = type->phys;
    p->is_slow = type->phys == WR_P_INTERVAL || wr_type_is_nested(type) || type->id == WR_T_NULL;
    p->a = p->left->data;
    p->b = p->right->data;
}

/* ---- running ---- */

static uint32_t live_rows(const wr_column *a, const wr_column *b, wr_rows rows, uint16_t *out)
{
    uint32_t n = 0;
    const uint64_t *x = a->valid, *y = b->form == WR_CONSTANT ? NULL : b->valid;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint16_t row = (uint16_t)wr_rows_at(rows, i);
        out[n] = row;
        n += (!x || wr_bit_get(x, row)) & (!y || wr_bit_get(y, row));
    }
    return n;
}

static uint32_t select_slow(const plain *p, wr_rows rows, uint16_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        if (holds(p->op, wr_column_cmp(p->left, row, p->right, row))) out[n++] = (uint16_t)row;
    }
    return n;
}

/* The validity both sides have, NULL if neither has any. */
static const uint64_t *joint_validity(const wr_column *a, const wr_column *b, uint64_t *scratch)
{
    const uint64_t *x = a->valid, *y = b->form == WR_CONSTANT ? NULL : b->valid;
    if (!x || !y) return x ? x : y;
    for (uint32_t w = 0; w < (a->rows + 63) / 64; w++)
        scratch[w] = x[w] & y[w];
    return scratch;
}

static uint32_t select_plain(const plain *p, wr_rows rows, uint16_t *out)
{
    const wr_kern_compares *kern = wr_kern()->compare;
    const wr_column *a = p->left, *b = p->right;
    uint16_t live[WR_BATCH_ROWS + 64];
    bool no_nulls = !a->valid && (b->form == WR_CONSTANT || !b->valid);
    if (p->known == NONE) return 0;
    if (p->known == ALL) return live_rows(a, b, rows, out);
    bool may_sweep = !rows.sel && !p->is_slow && (p->phys != WR_P_VIEW || no_nulls);
    if (may_sweep) {
        uint8_t truth[WR_BATCH_ROWS + 64];
        uint64_t scratch[WR_BATCH_WORDS];
        wr_compare_loop *loop =
            p->is_constant ? kern->constant[p->op][p->phys] : kern->column[p->op][p->phys];
        loop(p->a, p->b, truth, rows.count);
        uint32_t count = kern->select(truth, joint_validity(a, b, scratch), rows.count, live);
        memcpy(out, live, sizeof *live * count);
        return count;
    }
    if (!no_nulls || !rows.sel) {
        rows.count = live_rows(a, b, rows, live);
        rows.sel = live;
    }
    if (p->is_slow) return select_slow(p, rows, out);
    wr_compare_sel_loop *loop =
        p->is_constant ? kern->constant_sel[p->op][p->phys] : kern->column_sel[p->op][p->phys];
    return loop(p->a, p->b, rows.sel, rows.count, out);
}

/* ---- dictionaries ---- */

/* For each value of the dictionary: 1 where the comparison with the constant holds. Kept while the
 * dictionary stays. */
static const uint8_t *dictionary_truth(wr_eval *ev, int step, const wr_column *in,
                                       const wr_column *constant, uint8_t op)
{
    wr_register *reg = &ev->registers[step];
    const wr_column *dict = in->dict;
    if (reg->dict_out && in->dict_id && reg->dict_in_id == in->dict_id) return reg->dict_out->data;
    if (!reg->dict_arena) reg->dict_arena = wr_new(&ev->heap, wr_arena);
    wr_arena_clear(reg->dict_arena);
    wr_column *out = wr_new(reg->dict_arena, wr_column);
    wr_column_init(out, reg->dict_arena, WR_BOOLEAN, WR_P_U8, dict->rows);
    uint16_t found[WR_BATCH_ROWS];
    for (uint32_t from = 0; from < dict->rows; from += WR_BATCH_ROWS) {
        uint32_t count = WR_MIN(dict->rows - from, WR_BATCH_ROWS);
        wr_column part;
        wr_column_part(dict, from, count, &ev->arena, &part);
        plain p = {.op = op, .left = &part, .right = constant};
        make_plain(&p, &ev->arena);
        uint32_t hits = select_plain(&p, (wr_rows){NULL, count}, found);
        for (uint32_t i = 0; i < hits; i++)
            ((uint8_t *)out->data)[from + found[i]] = 1;
    }
    reg->dict_out = out;
    reg->dict_in_id = in->dict_id;
    return out->data;
}

static uint32_t code_at(const wr_column *c, uint32_t row)
{
    return c->phys == WR_P_U8    ? ((const uint8_t *)c->data)[row]
           : c->phys == WR_P_U16 ? ((const uint16_t *)c->data)[row]
                                 : ((const uint32_t *)c->data)[row];
}

static uint32_t select_by_code(const wr_column *c, const uint8_t *truth, wr_rows rows,
                               uint16_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        out[n] = (uint16_t)row;
        if (c->valid && !wr_bit_get(c->valid, row)) continue; /* its code may be anything */
        n += truth[code_at(c, row)];
    }
    return n;
}

static bool worth_a_table(const wr_eval *ev, const wr_column *c, const wr_column *other)
{
    return c->form == WR_DICTIONARY && other->form == WR_CONSTANT && c->dict->rows > 0 &&
           (c->dict->rows <= ev->batch->rows || (c->dict_id && c->dict->rows <= 65536));
}

/* ---- the step ---- */

static weir_status operands(wr_eval *ev, int step, wr_rows rows, const wr_column **a,
                            const wr_column **b, uint8_t *op)
{
    const wr_step *s = &ev->program->steps[step];
    WR_TRY(wr_eval_step(ev, s->args[0], rows, a));
    WR_TRY(wr_eval_step(ev, s->args[1], rows, b));
    *op = s->expr->op;
    if ((*a)->form == WR_CONSTANT && (*b)->form != WR_CONSTANT) {
        const wr_column *swap = *a;
        *a = *b, *b = swap;
        *op = wr_compare_mirrored(*op);
    }
    if (is_null_safe(*op) && wr_column_has_no_nulls(*a) && wr_column_has_no_nulls(*b))
        *op = *op == WR_DISTINCT ? WR_NE : WR_EQ;
    return WR_OK;
}

static uint32_t select_rows(wr_eval *ev, int step, const wr_column *a, const wr_column *b,
                            uint8_t op, wr_rows rows, uint16_t *out)
{
    if (is_null_safe(op)) {
        plain p = {.op = op, .left = a, .right = b};
        return select_slow(&p, rows, out);
    }
    if (is_null_constant(a) || is_null_constant(b)) return 0;
    if (worth_a_table(ev, a, b))
        return select_by_code(a, dictionary_truth(ev, step, a, b, op), rows, out);
    wr_column flat_a, flat_b;
    plain p = {.op = op, .left = a, .right = b};
    if (a->form != WR_FLAT) {
        wr_column_flatten(a, rows.sel, rows.count, &ev->arena, &flat_a);
        p.left = &flat_a;
    }
    if (b->form == WR_DICTIONARY) {
        wr_column_flatten(b, rows.sel, rows.count, &ev->arena, &flat_b);
        p.right = &flat_b;
    }
    make_plain(&p, &ev->arena);
    return select_plain(&p, rows, out);
}

weir_status wr_select_compare(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    const wr_column *a, *b;
    uint8_t op;
    WR_TRY(operands(ev, step, rows, &a, &b, &op));
    *count = select_rows(ev, step, a, b, op, rows, out);
    return WR_OK;
}

weir_status wr_eval_compare(wr_eval *ev, int step, wr_rows rows)
{
    const wr_column *a, *b;
    uint8_t op;
    uint16_t found[WR_BATCH_ROWS];
    WR_TRY(operands(ev, step, rows, &a, &b, &op));
    uint32_t count = select_rows(ev, step, a, b, op, rows, found);
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    memset(out->data, 0, out->rows);
    for (uint32_t i = 0; i < count; i++)
        ((uint8_t *)out->data)[found[i]] = 1;
    if (is_null_safe(op) || (wr_column_has_no_nulls(a) && wr_column_has_no_nulls(b))) return WR_OK;
    uint64_t *valid = wr_eval_valid(ev, step);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        if (wr_column_is_null(a, row) || wr_column_is_null(b, row)) wr_bit_clear(valid, row);
    }
    return WR_OK;
}
