/* runs.c - weir._weir.Runs and Run: tracked runs (weir_runs_*, weir_run_*), for weir/runs.py.
 *
 * JSON goes in and out as text. A Run keeps its Runs. Its lock says which thread uses it, and a
 * call from inside a call (a function of a query that asks the run something) is refused; logs and
 * progress may be written by any thread at any time, as what is printed meanwhile is.
 *
 * What a statement failed with is kept, so that a run that ends by that very exception tells the
 * engine's code and place, not only a text. */
#include "runs.h"
#include "connection.h"
#include "errors.h"
#include <stdlib.h>
#include <string.h>

typedef struct runs_object {
    PyObject_HEAD weir_runs *runs;
} runs_object;

typedef struct run_object {
    PyObject_HEAD runs_object *of;
    weir_run *run;
    pthread_mutex_t lock;
    weir_status failure; /* of the last statement that failed; these guarded by lock */
    PyObject *raised;    /* as which exception */
    char *sql;           /* which the place of failure counts in */
} run_object;

static PyObject *runs_class, *run_class;

static PyObject *taken(char *text)
{
    PyObject *out = text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : NULL;
    weir_text_free(text);
    return out ? out : PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* ---- a workspace ---- */

PyObject *wrp_runs_open(PyObject *module, PyObject *args)
{
    const char *home;
    weir_runs *runs = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "z", &home)) return NULL;
    weir_status bad = weir_runs_open(home, &runs);
    if (bad) {
        wrp_raise(bad, NULL, 0);
        return NULL;
    }
    runs_object *self = PyObject_New(runs_object, (PyTypeObject *)runs_class);
    if (self)
        self->runs = runs;
    else
        weir_runs_close(runs);
    return (PyObject *)self;
}

static void runs_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    weir_runs_close(((runs_object *)self)->runs);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *runs_ask(PyObject *self, PyObject *args)
{
    weir_runs *runs = ((runs_object *)self)->runs;
    const char *what, *arguments;
    char *reply = NULL;
    weir_status bad;
    if (!PyArg_ParseTuple(args, "ss", &what, &arguments)) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_runs_ask(runs, what, arguments, &reply);
    Py_END_ALLOW_THREADS;
    if (!bad) return taken(reply);
    weir_text_free(reply);
    wrp_raise(bad, NULL, 0);
    return NULL;
}

static PyObject *wrap_run(runs_object *of, weir_run *run)
{
    run_object *self = PyObject_New(run_object, (PyTypeObject *)run_class);
    pthread_mutexattr_t kind;
    if (!self) {
        weir_run_close(run);
        return NULL;
    }
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&self->lock, &kind);
    pthread_mutexattr_destroy(&kind);
    self->of = (runs_object *)Py_NewRef((PyObject *)of);
    self->run = run;
    self->failure = NULL;
    self->raised = NULL;
    self->sql = NULL;
    return (PyObject *)self;
}

static PyObject *runs_begin(PyObject *self, PyObject *args)
{
    const char *inputs, *again;
    weir_run *run = NULL;
    weir_runs *runs = ((runs_object *)self)->runs;
    weir_status bad;
    if (!PyArg_ParseTuple(args, "sz", &inputs, &again)) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = again ? weir_run_again(runs, again, inputs, &run) : weir_run_begin(runs, inputs, &run);
    Py_END_ALLOW_THREADS;
    if (!bad) return wrap_run((runs_object *)self, run);
    wrp_raise(bad, NULL, 0);
    return NULL;
}

static PyObject *runs_home(PyObject *self, void *closure)
{
    (void)closure;
    return PyUnicode_FromString(weir_runs_home(((runs_object *)self)->runs));
}

/* ---- a run ---- */

static void run_dealloc(PyObject *object)
{
    run_object *self = (run_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_BEGIN_ALLOW_THREADS;
    weir_run_close(self->run);
    Py_END_ALLOW_THREADS;
    weir_error_drop(self->failure);
    Py_XDECREF(self->raised);
    free(self->sql);
    pthread_mutex_destroy(&self->lock);
    Py_DECREF((PyObject *)self->of);
    PyObject_Free(object);
    Py_DECREF(type);
}

static bool enter(run_object *self)
{
    int code;
    Py_BEGIN_ALLOW_THREADS;
    code = pthread_mutex_lock(&self->lock);
    Py_END_ALLOW_THREADS;
    if (code == 0) return true;
    wrp_raise_own("InterfaceError", "the run is in use by this thread already", NULL);
    return false;
}

static void leave(run_object *self) { pthread_mutex_unlock(&self->lock); }

/* Raises it, and keeps it for the end of the run. Drops what was kept before. */
static void raise_and_keep(run_object *self, weir_status bad, const char *sql, size_t length)
{
    PyObject *type, *value, *trace;
    char *copy = malloc(length + 1);
    weir_error_drop(self->failure);
    Py_CLEAR(self->raised);
    free(self->sql);
    self->failure = bad;
    self->sql = copy;
    if (copy) memcpy(copy, sql, length), copy[length] = 0;
    wrp_raise_keeping(bad, sql, length);
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    self->raised = Py_XNewRef(value);
    PyErr_Restore(type, value, trace);
}

/* The query that is carried out, for session.progress(). */
static void watch(void *arg, weir_query *query)
{
    wrp_session *session = arg;
    pthread_mutex_lock(&session->gate);
    session->running = query;
    pthread_mutex_unlock(&session->gate);
}

typedef struct carried {
    wrp_session *session;
    int interrupts; /* of the session, at the beginning */
} carried;

static bool goes_on(void *arg, weir_stream *const *streams, int count)
{
    carried *c = arg;
    (void)streams, (void)count;
    return atomic_load(&c->session->interrupts) == c->interrupts;
}

/* Either weir_run_carry_out, if options is NULL, or weir_run_query; in a turn of the session. */
static PyObject *carry(run_object *self, wrp_session *session, const char *sql, size_t length,
                       const char *options, PyObject *find)
{
    wrp_turn turn;
    char *reply = NULL;
    if (!wrp_turn_begin(session, &turn)) return NULL;
    session->find = find;
    carried c = {session, atomic_load(&session->interrupts)};
    weir_run_watch(self->run, watch, session);
    weir_run_watch_streams(self->run, goes_on, &c);
    weir_status bad =
        options ? weir_run_query(self->run, session->session, sql, length, options, &reply)
                : weir_run_carry_out(self->run, session->session, &reply);
    weir_run_watch(self->run, NULL, NULL);
    weir_run_watch_streams(self->run, NULL, NULL);
    session->find = NULL;
    PyObject *raised = session->raised;
    session->raised = NULL;
    wrp_turn_end(&turn, NULL, NULL, 0);
    if (!bad && !raised) return taken(reply);
    weir_text_free(reply);
    if (raised)
        wrp_raise_kept(bad, raised);
    else if (PyErr_CheckSignals() != 0)
        weir_error_drop(bad);
    else
        raise_and_keep(self, bad, sql, length);
    return NULL;
}

static PyObject *run_query(PyObject *object, PyObject *args)
{
    run_object *self = (run_object *)object;
    PyObject *of, *find, *result = NULL;
    const char *sql, *options;
    Py_ssize_t length;
    if (!PyArg_ParseTuple(args, "Os#zO", &of, &sql, &length, &options, &find)) return NULL;
    wrp_session *session = wrp_session_of(of);
    if (!session || !enter(self)) return NULL;
    result = carry(self, session, sql, (size_t)length, options, find == Py_None ? NULL : find);
    leave(self);
    return result;
}

static PyObject *run_log(PyObject *object, PyObject *args)
{
    const char *text;
    Py_ssize_t length;
    int is_error;
    weir_status bad;
    if (!PyArg_ParseTuple(args, "ps#", &is_error, &text, &length)) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_run_log(((run_object *)object)->run, is_error, text, (size_t)length);
    Py_END_ALLOW_THREADS;
    if (!bad) Py_RETURN_NONE;
    wrp_raise(bad, NULL, 0);
    return NULL;
}

static PyObject *run_progress(PyObject *object, PyObject *args)
{
    const char *json;
    weir_status bad;
    if (!PyArg_ParseTuple(args, "s", &json)) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_run_progress(((run_object *)object)->run, json);
    Py_END_ALLOW_THREADS;
    if (!bad) Py_RETURN_NONE;
    wrp_raise(bad, NULL, 0);
    return NULL;
}

static PyObject *run_add_file(PyObject *object, PyObject *args)
{
    run_object *self = (run_object *)object;
    const char *path, *type, *format;
    weir_status bad;
    if (!PyArg_ParseTuple(args, "sss", &path, &type, &format) || !enter(self)) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_run_add_file(self->run, path, type, format);
    Py_END_ALLOW_THREADS;
    leave(self);
    if (!bad) Py_RETURN_NONE;
    wrp_raise(bad, NULL, 0);
    return NULL;
}

/* What an exception says, as an error of the engine; what was kept, if it is that one. */
static weir_status told(run_object *self, PyObject *error, const char **sql)
{
    *sql = NULL;
    if (error != self->raised || !self->failure) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        return wrp_status_raised(NULL);
    }
    weir_status bad = self->failure;
    self->failure = NULL;
    *sql = self->sql;
    return bad;
}

static PyObject *run_finish(PyObject *object, PyObject *args)
{
    run_object *self = (run_object *)object;
    PyObject *error;
    const char *phase, *result, *sql = NULL;
    char *reply = NULL;
    weir_status bad = NULL, wrong;
    if (!PyArg_ParseTuple(args, "Osz", &error, &phase, &result) || !enter(self)) return NULL;
    if (error != Py_None) bad = told(self, error, &sql);
    Py_BEGIN_ALLOW_THREADS;
    wrong = weir_run_finish(self->run, bad, phase, sql, result, &reply);
    weir_error_drop(bad);
    Py_END_ALLOW_THREADS;
    leave(self);
    if (!wrong) return taken(reply);
    weir_text_free(reply);
    wrp_raise(wrong, NULL, 0);
    return NULL;
}

static PyObject *run_text(PyObject *object, void *closure)
{
    const char *(*const *get)(const weir_run *) = closure;
    return PyUnicode_FromString((*get)(((run_object *)object)->run));
}

static const char *(*const get_id)(const weir_run *) = weir_run_id;
static const char *(*const get_folder)(const weir_run *) = weir_run_folder;
static const char *(*const get_inputs)(const weir_run *) = weir_run_inputs;

/* ---- types ---- */

static PyMethodDef runs_methods[] = {
    {"ask", runs_ask, METH_VARARGS, "ask(what, arguments) -> reply; JSON texts"},
    {"begin", runs_begin, METH_VARARGS, "begin(inputs, None) or begin(changes, run_id) -> Run"},
    {0}};
static PyGetSetDef runs_fields[] = {{"home", runs_home, NULL, "Its folder.", NULL}, {0}};
static PyType_Slot runs_slots[] = {{Py_tp_doc, "A workspace of tracked runs. Any thread."},
                                   {Py_tp_methods, runs_methods},
                                   {Py_tp_getset, runs_fields},
                                   {Py_tp_dealloc, runs_dealloc},
                                   {0}};
static PyType_Spec runs_spec = {"weir._weir.Runs", sizeof(runs_object), 0,
                                Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, runs_slots};

static PyMethodDef run_methods[] = {
    {"query", run_query, METH_VARARGS,
     "query(session, sql, options, find) -> JSON; options None: carries out its action"},
    {"log", run_log, METH_VARARGS, "log(is_error, text); any thread"},
    {"progress", run_progress, METH_VARARGS, "progress(json); any thread"},
    {"add_file", run_add_file, METH_VARARGS, "add_file(path, type, format)"},
    {"finish", run_finish, METH_VARARGS, "finish(exception or None, phase, result) -> reply"},
    {0}};
static PyGetSetDef run_fields[] = {
    {"id", run_text, NULL, "Its id.", (void *)&get_id},
    {"folder", run_text, NULL, "Where it is kept.", (void *)&get_folder},
    {"inputs", run_text, NULL, "What it was begun with, as JSON.", (void *)&get_inputs},
    {0}};
static PyType_Slot run_slots[] = {{Py_tp_doc, "A tracked run. One thread at a time."},
                                  {Py_tp_methods, run_methods},
                                  {Py_tp_getset, run_fields},
                                  {Py_tp_dealloc, run_dealloc},
                                  {0}};
static PyType_Spec run_spec = {"weir._weir.Run", sizeof(run_object), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, run_slots};

PyObject *wrp_runs_type(void) { return runs_class = PyType_FromSpec(&runs_spec); }
PyObject *wrp_run_type(void) { return run_class = PyType_FromSpec(&run_spec); }
