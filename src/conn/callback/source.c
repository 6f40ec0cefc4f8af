/* source.c - a source whose rows functions of the host program give when they are asked.
 *
 * The program says, with what it gives, where reading goes on behind it: bytes that mean nothing to
 * the engine. A query may commit in the middle of what was given, or before the program has said
 * where it is, so a position here is the last place the program told of and the rows behind it that
 * were read. After a restart the program is opened at that place and the rows are left out, however
 * it cuts them into arrays. */
#include "conn/callback/callback.h"
#include "spi/host_feed.h"
#include "sys/clock.h"

const wr_opt wr_callback_source_options[] = {
    {"name", WR_OPT_TEXT, NULL, "the source that the program defined (required)"}, {0}};

enum { POSITION_VERSION = 1, POSITION_HEAD = 1 + sizeof(int64_t), SHOWN_BYTES_MAX = 80 };

typedef struct callback_source {
    wr_source base;
    wr_host_feed *feed;
    wr_arena arena;
} callback_source;

typedef struct callback_reader {
    wr_reader base;
    const wr_host_feed_def *def;
    void *reader;
    bool is_open, has_ended;
    const wr_cancel *cancel;
    int *columns;
    int column_count;
    wr_arena arena, batch_arena;
    wr_buf place;      /* the last one the program told of */
    int64_t done;      /* rows behind it that were read */
    int64_t given;     /* rows behind it that came before those at hand */
    wr_host_rows read; /* at hand; rows 0: nothing is */
    int64_t at;        /* the next of them */
    uint32_t last_rows;
} callback_reader;

static weir_status failed(const callback_reader *r, weir_status bad)
{
    return bad ? wr_wrap(bad, "source %s", r->def->name) : WR_OK;
}

/* ---- positions ---- */

static weir_status read_position(wr_str position, int64_t *done, wr_str *place)
{
    *done = 0;
    *place = (wr_str){0};
    if (!position.length) return WR_OK;
    if (position.length < POSITION_HEAD || position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_CORRUPT, "a position of %zu bytes is none of the connector callback",
                       position.length);
    memcpy(done, position.data + 1, sizeof *done);
    if (*done < 0) return wr_fail(WR_E_CORRUPT, "a position of the connector callback is damaged");
    *place = (wr_str){position.data + POSITION_HEAD, position.length - POSITION_HEAD};
    return WR_OK;
}

static weir_status callback_position(wr_reader *base, wr_buf *out)
{
    const callback_reader *r = (const callback_reader *)base;
    bool is_behind = r->read.rows && r->at == r->read.rows && r->read.position.length;
    int64_t done = is_behind ? 0 : r->done;
    wr_buf_add_char(out, POSITION_VERSION);
    wr_buf_add(out, &done, sizeof done);
    wr_buf_add_str(out, wr_buf_str(is_behind ? &r->read.position : &r->place));
    return WR_OK;
}

static void add_place(wr_str place, wr_buf *out)
{
    if (!place.length) {
        wr_buf_add_text(out, "the beginning");
        return;
    }
    for (size_t i = 0; i < WR_MIN(place.length, SHOWN_BYTES_MAX); i++) {
        bool is_plain = (unsigned char)place.data[i] >= ' ' && (unsigned char)place.data[i] < 127;
        wr_buf_add_char(out, is_plain ? place.data[i] : '?');
    }
}

static void callback_describe(wr_str position, wr_buf *out)
{
    int64_t done;
    wr_str place;
    wr_status_drop(read_position(position, &done, &place));
    add_place(place, out);
    if (done) wr_buf_printf(out, ", %lld rows behind", (long long)done);
}

static void callback_locate(wr_reader *base, uint32_t row, wr_buf *out)
{
    const callback_reader *r = (const callback_reader *)base;
    int64_t first = r->given + r->at - r->last_rows;
    add_place(wr_buf_str(&r->place), out);
    wr_buf_printf(out, ", row %lld behind", (long long)(first + row + 1));
}

/* ---- reading ---- */

static void callback_close(wr_reader *base)
{
    callback_reader *r = (callback_reader *)base;
    if (r->is_open) r->def->close(r->reader);
    wr_buf_clear(&r->place);
    wr_buf_clear(&r->read.position);
    wr_arena_clear(&r->batch_arena);
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
}

static weir_status callback_open(wr_source *base, const wr_reader_request *request, wr_reader **out)
{
    callback_source *source = (callback_source *)base;
    wr_str place;
    int64_t done;
    WR_TRY(read_position(request->position, &done, &place));
    callback_reader *r = wr_heap_new(sizeof *r);
    r->base.source = base;
    r->def = &source->feed->def;
    r->cancel = request->cancel;
    r->done = done;
    r->batch_arena.mem = request->mem;
    wr_buf_add_str(&r->place, place);
    r->column_count = request->column_count;
    r->columns = wr_new_array(&r->arena, int, request->column_count + 1);
    for (int c = 0; c < request->column_count; c++)
        r->columns[c] = request->columns[c];
    weir_status bad =
        failed(r, r->def->open(r->def->arg, &base->schema, place, request->mem, &r->reader));
    r->is_open = !bad;
    if (bad)
        callback_close(&r->base);
    else
        *out = &r->base;
    return bad;
}

/* Behind the rows at hand. */
static void leave_rows(callback_reader *r)
{
    r->given += r->read.rows;
    r->read.rows = r->at = 0;
    if (!r->read.position.length) return;
    wr_buf_clear(&r->place);
    wr_buf_add_str(&r->place, wr_buf_str(&r->read.position));
    wr_buf_clear(&r->read.position);
    r->done = WR_MAX(r->done - r->given, 0);
    r->given = 0;
}

/* Rows are at hand afterwards, or *any is false. */
static weir_status fetch(callback_reader *r, int64_t deadline_ns, bool *any)
{
    for (*any = false; !*any && !r->has_ended;) {
        int64_t left_ns = deadline_ns ? deadline_ns - wr_clock_mono_ns() : 0;
        WR_TRY(wr_cancel_check(r->cancel));
        WR_TRY(failed(r, r->def->read(r->reader, WR_MAX(left_ns, 0) / 1000000, &r->read)));
        bool came = r->read.rows >= 0;
        r->has_ended = r->read.has_ended;
        r->read.rows = WR_MAX(r->read.rows, 0);
        r->at = WR_MIN(WR_MAX(r->done - r->given, 0), r->read.rows);
        *any = r->at < r->read.rows;
        if (!*any) leave_rows(r);
        if (!came) return WR_OK;
    }
    return WR_OK;
}

static weir_status callback_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out,
                                 wr_poll *result)
{
    callback_reader *r = (callback_reader *)base;
    bool any = true;
    *out = (wr_batch){0};
    if (r->read.rows && r->at == r->read.rows) leave_rows(r);
    if (!r->read.rows) WR_TRY(fetch(r, deadline_ns, &any));
    *result = any ? WR_POLL_ROWS : r->has_ended ? WR_POLL_END : WR_POLL_IDLE;
    if (!any) return WR_OK;
    r->last_rows = (uint32_t)WR_MIN(r->read.rows - r->at, WR_BATCH_ROWS);
    wr_arena_reset(&r->batch_arena);
    WR_TRY(failed(r, r->def->columns(r->reader, r->at, r->last_rows, r->columns, r->column_count,
                                     &r->batch_arena, out)));
    r->at += r->last_rows;
    r->done = r->given + r->at;
    return WR_OK;
}

static void callback_lag(wr_reader *base, wr_lag *out)
{
    callback_reader *r = (callback_reader *)base;
    int64_t rows = r->def->knows_lag ? r->def->lag(r->reader) : -1;
    *out = (wr_lag){.has_rows = rows >= 0};
    if (out->has_rows) out->rows = (uint64_t)(rows + r->read.rows - r->at);
    out->is_waiting = r->at < r->read.rows;
}

static weir_status callback_ack(wr_reader *base, wr_str position)
{
    callback_reader *r = (callback_reader *)base;
    int64_t done;
    wr_str place;
    WR_TRY(read_position(position, &done, &place));
    return r->def->wants_acks && place.length ? failed(r, r->def->ack(r->reader, place)) : WR_OK;
}

/* ---- the source ---- */

static void callback_drop(wr_source *base)
{
    callback_source *source = (callback_source *)base;
    wr_host_feed_release(source->feed);
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

static const wr_source_def source_def = {.open = callback_open,
                                         .poll = callback_poll,
                                         .position = callback_position,
                                         .locate = callback_locate,
                                         .ack = callback_ack,
                                         .lag = callback_lag,
                                         .close = callback_close,
                                         .describe = callback_describe,
                                         .drop = callback_drop};

static weir_status find_feed(const wr_connect *connect, wr_host_feed **out)
{
    wr_str name;
    bool is_set;
    WR_TRY(wr_option_text(connect->options, wr_callback_source_options, "name", &name, &is_set));
    if (!is_set)
        return wr_fail(WR_E_UNKNOWN_OPTION, "connector = 'callback' needs the option name");
    const wr_format_context *context = connect->context;
    *out = context && context->host_feed ? context->host_feed(context->host, name) : NULL;
    if (*out) return WR_OK;
    return wr_with_hint(wr_fail(WR_E_UNKNOWN_TABLE, "the program has defined no source \"%.*s\"",
                                WR_STR_ARGS(name)),
                        "weir_feed_create defines one");
}

weir_status wr_callback_source(const wr_connect *connect, wr_source **out)
{
    wr_host_feed *feed;
    WR_TRY(wr_options_check(connect->options, wr_callback_source_options, "callback"));
    if (!connect->schema)
        return wr_with_hint(
            wr_fail(WR_E_COLUMN_COUNT, "a source of the program has columns"),
            "CREATE SOURCE s (id BIGINT) WITH (connector = 'callback', name = 's')");
    WR_TRY(find_feed(connect, &feed));
    callback_source *source = wr_heap_new(sizeof *source);
    source->feed = feed;
    source->base = (wr_source){.def = &source_def,
                               .connector = "callback",
                               .is_bounded = feed->def.is_bounded,
                               .is_replayable = !feed->def.is_forgetful,
                               .references = 1};
    source->base.schema = *wr_schema_copy(&source->arena, connect->schema);
    *out = &source->base;
    return WR_OK;
}
