/* diff.c - what differs between two runs: what is said about them, and the rows that came of them.
 *
 * Results are compared by content: rows are counted as often as they occur, their order does not
 * matter. Columns that only one side has are told and left out; of those that both have, by name,
 * EXCEPT ALL gives the rows that are on one side only. Values of different types are compared as
 * the engine compares them in EXCEPT. */
#include "runs/runs.h"

enum { SHOWN = 10, LIMIT = 50 };

typedef struct side {
    const char *name;
    wr_run_record run;
    int64_t artifact_count;
    wr_run_artifact artifact;
    bool has_result;
    wr_str source, schema;
    int64_t rows;
} side;

/* ---- what is said ---- */

static void put_difference(wr_buf *out, const char *name, wr_str left, wr_str right, bool is_json)
{
    WR_BUF(both);
    if (wr_str_eq(left, right)) return;
    const wr_str values[] = {left, right};
    wr_buf_add_char(&both, '{');
    for (int i = 0; i < 2; i++) {
        const char *which = i ? "right" : "left";
        if (is_json || !values[i].length)
            wr_json_put(&both, which, values[i]);
        else
            wr_json_put_text(&both, which, values[i]);
    }
    wr_buf_add_char(&both, '}');
    wr_json_put(out, name, wr_buf_str(&both));
}

static void put_metadata(wr_ask *ask, const side *l, const side *r)
{
    WR_BUF(out);
    const wr_run_record *a = &l->run, *b = &r->run;
    wr_arena *arena = ask->arena;
    int64_t times[] = {wr_run_duration_ms(a), wr_run_duration_ms(b)};
    wr_buf_add_char(&out, '{');
    put_difference(&out, "status", a->status, b->status, false);
    put_difference(&out, "action", a->action, b->action, false);
    put_difference(&out, "run_name", a->name, b->name, false);
    put_difference(&out, "description", a->description, b->description, false);
    put_difference(&out, "tags", a->tags, b->tags, true);
    put_difference(&out, "cli_args", a->cli_args, b->cli_args, true);
    put_difference(&out, "weir_version", a->version, b->version, false);
    put_difference(&out, "artifact_count",
                   wr_arena_printf(arena, "%lld", (long long)l->artifact_count),
                   wr_arena_printf(arena, "%lld", (long long)r->artifact_count), true);
    put_difference(&out, "duration_ms", wr_arena_printf(arena, "%lld", (long long)times[0]),
                   wr_arena_printf(arena, "%lld", (long long)times[1]), true);
    put_difference(&out, "error", a->error, b->error, false);
    wr_buf_add_char(&out, '}');
    wr_json_put(ask->out, "metadata_diff", wr_buf_str(&out));
}

/* ---- results ---- */

static weir_status find_result(wr_ask *ask, weir_session *session, side *s)
{
    WR_BUF(text);
    WR_TRY(wr_ask_result_of(ask, s->run.id, &s->artifact, &s->has_result));
    if (!s->has_result) return WR_OK;
    wr_run_source(&text, wr_run_artifact_path(ask->arena, &s->artifact), s->artifact.format);
    s->source = wr_arena_str(ask->arena, wr_buf_str(&text));
    if (!s->source.length) return WR_OK;
    text.length = 0;
    wr_buf_printf(&text, "SELECT count(*) FROM %s", s->source.data);
    WR_TRY(wr_run_number(session, wr_buf_str(&text), &s->rows));
    text.length = 0;
    WR_BUF(from);
    wr_buf_printf(&from, "FROM %s", s->source.data);
    WR_TRY(wr_run_schema(session, wr_buf_str(&from), &text));
    s->schema = wr_arena_str(ask->arena, wr_buf_str(&text));
    return WR_OK;
}

/* The type of a column by its name; empty if there is none. */
static wr_str type_in(wr_arena *arena, wr_str schema, wr_str name)
{
    wr_json_members members;
    wr_str key, value;
    if (wr_json_begin(schema, &members))
        while (wr_json_next(&members, &key, &value))
            if (wr_str_eq(wr_json_text_of(arena, value, "name"), name))
                return wr_json_text_of(arena, value, "type");
    return WR_STR("");
}

/* Columns of one schema the other has not (or has), as names in JSON or as a list in SQL. */
static int columns(wr_arena *arena, wr_str schema, wr_str other, bool in_both, bool as_sql,
                   wr_buf *out)
{
    wr_json_members members;
    wr_str key, value;
    int count = 0;
    if (!wr_json_begin(schema, &members)) return 0;
    while (wr_json_next(&members, &key, &value)) {
        wr_str name = wr_json_text_of(arena, value, "name");
        if ((type_in(arena, other, name).length > 0) != in_both) continue;
        if (count++) wr_buf_add_text(out, as_sql ? ", " : ",");
        if (!as_sql) {
            wr_buf_add_json(out, name);
            continue;
        }
        wr_buf_add_char(out, '"');
        for (size_t i = 0; i < name.length; i++) {
            if (name.data[i] == '"') wr_buf_add_char(out, '"');
            wr_buf_add_char(out, name.data[i]);
        }
        wr_buf_add_char(out, '"');
    }
    return count;
}

static void put_schema(wr_ask *ask, const side *l, const side *r, wr_buf *out)
{
    wr_buf_add_text(out, ",\"schema\":{");
    wr_json_put(out, "left", l->schema);
    wr_json_put(out, "right", r->schema);
    wr_json_put_bool(out, "equal", wr_str_eq(l->schema, r->schema));
    wr_buf_add_text(out, ",\"only_left\":[");
    columns(ask->arena, l->schema, r->schema, false, false, out);
    wr_buf_add_text(out, "],\"only_right\":[");
    columns(ask->arena, r->schema, l->schema, false, false, out);
    wr_buf_add_text(out, "]}");
}

/* Rows of one side that the other has not, as often as it has them not. */
static weir_status put_only(weir_session *session, wr_str names, const side *from,
                            const side *other, int64_t *count, wr_buf *out)
{
    WR_BUF(except);
    WR_BUF(sql);
    int64_t shown;
    wr_buf_printf(&except, "SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s", names.data,
                  from->source.data, names.data, other->source.data);
    wr_buf_printf(&sql, "SELECT count(*) FROM (%s) AS d", except.data);
    WR_TRY(wr_run_number(session, wr_buf_str(&sql), count));
    wr_buf_printf(out, ",\"only_%s\":{", from->name);
    wr_json_put_int(out, "row_count", *count);
    wr_buf_add_text(out, ",\"rows\":");
    if (*count) {
        sql.length = 0;
        wr_buf_printf(&sql, "FROM (%s) AS d LIMIT %d", except.data, SHOWN);
        WR_TRY(wr_run_rows(session, wr_buf_str(&sql), SHOWN, WR_PREVIEW_BYTES, out, &shown, NULL));
    } else {
        wr_buf_add_text(out, "[]");
    }
    wr_buf_add_char(out, '}');
    return WR_OK;
}

static weir_status put_contents(wr_ask *ask, weir_session *session, const side *l, const side *r,
                                wr_buf *out)
{
    WR_BUF(names);
    int64_t only_left = 0, only_right = 0;
    bool same_columns = wr_str_eq(l->schema, r->schema);
    int common = columns(ask->arena, l->schema, r->schema, true, true, &names);
    wr_buf_add_text(out, ",\"rows\":{\"compared_columns\":[");
    columns(ask->arena, l->schema, r->schema, true, false, out);
    wr_buf_add_char(out, ']');
    if (common) {
        WR_TRY(put_only(session, wr_buf_str(&names), l, r, &only_left, out));
        WR_TRY(put_only(session, wr_buf_str(&names), r, l, &only_right, out));
    }
    wr_json_put_bool(out, "equal", same_columns && common && !only_left && !only_right);
    wr_buf_add_char(out, '}');
    return WR_OK;
}

static weir_status put_previews(wr_ask *ask, const side *l, const side *r, wr_buf *out)
{
    int64_t limit = wr_json_int_of(ask->arguments, "limit", LIMIT);
    const side *const sides[] = {l, r};
    wr_buf_add_text(out, ",\"preview\":{");
    for (int i = 0; i < 2; i++) {
        WR_BUF(preview);
        WR_TRY(wr_ask_preview_of(ask, &sides[i]->artifact, limit, &preview));
        wr_json_put(out, sides[i]->name, wr_buf_str(&preview));
    }
    wr_buf_add_char(out, '}');
    return WR_OK;
}

static weir_status put_comparison(wr_ask *ask, weir_session *session, const side *l, const side *r)
{
    WR_BUF(out);
    wr_buf_add_char(&out, '{');
    put_difference(&out, "format", l->artifact.format, r->artifact.format, false);
    if (out.length == 1) wr_json_put_text(&out, "format", l->artifact.format);
    wr_buf_add_text(&out, ",\"row_count\":{");
    wr_json_put_int(&out, "left", l->rows);
    wr_json_put_int(&out, "right", r->rows);
    wr_json_put_int(&out, "delta", r->rows - l->rows);
    wr_buf_add_char(&out, '}');
    put_schema(ask, l, r, &out);
    WR_TRY(put_contents(ask, session, l, r, &out));
    WR_TRY(put_previews(ask, l, r, &out));
    wr_buf_add_char(&out, '}');
    wr_json_put(ask->out, "comparison", wr_buf_str(&out));
    return WR_OK;
}

static void put_result(wr_ask *ask, const char *name, const side *s)
{
    WR_BUF(json);
    if (s->has_result) wr_run_artifact_show(&s->artifact, &json);
    wr_json_put(ask->out, name, wr_buf_str(&json));
}

weir_status wr_ask_diff(wr_ask *ask)
{
    side l = {.name = "left"}, r = {.name = "right"};
    weir_session *session;
    WR_TRY(wr_ask_run(ask, "run_id", &l.run, &l.artifact_count));
    WR_TRY(wr_ask_run(ask, "other_run_id", &r.run, &r.artifact_count));
    side *const sides[] = {&l, &r};
    for (int i = 0; i < 2; i++) {
        WR_BUF(json);
        wr_run_record_show(&sides[i]->run, sides[i]->artifact_count, &json);
        wr_json_put(ask->out, i ? "right_run" : "left_run", wr_buf_str(&json));
    }
    put_metadata(ask, &l, &r);
    ask->phase = "run_result";
    WR_TRY(wr_runs_reader(ask->runs, &session));
    WR_TRY(find_result(ask, session, &l));
    WR_TRY(find_result(ask, session, &r));
    wr_buf_add_text(ask->out, ",\"result_diff\":{");
    put_result(ask, "left_artifact", &l);
    put_result(ask, "right_artifact", &r);
    if (l.source.length && r.source.length)
        WR_TRY(put_comparison(ask, session, &l, &r));
    else
        wr_json_put(ask->out, "comparison", WR_STR(""));
    wr_buf_add_char(ask->out, '}');
    return WR_OK;
}
