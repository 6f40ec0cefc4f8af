/* aggregate_calls.c - calls that cannot be fed row by row: DISTINCT and ORDER BY inside the call.
 *
 * Workers keep (group, arguments, order keys); DISTINCT keeps each (group, arguments) once. When
 * the groups of all workers are merged, the kept rows are pointed to the merged groups, made
 * distinct once more, sorted by the order keys, and fed. The group stands in the row as a BIGINT:
 * its address. With several workers, calls whose result shows the order of the input (string_agg)
 * are kept too, with their rows' positions in it.
 *
 * Many groups are fed in parts, side by side: by the address of the group, so that all of one are
 * in one part. */
#include "exec/ops/aggregate.h"

weir_status wr_agg_open_kept(wr_agg *a, wr_agg_call *c)
{
    const wr_aggregate_call *call = c->call;
    int n = 1 + call->arg_count + call->order_count;
    const wr_type **types = wr_new_array(&a->op.arena, const wr_type *, n + 1);
    types[0] = WR_BIGINT;
    for (int i = 0; i < call->arg_count; i++)
        types[1 + i] = call->args[i]->type;
    for (int i = 0; i < call->order_count; i++)
        types[1 + call->arg_count + i] = call->order[i].expr->type;
    if (c->by_position) types[n++] = WR_BIGINT;
    wr_rows_layout_init(&c->kept, &a->op.arena, types, n, 8);
    return WR_OK;
}

static int64_t *new_bigints(wr_column *c, uint32_t rows, wr_arena *arena)
{
    wr_column_init(c, arena, WR_BIGINT, WR_P_I64, WR_MAX(rows, 1u));
    c->rows = rows;
    return c->data;
}

weir_status wr_agg_keep(wr_agg *a, wr_agg_local *me, int call, const uint16_t *sel, uint32_t count,
                        uint8_t *const *groups)
{
    wr_agg_call *c = &a->calls[call];
    int values = c->call->arg_count + c->call->order_count;
    wr_arena *scratch = &me->base.scratch;
    wr_column *columns = wr_new_array(scratch, wr_column, values + 2);
    uint32_t rows = 0;
    for (uint32_t i = 0; i < count; i++)
        rows = WR_MAX(rows, wr_row_at(sel, i) + 1);
    int64_t *addresses = new_bigints(&columns[0], rows, scratch);
    for (uint32_t i = 0; i < count; i++)
        addresses[wr_row_at(sel, i)] = (int64_t)(uintptr_t)groups[i];
    int64_t *positions = c->by_position ? new_bigints(&columns[values + 1], rows, scratch) : NULL;
    for (uint32_t i = 0; positions && i < count; i++)
        positions[wr_row_at(sel, i)] = (int64_t)(me->position + i);
    for (int k = 0; k < values; k++)
        columns[1 + k] = me->exprs.out[c->first_arg + k];
    return wr_agg_add_kept(a, me, call, columns, sel, count, scratch);
}

weir_status wr_agg_add_kept(wr_agg *a, wr_agg_local *me, int call, const wr_column *columns,
                            const uint16_t *sel, uint32_t count, wr_arena *scratch)
{
    wr_agg_call *c = &a->calls[call];
    if (!c->is_distinct) {
        if (!me->kept[call]) WR_TRY(wr_rows_new(a->op.mem, &c->kept, &me->kept[call]));
        return wr_rows_append(me->kept[call], columns, sel, count, NULL);
    }
    wr_groups *g = &me->distinct[call];
    if (!g->rows) WR_TRY(wr_groups_init(g, a->op.mem, &c->kept, 1 + c->call->arg_count, false));
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t added_count;
    return wr_groups_find(g, columns, sel, count, NULL, scratch, found, added, &added_count);
}

/* Replaces the groups in kept rows by the groups they were merged into. */
static void point_to_final(const wr_agg *a, const wr_rows_layout *kept, uint8_t **rows,
                           uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t address;
        memcpy(&address, rows[i] + kept->offsets[0], sizeof address);
        address = (int64_t)(uintptr_t)wr_agg_final(a, (uint8_t *)(uintptr_t)address);
        memcpy(rows[i] + kept->offsets[0], &address, sizeof address);
    }
}

static wr_rows *kept_of(const wr_agg *a, const wr_agg_local *whose, int call)
{
    return a->calls[call].is_distinct ? whose->distinct[call].rows : whose->kept[call];
}

/* Which part of the groups the group of a kept row belongs to. */
static uint32_t part_of(const wr_agg *a, const wr_rows_layout *kept, const uint8_t *row)
{
    uint64_t address;
    memcpy(&address, row + kept->offsets[0], sizeof address);
    return (uint32_t)((address * UINT64_C(0x9e3779b97f4a7c15) >> 32) % (uint32_t)a->feed_parts);
}

weir_status wr_agg_aim(const wr_agg *a, wr_agg_local *whose)
{
    size_t parts = (size_t)a->feed_parts;
    whose->feed_counts = wr_heap_new(sizeof *whose->feed_counts * parts * (size_t)a->call_count);
    for (int i = 0; i < a->call_count; i++) {
        const wr_rows_layout *kept = &a->calls[i].kept;
        const wr_rows *store = kept_of(a, whose, i);
        wr_rows_cursor cursor = {0, 0};
        uint8_t *rows[WR_BATCH_ROWS];
        for (uint32_t n; store && (n = wr_rows_next(store, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
            WR_TRY(wr_exec_check(a->op.exec));
            point_to_final(a, kept, rows, n);
            for (uint32_t r = 0; r < n; r++)
                whose->feed_counts[(size_t)i * parts + part_of(a, kept, rows[r])]++;
        }
    }
    return WR_OK;
}

static uint32_t keep_part(const wr_agg *a, const wr_rows_layout *kept, uint8_t **rows,
                          uint32_t count, int part)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[n] = rows[i];
        n += part_of(a, kept, rows[i]) == (uint32_t)part;
    }
    return n;
}

/* Feeds rows in the order given. */
static weir_status feed_rows(wr_agg *a, wr_agg_local *me, int call, uint8_t *const *rows,
                             uint64_t count)
{
    wr_agg_call *c = &a->calls[call];
    int args = c->call->arg_count;
    for (uint64_t from = 0; from < count; from += WR_BATCH_ROWS) {
        WR_TRY(wr_exec_check(a->op.exec));
        WR_ARENA(scratch);
        uint32_t n = (uint32_t)WR_MIN(count - from, (uint64_t)WR_BATCH_ROWS);
        wr_column *columns = wr_new_array(&scratch, wr_column, args + 1);
        uint8_t *groups[WR_BATCH_ROWS];
        for (int k = 0; k < args; k++)
            wr_rows_gather(&c->kept, 1 + k, rows + from, n, &scratch, &columns[k]);
        for (uint32_t i = 0; i < n; i++)
            memcpy(&groups[i], rows[from + i] + c->kept.offsets[0], sizeof groups[i]);
        me->envs[call].position = from;
        WR_TRY(c->call->fn->update(&me->envs[call], columns, NULL, n, groups, &scratch));
    }
    return WR_OK;
}

/* All kept rows of a call, of all workers, pointed to their final groups, distinct if asked for.
 * part_number: only those of a part of the groups, which are pointed there already; -1: all.
 * *count: before, how many there are at most. */
static weir_status list_kept(wr_agg *a, int call, wr_agg_local *only, int part_number,
                             uint8_t **rows, uint64_t *count)
{
    wr_agg_call *c = &a->calls[call];
    int workers = wr_exec_workers(a->op.exec);
    __attribute__((cleanup(wr_groups_scope_end))) wr_groups all_groups = {0};
    wr_groups *all = &all_groups;
    int stores = 0;
    uint64_t listed = 0;
    for (int w = 0; w < workers; w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        if (only && from != only) continue;
        stores += from && c->is_distinct && from->distinct[call].rows;
    }
    if (stores > 1) {
        WR_TRY(wr_groups_init(all, a->op.mem, &c->kept, 1 + c->call->arg_count, false));
        /* Most values of one worker are usually new to the other. No room: it grows as needed. */
        wr_status_drop(wr_groups_expect(all, *count + WR_BATCH_ROWS));
    }
    for (int w = 0; w < workers; w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        if (!from || (only && from != only)) continue;
        wr_rows *store = kept_of(a, from, call);
        wr_rows_cursor cursor = {0, 0};
        uint8_t *part[WR_BATCH_ROWS], *found[WR_BATCH_ROWS];
        uint16_t added[WR_BATCH_ROWS];
        for (uint32_t n; store && (n = wr_rows_next(store, &cursor, part, WR_BATCH_ROWS)) > 0;) {
            WR_TRY(wr_exec_check(a->op.exec));
            if (part_number < 0)
                point_to_final(a, &c->kept, part, n);
            else
                n = keep_part(a, &c->kept, part, n, part_number);
            if (stores < 2) {
                memcpy(rows + listed, part, n * sizeof *rows);
                listed += n;
                continue;
            }
            WR_ARENA(scratch);
            uint32_t fresh;
            wr_column *columns = wr_new_array(&scratch, wr_column, c->kept.column_count);
            uint64_t hashes[WR_BATCH_ROWS];
            for (int k = 0; k < 1 + c->call->arg_count; k++)
                wr_rows_gather(&c->kept, k, part, n, &scratch, &columns[k]);
            wr_keys_hash(columns, 1 + c->call->arg_count, NULL, n, hashes);
            for (uint32_t i = 0; i < n; i++)
                *wr_row_extra(&c->kept, part[i]) = hashes[i];
            WR_TRY(wr_groups_find(all, columns, NULL, n, part, &scratch, found, added, &fresh));
            for (uint32_t i = 0; i < fresh; i++)
                rows[listed++] = part[added[i]];
        }
    }
    *count = listed;
    return WR_OK;
}

/* The order in which kept rows are fed. Values of DISTINCT without ORDER BY come in their own order
 * where it shows, because the first of equal ones is found by whichever worker is first. */
static int order_of_kept(const wr_agg_call *c, wr_arena *arena, wr_sort_slot **out)
{
    const wr_aggregate_call *call = c->call;
    int n = 0, orders = call->order_count, args = call->arg_count;
    wr_sort_slot *keys = *out = wr_new_array(arena, wr_sort_slot, orders + args + 2);
    for (int k = 0; k < orders; k++)
        keys[n++] =
            (wr_sort_slot){1 + args + k, call->order[k].descending, call->order[k].nulls_first};
    for (int k = 0; k < args && c->is_distinct && (call->fn->flags & WR_AGG_ORDERED); k++)
        keys[n++] = (wr_sort_slot){.slot = 1 + k};
    if (c->by_position) keys[n++] = (wr_sort_slot){.slot = 1 + args + orders};
    return n;
}

static weir_status feed_sorted(wr_agg *a, wr_agg_local *me, int call, wr_agg_local *only, int part,
                               uint8_t **rows, uint64_t count)
{
    wr_agg_call *c = &a->calls[call];
    WR_TRY(list_kept(a, call, only, part, rows, &count));
    WR_ARENA(scratch);
    wr_sort_slot *keys;
    int n = order_of_kept(c, &scratch, &keys);
    if (n > 0) WR_TRY(wr_sort_addresses(a->op.exec, a->op.mem, &c->kept, keys, n, rows, count));
    return feed_rows(a, me, call, rows, count);
}

weir_status wr_agg_feed(wr_agg *a, wr_agg_local *me, int call, wr_agg_local *only, int part)
{
    uint64_t total = 0;
    for (int w = 0; w < wr_exec_workers(a->op.exec); w++) {
        wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
        wr_rows *store = !from || (only && from != only) ? NULL : kept_of(a, from, call);
        if (store && part >= 0)
            total += from->feed_counts[call * a->feed_parts + part];
        else if (store)
            total += wr_rows_count(store);
    }
    if (total == 0) return WR_OK;
    void *memory;
    WR_TRY(wr_mem_alloc(a->op.mem, total * sizeof(uint8_t *), &memory));
    weir_status bad = feed_sorted(a, me, call, only, part, memory, total);
    wr_mem_free(a->op.mem, memory, total * sizeof(uint8_t *));
    return bad;
}

weir_status wr_agg_feed_task(wr_agg *a, wr_agg_local *me, int index)
{
    int call = index / a->feed_parts, part = a->feed_parts > 1 ? index % a->feed_parts : -1;
    if (!a->calls[call].is_kept) return WR_OK;
    if (a->has_spilled && a->calls[call].is_free)
        return wr_agg_feed_spilled(a, me, call, a->rows[0]);
    return wr_agg_feed(a, me, call, NULL, part);
}

void wr_agg_drop_kept(wr_agg *a, wr_agg_local *me)
{
    for (int i = 0; i < a->call_count; i++) {
        if (me->kept) wr_rows_drop(WR_TAKE(me->kept[i]));
        if (me->distinct) wr_groups_clear(&me->distinct[i]);
    }
    wr_heap_drop(WR_TAKE(me->feed_counts));
}
