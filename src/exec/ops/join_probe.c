/* join_probe.c - runs probe rows past the table.
 *
 * A batch goes through rounds. In a round every open position has one candidate build row; those
 * whose keys agree become pairs, and every position moves on to the next candidate of its chain.
 * Pairs that pass the residual are given out; a position is closed when its chain ends, or as soon
 * as one match is all that matters. What depends on having had no match (outer rows, ANTI, MARK)
 * comes when all positions are closed.
 *
 * Where bad rows are left out (continuous queries), the residual is tried on all pairs of a batch
 * before the first one is given out: a probe row of which a pair fails is told and makes none.
 *
 * When each position has at most one match, which is the common case, the output is the input batch
 * itself with build columns set beside it: nothing of the probe side is copied. */
#include "exec/ops/join.h"

enum { POSITIONAL_SHARE = 4 };

/* ---- a new batch ---- */

/* Opens the positions that have a candidate. */
static void open_dense(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    wr_keys_ints(&me->probe_keys.out[0], in->sel, me->count, values, nulls);
    uint64_t lo = (uint64_t)j->lo, span = (uint64_t)j->hi - lo;
    bool is_empty = j->hi < j->lo;
    if (j->table == WR_TABLE_BITS) {
        for (uint32_t i = 0; i < me->count; i++) {
            uint64_t at = (uint64_t)values[i] - lo;
            me->matched[i] = !nulls[i] && !is_empty && at <= span && wr_bit_get(j->bits, at);
        }
        return;
    }
    for (uint32_t i = 0; i < me->count; i++) {
        uint64_t at = (uint64_t)values[i] - lo;
        bool in_range = !nulls[i] && !is_empty && at <= span;
        uint64_t head = in_range ? atomic_load_explicit(&j->heads[at], memory_order_relaxed) : 0;
        me->chain[i] = (uint8_t *)(uintptr_t)head;
        me->active[me->active_count] = (uint16_t)i;
        me->active_count += head != 0;
    }
}

/* Opens positions list[0...count) with these hashes (by position) in a directory of chains. */
static void open_chains(const wr_join *j, wr_join_local *me, _Atomic uint64_t *heads,
                        const uint64_t *hashes, const uint16_t *list, uint32_t count)
{
    uint64_t mask = j->head_count - 1;
    for (uint32_t a = 0; a < count; a++)
        __builtin_prefetch((const void *)(uintptr_t)&heads[hashes[list[a]] & mask]);
    for (uint32_t a = 0; a < count; a++) {
        uint16_t i = list[a];
        uint64_t head = atomic_load_explicit(&heads[hashes[i] & mask], memory_order_relaxed);
        if (!(head & wr_join_tag(hashes[i]))) head = 0;
        me->chain[i] = (uint8_t *)(uintptr_t)(head & WR_JOIN_ADDRESS);
        me->active[me->active_count] = i;
        me->active_count += me->chain[i] != NULL;
        if (me->chain[i]) __builtin_prefetch(me->chain[i]);
    }
}

/* Opens what the present pass of a complex MARK looks for. */
static void open_mark(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    const wr_column *first = &me->probe_keys.out[0];
    uint64_t hashes[WR_BATCH_ROWS] = {0};
    uint16_t list[WR_BATCH_ROWS];
    uint32_t n = 0;
    bool wants_null = me->mark_pass == WR_MARK_ANY;
    if (me->mark_pass == WR_MARK_UNKNOWN && j->nulls == 0) return;
    for (uint32_t i = 0; i < me->count; i++) {
        list[n] = (uint16_t)i;
        n += !me->matched[i] && wr_column_is_null(first, wr_batch_row(in, i)) == wants_null;
    }
    if (n == 0) return;
    if (me->mark_pass == WR_MARK_UNKNOWN) { /* the first key as NULL */
        wr_column *key = &me->flat[0];
        wr_column_init(key, &me->batch, key->type, (wr_phys)key->type->phys, in->rows);
        key->rows = in->rows;
        memset(wr_column_need_valid(key, &me->batch, in->rows), 0, (in->rows + 63) / 64 * 8);
    }
    int from = wants_null;
    if (j->key_count > from)
        wr_keys_hash(me->flat + from, j->key_count - from, in->sel, me->count, hashes);
    open_chains(j, me, wants_null ? j->rest_heads : j->heads, hashes, list, n);
}

static void open_hashed(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    uint64_t hashes[WR_BATCH_ROWS];
    uint16_t list[WR_BATCH_ROWS];
    me->flat = wr_new_array(&me->batch, wr_column, j->key_count);
    wr_keys_flatten(me->probe_keys.out, j->key_count, in->sel, me->count, &me->batch, me->flat);
    if (j->mark_is_complex) {
        open_mark(j, me, in);
        return;
    }
    for (uint32_t i = 0; i < me->count; i++)
        list[i] = (uint16_t)i;
    wr_keys_hash(me->flat, j->key_count, in->sel, me->count, hashes);
    open_chains(j, me, j->heads, hashes, list, me->count);
}

static void open_positions(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    me->kept = in;
    me->count = wr_batch_count(in);
    me->active_count = 0;
    me->mark_pass = WR_MARK_TRUE;
    me->is_first_round = true;
    me->in_batch = true;
    memset(me->matched, 0, me->count);
    memset(me->unknown, 0, me->count);
    for (uint32_t i = 0; me->carried && i < me->count; i++) {
        me->matched[i] = me->carried[i] & 1;
        me->unknown[i] = me->carried[i] >> 1;
    }
    if (j->table == WR_TABLE_HASH) {
        open_hashed(j, me, in);
    } else if (j->table != WR_TABLE_NONE) {
        open_dense(j, me, in);
    } else {
        me->nested_row = 0;
        me->nested_at = 0;
        me->active_count = j->all_count > 0 ? me->count : 0;
    }
}

/* Some position is open, in this pass or a later one. */
static bool has_open(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    while (me->active_count == 0 && j->mark_is_complex && me->mark_pass < WR_MARK_ANY) {
        me->mark_pass++;
        open_mark(j, me, in);
    }
    return me->active_count > 0;
}

/* ---- pairs ---- */

/* One match decides everything about a probe row. */
static bool one_is_enough(const wr_join *j) { return !j->gives_pairs && !j->build_left; }

/* What a match of the present pass says about its position. */
static uint8_t *verdicts(wr_join_local *me)
{
    return me->mark_pass == WR_MARK_TRUE ? me->matched : me->unknown;
}

static void advance(const wr_join *j, wr_join_local *me)
{
    uint32_t left = 0;
    bool enough = one_is_enough(j), unique = j->gives_pairs && j->op.node->join.keys_unique;
    const uint8_t *decided = verdicts(me);
    int link = me->mark_pass == WR_MARK_ANY ? WR_JX_REST : WR_JX_NEXT;
    for (uint32_t a = 0; a < me->active_count; a++) {
        uint16_t i = me->active[a];
        uint8_t *next = (uint8_t *)(uintptr_t)wr_row_extra(&j->layout, me->chain[i])[link];
        if (enough ? decided[i] : unique && me->unknown[i]) next = NULL;
        me->chain[i] = next;
        me->active[left] = i;
        left += next != NULL;
    }
    me->active_count = left;
}

/* Candidates with equal keys, in me->pair_*: as many rounds as fit. Stops after one round
 * when the residual may close positions. */
static void chain_pairs(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    uint16_t list[WR_BATCH_ROWS];
    int from = me->mark_pass == WR_MARK_ANY;
    uint64_t null_equal = (j->null_equal | j->mark_is_complex) >> from;
    me->pair_count = 0;
    while (me->active_count > 0 && me->pair_count + me->active_count <= WR_BATCH_ROWS) {
        uint32_t n = me->active_count;
        memcpy(list, me->active, n * sizeof *list);
        if (j->table == WR_TABLE_HASH)
            n = wr_keys_match(&j->layout, j->key_slots + from, me->flat + from, j->key_count - from,
                              null_equal, in->sel, me->chain, list, n, NULL, NULL);
        for (uint32_t a = 0; a < n; a++) {
            me->pair_at[me->pair_count] = list[a];
            me->pair_row[me->pair_count++] = me->chain[list[a]];
        }
        bool residual_first = j->residual.count > 0;
        uint8_t *decided = verdicts(me);
        if (one_is_enough(j) && !residual_first)
            for (uint32_t a = 0; a < n; a++)
                decided[list[a]] = 1;
        /* Of unique keys the match found is the only one. unknown has no other use for pairs. */
        for (uint32_t a = 0; j->op.node->join.keys_unique && j->gives_pairs && a < n; a++)
            me->unknown[list[a]] = 1;
        advance(j, me);
        if (residual_first && one_is_enough(j) && n > 0) return;
    }
}

/* Without equality keys: the next stretch of all pairs. */
static void nested_pairs(const wr_join *j, wr_join_local *me)
{
    me->pair_count = 0;
    while (me->nested_row < me->count && me->pair_count < WR_BATCH_ROWS) {
        bool decided = one_is_enough(j) && me->matched[me->nested_row];
        uint64_t left = decided ? 0 : j->all_count - me->nested_at;
        uint32_t n = (uint32_t)WR_MIN(left, (uint64_t)(WR_BATCH_ROWS - me->pair_count));
        for (uint32_t i = 0; i < n; i++) {
            me->pair_at[me->pair_count] = (uint16_t)me->nested_row;
            me->pair_row[me->pair_count++] = j->all[me->nested_at + i];
        }
        me->nested_at += n;
        if (decided || me->nested_at == j->all_count) {
            me->nested_row++;
            me->nested_at = 0;
        }
    }
    if (me->nested_row >= me->count) me->active_count = 0;
}

/* A column of the pairs, compact. */
static void pair_column(const wr_join *j, const wr_join_local *me, const wr_batch *in,
                        const uint16_t *rows, wr_join_source from, wr_arena *arena, wr_column *out)
{
    if (from.side == WR_FROM_BUILD)
        wr_rows_gather(&j->layout, from.index, me->pair_row, me->pair_count, arena, out);
    else
        wr_column_gather(&in->columns[from.index], rows, me->pair_count, arena, out);
}

static void keep_pairs(wr_join_local *me, const uint16_t *kept, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        me->pair_at[i] = me->pair_at[kept[i]];
        me->pair_row[i] = me->pair_row[kept[i]];
    }
    me->pair_count = count;
}

/* bad: hears of pairs for which it fails. NULL: that is an error. */
static weir_status apply_residual(wr_join *j, wr_join_local *me, const wr_batch *in,
                                  wr_bad_rows *bad)
{
    if (j->residual.count == 0 || me->pair_count == 0) return WR_OK;
    if (!me->residual)
        WR_TRY(wr_eval_new(j->residual.program, wr_exec_env(j->op.exec), &me->residual));
    wr_arena *scratch = &me->base.scratch;
    uint16_t rows[WR_BATCH_ROWS], sel[WR_BATCH_ROWS];
    uint32_t count = me->pair_count;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (uint16_t)wr_batch_row(in, me->pair_at[i]);
        sel[i] = (uint16_t)i;
    }
    wr_batch both = {.column_count = j->combined_count, .rows = count};
    both.columns = wr_new_array(scratch, wr_column, j->combined_count + 1);
    for (int c = 0; c < j->combined_count; c++)
        if (j->combined_needed[c])
            pair_column(j, me, in, rows, j->combined[c], scratch, &both.columns[c]);
    WR_TRY(wr_eval_filter_sieved(me->residual, &both, bad, sel, &count));
    keep_pairs(me, sel, count);
    return WR_OK;
}

static void next_pairs(const wr_join *j, wr_join_local *me, const wr_batch *in)
{
    if (j->table == WR_TABLE_NONE)
        nested_pairs(j, me);
    else
        chain_pairs(j, me, in);
}

/* ---- rows of which a pair fails ---- */

typedef struct pair_sifting {
    wr_bad_rows base; /* of pairs */
    wr_bad_rows *rows;
    const wr_join_local *me;
    const wr_batch *in;
    bool any;
    uint8_t is_bad[WR_BATCH_ROWS]; /* by position */
} pair_sifting;

static weir_status tell_pair(wr_bad_rows *self, const wr_batch *both, uint32_t pair,
                             weir_status why)
{
    (void)both;
    pair_sifting *s = (pair_sifting *)(void *)self;
    uint16_t at = s->me->pair_at[pair];
    if (s->is_bad[at]) return WR_OK;
    s->is_bad[at] = 1;
    s->any = true;
    return s->rows->tell(s->rows, s->in, wr_batch_row(s->in, at), why);
}

/* Tries the residual on all pairs; *in becomes the batch without bad rows. Positions are used up.
 */
static weir_status sift_pairs(wr_join *j, wr_join_local *me, const wr_batch **in)
{
    pair_sifting s = {
        .base.tell = tell_pair, .rows = wr_exec_bad_rows(j->op.exec), .me = me, .in = *in};
    while (has_open(j, me, *in)) {
        wr_arena_reset(&me->base.scratch);
        WR_TRY(wr_exec_check(j->op.exec));
        next_pairs(j, me, *in);
        WR_TRY(apply_residual(j, me, *in, &s.base));
    }
    if (!s.any) return WR_OK;
    if (!me->sieve) me->sieve = wr_heap_new(sizeof *me->sieve);
    me->sieve->kept = **in;
    me->sieve->kept.sel = me->sieve->sel;
    me->sieve->kept.sel_count = 0;
    for (uint32_t i = 0; i < me->count; i++)
        if (!s.is_bad[i])
            me->sieve->sel[me->sieve->kept.sel_count++] = (uint16_t)wr_batch_row(*in, i);
    *in = &me->sieve->kept;
    return WR_OK;
}

static weir_status open_batch(wr_join *j, wr_join_local *me, const wr_batch *in)
{
    wr_arena_reset(&me->batch);
    WR_TRY(wr_exprs_sift(&j->probe_keys, &me->probe_keys, j->op.exec, in, &in));
    open_positions(j, me, in);
    if (j->residual.count == 0 || me->carried || !wr_exec_bad_rows(j->op.exec)) return WR_OK;
    WR_TRY(sift_pairs(j, me, &in));
    open_positions(j, me, in);
    return WR_OK;
}

static weir_status note_matches(wr_join *j, wr_join_local *me)
{
    bool single = j->kind == WR_JOIN_SINGLE;
    uint8_t *decided = verdicts(me);
    for (uint32_t i = 0; i < me->pair_count; i++) {
        uint64_t before = 0;
        if (j->tracks_build)
            before = __atomic_exchange_n(&wr_row_extra(&j->layout, me->pair_row[i])[WR_JX_MATCHED],
                                         1, __ATOMIC_RELAXED);
        if (single && (j->build_left ? before != 0 : me->matched[me->pair_at[i]] != 0))
            return wr_with_hint(
                wr_fail(WR_E_CARDINALITY, "a subquery used as a value gave more than one row"),
                "limit it to one row or aggregate it");
        decided[me->pair_at[i]] = 1;
    }
    return WR_OK;
}

/* ---- output ---- */

static void null_column(const wr_type *type, uint32_t rows, wr_arena *arena, wr_column *out)
{
    wr_value null = wr_value_null(type);
    wr_value_column(&null, rows, arena, out);
}

/* Every position has at most one pair: build columns are set beside the probe columns. keep_all:
 * positions without a pair come too, with NULLs. */
static void give_beside(const wr_join *j, wr_join_local *me, const wr_batch *in, bool keep_all,
                        wr_batch *out)
{
    wr_arena *scratch = &me->base.scratch;
    uint8_t **rows = wr_new_array(scratch, uint8_t *, in->rows + 1);
    for (uint32_t i = 0; i < me->pair_count; i++) {
        uint32_t row = wr_batch_row(in, me->pair_at[i]);
        rows[row] = me->pair_row[i];
        me->sel[i] = (uint16_t)row;
    }
    *out = (wr_batch){.column_count = j->op.node->schema.count, .rows = in->rows};
    out->sel = keep_all ? in->sel : me->sel;
    out->sel_count = keep_all ? in->sel_count : me->pair_count;
    out->columns = wr_new_array(scratch, wr_column, out->column_count + 1);
    for (int c = 0; c < out->column_count; c++) {
        if (j->output[c].side == WR_FROM_BUILD)
            wr_rows_gather(&j->layout, j->output[c].index, rows, in->rows, scratch,
                           &out->columns[c]);
        else
            out->columns[c] = in->columns[j->output[c].index];
    }
}

static void give_compact(const wr_join *j, wr_join_local *me, const wr_batch *in, wr_batch *out)
{
    wr_arena *scratch = &me->base.scratch;
    for (uint32_t i = 0; i < me->pair_count; i++)
        me->sel[i] = (uint16_t)wr_batch_row(in, me->pair_at[i]);
    *out = (wr_batch){.column_count = j->op.node->schema.count, .rows = me->pair_count};
    out->columns = wr_new_array(scratch, wr_column, out->column_count + 1);
    for (int c = 0; c < out->column_count; c++)
        pair_column(j, me, in, me->sel, j->output[c], scratch, &out->columns[c]);
}

/* MARK's column at the rows of the batch. */
static void mark_column(const wr_join *j, wr_join_local *me, const wr_batch *in, wr_column *out)
{
    wr_arena *scratch = &me->base.scratch;
    wr_column_init(out, scratch, WR_BOOLEAN, WR_P_U8, WR_MAX(in->rows, 1u));
    out->rows = in->rows;
    bool three_valued = j->key_count > 0 && !(j->null_equal & 1);
    const wr_column *key = three_valued ? &me->probe_keys.out[0] : NULL;
    for (uint32_t i = 0; i < me->count; i++) {
        uint32_t row = wr_batch_row(in, i);
        ((uint8_t *)out->data)[row] = me->matched[i];
        if (me->matched[i] || !three_valued) continue;
        bool unknown = me->unknown[i];
        if (!j->mark_is_complex)
            unknown = j->nulls > 0 || ((j->rows + j->nulls) > 0 && wr_column_is_null(key, row));
        if (unknown) wr_bit_clear(wr_column_need_valid(out, scratch, in->rows), row);
    }
}

/* What comes when all positions are closed. */
static void give_last(const wr_join *j, wr_join_local *me, const wr_batch *in, wr_batch *out)
{
    const wr_schema *schema = &j->op.node->schema;
    wr_arena *scratch = &me->base.scratch;
    uint32_t kept = 0;
    bool wanted = j->kind == WR_JOIN_SEMI;
    for (uint32_t i = 0; i < me->count; i++) {
        me->sel[kept] = (uint16_t)wr_batch_row(in, i);
        kept += j->kind == WR_JOIN_MARK || (me->matched[i] != 0) == wanted;
    }
    *out = (wr_batch){
        .column_count = schema->count, .rows = in->rows, .sel = me->sel, .sel_count = kept};
    if (kept == 0) return;
    out->columns = wr_new_array(scratch, wr_column, schema->count + 1);
    for (int c = 0; c < schema->count; c++) {
        if (j->output[c].side == WR_FROM_PROBE)
            out->columns[c] = in->columns[j->output[c].index];
        else if (j->output[c].side == WR_FROM_MARK)
            mark_column(j, me, in, &out->columns[c]);
        else
            null_column(schema->fields[c].type, in->rows, scratch, &out->columns[c]);
    }
}

weir_status wr_join_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                         wr_flow *flow)
{
    wr_join *j = (wr_join *)op;
    wr_join_local *me = (wr_join_local *)local;
    bool has_last = j->probe_outer || (!j->gives_pairs && !j->build_left);
    if (j->is_spilled) {
        *flow = WR_FLOW_NEXT;
        return wr_join_spill_probe(j, me, in);
    }
    if (j->table == WR_TABLE_ARRAY) {
        *flow = WR_FLOW_NEXT;
        return wr_join_array_push(j, me, in, out);
    }
    if (!me->in_batch) WR_TRY(open_batch(j, me, in));
    in = me->kept;
    *flow = WR_FLOW_AGAIN;
    while (has_open(j, me, in)) {
        wr_arena_reset(&local->scratch);
        WR_TRY(wr_exec_check(op->exec));
        bool first = me->is_first_round;
        me->is_first_round = false;
        next_pairs(j, me, in);
        WR_TRY(apply_residual(j, me, in, NULL));
        bool once = first && me->active_count == 0 && j->table != WR_TABLE_NONE;
        for (uint32_t i = 1; once && i < me->pair_count; i++)
            once = me->pair_at[i] > me->pair_at[i - 1];
        WR_TRY(note_matches(j, me));
        if (!j->gives_pairs) continue;
        if (once && j->probe_outer && !me->carried) {
            me->in_batch = false;
            *flow = WR_FLOW_NEXT;
            give_beside(j, me, in, true, out);
            return WR_OK;
        }
        if (me->pair_count == 0) continue;
        if (me->active_count == 0 && !has_last) {
            me->in_batch = false;
            *flow = WR_FLOW_NEXT;
        }
        if (once && me->pair_count * POSITIONAL_SHARE >= in->rows)
            give_beside(j, me, in, false, out);
        else
            give_compact(j, me, in, out);
        return WR_OK;
    }
    me->in_batch = false;
    *flow = WR_FLOW_NEXT;
    if (!has_last) return WR_OK;
    for (uint32_t i = 0; me->carried && i < me->count; i++)
        me->carried[i] = me->matched[i] | (j->gives_pairs ? 0 : me->unknown[i] << 1);
    if (me->is_followed) return WR_OK;
    wr_arena_reset(&local->scratch);
    give_last(j, me, in, out);
    return WR_OK;
}
