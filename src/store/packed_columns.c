/* packed_columns.c - rows of a batch as compact bytes. See packed_columns.h.
 *
 *   words    = width u8 (0, 1, 2, 4, 8), smallest i64 if the width is below 8, differences
 *   column   = has NULLs u8, their bits if so, values of all rows, those of NULLs included
 *   integer  = words, whatever its width; values of 16 bytes: words of the halves
 *   8 bits   = a byte each
 *   text     = words of the lengths, the bytes of all; a NULL has none
 *   nested   = each row as packed.h has it
 *
 * Numbers that lie close together are most of a state: keys, moments, counts. Differences wrap, so
 * any bits come back. Reading checks every length before it is used. */
#include "store/packed_columns.h"
#include "store/packed.h"

static weir_status damaged(void)
{
    return wr_fail(WR_E_CORRUPT, "rows of a state are damaged or of other types");
}

/* ---- words ---- */

static uint8_t width_of(uint64_t range)
{
    return range == 0 ? 0 : range >> 8 == 0 ? 1 : range >> 16 == 0 ? 2 : range >> 32 == 0 ? 4 : 8;
}

#define NARROW(T)                        \
    for (uint32_t i = 0; i < count; i++) \
    ((T *)(void *)narrow)[i] = (T)((uint64_t)values[i] - (uint64_t)low)

void wr_words_append(wr_buf *out, const int64_t *values, uint32_t count)
{
    int64_t low = count ? values[0] : 0, high = low;
    uint64_t narrow[WR_BATCH_ROWS];
    wr_assert(count <= WR_BATCH_ROWS);
    for (uint32_t i = 0; i < count; i++) {
        low = WR_MIN(low, values[i]);
        high = WR_MAX(high, values[i]);
    }
    uint8_t width = width_of((uint64_t)high - (uint64_t)low);
    wr_buf_reserve(out, 9 + (size_t)count * width);
    wr_buf_add_char(out, (char)width);
    if (width == 8) {
        wr_buf_add(out, values, count * sizeof *values);
        return;
    }
    wr_buf_add(out, &low, sizeof low);
    if (width == 1) NARROW(uint8_t);
    if (width == 2) NARROW(uint16_t);
    if (width == 4) NARROW(uint32_t);
    wr_buf_add(out, narrow, (size_t)count * width);
}

static weir_status take(wr_str *from, size_t size, const char **out)
{
    if (from->length < size) return damaged();
    *out = from->data;
    from->data += size;
    from->length -= size;
    return WR_OK;
}

/* Bytes of a value have no alignment. */
#define WIDEN(T)                                               \
    for (uint32_t i = 0; i < count; i++) {                     \
        T difference;                                          \
        memcpy(&difference, bytes + i * sizeof(T), sizeof(T)); \
        values[i] = (int64_t)((uint64_t)low + difference);     \
    }

weir_status wr_words_read(wr_str *from, int64_t *values, uint32_t count)
{
    const char *bytes = NULL;
    int64_t low = 0;
    WR_TRY(take(from, 1, &bytes));
    uint8_t width = (uint8_t)*bytes;
    if (width > 8 || (width & (width - 1))) return damaged();
    if (width < 8) {
        WR_TRY(take(from, sizeof low, &bytes));
        memcpy(&low, bytes, sizeof low);
    }
    WR_TRY(take(from, (size_t)count * width, &bytes));
    if (width == 0)
        for (uint32_t i = 0; i < count; i++)
            values[i] = low;
    if (width == 1) WIDEN(uint8_t)
    if (width == 2) WIDEN(uint16_t)
    if (width == 4) WIDEN(uint32_t)
    if (width == 8 && count) memcpy(values, bytes, count * sizeof *values);
    return WR_OK;
}

/* ---- writing ---- */

/* Numbers of 2, 4 or 8 bytes that stand `step` bytes apart. */
static void append_numbers(wr_buf *out, wr_phys phys, const char *data, size_t step, uint32_t rows)
{
    int64_t values[WR_BATCH_ROWS];
    values[0] = 0;
    bool is_signed = phys == WR_P_I16 || phys == WR_P_I32;
    size_t size = WR_MIN(wr_phys_size(phys), sizeof(int64_t));
    for (uint32_t i = 0; i < rows; i++) {
        int64_t value = 0;
        memcpy(&value, data + i * step, size);
        values[i] = value;
    }
    int unused = 64 - 8 * (int)size;
    for (uint32_t i = 0; is_signed && i < rows; i++)
        values[i] = (int64_t)((uint64_t)values[i] << unused) >> unused;
    wr_words_append(out, values, rows);
}

static void append_text(wr_buf *out, const wr_column *c, uint32_t rows)
{
    const wr_view *views = c->data;
    int64_t lengths[WR_BATCH_ROWS];
    size_t total = 0;
    lengths[0] = 0;
    for (uint32_t i = 0; i < rows; i++) {
        bool is_there = !c->valid || wr_bit_get(c->valid, i);
        lengths[i] = is_there ? views[i].length : 0;
        total += (size_t)lengths[i];
    }
    wr_words_append(out, lengths, rows);
    wr_buf_reserve(out, total);
    for (uint32_t i = 0; i < rows; i++)
        if (lengths[i]) wr_buf_add(out, wr_view_bytes(&views[i]), (size_t)lengths[i]);
}

static void append_nulls(wr_buf *out, const wr_column *c, uint32_t rows)
{
    uint8_t bits[WR_BATCH_ROWS / 8 + 1] = {0};
    bool any = false;
    for (uint32_t i = 0; c->valid && i < rows; i++) {
        bool is_null = !wr_bit_get(c->valid, i);
        any |= is_null;
        bits[i / 8] |= (uint8_t)(is_null << i % 8);
    }
    wr_buf_add_char(out, any);
    if (any) wr_buf_add(out, bits, (rows + 7) / 8);
}

void wr_column_append(wr_buf *out, const wr_column *column, uint32_t rows, wr_arena *scratch)
{
    const wr_type *t = column->type;
    wr_column flat = *column;
    wr_assert(rows <= WR_BATCH_ROWS);
    if (wr_type_is_nested(t)) {
        for (uint32_t i = 0; i < rows; i++)
            wr_row_append(out, column, 1, i);
        return;
    }
    if (column->form != WR_FLAT || column->phys != t->phys || column->base != 0)
        wr_column_flatten(column, NULL, rows, scratch, &flat);
    append_nulls(out, &flat, rows);
    size_t size = wr_phys_size(t->phys);
    if (t->phys == WR_P_VIEW)
        append_text(out, &flat, rows);
    else if (size == 1)
        wr_buf_add(out, flat.data, rows);
    else
        for (size_t half = 0; half < size; half += sizeof(int64_t))
            append_numbers(out, t->phys, (const char *)flat.data + half, size, rows);
}

/* ---- reading ---- */

static weir_status read_nulls(wr_str *from, wr_column *c, uint32_t rows, wr_arena *arena)
{
    const char *any = NULL, *bits = NULL;
    WR_TRY(take(from, 1, &any));
    if (*any == 0) return WR_OK;
    if (*any != 1) return damaged();
    WR_TRY(take(from, (rows + 7) / 8, &bits));
    wr_column_need_valid(c, arena, rows);
    for (uint32_t i = 0; i < rows; i++)
        if (bits[i / 8] >> i % 8 & 1) wr_bit_clear(c->valid, i);
    return WR_OK;
}

static weir_status read_text(wr_str *from, wr_column *c, uint32_t rows)
{
    wr_view *views = c->data;
    int64_t lengths[WR_BATCH_ROWS];
    WR_TRY(wr_words_read(from, lengths, rows));
    for (uint32_t i = 0; i < rows; i++) {
        const char *bytes = NULL;
        if (lengths[i] < 0 || lengths[i] > UINT32_MAX) return damaged();
        WR_TRY(take(from, (size_t)lengths[i], &bytes));
        views[i] = wr_view_of(bytes, (size_t)lengths[i]);
    }
    return WR_OK;
}

static weir_status read_numbers(wr_str *from, wr_column *c, size_t half, uint32_t rows)
{
    int64_t values[WR_BATCH_ROWS];
    size_t size = wr_phys_size((wr_phys)c->phys), part = WR_MIN(size, sizeof(int64_t));
    WR_TRY(wr_words_read(from, values, rows));
    for (uint32_t i = 0; i < rows; i++)
        memcpy((char *)c->data + i * size + half, &values[i], part);
    return WR_OK;
}

/* Of booleans and labels not every number means something. */
static weir_status check_range(const wr_column *c, uint32_t rows)
{
    const wr_type *t = c->type;
    wr_i128 most = t->id == WR_T_BOOLEAN ? 1 : t->label_count - 1;
    if (t->id != WR_T_BOOLEAN && t->id != WR_T_ENUM) return WR_OK;
    for (uint32_t i = 0; i < rows; i++)
        if ((!c->valid || wr_bit_get(c->valid, i)) && wr_column_i128(c, i) > most) return damaged();
    return WR_OK;
}

static weir_status read_nested(wr_str *from, const wr_type *type, uint32_t rows, wr_arena *arena,
                               wr_column *out)
{
    wr_growing growing;
    wr_growing_init(&growing, out, type, arena);
    for (uint32_t i = 0; i < rows; i++)
        WR_TRY(wr_row_read(from, &growing, 1, arena));
    return WR_OK;
}

weir_status wr_column_read(wr_str *from, const wr_type *type, uint32_t rows, wr_arena *arena,
                           wr_column *out)
{
    wr_assert(rows <= WR_BATCH_ROWS);
    if (wr_type_is_nested(type)) return read_nested(from, type, rows, arena, out);
    size_t size = wr_phys_size(type->phys);
    wr_column_init(out, arena, type, (wr_phys)type->phys, WR_MAX(rows, 1u));
    out->rows = rows;
    WR_TRY(read_nulls(from, out, rows, arena));
    if (type->phys == WR_P_VIEW) return read_text(from, out, rows);
    if (size == 1) {
        const char *bytes = NULL;
        WR_TRY(take(from, rows, &bytes));
        if (rows) memcpy(out->data, bytes, rows);
    }
    for (size_t half = 0; size > 1 && half < size; half += sizeof(int64_t))
        WR_TRY(read_numbers(from, out, half, rows));
    return check_range(out, rows);
}
