/* shelf_state.c - what of the rows on a shelf is in the state store. See shelf.h.
 *
 *   [side][time, big endian, sign flipped][sequence, big endian] -> [number][columns][key columns]
 *
 * Rows that are wanted by key (shelf_spill.c) stand so, in order of time: what was forgotten is one
 * range. Others are in blocks (shelf_blocks.c). A row is written when it is in the list of changes;
 * after a commit that failed the list is as before, and the next one writes it again. */
#include "store/packed.h"
#include "stream/ops/shelf.h"

enum { SIDE_TIME = 't' };

static void put_big_endian(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t big_endian(const uint8_t *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

wr_str wr_shelf_name_bytes(uint8_t out[WR_SHELF_NAME], uint8_t side, int64_t time,
                           uint64_t sequence)
{
    out[0] = side;
    put_big_endian(out + 1, (uint64_t)time ^ UINT64_C(1) << 63);
    put_big_endian(out + 9, sequence);
    return (wr_str){(const char *)out, WR_SHELF_NAME};
}

void wr_shelf_name_parse(wr_str name, int64_t *time, uint64_t *sequence)
{
    const uint8_t *bytes = (const uint8_t *)name.data;
    *time = (int64_t)(big_endian(bytes + 1) ^ UINT64_C(1) << 63);
    *sequence = big_endian(bytes + 9);
}

/* ---- writing ---- */

static weir_status delete_rows(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    uint8_t first[WR_SHELF_NAME], last[WR_SHELF_NAME];
    if (shelf->forgotten > INT64_MIN)
        WR_TRY(wr_state_delete_range(state, section,
                                     wr_shelf_name_bytes(first, shelf->side, INT64_MIN, 0),
                                     wr_shelf_name_bytes(last, shelf->side, shelf->forgotten, 0)));
    for (uint32_t i = 0; i < shelf->gone_count; i++)
        WR_TRY(wr_state_delete(
            state, section,
            wr_shelf_name_bytes(first, shelf->side, shelf->gone[i].time, shelf->gone[i].sequence)));
    return WR_OK;
}

static weir_status write_rows(wr_shelf *shelf, uint8_t *const *rows, uint32_t count,
                              wr_state *state, uint32_t section, wr_arena *scratch, wr_buf *packed)
{
    const wr_rows_layout *of_key = &shelf->keys->layout;
    int columns = shelf->layout.column_count, total = columns + of_key->column_count;
    wr_column *values = wr_new_array(scratch, wr_column, total + 1);
    uint8_t *keys[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++)
        keys[i] = wr_shelf_row_of(shelf, rows[i])->key;
    for (int c = 0; c < columns; c++)
        wr_rows_gather(&shelf->layout, c, rows, count, scratch, &values[c]);
    for (int c = columns; c < total; c++)
        wr_rows_gather(of_key, c - columns, keys, count, scratch, &values[c]);
    for (uint32_t i = 0; i < count; i++) {
        const wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
        uint8_t name[WR_SHELF_NAME];
        wr_buf_clear(packed);
        wr_buf_add(packed, &header->number, sizeof header->number);
        wr_row_append(packed, values, total, i);
        WR_TRY(wr_state_put(state, section,
                            wr_shelf_name_bytes(name, shelf->side, header->time, header->sequence),
                            wr_buf_str(packed)));
    }
    return WR_OK;
}

static weir_status write_all(wr_shelf *shelf, wr_state *state, uint32_t section, wr_arena *scratch,
                             wr_buf *packed)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_cursor cursor = {0};
    for (uint32_t n; (n = wr_shelf_next(shelf, &cursor, rows)) > 0;) {
        WR_TRY(write_rows(shelf, rows, n, state, section, scratch, packed));
        wr_arena_reset(scratch);
    }
    return WR_OK;
}

static weir_status write_changed(wr_shelf *shelf, wr_state *state, uint32_t section,
                                 wr_arena *scratch, wr_buf *packed)
{
    WR_TRY(wr_shelf_unindex(shelf, state, section));
    WR_TRY(delete_rows(shelf, state, section));
    for (uint32_t at = 0; at < shelf->changed_count; at += WR_BATCH_ROWS) {
        uint32_t count = WR_MIN(shelf->changed_count - at, (uint32_t)WR_BATCH_ROWS);
        WR_TRY(write_rows(shelf, shelf->changed + at, count, state, section, scratch, packed));
        wr_arena_reset(scratch);
    }
    return WR_OK;
}

weir_status wr_shelf_save(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    WR_ARENA(scratch);
    WR_BUF(packed);
    shelf->op->state = state;
    shelf->saved_sequence = shelf->next_sequence;
    shelf->saved_after = WR_MAX(shelf->packed_after, shelf->forgotten);
    if (!shelf->is_indexed && !shelf->wants_index) return wr_shelf_pack(shelf, state, section);
    if (shelf->is_indexed) {
        WR_TRY(write_changed(shelf, state, section, &scratch, &packed));
    } else {
        WR_TRY(wr_shelf_drop_blocks(shelf, state, section));
        WR_TRY(write_all(shelf, state, section, &scratch, &packed));
    }
    return wr_shelf_index(shelf, state, section);
}

void wr_shelf_settled(wr_shelf *shelf, bool committed)
{
    wr_shelf_settle_blocks(shelf, committed);
    if (!committed) return;
    shelf->packed_after = shelf->saved_after;
    for (uint32_t i = 0; i < shelf->changed_count; i++)
        wr_shelf_row_of(shelf, shelf->changed[i])->place = 0;
    shelf->changed_count = shelf->gone_count = 0;
    shelf->forgotten = INT64_MIN;
    shelf->expired = 0;
    shelf->settled_sequence = shelf->saved_sequence;
    shelf->settled_time = shelf->saved_time;
}

/* ---- reading ---- */

struct wr_shelf_reading {
    wr_shelf *shelf;
    wr_arena arena;
    wr_column *values;
    wr_growing *growing;
    int total;
    uint32_t count;
    int64_t times[WR_BATCH_ROWS];
    uint64_t sequences[WR_BATCH_ROWS];
    uint32_t numbers[WR_BATCH_ROWS];
};

void wr_shelf_reading_restart(wr_shelf_reading *r)
{
    const wr_rows_layout *own = &r->shelf->layout, *of_key = &r->shelf->keys->layout;
    wr_arena_reset(&r->arena);
    r->count = 0;
    r->total = own->column_count + of_key->column_count;
    r->values = wr_new_array(&r->arena, wr_column, r->total + 1);
    r->growing = wr_new_array(&r->arena, wr_growing, r->total + 1);
    for (int c = 0; c < r->total; c++)
        wr_growing_init(&r->growing[c], &r->values[c],
                        c < own->column_count ? own->types[c]
                                              : of_key->types[c - own->column_count],
                        &r->arena);
}

wr_shelf_reading *wr_shelf_reading_new(wr_shelf *shelf)
{
    wr_shelf_reading *r = wr_heap_new(sizeof *r);
    r->shelf = shelf;
    r->arena.mem = shelf->mem;
    wr_shelf_reading_restart(r);
    return r;
}

void wr_shelf_reading_drop(wr_shelf_reading *r)
{
    if (!r) return;
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
}

uint32_t wr_shelf_read_count(const wr_shelf_reading *r) { return r->count; }
const wr_column *wr_shelf_read_keys(const wr_shelf_reading *r)
{
    return r->values + r->shelf->layout.column_count;
}

weir_status wr_shelf_hold_rows(wr_shelf_reading *r, uint8_t *const *keys)
{
    wr_shelf *shelf = r->shelf;
    uint8_t *found[WR_BATCH_ROWS], *rows[WR_BATCH_ROWS];
    uint16_t all[WR_BATCH_ROWS];
    if (r->count == 0) return WR_OK;
    for (uint32_t i = 0; i < r->count; i++)
        all[i] = (uint16_t)i;
    if (!keys)
        WR_TRY(wr_shelf_keys_find(shelf->keys, wr_shelf_read_keys(r), NULL, r->count, &r->arena,
                                  found));
    WR_TRY(wr_shelf_add(shelf, r->values, all, r->count, r->times, keys ? keys : found,
                        r->sequences, rows));
    for (uint32_t i = 0; i < r->count; i++) {
        wr_shelf_row_of(shelf, rows[i])->number = r->numbers[i];
        shelf->link(shelf->owner, rows[i]);
    }
    wr_shelf_reading_restart(r);
    return WR_OK;
}

weir_status wr_shelf_read_row(wr_shelf_reading *r, wr_str name, wr_str value)
{
    uint32_t i = r->count;
    wr_assert(i < WR_BATCH_ROWS);
    if (name.length != WR_SHELF_NAME || value.length < sizeof *r->numbers)
        return wr_fail(WR_E_CORRUPT, "a row of the state has a key of %zu and a value of %zu bytes",
                       name.length, value.length);
    wr_shelf_name_parse(name, &r->times[i], &r->sequences[i]);
    memcpy(&r->numbers[i], value.data, sizeof *r->numbers);
    value.data += sizeof *r->numbers;
    value.length -= sizeof *r->numbers;
    WR_TRY(wr_row_read(&value, r->growing, r->total, &r->arena));
    if (value.length)
        return wr_fail(WR_E_CORRUPT, "a row of the state is %zu bytes too long", value.length);
    r->count++;
    return WR_OK;
}

weir_status wr_shelf_load(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    const char name[] = {WR_SHELF_INDEX, (char)shelf->side};
    wr_str value;
    shelf->op->state = state;
    WR_TRY(wr_state_get(state, section, (wr_str){name, sizeof name}, &value, &shelf->is_indexed));
    if (shelf->is_indexed) {
        if (value.length != sizeof shelf->next_sequence)
            return wr_fail(WR_E_CORRUPT, "the index of rows has %zu bytes", value.length);
        memcpy(&shelf->next_sequence, value.data, sizeof shelf->next_sequence);
        shelf->keys->has_stored = true;
    } else {
        WR_TRY(wr_shelf_unpack(shelf));
    }
    shelf->saved_sequence = shelf->next_sequence;
    shelf->saved_after = shelf->packed_after;
    wr_shelf_settled(shelf, true);
    return WR_OK;
}

/* ---- the operator's time ---- */

weir_status wr_shelf_save_time(wr_shelf *shelf, const wr_stream_op *op, wr_state *state)
{
    if (op->time == shelf->settled_time) return WR_OK;
    shelf->saved_time = op->time;
    const char name[] = {SIDE_TIME};
    return wr_state_put(state, op->section, (wr_str){name, sizeof name},
                        (wr_str){(const char *)&op->time, sizeof op->time});
}

weir_status wr_shelf_load_time(wr_shelf *shelf, wr_stream_op *op, wr_state *state)
{
    const char name[] = {SIDE_TIME};
    wr_str value;
    bool found;
    int64_t time;
    WR_TRY(wr_state_get(state, op->section, (wr_str){name, sizeof name}, &value, &found));
    if (!found) return WR_OK;
    if (value.length != sizeof time)
        return wr_fail(WR_E_CORRUPT, "the time of an operator has %zu bytes", value.length);
    memcpy(&time, value.data, sizeof time);
    shelf->saved_time = shelf->settled_time = time;
    op->time = WR_MAX(op->time, time);
    return WR_OK;
}
