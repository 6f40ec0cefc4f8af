/* emit_options.c - EMIT .. WITH (..): what becomes of rows that are late or cannot be read, and how
 * time goes on without rows.
 *
 *     INSERT INTO k SELECT .. EMIT ON WINDOW CLOSE WITH (late = 'reopen', allowed_lateness = '5
 * min') INSERT INTO k SELECT .. EMIT WITH (on_error = 'dlq', dead_letters = bad)
 *
 * An option that would do nothing is an error: a sink for dead letters that nothing writes, a
 * lateness without reopening. */
#include "base/date.h"
#include "plan/connect.h"
#include "session/session.h"
#include "stream/stream.h"

static const wr_opt rows[] = {
    {"late", WR_OPT_TEXT, "drop", "rows whose window was put out: drop, reopen or dlq"},
    {"allowed_lateness", WR_OPT_ANY, NULL, "how long reopen keeps a window behind its end"},
    {"on_error", WR_OPT_TEXT, "fail", "rows that cannot be read or calculated: fail, drop or dlq"},
    {"dead_letters", WR_OPT_TEXT, NULL, "the sink that dlq writes into"},
    {"lookup_refresh", WR_OPT_ANY, NULL,
     "how often to read tables that are joined again; 0 = once"},
    {"idle_after", WR_OPT_ANY, NULL, "a source without rows for so long does not hold time back"},
    {"advance_by_clock", WR_OPT_BOOL, "false", "time goes on with the clock when all are idle"},
    {0}};

static weir_status bad_value(const wr_given *given, const char *takes)
{
    WR_BUF(text);
    wr_value_print(&given->value, &text);
    return wr_fail_at(WR_E_PARAMETER_VALUE, given->value_span,
                      "the option \"%.*s\" takes %s, not %.*s", WR_STR_ARGS(given->name), takes,
                      WR_STR_ARGS(wr_buf_str(&text)));
}

/* One of three words; its number. */
static weir_status read_word(const wr_options *given, const char *name, const char *const *words,
                             const char *takes, int *out)
{
    wr_str text;
    bool is_set;
    WR_TRY(wr_option_text(given, rows, name, &text, &is_set));
    for (*out = 0; *out < 3; ++*out)
        if (wr_str_ieq(text, wr_str_of(words[*out]))) return WR_OK;
    return bad_value(wr_option_find(given, rows, name), takes);
}

/* INTERVAL '5 minutes' or '5 minutes'; unset leaves out as it is. */
static weir_status read_span(const wr_options *given, const char *name, int64_t *out, bool *is_set)
{
    const wr_given *item = wr_option_find(given, rows, name);
    *is_set = item != NULL;
    if (!item) return WR_OK;
    const wr_value *value = &item->value;
    wr_interval span = {0};
    bool is_span = !value->is_null && value->type->id == WR_T_INTERVAL;
    if (is_span)
        span = value->interval;
    else if (!value->is_null && value->type->id == WR_T_VARCHAR)
        is_span = wr_interval_read(value->text, &span);
    wr_i128 us = (wr_i128)span.days * 86400 * 1000000 + span.usecs;
    if (!is_span || span.months || us < 0 || us > INT64_MAX / 8)
        return bad_value(item, "a length of time such as INTERVAL '5 minutes'");
    *out = (int64_t)us;
    return WR_OK;
}

static weir_status find_dead(weir_query *query, const wr_given *item, wr_target **out)
{
    wr_str name = item->value.text, schema = {0};
    const char *dot = memchr(name.data, '.', name.length);
    if (dot) {
        schema = (wr_str){name.data, (size_t)(dot - name.data)};
        name = (wr_str){dot + 1, name.length - schema.length - 1};
    }
    unsigned kinds = 1u << WR_ENTRY_SINK | 1u << WR_ENTRY_SOURCE;
    wr_object *object = wr_catalog_find(&query->view, kinds, schema, name);
    if (object) wr_push(&query->arena, &query->planner.objects, object);
    if (!object || (object->kind != WR_ENTRY_SINK && !object->can_write))
        return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_TABLE, item->value_span, "no sink \"%.*s\"",
                                       WR_STR_ARGS(item->value.text)),
                            "CREATE SINK dead (source VARCHAR, position VARCHAR, reason VARCHAR, "
                            "raw VARCHAR) WITH (connector = 'files', path = 'dead', format = "
                            "'jsonl')");
    if (object->target)
        *out = wr_target_keep(object->target);
    else
        WR_TRY(wr_with_span(wr_connect_target(&query->planner, object, out), item->value_span));
    wr_push(&query->arena, &query->planner.targets, *out);
    return WR_OK;
}

static weir_status read_late(const wr_options *given, wr_stream_options *out)
{
    static const char *const words[] = {"drop", "reopen", "dlq"};
    const wr_given *lateness = wr_option_find(given, rows, "allowed_lateness");
    const wr_given *late = wr_option_find(given, rows, "late");
    int word;
    bool has_lateness;
    WR_TRY(read_word(given, "late", words, "drop, reopen or dlq", &word));
    WR_TRY(read_span(given, "allowed_lateness", &out->lateness_us, &has_lateness));
    out->late_reopens = word == 1;
    out->late_is_told = word == 2;
    if (out->late_reopens && !out->lateness_us)
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, late->span,
                                       "late = 'reopen' needs to know for how long"),
                            "allowed_lateness = INTERVAL '5 minutes'");
    if (has_lateness && !out->late_reopens)
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, lateness->span,
                                       "allowed_lateness says how long windows are reopened, and "
                                       "they are not"),
                            "late = 'reopen'");
    return WR_OK;
}

static weir_status read_dead(weir_query *query, const wr_options *given, wr_stream_options *out)
{
    static const char *const words[] = {"fail", "drop", "dlq"};
    const wr_given *dead = wr_option_find(given, rows, "dead_letters");
    const wr_given *asks = wr_option_find(given, rows, "on_error");
    int word;
    WR_TRY(read_word(given, "on_error", words, "fail, drop or dlq", &word));
    out->bad_rows_pass = word > 0;
    bool writes = word == 2 || out->late_is_told;
    if (writes && !dead)
        return wr_with_hint(
            wr_fail_at(WR_E_PARAMETER_VALUE,
                       word == 2 ? asks->span : wr_option_find(given, rows, "late")->span,
                       "dlq needs a sink for the dead letters"),
            "dead_letters = name of a sink");
    if (dead && !writes)
        return wr_with_hint(
            wr_fail_at(WR_E_PARAMETER_VALUE, dead->span, "nothing becomes a dead letter"),
            "on_error = 'dlq' or late = 'dlq'");
    if (!dead) return WR_OK;
    WR_TRY(wr_option_text(given, rows, "dead_letters", &out->dead_name, NULL));
    WR_TRY(find_dead(query, dead, &out->dead));
    out->bad_rows_are_told = word == 2;
    return wr_with_span(wr_stream_check_dead(out->dead, out->dead_name), dead->value_span);
}

weir_status wr_take_emit_options(weir_query *query, const wr_options *given, wr_stream_options *out)
{
    bool is_set;
    if (!given->count) return WR_OK;
    WR_TRY(wr_options_check(given, rows, "EMIT"));
    WR_TRY(read_late(given, out));
    WR_TRY(read_dead(query, given, out));
    WR_TRY(read_span(given, "idle_after", &out->idle_us, &is_set));
    WR_TRY(read_span(given, "lookup_refresh", &out->lookup_refresh_us, &is_set));
    out->asks_for_refresh = is_set && out->lookup_refresh_us;
    WR_TRY(wr_option_bool(given, rows, "advance_by_clock", &out->advances_by_clock, NULL));
    if (out->advances_by_clock && !out->idle_us)
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE,
                                       wr_option_find(given, rows, "advance_by_clock")->span,
                                       "no source is ever idle, so the clock never goes on"),
                            "idle_after = INTERVAL '10 seconds'");
    return WR_OK;
}
