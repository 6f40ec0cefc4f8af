/* postgres.h - what the parts of a state in PostgreSQL share; only for src/remote.
 *
 *   address.c  where it is   api.c  libpq, loaded when it is needed   postgres.c  opening, one
 * writer client.c  a connection: sending, waiting, what goes wrong   tables.c  its tables commit.c
 * changes   read.c  everything */
#pragma once
#include "remote/address.h"
#include "remote/remote.h"
#include "sys/module.h"
#include <postgresql/libpq-fe.h>

#define PG_FUNCTIONS(X)          \
    X(PQconninfoParse)           \
    X(PQconninfoFree)            \
    X(PQconnectStartParams)      \
    X(PQconnectPoll)             \
    X(PQfinish)                  \
    X(PQstatus)                  \
    X(PQserverVersion)           \
    X(PQsocket)                  \
    X(PQbackendPID)              \
    X(PQerrorMessage)            \
    X(PQconnectionNeedsPassword) \
    X(PQconnectionUsedPassword)  \
    X(PQsetNoticeProcessor)      \
    X(PQsetnonblocking)          \
    X(PQsendQueryParams)         \
    X(PQsendPrepare)             \
    X(PQsendQueryPrepared)       \
    X(PQflush)                   \
    X(PQconsumeInput)            \
    X(PQisBusy)                  \
    X(PQgetResult)               \
    X(PQenterPipelineMode)       \
    X(PQexitPipelineMode)        \
    X(PQpipelineSync)            \
    X(PQgetCopyData)             \
    X(PQfreemem)                 \
    X(PQresultStatus)            \
    X(PQresultErrorField)        \
    X(PQntuples)                 \
    X(PQnfields)                 \
    X(PQgetvalue)                \
    X(PQgetlength)               \
    X(PQgetisnull)               \
    X(PQcmdTuples)               \
    X(PQcmdStatus)               \
    X(PQclear)
typedef struct pg_api {
    PG_FUNCTIONS(WR_MODULE_SLOT)
} pg_api;
/* Loads the library once. MISSING_LIBRARY. Any thread. */
WR_MUST_CHECK weir_status wr_server_api(const pg_api **out);

struct wr_remote {
    wr_arena arena;
    remote_address address;
    wr_remote_options options;
    const pg_api *api;
    PGconn *conn; /* NULL: to be connected (again) */
    int64_t heard_ns;
    int process;                /* of the server, for us; of the last connection if there is none */
    wr_buf process_age;         /* when it began, as text: numbers come again */
    wr_buf schema;              /* quoted */
    int64_t number, generation; /* of the state; of its writer: nobody else has the same */
    wr_remote_head head;
    bool is_unsure; /* a COMMIT was not answered */
    bool is_final;  /* what went wrong does not get better by connecting again */
};

/* ---- client.c ---- */
/* Connects and makes the session fit for us. */
WR_MUST_CHECK weir_status wr_server_connect(wr_remote *r);
void wr_server_disconnect(wr_remote *r);
/* Which process of the server this connection has; one day its lock may have to be broken. */
WR_MUST_CHECK weir_status wr_server_remember(wr_remote *r);
/* Text with $1.. as texts, NULL-able; the answer as text, or as binary values. */
WR_MUST_CHECK weir_status wr_server_query(wr_remote *r, const char *doing, const char *sql,
                                          int count, const char *const *values, PGresult **out);
WR_MUST_CHECK weir_status wr_server_query_binary(wr_remote *r, const char *doing, const char *sql,
                                                 PGresult **out);
/* A statement whose answer does not matter. */
WR_MUST_CHECK weir_status wr_server_run(wr_remote *r, const char *doing, const char *sql);
WR_MUST_CHECK weir_status wr_server_prepare(wr_remote *r, const char *name, const char *sql);
/* Waits until everything that was sent is on its way. */
WR_MUST_CHECK weir_status wr_server_flush(wr_remote *r);
/* The next answer; NULL: there is none any more. Does not look at what it says. */
WR_MUST_CHECK weir_status wr_server_answer(wr_remote *r, PGresult **out);
/* Waits until something comes, or a moment has passed. */
WR_MUST_CHECK weir_status wr_server_wait(wr_remote *r, bool writing);
/* What an answer that is no success means; drops it. */
WR_MUST_CHECK weir_status wr_server_refused(wr_remote *r, const char *doing, PGresult *answer);
/* The connection is gone, or does what it must not. */
WR_MUST_CHECK weir_status wr_server_lost(wr_remote *r, const char *doing);
/* Can it help to connect again? */
bool wr_server_is_passing(const wr_remote *r, weir_status bad);
static inline wr_str wr_server_cell(const wr_remote *r, const PGresult *answer, int row, int column)
{
    return (wr_str){r->api->PQgetvalue(answer, row, column),
                    (size_t)r->api->PQgetlength(answer, row, column)};
}

/* ---- tables.c ---- */
/* *found: the tables are there; makes them if create. */
WR_MUST_CHECK weir_status wr_server_tables(wr_remote *r, bool create, bool *found);
/* The statements of commits, for this connection. */
WR_MUST_CHECK weir_status wr_server_prepare_commits(wr_remote *r);

/* ---- postgres.c ---- */
bool wr_server_is_stopping(const wr_remote *r);
/* Connects, and is the writer it was before. */
WR_MUST_CHECK weir_status wr_server_reconnect(wr_remote *r);
/* The row of the state: its head and who writes it; *found false: there is none. */
WR_MUST_CHECK weir_status wr_server_read_head(wr_remote *r, wr_remote_head *head,
                                              int64_t *generation, bool *found);
