/* dependencies.h - which columns of a plan decide which others.
 *
 * A dependency says: rows that are equal in the columns of one set are equal in another column.
 * Only what is certain counts: declared keys, groupings, equalities that were filtered for,
 * constants, and expressions over types whose equal values are identical. */
#pragma once
#include "plan/logical.h"

enum { WR_DETERMINANT_MAX = 6 };

typedef struct wr_dependency {
    wr_column_id from[WR_DETERMINANT_MAX]; /* none: a constant */
    int from_count;
    wr_column_id to;
    bool keeps_null; /* holds also when rows are added in which all columns are NULL */
} wr_dependency;

typedef struct wr_dependencies {
    WR_LIST(wr_dependency) all;
} wr_dependencies;

/* Are equal values of the type the same in every respect? */
bool wr_equal_is_same(const wr_type *type);
/* Adds those that hold in the output of node; some speak of columns it no longer provides. */
void wr_dependencies_of(wr_planner *planner, const wr_logical *node, wr_dependencies *out);
/* Adds what computing bindings from rows with these dependencies says about their ids. */
void wr_dependencies_bind(wr_planner *planner, const wr_binding *bindings, int count,
                          wr_dependencies *out);
/* Adds to set every column that its columns decide. */
void wr_dependencies_close(wr_arena *arena, const wr_dependencies *known, wr_column_set *set);
