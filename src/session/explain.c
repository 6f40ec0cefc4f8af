/* explain.c - EXPLAIN: how a statement would be carried out, or was (ANALYZE).
 *
 * What is explained of a definition is the query that fills what it defines. CREATE SINK .. AS and
 * CREATE MATERIALIZED VIEW over a source are explained as the stream they start (explain_stream.c):
 * the sink is defined for that and forgotten again. */
#include "session/session.h"
#include "sql/format.h"
#include "sql/parse.h"

typedef enum explain_format {
    EXPLAIN_TEXT,
    EXPLAIN_JSON,
    EXPLAIN_MERMAID,
    EXPLAIN_HTML
} explain_format;
typedef struct explain_options {
    bool analyze;
    explain_format format;
    const char *stage; /* syntax, logical, physical */
} explain_options;

static weir_status read_explain_format(const wr_sql_option *option, wr_str value,
                                       explain_format *out)
{
    static const char *const names[] = {"text", "json", "mermaid", "html"};
    for (int i = 0; i < (int)WR_COUNT(names); i++)
        if (wr_str_is(value, names[i])) {
            *out = (explain_format)i;
            return WR_OK;
        }
    return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_OPTION,
                                   option->value ? option->value->span : option->name.span,
                                   "EXPLAIN has no format \"%.*s\"", WR_STR_ARGS(value)),
                        "formats: text, json, mermaid, html");
}

static weir_status read_explain_options(weir_query *query, const wr_sql_explain *explain,
                                        explain_options *out)
{
    *out = (explain_options){.stage = "physical"};
    for (int i = 0; i < explain->options.count; i++) {
        const wr_sql_option *option = wr_sql_as_option(explain->options.items[i]);
        wr_str name = option->name.text;
        WR_BUF(value);
        if (option->value) WR_TRY(wr_read_setting(query, option->value, &value));
        bool on = !option->value ||
                  !(wr_str_is(wr_buf_str(&value), "false") || wr_str_is(wr_buf_str(&value), "off"));
        if (wr_str_is(name, "analyze"))
            out->analyze = on;
        else if (wr_str_is(name, "syntax"))
            out->stage = on ? "syntax" : out->stage;
        else if (wr_str_is(name, "logical"))
            out->stage = on ? "logical" : out->stage;
        else if (wr_str_is(name, "physical"))
            out->stage = "physical";
        else if (wr_str_is(name, "format"))
            WR_TRY(read_explain_format(option, wr_buf_str(&value), &out->format));
        else
            return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_OPTION, option->name.span,
                                           "no such option of EXPLAIN: \"%.*s\"",
                                           WR_STR_ARGS(name)),
                                "options: analyze, syntax, logical, physical, format");
    }
    if (out->format != EXPLAIN_TEXT && strcmp(out->stage, "physical") != 0)
        return wr_fail_at(WR_E_UNSUPPORTED, explain->node.span,
                          "only physical plans have a form other than text");
    return WR_OK;
}

static weir_status count_rows(void *arg, const wr_batch *batch)
{
    *(uint64_t *)arg += wr_batch_count(batch);
    return WR_OK;
}

static weir_status analyze(weir_query *query, const wr_bound *bound, explain_format format,
                           wr_buf *out)
{
    int64_t start = wr_clock_mono_ns(), cpu = wr_clock_cpu_ns();
    uint64_t rows = 0;
    WR_AUTO(wr_run) *run = NULL;
    WR_TRY(wr_query_plan(query, bound, &run));
    int64_t planned = wr_clock_mono_ns();
    for (bool more = true; more;) {
        wr_batch batch;
        WR_TRY(wr_run_next(run, &batch, &more));
        if (more) WR_TRY(count_rows(&rows, &batch));
    }
    int64_t ended = wr_clock_mono_ns();
    if (format == EXPLAIN_JSON) wr_physical_json(query->plan, run, out);
    if (format == EXPLAIN_MERMAID) wr_physical_mermaid(query->plan, run, out);
    if (format == EXPLAIN_HTML) wr_physical_html(query->plan, run, out);
    if (format != EXPLAIN_TEXT) return WR_OK;
    wr_physical_print_run(&query->planner, query->plan, run, out);
    wr_buf_printf(out,
                  "rows: %llu   planning: %.3f ms   execution: %.3f ms   cpu: %.3f ms   peak "
                  "memory: %.1f MiB\n",
                  (unsigned long long)rows, (double)(planned - start) / 1e6,
                  (double)(ended - planned) / 1e6, (double)(wr_clock_cpu_ns() - cpu) / 1e6,
                  (double)wr_mem_peak(query->mem) / 0x1p20);
    return WR_OK;
}

static weir_status check_stream_options(const wr_sql_explain *explain,
                                        const explain_options *options)
{
    if (options->analyze)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, explain->statement->span,
                                       "EXPLAIN ANALYZE would not end: the query is a stream"),
                            "EXPLAIN shows the plan, SHOW STREAMS what runs");
    if (options->format == EXPLAIN_TEXT || options->format == EXPLAIN_JSON) return WR_OK;
    return wr_fail_at(WR_E_UNSUPPORTED, explain->node.span,
                      "streams are explained as text and as JSON");
}

/* Where the rows go, and when. */
static void explain_target(const wr_bound *bound, wr_buf *out)
{
    if (!bound->target) return;
    wr_buf_printf(out, "into %.*s [%s]", WR_STR_ARGS(bound->sink->name), bound->target->connector);
    wr_buf_add_text(out, bound->is_continuous ? ", for ever" : ", once");
    wr_buf_add_text(out, bound->emit_on_close  ? ", when windows close\n"
                         : bound->emit_changes ? ", as they change\n"
                                               : "\n");
}

/* The statement, or what fills the thing it defines. */
static weir_status bind_explained(weir_query *query, wr_node *statement, wr_bound *out)
{
    wr_node *filler = statement;
    bool is_sink = false, is_view = false;
    if (statement->kind == WR_SQL_CREATE_TABLE) {
        const wr_sql_create_table *create = wr_sql_as_create_table(statement);
        is_sink = create->role == WR_ROLE_SINK;
        if (!is_sink && create->query) filler = create->query;
    } else if (statement->kind == WR_SQL_CREATE_VIEW) {
        const wr_sql_create_view *create = wr_sql_as_create_view(statement);
        is_view = create->materialized;
        if (is_view) filler = create->query;
    }
    if (is_sink) return wr_bind_filler(query, statement, out);
    query->planner.reads_changes = is_view;
    weir_status bad = wr_bind_statement(&query->planner, filler, out);
    query->planner.reads_changes = false;
    return bad;
}

static weir_status check_can_analyze(const weir_query *query, const wr_sql_explain *explain,
                                     const wr_bound *bound)
{
    const wr_node *statement = explain->statement;
    if (statement->kind == WR_SQL_CREATE_TABLE || statement->kind == WR_SQL_CREATE_VIEW)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, statement->span,
                                       "EXPLAIN ANALYZE does not define anything"),
                            "EXPLAIN ANALYZE the query behind AS");
    if (bound->writes && query->session->engine->read_only)
        return wr_fail_at(WR_E_READ_ONLY, statement->span,
                          "EXPLAIN ANALYZE would carry out the change");
    return WR_OK;
}

static weir_status explain_plan(weir_query *query, const wr_bound *bound,
                                const explain_options *options, wr_buf *out)
{
    WR_TRY(wr_plan_statement(&query->planner, bound, &query->plan));
    if (strcmp(options->stage, "logical") == 0)
        wr_logical_print(&query->planner, bound->root, out);
    else if (options->format == EXPLAIN_JSON)
        wr_physical_json(query->plan, NULL, out);
    else if (options->format == EXPLAIN_MERMAID)
        wr_physical_mermaid(query->plan, NULL, out);
    else if (options->format == EXPLAIN_HTML)
        wr_physical_html(query->plan, NULL, out);
    else
        wr_physical_print(&query->planner, query->plan, out);
    return WR_OK;
}

static weir_status explain_bound(weir_query *query, const wr_sql_explain *explain,
                                 const explain_options *options, wr_bound *bound, wr_buf *out)
{
    const wr_node *statement = explain->statement;
    bool as_json = options->format == EXPLAIN_JSON,
         is_view = statement->kind == WR_SQL_CREATE_VIEW && bound->is_continuous,
         is_stream = is_view || (bound->target && wr_runs_as_stream(query, bound));
    if (bound->kind == WR_CLASS_UTILITY)
        return wr_fail_at(WR_E_UNSUPPORTED, statement->span, "%s has no plan to explain",
                          wr_node_kind_name(statement->kind));
    if (is_stream) WR_TRY(check_stream_options(explain, options));
    if (options->analyze) WR_TRY(check_can_analyze(query, explain, bound));
    if (options->format == EXPLAIN_TEXT) explain_target(bound, out);
    if (options->analyze) return analyze(query, bound, options->format, out);
    if (!is_stream || strcmp(options->stage, "physical") != 0)
        return explain_plan(query, bound, options, out);
    if (is_view)
        return wr_with_span(wr_explain_live_view(query, wr_sql_as_create_view(explain->statement),
                                                 bound, as_json, out),
                            statement->span);
    return wr_with_span(
        wr_explain_stream(query, bound, bound->target, bound->sink->name, as_json, out),
        statement->span);
}

static weir_status explain_statement(weir_query *query, const wr_sql_explain *explain, wr_buf *out)
{
    explain_options options;
    WR_TRY(read_explain_options(query, explain, &options));
    if (strcmp(options.stage, "syntax") == 0) {
        wr_node_format(out, explain->statement);
        return WR_OK;
    }
    if (explain->statement->kind == WR_SQL_SUBSCRIBE) {
        WR_TRY(check_stream_options(explain, &options));
        return wr_explain_subscribe(query, wr_sql_as_subscribe(explain->statement),
                                    options.format == EXPLAIN_JSON, out);
    }
    wr_bound bound;
    WR_TRY(bind_explained(query, explain->statement, &bound));
    return explain_bound(query, explain, &options, &bound, out);
}

weir_status wr_run_explain(weir_query *query, const wr_sql_explain *explain)
{
    WR_BUF(text);
    query->tag = "EXPLAIN";
    WR_TRY(explain_statement(query, explain, &text));
    if (explain->statement->kind == WR_SQL_CREATE_TABLE) /* what was defined goes again */
        wr_session_undo(query->session, query->statement_mark);
    wr_text_lines(query, "plan", wr_arena_str(&query->arena, wr_buf_str(&text)));
    return WR_OK;
}

/* Runs the statements in front of the last one, where that begins. A text that cannot be parsed is
 * left to who runs it. */
static weir_status run_those_before(weir_session *session, wr_str sql, size_t *last)
{
    WR_ARENA(arena);
    wr_statement_list list;
    *last = 0;
    weir_status bad = wr_parse(&arena, sql, &list);
    if (bad || list.count < 2) {
        wr_status_drop(bad);
        return WR_OK;
    }
    *last = list.items[list.count - 1].span.pos;
    return wr_run_all_but_last(session, sql, &list);
}

weir_status weir_explain(weir_session *session, const char *sql, size_t length, const char *what,
                         const char *format, char **out)
{
    static const char *const stages[] = {"syntax", "logical", "physical", "analyze"},
                             *const formats[] = {"text", "json", "mermaid", "html"};
    bool known_stage = false, known_format = false;
    for (size_t i = 0; i < WR_COUNT(stages); i++)
        known_stage |= strcmp(stages[i], what) == 0;
    for (size_t i = 0; i < WR_COUNT(formats); i++)
        known_format |= strcmp(formats[i], format) == 0;
    if (!known_stage || !known_format)
        return wr_with_hint(wr_fail(WR_E_UNKNOWN_OPTION, "EXPLAIN has no %s \"%s\"",
                                    known_stage ? "format" : "stage", known_stage ? format : what),
                            known_stage ? "formats: text, json, mermaid, html"
                                        : "stages: syntax, logical, physical, analyze");
    WR_BUF(text);
    size_t last;
    WR_TRY(run_those_before(session, (wr_str){sql, length}, &last));
    wr_buf_printf(&text, "EXPLAIN (%s, FORMAT %s) ", what, format);
    size_t shift = text.length;
    wr_buf_add(&text, sql + last, length - last);
    weir_query *query;
    weir_status bad = weir_query_start(session, text.data, text.length, &query);
    if (bad) {
        if (bad->span.length && bad->span.pos >= shift)
            bad->span.pos = bad->span.pos - (uint32_t)shift + (uint32_t)last;
        /* The words in front are ours, not those of whom the fix is for. */
        bool is_whole = bad->fix && strncmp(bad->fix, text.data, shift) == 0;
        return is_whole ? wr_with_fix(bad, "%.*s%s", (int)last, sql, bad->fix + shift) : bad;
    }
    WR_BUF(lines);
    for (int i = 0; i < query->text_rows.row_count; i++)
        wr_buf_printf(&lines, "%.*s\n", WR_STR_ARGS(query->text_rows.values[i]));
    *out = wr_heap_copy(wr_buf_str(&lines).data, lines.length);
    weir_query_close(query);
    return WR_OK;
}
