/* shelf_spill.c - see shelf.h: rows that are in the state store alone.
 *
 *   [side + 128][key][time][sequence]   nothing: which rows a key has
 *   'i' [side]                          the next sequence; there is such an index
 *
 * The index is made, and rows get names, when an operator comes to hold most of its share; until
 * then they are in blocks (shelf_blocks.c). It is kept up to date from then on. After a commit
 * memory and state say the same, so everything in memory may be forgotten; a key that comes again
 * brings its rows back. Of a key either all rows are in memory or none: links between them are
 * never half.
 *
 * Time forgets rows of the state by range; their index entries go one by one, when the range is
 * saved. So that this is not too much at once, time goes on in steps. */
#include "store/keys.h"
#include "stream/ops/shelf.h"
#include <stdlib.h>

enum { INDEX_SIDE = 128, KEYS_MAX = 400, NAME_REST = WR_SHELF_NAME - 1 };

static void index_key(const wr_shelf *shelf, wr_buf *key, const wr_column *columns, uint32_t row)
{
    key->length = 0;
    wr_buf_add_char(key, (char)(INDEX_SIDE + shelf->side));
    for (int c = 0; c < shelf->keys->layout.column_count; c++)
        wr_key_append(key, &columns[c], row, WR_KEY_ASCENDING);
    wr_key_fit(key, 1, KEYS_MAX);
}

static void add_name(const wr_shelf *shelf, wr_buf *key, int64_t time, uint64_t sequence)
{
    uint8_t name[WR_SHELF_NAME];
    wr_shelf_name_bytes(name, shelf->side, time, sequence);
    wr_buf_add(key, name + 1, NAME_REST);
}

/* ---- writing ---- */

static weir_status index_rows(wr_shelf *shelf, uint8_t *const *rows, uint32_t count,
                              wr_state *state, uint32_t section)
{
    WR_ARENA(scratch);
    WR_BUF(key);
    const wr_rows_layout *of_key = &shelf->keys->layout;
    wr_column *columns = wr_new_array(&scratch, wr_column, of_key->column_count + 1);
    uint8_t *keys[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++)
        keys[i] = wr_shelf_row_of(shelf, rows[i])->key;
    for (int c = 0; c < of_key->column_count; c++)
        wr_rows_gather(of_key, c, keys, count, &scratch, &columns[c]);
    for (uint32_t i = 0; i < count; i++) {
        const wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
        index_key(shelf, &key, columns, i);
        add_name(shelf, &key, header->time, header->sequence);
        WR_TRY(wr_state_put(state, section, wr_buf_str(&key), (wr_str){"", 0}));
    }
    return WR_OK;
}

static weir_status index_all(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_cursor cursor = {0};
    for (uint32_t n; (n = wr_shelf_next(shelf, &cursor, rows)) > 0;)
        WR_TRY(index_rows(shelf, rows, n, state, section));
    return WR_OK;
}

static weir_status index_new(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < shelf->changed_count; i++) {
        rows[n] = shelf->changed[i];
        n += wr_shelf_row_of(shelf, rows[n])->sequence >= shelf->settled_sequence;
        if (n < WR_BATCH_ROWS) continue;
        WR_TRY(index_rows(shelf, rows, n, state, section));
        n = 0;
    }
    return index_rows(shelf, rows, n, state, section);
}

weir_status wr_shelf_index(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    WR_TRY(shelf->is_indexed ? index_new(shelf, state, section) : index_all(shelf, state, section));
    const char name[] = {WR_SHELF_INDEX, (char)shelf->side};
    uint64_t next = shelf->next_sequence;
    shelf->has_saved_index = true;
    return wr_state_put(state, section, (wr_str){name, sizeof name},
                        (wr_str){(const char *)&next, sizeof next});
}

static weir_status unindex_read(wr_shelf_reading *r, wr_shelf *shelf, wr_state *state,
                                uint32_t section, const wr_shelf_name *names)
{
    WR_BUF(key);
    for (uint32_t i = 0; i < wr_shelf_read_count(r); i++) {
        index_key(shelf, &key, wr_shelf_read_keys(r), i);
        add_name(shelf, &key, names[i].time, names[i].sequence);
        WR_TRY(wr_state_delete(state, section, wr_buf_str(&key)));
    }
    wr_shelf_reading_restart(r);
    return WR_OK;
}

/* Up to a batch of rows of the state from *from on that are not later than before `until`. */
static weir_status read_range(wr_shelf_reading *r, const wr_shelf *shelf, wr_state *state,
                              uint32_t section, wr_shelf_name *from, int64_t until,
                              wr_shelf_name *names, bool *more)
{
    uint8_t first[WR_SHELF_NAME];
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(state, section,
                         wr_shelf_name_bytes(first, shelf->side, from->time, from->sequence),
                         &cursor));
    while (*more && wr_shelf_read_count(r) < WR_BATCH_ROWS) {
        wr_str name, value;
        wr_shelf_name *n = &names[wr_shelf_read_count(r)];
        WR_TRY(wr_state_next(cursor, &name, &value, more));
        *more = *more && name.length == WR_SHELF_NAME && (uint8_t)name.data[0] == shelf->side;
        if (!*more) return WR_OK;
        wr_shelf_name_parse(name, &n->time, &n->sequence);
        *more = n->time < until;
        if (!*more) return WR_OK;
        WR_TRY(wr_shelf_read_row(r, name, value));
        *from = (wr_shelf_name){n->time, n->sequence + 1};
    }
    return WR_OK;
}

weir_status wr_shelf_unindex(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    wr_shelf_name names[WR_BATCH_ROWS], from = {INT64_MIN, 0};
    WR_AUTO(wr_shelf_reading) *r = wr_shelf_reading_new(shelf);
    for (bool more = shelf->forgotten > INT64_MIN; more;) {
        WR_TRY(read_range(r, shelf, state, section, &from, shelf->forgotten, names, &more));
        WR_TRY(unindex_read(r, shelf, state, section, names));
    }
    for (uint32_t i = 0; i < shelf->gone_count; i++) {
        uint8_t bytes[WR_SHELF_NAME];
        wr_shelf_name gone = shelf->gone[i];
        wr_str name = wr_shelf_name_bytes(bytes, shelf->side, gone.time, gone.sequence), value;
        bool found;
        WR_TRY(wr_state_get(state, section, name, &value, &found));
        if (!found) continue;
        WR_TRY(wr_shelf_read_row(r, name, value));
        WR_TRY(unindex_read(r, shelf, state, section, &gone));
    }
    return WR_OK;
}

/* ---- reading by key ---- */

typedef struct wanted {
    wr_str key;
    uint32_t number;
} wanted;

static int by_key(const void *a, const void *b)
{
    return wr_str_cmp(((const wanted *)a)->key, ((const wanted *)b)->key);
}

typedef struct fetching {
    wr_shelf *shelf;
    wr_shelf_reading *reading;
    uint8_t *keys[WR_BATCH_ROWS]; /* of rows that were read */
    WR_LIST(wr_shelf_name) names;
    wr_arena arena;
} fetching;

static weir_status hold(fetching *f) { return wr_shelf_hold_rows(f->reading, f->keys); }

static weir_status list_names(fetching *f, wr_str prefix)
{
    wr_shelf *shelf = f->shelf;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(shelf->op->state, shelf->op->section, prefix, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || !wr_str_has_prefix(key, prefix)) return WR_OK;
        if (key.length != prefix.length + NAME_REST)
            return wr_fail(WR_E_CORRUPT, "an index entry of %s has %zu bytes", shelf->op->def->name,
                           key.length);
        wr_shelf_name name;
        wr_shelf_name_parse((wr_str){key.data + prefix.length - 1, WR_SHELF_NAME}, &name.time,
                            &name.sequence);
        if (name.time >= shelf->forgotten) wr_push(&f->arena, &f->names, name);
    }
}

static weir_status fetch_key(fetching *f, wr_str prefix, uint8_t *key)
{
    wr_shelf *shelf = f->shelf;
    f->names.count = 0;
    WR_TRY(list_names(f, prefix));
    for (int i = 0; i < f->names.count; i++) {
        uint8_t bytes[WR_SHELF_NAME];
        wr_str value, name = wr_shelf_name_bytes(bytes, shelf->side, f->names.items[i].time,
                                                 f->names.items[i].sequence);
        bool found;
        WR_TRY(wr_state_get(shelf->op->state, shelf->op->section, name, &value, &found));
        if (!found)
            return wr_fail(WR_E_CORRUPT, "the index of %s names a row that is not there",
                           shelf->op->def->name);
        f->keys[wr_shelf_read_count(f->reading)] = key;
        WR_TRY(wr_shelf_read_row(f->reading, name, value));
        if (wr_shelf_read_count(f->reading) == WR_BATCH_ROWS) WR_TRY(hold(f));
    }
    return WR_OK;
}

static weir_status fetch(fetching *f, const wr_column *columns, const uint16_t *at, uint32_t count,
                         uint8_t *const *keys)
{
    WR_ARENA(arena);
    WR_BUF(key);
    wanted *list = wr_new_array(&arena, wanted, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        index_key(f->shelf, &key, columns, at[i]);
        list[i] = (wanted){{wr_arena_copy(&arena, key.data, key.length), key.length}, i};
    }
    qsort(list, count, sizeof *list, by_key);
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(fetch_key(f, list[i].key, keys[list[i].number]));
    return hold(f);
}

weir_status wr_shelf_fetch(wr_shelf *shelf, const wr_column *columns, const uint16_t *at,
                           uint32_t count, uint8_t *const *keys)
{
    fetching *f = wr_heap_new(sizeof *f);
    f->shelf = shelf;
    f->arena.mem = shelf->mem;
    f->reading = wr_shelf_reading_new(shelf);
    weir_status bad = fetch(f, columns, at, count, keys);
    wr_shelf_reading_drop(f->reading);
    wr_arena_clear(&f->arena);
    wr_heap_drop(f);
    return bad;
}

/* ---- time ---- */

weir_status wr_shelf_step(wr_shelf *shelf, int64_t *until)
{
    enum { MOST = 4096, LEAST = 8, BYTES = 4096 };
    uint8_t first[WR_SHELF_NAME];
    if (!shelf->keys->has_stored) return WR_OK;
    uint64_t most = WR_MAX(WR_MIN(shelf->op->share / BYTES, (uint64_t)MOST), (uint64_t)LEAST);
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(shelf->op->state, shelf->op->section,
                         wr_shelf_name_bytes(first, shelf->side, shelf->forgotten, 0), &cursor));
    for (uint64_t i = 0; i < most; i++) {
        wr_str name, value;
        bool more;
        int64_t time;
        uint64_t sequence;
        WR_TRY(wr_state_next(cursor, &name, &value, &more));
        if (!more || name.length != WR_SHELF_NAME || (uint8_t)name.data[0] != shelf->side)
            return WR_OK;
        wr_shelf_name_parse(name, &time, &sequence);
        if (time >= *until) return WR_OK;
        shelf->expired++;
        if (i + 1 == most) *until = WR_MIN(*until, time + 1);
    }
    return WR_OK;
}

weir_status wr_shelf_fetch_due(wr_shelf *shelf, int64_t until)
{
    wr_shelf_keys *keys = shelf->keys;
    if (!keys->has_stored) return WR_OK;
    wr_shelf_name *names = wr_heap_raw(sizeof *names * WR_BATCH_ROWS);
    wr_shelf_name from = {shelf->forgotten, 0};
    wr_shelf_reading *r = wr_shelf_reading_new(shelf);
    weir_status bad = WR_OK;
    WR_ARENA(scratch);
    for (bool more = true; more && !bad;) {
        uint8_t *found[WR_BATCH_ROWS];
        bad =
            read_range(r, shelf, shelf->op->state, shelf->op->section, &from, until, names, &more);
        if (!bad && wr_shelf_read_count(r))
            bad = wr_shelf_keys_find(keys, wr_shelf_read_keys(r), NULL, wr_shelf_read_count(r),
                                     &scratch, found);
        wr_shelf_reading_restart(r);
        wr_arena_reset(&scratch);
    }
    wr_shelf_reading_drop(r);
    wr_heap_drop(names);
    return bad;
}

/* ---- after a commit ---- */

static void forget_all(wr_shelf_keys *keys)
{
    wr_groups none;
    weir_status bad =
        wr_groups_init(&none, keys->mem, &keys->layout, keys->layout.column_count, false);
    wr_status_drop(bad);
    if (bad) return; /* without room for an empty table the full one stays */
    for (int s = 0; s < keys->shelf_count; s++) {
        wr_shelf *shelf = keys->shelves[s];
        for (uint32_t b = 0; b < shelf->bucket_count; b++)
            wr_rows_drop(shelf->buckets[b].rows);
        shelf->bucket_count = 0;
        shelf->live = shelf->dropped = 0;
        wr_mem_free(shelf->mem, shelf->changed, shelf->changed_cap * sizeof *shelf->changed);
        wr_mem_free(shelf->mem, shelf->gone, shelf->gone_cap * sizeof *shelf->gone);
        shelf->changed = NULL;
        shelf->gone = NULL;
        shelf->changed_cap = shelf->gone_cap = 0;
    }
    wr_groups_clear(&keys->groups);
    keys->groups = none;
    keys->live = 0;
    keys->has_stored = true;
}

void wr_shelf_keys_settled(wr_shelf_keys *keys, wr_stream_op *op, bool committed)
{
    uint64_t most = op->share / 4 * 3; /* making the index takes some memory, too */
    uint64_t used = wr_mem_used(op->mem);
    bool all_are = true, is_saved = committed && op->state && op->share;
    for (int s = 0; s < keys->shelf_count; s++) {
        wr_shelf *shelf = keys->shelves[s];
        bool was_saved = shelf->has_saved_index;
        shelf->has_saved_index = false;
        if (!is_saved) continue;
        shelf->is_indexed |= was_saved;
        shelf->wants_index = !shelf->is_indexed && used > most;
        all_are &= shelf->is_indexed;
    }
    if (is_saved && all_are && used > op->share && keys->layout.column_count > 0) forget_all(keys);
    op->kept_bytes = wr_mem_used(op->mem);
}

uint64_t wr_shelf_keys_pending(const wr_shelf_keys *keys)
{
    enum { PAGE = 4096, PER_PAGE = 8 };
    uint64_t count = 0;
    for (int s = 0; s < keys->shelf_count; s++) {
        const wr_shelf *shelf = keys->shelves[s];
        if (shelf->is_indexed)
            count += shelf->changed_count + (shelf->gone_count + shelf->expired) * 2;
        else if (shelf->wants_index) /* pairs in the order of their keys: many share a page */
            count += shelf->live / PER_PAGE;
        else
            count += (uint64_t)shelf->changed_count * shelf->layout.row_size / PAGE;
    }
    return count;
}
