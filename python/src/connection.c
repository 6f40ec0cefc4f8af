/* connection.c - weir._weir.Session: statements, registered data and what else a session can do.
 *
 * weir.Connection (weir/connection.py) is made of it. */
#include "connection.h"
#include "errors.h"
#include "parameters.h"
#include "query.h"
#include "tables.h"
#include <string.h>

typedef struct session_object {
    PyObject_HEAD wrp_session *session;
} session_object;

static PyObject *session_class;

wrp_session *wrp_session_of(PyObject *object)
{
    if (PyObject_TypeCheck(object, (PyTypeObject *)session_class))
        return ((session_object *)object)->session;
    PyErr_SetString(PyExc_TypeError, "a weir session is needed");
    return NULL;
}

static PyObject *wrap(wrp_session *session)
{
    session_object *self =
        session ? PyObject_New(session_object, (PyTypeObject *)session_class) : NULL;
    if (self)
        self->session = session;
    else
        wrp_session_release(session);
    return (PyObject *)self;
}

PyObject *wrp_open(PyObject *module, PyObject *args)
{
    unsigned long long memory_limit;
    int threads, read_only;
    (void)module;
    if (!PyArg_ParseTuple(args, "Kip", &memory_limit, &threads, &read_only)) return NULL;
    weir_config config = {.memory_limit = memory_limit, .threads = threads, .read_only = read_only};
    return wrap(wrp_session_open(&config, NULL));
}

static PyObject *session_beside(PyObject *self, PyObject *none)
{
    (void)none;
    return wrap(wrp_session_open(NULL, ((session_object *)self)->session));
}

static void session_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    wrp_session_release(((session_object *)self)->session);
    PyObject_Free(self);
    Py_DECREF(type);
}

/* ---- statements ---- */

static weir_status start(wrp_session *session, const char *sql, size_t length,
                         wrp_parameters *parameters, weir_query **out)
{
    weir_prepared *prepared = NULL;
    *out = NULL;
    if (!parameters) return weir_query_start(session->session, sql, length, out);
    weir_status bad = weir_prepare(session->session, sql, length, &prepared);
    if (bad) return bad;
    bad = wrp_parameters_bind(parameters, prepared);
    if (!bad && !wrp_parameters_differ(parameters)) bad = weir_prepared_start(prepared, out);
    weir_prepared_close(prepared);
    return bad;
}

static void set_running(wrp_session *session, weir_query *query)
{
    pthread_mutex_lock(&session->gate);
    session->running = query;
    pthread_mutex_unlock(&session->gate);
}

/* Carries a change out, in the turn it was started in: if it fails it undoes what was done since it
 * was started, which must be its own. */
static weir_status run_out(wrp_query *query)
{
    struct ArrowArray none;
    if (weir_query_kind(query->query) != WEIR_CHANGE) return NULL;
    set_running(query->session, query->query);
    weir_status bad = wrp_query_next(query, &none);
    set_running(query->session, NULL);
    return bad;
}

static PyObject *run_text(wrp_session *session, const char *sql, size_t length,
                          wrp_parameters *parameters, PyObject *find)
{
    wrp_turn turn;
    weir_query *started;
    wrp_query *query = NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    session->find = find;
    weir_status bad = start(session, sql, length, parameters, &started);
    if (!bad && started) query = wrp_query_new(session, started, sql, length, &bad);
    session->find = NULL;
    PyObject *raised = session->raised;
    session->raised = NULL;
    if (!bad && query) bad = run_out(query);
    if (!wrp_turn_end(&turn, raised ? NULL : bad, sql, length) || raised) {
        wrp_query_release(query);
        if (raised) wrp_raise_kept(bad, raised);
        return NULL;
    }
    if (parameters && wrp_parameters_mismatch(parameters)) return NULL;
    return query ? wrp_result_new(query) : PyErr_NoMemory();
}

static PyObject *session_run(PyObject *self, PyObject *args)
{
    const char *sql;
    Py_ssize_t length;
    PyObject *values = Py_None, *find = Py_None;
    wrp_parameters *parameters = NULL;
    if (!PyArg_ParseTuple(args, "s#|OO", &sql, &length, &values, &find)) return NULL;
    if (values != Py_None && !(parameters = wrp_parameters_new(values))) return NULL;
    PyObject *result = run_text(((session_object *)self)->session, sql, (size_t)length, parameters,
                                find == Py_None ? NULL : find);
    wrp_parameters_drop(parameters);
    return result;
}

/* Looks at a statement without running it; false if a table of it is not known. What else is wrong
 * is told when it runs. A failure fails no transaction. */
static PyObject *session_look(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *sql;
    Py_ssize_t length;
    PyObject *find = Py_None;
    wrp_turn turn;
    weir_prepared *prepared = NULL;
    if (!PyArg_ParseTuple(args, "s#|O", &sql, &length, &find)) return NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    session->find = find == Py_None ? NULL : find;
    weir_status bad = weir_prepare(session->session, sql, (size_t)length, &prepared);
    session->find = NULL;
    PyObject *raised = session->raised;
    session->raised = NULL;
    weir_prepared_close(prepared);
    bool is_known = !bad || strcmp(weir_error_code(bad), "W1201") != 0;
    weir_error_drop(bad);
    wrp_turn_end(&turn, NULL, NULL, 0);
    Py_XDECREF(raised);
    return PyBool_FromLong(is_known);
}

/* A tap: rows of a query over sources as they come. */
static PyObject *session_tap(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *sql;
    Py_ssize_t length;
    unsigned long long rows_max;
    long long time_ms;
    wrp_turn turn;
    weir_query *started = NULL;
    wrp_query *query = NULL;
    if (!PyArg_ParseTuple(args, "s#KL", &sql, &length, &rows_max, &time_ms)) return NULL;
    weir_tap_options options = {.rows_max = rows_max, .time_ms = time_ms};
    if (!wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_tap_start(session->session, sql, (size_t)length, &options, &started);
    if (!bad) query = wrp_query_new(session, started, sql, (size_t)length, &bad);
    if (!wrp_turn_end(&turn, bad, sql, (size_t)length)) return NULL;
    return query ? wrp_result_new(query) : PyErr_NoMemory();
}

static PyObject *session_explain(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *sql, *what, *format;
    Py_ssize_t length;
    char *text = NULL;
    wrp_turn turn;
    if (!PyArg_ParseTuple(args, "s#ss", &sql, &length, &what, &format)) return NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_explain(session->session, sql, (size_t)length, what, format, &text);
    if (!wrp_turn_end(&turn, bad, sql, (size_t)length)) return NULL;
    PyObject *out = PyUnicode_FromString(text);
    weir_text_free(text);
    return out;
}

static PyObject *session_complete(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *text;
    Py_ssize_t length;
    wrp_turn turn;
    if (!PyArg_ParseTuple(args, "s#", &text, &length)) return NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    char *words = weir_complete(session->session, text, (size_t)length);
    wrp_turn_end(&turn, NULL, NULL, 0);
    PyObject *out = PyUnicode_FromString(words ? words : "");
    weir_text_free(words);
    return out;
}

static PyObject *session_set(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *name, *value;
    wrp_turn turn;
    if (!PyArg_ParseTuple(args, "ss", &name, &value)) return NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_session_set(session->session, name, value);
    return wrp_turn_end(&turn, bad, NULL, 0) ? Py_NewRef(Py_None) : NULL;
}

/* None outside of a transaction, else "open" or "failed". */
static PyObject *session_transaction(PyObject *self, PyObject *none)
{
    wrp_session *session = ((session_object *)self)->session;
    wrp_turn turn;
    bool failed;
    (void)none;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    bool inside = weir_session_in_transaction(session->session, &failed);
    wrp_turn_end(&turn, NULL, NULL, 0);
    if (!inside) Py_RETURN_NONE;
    return PyUnicode_FromString(failed ? "failed" : "open");
}

/* ---- data of the program ---- */

static PyObject *session_register(PyObject *self, PyObject *args)
{
    const char *name;
    PyObject *offer;
    if (!PyArg_ParseTuple(args, "sO", &name, &offer)) return NULL;
    return wrp_register(((session_object *)self)->session, name, offer);
}

static PyObject *session_unregister(PyObject *self, PyObject *args)
{
    wrp_session *session = ((session_object *)self)->session;
    const char *name;
    wrp_turn turn;
    if (!PyArg_ParseTuple(args, "s", &name)) return NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_unregister(session->session, name);
    return wrp_turn_end(&turn, bad, NULL, 0) ? Py_NewRef(Py_None) : NULL;
}

/* ---- from other threads ---- */

/* Of the change that is carried out, or None. */
static PyObject *session_progress(PyObject *self, PyObject *none)
{
    wrp_session *session = ((session_object *)self)->session;
    weir_progress progress;
    (void)none;
    pthread_mutex_lock(&session->gate);
    bool is_known = session->running;
    if (is_known) weir_query_progress(session->running, &progress);
    pthread_mutex_unlock(&session->gate);
    return is_known ? wrp_progress_dict(&progress) : Py_NewRef(Py_None);
}

static PyObject *session_interrupt(PyObject *self, PyObject *none)
{
    (void)none;
    wrp_session_interrupt(((session_object *)self)->session);
    Py_RETURN_NONE;
}

static PyObject *session_close(PyObject *self, PyObject *none)
{
    (void)none;
    return wrp_session_close(((session_object *)self)->session) ? Py_NewRef(Py_None) : NULL;
}

static PyObject *session_closed(PyObject *self, void *closure)
{
    (void)closure;
    return PyBool_FromLong(!((session_object *)self)->session->session);
}

static PyMethodDef methods[] = {
    {"run", session_run, METH_VARARGS, "run(sql, values=None, find=None) -> Result"},
    {"tap", session_tap, METH_VARARGS, "tap(sql, rows_max, time_ms) -> Result"},
    {"explain", session_explain, METH_VARARGS, "explain(sql, what, format) -> str"},
    {"look", session_look, METH_VARARGS, "look(sql, find=None) -> whether its tables are known"},
    {"complete", session_complete, METH_VARARGS, "complete(text) -> str, a word per line"},
    {"set", session_set, METH_VARARGS, "set(name, value)"},
    {"transaction", session_transaction, METH_NOARGS, "None, \"open\" or \"failed\""},
    {"register", session_register, METH_VARARGS, "register(name, offer)"},
    {"unregister", session_unregister, METH_VARARGS, "unregister(name)"},
    {"progress", session_progress, METH_NOARGS, "Of the change that is carried out; any thread."},
    {"interrupt", session_interrupt, METH_NOARGS, "Cancels what runs; any thread."},
    {"beside", session_beside, METH_NOARGS, "Another session of the same engine."},
    {"close", session_close, METH_NOARGS, "Closes it and its results."},
    {0}};

static PyGetSetDef fields[] = {{"closed", session_closed, NULL, "Whether it was closed.", NULL},
                               {0}};

static PyType_Slot slots[] = {{Py_tp_doc, "A session of an engine. Any thread; one at a time."},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, fields},
                              {Py_tp_dealloc, session_dealloc},
                              {0}};

static PyType_Spec spec = {"weir._weir.Session", sizeof(session_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject *wrp_session_type(void) { return session_class = PyType_FromSpec(&spec); }
