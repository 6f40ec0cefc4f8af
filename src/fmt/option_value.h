/* option_value.h - options of formats whose values are structured: type names, lists of texts, name
 * -> type. */
#pragma once
#include "spi/option.h"

/* Reads the SQL spelling of a type: DECIMAL(10,2), INTEGER[], DOUBLE[3], STRUCT(a INTEGER, "b c"
 * VARCHAR), MAP(VARCHAR, INTEGER). UNKNOWN_TYPE with the nearest name; span is for the error. */
WR_MUST_CHECK weir_status wr_type_of_text(wr_str text, wr_span span, wr_arena *arena,
                                          const wr_type **out);
/* A text or a list of texts. Not given: *count stays as it is. */
WR_MUST_CHECK weir_status wr_option_texts(const wr_options *given, const wr_opt *rows,
                                          const char *name, wr_arena *arena, wr_str **out,
                                          int *count);
/* {name: 'TYPE', ...}. A list of types gives fields with empty names. Not given: *count = 0. */
WR_MUST_CHECK weir_status wr_option_fields(const wr_options *given, const wr_opt *rows,
                                           const char *name, wr_arena *arena, wr_field **out,
                                           int *count, bool *is_list);
/* {name: 'TYPE', ...}, or names only: 'a,b' or ['a', 'b'], with types NULL. Not given: *count = 0.
 */
WR_MUST_CHECK weir_status wr_option_columns(const wr_options *given, const wr_opt *rows,
                                            const char *name, wr_arena *arena, wr_field **out,
                                            int *count);
/* The value {name: 'TYPE', ...} that wr_option_fields reads; in arena. */
wr_value wr_value_of_fields(const wr_field *fields, int count, wr_arena *arena);
