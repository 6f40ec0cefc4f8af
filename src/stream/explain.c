/* explain.c - a continuous query before it runs: the graph of its stages and what was decided about
 * it, as text for people and as JSON for programs.
 *
 * Both forms say the same: a stage and the strategy are lists of facts, a name and a value each.
 * Options of connectors are not among them, so no secret is. Nothing is opened for it but operators
 * that keep state, which know then which way they go about it and refuse what they cannot do. */
#include "base/date.h"
#include "stream/specs.h"
#include "stream/running.h"
#include "stream/transform.h"
#include "stream/watermark.h"

typedef struct writer {
    const wr_stream *s;
    wr_buf *out;
    bool is_json;
    bool has_notes; /* operators write theirs when they are opened */
} writer;

/* ---- facts ---- */

static void fact(const writer *w, const char *name, wr_str value)
{
    if (!w->is_json) {
        wr_buf_printf(w->out, "     %s: %.*s\n", name, WR_STR_ARGS(value));
        return;
    }
    wr_buf_printf(w->out, ",\"%s\":", name);
    wr_buf_add_json(w->out, value);
}

static void fact_text(const writer *w, const char *name, const char *value)
{
    fact(w, name, wr_str_of(value));
}

static void fact_flag(const writer *w, const char *name, bool value)
{
    if (w->is_json) wr_buf_printf(w->out, ",\"%s\":%s", name, value ? "true" : "false");
}

/* 5400000000 is "01:30:00", days in front. */
static void add_span(wr_buf *out, int64_t us)
{
    static const int64_t day = INT64_C(86400000000);
    wr_value value = {.type = wr_type_of(WR_T_INTERVAL),
                      .interval = {.days = (int32_t)(us / day), .usecs = us % day}};
    wr_value_print(&value, out);
}

static wr_str name_of_column(void *arg, uint32_t column)
{
    const wr_schema *schema = arg;
    return (int)column < schema->count ? schema->fields[column].name : WR_STR("?");
}

static void add_names(wr_buf *out, const wr_schema *schema, int from, int count)
{
    for (int i = from; i < from + count; i++)
        wr_buf_printf(out, "%s%.*s", i > from ? ", " : "", WR_STR_ARGS(schema->fields[i].name));
}

static void fact_names(const writer *w, const char *name, const wr_schema *schema, int from,
                       int count)
{
    WR_BUF(names);
    add_names(&names, schema, from, count);
    fact(w, name, wr_buf_str(&names));
}

/* The schema of what comes in. */
static const wr_schema *input_of(const writer *w, const wr_stream_op *op, int input)
{
    const wr_graph *graph = w->s->graph;
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == op && graph->ops[i]->outputs[k].input == input)
                return graph->ops[i]->schema;
    return op->schema;
}

/* ---- stages that keep state ---- */

static void add_window(wr_buf *out, const wr_time_window *window)
{
    if (window->kind == WR_WINDOW_SESSION) {
        wr_buf_add_text(out, "sessions, gap ");
        add_span(out, window->gap);
        return;
    }
    bool tumbles = window->slide == window->size;
    wr_buf_add_text(out, tumbles ? "tumbling, size " : "hopping, size ");
    add_span(out, window->size);
    if (!tumbles) wr_buf_add_text(out, ", slide ");
    if (!tumbles) add_span(out, window->slide);
    if (window->offset) wr_buf_add_text(out, ", offset ");
    if (window->offset) add_span(out, window->offset);
}

static const char *emit_text(wr_emit emit)
{
    return emit == WR_EMIT_ON_CLOSE ? "once, when time has passed the end"
                                    : "at the end of each round, what changed";
}

static bool is_group(const wr_stream_op_def *def)
{
    return def == &wr_stream_group || def == &wr_stream_window_group ||
           def == &wr_stream_session_group;
}

static const char *late_text(const writer *w)
{
    return w->s->options.late_is_told ? "counted and dead letters" : "dropped and counted";
}

static void group_facts(const writer *w, const wr_stream_op *op)
{
    const wr_group_spec *spec = op->spec;
    WR_BUF(text);
    int first = spec->key_count + (spec->window ? 2 : 0);
    if (spec->key_count) fact_names(w, "keys", op->schema, 0, spec->key_count);
    if (spec->window) {
        add_window(&text, spec->window);
        fact(w, "windows", wr_buf_str(&text));
    }
    wr_buf_clear(&text);
    for (int i = 0; i < spec->call_count; i++) {
        const wr_schema *input = input_of(w, op, 0);
        wr_buf_printf(&text, "%s%s(%s", i ? ", " : "", spec->calls[i].fn->name,
                      spec->calls[i].is_distinct ? "DISTINCT "
                      : spec->calls[i].arg_count ? ""
                                                 : "*");
        for (int k = 0; k < spec->calls[i].arg_count; k++) {
            wr_str name = input->fields[spec->arg_first[i] + k].name;
            wr_buf_printf(&text, "%s%.*s", k ? ", " : "",
                          WR_STR_ARGS(wr_str_is(name, "$in") ? WR_STR("..") : name));
        }
        wr_str output = op->schema->fields[first + i].name;
        wr_buf_printf(&text, ") AS %.*s", WR_STR_ARGS(output));
    }
    if (spec->call_count) fact(w, "aggregates", wr_buf_str(&text));
    fact_text(w, "leaves", emit_text(spec->emit));
    wr_buf_clear(&text);
    if (spec->late == WR_LATE_REOPEN) {
        wr_buf_add_text(&text, "reopen their window within ");
        add_span(&text, spec->lateness);
        wr_buf_add_text(&text, ", later ones are ");
    }
    wr_buf_add_text(&text, late_text(w));
    if (spec->window || spec->end_key >= 0) fact(w, "late rows", wr_buf_str(&text));
}

static bool group_grows(const wr_stream_op *op)
{
    const wr_group_spec *spec = op->spec;
    bool ends = spec->emit == WR_EMIT_ON_CLOSE && (spec->window || spec->end_key >= 0);
    return spec->key_count + (spec->window != NULL) > 0 && !ends && !spec->groups_max;
}

static void join_facts(const writer *w, const wr_stream_op *op)
{
    static const char *const sides[] = {"left rows", "right rows"};
    const wr_join_spec *spec = op->spec;
    fact_text(w, "kind", wr_join_kind_name(spec->kind));
    WR_BUF(keys);
    wr_buf_printf(&keys, "%d", spec->key_count);
    fact(w, "equal keys", wr_buf_str(&keys));
    for (int i = 0; i < 2; i++)
        fact_text(w, sides[i],
                  spec->has_expiry[i] ? "kept until time has passed their bound" : "kept for ever");
    if (spec->residual) {
        WR_BUF(text);
        wr_expr_print(spec->residual, name_of_column, (void *)op->schema, &text);
        if (spec->kind != WR_JOIN_SEMI && spec->kind != WR_JOIN_ANTI)
            fact(w, "condition", wr_buf_str(&text));
    }
    fact_text(w, "leaves",
              spec->orphans_at_once
                  ? "at once; rows without a partner are taken back when one comes"
                  : "at once; rows without a partner when they expire");
}

static void asof_facts(const writer *w, const wr_stream_op *op)
{
    const wr_asof_spec *spec = op->spec;
    WR_BUF(keys);
    wr_buf_printf(&keys, "%d", spec->key_count);
    fact_text(w, "kind", spec->is_left ? "left" : "inner");
    fact(w, "keys", wr_buf_str(&keys));
    fact_text(w, "left rows", "kept until time has passed them, and answered then");
    fact_text(w, "right rows",
              spec->is_strict ? "the newest of each key before the time, and all later ones"
                              : "the newest of each key up to the time, and all later ones");
}

static bool join_grows(const wr_stream_op *op)
{
    const wr_join_spec *spec = op->spec;
    return !spec->has_expiry[0] || !spec->has_expiry[1];
}

static void top_facts(const writer *w, const wr_stream_op *op)
{
    static const char *const kinds[] = {"row_number", "rank", "dense_rank"};
    const wr_top_spec *spec = op->spec;
    WR_BUF(text);
    if (spec->partition_count + spec->order_count == 0)
        wr_buf_printf(&text, "the first %lld", (long long)spec->limit);
    else
        wr_buf_printf(&text, "%lld by %s per %d %s, in the order of %d %s", (long long)spec->limit,
                      kinds[spec->kind], spec->partition_count,
                      spec->partition_count == 1 ? "key" : "keys", spec->order_count,
                      spec->order_count == 1 ? "column" : "columns");
    fact(w, "keeps", wr_buf_str(&text));
    fact_text(w, "leaves", emit_text(spec->emit));
}

static bool top_grows(const wr_stream_op *op)
{
    const wr_top_spec *spec = op->spec;
    return spec->partition_count && spec->end_column < 0;
}

/* ---- one stage ---- */

static const wr_graph_source *source_of(const wr_graph *graph, const wr_stream_op *op)
{
    for (int i = 0; i < graph->source_count; i++)
        if (graph->sources[i].entry == op) return &graph->sources[i];
    return NULL;
}

static void source_facts(const writer *w, const wr_graph_source *source)
{
    WR_BUF(names);
    for (int i = 0; i < source->column_count; i++)
        wr_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      WR_STR_ARGS(source->source->schema.fields[source->columns[i]].name));
    fact(w, "columns", wr_buf_str(&names));
    fact_text(w, "rows",
              source->source->takes_back   ? "unbounded, some taken back"
              : source->source->is_bounded ? "bounded"
                                           : "unbounded");
    fact_text(w, "after a restart",
              source->source->is_of_process   ? "begins with the rows that are there then"
              : source->source->is_replayable ? "read again from the position that was committed"
                                              : "rows that were read and not committed are lost");
}

static void sink_facts(const writer *w, const wr_stream_op *op)
{
    const wr_target *target = ((const wr_sink_spec *)op->spec)->target;
    WR_BUF(text);
    if (target->key_count) {
        wr_buf_add_text(&text, "replaced by key (");
        for (int i = 0; i < target->key_count; i++)
            wr_buf_printf(&text, "%s%.*s", i ? ", " : "",
                          WR_STR_ARGS(target->schema.fields[target->keys[i]].name));
        wr_buf_add_text(&text, ")");
    } else {
        wr_buf_add_text(&text, target->only_new_rows
                                   ? "appended, new ones of those that change, too"
                               : target->takes_back ? "appended and taken back"
                                                    : "appended");
    }
    fact_names(w, "columns", &target->schema, 0, target->schema.count);
    fact(w, "rows", wr_buf_str(&text));
    bool is_dead = op == w->s->dead.sink;
    fact_text(w, "delivery", wr_delivery_text(is_dead ? w->s->dead_delivery : w->s->delivery));
}

/* The plan between two operators, a line per node. */
static void add_plan(const writer *w, const wr_plan_node *plan)
{
    WR_BUF(text);
    if (w->is_json) {
        wr_physical_json(plan, NULL, &text);
        wr_buf_add_text(w->out, ",\"plan\":");
        wr_buf_add(w->out, text.data, text.length - 1); /* without the end of the line */
        return;
    }
    wr_physical_print(NULL, plan, &text);
    for (wr_str rest = wr_buf_str(&text); rest.length;) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        wr_buf_printf(w->out, "     %.*s\n", (int)length, rest.data);
        size_t used = length + (end != NULL);
        rest = (wr_str){rest.data + used, rest.length - used};
    }
}

static void stage_facts(const writer *w, const wr_stream_op *op)
{
    const wr_graph_source *source = source_of(w->s->graph, op);
    if (source)
        source_facts(w, source);
    else if (op->def == &wr_stream_sink)
        sink_facts(w, op);
    else if (op->def == &wr_stream_transform)
        add_plan(w, ((const wr_transform_spec *)op->spec)->plan);
    else if (op->def == &wr_stream_watermark) {
        WR_BUF(time);
        const wr_watermark_spec *spec = op->spec;
        wr_expr_print(spec->time, name_of_column, (void *)op->schema, &time);
        fact(w, "time", wr_buf_str(&time));
    } else if (is_group(op->kind))
        group_facts(w, op);
    else if (op->kind == &wr_stream_join)
        join_facts(w, op);
    else if (op->kind == &wr_stream_asof)
        asof_facts(w, op);
    else if (op->kind == &wr_stream_top)
        top_facts(w, op);
    if (w->has_notes && op->note[0]) fact_text(w, "state", op->note);
}

static wr_str title_of(const writer *w, const wr_stream_op *op, const char **connector)
{
    const wr_graph_source *source = source_of(w->s->graph, op);
    *connector = NULL;
    if (source) {
        *connector = source->source->connector;
        return source->name;
    }
    if (op->def != &wr_stream_sink) return (wr_str){0};
    *connector = ((const wr_sink_spec *)op->spec)->target->connector;
    return op == w->s->dead.sink ? w->s->options.dead_name : w->s->options.name;
}

static void add_inputs(const writer *w, const wr_stream_op *op)
{
    const wr_graph *graph = w->s->graph;
    int count = 0;
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == op)
                wr_buf_printf(w->out, "%s%d", count++ ? ", " : w->is_json ? "" : " <- ", i + 1);
}

static void add_stage(const writer *w, int number)
{
    const wr_stream_op *op = w->s->graph->ops[number];
    const char *connector;
    wr_str title = title_of(w, op, &connector);
    if (w->is_json) {
        wr_buf_printf(w->out, "%s{\"id\":%d,\"stage\":\"%s\",\"inputs\":[", number ? "," : "",
                      number + 1, op->def->name);
        add_inputs(w, op);
        wr_buf_add_text(w->out, "]");
        if (title.length) fact(w, "name", title);
        if (connector) fact_text(w, "connector", connector);
        fact_flag(w, "is_stateful", op->def->is_stateful);
    } else {
        wr_buf_printf(w->out, "  %d. %s", number + 1, op->def->name);
        if (title.length) wr_buf_printf(w->out, " %.*s", WR_STR_ARGS(title));
        if (connector) wr_buf_printf(w->out, " [%s]", connector);
        add_inputs(w, op);
        wr_buf_add_text(w->out, op->def->is_stateful ? ", keeps state\n" : "\n");
    }
    stage_facts(w, op);
    if (w->is_json) wr_buf_add_char(w->out, '}');
}

/* ---- strategy ---- */

static void delivery_facts(const writer *w)
{
    const wr_stream *s = w->s;
    WR_BUF(text);
    const wr_target *target = ((const wr_sink_spec *)s->sink->spec)->target;
    if (w->is_json) {
        fact_text(w, "delivery", wr_delivery_text(s->delivery));
        fact_text(w, "delivery_reason", s->why);
    } else {
        wr_buf_printf(&text, "%s: %s", wr_delivery_text(s->delivery), s->why);
        fact(w, "delivery", wr_buf_str(&text));
    }
    for (int i = 0; i < s->graph->source_count; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        wr_buf_clear(&text);
        wr_buf_printf(&text, "%.*s can%s be read again from an earlier position",
                      WR_STR_ARGS(source->name), source->source->is_replayable ? "" : "not");
        if (!w->is_json) fact(w, "  source", wr_buf_str(&text));
    }
    wr_buf_clear(&text);
    if (target->strongest == WR_DELIVERY_EXACTLY_ONCE)
        wr_buf_printf(&text, "%.*s takes part in commits", WR_STR_ARGS(s->options.name));
    else
        wr_buf_printf(&text, "%.*s: %s", WR_STR_ARGS(s->options.name), target->why_no_more);
    if (w->is_json)
        fact(w, "sink_reason", wr_buf_str(&text));
    else
        fact(w, "  sink", wr_buf_str(&text));
}

static bool has_stage(const wr_graph *graph, bool (*is)(const wr_stream_op *op))
{
    for (int i = 0; i < graph->op_count; i++)
        if (is(graph->ops[i])) return true;
    return false;
}

static bool keeps_state(const wr_stream_op *op) { return op->def->is_stateful; }
static bool groups(const wr_stream_op *op) { return is_group(op->kind); }
static bool has_window(const wr_stream_op *op)
{
    return is_group(op->kind) && ((const wr_group_spec *)op->spec)->window;
}

static void execution_facts(const writer *w)
{
    const wr_graph *graph = w->s->graph;
    const wr_division *division = &w->s->division;
    bool wants_workers = w->s->options.worker_count > 1, has_groups = has_stage(graph, groups);
    const char *mode = wr_execution_mode(w->s);
    WR_BUF(reason);
    wr_execution_reason(w->s, &reason);
    if (!w->is_json) {
        WR_BUF(text);
        wr_buf_printf(&text, "%s: %s", mode, reason.data);
        fact(w, "execution", wr_buf_str(&text));
        return;
    }
    bool is_bounded = true;
    for (int i = 0; i < graph->source_count; i++)
        is_bounded &= graph->sources[i].source->is_bounded;
    fact_text(w, "requested_mode", wants_workers ? "local-workers" : "single-process");
    fact_text(w, "selected_mode", mode);
    fact(w, "reason", wr_buf_str(&reason));
    fact_text(w, "transport_mode", "inproc");
    fact_text(w, "aggregate_impl", has_groups ? "hash-ref" : "not-applicable");
    fact_text(w, "aggregate_reason",
              !has_groups                ? "the query has no grouping"
              : division->part_count > 1 ? "groups live in one table per partition in this process"
                                         : "groups live in one table of this process");
    fact_flag(w, "has_window", has_stage(graph, has_window));
    fact_flag(w, "has_stateful_ops", has_stage(graph, keeps_state));
    fact_flag(w, "source_is_bounded", is_bounded);
    fact_text(w, "checkpoint_delivery_mode", wr_delivery_text(w->s->delivery));
}

static void time_facts(const writer *w)
{
    const wr_stream *s = w->s;
    WR_BUF(text);
    int watermarks = 0;
    for (int i = 0; i < s->graph->op_count; i++) {
        const wr_stream_op *op = s->graph->ops[i];
        if (op->def != &wr_stream_watermark) continue;
        const wr_watermark_spec *spec = op->spec;
        wr_buf_add_text(&text, watermarks++ ? "; " : "");
        wr_expr_print(spec->time, name_of_column, (void *)op->schema, &text);
    }
    if (!watermarks) wr_buf_add_text(&text, "none: nothing ends by time");
    if (watermarks > 1) wr_buf_add_text(&text, "; the least of those that are not idle");
    fact(w, "watermark", wr_buf_str(&text));
    if (!watermarks) return;
    wr_buf_clear(&text);
    if (s->options.idle_us) {
        wr_buf_add_text(&text, "a source without rows for ");
        add_span(&text, s->options.idle_us);
        wr_buf_add_text(&text, s->options.advances_by_clock
                                   ? " does not hold time back; the clock goes on for it"
                                   : " does not hold time back");
    } else {
        wr_buf_add_text(&text, "a source without rows holds time back");
    }
    fact(w, "idle sources", wr_buf_str(&text));
    fact_text(w, "late rows", late_text(w));
}

static void lookup_facts(const writer *w)
{
    const wr_refresher *r = &w->s->refresher;
    WR_BUF(text);
    if (!r->every_us || !r->tables.count) return;
    for (int i = 0; i < r->tables.count; i++)
        wr_buf_printf(&text, "%s%.*s", i ? ", " : "", WR_STR_ARGS(r->tables.items[i]->name));
    wr_buf_add_text(&text, ": read again when changed, looked at every ");
    add_span(&text, r->every_us);
    fact(w, "lookups", wr_buf_str(&text));
}

static void commit_facts(const writer *w)
{
    const wr_stream *s = w->s;
    WR_BUF(text);
    if (s->options.checkpoint_interval_us) {
        wr_buf_add_text(&text, "every ");
        add_span(&text, s->options.checkpoint_interval_us);
    } else {
        wr_buf_add_text(&text, "after each round");
    }
    if (s->options.checkpoint_bytes)
        wr_buf_printf(&text, ", and when %llu bytes of rows were read",
                      (unsigned long long)s->options.checkpoint_bytes);
    bool commits = s->options.state.length || s->delivery == WR_DELIVERY_EXACTLY_ONCE;
    fact(w, "checkpoints", commits ? wr_buf_str(&text) : WR_STR("none: there is nothing to keep"));
    if (s->options.state.length)
        fact(w, "state", s->committer.place);
    else {
        wr_buf_clear(&text);
        wr_buf_printf(&text, "volatile: %s", s->why_volatile);
        fact(w, "state", wr_buf_str(&text));
    }
}

static void dead_facts(const writer *w)
{
    const wr_stream *s = w->s;
    WR_BUF(text);
    bool has_over = false;
    for (int i = 0; i < s->graph->op_count; i++)
        has_over |= s->graph->ops[i]->kind == &wr_stream_over;
    wr_buf_add_text(&text, !s->options.bad_rows_pass      ? "fail the query"
                           : s->options.bad_rows_are_told ? "counted and dead letters"
                                                          : "dropped and counted");
    if (s->options.bad_rows_pass && has_over)
        wr_buf_add_text(&text, "; a window function (OVER) that fails does so for its whole "
                               "partition and fails the query");
    fact(w, "bad rows", wr_buf_str(&text));
    wr_buf_clear(&text);
    if (!s->options.dead) return;
    wr_buf_printf(&text, "into %.*s, %s: %s", WR_STR_ARGS(s->options.dead_name),
                  wr_delivery_text(s->dead_delivery), s->dead_why);
    fact(w, "dead letters", wr_buf_str(&text));
}

/* Lines that begin with "warning: ", and state that nothing bounds. */
static void collect_warnings(const wr_stream *s, wr_buf *out)
{
    for (int i = 0; i < s->graph->op_count; i++) {
        const wr_stream_op *op = s->graph->ops[i];
        const char *what = NULL;
        if (is_group(op->kind) && group_grows(op))
            what = "a group is kept for each key for ever: group by a window of time with EMIT ON "
                   "WINDOW CLOSE to bound it";
        else if (op->kind == &wr_stream_join && join_grows(op))
            what = "the join keeps rows for ever: bound it in time, as in AND b.ts BETWEEN a.ts "
                   "AND a.ts + INTERVAL '1 hour'";
        else if (op->kind == &wr_stream_top && top_grows(op))
            what = "rows are kept for each key for ever: make the end of a window part of the key "
                   "to bound it";
        if (what) wr_buf_printf(out, "%d. %s: %s\n", i + 1, op->def->name, what);
    }
}

static void add_warnings(const writer *w)
{
    WR_BUF(lines);
    collect_warnings(w->s, &lines);
    if (w->is_json) wr_buf_add_text(w->out, ",\"warnings\":[");
    bool first = true;
    for (wr_str rest = wr_buf_str(&lines); rest.length; first = false) {
        size_t length = (size_t)((const char *)memchr(rest.data, '\n', rest.length) - rest.data);
        if (w->is_json && !first) wr_buf_add_char(w->out, ',');
        if (w->is_json)
            wr_buf_add_json(w->out, (wr_str){rest.data, length});
        else
            wr_buf_printf(w->out, "     warning: %.*s\n", (int)length, rest.data);
        rest = (wr_str){rest.data + length + 1, rest.length - length - 1};
    }
    if (w->is_json) wr_buf_add_char(w->out, ']');
}

/* ---- the whole ---- */

weir_status wr_stream_explain_as(wr_stream *s, bool as_json, wr_buf *out)
{
    wr_stream_progress p;
    wr_stream_progress_of(s, &p);
    if (!s->thread) WR_TRY(wr_graph_open_state(s->graph));
    const writer w = {s, out, as_json, !s->thread || p.status != WR_STREAM_CREATED};
    wr_buf_add_text(out, as_json ? "\"physical\":[" : "physical\n");
    for (int i = 0; i < s->graph->op_count; i++)
        add_stage(&w, i);
    wr_buf_add_text(out, as_json ? "],\"strategy\":{\"v\":1" : "strategy\n");
    delivery_facts(&w);
    execution_facts(&w);
    time_facts(&w);
    lookup_facts(&w);
    dead_facts(&w);
    commit_facts(&w);
    add_warnings(&w);
    if (as_json) wr_buf_add_char(out, '}');
    return WR_OK;
}

void wr_stream_explain(wr_stream *s, wr_buf *out)
{
    weir_status bad = wr_stream_explain_as(s, false, out);
    if (bad) wr_buf_printf(out, "%s\n", wr_status_text(bad));
    wr_status_drop(bad);
}
