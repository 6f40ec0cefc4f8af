/* dictionary.c - columns of few short texts, as codes.
 *
 * Flags and states are the keys that CSV files are grouped and filtered by. A worker remembers the
 * texts of a column it has met, up to CSV_DICT_VALUES of at most 12 bytes, and gives codes in their
 * place: whoever groups or compares then looks at each text once instead of once per row. The first
 * text too many ends it for the column; a batch with a cell that is no such text (long, empty, with
 * quotes inside) is read as plain text, and several such batches end it too.
 *
 * Traps: the dictionary only grows, so codes of rows left out, which stay from batches before, are
 * always valid; but with each text it is another dictionary and gets another identity. */
#include "fmt/csv/csv.h"
#include "fmt/fast_cell.h"

enum { REFUSALS_MAX = 4 };

weir_status wr_csv_dict_new(wr_mem *mem, const wr_type *type, uint32_t cap, wr_csv_dict **out)
{
    wr_csv_dict *dict = *out = wr_heap_new(sizeof *dict);
    dict->cap = cap;
    dict->column =
        (wr_column){.type = type, .form = WR_FLAT, .phys = WR_P_VIEW, .data = dict->values};
    void *codes = NULL;
    WR_TRY(wr_mem_zalloc(mem, cap, &codes));
    dict->codes = codes;
    return WR_OK;
}

void wr_csv_dict_drop(wr_mem *mem, wr_csv_dict *dict)
{
    if (!dict) return;
    wr_mem_free(mem, dict->codes, dict->codes ? dict->cap : 0);
    wr_heap_drop(dict);
}

/* The code of a text, which is added if there is room; false: there is none. */
static inline __attribute__((always_inline)) bool code_of(wr_csv_dict *dict, const wr_view *text,
                                                          uint8_t *out)
{
    uint64_t mixed = text->words[0] ^ text->words[1] * UINT64_C(0xff51afd7ed558ccd);
    uint8_t at = (uint8_t)(mixed * UINT64_C(0x9e3779b97f4a7c15) >> 56);
    for (; dict->slots[at]; at++) {
        const wr_view *known = &dict->values[dict->slots[at] - 1];
        *out = (uint8_t)(dict->slots[at] - 1);
        if (known->words[0] == text->words[0] && known->words[1] == text->words[1]) return true;
    }
    if (dict->column.rows == CSV_DICT_VALUES) return false;
    *out = (uint8_t)dict->column.rows;
    dict->values[dict->column.rows++] = *text;
    dict->slots[at] = (uint8_t)dict->column.rows;
    dict->id = wr_dict_id_next();
    return true;
}

static bool read_codes(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                       const uint16_t *sel, uint32_t sel_count, wr_csv_dict *dict)
{
    const wr_csv_rows *rows = cells->rows;
    const wr_csv_dialect *dialect = &cells->config->dialect;
    const char *data = cells->data;
    const size_t width = (size_t)rows->fields;
    const uint32_t *ends = rows->ends + first * width + field;
    const uint32_t gap = (uint32_t)dialect->delimiter_size, wanted = sel ? sel_count : count;
    const bool has_quote = cells->has_quotes && dialect->quote >= 0;
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t row = sel ? sel[i] : i, end = ends[row * width];
        const char *at = data + (ends - 1)[row * width] + gap;
        size_t length = (size_t)(data + end - at);
        if (has_quote && length > 0 && *at == (char)dialect->quote) {
            if (length < 3 || at[length - 1] != (char)dialect->quote) return false;
            at++, length -= 2;
            if (fast_has_byte(at, length, (char)dialect->quote)) return false;
        }
        if (length - 1 >= 12) return false; /* the empty one too: it is NULL */
        wr_view text;
        fast_view(at, length, &text);
        if (!code_of(dict, &text, &dict->codes[row])) {
            dict->is_off = true;
            return false;
        }
    }
    return true;
}

bool wr_csv_parse_codes(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                        const uint16_t *sel, uint32_t sel_count, wr_csv_dict *dict, wr_column *out)
{
    const wr_csv_rows *rows = cells->rows;
    /* The first field begins, and the last one ends, in ways of their own. */
    if (dict->is_off || field == 0 || field == rows->fields - 1 || rows->has_missing) return false;
    if (!read_codes(cells, field, first, count, sel, sel_count, dict)) {
        dict->is_off |= ++dict->refusals == REFUSALS_MAX;
        return false;
    }
    if (dict->column.rows == 0) return false; /* no row was wanted */
    *out = (wr_column){.type = dict->column.type,
                       .form = WR_DICTIONARY,
                       .phys = WR_P_U8,
                       .rows = count,
                       .data = dict->codes,
                       .dict = &dict->column,
                       .dict_id = dict->id};
    return true;
}
