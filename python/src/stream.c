/* stream.c - weir._weir.Stream: a continuous query beside its session.
 *
 * A weir_stream may be used by any thread, so there are no turns; it keeps the session, and with it
 * the engine, which must not be closed before it. Waiting is done in slices, so that Ctrl-C is
 * heard between two of them. */
#include "stream.h"
#include "connection.h"
#include "errors.h"
#include <string.h>

#define SLICE_MS 100

typedef struct stream_object {
    PyObject_HEAD wrp_session *session;
    weir_stream *stream; /* NULL once closed; guarded by users */
    pthread_rwlock_t users;
} stream_object;

static PyObject *stream_class;

PyObject *wrp_stream_open(PyObject *module, PyObject *args)
{
    PyObject *of;
    const char *sql, *name, *folder, *delivery;
    Py_ssize_t length;
    long long interval_ms;
    wrp_turn turn;
    weir_stream *stream = NULL;
    (void)module;
    if (!PyArg_ParseTuple(args, "Os#zzLz", &of, &sql, &length, &name, &folder, &interval_ms,
                          &delivery))
        return NULL;
    wrp_session *session = wrp_session_of(of);
    weir_stream_options options = {.name = name,
                                   .state_folder = folder,
                                   .checkpoint_interval_ms = interval_ms,
                                   .delivery = delivery};
    if (!session || !wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_stream_open(session->session, sql, (size_t)length, &options, &stream);
    if (!wrp_turn_end(&turn, bad, sql, (size_t)length)) return NULL;
    stream_object *self = PyObject_New(stream_object, (PyTypeObject *)stream_class);
    if (!self) {
        weir_stream_close(stream);
        return NULL;
    }
    wrp_session_keep(session);
    self->session = session;
    self->stream = stream;
    pthread_rwlock_init(&self->users, NULL);
    return (PyObject *)self;
}

/* The stream, until leave; NULL with a Python error if it is closed. GIL held. */
static weir_stream *enter(PyObject *object)
{
    stream_object *self = (stream_object *)object;
    if (wrp_session_is_lost(self->session)) {
        wrp_session_raise_lost();
        return NULL;
    }
    bool is_here = pthread_rwlock_tryrdlock(&self->users) == 0; /* else it is being closed */
    if (is_here && self->stream) return self->stream;
    if (is_here) pthread_rwlock_unlock(&self->users);
    wrp_raise_own("InterfaceError", "the stream is closed", NULL);
    return NULL;
}

static void leave(PyObject *self) { pthread_rwlock_unlock(&((stream_object *)self)->users); }

static void close_stream(stream_object *self)
{
    if (wrp_session_is_lost(self->session)) return;
    Py_BEGIN_ALLOW_THREADS;
    pthread_rwlock_wrlock(&self->users);
    weir_stream_close(self->stream);
    self->stream = NULL;
    pthread_rwlock_unlock(&self->users);
    Py_END_ALLOW_THREADS;
}

static PyObject *stream_close(PyObject *self, PyObject *none)
{
    (void)none;
    close_stream((stream_object *)self);
    Py_RETURN_NONE;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    close_stream((stream_object *)self);
    pthread_rwlock_destroy(&((stream_object *)self)->users);
    wrp_session_release(((stream_object *)self)->session);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *none_or_raise(weir_status bad)
{
    if (!bad) Py_RETURN_NONE;
    wrp_raise(bad, NULL, 0);
    return NULL;
}

static PyObject *stream_start(PyObject *self, PyObject *none)
{
    weir_status bad;
    (void)none;
    weir_stream *stream = enter(self);
    if (!stream) return NULL;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_stream_start(stream);
    leave(self);
    Py_END_ALLOW_THREADS;
    return none_or_raise(bad);
}

/* timeout_ms negative: no limit. Returns whether it came to pass. */
static PyObject *wait_for(PyObject *self, PyObject *args,
                          weir_status (*await)(weir_stream *, int64_t, bool *))
{
    long long timeout_ms;
    bool done = false;
    if (!PyArg_ParseTuple(args, "L", &timeout_ms)) return NULL;
    for (;;) {
        bool is_last = timeout_ms >= 0 && timeout_ms <= SLICE_MS;
        weir_status bad;
        weir_stream *stream = enter(self);
        if (!stream) return NULL;
        Py_BEGIN_ALLOW_THREADS;
        bad = await(stream, is_last ? timeout_ms : SLICE_MS, &done);
        leave(self);
        Py_END_ALLOW_THREADS;
        if (bad) return none_or_raise(bad);
        if (PyErr_CheckSignals() != 0) return NULL;
        if (done || is_last) return PyBool_FromLong(done);
        if (timeout_ms > 0) timeout_ms -= SLICE_MS;
    }
}

static PyObject *stream_await(PyObject *self, PyObject *args)
{
    return wait_for(self, args, weir_stream_await);
}

static PyObject *stream_await_idle(PyObject *self, PyObject *args)
{
    return wait_for(self, args, weir_stream_await_idle);
}

static bool add(PyObject *dict, const char *name, PyObject *value)
{
    bool is_well = value && PyDict_SetItemString(dict, name, value) == 0;
    Py_XDECREF(value);
    return is_well;
}

static PyObject *count_or_none(bool is_known, uint64_t count)
{
    return is_known ? PyLong_FromUnsignedLongLong(count) : Py_NewRef(Py_None);
}

static bool add_counts(PyObject *dict, const weir_stream_figures *f)
{
    const struct {
        const char *name;
        uint64_t count;
    } rows[] = {{"rows_in", f->rows_in},
                {"rows_out", f->rows_out},
                {"late_rows", f->late_rows},
                {"dead_rows", f->dead_rows},
                {"batches", f->batches},
                {"rounds", f->rounds},
                {"state_bytes", f->state_bytes},
                {"checkpoints", f->checkpoints},
                {"epoch", f->epoch},
                {"checkpoint_bytes", f->checkpoint_bytes}};
    bool is_well = true;
    for (size_t i = 0; is_well && i < sizeof rows / sizeof *rows; i++)
        is_well = add(dict, rows[i].name, PyLong_FromUnsignedLongLong(rows[i].count));
    return is_well;
}

static PyObject *stream_progress(PyObject *self, PyObject *none)
{
    static const char *const names[] = {
        [WEIR_STREAM_CREATED] = "created", [WEIR_STREAM_RESTORED] = "restored",
        [WEIR_STREAM_RUNNING] = "running", [WEIR_STREAM_BACKPRESSURE] = "backpressure",
        [WEIR_STREAM_STOPPED] = "stopped", [WEIR_STREAM_FAILED] = "failed"};
    weir_stream_figures f;
    (void)none;
    weir_stream *stream = enter(self);
    if (!stream) return NULL;
    weir_stream_progress(stream, &f); /* its texts are static, or live as long as the stream */
    PyObject *reason = PyUnicode_FromString(f.delivery_reason ? f.delivery_reason : "");
    leave(self);
    PyObject *dict = PyDict_New();
    bool is_well =
        dict && add(dict, "status", PyUnicode_FromString(names[f.status])) &&
        add(dict, "has_ended", PyBool_FromLong(f.has_ended)) &&
        add(dict, "is_drained", PyBool_FromLong(f.is_drained)) &&
        add(dict, "is_idle", PyBool_FromLong(f.is_idle)) && add_counts(dict, &f) &&
        add(dict, "watermark_us",
            f.has_watermark ? PyLong_FromLongLong(f.watermark_us) : Py_NewRef(Py_None)) &&
        add(dict, "lag_rows", count_or_none(f.has_lag_rows, f.lag_rows)) &&
        add(dict, "lag_bytes", count_or_none(f.has_lag_bytes, f.lag_bytes)) &&
        add(dict, "checkpoint_seconds",
            PyFloat_FromDouble((double)f.checkpoint_duration_us / 1e6)) &&
        add(dict, "round_seconds", PyFloat_FromDouble((double)f.round_duration_us / 1e6)) &&
        add(dict, "idle_seconds", PyFloat_FromDouble((double)f.idle_us / 1e6)) &&
        add(dict, "running_seconds", PyFloat_FromDouble((double)f.running_us / 1e6)) &&
        add(dict, "connector", PyUnicode_FromString(f.sink_connector ? f.sink_connector : "")) &&
        add(dict, "delivery", PyUnicode_FromString(f.delivery ? f.delivery : "")) &&
        add(dict, "delivery_reason", Py_XNewRef(reason));
    Py_XDECREF(reason);
    if (!is_well) Py_CLEAR(dict);
    return dict;
}

static PyObject *taken_text(char *text)
{
    PyObject *out = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
    weir_text_free(text);
    return out;
}

static PyObject *stream_snapshot(PyObject *self, PyObject *none)
{
    (void)none;
    weir_stream *stream = enter(self);
    char *text = stream ? weir_stream_snapshot(stream) : NULL;
    if (stream) leave(self);
    return text ? taken_text(text) : NULL;
}

static PyObject *stream_explain(PyObject *self, PyObject *none)
{
    (void)none;
    weir_stream *stream = enter(self);
    char *text = stream ? weir_stream_explain(stream) : NULL;
    if (stream) leave(self);
    return text ? taken_text(text) : NULL;
}

static PyObject *stream_stop(PyObject *self, PyObject *none)
{
    (void)none;
    weir_stream *stream = enter(self);
    if (!stream) return NULL;
    weir_stream_stop(stream);
    leave(self);
    Py_RETURN_NONE;
}

static PyObject *stream_cancel(PyObject *self, PyObject *none)
{
    (void)none;
    weir_stream *stream = enter(self);
    if (!stream) return NULL;
    weir_stream_cancel(stream);
    leave(self);
    Py_RETURN_NONE;
}

static PyObject *stream_name(PyObject *self, void *closure)
{
    (void)closure;
    weir_stream *stream = enter(self);
    PyObject *name = stream ? PyUnicode_FromString(weir_stream_name(stream)) : NULL;
    if (stream) leave(self);
    return name;
}

static PyObject *stream_notices(PyObject *self, void *closure)
{
    (void)closure;
    weir_stream *stream = enter(self);
    if (!stream) return NULL;
    const char *text = weir_stream_notices(stream);
    PyObject *notices = text ? PyUnicode_FromString(text) : Py_NewRef(Py_None);
    leave(self);
    return notices;
}

static PyMethodDef methods[] = {
    {"start", stream_start, METH_NOARGS, "Lets it run on a thread of its own. Once."},
    {"wait", stream_await, METH_VARARGS, "wait(timeout_ms) -> whether it has ended"},
    {"wait_idle", stream_await_idle, METH_VARARGS, "wait_idle(timeout_ms) -> whether it is idle"},
    {"progress", stream_progress, METH_NOARGS, "Its figures as a dict."},
    {"snapshot", stream_snapshot, METH_NOARGS, "Everything about it as JSON text."},
    {"explain", stream_explain, METH_NOARGS, "Its operators and the delivery it promises."},
    {"stop", stream_stop, METH_NOARGS, "Asks it to end with a last commit."},
    {"cancel", stream_cancel, METH_NOARGS, "Ends it at once, without a commit."},
    {"close", stream_close, METH_NOARGS, "Stops it if it runs, and lets its name and state go."},
    {0}};

static PyGetSetDef fields[] = {{"name", stream_name, NULL, "Its name.", NULL},
                               {"notices", stream_notices, NULL, "Lines, or None.", NULL},
                               {0}};

static PyType_Slot slots[] = {{Py_tp_doc, "A continuous query. Any thread."},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, fields},
                              {Py_tp_dealloc, stream_dealloc},
                              {0}};

static PyType_Spec spec = {"weir._weir.Stream", sizeof(stream_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject *wrp_stream_type(void) { return stream_class = PyType_FromSpec(&spec); }
