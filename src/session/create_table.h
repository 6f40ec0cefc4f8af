/* create_table.h - a table while its definition is put together: create_table.c, like_table.c and
 * foreign_key.c. */
#pragma once
#include "session/session.h"

typedef WR_LIST(wr_column_def) wr_column_list;
typedef WR_LIST(wr_key_def) wr_key_list;
typedef WR_LIST(wr_check_def) wr_check_list;

/* FOREIGN KEY, or REFERENCES behind the column of that number. */
typedef struct wr_foreign_part {
    const wr_sql_constraint *constraint;
    int column; /* -1: of the table */
} wr_foreign_part;

typedef struct wr_table_parts {
    wr_arena *arena; /* of the object that is made */
    wr_column_list columns;
    wr_key_list keys;
    wr_check_list checks;
    WR_LIST(wr_foreign_part) foreign_keys; /* defined when columns and keys are complete */
} wr_table_parts;

/* A column of name, number and type as written, without its constraints. Text in arena. SYNTAX
 * without a type, UNSUPPORTED for collations that order otherwise than by bytes. */
WR_MUST_CHECK weir_status wr_column_of_definition(weir_query *query, const wr_sql_column_def *def,
                                                  wr_arena *arena, wr_column_def *out);
/* The number of a column by name, -1 if there is none. */
int wr_table_parts_column(const wr_table_parts *parts, wr_str name);
/* Adds a key over the columns, named after them if name is empty. DUPLICATE_NAME for a second
 * primary key. */
WR_MUST_CHECK weir_status wr_table_parts_key(wr_table_parts *parts, wr_name name, wr_str table,
                                             const int *columns, int count, bool primary);
/* LIKE: adds what is copied from the other table; object is the one that is made. */
WR_MUST_CHECK weir_status wr_table_parts_like(weir_query *query, wr_table_parts *parts,
                                              const wr_sql_like_table *like,
                                              const wr_object *object);
/* CREATE TABLE .. [USING format] OPTIONS (path: ..). PARAMETER_VALUE without a path or with a
 * format that is none; else as reading the file fails. */
WR_MUST_CHECK weir_status wr_run_create_file_table(weir_query *query,
                                                   const wr_sql_create_table *create);
