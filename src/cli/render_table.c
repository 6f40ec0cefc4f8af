/* render_table.c - results as tables for people: plain, boxed, markdown.
 *
 * Of a query whose rows come slowly each batch is written at once, with widths that only grow.
 * Else rows are read to the end (the count under the table is true), but only max_rows are kept:
 * the first half and, in a ring, the last half. Cells keep at most CELL_MAX bytes; control
 * characters are shown as escapes so that one row is one line. Numbers are set to the right. */
#include "base/mem.h"
#include "cli/cli.h"
#include <sys/ioctl.h>
#include <unistd.h>

enum { CELL_MAX = 2000 };

typedef struct cell_page {
    int columns;
    char **cells;              /* kept rows x columns; heap */
    uint64_t kept, head, tail; /* head rows at the front, then a ring of tail rows */
    uint64_t total;
    uint32_t *widths;
    bool *right;
} cell_page;

static uint32_t display_width(const char *text)
{
    uint32_t width = 0, code;
    size_t left = strlen(text);
    while (left) {
        int used = wr_utf8_decode(text, left, &code);
        if (!used) used = 1, code = '?';
        width += (uint32_t)wr_utf8_width(code);
        text += used;
        left -= (size_t)used;
    }
    return width;
}

static char *cell_text(const char *text, size_t length)
{
    WR_BUF(out);
    wr_buf_add_text(&out, "");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (out.length >= CELL_MAX && (c & 0xc0) != 0x80) {
            wr_buf_add_text(&out, "…");
            break;
        }
        if (c == '\n')
            wr_buf_add_text(&out, "\\n");
        else if (c == '\r')
            wr_buf_add_text(&out, "\\r");
        else if (c == '\t')
            wr_buf_add_text(&out, "\\t");
        else if (c < 32 || c == 127)
            wr_buf_printf(&out, "\\x%02x", c);
        else
            wr_buf_add_char(&out, (char)c);
    }
    return wr_heap_copy(out.data, out.length);
}

static bool is_number_type(const char *type)
{
    static const char *const prefixes[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                           "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                           "UBIGINT", "REAL",     "DOUBLE",    "DECIMAL"};
    for (size_t i = 0; i < WR_COUNT(prefixes); i++)
        if (wr_str_has_prefix(wr_str_of(type), wr_str_of(prefixes[i])) && !strchr(type, '['))
            return true;
    return false;
}

/* The beginning of a value: more than a cell shows is not kept. */
static void keep_piece(void *arg, const char *text, size_t length, bool is_last)
{
    enum { MOST = CELL_MAX + 8 };
    wr_buf *kept = arg;
    (void)is_last;
    if (kept->length < MOST) wr_buf_add(kept, text, WR_MIN(length, MOST - kept->length));
}

static void keep_row(cell_page *page, const weir_rows *rows, size_t row, const char *null_text)
{
    uint64_t at = page->total;
    if (at >= page->head)
        at = page->tail ? page->head + (page->total - page->head) % page->tail : page->head;
    page->total++;
    if (at >= page->head + page->tail) return;
    char **cells = page->cells + at * (uint64_t)page->columns;
    WR_BUF(text);
    for (int c = 0; c < page->columns; c++) {
        bool is_null = weir_rows_is_null(rows, row, c);
        text.length = 0;
        if (!is_null) weir_rows_text_pieces(rows, row, c, keep_piece, &text);
        wr_heap_drop(cells[c]);
        cells[c] = is_null ? wr_heap_copy(null_text, strlen(null_text))
                           : cell_text(text.data, text.length);
    }
    page->kept = WR_MAX(page->kept, at + 1);
}

static weir_status collect(cli_state *state, weir_query *query, cell_page *page)
{
    enum { GROW = 1024 };
    const char *null_text = state->options.null_text ? state->options.null_text : "NULL";
    bool all = state->max_rows <= 0 || !state->out_is_terminal;
    uint64_t room = all ? GROW : (uint64_t)state->max_rows;
    page->columns = weir_query_column_count(query);
    size_t row_size = sizeof(char *) * (size_t)WR_MAX(page->columns, 1);
    page->cells = wr_heap_new(room * row_size);
    page->head = all ? UINT64_MAX / 2 : (room + 1) / 2;
    page->tail = all ? 0 : room / 2;
    for (;;) {
        const weir_rows *rows;
        weir_status bad = weir_query_next(query, &rows);
        if (bad) return bad;
        if (!rows) return NULL;
        uint64_t need = page->total + weir_rows_count(rows);
        if (all && need > room) {
            uint64_t bigger = WR_MAX(need, room * 2);
            page->cells = wr_heap_grow(page->cells, room * row_size, bigger * row_size);
            room = bigger;
        }
        for (size_t i = 0; i < weir_rows_count(rows); i++)
            keep_row(page, rows, i, null_text);
    }
}

/* The kept rows in order: the ring of the tail may start in its middle. */
static char **row_at(const cell_page *page, uint64_t i)
{
    uint64_t at = i;
    if (i >= page->head && page->total > page->head + page->tail)
        at = page->head + (page->total - page->head + (i - page->head)) % page->tail;
    return page->cells + at * (uint64_t)page->columns;
}

static void measure(const weir_query *query, cell_page *page, bool with_types)
{
    page->widths = wr_heap_new(sizeof *page->widths * (size_t)WR_MAX(page->columns, 1));
    page->right = wr_heap_new(sizeof *page->right * (size_t)WR_MAX(page->columns, 1));
    for (int c = 0; c < page->columns; c++) {
        const char *type = weir_query_column_type(query, c);
        page->right[c] = is_number_type(type);
        uint32_t width = display_width(weir_query_column_name(query, c));
        if (with_types) width = WR_MAX(width, display_width(type));
        for (uint64_t i = 0; i < page->kept; i++)
            width = WR_MAX(width, display_width(row_at(page, i)[c]));
        page->widths[c] = width;
    }
}

/* On a terminal the widest columns give way until a row fits into a line. Widths stay at least
 * NARROW: below that nothing could be read, and lines are broken by the terminal. */
static void fit_terminal(cell_page *page)
{
    enum { NARROW = 8, BETWEEN = 3, EDGES = 4 };
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
    uint64_t total = EDGES;
    for (int c = 0; c < page->columns; c++)
        total += page->widths[c] + (c ? BETWEEN : 0);
    while (total > size.ws_col) {
        int widest = 0;
        for (int c = 1; c < page->columns; c++)
            if (page->widths[c] > page->widths[widest]) widest = c;
        if (page->widths[widest] <= NARROW) return;
        uint32_t next = NARROW;
        for (int c = 0; c < page->columns; c++)
            if (c != widest) next = WR_MAX(next, page->widths[c]);
        uint64_t step = WR_MAX(page->widths[widest] - WR_MIN(next, page->widths[widest]), 1u);
        step = WR_MIN(step, total - size.ws_col);
        page->widths[widest] -= (uint32_t)step;
        total -= step;
    }
}

static void clear_page(cell_page *page)
{
    for (uint64_t i = 0; i < page->kept * (uint64_t)page->columns; i++)
        wr_heap_drop(page->cells[i]);
    wr_heap_drop(page->cells);
    wr_heap_drop(page->widths);
    wr_heap_drop(page->right);
}

static void pad(FILE *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        fputc(' ', out);
}

/* Writes as much of text as fits into width columns, the last of them "…" if it does not. */
static void put_cut(FILE *out, const char *text, uint32_t width)
{
    uint32_t used = 0, code;
    while (*text) {
        int size = wr_utf8_decode(text, strlen(text), &code);
        if (!size) size = 1, code = '?';
        uint32_t next = (uint32_t)wr_utf8_width(code);
        if (used + next + 1 > width) break;
        fwrite(text, 1, (size_t)size, out);
        text += size;
        used += next;
    }
    fputs("…", out);
    pad(out, width - used - 1);
}

static void put_cell(FILE *out, const cell_page *page, int column, const char *text)
{
    if (display_width(text) > page->widths[column]) {
        put_cut(out, text, page->widths[column]);
        return;
    }
    uint32_t space = page->widths[column] - display_width(text);
    if (page->right[column]) pad(out, space);
    fputs(text, out);
    if (!page->right[column]) pad(out, space);
}

typedef struct table_look {
    const char *left, *middle, *right; /* around cells */
    const char *top[4], *rule[4],
        *bottom[4]; /* left, dash, cross, right; dash NULL: no such line */
    bool types, count;
} table_look;

static const table_look table_style = {"",     "  ",  "",  {NULL}, {"", "-", "  ", ""},
                                       {NULL}, false, true};
static const table_look box_style = {
    "│ ", " │ ", " │", {"┌─", "─", "─┬─", "─┐"}, {"├─", "─", "─┼─", "─┤"}, {"└─", "─", "─┴─", "─┘"},
    true, true};
static const table_look markdown_style = {"| ",   " | ", " |", {NULL}, {"|-", "-", "-|-", "-|"},
                                          {NULL}, false, false};

static void put_line(FILE *out, const cell_page *page, const char *const parts[4])
{
    if (!parts[1]) return;
    fputs(parts[0], out);
    for (int c = 0; c < page->columns; c++) {
        if (c) fputs(parts[2], out);
        for (uint32_t i = 0; i < page->widths[c]; i++)
            fputs(parts[1], out);
    }
    fprintf(out, "%s\n", parts[3]);
}

static void put_row(FILE *out, const cell_page *page, const table_look *style,
                    const char *const *cells)
{
    fputs(style->left, out);
    for (int c = 0; c < page->columns; c++) {
        if (c) fputs(style->middle, out);
        put_cell(out, page, c, cells[c]);
    }
    fprintf(out, "%s\n", style->right);
}

/* 1234567 as 1,234,567. */
static void put_count(FILE *out, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) fputc(',', out);
        fputc(digits[i], out);
    }
}

static void put_page(FILE *out, const weir_query *query, const cell_page *page,
                     const table_look *style, bool headers)
{
    WR_ARENA(arena);
    const char **names = wr_new_array(&arena, const char *, WR_MAX(page->columns, 1));
    const char **types = wr_new_array(&arena, const char *, WR_MAX(page->columns, 1));
    const char **dots = wr_new_array(&arena, const char *, WR_MAX(page->columns, 1));
    for (int c = 0; c < page->columns; c++) {
        names[c] = weir_query_column_name(query, c);
        types[c] = weir_query_column_type(query, c);
        dots[c] = "·";
    }
    bool cut = page->total > page->kept;
    put_line(out, page, style->top);
    if (headers) put_row(out, page, style, names);
    if (headers && style->types) put_row(out, page, style, types);
    if (headers) put_line(out, page, style->rule);
    for (uint64_t i = 0; i < page->kept; i++) {
        if (cut && i == page->head) put_row(out, page, style, dots);
        put_row(out, page, style, (const char *const *)row_at(page, i));
    }
    put_line(out, page, style->bottom);
    if (!style->count) return;
    put_count(out, page->total);
    fputs(page->total == 1 ? " row" : " rows", out);
    if (cut) fprintf(out, " (%llu shown)", (unsigned long long)page->kept);
    fputc('\n', out);
}

static weir_status write_page(cli_state *state, weir_query *query, const table_look *style)
{
    cell_page page = {0};
    weir_status bad = collect(state, query, &page);
    if (!bad) {
        cli_progress_make_room(state);
        measure(query, &page, style->types);
        if (state->out_is_terminal) fit_terminal(&page);
        put_page(state->out, query, &page, style, !state->no_headers);
    }
    clear_page(&page);
    return bad;
}

/* ---- rows as they come ---- */

static void widen(cell_page *page)
{
    for (int c = 0; c < page->columns; c++)
        for (uint64_t i = 0; i < page->kept; i++)
            page->widths[c] = WR_MAX(page->widths[c], display_width(row_at(page, i)[c]));
}

/* The header waits for the first rows, whose widths it takes. */
static void put_header(cli_state *state, const weir_query *query, const cell_page *page)
{
    WR_ARENA(arena);
    const char **names = wr_new_array(&arena, const char *, WR_MAX(page->columns, 1));
    for (int c = 0; c < page->columns; c++)
        names[c] = weir_query_column_name(query, c);
    put_row(state->out, page, &table_style, names);
    put_line(state->out, page, table_style.rule);
}

static void put_batch(cli_state *state, const weir_query *query, cell_page *page,
                      const weir_rows *rows, bool is_first)
{
    const char *null_text = state->options.null_text ? state->options.null_text : "NULL";
    size_t count = weir_rows_count(rows);
    page->cells = wr_heap_new(sizeof(char *) * (size_t)WR_MAX(page->columns, 1) * (count + 1));
    page->kept = 0;
    uint64_t before = page->total;
    page->total = 0;
    for (size_t i = 0; i < count; i++)
        keep_row(page, rows, i, null_text);
    widen(page);
    if (state->out_is_terminal) fit_terminal(page);
    if (is_first && !state->no_headers) put_header(state, query, page);
    for (uint64_t i = 0; i < page->kept; i++)
        put_row(state->out, page, &table_style, (const char *const *)row_at(page, i));
    fflush(state->out);
    for (uint64_t i = 0; i < page->kept * (uint64_t)page->columns; i++)
        wr_heap_drop(page->cells[i]);
    wr_heap_drop(page->cells);
    page->cells = NULL;
    page->total = before + count;
}

static weir_status write_live(cli_state *state, weir_query *query)
{
    cell_page page = {.columns = weir_query_column_count(query), .head = UINT64_MAX / 2};
    const weir_rows *rows = NULL;
    measure(query, &page, false);
    weir_status bad = weir_query_next(query, &rows);
    for (bool is_first = true; !bad && rows; is_first = false) {
        put_batch(state, query, &page, rows, is_first);
        bad = weir_query_next(query, &rows);
    }
    page.kept = 0;
    clear_page(&page);
    return bad;
}

weir_status cli_write_table(cli_state *state, weir_query *query)
{
    if (state->is_live) return write_live(state, query);
    return write_page(state, query, &table_style);
}
weir_status cli_write_box(cli_state *state, weir_query *query)
{
    return write_page(state, query, &box_style);
}
weir_status cli_write_markdown(cli_state *state, weir_query *query)
{
    return write_page(state, query, &markdown_style);
}
