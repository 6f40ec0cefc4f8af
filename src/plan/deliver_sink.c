/* deliver_sink.c - the rows of a batch query into a sink: written as they come, prepared and
 * committed once at the end.
 *
 * A target that takes part in commits shows all rows or none; the others are flushed. The name
 * under which it commits is one that no other statement has, because targets keep in mind which
 * epoch of which name they have seen. */
#include "plan/connect.h"
#include "sys/clock.h"

typedef struct deliver_sink {
    wr_batch_sink base;
    wr_planner *planner;
    wr_target *target;
    wr_deliverer *deliverer; /* NULL: not open */
    uint64_t rows;
} deliver_sink;

static weir_status need_open(deliver_sink *sink)
{
    static _Atomic uint64_t number;
    if (sink->deliverer) return WR_OK;
    wr_str name =
        wr_arena_printf(sink->planner->arena, "insert-%llx-%llu",
                        (unsigned long long)wr_clock_unix_us(), (unsigned long long)++number);
    const wr_deliverer_request request = {.query = name,
                                          .delivery = sink->target->strongest,
                                          .fs = sink->planner->files->fs,
                                          .mem = sink->planner->env->mem,
                                          .cancel = sink->planner->env->cancel};
    return sink->target->def->open(sink->target, &request, &sink->deliverer);
}

static weir_status deliver_write(wr_batch_sink *self, int worker, const wr_batch *batch)
{
    deliver_sink *sink = (deliver_sink *)self;
    (void)worker;
    WR_TRY(need_open(sink));
    sink->rows += wr_batch_count(batch);
    return sink->target->def->write(sink->deliverer, &(wr_delta){.batch = *batch});
}

static void close_sink(deliver_sink *sink)
{
    if (sink->deliverer) sink->target->def->close(sink->deliverer);
    sink->deliverer = NULL;
}

static weir_status commit_all(deliver_sink *sink)
{
    const wr_target_def *def = sink->target->def;
    WR_BUF(token);
    WR_TRY(need_open(sink));
    if (!def->prepare) return def->flush ? def->flush(sink->deliverer) : WR_OK;
    WR_TRY(def->prepare(sink->deliverer, 1, &token));
    return def->commit ? def->commit(sink->deliverer, 1, wr_buf_str(&token)) : WR_OK;
}

static weir_status deliver_finish(wr_batch_sink *self)
{
    deliver_sink *sink = (deliver_sink *)self;
    weir_status bad = commit_all(sink);
    if (bad && sink->deliverer && sink->target->def->abort)
        sink->target->def->abort(sink->deliverer);
    close_sink(sink);
    return bad;
}

static void deliver_abort(wr_batch_sink *self)
{
    deliver_sink *sink = (deliver_sink *)self;
    if (sink->deliverer && sink->target->def->abort) sink->target->def->abort(sink->deliverer);
    close_sink(sink);
}

static uint64_t deliver_affected(const wr_batch_sink *self)
{
    return ((const deliver_sink *)self)->rows;
}

wr_batch_sink *wr_deliver_sink_new(wr_planner *planner, wr_target *target, wr_str name)
{
    deliver_sink *sink = wr_new(planner->arena, deliver_sink);
    wr_str label = wr_arena_printf(planner->arena, "insert into %.*s", WR_STR_ARGS(name));
    sink->base = (wr_batch_sink){.write = deliver_write,
                                 .finish = deliver_finish,
                                 .abort = deliver_abort,
                                 .affected = deliver_affected,
                                 .name = label.data};
    sink->planner = planner;
    sink->target = target;
    return &sink->base;
}
