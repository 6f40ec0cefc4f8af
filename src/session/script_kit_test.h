/* script_kit_test.h - streams step by step, through the C API: a source that gives the batches of a
 * script one by one, as the test lets it, and a sink that is a ledger: exactly once, with rows that
 * are taken back.
 *
 * A script is "4:a:1 5::x / 6:b:2": batches of rows second:key:value, of which the last two may be
 * missing (NULL). After each step the test waits until all is read and committed. */
#pragma once
#include "plan/connect.h"
#include "session/answer_kit_test.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACE "/tmp/weir_defects_XXXXXX"
enum { GATES = 4, WAIT_MS = 20000 };

/* ---- the source: t BIGINT, k VARCHAR, v VARCHAR ---- */

static _Atomic int64_t released[GATES]; /* batches that may be read */

static const wr_opt source_options[] = {{"script", WR_OPT_TEXT, NULL, "batches"},
                                        {"gate", WR_OPT_INT, "0", "who lets them out"},
                                        {"ends", WR_OPT_INT, "0", "1: after the last"},
                                        {0}};

typedef struct script {
    wr_source base;
    wr_arena arena;
    wr_str text;
    int64_t gate, ends;
} script;

typedef struct script_reader {
    wr_reader base;
    wr_arena arena;
    int columns[4], column_count;
    int64_t at;
} script_reader;

static weir_status script_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    script_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = source;
    reader->column_count = request->column_count;
    memcpy(reader->columns, request->columns, sizeof(int) * (size_t)request->column_count);
    if (request->position.length) memcpy(&reader->at, request->position.data, sizeof reader->at);
    *out = &reader->base;
    return WR_OK;
}

/* The next word up to the separator; false: there is none. */
static bool take_word(wr_str *from, char separator, wr_str *out)
{
    *out = (wr_str){0};
    if (!from->data) return false;
    const char *end = memchr(from->data, separator, from->length);
    size_t length = end ? (size_t)(end - from->data) : from->length;
    *out = (wr_str){from->data, length};
    *from = end ? (wr_str){end + 1, from->length - length - 1} : (wr_str){0};
    return true;
}

static void put_field(wr_column *column, uint32_t row, wr_str field)
{
    bool is_null = !field.data || !field.length;
    if (is_null) wr_bit_clear(column->valid, row);
    if (column->phys == WR_P_VIEW)
        ((wr_view *)column->data)[row] = wr_view_of(is_null ? "" : field.data, field.length);
    else
        ((int64_t *)column->data)[row] = is_null ? 0 : strtoll(field.data, NULL, 10);
}

static void put_batch(script_reader *reader, wr_str batch, wr_batch *out)
{
    const wr_schema *schema = &reader->base.source->schema;
    uint32_t rows = 0;
    wr_str word = {0}, rest = batch, field = {0};
    while (take_word(&rest, ' ', &word))
        rows += word.length > 0;
    wr_arena_reset(&reader->arena);
    *out = (wr_batch){.rows = rows, .column_count = reader->column_count};
    out->columns = wr_new_array(&reader->arena, wr_column, reader->column_count + 1);
    for (int c = 0; c < reader->column_count; c++) {
        const wr_type *type = schema->fields[reader->columns[c]].type;
        wr_column *column = &out->columns[c];
        wr_column_init(column, &reader->arena, type,
                       type->id == WR_T_VARCHAR ? WR_P_VIEW : WR_P_I64, rows + 1);
        column->rows = rows;
        column->valid = wr_new_array(&reader->arena, uint64_t, rows / 64 + 1);
        memset(column->valid, 0xff, sizeof(uint64_t) * (rows / 64 + 1));
        rest = batch;
        for (uint32_t row = 0; take_word(&rest, ' ', &word);) {
            if (!word.length) continue;
            for (int f = 0; f <= reader->columns[c]; f++)
                if (!take_word(&word, ':', &field)) field = (wr_str){0};
            put_field(column, row++, field);
        }
    }
}

static weir_status script_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    script_reader *reader = (script_reader *)base;
    const script *source = (const script *)base->source;
    wr_str rest = source->text, batch = {0};
    (void)deadline_ns;
    *result = WR_POLL_IDLE;
    *out = (wr_batch){0};
    if (reader->at >= atomic_load(&released[source->gate])) return WR_OK;
    for (int64_t i = 0; i <= reader->at; i++)
        if (!take_word(&rest, '/', &batch)) {
            if (source->ends) *result = WR_POLL_END;
            return WR_OK;
        }
    put_batch(reader, batch, out);
    reader->at++;
    *result = WR_POLL_ROWS;
    return WR_OK;
}

static weir_status script_position(wr_reader *base, wr_buf *out)
{
    wr_buf_add(out, &((script_reader *)base)->at, sizeof(int64_t));
    return WR_OK;
}

static void script_close(wr_reader *base)
{
    wr_arena_clear(&((script_reader *)base)->arena);
    wr_heap_drop(base);
}

static void script_drop(wr_source *base)
{
    wr_arena_clear(&((script *)base)->arena);
    wr_heap_drop(base);
}

static const wr_source_def script_def = {.open = script_open,
                                         .poll = script_poll,
                                         .position = script_position,
                                         .close = script_close,
                                         .drop = script_drop};

static weir_status script_new(const wr_connect *connect, wr_source **out)
{
    script *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){.def = &script_def,
                               .connector = "script",
                               .schema = *wr_schema_copy(&source->arena, connect->schema),
                               .is_replayable = true,
                               .references = 1};
    *out = &source->base;
    WR_TRY(wr_option_int(connect->options, source_options, "gate", &source->gate, NULL));
    WR_TRY(wr_option_int(connect->options, source_options, "ends", &source->ends, NULL));
    for (int i = 0; i < connect->options->count; i++)
        if (wr_str_is(connect->options->items[i].name, "script"))
            source->text = wr_arena_str(&source->arena, connect->options->items[i].value.text);
    return WR_OK;
}

/* ---- the sink ---- */

static wr_mutex ledger_lock = WR_MUTEX_INIT; /* streams write, tests read */
static char ledger[1 << 16];                 /* "+a|b;-c|d;" of what is committed */
enum { LEDGERS = 2 };
static uint64_t ledger_epochs[LEDGERS]; /* of the sinks that write into it */
static _Atomic bool prepare_fails;

typedef struct ledger_target {
    wr_target base;
    wr_arena arena;
    int64_t number;
} ledger_target;

typedef struct ledger_deliverer {
    wr_deliverer base;
    wr_buf rows;
} ledger_deliverer;

static weir_status ledger_open(wr_target *target, const wr_deliverer_request *request,
                               wr_deliverer **out)
{
    ledger_deliverer *d = wr_heap_new(sizeof *d);
    (void)request;
    d->base.target = target;
    *out = &d->base;
    return WR_OK;
}

static weir_status ledger_write(wr_deliverer *base, const wr_delta *delta)
{
    wr_buf *rows = &((ledger_deliverer *)base)->rows;
    for (uint32_t i = 0; i < wr_batch_count(&delta->batch); i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        wr_buf_add_char(rows, delta->changes && delta->changes[row] < 0 ? '-' : '+');
        for (int c = 0; c < delta->batch.column_count; c++) {
            if (c) wr_buf_add_char(rows, '|');
            if (wr_column_is_null(&delta->batch.columns[c], row))
                wr_buf_add_text(rows, "NULL");
            else
                wr_column_print(&delta->batch.columns[c], row, rows);
        }
        wr_buf_add_char(rows, ';');
    }
    return WR_OK;
}

static weir_status ledger_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    wr_buf *rows = &((ledger_deliverer *)base)->rows;
    (void)epoch;
    if (atomic_exchange(&prepare_fails, false)) return wr_fail(WR_E_IO, "the ledger is locked");
    wr_buf_add_str(token, wr_buf_str(rows));
    wr_buf_clear(rows);
    return WR_OK;
}

static weir_status ledger_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    uint64_t *last = &ledger_epochs[((const ledger_target *)base->target)->number];
    wr_mutex_lock(&ledger_lock);
    size_t used = strlen(ledger);
    if (epoch > *last) {
        *last = epoch;
        EXPECT(used + token.length < sizeof ledger);
        if (token.length) memcpy(ledger + used, token.data, token.length);
        ledger[used + token.length] = 0;
    }
    wr_mutex_unlock(&ledger_lock);
    return WR_OK;
}

/* What was committed since the last time, or an empty text; taken: it is forgotten. */
static void read_ledger(wr_buf *out, bool taken)
{
    wr_mutex_lock(&ledger_lock);
    wr_buf_add_text(out, ledger);
    if (taken) ledger[0] = 0;
    wr_mutex_unlock(&ledger_lock);
}

__attribute__((unused)) static bool ledger_has(const char *text)
{
    WR_BUF(now);
    read_ledger(&now, false);
    return now.length && strstr(now.data, text);
}

static void ledger_abort(wr_deliverer *base) { wr_buf_clear(&((ledger_deliverer *)base)->rows); }

static void ledger_close(wr_deliverer *base)
{
    ledger_abort(base);
    wr_heap_drop(base);
}

static void ledger_drop(wr_target *base)
{
    wr_arena_clear(&((ledger_target *)base)->arena);
    wr_heap_drop(base);
}

static const wr_target_def ledger_def = {.open = ledger_open,
                                         .write = ledger_write,
                                         .prepare = ledger_prepare,
                                         .commit = ledger_commit,
                                         .abort = ledger_abort,
                                         .close = ledger_close,
                                         .drop = ledger_drop};

static const wr_opt sink_options[] = {
    {"ledger", WR_OPT_INT, "0", "what tells apart the sinks of one stream"}, {0}};

static weir_status ledger_new(const wr_connect *connect, wr_target **out)
{
    ledger_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &ledger_def,
                               .connector = "script",
                               .schema = *wr_schema_copy(&target->arena, connect->schema),
                               .takes_back = true,
                               .strongest = WR_DELIVERY_EXACTLY_ONCE,
                               .references = 1};
    *out = &target->base;
    return wr_option_int(connect->options, sink_options, "ledger", &target->number, NULL);
}

static const wr_connector connector = {"script",     "steps",    source_options,
                                       sink_options, script_new, ledger_new};

/* ---- steps ---- */

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
    char folder[sizeof PLACE];
    const char *insert;
    weir_stream *stream;
} bench;

static void run(bench *b, const char *sql)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    if (query) EXPECT_OK(weir_query_next(query, &rows));
    weir_query_close(query);
}

static void bench_open(bench *b)
{
    *b = (bench){0};
    EXPECT(wr_connector_add(&connector));
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    memcpy(b->folder, PLACE, sizeof PLACE);
    EXPECT(mkdtemp(b->folder) != NULL);
    ledger[0] = 0;
    memset(ledger_epochs, 0, sizeof ledger_epochs);
    for (int i = 0; i < GATES; i++)
        atomic_store(&released[i], 0);
}

/* A source with ts: t seconds after 1970, and time that waits for nothing. That of the last gate
 * ends. */
static void source(bench *b, const char *name, int gate, const char *text)
{
    WR_BUF(sql);
    wr_buf_printf(
        &sql,
        "CREATE SOURCE %s (t BIGINT, k VARCHAR, v VARCHAR, ts AS TIMESTAMP '1970-01-01' + "
        "t * INTERVAL '1 second', WATERMARK FOR ts AS ts) WITH (connector = 'script', "
        "gate = %d, script = '%s')",
        name, gate, text);
    run(b, sql.data);
}

static void start(bench *b)
{
    weir_stream_options options = {.state_folder = b->folder, .checkpoint_interval_ms = 100000};
    EXPECT_OK(weir_stream_open(b->session, b->insert, strlen(b->insert), &options, &b->stream));
    if (b->stream) EXPECT_OK(weir_stream_start(b->stream));
}

/* columns of the sink, then the query */
static void begin(bench *b, const char *columns, const char *insert)
{
    WR_BUF(sql);
    wr_buf_printf(&sql, "CREATE SINK k (%s) WITH (connector = 'script')", columns);
    run(b, sql.data);
    b->insert = insert;
    start(b);
}

/* Dies without a commit, and begins again. */
static void crash(bench *b)
{
    weir_stream_cancel(b->stream);
    weir_stream_close(b->stream);
    b->stream = NULL;
    start(b);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What was committed since the last time, sorted. */
static void expect_rows(const char *want)
{
    WR_BUF(taken);
    WR_BUF(got);
    read_ledger(&taken, true);
    char *rows[256], *rest = taken.data, *row;
    int count = 0;
    while ((row = strsep(&rest, ";")))
        if (*row && count < 256) rows[count++] = row;
    qsort(rows, (size_t)count, sizeof *rows, by_text);
    for (int i = 0; i < count; i++)
        wr_buf_printf(&got, "%s%s", i ? " " : "", rows[i]);
    wr_buf_add_text(&got, "");
    EXPECT_TEXT(got.data ? got.data : "", want);
}

/* Batches up to this one of a source are read and committed. */
static void step(bench *b, int gate, int batches, const char *want)
{
    bool idle = false;
    atomic_store(&released[gate], batches);
    EXPECT_OK(weir_stream_await_idle(b->stream, WAIT_MS, &idle));
    EXPECT(idle);
    expect_rows(want);
}

static weir_stream_figures figures(bench *b)
{
    weir_stream_figures f;
    weir_stream_progress(b->stream, &f);
    return f;
}

static void bench_close(bench *b)
{
    weir_stream_close(b->stream);
    weir_session_close(b->session);
    weir_engine_close(b->engine);
    remove_folder(b->folder);
}
