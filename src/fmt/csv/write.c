/* write.c - COPY TO CSV: RFC 4180 quoting, done where reading back would otherwise see something
 * else.
 *
 * Quoted are: fields with the delimiter, a quote, a line end or a comment-like start, fields that
 * equal the spelling of NULL, the empty text when NULL is written as nothing, and texts with blanks
 * at an end. NULL is never quoted. */
#include "fmt/csv/read.h"
#include "fmt/option_value.h"
#include "fmt/text_sink.h"

typedef struct csv_writer {
    wr_writer base;
    wr_arena arena;
    wr_text_sink sink;
    wr_csv_dialect dialect;
    wr_str null_text, line_end;
    wr_buf cell; /* a value that has to be printed before it is known whether it needs quotes */
    bool is_long, is_special; /* of that value: it came in pieces; it needs quotes */
    bool *forced;
    int column_count;
    bool special[256]; /* bytes that call for quotes */
} csv_writer;

/* The inside of quotes. */
static void add_escaped(csv_writer *w, wr_str text)
{
    wr_buf *out = &w->sink.text;
    size_t from = 0;
    for (size_t i = 0; i < text.length; i++) {
        int c = (unsigned char)text.data[i];
        if (c != w->dialect.quote && c != w->dialect.escape) continue;
        wr_buf_add(out, text.data + from, i - from);
        wr_buf_add_char(out, (char)w->dialect.escape);
        from = i;
    }
    wr_buf_add(out, text.data + from, text.length - from);
}

static void add_quoted(csv_writer *w, wr_str text)
{
    wr_buf_add_char(&w->sink.text, (char)w->dialect.quote);
    add_escaped(w, text);
    wr_buf_add_char(&w->sink.text, (char)w->dialect.quote);
}

static bool needs_quotes(const csv_writer *w, wr_str text)
{
    if (wr_str_eq(text, w->null_text) || text.length == 0) return true;
    if (text.data[0] == ' ' || text.data[text.length - 1] == ' ' || text.data[0] == '#')
        return true;
    for (size_t i = 0; i < text.length; i++)
        if (w->special[(unsigned char)text.data[i]]) return true;
    return false;
}

static weir_status quotes_forbidden(void)
{
    return wr_with_hint(
        wr_fail(WR_E_BAD_VALUE, "a value needs quotes, but quote => '' forbids them"),
        "choose another delimiter or allow quotes");
}

static weir_status add_text(csv_writer *w, wr_str text, bool force)
{
    bool quoted = force || needs_quotes(w, text);
    if (quoted && w->dialect.quote < 0) return quotes_forbidden();
    if (quoted)
        add_quoted(w, text);
    else
        wr_buf_add_str(&w->sink.text, text);
    return WR_OK;
}

/* Printed values that are long are printed twice: once to see whether they need quotes. */
static void look_at_piece(void *arg, const char *bytes, size_t size)
{
    csv_writer *w = arg;
    wr_str text = {bytes, size};
    w->is_long = true;
    if (size && !w->is_special) w->is_special = needs_quotes(w, text);
}

static void add_piece(void *arg, const char *bytes, size_t size)
{
    csv_writer *w = arg;
    if (w->is_special)
        add_escaped(w, (wr_str){bytes, size});
    else
        wr_buf_add(&w->sink.text, bytes, size);
}

static void print_cell(csv_writer *w, const wr_column *column, uint32_t row,
                       void (*drain)(void *, const char *, size_t))
{
    enum { PIECE = 64 << 10 };
    w->cell.length = 0;
    w->cell.drain = drain;
    w->cell.drain_arg = w;
    w->cell.piece = PIECE;
    wr_column_print(column, row, &w->cell);
}

static weir_status add_printed(csv_writer *w, const wr_column *column, uint32_t row, bool force)
{
    w->is_long = w->is_special = false;
    print_cell(w, column, row, look_at_piece);
    if (!w->is_long) return add_text(w, wr_buf_str(&w->cell), force);
    look_at_piece(w, w->cell.data, w->cell.length);
    w->is_special |= force;
    if (w->is_special && w->dialect.quote < 0) return quotes_forbidden();
    if (w->is_special) wr_buf_add_char(&w->sink.text, (char)w->dialect.quote);
    print_cell(w, column, row, add_piece);
    add_piece(w, w->cell.data, w->cell.length);
    if (w->is_special) wr_buf_add_char(&w->sink.text, (char)w->dialect.quote);
    return WR_OK;
}

static weir_status add_cell(csv_writer *w, const wr_column *column, uint32_t row, int index)
{
    wr_buf *out = &w->sink.text;
    if (wr_column_is_null(column, row)) {
        wr_buf_add_str(out, w->null_text);
        return WR_OK;
    }
    if (column->type->phys == WR_P_VIEW && column->type->id != WR_T_BLOB) {
        wr_view view = wr_column_view(column, row);
        return add_text(w, wr_view_str(&view), w->forced[index]);
    }
    bool is_plain = wr_type_is_numeric(column->type) || column->type->id == WR_T_DATE ||
                    column->type->id == WR_T_BOOLEAN;
    if (is_plain && !w->forced[index] && w->null_text.length == 0 &&
        w->dialect.delimiter[0] != '.' && w->dialect.delimiter[0] != '-') {
        wr_column_print(column, row, out);
        return WR_OK;
    }
    return add_printed(w, column, row, w->forced[index]);
}

static weir_status csv_write(wr_writer *base, const wr_batch *batch)
{
    csv_writer *w = (csv_writer *)base;
    uint32_t count = wr_batch_count(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(batch, i);
        for (int k = 0; k < batch->column_count; k++) {
            if (k > 0)
                wr_buf_add(&w->sink.text, w->dialect.delimiter, (size_t)w->dialect.delimiter_size);
            WR_TRY(add_cell(w, &batch->columns[k], row, k));
        }
        wr_buf_add_str(&w->sink.text, w->line_end);
        WR_TRY(wr_text_sink_flush(&w->sink, false));
    }
    return WR_OK;
}

static weir_status csv_finish(wr_writer *base)
{
    return wr_text_sink_flush(&((csv_writer *)base)->sink, true);
}

static uint64_t csv_bytes(const wr_writer *base)
{
    const csv_writer *w = (const csv_writer *)base;
    return w->sink.written + w->sink.text.length;
}

static void csv_writer_drop(wr_writer *base)
{
    csv_writer *w = (csv_writer *)base;
    wr_text_sink_clear(&w->sink);
    wr_buf_clear(&w->cell);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}

static const wr_writer_def csv_writer_def = {csv_write, csv_finish, csv_bytes, csv_writer_drop};

static weir_status read_forced(csv_writer *w, const wr_options *options, const wr_schema *schema)
{
    wr_str *names = NULL;
    int count = 0;
    w->forced = wr_new_array(&w->arena, bool, schema->count + 1);
    WR_TRY(
        wr_option_texts(options, wr_csv_write_options, "force_quote", &w->arena, &names, &count));
    for (int i = 0; i < count; i++) {
        bool is_all = wr_str_is(names[i], "*");
        int found = wr_schema_find(schema, names[i]);
        if (!is_all && found < 0)
            return wr_fail(WR_E_UNKNOWN_COLUMN,
                           "force_quote names the column \"%.*s\", which there is not",
                           WR_STR_ARGS(names[i]));
        for (int k = 0; k < schema->count; k++)
            w->forced[k] |= is_all || k == found;
    }
    return WR_OK;
}

static weir_status read_write_options(csv_writer *w, const wr_options *options,
                                      const wr_schema *schema, bool *header)
{
    const wr_opt *rows = wr_csv_write_options;
    wr_csv_dialect *d = &w->dialect;
    wr_str text;
    bool has_escape;
    WR_TRY(wr_option_text(options, rows, "delimiter", &text, NULL));
    if (wr_str_is(text, "\\t") || wr_str_is(text, "tab")) text = WR_STR("\t");
    if (text.length == 0 || text.length > CSV_DELIMITER_MAX)
        return wr_fail(WR_E_PARAMETER_VALUE, "the option \"delimiter\" takes 1 to %d bytes",
                       CSV_DELIMITER_MAX);
    memcpy(d->delimiter, text.data, text.length);
    d->delimiter_size = (int)text.length;
    WR_TRY(wr_option_char(options, rows, "quote", &d->quote, NULL));
    WR_TRY(wr_option_char(options, rows, "escape", &d->escape, &has_escape));
    if (!has_escape || d->escape < 0) d->escape = d->quote;
    WR_TRY(wr_option_bool(options, rows, "header", header, NULL));
    WR_TRY(wr_option_text(options, rows, "nullstr", &text, NULL));
    w->null_text = wr_arena_str(&w->arena, text);
    WR_TRY(wr_option_text(options, rows, "new_line", &text, NULL));
    w->line_end =
        wr_str_is(text, "\\r\\n") || wr_str_is(text, "\r\n") ? WR_STR("\r\n") : WR_STR("\n");
    if (wr_option_find(options, rows, "dateformat"))
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "dateformat is not applied on writing"),
                            "use strftime in the SELECT");
    w->special[(unsigned char)d->delimiter[0]] = w->special['\n'] = w->special['\r'] = true;
    if (d->quote >= 0) w->special[d->quote] = true;
    if (d->escape >= 0) w->special[d->escape] = true;
    return read_forced(w, options, schema);
}

static weir_status begin_writer(csv_writer *w, wr_format_context *context, wr_file *file,
                                const wr_schema *schema, const wr_options *options)
{
    bool header;
    WR_TRY(read_write_options(w, options, schema, &header));
    WR_TRY(wr_text_sink_init(&w->sink, context->mem, file, options, wr_csv_write_options));
    for (int k = 0; header && k < schema->count; k++) {
        if (k > 0)
            wr_buf_add(&w->sink.text, w->dialect.delimiter, (size_t)w->dialect.delimiter_size);
        WR_TRY(add_text(w, schema->fields[k].name, false));
    }
    if (header) wr_buf_add_str(&w->sink.text, w->line_end);
    return WR_OK;
}

weir_status wr_csv_writer_new(wr_format_context *context, wr_file *file, const wr_schema *schema,
                              const wr_options *options, wr_writer **out)
{
    csv_writer *w = wr_heap_new(sizeof *w);
    w->base.def = &csv_writer_def;
    w->column_count = schema->count;
    weir_status bad = begin_writer(w, context, file, schema, options);
    if (bad) {
        csv_writer_drop(&w->base);
        return bad;
    }
    *out = &w->base;
    return WR_OK;
}
