/* building.h - what the files that build a graph share. */
#pragma once
#include "stream/build.h"
#include "stream/specs.h"

/* Rows are complete when time has reached the value of this column and so much more. */
typedef struct wr_end_column {
    wr_column_id id;
    int64_t after;
} wr_end_column;

/* Rows belong to windows of time by their column time; nobody has looked at start and end yet. */
typedef struct wr_pending_window {
    wr_logical *node;              /* TIME_WINDOW; NULL: none pending */
    wr_column_id time, start, end; /* as they are called now; start, end: 0 = dropped */
} wr_pending_window;

/* A part of the plan that became operators up to `from`, and an ordinary plan over what that emits
 * which has not become one yet. */
typedef struct wr_piece {
    wr_logical *plan;
    wr_stream_op *from;  /* NULL: no stream is below; plan is an ordinary one */
    wr_relation *feed;   /* what plan reads; the graph's */
    bool takes_back;     /* rows with -1 may come */
    wr_column_id change; /* the column of the plan that says so, 0 = none */
    bool has_time;       /* watermarks come */
    WR_LIST(wr_end_column) ends;
    WR_LIST(wr_column_id) times; /* columns that are not before the time in rows to come */
    wr_pending_window window;
} wr_piece;

typedef struct wr_shared_op {
    int id;
    wr_stream_op *op;
    wr_piece piece; /* as it was finished: plan has the outputs of the definition */
} wr_shared_op;

typedef struct wr_builder {
    wr_planner *planner;
    wr_graph *graph;
    const wr_build_options *options;
    WR_LIST(wr_shared_op) shared;
    int next_source;
    bool reopens; /* a grouping puts windows out again when rows come late */
} wr_builder;

/* The operators of a subtree up to the last one that keeps state, and the plan above it. node is
 * rewritten. */
WR_MUST_CHECK weir_status wr_build_node(wr_builder *b, wr_logical *node, wr_piece *out);
/* The piece's plan with exactly these columns becomes an operator; *op emits them in this order.
 * Spent afterwards. */
WR_MUST_CHECK weir_status wr_piece_finish(wr_builder *b, wr_piece *piece,
                                          const wr_binding *bindings, int count, wr_stream_op **op);
/* A scan of a new feed of the graph with these columns. */
wr_logical *wr_build_feed(wr_builder *b, wr_str name, wr_output *outputs, int count,
                          wr_relation **feed);
/* A new piece over what op emits; outputs as it emits them. */
void wr_piece_begin(wr_builder *b, wr_stream_op *op, const wr_output *outputs, int count,
                    bool takes_back, bool has_time, wr_piece *out);
/* start and end of a pending window become columns of the plan. */
void wr_piece_settle_window(wr_builder *b, wr_piece *piece);
/* NULL: the rows of no value of the column are ever complete. */
const wr_end_column *wr_piece_end(const wr_piece *piece, wr_column_id id);
bool wr_piece_is_time(const wr_piece *piece, wr_column_id id);
/* An operator of the graph behind one input. schema: outputs. */
wr_stream_op *wr_build_op(wr_builder *b, const wr_stream_op_def *def, const void *spec,
                          const wr_output *outputs, int count, wr_stream_op *const *inputs,
                          int input_count);
/* What a key computed by e is called: as the column it is, or "$key". */
wr_str wr_build_key_name(const wr_builder *b, const wr_expr *e);
/* A copy of e with column ids replaced by positions among outputs. */
wr_expr *wr_build_to_positions(wr_arena *arena, const wr_expr *e, const wr_output *outputs,
                               int count);
/* UNSUPPORTED at the node, with a fix. */
weir_status wr_build_refuse(const wr_logical *node, const char *what, const char *fix);

/* A join in the plan with what is read once has put columns behind the sign: it goes last again. */
void wr_piece_keep_sign_last(wr_builder *b, wr_piece *piece);

/* build_asof.c, build_group.c, build_join.c, build_over.c, build_top.c */
WR_MUST_CHECK weir_status wr_build_asof(wr_builder *b, wr_logical *node, wr_piece *out);
WR_MUST_CHECK weir_status wr_build_group(wr_builder *b, wr_logical *node, wr_piece *out);
WR_MUST_CHECK weir_status wr_build_join(wr_builder *b, wr_logical *node, wr_piece *out);
WR_MUST_CHECK weir_status wr_build_over(wr_builder *b, wr_logical *node, wr_piece *out);
WR_MUST_CHECK weir_status wr_build_top(wr_builder *b, wr_logical *node, wr_piece *out,
                                       bool *is_top);
