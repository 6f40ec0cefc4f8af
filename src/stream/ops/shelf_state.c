/* shelf_state.c - what of the rows on a shelf is in the state store. See shelf.h.
 *
 *   [side][time, big endian, sign flipped][sequence, big endian] -> [number][columns][key columns]
 *
 * In order of time, so what was forgotten is one range. A row is written when it is in the list of
 * changes; after a commit that failed the list is as before, and the next one writes it again. */
#include "store/packed.h"
#include "stream/ops/shelf.h"

enum { NAME_BYTES = 17, SIDE_TIME = 't' };

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

static wr_str name_bytes(uint8_t out[NAME_BYTES], uint8_t side, int64_t time, uint64_t sequence)
{
    out[0] = side;
    put_big_endian(out + 1, (uint64_t)time ^ UINT64_C(1) << 63);
    put_big_endian(out + 9, sequence);
    return (wr_str){(const char *)out, NAME_BYTES};
}

/* ---- writing ---- */

static weir_status delete_rows(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    uint8_t first[NAME_BYTES], last[NAME_BYTES];
    if (shelf->forgotten > INT64_MIN)
        WR_TRY(wr_state_delete_range(state, section, name_bytes(first, shelf->side, INT64_MIN, 0),
                                     name_bytes(last, shelf->side, shelf->forgotten, 0)));
    for (uint32_t i = 0; i < shelf->gone_count; i++)
        WR_TRY(wr_state_delete(
            state, section,
            name_bytes(first, shelf->side, shelf->gone[i].time, shelf->gone[i].sequence)));
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
        uint8_t name[NAME_BYTES];
        wr_buf_clear(packed);
        wr_buf_add(packed, &header->number, sizeof header->number);
        wr_row_append(packed, values, total, i);
        WR_TRY(wr_state_put(state, section,
                            name_bytes(name, shelf->side, header->time, header->sequence),
                            wr_buf_str(packed)));
    }
    return WR_OK;
}

weir_status wr_shelf_save(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    WR_ARENA(scratch);
    WR_BUF(packed);
    WR_TRY(delete_rows(shelf, state, section));
    for (uint32_t at = 0; at < shelf->changed_count; at += WR_BATCH_ROWS) {
        uint32_t count = WR_MIN(shelf->changed_count - at, (uint32_t)WR_BATCH_ROWS);
        WR_TRY(write_rows(shelf, shelf->changed + at, count, state, section, &scratch, &packed));
        wr_arena_reset(&scratch);
    }
    shelf->saved_sequence = shelf->next_sequence;
    return WR_OK;
}

void wr_shelf_settled(wr_shelf *shelf, bool committed)
{
    if (!committed) return;
    for (uint32_t i = 0; i < shelf->changed_count; i++)
        wr_shelf_row_of(shelf, shelf->changed[i])->place = 0;
    shelf->changed_count = shelf->gone_count = 0;
    shelf->forgotten = INT64_MIN;
    shelf->settled_sequence = shelf->saved_sequence;
    shelf->settled_time = shelf->saved_time;
}

/* ---- reading ---- */

typedef struct reading {
    wr_shelf *shelf;
    wr_arena arena;
    wr_column *values;
    wr_growing *growing;
    int total;
    uint32_t count;
    int64_t times[WR_BATCH_ROWS];
    uint64_t sequences[WR_BATCH_ROWS];
    uint32_t numbers[WR_BATCH_ROWS];
    void (*link)(void *owner, uint8_t *row);
    void *owner;
} reading;

static void begin_rows(reading *r)
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

static weir_status hold_rows(reading *r)
{
    wr_shelf *shelf = r->shelf;
    uint8_t *keys[WR_BATCH_ROWS], *rows[WR_BATCH_ROWS];
    uint16_t all[WR_BATCH_ROWS];
    if (r->count == 0) return WR_OK;
    for (uint32_t i = 0; i < r->count; i++)
        all[i] = (uint16_t)i;
    WR_TRY(wr_shelf_keys_find(shelf->keys, r->values + shelf->layout.column_count, NULL, r->count,
                              &r->arena, keys));
    WR_TRY(wr_shelf_add(shelf, r->values, all, r->count, r->times, keys, rows));
    for (uint32_t i = 0; i < r->count; i++) {
        wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
        header->sequence = r->sequences[i];
        header->number = r->numbers[i];
        r->link(r->owner, rows[i]);
    }
    begin_rows(r);
    return WR_OK;
}

static weir_status read_row(reading *r, wr_str name, wr_str value)
{
    const uint8_t *bytes = (const uint8_t *)name.data;
    uint32_t i = r->count;
    if (name.length != NAME_BYTES || value.length < sizeof *r->numbers)
        return wr_fail(WR_E_CORRUPT, "a row of the state has a key of %zu and a value of %zu bytes",
                       name.length, value.length);
    r->times[i] = (int64_t)(big_endian(bytes + 1) ^ UINT64_C(1) << 63);
    r->sequences[i] = big_endian(bytes + 9);
    memcpy(&r->numbers[i], value.data, sizeof *r->numbers);
    value.data += sizeof *r->numbers;
    value.length -= sizeof *r->numbers;
    WR_TRY(wr_row_read(&value, r->growing, r->total, &r->arena));
    if (value.length)
        return wr_fail(WR_E_CORRUPT, "a row of the state is %zu bytes too long", value.length);
    return ++r->count == WR_BATCH_ROWS ? hold_rows(r) : WR_OK;
}

static weir_status read_rows(reading *r, wr_state *state, uint32_t section, uint64_t *highest)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    uint8_t first[1] = {r->shelf->side};
    WR_TRY(wr_state_seek(state, section, (wr_str){(const char *)first, 1}, &cursor));
    for (;;) {
        wr_str name, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &name, &value, &more));
        if (!more || name.length == 0 || (uint8_t)name.data[0] != r->shelf->side) break;
        uint32_t at = r->count;
        WR_TRY(read_row(r, name, value));
        *highest = WR_MAX(*highest, r->sequences[at] + 1);
    }
    return hold_rows(r);
}

weir_status wr_shelf_load(wr_shelf *shelf, wr_state *state, uint32_t section,
                          void (*link)(void *owner, uint8_t *row), void *owner)
{
    reading *r = wr_heap_new(sizeof *r);
    *r = (reading){.shelf = shelf, .arena = {.mem = shelf->mem}, .link = link, .owner = owner};
    begin_rows(r);
    uint64_t highest = 0;
    weir_status bad = read_rows(r, state, section, &highest);
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
    if (bad) return bad;
    shelf->next_sequence = shelf->saved_sequence = highest;
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
