/* window_value.c - window functions proper: numbers of rows and peers, and values taken from
 * another row.
 *
 * Taking a value is finding a row: targets are collected as row addresses and gathered at once.
 * IGNORE NULLS numbers the rows that have a value, so the n-th of them before or within a frame is
 * found without walking. */
#include "exec/ops/window.h"

static void put_int(wr_column *out, uint32_t row, int64_t v)
{
    switch ((wr_phys)out->type->phys) {
    case WR_P_I32:
        ((int32_t *)out->data)[row] = (int32_t)v;
        break;
    case WR_P_F64:
        ((double *)out->data)[row] = (double)v;
        break;
    default:
        ((int64_t *)out->data)[row] = v;
        break;
    }
}

static weir_status ntile(const wr_window *w, const wr_wpart *p, const wr_wcall *c, uint32_t i,
                         int64_t *out, bool *is_null)
{
    int64_t n;
    *is_null = !wr_wint(w, c->args[0], wr_wrow(p, i), &n);
    if (*is_null) return WR_OK;
    if (n <= 0)
        return wr_fail(WR_E_BAD_ARGUMENT, "ntile needs a positive number of buckets, not %lld",
                       (long long)n);
    int64_t size = p->count / n, larger = p->count % n;
    *out = i < larger * (size + 1) ? i / (size + 1) + 1
                                   : larger + (i - larger * (size + 1)) / WR_MAX(size, 1) + 1;
    return WR_OK;
}

static weir_status rank(const wr_window *w, const wr_wpart *p, const wr_wcall *c, uint32_t i,
                        uint32_t at, wr_column *out, wr_arena *arena)
{
    int64_t v = 0;
    bool is_null = false;
    uint32_t group = p->group_of ? p->group_of[i] : 0;
    switch (c->call->fn->kind) {
    case WR_W_ROW_NUMBER:
        v = (int64_t)(p->rows_before + i) + 1;
        break;
    case WR_W_RANK:
        v = (int64_t)(p->rows_before + p->group_start[group]) + 1;
        break;
    case WR_W_DENSE_RANK:
        v = (int64_t)(p->groups_before + group) + 1;
        break;
    case WR_W_PERCENT_RANK:
        ((double *)out->data)[at] =
            p->count > 1 ? (double)p->group_start[group] / (double)(p->count - 1) : 0.0;
        return WR_OK;
    case WR_W_CUME_DIST:
        ((double *)out->data)[at] = (double)p->group_start[group + 1] / (double)p->count;
        return WR_OK;
    default:
        WR_TRY(ntile(w, p, c, i, &v, &is_null));
        break;
    }
    put_int(out, at, v);
    if (is_null) wr_bit_clear(wr_column_need_valid(out, arena, out->rows), at);
    return WR_OK;
}

/* Numbers the rows whose first argument is present. */
static weir_status number_present(const wr_window *w, wr_wpart *p, const wr_wcall *c, wr_wstate *s)
{
    if (s->present) return WR_OK;
    WR_TRY(wr_wpart_take(w, p, (size_t)p->count * sizeof(uint32_t), (void **)&s->present));
    WR_TRY(wr_wpart_take(w, p, ((size_t)p->count + 1) * sizeof(uint32_t), (void **)&s->before));
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        WR_TRY(wr_sorting_check(&w->sorter.sorting, i));
        s->before[i] = n;
        if (!wr_row_is_null(wr_wrow(p, i), c->args[0])) s->present[n++] = i;
    }
    s->before[p->count] = n;
    return WR_OK;
}

/* lag, lead: the row `steps` behind the current one (negative: ahead); -1 = outside of the
 * partition. */
static int64_t shifted(const wr_wpart *p, const wr_wcall *c, const wr_wstate *s, uint32_t i,
                       int64_t steps)
{
    int64_t count = p->count, to;
    if (!c->call->ignore_nulls) {
        if (steps > count || steps < -count) return -1;
        to = (int64_t)i - steps;
        return to >= 0 && to < count ? to : -1;
    }
    if (steps == 0) return i;
    int64_t present = s->before[p->count];
    if (steps > present || steps < -present) return -1;
    to = steps > 0 ? (int64_t)s->before[i] - steps : (int64_t)s->before[i + 1] - steps - 1;
    return to >= 0 && to < present ? (int64_t)s->present[to] : -1;
}

/* The n-th row (1...) of a frame from its start, or from its end; -1 = there are not so many. */
static int64_t nth_of(const wr_wframe *f, const wr_wcall *c, const wr_wstate *s, int64_t n,
                      bool from_end)
{
    for (int k = 0; k < f->count; k++) {
        int r = from_end ? f->count - 1 - k : k;
        int64_t lo = f->from[r], hi = f->to[r];
        if (c->call->ignore_nulls) lo = s->before[lo], hi = s->before[hi];
        if (n > hi - lo) {
            n -= hi - lo;
            continue;
        }
        int64_t at = from_end ? hi - n : lo + n - 1;
        return c->call->ignore_nulls ? (int64_t)s->present[at] : at;
    }
    return -1;
}

/* Sets *target, or -1 for NULL; *outside: lag and lead take their default. */
static weir_status target_of(const wr_window *w, const wr_wpart *p, const wr_wcall *c,
                             const wr_wstate *s, uint32_t i, int64_t *target, bool *outside)
{
    wr_window_kind kind = c->call->fn->kind;
    int64_t n = 1;
    *outside = false;
    *target = -1;
    if (kind == WR_W_LAG || kind == WR_W_LEAD) {
        if (c->call->aggregate.arg_count > 1 && !wr_wint(w, c->args[1], wr_wrow(p, i), &n))
            return WR_OK;
        if (n == INT64_MIN) n++;
        *target = shifted(p, c, s, i, kind == WR_W_LAG ? n : -n);
        *outside = *target < 0;
        return WR_OK;
    }
    wr_wframe f;
    if (kind == WR_W_NTH_VALUE) {
        if (!wr_wint(w, c->args[1], wr_wrow(p, i), &n)) return WR_OK;
        if (n <= 0)
            return wr_fail(WR_E_BAD_ARGUMENT, "nth_value counts from 1, not from %lld",
                           (long long)n);
    }
    WR_TRY(wr_wframe_of(w, p, c, i, &f));
    *target = nth_of(&f, c, s, n, kind == WR_W_LAST_VALUE);
    return WR_OK;
}

void wr_wput(wr_column *out, uint32_t row, const wr_column *in, uint32_t i, wr_arena *arena,
             uint32_t cap)
{
    if (in->valid && !wr_bit_get(in->valid, i)) {
        wr_bit_clear(wr_column_need_valid(out, arena, cap), row);
        return;
    }
    size_t size = wr_phys_size((wr_phys)out->type->phys);
    memcpy((char *)out->data + row * size, (const char *)in->data + i * size, size);
    if (out->valid) wr_bit_set(out->valid, row);
}

weir_status wr_wvalue(const wr_window *w, wr_wlocal *me, int call, uint32_t from, uint32_t count,
                      uint32_t at, wr_column *out)
{
    const wr_wcall *c = &w->calls[call];
    wr_wpart *p = &me->part;
    wr_wstate *s = &me->states[call];
    wr_arena *arena = &me->base.scratch;
    if (c->call->fn->kind < WR_W_LAG) {
        for (uint32_t i = 0; i < count; i++)
            WR_TRY(rank(w, p, c, from + i, at + i, out, arena));
        return WR_OK;
    }
    if (c->call->ignore_nulls) WR_TRY(number_present(w, p, c, s));
    uint8_t *rows[WR_BATCH_ROWS], *defaults[WR_BATCH_ROWS];
    bool has_default = c->call->aggregate.arg_count > 2, any_default = false;
    for (uint32_t i = 0; i < count; i++) {
        int64_t target;
        bool outside;
        WR_TRY(target_of(w, p, c, s, from + i, &target, &outside));
        rows[i] = target >= 0 ? p->entries[p->from + (uint64_t)target].row : NULL;
        defaults[i] = outside && has_default ? p->entries[p->from + from + i].row : NULL;
        any_default |= defaults[i] != NULL;
    }
    wr_column values, instead;
    wr_rows_gather(&w->layout, c->args[0], rows, count, arena, &values);
    if (w->one_segment && wr_type_is_nested(out->type)) {
        *out = values;
        return any_default
                   ? wr_fail(WR_E_UNSUPPORTED, "the default of lag and lead cannot be of type %s",
                             wr_type_name(out->type))
                   : WR_OK;
    }
    for (uint32_t i = 0; i < count; i++)
        wr_wput(out, at + i, &values, i, arena, out->rows);
    if (!any_default) return WR_OK;
    wr_rows_gather(&w->layout, c->args[2], defaults, count, arena, &instead);
    for (uint32_t i = 0; i < count; i++)
        if (defaults[i]) wr_wput(out, at + i, &instead, i, arena, out->rows);
    return WR_OK;
}
