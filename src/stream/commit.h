/* commit.h - the durable steps of a continuous query. */
#pragma once
#include "stream/dead.h"

typedef struct wr_committer {
    wr_graph *graph;
    wr_stream_op *sink;
    wr_state *state;     /* NULL: the query is volatile */
    wr_state *spill;     /* of a volatile query: what memory does not hold; NULL: it holds all */
    wr_str temp;         /* folder for it */
    uint32_t section;    /* of epoch, positions and tokens */
    wr_str place;        /* of the state, for messages */
    wr_str text;         /* of the statement; empty: unknown */
    int parts;           /* that keys are divided into, 1 = they are not */
    bool is_known;       /* the state says what query it is of */
    bool replaces;       /* the state of another query ends with the first commit */
    bool only_looks;     /* sources do not hear of commits */
    bool is_shared;      /* positions are those of groups of processes; there is no state */
    uint64_t epoch;      /* of the last commit; 0: none yet */
    uint64_t bytes;      /* written by the last one */
    int64_t took_us;     /* by the last one */
    uint64_t disk_bytes; /* of the state */
    wr_buf token;        /* of the last one */
    wr_dead *dead;       /* NULL: there are no dead letters */
    wr_buf dead_token;
} wr_committer;

/* Into how many parts the state divides keys; 0: there is no state yet. */
WR_MUST_CHECK weir_status wr_commit_parts(wr_committer *c, int *parts);
/* Gives operators their sections, reads what was committed last, goes on with what that had not
 * finished, and opens the readers where it says. *restored: there was something. */
WR_MUST_CHECK weir_status wr_commit_restore(wr_committer *c, bool *restored);
/* One epoch more: everything pushed so far counts, or, after a failure, nothing since the last one.
 */
WR_MUST_CHECK weir_status wr_commit_epoch(wr_committer *c);
/* For a query that keeps nothing: operators give back what they need not hold any more. Between
 * rounds. */
void wr_commit_nothing(wr_committer *c);
/* How much of the map of a state may count as memory. */
uint64_t wr_commit_map_bytes(const wr_graph *graph);
/* Makes room in memory: what operators keep goes into the state, as a commit or, for a volatile
 * query, into a file that ends with it. */
WR_MUST_CHECK weir_status wr_commit_spill(wr_committer *c);
void wr_committer_clear(wr_committer *c);
