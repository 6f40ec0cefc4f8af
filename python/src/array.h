/* array.h - Arrow arrays made of buffers of Python. */
#pragma once
#include "session.h"

/* array_of(format, length, null_count, buffers, children=[], dictionary=None, metadata=None):
 * capsules of schema and array. buffers: objects with the buffer protocol, or None, which are kept
 * as long as the array. children: pairs of a name and the capsules of a child, which are emptied;
 * dictionary: such capsules. metadata: bytes as in a schema. */
PyObject *wrp_array_of(PyObject *module, PyObject *args);
/* text_buffers(values, takes_bytes, nan_is_null): how many are NULL, and bits, offsets (of 64 bits)
 * and bytes of a list of str (or bytes) and None; None if it has something else. */
PyObject *wrp_text_buffers(PyObject *module, PyObject *args);
