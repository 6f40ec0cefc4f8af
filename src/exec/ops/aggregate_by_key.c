/* aggregate_by_key.c - groups of several workers whose tables are all arrays over one key.
 *
 * The range of the key is cut into pieces; each piece is merged by one worker, then read by one, in
 * the order of the key. The arrays say where groups are, so no list of them is made. Arrays come in
 * blocks, and where only one worker has a block there is nothing to merge: files that are sorted by
 * the key, read in large pieces, cost next to nothing here. */
#include "exec/ops/aggregate.h"

bool wr_agg_is_by_key(wr_agg *a)
{
    int64_t lo = INT64_MAX, hi = INT64_MIN, from, to;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        const wr_agg_local *me = (const wr_agg_local *)a->op.locals[w];
        if (!me || !me->has_groups || wr_rows_count(me->groups.rows) == 0) continue;
        if (!wr_groups_key_range(&me->groups, &from, &to)) return false;
        lo = WR_MIN(lo, from);
        hi = WR_MAX(hi, to);
    }
    uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;
    if (span > (UINT64_C(1) << 40)) return false;
    a->lo = lo;
    a->key_step = span / (uint64_t)a->partition_count + 1;
    return true;
}

/* What the workers have of the next keys: a run of numbers each, NULL where there are none. Returns
 * for how many keys that holds. */
static uint64_t runs_from(const wr_agg *a, int64_t key, uint64_t most, const uint32_t **runs,
                          int *with)
{
    *with = 0;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        const wr_agg_local *from = (const wr_agg_local *)a->op.locals[w];
        uint64_t count;
        runs[w] = NULL;
        if (!from || !from->has_groups || !from->groups.direct) continue;
        runs[w] = wr_groups_from(&from->groups, key, &count);
        most = WR_MIN(most, count);
        *with += runs[w] != NULL;
    }
    return most;
}

/* The groups of n keys, by key: that of the first worker that has one, and, with merge, those of
 * the others merged into it. */
static weir_status groups_of_runs(wr_agg *a, wr_agg_local *me, const uint32_t *const *runs,
                                  uint32_t n, bool merge, uint8_t **groups)
{
    uint8_t *rows[WR_BATCH_ROWS];
    memset(groups, 0, n * sizeof *groups);
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        const wr_agg_local *from = (const wr_agg_local *)a->op.locals[w];
        if (!runs[w]) continue;
        wr_rows_of_numbers(from->groups.rows, runs[w], n, rows);
        for (uint32_t i = 0; i < n; i++) {
            if (!groups[i])
                groups[i] = rows[i];
            else if (merge && rows[i])
                WR_TRY(wr_agg_merge(a, me, groups[i], rows[i]));
        }
    }
    return WR_OK;
}

/* The group of NULL, as above. */
static weir_status null_group(wr_agg *a, wr_agg_local *me, bool merge, uint8_t **group)
{
    *group = NULL;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        const wr_agg_local *from = (const wr_agg_local *)a->op.locals[w];
        if (!from || !from->has_groups || !from->groups.direct) continue;
        uint8_t *row = wr_groups_at_null(&from->groups);
        if (!*group)
            *group = row;
        else if (merge && row)
            WR_TRY(wr_agg_merge(a, me, *group, row));
    }
    return WR_OK;
}

static int64_t key_at(const wr_agg *a, uint64_t at) { return (int64_t)((uint64_t)a->lo + at); }

static const uint32_t **new_runs(const wr_agg *a, wr_arena *scratch)
{
    return wr_new_array(scratch, const uint32_t *, wr_exec_workers(a->op.exec));
}

/* Keys that one worker alone has seen are passed over by the block. */
weir_status wr_agg_merge_range(wr_agg *a, wr_agg_local *me, int p)
{
    uint64_t at = a->key_step * (uint64_t)p, end = at + a->key_step;
    uint8_t *groups[WR_BATCH_ROWS];
    int with;
    wr_arena_reset(&me->base.scratch);
    const uint32_t **runs = new_runs(a, &me->base.scratch);
    while (at < end) {
        WR_TRY(wr_exec_check(a->op.exec));
        uint64_t n = runs_from(a, key_at(a, at), end - at, runs, &with);
        if (with > 1) {
            n = WR_MIN(n, (uint64_t)WR_BATCH_ROWS);
            WR_TRY(groups_of_runs(a, me, runs, (uint32_t)n, true, groups));
        }
        at += n;
    }
    return p == 0 ? null_group(a, me, true, groups) : WR_OK;
}

weir_status wr_agg_next_by_key(wr_agg *a, wr_agg_local *me, uint8_t **some, uint32_t *count)
{
    uint8_t *groups[WR_BATCH_ROWS];
    int with;
    const uint32_t **runs = new_runs(a, &me->base.scratch);
    *count = 0;
    while (me->at < me->end && *count <= WR_BATCH_ROWS / 2) {
        uint64_t n = runs_from(a, key_at(a, me->at), me->end - me->at, runs, &with);
        if (with > 0) {
            n = WR_MIN(n, (uint64_t)(WR_BATCH_ROWS - *count));
            WR_TRY(groups_of_runs(a, me, runs, (uint32_t)n, false, groups));
            for (uint32_t i = 0; i < n; i++) {
                some[*count] = groups[i];
                *count += groups[i] != NULL;
            }
        }
        me->at += n;
    }
    if (me->at < me->end || !me->gives_null || *count == WR_BATCH_ROWS) return WR_OK;
    me->gives_null = false;
    WR_TRY(null_group(a, me, false, &some[*count]));
    *count += some[*count] != NULL;
    return WR_OK;
}
