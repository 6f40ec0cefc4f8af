/* write.c - COPY TO JSON: one object per line, or one array of them. */
#include "fmt/json/json.h"
#include "fmt/text_sink.h"

const wr_opt wr_json_write_options[] = {
    {"array", WR_OPT_BOOL, "false", "one array instead of one object per line"},
    {"compression", WR_OPT_TEXT, "auto", "auto (by suffix), none, gzip, zstd or lz4"},
    {"compression_level", WR_OPT_INT, "0", "0 = the default of the method"},
    {0}};

typedef struct json_writer {
    wr_writer base;
    wr_text_sink sink;
    bool as_array;
    uint64_t rows;
    wr_buf *keys; /* per column: "name": */
    int column_count;
} json_writer;

static weir_status json_write(wr_writer *base, const wr_batch *batch)
{
    json_writer *w = (json_writer *)base;
    wr_buf *out = &w->sink.text;
    uint32_t count = wr_batch_count(batch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(batch, i);
        if (w->as_array) wr_buf_add_text(out, w->rows == 0 ? "[\n" : ",\n");
        wr_buf_add_char(out, '{');
        for (int k = 0; k < batch->column_count; k++) {
            if (k > 0) wr_buf_add_char(out, ',');
            wr_buf_add_str(out, wr_buf_str(&w->keys[k]));
            if (wr_column_is_null(&batch->columns[k], row))
                wr_buf_add_text(out, "null");
            else
                wr_column_print_json(&batch->columns[k], row, out);
        }
        wr_buf_add_char(out, '}');
        if (!w->as_array) wr_buf_add_char(out, '\n');
        w->rows++;
        WR_TRY(wr_text_sink_flush(&w->sink, false));
    }
    return WR_OK;
}

static weir_status json_finish(wr_writer *base)
{
    json_writer *w = (json_writer *)base;
    if (w->as_array) wr_buf_add_text(&w->sink.text, w->rows == 0 ? "[]\n" : "\n]\n");
    return wr_text_sink_flush(&w->sink, true);
}

static uint64_t json_bytes(const wr_writer *base)
{
    const json_writer *w = (const json_writer *)base;
    return w->sink.written + w->sink.text.length;
}

static void json_writer_drop(wr_writer *base)
{
    json_writer *w = (json_writer *)base;
    for (int k = 0; w->keys && k < w->column_count; k++)
        wr_buf_clear(&w->keys[k]);
    wr_heap_drop(w->keys);
    wr_text_sink_clear(&w->sink);
    wr_heap_drop(w);
}

static const wr_writer_def json_writer_def = {json_write, json_finish, json_bytes,
                                              json_writer_drop};

weir_status wr_json_writer_new(wr_format_context *context, wr_file *file, const wr_schema *schema,
                               const wr_options *options, wr_writer **out)
{
    json_writer *w = wr_heap_new(sizeof *w);
    w->base.def = &json_writer_def;
    w->column_count = schema->count;
    w->keys = wr_heap_new(((size_t)schema->count + 1) * sizeof *w->keys);
    for (int k = 0; k < schema->count; k++) {
        wr_buf_add_json(&w->keys[k], schema->fields[k].name);
        wr_buf_add_char(&w->keys[k], ':');
    }
    weir_status bad = wr_option_bool(options, wr_json_write_options, "array", &w->as_array, NULL);
    if (!bad) bad = wr_text_sink_init(&w->sink, context->mem, file, options, wr_json_write_options);
    if (bad) {
        json_writer_drop(&w->base);
        return bad;
    }
    *out = &w->base;
    return WR_OK;
}
