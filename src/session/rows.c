/* rows.c - reading the results of a query value by value. */
#include "session/session.h"

weir_kind weir_query_kind(const weir_query *query) { return query->kind; }
const char *weir_query_tag(const weir_query *query) { return query->tag; }
int64_t weir_query_affected(const weir_query *query) { return query->affected; }
int weir_query_column_count(const weir_query *query) { return query->schema.count; }
const char *weir_query_column_name(const weir_query *query, int column)
{
    return query->names[column];
}

const char *weir_query_column_type(const weir_query *query, int column)
{
    return wr_type_name(query->schema.fields[column].type);
}

const char *weir_query_notices(const weir_query *query)
{
    return query->notices.length ? query->notices.data : NULL;
}

weir_status weir_query_reserve(weir_query *query, uint64_t bytes)
{
    WR_TRY(wr_mem_reserve(query->mem, bytes));
    query->reserved += bytes;
    return WR_OK;
}

size_t weir_rows_count(const weir_rows *rows) { return wr_batch_count(&rows->batch); }

static const wr_column *cell(const weir_rows *rows, size_t row, int column, uint32_t *at)
{
    wr_assert(row < wr_batch_count(&rows->batch) && column >= 0 &&
              column < rows->batch.column_count);
    *at = wr_batch_row(&rows->batch, (uint32_t)row);
    return &rows->batch.columns[column];
}

bool weir_rows_is_null(const weir_rows *rows, size_t row, int column)
{
    uint32_t at;
    const wr_column *values = cell(rows, row, column, &at);
    return wr_column_is_null(values, at);
}

static const char *printed(const weir_rows *rows, size_t row, int column, size_t *length,
                           void (*print)(const wr_column *, uint32_t, wr_buf *),
                           const char *null_text)
{
    uint32_t at;
    const wr_column *values = cell(rows, row, column, &at);
    wr_buf *text = &rows->query->text;
    text->length = 0;
    wr_buf_add_text(text, "");
    if (wr_column_is_null(values, at))
        wr_buf_add_text(text, null_text);
    else
        print(values, at, text);
    if (length) *length = text->length;
    return text->data;
}

/* TIMESTAMP WITH TIME ZONE is shown in the session's zone. */
static bool print_zoned(const weir_rows *rows, size_t row, int column, wr_buf *out)
{
    uint32_t at;
    const wr_column *values = cell(rows, row, column, &at);
    const wr_zone *zone = rows->query->session->zone;
    if (values->type->id != WR_T_TIMESTAMPTZ || !zone || wr_column_is_null(values, at))
        return false;
    int64_t ts = wr_column_int(values, at);
    char digits[64];
    out->length = 0;
    if (ts == WR_TS_INF || ts == WR_TS_NEG_INF) {
        wr_buf_add(out, digits, (size_t)wr_ts_print(ts, digits));
        return true;
    }
    int32_t offset = wr_zone_offset_at(zone, ts);
    wr_buf_add(out, digits, (size_t)wr_ts_print(ts + (int64_t)offset * WR_USECS_PER_SEC, digits));
    int32_t size = offset < 0 ? -offset : offset;
    wr_buf_printf(out, "%c%02d", offset < 0 ? '-' : '+', size / 3600);
    if (size % 3600) wr_buf_printf(out, ":%02d", size / 60 % 60);
    if (size % 60) wr_buf_printf(out, ":%02d", size % 60);
    return true;
}

const char *weir_rows_text(const weir_rows *rows, size_t row, int column, size_t *length)
{
    wr_buf *text = &rows->query->text;
    if (print_zoned(rows, row, column, text)) {
        if (length) *length = text->length;
        return text->data;
    }
    return printed(rows, row, column, length, wr_column_print, "");
}

const char *weir_rows_json(const weir_rows *rows, size_t row, int column, size_t *length)
{
    wr_buf *text = &rows->query->text;
    if (print_zoned(rows, row, column, text)) {
        wr_buf quoted = {0};
        wr_buf_add_json(&quoted, wr_buf_str(text));
        text->length = 0;
        wr_buf_add_str(text, wr_buf_str(&quoted));
        wr_buf_clear(&quoted);
        if (length) *length = text->length;
        return text->data;
    }
    return printed(rows, row, column, length, wr_column_print_json, "null");
}

typedef struct pieces {
    weir_piece_fn *write;
    void *arg;
} pieces;

static void pass_piece(void *arg, const char *bytes, size_t size)
{
    const pieces *p = arg;
    p->write(p->arg, bytes, size, false);
}

static void in_pieces(const weir_rows *rows, size_t row, int column, pieces *to,
                      const char *(*print)(const weir_rows *, size_t, int, size_t *))
{
    enum { PIECE = 64 << 10 };
    wr_buf *text = &rows->query->text;
    size_t length;
    text->drain = pass_piece;
    text->drain_arg = to;
    text->piece = PIECE;
    const char *rest = print(rows, row, column, &length);
    text->drain = NULL;
    to->write(to->arg, rest, length, true);
}

void weir_rows_text_pieces(const weir_rows *rows, size_t row, int column, weir_piece_fn *write,
                           void *arg)
{
    in_pieces(rows, row, column, &(pieces){write, arg}, weir_rows_text);
}

void weir_rows_json_pieces(const weir_rows *rows, size_t row, int column, weir_piece_fn *write,
                           void *arg)
{
    in_pieces(rows, row, column, &(pieces){write, arg}, weir_rows_json);
}

int64_t weir_rows_int64(const weir_rows *rows, size_t row, int column)
{
    uint32_t at;
    const wr_column *values = cell(rows, row, column, &at);
    bool fits = wr_type_is_int_like(values->type) || values->type->id == WR_T_BOOLEAN;
    return fits && !wr_column_is_null(values, at) ? (int64_t)wr_column_i128(values, at) : 0;
}

double weir_rows_double(const weir_rows *rows, size_t row, int column)
{
    uint32_t at;
    const wr_column *values = cell(rows, row, column, &at);
    if (!wr_type_is_numeric(values->type) || wr_column_is_null(values, at)) return 0;
    if (wr_type_is_float(values->type)) return wr_column_f64(values, at);
    return wr_i128_to_f64(wr_column_i128(values, at), values->type->scale);
}

void weir_query_progress(const weir_query *query, weir_progress *out)
{
    wr_run_progress progress = {.fraction = -1, .phase = ""};
    wr_mutex *lock = (wr_mutex *)&query->run_lock;
    wr_mutex_lock(lock);
    if (query->run) wr_run_progress_of(query->run, &progress);
    wr_mutex_unlock(lock);
    *out = (weir_progress){.fraction = progress.fraction,
                           .rows = progress.rows_done,
                           .bytes = progress.bytes_done,
                           .rows_total = progress.rows_total,
                           .bytes_total = progress.bytes_total,
                           .memory = progress.memory,
                           .spilled = progress.spilled,
                           .elapsed_us = (wr_clock_mono_ns() - query->started_ns) / 1000,
                           .phase = progress.phase};
}
