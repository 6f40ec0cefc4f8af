/* console.c - a sink that prints rows as people or programs read them: + for a row that appears, -
 * for one that is taken back.
 *
 *   + 2024-01-01 00:01:00 | ab | 3          {"change":"+","row":{"name":"ab","count":3}}
 *
 * What is written waits in a buffer until flush, so that a round that fails leaves nothing behind.
 * Long rounds are printed in pieces. In text, control characters are escaped: a value can neither
 * make a line of its own nor move the cursor. */
#include "spi/connector.h"

enum { PIECE = 256 << 10 };

static const wr_opt options[] = {
    {"format", WR_OPT_TEXT, "text", "text or jsonl"},
    {"path", WR_OPT_TEXT, "/dev/stdout", "a file or device that lines are added to"},
    {0}};

typedef struct console_target {
    wr_target base;
    wr_arena arena;
    bool is_jsonl;
    wr_str path;
    wr_str *keys; /* names as JSON */
} console_target;

typedef struct console_deliverer {
    wr_deliverer base;
    const wr_cancel *cancel;
    wr_file *file;
    wr_buf lines, value;
} console_deliverer;

static weir_status console_open(wr_target *base, const wr_deliverer_request *request,
                                wr_deliverer **out)
{
    const console_target *target = (const console_target *)base;
    WR_AUTO(wr_file) *file = NULL;
    wr_fs *fs = request->fs ? request->fs : wr_fs_real();
    WR_TRY(wr_file_open(fs, target->path, WR_FILE_APPEND, &file));
    console_deliverer *deliverer = wr_heap_new(sizeof *deliverer);
    deliverer->base.target = base;
    deliverer->cancel = request->cancel;
    deliverer->file = WR_TAKE(file);
    *out = &deliverer->base;
    return WR_OK;
}

static void add_escaped(wr_buf *out, wr_str text)
{
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n')
            wr_buf_add_text(out, "\\n");
        else if (c == '\t')
            wr_buf_add_text(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            wr_buf_printf(out, "\\x%02x", c);
        else
            wr_buf_add_char(out, (char)c);
    }
}

static void add_text_row(console_deliverer *d, const wr_batch *batch, uint32_t row)
{
    for (int k = 0; k < batch->column_count; k++) {
        wr_buf_add_text(&d->lines, k ? " | " : " ");
        d->value.length = 0;
        if (wr_column_is_null(&batch->columns[k], row))
            wr_buf_add_text(&d->value, "NULL");
        else
            wr_column_print(&batch->columns[k], row, &d->value);
        add_escaped(&d->lines, wr_buf_str(&d->value));
    }
}

static void add_json_row(console_deliverer *d, const wr_batch *batch, uint32_t row)
{
    const console_target *target = (const console_target *)d->base.target;
    for (int k = 0; k < batch->column_count; k++) {
        wr_buf_add_char(&d->lines, k ? ',' : '{');
        wr_buf_add_str(&d->lines, target->keys[k]);
        wr_buf_add_char(&d->lines, ':');
        wr_column_print_json(&batch->columns[k], row, &d->lines);
    }
    if (batch->column_count == 0) wr_buf_add_char(&d->lines, '{');
    wr_buf_add_char(&d->lines, '}');
}

static weir_status print_lines(console_deliverer *d)
{
    if (d->lines.length) WR_TRY(wr_file_append(d->file, d->lines.data, d->lines.length));
    d->lines.length = 0;
    return WR_OK;
}

static weir_status console_write(wr_deliverer *base, const wr_delta *delta)
{
    console_deliverer *d = (console_deliverer *)base;
    const wr_batch *batch = &delta->batch;
    bool is_jsonl = ((const console_target *)base->target)->is_jsonl;
    WR_TRY(wr_cancel_check(d->cancel));
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        uint32_t row = wr_batch_row(batch, i);
        char change = delta->changes && delta->changes[row] < 0 ? '-' : '+';
        if (is_jsonl)
            wr_buf_printf(&d->lines, "{\"change\":\"%c\",\"row\":", change);
        else
            wr_buf_add_char(&d->lines, change);
        if (is_jsonl)
            add_json_row(d, batch, row);
        else
            add_text_row(d, batch, row);
        wr_buf_add_text(&d->lines, is_jsonl ? "}\n" : "\n");
    }
    return d->lines.length >= PIECE ? print_lines(d) : WR_OK;
}

static weir_status console_flush(wr_deliverer *base)
{
    return print_lines((console_deliverer *)base);
}

static void console_abort(wr_deliverer *base) { ((console_deliverer *)base)->lines.length = 0; }

static void console_close(wr_deliverer *base)
{
    console_deliverer *d = (console_deliverer *)base;
    wr_file_close(d->file);
    wr_buf_clear(&d->lines);
    wr_buf_clear(&d->value);
    wr_heap_drop(d);
}

static void console_drop(wr_target *base)
{
    console_target *target = (console_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def target_def = {.open = console_open,
                                         .write = console_write,
                                         .flush = console_flush,
                                         .abort = console_abort,
                                         .close = console_close,
                                         .drop = console_drop};

static weir_status read_options(console_target *target, const wr_options *given)
{
    wr_str format, path;
    WR_TRY(wr_options_check(given, options, "console"));
    WR_TRY(wr_option_text(given, options, "format", &format, NULL));
    WR_TRY(wr_option_text(given, options, "path", &path, NULL));
    target->path = wr_arena_str(&target->arena, path);
    target->is_jsonl = wr_str_is(format, "jsonl");
    if (target->is_jsonl || wr_str_is(format, "text")) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, wr_option_find(given, options, "format")->value_span,
                      "the option \"format\" takes text or jsonl, not '%.*s'", WR_STR_ARGS(format));
}

static weir_status console_sink(const wr_connect *connect, wr_target **out)
{
    WR_AUTO(wr_target) *base = NULL;
    console_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &target_def,
                               .connector = "console",
                               .takes_back = true,
                               .strongest = WR_DELIVERY_AT_LEAST_ONCE,
                               .why_no_more = "what is printed cannot be taken back after a crash",
                               .references = 1};
    base = &target->base;
    WR_TRY(read_options(target, connect->options));
    int count = connect->schema ? connect->schema->count : 0;
    if (connect->schema) base->schema = *wr_schema_copy(&target->arena, connect->schema);
    target->keys = wr_new_array(&target->arena, wr_str, count + 1);
    for (int k = 0; k < count; k++) {
        WR_BUF(name);
        wr_buf_add_json(&name, base->schema.fields[k].name);
        target->keys[k] = wr_arena_str(&target->arena, wr_buf_str(&name));
    }
    *out = WR_TAKE(base);
    return WR_OK;
}

const wr_connector wr_connector_console = {
    .name = "console",
    .help = "Prints rows: + for one that appears, - for one that is taken back.",
    .sink_options = options,
    .sink = console_sink,
};
