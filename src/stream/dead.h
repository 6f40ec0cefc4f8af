/* dead.h - where rows go that could not be read or came too late: a sink of the stream's own that
 * takes part in its commits, or nowhere but into a count. */
#pragma once
#include "stream/graph.h"
#include "sys/thread.h"

/* A column of the sink is one of these, by name. */
typedef enum wr_dead_field {
    WR_DEAD_QUERY,    /* name of the stream */
    WR_DEAD_SOURCE,   /* that was read when it happened */
    WR_DEAD_KIND,     /* "bad row", "bad group", "late" */
    WR_DEAD_POSITION, /* file and line, partition and offset; of late rows: of their batch's end;
                         of groups: none, no row of them is at fault alone */
    WR_DEAD_REASON,
    WR_DEAD_RAW, /* as it was read; late rows: a JSON object; groups: one of their keys */
    WR_DEAD_FIELDS
} wr_dead_field;

typedef struct wr_dead {
    wr_dead_letters bad, late, groups; /* for readers; for operators */
    wr_graph *graph;
    wr_stream_op *sink; /* NULL: rows are only counted */
    bool tells_bad;
    wr_str query;
    wr_mutex lock;
    /* Guarded by lock. */
    uint64_t bad_rows;
    bool has_new; /* since wr_dead_settled */
    const wr_graph_source *told_source;
    uint64_t told_batch; /* the position of whose end is in told */
    wr_buf told;
    wr_arena arena; /* of pending rows */
    wr_column *columns;
    uint32_t pending_rows;
    size_t pending_bytes;
} wr_dead;

/* Text of a row as it can stand in a column: itself if it is UTF-8, else a copy in arena whose
 * bytes above 127 are shown as \xNN. */
wr_str wr_dead_shown(wr_arena *arena, wr_str text);
/* Zeroed before. sink: an operator over a target that was checked (wr_stream_check_dead), or NULL.
 * tells_bad: rows that cannot be read go there, too. query outlives it. */
void wr_dead_init(wr_dead *dead, wr_graph *graph, wr_stream_op *sink, bool tells_bad, wr_str query);
/* What was told goes to the sink. The driving thread. */
WR_MUST_CHECK weir_status wr_dead_flush(wr_dead *dead);
/* Was something told since the last call with is_committed? Any thread. */
bool wr_dead_has_new(wr_dead *dead, bool is_committed);
uint64_t wr_dead_bad_rows(wr_dead *dead);
void wr_dead_clear(wr_dead *dead);
