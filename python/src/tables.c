/* tables.c - data of the program as tables: under names that are registered, or looked for.
 *
 * What data is and how it becomes an offer (a stream, or something that gives streams) is known in
 * weir/incoming.py. The engine asks for names while it binds a statement, on the thread of the
 * turn, and opens sources from any thread; both take the GIL for as long as Python answers. */
#include "tables.h"
#include "arrow.h"
#include "errors.h"
#include "gil.h"
#include <errno.h>
#include <stdlib.h>

/* ---- rows that are read anew by each scan ---- */

static PyObject *names_of(const weir_wish *wish)
{
    PyObject *names = PyList_New(0);
    for (int i = 0; names && i < wish->column_count; i++) {
        PyObject *name = PyUnicode_FromString(wish->columns[i]);
        if (!name || PyList_Append(names, name) != 0) Py_CLEAR(names);
        Py_XDECREF(name);
    }
    return names;
}

/* Moves a stream out of its capsule; false with a Python error. */
static bool take_stream(PyObject *capsule, struct ArrowArrayStream *out)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream && !stream->release)
        wrp_raise_own("InterfaceError", "the Arrow stream was used up already", NULL);
    if (!stream || !stream->release) return false;
    *out = *stream;
    stream->release = NULL;
    return true;
}

static weir_status open_rows(void *arg, const weir_wish *wish, struct ArrowArrayStream *out)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *names = names_of(wish);
    PyObject *capsule =
        names ? PyObject_CallFunction(arg, "OL", names, (long long)wish->rows_max) : NULL;
    bool is_well = capsule && take_stream(capsule, out);
    weir_status bad = is_well ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(capsule);
    Py_XDECREF(names);
    wrp_gil_give(gil);
    return bad;
}

static void drop_rows(void *arg) { wrp_gil_drop(arg); }

/* ---- offers ---- */

static bool take_offer(PyObject *offer, weir_found *out)
{
    PyObject *capsule, *open;
    long long rows;
    if (!PyTuple_Check(offer)) return take_stream(offer, &out->stream);
    if (!PyArg_ParseTuple(offer, "OOL", &capsule, &open, &rows)) return false;
    const struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (!schema) return false;
    if (!schema->release || !wrp_schema_copy(schema, &out->schema)) {
        wrp_raise_own("InterfaceError", "the Arrow schema was used up already", NULL);
        return false;
    }
    out->source = (weir_source){Py_NewRef(open), open_rows, drop_rows, rows};
    return true;
}

PyObject *wrp_register(wrp_session *session, const char *name, PyObject *offer)
{
    weir_found found = {0};
    wrp_turn turn;
    if (!take_offer(offer, &found)) return NULL;
    if (!wrp_turn_begin(session, &turn)) {
        if (found.stream.release) found.stream.release(&found.stream);
        if (found.schema.release) found.schema.release(&found.schema);
        if (found.source.arg) Py_DECREF((PyObject *)found.source.arg);
        return NULL;
    }
    weir_status bad =
        found.stream.release
            ? weir_register_stream(session->session, name, &found.stream)
            : weir_register_source(session->session, name, &found.schema, &found.source);
    return wrp_turn_end(&turn, bad, NULL, 0) ? Py_NewRef(Py_None) : NULL;
}

weir_status wrp_find_table(void *arg, const char *name, weir_found *found)
{
    wrp_session *session = arg;
    if (!session->find) return NULL;
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *offer = PyObject_CallFunction(session->find, "s", name);
    bool is_well = offer && (offer == Py_None || take_offer(offer, found));
    weir_status bad = is_well ? NULL : wrp_status_raised(&session->raised);
    Py_XDECREF(offer);
    wrp_gil_give(gil);
    return bad;
}

PyObject *wrp_stream_schema(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    struct ArrowSchema schema = {0};
    int code;
    (void)module;
    if (!PyArg_ParseTuple(args, "O", &capsule)) return NULL;
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (!stream) return NULL;
    if (!stream->release) {
        wrp_raise_own("InterfaceError", "the Arrow stream was used up already", NULL);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    code = stream->get_schema(stream, &schema);
    Py_END_ALLOW_THREADS;
    if (code == 0) return wrp_schema_capsule(&schema);
    const char *text = stream->get_last_error(stream);
    wrp_raise_own("DataError", text && *text ? text : "the Arrow stream gives no schema", NULL);
    return NULL;
}
