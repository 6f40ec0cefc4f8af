/* join.c - the build side of joins: storing rows, choosing and filling the table, publishing
 * runtime filters.
 *
 * Only the columns that the output, the residual or the keys need are stored. After the last row
 * the table is chosen: an array or a bitmap indexed by the key when there is one integer key of a
 * range at most 8 times the number of rows, else a directory of chains. Workers insert side by
 * side; rows are inserted last to first, so that a chain gives them in input order. Rows whose key
 * has a NULL are never in the table (unless NULLs match); they are stored when the kind needs them
 * at the end. When the rows or the table would not fit, both sides go to temporary files
 * (join_spill.c). */
#include "exec/ops/join.h"

enum {
    DENSE_FACTOR = 8,
    DENSE_SMALL = 1 << 16,
    HEADS_MIN = 64,
    FILTER_BITS_MAX = 1 << 27,
    FILTER_BITS_NEAR = 1 << 23,
    FILTER_SPARSE = 128,
    HEAD_BYTES = 32,  /* of the directory per row, at most */
    SPILL_SHARE = 50, /* tables stay as long as the probe runs: the rest is for what comes after */
    LITTLE_ROWS = 4096,
    SMALL_SHARE = 64 /* tables below this part of the limit are kept whatever the pressure */
};

static int left_count(const wr_join *j) { return j->op.node->inputs[0]->schema.count; }
static int probe_first(const wr_join *j) { return j->build_left ? left_count(j) : 0; }
static int build_first(const wr_join *j) { return j->build_left ? 0 : left_count(j); }
static const wr_schema *build_schema(const wr_join *j)
{
    return &j->op.node->inputs[j->build_left ? 0 : 1]->schema;
}

static void set_kind(wr_join *j)
{
    const wr_plan_node *node = j->op.node;
    wr_join_kind kind = j->kind = node->join.kind;
    bool left = j->build_left = node->join.build_left;
    bool flags = kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK;
    bool keeps_left = kind == WR_JOIN_LEFT || kind == WR_JOIN_SINGLE || kind == WR_JOIN_FULL;
    bool keeps_right = kind == WR_JOIN_RIGHT || kind == WR_JOIN_FULL;
    j->gives_pairs = !flags;
    j->probe_outer = left ? keeps_right : keeps_left;
    j->build_outer = left ? keeps_left : keeps_right;
    j->tracks_build = j->build_outer || (flags && left) || (kind == WR_JOIN_SINGLE && left);
    j->key_count = node->join.key_count;
    j->mark_is_complex = kind == WR_JOIN_MARK && j->key_count > 0 &&
                         (j->key_count > 1 || node->join.residual) &&
                         !node->join.keys[0].null_equal;
    j->only_membership =
        flags && !left && !node->join.residual && !j->mark_is_complex && j->key_count > 0;
    for (int k = 0; k < j->key_count; k++)
        if (node->join.keys[k].null_equal) j->null_equal |= UINT64_C(1) << k;
}

typedef struct needs {
    wr_join *join;
    bool *needed;
} needs;

static bool note_needed(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_COLUMN) ((needs *)arg)->needed[e->column] = true;
    return true;
}

/* Lays out the build rows: needed columns, then keys that are not plain columns. */
static void lay_out(wr_join *j)
{
    const wr_plan_node *node = j->op.node;
    wr_arena *arena = &j->op.arena;
    const wr_schema *schema = build_schema(j);
    bool *needed = wr_new_array(arena, bool, j->combined_count + 1);
    for (int i = 0; i < node->schema.count; i++)
        if (node->join.output[i] < j->combined_count) needed[node->join.output[i]] = true;
    for (int i = 0; i < j->combined_count; i++)
        needed[i] |= j->combined_needed[i];
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + j->key_count + 1);
    int *slot_of = wr_new_array(arena, int, schema->count + 1);
    j->stored = wr_new_array(arena, int, schema->count + 1);
    j->key_slots = wr_new_array(arena, int, j->key_count + 1);
    for (int k = 0; k < j->key_count; k++) {
        const wr_expr *e = j->build_left ? node->join.keys[k].left : node->join.keys[k].right;
        if (e->kind == WR_X_COLUMN) needed[build_first(j) + (int)e->column] = true;
    }
    for (int c = 0; c < schema->count; c++) {
        slot_of[c] = -1;
        if (!needed[build_first(j) + c]) continue;
        slot_of[c] = j->stored_count;
        types[j->stored_count] = schema->fields[c].type;
        j->stored[j->stored_count++] = c;
    }
    int slots = j->stored_count;
    for (int k = 0; k < j->key_count; k++) {
        const wr_expr *e = j->build_left ? node->join.keys[k].left : node->join.keys[k].right;
        if (e->kind == WR_X_COLUMN) {
            j->key_slots[k] = slot_of[e->column];
        } else {
            j->key_slots[k] = slots;
            types[slots++] = e->type;
        }
    }
    wr_rows_layout_init(&j->layout, arena, types, slots, WR_JX_WORDS * 8);
    j->combined = wr_new_array(arena, wr_join_source, j->combined_count + 1);
    for (int c = 0; c < j->combined_count; c++) {
        bool is_build = c >= build_first(j) && c < build_first(j) + schema->count;
        j->combined[c].side = is_build ? WR_FROM_BUILD : WR_FROM_PROBE;
        j->combined[c].index = is_build ? slot_of[c - build_first(j)] : c - probe_first(j);
    }
    j->output = wr_new_array(arena, wr_join_source, node->schema.count + 1);
    for (int i = 0; i < node->schema.count; i++) {
        int from = node->join.output[i];
        if (from == j->combined_count)
            j->output[i].side = WR_FROM_MARK;
        else
            j->output[i] = j->combined[from];
    }
}

static weir_status join_open(wr_op *op)
{
    wr_join *j = (wr_join *)op;
    const wr_plan_node *node = op->node;
    set_kind(j);
    if (j->kind == WR_JOIN_MARK && j->build_left)
        return wr_fail(WR_E_INTERNAL, "a mark join cannot store its left side");
    if (j->key_count > 63) return wr_fail(WR_E_TOO_BIG, "a join has more than 63 keys");
    j->combined_count = left_count(j) + node->inputs[1]->schema.count;
    j->combined_needed = wr_new_array(&op->arena, bool, j->combined_count + 1);
    if (node->join.residual) {
        needs n = {j, j->combined_needed};
        wr_expr *residual = node->join.residual;
        bool many = residual->kind == WR_X_AND;
        wr_expr_walk(residual, note_needed, &n);
        WR_TRY(wr_exprs_open(&j->residual, op, many ? residual->args : &residual,
                             many ? residual->arg_count : 1));
    }
    lay_out(j);
    wr_expr **build = wr_new_array(&op->arena, wr_expr *, j->key_count + 1);
    wr_expr **probe = wr_new_array(&op->arena, wr_expr *, j->key_count + 1);
    for (int k = 0; k < j->key_count; k++) {
        build[k] = j->build_left ? node->join.keys[k].left : node->join.keys[k].right;
        probe[k] = j->build_left ? node->join.keys[k].right : node->join.keys[k].left;
    }
    j->filters = wr_new_array(&op->arena, __typeof__(*j->filters), j->key_count + 1);
    WR_TRY(wr_join_spill_open(j));
    j->can_be_dense = j->key_count == 1 && !j->mark_is_complex && wr_keys_is_int(build[0]->type) &&
                      !(j->null_equal & 1);
    j->takes_pieces = wr_join_can_be_array(j);
    WR_TRY(wr_exprs_open(&j->build_keys, op, build, j->key_count));
    return wr_exprs_open(&j->probe_keys, op, probe, j->key_count);
}

/* ---- storing ---- */

static weir_status join_local_open(wr_op *op, wr_op_local *local)
{
    wr_join *j = (wr_join *)op;
    wr_join_local *me = (wr_join_local *)local;
    me->ranges = wr_heap_new(sizeof *me->ranges * (size_t)(j->key_count + 1));
    return wr_rows_new(op->mem, &j->layout, &me->rows);
}

/* Rows that can match: no NULL in a key that does not match NULLs. */
static uint32_t without_nulls(const wr_join *j, wr_join_local *me, const wr_batch *in,
                              uint16_t *sel)
{
    uint32_t count = wr_batch_count(in);
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)wr_batch_row(in, i);
    for (int k = 0; k < j->key_count; k++) {
        const wr_column *c = &me->build_keys.out[k];
        if ((j->null_equal >> k & 1) || wr_column_has_no_nulls(c)) continue;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < count; i++) {
            bool null = wr_column_is_null(c, sel[i]);
            sel[kept] = sel[i];
            kept += !null || (k == 0 && j->mark_is_complex);
            me->nulls += null && k == 0;
        }
        count = kept;
    }
    return count;
}

static void note_ranges(const wr_join *j, wr_join_local *me, const uint16_t *sel, uint32_t count)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    for (int k = 0; k < j->key_count; k++) {
        const wr_column *c = &me->build_keys.out[k];
        bool asked = j->op.node->join.publish && j->op.node->join.publish[k];
        if (!wr_keys_is_int(c->type) || (!asked && !j->can_be_dense)) continue;
        wr_key_range *r = &me->ranges[k];
        wr_keys_ints(c, sel, count, values, nulls);
        for (uint32_t i = 0; i < count; i++) {
            if (nulls[i]) continue;
            r->lo = r->any ? WR_MIN(r->lo, values[i]) : values[i];
            r->hi = r->any ? WR_MAX(r->hi, values[i]) : values[i];
            r->any = true;
        }
    }
}

static void hash_batch(const wr_join *j, wr_join_local *me, const uint16_t *sel, uint32_t count,
                       uint8_t *const *rows)
{
    int keys = j->key_count;
    wr_column *flat = wr_new_array(&me->base.scratch, wr_column, keys);
    uint64_t hashes[WR_BATCH_ROWS];
    wr_keys_flatten(me->build_keys.out, keys, sel, count, &me->base.scratch, flat);
    wr_keys_hash(flat, keys, sel, count, hashes);
    for (uint32_t i = 0; i < count; i++)
        wr_row_extra(&j->layout, rows[i])[WR_JX_HASH] = hashes[i];
}

static weir_status join_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_join *j = (wr_join *)op;
    wr_join_local *me = (wr_join_local *)local;
    uint16_t good[WR_BATCH_ROWS];
    *flow = WR_FLOW_NEXT;
    WR_TRY(wr_exprs_run(&j->build_keys, &me->build_keys, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    uint32_t count = without_nulls(j, me, in, good);
    const uint16_t *sel = good;
    note_ranges(j, me, sel, count);
    if (j->tracks_build) { /* rows that cannot match still have to come out */
        sel = in->sel;
        count = wr_batch_count(in);
    }
    wr_column *columns = wr_new_array(&local->scratch, wr_column, j->layout.column_count + 1);
    for (int c = 0; c < j->stored_count; c++)
        columns[c] = in->columns[j->stored[c]];
    for (int k = 0; k < j->key_count; k++)
        if (j->key_slots[k] >= j->stored_count) columns[j->key_slots[k]] = me->build_keys.out[k];
    uint8_t *rows[WR_BATCH_ROWS];
    if (j->takes_pieces && wr_rows_count(me->rows) == 0 && me->spilled_rows == 0) {
        WR_TRY(wr_join_add_piece(j, me, columns, sel, count));
        bool is_short =
            wr_spill_is_due(op, me->piece_bytes, me->piece_rows * HEAD_BYTES * 2, SPILL_SHARE);
        if (!is_short) return WR_OK;
        WR_TRY(wr_join_pieces_to_rows(j, me));
        return wr_join_spill_build(j, me);
    }
    WR_TRY(wr_rows_append(me->rows, columns, sel, count, rows));
    if (!j->can_be_dense && j->key_count > 0 && count > 0) hash_batch(j, me, sel, count, rows);
    uint64_t need = wr_rows_count(me->rows) * HEAD_BYTES;
    bool is_due = wr_spill_is_due(op, wr_rows_bytes(me->rows), need, SPILL_SHARE);
    return is_due ? wr_join_spill_build(j, me) : WR_OK;
}

/* ---- the table ---- */

static void add_up(wr_join *j, wr_key_range *ranges)
{
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        wr_join_local *me = (wr_join_local *)j->op.locals[w];
        if (!me) continue;
        j->rows += wr_rows_count(me->rows) + me->spilled_rows + me->piece_rows;
        j->nulls += me->nulls;
        for (int k = 0; k < j->key_count; k++) {
            const wr_key_range *r = &me->ranges[k];
            if (!r->any) continue;
            ranges[k].lo = ranges[k].any ? WR_MIN(ranges[k].lo, r->lo) : r->lo;
            ranges[k].hi = ranges[k].any ? WR_MAX(ranges[k].hi, r->hi) : r->hi;
            ranges[k].any = true;
        }
    }
}

static weir_status take_zeroed(wr_join *j, uint64_t words, uint64_t **out)
{
    return wr_mem_zalloc(j->op.mem, words * sizeof(uint64_t), (void **)out);
}

static weir_status choose_table(wr_join *j, const wr_key_range *ranges)
{
    if (j->key_count == 0) {
        j->table = WR_TABLE_NONE;
        j->all_count = j->rows;
        return take_zeroed(j, j->rows + 1, (uint64_t **)(void *)&j->all);
    }
    const wr_key_range *r = &ranges[0];
    uint64_t span = r->any ? (uint64_t)r->hi - (uint64_t)r->lo : 0;
    if (j->can_be_dense && span < WR_MAX((uint64_t)DENSE_SMALL, j->rows * DENSE_FACTOR)) {
        j->lo = r->lo;
        j->hi = r->any ? r->hi : r->lo - 1;
        j->table = j->only_membership ? WR_TABLE_BITS : WR_TABLE_DENSE;
        if (j->only_membership) {
            j->bit_words = span / 64 + 1;
            wr_op_note(&j->op, "bitmap of %llu", (unsigned long long)span + 1);
            return take_zeroed(j, j->bit_words, &j->bits);
        }
        j->head_count = span + 1;
        wr_op_note(&j->op, "dense array of %llu", (unsigned long long)span + 1);
    } else {
        j->table = WR_TABLE_HASH;
        j->head_count = HEADS_MIN;
        while (j->head_count < j->rows * 2)
            j->head_count *= 2;
        if (j->mark_is_complex)
            WR_TRY(take_zeroed(j, j->head_count, (uint64_t **)(void *)&j->rest_heads));
        wr_op_note(&j->op, "hash table of %llu", (unsigned long long)j->head_count);
    }
    return take_zeroed(j, j->head_count, (uint64_t **)(void *)&j->heads);
}

static bool has_null_key(const wr_join *j, const uint8_t *row)
{
    for (int k = 0; k < j->key_count; k++)
        if (!(j->null_equal >> k & 1) && wr_row_is_null(row, j->key_slots[k])) return true;
    return false;
}

/* Ints of the table's key of some rows. */
static void key_ints(const wr_join *j, int key, uint8_t *const *rows, uint32_t n, int64_t *values,
                     uint8_t *nulls)
{
    WR_ARENA(scratch);
    wr_column c;
    wr_rows_gather(&j->layout, j->key_slots[key], rows, n, &scratch, &c);
    wr_keys_ints(&c, NULL, n, values, nulls);
}

void wr_join_hash_rows(const wr_join *j, uint8_t *const *rows, uint32_t n)
{
    WR_ARENA(scratch);
    wr_column *keys = wr_new_array(&scratch, wr_column, j->key_count + 1);
    uint64_t hashes[WR_BATCH_ROWS];
    for (int k = 0; k < j->key_count; k++)
        wr_rows_gather(&j->layout, j->key_slots[k], rows, n, &scratch, &keys[k]);
    wr_keys_hash(keys, j->key_count, NULL, n, hashes);
    for (uint32_t i = 0; i < n; i++)
        wr_row_extra(&j->layout, rows[i])[WR_JX_HASH] = hashes[i];
}

/* link: the extra word that chains rows. */
static void push_front(const wr_join *j, _Atomic uint64_t *head, uint64_t tag, int link,
                       uint8_t *row)
{
    uint64_t old = atomic_load_explicit(head, memory_order_relaxed), fresh;
    do {
        wr_row_extra(&j->layout, row)[link] = old & WR_JOIN_ADDRESS;
        fresh = (uint64_t)(uintptr_t)row | (old & ~WR_JOIN_ADDRESS) | tag;
    } while (!atomic_compare_exchange_weak_explicit(head, &old, fresh, memory_order_release,
                                                    memory_order_relaxed));
}

/* Into the table of all keys but the first. */
static void insert_rest(wr_join *j, uint8_t *const *rows, uint32_t n)
{
    WR_ARENA(scratch);
    wr_column *keys = wr_new_array(&scratch, wr_column, j->key_count);
    uint64_t hashes[WR_BATCH_ROWS] = {0};
    for (int k = 1; k < j->key_count; k++)
        wr_rows_gather(&j->layout, j->key_slots[k], rows, n, &scratch, &keys[k - 1]);
    if (j->key_count > 1) wr_keys_hash(keys, j->key_count - 1, NULL, n, hashes);
    for (uint32_t i = n; i-- > 0;)
        push_front(j, &j->rest_heads[hashes[i] & (j->head_count - 1)], wr_join_tag(hashes[i]),
                   WR_JX_REST, rows[i]);
}

/* Puts n rows, last first, into the table. */
static void insert(wr_join *j, uint8_t *const *rows, uint32_t n)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    if (j->table == WR_TABLE_HASH && j->can_be_dense) wr_join_hash_rows(j, rows, n);
    if (j->rest_heads) insert_rest(j, rows, n);
    if (j->table == WR_TABLE_DENSE || j->table == WR_TABLE_BITS)
        key_ints(j, 0, rows, n, values, nulls);
    for (uint32_t i = n; i-- > 0;) {
        if (j->tracks_build && has_null_key(j, rows[i])) continue;
        if (j->table == WR_TABLE_BITS) {
            uint64_t at = (uint64_t)values[i] - (uint64_t)j->lo;
            __atomic_fetch_or(&j->bits[at >> 6], UINT64_C(1) << (at & 63), __ATOMIC_RELAXED);
        } else if (j->table == WR_TABLE_DENSE) {
            push_front(j, &j->heads[(uint64_t)values[i] - (uint64_t)j->lo], 0, WR_JX_NEXT, rows[i]);
        } else {
            uint64_t hash = wr_row_extra(&j->layout, rows[i])[WR_JX_HASH];
            push_front(j, &j->heads[hash & (j->head_count - 1)], wr_join_tag(hash), WR_JX_NEXT,
                       rows[i]);
        }
    }
}

/* All rows of one worker. */
static weir_status insert_part(wr_join *j, wr_join_local *me)
{
    uint64_t count = wr_rows_count(me->rows), at = 0;
    if (count == 0) return WR_OK;
    void *memory;
    WR_TRY(wr_mem_alloc(j->op.mem, count * sizeof(uint8_t *), &memory));
    uint8_t **rows = memory;
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(me->rows, &cursor, rows + at, WR_BATCH_ROWS)) > 0;)
        at += n;
    weir_status bad = WR_OK;
    while (at > 0 && !bad) {
        uint32_t n = (uint32_t)WR_MIN(at, (uint64_t)WR_BATCH_ROWS);
        at -= n;
        insert(j, rows + at, n);
        bad = wr_exec_check(j->op.exec);
    }
    wr_mem_free(j->op.mem, memory, count * sizeof(uint8_t *));
    return bad;
}

static void list_all(wr_join *j)
{
    uint64_t at = 0;
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        wr_join_local *me = (wr_join_local *)j->op.locals[w];
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t n;
             me && (n = wr_rows_next(me->rows, &cursor, j->all + at, WR_BATCH_ROWS)) > 0;)
            at += n;
    }
}

/* ---- runtime filters ---- */

typedef void fill_fn(wr_join *j, int key, uint8_t *const *rows, uint32_t n, uint64_t *words,
                     uint64_t mask, int64_t lo);

static weir_status for_tape(wr_join *j, int key, fill_fn *fill, uint64_t *words, uint64_t mask,
                            int64_t lo, const wr_tape *tape)
{
    wr_tape_reader reader = {0};
    WR_TRY(wr_tape_open(&reader, &j->spill, tape, &j->layout));
    weir_status bad = WR_OK;
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t n;;) {
        bad = wr_tape_next(&reader, rows, WR_BATCH_ROWS, &n);
        if (bad || n == 0) break;
        fill(j, key, rows, n, words, mask, lo);
    }
    wr_tape_close(&reader);
    return bad;
}

/* Calls fill for every batch of stored rows. */
static weir_status for_rows(wr_join *j, int key, fill_fn *fill, uint64_t *words, uint64_t mask,
                            int64_t lo)
{
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        wr_join_local *me = (wr_join_local *)j->op.locals[w];
        wr_rows_cursor cursor = {0, 0};
        uint8_t *rows[WR_BATCH_ROWS];
        for (uint32_t n; me && (n = wr_rows_next(me->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
            WR_TRY(wr_exec_check(j->op.exec));
            fill(j, key, rows, n, words, mask, lo);
        }
        for (int p = 0; me && me->build_tapes && p < wr_spill_parts(&j->op); p++)
            WR_TRY(for_tape(j, key, fill, words, mask, lo, &me->build_tapes[p]));
    }
    return WR_OK;
}

/* Rows that are kept though another key of theirs is NULL may lie outside the range: they match
 * nothing. mask: the number of words - 1. */
static void fill_bits(wr_join *j, int key, uint8_t *const *rows, uint32_t n, uint64_t *words,
                      uint64_t mask, int64_t lo)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    key_ints(j, key, rows, n, values, nulls);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)values[i] - (uint64_t)lo;
        if (!nulls[i] && at >> 6 <= mask) wr_bit_set(words, at);
    }
}

static void fill_bloom(wr_join *j, int key, uint8_t *const *rows, uint32_t n, uint64_t *words,
                       uint64_t mask, int64_t lo)
{
    WR_ARENA(scratch);
    wr_column c;
    uint64_t hashes[WR_BATCH_ROWS];
    (void)lo;
    wr_rows_gather(&j->layout, j->key_slots[key], rows, n, &scratch, &c);
    wr_keys_hash(&c, 1, NULL, n, hashes);
    for (uint32_t i = 0; i < n; i++)
        words[wr_bloom_word(hashes[i], mask)] |= wr_bloom_bits(hashes[i]);
}

static weir_status publish_one(wr_join *j, int key, wr_filter_state *f, const wr_key_range *r)
{
    bool is_int = wr_keys_is_int(j->layout.types[j->key_slots[key]]);
    f->keeps_nulls = j->null_equal >> key & 1;
    f->is_empty = is_int ? !r->any : j->rows == 0;
    uint64_t span = is_int && r->any ? (uint64_t)r->hi - (uint64_t)r->lo : 0;
    if (is_int && !f->is_empty) {
        f->is_int = true;
        f->lo = r->lo;
        f->hi = r->hi;
    }
    uint64_t most = wr_mem_room(j->op.mem) / 8 / sizeof(uint64_t); /* words, when memory is short */
    if (j->table == WR_TABLE_ARRAY) { /* its bitmap is what is wanted */
        f->bits = j->present;
    } else if (!f->is_empty && WR_MIN(span / 64, j->rows / 4) + 64 < most) {
        /* A bit per value of the range is looked up without hashing: while it stays in the cache of
         * a core it may be sparse. */
        bool exact = is_int && span < FILTER_BITS_MAX &&
                     (span / DENSE_FACTOR <= WR_MAX(j->rows, (uint64_t)DENSE_SMALL) ||
                      (span < FILTER_BITS_NEAR && span / FILTER_SPARSE <= j->rows));
        uint64_t words = exact ? span / 64 + 1 : 64;
        while (!exact && words * 4 < j->rows)
            words *= 2;
        WR_TRY(take_zeroed(j, words, &j->filters[key].words));
        j->filters[key].count = words;
        WR_TRY(for_rows(j, key, exact ? fill_bits : fill_bloom, j->filters[key].words, words - 1,
                        r->lo));
        if (exact)
            f->bits = j->filters[key].words;
        else
            f->bloom = j->filters[key].words;
        f->bloom_mask = words - 1;
    }
    atomic_store_explicit(&f->ready, true, memory_order_release);
    return WR_OK;
}

/* Legal only when a probe row without a match has no effect. */
static weir_status publish(wr_join *j, const wr_key_range *ranges)
{
    const wr_plan_node *node = j->op.node;
    bool flags_probe = !j->build_left && (j->kind == WR_JOIN_ANTI || j->kind == WR_JOIN_MARK);
    if (!node->join.publish || j->probe_outer || flags_probe) return WR_OK;
    for (int k = 0; k < j->key_count; k++) {
        wr_filter_state *f = wr_filter_of(j->op.exec, node->join.publish[k]);
        if (f) WR_TRY(publish_one(j, k, f, &ranges[k]));
    }
    return WR_OK;
}

/* Whether the table would leave too little for what comes after it. */
static bool is_too_large(const wr_join *j)
{
    uint64_t room = wr_mem_room(j->op.mem), limit = wr_mem_limit(j->op.mem), bytes = 0;
    if (room == UINT64_MAX) return false;
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        const wr_join_local *me = (const wr_join_local *)j->op.locals[w];
        bytes += me ? wr_rows_bytes(me->rows) : 0;
    }
    uint64_t heads = j->rows * HEAD_BYTES;
    return bytes + heads > limit / SMALL_SHARE &&
           room < heads + limit / 100 * (100 - SPILL_SHARE) * 3 / 4;
}

/* The table, or (is_spilled) what is left in memory written out: a task per worker, and one for the
 * runtime filters, which is begun first. */
static weir_status begin_finish(wr_join *j, int *tasks)
{
    wr_op *op = &j->op;
    wr_key_range *ranges = j->ranges = wr_new_array(&op->arena, wr_key_range, j->key_count + 1);
    add_up(j, ranges);
    op->has_little = j->rows < LITTLE_ROWS;
    if (!j->is_spilled && is_too_large(j)) j->is_spilled = true;
    if (j->is_spilled) {
        wr_op_note(op, "partitions of %llu rows", (unsigned long long)j->rows);
        WR_TRY(publish(j, ranges)); /* reads what the tasks write out */
    } else {
        WR_TRY(choose_table(j, ranges));
    }
    bool probe_matters =
        j->probe_outer || (!j->build_left && (j->kind == WR_JOIN_ANTI || j->kind == WR_JOIN_MARK));
    if (j->rows == 0 && !probe_matters) op->stopped = true;
    if (j->table == WR_TABLE_NONE && !j->is_spilled)
        list_all(j);
    else
        *tasks = wr_exec_workers(op->exec) + !j->is_spilled;
    return WR_OK;
}

/* Pieces become arrays if they can; a task per worker. */
static weir_status begin_pieces(wr_join *j, int *tasks)
{
    bool any = false, all = true, planned = false;
    uint64_t rows = 0;
    wr_key_range range = {0};
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++) {
        const wr_join_local *me = (const wr_join_local *)j->op.locals[w];
        if (!me) continue;
        any |= me->pieces != NULL;
        all &= wr_rows_count(me->rows) == 0 && me->spilled_rows == 0;
        rows += me->piece_rows;
        if (!me->ranges[0].any) continue;
        range.lo = range.any ? WR_MIN(range.lo, me->ranges[0].lo) : me->ranges[0].lo;
        range.hi = range.any ? WR_MAX(range.hi, me->ranges[0].hi) : me->ranges[0].hi;
        range.any = true;
    }
    j->op.has_little = rows < LITTLE_ROWS;
    *tasks = any ? wr_exec_workers(j->op.exec) : -1;
    if (any && all && !j->is_spilled) WR_TRY(wr_join_plan_array(j, &range, rows, &planned));
    j->step = planned ? WR_JOIN_ARRAYS : WR_JOIN_ROWS;
    return WR_OK;
}

/* The arrays are full: they are the table, or, with a key that came twice, nothing. */
static weir_status finish_arrays(wr_join *j, int *tasks)
{
    uint64_t rows = 0;
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++)
        if (j->op.locals[w]) rows += ((const wr_join_local *)j->op.locals[w])->piece_rows;
    wr_join_check_array(j, rows);
    if (j->has_repeats) {
        wr_join_drop_array(j);
        j->table = WR_TABLE_NONE;
        j->step = WR_JOIN_ROWS;
        *tasks = wr_exec_workers(j->op.exec);
        return WR_OK;
    }
    wr_key_range *ranges = wr_new_array(&j->op.arena, wr_key_range, j->key_count + 1);
    add_up(j, ranges);
    for (int w = 0; w < wr_exec_workers(j->op.exec); w++)
        if (j->op.locals[w]) wr_join_drop_pieces(j, (wr_join_local *)j->op.locals[w]);
    return publish(j, ranges);
}

static weir_status join_finish(wr_op *op, int phase, int *tasks)
{
    wr_join *j = (wr_join *)op;
    *tasks = -1;
    if (phase == 0) {
        WR_TRY(begin_pieces(j, tasks));
        if (*tasks >= 0) return WR_OK;
    }
    if (j->step == WR_JOIN_ARRAYS) return finish_arrays(j, tasks);
    if (j->step == WR_JOIN_ROWS) {
        j->step = WR_JOIN_TABLE;
        return begin_finish(j, tasks);
    }
    if (j->table != WR_TABLE_BITS) return WR_OK;
    for (int w = 0; w < wr_exec_workers(op->exec); w++) { /* the bitmap says it all */
        wr_join_local *me = (wr_join_local *)op->locals[w];
        if (me) wr_rows_empty(me->rows);
    }
    return WR_OK;
}

static weir_status join_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    wr_join *j = (wr_join *)op;
    (void)phase;
    (void)local;
    if (j->step == WR_JOIN_TABLE && !j->is_spilled && index-- == 0) return publish(j, j->ranges);
    wr_join_local *part = (wr_join_local *)op->locals[index];
    if (!part) return WR_OK;
    if (j->step == WR_JOIN_ARRAYS) return wr_join_fill_array(j, part);
    if (j->step == WR_JOIN_ROWS) return wr_join_pieces_to_rows(j, part);
    return j->is_spilled ? wr_join_spill_build(j, part) : insert_part(j, part);
}

weir_status wr_join_fill_table(wr_join *j, wr_join_local *me)
{
    j->rows = wr_rows_count(me->rows);
    WR_TRY(choose_table(j, me->ranges));
    if (j->table != WR_TABLE_NONE) return insert_part(j, me);
    list_all(j);
    return WR_OK;
}

static void join_local_close(wr_op *op, wr_op_local *local)
{
    wr_join_local *me = (wr_join_local *)local;
    wr_exprs_close(&me->build_keys);
    wr_exprs_close(&me->probe_keys);
    if (me->residual) wr_eval_drop(me->residual);
    wr_heap_drop(me->sieve);
    wr_join_drop_pieces((wr_join *)op, me);
    wr_rows_drop(me->rows);
    wr_heap_drop(me->ranges);
    wr_arena_clear(&me->batch);
    wr_join_drop_spilled((wr_join *)op, me);
}

void wr_join_drop_table(wr_join *j)
{
    wr_op *op = &j->op;
    if (j->heads)
        wr_mem_free(op->mem, (void *)(uintptr_t)j->heads, j->head_count * sizeof(uint64_t));
    if (j->rest_heads)
        wr_mem_free(op->mem, (void *)(uintptr_t)j->rest_heads, j->head_count * sizeof(uint64_t));
    if (j->bits) wr_mem_free(op->mem, j->bits, j->bit_words * sizeof(uint64_t));
    if (j->all) wr_mem_free(op->mem, j->all, (j->all_count + 1) * sizeof(uint64_t));
    j->heads = j->rest_heads = NULL;
    j->bits = NULL;
    j->all = NULL;
}

static void join_close(wr_op *op)
{
    wr_join *j = (wr_join *)op;
    wr_join_drop_table(j);
    wr_join_drop_array(j);
    wr_join_spill_close(j);
    for (int k = 0; j->filters && k < j->key_count; k++)
        if (j->filters[k].words)
            wr_mem_free(op->mem, j->filters[k].words, j->filters[k].count * sizeof(uint64_t));
}

const wr_op_def wr_op_join = {.name = "join",
                              .size = sizeof(wr_join),
                              .local_size = sizeof(wr_join_local),
                              .open = join_open,
                              .local_open = join_local_open,
                              .local_close = join_local_close,
                              .close = join_close,
                              .push = wr_join_push,
                              .sink = join_sink,
                              .finish = join_finish,
                              .task = join_task};
