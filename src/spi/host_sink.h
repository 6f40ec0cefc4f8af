/* host_sink.h - a sink whose code is in the host program, as the connector for it sees one. */
#pragma once
#include "col/arrow.h"

/* Rows come as struct arrays; write takes rows over by setting release to NULL. All callbacks of
 * one writer are called by one thread at a time. */
typedef struct wr_host_sink_def {
    const char *name;
    void *arg;
    bool takes_changes; /* a column "change" stands in front: 1 appears, -1 is taken back */
    weir_status (*open)(void *arg, const char *query, const struct ArrowSchema *schema,
                        void **writer);
    weir_status (*write)(void *writer, const struct ArrowSchema *schema, struct ArrowArray *rows);
    /* Both or neither: without them rows are written at least once. */
    weir_status (*prepare)(void *writer, uint64_t epoch, wr_buf *token);
    weir_status (*commit)(void *writer, uint64_t epoch, const void *token, size_t size);
    weir_status (*flush)(void *writer); /* NULL: nothing to do, as the next three */
    void (*abort)(void *writer);
    void (*close)(void *writer);
    void (*drop)(void *arg);
} wr_host_sink_def;

typedef struct wr_host_sink {
    wr_host_sink_def def;
    char *name;
    _Atomic int references;
    struct wr_host_sink *next; /* of the engine's */
} wr_host_sink;

/* Any thread. Release accepts NULL; the last one calls drop. */
static inline wr_host_sink *wr_host_sink_keep(wr_host_sink *sink)
{
    sink->references++;
    return sink;
}
static inline void wr_host_sink_release(wr_host_sink *sink)
{
    if (!sink || --sink->references > 0) return;
    if (sink->def.drop) sink->def.drop(sink->def.arg);
    wr_heap_drop(sink->name);
    wr_heap_drop(sink);
}
