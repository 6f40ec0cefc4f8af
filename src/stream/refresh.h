/* refresh.h - reading tables and files again that a stream joins with, between two rounds.
 *
 * Lookups of one name are looked at together. What is newer is read as a whole, by all plans that
 * join with it, before any of them goes on with it; if something fails the tables of before stay.
 */
#pragma once
#include "plan/lookup.h"
#include "stream/graph.h"
#include "sys/thread.h"

/* All lookups of one name and how it went with them. Counts and error: guarded by the lock. */
typedef struct wr_refreshed {
    wr_str name;
    WR_LIST(wr_lookup *) lookups;
    WR_LIST(wr_stream_op *) readers; /* transforms */
    uint64_t refreshes, failures;    /* versions taken; looks that failed */
    wr_buf error;                    /* of the last look; empty: it went well */
} wr_refreshed;

typedef struct wr_refresher {
    int64_t every_us; /* 0: never */
    int64_t next_us;
    wr_str query;
    wr_mutex *lock; /* the stream's */
    WR_LIST(wr_refreshed *) tables;
} wr_refresher;

/* Finds the lookups of the graph's transforms; arrays are the graph's. */
void wr_refresher_init(wr_refresher *r, wr_graph *graph, int64_t every_us, wr_str query,
                       wr_mutex *lock);
void wr_refresher_clear(wr_refresher *r);
/* Looks at all of them when it is time; nothing is in flight. Fails when the query was cancelled,
 * for nothing else. */
WR_MUST_CHECK weir_status wr_refresh_due(wr_refresher *r, wr_graph *graph, int64_t now_us);
