/* session.c - whose turn it is.
 *
 * A session is for one thread at a time, Python objects are used by any. So each use is a turn: it
 * takes the lock of the session first and then lets go of the GIL, never the other way round for
 * long: a thread that has to wait for the lock waits without the GIL. Code of Python that runs
 * inside a turn (an iterator that brings rows) may take the GIL, since nobody waits for the lock
 * with it; if that code uses the same session it is told so instead of waiting for itself.
 *
 * Ctrl-C: Python's own handler only notes the signal for later, and later is when the query has
 * ended. During a turn of the main thread another handler stands in front of it, which interrupts
 * the session and then calls Python's. */
#include "session.h"
#include "errors.h"
#include "gil.h"
#include "query.h"
#include "tables.h"
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Not in the limited interface, but in every Python so far; without it nobody seems to have it. */
static bool has_gil(void)
{
    static int (*_Atomic check)(void);
    static atomic_bool is_known;
    if (!atomic_load(&is_known)) {
        atomic_store(&check, (int (*)(void))dlsym(RTLD_DEFAULT, "PyGILState_Check"));
        atomic_store(&is_known, true);
    }
    int (*ask)(void) = atomic_load(&check);
    return ask && ask();
}

/* ---- life ---- */

bool wrp_session_is_lost(const wrp_session *session)
{
    return session->database->process != wrp_gil_process() || wrp_gil_is_stuck();
}

void wrp_session_raise_lost(void)
{
    wrp_raise_own("InterfaceError",
                  "the connection belongs to the process that this one was forked from",
                  "open a connection after fork(), or start processes with spawn");
}

static void release_database(wrp_database *database)
{
    if (atomic_fetch_sub(&database->references, 1) > 1) return;
    weir_engine_close(database->engine);
    free(database);
}

static wrp_database *open_database(const weir_config *config)
{
    weir_engine *engine;
    weir_status bad;
    Py_BEGIN_ALLOW_THREADS;
    bad = weir_engine_open(config, &engine);
    Py_END_ALLOW_THREADS;
    if (bad) {
        wrp_raise(bad, NULL, 0);
        return NULL;
    }
    wrp_database *database = calloc(1, sizeof *database);
    if (!database) {
        weir_engine_close(engine);
        PyErr_NoMemory();
        return NULL;
    }
    database->engine = engine;
    database->process = wrp_gil_process();
    return database;
}

wrp_session *wrp_session_open(const weir_config *config, wrp_session *beside)
{
    if (beside && wrp_session_is_lost(beside)) {
        wrp_session_raise_lost();
        return NULL;
    }
    wrp_database *database = beside ? beside->database : open_database(config);
    if (!database) return NULL;
    atomic_fetch_add(&database->references, 1);
    wrp_session *session = calloc(1, sizeof *session);
    weir_status bad = session ? weir_session_open(database->engine, &session->session) : NULL;
    if (!session || bad) {
        if (!session)
            PyErr_NoMemory();
        else
            wrp_raise(bad, NULL, 0);
        free(session);
        release_database(database);
        return NULL;
    }
    session->database = database;
    session->references = 1;
    pthread_mutex_init(&session->lock, NULL);
    pthread_mutex_init(&session->gate, NULL);
    weir_session_find_tables(session->session, wrp_find_table, session);
    return session;
}

void wrp_session_keep(wrp_session *session) { atomic_fetch_add(&session->references, 1); }

static void close_session(wrp_session *session)
{
    while (session->queries)
        wrp_query_end(session->queries);
    pthread_mutex_lock(&session->gate);
    weir_session *closed = session->session;
    session->session = NULL;
    pthread_mutex_unlock(&session->gate);
    weir_session_close(closed);
}

void wrp_session_release(wrp_session *session)
{
    if (!session || atomic_fetch_sub(&session->references, 1) > 1) return;
    if (wrp_session_is_lost(session)) return;
    PyThreadState *thread = has_gil() ? PyEval_SaveThread() : NULL; /* views may want it to end */
    close_session(session);                                         /* nobody else has it */
    pthread_mutex_destroy(&session->lock);
    pthread_mutex_destroy(&session->gate);
    release_database(session->database);
    free(session);
    if (thread) PyEval_RestoreThread(thread);
}

void wrp_session_interrupt(wrp_session *session)
{
    if (wrp_session_is_lost(session)) return;
    pthread_mutex_lock(&session->gate);
    atomic_fetch_add(&session->interrupts, 1);
    if (session->session) weir_session_interrupt(session->session);
    pthread_mutex_unlock(&session->gate);
}

/* ---- Ctrl-C ---- */

static wrp_session *_Atomic interruptible; /* of the main thread's turn */
static struct sigaction before;            /* Python's; written by the main thread alone */

static void interrupt(int number, siginfo_t *origin, void *context)
{
    wrp_session *session = atomic_load(&interruptible);
    if (session) {
        atomic_fetch_add(&session->interrupts, 1);
        weir_session_interrupt(session->session);
    }
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, origin, context);
    else if (before.sa_handler != SIG_IGN && before.sa_handler != SIG_DFL)
        before.sa_handler(number);
}

/* Only where Ctrl-C means something to Python, and not for a turn inside another one. */
static bool start_listening(wrp_session *session)
{
    if (gettid() != getpid() || atomic_load(&interruptible)) return false;
    struct sigaction now;
    if (sigaction(SIGINT, NULL, &now) != 0) return false;
    bool has_handler =
        now.sa_flags & SA_SIGINFO || (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN);
    if (!has_handler) return false;
    before = now;
    atomic_store(&interruptible, session);
    now.sa_flags |= SA_SIGINFO;
    now.sa_sigaction = interrupt;
    return sigaction(SIGINT, &now, NULL) == 0;
}

static void stop_listening(void)
{
    sigaction(SIGINT, &before, NULL);
    atomic_store(&interruptible, NULL);
}

/* ---- turns ---- */

static wrp_access take(wrp_session *session, wrp_turn *turn)
{
    if (!session->session) {
        pthread_mutex_unlock(&session->lock);
        return WRP_CLOSED;
    }
    atomic_store(&session->holder, gettid());
    turn->session = session;
    turn->listens = start_listening(session);
    return WRP_ENTERED;
}

static bool is_mine(wrp_session *session) { return atomic_load(&session->holder) == gettid(); }

static void give_back(wrp_turn *turn)
{
    if (turn->listens) stop_listening();
    atomic_store(&turn->session->holder, 0);
    pthread_mutex_unlock(&turn->session->lock);
}

/* Whether Python has noted a Ctrl-C that it has not acted upon; leaves it noted. Without the GIL.
 */
static bool is_ctrl_c_noted(void)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return false;
    bool is_noted = PyOS_InterruptOccurred();
    if (is_noted) PyErr_SetInterrupt();
    wrp_gil_give(gil);
    return is_noted;
}

/* A thread of the engine works for a statement, whose turn ends when it is done. If code of Python
 * that it calls wants a turn of the same session, both would wait for ever. */
static bool is_worker(void)
{
    char name[16];
    return prctl(PR_GET_NAME, name) == 0 && strcmp(name, "weir-worker") == 0;
}

enum { WORKER_WAITS_MS = 2000, WAIT_MS = 50 };

static struct timespec after_ms(int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    return until;
}

static bool lock_quietly(wrp_session *session)
{
    struct timespec until = after_ms(WORKER_WAITS_MS);
    return is_worker() ? pthread_mutex_clocklock(&session->lock, CLOCK_MONOTONIC, &until) == 0
                       : pthread_mutex_lock(&session->lock) == 0;
}

wrp_access wrp_turn_begin_quietly(wrp_session *session, wrp_turn *turn)
{
    *turn = (wrp_turn){0};
    if (wrp_session_is_lost(session)) return WRP_LOST;
    if (is_mine(session)) return WRP_REENTERED;
    PyThreadState *thread = has_gil() ? PyEval_SaveThread() : NULL;
    wrp_access access = lock_quietly(session) ? take(session, turn) : WRP_BUSY;
    /* It may have come between two turns, in foreign code that does not ask for signals. */
    if (turn->listens && is_ctrl_c_noted()) weir_session_interrupt(session->session);
    turn->thread = thread;
    if (access != WRP_ENTERED && thread) PyEval_RestoreThread(thread);
    return access;
}

void wrp_turn_end_quietly(wrp_turn *turn)
{
    give_back(turn);
    if (turn->thread) PyEval_RestoreThread(turn->thread);
}

static bool refuse(wrp_access access)
{
    if (access == WRP_LOST)
        wrp_session_raise_lost();
    else if (access == WRP_CLOSED)
        wrp_raise_own("InterfaceError", "the connection is closed", NULL);
    else
        wrp_raise_own("InterfaceError",
                      "the connection is in use by the statement that calls this code",
                      "code that is called while a query runs needs a connection of its own: "
                      "Connection.session()");
    return false;
}

/* Waits for the lock without the GIL and looks at signals now and then. */
static bool wait_for_lock(wrp_session *session)
{
    for (int waited = 0; pthread_mutex_trylock(&session->lock) != 0; waited += WAIT_MS) {
        struct timespec until = after_ms(WAIT_MS);
        int busy;
        if (waited >= WORKER_WAITS_MS && is_worker()) return refuse(WRP_BUSY);
        Py_BEGIN_ALLOW_THREADS;
        busy = pthread_mutex_clocklock(&session->lock, CLOCK_MONOTONIC, &until);
        Py_END_ALLOW_THREADS;
        if (!busy) return true;
        if (PyErr_CheckSignals() != 0) return false;
    }
    return true;
}

bool wrp_turn_begin(wrp_session *session, wrp_turn *turn)
{
    *turn = (wrp_turn){0};
    if (wrp_session_is_lost(session)) return refuse(WRP_LOST);
    if (is_mine(session)) return refuse(WRP_REENTERED);
    if (!wait_for_lock(session)) return false;
    wrp_access access = take(session, turn);
    if (access != WRP_ENTERED) return refuse(access);
    if (turn->listens && PyErr_CheckSignals() != 0) { /* it came before anybody listened */
        give_back(turn);
        return false;
    }
    turn->thread = PyEval_SaveThread();
    return true;
}

bool wrp_turn_end(wrp_turn *turn, weir_status bad, const char *sql, size_t length)
{
    give_back(turn);
    PyEval_RestoreThread(turn->thread);
    if (!bad) return true;
    if (PyErr_CheckSignals() != 0)
        weir_error_drop(bad);
    else
        wrp_raise(bad, sql, length);
    return false;
}

bool wrp_session_close(wrp_session *session)
{
    wrp_turn turn;
    if (wrp_session_is_lost(session)) return true;
    if (is_mine(session)) return refuse(WRP_REENTERED);
    if (!wait_for_lock(session)) return false;
    if (take(session, &turn) == WRP_CLOSED) return true;
    turn.thread = PyEval_SaveThread();
    close_session(session);
    return wrp_turn_end(&turn, NULL, NULL, 0);
}
