/* session.h - an engine and a session of it that several Python objects share. */
#pragma once
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <weir/weir.h>

typedef struct wrp_database {
    weir_engine *engine;
    int process; /* wrp_gil_process() where it was opened */
    atomic_int references;
} wrp_database;

typedef struct wrp_query wrp_query;

typedef struct wrp_session {
    wrp_database *database;
    weir_session *session; /* NULL once closed; written under lock and gate */
    pthread_mutex_t gate;  /* for interrupts, which do not wait for a turn */
    wrp_query *queries;    /* open ones; guarded by lock */
    weir_query *running;   /* a change that is carried out; guarded by gate */
    pthread_mutex_t lock;  /* one thread at a time uses the session and its queries */
    atomic_int holder;     /* the thread that has the lock; 0: nobody */
    PyObject *find;        /* of the statement that is started, see tables.h; guarded by lock */
    PyObject *raised;      /* by find; guarded by lock */
    atomic_int interrupts; /* so many so far */
    atomic_int references;
} wrp_session;

/* Opens a session: of an engine of its own, or of the engine of beside if that is not NULL. The
 * caller owns one reference. On failure NULL, with a Python error. GIL held. */
wrp_session *wrp_session_open(const weir_config *config, wrp_session *beside);
void wrp_session_keep(wrp_session *session);
/* The last one closes the session, and the engine with its last session. With or without the GIL,
 * not inside a turn. */
void wrp_session_release(wrp_session *session);
/* Whether it must be left alone: this process is a fork of the one it was opened in, or the program
 * ends while the engine is inside code of Python. Nothing of it can be used or closed then. */
bool wrp_session_is_lost(const wrp_session *session);
/* Raises what is to be said of one that is lost. GIL held. */
void wrp_session_raise_lost(void);
/* Closes session and queries; later turns fail. Waits for the turn that is on. GIL held; false with
 * a Python error if this thread is inside a turn. */
bool wrp_session_close(wrp_session *session);

/* Cancels what runs in it. Any thread, with or without the GIL. */
void wrp_session_interrupt(wrp_session *session);

/* Busy: somebody else's turn, for which a thread of the engine does not wait for ever: that turn
 * may be waiting for it. */
typedef enum wrp_access { WRP_ENTERED, WRP_CLOSED, WRP_REENTERED, WRP_BUSY, WRP_LOST } wrp_access;

/* A time in which one thread alone uses the session, in which it runs without the GIL, and in which
 * Ctrl-C (on the main thread) interrupts the session at once. */
typedef struct wrp_turn {
    wrp_session *session;
    PyThreadState *thread; /* NULL: there was no GIL to let go of */
    bool listens;
} wrp_turn;

/* With the GIL, which is released until wrp_turn_end. False with a Python error if the session is
 * closed, this thread is in a turn of it already, or a signal handler raised while it waited. */
bool wrp_turn_begin(wrp_session *session, wrp_turn *turn);
/* Takes the GIL again. Raises bad, if any, as a Python error (KeyboardInterrupt if Ctrl-C was the
 * reason) and returns false then. sql: the text that positions of the error count in, or NULL. */
bool wrp_turn_end(wrp_turn *turn, weir_status bad, const char *sql, size_t length);
/* The same for callers that have the GIL or not (then it is released, too) and need no Python
 * error: says what is wrong. */
wrp_access wrp_turn_begin_quietly(wrp_session *session, wrp_turn *turn);
void wrp_turn_end_quietly(wrp_turn *turn);
