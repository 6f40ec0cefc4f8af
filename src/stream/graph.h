/* graph.h - a running continuous query: operators that keep state, the plans between them, and how
 * rows, time and rounds travel through them.
 *
 * Edges lead from an operator to one input of another. A delta is borrowed for the call it is
 * passed to; operators call wr_stream_emit, which pushes into every operator behind, depth first.
 * All of one graph runs on one thread. */
#pragma once
#include "exec/run.h"
#include "expr/eval.h"
#include "spi/connector.h"
#include "store/state.h"

typedef struct wr_graph wr_graph;
typedef struct wr_stream_op wr_stream_op;
typedef struct wr_stream_op_def wr_stream_op_def;
typedef struct wr_workers wr_workers;

enum { WR_NO_TIME_YET = INT64_MIN };

/* One source of a graph and its reader. */
typedef struct wr_graph_source {
    wr_source *source;
    wr_str name;
    const int *columns; /* of the source's schema, that are read */
    int column_count;
    wr_stream_op *entry; /* passes what was read on */
    wr_reader *reader;
    const wr_stream_op *clock; /* whose time is that of its rows; NULL: they wait for nobody */
    int64_t last_rows_ns;      /* when rows came last, or it began */
    bool has_ended, is_idle;
    bool had_rows; /* when it was polled last */
    bool waits;    /* it is ahead of others: they are polled first */
    uint64_t rows, batches, parts;
} wr_graph_source;

struct wr_graph {
    wr_arena arena; /* specs, operators' arrays: as long as the graph */
    wr_mem *mem;
    const wr_env *env;
    wr_pool *pool;
    wr_fs *fs;
    bool is_volatile;             /* without a state: operators need not remember what changed */
    wr_dead_letters *dead;        /* for readers; NULL: a row that cannot be read fails the query */
    wr_dead_letters *dead_groups; /* for groups without a result; NULL: they fail the query */
    wr_dead_letters *late;        /* NULL: rows that come too late are only counted */
    const wr_graph_source *polled; /* whose rows are on their way; NULL: none yet */
    wr_stream_op **ops;            /* every one behind those that feed it; the last is the sink */
    int op_count, op_cap;
    wr_graph_source *sources;
    int source_count, source_cap;
    uint64_t pages_max;           /* of the state that one commit should touch; 0: any number */
    WR_LIST(wr_relation *) feeds; /* references; released with the graph */
    wr_workers *workers;          /* NULL: one thread does everything */
};

typedef struct wr_stream_edge {
    wr_stream_op *to;
    int input;
} wr_stream_edge;

struct wr_stream_op {
    const wr_stream_op_def *def;
    const wr_stream_op_def *kind; /* def, or that of the parts it is divided into */
    const wr_stream_op *whole;    /* the divided operator it is a part of; NULL: none */
    wr_graph *graph;
    const void *spec;        /* what the definition was built from */
    const wr_schema *schema; /* of what it emits, without $change */
    wr_mem *mem;             /* budget of this operator: its state is counted here */
    wr_arena arena;          /* small things that live as long as the operator */
    uint32_t section;        /* of the state store */
    wr_state *state;         /* where it reads what it does not keep in memory; NULL: none yet */
    uint64_t share;          /* bytes it keeps over a commit at most; 0: all */
    uint64_t kept_bytes;     /* it did keep */
    bool is_behind;          /* advance has more to do than it did: call wr_graph_catch_up */
    wr_stream_edge *outputs;
    int output_count, input_count;
    int64_t *input_times; /* the watermark that came through each input */
    bool *input_idle;     /* this input does not hold time back at the moment */
    int64_t time;         /* the smallest of them; what was passed on last */
    uint64_t rows_in, rows_out, late_rows;
    bool is_open;
    bool keeps_rows; /* its rows stand where they stood in what it was pushed */
    char note[96];   /* for EXPLAIN: the way chosen */
};

struct wr_stream_op_def {
    const char *name; /* "window aggregate" */
    size_t size;      /* of its own struct, zeroed by the graph */
    bool is_stateful; /* save and load are there; refused otherwise */
    bool takes_back;  /* push understands rows that are taken back */
    bool keeps_rows;  /* of the operator, unless open says so */
    bool passes_time; /* by itself, later: what it puts out for it is still on its way */
    weir_status (*open)(wr_stream_op *op);
    weir_status (*push)(wr_stream_op *op, int input, const wr_delta *delta);
    /* op->time rose: everything before it has been pushed. NULL: nothing happens. It may do a part
     * (is_behind) and is called again then, before anything else is pushed. */
    weir_status (*advance)(wr_stream_op *op);
    /* Changes were not listed so far; from now on they are, and everything in memory is one. */
    weir_status (*list_all)(wr_stream_op *op);
    /* How many pages of the state the next save will touch, about; NULL: few. */
    uint64_t (*pending)(wr_stream_op *op);
    /* The round ends: what is said once per round leaves now. NULL: nothing happens. */
    weir_status (*flush)(wr_stream_op *op);
    /* With passes_time: what was pushed so far has left when this returns. Not from within push. */
    weir_status (*settle)(wr_stream_op *op);
    /* Several sections instead of one; name is that of the operator. NULL: one. */
    weir_status (*sections)(wr_stream_op *op, wr_state *state, wr_str name);
    /* Writes what changed since the last settled save. It counts as written when settled says so;
     * then what exceeds op->share may be forgotten and read again from op->state. */
    weir_status (*save)(wr_stream_op *op, wr_state *state);
    void (*settled)(wr_stream_op *op, bool committed);
    /* Reads what it needs to go on; the rest may be read when it is asked for. Once, after open. */
    weir_status (*load)(wr_stream_op *op, wr_state *state);
    void (*close)(wr_stream_op *op); /* also after a failed open */
};

/* Hands a delta on; rows that nobody sees any more are not looked at. */
WR_MUST_CHECK weir_status wr_stream_emit(wr_stream_op *op, const wr_delta *delta);
/* Time of one input rose; advance is called and the time passed on when the smallest one did. */
WR_MUST_CHECK weir_status wr_stream_advance(wr_stream_op *op, int input, int64_t time);
/* An operator that is behind goes on. */
WR_MUST_CHECK weir_status wr_stream_catch_up(wr_stream_op *op);
/* One input has had no rows for long, or has some again: the others decide about time. */
WR_MUST_CHECK weir_status wr_stream_idle(wr_stream_op *op, int input, bool is_idle);
/* A row that came too late: counted, and given to the dead letters if there are some. */
WR_MUST_CHECK weir_status wr_stream_late(wr_stream_op *op, const wr_batch *batch, uint32_t row,
                                         const char *reason);
/* A row for which an expression failed, which is lent: given to the dead letters. schema: of batch;
 * NULL: its columns have no names. is_pushed: batch stands as it was pushed to op. */
WR_MUST_CHECK weir_status wr_stream_bad_row(wr_stream_op *op, const wr_schema *schema,
                                            const wr_batch *batch, uint32_t row, bool is_pushed,
                                            weir_status why);
/* A group whose result cannot be computed for a reason, which is lent: its keys, the one row of
 * keys, are given to the dead letters. Any thread. */
WR_MUST_CHECK weir_status wr_stream_bad_group(wr_stream_op *op, const wr_schema *schema,
                                              const wr_batch *keys, weir_status why);

/* The source has been idle for long, or is no more. */
WR_MUST_CHECK weir_status wr_graph_source_idle(wr_graph_source *source, bool is_idle);
/* Hand on what comes: behind a reader, and where several streams become one. */
extern const wr_stream_op_def wr_stream_entry, wr_stream_union;

/* An empty graph below mem; env and pool outlive it. */
wr_graph *wr_graph_new(wr_mem *mem, const wr_env *env, wr_pool *pool);
void wr_graph_drop(wr_graph *graph);
WR_DEFINE_CLEANUP(wr_graph, wr_graph_drop)
/* Adds an operator behind all others; opened by wr_graph_open. spec and schema live as long as the
 * graph's arena. */
wr_stream_op *wr_graph_add(wr_graph *graph, const wr_stream_op_def *def, const void *spec,
                           const wr_schema *schema, int input_count);
/* An operator outside the order of the graph, its budget below mem; and one in memory of its owner.
 */
wr_stream_op *wr_stream_op_new(wr_graph *graph, const wr_stream_op_def *def, const void *spec,
                               const wr_schema *schema, int input_count, wr_mem *mem);
void wr_stream_op_init(wr_stream_op *op, wr_graph *graph, const wr_stream_op_def *def,
                       const void *spec, const wr_schema *schema, int input_count, wr_mem *mem);
void wr_stream_op_drop(wr_stream_op *op);
void wr_stream_op_clear(wr_stream_op *op); /* as drop, but for its own memory */
/* Takes the place of operator `number`, which was never opened and is dropped. */
void wr_graph_replace(wr_graph *graph, int number, wr_stream_op *op);
void wr_graph_connect(wr_graph *graph, wr_stream_op *from, wr_stream_op *to, int input);
/* Opens the operators that are not open yet; the second one only those that keep state. */
WR_MUST_CHECK weir_status wr_graph_open(wr_graph *graph);
WR_MUST_CHECK weir_status wr_graph_open_state(wr_graph *graph);
/* The end of a round: every operator flushes, those in front first. */
WR_MUST_CHECK weir_status wr_graph_flush(wr_graph *graph);
uint64_t wr_graph_state_bytes(const wr_graph *graph);
/* Shares the memory that the state may take among the operators. is_durable: commits are whole, so
 * they come before they are too large. */
void wr_graph_share(wr_graph *graph, uint64_t limit, bool is_durable);
/* Pages of the state that may be in memory while it is written. */
uint64_t wr_graph_pages_max(uint64_t limit);
/* Whether a commit should come now, so that memory suffices; and whether that is because operators
 * have more in memory than their shares. */
bool wr_graph_wants_commit(const wr_graph *graph);
bool wr_graph_is_short(const wr_graph *graph);
/* The same for an operator in the middle of advance. A part of a divided one that runs beside
 * others never does: before memory is short they are done one after the other. */
bool wr_stream_should_pause(const wr_stream_op *op);
/* Operators that are behind go on. */
WR_MUST_CHECK weir_status wr_graph_catch_up(wr_graph *graph);
bool wr_graph_is_behind(const wr_graph *graph);
