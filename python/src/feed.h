/* feed.h - sources written in Python that are asked for rows. */
#pragma once
#include "session.h"

/* feed_create(session, name, definition, is_bounded, is_forgetful, knows_lag, wants_acks): defines
 * a source. definition has open(position), which gives a reader with read(timeout_s), close(), and
 * lag() and ack(position) if they are known and wanted. Positions are bytes. read gives (schema,
 * array, position), capsules or None and bytes or None; None: nothing came; False: nothing will. */
PyObject *wrp_feed_create(PyObject *module, PyObject *args);
