/* parse.tmpl.h - the loop over the cells of one column. Parameters: NAME, T (of a slot), READ(at,
 * length, slot): true if the fast reader understood the cell; STRIPS: 1 if quotes around a cell
 * are taken off for another try. from is the index (in the selection) to begin with. */
static uint32_t NAME(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                     const uint16_t *sel, uint32_t sel_count, uint32_t from, wr_fill *fill,
                     wr_csv_cell_fault *fault)
{
    const wr_csv_rows *rows = cells->rows;
    const wr_csv_dialect *dialect = &cells->config->dialect;
    const char *data = cells->data;
    const uint32_t wanted = sel ? sel_count : count;
    const size_t width = (size_t)rows->fields;
    const bool behind_end = field > 0 || !rows->starts, is_last = field == rows->fields - 1;
    const uint32_t *ends = rows->ends + first * width + field;
    const uint32_t *begins = behind_end ? ends - 1 : rows->starts + first;
    const size_t step = behind_end ? width : 1;
    const uint32_t gap = field > 0 ? (uint32_t)dialect->delimiter_size : behind_end;
    const bool has_quote = cells->has_quotes && dialect->quote >= 0, whole = !rows->has_missing;
    const char quote = (char)dialect->quote;
    const int scale = fill->type->scale;
    const int64_t limit = fill->type->precision <= 18 ? wr_pow10_i64[fill->type->precision] : 0;
    T *slots = fill->data;
    int64_t wide = 0;
    (void)wide, (void)slots, (void)has_quote, (void)quote, (void)scale, (void)limit;
    for (uint32_t i = from; i < wanted; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (__builtin_expect(whole, 1)) {
            uint32_t start = begins[row * step] + gap, end = ends[row * width];
            if (is_last && end > start && data[end] == '\n' && data[end - 1] == '\r') end--;
            const char *at = data + start;
            size_t length = end - start;
            (void)at, (void)length;
            if (__builtin_expect(READ(at, length, &slots[row]), 1)) continue;
            if (STRIPS && has_quote && length > 2 && *at == quote && at[length - 1] == quote &&
                READ(at + 1, length - 2, &slots[row]))
                continue;
        }
        wr_str raw = wr_csv_raw_field(rows, dialect, data, first + row, field);
        *fault = read_cell(cells, raw, fill, row);
        if (*fault != CSV_CELL_OK) return i;
    }
    return wanted;
}
#undef NAME
#undef T
#undef READ
#undef STRIPS
