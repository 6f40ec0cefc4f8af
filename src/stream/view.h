/* view.h - the rows of a continuous query as a table that can be queried while it runs, and their
 * changes as a source of other continuous queries.
 *
 * An operator in front of the sink keeps the table. What a round changes becomes visible at its
 * end, in one transaction; other transactions see all of it or nothing. Rows need no key: equal
 * rows are counted by being there several times.
 *
 * A view is a source. Its readers begin with the rows that are there when they are attached, which
 * happens between two rounds, and go on with the changes of each round. Their queues are bounded:
 * the query waits at the end of a round while one of them is full. */
#pragma once
#include "store/table.h"
#include "stream/round.h"
#include "stream/stream.h"

typedef struct wr_view_rows wr_view_rows;

/* The view over an empty table with the columns of a query; a reference to table is taken, store
 * and mem outlive it. One reference, given up by wr_source_release(wr_view_rows_source(..)). */
wr_view_rows *wr_view_rows_new(wr_str name, wr_store *store, wr_table *table, wr_mem *mem);
wr_source *wr_view_rows_source(wr_view_rows *view); /* borrowed */
/* The view whose changes the source gives; NULL: another source. */
wr_view_rows *wr_view_rows_of_source(const wr_source *source);
wr_table *wr_view_rows_table(const wr_view_rows *view);
/* The query that keeps it, started: what readers are told when it ends. */
void wr_view_rows_follow(wr_view_rows *view, wr_stream *stream);
/* The query will be stopped: it waits for readers no more, and those that want more than it has
 * said are told that the view is gone. Afterwards the stream may be dropped. */
void wr_view_rows_close(wr_view_rows *view);
/* As close, but whoever reads its rows is told why the query is no more. Takes why. */
void wr_view_rows_fail(wr_view_rows *view, weir_status why);
/* Is somebody following its changes? Any thread. */
bool wr_view_rows_is_followed(wr_view_rows *view);
/* Waits until the sources of its query have nothing left and what they gave is in the table, or
 * deadline_ns, or the view is closed. *done also if the query has ended. Its error, if it failed.
 * Any thread. */
WR_MUST_CHECK weir_status wr_view_rows_await_idle(wr_view_rows *view, int64_t deadline_ns,
                                                  bool *done);
/* What became of the query. *ended: it is over, its rows stay as they are. Any thread. */
WR_MUST_CHECK weir_status wr_view_rows_ended(wr_view_rows *view, bool *ended);
/* Fails with the error the query has failed with. Any thread. */
WR_MUST_CHECK weir_status wr_view_rows_check(wr_view_rows *view);
/* Do sources of the stream read views? */
bool wr_view_rows_is_read_by(const wr_stream *stream);
/* Are they still at the rows that they begin with? The stream's thread, or after a round of it. */
bool wr_view_rows_is_catching_up(const wr_stream *stream);

/* The operator that keeps the table; hands on what it gets. */
typedef struct wr_view_rows_spec {
    wr_view_rows *view;
    bool takes_back;  /* rows with -1 may come */
    bool keeps_state; /* there is a state that survives */
} wr_view_rows_spec;
extern const wr_stream_op_def wr_stream_view;

/* view.c, for the operator. The end of a round: round (a reference, or NULL: nothing changed) goes
 * to all readers, those who wait are attached, and the query waits until their queues have room. */
WR_MUST_CHECK weir_status wr_view_rows_publish(wr_view_rows *view, wr_round *round,
                                               const wr_cancel *cancel);
/* Is there anybody for whom rounds have to be copied? */
bool wr_view_rows_has_readers(wr_view_rows *view);
wr_mem *wr_view_rows_mem(const wr_view_rows *view);
wr_store *wr_view_rows_store(const wr_view_rows *view);
