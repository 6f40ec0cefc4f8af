/* window_top.c - when only the first few rows of each partition are wanted, rows that cannot be
 * among them are turned away before they are kept.
 *
 * Each worker has a table of the partitions it has met. A partition holds the codes of the first
 * order key of its best rows so far, ascending: integers that order as the key does, where equal
 * codes may hide a difference. A row whose code is beyond the last of as many as are wanted comes
 * behind all of these; any other row is kept, and sorting decides. NULLs of the key that come first
 * are always kept and never counted.
 *
 * Where nearly every row is kept (many small partitions, or an order that improves) the table is
 * given up, and also when memory gets short. */
#include "exec/ops/window.h"
#include <math.h>

enum { TOP_MOST = 64, LOOK_EVERY = 1 << 17 };

typedef struct best {
    uint64_t hash, count, codes[];
} best;

void wr_wtop_open(wr_window *w)
{
    int64_t top = w->op.node->window.top_rows;
    w->top_count = 0;
    if (top < 1 || top > TOP_MOST || w->partition_count == 0 || w->order_count == 0) return;
    for (int i = 0; i < w->call_count; i++)
        if (!w->calls[i].call->fn || w->calls[i].call->fn->kind != WR_W_ROW_NUMBER) return;
    const wr_type *t = w->layout.types[w->keys[w->partition_count].slot];
    if (!wr_keys_is_int(t) && t->phys != WR_P_F64 && t->phys != WR_P_VIEW) return;
    if (wr_type_is_nested(t)) return;
    const wr_type **types = wr_new_array(&w->op.arena, const wr_type *, w->partition_count);
    for (int k = 0; k < w->partition_count; k++)
        types[k] = w->layout.types[w->keys[k].slot];
    wr_rows_layout_init(&w->top_layout, &w->op.arena, types, w->partition_count,
                        (uint32_t)(sizeof(best) + (size_t)top * sizeof(uint64_t)));
    w->top_count = (uint32_t)top;
}

void wr_wtop_drop(wr_wlocal *me)
{
    if (me->top_groups.rows) wr_groups_clear(&me->top_groups);
    me->top_is_off = true;
}

static uint64_t code_of_double(double v)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t code;
    v += 0.0; /* no negative zero */
    memcpy(&code, &v, sizeof code);
    return isnan(v) ? UINT64_MAX : code & sign ? ~code : code | sign;
}

static uint64_t code_of_text(const wr_view *v)
{
    uint64_t code = 0;
    memcpy(&code, wr_view_bytes(v), WR_MIN(v->length, 8u));
    return __builtin_bswap64(code);
}

/* Codes of the first order key, and which rows are NULL there. */
static void codes_of(const wr_window *w, const wr_column *key, const uint16_t *sel, uint32_t count,
                     wr_arena *scratch, uint64_t *codes, uint8_t *nulls)
{
    if (wr_keys_is_int(key->type)) {
        wr_keys_ints(key, sel, count, (int64_t *)codes, nulls);
        for (uint32_t i = 0; i < count; i++)
            codes[i] ^= UINT64_C(1) << 63;
    } else {
        wr_column flat;
        wr_keys_flatten(key, 1, sel, count, scratch, &flat);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = wr_row_at(sel, i);
            nulls[i] = flat.valid && !wr_bit_get(flat.valid, row);
            codes[i] = nulls[i]                       ? 0
                       : key->type->phys == WR_P_VIEW ? code_of_text((wr_view *)flat.data + row)
                                                      : code_of_double(((double *)flat.data)[row]);
        }
    }
    for (uint32_t i = 0; w->keys[w->partition_count].descending && i < count; i++)
        codes[i] = ~codes[i];
}

/* Puts a code among the best; false if it is beyond all that are wanted. */
static inline bool add_code(best *b, uint32_t most, uint64_t code)
{
    uint32_t at = (uint32_t)b->count;
    if (at == most) {
        if (code > b->codes[at - 1]) return false;
        at--;
    } else {
        b->count++;
    }
    for (; at > 0 && b->codes[at - 1] > code; at--)
        b->codes[at] = b->codes[at - 1];
    b->codes[at] = code;
    return true;
}

weir_status wr_wtop_select(wr_window *w, wr_wlocal *me, const wr_column *columns,
                           const uint16_t **sel, uint32_t *count)
{
    wr_arena *scratch = &me->base.scratch;
    uint32_t n = *count, added_count, kept = 0;
    if (!me->top_groups.rows)
        WR_TRY(
            wr_groups_init(&me->top_groups, w->op.mem, &w->top_layout, w->partition_count, true));
    if (wr_groups_need(&me->top_groups, n) > wr_mem_room(w->op.mem) / 8) {
        wr_wtop_drop(me);
        return WR_OK;
    }
    wr_column *keys = wr_new_array(scratch, wr_column, w->partition_count);
    for (int k = 0; k < w->partition_count; k++)
        keys[k] = columns[w->keys[k].slot];
    const wr_sort_slot *order = &w->keys[w->partition_count];
    uint64_t codes[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS], *groups[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS], *out = wr_new_array(scratch, uint16_t, n + 1);
    WR_TRY(
        wr_groups_find(&me->top_groups, keys, *sel, n, NULL, scratch, groups, added, &added_count));
    codes_of(w, &columns[order->slot], *sel, n, scratch, codes, nulls);
    for (uint32_t i = 0; i < n; i++) {
        best *b = (best *)(void *)wr_row_extra(&w->top_layout, groups[i]);
        bool is_kept = nulls[i] ? order->nulls_first || b->count < w->top_count
                                : add_code(b, w->top_count, codes[i]);
        out[kept] = (uint16_t)wr_row_at(*sel, i);
        kept += is_kept;
    }
    *sel = out;
    *count = kept;
    me->top_seen += n;
    me->top_looked += n;
    me->top_kept += kept;
    if (me->top_looked < LOOK_EVERY) return WR_OK;
    uint64_t partitions = wr_rows_count(me->top_groups.rows);
    bool is_filled = me->top_seen / 8 > partitions * w->top_count; /* most have what is wanted */
    if (partitions > me->top_seen / 4 * 3 || (is_filled && me->top_kept > me->top_looked / 8 * 7))
        wr_wtop_drop(me);
    me->top_looked = me->top_kept = 0;
    return WR_OK;
}
