/* csv.h - what the parts of the CSV format share.
 *
 *   options.c  options -> csv_config           scan.c   bytes -> record ends, field ends (SIMD,
 * exact) sniff.c    sample -> dialect, names, types rows.c   field ends -> rectangular rows, bad
 * rows sorted out parse.c    cells of one column -> values   read.c   the relation    error.c
 * messages    write.c  COPY TO   dictionary.c  cells of few short texts -> codes */
#pragma once
#include "fmt/cell.h"
#include "fmt/text_source.h"

enum { CSV_DELIMITER_MAX = 8, CSV_COLUMNS_MAX = 32768 };

/* How the bytes are to be read. */
typedef struct wr_csv_dialect {
    char delimiter[CSV_DELIMITER_MAX];
    int delimiter_size;
    int quote, escape, comment; /* a byte, or -1 for none; escape == quote means doubling */
    char newline;               /* '\n' (a '\r' before it belongs to it) or '\r' */
} wr_csv_dialect;

/* Everything the options say; text is borrowed from them or from the arena of the relation. */
typedef struct wr_csv_config {
    wr_csv_dialect dialect;
    bool has_delimiter, has_quote, has_escape, has_newline, has_header;
    bool header, all_varchar, short_rows_null, trim, parallel;
    int64_t skip, sample_lines;
    wr_str *nulls; /* texts that mean NULL */
    int null_count;
    wr_str *names; /* given names of all columns, NULL = none */
    int name_count;
    wr_field *types; /* given types by name */
    int type_count;
    const wr_type **position_types; /* given types by position, NULL entries = guess */
    int position_type_count;
    bool types_are_all; /* columns => {...}: names and types of all columns */
    wr_cell_rules rules;
    wr_text_coding coding;
    uint64_t record_size_max, buffer_size;
    bool rejects;
} wr_csv_config;
extern const wr_opt wr_csv_read_options[];
extern const wr_opt wr_csv_write_options[];
WR_MUST_CHECK weir_status wr_csv_config_read(const wr_options *given, wr_str path, wr_arena *arena,
                                             wr_csv_config *out);

/* ---- scan.c ---- */
/* What the first pass knows about the records in a piece of text that begins at a record start. */
typedef struct wr_csv_extent {
    size_t cut;       /* end of the last whole record */
    uint64_t lines;   /* line ends in [0, cut), inside quotes too */
    uint64_t records; /* record ends in [0, cut) */
    bool is_ascii, has_quotes;
    bool is_plain; /* quotes stand only where RFC 4180 has them: parity tells inside from outside */
    bool is_open;  /* the text ends inside quotes */
} wr_csv_extent;
/* Positions of all field and record ends. */
typedef struct wr_csv_index {
    uint32_t *ends; /* ends[-1] + 1 == 0 */
    size_t count, cap;
    uint64_t *record_bits; /* bit i: ends[i] ends a record; without starts only */
    size_t bits_cap;
    uint32_t *starts; /* of records, only from the slow scanner */
    size_t record_count, record_cap;
    bool has_starts, is_open;
} wr_csv_index;

/* data must be readable 64 bytes past size. data[size-1] ends a record if is_end. */
void wr_csv_find_extent(const wr_csv_dialect *dialect, const char *data, size_t size, bool is_end,
                        wr_csv_extent *out);
/* The extent of the text and the index of its whole records (is_end: of everything). */
WR_MUST_CHECK weir_status wr_csv_scan(wr_mem *mem, const wr_csv_dialect *dialect, const char *data,
                                      size_t size, bool is_end, wr_csv_index *index,
                                      wr_csv_extent *out);
/* Only counts: true if quotes stand where RFC 4180 has them, every whole record has exactly fields
 * fields (so none is blank, unless there is one field) and, at the end, no quote is open; *out is
 * then as of wr_csv_scan, except that is_ascii is false. False: wr_csv_scan has to look. data as
 * above. */
bool wr_csv_count(const wr_csv_dialect *dialect, const char *data, size_t size, bool is_end,
                  int fields, wr_csv_extent *out);
/* Only the line ends in data (readable 64 bytes past size), without regard to quotes, as the ends
 * of index. */
WR_MUST_CHECK weir_status wr_csv_find_lines(wr_mem *mem, const char *data, size_t size,
                                            char newline, wr_csv_index *index, wr_csv_extent *out);
/* Bytes of data equal to c. */
uint64_t wr_csv_count_byte(const char *data, size_t size, char c);
void wr_csv_index_clear(wr_mem *mem, wr_csv_index *index);
/* For tests: 0 = the best of this machine, 1 = SSE2 or portable, 2 = AVX2, 3 = AVX-512. */
void wr_csv_scan_force(int level);
/* What is used: 0 = SSE2 or portable, 1 = AVX2, 2 = AVX-512. */
int wr_csv_scan_level(void);

/* ---- rows.c ---- */
#define CSV_MISSING UINT32_MAX
/* Rectangular rows: field k of row r ends at ends[r * fields + k]; its start is the end before it.
 */
typedef struct wr_csv_rows {
    const uint32_t *ends;
    const uint32_t *starts; /* of rows; NULL: behind the end of the row before */
    size_t count;
    int fields;
    bool has_missing;                /* some end is CSV_MISSING */
    uint32_t *own_ends, *own_starts; /* memory when the index had to be rearranged */
    size_t own_cap;
} wr_csv_rows;

/* A record that does not have the fields it should. */
typedef struct wr_csv_bad_row {
    uint32_t start, end; /* of the record in the chunk */
    int fields;
} wr_csv_bad_row;
typedef weir_status wr_csv_bad_row_fn(void *arg, const wr_csv_bad_row *bad);
/* True if every record has exactly fields fields (so none is blank, unless there is one field). */
bool wr_csv_is_rectangle(const wr_csv_index *index, int fields);
/* Arranges the index as rows of fields fields. Blank lines are left out (except with one field,
 * where they are an empty field). bad_row decides about records of another length: an error ends
 * it, WR_OK leaves the record out. */
WR_MUST_CHECK weir_status wr_csv_rows_make(wr_mem *mem, const wr_csv_dialect *dialect,
                                           const char *data, const wr_csv_index *index, int fields,
                                           bool short_is_null, wr_csv_bad_row_fn *bad_row,
                                           void *arg, wr_csv_rows *out);
void wr_csv_rows_clear(wr_mem *mem, wr_csv_rows *rows);

/* One field: its bytes without the line end; data == NULL: missing. */
static inline wr_str wr_csv_raw_field(const wr_csv_rows *rows, const wr_csv_dialect *dialect,
                                      const char *data, size_t row, int field)
{
    size_t at = row * (size_t)rows->fields + (size_t)field;
    uint32_t end = rows->ends[at], start;
    if (end == CSV_MISSING) return (wr_str){NULL, 0};
    if (field > 0)
        start = rows->ends[at - 1] + (uint32_t)dialect->delimiter_size;
    else
        start = rows->starts ? rows->starts[row] : row == 0 ? 0 : rows->ends[at - 1] + 1;
    if (field == rows->fields - 1 && end > start && data[end] == '\n' && data[end - 1] == '\r')
        end--;
    return (wr_str){data + start, end - start};
}

/* ---- parse.c ---- */
typedef enum wr_csv_cell_fault {
    CSV_CELL_OK,
    CSV_CELL_VALUE,
    CSV_CELL_QUOTE,
    CSV_CELL_OPEN,
    CSV_CELL_ENCODING
} wr_csv_cell_fault;
typedef struct wr_csv_cells {
    const wr_csv_config *config;
    const wr_cell_rules *rules; /* of the column */
    const char *data;           /* the chunk */
    const wr_csv_rows *rows;
    bool has_quotes, check_utf8;
    wr_arena *arena; /* for unescaped text; lives as long as the batch */
} wr_csv_cells;
/* Undoes quotes. *was_quoted tells "" from nothing. */
wr_csv_cell_fault wr_csv_unquote(const wr_csv_dialect *dialect, wr_str raw, wr_arena *arena,
                                 wr_str *out, bool *was_quoted);
/* True if text is one of the spellings of NULL. */
bool wr_csv_is_null(const wr_csv_config *config, wr_str text);
/* Reads field of rows [first, first + count) as fill's type; sel (NULL: all) are the rows of the
 * batch wanted. Returns the number in the batch of the first row that cannot be read (and *fault),
 * or count. */
uint32_t wr_csv_parse_column(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                             const uint16_t *sel, uint32_t sel_count, uint32_t from, wr_fill *fill,
                             wr_csv_cell_fault *fault);
/* Whether cells of the type are texts to be taken as they stand, quotes aside. */
bool wr_csv_takes_plain_text(const wr_csv_cells *cells, const wr_type *type);

/* ---- dictionary.c ---- */
enum { CSV_DICT_VALUES = 64 };
/* The texts of a column that one worker has met. */
typedef struct wr_csv_dict {
    wr_view values[CSV_DICT_VALUES];
    wr_column column;   /* of values */
    uint8_t slots[256]; /* by hash: code + 1 */
    uint64_t id;
    uint8_t *codes; /* of the rows of a batch, cap of them */
    uint32_t cap, refusals;
    bool is_off;
} wr_csv_dict;
/* Room for the codes of cap rows, reserved in mem (MEMORY_LIMIT; *out is to be dropped then too).
 */
WR_MUST_CHECK weir_status wr_csv_dict_new(wr_mem *mem, const wr_type *type, uint32_t cap,
                                          wr_csv_dict **out);
void wr_csv_dict_drop(wr_mem *mem, wr_csv_dict *dict);
/* As wr_csv_parse_column, for plain text: out is a dictionary column of the count rows, which
 * borrows from dict until the next call. False: they have to be read as text. */
bool wr_csv_parse_codes(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                        const uint16_t *sel, uint32_t sel_count, wr_csv_dict *dict, wr_column *out);

/* ---- sniff.c ---- */
typedef struct wr_csv_sniffed {
    wr_csv_dialect dialect;
    bool header;
    wr_field *fields;
    int field_count;
    bool *is_guessed;     /* per column: the type comes from the sample */
    wr_str *formats;      /* per column: strptime pattern of its dates, empty: ISO or as given */
    uint64_t sample_rows; /* rows looked at */
    uint64_t rows_within; /* rows that the text given holds: at least those */
    bool sample_is_all;
    uint64_t body_line;  /* line number of the first data record, from 1 */
    size_t body;         /* offset of the first data record in the text */
    int64_t skip_wanted; /* the option skip that would leave out lines above the table, or 0 */
    double consistency;  /* share of sample rows with field_count fields */
    double score;
    wr_buf warnings; /* caller clears */
} wr_csv_sniffed;
/* Looks at a sample (readable 64 bytes past size) and fills in what config leaves open. */
WR_MUST_CHECK weir_status wr_csv_sniff(wr_mem *mem, const wr_csv_config *config, wr_str path,
                                       char *sample, size_t size, bool is_all, wr_arena *arena,
                                       wr_csv_sniffed *out);

/* ---- error.c ---- */
/* Where something is wrong; for messages and rejects. */
typedef struct wr_csv_place {
    wr_str path;
    uint64_t line, offset;    /* of the record */
    wr_str record;            /* its text without the line end */
    size_t caret, caret_size; /* in record */
    int64_t skip_wanted;      /* as in wr_csv_sniffed, if the record is one of those lines */
} wr_csv_place;
WR_MUST_CHECK weir_status wr_csv_fail_shape(const wr_csv_place *place, int got,
                                            const wr_schema *schema, int wanted, bool has_header);
WR_MUST_CHECK weir_status wr_csv_fail_cell(const wr_csv_place *place, wr_csv_cell_fault fault,
                                           wr_str text, const wr_field *field, bool is_guessed,
                                           uint64_t sample_rows);
