/* runs.h - tracked runs as Python objects. */
#pragma once
#include "session.h"

PyObject *wrp_runs_type(void); /* NULL with a Python error, as wrp_run_type */
PyObject *wrp_run_type(void);
/* runs_open(home or None) -> Runs. */
PyObject *wrp_runs_open(PyObject *module, PyObject *args);
