/* join_array.c - joins whose build keys are different integers of a small range.
 *
 * Build rows wait as columns, in pieces of a batch. When all are there and the key's range is at
 * most 8 times their number, every column becomes an array indexed by the key, as narrow as its
 * values allow: no rows, no chains, no heads. Which keys there are, a value tells that one of the
 * arrays has to spare, so that a key costs one look; if there is none, or the scan of the other
 * side wants to know too, a bitmap does. The first key that comes twice ends the attempt, then, and
 * whenever memory is short, the pieces become rows and all goes on as for any join (join.c).
 *
 * Workers fill the arrays side by side: whoever sets a key's bit writes its values. Without bits
 * nobody waits for a line of the cache to be his alone, and a key that comes twice at the same time
 * is found when all are counted. */
#include "exec/ops/join.h"
#include "kern/kern.h"

enum { DENSE_FACTOR = 8, DENSE_SMALL = 1 << 16, POSITIONAL_SHARE = 4, MARK_AHEAD = 48 };

struct wr_join_piece {
    wr_column *columns; /* one per slot, flat */
    uint32_t rows;
    wr_arena arena;
    uint64_t reserved;
    wr_join_piece *next;
};

static bool is_int_lane(const wr_type *t)
{
    return wr_type_is_int_like(t) && t->phys >= WR_P_I8 && t->phys <= WR_P_I64;
}

static bool can_be_lane(const wr_type *t)
{
    return is_int_lane(t) || t->phys == WR_P_F64 || t->phys == WR_P_F32;
}

bool wr_join_can_be_array(const wr_join *j)
{
    bool can = j->can_be_dense && j->gives_pairs && !j->tracks_build && j->residual.count == 0 &&
               (j->kind == WR_JOIN_INNER || j->kind == WR_JOIN_LEFT || j->kind == WR_JOIN_RIGHT);
    for (int c = 0; c < j->layout.column_count; c++)
        can &= can_be_lane(j->layout.types[c]);
    return can && is_int_lane(j->layout.types[j->key_slots[0]]);
}

/* Bounds of all values of a piece, copied from in. Looks where they are not known: one such piece
 * would make the whole array wide. */
static void note_bounds(wr_join_lane *lane, const wr_column *in, const wr_column *piece)
{
    int64_t lo = INT64_MIN, hi = INT64_MAX;
    bool is_looked = !in->has_bounds && !in->valid && is_int_lane(in->type);
    if (in->has_bounds) {
        lo = in->lo;
        hi = in->hi;
    } else if (is_looked && wr_kern()->fold->range[piece->phys]) {
        wr_kern()->fold->range[piece->phys](piece->data, piece->rows, &lo, &hi);
        lo += piece->base;
        hi += piece->base;
    }
    lane->lo = lane->any ? WR_MIN(lane->lo, lo) : lo;
    lane->hi = lane->any ? WR_MAX(lane->hi, hi) : hi;
    lane->any = true;
}

weir_status wr_join_add_piece(wr_join *j, wr_join_local *me, const wr_column *columns,
                              const uint16_t *sel, uint32_t count)
{
    if (count == 0) return WR_OK;
    int slots = j->layout.column_count;
    wr_join_piece *p = wr_heap_new(sizeof *p);
    p->rows = count;
    p->columns = wr_new_array(&p->arena, wr_column, slots + 1);
    if (!me->lanes) me->lanes = wr_heap_new(sizeof *me->lanes * (size_t)(slots + 1));
    for (int c = 0; c < slots; c++) {
        wr_column flat;
        const wr_column *in = &columns[c];
        if (in->form != WR_FLAT) {
            wr_column_flatten(in, sel, count, &me->base.scratch, &flat);
            in = &flat;
        }
        wr_column *out = &p->columns[c];
        size_t size = wr_phys_size((wr_phys)in->phys);
        *out = (wr_column){.type = in->type, .form = WR_FLAT, .phys = in->phys, .base = in->base};
        out->rows = count;
        out->data = wr_arena_alloc(&p->arena, size * count + 64);
        if (sel)
            wr_kern()->move->gather[wr_kern_size_index(size)](in->data, sel, count, out->data);
        else
            memcpy(out->data, in->data, size * count);
        wr_join_lane *lane = &me->lanes[c];
        note_bounds(lane, in, out);
        if (!in->valid) continue;
        lane->has_nulls = true;
        uint64_t *valid = wr_column_need_valid(out, &p->arena, count);
        for (uint32_t i = 0; i < count; i++)
            if (!wr_bit_get(in->valid, wr_row_at(sel, i))) wr_bit_clear(valid, i);
    }
    weir_status bad = wr_mem_reserve(j->op.mem, p->arena.total);
    if (bad) {
        wr_arena_clear(&p->arena);
        wr_heap_drop(p);
        return bad;
    }
    p->reserved = p->arena.total;
    me->piece_rows += count;
    me->piece_bytes += p->reserved;
    if (me->last_piece)
        me->last_piece->next = p;
    else
        me->pieces = p;
    me->last_piece = p;
    return WR_OK;
}

static void drop_first_piece(const wr_join *j, wr_join_local *me)
{
    wr_join_piece *p = me->pieces;
    me->pieces = p->next;
    if (!me->pieces) me->last_piece = NULL;
    me->piece_rows -= p->rows;
    me->piece_bytes -= p->reserved;
    wr_mem_release(j->op.mem, p->reserved);
    wr_arena_clear(&p->arena);
    wr_heap_drop(p);
}

void wr_join_drop_pieces(const wr_join *j, wr_join_local *me)
{
    while (me->pieces)
        drop_first_piece(j, me);
    wr_heap_drop(me->lanes);
    me->lanes = NULL;
}

weir_status wr_join_pieces_to_rows(wr_join *j, wr_join_local *me)
{
    while (me->pieces) {
        WR_TRY(wr_exec_check(j->op.exec));
        WR_TRY(wr_rows_append(me->rows, me->pieces->columns, NULL, me->pieces->rows, NULL));
        drop_first_piece(j, me);
    }
    return WR_OK;
}

/* ---- the arrays ---- */

static weir_status new_lane(wr_join *j, wr_join_lane *lane, const wr_type *type, uint64_t span)
{
    lane->phys = is_int_lane(type) ? wr_phys_for_range(lane->lo, lane->hi) : (wr_phys)type->phys;
    if (wr_phys_size(lane->phys) > wr_phys_size(type->phys)) lane->phys = (wr_phys)type->phys;
    lane->bytes = wr_phys_size(lane->phys) * (span + 1);
    WR_TRY(wr_mem_zalloc(j->op.mem, lane->bytes, &lane->data));
    lane->null_bytes = lane->has_nulls ? (span / 64 + 1) * sizeof(uint64_t) : 0;
    if (!lane->has_nulls) return WR_OK;
    return wr_mem_zalloc(j->op.mem, lane->null_bytes, (void **)&lane->nulls);
}

void wr_join_drop_array(wr_join *j)
{
    for (int c = 0; j->lanes && c < j->layout.column_count; c++) {
        wr_join_lane *lane = &j->lanes[c];
        if (lane->data) wr_mem_free(j->op.mem, lane->data, lane->bytes);
        if (lane->nulls) wr_mem_free(j->op.mem, lane->nulls, lane->null_bytes);
        *lane = (wr_join_lane){0};
    }
    if (j->present) wr_mem_free(j->op.mem, j->present, j->present_words * sizeof(uint64_t));
    j->present = NULL;
    j->mark = NULL;
}

#define T uint8_t
#define NAME(x) x##_1
#include "exec/ops/join_mark.tmpl.h"
#define T uint16_t
#define NAME(x) x##_2
#include "exec/ops/join_mark.tmpl.h"
#define T uint32_t
#define NAME(x) x##_4
#include "exec/ops/join_mark.tmpl.h"
#define T uint64_t
#define NAME(x) x##_8
#include "exec/ops/join_mark.tmpl.h"

static const struct {
    int64_t (*claim)(void *lane, int64_t absent, const uint64_t *at, uint32_t n,
                     const void *values);
    void (*clear)(void *lane, int64_t absent, uint64_t count);
    uint64_t (*count)(const void *lane, int64_t absent, uint64_t count);
    uint32_t (*look)(const void *lane, int64_t absent, const uint64_t *keys, uint64_t span,
                     const uint16_t *sel, uint32_t count, uint64_t *found, uint16_t *rows,
                     void *seen);
} marks[] = {
    /* by the logarithm of the width */
    {claim_1, clear_1, count_1, look_1},
    {claim_2, clear_2, count_2, look_2},
    {claim_4, clear_4, count_4, look_4},
    {claim_8, clear_8, count_8, look_8},
};

static int mark_of(const wr_join_lane *lane)
{
    return wr_kern_size_index(wr_phys_size(lane->phys));
}

/* Finds the narrowest lane that has a value to spare and writes it everywhere. */
static void choose_mark(wr_join *j, uint64_t span)
{
    const wr_plan_node *node = j->op.node;
    j->mark = NULL;
    if (node->join.publish && wr_filter_of(j->op.exec, node->join.publish[0])) return;
    for (int c = 0; c < j->layout.column_count; c++) {
        wr_join_lane *lane = &j->lanes[c];
        if (c == j->key_slots[0] || !is_int_lane(j->layout.types[c]) || lane->nulls) continue;
        int64_t top = INT64_MAX >> (64 - 8 * wr_phys_size(lane->phys));
        if (lane->lo == -top - 1 && lane->hi == top) continue;
        if (j->mark && wr_phys_size(j->mark->phys) <= wr_phys_size(lane->phys)) continue;
        lane->absent = lane->hi < top ? lane->hi + 1 : lane->lo - 1;
        j->mark = lane;
    }
    if (j->mark) marks[mark_of(j->mark)].clear(j->mark->data, j->mark->absent, span + 1);
}

weir_status wr_join_plan_array(wr_join *j, const wr_key_range *range, uint64_t rows, bool *planned)
{
    int slots = j->layout.column_count;
    uint64_t span = (uint64_t)range->hi - (uint64_t)range->lo, width = 1;
    *planned = false;
    if (!range->any || rows == 0 || rows - 1 > span) return WR_OK; /* some key comes twice */
    if (span >= WR_MAX((uint64_t)DENSE_SMALL, rows * DENSE_FACTOR)) return WR_OK;
    j->lanes = wr_new_array(&j->op.arena, wr_join_lane, slots + 1);
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        const wr_join_local *me = (const wr_join_local *)j->op.locals[w];
        for (int c = 0; me && me->lanes && c < slots; c++) {
            wr_join_lane *into = &j->lanes[c];
            const wr_join_lane *from = &me->lanes[c];
            into->lo = into->any ? WR_MIN(into->lo, from->lo) : from->lo;
            into->hi = into->any ? WR_MAX(into->hi, from->hi) : from->hi;
            into->any = true;
            into->has_nulls |= from->has_nulls;
        }
    }
    for (int c = 0; c < slots; c++)
        width += wr_phys_size((wr_phys)j->layout.types[c]->phys);
    if (wr_mem_room(j->op.mem) / 2 / width < span) return WR_OK;
    j->lo = range->lo;
    j->hi = range->hi;
    for (int c = 0; c < slots; c++)
        if (c != j->key_slots[0]) WR_TRY(new_lane(j, &j->lanes[c], j->layout.types[c], span));
    choose_mark(j, span);
    j->present_words = span / 64 + 1;
    if (!j->mark)
        WR_TRY(wr_mem_zalloc(j->op.mem, j->present_words * sizeof(uint64_t), (void **)&j->present));
    wr_op_note(&j->op, "arrays of %llu", (unsigned long long)span + 1);
    j->table = WR_TABLE_ARRAY;
    *planned = true;
    return WR_OK;
}

#define SCATTER(T)                   \
    for (uint32_t i = 0; i < n; i++) \
        ((T *)lane->data)[at[i]] = (T)((const T *)values)[i];

/* The values of a piece as the lane has them; room for a batch of them is in narrow. */
static const void *values_for(const wr_join_lane *lane, const wr_column *c, uint32_t n,
                              int64_t *narrow)
{
    if (lane->phys == WR_P_F64 || lane->phys == WR_P_F32) return c->data;
    if (lane->phys == (wr_phys)c->phys && c->base == 0) return c->data;
    int64_t wide[WR_BATCH_ROWS];
    wr_column_flat_i64(c, NULL, n, wide);
    wr_kern()->move->convert[WR_P_I64][lane->phys](wide, 0, narrow, n);
    return narrow;
}

/* Puts the values of a piece where their keys are. */
static void fill_lane(const wr_join_lane *lane, const wr_column *c, const uint64_t *at, uint32_t n)
{
    int64_t narrow[WR_BATCH_ROWS];
    const void *values = values_for(lane, c, n, narrow);
    switch (wr_phys_size(lane->phys)) {
    case 1:
        SCATTER(uint8_t) break;
    case 2:
        SCATTER(uint16_t) break;
    case 4:
        SCATTER(uint32_t) break;
    default:
        SCATTER(uint64_t) break;
    }
    for (uint32_t i = 0; c->valid && i < n; i++)
        if (!wr_bit_get(c->valid, i))
            __atomic_fetch_or(&lane->nulls[at[i] / 64], UINT64_C(1) << (at[i] & 63),
                              __ATOMIC_RELAXED);
}

/* False: a key was there before. */
static bool claim_keys(wr_join *j, const wr_join_piece *p, uint64_t *at)
{
    int64_t values[WR_BATCH_ROWS];
    uint64_t before = 0;
    uint32_t n = p->rows;
    wr_column_flat_i64(&p->columns[j->key_slots[0]], NULL, n, values);
    for (uint32_t i = 0; i < n; i++)
        at[i] = (uint64_t)values[i] - (uint64_t)j->lo;
    if (j->mark) {
        const void *marked = values_for(j->mark, &p->columns[j->mark - j->lanes], n, values);
        return !marks[mark_of(j->mark)].claim(j->mark->data, j->mark->absent, at, n, marked);
    }
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(&j->present[at[i] / 64], 1);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << (at[i] & 63);
        before |= __atomic_fetch_or(&j->present[at[i] / 64], bit, __ATOMIC_RELAXED) & bit;
    }
    return before == 0;
}

weir_status wr_join_fill_array(wr_join *j, const wr_join_local *me)
{
    uint64_t at[WR_BATCH_ROWS];
    for (const wr_join_piece *p = me->pieces; p && !j->has_repeats; p = p->next) {
        WR_TRY(wr_exec_check(j->op.exec));
        if (!claim_keys(j, p, at)) {
            j->has_repeats = true;
            break;
        }
        for (int c = 0; c < j->layout.column_count; c++)
            if (c != j->key_slots[0] && &j->lanes[c] != j->mark)
                fill_lane(&j->lanes[c], &p->columns[c], at, p->rows);
    }
    return WR_OK;
}

void wr_join_check_array(wr_join *j, uint64_t rows)
{
    if (!j->mark || j->has_repeats) return;
    uint64_t span = (uint64_t)j->hi - (uint64_t)j->lo;
    j->has_repeats =
        marks[mark_of(j->mark)].count(j->mark->data, j->mark->absent, span + 1) != rows;
}

/* ---- probing ---- */

#define FETCH(T)                     \
    for (uint32_t i = 0; i < n; i++) \
        ((T *)out->data)[rows ? rows[i] : i] = ((const T *)lane->data)[at[i]];

/* Values of n found keys, at rows[] (NULL: at 0, 1...). */
static void fetch(const wr_join_lane *lane, const uint64_t *at, const uint16_t *rows, uint32_t n,
                  uint32_t cap, wr_arena *arena, wr_column *out)
{
    switch (wr_phys_size(lane->phys)) {
    case 1:
        FETCH(uint8_t) break;
    case 2:
        FETCH(uint16_t) break;
    case 4:
        FETCH(uint32_t) break;
    default:
        FETCH(uint64_t) break;
    }
    if (!lane->nulls) return;
    uint64_t *valid = wr_column_need_valid(out, arena, cap);
    for (uint32_t i = 0; i < n; i++)
        if (wr_bit_get(lane->nulls, at[i])) wr_bit_clear(valid, rows ? rows[i] : i);
}

static void fetch_keys(const wr_join *j, const uint64_t *at, const uint16_t *rows, uint32_t n,
                       wr_column *out)
{
    int64_t *to = out->data;
    for (uint32_t i = 0; i < n; i++)
        to[rows ? rows[i] : i] = (int64_t)(at[i] + (uint64_t)j->lo);
}

/* A column of the build side. rows NULL: compact; else at these rows of cap. seen: the values of
 * j->mark, if they are known by row and may stay so. */
static void build_column(const wr_join *j, int slot, const uint64_t *at, const uint16_t *rows,
                         uint32_t n, uint32_t cap, bool missing, void *seen, wr_arena *arena,
                         wr_column *out)
{
    const wr_type *type = j->layout.types[slot];
    const wr_join_lane *lane = &j->lanes[slot];
    bool is_key = slot == j->key_slots[0];
    bool is_seen = seen && lane == j->mark;
    if (is_seen)
        *out =
            (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)lane->phys, .data = seen};
    else
        wr_column_init(out, arena, type, is_key ? WR_P_I64 : lane->phys, WR_MAX(cap, 1u));
    out->rows = cap;
    if (missing) { /* only what is found is there */
        uint64_t *valid = wr_column_need_valid(out, arena, WR_MAX(cap, 1u));
        memset(valid, 0, (cap + 63) / 64 * sizeof *valid);
        for (uint32_t i = 0; i < n; i++)
            wr_bit_set(valid, rows[i]);
    }
    if (is_key) {
        fetch_keys(j, at, rows, n, out);
        if (type->phys == WR_P_I64) return;
        void *narrow = wr_arena_alloc(arena, wr_phys_size(type->phys) * cap + 64);
        wr_kern()->move->convert[WR_P_I64][type->phys](out->data, 0, narrow, cap);
        out->data = narrow;
        out->phys = (uint8_t)type->phys;
        return;
    }
    if (!is_seen) fetch(lane, at, rows, n, WR_MAX(cap, 1u), arena, out);
    if (!is_int_lane(type) || lane->lo == INT64_MIN) return;
    out->has_bounds = true;
    out->lo = lane->lo;
    out->hi = lane->hi;
}

/* Selected rows whose keys are there, and where. seen: gets the values of j->mark, by row. */
static uint32_t find_keys(const wr_join *j, const wr_column *key, const wr_batch *in,
                          uint64_t *found, uint16_t *rows, void *seen)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(in), n = 0;
    uint64_t lo = (uint64_t)j->lo, span = (uint64_t)j->hi - lo;
    bool any_null = wr_keys_ints(key, in->sel, count, values, nulls);
    if (j->mark) {
        uint64_t keys[WR_BATCH_ROWS];
        for (uint32_t i = 0; i < count; i++)
            keys[i] = any_null && nulls[i] ? UINT64_MAX : (uint64_t)values[i] - lo;
        return marks[mark_of(j->mark)].look(j->mark->data, j->mark->absent, keys, span, in->sel,
                                            count, found, rows, seen);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)values[i] - lo;
        bool in_range = at <= span;
        at = in_range ? at : 0;
        found[n] = at;
        rows[n] = (uint16_t)wr_batch_row(in, i);
        n += in_range & wr_bit_get(j->present, at) & !(any_null && nulls[i]);
    }
    return n;
}

weir_status wr_join_array_push(wr_join *j, wr_join_local *me, const wr_batch *in, wr_batch *out)
{
    uint64_t found[WR_BATCH_ROWS + 1];
    uint16_t at[WR_BATCH_ROWS + 1];
    wr_arena *scratch = &me->base.scratch;
    WR_TRY(wr_exec_check(j->op.exec));
    WR_TRY(wr_exprs_sift(&j->probe_keys, &me->probe_keys, j->op.exec, in, &in));
    wr_arena_reset(scratch);
    void *seen = NULL;
    if (j->mark) seen = wr_arena_alloc(scratch, wr_phys_size(j->mark->phys) * in->rows + 64);
    uint32_t n = find_keys(j, &me->probe_keys.out[0], in, found, at, seen);
    bool all = n == in->rows, compact = !j->probe_outer && n * POSITIONAL_SHARE < in->rows;
    *out = (wr_batch){.column_count = j->op.node->schema.count};
    out->rows = compact ? n : in->rows;
    memcpy(me->sel, at, n * sizeof *at);
    if (j->probe_outer)
        out->sel = in->sel, out->sel_count = in->sel_count;
    else if (!compact && !all)
        out->sel = me->sel, out->sel_count = n;
    bool missing = j->probe_outer && n < wr_batch_count(in);
    const uint16_t *rows = compact || all ? NULL : me->sel;
    out->columns = wr_new_array(scratch, wr_column, out->column_count + 1);
    for (int c = 0; c < out->column_count && out->rows > 0; c++) {
        wr_join_source from = j->output[c];
        if (from.side == WR_FROM_BUILD)
            build_column(j, from.index, found, rows, n, out->rows, missing, compact ? NULL : seen,
                         scratch, &out->columns[c]);
        else if (compact)
            wr_column_gather(&in->columns[from.index], me->sel, n, scratch, &out->columns[c]);
        else
            out->columns[c] = in->columns[from.index];
    }
    return WR_OK;
}
