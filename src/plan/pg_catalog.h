/* pg_catalog.h - what the tables of pg_catalog and information_schema are made of. */
#pragma once
#include "expr/pg_types.h"
#include "plan/table_fn.h"

/* A table made from the catalog when a statement names it. columns: "name type,..." with t text, i
 * integer, b boolean, l list of integers. */
typedef struct wr_builtin_table {
    const char *schema, *name, *columns;
    weir_status (*fill)(wr_scope *scope, wr_row_list *rows);
} wr_builtin_table;

/* builtin_tables.c and pg_tables.c; each ended by a zero row. */
extern const wr_builtin_table wr_builtin_tables[], wr_pg_tables[];

/* pg_functions.c: the rows of weir_definitions. */
WR_MUST_CHECK weir_status wr_pg_definitions(wr_scope *scope, wr_row_list *rows);

/* ---- shared by the two ---- */
int64_t wr_builtin_oid(wr_str schema, wr_str name); /* stable while the name is */
wr_str wr_builtin_database(wr_scope *scope);
/* Visible objects of the kinds; the planner holds the references. */
wr_object **wr_builtin_objects(wr_scope *scope, unsigned kinds, int *count);
/* The columns of any object with rows, views included (bound to know them; a broken view has none).
 */
int wr_builtin_columns(wr_scope *scope, const wr_object *object, wr_column_def **out);
/* Names of all schemas, the built-in ones too. */
wr_str *wr_builtin_schemas(wr_scope *scope, int *count);
