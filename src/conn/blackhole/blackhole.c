/* blackhole.c - a sink that counts rows and forgets them: for measuring what lies before it, and
 * for queries that are run for their side effects.
 *
 * The counts of a writer are logged when it closes (WEIR_LOG=info). */
#include "base/log.h"
#include "spi/connector.h"
#include <stdio.h>

typedef struct blackhole_target {
    wr_target base;
    wr_arena arena;
} blackhole_target;

typedef struct blackhole_deliverer {
    wr_deliverer base;
    uint64_t added, taken_back;
} blackhole_deliverer;

static weir_status blackhole_open(wr_target *target, const wr_deliverer_request *request,
                                  wr_deliverer **out)
{
    (void)request;
    blackhole_deliverer *deliverer = wr_heap_new(sizeof *deliverer);
    deliverer->base.target = target;
    *out = &deliverer->base;
    return WR_OK;
}

static weir_status blackhole_write(wr_deliverer *base, const wr_delta *delta)
{
    blackhole_deliverer *deliverer = (blackhole_deliverer *)base;
    uint32_t count = wr_batch_count(&delta->batch), back = 0;
    for (uint32_t i = 0; delta->changes && i < count; i++)
        back += delta->changes[wr_batch_row(&delta->batch, i)] < 0;
    deliverer->added += count - back;
    deliverer->taken_back += back;
    return WR_OK;
}

static weir_status blackhole_flush(wr_deliverer *base)
{
    (void)base;
    return WR_OK;
}

static void blackhole_abort(wr_deliverer *base) { (void)base; }

static void blackhole_close(wr_deliverer *base)
{
    blackhole_deliverer *deliverer = (blackhole_deliverer *)base;
    char added[24], taken_back[24];
    snprintf(added, sizeof added, "%llu", (unsigned long long)deliverer->added);
    snprintf(taken_back, sizeof taken_back, "%llu", (unsigned long long)deliverer->taken_back);
    wr_log(WR_LOG_INFO, "blackhole closed", "added", added, "taken_back", taken_back, NULL);
    wr_heap_drop(deliverer);
}

static void blackhole_drop(wr_target *base)
{
    blackhole_target *target = (blackhole_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def target_def = {.open = blackhole_open,
                                         .write = blackhole_write,
                                         .flush = blackhole_flush,
                                         .abort = blackhole_abort,
                                         .close = blackhole_close,
                                         .drop = blackhole_drop};

static const wr_opt options[] = {{0}};

static weir_status blackhole_sink(const wr_connect *connect, wr_target **out)
{
    WR_TRY(wr_options_check(connect->options, options, "blackhole"));
    blackhole_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &target_def,
                               .connector = "blackhole",
                               .takes_back = true,
                               .strongest = WR_DELIVERY_AT_LEAST_ONCE,
                               .why_no_more = "nothing is kept that a repetition could be told by",
                               .references = 1};
    if (connect->schema) target->base.schema = *wr_schema_copy(&target->arena, connect->schema);
    *out = &target->base;
    return WR_OK;
}

const wr_connector wr_connector_blackhole = {
    .name = "blackhole",
    .help = "Counts rows and forgets them.",
    .sink_options = options,
    .sink = blackhole_sink,
};
