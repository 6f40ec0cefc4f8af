/* table.c - the engine as the runs need it: rows as JSON, numbers, schemas, how a file is read.
 *
 * Values become JSON as the engine prints them, one row at a time; a list of rows ends at the
 * number of rows or bytes that was asked for, whichever comes first. */
#include "runs/runs.h"

typedef struct weir_query query_of_session;
WR_DEFINE_CLEANUP(query_of_session, weir_query_close)

void wr_run_quote(wr_buf *out, wr_str text)
{
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\'') wr_buf_add_char(out, '\'');
        wr_buf_add_char(out, text.data[i]);
    }
    wr_buf_add_char(out, '\'');
}

void wr_run_source(wr_buf *out, wr_str path, wr_str format)
{
    static const char *const readers[][2] = {
        {"parquet", "read_parquet"}, {"csv", "read_csv"},      {"tsv", "read_csv"},
        {"json", "read_json"},       {"jsonl", "read_json"},   {"arrow", "read_arrow"},
        {"arrows", "read_arrow"},    {"feather", "read_arrow"}};
    for (size_t i = 0; i < WR_COUNT(readers); i++) {
        if (!wr_str_is(format, readers[i][0])) continue;
        wr_buf_printf(out, "%s(", readers[i][1]);
        wr_run_quote(out, path);
        wr_buf_add_char(out, ')');
        return;
    }
}

weir_status wr_run_do(weir_session *session, wr_str sql)
{
    WR_AUTO(query_of_session) *query = NULL;
    WR_TRY(weir_query_start(session, sql.data, sql.length, &query));
    for (const weir_rows *rows = NULL;;) {
        if (weir_query_kind(query) == WEIR_DONE) return WR_OK;
        WR_TRY(weir_query_next(query, &rows));
        if (!rows) return WR_OK;
    }
}

weir_status wr_run_number(weir_session *session, wr_str sql, int64_t *out)
{
    WR_AUTO(query_of_session) *query = NULL;
    const weir_rows *rows = NULL;
    *out = 0;
    WR_TRY(weir_query_start(session, sql.data, sql.length, &query));
    WR_TRY(weir_query_next(query, &rows));
    if (rows && weir_rows_count(rows)) *out = weir_rows_int64(rows, 0, 0);
    return WR_OK;
}

static void put_row(const weir_query *query, const weir_rows *rows, size_t row, wr_buf *out)
{
    wr_buf_add_char(out, '{');
    for (int c = 0; c < weir_query_column_count(query); c++) {
        size_t length;
        const char *json = weir_rows_json(rows, row, c, &length);
        wr_json_put(out, weir_query_column_name(query, c), (wr_str){json, length});
    }
    wr_buf_add_char(out, '}');
}

static weir_status put_rows(weir_query *query, int64_t rows_max, size_t bytes_max, wr_buf *out,
                            int64_t *count, bool *is_cut)
{
    const weir_rows *rows;
    size_t before = out->length;
    *count = 0;
    *is_cut = false;
    wr_buf_add_char(out, '[');
    for (;;) {
        WR_TRY(weir_query_next(query, &rows));
        if (!rows) break;
        for (size_t i = 0; i < weir_rows_count(rows) && !*is_cut; i++) {
            size_t row_at = out->length;
            if (rows_max < 0 || *count < rows_max) {
                if (*count) wr_buf_add_char(out, ',');
                put_row(query, rows, i, out);
            }
            *is_cut = out->length == row_at || out->length - before > bytes_max;
            if (*is_cut)
                out->length = row_at;
            else
                ++*count;
        }
        if (*is_cut) break;
    }
    wr_buf_add_char(out, ']');
    return WR_OK;
}

weir_status wr_run_rows(weir_session *session, wr_str sql, int64_t rows_max, size_t bytes_max,
                        wr_buf *out, int64_t *count, bool *is_cut)
{
    WR_AUTO(query_of_session) *query = NULL;
    int64_t counted;
    bool cut;
    WR_TRY(weir_query_start(session, sql.data, sql.length, &query));
    return put_rows(query, rows_max, bytes_max, out, count ? count : &counted,
                    is_cut ? is_cut : &cut);
}

static void put_columns(const weir_query *query, wr_buf *out)
{
    for (int types = 0; types < 2; types++) {
        wr_buf_printf(out, "%s\"%s\":[", types ? "," : "", types ? "types" : "schema");
        for (int c = 0; c < weir_query_column_count(query); c++)
            wr_json_put_text(out, NULL,
                             wr_str_of(types ? weir_query_column_type(query, c)
                                             : weir_query_column_name(query, c)));
        wr_buf_add_char(out, ']');
    }
}

weir_status wr_run_schema(weir_session *session, wr_str sql, wr_buf *out)
{
    WR_AUTO(query_of_session) *query = NULL;
    WR_TRY(weir_query_start(session, sql.data, sql.length, &query));
    wr_buf_add_char(out, '[');
    for (int c = 0; c < weir_query_column_count(query); c++) {
        if (c) wr_buf_add_char(out, ',');
        wr_buf_add_char(out, '{');
        wr_json_put_text(out, "name", wr_str_of(weir_query_column_name(query, c)));
        wr_json_put_text(out, "type", wr_str_of(weir_query_column_type(query, c)));
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
    return WR_OK;
}

/* What the engine does not read as a table: the beginning of a text. */
static weir_status preview_text(wr_str path, wr_buf *out)
{
    enum { SHOWN = 4096 };
    WR_AUTO(wr_file) *file = NULL;
    char room[SHOWN];
    size_t got;
    wr_file_stat stat;
    WR_TRY(wr_file_open(wr_fs_real(), path, WR_FILE_READ, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    WR_TRY(wr_file_read(file, 0, room, sizeof room, &got));
    for (size_t i = 0; i < 4 && got && !wr_utf8_valid(room, got); i++)
        got--; /* a character that was cut */
    if (!wr_utf8_valid(room, got)) got = 0;
    wr_buf_add_text(out, "{\"schema\":[],\"types\":[],\"rows\":[],\"row_count\":null");
    wr_json_put_bool(out, "truncated", stat.size > got);
    wr_json_put_text(out, "text", (wr_str){room, got});
    wr_json_put_text(out, "message",
                     got || !stat.size ? WR_STR("not a table: its beginning as text")
                                       : WR_STR("not a table, and not text"));
    wr_buf_add_char(out, '}');
    return WR_OK;
}

weir_status wr_run_preview(weir_session *session, wr_str path, wr_str format, int64_t limit,
                           int64_t row_count, wr_buf *out)
{
    WR_BUF(source);
    WR_BUF(sql);
    int64_t shown;
    bool is_cut;
    wr_run_source(&source, path, format);
    if (!source.length) return preview_text(path, out);
    if (row_count < 0) {
        wr_buf_printf(&sql, "SELECT count(*) FROM %s", source.data);
        WR_TRY(wr_run_number(session, wr_buf_str(&sql), &row_count));
        sql.length = 0;
    }
    wr_buf_printf(&sql, "FROM %s LIMIT %lld", source.data, (long long)limit);
    WR_AUTO(query_of_session) *query = NULL;
    WR_TRY(weir_query_start(session, sql.data, sql.length, &query));
    wr_buf_add_char(out, '{');
    put_columns(query, out);
    wr_buf_add_text(out, ",\"rows\":");
    WR_TRY(put_rows(query, limit, WR_PREVIEW_BYTES, out, &shown, &is_cut));
    wr_json_put_int(out, "row_count", row_count);
    wr_json_put_bool(out, "truncated", shown < row_count);
    if (is_cut)
        wr_json_put_text(out, "message", WR_STR("rows beyond 200 KiB are left out"));
    else if (shown < row_count)
        wr_json_put_text(out, "message", WR_STR("the first rows; the file has all of them"));
    wr_buf_add_char(out, '}');
    return WR_OK;
}
