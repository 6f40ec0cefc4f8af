/* parse.tmpl.h - the loop over the cells of one column. Parameters: NAME, T (of a slot), READ(raw,
 * slot): true if the fast reader understood the cell, whose quotes are taken off already (quoted
 * tells). from is the index (in the selection) to begin with. */
static uint32_t NAME(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                     const uint16_t *sel, uint32_t sel_count, uint32_t from, wr_fill *fill,
                     wr_csv_cell_fault *fault)
{
    const wr_csv_rows rows = *cells->rows;
    const wr_csv_dialect *dialect = &cells->config->dialect;
    const char *data = cells->data;
    uint32_t wanted = sel ? sel_count : count;
    T *slots = fill->data;
    int64_t wide = 0;
    const bool has_quote = cells->has_quotes && dialect->quote >= 0;
    const char quote = (char)dialect->quote;
    (void)wide, (void)slots;
    for (uint32_t i = from; i < wanted; i++) {
        uint32_t row = sel ? sel[i] : i;
        wr_str raw = wr_csv_raw_field(&rows, dialect, data, first + row, field);
        bool quoted = has_quote && raw.length >= 2 && raw.data[0] == quote &&
                      raw.data[raw.length - 1] == quote;
        wr_str cell = quoted ? (wr_str){raw.data + 1, raw.length - 2} : raw;
        if (__builtin_expect(raw.data != NULL && READ(cell, &slots[row]), 1)) continue;
        (void)cell;
        *fault = read_cell(cells, raw, fill, row);
        if (*fault != CSV_CELL_OK) return i;
    }
    return wanted;
}
#undef NAME
#undef T
#undef READ
