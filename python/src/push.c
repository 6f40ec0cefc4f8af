/* push.c - weir._weir.Push: rows of the program that go on coming, into CREATE SOURCE .. 'push'.
 *
 * A weir_push is for one thread at a time: a lock of its own says whose. Waiting for a query that
 * reads is done in slices, so that Ctrl-C is heard. */
#include "connection.h"
#include "errors.h"
#include "stream.h"

#define SLICE_MS 100

typedef struct push_object {
    PyObject_HEAD wrp_session *session; /* kept for the engine */
    weir_push *push;                    /* NULL once closed */
    pthread_mutex_t lock;
} push_object;

static PyObject *push_class;

PyObject *wrp_push_open(PyObject *module, PyObject *args)
{
    PyObject *of;
    const char *name;
    weir_push *push = NULL;
    wrp_turn turn;
    (void)module;
    if (!PyArg_ParseTuple(args, "Os", &of, &name)) return NULL;
    wrp_session *session = wrp_session_of(of);
    if (!session || !wrp_turn_begin(session, &turn)) return NULL;
    weir_status bad = weir_push_open(session->session, name, &push);
    if (!wrp_turn_end(&turn, bad, NULL, 0)) return NULL;
    push_object *self = PyObject_New(push_object, (PyTypeObject *)push_class);
    if (!self) {
        weir_push_close(push);
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    wrp_session_keep(session);
    self->session = session;
    self->push = push;
    return (PyObject *)self;
}

/* Takes the lock; false with a Python error if it is closed. */
static bool begin(push_object *self)
{
    if (wrp_session_is_lost(self->session)) {
        wrp_session_raise_lost();
        return false;
    }
    Py_BEGIN_ALLOW_THREADS;
    pthread_mutex_lock(&self->lock);
    Py_END_ALLOW_THREADS;
    if (self->push) return true;
    pthread_mutex_unlock(&self->lock);
    wrp_raise_own("InterfaceError", "the source is closed for pushing", NULL);
    return false;
}

static void end(push_object *self) { pthread_mutex_unlock(&self->lock); }

static void close_push(push_object *self)
{
    if (wrp_session_is_lost(self->session)) return;
    Py_BEGIN_ALLOW_THREADS;
    pthread_mutex_lock(&self->lock);
    weir_push_close(self->push);
    self->push = NULL;
    pthread_mutex_unlock(&self->lock);
    Py_END_ALLOW_THREADS;
}

static void push_dealloc(PyObject *object)
{
    push_object *self = (push_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    close_push(self);
    pthread_mutex_destroy(&self->lock);
    wrp_session_release(self->session);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyObject *bring(push_object *self, const struct ArrowSchema *schema,
                       struct ArrowArray *array, long long number, long long timeout_ms)
{
    for (;;) {
        bool taken = false, is_last = timeout_ms >= 0 && timeout_ms <= SLICE_MS;
        weir_status bad;
        Py_BEGIN_ALLOW_THREADS;
        bad = weir_push_batch(self->push, schema, array, number, is_last ? timeout_ms : SLICE_MS,
                              &taken);
        Py_END_ALLOW_THREADS;
        if (bad) {
            wrp_raise(bad, NULL, 0);
            return NULL;
        }
        if (PyErr_CheckSignals() != 0) return NULL;
        if (taken || is_last) return PyBool_FromLong(taken);
        if (timeout_ms > 0) timeout_ms -= SLICE_MS;
    }
}

static PyObject *push_batch(PyObject *object, PyObject *args)
{
    push_object *self = (push_object *)object;
    PyObject *schema_capsule, *array_capsule;
    long long number, timeout_ms;
    if (!PyArg_ParseTuple(args, "OOLL", &schema_capsule, &array_capsule, &number, &timeout_ms))
        return NULL;
    struct ArrowSchema *schema = PyCapsule_GetPointer(schema_capsule, "arrow_schema");
    struct ArrowArray *array = schema ? PyCapsule_GetPointer(array_capsule, "arrow_array") : NULL;
    if (!array) return NULL;
    if (!schema->release || !array->release) {
        wrp_raise_own("InterfaceError", "the batch was used up already", NULL);
        return NULL;
    }
    if (!begin(self)) return NULL;
    PyObject *taken = bring(self, schema, array, number, timeout_ms);
    end(self);
    return taken;
}

static PyObject *push_end(PyObject *object, PyObject *none)
{
    push_object *self = (push_object *)object;
    (void)none;
    if (!begin(self)) return NULL;
    weir_push_end(self->push);
    end(self);
    Py_RETURN_NONE;
}

static PyObject *push_committed(PyObject *object, PyObject *none)
{
    push_object *self = (push_object *)object;
    (void)none;
    if (!begin(self)) return NULL;
    long long number = weir_push_committed(self->push);
    end(self);
    return PyLong_FromLongLong(number);
}

static PyObject *push_close(PyObject *object, PyObject *none)
{
    (void)none;
    close_push((push_object *)object);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"batch", push_batch, METH_VARARGS,
     "batch(schema, array, number, timeout_ms) -> whether it was taken"},
    {"end", push_end, METH_NOARGS, "Nothing will come any more."},
    {"committed", push_committed, METH_NOARGS, "The number of the last committed batch."},
    {"close", push_close, METH_NOARGS, "Closes it; the source goes on."},
    {0}};

static PyType_Slot slots[] = {{Py_tp_doc, "Brings rows to a source. Any thread, one at a time."},
                              {Py_tp_methods, methods},
                              {Py_tp_dealloc, push_dealloc},
                              {0}};

static PyType_Spec spec = {"weir._weir.Push", sizeof(push_object), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyObject *wrp_push_type(void) { return push_class = PyType_FromSpec(&spec); }
