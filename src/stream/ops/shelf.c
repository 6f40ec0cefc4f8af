/* shelf.c - see shelf.h.
 *
 * A bucket is the rows whose times agree above `shift` bits. There are at most BUCKETS_MAX of them:
 * when there are more, shift grows and neighbours become one, which moves pages and no rows. So the
 * buckets find their width by themselves, and the one that time stands in, whose rows must be
 * looked at one by one, is a small part of all.
 *
 * Tidying copies what lives to new pages and leaves in the old row's key where it went; then one
 * pass over everything that points to rows sets it right. */
#include "stream/ops/shelf.h"

enum { BUCKETS_MAX = 256, SHIFT_FIRST = 16, GAPS_MIN = 4096, KEYS_MIN = 1024 };

const wr_schema *wr_shelf_input_schema(const wr_stream_op *op, int input)
{
    if (op->whole) op = op->whole;
    for (int i = 0; i < op->graph->op_count; i++) {
        const wr_stream_op *from = op->graph->ops[i];
        for (int k = 0; k < from->output_count; k++)
            if (from->outputs[k].to == op && from->outputs[k].input == input) return from->schema;
    }
    wr_assert(!"every input is connected");
    return NULL;
}

/* ---- keys ---- */

weir_status wr_shelf_keys_init(wr_shelf_keys *keys, wr_stream_op *op, const wr_type *const *types,
                               int count)
{
    *keys = (wr_shelf_keys){.mem = op->mem};
    wr_rows_layout_init(&keys->layout, &op->arena, types, count, sizeof(wr_shelf_key));
    return wr_groups_init(&keys->groups, op->mem, &keys->layout, count, true);
}

void wr_shelf_keys_clear(wr_shelf_keys *keys)
{
    if (keys->groups.mem) wr_groups_clear(&keys->groups);
}

weir_status wr_shelf_keys_find(wr_shelf_keys *keys, const wr_column *columns, const uint16_t *sel,
                               uint32_t count, wr_arena *scratch, uint8_t **found)
{
    uint16_t added[WR_BATCH_ROWS], at[WR_BATCH_ROWS];
    uint8_t *fresh[WR_BATCH_ROWS];
    uint32_t added_count;
    WR_TRY(wr_groups_find(&keys->groups, columns, sel, count, NULL, scratch, found, added,
                          &added_count));
    if (!keys->has_stored || added_count == 0) return WR_OK;
    for (uint32_t i = 0; i < added_count; i++) {
        at[i] = (uint16_t)wr_row_at(sel, added[i]);
        fresh[i] = found[added[i]];
    }
    for (int s = 0; s < keys->shelf_count; s++)
        WR_TRY(wr_shelf_fetch(keys->shelves[s], columns, at, added_count, fresh));
    return WR_OK;
}

void wr_shelf_keys_serve(wr_shelf_keys *keys, wr_shelf *const *shelves, int count)
{
    keys->shelves = shelves;
    keys->shelf_count = count;
}

/* ---- rows ---- */

void wr_shelf_init(wr_shelf *shelf, wr_stream_op *op, wr_shelf_keys *keys,
                   const wr_type *const *types, int count, int side, int first_of_key)
{
    *shelf = (wr_shelf){.mem = op->mem,
                        .op = op,
                        .keys = keys,
                        .side = (uint8_t)side,
                        .first_of_key = first_of_key,
                        .is_volatile = op->graph->is_volatile,
                        .shift = SHIFT_FIRST,
                        .saved_time = WR_NO_TIME_YET,
                        .settled_time = WR_NO_TIME_YET,
                        .packed_after = INT64_MIN,
                        .saved_after = INT64_MIN,
                        .forgotten = INT64_MIN};
    wr_rows_layout_init(&shelf->layout, &op->arena, types, count, sizeof(wr_shelf_row));
}

void wr_shelf_clear(wr_shelf *shelf)
{
    if (!shelf->mem) return;
    for (uint32_t i = 0; i < shelf->bucket_count; i++)
        wr_rows_drop(shelf->buckets[i].rows);
    wr_mem_free(shelf->mem, shelf->buckets, shelf->bucket_cap * sizeof *shelf->buckets);
    wr_mem_free(shelf->mem, shelf->changed, shelf->changed_cap * sizeof *shelf->changed);
    wr_mem_free(shelf->mem, shelf->gone, shelf->gone_cap * sizeof *shelf->gone);
    wr_mem_free(shelf->mem, shelf->blocks, shelf->block_cap * sizeof *shelf->blocks);
    *shelf = (wr_shelf){0};
}

/* Room for more elements in an array of the budget. */
static weir_status need_room(wr_mem *mem, void **items, uint32_t *cap, uint64_t wanted, size_t size)
{
    if (wanted <= *cap) return WR_OK;
    uint64_t more = WR_MAX(wanted, WR_MAX((uint64_t)*cap * 2, UINT64_C(64)));
    if (more > INT32_MAX) more = INT32_MAX;
    if (wanted > more) return wr_fail(WR_E_TOO_BIG, "more than 2^31 changes between two commits");
    WR_TRY(wr_mem_grow(mem, items, *cap * size, more * size));
    *cap = (uint32_t)more;
    return WR_OK;
}

static weir_status need_changes(wr_shelf *shelf, uint32_t more)
{
    void *items = shelf->changed;
    WR_TRY(need_room(shelf->mem, &items, &shelf->changed_cap, (uint64_t)shelf->changed_count + more,
                     sizeof *shelf->changed));
    shelf->changed = items;
    return WR_OK;
}

static weir_status merge_neighbours(wr_shelf *shelf)
{
    while (shelf->bucket_count > BUCKETS_MAX) {
        uint32_t kept = 0;
        shelf->shift++;
        for (uint32_t i = 0; i < shelf->bucket_count; i++) {
            wr_shelf_bucket from = shelf->buckets[i];
            from.number >>= 1;
            wr_shelf_bucket *last = kept ? &shelf->buckets[kept - 1] : NULL;
            if (!last || last->number != from.number) {
                shelf->buckets[kept++] = from;
                continue;
            }
            WR_TRY(wr_rows_absorb(last->rows, from.rows));
            wr_rows_drop(from.rows);
            last->live += from.live;
            last->least = WR_MIN(last->least, from.least);
        }
        shelf->bucket_count = kept;
    }
    return WR_OK;
}

/* The first bucket whose number is not below; neighbours in time ask for the same one. */
static uint32_t bucket_at(wr_shelf *shelf, int64_t number)
{
    uint32_t low = 0, high = shelf->bucket_count, last = shelf->last_bucket;
    if (last < high && shelf->buckets[last].number == number) return last;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (shelf->buckets[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    shelf->last_bucket = low;
    return low;
}

static weir_status bucket_for(wr_shelf *shelf, int64_t time, wr_shelf_bucket **out)
{
    uint32_t at = bucket_at(shelf, time >> shelf->shift);
    if (at == shelf->bucket_count || shelf->buckets[at].number != time >> shelf->shift) {
        void *items = shelf->buckets;
        WR_TRY(need_room(shelf->mem, &items, &shelf->bucket_cap, shelf->bucket_count + 1u,
                         sizeof *shelf->buckets));
        shelf->buckets = items;
        wr_rows *rows;
        WR_TRY(wr_rows_new(shelf->mem, &shelf->layout, &rows));
        memmove(shelf->buckets + at + 1, shelf->buckets + at,
                (shelf->bucket_count - at) * sizeof *shelf->buckets);
        shelf->buckets[at] = (wr_shelf_bucket){
            .number = time >> shelf->shift, .least = WR_NEVER_FORGOTTEN, .rows = rows};
        shelf->bucket_count++;
        WR_TRY(merge_neighbours(shelf));
        at = bucket_at(shelf, time >> shelf->shift);
    }
    *out = &shelf->buckets[at];
    return WR_OK;
}

/* There is room. */
static void list_change(wr_shelf *shelf, uint8_t *row)
{
    shelf->changed[shelf->changed_count++] = row;
    wr_shelf_row_of(shelf, row)->place = shelf->changed_count & INT32_MAX;
}

static void fill_header(wr_shelf *shelf, uint8_t *row, int64_t time, uint8_t *key,
                        uint64_t sequence, bool is_new)
{
    *wr_shelf_row_of(shelf, row) = (wr_shelf_row){.key = key, .time = time, .sequence = sequence};
    if (is_new && !shelf->is_volatile) list_change(shelf, row);
    wr_shelf_key *of = wr_shelf_key_of(shelf, key);
    shelf->keys->live += of->count++ == 0;
}

weir_status wr_shelf_add(wr_shelf *shelf, const wr_column *columns, const uint16_t *rows,
                         uint32_t count, const int64_t *times, uint8_t *const *keys,
                         const uint64_t *sequences, uint8_t **addresses)
{
    uint16_t open[WR_BATCH_ROWS], list[WR_BATCH_ROWS], taken[WR_BATCH_ROWS];
    uint8_t *made[WR_BATCH_ROWS];
    uint32_t open_count = count;
    if (!sequences && !shelf->is_volatile) WR_TRY(need_changes(shelf, count));
    for (uint32_t i = 0; i < count; i++)
        open[i] = (uint16_t)i;
    while (open_count > 0) {
        wr_shelf_bucket *bucket;
        uint32_t n = 0, left = 0;
        WR_TRY(bucket_for(shelf, times[open[0]], &bucket));
        for (uint32_t k = 0; k < open_count; k++) {
            uint16_t i = open[k];
            if (times[i] >> shelf->shift != bucket->number) {
                open[left++] = i;
                continue;
            }
            bucket->least = WR_MIN(bucket->least, times[i]);
            list[n] = i;
            taken[n++] = rows[i];
        }
        WR_TRY(wr_rows_append(bucket->rows, columns, taken, n, made));
        for (uint32_t k = 0; k < n; k++) {
            fill_header(shelf, made[k], times[list[k]], keys[list[k]],
                        sequences ? sequences[list[k]] : shelf->next_sequence + list[k],
                        !sequences);
            addresses[list[k]] = made[k];
        }
        bucket->live += n;
        open_count = left;
    }
    shelf->next_sequence += sequences ? 0 : count;
    shelf->live += count;
    return WR_OK;
}

weir_status wr_shelf_touch(wr_shelf *shelf, uint8_t *row)
{
    if (shelf->is_volatile || wr_shelf_row_of(shelf, row)->place) return WR_OK;
    WR_TRY(need_changes(shelf, 1));
    list_change(shelf, row);
    return WR_OK;
}

/* Out of the list of changes and away from its key. */
static void take_out(wr_shelf *shelf, wr_shelf_row *header)
{
    wr_assert(header->key != NULL);
    if (header->place) {
        uint8_t *last = shelf->changed[--shelf->changed_count];
        shelf->changed[header->place - 1] = last;
        wr_shelf_row_of(shelf, last)->place = header->place;
        header->place = 0;
    }
    wr_shelf_key *of = wr_shelf_key_of(shelf, header->key);
    shelf->keys->live -= --of->count == 0;
    header->key = NULL;
    shelf->live--;
}

weir_status wr_shelf_drop(wr_shelf *shelf, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    if (header->sequence < shelf->settled_sequence) {
        void *items = shelf->gone;
        WR_TRY(need_room(shelf->mem, &items, &shelf->gone_cap, (uint64_t)shelf->gone_count + 1,
                         sizeof *shelf->gone));
        shelf->gone = items;
        shelf->gone[shelf->gone_count++] = (wr_shelf_name){header->time, header->sequence};
    }
    take_out(shelf, header);
    shelf->buckets[bucket_at(shelf, header->time >> shelf->shift)].live--;
    shelf->dropped++;
    return WR_OK;
}

/* ---- forgetting ---- */

uint32_t wr_shelf_due(wr_shelf *shelf, int64_t time, wr_shelf_walk *walk, uint8_t **rows,
                      uint32_t max)
{
    uint32_t count = 0;
    uint8_t *seen[WR_BATCH_ROWS];
    while (walk->bucket < shelf->bucket_count && count == 0) {
        wr_shelf_bucket *bucket = &shelf->buckets[walk->bucket];
        bool begins = walk->cursor.page == 0 && walk->cursor.slot == 0;
        if (begins) walk->least = WR_NEVER_FORGOTTEN;
        uint32_t n = bucket->least < time && bucket->live
                         ? wr_rows_next(bucket->rows, &walk->cursor, seen, WR_MIN(max, 1024u))
                         : 0;
        for (uint32_t i = 0; i < n; i++) {
            const wr_shelf_row *header = wr_shelf_row_of(shelf, seen[i]);
            if (!header->key) continue;
            if (header->time < time)
                rows[count++] = seen[i];
            else
                walk->least = WR_MIN(walk->least, header->time);
        }
        if (n > 0) continue;
        if (!begins && !walk->only_looks) bucket->least = walk->least;
        walk->bucket++;
        walk->cursor = (wr_rows_cursor){0};
        if (bucket->number > time >> shelf->shift) walk->bucket = shelf->bucket_count;
    }
    return count;
}

void wr_shelf_let_go(wr_shelf *shelf, uint8_t *row)
{
    wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    shelf->forgotten = WR_MAX(shelf->forgotten, header->time + 1);
    take_out(shelf, header);
    shelf->buckets[bucket_at(shelf, header->time >> shelf->shift)].live--;
    shelf->dropped++;
}

void wr_shelf_forget(wr_shelf *shelf, int64_t time)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < shelf->bucket_count; i++) {
        wr_shelf_bucket *bucket = &shelf->buckets[i];
        if (bucket->live == 0 && bucket->number <= time >> shelf->shift) {
            shelf->dropped -= wr_rows_count(bucket->rows);
            wr_rows_drop(bucket->rows);
        } else {
            shelf->buckets[kept++] = *bucket;
        }
    }
    shelf->bucket_count = kept;
    if (shelf->keys->has_stored) shelf->forgotten = WR_MAX(shelf->forgotten, time);
}

uint32_t wr_shelf_next(const wr_shelf *shelf, wr_shelf_cursor *cursor, uint8_t **rows)
{
    for (; cursor->bucket < shelf->bucket_count; cursor->bucket++) {
        const wr_rows *from = shelf->buckets[cursor->bucket].rows;
        for (uint32_t n; (n = wr_rows_next(from, &cursor->rows, rows, WR_BATCH_ROWS)) > 0;) {
            uint32_t live = 0;
            for (uint32_t i = 0; i < n; i++) {
                rows[live] = rows[i];
                live += wr_shelf_row_of(shelf, rows[i])->key != NULL;
            }
            if (live) return live;
        }
        cursor->rows = (wr_rows_cursor){0};
    }
    return 0;
}

/* ---- tidying ---- */

static uint32_t only_live(const wr_shelf *shelf, uint8_t **rows, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[kept] = rows[i];
        kept += wr_shelf_row_of(shelf, rows[i])->key != NULL;
    }
    return kept;
}

/* Copies what lives in a bucket; the old rows' keys become their new addresses. */
static weir_status copy_bucket(wr_shelf *shelf, const wr_shelf_bucket *bucket, wr_rows *into)
{
    WR_ARENA(scratch);
    wr_rows_cursor cursor = {0};
    uint8_t *rows[WR_BATCH_ROWS], *copies[WR_BATCH_ROWS];
    int columns = shelf->layout.column_count;
    for (uint32_t n; (n = wr_rows_next(bucket->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        n = only_live(shelf, rows, n);
        wr_column *values = wr_new_array(&scratch, wr_column, columns + 1);
        for (int c = 0; c < columns; c++)
            wr_rows_gather(&shelf->layout, c, rows, n, &scratch, &values[c]);
        WR_TRY(wr_rows_append(into, values, NULL, n, copies));
        for (uint32_t i = 0; i < n; i++) {
            *wr_shelf_row_of(shelf, copies[i]) = *wr_shelf_row_of(shelf, rows[i]);
            wr_shelf_row_of(shelf, rows[i])->key = copies[i];
        }
        wr_arena_reset(&scratch);
    }
    return WR_OK;
}

static uint8_t *moved(const wr_shelf *shelf, uint8_t *row)
{
    return row ? wr_shelf_row_of(shelf, row)->key : NULL;
}

static void follow_rows(wr_shelf *shelf)
{
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t b = 0; b < shelf->bucket_count; b++) {
        wr_rows_cursor cursor = {0};
        for (uint32_t n;
             (n = wr_rows_next(shelf->buckets[b].rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
            for (uint32_t i = 0; i < n; i++) {
                wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
                header->link[0] = moved(shelf, header->link[0]);
                header->link[1] = moved(shelf, header->link[1]);
            }
    }
    for (uint32_t i = 0; i < shelf->changed_count; i++)
        shelf->changed[i] = moved(shelf, shelf->changed[i]);
    wr_rows_cursor cursor = {0};
    for (uint32_t n;
         (n = wr_rows_next(shelf->keys->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++) {
            wr_shelf_key *key = wr_shelf_key_of(shelf, rows[i]);
            for (int f = 0; f < 2; f++)
                if (shelf->first_of_key < 0 || shelf->first_of_key == f)
                    key->first[f] = moved(shelf, key->first[f]);
        }
}

/* A failure leaves nothing that could go on: the query ends with it. */
weir_status wr_shelf_tidy(wr_shelf *shelf)
{
    if (shelf->dropped <= shelf->live + GAPS_MIN) return WR_OK;
    WR_ARENA(arena);
    wr_rows **copies = wr_new_array(&arena, wr_rows *, shelf->bucket_count + 1);
    weir_status bad = WR_OK;
    for (uint32_t b = 0; b < shelf->bucket_count && !bad; b++) {
        bad = wr_rows_new(shelf->mem, &shelf->layout, &copies[b]);
        if (!bad) bad = copy_bucket(shelf, &shelf->buckets[b], copies[b]);
    }
    for (uint32_t b = 0; b < shelf->bucket_count; b++) {
        wr_rows *old = shelf->buckets[b].rows;
        shelf->buckets[b].rows = copies[b];
        copies[b] = old;
    }
    if (!bad) follow_rows(shelf);
    shelf->dropped = 0;
    for (uint32_t b = 0; b < shelf->bucket_count; b++)
        wr_rows_drop(copies[b]);
    return bad;
}

static void follow_keys(wr_shelf *shelf)
{
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t b = 0; b < shelf->bucket_count; b++) {
        wr_rows_cursor cursor = {0};
        for (uint32_t n;
             (n = wr_rows_next(shelf->buckets[b].rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
            for (uint32_t i = 0; i < n; i++) {
                wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
                if (header->key) header->key = wr_shelf_key_of(shelf, header->key)->first[0];
            }
    }
}

/* Copies keys that have rows; the first beginning of the old key becomes its new address. */
static weir_status copy_keys(wr_shelf_keys *keys, wr_groups *into)
{
    WR_ARENA(scratch);
    wr_rows_cursor cursor = {0};
    uint8_t *rows[WR_BATCH_ROWS], *copies[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t added_count, extra = keys->layout.extra_offset;
    for (uint32_t n; (n = wr_rows_next(keys->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n; i++) {
            rows[kept] = rows[i];
            kept += ((wr_shelf_key *)(void *)(rows[i] + extra))->count > 0;
        }
        wr_column *values = wr_new_array(&scratch, wr_column, keys->layout.column_count + 1);
        for (int c = 0; c < keys->layout.column_count; c++)
            wr_rows_gather(&keys->layout, c, rows, kept, &scratch, &values[c]);
        WR_TRY(
            wr_groups_find(into, values, NULL, kept, NULL, &scratch, copies, added, &added_count));
        wr_assert(added_count == kept);
        for (uint32_t i = 0; i < kept; i++) {
            wr_shelf_key *old = (wr_shelf_key *)(void *)(rows[i] + extra);
            *(wr_shelf_key *)(void *)(copies[i] + extra) = *old;
            old->first[0] = copies[i];
        }
        wr_arena_reset(&scratch);
    }
    return WR_OK;
}

weir_status wr_shelf_keys_tidy(wr_shelf_keys *keys, wr_shelf *const *shelf, int count)
{
    /* A key that is not in memory is read from the state, which still has what was dropped. */
    for (int i = 0; i < count && keys->has_stored; i++)
        if (shelf[i]->gone_count) return WR_OK;
    if (wr_rows_count(keys->groups.rows) <= keys->live * 2 + KEYS_MIN) return WR_OK;
    wr_groups copies;
    WR_TRY(wr_groups_init(&copies, keys->mem, &keys->layout, keys->layout.column_count,
                          keys->groups.is_direct));
    /* room for what comes until the next time */
    weir_status bad = wr_groups_expect(&copies, keys->live * 2 + KEYS_MIN);
    if (!bad) bad = copy_keys(keys, &copies);
    if (!bad)
        for (int i = 0; i < count; i++)
            follow_keys(shelf[i]);
    wr_groups_clear(&keys->groups);
    keys->groups = copies;
    return bad;
}

static weir_status list_rows(wr_shelf *shelf)
{
    uint8_t *rows[WR_BATCH_ROWS];
    WR_TRY(need_changes(shelf, (uint32_t)WR_MIN(shelf->live, (uint64_t)INT32_MAX)));
    for (uint32_t b = 0; b < shelf->bucket_count; b++) {
        wr_rows_cursor cursor = {0};
        for (uint32_t n;
             (n = wr_rows_next(shelf->buckets[b].rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
            n = only_live(shelf, rows, n);
            for (uint32_t i = 0; i < n; i++)
                if (!wr_shelf_row_of(shelf, rows[i])->place) list_change(shelf, rows[i]);
        }
    }
    return WR_OK;
}

weir_status wr_shelf_list_all(wr_shelf_keys *keys)
{
    for (int s = 0; s < keys->shelf_count; s++) {
        keys->shelves[s]->is_volatile = false;
        WR_TRY(list_rows(keys->shelves[s]));
    }
    return WR_OK;
}
