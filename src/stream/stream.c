/* stream.c - see stream.h: making a continuous query and looking at it from outside.
 *
 * What delivery is promised is decided here, once, from what the sink can, whether the sources can
 * be read again, and whether there is a state that survives; the reason is kept for EXPLAIN and
 * snapshots. */
#include "stream/running.h"
#include "stream/build.h"
#include "stream/view.h"
#include "stream/watermark.h"
#include "sys/clock.h"

/* Dead letters are written when they are told: their sink has no part in what the group knows. */
static wr_delivery strongest_shared(const wr_target *target, bool is_dead, const char **why)
{
    *why = target->why_no_more;
    if (target->strongest < WR_DELIVERY_AT_LEAST_ONCE) return target->strongest;
    *why = is_dead ? "the group is told after the dead letters were written" : target->why_no_more;
    if (is_dead || target->strongest < WR_DELIVERY_EXACTLY_ONCE) return WR_DELIVERY_AT_LEAST_ONCE;
    *why = "the sink commits the positions of the group together with the rows";
    return WR_DELIVERY_EXACTLY_ONCE;
}

/* The strongest delivery there is and why it is not stronger. */
static wr_delivery strongest(const wr_stream *s, const wr_target *target, const char **why)
{
    if (s->committer.is_shared) return strongest_shared(target, target == s->options.dead, why);
    *why = "sources can be read again, the sink takes part in commits and the state is kept";
    if (!s->options.state.length) {
        *why = s->why_volatile;
        return WR_DELIVERY_BEST_EFFORT;
    }
    for (int i = 0; i < s->graph->source_count; i++)
        if (!s->graph->sources[i].source->is_replayable) {
            *why = "a source cannot be read again from an earlier position";
            return WR_DELIVERY_BEST_EFFORT;
        }
    if (target->strongest < WR_DELIVERY_EXACTLY_ONCE) *why = target->why_no_more;
    return target->strongest;
}

/* What lives as long as the process has no use for a state that lives longer. */
static void choose_state(wr_stream *s, const wr_target *target)
{
    s->why_volatile = "no state directory is given, so nothing is kept over a restart";
    const char *because = NULL;
    for (int i = 0; i < s->graph->source_count; i++)
        if (s->graph->sources[i].source->is_of_process)
            because = "a source is in memory: after a restart it begins with what is there then";
    if (target->is_of_process) because = "what it writes is in memory and ends with the process";
    if (s->committer.is_shared) because = "its sources are shared: their groups keep positions";
    if (!because) return;
    s->why_volatile = because;
    s->options.state = (wr_str){0};
}

/* A sink that others write into at the same time, and that may be told what the group knows. */
static weir_status check_shared_target(const wr_target *target)
{
    if (target->def->carry ||
        (target->strongest == WR_DELIVERY_BEST_EFFORT && !target->is_of_process))
        return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_UNSUPPORTED,
                "a source of shared partitions cannot be written to a sink of %s: it is one "
                "process's, and does not keep the positions of a group",
                target->connector),
        "write to a topic of the same cluster, or leave out share_partitions");
}

/* Whatever process has a partition, the next may be another one: nothing but positions goes along.
 */
static weir_status check_shared(wr_stream *s, const wr_target *target)
{
    const wr_graph *graph = s->graph;
    int shared = 0;
    for (int i = 0; i < graph->source_count; i++)
        shared += graph->sources[i].source->is_shared;
    s->committer.is_shared = shared > 0 && !s->options.only_looks;
    if (!s->committer.is_shared) return WR_OK;
    if (shared < graph->source_count)
        return wr_with_hint(
            wr_fail(WR_E_UNSUPPORTED, "one source shares its partitions and another one does not"),
            "share_partitions = true for both, or for none");
    for (int i = 0; i < graph->op_count; i++) {
        const wr_stream_op_def *def = graph->ops[i]->def;
        if (!def->is_stateful || def == &wr_stream_watermark) continue;
        return wr_with_hint(
            wr_fail(WR_E_UNSUPPORTED,
                    "a query that keeps something (%s) cannot share partitions: what it keeps of a "
                    "partition would stay behind when another process takes it",
                    def->name),
            "leave out share_partitions and run one process (SET stream_workers = N lets it use "
            "more cores), or filter and project in shared processes and keep state in one behind "
            "them");
    }
    if (s->options.view)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED,
                                    "a view has the rows of all partitions, and others have some"),
                            "leave out share_partitions");
    if (s->options.dead) WR_TRY(check_shared_target(s->options.dead));
    return check_shared_target(target);
}

static weir_status choose_delivery(wr_stream *s, const wr_target *target, wr_delivery *out)
{
    const char *why;
    wr_delivery most = strongest(s, target, &why);
    if (s->options.is_asked && s->options.delivery > most)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "%s delivery cannot be had: %s",
                                    wr_delivery_text(s->options.delivery), why),
                            "ask for %s", wr_delivery_text(most));
    *out = s->options.is_asked ? s->options.delivery : most;
    s->why = s->options.is_asked && s->options.delivery < most ? "it was asked for" : why;
    s->delivery = *out;
    return WR_OK;
}

/* The operator that keeps the rows of a view, in front of the sink. */
static wr_stream_op *add_view(wr_stream *s, wr_stream_op *last, bool takes_back)
{
    if (!s->options.view) return last;
    wr_view_rows_spec *spec = wr_new(&s->graph->arena, wr_view_rows_spec);
    *spec = (wr_view_rows_spec){.view = s->options.view,
                                .takes_back = takes_back,
                                .keeps_state = s->options.state.length > 0};
    wr_stream_op *op = wr_graph_add(s->graph, &wr_stream_view, spec, last->schema, 1);
    wr_graph_connect(s->graph, last, op, 0);
    return op;
}

/* Dead letters go to a sink of their own, which takes part in the commits of the other one. */
static weir_status add_dead(wr_stream *s, wr_planner *planner)
{
    const wr_stream_options *options = &s->options;
    wr_target *target = options->dead;
    wr_stream_op *op = NULL;
    if (!options->bad_rows_pass && !options->late_is_told) return WR_OK;
    if (target) {
        s->dead_delivery = strongest(s, target, &s->dead_why);
        wr_sink_spec *spec = wr_new(&s->graph->arena, wr_sink_spec);
        spec->target = target;
        spec->request = (wr_deliverer_request){
            .query = wr_arena_printf(&s->graph->arena, "%.*s.dead", WR_STR_ARGS(options->name)),
            .delivery = s->dead_delivery,
            .is_shared = s->committer.is_shared,
            .fs = options->fs,
            .cancel = planner->env->cancel};
        op = wr_graph_add(s->graph, &wr_stream_sink, spec, &target->schema, 0);
    }
    wr_dead_init(&s->dead, s->graph, op, options->bad_rows_are_told, options->name);
    if (options->bad_rows_pass) {
        s->graph->dead = &s->dead.bad;
        s->graph->dead_groups = &s->dead.groups;
    }
    if (options->late_is_told) s->graph->late = &s->dead.late;
    s->committer.dead = &s->dead;
    return WR_OK;
}

static weir_status add_sink(wr_stream *s, wr_planner *planner, wr_target *target,
                            wr_stream_op *last)
{
    wr_sink_spec *spec = wr_new(&s->graph->arena, wr_sink_spec);
    spec->target = target;
    spec->request = (wr_deliverer_request){.query = s->options.name,
                                           .is_shared = s->committer.is_shared,
                                           .fs = s->options.fs,
                                           .cancel = planner->env->cancel};
    WR_TRY(choose_delivery(s, target, &spec->request.delivery));
    s->sink = wr_graph_add(s->graph, &wr_stream_sink, spec, last->schema, 1);
    wr_graph_connect(s->graph, last, s->sink, 0);
    s->committer.graph = s->graph;
    s->graph->is_volatile = s->options.state.length == 0;
    s->committer.sink = s->sink;
    s->committer.temp = s->options.temp;
    if (!s->options.state.length || s->options.is_explained) return WR_OK;
    wr_state_options options = {.create = true,
                                .survives_losing_power = true,
                                .map_bytes = wr_commit_map_bytes(s->graph),
                                .mem = s->graph->mem,
                                .cancel = planner->env->cancel,
                                .stop = &s->stop};
    return wr_state_open(s->options.state, &options, &s->committer.state);
}

/* NULL: only what operators keep decides. */
static const char *why_no_workers(const wr_stream *s, int asked, bool is_old)
{
    /* Only the thread of a reader may ask where it is. */
    if (s->graph->late) return "late rows are told with the place of their source";
    if (wr_cpu_count() == 1) return "this process may use one core only";
    if (is_old || wr_workers_have_room(s->graph, asked)) return NULL;
    return WR_NO_ROOM_FOR_WORKERS;
}

/* A state stays divided as it was made: into as many parts as there were workers. More of them
 * would let more workers share it one day, but each would get less at a time. */
static weir_status divide(wr_stream *s)
{
    int asked = WR_MIN(WR_MAX(s->options.worker_count, 1), WR_PARTS_MAX), parts;
    WR_TRY(wr_commit_parts(&s->committer, &parts));
    bool is_old = parts > 0;
    const char *why_not = why_no_workers(s, asked, is_old);
    if (why_not) asked = 1;
    if (!is_old) parts = asked;
    wr_divide(s->graph, asked, parts, &s->division);
    if (is_old && parts == 1 && s->division.can_be)
        s->division.why = "its state was made by one worker; in another folder it can be";
    if (why_not && s->division.part_count == 1) s->division.why = why_not;
    s->committer.parts = s->division.part_count;
    wr_graph_share(s->graph, wr_mem_limit(s->graph->mem), s->options.state.length > 0);
    return WR_OK;
}

weir_status wr_stream_new(wr_planner *planner, wr_logical *root, wr_target *target, wr_pool *pool,
                          wr_mem *mem, const wr_stream_options *options, wr_stream **out)
{
    WR_AUTO(wr_stream) *s = wr_heap_new(sizeof *s);
    wr_mutex_init(&s->lock);
    wr_cond_init(&s->changed);
    s->options = *options;
    s->options.name = wr_arena_str(&s->arena, options->name);
    s->options.state = wr_arena_str(&s->arena, options->state);
    s->options.temp = wr_arena_str(&s->arena, options->temp);
    s->graph = wr_graph_new(mem, planner->env, pool);
    s->graph->fs = options->fs;
    s->options.dead_name = wr_arena_str(&s->arena, options->dead_name);
    s->progress.watermark = s->now.watermark = WR_NO_TIME_YET;
    wr_build_options build = {.emit_on_close = options->emit_on_close,
                              .emit_on_change = options->emit_on_change,
                              .late_reopens = options->late_reopens,
                              .lateness = options->lateness_us,
                              .target_takes_back = target->takes_back || target->only_new_rows,
                              .target_has_options = target->has_options,
                              .target = target->connector};
    wr_stream_op *last;
    WR_TRY(wr_stream_build(planner, root, &build, s->graph, &last, &s->takes_back));
    s->committer.only_looks = options->only_looks;
    s->committer.replaces = options->replaces;
    s->committer.text = wr_arena_str(&s->arena, options->text);
    WR_TRY(check_shared(s, target));
    choose_state(s, target);
    s->committer.place = wr_state_place_shown(&s->arena, s->options.state);
    last = add_view(s, last, s->takes_back);
    WR_TRY(add_dead(s, planner));
    WR_TRY(add_sink(s, planner, target, last));
    WR_TRY(divide(s));
    wr_refresher_init(&s->refresher, s->graph, options->lookup_refresh_us, s->options.name,
                      &s->lock);
    if (options->asks_for_refresh && !s->refresher.tables.count)
        return wr_with_hint(wr_fail(WR_E_PARAMETER_VALUE, "lookup_refresh says how often to read "
                                                          "again what is joined, and no table or "
                                                          "file is"),
                            "leave lookup_refresh out");
    *out = WR_TAKE(s);
    return WR_OK;
}

bool wr_stream_takes_back(const wr_stream *s) { return s->takes_back; }

weir_status wr_stream_start(wr_stream *s)
{
    wr_assert(!s->thread);
    return wr_thread_start("weir-stream", wr_stream_run, s, &s->thread);
}

void wr_stream_stop(wr_stream *s) { s->stop = true; }

/* The error stays with the stream; everybody who asks gets a copy. */
static weir_status error_of(const wr_stream *s)
{
    return s->error ? wr_status_copy(s->error) : WR_OK;
}

weir_status wr_stream_await(wr_stream *s, int64_t deadline_ns, bool *ended)
{
    wr_mutex_lock(&s->lock);
    while (!s->progress.has_ended)
        if (!wr_cond_wait_until(&s->changed, &s->lock, deadline_ns)) break;
    *ended = s->progress.has_ended;
    weir_status bad = error_of(s);
    wr_mutex_unlock(&s->lock);
    return bad;
}

/* The round that runs now may have polled its sources before the call. */
weir_status wr_stream_await_idle(wr_stream *s, int64_t deadline_ns, bool *idle)
{
    wr_mutex_lock(&s->lock);
    const wr_stream_progress *p = &s->progress;
    uint64_t enough = p->rounds + 2;
    s->wants_commit = true;
    s->waiters++;
    while (!p->has_ended && !(p->is_idle && p->rounds >= enough))
        if (!wr_cond_wait_until(&s->changed, &s->lock, deadline_ns)) break;
    s->waiters--;
    *idle = p->has_ended || (p->is_idle && p->rounds >= enough);
    weir_status bad = error_of(s);
    wr_mutex_unlock(&s->lock);
    return bad;
}

void wr_stream_progress_of(wr_stream *s, wr_stream_progress *out)
{
    wr_mutex_lock(&s->lock);
    *out = s->progress;
    wr_mutex_unlock(&s->lock);
}

const char *wr_stream_delivery(const wr_stream *s, const char **why)
{
    *why = s->why;
    return wr_delivery_text(s->delivery);
}

void wr_stream_drop(wr_stream *s)
{
    if (!s) return;
    s->stop = true;
    if (s->thread) wr_thread_join(s->thread);
    wr_dead_clear(&s->dead);
    wr_refresher_clear(&s->refresher);
    wr_graph_drop(s->graph);
    wr_committer_clear(&s->committer);
    wr_status_drop(s->error);
    wr_buf_clear(&s->positions);
    wr_mutex_clear(&s->lock);
    wr_cond_clear(&s->changed);
    wr_arena_clear(&s->arena);
    wr_heap_drop(s);
}
