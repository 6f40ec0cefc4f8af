/* bind_dml.h - what statements that change tables share. */
#pragma once
#include "plan/bind.h"
#include "plan/table_sink.h"

/* A statement that changes one table while it is bound. */
typedef struct wr_dml {
    wr_planner *planner;
    wr_scope *scope; /* with the common table expressions of the statement */
    wr_object *object;
    wr_str alias; /* the name the table goes by */
    int width;
    wr_logical *plan;
    wr_column_id *values; /* per table column: id in plan, after wr_dml_complete */
    wr_table_change change;
    /* RETURNING: what may be named besides the table's columns */
    wr_from others;
} wr_dml;

/* Finds the table to change, to be spoken of as alias or by its own name. Fails when there is none.
 * What dml holds lives as long as the planner's arena. */
WR_MUST_CHECK weir_status wr_dml_begin(wr_dml *dml, wr_scope *scope, const wr_names *table,
                                       wr_name alias);
/* The position of a column by name; an error names the nearest. */
WR_MUST_CHECK weir_status wr_dml_column(const wr_dml *dml, wr_name name, int *out);
/* GENERATED_ALWAYS if the column takes the values of its sequence only. */
WR_MUST_CHECK weir_status wr_dml_may_give(const wr_dml *dml, int column, wr_span span);
/* e as a value of the column: conversions that assignment allows, and the length of VARCHAR(n). */
WR_MUST_CHECK weir_status wr_dml_assign(const wr_dml *dml, wr_expr *e, int column, wr_span span,
                                        wr_expr **out);
/* The same without the length, for cells that wr_dml_fit checks together. */
WR_MUST_CHECK weir_status wr_dml_convert(const wr_dml *dml, wr_expr *e, int column, wr_span span,
                                         wr_expr **out);
/* A text no longer than the column takes; other columns: e. */
WR_MUST_CHECK weir_status wr_dml_fit(const wr_dml *dml, wr_expr *e, int column, wr_span span,
                                     wr_expr **out);
/* SET: values[c] of the columns that assignments change; others stay. scope names the target under
 * dml->alias. from: what (a, b) = (SELECT ..) is joined to; NULL: it is refused. */
WR_MUST_CHECK weir_status wr_dml_set(wr_dml *dml, wr_scope *scope, wr_from *from,
                                     const wr_nodes *assignments, wr_expr **values);
/* The default of a column, NULL if it has none. */
WR_MUST_CHECK weir_status wr_dml_default(const wr_dml *dml, int column, wr_expr **out);
/* Puts projections on dml->plan that give all columns of the table: values[c] (NULL: default),
 * generated ones computed last. carried ids are handed through and updated. */
WR_MUST_CHECK weir_status wr_dml_complete(wr_dml *dml, wr_expr **values, wr_column_id *carried,
                                          int carried_count);
/* The checks of the table become change.checks. */
WR_MUST_CHECK weir_status wr_dml_bind_checks(wr_dml *dml);
/* Puts the sink on dml->plan; columns are its input. RETURNING may name the columns of the table
 * found at change.first_value (or, for DELETE, at the given positions) and those of dml->others. */
WR_MUST_CHECK weir_status wr_dml_finish(wr_dml *dml, wr_column_id *columns, int column_count,
                                        const wr_nodes *returning, const char *tag, wr_bound *out);
/* The target table as a relation of the statement. */
WR_MUST_CHECK weir_status wr_dml_target(wr_dml *dml, const wr_sql_table_ref *ref, wr_from *out);
wr_expr *wr_dml_rowid(const wr_from *target);
