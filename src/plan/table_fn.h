/* table_fn.h - functions and built-in tables that stand in FROM. */
#pragma once
#include "plan/bind.h"

/* What a table function is given: evaluated arguments. */
typedef struct wr_table_fn_args {
    wr_value *values; /* positional */
    int count;
    wr_options named; /* name => value */
    wr_span span;
} wr_table_fn_args;

typedef struct wr_table_fn {
    const char *name, *signature, *help;
    weir_status (*bind)(wr_scope *scope, const wr_table_fn_args *args, wr_result *out);
} wr_table_fn;

/* All table functions, ended by a zero row. */
extern const wr_table_fn wr_table_fns[];

/* Rows of text, numbers and booleans collected one cell after the other; become a VALUES node. */
typedef struct wr_row_list {
    wr_planner *planner;
    const char *const *names;
    const wr_type *const *types;
    int width, at;
    wr_expr **row;
    WR_LIST(wr_expr **) rows;
} wr_row_list;
void wr_row_text(wr_row_list *list, wr_str text);
void wr_row_int(wr_row_list *list, int64_t value);
void wr_row_bool(wr_row_list *list, bool value);
void wr_row_null(wr_row_list *list);
void wr_row_value(wr_row_list *list, wr_value value);
void wr_row_list_result(wr_row_list *list, wr_result *out);

/* information_schema or pg_catalog? */
bool wr_is_builtin_schema(wr_str schema);
/* information_schema and pg_catalog; *done false: no such table. An empty schema finds pg_ tables
 * too. */
WR_MUST_CHECK weir_status wr_bind_builtin_table(wr_scope *scope, wr_str schema, wr_str name,
                                                wr_result *out, bool *done);
/* "orders" for "x/orders.csv.gz". */
wr_str wr_file_stem(wr_str path);
/* state_rows.c: the pairs of a stream's state folder, and one row about them; check: all of it is
 * read and CORRUPT names what is damaged. */
WR_MUST_CHECK weir_status wr_state_rows_new(wr_str folder, wr_relation **out);
WR_MUST_CHECK weir_status wr_state_info(wr_planner *planner, wr_str folder, bool check,
                                        wr_result *out);
/* Numbers first, first + step ... up to last, as a relation of one column of type BIGINT, or
 * INTEGER if all numbers fit. */
WR_MUST_CHECK weir_status wr_series_new(wr_str name, const wr_type *type, int64_t first,
                                        int64_t last, int64_t step, bool last_included,
                                        wr_relation **out);
