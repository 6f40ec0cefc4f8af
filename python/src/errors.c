/* errors.c - errors of the engine as Python exceptions.
 *
 * Which class belongs to which code is said in weir/errors.py; here only the parts of an error are
 * carried over. Positions in the text become character positions, as Python counts. */
#include "errors.h"
#include <stdlib.h>
#include <string.h>

static PyObject *text_or_none(const char *text)
{
    if (!text) Py_RETURN_NONE;
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static Py_ssize_t characters(const char *text, size_t bytes)
{
    Py_ssize_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void add(PyObject *parts, const char *name, PyObject *value)
{
    if (value) PyDict_SetItemString(parts, name, value);
    Py_XDECREF(value);
}

static PyObject *parts_of(weir_status bad, const char *sql, size_t length)
{
    PyObject *parts = PyDict_New();
    size_t pos, size;
    if (!parts) return NULL;
    add(parts, "code", text_or_none(weir_error_code(bad)));
    add(parts, "sqlstate", text_or_none(weir_error_sqlstate(bad)));
    add(parts, "message", text_or_none(weir_error_message(bad)));
    add(parts, "detail", text_or_none(weir_error_detail(bad)));
    add(parts, "hint", text_or_none(weir_error_hint(bad)));
    add(parts, "fix", text_or_none(weir_error_fix(bad)));
    add(parts, "candidates", text_or_none(weir_error_candidates(bad)));
    add(parts, "retryable", PyBool_FromLong(weir_error_retryable(bad)));
    if (sql && weir_error_position(bad, &pos, &size) && pos <= length && size <= length - pos) {
        add(parts, "position", PyLong_FromSsize_t(characters(sql, pos)));
        add(parts, "length", PyLong_FromSsize_t(characters(sql + pos, size)));
    }
    char *rendered = weir_error_render(bad, sql, length, false);
    add(parts, "rendered", text_or_none(rendered));
    weir_text_free(rendered);
    if (!PyErr_Occurred()) return parts;
    Py_DECREF(parts);
    return NULL;
}

/* Calls weir.errors.<function>(**parts) and raises what it gives. */
static void raise_made(const char *function, PyObject *parts)
{
    PyObject *module = parts ? PyImport_ImportModule("weir.errors") : NULL;
    PyObject *make = module ? PyObject_GetAttrString(module, function) : NULL;
    PyObject *none = make ? PyTuple_New(0) : NULL;
    PyObject *made = none ? PyObject_Call(make, none, parts) : NULL;
    if (made) PyErr_SetObject((PyObject *)Py_TYPE(made), made);
    Py_XDECREF(made);
    Py_XDECREF(none);
    Py_XDECREF(make);
    Py_XDECREF(module);
    Py_XDECREF(parts);
}

void wrp_raise(weir_status bad, const char *sql, size_t length)
{
    wrp_raise_keeping(bad, sql, length);
    weir_error_drop(bad);
}

void wrp_raise_keeping(weir_status bad, const char *sql, size_t length)
{
    raise_made("of_engine", parts_of(bad, sql, length));
}

void wrp_raise_kept(weir_status bad, PyObject *raised)
{
    weir_error_drop(bad);
    PyErr_SetObject((PyObject *)Py_TYPE(raised), raised);
    Py_DECREF(raised);
}

void wrp_raise_own(const char *name, const char *message, const char *hint)
{
    PyObject *parts = PyDict_New();
    if (parts) {
        add(parts, "name", text_or_none(name));
        add(parts, "message", text_or_none(message));
        add(parts, "hint", text_or_none(hint));
    }
    raise_made("of_package", parts);
}

/* ---- exceptions as errors of the engine ---- */

/* Text of an object that is not more important than the error itself. */
static char *text_of(PyObject *object)
{
    PyObject *text = object ? PyObject_Str(object) : NULL;
    PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;
    const char *chars = bytes ? PyBytes_AsString(bytes) : NULL;
    size_t size = chars ? strlen(chars) : 0;
    char *copy = malloc(size + 1);
    if (copy && size) memcpy(copy, chars, size);
    if (copy) copy[size] = 0;
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    PyErr_Clear();
    return copy;
}

/* KeyboardInterrupt and the like end the statement, whatever it does with rows that fail. */
static bool is_fatal(PyObject *value)
{
    return !value || !PyObject_IsInstance(value, PyExc_Exception) ||
           PyObject_IsInstance(value, PyExc_MemoryError);
}

weir_status wrp_status_raised(PyObject **kept)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    PyObject *module = PyImport_ImportModule("weir.udf");
    PyObject *pair = module && value ? PyObject_CallMethod(module, "told", "(O)", value) : NULL;
    char *message = text_of(pair ? PyTuple_GetItem(pair, 0) : type);
    char *detail = text_of(pair ? PyTuple_GetItem(pair, 1) : NULL);
    weir_status bad = weir_error_new(message && *message ? message : "a Python exception",
                                     detail && *detail ? detail : NULL);
    if (is_fatal(value)) bad = weir_error_fatal(bad);
    free(message);
    free(detail);
    Py_XDECREF(pair);
    Py_XDECREF(module);
    Py_XDECREF(type);
    if (kept && !*kept)
        *kept = value;
    else
        Py_XDECREF(value);
    Py_XDECREF(trace);
    return bad;
}
