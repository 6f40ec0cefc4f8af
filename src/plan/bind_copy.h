/* bind_copy.h - what the two directions of COPY share. */
#pragma once
#include "fmt/files.h"
#include "plan/bind.h"

typedef struct wr_copy_options {
    wr_options rest; /* without FORMAT; with room for four more */
    const wr_format *format;
} wr_copy_options;
/* Evaluates the options; an unknown format fails with UNKNOWN_OPTION naming the nearest. Lives in
 * the planner's arena. */
WR_MUST_CHECK weir_status wr_copy_options_of(wr_scope *scope, const wr_sql_copy *copy,
                                             wr_copy_options *out);
/* The path as text; standard input or output when none is given. */
WR_MUST_CHECK weir_status wr_copy_path(wr_scope *scope, const wr_sql_copy *copy, wr_str *out);
/* COPY table FROM files. */
WR_MUST_CHECK weir_status wr_bind_copy_files(wr_scope *scope, const wr_sql_copy *copy,
                                             wr_bound *out);
