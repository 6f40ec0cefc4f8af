/* result.c - weir._weir.Result: what a started statement gives, in whichever form Python wants it.
 */
#include "arrow.h"
#include "errors.h"
#include "query.h"
#include "values.h"
#include <string.h>

typedef struct result {
    PyObject_HEAD wrp_query *query;
    PyObject *types; /* SQL types of the columns, a list of texts */
} result;

static PyObject *result_class;

static PyObject *column_types(const weir_query *query)
{
    PyObject *list = PyList_New(0);
    for (int i = 0; list && i < weir_query_column_count(query); i++) {
        PyObject *type = PyUnicode_FromString(weir_query_column_type(query, i));
        if (!type || PyList_Append(list, type) != 0) Py_CLEAR(list);
        Py_XDECREF(type);
    }
    return list;
}

PyObject *wrp_result_new(wrp_query *query)
{
    result *self = PyObject_New(result, (PyTypeObject *)result_class);
    if (!self) {
        wrp_query_release(query);
        return NULL;
    }
    self->query = query;
    self->types = column_types(query->query);
    if (self->types) return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static void result_dealloc(PyObject *object)
{
    result *self = (result *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->types);
    wrp_query_release(self->query);
    PyObject_Free(object);
    Py_DECREF(type);
}

/* ---- what it is ---- */

/* Facts that stay: read without a turn while the query is there. */
static PyObject *with_query(PyObject *object, PyObject *(*tell)(const weir_query *))
{
    wrp_query *query = ((result *)object)->query;
    pthread_mutex_lock(&query->look);
    PyObject *told = query->query ? tell(query->query) : NULL;
    pthread_mutex_unlock(&query->look);
    if (!told && !PyErr_Occurred()) wrp_raise_own("InterfaceError", "the result is closed", NULL);
    return told;
}

static PyObject *tell_kind(const weir_query *query)
{
    static const char *const names[] = {
        [WEIR_ROWS] = "rows", [WEIR_CHANGE] = "change", [WEIR_DONE] = "done"};
    return PyUnicode_FromString(names[weir_query_kind(query)]);
}

static PyObject *tell_tag(const weir_query *query)
{
    return PyUnicode_FromString(weir_query_tag(query));
}

static PyObject *tell_affected(const weir_query *query)
{
    return PyLong_FromLongLong(weir_query_affected(query));
}

static PyObject *tell_notices(const weir_query *query)
{
    const char *text = weir_query_notices(query);
    return text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace")
                : Py_NewRef(Py_None);
}

PyObject *wrp_progress_dict(const weir_progress *p)
{
    PyObject *fraction = p->fraction < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(p->fraction);
    return Py_BuildValue("{sNsKsKsKsKsKsKsdss}", "fraction", fraction, "rows",
                         (unsigned long long)p->rows, "bytes", (unsigned long long)p->bytes,
                         "rows_total", (unsigned long long)p->rows_total, "bytes_total",
                         (unsigned long long)p->bytes_total, "memory",
                         (unsigned long long)p->memory, "spilled", (unsigned long long)p->spilled,
                         "elapsed", (double)p->elapsed_us / 1e6, "phase", p->phase);
}

static PyObject *tell_progress(const weir_query *query)
{
    weir_progress progress;
    weir_query_progress(query, &progress);
    return wrp_progress_dict(&progress);
}

#define TELL(name)                                                 \
    static PyObject *result_##name(PyObject *self, PyObject *none) \
    {                                                              \
        (void)none;                                                \
        return with_query(self, tell_##name);                      \
    }
TELL(kind)
TELL(tag)
TELL(affected)
TELL(notices)
TELL(progress)

static PyObject *result_columns(PyObject *object, PyObject *none)
{
    const result *self = (const result *)object;
    (void)none;
    PyObject *list = PyList_New(0);
    for (Py_ssize_t i = 0; list && i < PyList_Size(self->types); i++) {
        const char *name = self->query->schema.children[i]->name;
        PyObject *pair = Py_BuildValue("(sO)", name, PyList_GetItem(self->types, i));
        if (!pair || PyList_Append(list, pair) != 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

/* ---- rows ---- */

/* The next array, in a turn of its own; false with a Python error. */
static bool next_array(wrp_query *query, struct ArrowArray *out)
{
    wrp_turn turn;
    if (!wrp_turn_begin(query->session, &turn)) return false;
    bool is_open = query->query;
    weir_status bad = wrp_query_next(query, out);
    if (!wrp_turn_end(&turn, bad, query->sql, query->sql_length)) return false;
    if (!is_open) wrp_raise_own("InterfaceError", "the result is closed", NULL);
    return is_open;
}

static PyObject *result_batch(PyObject *object, PyObject *none)
{
    wrp_query *query = ((result *)object)->query;
    struct ArrowArray array;
    (void)none;
    if (!next_array(query, &array)) return NULL;
    return array.release ? wrp_batch_new(&query->schema, &array) : Py_NewRef(Py_None);
}

static PyObject *result_rows(PyObject *object, PyObject *args)
{
    const result *self = (const result *)object;
    int as_dicts = 0;
    if (!PyArg_ParseTuple(args, "|p", &as_dicts)) return NULL;
    PyObject *rows = PyList_New(0);
    while (rows) {
        struct ArrowArray array;
        if (!next_array(self->query, &array)) {
            Py_CLEAR(rows);
        } else if (!array.release) {
            break;
        } else {
            int64_t count = wrp_rows_append(&self->query->schema, &array, self->types, as_dicts,
                                            INT64_MAX, rows);
            array.release(&array);
            if (count < 0) Py_CLEAR(rows);
        }
    }
    return rows;
}

static PyObject *result_c_stream(PyObject *object, PyObject *args, PyObject *named)
{
    static char *names[] = {"requested_schema", NULL};
    struct ArrowArrayStream stream;
    PyObject *wanted = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, named, "|O", names, &wanted)) return NULL;
    const struct ArrowSchema *schema = NULL;
    if (wanted && wanted != Py_None) {
        schema = PyCapsule_GetPointer(wanted, "arrow_schema");
        if (!schema) return NULL;
    }
    if (!wrp_query_stream(((result *)object)->query, schema, &stream)) return PyErr_NoMemory();
    return wrp_stream_capsule(&stream);
}

static PyObject *result_c_schema(PyObject *object, PyObject *none)
{
    struct ArrowSchema schema;
    (void)none;
    if (!wrp_schema_copy(&((result *)object)->query->schema, &schema)) return PyErr_NoMemory();
    return wrp_schema_capsule(&schema);
}

/* ---- its end ---- */

/* Raises the error that ended an Arrow stream of the result, if one did. */
static PyObject *result_check(PyObject *object, PyObject *none)
{
    wrp_query *query = ((result *)object)->query;
    wrp_turn turn;
    (void)none;
    wrp_access access = wrp_turn_begin_quietly(query->session, &turn);
    if (access != WRP_ENTERED) Py_RETURN_NONE;
    weir_status bad = query->failure;
    query->failure = NULL;
    wrp_turn_end_quietly(&turn);
    if (PyErr_CheckSignals() != 0) return NULL;
    if (!bad) Py_RETURN_NONE;
    wrp_raise(bad, query->sql, query->sql_length);
    return NULL;
}

static PyObject *result_cancel(PyObject *object, PyObject *none)
{
    wrp_query *query = ((result *)object)->query;
    (void)none;
    pthread_mutex_lock(&query->look);
    if (query->query) weir_query_cancel(query->query);
    pthread_mutex_unlock(&query->look);
    Py_RETURN_NONE;
}

static PyObject *result_close(PyObject *object, PyObject *none)
{
    wrp_query *query = ((result *)object)->query;
    wrp_turn turn;
    (void)none;
    wrp_access access = wrp_turn_begin_quietly(query->session, &turn);
    if (access == WRP_ENTERED) {
        wrp_query_end(query);
        wrp_turn_end_quietly(&turn);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"kind", result_kind, METH_NOARGS, "\"rows\", \"change\" or \"done\"."},
    {"tag", result_tag, METH_NOARGS, "The statement's name, \"SELECT\"."},
    {"affected", result_affected, METH_NOARGS, "Rows changed; -1 if it is no change."},
    {"notices", result_notices, METH_NOARGS, "Lines, or None."},
    {"progress", result_progress, METH_NOARGS, "How far it is; any thread."},
    {"columns", result_columns, METH_NOARGS, "Names and SQL types."},
    {"batch", result_batch, METH_NOARGS, "The next Batch; None at the end."},
    {"rows", result_rows, METH_VARARGS, "All rows that are left; rows(as_dicts=False)."},
    {"check", result_check, METH_NOARGS, "Raises what ended an Arrow stream of it."},
    {"cancel", result_cancel, METH_NOARGS, "Cancels it; any thread."},
    {"close", result_close, METH_NOARGS, "Ends it."},
    {"__arrow_c_stream__", (PyCFunction)(void (*)(void))result_c_stream,
     METH_VARARGS | METH_KEYWORDS, "The rows that are left, once."},
    {"__arrow_c_schema__", result_c_schema, METH_NOARGS, "The schema of the rows."},
    {0}};

static PyType_Slot slots[] = {
    {Py_tp_doc, "A started statement. One consumer takes its rows; any thread."},
    {Py_tp_methods, methods},
    {Py_tp_dealloc, result_dealloc},
    {0}};

static PyType_Spec spec = {"weir._weir.Result", sizeof(result), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject *wrp_result_type(void) { return result_class = PyType_FromSpec(&spec); }
