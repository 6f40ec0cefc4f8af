/* function_test.c - functions and aggregates of the host program. */
#include "session/producer_test.h"
#include <stdlib.h>
#include <unistd.h>

typedef struct host {
    _Atomic int dropped, calls, results, states, updates, merges, saves, loads;
    _Atomic int64_t rows; /* of all calls */
    int wrong;            /* what a result is wrong in */
} host;

/* ---- results */

static void release_result(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_buffers; i++)
        wr_heap_drop((void *)(uintptr_t)a->buffers[i]);
    wr_heap_drop(a->buffers);
    ((host *)a->private_data)->results--;
    a->release = NULL;
}

static void *new_result(host *h, int64_t rows, struct ArrowArray *out)
{
    *out = (struct ArrowArray){
        .length = rows, .n_buffers = 2, .release = release_result, .private_data = h};
    out->buffers = wr_heap_new(3 * sizeof *out->buffers);
    void *values = wr_heap_new((size_t)rows * 8 + 8);
    out->buffers[1] = values;
    h->results++;
    return values;
}

static const void *values_of(const struct ArrowArray *args, int column, int64_t *offset)
{
    *offset = args->children[column]->offset;
    return args->children[column]->buffers[1];
}

static void drop_host(void *arg) { ((host *)arg)->dropped++; }

/* ---- functions */

static weir_status twice(void *arg, weir_call *call)
{
    host *h = arg;
    int64_t rows = call->args->length, offset;
    const double *from = values_of(call->args, 0, &offset);
    h->calls++;
    h->rows += rows;
    EXPECT(!strcmp(call->schema->children[0]->format, "g"));
    double *to = new_result(h, rows, call->result);
    for (int64_t i = 0; i < rows; i++)
        to[i] = 2 * from[offset + i];
    if (h->wrong == 1) call->result->length--;
    if (h->wrong == 2)
        *call->result_schema = (struct ArrowSchema){.format = "w:8", .release = NULL};
    if (h->wrong == 3) return weir_error_new("division by cucumber", "line 1\nline 2");
    if (h->wrong == 4) call->result->release(call->result);
    return NULL;
}

/* The number of arguments that are NULL, as 32 bits although 64 are declared. */
static weir_status count_nulls(void *arg, weir_call *call)
{
    host *h = arg;
    int32_t *to = new_result(h, call->args->length, call->result);
    for (int c = 0; c < 2; c++) {
        const struct ArrowArray *child = call->args->children[c];
        const uint8_t *bits = child->buffers[0];
        for (int64_t i = 0; bits && i < child->length; i++) {
            int64_t at = child->offset + i;
            to[i] += !(bits[at / 8] >> (at % 8) & 1);
        }
    }
    EXPECT_OK(wr_arrow_export_schema(
        &(wr_schema){.fields = &(wr_field){WR_STR("r"), WR_INTEGER}, .count = 1},
        call->result_schema));
    struct ArrowSchema *whole = call->result_schema, one = *whole->children[0];
    whole->children[0]->release = NULL;
    whole->release(whole);
    *whole = one;
    return NULL;
}

static const char *const one_double[] = {"DOUBLE"};
static const char *const two[] = {"BIGINT", "VARCHAR"};

static weir_status add_twice(bench *b, host *h)
{
    weir_function f = {.name = "twice",
                       .help = "Two times x.",
                       .arg_types = one_double,
                       .arg_count = 1,
                       .result_type = "DOUBLE",
                       .arg = h,
                       .call = twice,
                       .drop = drop_host};
    return weir_function_create(b->session, &f);
}

TEST(a_function_of_the_host_stands_wherever_a_function_may)
{
    bench b;
    host h = {0};
    bench_open(&b);
    b.keeps_tables = true;
    EXPECT_OK(add_twice(&b, &h));
    expect(&b,
           "CREATE TABLE t AS SELECT CASE WHEN i % 10 > 0 THEN i END AS i FROM range(20000) r(i)",
           "");
    expect(&b, "SELECT sum(twice(i)), count(twice(i)), count(*) FROM t",
           "360000000 | 18000 | 20000\n");
    EXPECT_INT(h.rows, 18000);
    expect(&b, "SELECT i FROM t WHERE twice(i) BETWEEN 9000 AND 9004 ORDER BY twice(-i)",
           "4502\n4501\n");
    expect(&b, "SELECT twice(twice(i)) AS k, count(*) FROM t WHERE i < 4 GROUP BY k ORDER BY k",
           "4 | 1\n8 | 1\n12 | 1\n");
    expect(&b, "SELECT CASE WHEN i > 2 THEN twice(i) ELSE -1 END FROM t WHERE i < 4 ORDER BY i",
           "-1\n-1\n6\n");
    expect(&b, "SELECT count(*) FROM t a JOIN t b ON twice(a.i) = b.i", "8000\n");
    expect(&b, "SELECT sum(twice(i)) OVER (ORDER BY i) FROM t WHERE i < 4 ORDER BY i",
           "2\n6\n12\n");
    expect(&b, "CREATE VIEW v AS SELECT twice(i) AS d FROM t; SELECT max(d) FROM v", "39998\n");
    expect(&b, "SELECT twice(21), twice(NULL) IS NULL, twice(x => 1)",
           "no function twice(INTEGER) [existing forms:\ntwice(DOUBLE) -> DOUBLE]");
    expect(&b, "SELECT twice(21), twice(NULL) IS NULL", "42 | true\n");
    expect(&b, "SELECT twice('a')", "cannot read \"a\" as DOUBLE");
    expect(&b, "SHOW FUNCTIONS LIKE 'twice'",
           "twice | scalar | (DOUBLE) -> DOUBLE | Two times x.\n");
    expect(&b, "SELECT kind, family FROM weir_functions() WHERE name = 'twice'", "scalar | host\n");
    expect(&b, "DROP FUNCTION twice", "");
    EXPECT_INT(h.dropped, 1);
    expect(&b, "SELECT twice(1)", "no function \"twice\"");
    EXPECT_INT(h.results, 0);
    bench_close(&b);
}

/* Rows and calls since the last time. */
static void expect_called(host *h, int64_t rows, int calls_most)
{
    EXPECT_INT(h->rows, rows);
    EXPECT(h->calls <= calls_most);
    h->rows = 0;
    h->calls = 0;
}

TEST(a_function_is_called_for_many_rows_at_once_and_only_for_those_that_reach_it)
{
    enum { FEW = 60 }; /* of 147 batches, by workers that begin with short calls */
    bench b;
    host h = {0};
    bench_open(&b);
    b.keeps_tables = true;
    EXPECT_OK(add_twice(&b, &h));
    expect(&b, "CREATE TABLE t AS SELECT i::DOUBLE AS i, i % 10 AS k FROM range(300000) r(i)", "");
    expect(&b, "SELECT max(twice(i)) FROM t", "599998\n");
    if (WR_BATCH_ROWS == 2048) expect_called(&h, 300000, FEW);
    h.calls = 0;
    h.rows = 0;
    expect(&b, "SELECT twice(i), k FROM t LIMIT 3 OFFSET 2", "4 | 2\n6 | 3\n8 | 4\n");
    expect_called(&h, 3, 1);
    expect(&b, "SELECT count(*) FROM t WHERE twice(i) < 20 AND k > 0 AND twice(i) + 1 > 3", "8\n");
    expect_called(&h, 270000, 300000);
    expect(&b, "SELECT sum(twice(i)) FROM t WHERE twice(i) < 20", "90\n");
    expect_called(&h, 300000, 300000);
    expect(&b, "SELECT count(*) FROM t WHERE i >= 10 OR twice(i) = 4", "299991\n");
    expect_called(&h, 10, 300000);
    expect(&b, "SELECT sum(coalesce(nullif(i, 7), twice(i))) - sum(i) FROM t", "7\n");
    expect_called(&h, 1, 1);
    expect(&b, "SELECT max(twice(twice(i))) FROM t", "1199996\n");
    expect_called(&h, 600000, 600000);
    expect(&b,
           "SELECT count(*) FROM t JOIN (VALUES (0), (2), (4)) v(x) ON twice(t.i) = v.x "
           "AND twice(t.i + v.x) = 2 * v.x + v.x",
           "3\n");
    expect_called(&h, 300003, 300003);
    expect(&b, "SELECT count(*) FROM (SELECT twice(i) FROM t UNION ALL SELECT i FROM t)",
           "600000\n");
    expect_called(&h, 0, 0); /* nobody reads them */
    expect(&b, "SELECT t.i FROM t WHERE twice(i) > 10 LIMIT 2", "6\n7\n");
    EXPECT(h.rows < 300000);
    EXPECT_INT(h.results, 0);
    bench_close(&b);
}

TEST(a_function_may_see_nulls_and_give_what_converts)
{
    bench b;
    host h = {0};
    bench_open(&b);
    weir_function f = {.name = "nulls",
                       .arg_types = two,
                       .arg_count = 2,
                       .result_type = "BIGINT",
                       .sees_nulls = true,
                       .arg = &h,
                       .call = count_nulls,
                       .drop = drop_host};
    EXPECT_OK(weir_function_create(b.session, &f));
    expect(&b, "SELECT nulls(a, b) FROM (VALUES (1, 'x'), (NULL, 'y'), (NULL, NULL)) t(a, b)",
           "0\n1\n2\n");
    expect(&b, "SELECT pg_typeof(nulls(NULL, NULL)), nulls(NULL, NULL)", "bigint | 2\n");
    bench_close(&b);
    EXPECT_INT(h.dropped, 1);
    EXPECT_INT(h.results, 0);
}

TEST(what_a_function_does_wrong_fails_the_statement)
{
    static const char *const messages[] = {
        "function twice, rows 1 to 3 that it was given: it gave 2 results for 3 rows",
        NULL,
        "function twice, rows 1 to 3 that it was given: division by cucumber [line 1\nline 2]",
        "function twice, rows 1 to 3 that it was given: it gave no result",
    };
    bench b;
    host h = {0};
    bench_open(&b);
    EXPECT_OK(add_twice(&b, &h));
    for (h.wrong = 1; h.wrong <= 4; h.wrong++)
        if (messages[h.wrong - 1])
            expect(&b, "SELECT twice(i) FROM range(3) t(i)", messages[h.wrong - 1]);
    h.wrong = 3;
    weir_query *query;
    const weir_rows *rows;
    const char *sql = "SELECT twice(i) FROM range(3) t(i)";
    EXPECT_OK(weir_query_start(b.session, sql, strlen(sql), &query));
    weir_status bad = weir_query_next(query, &rows);
    EXPECT_TEXT(weir_error_code(bad), "W3130");
    size_t pos, length;
    EXPECT(weir_error_position(bad, &pos, &length) && pos == 7);
    weir_error_drop(bad);
    weir_query_close(query);
    weir_function f = {.name = "f",
                       .arg_types = (const char *[]){"NO_TYPE"},
                       .arg_count = 1,
                       .result_type = "INT",
                       .arg = &h,
                       .call = twice,
                       .drop = drop_host};
    EXPECT_FAIL(weir_function_create(b.session, &f), WR_E_UNKNOWN_TYPE);
    EXPECT_INT(h.dropped, 1);
    h.wrong = 0;
    EXPECT_OK(add_twice(&b, &h)); /* in place of the one before */
    EXPECT_INT(h.dropped, 2);
    bench_close(&b);
    EXPECT_INT(h.dropped, 3);
    EXPECT_INT(h.results, 0);
}

/* Gives the number of its arguments. */
static weir_status count_arguments(void *arg, weir_call *call)
{
    int64_t *to = new_result(arg, call->args->length, call->result);
    for (int64_t i = 0; i < call->args->length; i++)
        to[i] = call->args->n_children;
    return NULL;
}

static void add_form(bench *b, host *h, const char *const *types, int count, const char *help)
{
    weir_function f = {.name = "form",
                       .help = help,
                       .arg_types = types,
                       .arg_count = count,
                       .result_type = "BIGINT",
                       .arg = h,
                       .call = count_arguments,
                       .drop = drop_host};
    EXPECT_OK(weir_function_create(b->session, &f));
}

TEST(a_name_has_forms_for_different_arguments)
{
    static const char *const text_double[] = {"VARCHAR", "DOUBLE"};
    bench b;
    host h = {0};
    bench_open(&b);
    add_form(&b, &h, one_double, 1, "one");
    add_form(&b, &h, text_double, 2, "pair");
    add_form(&b, &h, text_double, 1, "text");
    add_form(&b, &h, NULL, 0, "none");
    expect(&b, "SELECT form(1), form('a', 2), form('a'::TEXT), form()", "1 | 2 | 1 | 0\n");
    expect(&b, "SHOW FUNCTIONS LIKE 'form'",
           "form | scalar | (DOUBLE) -> BIGINT | one\n"
           "form | scalar | (VARCHAR, DOUBLE) -> BIGINT | pair\n"
           "form | scalar | (VARCHAR) -> BIGINT | text\n"
           "form | scalar | () -> BIGINT | none\n");
    expect(&b, "SELECT form(1, 2, 3)",
           "no function form(INTEGER, INTEGER, INTEGER) [existing forms:\nform(DOUBLE) -> "
           "BIGINT\nform(VARCHAR, DOUBLE) -> BIGINT\nform(VARCHAR) -> BIGINT\nform() -> BIGINT]");
    EXPECT_INT(h.dropped, 0);
    add_form(&b, &h, one_double, 1, "another");
    EXPECT_INT(h.dropped, 1);
    expect(&b, "DROP FUNCTION form(INT[])", "no form of form has these types of arguments");
    expect(&b, "DROP FUNCTION form(VARCHAR, DOUBLE)", "");
    EXPECT_INT(h.dropped, 2);
    expect(&b, "SELECT form('a', 2)",
           "no function form(VARCHAR, INTEGER) [existing forms:\nform(VARCHAR) -> BIGINT\nform() "
           "-> BIGINT\nform(DOUBLE) -> BIGINT]");
    expect(&b, "BEGIN; DROP FUNCTION form(); ROLLBACK; SELECT form()", "0\n");
    expect(&b, "DROP FUNCTION form(); DROP FUNCTION form(DOUBLE); SELECT form('a'::TEXT)", "1\n");
    expect(&b, "DROP FUNCTION form(VARCHAR)", "");
    expect(&b, "SELECT form()", "no function \"form\"");
    EXPECT_INT(h.dropped, 5);
    bench_close(&b);
    EXPECT_INT(h.dropped, 5);
}

/* ---- aggregates: the sum and the number of values */

typedef struct total {
    double sum;
    int64_t count;
} total;

static weir_status total_new(void *arg, void **state)
{
    ((host *)arg)->states++;
    *state = wr_heap_new(sizeof(total));
    return NULL;
}

static void total_drop(void *arg, void *state)
{
    ((host *)arg)->states--;
    wr_heap_drop(state);
}

static weir_status total_update(void *arg, weir_update *u)
{
    host *h = arg;
    int64_t offset;
    const double *from = values_of(u->args, 0, &offset);
    h->updates++;
    EXPECT_INT(u->starts[u->state_count], u->args->length);
    for (int64_t s = 0; s < u->state_count; s++)
        for (int64_t i = u->starts[s]; i < u->starts[s + 1]; i++) {
            ((total *)u->states[s])->sum += from[offset + i];
            ((total *)u->states[s])->count++;
            if (from[offset + i] == -666) return weir_error_new("a bad number", "trace");
        }
    return NULL;
}

static weir_status total_merge(void *arg, void *into, const void *from)
{
    ((host *)arg)->merges++;
    ((total *)into)->sum += ((const total *)from)->sum;
    ((total *)into)->count += ((const total *)from)->count;
    return NULL;
}

static weir_status total_evaluate(void *arg, void *const *states, int64_t count,
                                  struct ArrowSchema *schema, struct ArrowArray *result)
{
    (void)schema;
    double *to = new_result(arg, count, result);
    for (int64_t i = 0; i < count; i++)
        to[i] = ((const total *)states[i])->sum + 1e6 * (double)((const total *)states[i])->count;
    return NULL;
}

static weir_status total_save(void *arg, const void *state, weir_bytes *out)
{
    ((host *)arg)->saves++;
    weir_bytes_add(out, state, sizeof(total));
    return NULL;
}

static weir_status total_load(void *arg, const void *bytes, size_t size, void **state)
{
    ((host *)arg)->loads++;
    if (size != sizeof(total)) return weir_error_new("a state of another size", NULL);
    EXPECT_OK(total_new(arg, state));
    memcpy(*state, bytes, size);
    return NULL;
}

static void add_total(bench *b, host *h)
{
    weir_aggregate a = {.name = "total",
                        .arg_types = one_double,
                        .arg_count = 1,
                        .result_type = "DOUBLE",
                        .state_bytes = 64,
                        .arg = h,
                        .state_new = total_new,
                        .state_drop = total_drop,
                        .update = total_update,
                        .merge = total_merge,
                        .evaluate = total_evaluate,
                        .save = total_save,
                        .load = total_load,
                        .drop = drop_host};
    EXPECT_OK(weir_aggregate_create(b->session, &a));
}

TEST(an_aggregate_of_the_host_stands_wherever_an_aggregate_may)
{
    bench b;
    host h = {0};
    bench_open(&b);
    b.keeps_tables = true;
    add_total(&b, &h);
    expect(&b,
           "CREATE TABLE t AS SELECT i % 3 AS k, CASE WHEN i % 7 > 0 THEN i END AS v "
           "FROM range(100000) r(i)",
           "");
    const char *same =
        "SELECT count(*) FROM (SELECT total(v) AS a, sum(v) + 1e6 * count(v) AS b FROM t %s) "
        "WHERE a = b";
    static const char *const tails[] = {"", "GROUP BY k", "GROUP BY v % 5000", "WHERE false",
                                        "GROUP BY v HAVING total(v) > 0"};
    static const int counts[] = {1, 3, 5000, 0, 85714};
    for (int spill = 0; spill < 2; spill++) {
        for (size_t i = 0; i < WR_COUNT(tails); i++) {
            WR_BUF(sql);
            WR_BUF(want);
            wr_buf_printf(&sql, same, tails[i]);
            wr_buf_printf(&want, "%d\n", counts[i]);
            expect(&b, sql.data, want.data);
            EXPECT_INT(h.states, 0);
        }
        expect(&b, "SET force_spill = true", "");
    }
    EXPECT(h.saves > 0 && h.loads > 0);
    expect(&b, "RESET force_spill", "");
    expect(&b,
           "SELECT total(v), total(v) FILTER (WHERE v = 1), total(DISTINCT k) FROM t WHERE v < 9",
           "7000029 | 1000001 | 3000003\n");
    expect(&b,
           "SELECT v, total(v) OVER (ORDER BY v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
           "FROM t WHERE v < 5 ORDER BY v",
           "1 | 1000001\n2 | 2000003\n3 | 2000005\n4 | 2000007\n");
    expect(&b,
           "SELECT count(*) FROM (SELECT total(v) OVER (PARTITION BY k ORDER BY v) AS a, "
           "sum(v) OVER w + 1e6 * count(v) OVER w AS b FROM t "
           "WINDOW w AS (PARTITION BY k ORDER BY v)) WHERE a = b",
           "100000\n");
    expect(&b, "SELECT total(v) FROM (VALUES (-666)) t(v)",
           "function total, 1 rows of 1 groups: a bad number [trace]");
    expect(&b, "SELECT total()", "no function total() [existing forms:\ntotal(DOUBLE) -> DOUBLE]");
    expect(&b, "SELECT i FROM range(3) t(i) WHERE total(i) > 1",
           "the aggregate total cannot stand in WHERE");
    expect(&b, "SET memory_limit = '20MB'", "");
    EXPECT_INT(h.states, 0);
    expect(&b, "DROP FUNCTION total", "");
    bench_close(&b);
    EXPECT_INT(h.dropped, 1);
    EXPECT_INT(h.results, 0);
}

/* ---- streams */

TEST(functions_and_aggregates_of_the_host_work_in_streams_and_over_restarts)
{
    char folder[] = "/tmp/weir_function_XXXXXX";
    EXPECT(mkdtemp(folder));
    host f = {0}, a = {0};
    for (int round = 0; round < 2; round++) {
        bench b;
        weir_stream *stream;
        bool idle = false;
        WR_BUF(sql);
        bench_open(&b);
        b.keeps_tables = true;
        EXPECT_OK(add_twice(&b, &f));
        add_total(&b, &a);
        wr_buf_printf(&sql,
                      "CREATE SOURCE s (k BIGINT, v DOUBLE) WITH (connector = 'files', path = "
                      "'%s/*.csv', format = 'csv')",
                      folder);
        WR_BUF(copy);
        wr_buf_printf(&copy,
                      "COPY (SELECT i %% 2 AS k, i::DOUBLE AS v FROM range(%d, %d) t(i)) TO "
                      "'%s/%d.csv'",
                      4 * round, 4 * round + 4, folder, round);
        expect(&b, copy.data, "");
        expect(&b, sql.data, "");
        WR_BUF(sink);
        wr_buf_printf(&sink,
                      "CREATE SINK out (k BIGINT, t DOUBLE, PRIMARY KEY (k)) WITH (connector = "
                      "'sqlite', path = '%s/out.db', \"table\" = 'out'); CREATE SOURCE got (k "
                      "BIGINT, t DOUBLE) WITH "
                      "(connector = 'sqlite', path = '%s/out.db', \"table\" = 'out')",
                      folder, folder);
        expect(&b, sink.data, "");
        const char *insert = "INSERT INTO out SELECT k, total(twice(v)) FROM s GROUP BY k";
        weir_stream_options options = {.name = "q", .state_folder = folder};
        EXPECT_OK(weir_stream_open(b.session, insert, strlen(insert), &options, &stream));
        EXPECT_OK(weir_stream_start(stream));
        EXPECT_OK(weir_stream_await_idle(stream, 20000, &idle));
        EXPECT(idle);
        weir_stream_close(stream);
        expect(&b, "SELECT k, t FROM got ORDER BY k",
               round ? "0 | 4000024\n1 | 4000032\n" : "0 | 2000004\n1 | 2000008\n");
        bench_close(&b);
    }
    EXPECT_INT(a.states, 0);
    EXPECT_INT(a.dropped, 2);
    EXPECT(a.saves > 0 && a.loads > 0);
    WR_BUF(command);
    wr_buf_printf(&command, "rm -r %s", folder);
    EXPECT_INT(system(command.data), 0);
}
