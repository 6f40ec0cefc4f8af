/* register_test.c - tables of the host program: nothing is copied, everything is released once. */
#include "host/relation.h"
#include "session/producer_test.h"

static void give(bench *b, producer *p, const char *name)
{
    struct ArrowArrayStream stream = p_stream(p);
    EXPECT_OK(weir_register_stream(b->session, name, &stream));
    EXPECT(!stream.release);
}

TEST(a_registered_table_answers_like_any_other)
{
    bench b;
    producer p = {.rows = 10000, .per_array = 4097};
    bench_open(&b);
    give(&b, &p, "t");
    EXPECT_INT(p.streams, 0);
    expect(
        &b, "SELECT count(*), count(i), sum(i), sum(d), min(v), max(u), count(DISTINCT k) FROM t",
        "10000 | 8571 | 42852858 | 24997500 | t0 of the long kind | t9999 of the long kind | 4\n");
    expect(&b,
           "SELECT count(*) FROM t WHERE u = v AND v = 't' || d::INT * 2 || "
           "CASE WHEN d::INT % 3 = 0 THEN ' of the long kind' ELSE '' END AND d = d::INT",
           "5000\n");
    expect(&b, "SELECT k, count(*), sum(i) FROM t WHERE d < 20 GROUP BY k ORDER BY k",
           "t0 of the long kind | 10 | 152\nt1 | 10 | 169\nt2 | 10 | 186\n"
           "t3 of the long kind | 10 | 168\n");
    expect(&b, "SELECT a.i, b.u FROM t a JOIN t b ON a.i = b.i WHERE a.v = 't4099'",
           "4099 | t4099\n");
    expect(&b, "INSERT INTO t (i) VALUES (1)",
           "t is a registered relation: its rows cannot be changed");
    EXPECT_OK(weir_unregister(b.session, "t"));
    expect(&b, "SELECT count(*) FROM t", "no table, view or file \"t\"");
    p_expect_gone(&p);
    bench_close(&b);
}

/* Is column number at of the array column number of the producer's first array from row on? */
static void expect_same(const producer *p, const struct ArrowArray *array, int at, int column,
                        int64_t row)
{
    const struct ArrowArray *child = array->children[at];
    EXPECT_INT(child->length, array->length);
    EXPECT_INT(child->offset + array->offset, row);
    for (int i = 0; i < child->n_buffers; i++)
        EXPECT(child->buffers[i] == p->first[column][i]);
}

TEST(chosen_columns_leave_in_the_buffers_they_came_in)
{
    static const struct {
        const char *sql;
        int columns[P_COLUMNS], count;
        int64_t row, rows, all;
    } cases[] = {
        {"SELECT * FROM t", {0, 1, 2, 3, 4}, 5, 0, 5000, 12000},
        {"SELECT k, v, i FROM t", {4, 2, 0}, 3, 0, 5000, 12000},
        {"SELECT d AS x, d FROM t LIMIT 7 OFFSET 3", {1, 1}, 2, 3, 7, 7},
        {"FROM t LIMIT 5001", {0, 1, 2, 3, 4}, 5, 0, 5000, 5001},
        {"SELECT v FROM (SELECT * FROM t) LIMIT 2", {2}, 1, 0, 2, 2},
    };
    bench b;
    producer p = {.rows = 12000, .per_array = 5000};
    bench_open(&b);
    give(&b, &p, "t");
    for (size_t c = 0; c < WR_COUNT(cases); c++) {
        struct ArrowArrayStream stream;
        struct ArrowSchema schema;
        struct ArrowArray array, moved = {0};
        stream_of(&b, cases[c].sql, &stream);
        EXPECT_INT(stream.get_schema(&stream, &schema), 0);
        EXPECT_INT(schema.n_children, cases[c].count);
        EXPECT_INT(stream.get_next(&stream, &array), 0);
        EXPECT_INT(array.length, cases[c].rows);
        int64_t rows = array.length;
        for (int i = 0; i < cases[c].count; i++)
            expect_same(&p, &array, i, cases[c].columns[i], cases[c].row);
        moved = *array.children[0];
        array.children[0]->release = NULL;
        array.release(&array);
        while (stream.get_next(&stream, &array) == 0 && array.release) {
            rows += array.length;
            array.release(&array);
        }
        EXPECT_INT(rows, cases[c].all);
        EXPECT(weir_query_stream_error(&stream) == NULL);
        stream.release(&stream);
        moved.release(&moved);
        schema.release(&schema);
    }
    EXPECT_OK(weir_unregister(b.session, "t"));
    p_expect_gone(&p);
    bench_close(&b);
}

TEST(arrays_that_were_handed_out_outlive_table_and_engine)
{
    bench b;
    producer p = {.rows = 3000, .per_array = 3000};
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    bench_open(&b);
    give(&b, &p, "t");
    stream_of(&b, "SELECT i, u FROM t", &stream);
    EXPECT_OK(weir_unregister(b.session, "t"));
    EXPECT_INT(stream.get_next(&stream, &array), 0);
    stream.release(&stream);
    bench_close(&b);
    EXPECT(p.alive > 0);
    EXPECT_INT(((const int64_t *)array.children[0]->buffers[1])[2999], 2999);
    array.release(&array);
    p_expect_gone(&p);
}

TEST(glued_arrays_hold_what_the_query_gives)
{
    bench b;
    bench_open(&b);
    struct ArrowArrayStream stream;
    const char *sql =
        "SELECT CASE WHEN i % 3 > 0 THEN i END AS i, i % 2 = 0 AS even, i::DECIMAL(30,2) AS n, "
        "repeat('x', (i % 30)::INT) AS t, [i, i + 1] AS l, INTERVAL '1 day' * (i % 5)::INT AS v "
        "FROM range(50000) r(i) WHERE i % 5 <> 1";
    stream_of(&b, sql, &stream);
    EXPECT_OK(weir_register_stream(b.session, "glued", &stream));
    WR_BUF(want);
    wr_buf_printf(&want, "SELECT count(*) FROM (%s) a JOIN glued b USING (i, even, n, t, l, v)",
                  sql);
    expect(&b, want.data, "26666\n");
    expect(&b, "SELECT count(*), count(i), sum(length(t)), count(DISTINCT v) FROM glued",
           "40000 | 26666 | 589920 | 4\n");
    stream_of(&b, "SELECT i FROM range(100000) r(i)", &stream);
    int arrays = 0;
    for (struct ArrowArray array; !stream.get_next(&stream, &array) && array.release; arrays++)
        array.release(&array);
    stream.release(&stream);
    EXPECT(WR_BATCH_ROWS < 2048 || arrays <= 4);
    bench_close(&b);
}

TEST(a_producer_that_fails_fails_the_registration_and_loses_nothing)
{
    bench b;
    producer p = {.rows = 12000, .per_array = 5000, .fails_after = 2};
    bench_open(&b);
    struct ArrowArrayStream stream = p_stream(&p);
    weir_status bad = weir_register_stream(b.session, "t", &stream);
    EXPECT_TEXT(weir_error_message(bad),
                "the stream failed while reading rows: the disk of the producer is on fire");
    weir_error_drop(bad);
    p_expect_gone(&p);
    EXPECT(p.released > 0);
    bench_close(&b);
}

TEST(kept_arrays_count_once_as_memory_of_the_engine)
{
    bench b;
    producer p = {.rows = 100000, .per_array = 100000};
    bench_open(&b);
    give(&b, &p, "t");
    uint64_t used = wr_mem_used(b.engine->mem);
    EXPECT(used > 100000 * (8 + 8 + 16 + 4) && used < 100000 * 100);
    expect(&b, "SELECT count(v), count(k) FROM t", "100000 | 100000\n");
    EXPECT(wr_mem_used(b.engine->mem) < used + (1 << 20));
    EXPECT_OK(weir_unregister(b.session, "t"));
    expect(&b, "SET memory_limit = '4MB'", "");
    struct ArrowArrayStream stream = p_stream(&p);
    weir_status bad = weir_register_stream(b.session, "t", &stream);
    EXPECT_FAIL(bad, WR_E_MEMORY_LIMIT);
    p_expect_gone(&p);
    bench_close(&b);
}

/* ---- hostile producers */

static void expect_refused(bench *b, void (*spoil)(struct ArrowArray *), const char *column)
{
    producer p = {.rows = 3000, .per_array = 3000};
    struct ArrowArrayStream stream = p_stream(&p);
    struct ArrowSchema schema;
    struct ArrowArray array;
    EXPECT_INT(stream.get_schema(&stream, &schema), 0);
    EXPECT_INT(stream.get_next(&stream, &array), 0);
    spoil(&array);
    wr_host_schema *known;
    wr_host_array *kept = NULL;
    EXPECT_OK(wr_host_schema_new(&schema, &known));
    weir_status bad = wr_host_array_new(known, &array, b->engine->mem, &kept);
    for (int c = 0; !bad && c < P_COLUMNS; c++)
        for (int64_t from = 0; !bad && from < wr_host_array_rows(kept); from += WR_BATCH_ROWS) {
            WR_ARENA(arena);
            wr_column values;
            int64_t left = wr_host_array_rows(kept) - from;
            uint32_t count = (uint32_t)WR_MIN(left, (int64_t)WR_BATCH_ROWS);
            bad = wr_host_array_column(kept, c, from, count, &arena, &values);
            if (bad) EXPECT(strstr(weir_error_message(bad), column));
        }
    EXPECT(bad != NULL);
    wr_status_drop(bad);
    wr_host_array_release(kept);
    wr_host_schema_release(known);
    stream.release(&stream);
}

static void too_long(struct ArrowArray *a) { a->length = 4000; }
static void negative(struct ArrowArray *a) { a->children[1]->offset = -1; }
static void far_offset(struct ArrowArray *a) { a->offset = INT64_MAX - 10; }
static void no_values(struct ArrowArray *a)
{
    wr_heap_drop((void *)(uintptr_t)a->children[1]->buffers[1]);
    a->children[1]->buffers[1] = NULL;
}
static void bad_offsets(struct ArrowArray *a)
{
    ((int32_t *)(uintptr_t)a->children[3]->buffers[1])[1500] = -4;
}
static void bad_view(struct ArrowArray *a)
{
    int32_t place[2] = {3, 0};
    memcpy((char *)(uintptr_t)a->children[2]->buffers[1] + 16 * 999 + 8, place, 8);
}
static void long_view(struct ArrowArray *a)
{
    ((wr_view *)(uintptr_t)a->children[2]->buffers[1])[999].length = 1 << 30;
}
static void bad_code(struct ArrowArray *a)
{
    ((int8_t *)(uintptr_t)a->children[4]->buffers[1])[2500] = 4;
}
static void negative_code(struct ArrowArray *a)
{
    ((int8_t *)(uintptr_t)a->children[4]->buffers[1])[2500] = -1;
}
static void bad_text(struct ArrowArray *a)
{
    memset((char *)(uintptr_t)a->children[3]->buffers[2], 0xff, 1);
}

TEST(malformed_arrays_are_errors)
{
    static void (*const shapes[])(struct ArrowArray *) = {too_long, negative, far_offset};
    bench b;
    bench_open(&b);
    for (size_t i = 0; i < WR_COUNT(shapes); i++)
        expect_refused(&b, shapes[i], "");
    expect_refused(&b, no_values, "\"d\"");
    expect_refused(&b, bad_offsets, "\"u\"");
    expect_refused(&b, bad_text, "\"u\"");
    expect_refused(&b, bad_view, "\"v\"");
    expect_refused(&b, long_view, "\"v\"");
    expect_refused(&b, bad_code, "\"k\"");
    expect_refused(&b, negative_code, "\"k\"");
    bench_close(&b);
}

/* ---- sources that are read again */

typedef struct library {
    producer data;
    _Atomic int opened, dropped;
    bool projects, lies;
    int columns[P_COLUMNS];
    int64_t rows_max;
    char wished[64];
} library;

static weir_status open_library(void *arg, const weir_wish *wish, struct ArrowArrayStream *out)
{
    library *l = arg;
    static const char *const names[] = {"i", "d", "v", "u", "k"};
    l->opened++;
    l->wished[0] = '\0';
    l->rows_max = wish->rows_max;
    l->data.only_count = 0;
    for (int i = 0; i < wish->column_count; i++) {
        snprintf(l->wished + strlen(l->wished), 8, "%s", wish->columns[i]);
        for (int c = 0; c < P_COLUMNS; c++)
            if (!strcmp(names[c], wish->columns[i])) l->columns[l->data.only_count++] = c;
    }
    l->data.only = l->projects ? l->columns : NULL;
    if (l->lies) l->data.only_count--;
    if (l->data.rows < 0) return weir_error_new("the file has gone", "line 1\nline 2");
    *out = p_stream(&l->data);
    return NULL;
}

static void drop_library(void *arg) { ((library *)arg)->dropped++; }

static void register_library(bench *b, library *l)
{
    struct ArrowSchema schema;
    l->data.only = NULL;
    p_schema(&l->data, &schema);
    weir_source source = {l, open_library, drop_library, -1};
    EXPECT_OK(weir_register_source(b->session, "lib", &schema, &source));
    EXPECT(!schema.release);
}

TEST(a_source_is_opened_by_every_scan_and_told_what_is_read)
{
    for (int projects = 0; projects < 2; projects++) {
        bench b;
        library l = {.data = {.rows = 9000, .per_array = 4000}, .projects = projects};
        bench_open(&b);
        register_library(&b, &l);
        expect(&b, "SELECT sum(i), max(u) FROM lib WHERE k = 't1'", "8677929 | t997\n");
        EXPECT_TEXT(l.wished, "iuk");
        EXPECT_INT(l.rows_max, -1);
        expect(&b, "SELECT count(*) FROM lib", "9000\n");
        EXPECT_TEXT(l.wished, "");
        expect(&b, "SELECT v FROM lib LIMIT 1", "t0 of the long kind\n");
        EXPECT_TEXT(l.wished, "v");
        EXPECT_INT(l.rows_max, 1);
        EXPECT_INT(l.opened, 3);
        struct ArrowArrayStream stream;
        struct ArrowArray array;
        stream_of(&b, "SELECT u, i FROM lib", &stream);
        EXPECT_INT(stream.get_next(&stream, &array), 0);
        EXPECT_TEXT(l.wished, "iu");
        expect_same(&l.data, &array, 0, 3, 0);
        expect_same(&l.data, &array, 1, 0, 0);
        array.release(&array);
        stream.release(&stream);
        expect(&b, "DROP TABLE lib", "");
        EXPECT_INT(l.dropped, 1);
        p_expect_gone(&l.data);
        bench_close(&b);
    }
}

TEST(a_source_that_fails_or_gives_something_else_fails_the_statement)
{
    bench b;
    library l = {.data = {.rows = -1, .per_array = 4000}};
    bench_open(&b);
    register_library(&b, &l);
    expect(&b, "SELECT sum(i) FROM lib", "the file has gone [line 1\nline 2]");
    l.data.rows = 100;
    l.projects = l.lies = true;
    expect(&b, "SELECT sum(i), sum(d) FROM lib",
           "the source gives 1 columns where 2 of 5 were wanted");
    bench_close(&b);
    EXPECT_INT(l.dropped, 1);
    p_expect_gone(&l.data);
}

/* ---- names that only the host program knows */

typedef struct locals {
    library lib;
    producer frame;
    int asked;
} locals;

static weir_status find_local(void *arg, const char *name, weir_found *found)
{
    locals *l = arg;
    l->asked++;
    if (!strcmp(name, "broken")) return weir_error_new("broken is no table", NULL);
    if (!strcmp(name, "df")) found->stream = p_stream(&l->frame);
    if (!strcmp(name, "lazy")) {
        p_schema(&l->lib.data, &found->schema);
        found->source = (weir_source){&l->lib, open_library, drop_library, 9000};
    }
    return NULL;
}

TEST(names_the_catalog_does_not_know_are_asked_of_the_host)
{
    bench b;
    locals l = {.lib = {.data = {.rows = 9000, .per_array = 4000}},
                .frame = {.rows = 10, .per_array = 4}};
    bench_open(&b);
    b.keeps_tables = true;
    weir_session_find_tables(b.session, find_local, &l);
    expect(&b, "SELECT count(*) FROM df a JOIN df b ON a.i = b.i", "8\n");
    EXPECT_INT(l.asked, 1);
    p_expect_gone(&l.frame);
    expect(&b, "SELECT count(*) FROM lazy WHERE d > 10", "8979\n");
    EXPECT_INT(l.lib.dropped, 1);
    p_expect_gone(&l.lib.data);
    expect(&b, "SELECT * FROM df2", "no table, view or file \"df2\"");
    expect(&b, "SELECT * FROM broken", "table \"broken\": broken is no table");
    expect(&b, "CREATE VIEW v AS SELECT i FROM df",
           "a view cannot read \"df\", which is the program's only while this statement runs");
    expect(&b, "CREATE MATERIALIZED VIEW v AS SELECT i FROM lazy",
           "a materialized view cannot read \"lazy\", which is the program's only while this "
           "statement runs");
    expect(&b, "CREATE TABLE kept AS SELECT i FROM df", "");
    expect(&b, "SELECT count(*) FROM kept", "10\n");
    expect(&b, "CREATE TABLE df (x INT)", "");
    expect(&b, "SELECT count(*) FROM df", "0\n");
    weir_prepared *prepared;
    EXPECT_OK(weir_prepare(b.session, "SELECT i, k, $1 AS p FROM lazy", 30, &prepared));
    EXPECT_INT(weir_prepared_column_count(prepared), 3);
    EXPECT_TEXT(weir_prepared_column_type(prepared, 0), "BIGINT");
    EXPECT_OK(weir_bind_double(prepared, 1, 2.5));
    EXPECT_OK(weir_prepared_describe(prepared));
    EXPECT_TEXT(weir_prepared_column_type(prepared, 2), "DOUBLE");
    EXPECT_TEXT(weir_prepared_column_name(prepared, 2), "p");
    weir_prepared_close(prepared);
    weir_session_find_tables(b.session, NULL, NULL);
    expect(&b, "SELECT * FROM lazy", "no table, view or file \"lazy\"");
    bench_close(&b);
}
