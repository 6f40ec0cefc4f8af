/* arrow.h - Arrow data between the engine and Python: capsules, batches, streams of iterators.
 *
 * Everything crosses by the Arrow PyCapsule interface: capsules named "arrow_schema", "arrow_array"
 * and "arrow_array_stream", which release what nobody took out of them. */
#pragma once
#include "session.h"

/* A deep copy; false if there is no memory. Any thread. */
bool wrp_schema_copy(const struct ArrowSchema *schema, struct ArrowSchema *out);
/* Whether both have the same formats all the way down; names and metadata do not matter. */
bool wrp_schema_is_like(const struct ArrowSchema *a, const struct ArrowSchema *b);

/* New capsules that take over what is passed, also on failure (NULL with a Python error). */
PyObject *wrp_schema_capsule(struct ArrowSchema *schema);
PyObject *wrp_array_capsule(struct ArrowArray *array);
PyObject *wrp_stream_capsule(struct ArrowArrayStream *stream);

/* weir.Batch: a record batch. Takes over array, also on failure; schema is copied. */
PyObject *wrp_batch_new(const struct ArrowSchema *schema, struct ArrowArray *array);
PyObject *wrp_batch_type(void);
/* The bytes of a buffer of a batch by the buffer protocol. */
PyObject *wrp_buffer_type(void);

/* stream_of(schema_capsule, iterator, failures): a stream capsule of what the iterator gives, pairs
 * of schema and array capsules of one type. An exception of the iterator is put into the list. */
PyObject *wrp_stream_of(PyObject *module, PyObject *args);
/* schema_fields(schema capsule): names and formats of its children; nothing of one used up. */
PyObject *wrp_schema_fields(PyObject *module, PyObject *args);
