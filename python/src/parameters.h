/* parameters.h - values of Python as parameters of a statement. */
#pragma once
#include "session.h"

typedef struct wrp_parameters wrp_parameters;

/* Takes values from a sequence (for $1, $2 ..) or a dict (for :name and $name). Their texts stay
 * the objects', which are kept. NULL with a Python error. GIL held. */
wrp_parameters *wrp_parameters_new(PyObject *values);
void wrp_parameters_drop(wrp_parameters *parameters); /* GIL held; accepts NULL */
/* Binds all parameters of a statement, inside a turn. What does not match is said by
 * wrp_parameters_mismatch. */
weir_status wrp_parameters_bind(wrp_parameters *parameters, weir_prepared *prepared);
/* Whether the last bind found names or counts that differ. */
bool wrp_parameters_differ(const wrp_parameters *parameters);
/* Raises a Python error and returns true if the last bind found names or counts that differ. GIL
 * held. */
bool wrp_parameters_mismatch(const wrp_parameters *parameters);
