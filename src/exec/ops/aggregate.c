/* aggregate.c - GROUP BY, grouping sets, DISTINCT, and aggregation without keys.
 *
 * Every worker groups its share into its own table (groups.h); a group is a row of the tuple store
 * with the states of all calls behind its keys. When more than one worker has groups they are
 * merged by partitions of the hash, side by side; the rows stay where they are, the first one met
 * becomes the group and the others are merged into it; tables that are arrays over one key are
 * merged by ranges of it instead (aggregate_by_key.c). A worker whose keys hardly repeat stops
 * looking for them and lets the partitions do the grouping: their directories fit into the cache.
 *
 * Grouping sets: each batch is grouped once per set with the other keys as NULL; a hidden column
 * holds the number of the set, which also keeps a NULL of the data apart from a key that is left
 * out. An empty set gives its row even without input. */
#include "exec/ops/aggregate.h"
#include <stdio.h>

enum {
    PARTITIONS_MIN = 64,
    PARTITIONS_MAX = 1024,
    PARTITION_ROWS = 8192, /* wanted per partition: its directory stays in the cache */
    PARTITION_ROWS_MIN = 4096,
    FEED_PARTS_MAX = 8,   /* each part looks at all that is kept */
    LOOK_EVERY = 1 << 17, /* rows between looks at how keys repeat */
    AHEAD = 8,
    MORSEL_BATCHES = 4,
    MORSEL_SHIFT = 32,
    FINISH_BYTES = 64 /* that merging takes per group: lists and a directory */
};

static uint64_t all_keys(const wr_agg *a)
{
    return a->key_count >= 64 ? UINT64_MAX : (UINT64_C(1) << a->key_count) - 1;
}

static uint64_t set_of(const wr_agg *a, int set)
{
    return a->op.node->aggregate.sets ? a->op.node->aggregate.sets[set] : all_keys(a);
}

static weir_status open_calls(wr_agg *a, wr_expr **exprs, int *count)
{
    const wr_plan_node *node = a->op.node;
    a->call_count = node->aggregate.call_count;
    a->calls = wr_new_array(&a->op.arena, wr_agg_call, a->call_count + 1);
    for (int i = 0; i < a->call_count; i++) {
        const wr_aggregate_call *call = &node->aggregate.calls[i];
        wr_agg_call *c = &a->calls[i];
        c->call = call;
        c->first_arg = *count;
        c->is_distinct = call->is_distinct && !(call->fn->flags & WR_AGG_IGNORES_DISTINCT);
        bool many = wr_exec_workers(a->op.exec) > 1, ordered = call->fn->flags & WR_AGG_ORDERED;
        c->by_position = many && !c->is_distinct && (ordered || call->order_count > 0);
        c->is_kept = c->is_distinct || call->order_count > 0 || c->by_position;
        a->op.is_ordered |= many && (c->by_position || (call->fn->flags & WR_AGG_POSITIONED));
        c->is_free = c->is_distinct && call->order_count == 0 && !ordered;
        a->any_kept |= c->is_kept;
        for (int k = 0; k < call->arg_count; k++)
            exprs[(*count)++] = call->args[k];
        for (int k = 0; k < call->order_count && c->is_kept; k++)
            exprs[(*count)++] = call->order[k].expr;
        if (call->filter) WR_TRY(wr_exprs_open(&c->filter, &a->op, &call->filter, 1));
        if (c->is_kept) WR_TRY(wr_agg_open_kept(a, c));
        c->takes_few = call->fn->update_few && !call->filter && !c->is_kept;
        a->counts_few |= c->takes_few;
    }
    /* The hash is not asked for when groups are merged, so what they are merged into takes its
     * place; but kept rows are written with both. */
    a->moved_word = a->any_kept;
    uint32_t at = 8 * (1 + (uint32_t)a->moved_word);
    for (int i = 0; i < a->call_count; i++) {
        const wr_aggregate_call *call = a->calls[i].call;
        a->calls[i].state_offset = at;
        at += (uint32_t)((call->fn->state_size(call) + 7) / 8 * 8);
    }
    a->layout.extra_size = at;
    return WR_OK;
}

static weir_status agg_open(wr_op *op)
{
    wr_agg *a = (wr_agg *)op;
    const wr_plan_node *node = op->node;
    int keys = node->aggregate.key_count, most = keys, count = 0;
    for (int i = 0; i < node->aggregate.call_count; i++)
        most += node->aggregate.calls[i].arg_count + node->aggregate.calls[i].order_count;
    wr_expr **exprs = wr_new_array(&op->arena, wr_expr *, most + 1);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, keys + 2);
    a->key_count = keys;
    a->set_count = node->aggregate.sets ? node->aggregate.set_count : 1;
    for (int k = 0; k < keys; k++) {
        exprs[count++] = node->aggregate.keys[k];
        types[k] = node->aggregate.keys[k]->type;
    }
    WR_TRY(open_calls(a, exprs, &count));
    bool has_sets = node->aggregate.sets != NULL;
    a->hashed_count = has_sets ? keys + 1 : node->aggregate.carried_first;
    if (!has_sets && a->hashed_count > keys) a->hashed_count = keys;
    a->column_count = keys + has_sets;
    if (has_sets) types[keys] = WR_INTEGER;
    uint32_t extra = a->layout.extra_size;
    wr_rows_layout_init(&a->layout, &op->arena, types, a->column_count, extra);
    for (int i = 0; i < a->call_count; i++)
        a->calls[i].state_offset += a->layout.extra_offset;
    WR_TRY(wr_agg_spill_open(a));
    return wr_exprs_open(&a->exprs, op, exprs, count);
}

void wr_agg_init_states(const wr_agg *a, uint8_t *row)
{
    for (int i = 0; i < a->call_count; i++)
        if (a->calls[i].call->fn->init)
            a->calls[i].call->fn->init(a->calls[i].call, row + a->calls[i].state_offset);
}

static weir_status agg_local_open(wr_op *op, wr_op_local *local)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    size_t calls = (size_t)a->call_count + 1;
    me->mem = wr_mem_new(op->mem, "aggregate states", 0);
    me->filters = wr_heap_new(sizeof *me->filters * calls);
    me->envs = wr_heap_new(sizeof *me->envs * calls);
    me->kept = wr_heap_new(sizeof *me->kept * calls);
    me->distinct = wr_heap_new(sizeof *me->distinct * calls);
    for (int i = 0; i < a->call_count; i++)
        me->envs[i] = (wr_aggregate_env){.call = a->calls[i].call,
                                         .env = wr_exec_env(op->exec),
                                         .mem = me->mem,
                                         .heap = &me->heap,
                                         .state_offset = a->calls[i].state_offset};
    return WR_OK;
}

/* The one group of an aggregation without keys. */
static weir_status only_group(wr_agg *a, wr_agg_local *me, uint8_t **row)
{
    wr_rows_cursor cursor = {0, 0};
    if (wr_rows_next(me->groups.rows, &cursor, row, 1) == 1) return WR_OK;
    wr_column none = {0};
    WR_TRY(wr_rows_append(me->groups.rows, &none, NULL, 1, row));
    wr_agg_init_states(a, *row);
    return WR_OK;
}

static weir_status need_groups(wr_agg *a, wr_agg_local *me)
{
    if (me->has_groups) return WR_OK;
    WR_TRY(wr_groups_init(&me->groups, a->op.mem, &a->layout, a->hashed_count, !a->has_spilled));
    me->groups.wants_numbers = a->counts_few;
    me->has_groups = true;
    return WR_OK;
}

/* The rows a call's FILTER lets through, with their groups. */
static weir_status apply_filter(wr_agg *a, wr_agg_local *me, int call, const wr_batch *in,
                                uint8_t *const *groups, uint16_t *sel, uint8_t **kept,
                                uint32_t *count)
{
    if (!me->filters[call])
        WR_TRY(wr_eval_new(a->calls[call].filter.program, wr_exec_env(a->op.exec),
                           &me->filters[call]));
    *count = wr_batch_count(in);
    for (uint32_t i = 0; i < *count; i++)
        sel[i] = (uint16_t)wr_batch_row(in, i);
    WR_TRY(wr_eval_filter(me->filters[call], in, sel, count));
    uint32_t from = 0;
    for (uint32_t i = 0; groups && i < *count; i++) {
        while (wr_batch_row(in, from) != sel[i])
            from++;
        kept[i] = groups[from];
    }
    return WR_OK;
}

/* How often each group comes among count rows, if the groups were numbered and there are several
 * rows for each. times has WR_FEW_GROUPS places. Four counters per number, lest each row waits for
 * the one before. */
static bool count_few(const wr_groups *g, uint32_t count, uint32_t *times, wr_few_groups *out)
{
    enum { LANES = 4, ROWS_PER_GROUP = 8 };
    _Static_assert((int)WR_GROUPS_FEW <= (int)WR_FEW_GROUPS, "numbers are at most so many");
    uint32_t counts[LANES * WR_FEW_GROUPS], groups = g->few_count, i = 0;
    if (groups == 0 || groups * ROWS_PER_GROUP > count) return false;
    memset(counts, 0, groups * LANES * sizeof *counts);
    for (; i + LANES <= count; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            counts[g->number[i + k] * LANES + k]++;
    for (; i < count; i++)
        counts[g->number[i] * LANES]++;
    for (uint32_t n = 0; n < groups; n++) {
        times[n] = 0;
        for (uint32_t k = 0; k < LANES; k++)
            times[n] += counts[n * LANES + k];
    }
    *out = (wr_few_groups){.number = g->number, .times = times, .rows = g->few, .count = groups};
    return true;
}

/* Feeds one batch. groups: one per selected row, or NULL and `only` for an aggregation without
 * keys. */
static weir_status update(wr_agg *a, wr_agg_local *me, const wr_batch *in, uint8_t **groups,
                          uint8_t *only)
{
    uint32_t times[WR_FEW_GROUPS];
    wr_few_groups few;
    bool has_few =
        groups && a->counts_few && count_few(&me->groups, wr_batch_count(in), times, &few);
    for (int i = 0; i < a->call_count; i++) {
        const wr_agg_call *c = &a->calls[i];
        const wr_aggregate *fn = c->call->fn;
        const wr_column *args = me->exprs.out + c->first_arg;
        const uint16_t *sel = in->sel;
        uint32_t count = wr_batch_count(in);
        uint8_t **of = groups;
        uint16_t passed[WR_BATCH_ROWS];
        uint8_t *passed_groups[WR_BATCH_ROWS];
        if (c->filter.count) {
            WR_TRY(apply_filter(a, me, i, in, groups, passed, passed_groups, &count));
            sel = passed;
            of = groups ? passed_groups : NULL;
        }
        if (count == 0) continue;
        me->envs[i].position = me->position;
        if (c->is_kept) {
            for (uint32_t k = 0; !of && k < count; k++)
                passed_groups[k] = only;
            WR_TRY(wr_agg_keep(a, me, i, sel, count, of ? of : passed_groups));
        } else if (has_few && c->takes_few) {
            WR_TRY(fn->update_few(&me->envs[i], args, sel, count, &few, of, &me->base.scratch));
        } else if (of) {
            WR_TRY(fn->update(&me->envs[i], args, sel, count, of, &me->base.scratch));
        } else {
            WR_TRY(fn->update_one(&me->envs[i], args, sel, count, only + c->state_offset,
                                  &me->base.scratch));
        }
    }
    return WR_OK;
}

/* Key columns as set number `set` sees them. */
static void keys_of_set(const wr_agg *a, const wr_agg_local *me, int set, uint32_t rows,
                        wr_arena *scratch, wr_column *keys)
{
    uint64_t in_set = set_of(a, set);
    for (int k = 0; k < a->key_count; k++) {
        keys[k] = me->exprs.out[k];
        if (in_set >> (k & 63) & 1) continue;
        wr_value null = wr_value_null(keys[k].type);
        wr_value_column(&null, rows, scratch, &keys[k]);
    }
    if (a->column_count == a->key_count) return;
    wr_value number = wr_value_int(WR_INTEGER, set);
    wr_value_column(&number, rows, scratch, &keys[a->key_count]);
}

static void next_position(wr_agg_local *me, uint32_t count)
{
    uint64_t first = me->base.morsel << MORSEL_SHIFT;
    me->position = me->position_next >> MORSEL_SHIFT == me->base.morsel ? me->position_next : first;
    me->position_next = me->position + count;
}

/* Stops looking for keys that hardly repeat. */
static void watch_repeats(const wr_agg *a, wr_agg_local *me, uint32_t tried, uint32_t made)
{
    me->tried += tried;
    me->made += made;
    if (me->tried < LOOK_EVERY) return;
    if (!a->any_kept && !me->groups.is_loose && me->made > me->tried / 20 * 19)
        wr_groups_go_loose(&me->groups);
    me->tried = me->made = 0;
}

static weir_status agg_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    *flow = WR_FLOW_NEXT;
    next_position(me, wr_batch_count(in));
    WR_TRY(need_groups(a, me));
    WR_TRY(wr_exprs_run(&a->exprs, &me->exprs, wr_exec_env(op->exec), in));
    if (a->column_count == 0) {
        uint8_t *only;
        WR_TRY(only_group(a, me, &only));
        wr_arena_reset(&local->scratch);
        WR_TRY(update(a, me, in, NULL, only));
        return wr_agg_is_due(a, me) ? wr_agg_spill(a, me) : WR_OK;
    }
    uint8_t *groups[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    for (int set = 0; set < a->set_count; set++) {
        wr_arena_reset(&local->scratch);
        wr_column *keys = wr_new_array(&local->scratch, wr_column, a->column_count + 1);
        uint32_t fresh;
        keys_of_set(a, me, set, in->rows, &local->scratch, keys);
        WR_TRY(wr_groups_find(&me->groups, keys, in->sel, wr_batch_count(in), NULL, &local->scratch,
                              groups, added, &fresh));
        for (uint32_t i = 0; i < fresh; i++)
            wr_agg_init_states(a, groups[added[i]]);
        WR_TRY(update(a, me, in, groups, NULL));
        watch_repeats(a, me, wr_batch_count(in), fresh);
    }
    return wr_agg_is_due(a, me) ? wr_agg_spill(a, me) : WR_OK;
}

/* ---- finishing ---- */

static weir_status reserve_rows(wr_agg *a, uint64_t more)
{
    if (a->row_count + more <= a->row_cap) return WR_OK;
    uint64_t cap = WR_MAX(a->row_cap * 2, a->row_count + more);
    WR_TRY(wr_mem_grow(a->op.mem, (void **)&a->rows, a->row_cap * sizeof *a->rows,
                       cap * sizeof *a->rows));
    a->row_cap = cap;
    return WR_OK;
}

/* One worker did everything: its rows are the groups. */
static weir_status list_only(wr_agg *a, const wr_rows *rows)
{
    WR_TRY(reserve_rows(a, wr_rows_count(rows)));
    wr_rows_cursor cursor = {0, 0};
    uint32_t n;
    while ((n = wr_rows_next(rows, &cursor, a->rows + a->row_count, WR_BATCH_ROWS)) > 0)
        a->row_count += n;
    return WR_OK;
}

weir_status wr_agg_merge(wr_agg *a, wr_agg_local *me, uint8_t *into, uint8_t *from)
{
    for (int i = 0; i < a->call_count; i++) {
        const wr_agg_call *c = &a->calls[i];
        if (c->is_kept) continue;
        WR_TRY(c->call->fn->merge(&me->envs[i], into + c->state_offset, from + c->state_offset));
    }
    wr_row_extra(&a->layout, from)[a->moved_word] = (uint64_t)(uintptr_t)into;
    return WR_OK;
}

/* Aggregation without keys: everything goes into the first worker's group. */
static weir_status merge_only(wr_agg *a, wr_agg_local *me)
{
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        uint8_t *row;
        if (!from || !from->has_groups) continue;
        WR_TRY(only_group(a, from, &row));
        if (a->row_count == 0) {
            WR_TRY(reserve_rows(a, 1));
            a->rows[a->row_count++] = row;
        } else {
            WR_TRY(wr_agg_merge(a, me, a->rows[0], row));
        }
    }
    if (a->row_count > 0) return WR_OK;
    uint8_t *row;
    WR_TRY(need_groups(a, me));
    WR_TRY(only_group(a, me, &row));
    WR_TRY(reserve_rows(a, 1));
    a->rows[a->row_count++] = row;
    return WR_OK;
}

/* Empty grouping sets have a group even without input. */
static weir_status add_empty_sets(wr_agg *a, wr_agg_local *me)
{
    for (int set = 0; set < a->set_count; set++) {
        if (a->column_count == a->key_count || (set_of(a, set) & all_keys(a)) != 0) continue;
        WR_ARENA(scratch);
        wr_column *keys = wr_new_array(&scratch, wr_column, a->column_count);
        for (int k = 0; k < a->key_count; k++) {
            wr_value null = wr_value_null(a->layout.types[k]);
            wr_value_column(&null, 1, &scratch, &keys[k]);
        }
        wr_value number = wr_value_int(WR_INTEGER, set);
        wr_value_column(&number, 1, &scratch, &keys[a->key_count]);
        uint8_t *row;
        uint16_t added[1];
        uint32_t fresh;
        WR_TRY(need_groups(a, me));
        WR_TRY(wr_groups_find(&me->groups, keys, NULL, 1, NULL, &scratch, &row, added, &fresh));
        if (fresh) wr_agg_init_states(a, row);
    }
    return WR_OK;
}

static int partition_of(const wr_agg *a, uint64_t hash)
{
    return (int)(hash >> 40 & (uint64_t)(a->partition_count - 1));
}

/* Sorts a worker's groups by partition. */
static weir_status split(wr_agg *a, wr_agg_local *me)
{
    int parts = a->partition_count;
    me->all_count = wr_rows_count(me->groups.rows);
    WR_TRY(wr_mem_alloc(a->op.mem, me->all_count * 2 * sizeof *me->all, (void **)&me->all));
    wr_agg_item *listed = me->all + me->all_count;
    me->lists = wr_heap_new(sizeof *me->lists * (size_t)parts);
    me->list_counts = wr_heap_new(sizeof *me->list_counts * (size_t)parts);
    wr_rows_cursor cursor = {0, 0};
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t at = 0, starts[PARTITIONS_MAX];
    WR_ARENA(scratch);
    for (uint32_t n; (n = wr_rows_next(me->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;
         at += n) {
        wr_groups_hash_rows(&me->groups, rows, n, &scratch);
        wr_arena_reset(&scratch);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t *extra = wr_row_extra(&a->layout, rows[i]), hash = *extra;
            listed[at + i] = (wr_agg_item){rows[i], hash};
            extra[a->moved_word] = 0;
            me->list_counts[partition_of(a, hash)]++;
        }
    }
    for (int p = 0; p < parts; p++) {
        starts[p] = p ? starts[p - 1] + me->list_counts[p - 1] : 0;
        me->lists[p] = me->all + starts[p];
    }
    for (uint64_t i = 0; i < at; i++)
        me->all[starts[partition_of(a, listed[i].hash)]++] = listed[i];
    return WR_OK;
}

static bool same_keys(const wr_agg *a, const uint8_t *x, const uint8_t *y)
{
    for (int k = 0; k < a->hashed_count; k++)
        if (wr_keys_compare(&a->layout, k, x, y) != 0) return false;
    return true;
}

/* Puts items into the directory of a partition, or merges them into what is there. Slots hold the
 * upper 16 bits of the hash over the address. */
static weir_status merge_items(wr_agg *a, wr_agg_local *me, const wr_agg_item *items,
                               uint64_t count, uint64_t *slots, uint64_t mask)
{
    const uint64_t salt_mask = UINT64_C(0xffff) << 48;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t hash = items[i].hash, salt = hash & salt_mask, slot;
        if ((i & (WR_BATCH_ROWS - 1)) == 0) WR_TRY(wr_exec_check(a->op.exec));
        const wr_agg_item *ahead = &items[WR_MIN(i + AHEAD, count - 1)];
        uint64_t there = slots[ahead->hash & mask];
        if (there && ((there ^ ahead->hash) & salt_mask) == 0) {
            __builtin_prefetch((const char *)(uintptr_t)(there & ~salt_mask));
            __builtin_prefetch(ahead->row);
        }
        for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
            slot = slots[at];
            if (slot == 0) {
                slots[at] = salt | (uint64_t)(uintptr_t)items[i].row;
                break;
            }
            if ((slot & salt_mask) != salt) continue;
            uint8_t *group = (uint8_t *)(uintptr_t)(slot & ~salt_mask);
            if (!same_keys(a, group, items[i].row)) continue;
            WR_TRY(wr_agg_merge(a, me, group, items[i].row));
            break;
        }
    }
    return WR_OK;
}

/* Merges partition p of all workers. */
static weir_status merge_partition(wr_agg *a, wr_agg_local *me, int p)
{
    uint64_t total = 0, slot_count = 64;
    int workers = wr_exec_workers(a->op.exec);
    for (int w = 0; w < workers; w++) {
        const wr_agg_local *from = (const wr_agg_local *)a->op.locals[w];
        if (from && from->lists) total += from->list_counts[p];
    }
    while (slot_count < total * 2)
        slot_count *= 2;
    void *slots;
    WR_TRY(wr_mem_zalloc(a->op.mem, slot_count * sizeof(uint64_t), &slots));
    weir_status bad = WR_OK;
    for (int w = 0; w < workers && !bad; w++) {
        const wr_agg_local *from = (const wr_agg_local *)a->op.locals[w];
        if (from && from->lists)
            bad = merge_items(a, me, from->lists[p], from->list_counts[p], slots, slot_count - 1);
    }
    wr_mem_free(a->op.mem, slots, slot_count * sizeof(uint64_t));
    return bad;
}

static void drop_lists(wr_agg *a, wr_agg_local *me)
{
    if (me->all) wr_mem_free(a->op.mem, me->all, me->all_count * 2 * sizeof *me->all);
    me->all = NULL;
    wr_heap_drop(WR_TAKE(me->lists));
    wr_heap_drop(WR_TAKE(me->list_counts));
}

/* All groups in the order they lie in memory; those merged into others are left out when read. */
static weir_status list_merged(wr_agg *a)
{
    a->is_merged = true;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        if (!from || !from->has_groups) continue;
        drop_lists(a, from);
        WR_TRY(list_only(a, from->groups.rows));
    }
    return WR_OK;
}

static weir_status spill_rest(wr_agg *a)
{
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        if (from && from->has_groups) WR_TRY(wr_agg_spill(a, from));
    }
    return WR_OK;
}

/* Decides how the groups of the workers come together. */
static weir_status begin_finish(wr_agg *a, int *tasks)
{
    wr_op_local *local;
    WR_TRY(wr_exec_local(&a->op, 0, &local));
    wr_agg_local *me = (wr_agg_local *)local, *last = NULL;
    *tasks = 0;
    if (a->column_count == 0) {
        WR_TRY(merge_only(a, me));
        return a->has_spilled ? spill_rest(a) : WR_OK;
    }
    WR_TRY(add_empty_sets(a, me));
    int with_groups = 0;
    bool any_loose = false;
    uint64_t total = 0;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        if (!from || !from->has_groups || wr_rows_count(from->groups.rows) == 0) continue;
        with_groups++;
        last = from;
        any_loose |= from->groups.is_loose;
        total += wr_rows_count(from->groups.rows);
    }
    uint64_t room = wr_mem_room(a->op.mem);
    if (room <
        total * (with_groups > 1 || any_loose ? FINISH_BYTES : sizeof(uint8_t *)) + room / 16)
        a->has_spilled = true;
    if (a->has_spilled) {
        *tasks = wr_exec_workers(a->op.exec);
        return WR_OK;
    }
    char note[48];
    if (last)
        wr_op_note(&a->op, "%s, %d worker%s", wr_groups_note(&last->groups, note, sizeof note),
                   with_groups, with_groups == 1 ? "" : "s");
    if (with_groups == 0) return WR_OK;
    if (with_groups == 1 && !any_loose) return list_only(a, last->groups.rows);
    a->op.has_little = total < PARTITION_ROWS_MIN && !a->any_kept;
    a->partition_count = total < PARTITION_ROWS_MIN ? 1 : PARTITIONS_MIN;
    while (a->partition_count < PARTITIONS_MAX &&
           total > (uint64_t)a->partition_count * PARTITION_ROWS)
        a->partition_count *= 2;
    a->group_count = total;
    a->is_by_key = wr_agg_is_by_key(a);
    *tasks = a->is_by_key ? a->partition_count : wr_exec_workers(a->op.exec);
    return WR_OK;
}

/* At most; by key there is no list of them. */
static uint64_t groups_to_read(const wr_agg *a)
{
    return a->is_by_key ? a->group_count : a->row_count;
}

/* In which phase the groups of all workers are one. */
static int merged_phase(const wr_agg *a) { return a->is_by_key ? 1 : 2; }

static weir_status agg_finish(wr_op *op, int phase, int *tasks)
{
    wr_agg *a = (wr_agg *)op;
    *tasks = -1;
    if (phase == 0) return begin_finish(a, tasks);
    if (a->has_spilled && a->column_count > 0) return wr_agg_list_parts(a);
    int merged = merged_phase(a), workers = wr_exec_workers(a->op.exec);
    if (phase < merged) *tasks = a->partition_count;
    if (phase == merged) {
        if (a->partition_count > 0 && !a->is_by_key) WR_TRY(list_merged(a));
        if (!a->any_kept) return WR_OK;
        a->feed_parts = groups_to_read(a) > 1 ? WR_MIN(workers, FEED_PARTS_MAX) : 1;
        *tasks = a->feed_parts > 1 ? workers : a->call_count;
    }
    if (phase == merged + 1 && a->feed_parts > 1) *tasks = a->call_count * a->feed_parts;
    return WR_OK;
}

static weir_status agg_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    if (a->is_by_key && phase == 0) return wr_agg_merge_range(a, me, index);
    if (phase == 0) {
        wr_agg_local *whose = (wr_agg_local *)op->locals[index];
        if (a->has_spilled) return whose && whose->has_groups ? wr_agg_spill(a, whose) : WR_OK;
        return whose && whose->has_groups ? split(a, whose) : WR_OK;
    }
    if (phase < merged_phase(a)) return merge_partition(a, me, index);
    if (phase == merged_phase(a) && a->feed_parts > 1)
        return wr_agg_aim(a, (wr_agg_local *)op->locals[index]);
    return wr_agg_feed_task(a, me, index);
}

/* ---- reading ---- */

static int agg_workers_wanted(wr_op *op)
{
    const wr_agg *a = (const wr_agg *)op;
    uint64_t workers = (uint64_t)wr_exec_workers(op->exec);
    if (a->has_spilled && a->column_count > 0) return (int)workers;
    return (int)WR_MIN(groups_to_read(a) / (MORSEL_BATCHES * WR_BATCH_ROWS) + 1, workers);
}

static weir_status agg_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    if (a->has_spilled && a->column_count > 0) {
        wr_agg_take_part(a, me, got);
        return WR_OK;
    }
    if (a->is_by_key) {
        uint64_t p = atomic_fetch_add(&a->next, 1);
        me->at = a->key_step * p;
        me->end = me->at + a->key_step;
        me->gives_null = p == 0;
        *got = p < (uint64_t)a->partition_count;
        return WR_OK;
    }
    uint64_t step = MORSEL_BATCHES * (uint64_t)WR_BATCH_ROWS;
    me->at = atomic_fetch_add(&a->next, step);
    me->end = WR_MIN(me->at + step, a->row_count);
    *got = me->at < a->row_count;
    return WR_OK;
}

/* GROUPING(): a bit per key, 1 where the row's set leaves it out. */
static void grouping_column(const wr_agg *a, const int *keys, const wr_column *set, uint32_t rows,
                            const wr_type *type, wr_arena *arena, wr_column *out)
{
    wr_column_init(out, arena, type, (wr_phys)type->phys, WR_MAX(rows, 1u));
    out->rows = rows;
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t in_set = set_of(a, set ? ((const int32_t *)set->data)[i] : 0);
        int64_t mask = 0;
        for (const int *k = keys; *k >= 0; k++)
            mask = mask << 1 | !(in_set >> *k & 1);
        if (type->phys == WR_P_I32)
            ((int32_t *)out->data)[i] = (int32_t)mask;
        else
            ((int64_t *)out->data)[i] = mask;
    }
}

/* The next groups in memory: in their list, or in some when merged ones are left out. */
static uint8_t **next_rows(const wr_agg *a, wr_agg_local *me, uint8_t **some, uint32_t *count)
{
    *count = 0;
    while (*count == 0 && me->at < me->end) {
        uint32_t n = (uint32_t)WR_MIN(me->end - me->at, (uint64_t)WR_BATCH_ROWS);
        uint8_t **rows = a->rows + me->at;
        me->at += n;
        if (!a->is_merged) {
            *count = n;
            return rows;
        }
        for (uint32_t i = 0; i < n; i++) {
            some[*count] = rows[i];
            *count += wr_row_extra(&a->layout, rows[i])[a->moved_word] == 0;
        }
    }
    return some;
}

static weir_status agg_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    const wr_plan_node *node = op->node;
    uint8_t *some[WR_BATCH_ROWS], **rows = some;
    uint32_t n;
    wr_arena *scratch = &local->scratch;
    wr_arena_reset(scratch);
    if (me->part)
        WR_TRY(wr_agg_next_groups(a, me, some, &n));
    else if (a->is_by_key)
        WR_TRY(wr_agg_next_by_key(a, me, some, &n));
    else
        rows = next_rows(a, me, some, &n);
    *more = n > 0;
    if (!*more) return WR_OK;
    *out = (wr_batch){.column_count = node->schema.count, .rows = n};
    out->columns = wr_new_array(scratch, wr_column, node->schema.count + 1);
    int at = 0;
    for (int k = 0; k < a->key_count; k++)
        wr_rows_gather(&a->layout, k, rows, n, scratch, &out->columns[at++]);
    for (int i = 0; i < a->call_count; i++) {
        wr_column *c = &out->columns[at++];
        const wr_type *type = a->calls[i].call->type;
        wr_column_init(c, scratch, type, (wr_phys)type->phys, n);
        c->rows = n;
        WR_TRY(a->calls[i].call->fn->finish(&me->envs[i], rows, n, scratch, c));
    }
    wr_column set;
    bool has_sets = a->column_count > a->key_count;
    if (has_sets) wr_rows_gather(&a->layout, a->key_count, rows, n, scratch, &set);
    for (int i = 0; i < node->aggregate.grouping_count; i++, at++)
        grouping_column(a, node->aggregate.grouping_keys[i], has_sets ? &set : NULL, n,
                        node->schema.fields[at].type, scratch, &out->columns[at]);
    return WR_OK;
}

static void agg_local_close(wr_op *op, wr_op_local *local)
{
    wr_agg *a = (wr_agg *)op;
    wr_agg_local *me = (wr_agg_local *)local;
    wr_exprs_close(&me->exprs);
    for (int i = 0; i < a->call_count; i++)
        if (me->filters && me->filters[i]) wr_eval_drop(me->filters[i]);
    wr_agg_drop_kept(a, me);
    wr_agg_drop_spilled(a, me);
    if (me->has_groups) wr_groups_clear(&me->groups);
    drop_lists(a, me);
    wr_heap_drop(me->filters);
    wr_heap_drop(me->envs);
    wr_heap_drop(me->kept);
    wr_heap_drop(me->distinct);
    wr_arena_clear(&me->heap);
    if (!me->mem) return;
    wr_mem_release(me->mem, wr_mem_used(me->mem));
    wr_mem_drop(me->mem);
}

static void agg_close(wr_op *op)
{
    wr_agg *a = (wr_agg *)op;
    if (a->rows) wr_mem_free(op->mem, a->rows, a->row_cap * sizeof *a->rows);
    wr_agg_spill_close(a);
}

const wr_op_def wr_op_aggregate = {.name = "aggregate",
                                   .size = sizeof(wr_agg),
                                   .local_size = sizeof(wr_agg_local),
                                   .open = agg_open,
                                   .local_open = agg_local_open,
                                   .local_close = agg_local_close,
                                   .close = agg_close,
                                   .sink = agg_sink,
                                   .finish = agg_finish,
                                   .task = agg_task,
                                   .workers_wanted = agg_workers_wanted,
                                   .morsel = agg_morsel,
                                   .next_batch = agg_next};
