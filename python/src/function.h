/* function.h - functions and aggregates written in Python, called from SQL. */
#pragma once
#include "session.h"

/* function_create(session, name, help, arg_types, result_type, volatility, sees_nulls, is_serial,
 * call): call(batch) gives a pair of schema and array capsules. */
PyObject *wrp_function_create(PyObject *module, PyObject *args);
/* aggregate_create(session, name, help, arg_types, result_type, sees_nulls, sees_order, is_serial,
 * state_bytes, methods): methods has new() update(states, batch, starts) merge(into, from)
 * evaluate(states) save(state) load(bytes). */
PyObject *wrp_aggregate_create(PyObject *module, PyObject *args);
