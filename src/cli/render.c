/* render.c - rows as text: one small writer per format over the same loop.
 *
 * Formats that need the widths of all values (table, box, markdown) collect a page of cells first:
 * the first and last rows when there are more than fit, with the number left out said plainly. The
 * others stream. */
#include "base/mem.h"
#include "cli/cli.h"

struct cli_render {
    const char *name;
    weir_status (*write)(cli_state *state, weir_query *query);
};

/* ---- streaming formats ---- */

typedef struct row_writer {
    void (*begin)(FILE *out, const weir_query *query);
    void (*row)(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                uint64_t number, const char *null_text);
    void (*end)(FILE *out, uint64_t row_count);
} row_writer;

static weir_status stream_rows(cli_state *state, weir_query *query, const row_writer *writer)
{
    uint64_t number = 0;
    const char *null_text = state->options.null_text ? state->options.null_text : "";
    const weir_rows *rows;
    weir_status bad = weir_query_next(query, &rows); /* before the header: it may fail */
    if (bad) return bad;
    cli_progress_make_room(state);
    if (writer->begin && (!state->no_headers || writer->end)) writer->begin(state->out, query);
    while (rows) {
        for (size_t i = 0; i < weir_rows_count(rows); i++)
            writer->row(state->out, query, rows, i, number++, null_text);
        if (state->is_live) fflush(state->out);
        bad = weir_query_next(query, &rows);
        if (bad) return bad;
    }
    if (writer->end) writer->end(state->out, number);
    return NULL;
}

static void put(FILE *out, const char *text, size_t length) { fwrite(text, 1, length, out); }

/* Values come in pieces, so that a very long one is never held a second time. */
typedef struct value_out {
    FILE *out;
    void (*put)(FILE *out, const char *text, size_t length);
} value_out;

static void put_piece(void *arg, const char *text, size_t length, bool is_last)
{
    const value_out *to = arg;
    (void)is_last;
    to->put(to->out, text, length);
}

/* NULL as null_text; otherwise as put writes it. */
static void put_value(FILE *out, const weir_rows *rows, size_t row, int column,
                      const char *null_text, void (*put_text)(FILE *, const char *, size_t))
{
    value_out to = {out, put_text};
    if (weir_rows_is_null(rows, row, column))
        fputs(null_text, out);
    else
        weir_rows_text_pieces(rows, row, column, put_piece, &to);
}

static bool csv_is_special(const char *text, size_t length, char delimiter)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == delimiter || text[i] == '"' || text[i] == '\n' || text[i] == '\r')
            return true;
    return false;
}

/* Doubles quotes. */
static void csv_inside(FILE *out, const char *text, size_t length)
{
    for (const char *quote; (quote = memchr(text, '"', length)) != NULL;) {
        size_t used = (size_t)(quote - text) + 1;
        put(out, text, used);
        fputc('"', out);
        text += used;
        length -= used;
    }
    put(out, text, length);
}

static void csv_field(FILE *out, const char *text, size_t length, char delimiter)
{
    if (length > 0 && !csv_is_special(text, length, delimiter)) {
        put(out, text, length);
        return;
    }
    fputc('"', out);
    csv_inside(out, text, length);
    fputc('"', out);
}

/* Whether a long value needs quotes is known at its end: it is written when it comes again. */
typedef struct csv_value {
    FILE *out;
    bool is_long, is_special;
} csv_value;

static void csv_look(void *arg, const char *text, size_t length, bool is_last)
{
    csv_value *value = arg;
    if (is_last && !value->is_long) {
        csv_field(value->out, text, length, ',');
        return;
    }
    value->is_long = true;
    value->is_special = value->is_special || csv_is_special(text, length, ',');
}

static void csv_value_out(FILE *out, const weir_rows *rows, size_t row, int column)
{
    csv_value value = {.out = out};
    weir_rows_text_pieces(rows, row, column, csv_look, &value);
    if (!value.is_long) return;
    value_out to = {out, value.is_special ? csv_inside : put};
    if (value.is_special) fputc('"', out);
    weir_rows_text_pieces(rows, row, column, put_piece, &to);
    if (value.is_special) fputc('"', out);
}

static void csv_begin(FILE *out, const weir_query *query)
{
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) fputc(',', out);
        csv_field(out, weir_query_column_name(query, c), strlen(weir_query_column_name(query, c)),
                  ',');
    }
    fputc('\n', out);
}

static void csv_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                    uint64_t number, const char *null_text)
{
    (void)number;
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) fputc(',', out);
        if (weir_rows_is_null(rows, row, c))
            fputs(null_text, out);
        else
            csv_value_out(out, rows, row, c);
    }
    fputc('\n', out);
}

/* Tabs, newlines and backslashes are written as \t, \n, \\ so that a line is always a row. */
static void tsv_field(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '\t':
            fputs("\\t", out);
            break;
        case '\n':
            fputs("\\n", out);
            break;
        case '\r':
            fputs("\\r", out);
            break;
        case '\\':
            fputs("\\\\", out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

static void tsv_begin(FILE *out, const weir_query *query)
{
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) fputc('\t', out);
        tsv_field(out, weir_query_column_name(query, c), strlen(weir_query_column_name(query, c)));
    }
    fputc('\n', out);
}

static void tsv_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                    uint64_t number, const char *null_text)
{
    (void)number;
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) fputc('\t', out);
        put_value(out, rows, row, c, *null_text ? null_text : "\\N", tsv_field);
    }
    fputc('\n', out);
}

static void json_object(FILE *out, const weir_query *query, const weir_rows *rows, size_t row)
{
    fputc('{', out);
    for (int c = 0; c < weir_query_column_count(query); c++) {
        WR_BUF(name);
        wr_buf_add_json(&name, wr_str_of(weir_query_column_name(query, c)));
        fprintf(out, "%s%s:", c ? "," : "", name.data);
        weir_rows_json_pieces(rows, row, c, put_piece, &(value_out){out, put});
    }
    fputc('}', out);
}

static void jsonl_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                      uint64_t number, const char *null_text)
{
    (void)number, (void)null_text;
    json_object(out, query, rows, row);
    fputc('\n', out);
}

static void json_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                     uint64_t number, const char *null_text)
{
    (void)null_text;
    fputs(number ? ",\n " : "[", out);
    json_object(out, query, rows, row);
}

static void json_end(FILE *out, uint64_t row_count) { fputs(row_count ? "]\n" : "[]\n", out); }

static void line_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                     uint64_t number, const char *null_text)
{
    int widest = 0;
    for (int c = 0; c < weir_query_column_count(query); c++)
        widest = WR_MAX(widest, (int)strlen(weir_query_column_name(query, c)));
    if (number) fputc('\n', out);
    for (int c = 0; c < weir_query_column_count(query); c++) {
        fprintf(out, "%*s = ", widest, weir_query_column_name(query, c));
        put_value(out, rows, row, c, null_text, put);
        fputc('\n', out);
    }
}

static void html_text(FILE *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (text[i]) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        default:
            fputc(text[i], out);
        }
    }
}

static void html_begin(FILE *out, const weir_query *query)
{
    fputs("<table>\n<tr>", out);
    for (int c = 0; c < weir_query_column_count(query); c++) {
        fputs("<th>", out);
        html_text(out, weir_query_column_name(query, c), strlen(weir_query_column_name(query, c)));
        fputs("</th>", out);
    }
    fputs("</tr>\n", out);
}

static void html_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                     uint64_t number, const char *null_text)
{
    (void)number;
    fputs("<tr>", out);
    for (int c = 0; c < weir_query_column_count(query); c++) {
        fputs("<td>", out);
        put_value(out, rows, row, c, null_text, html_text);
        fputs("</td>", out);
    }
    fputs("</tr>\n", out);
}

static void html_end(FILE *out, uint64_t row_count)
{
    (void)row_count;
    fputs("</table>\n", out);
}

/* INSERT statements: numbers and truth values as they are, all else as texts, which SQL takes for
 * every type. */
static bool is_bare(const char *type, const char *text, size_t length)
{
    static const char *const types[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                        "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                        "UBIGINT", "DOUBLE",   "REAL",      "BOOLEAN"};
    bool known = strncmp(type, "DECIMAL(", 8) == 0 && !strchr(type, '[');
    for (size_t i = 0; i < WR_COUNT(types); i++)
        known |= strcmp(type, types[i]) == 0;
    if (!known || strcmp(type, "BOOLEAN") == 0) return known;
    for (size_t i = 0; i < length; i++) /* NaN and infinity are texts */
        if (!strchr("0123456789+-.e", text[i])) return false;
    return true;
}

static void insert_row(FILE *out, const weir_query *query, const weir_rows *rows, size_t row,
                       uint64_t number, const char *null_text)
{
    (void)number, (void)null_text;
    WR_BUF(sql);
    wr_buf_add_text(&sql, "INSERT INTO result (");
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) wr_buf_add_text(&sql, ", ");
        cli_quote_name(&sql, wr_str_of(weir_query_column_name(query, c)));
    }
    wr_buf_add_text(&sql, ") VALUES (");
    for (int c = 0; c < weir_query_column_count(query); c++) {
        size_t length;
        const char *text = weir_rows_text(rows, row, c, &length);
        if (c) wr_buf_add_text(&sql, ", ");
        if (weir_rows_is_null(rows, row, c)) {
            wr_buf_add_text(&sql, "NULL");
        } else if (is_bare(weir_query_column_type(query, c), text, length)) {
            wr_buf_add(&sql, text, length);
        } else {
            wr_buf_add_char(&sql, '\'');
            for (size_t i = 0; i < length; i++) {
                if (text[i] == '\'') wr_buf_add_char(&sql, '\'');
                wr_buf_add_char(&sql, text[i]);
            }
            wr_buf_add_char(&sql, '\'');
        }
    }
    wr_buf_add_text(&sql, ");\n");
    put(out, sql.data, sql.length);
}

static weir_status write_csv(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){csv_begin, csv_row, NULL});
}
static weir_status write_tsv(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){tsv_begin, tsv_row, NULL});
}
static weir_status write_json(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){NULL, json_row, json_end});
}
static weir_status write_jsonl(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){NULL, jsonl_row, NULL});
}
static weir_status write_line(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){NULL, line_row, NULL});
}
static weir_status write_html(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){html_begin, html_row, html_end});
}

static weir_status write_insert(cli_state *s, weir_query *q)
{
    return stream_rows(s, q, &(row_writer){NULL, insert_row, NULL});
}

static weir_status write_none(cli_state *state, weir_query *query)
{
    (void)state;
    for (;;) {
        const weir_rows *rows;
        weir_status bad = weir_query_next(query, &rows);
        if (bad || !rows) return bad;
    }
}

static const cli_render renders[] = {
    {"table", cli_write_table}, {"box", cli_write_box}, {"markdown", cli_write_markdown},
    {"line", write_line},       {"csv", write_csv},     {"tsv", write_tsv},
    {"json", write_json},       {"jsonl", write_jsonl}, {"html", write_html},
    {"insert", write_insert},   {"none", write_none},
};

bool cli_render_is_live(const cli_render *render)
{
    return render->write != cli_write_box && render->write != cli_write_markdown;
}

const cli_render *cli_render_find(const char *name)
{
    for (size_t i = 0; i < WR_COUNT(renders); i++)
        if (strcmp(renders[i].name, name) == 0) return &renders[i];
    return NULL;
}

void cli_render_names(wr_buf *out)
{
    for (size_t i = 0; i < WR_COUNT(renders); i++)
        wr_buf_printf(out, "%s%s", i ? ", " : "", renders[i].name);
}

weir_status cli_render_query(const cli_render *render, cli_state *state, weir_query *query)
{
    return render->write(state, query);
}
