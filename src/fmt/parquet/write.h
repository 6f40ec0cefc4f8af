/* write.h - writing Parquet files. */
#pragma once
#include "spi/format.h"

extern const wr_opt wr_pq_write_options[];
/* As wr_format.writer_new. */
WR_MUST_CHECK weir_status wr_pq_writer_new(wr_format_context *context, wr_file *file,
                                           const wr_schema *schema, const wr_options *options,
                                           wr_writer **out);
