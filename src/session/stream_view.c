/* stream_view.c - materialized views whose queries go on: the rows of a stream as a table.
 *
 * Such a view belongs to the engine. Its query runs in a session of its own, made like that of who
 * created it, from the text of the statement; the session that created it may be closed. The
 * catalog knows the view as a table and holds the source of its changes (stream/view.h): while an
 * object with that source can be found, the query runs. A DROP that is committed takes the object
 * out of the catalog, and the sweep at the end of each transaction stops queries without object,
 * with a last commit. So ROLLBACK keeps the view, and closing the engine stops the newest views
 * first: those who read others go before what they read.
 *
 * With stream_state set the state lies in a folder of the view's name. When the same CREATE runs
 * again, rows and operators are as of the last commit, and sources go on from there.
 *
 * OR REPLACE by another query makes another view of that name. Whatever planning refuses leaves the
 * old one as it is. Two streams of one name and one state cannot run side by side, so the old one
 * is stopped before the other begins; its state goes with the first commit of that. If it does not
 * come so far whoever reads the old view is told, and its CREATE goes on with what it had. */
#include "plan/connect.h"
#include "session/session.h"
#include "stream/view.h"

typedef struct wr_live_view {
    struct wr_live_view *next; /* guarded by the engine's lock */
    weir_session *session;     /* its own */
    weir_query *query;
    wr_running entry;
    wr_view_rows *view;
    int holds; /* guarded by the engine's lock: it stays so long */
} wr_live_view;

static const int64_t BEGIN_NS = 30 * INT64_C(1000000000), LOOK_NS = 20 * INT64_C(1000000),
                     REFRESH_LOOK_NS = 500 * INT64_C(1000000);

/* ---- the target: rows stay in the operator in front of it ---- */

static weir_status kept_open(wr_target *target, const wr_deliverer_request *request,
                             wr_deliverer **out)
{
    (void)request;
    *out = wr_heap_new(sizeof **out);
    (*out)->target = target;
    return WR_OK;
}
static weir_status kept_write(wr_deliverer *deliverer, const wr_delta *delta)
{
    (void)deliverer;
    (void)delta;
    return WR_OK;
}
static weir_status kept_prepare(wr_deliverer *deliverer, uint64_t epoch, wr_buf *token)
{
    (void)deliverer;
    (void)epoch;
    (void)token;
    return WR_OK;
}
static weir_status kept_commit(wr_deliverer *deliverer, uint64_t epoch, wr_str token)
{
    (void)deliverer;
    (void)epoch;
    (void)token;
    return WR_OK;
}
static void kept_close(wr_deliverer *deliverer) { wr_heap_drop(deliverer); }
static void kept_drop(wr_target *target) { wr_heap_drop(target); }

/* Rows of the view are part of the state: what is committed is there once. */
static const wr_target_def kept_def = {.open = kept_open,
                                       .write = kept_write,
                                       .prepare = kept_prepare,
                                       .commit = kept_commit,
                                       .close = kept_close,
                                       .drop = kept_drop};

static wr_target *target_new(const wr_view_rows *view)
{
    wr_target *target = wr_heap_new(sizeof *target);
    *target = (wr_target){.def = &kept_def,
                          .connector = "view",
                          .schema = *wr_table_schema(wr_view_rows_table(view)),
                          .takes_back = true,
                          .strongest = WR_DELIVERY_EXACTLY_ONCE,
                          .references = 1};
    return target;
}

/* ---- its query ---- */

void wr_query_leave_transaction(weir_query *query)
{
    if (!query->holds_txn || query->session->in_block) return;
    query->holds_txn = false;
    query->session->open_queries--;
    query->view.txn = NULL;
    wr_session_statement_ends(query->session, false, query->statement_mark);
}

void wr_bound_drop_order(weir_query *query, wr_bound *bound)
{
    wr_logical *root = bound->root;
    wr_planner *planner = &query->planner;
    int count = bound->schema.count;
    if (root->output_count == count) return;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_output *output = &root->outputs[i];
        bindings[i] = (wr_binding){wr_planner_column(planner, output->name, output->type),
                                   wr_expr_column(planner->arena, output->id, output->type)};
    }
    bound->root = wr_project(planner, root, bindings, count);
}

/* Binds the text of the view in the session of its own. */
static weir_status bind_text(weir_query *query, wr_str sql, wr_bound *out)
{
    static wr_value none; /* parameters have no values */
    wr_statement statement;
    WR_TRY(wr_session_begin(query->session));
    query->statement_mark = wr_txn_savepoint(query->session->txn);
    query->holds_txn = true;
    query->session->open_queries++;
    wr_buf_add_str(&query->sql, sql);
    query->planner.params = &none;
    WR_TRY(wr_parse_one(&query->arena, wr_buf_str(&query->sql), &statement));
    wr_query_prepare_planner(query);
    query->planner.reads_changes = true;
    return wr_bind_statement(&query->planner, statement.node, out);
}

/* Like the folder of its state: schema.view, without the schema everybody uses. */
static wr_str name_of_stream(weir_query *query, const wr_object *object)
{
    wr_str schema = object->is_temporary ? WR_STR("temp") : object->schema;
    if (wr_str_is(schema, "main") || wr_str_is(schema, "public")) return object->name;
    return wr_arena_printf(&query->arena, "%.*s.%.*s", WR_STR_ARGS(schema),
                           WR_STR_ARGS(object->name));
}

/* Everything up to the start. */
static weir_status make(wr_live_view *live, wr_object *object)
{
    weir_query *query = live->query;
    wr_bound bound;
    WR_TRY(bind_text(query, object->sql, &bound));
    wr_bound_drop_order(query, &bound);
    bound.emit_on_close |= object->emit_on_close;
    bound.target = target_new(live->view);
    wr_push(&query->arena, &query->planner.targets, bound.target);
    WR_BUF(name); /* NUL-terminated */
    wr_buf_add_str(&name, name_of_stream(query, object));
    const weir_stream_options given = {.name = name.data};
    live->entry.view = live->view;
    WR_TRY(wr_make_stream(query, &bound, &given, &live->entry));
    query->cancel.deadline_ns = 0; /* statement_timeout is for statements that end */
    wr_view_rows_follow(live->view, live->entry.stream);
    wr_query_leave_transaction(query);
    return WR_OK;
}

static void live_view_drop(wr_live_view *live)
{
    if (!live) return;
    if (live->view) wr_view_rows_close(live->view);
    if (live->session) wr_unmake_stream(live->session->engine, &live->entry);
    weir_query_close(live->query);
    weir_session_close(live->session);
    if (live->view) wr_source_release(wr_view_rows_source(live->view));
    wr_heap_drop(live);
}
WR_DEFINE_CLEANUP(wr_live_view, live_view_drop)

/* What fails at once fails the statement. */
static weir_status begin(weir_query *query, wr_live_view *live)
{
    int64_t until = wr_clock_mono_ns() + BEGIN_NS;
    WR_TRY(wr_stream_start(live->entry.stream));
    for (wr_stream_progress p = {0}; !p.rounds && !p.has_ended && wr_clock_mono_ns() < until;) {
        bool ended;
        WR_TRY(wr_cancel_check(&query->cancel));
        WR_TRY(wr_stream_await(live->entry.stream, wr_clock_mono_ns() + LOOK_NS, &ended));
        wr_stream_progress_of(live->entry.stream, &p);
    }
    return WR_OK;
}

/* ---- CREATE ---- */

/* *old: the view that goes on and is to be replaced; NULL: there is none. A reference. */
static weir_status check_create(weir_query *query, const wr_sql_create_view *create,
                                wr_object **old)
{
    wr_str schema, name;
    *old = NULL;
    if (query->session->in_block)
        return wr_with_fix(wr_fail_at(WR_E_TXN_STATE, create->node.span,
                                      "a view over a source without end cannot be created inside "
                                      "a transaction"),
                           "COMMIT");
    if (create->no_data)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                          "the query of the view goes on: it cannot be WITH NO DATA");
    if (!create->mode.replace) return WR_OK;
    wr_ddl_split_name(&create->name, WR_STR(""), &schema, &name);
    *old = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (*old && (*old)->source) return WR_OK;
    wr_object_release(WR_TAKE(*old));
    return WR_OK;
}

/* ---- OR REPLACE ---- */

/* The query that keeps the rows of an object, held; NULL: it is no more. */
static wr_live_view *hold(weir_engine *engine, const wr_object *object)
{
    wr_mutex_lock(&engine->lock);
    wr_live_view *live = engine->views;
    while (live && wr_view_rows_source(live->view) != object->source)
        live = live->next;
    if (live) live->holds++;
    wr_mutex_unlock(&engine->lock);
    return live;
}

static void let_go(weir_engine *engine, wr_live_view *live)
{
    if (!live) return;
    wr_mutex_lock(&engine->lock);
    live->holds--;
    wr_mutex_unlock(&engine->lock);
}

/* Is it the same view, and does it go on? */
static bool is_same_view(const wr_object *old, const wr_object *object)
{
    bool ended, is_same = wr_str_eq(old->sql, object->sql) &&
                          old->emit_on_close == object->emit_on_close &&
                          old->column_count == object->column_count;
    for (int i = 0; is_same && i < old->column_count; i++)
        is_same = wr_str_eq(old->columns[i].name, object->columns[i].name) &&
                  old->columns[i].type == object->columns[i].type;
    weir_status bad = wr_view_rows_ended(wr_view_rows_of_source(old->source), &ended);
    is_same &= !bad && !ended;
    wr_status_drop(bad);
    return is_same;
}

/* What would be noticed too late when the old query has been stopped. */
static weir_status check_replaces(weir_query *query, const wr_sql_create_view *create,
                                  const wr_object *old, wr_bound bound)
{
    WR_BUF(ignored);
    wr_span span = wr_names_last(create->name).span;
    for (int i = 0; i < query->planner.objects.count; i++)
        if (query->planner.objects.items[i]->source == old->source)
            return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                           "%.*s cannot be replaced by a query over itself",
                                           WR_STR_ARGS(old->name)),
                                "make another view over it");
    if (wr_view_rows_is_followed(wr_view_rows_of_source(old->source)))
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, span,
                       "%.*s is not replaced: other streams follow its changes",
                       WR_STR_ARGS(old->name)),
            "SHOW STREAMS lists what runs: drop the views over it and close those who subscribe");
    size_t noticed = query->notices.length;
    weir_status bad = wr_explain_live_view(query, create, &bound, false, &ignored);
    query->notices.length = noticed;
    return wr_with_span(bad, span);
}

static weir_status replacement_failed(const wr_object *old, weir_status bad)
{
    return wr_with_hint(bad,
                        "%.*s was stopped for it; CREATE OR REPLACE it with its former query, "
                        "which goes on with the state it had",
                        WR_STR_ARGS(old->name));
}

static void enter(weir_engine *engine, wr_live_view *live)
{
    wr_mutex_lock(&engine->lock);
    live->next = engine->views;
    engine->views = live;
    wr_mutex_unlock(&engine->lock);
}

/* The new view becomes the one of its name and runs. */
static weir_status begin_view(weir_query *query, const wr_sql_create_view *create,
                              wr_live_view *live, wr_object *object)
{
    wr_span span = wr_names_last(create->name).span;
    WR_TRY(wr_session_like(query->session, &live->session));
    WR_TRY(wr_query_new(live->session, &live->query));
    weir_status bad = make(live, object);
    wr_buf_add_str(&query->notices, wr_buf_str(&live->query->notices));
    if (bad) bad->span = (wr_span){0}; /* of the text that was printed anew */
    WR_TRY(wr_with_span(bad, span));
    object->references++; /* the catalog's */
    WR_TRY(wr_ddl_add(query, object, create->mode, span));
    bad = begin(query, live);
    if (bad) wr_cancel_request(&live->query->cancel); /* no last commit */
    return wr_with_span(bad, span);
}

/* Stops the query of old, which may be NULL, before the view begins. */
static weir_status begin_after(weir_query *query, const wr_sql_create_view *create,
                               const wr_object *old, wr_live_view *live, wr_object *object)
{
    weir_engine *engine = query->session->engine;
    wr_live_view *before = old ? hold(engine, old) : NULL;
    if (!before) return begin_view(query, create, live, object);
    wr_view_rows_close(before->view);
    wr_unmake_stream(engine, &before->entry);
    weir_status bad = begin_view(query, create, live, object);
    if (bad) {
        wr_view_rows_fail(before->view, wr_status_copy(bad));
        bad = replacement_failed(old, bad);
    }
    let_go(engine, before);
    return bad;
}

weir_status wr_create_live_view(weir_query *query, const wr_sql_create_view *create,
                                const wr_bound *bound)
{
    weir_engine *engine = query->session->engine;
    WR_AUTO(wr_object) *old = NULL;
    WR_TRY(check_create(query, create, &old));
    WR_AUTO(wr_object) *object =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    object->sql = wr_ddl_format(&object->arena, create->query);
    object->emit_on_close = create->emit_on_close;
    WR_TRY(wr_view_take_columns(query, object, create, &bound->schema));
    if (old && is_same_view(old, object)) {
        wr_buf_printf(&query->notices, "%.*s has this query already: it goes on\n",
                      WR_STR_ARGS(old->name));
        return WR_OK;
    }
    if (old) WR_TRY(check_replaces(query, create, old, *bound));
    WR_AUTO(wr_live_view) *live = wr_heap_new(sizeof *live);
    live->view = wr_view_rows_new(object->name, engine->store, object->table, engine->mem);
    live->entry.replaces = create->mode.replace;
    object->source = wr_source_keep(wr_view_rows_source(live->view));
    WR_TRY(begin_after(query, create, old, live, object));
    enter(engine, WR_TAKE(live));
    return WR_OK;
}

weir_status wr_explain_live_view(weir_query *query, const wr_sql_create_view *create,
                                 wr_bound *bound, bool as_json, wr_buf *out)
{
    weir_engine *engine = query->session->engine;
    WR_AUTO(wr_object) *object =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    WR_TRY(wr_view_take_columns(query, object, create, &bound->schema));
    wr_view_rows *view = wr_view_rows_new(object->name, engine->store, object->table, engine->mem);
    wr_target *target = target_new(view);
    wr_bound_drop_order(query, bound);
    bound->emit_on_close |= create->emit_on_close;
    weir_status bad =
        wr_explain_stream(query, bound, target, name_of_stream(query, object), as_json, out);
    wr_target_release(target);
    wr_view_rows_close(view);
    wr_source_release(wr_view_rows_source(view));
    return bad;
}

/* ---- REFRESH, SHOW, the end ---- */

weir_status wr_refresh_live_view(weir_query *query, const wr_object *view, wr_span span)
{
    wr_view_rows *rows = wr_view_rows_of_source(view->source);
    for (bool done = false; !done;) {
        WR_TRY(wr_cancel_check(&query->cancel));
        WR_TRY(wr_with_span(
            wr_view_rows_await_idle(rows, wr_clock_mono_ns() + REFRESH_LOOK_NS, &done), span));
    }
    return WR_OK;
}

void wr_live_view_status(const wr_object *view, wr_buf *out)
{
    bool ended;
    weir_status bad = wr_view_rows_ended(wr_view_rows_of_source(view->source), &ended);
    if (bad)
        wr_buf_printf(out, "failed: %s", wr_status_text(bad));
    else
        wr_buf_add_text(out, ended ? "stopped" : "running");
    wr_status_drop(bad);
}

/* Takes the first one that has to go out of the list. */
static wr_live_view *take_one(weir_engine *engine, bool all)
{
    wr_mutex_lock(&engine->lock);
    wr_live_view **at = &engine->views;
    while (*at && !all &&
           ((*at)->holds || wr_catalog_uses(engine->catalog, wr_view_rows_source((*at)->view))))
        at = &(*at)->next;
    wr_live_view *live = *at;
    if (live) *at = live->next;
    wr_mutex_unlock(&engine->lock);
    return live;
}

void wr_sweep_live_views(weir_engine *engine, bool all)
{
    for (wr_live_view *live; (live = take_one(engine, all));)
        live_view_drop(live);
}
