/* iterator.c - an Arrow stream that pulls from an iterator of Python.
 *
 * It takes the GIL for each item only. An exception cannot pass through the C interface: its text
 * does, and the exception itself is put into a list whose owner raises it again. */
#include "arrow.h"
#include "gil.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct pulled {
    struct ArrowSchema schema;
    PyObject *iterator, *failures;
    char error[200];
} pulled;

static int fail_with(pulled *p, const char *text)
{
    strncpy(p->error, text, sizeof p->error - 1);
    return EIO;
}

/* The exception that is set goes into the list. */
static int fail_raised(pulled *p)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    if (value && PyList_Append(p->failures, value) != 0) PyErr_Clear();
    PyObject *text = value ? PyObject_Str(value) : NULL;
    PyObject *bytes = text ? PyUnicode_AsUTF8String(text) : NULL;
    char *chars = bytes ? PyBytes_AsString(bytes) : NULL;
    int code = fail_with(p, chars && *chars ? chars : "an exception without a text");
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return code;
}

static int pulled_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    pulled *p = self->private_data;
    return wrp_schema_copy(&p->schema, out) ? 0 : ENOMEM;
}

/* pair: capsules of schema and array. */
static int take_array(pulled *p, PyObject *pair, struct ArrowArray *out)
{
    PyObject *first = PyTuple_GetItem(pair, 0), *second = first ? PyTuple_GetItem(pair, 1) : NULL;
    struct ArrowSchema *schema = second ? PyCapsule_GetPointer(first, "arrow_schema") : NULL;
    struct ArrowArray *array = schema ? PyCapsule_GetPointer(second, "arrow_array") : NULL;
    if (!array) return fail_raised(p);
    if (!schema->release || !array->release) return fail_with(p, "a batch was used up already");
    if (!wrp_schema_is_like(schema, &p->schema))
        return fail_with(p, "the batches have different columns");
    *out = *array;
    array->release = NULL;
    return 0;
}

static int pulled_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    pulled *p = self->private_data;
    int code = 0;
    *out = (struct ArrowArray){0};
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return fail_with(p, "the program is ending");
    PyObject *pair = PyIter_Next(p->iterator);
    if (pair)
        code = take_array(p, pair, out);
    else if (PyErr_Occurred())
        code = fail_raised(p);
    Py_XDECREF(pair);
    wrp_gil_give(gil);
    return code;
}

static const char *pulled_error(struct ArrowArrayStream *self)
{
    return ((pulled *)self->private_data)->error;
}

static void pulled_release(struct ArrowArrayStream *self)
{
    pulled *p = self->private_data;
    wrp_gil_drop(p->iterator);
    wrp_gil_drop(p->failures);
    if (p->schema.release) p->schema.release(&p->schema);
    free(p);
    self->release = NULL;
}

PyObject *wrp_stream_of(PyObject *module, PyObject *args)
{
    PyObject *capsule, *iterable, *failures;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOO!", &capsule, &iterable, &PyList_Type, &failures)) return NULL;
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (!schema) return NULL;
    pulled *p = calloc(1, sizeof *p);
    if (!p || !wrp_schema_copy(schema, &p->schema)) {
        free(p);
        return PyErr_NoMemory();
    }
    p->iterator = PyObject_GetIter(iterable);
    p->failures = Py_NewRef(failures);
    struct ArrowArrayStream stream = {.get_schema = pulled_schema,
                                      .get_next = pulled_next,
                                      .get_last_error = pulled_error,
                                      .release = pulled_release,
                                      .private_data = p};
    if (p->iterator) return wrp_stream_capsule(&stream);
    pulled_release(&stream);
    return NULL;
}
