/* refresh.c - see refresh.h.
 *
 * A transform that joins with a lookup gets a second run of its plan, which reads the newer version
 * while the first one rests; then it goes on with the second. That a file is written at the moment
 * is noticed by looking at it again when it was read: then nothing is taken until the next time.
 * So rows of a round meet one version of a table, and a version is there as a whole or not at all.
 *
 * Which version a row meets depends on the clock: a row that is read again after a crash may meet a
 * newer one. */
#include "stream/refresh.h"
#include "base/log.h"
#include "stream/transform.h"

static wr_refreshed *table_of(wr_refresher *r, wr_graph *graph, wr_str name)
{
    for (int i = 0; i < r->tables.count; i++)
        if (wr_str_eq(r->tables.items[i]->name, name)) return r->tables.items[i];
    wr_refreshed *table = wr_new(&graph->arena, wr_refreshed);
    table->name = wr_arena_str(&graph->arena, name);
    wr_push(&graph->arena, &r->tables, table);
    return table;
}

void wr_refresher_init(wr_refresher *r, wr_graph *graph, int64_t every_us, wr_str query,
                       wr_mutex *lock)
{
    *r = (wr_refresher){.every_us = every_us, .query = query, .lock = lock};
    for (int i = 0; i < graph->op_count; i++) {
        wr_stream_op *op = graph->ops[i];
        if (op->def != &wr_stream_transform) continue;
        const wr_transform_spec *spec = op->spec;
        for (int k = 0; k < spec->lookups.count; k++) {
            wr_lookup *lookup = spec->lookups.items[k];
            wr_refreshed *table = table_of(r, graph, wr_lookup_name(lookup));
            wr_push(&graph->arena, &table->lookups, lookup);
            bool is_known =
                table->readers.count && table->readers.items[table->readers.count - 1] == op;
            if (!is_known) wr_push(&graph->arena, &table->readers, op);
        }
    }
}

void wr_refresher_clear(wr_refresher *r)
{
    for (int i = 0; i < r->tables.count; i++)
        wr_buf_clear(&r->tables.items[i]->error);
}

static weir_status find_newer(wr_refreshed *table, bool *found)
{
    *found = false;
    for (int i = 0; i < table->lookups.count; i++) {
        bool one;
        WR_TRY(wr_lookup_look(table->lookups.items[i], &one));
        *found |= one;
    }
    return WR_OK;
}

/* Reads the newer version everywhere; *is_whole: nobody wrote it meanwhile. */
static weir_status read_newer(wr_refreshed *table, bool *is_whole)
{
    *is_whole = true;
    for (int i = 0; i < table->readers.count; i++)
        WR_TRY(wr_transform_prepare(table->readers.items[i]));
    for (int i = 0; i < table->lookups.count && *is_whole; i++)
        WR_TRY(wr_lookup_is_whole(table->lookups.items[i], is_whole));
    return WR_OK;
}

static void settle(wr_refreshed *table, bool takes)
{
    for (int i = 0; i < table->readers.count; i++)
        wr_transform_settle(table->readers.items[i], takes);
    for (int i = 0; i < table->lookups.count; i++)
        wr_lookup_settle(table->lookups.items[i], takes);
}

/* Counted each time, told in the log when it begins and when it is another error. */
static void note(wr_refresher *r, wr_refreshed *table, bool is_taken, weir_status bad)
{
    wr_str error = bad ? wr_str_of(wr_status_text(bad)) : (wr_str){0};
    bool is_news = bad && !wr_str_eq(wr_buf_str(&table->error), error);
    wr_mutex_lock(r->lock);
    table->refreshes += is_taken;
    table->failures += bad != WR_OK;
    if (is_news || !bad) wr_buf_clear(&table->error);
    if (is_news) wr_buf_add_str(&table->error, error);
    wr_mutex_unlock(r->lock);
    if (!is_news) return;
    WR_BUF(name);
    WR_BUF(query);
    wr_buf_add_str(&name, table->name);
    wr_buf_add_str(&query, r->query);
    wr_log(WR_LOG_WARN, "the rows of a lookup that were there are kept", "query", query.data,
           "lookup", name.data, "error", table->error.data, NULL);
}

static weir_status refresh(wr_refresher *r, wr_graph *graph, wr_refreshed *table)
{
    bool found, is_whole = false;
    weir_status bad = find_newer(table, &found);
    if (!bad && found) bad = read_newer(table, &is_whole);
    bool takes = !bad && found && is_whole;
    settle(table, takes);
    weir_status cancelled = wr_cancel_check(graph->env->cancel);
    if (!cancelled) note(r, table, takes, bad);
    wr_status_drop(bad);
    return cancelled;
}

weir_status wr_refresh_due(wr_refresher *r, wr_graph *graph, int64_t now_us)
{
    if (!r->every_us || !r->tables.count || now_us < r->next_us) return WR_OK;
    bool is_first = r->next_us == 0; /* what was bound is a moment old */
    r->next_us = now_us + r->every_us;
    for (int i = 0; i < r->tables.count && !is_first; i++)
        WR_TRY(refresh(r, graph, r->tables.items[i]));
    return WR_OK;
}
