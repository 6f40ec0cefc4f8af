/* explain_stream.c - EXPLAIN of what runs until it is stopped.
 *
 * Three parts: logical, the plan before it is cut into stages; physical, the stages; strategy, what
 * was decided about delivery, time and state, and why. The graph is built as for a start and then
 * dropped: what cannot run for ever is refused here with the same words. Nothing is read, written
 * or connected to. */
#include "session/session.h"
#include "store/state.h"
#include "stream/stream.h"

/* Warnings of building, one per line, as they stand in the notices from `from` on. */
static void add_notices(const weir_query *query, size_t from, wr_buf *out)
{
    bool first = true;
    wr_str rest = wr_buf_str(&query->notices);
    rest = from < rest.length ? (wr_str){rest.data + from, rest.length - from} : (wr_str){0};
    wr_buf_add_text(out, ",\"notices\":[");
    for (; rest.length; first = false) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        if (!first) wr_buf_add_char(out, ',');
        wr_buf_add_json(out, (wr_str){rest.data, length});
        size_t used = length + (end != NULL);
        rest = (wr_str){rest.data + used, rest.length - used};
    }
    wr_buf_add_char(out, ']');
}

static void add_logical(const weir_query *query, const wr_logical *root, bool as_json, wr_buf *out)
{
    WR_BUF(plan);
    wr_logical_print(&query->planner, root, &plan);
    if (as_json) {
        wr_buf_add_text(out, "{\"v\":1,\"logical\":");
        wr_buf_add_json(out, wr_buf_str(&plan));
        wr_buf_add_char(out, ',');
        return;
    }
    wr_buf_add_text(out, "logical\n");
    for (wr_str rest = wr_buf_str(&plan); rest.length;) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        wr_buf_printf(out, "  %.*s\n", (int)length, rest.data);
        size_t used = length + (end != NULL);
        rest = (wr_str){rest.data + used, rest.length - used};
    }
}

weir_status wr_explain_stream(weir_query *query, const wr_bound *bound, wr_target *target,
                              wr_str name, bool as_json, wr_buf *out)
{
    weir_session *session = query->session;
    wr_logical *root = bound->root;
    wr_pool *pool;
    size_t noticed = query->notices.length;
    wr_stream_options options;
    wr_take_stream_settings(query, bound, &options);
    options.name = name;
    options.is_explained = true;
    WR_TRY(wr_take_emit_options(query, &bound->emit_options, &options));
    if (options.state.length) options.state = wr_state_place(&query->arena, options.state, name);
    WR_TRY(wr_optimize_stream(query, &options, &root));
    WR_TRY(wr_engine_pool(session->engine, 1, &pool));
    add_logical(query, root, as_json, out);
    WR_AUTO(wr_stream) *stream = NULL;
    WR_TRY(wr_stream_new(&query->planner, root, target, pool, query->mem, &options, &stream));
    WR_TRY(wr_stream_explain_as(stream, as_json, out));
    if (!as_json) return WR_OK;
    add_notices(query, noticed, out);
    wr_buf_add_text(out, "}\n");
    return WR_OK;
}
