/* text_sink.c - see text_sink.h. A temporary name keeps the suffix before its own, so ".tmp" is
 * looked through. */
#include "fmt/text_sink.h"

enum { FLUSH_SIZE = 1 << 20 };

static weir_status write_out(wr_text_sink *sink, const char *bytes, size_t size, bool is_end)
{
    if (sink->deflate) {
        sink->packed.length = 0;
        WR_TRY(wr_deflate_run(sink->deflate, bytes, size, is_end, &sink->packed));
        bytes = sink->packed.data;
        size = sink->packed.length;
    }
    if (size > 0) WR_TRY(wr_file_append(sink->file, bytes, size));
    sink->written += size;
    return WR_OK;
}

/* Pieces of values that are longer than what is collected. */
static void drain(void *arg, const char *bytes, size_t size)
{
    wr_text_sink *sink = arg;
    for (size_t at = 0; at < size && !sink->bad; at += FLUSH_SIZE)
        sink->bad = write_out(sink, bytes + at, WR_MIN(size - at, (size_t)FLUSH_SIZE), false);
}

weir_status wr_text_sink_init(wr_text_sink *sink, wr_mem *mem, wr_file *file,
                              const wr_options *given, const wr_opt *rows)
{
    *sink = (wr_text_sink){.file = file, .mem = mem};
    sink->text.drain = drain;
    sink->text.drain_arg = sink;
    sink->text.piece = FLUSH_SIZE;
    wr_str text;
    int64_t level;
    wr_compression method = WR_COMPRESS_NONE;
    WR_TRY(wr_option_text(given, rows, "compression", &text, NULL));
    WR_TRY(wr_option_int(given, rows, "compression_level", &level, NULL));
    if (wr_str_is(text, "auto") || text.length == 0) {
        wr_str path = wr_file_path(file);
        ptrdiff_t mark = wr_str_find(path, WR_STR(".tmp-"));
        if (mark > 0) path.length = (size_t)mark;
        method = wr_compression_of_path(path);
    } else if (!wr_compression_find(text, &method)) {
        const wr_given *item = wr_option_find(given, rows, "compression");
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                                       "unknown compression \"%.*s\"", WR_STR_ARGS(text)),
                            "auto, none, gzip, zstd and lz4 exist");
    }
    return method == WR_COMPRESS_NONE ? WR_OK
                                      : wr_deflate_new(mem, method, (int)level, &sink->deflate);
}

weir_status wr_text_sink_flush(wr_text_sink *sink, bool is_end)
{
    if (sink->bad) return WR_TAKE(sink->bad);
    if (sink->text.length < FLUSH_SIZE && !is_end) return WR_OK;
    WR_TRY(write_out(sink, sink->text.data ? sink->text.data : "", sink->text.length, is_end));
    sink->text.length = 0;
    return WR_OK;
}

void wr_text_sink_clear(wr_text_sink *sink)
{
    wr_deflate_drop(sink->deflate);
    wr_status_drop(sink->bad);
    sink->bad = NULL;
    wr_buf_clear(&sink->text);
    wr_buf_clear(&sink->packed);
}
