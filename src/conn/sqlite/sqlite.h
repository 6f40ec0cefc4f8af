/* sqlite.h - what the files of this connector share. */
#pragma once
#include "spi/connector.h"

/* The only way an identifier gets into SQL: in double quotes. */
void wr_sqlite_add_name(wr_buf *out, wr_str name);
/* An option that must be there and is not empty; copied to arena. PARAMETER_VALUE. */
WR_MUST_CHECK weir_status wr_sqlite_text_option(wr_arena *arena, const wr_options *given,
                                                const wr_opt *rows, const char *name, wr_str *out);
/* Options of reading. */
extern const wr_opt wr_sqlite_read_options[];
/* A table as a source that ends: what it has when it is read. */
WR_MUST_CHECK weir_status wr_sqlite_source(const wr_connect *connect, wr_source **out);
