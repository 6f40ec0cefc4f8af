/* host_feed.h - a source whose code is in the host program, as the connector for it sees one. */
#pragma once
#include "col/batch.h"

/* What one call of read brought. */
typedef struct wr_host_rows {
    int64_t rows; /* -1: none came */
    bool has_ended;
    wr_buf position; /* where reading goes on behind them; empty: the program did not say */
} wr_host_rows;

/* All callbacks of one reader are called by one thread at a time. */
typedef struct wr_host_feed_def {
    const char *name;
    void *arg;
    bool is_bounded;
    bool is_forgetful; /* it cannot be opened at an earlier position */
    bool knows_lag, wants_acks;
    /* wanted: the columns that columns() gives; lives as long as the reader. */
    weir_status (*open)(void *arg, const wr_schema *wanted, wr_str position, wr_mem *mem,
                        void **reader);
    /* Waits up to timeout_ms for the next rows, which take the place of those before; out->position
     * is empty before. */
    weir_status (*read)(void *reader, int64_t timeout_ms, wr_host_rows *out);
    /* Rows [from, from + count) of those read last; valid until the next read, and as arena. */
    weir_status (*columns)(void *reader, int64_t from, uint32_t count, const int *columns,
                           int column_count, wr_arena *arena, wr_batch *out);
    int64_t (*lag)(void *reader); /* rows it knows of and has not given; -1: unknown */
    weir_status (*ack)(void *reader, wr_str position);
    void (*close)(void *reader);
    void (*drop)(void *arg);
} wr_host_feed_def;

typedef struct wr_host_feed {
    wr_host_feed_def def;
    char *name;
    _Atomic int references;
    struct wr_host_feed *next; /* of the engine's */
} wr_host_feed;

/* Any thread. Release accepts NULL; the last one calls drop. */
static inline wr_host_feed *wr_host_feed_keep(wr_host_feed *feed)
{
    feed->references++;
    return feed;
}
static inline void wr_host_feed_release(wr_host_feed *feed)
{
    if (!feed || --feed->references > 0) return;
    if (feed->def.drop) feed->def.drop(feed->def.arg);
    wr_heap_drop(feed->name);
    wr_heap_drop(feed);
}
