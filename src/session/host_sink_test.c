/* host_sink_test.c - sinks of the host program: what they are given, and their part in commits. */
#include "session/producer_test.h"
#include <stdlib.h>
#include <unistd.h>

/* Keeps rows as text: pending until they are prepared, prepared until they are committed. */
typedef struct keeper {
    int opened, closed, dropped, aborted, flushed, prepared, committed;
    bool fails;
    char query[32];
    wr_buf pending, visible;
    uint64_t epoch; /* of the last commit */
} keeper;

static weir_status keeper_open(void *arg, const char *query, const struct ArrowSchema *schema,
                               void **writer)
{
    keeper *k = arg;
    EXPECT(schema->n_children > 0);
    snprintf(k->query, sizeof k->query, "%s", query);
    k->opened++;
    *writer = k;
    return NULL;
}

static weir_status keeper_write(void *writer, const struct ArrowSchema *schema,
                                struct ArrowArray *rows)
{
    keeper *k = writer;
    if (k->fails) return weir_error_new("the tape is full", "more");
    WR_ARENA(arena);
    wr_batch batch;
    EXPECT_OK(wr_arrow_import_rows(schema, rows, 0, (uint32_t)rows->length, &arena, &batch));
    wr_batch_print(&batch, &k->pending);
    struct ArrowArray mine = *rows; /* taken over */
    rows->release = NULL;
    mine.release(&mine);
    return NULL;
}

static weir_status keeper_prepare(void *writer, uint64_t epoch, weir_bytes *token)
{
    keeper *k = writer;
    (void)epoch;
    k->prepared++;
    weir_bytes_add(token, k->pending.data, k->pending.length);
    k->pending.length = 0;
    return NULL;
}

static weir_status keeper_commit(void *writer, uint64_t epoch, const void *token, size_t size)
{
    keeper *k = writer;
    if (epoch <= k->epoch) return NULL;
    k->committed++;
    k->epoch = epoch;
    wr_buf_add(&k->visible, token, size);
    return NULL;
}

static weir_status keeper_flush(void *writer)
{
    ((keeper *)writer)->flushed++;
    return NULL;
}
static void keeper_abort(void *writer) { ((keeper *)writer)->aborted++; }
static void keeper_close(void *writer) { ((keeper *)writer)->closed++; }
static void keeper_drop(void *arg) { ((keeper *)arg)->dropped++; }

static void define(bench *b, keeper *k, bool commits, bool takes_changes)
{
    weir_sink sink = {.name = "keeper",
                      .arg = k,
                      .takes_changes = takes_changes,
                      .open = keeper_open,
                      .write = keeper_write,
                      .prepare = commits ? keeper_prepare : NULL,
                      .commit = commits ? keeper_commit : NULL,
                      .flush = keeper_flush,
                      .abort = keeper_abort,
                      .close = keeper_close,
                      .drop = keeper_drop};
    EXPECT_OK(weir_sink_create(b->session, &sink));
}

static void keeper_end(keeper *k)
{
    wr_buf_clear(&k->pending);
    wr_buf_clear(&k->visible);
}

TEST(rows_of_an_insert_reach_the_sink_of_the_host)
{
    bench b;
    keeper k = {0};
    bench_open(&b);
    expect(&b, "CREATE SINK s (n BIGINT) WITH (connector = 'callback', name = 'keeper')",
           "the program has defined no sink \"keeper\"");
    expect(&b, "CREATE SINK s (n BIGINT) WITH (connector = 'callback')",
           "connector = 'callback' needs the option name");
    define(&b, &k, true, false);
    expect(&b, "CREATE SINK s (n BIGINT, t VARCHAR) WITH (connector = 'callback', name = 'keeper')",
           "");
    expect(&b, "INSERT INTO s SELECT i, 'a text of some length ' || i FROM range(3) r(i)", "");
    EXPECT_TEXT(k.visible.data, "0 | a text of some length 0\n1 | a text of some length 1\n"
                                "2 | a text of some length 2\n");
    EXPECT_INT(k.opened, 1);
    EXPECT_INT(k.closed, 1);
    k.fails = true;
    expect(&b, "INSERT INTO s SELECT 1, 'x'", "sink keeper: the tape is full [more]");
    EXPECT_INT(k.closed, 2);
    expect(&b, "DROP SINK s", "");
    bench_close(&b);
    EXPECT_INT(k.dropped, 1);
    keeper_end(&k);
}

static void run_stream(bench *b, const char *insert, const char *folder)
{
    weir_stream *stream;
    bool idle = false;
    weir_stream_options options = {.name = "q", .state_folder = folder};
    EXPECT_OK(weir_stream_open(b->session, insert, strlen(insert), &options, &stream));
    EXPECT_OK(weir_stream_start(stream));
    EXPECT_OK(weir_stream_await_idle(stream, 20000, &idle));
    EXPECT(idle);
    weir_stream_close(stream);
}

TEST(a_sink_of_the_host_takes_part_in_checkpoints)
{
    char folder[] = "/tmp/weir_host_sink_XXXXXX";
    EXPECT(mkdtemp(folder));
    keeper k = {0};
    for (int round = 0; round < 2; round++) {
        bench b;
        WR_BUF(sql);
        bench_open(&b);
        b.keeps_tables = true;
        define(&b, &k, true, true);
        wr_buf_printf(&sql,
                      "COPY (SELECT i %% 2 AS k FROM range(%d) t(i)) TO '%s/%d.csv'; CREATE SOURCE "
                      "f (k BIGINT) WITH (connector = 'files', path = '%s/*.csv', format = 'csv'); "
                      "CREATE SINK s (k BIGINT, n BIGINT, PRIMARY KEY (k)) WITH (connector = "
                      "'callback', name = 'keeper')",
                      4, folder, round, folder);
        expect(&b, sql.data, "");
        run_stream(&b, "INSERT INTO s SELECT k, count(*) FROM f GROUP BY k", folder);
        bench_close(&b);
        EXPECT_TEXT(k.query, "q");
    }
    EXPECT_TEXT(k.visible.data,
                "1 | 0 | 2\n1 | 1 | 2\n-1 | 0 | 2\n-1 | 1 | 2\n1 | 0 | 4\n1 | 1 | 4\n");
    EXPECT(k.prepared >= 2 && k.committed >= 2);
    EXPECT_INT(k.opened, k.closed);
    EXPECT_INT(k.dropped, 2);
    keeper_end(&k);
    WR_BUF(command);
    wr_buf_printf(&command, "rm -r %s", folder);
    EXPECT_INT(system(command.data), 0);
}

TEST(a_sink_without_commits_is_flushed_and_one_without_changes_gets_none)
{
    bench b;
    keeper k = {0};
    weir_stream *stream;
    bench_open(&b);
    define(&b, &k, false, false);
    expect(
        &b,
        "CREATE SOURCE f (n BIGINT) WITH (connector = 'push'); CREATE SINK s (k BIGINT, n BIGINT) "
        "WITH (connector = 'callback', name = 'keeper')",
        "");
    const char *sql = "INSERT INTO s SELECT n % 2, count(*) FROM f GROUP BY n % 2";
    weir_status bad = weir_stream_open(b.session, sql, strlen(sql), NULL, &stream);
    EXPECT(bad != NULL);
    weir_error_drop(bad);
    weir_push *push;
    struct ArrowArrayStream rows;
    EXPECT_OK(weir_push_open(b.session, "f", &push));
    sql = "INSERT INTO s SELECT n, n * 2 FROM f";
    EXPECT_OK(weir_stream_open(b.session, sql, strlen(sql), NULL, &stream));
    EXPECT_OK(weir_stream_start(stream));
    stream_of(&b, "SELECT i AS n FROM range(3) t(i)", &rows);
    EXPECT_OK(weir_push_stream(push, &rows));
    weir_push_end(push);
    bool ended = false;
    EXPECT_OK(weir_stream_await(stream, 20000, &ended));
    EXPECT(ended && k.flushed > 0);
    EXPECT_TEXT(k.pending.data, "0 | 0\n1 | 2\n2 | 4\n");
    weir_stream_close(stream);
    weir_push_close(push);
    bench_close(&b);
    EXPECT_INT(k.dropped, 1);
    keeper_end(&k);
}
