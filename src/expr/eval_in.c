/* eval_in.c - x IN (a, b, ...): true if x equals one; else NULL if x or one of them is NULL; else
 * false.
 *
 * A list of constants becomes a set once: for integers a bitmap when they lie close together, else
 * a sorted array; for texts and everything else a small hash table of the values. A dictionary is
 * looked up once per value. Lists with columns in them are compared item by item. */
#include "col/hash.h"
#include "expr/program.h"
#include <stdlib.h>

#define BITMAP_MAX 65536

typedef struct wr_in_set {
    bool has_null;   /* a NULL in the list */
    int64_t lo, hi;  /* integers: the range of the list */
    uint64_t *bits;  /* integers close together */
    int64_t *sorted; /* other integers of 64 bits */
    uint32_t count;
    wr_column values; /* other types: FLAT */
    uint32_t *slots;  /* hash table of rows of values, plus one; 0 = free */
    uint32_t mask;
} wr_in_set;

/* ---- the set ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* values: set->count of them, in any order. */
static void build_integers(wr_in_set *set, int64_t *values, wr_arena *arena)
{
    set->sorted = values;
    qsort(set->sorted, set->count, sizeof *set->sorted, by_value);
    set->lo = set->count ? set->sorted[0] : 1;
    set->hi = set->count ? set->sorted[set->count - 1] : 0;
    if (set->count == 0 || (wr_i128)set->hi - set->lo >= BITMAP_MAX) return;
    set->bits = wr_new_array(arena, uint64_t, (set->hi - set->lo) / 64 + 1);
    for (uint32_t i = 0; i < set->count; i++)
        wr_bit_set(set->bits, (size_t)(set->sorted[i] - set->lo));
}

static void build_table(wr_in_set *set, wr_arena *arena)
{
    uint32_t size = 16;
    while (size < set->count * 2)
        size *= 2;
    set->mask = size - 1;
    set->slots = wr_new_array(arena, uint32_t, size);
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t at = (uint32_t)wr_column_hash(&set->values, i) & set->mask;
        while (set->slots[at])
            at = (at + 1) & set->mask;
        set->slots[at] = i + 1;
    }
}

static bool fits_64(const wr_type *t)
{
    return wr_type_is_int_like(t) && t->phys != WR_P_I128 && t->phys != WR_P_U64;
}

/* A list without steps: its values are taken from the expression. */
static void build_integers_from(wr_in_set *set, const wr_expr *e, wr_arena *arena)
{
    int64_t *values = wr_new_array(arena, int64_t, e->arg_count);
    for (int i = 1; i < e->arg_count; i++) {
        const wr_value *value = &e->args[i]->value;
        set->has_null |= value->is_null;
        if (!value->is_null) values[set->count++] = (int64_t)wr_value_as_i128(value);
    }
    build_integers(set, values, arena);
}

static bool has_steps(const wr_step *s) { return s->arg_count == s->expr->arg_count; }

/* The i-th item of the list. */
static weir_status list_item(wr_eval *ev, const wr_step *s, uint32_t i, const wr_column **out)
{
    if (has_steps(s))
        return wr_eval_step(ev, s->args[i + 1], (wr_rows){NULL, ev->batch->rows}, out);
    wr_column *item = wr_new(&ev->heap, wr_column);
    wr_value_column(&s->expr->args[i + 1]->value, 1, &ev->heap, item);
    *out = item;
    return WR_OK;
}

static weir_status build_set(wr_eval *ev, int step, wr_in_set **out)
{
    const wr_step *s = &ev->program->steps[step];
    wr_in_set *set = wr_new(&ev->heap, wr_in_set);
    const wr_type *type = s->expr->args[0]->type;
    uint32_t items = (uint32_t)s->expr->arg_count - 1;
    if (fits_64(type) && !has_steps(s)) {
        build_integers_from(set, s->expr, &ev->heap);
        *out = set;
        return WR_OK;
    }
    const wr_column **sources = wr_new_array(&ev->heap, const wr_column *, items + 1);
    uint32_t *which = wr_new_array(&ev->heap, uint32_t, items + 1),
             *rows = wr_new_array(&ev->heap, uint32_t, items + 1);
    for (uint32_t i = 0; i < items; i++) {
        const wr_column *item;
        WR_TRY(list_item(ev, s, i, &item));
        sources[i] = item;
        if (wr_column_is_null(item, 0))
            set->has_null = true;
        else
            which[set->count++] = i;
    }
    wr_column_stitch(type, sources, items, which, rows, set->count, &ev->heap, &set->values);
    *out = set;
    if (!fits_64(type)) {
        build_table(set, &ev->heap);
        return WR_OK;
    }
    int64_t *values = wr_new_array(&ev->heap, int64_t, set->count + 1);
    for (uint32_t i = 0; i < set->count; i++)
        values[i] = wr_column_int(&set->values, i);
    build_integers(set, values, &ev->heap);
    return WR_OK;
}

static bool has_integer(const wr_in_set *set, int64_t value)
{
    if (value < set->lo || value > set->hi) return false;
    if (set->bits) return wr_bit_get(set->bits, (size_t)(value - set->lo));
    uint32_t low = 0, high = set->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (set->sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->sorted[low] == value;
}

static bool has_value(const wr_in_set *set, const wr_column *c, uint32_t row)
{
    uint32_t at = (uint32_t)wr_column_hash(c, row) & set->mask;
    for (; set->slots[at]; at = (at + 1) & set->mask)
        if (wr_column_cmp(&set->values, set->slots[at] - 1, c, row) == 0) return true;
    return false;
}

/* ---- looking up ---- */

/* found[row] for the live rows of a flat or constant column. */
static void look_up(const wr_in_set *set, const wr_column *c, const uint16_t *sel, uint32_t count,
                    uint8_t *found)
{
    bool is_integer = set->sorted != NULL && c->form == WR_FLAT;
    if (is_integer) {
        int64_t values[WR_BATCH_ROWS];
        wr_column_flat_i64(c, sel, count, values);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = sel ? sel[i] : i;
            found[row] = has_integer(set, values[row]);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        bool is_null = wr_column_is_null(c, row);
        found[row] = !is_null && (set->sorted ? has_integer(set, wr_column_int(c, row))
                                              : has_value(set, c, row));
    }
}

/* For every value of the dictionary; kept while it stays. */
static const uint8_t *look_up_dictionary(wr_eval *ev, int step, const wr_in_set *set,
                                         const wr_column *in)
{
    wr_register *reg = &ev->registers[step];
    const wr_column *dict = in->dict;
    if (reg->dict_out && in->dict_id && reg->dict_in_id == in->dict_id) return reg->dict_out->data;
    if (!reg->dict_arena) reg->dict_arena = wr_new(&ev->heap, wr_arena);
    wr_arena_clear(reg->dict_arena);
    reg->dict_out = wr_new(reg->dict_arena, wr_column);
    wr_column_init(reg->dict_out, reg->dict_arena, WR_BOOLEAN, WR_P_U8, dict->rows + 1);
    for (uint32_t from = 0; from < dict->rows; from += WR_BATCH_ROWS) {
        wr_column part;
        uint32_t count = WR_MIN(dict->rows - from, WR_BATCH_ROWS);
        wr_column_part(dict, from, count, &ev->arena, &part);
        look_up(set, &part, NULL, count, (uint8_t *)reg->dict_out->data + from);
    }
    reg->dict_in_id = in->dict_id;
    return reg->dict_out->data;
}

static void find_in_set(wr_eval *ev, int step, const wr_in_set *set, const wr_column *c,
                        wr_rows rows, uint8_t *found)
{
    bool by_code =
        c->form == WR_DICTIONARY && c->dict->rows > 0 &&
        (c->dict->rows <= ev->batch->rows || (c->dict_id && c->dict->rows <= BITMAP_MAX));
    if (!by_code) {
        look_up(set, c, rows.sel, rows.count, found);
        return;
    }
    const uint8_t *known = look_up_dictionary(ev, step, set, c);
    const uint8_t *bytes = c->data;
    const uint16_t *shorts = c->data;
    const uint32_t *words = c->data;
    uint32_t last = c->dict->rows - 1; /* codes of NULL rows may be any */
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        uint32_t code = c->phys == WR_P_U8    ? bytes[row]
                        : c->phys == WR_P_U16 ? shorts[row]
                                              : words[row];
        found[row] = known[WR_MIN(code, last)];
    }
}

/* found and unknown (NULL) for the rows, whatever the list is made of. */
static weir_status find(wr_eval *ev, int step, wr_rows rows, uint8_t *found, uint64_t *unknown,
                        bool *any_unknown)
{
    const wr_step *s = &ev->program->steps[step];
    wr_register *reg = &ev->registers[step];
    const wr_column *needle, *item;
    bool all_const = true;
    for (int k = 1; k < s->arg_count; k++)
        all_const &=
            ev->program->steps[s->args[k]].is_const && !ev->program->steps[s->args[k]].is_volatile;
    if (all_const && !reg->in_set) WR_TRY(build_set(ev, step, &reg->in_set));
    WR_TRY(wr_eval_step(ev, s->args[0], rows, &needle));
    if (all_const) find_in_set(ev, step, reg->in_set, needle, rows, found);
    bool list_null = all_const && reg->in_set->has_null, no_nulls = wr_column_has_no_nulls(needle);
    for (uint32_t i = 0; i < rows.count && (!no_nulls || list_null || !all_const); i++) {
        uint32_t row = wr_rows_at(rows, i);
        bool is_null = !no_nulls && wr_column_is_null(needle, row);
        if (is_null || !all_const) found[row] = 0;
        if (!is_null && !(list_null && !found[row])) continue;
        wr_bit_set(unknown, row);
        *any_unknown = true;
    }
    for (int k = 1; k < s->arg_count && !all_const; k++) {
        WR_TRY(wr_eval_step(ev, s->args[k], rows, &item));
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            if (found[row] || wr_column_is_null(needle, row)) continue;
            bool is_null = wr_column_is_null(item, row);
            if (is_null) wr_bit_set(unknown, row);
            *any_unknown |= is_null;
            found[row] = !is_null && wr_column_cmp(needle, row, item, row) == 0;
        }
    }
    return WR_OK;
}

weir_status wr_eval_in(wr_eval *ev, int step, wr_rows rows)
{
    bool negated = ev->program->steps[step].expr->is_negated, any_unknown = false;
    uint8_t found[WR_BATCH_ROWS];
    uint64_t unknown[WR_BATCH_WORDS] = {0};
    WR_TRY(find(ev, step, rows, found, unknown, &any_unknown));
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    uint64_t *valid = any_unknown ? wr_eval_valid(ev, step) : NULL;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        ((uint8_t *)out->data)[row] = found[row] != negated;
        if (any_unknown && !found[row] && wr_bit_get(unknown, row)) wr_bit_clear(valid, row);
    }
    return WR_OK;
}

weir_status wr_select_in(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    bool negated = ev->program->steps[step].expr->is_negated, any_unknown = false;
    uint8_t found[WR_BATCH_ROWS];
    uint64_t unknown[WR_BATCH_WORDS] = {0};
    WR_TRY(find(ev, step, rows, found, unknown, &any_unknown));
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        out[n] = (uint16_t)row;
        n += (found[row] != negated) & (found[row] || !wr_bit_get(unknown, row));
    }
    *count = n;
    return WR_OK;
}
