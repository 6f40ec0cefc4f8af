/* values.h - rows of Arrow arrays as Python objects. */
#pragma once
#include "session.h"

/* Appends at most limit rows of a struct array to the list: tuples, or dicts by column name.
 * types: the SQL types of the columns as texts. Returns how many, -1 with a Python error. NULL is
 * None; what becomes of the types is told in weir/frame.py (Frame.rows). GIL held. */
int64_t wrp_rows_append(const struct ArrowSchema *schema, const struct ArrowArray *array,
                        PyObject *types, bool as_dicts, int64_t limit, PyObject *list);
