/* module.c - the extension module weir._weir: include/weir/weir.h as Python objects.
 *
 * It is private; the package around it is what users see. One binary serves all versions of CPython
 * from 3.11 on, so only the limited interface is used. Classes are kept in static variables: the
 * module lives once per process, and interpreters beside the main one are refused by Python itself.
 */
#include "array.h"
#include "arrow.h"
#include "connection.h"
#include "errors.h"
#include "feed.h"
#include "function.h"
#include "gil.h"
#include "query.h"
#include "runs.h"
#include "sink.h"
#include "stream.h"
#include "tables.h"

static PyObject *form(PyObject *module, PyObject *args)
{
    const char *sql;
    Py_ssize_t length;
    weir_form f;
    (void)module;
    if (!PyArg_ParseTuple(args, "s#", &sql, &length)) return NULL;
    weir_status bad = weir_sql_form(sql, (size_t)length, &f);
    if (bad) {
        wrp_raise(bad, sql, (size_t)length);
        return NULL;
    }
    return Py_BuildValue("(iOs#)", f.statements, f.is_query ? Py_True : Py_False, sql + f.pos,
                         (Py_ssize_t)f.length);
}

static PyObject *describe(PyObject *module, PyObject *none)
{
    (void)module, (void)none;
    char *text = weir_describe_json();
    PyObject *out = PyUnicode_FromString(text);
    weir_text_free(text);
    return out;
}

static PyMethodDef functions[] = {
    {"open", wrp_open, METH_VARARGS, "open(memory_limit, threads, read_only) -> Session"},
    {"form", form, METH_VARARGS, "form(sql) -> (statements, is_query, text of the last one)"},
    {"describe", describe, METH_NOARGS, "What the engine knows, as JSON text."},
    {"stream_of", wrp_stream_of, METH_VARARGS, "stream_of(schema, pairs, failures) -> capsule"},
    {"schema_fields", wrp_schema_fields, METH_VARARGS, "schema_fields(schema) -> [(name, format)]"},
    {"stream_schema", wrp_stream_schema, METH_VARARGS, "stream_schema(stream) -> schema capsule"},
    {"stream_open", wrp_stream_open, METH_VARARGS,
     "stream_open(session, sql, name, state_folder, interval_ms, delivery) -> Stream"},
    {"function_create", wrp_function_create, METH_VARARGS, "See function.h."},
    {"aggregate_create", wrp_aggregate_create, METH_VARARGS, "See function.h."},
    {"array_of", wrp_array_of, METH_VARARGS,
     "array_of(format, length, null_count, buffers, children, dictionary, metadata) -> capsules"},
    {"text_buffers", wrp_text_buffers, METH_VARARGS,
     "text_buffers(values, takes_bytes, nan_is_null) -> (nulls, bits, offsets, bytes) or None"},
    {"sink_create", wrp_sink_create, METH_VARARGS, "See sink.h."},
    {"feed_create", wrp_feed_create, METH_VARARGS, "See feed.h."},
    {"gil_end", wrp_gil_end, METH_VARARGS, "See gil.h."},
    {"runs_open", wrp_runs_open, METH_VARARGS, "runs_open(home or None) -> Runs"},
    {"push_open", wrp_push_open, METH_VARARGS, "push_open(session, source) -> Push"},
    {0}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                        "weir._weir",
                                        "The engine; see weir.",
                                        -1,
                                        functions,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL};

static bool add(PyObject *module, const char *name, PyObject *object)
{
    bool is_well = object && PyModule_AddObjectRef(module, name, object) == 0;
    Py_XDECREF(object);
    return is_well;
}

/* The classes stay for the life of the process. */
static bool add_class(PyObject *module, const char *name, PyObject *class)
{
    return class && PyModule_AddObjectRef(module, name, class) == 0;
}

PyMODINIT_FUNC PyInit__weir(void);
PyMODINIT_FUNC PyInit__weir(void)
{
    PyObject *module = PyModule_Create(&definition);
    bool is_well = module && add(module, "version", PyUnicode_FromString(weir_version())) &&
                   add_class(module, "Session", wrp_session_type()) &&
                   add_class(module, "Result", wrp_result_type()) &&
                   add_class(module, "Batch", wrp_batch_type()) &&
                   add_class(module, "Buffer", wrp_buffer_type()) &&
                   add_class(module, "Stream", wrp_stream_type()) &&
                   add_class(module, "Push", wrp_push_type()) &&
                   add_class(module, "Runs", wrp_runs_type()) &&
                   add_class(module, "Run", wrp_run_type()) && wrp_gil_prepare(module);
    if (!is_well) Py_CLEAR(module);
    return module;
}
