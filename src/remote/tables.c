/* tables.c - what a state is on the server: three tables in a schema, for all streams of it.
 *
 *   stream_states     one row per stream: its head, and who writes it. Each commit changes it
 * first, if it is what it was: two that believe to be the writer wait for each other there, and one
 * finds that it is not stream_sections   names and numbers of sections stream_pairs      (state,
 * section, key) -> value; bytea compares as bytes do, so ranges of keys are ranges of the primary
 * key
 *
 * Values are packed already: they are kept beside the row when they are large (EXTERNAL), never
 * compressed. Room is left in the pages (fillfactor), so that a pair that is written again and
 * again stays in its page and the index does not change. Deleting a row of stream_states deletes
 * what belongs to it; foreign keys would look at that row for every pair that is written. */
#include "remote/postgres.h"

static void quote(wr_str name, wr_buf *out)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == '"') wr_buf_add_char(out, '"');
        wr_buf_add_char(out, name.data[i]);
    }
    wr_buf_add_char(out, '"');
}

/* Statements below have @ for the schema. */
static void with_schema(const wr_remote *r, const char *sql, wr_buf *out)
{
    for (; *sql; sql++) {
        if (*sql == '@')
            wr_buf_add_str(out, wr_buf_str(&r->schema));
        else
            wr_buf_add_char(out, *sql);
    }
}

static weir_status look(wr_remote *r, bool *has_schema, bool *has_tables)
{
    PGresult *answer;
    WR_BUF(table);
    with_schema(r, "@.stream_states", &table);
    const char *values[] = {r->schema.data, table.data};
    WR_TRY(wr_server_query(r, "look into",
                           "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL, "
                           "pg_catalog.to_regclass($2) IS NOT NULL",
                           2, values, &answer));
    *has_schema = wr_str_is(wr_server_cell(r, answer, 0, 0), "t");
    *has_tables = wr_str_is(wr_server_cell(r, answer, 0, 1), "t");
    r->api->PQclear(answer);
    return WR_OK;
}

static weir_status make(wr_remote *r)
{
    static const char *const statements[] = {
        "CREATE TABLE @.stream_states (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "stream text NOT NULL UNIQUE, id text NOT NULL, format integer NOT NULL, "
        "commits bigint NOT NULL, pairs bigint NOT NULL, hash bigint NOT NULL, "
        "sections integer NOT NULL, generation bigint NOT NULL, holder text, "
        "claimed_at timestamptz, committed_at timestamptz) WITH (fillfactor = 50)",
        "CREATE TABLE @.stream_sections (state bigint, number integer, name bytea NOT NULL, "
        "PRIMARY KEY (state, number))",
        "CREATE TABLE @.stream_pairs (state bigint, section integer, key bytea, "
        "value bytea NOT NULL, PRIMARY KEY (state, section, key)) "
        "WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
        "ALTER TABLE @.stream_pairs ALTER COLUMN value SET STORAGE EXTERNAL",
        "CREATE FUNCTION @.stream_state_removed() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN DELETE FROM @.stream_pairs WHERE state = OLD.number; "
        "DELETE FROM @.stream_sections WHERE state = OLD.number; RETURN OLD; END'",
        "CREATE TRIGGER stream_state_removed AFTER DELETE ON @.stream_states "
        "FOR EACH ROW EXECUTE FUNCTION @.stream_state_removed()"};
    for (size_t i = 0; i < WR_COUNT(statements); i++) {
        WR_BUF(sql);
        with_schema(r, statements[i], &sql);
        WR_TRY(wr_server_run(r, "make tables in", sql.data));
    }
    return WR_OK;
}

/* Two that come first at the same time take turns. */
static weir_status make_if_missing(wr_remote *r)
{
    bool has_schema, has_tables;
    WR_BUF(sql);
    WR_TRY(wr_server_run(r, "use", "BEGIN"));
    WR_TRY(wr_server_run(r, "use",
                         "SELECT pg_catalog.pg_advisory_xact_lock("
                         "pg_catalog.hashtextextended('weir makes its tables', 0))"));
    WR_TRY(look(r, &has_schema, &has_tables));
    with_schema(r, "CREATE SCHEMA @", &sql);
    if (!has_schema) WR_TRY(wr_server_run(r, "make a schema in", sql.data));
    if (!has_tables) WR_TRY(make(r));
    return wr_server_run(r, "use", "COMMIT");
}

weir_status wr_server_tables(wr_remote *r, bool create, bool *found)
{
    bool has_schema;
    if (!r->schema.length) quote(r->address.schema, &r->schema);
    WR_TRY(look(r, &has_schema, found));
    if (*found || !create) return WR_OK;
    WR_TRY(make_if_missing(r));
    *found = true;
    return WR_OK;
}

weir_status wr_server_prepare_commits(wr_remote *r)
{
    static const char *const statements[][2] = {
        {"weir_head",
         "UPDATE @.stream_states SET commits = $3::bigint, pairs = $4::bigint, hash = $5::bigint, "
         "sections = $6::integer, committed_at = now() WHERE number = $1::bigint "
         "AND generation = $2::bigint AND commits = $3::bigint - 1"},
        {"weir_section", "INSERT INTO @.stream_sections (state, number, name) "
                         "VALUES ($1::bigint, $2::integer, $3::bytea) ON CONFLICT DO NOTHING"},
        {"weir_ranges",
         "DELETE FROM @.stream_pairs p USING (SELECT unnest($2::integer[]) s, "
         "unnest($3::bytea[]) f, unnest($4::bytea[]) l) r WHERE p.state = $1::bigint "
         "AND p.section = r.s AND p.key >= r.f AND p.key < r.l"},
        {"weir_rests", "DELETE FROM @.stream_pairs p USING (SELECT unnest($2::integer[]) s, "
                       "unnest($3::bytea[]) f) r WHERE p.state = $1::bigint "
                       "AND p.section = r.s AND p.key >= r.f"},
        {"weir_puts", "INSERT INTO @.stream_pairs (state, section, key, value) SELECT $1::bigint, "
                      "unnest($2::integer[]), unnest($3::bytea[]), unnest($4::bytea[]) "
                      "ON CONFLICT (state, section, key) DO UPDATE SET value = excluded.value"},
        {"weir_put", "INSERT INTO @.stream_pairs (state, section, key, value) "
                     "VALUES ($1::bigint, $2::integer, $3::bytea, $4::bytea) "
                     "ON CONFLICT (state, section, key) DO UPDATE SET value = excluded.value"},
        {"weir_deletes", "DELETE FROM @.stream_pairs p USING (SELECT unnest($2::integer[]) s, "
                         "unnest($3::bytea[]) k) r WHERE p.state = $1::bigint "
                         "AND p.section = r.s AND p.key = r.k"}};
    for (size_t i = 0; i < WR_COUNT(statements); i++) {
        WR_BUF(sql);
        with_schema(r, statements[i][1], &sql);
        WR_TRY(wr_server_prepare(r, statements[i][0], sql.data));
    }
    return WR_OK;
}
