/* read.h - the CSV relation: bind and what probing shares with it. */
#pragma once
#include "fmt/csv/csv.h"

/* The slots of wr_format with these names (spi/format.h says what is asked of them). */
WR_MUST_CHECK weir_status wr_csv_probe(wr_format_context *context, wr_str path, wr_str head,
                                       bool head_is_all, wr_arena *arena, wr_probe *out);
WR_MUST_CHECK weir_status wr_csv_bind(wr_format_context *context, wr_str path,
                                      const wr_options *options, wr_relation **out);
WR_MUST_CHECK weir_status wr_csv_writer_new(wr_format_context *context, wr_file *file,
                                            const wr_schema *schema, const wr_options *options,
                                            wr_writer **out);
