/* function.c - functions and aggregates written in Python, called from SQL.
 *
 * The engine calls from any thread, several at a time; each call takes the GIL and lets it go
 * again, so Python computes one at a time and the rest of the query goes on beside it. Rows come as
 * a Batch and go as capsules; what a user's function sees is made of them in weir/udf.py. A state
 * of an aggregate is a Python object. An exception becomes an error of the engine with its
 * traceback. */
#include "function.h"
#include "arrow.h"
#include "connection.h"
#include "errors.h"
#include "gil.h"
#include <stdlib.h>
#include <string.h>

/* ---- rows in and out ---- */

static PyObject *batch_of(const struct ArrowSchema *schema, struct ArrowArray *args)
{
    struct ArrowArray taken = *args;
    args->release = NULL;
    return wrp_batch_new(schema, &taken);
}

/* Moves a result out of its capsules. */
static weir_status give(PyObject *pair, struct ArrowSchema *schema, struct ArrowArray *array)
{
    PyObject *first = pair && PyTuple_Check(pair) ? PyTuple_GetItem(pair, 0) : NULL;
    PyObject *second = first ? PyTuple_GetItem(pair, 1) : NULL;
    struct ArrowSchema *from = second ? PyCapsule_GetPointer(first, "arrow_schema") : NULL;
    struct ArrowArray *rows = from ? PyCapsule_GetPointer(second, "arrow_array") : NULL;
    if (!rows) return wrp_status_raised(NULL);
    *schema = *from;
    *array = *rows;
    from->release = NULL;
    rows->release = NULL;
    return NULL;
}

static void drop(void *arg) { wrp_gil_drop(arg); }

/* ---- functions ---- */

static weir_status call_function(void *arg, weir_call *call)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *batch = batch_of(call->schema, call->args);
    PyObject *pair = batch ? PyObject_CallFunctionObjArgs(arg, batch, NULL) : NULL;
    weir_status bad =
        pair ? give(pair, call->result_schema, call->result) : wrp_status_raised(NULL);
    Py_XDECREF(pair);
    Py_XDECREF(batch);
    wrp_gil_give(gil);
    return bad;
}

/* The texts of a list, which must live longer than what comes out; NULL with a Python error. */
static const char **texts_of(PyObject *list, PyObject **kept)
{
    Py_ssize_t count = PyList_Size(list);
    const char **texts = calloc((size_t)count + 1, sizeof *texts);
    *kept = texts ? PyList_New(0) : PyErr_NoMemory();
    for (Py_ssize_t i = 0; *kept && i < count; i++) {
        PyObject *bytes = PyUnicode_AsUTF8String(PyList_GetItem(list, i));
        if (bytes && PyList_Append(*kept, bytes) == 0)
            texts[i] = PyBytes_AsString(bytes);
        else
            Py_CLEAR(*kept);
        Py_XDECREF(bytes);
    }
    if (*kept) return texts;
    free(texts);
    return NULL;
}

PyObject *wrp_function_create(PyObject *module, PyObject *args)
{
    PyObject *of, *types, *call, *kept;
    weir_function function = {.call = call_function, .drop = drop};
    int volatility, sees_nulls, is_serial;
    wrp_turn turn;
    (void)module;
    if (!PyArg_ParseTuple(args, "OszO!sippO", &of, &function.name, &function.help, &PyList_Type,
                          &types, &function.result_type, &volatility, &sees_nulls, &is_serial,
                          &call))
        return NULL;
    wrp_session *session = wrp_session_of(of);
    const char **arg_types = session ? texts_of(types, &kept) : NULL;
    if (!arg_types) return NULL;
    function.arg_types = arg_types;
    function.arg_count = (int)PyList_Size(types);
    function.volatility = (weir_volatility)volatility;
    function.sees_nulls = sees_nulls;
    function.is_serial = is_serial;
    function.arg = Py_NewRef(call);
    bool is_well = wrp_turn_begin(session, &turn);
    if (is_well)
        is_well = wrp_turn_end(&turn, weir_function_create(session->session, &function), NULL, 0);
    else
        Py_DECREF(call);
    free(arg_types);
    Py_DECREF(kept);
    return is_well ? Py_NewRef(Py_None) : NULL;
}

/* ---- aggregates: arg is the object with the methods ---- */

static weir_status state_new(void *arg, void **state)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    *state = PyObject_CallMethod(arg, "new", NULL);
    weir_status bad = *state ? NULL : wrp_status_raised(NULL);
    wrp_gil_give(gil);
    return bad;
}

static void state_drop(void *arg, void *state)
{
    (void)arg;
    drop(state);
}

static PyObject *list_of(void *const *states, int64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t i = 0; list && i < count; i++)
        PyList_SetItem(list, (Py_ssize_t)i, Py_NewRef((PyObject *)states[i]));
    return list;
}

static PyObject *numbers_of(const int64_t *numbers, int64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t i = 0; list && i < count; i++)
        PyList_SetItem(list, (Py_ssize_t)i, PyLong_FromLongLong(numbers[i]));
    return list;
}

static weir_status feed(void *arg, const char *method, weir_update *rows)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *batch = batch_of(rows->schema, rows->args);
    PyObject *states = list_of(rows->states, rows->state_count);
    PyObject *starts = numbers_of(rows->starts, rows->state_count + 1);
    PyObject *done = batch && states && starts
                         ? PyObject_CallMethod(arg, method, "OOO", states, batch, starts)
                         : NULL;
    weir_status bad = done ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(done);
    Py_XDECREF(starts);
    Py_XDECREF(states);
    Py_XDECREF(batch);
    wrp_gil_give(gil);
    return bad;
}

static weir_status update(void *arg, weir_update *rows) { return feed(arg, "update", rows); }

static weir_status take_back(void *arg, weir_update *rows) { return feed(arg, "retract", rows); }

static weir_status merge(void *arg, void *into, const void *from)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *done =
        PyObject_CallMethod(arg, "merge", "(OO)", (PyObject *)into, (PyObject *)(uintptr_t)from);
    weir_status bad = done ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(done);
    wrp_gil_give(gil);
    return bad;
}

static weir_status evaluate(void *arg, void *const *states, int64_t count,
                            struct ArrowSchema *schema, struct ArrowArray *array)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *list = list_of(states, count);
    PyObject *pair = list ? PyObject_CallMethod(arg, "evaluate", "(O)", list) : NULL;
    weir_status bad = pair ? give(pair, schema, array) : wrp_status_raised(NULL);
    Py_XDECREF(pair);
    Py_XDECREF(list);
    wrp_gil_give(gil);
    return bad;
}

static weir_status save(void *arg, const void *state, weir_bytes *out)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *bytes = PyObject_CallMethod(arg, "save", "(O)", (PyObject *)(uintptr_t)state);
    char *from = NULL;
    Py_ssize_t size;
    bool is_well = bytes && PyBytes_AsStringAndSize(bytes, &from, &size) == 0;
    if (is_well) weir_bytes_add(out, from, (size_t)size);
    weir_status bad = is_well ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(bytes);
    wrp_gil_give(gil);
    return bad;
}

static weir_status load(void *arg, const void *bytes, size_t size, void **state)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    *state = PyObject_CallMethod(arg, "load", "y#", (const char *)bytes, (Py_ssize_t)size);
    weir_status bad = *state ? NULL : wrp_status_raised(NULL);
    wrp_gil_give(gil);
    return bad;
}

PyObject *wrp_aggregate_create(PyObject *module, PyObject *args)
{
    PyObject *of, *types, *methods, *kept;
    weir_aggregate aggregate = {.state_new = state_new,
                                .state_drop = state_drop,
                                .update = update,
                                .merge = merge,
                                .evaluate = evaluate,
                                .save = save,
                                .load = load,
                                .drop = drop};
    int sees_nulls, sees_order, is_serial, takes_back;
    unsigned long long state_bytes;
    wrp_turn turn;
    (void)module;
    if (!PyArg_ParseTuple(args, "OszO!spppKpO", &of, &aggregate.name, &aggregate.help, &PyList_Type,
                          &types, &aggregate.result_type, &sees_nulls, &sees_order, &is_serial,
                          &state_bytes, &takes_back, &methods))
        return NULL;
    if (takes_back) aggregate.take_back = take_back;
    wrp_session *session = wrp_session_of(of);
    const char **arg_types = session ? texts_of(types, &kept) : NULL;
    if (!arg_types) return NULL;
    aggregate.arg_types = arg_types;
    aggregate.arg_count = (int)PyList_Size(types);
    aggregate.sees_nulls = sees_nulls;
    aggregate.sees_order = sees_order;
    aggregate.is_serial = is_serial;
    aggregate.state_bytes = state_bytes;
    aggregate.arg = Py_NewRef(methods);
    bool is_well = wrp_turn_begin(session, &turn);
    if (is_well)
        is_well = wrp_turn_end(&turn, weir_aggregate_create(session->session, &aggregate), NULL, 0);
    else
        Py_DECREF(methods);
    free(arg_types);
    Py_DECREF(kept);
    return is_well ? Py_NewRef(Py_None) : NULL;
}
