/* parameters.c - values of Python as parameters of a statement.
 *
 * Values are taken with the GIL before the statement is prepared, and bound without it when its
 * parameters are known. What C has no type for is made by weir/parameter.py: of dates and decimals
 * a text with an SQL type, which the engine reads as that type, of lists, structs and arrays an
 * Arrow array. */
#include "parameters.h"
#include "errors.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind {
    IS_NULL,
    IS_BOOL,
    IS_INT,
    IS_DOUBLE,
    IS_TEXT,
    IS_BYTES,
    IS_TYPED,
    IS_ARROW
} kind;

typedef struct value {
    kind kind;
    int64_t whole;
    double real;
    const char *text; /* of kept */
    size_t length;
    const char *type;
    const struct ArrowSchema *schema; /* in the capsule kept */
    const struct ArrowArray *array;   /* in the capsule kept_type */
    PyObject *kept, *kept_type;
    const char *name; /* NULL: by position */
    PyObject *kept_name;
    bool is_used;
} value;

struct wrp_parameters {
    value *values;
    int count;
    bool is_named;
    char mismatch[200];
};

static bool take_utf8(PyObject *text, PyObject **kept, const char **chars, size_t *length)
{
    *kept = PyUnicode_AsUTF8String(text);
    if (!*kept) return false;
    *chars = PyBytes_AsString(*kept);
    *length = (size_t)PyBytes_Size(*kept);
    return true;
}

static bool take_arrow(PyObject *first, PyObject *second, value *out)
{
    out->kind = IS_ARROW;
    out->kept = Py_NewRef(first);
    out->kept_type = Py_NewRef(second);
    out->schema = PyCapsule_GetPointer(first, "arrow_schema");
    out->array = out->schema ? PyCapsule_GetPointer(second, "arrow_array") : NULL;
    return out->array;
}

static bool take_typed(PyObject *first, PyObject *second, value *out)
{
    size_t ignored;
    out->kind = IS_TYPED;
    return take_utf8(first, &out->kept, &out->text, &out->length) &&
           take_utf8(second, &out->kept_type, &out->type, &ignored);
}

/* weir.parameter.bound(object) gives a pair, of text and SQL type or of capsules, or None for NULL.
 */
static bool take_made(PyObject *object, value *out)
{
    PyObject *module = PyImport_ImportModule("weir.parameter");
    PyObject *pair = module ? PyObject_CallMethod(module, "bound", "(O)", object) : NULL;
    Py_XDECREF(module);
    bool is_well = pair == Py_None;
    if (pair && !is_well) {
        PyObject *first = PyTuple_GetItem(pair, 0), *second = PyTuple_GetItem(pair, 1);
        is_well = first && second &&
                  (PyUnicode_Check(first) ? take_typed(first, second, out)
                                          : take_arrow(first, second, out));
    }
    Py_XDECREF(pair);
    return is_well;
}

static bool take_bytes(PyObject *object, value *out)
{
    out->kind = IS_BYTES;
    out->kept = PyBytes_FromObject(object);
    if (!out->kept) return false;
    out->text = PyBytes_AsString(out->kept);
    out->length = (size_t)PyBytes_Size(out->kept);
    return true;
}

static bool take(PyObject *object, value *out)
{
    PyTypeObject *type = Py_TYPE(object);
    int overflow;
    if (object == Py_None) return true;
    if (type == &PyBool_Type) {
        out->kind = IS_BOOL;
        out->whole = object == Py_True;
        return true;
    }
    if (type == &PyLong_Type) {
        out->kind = IS_INT;
        out->whole = PyLong_AsLongLongAndOverflow(object, &overflow);
        return overflow ? take_made(object, out) : !PyErr_Occurred();
    }
    if (type == &PyFloat_Type) {
        out->kind = IS_DOUBLE;
        out->real = PyFloat_AsDouble(object);
        return true;
    }
    if (PyUnicode_Check(object)) {
        out->kind = IS_TEXT;
        return take_utf8(object, &out->kept, &out->text, &out->length);
    }
    if (PyBytes_Check(object) || PyByteArray_Check(object)) return take_bytes(object, out);
    return take_made(object, out);
}

static bool take_sequence(wrp_parameters *p, PyObject *values)
{
    PyObject *list = PySequence_List(values);
    if (!list) return false;
    Py_ssize_t count = PyList_Size(list);
    p->values = calloc((size_t)count + 1, sizeof *p->values);
    bool is_well = p->values;
    for (Py_ssize_t i = 0; is_well && i < count; i++) {
        p->count = (int)i + 1;
        is_well = take(PyList_GetItem(list, i), &p->values[i]);
    }
    Py_DECREF(list);
    return is_well;
}

static bool take_named(wrp_parameters *p, PyObject *values)
{
    PyObject *key, *object;
    Py_ssize_t at = 0;
    size_t ignored;
    p->is_named = true;
    p->values = calloc((size_t)PyDict_Size(values) + 1, sizeof *p->values);
    bool is_well = p->values;
    while (is_well && PyDict_Next(values, &at, &key, &object)) {
        value *v = &p->values[p->count++];
        is_well = take_utf8(key, &v->kept_name, &v->name, &ignored) && take(object, v);
    }
    return is_well;
}

wrp_parameters *wrp_parameters_new(PyObject *values)
{
    wrp_parameters *p = calloc(1, sizeof *p);
    if (!p)
        PyErr_NoMemory();
    else if (PyDict_Check(values) ? take_named(p, values) : take_sequence(p, values))
        return p;
    wrp_parameters_drop(p);
    return NULL;
}

void wrp_parameters_drop(wrp_parameters *p)
{
    if (!p) return;
    for (int i = 0; i < p->count; i++) {
        Py_XDECREF(p->values[i].kept);
        Py_XDECREF(p->values[i].kept_type);
        Py_XDECREF(p->values[i].kept_name);
    }
    free(p->values);
    free(p);
}

static weir_status bind(weir_prepared *prepared, int param, const value *v)
{
    switch (v->kind) {
    case IS_BOOL:
        return weir_bind_bool(prepared, param, v->whole);
    case IS_INT:
        return weir_bind_int64(prepared, param, v->whole);
    case IS_DOUBLE:
        return weir_bind_double(prepared, param, v->real);
    case IS_TEXT:
        return weir_bind_text(prepared, param, v->text, v->length);
    case IS_BYTES:
        return weir_bind_blob(prepared, param, v->text, v->length);
    case IS_TYPED:
        return weir_bind_typed(prepared, param, v->text, v->length, v->type);
    case IS_ARROW:
        return weir_bind_arrow(prepared, param, v->schema, v->array);
    default:
        return weir_bind_null(prepared, param);
    }
}

static value *named(wrp_parameters *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->values[i].name, name) == 0) return &p->values[i];
    return NULL;
}

weir_status wrp_parameters_bind(wrp_parameters *p, weir_prepared *prepared)
{
    int count = weir_prepared_param_count(prepared);
    size_t size = sizeof p->mismatch;
    for (int i = 1; i <= count; i++) {
        const char *name = weir_prepared_param_name(prepared, i);
        value *v = NULL;
        if (name && p->is_named)
            v = named(p, name);
        else if (!name && !p->is_named && i <= p->count)
            v = &p->values[i - 1];
        if (!v) {
            if (name)
                snprintf(p->mismatch, size, "no value for parameter \"%.100s\"", name);
            else
                snprintf(p->mismatch, size, "no value for parameter %d", i);
            return NULL;
        }
        v->is_used = true;
        weir_status bad = bind(prepared, i, v);
        if (bad) return bad;
    }
    for (int i = 0; i < p->count; i++) {
        if (p->values[i].is_used) continue;
        if (p->is_named)
            snprintf(p->mismatch, size, "the statement has no parameter \"%.100s\"",
                     p->values[i].name);
        else
            snprintf(p->mismatch, size, "%d values for %d parameters", p->count, count);
        return NULL;
    }
    return NULL;
}

bool wrp_parameters_differ(const wrp_parameters *p) { return p->mismatch[0]; }

bool wrp_parameters_mismatch(const wrp_parameters *p)
{
    if (!wrp_parameters_differ(p)) return false;
    wrp_raise_own("ProgrammingError", p->mismatch,
                  "write :name or $name for values with names, $1, $2 .. for values in a sequence");
    return true;
}
