/* arrow.c - schemas that are copied, arrays that are shared, capsules.
 *
 * A batch may be exported any number of times while it lives, so what is exported are copies of its
 * nodes that refer to one counted owner: the buffers are the same, and a consumer may move children
 * away, as the specification allows, since each node has a reference of its own. */
#include "arrow.h"
#include "values.h"
#include <stdlib.h>
#include <string.h>

/* ---- schemas ---- */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++) {
        if (!s->children[i]) continue;
        if (s->children[i]->release) s->children[i]->release(s->children[i]);
        free(s->children[i]);
    }
    if (s->dictionary && s->dictionary->release) s->dictionary->release(s->dictionary);
    free(s->dictionary);
    free(s->children);
    free(s->private_data);
    s->release = NULL;
}

/* Pairs of lengths and bytes behind a count. */
static size_t metadata_size(const char *metadata)
{
    int32_t pairs, length;
    if (!metadata) return 0;
    memcpy(&pairs, metadata, 4);
    size_t size = 4;
    for (int64_t i = 0; i < 2 * (int64_t)pairs; i++) {
        memcpy(&length, metadata + size, 4);
        size += 4 + (size_t)length;
    }
    return size;
}

static const char *put(char **at, const char *bytes, size_t size)
{
    char *here = *at;
    memcpy(here, bytes, size);
    *at += size;
    return here;
}

static bool copy_children(const struct ArrowSchema *from, struct ArrowSchema *out)
{
    if (from->n_children) {
        out->children = calloc((size_t)from->n_children, sizeof *out->children);
        if (!out->children) return false;
        out->n_children = from->n_children;
    }
    for (int64_t i = 0; i < from->n_children; i++) {
        out->children[i] = calloc(1, sizeof **out->children);
        if (!out->children[i] || !wrp_schema_copy(from->children[i], out->children[i]))
            return false;
    }
    if (!from->dictionary) return true;
    out->dictionary = calloc(1, sizeof *out->dictionary);
    return out->dictionary && wrp_schema_copy(from->dictionary, out->dictionary);
}

bool wrp_schema_copy(const struct ArrowSchema *from, struct ArrowSchema *out)
{
    const char *name = from->name ? from->name : "";
    size_t sizes[] = {strlen(from->format) + 1, strlen(name) + 1, metadata_size(from->metadata)};
    char *texts = malloc(sizes[0] + sizes[1] + sizes[2]), *at = texts;
    *out = (struct ArrowSchema){.flags = from->flags, .release = release_schema};
    out->private_data = texts;
    if (texts) {
        out->format = put(&at, from->format, sizes[0]);
        out->name = put(&at, name, sizes[1]);
        out->metadata = from->metadata ? put(&at, from->metadata, sizes[2]) : NULL;
    }
    if (texts && copy_children(from, out)) return true;
    release_schema(out);
    return false;
}

bool wrp_schema_is_like(const struct ArrowSchema *a, const struct ArrowSchema *b)
{
    if (strcmp(a->format, b->format) != 0 || a->n_children != b->n_children) return false;
    if (!a->dictionary != !b->dictionary) return false;
    for (int64_t i = 0; i < a->n_children; i++)
        if (!wrp_schema_is_like(a->children[i], b->children[i])) return false;
    return !a->dictionary || wrp_schema_is_like(a->dictionary, b->dictionary);
}

/* ---- capsules ---- */

static void drop_schema(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    if (schema->release) schema->release(schema);
    free(schema);
}

static void drop_array(PyObject *capsule)
{
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array->release) array->release(array);
    free(array);
}

static void drop_stream(PyObject *capsule)
{
    struct ArrowArrayStream *stream = PyCapsule_GetPointer(capsule, "arrow_array_stream");
    if (stream->release) stream->release(stream);
    free(stream);
}

static PyObject *capsule_of(const void *from, size_t size, const char *name,
                            PyCapsule_Destructor drop)
{
    void *held = malloc(size);
    PyObject *capsule = held ? PyCapsule_New(memcpy(held, from, size), name, drop) : NULL;
    if (capsule) return capsule;
    free(held);
    if (!held) PyErr_NoMemory();
    return NULL;
}

PyObject *wrp_schema_capsule(struct ArrowSchema *schema)
{
    PyObject *capsule = capsule_of(schema, sizeof *schema, "arrow_schema", drop_schema);
    if (!capsule) schema->release(schema);
    return capsule;
}

PyObject *wrp_array_capsule(struct ArrowArray *array)
{
    PyObject *capsule = capsule_of(array, sizeof *array, "arrow_array", drop_array);
    if (!capsule) array->release(array);
    return capsule;
}

PyObject *wrp_stream_capsule(struct ArrowArrayStream *stream)
{
    PyObject *capsule = capsule_of(stream, sizeof *stream, "arrow_array_stream", drop_stream);
    if (!capsule) stream->release(stream);
    return capsule;
}

/* ---- batches ---- */

typedef struct owner {
    struct ArrowSchema schema;
    struct ArrowArray array;
    atomic_int references;
} owner;

typedef struct batch {
    PyObject_HEAD owner *owner;
} batch;

typedef struct buffer {
    PyObject_HEAD owner *owner;
    const void *bytes;
    Py_ssize_t size;
} buffer;

static PyObject *batch_class, *buffer_class;

static void release_owner(owner *o)
{
    if (atomic_fetch_sub(&o->references, 1) > 1) return;
    if (o->array.release) o->array.release(&o->array);
    if (o->schema.release) o->schema.release(&o->schema);
    free(o);
}

static void release_shared(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++) {
        if (!a->children[i]) continue;
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
        free(a->children[i]);
    }
    if (a->dictionary && a->dictionary->release) a->dictionary->release(a->dictionary);
    free(a->dictionary);
    free(a->children);
    release_owner(a->private_data);
    a->release = NULL;
}

static bool share(owner *o, const struct ArrowArray *from, struct ArrowArray *out)
{
    *out = *from;
    out->release = release_shared;
    out->private_data = o;
    out->children = NULL;
    out->dictionary = NULL;
    out->n_children = 0;
    atomic_fetch_add(&o->references, 1);
    if (from->n_children) out->children = calloc((size_t)from->n_children, sizeof *out->children);
    bool is_whole = !from->n_children || out->children;
    out->n_children = is_whole ? from->n_children : 0;
    for (int64_t i = 0; is_whole && i < out->n_children; i++) {
        out->children[i] = calloc(1, sizeof **out->children);
        is_whole = out->children[i] && share(o, from->children[i], out->children[i]);
    }
    if (is_whole && from->dictionary) {
        out->dictionary = calloc(1, sizeof *out->dictionary);
        is_whole = out->dictionary && share(o, from->dictionary, out->dictionary);
    }
    if (is_whole) return true;
    release_shared(out);
    return false;
}

PyObject *wrp_batch_new(const struct ArrowSchema *schema, struct ArrowArray *array)
{
    owner *o = calloc(1, sizeof *o);
    batch *self = o && wrp_schema_copy(schema, &o->schema)
                      ? PyObject_New(batch, (PyTypeObject *)batch_class)
                      : NULL;
    if (!self) {
        array->release(array);
        if (o && o->schema.release) o->schema.release(&o->schema);
        free(o);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    o->array = *array;
    o->references = 1;
    self->owner = o;
    return (PyObject *)self;
}

static PyObject *batch_c_schema(PyObject *self, PyObject *none)
{
    (void)none;
    struct ArrowSchema schema;
    if (!wrp_schema_copy(&((batch *)self)->owner->schema, &schema)) return PyErr_NoMemory();
    return wrp_schema_capsule(&schema);
}

static PyObject *batch_c_array(PyObject *self, PyObject *args, PyObject *named)
{
    static char *names[] = {"requested_schema", NULL};
    PyObject *wanted = NULL;
    struct ArrowArray array;
    owner *o = ((batch *)self)->owner;
    if (!PyArg_ParseTupleAndKeywords(args, named, "|O", names, &wanted)) return NULL;
    PyObject *schema = batch_c_schema(self, NULL);
    if (!schema) return NULL;
    PyObject *held = share(o, &o->array, &array) ? wrp_array_capsule(&array) : PyErr_NoMemory();
    PyObject *pair = held ? PyTuple_Pack(2, schema, held) : NULL;
    Py_DECREF(schema);
    Py_XDECREF(held);
    return pair;
}

static PyObject *batch_rows(PyObject *self, PyObject *args)
{
    const owner *o = ((batch *)self)->owner;
    PyObject *types = NULL;
    int as_dicts = 0;
    if (!PyArg_ParseTuple(args, "O!|p", &PyList_Type, &types, &as_dicts)) return NULL;
    PyObject *rows = PyList_New(0);
    if (rows && wrp_rows_append(&o->schema, &o->array, types, as_dicts, INT64_MAX, rows) >= 0)
        return rows;
    Py_XDECREF(rows);
    return NULL;
}

static PyObject *batch_length(PyObject *self, void *closure)
{
    (void)closure;
    return PyLong_FromLongLong(((batch *)self)->owner->array.length);
}

static PyObject *formats_of(const struct ArrowSchema *schema)
{
    PyObject *list = PyList_New(0);
    for (int64_t i = 0; list && i < schema->n_children; i++) {
        const struct ArrowSchema *child = schema->children[i];
        const char *format = child->dictionary ? "dictionary" : child->format;
        PyObject *pair = Py_BuildValue("(ss)", child->name ? child->name : "", format);
        if (!pair || PyList_Append(list, pair) != 0) Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}

static PyObject *batch_formats(PyObject *self, void *closure)
{
    (void)closure;
    return formats_of(&((batch *)self)->owner->schema);
}

/* The bytes that the rows take in a buffer of a column; width 0: bits, from the start of the
 * buffer. */
static PyObject *batch_buffer(PyObject *self, PyObject *args)
{
    owner *o = ((batch *)self)->owner;
    long long column, index, width;
    if (!PyArg_ParseTuple(args, "LLL", &column, &index, &width)) return NULL;
    if (column < 0 || column >= o->array.n_children || index < 0 || width < 0 || width > 16)
        return PyErr_Format(PyExc_IndexError, "no such buffer");
    const struct ArrowArray *array = o->array.children[column];
    if (index >= array->n_buffers || !array->buffers[index]) Py_RETURN_NONE;
    buffer *out = PyObject_New(buffer, (PyTypeObject *)buffer_class);
    if (!out) return NULL;
    int64_t end = array->offset + array->length;
    bool is_bits = width == 0;
    out->owner = o;
    atomic_fetch_add(&o->references, 1);
    out->bytes = is_bits ? array->buffers[index]
                         : (const char *)array->buffers[index] + array->offset * width;
    out->size = (Py_ssize_t)(is_bits ? (end + 7) / 8 : array->length * width);
    return (PyObject *)out;
}

static PyObject *batch_place(PyObject *self, PyObject *args)
{
    const owner *o = ((batch *)self)->owner;
    long long column;
    if (!PyArg_ParseTuple(args, "L", &column)) return NULL;
    if (column < 0 || column >= o->array.n_children)
        return PyErr_Format(PyExc_IndexError, "no such column");
    const struct ArrowArray *array = o->array.children[column];
    return Py_BuildValue("(LL)", (long long)array->offset, (long long)array->null_count);
}

static void batch_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    release_owner(((batch *)self)->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int buffer_get(PyObject *self, Py_buffer *view, int flags)
{
    const buffer *b = (const buffer *)self;
    return PyBuffer_FillInfo(view, self, (void *)(uintptr_t)b->bytes, b->size, 1, flags);
}

static void buffer_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    release_owner(((buffer *)self)->owner);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef batch_methods[] = {
    {"__arrow_c_schema__", batch_c_schema, METH_NOARGS, "The schema as a capsule."},
    {"__arrow_c_array__", (PyCFunction)(void (*)(void))batch_c_array, METH_VARARGS | METH_KEYWORDS,
     "The rows as capsules of schema and array; nothing is copied. requested_schema is not "
     "heeded."},
    {"_rows", batch_rows, METH_VARARGS, "_rows(types, as_dicts=False)"},
    {"_buffer", batch_buffer, METH_VARARGS, "_buffer(column, index, width)"},
    {"_place", batch_place, METH_VARARGS, "_place(column) -> (offset, null_count)"},
    {0}};

static PyGetSetDef batch_fields[] = {
    {"num_rows", batch_length, NULL, "How many rows it has.", NULL},
    {"_formats", batch_formats, NULL, "Names and Arrow formats of the columns.", NULL},
    {0}};

static PyType_Slot batch_slots[] = {
    {Py_tp_doc, "A record batch: columns of equal length, as they came out of a query. It owns its "
                "memory, which consumers of the Arrow PyCapsule interface share. Any thread."},
    {Py_tp_methods, batch_methods},
    {Py_tp_getset, batch_fields},
    {Py_tp_dealloc, batch_dealloc},
    {0}};
static PyType_Slot buffer_slots[] = {
    {Py_bf_getbuffer, buffer_get}, {Py_tp_dealloc, buffer_dealloc}, {0}};

enum { CLOSED_TYPE = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION };
static PyType_Spec batch_spec = {"weir.Batch", sizeof(batch), 0, CLOSED_TYPE, batch_slots};
static PyType_Spec buffer_spec = {"weir._weir.Buffer", sizeof(buffer), 0, CLOSED_TYPE,
                                  buffer_slots};

PyObject *wrp_batch_type(void) { return batch_class = PyType_FromSpec(&batch_spec); }
PyObject *wrp_buffer_type(void) { return buffer_class = PyType_FromSpec(&buffer_spec); }

PyObject *wrp_schema_fields(PyObject *module, PyObject *args)
{
    PyObject *capsule;
    (void)module;
    if (!PyArg_ParseTuple(args, "O", &capsule)) return NULL;
    const struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, "arrow_schema");
    return schema && schema->release ? formats_of(schema) : PyList_New(0);
}
