/* array.c - Arrow arrays made of buffers of Python.
 *
 * Whatever has the buffer protocol (bytes, array.array, arrays of numpy) becomes a buffer as it is
 * and is kept as long as the array. Children and dictionaries are moved out of the capsules they
 * come in, so a tree of any depth is made from its leaves up. Which buffers a type has is known in
 * weir/building.py. */
#include "array.h"
#include "arrow.h"
#include "gil.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what an array keeps ---- */

typedef struct held {
    Py_buffer *views;
    const void **buffers;
    int count;
} held;

static void drop_held(held *h)
{
    for (int i = 0; i < h->count; i++)
        if (h->views[i].obj) PyBuffer_Release(&h->views[i]);
    free(h->views);
    free(h->buffers);
    free(h);
}

static void release_child(struct ArrowArray *child)
{
    if (child && child->release) child->release(child);
    free(child);
}

static void release_made(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        release_child(array->children[i]);
    free(array->children);
    release_child(array->dictionary);
    PyGILState_STATE gil;
    if (wrp_gil_take(&gil)) {
        drop_held(array->private_data);
        wrp_gil_give(gil);
    }
    array->release = NULL;
}

static held *hold(PyObject *list)
{
    held *h = calloc(1, sizeof *h);
    size_t count = (size_t)PyList_Size(list);
    if (!h) return NULL;
    h->views = calloc(count + 1, sizeof *h->views);
    h->buffers = calloc(count + 1, sizeof *h->buffers);
    for (size_t i = 0; h->views && h->buffers && i < count; i++) {
        PyObject *object = PyList_GetItem(list, (Py_ssize_t)i);
        h->count = (int)i + 1;
        if (object == Py_None) continue;
        if (PyObject_GetBuffer(object, &h->views[i], PyBUF_SIMPLE) != 0) break;
        h->buffers[i] = h->views[i].buf;
    }
    if (!PyErr_Occurred() && h->views && h->buffers) return h;
    drop_held(h);
    return NULL;
}

/* ---- trees ---- */

/* A node with what is below it: schemas are borrowed from capsules, arrays moved out of them. */
typedef struct node {
    struct ArrowSchema schema, *children, **pointers, dictionary;
    struct ArrowArray array;
} node;

static bool take_pair(PyObject *pair, struct ArrowSchema *schema, struct ArrowArray **out)
{
    PyObject *first = PyTuple_Check(pair) ? PyTuple_GetItem(pair, 0) : NULL;
    PyObject *second = first ? PyTuple_GetItem(pair, 1) : NULL;
    struct ArrowSchema *from = second ? PyCapsule_GetPointer(first, "arrow_schema") : NULL;
    struct ArrowArray *array = from ? PyCapsule_GetPointer(second, "arrow_array") : NULL;
    if (!array || !from->release || !array->release) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "capsules of an array are wanted");
        return false;
    }
    *schema = *from;
    *out = malloc(sizeof **out);
    if (!*out) return false;
    **out = *array;
    array->release = NULL;
    return true;
}

/* children: pairs of a name and capsules. */
static bool take_children(node *n, PyObject *children)
{
    size_t count = (size_t)PyList_Size(children);
    n->children = calloc(count + 1, sizeof *n->children);
    n->pointers = calloc(count + 1, sizeof *n->pointers);
    n->array.children = calloc(count + 1, sizeof *n->array.children);
    if (!n->children || !n->pointers || !n->array.children) return false;
    n->schema.children = n->pointers;
    for (size_t i = 0; i < count; i++) {
        const char *name;
        PyObject *pair;
        if (!PyArg_ParseTuple(PyList_GetItem(children, (Py_ssize_t)i), "sO", &name, &pair) ||
            !take_pair(pair, &n->children[i], &n->array.children[i]))
            return false;
        n->children[i].name = name;
        n->pointers[i] = &n->children[i];
        n->schema.n_children = n->array.n_children = (int64_t)i + 1;
    }
    return true;
}

static PyObject *capsules_of(node *n)
{
    struct ArrowSchema schema;
    PyObject *pair = NULL;
    if (!wrp_schema_copy(&n->schema, &schema)) {
        n->array.release(&n->array);
        return PyErr_NoMemory();
    }
    PyObject *first = wrp_schema_capsule(&schema), *second = wrp_array_capsule(&n->array);
    if (first && second) pair = PyTuple_Pack(2, first, second);
    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

PyObject *wrp_array_of(PyObject *module, PyObject *args)
{
    const char *format, *metadata = NULL;
    long long length, null_count;
    PyObject *list, *children = NULL, *dictionary = Py_None, *made = NULL;
    Py_ssize_t ignored;
    (void)module;
    if (!PyArg_ParseTuple(args, "sLLO!|O!Oz#", &format, &length, &null_count, &PyList_Type, &list,
                          &PyList_Type, &children, &dictionary, &metadata, &ignored))
        return NULL;
    node n = {
        .schema = {
            .format = format, .name = "", .metadata = metadata, .flags = ARROW_FLAG_NULLABLE}};
    held *h = hold(list);
    if (!h) return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    n.array = (struct ArrowArray){.length = length,
                                  .null_count = null_count,
                                  .n_buffers = h->count,
                                  .buffers = h->buffers,
                                  .release = release_made,
                                  .private_data = h};
    bool is_well = !children || take_children(&n, children);
    if (is_well && dictionary != Py_None) {
        is_well = take_pair(dictionary, &n.dictionary, &n.array.dictionary);
        n.schema.dictionary = &n.dictionary;
    }
    if (is_well)
        made = capsules_of(&n);
    else
        n.array.release(&n.array);
    free(n.children);
    free(n.pointers);
    if (!made && !PyErr_Occurred()) PyErr_NoMemory();
    return made;
}

/* ---- texts ---- */

typedef struct text_buffers {
    PyObject *offsets, *valid; /* bytes */
    char *bytes;
    size_t size, capacity;
    Py_ssize_t nulls;
} text_buffers;

static bool add_bytes(text_buffers *t, const char *bytes, size_t size)
{
    if (size > t->capacity - t->size) {
        size_t capacity = (t->size + size) * 2 + 64;
        char *grown = realloc(t->bytes, capacity);
        if (!grown) return false;
        t->bytes = grown;
        t->capacity = capacity;
    }
    if (size) memcpy(t->bytes + t->size, bytes, size);
    t->size += size;
    return true;
}

/* 1: there is a text, 0: NULL, -1: it is neither, or a Python error. */
static int text_of(PyObject *value, bool takes_bytes, bool is_loose, const char **text,
                   Py_ssize_t *size)
{
    char *bytes;
    if (value == Py_None) return 0;
    if (!takes_bytes && PyUnicode_Check(value))
        return (*text = PyUnicode_AsUTF8AndSize(value, size)) ? 1 : -1;
    if (takes_bytes && PyBytes_Check(value)) {
        int bad = PyBytes_AsStringAndSize(value, &bytes, size);
        *text = bytes;
        return bad ? -1 : 1;
    }
    return is_loose && PyFloat_Check(value) && isnan(PyFloat_AsDouble(value)) ? 0 : -1;
}

static bool fill_texts(text_buffers *t, PyObject *list, bool takes_bytes, bool is_loose)
{
    Py_ssize_t count = PyList_Size(list), size = 0;
    int64_t *offsets = (int64_t *)(void *)PyBytes_AsString(t->offsets);
    uint8_t *valid = (uint8_t *)PyBytes_AsString(t->valid);
    memset(valid, 0, (size_t)(count + 7) / 8);
    offsets[0] = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *text = NULL;
        int is_there = text_of(PyList_GetItem(list, i), takes_bytes, is_loose, &text, &size);
        if (is_there < 0) return false;
        if (is_there && !add_bytes(t, text, (size_t)size)) {
            PyErr_NoMemory();
            return false;
        }
        if (is_there)
            valid[i / 8] |= (uint8_t)(1 << i % 8);
        else
            t->nulls++;
        offsets[i + 1] = (int64_t)t->size;
    }
    return true;
}

PyObject *wrp_text_buffers(PyObject *module, PyObject *args)
{
    PyObject *list, *made = NULL;
    int takes_bytes, is_loose;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!pp", &PyList_Type, &list, &takes_bytes, &is_loose)) return NULL;
    Py_ssize_t count = PyList_Size(list);
    text_buffers t = {.offsets = PyBytes_FromStringAndSize(NULL, (count + 1) * 8),
                      .valid = PyBytes_FromStringAndSize(NULL, (count + 7) / 8)};
    if (t.offsets && t.valid && fill_texts(&t, list, takes_bytes, is_loose))
        made = Py_BuildValue("(nOOy#)", t.nulls, t.nulls ? t.valid : Py_None, t.offsets,
                             t.size ? t.bytes : "", (Py_ssize_t)t.size);
    else if (!PyErr_Occurred())
        made = Py_NewRef(Py_None);
    Py_XDECREF(t.offsets);
    Py_XDECREF(t.valid);
    free(t.bytes);
    return made;
}
