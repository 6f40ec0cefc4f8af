/* text_sink.h - where text writers put their bytes: collected, compressed if asked, appended to the
 * file. */
#pragma once
#include "enc/compress.h"
#include "sys/file.h"
#include "spi/option.h"

typedef struct wr_text_sink {
    wr_file *file; /* borrowed */
    wr_mem *mem;
    wr_buf text, packed;
    wr_deflate *deflate; /* NULL: plain */
    uint64_t written;
    weir_status bad; /* what went wrong with a piece of a long value; the next flush tells */
} wr_text_sink;
/* compression "auto" goes by the suffix of the file's path. */
WR_MUST_CHECK weir_status wr_text_sink_init(wr_text_sink *sink, wr_mem *mem, wr_file *file,
                                            const wr_options *given, const wr_opt *rows);
/* Call after adding to sink->text: writes when enough is collected. */
WR_MUST_CHECK weir_status wr_text_sink_flush(wr_text_sink *sink, bool is_end);
void wr_text_sink_clear(wr_text_sink *sink);
