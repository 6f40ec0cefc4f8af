/* address.h - postgresql://user@host:port/database/stream?schema=weir, taken apart; only for
 * src/remote. */
#pragma once
#include "base/arena.h"

typedef struct remote_address {
    wr_str shown;        /* without password */
    wr_str server;       /* of the database, as libpq reads it; NUL-terminated */
    wr_str database;     /* as written */
    wr_str stream;       /* the state's name */
    wr_str schema;       /* of its tables */
    wr_str cache;        /* folder of copies; empty: not said */
    int64_t retry_ms;    /* how long a commit is tried */
    bool has_a_password; /* the address itself has one */
} remote_address;

/* PARAMETER_VALUE, with the form an address has. What is libpq's to read is not looked at. */
WR_MUST_CHECK weir_status wr_remote_address_read(wr_str text, wr_arena *arena, remote_address *out);
