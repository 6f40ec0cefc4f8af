/* connector.h - what a connector implements: sources that may never end and sinks that take part
 * in commits. One folder per connector in src/conn, exporting `const wr_connector
 * wr_connector_<folder>`; the registry finds it by the name of the folder.
 *
 * Source: bind (schema known) -> open at a position -> poll .. -> ack what was committed -> close.
 * Sink: bind -> open -> write .. -> prepare -> (the state is committed) -> commit -> close. After a
 * crash commit is repeated with the token that the state holds; it must then do what is missing and
 * nothing twice.
 *
 * Threads: everything of one reader or writer is called by one thread at a time. */
#pragma once
#include "spi/format.h"

/* ---- rows and what happens to them ---- */

/* A batch and, per physical row, +1 (the row appears) or -1 (it is taken back). */
typedef struct wr_delta {
    wr_batch batch;
    const int8_t *changes; /* NULL: all rows appear */
} wr_delta;

/* Where rows go that could not be read or came too late. Thread-safe. */
typedef struct wr_dead_letters {
    weir_status (*add)(struct wr_dead_letters *self, wr_str position, wr_str reason, wr_str raw);
} wr_dead_letters;

/* ---- sources ---- */

typedef struct wr_source wr_source;
typedef struct wr_reader wr_reader;

typedef struct wr_reader_request {
    const int *columns; /* positions in the source's schema, in output order, distinct */
    int column_count;
    wr_str position; /* what position() gave, or empty: from the beginning */
    /* NULL: a row that cannot be read fails the query, naming position and reason. */
    wr_dead_letters *dead;
    wr_fs *fs;
    wr_mem *mem;
    const wr_cancel *cancel;
    bool only_looks; /* nothing will be acknowledged; of a shared source all is read */
} wr_reader_request;

typedef enum wr_poll {
    WR_POLL_ROWS, /* out has rows; there may be more at once */
    WR_POLL_IDLE, /* nothing came until the deadline */
    WR_POLL_END,  /* nothing will come any more; out is empty */
    WR_POLL_PART, /* what came since the last one is a part, which is a round; out is empty */
} wr_poll;

typedef struct wr_lag {
    bool has_rows, has_bytes;
    uint64_t rows, bytes; /* known to the source and not polled yet */
    /* Rows will come without anything more happening outside: a file must rest first, say. Without
     * it, and without rows that are known of, the source has nothing left when poll says IDLE. */
    bool is_waiting;
} wr_lag;

/* How rows come into a source that the host program fills. Any thread. */
typedef struct wr_inlet {
    /* Takes the batch `number` (0: the next one), which is pieces one after the other with all
     * columns of the source, or nothing: *taken false when there was no room until deadline_ns.
     * A batch that readers have had is taken and left out. */
    weir_status (*bring)(wr_source *source, const wr_batch *pieces, int count, int64_t number,
                         int64_t deadline_ns, bool *taken);
    void (*end)(wr_source *source); /* nothing will come any more */
    /* The last batch that all queries that commit have committed; 0: none. */
    int64_t (*committed)(wr_source *source);
} wr_inlet;

typedef struct wr_source_def {
    weir_status (*open)(wr_source *source, const wr_reader_request *request, wr_reader **out);
    /* Up to WR_BATCH_ROWS rows. Waits until deadline_ns (monotonic clock; 0: does not wait) for the
     * first. Memory of out is the reader's, valid until the next poll. Wakes up when cancelled. */
    weir_status (*poll)(wr_reader *reader, int64_t deadline_ns, wr_batch *out, wr_poll *result);
    /* What the rows of the last poll are to the source, by physical row; the source takes_back.
     * NULL function, and NULL: all appear. */
    const int8_t *(*changes)(const wr_reader *reader);
    /* Appends where reading goes on after the last poll: what open takes. Self-contained bytes with
     * a version number of their own. */
    weir_status (*position)(wr_reader *reader, wr_buf *out);
    /* Appends where a physical row of the last poll stands: "topic a partition 3 offset 17". NULL:
     * it cannot tell. */
    void (*locate)(wr_reader *reader, uint32_t row, wr_buf *out);
    /* The position is committed: brokers may be told, files may be moved. NULL: nothing to do. */
    weir_status (*ack)(wr_reader *reader, wr_str position);
    /* Of a shared source: somebody waits until what was read is committed. NULL: never. */
    bool (*wants_commit)(const wr_reader *reader);
    /* Of a shared source, instead of ack: it was not committed, because others read it now. */
    void (*lose)(wr_reader *reader);
    void (*lag)(wr_reader *reader, wr_lag *out); /* NULL: unknown */
    void (*close)(wr_reader *reader);
    /* One line for people: "partition 3 offset 1200". position as above. */
    void (*describe)(wr_str position, wr_buf *out);
    /* Fails if there is no use in reading it any more. NULL: always usable. Any thread. */
    weir_status (*usable)(wr_source *source);
    /* Of a table: another number when its rows may have changed. NULL: nobody knows. */
    uint64_t (*stamp)(wr_source *source, wr_fs *fs);
    const wr_inlet *inlet; /* NULL: rows come from elsewhere */
    void (*drop)(wr_source *source);
} wr_source_def;

struct wr_source {
    const wr_source_def *def;
    const char *connector;
    wr_schema schema;
    bool is_bounded;    /* it ends */
    bool has_parts;     /* polls say PART; a round is never less than one if memory allows it */
    bool is_table;      /* and streams join with it as with a table: rows are not followed */
    bool is_replayable; /* open at an old position gives the same rows again */
    bool takes_back;    /* rows with -1 come */
    bool is_of_process; /* positions mean nothing to another process: no state is kept */
    /* Processes share what there is to read, and positions are kept by the group they are: by ack,
     * or by a sink that carries them. */
    bool is_shared;
    _Atomic int references;
};
struct wr_reader {
    wr_source *source; /* borrowed */
};

/* ---- sinks ---- */

typedef struct wr_target wr_target; /* a bound sink */
typedef struct wr_deliverer wr_deliverer;

typedef enum wr_delivery {
    WR_DELIVERY_BEST_EFFORT, /* nothing is promised */
    WR_DELIVERY_AT_LEAST_ONCE,
    WR_DELIVERY_EXACTLY_ONCE,
} wr_delivery;

typedef struct wr_deliverer_request {
    wr_str query;         /* name of the continuous query: markers of several do not mix */
    wr_delivery delivery; /* at most what the target can */
    bool is_shared;       /* other processes run the query at the same time */
    wr_fs *fs;
    wr_mem *mem;
    const wr_cancel *cancel;
} wr_deliverer_request;

typedef struct wr_target_def {
    weir_status (*open)(wr_target *target, const wr_deliverer_request *request, wr_deliverer **out);
    /* Deltas with -1 only if the target takes them; the batch is borrowed. */
    weir_status (*write)(wr_deliverer *deliverer, const wr_delta *delta);
    /* Everything written so far becomes durable or part of token (appended). NULL with
     * WR_DELIVERY_BEST_EFFORT and AT_LEAST_ONCE only: then flush is called instead. */
    weir_status (*prepare)(wr_deliverer *deliverer, uint64_t epoch, wr_buf *token);
    /* Makes what token stands for visible, once, however often it is called. TXN_CONFLICT: it
     * carries a position, and others have read on from the one before. */
    weir_status (*commit)(wr_deliverer *deliverer, uint64_t epoch, wr_str token);
    /* From now on commit makes rows and the position of reader, of a shared source, visible at
     * once. UNSUPPORTED if it cannot do that for this one. NULL: for none. */
    weir_status (*carry)(wr_deliverer *deliverer, wr_reader *reader);
    /* Without exactly-once: everything written so far is where others see it. */
    weir_status (*flush)(wr_deliverer *deliverer);
    /* The round failed: what was written since the last prepare is forgotten. */
    void (*abort)(wr_deliverer *deliverer);
    void (*close)(wr_deliverer *deliverer);
    void (*drop)(wr_target *target);
} wr_target_def;

struct wr_target {
    const wr_target_def *def;
    const char *connector;
    wr_schema schema;
    const int *keys; /* columns rows are known by; none: rows can only be appended */
    int key_count;
    bool takes_back;         /* rows with -1: by key if there are keys, else by value */
    bool only_new_rows;      /* rows with -1 are left out by who writes (force_append_only) */
    bool has_options;        /* it was made of WITH (..): force_append_only may be among them */
    bool is_of_process;      /* what is written ends with the process: no state is kept */
    wr_delivery strongest;   /* of what it can */
    const char *why_no_more; /* one sentence; NULL with EXACTLY_ONCE */
    _Atomic int references;
};
struct wr_deliverer {
    wr_target *target; /* borrowed */
};

/* ---- connectors ---- */

typedef struct wr_connect {
    const wr_options *options; /* WITH (..), checked against the rows below */
    const wr_schema
        *schema;     /* as declared; NULL: to be found out (sources), of the query (sinks) */
    const int *keys; /* sinks: PRIMARY KEY (..) */
    int key_count;
    wr_format_context *context;
    wr_arena *arena; /* lives as long as the statement */
} wr_connect;

typedef struct wr_connector {
    const char *name, *help;
    const wr_opt *source_options; /* ended by a zero row; NULL: no source */
    const wr_opt *sink_options;   /* NULL: no sink */
    weir_status (*source)(const wr_connect *connect, wr_source **out);
    weir_status (*sink)(const wr_connect *connect, wr_target **out);
} wr_connector;

/* All connectors, generated from the folders of src/conn; ended by NULL. */
extern const wr_connector *const wr_connectors[];

static inline wr_source *wr_source_keep(wr_source *source)
{
    source->references++;
    return source;
}
static inline void wr_source_release(wr_source *source)
{
    if (source && --source->references == 0) source->def->drop(source);
}
WR_DEFINE_CLEANUP(wr_source, wr_source_release)
static inline wr_target *wr_target_keep(wr_target *target)
{
    target->references++;
    return target;
}
static inline void wr_target_release(wr_target *target)
{
    if (target && --target->references == 0) target->def->drop(target);
}
WR_DEFINE_CLEANUP(wr_target, wr_target_release)
