/* window_frame.c - peers, order keys and frames of a partition.
 *
 * RANGE with an offset compares order keys: integers, decimals and moments as 128-bit integers,
 * floats as doubles, both negated for DESC so that keys always ascend. Rows with a NULL key are at
 * one end and are each other's only peers. */
#include "exec/ops/window.h"
#include <math.h>

weir_status wr_wpart_take(const wr_window *w, wr_wpart *p, size_t size, void **out)
{
    WR_TRY(wr_mem_reserve(w->op.mem, size));
    p->reserved += size;
    *out = wr_arena_alloc(&p->arena, size);
    return WR_OK;
}

/* Rows of one partition; in memory the bits of the entries often tell. */
static bool are_peers(const wr_window *w, const wr_sort_entry *x, const wr_sort_entry *y)
{
    const wr_sorting *s = &w->sorter.sorting;
    const uint8_t *a = x->row, *b = y->row;
    if (!w->has_runs && x->bits != y->bits) return false;
    if (!w->has_runs && s->covered == s->key_count) return true;
    for (int k = 0; k < w->order_count; k++)
        if (wr_keys_compare(&w->layout, w->keys[w->partition_count + k].slot, a, b) != 0)
            return false;
    return true;
}

weir_status wr_wpart_peers(const wr_window *w, wr_wpart *p)
{
    if (p->group_of) return WR_OK;
    WR_TRY(wr_wpart_take(w, p, (size_t)p->count * sizeof(uint32_t), (void **)&p->group_of));
    WR_TRY(
        wr_wpart_take(w, p, ((size_t)p->count + 1) * sizeof(uint32_t), (void **)&p->group_start));
    const wr_sort_entry *e = p->entries + p->from;
    for (uint32_t i = 0; i < p->count; i++) {
        WR_TRY(wr_sorting_check(&w->sorter.sorting, i));
        if (i == 0 || !are_peers(w, &e[i - 1], &e[i])) p->group_start[p->group_count++] = i;
        p->group_of[i] = p->group_count - 1;
    }
    p->group_start[p->group_count] = p->count;
    return WR_OK;
}

static int64_t micros_per(const wr_type *t)
{
    switch (t->id) {
    case WR_T_DATE:
        return WR_USECS_PER_DAY;
    case WR_T_TIMESTAMP_S:
        return WR_USECS_PER_SEC;
    case WR_T_TIMESTAMP_MS:
        return 1000;
    default:
        return 1;
    }
}

/* The value of an integer-like slot of any width. */
static wr_i128 int_slot(const wr_type *t, const uint8_t *slot)
{
    switch ((wr_phys)t->phys) {
    case WR_P_I8:
        return (int8_t)*slot;
    case WR_P_U8:
        return *slot;
    case WR_P_I16:
        return *(const int16_t *)(const void *)slot;
    case WR_P_U16:
        return *(const uint16_t *)(const void *)slot;
    case WR_P_I32:
        return *(const int32_t *)(const void *)slot;
    case WR_P_U32:
        return *(const uint32_t *)(const void *)slot;
    case WR_P_U64:
        return *(const uint64_t *)(const void *)slot;
    case WR_P_I128: {
        wr_i128 v;
        memcpy(&v, slot, sizeof v);
        return v;
    }
    default:
        return *(const int64_t *)(const void *)slot;
    }
}

static double double_slot(const wr_type *t, const uint8_t *slot)
{
    return t->phys == WR_P_F32 ? (double)*(const float *)(const void *)slot
                               : *(const double *)(const void *)slot;
}

bool wr_wint(const wr_window *w, int slot, const uint8_t *row, int64_t *out)
{
    if (wr_row_is_null(row, slot)) return false;
    *out = (int64_t)int_slot(w->layout.types[slot], row + w->layout.offsets[slot]);
    return true;
}

weir_status wr_wpart_keys(const wr_window *w, wr_wpart *p)
{
    if (p->ints || p->doubles || w->order_count == 0) return WR_OK;
    const wr_sort_slot *key = &w->keys[w->partition_count];
    const wr_type *t = w->layout.types[key->slot];
    bool is_float = wr_type_is_float(t);
    if (!is_float && !wr_type_is_int_like(t))
        return wr_fail(WR_E_TYPE_MISMATCH,
                       "RANGE with an offset needs one numeric, date or time sort key, not %s",
                       wr_type_name(t));
    uint32_t offset = w->layout.offsets[key->slot];
    if (is_float)
        WR_TRY(wr_wpart_take(w, p, (size_t)p->count * sizeof(double), (void **)&p->doubles));
    else
        WR_TRY(wr_wpart_take(w, p, (size_t)p->count * sizeof(wr_i128), (void **)&p->ints));
    p->keys_from = 0;
    p->keys_to = p->count;
    while (p->keys_from < p->keys_to && wr_row_is_null(wr_wrow(p, p->keys_from), key->slot))
        p->keys_from++;
    while (p->keys_to > p->keys_from && wr_row_is_null(wr_wrow(p, p->keys_to - 1), key->slot))
        p->keys_to--;
    int sign = key->descending ? -1 : 1;
    for (uint32_t i = p->keys_from; i < p->keys_to; i++) {
        WR_TRY(wr_sorting_check(&w->sorter.sorting, i));
        const uint8_t *slot = wr_wrow(p, i) + offset;
        if (is_float)
            p->doubles[i] = sign * double_slot(t, slot);
        else
            p->ints[i] = sign * int_slot(t, slot) * micros_per(t);
    }
    return WR_OK;
}

/* The order key of row i moved by the frame's offset; sign -1 = PRECEDING. */
static weir_status moved_key(const wr_window *w, const wr_wpart *p, int slot, uint32_t i, int sign,
                             wr_i128 *key, double *real)
{
    const wr_sort_slot *order = &w->keys[w->partition_count];
    const wr_type *t = w->layout.types[order->slot], *by = w->layout.types[slot];
    const uint8_t *row = wr_wrow(p, i), *at = row + w->layout.offsets[slot];
    if (wr_row_is_null(row, slot))
        return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be NULL");
    if (by->id == WR_T_INTERVAL) {
        wr_interval v;
        memcpy(&v, at, sizeof v);
        if (wr_interval_order(v) < 0)
            return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be negative");
        int direction = order->descending ? -sign : sign;
        v = (wr_interval){direction * v.months, direction * v.days, direction * v.usecs};
        wr_i128 own = order->descending ? -p->ints[i] : p->ints[i];
        int64_t moved;
        if (t->id == WR_T_TIME || own > INT64_MAX || own < INT64_MIN)
            own += v.usecs + (wr_i128)v.days * WR_USECS_PER_DAY;
        else if (wr_ts_add_interval((int64_t)own, v, &moved))
            own = moved;
        else
            own = direction > 0 ? INT64_MAX : INT64_MIN;
        *key = order->descending ? -own : own;
        return WR_OK;
    }
    if (p->doubles) {
        double v = wr_type_is_float(by) ? double_slot(by, at) : (double)int_slot(by, at);
        if (!(v >= 0))
            return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be negative");
        *real = p->doubles[i] + sign * v;
        return WR_OK;
    }
    if (!wr_type_is_int_like(by))
        return wr_fail(WR_E_TYPE_MISMATCH,
                       "a window frame over %s cannot have an offset of type %s", wr_type_name(t),
                       wr_type_name(by));
    wr_i128 v = int_slot(by, at) * (t->id == WR_T_DATE ? WR_USECS_PER_DAY : 1);
    if (v < 0)
        return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be negative");
    *key = p->ints[i] + sign * v;
    return WR_OK;
}

/* The first row with a key not below (after: above) the moved key. */
static uint32_t find_key(const wr_wpart *p, wr_i128 key, double real, bool after)
{
    uint32_t lo = p->keys_from, hi = p->keys_to;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        bool below;
        if (p->doubles) {
            double v = p->doubles[middle];
            bool v_nan = isnan(v), r_nan = isnan(real);
            int order = v_nan || r_nan ? v_nan - r_nan : (v > real) - (v < real);
            below = after ? order <= 0 : order < 0;
        } else {
            below = after ? p->ints[middle] <= key : p->ints[middle] < key;
        }
        if (below)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static weir_status row_offset(const wr_window *w, const wr_wpart *p, int slot, uint32_t i,
                              int64_t *out)
{
    if (!wr_wint(w, slot, wr_wrow(p, i), out))
        return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be NULL");
    if (*out < 0)
        return wr_fail(WR_E_BAD_ARGUMENT, "the offset of a window frame must not be negative");
    return WR_OK;
}

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* One bound as a row number: the first row of the frame, or the one after its last (is_end). */
static weir_status bound_of(const wr_window *w, const wr_wpart *p, const wr_wcall *c, uint32_t i,
                            bool is_end, uint32_t *out)
{
    const wr_frame *f = &c->call->frame;
    wr_frame_bound bound = is_end ? f->end : f->start;
    int slot = is_end ? c->end : c->start, sign = bound == WR_OFFSET_PRECEDING ? -1 : 1;
    int64_t n = 0, count = p->count;
    if (bound == WR_UNBOUNDED_PRECEDING || bound == WR_UNBOUNDED_FOLLOWING) {
        *out = bound == WR_UNBOUNDED_PRECEDING ? 0 : p->count;
        return WR_OK;
    }
    if (bound == WR_CURRENT_ROW) {
        if (f->unit == WR_WINDOW_ROWS)
            *out = i + is_end;
        else
            *out = p->group_start[p->group_of[i] + is_end];
        return WR_OK;
    }
    if (f->unit == WR_WINDOW_RANGE) {
        wr_i128 key = 0;
        double real = 0;
        if (i < p->keys_from || i >= p->keys_to) { /* NULL keys: the peers */
            *out = p->group_start[p->group_of[i] + is_end];
            return WR_OK;
        }
        WR_TRY(moved_key(w, p, slot, i, sign, &key, &real));
        *out = find_key(p, key, real, is_end);
        return WR_OK;
    }
    WR_TRY(row_offset(w, p, slot, i, &n));
    n = WR_MIN(n, count + 1);
    if (f->unit == WR_WINDOW_ROWS)
        *out = (uint32_t)clamp((int64_t)i + sign * n + is_end, 0, count);
    else
        *out =
            p->group_start[clamp((int64_t)p->group_of[i] + sign * n + is_end, 0, p->group_count)];
    return WR_OK;
}

static void add_stretch(wr_wframe *f, uint32_t from, uint32_t to)
{
    if (from >= to) return;
    f->from[f->count] = from;
    f->to[f->count++] = to;
}

weir_status wr_wframe_of(const wr_window *w, const wr_wpart *p, const wr_wcall *c, uint32_t i,
                         wr_wframe *out)
{
    uint32_t from, to;
    out->count = 0;
    if (c->is_shift) {
        from = (uint32_t)clamp((int64_t)i + c->from_shift, 0, p->count);
        to = (uint32_t)clamp((int64_t)i + c->to_shift, 0, p->count);
        add_stretch(out, from, to);
        return WR_OK;
    }
    WR_TRY(bound_of(w, p, c, i, false, &from));
    WR_TRY(bound_of(w, p, c, i, true, &to));
    if (c->call->frame.exclude == WR_WINDOW_EXCLUDE_NONE) {
        add_stretch(out, from, to);
        return WR_OK;
    }
    uint32_t hole_from = i, hole_to = i + 1;
    if (c->call->frame.exclude != WR_WINDOW_EXCLUDE_CURRENT) {
        hole_from = p->group_start[p->group_of[i]];
        hole_to = p->group_start[p->group_of[i] + 1];
    }
    add_stretch(out, from, WR_MIN(to, hole_from));
    if (c->call->frame.exclude == WR_WINDOW_EXCLUDE_TIES && i >= from && i < to)
        add_stretch(out, i, i + 1);
    add_stretch(out, WR_MAX(from, hole_to), to);
    return WR_OK;
}
