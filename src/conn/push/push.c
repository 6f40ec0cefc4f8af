/* push.c - a source whose rows the host program brings, batch by batch, through the C API.
 *
 * Batches have numbers that grow. Every reader that is open gets every batch; until there is one,
 * and while the queue of one is full, the program waits. A reader's position is the number of the
 * batch it is in and the rows of it that were read, so a query that starts again leaves out what
 * its last commit has: a program that brings again what was not committed loses nothing and brings
 * nothing twice.
 *
 * Threads: the lock guards everything but the piece that a reader has handed out. Readers copy what
 * they are given with the memory of their query. */
#include "spi/connector.h"
#include "sys/clock.h"
#include "sys/thread.h"

static const wr_opt options[] = {{"queue_rows", WR_OPT_INT, "65536",
                                  "rows that wait for a query; then whoever brings some waits"},
                                 {0}};

static const int64_t LOOK_EVERY_NS = 20 * INT64_C(1000000);
enum { POSITION_VERSION = 1, POSITION_SIZE = 1 + 2 * sizeof(int64_t) };

typedef struct place {
    int64_t number; /* of the batch that comes next, or that is half read */
    int64_t rows;   /* of it that were read */
} place;

typedef struct piece {
    struct piece *next;
    wr_arena arena;
    wr_batch batch;
    place at, after; /* after: where reading goes on behind it */
} piece;

typedef struct push_reader {
    wr_reader base;
    struct push_reader *next;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_arena arena; /* columns */
    int *columns;
    int column_count;
    piece *first, *last, *given; /* given: handed out, until the next poll */
    uint64_t queued_rows;
    place read, queued; /* queued: what comes next is behind it */
    bool has_committed;
    int64_t committed;
} push_reader;

typedef struct push_source {
    wr_source base;
    wr_arena arena;
    int64_t queue_rows;
    wr_mutex lock;
    wr_cond changed;
    push_reader *readers;
    bool has_ended;
    int64_t committed; /* of all readers that commit; 0: nothing yet */
} push_source;

static push_source *source_of(const wr_reader *reader) { return (push_source *)reader->source; }

/* ---- positions ---- */

static weir_status read_position(wr_str position, place *out)
{
    *out = (place){.number = 1};
    if (!position.length) return WR_OK;
    if (position.length != POSITION_SIZE || position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_CORRUPT, "a position of %zu bytes is none of a pushed source",
                       position.length);
    memcpy(&out->number, position.data + 1, sizeof out->number);
    memcpy(&out->rows, position.data + 1 + sizeof out->number, sizeof out->rows);
    return WR_OK;
}

static weir_status push_position(wr_reader *base, wr_buf *out)
{
    const push_reader *reader = (const push_reader *)base;
    wr_buf_add_char(out, POSITION_VERSION);
    wr_buf_add(out, &reader->read.number, sizeof reader->read.number);
    wr_buf_add(out, &reader->read.rows, sizeof reader->read.rows);
    return WR_OK;
}

static void push_describe(wr_str position, wr_buf *out)
{
    place at;
    weir_status bad = read_position(position, &at);
    wr_status_drop(bad);
    wr_buf_printf(out, "batch %lld, %lld rows of it", (long long)at.number, (long long)at.rows);
}

/* What every reader that commits has committed. Locked. */
static void settle_committed(push_source *source)
{
    int64_t least = INT64_MAX;
    for (const push_reader *r = source->readers; r; r = r->next)
        if (r->has_committed) least = WR_MIN(least, r->committed);
    if (least != INT64_MAX) source->committed = least;
}

static weir_status push_ack(wr_reader *base, wr_str position)
{
    push_reader *reader = (push_reader *)base;
    push_source *source = source_of(base);
    place at;
    WR_TRY(read_position(position, &at));
    wr_mutex_lock(&source->lock);
    reader->has_committed = true;
    reader->committed = at.number - 1;
    settle_committed(source);
    wr_mutex_unlock(&source->lock);
    return WR_OK;
}

/* ---- reading ---- */

static void piece_drop(piece *p)
{
    if (!p) return;
    wr_arena_clear(&p->arena);
    wr_heap_drop(p);
}

static void push_reader_close(wr_reader *base)
{
    push_reader *reader = (push_reader *)base;
    push_source *source = source_of(base);
    wr_mutex_lock(&source->lock);
    push_reader **at = &source->readers;
    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    settle_committed(source);
    wr_cond_broadcast(&source->changed);
    wr_mutex_unlock(&source->lock);
    while (reader->first) {
        piece *p = reader->first;
        reader->first = p->next;
        piece_drop(p);
    }
    piece_drop(reader->given);
    wr_arena_clear(&reader->arena);
    wr_heap_drop(reader);
}

static weir_status push_open(wr_source *base, const wr_reader_request *request, wr_reader **out)
{
    push_source *source = (push_source *)base;
    place from;
    WR_TRY(read_position(request->position, &from));
    push_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = base;
    reader->mem = request->mem;
    reader->cancel = request->cancel;
    reader->column_count = request->column_count;
    reader->columns = wr_new_array(&reader->arena, int, request->column_count + 1);
    for (int c = 0; c < request->column_count; c++)
        reader->columns[c] = request->columns[c];
    reader->read = reader->queued = from;
    reader->has_committed = request->position.length > 0;
    reader->committed = from.number - 1;
    wr_mutex_lock(&source->lock);
    reader->next = source->readers;
    source->readers = reader;
    settle_committed(source);
    wr_cond_broadcast(&source->changed);
    wr_mutex_unlock(&source->lock);
    *out = &reader->base;
    return WR_OK;
}

/* The next piece, NULL if none came. Locked. */
static piece *take_piece(push_reader *reader)
{
    piece *p = reader->first;
    if (!p) return NULL;
    reader->first = p->next;
    if (!reader->first) reader->last = NULL;
    reader->queued_rows -= p->batch.rows;
    wr_cond_broadcast(&source_of(&reader->base)->changed);
    return p;
}

static weir_status push_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    push_reader *reader = (push_reader *)base;
    push_source *source = source_of(base);
    weir_status bad = WR_OK;
    bool has_ended = false;
    piece_drop(WR_TAKE(reader->given));
    *out = (wr_batch){0};
    wr_mutex_lock(&source->lock);
    for (;;) {
        reader->given = take_piece(reader);
        has_ended = source->has_ended;
        int64_t now = wr_clock_mono_ns();
        if (reader->given || has_ended || now >= deadline_ns) break;
        bad = wr_cancel_check(reader->cancel);
        if (bad) break;
        wr_cond_wait_until(&source->changed, &source->lock,
                           WR_MIN(deadline_ns, now + LOOK_EVERY_NS));
    }
    wr_mutex_unlock(&source->lock);
    *result = reader->given ? WR_POLL_ROWS : has_ended ? WR_POLL_END : WR_POLL_IDLE;
    if (!reader->given) return bad;
    *out = reader->given->batch;
    reader->read = reader->given->after;
    return WR_OK;
}

static void push_lag(wr_reader *base, wr_lag *out)
{
    push_source *source = source_of(base);
    wr_mutex_lock(&source->lock);
    *out = (wr_lag){.has_rows = true, .rows = ((push_reader *)base)->queued_rows};
    wr_mutex_unlock(&source->lock);
}

static void push_locate(wr_reader *base, uint32_t row, wr_buf *out)
{
    const piece *p = ((push_reader *)base)->given;
    wr_buf_printf(out, "batch %lld row %lld", (long long)p->at.number,
                  (long long)(p->at.rows + row + 1));
}

/* ---- what the program brings ---- */

static void add_piece(push_reader *reader, const wr_batch *from, uint32_t skip, place at,
                      place after)
{
    piece *p = wr_heap_new(sizeof *p);
    p->arena.mem = reader->mem;
    p->at = at;
    p->after = after;
    p->batch = (wr_batch){.rows = from->rows - skip,
                          .column_count = reader->column_count,
                          .columns = wr_new_array(&p->arena, wr_column, reader->column_count + 1)};
    for (int c = 0; c < reader->column_count; c++)
        wr_column_copy(&from->columns[reader->columns[c]], skip, p->batch.rows, &p->arena,
                       &p->batch.columns[c]);
    if (reader->last)
        reader->last->next = p;
    else
        reader->first = p;
    reader->last = p;
    reader->queued_rows += p->batch.rows;
}

/* A batch of which the reader needs no row: its number is behind it with the rows before, and if
 * there are none, a piece without rows lets a commit know of it. */
static void add_end(push_reader *reader, place after)
{
    if (reader->last) {
        reader->last->after = after;
        return;
    }
    const wr_schema *schema = &reader->base.source->schema;
    wr_arena none = {0};
    wr_batch empty = {.column_count = schema->count,
                      .columns = wr_new_array(&none, wr_column, schema->count + 1)};
    for (int c = 0; c < schema->count; c++) {
        const wr_type *type = schema->fields[c].type;
        wr_column_init(&empty.columns[c], &none, type, (wr_phys)type->phys, 1);
    }
    add_piece(reader, &empty, 0, reader->queued, after);
    wr_arena_clear(&none);
}

/* What the reader has of it already is left out. */
static void add_batch(push_reader *reader, const wr_batch *pieces, int count, int64_t number)
{
    if (number < reader->queued.number) return;
    int64_t known = number == reader->queued.number ? reader->queued.rows : 0, rows = 0;
    bool any = false;
    for (int i = 0; i < count; i++) {
        int64_t skip = WR_MAX(known - rows, 0);
        place at = {number, rows + skip};
        rows += pieces[i].rows;
        if (skip >= pieces[i].rows) continue;
        place after = i + 1 < count ? (place){number, rows} : (place){number + 1, 0};
        add_piece(reader, &pieces[i], (uint32_t)skip, at, after);
        any = true;
    }
    if (!any) add_end(reader, (place){number + 1, 0});
    reader->queued = (place){number + 1, 0};
}

/* Somebody reads, and nobody is behind. Locked. */
static bool has_room(const push_source *source)
{
    for (const push_reader *r = source->readers; r; r = r->next)
        if (r->queued_rows >= (uint64_t)source->queue_rows) return false;
    return source->readers != NULL;
}

static int64_t next_number(const push_source *source)
{
    int64_t next = 1;
    for (const push_reader *r = source->readers; r; r = r->next)
        next = WR_MAX(next, r->queued.number);
    return next;
}

static weir_status push_bring(wr_source *base, const wr_batch *pieces, int count, int64_t number,
                              int64_t deadline_ns, bool *taken)
{
    push_source *source = (push_source *)base;
    weir_status bad = WR_OK;
    wr_mutex_lock(&source->lock);
    while (!source->has_ended && !has_room(source) && wr_clock_mono_ns() < deadline_ns)
        wr_cond_wait_until(&source->changed, &source->lock, deadline_ns);
    *taken = has_room(source) && !source->has_ended;
    if (source->has_ended) bad = wr_fail(WR_E_API_MISUSE, "the source was ended");
    if (*taken) {
        if (number == 0) number = next_number(source);
        for (push_reader *r = source->readers; r; r = r->next)
            add_batch(r, pieces, count, number);
        wr_cond_broadcast(&source->changed);
    }
    wr_mutex_unlock(&source->lock);
    return bad;
}

static void push_end(wr_source *base)
{
    push_source *source = (push_source *)base;
    wr_mutex_lock(&source->lock);
    source->has_ended = true;
    wr_cond_broadcast(&source->changed);
    wr_mutex_unlock(&source->lock);
}

static int64_t push_committed(wr_source *base)
{
    push_source *source = (push_source *)base;
    wr_mutex_lock(&source->lock);
    int64_t committed = source->committed;
    wr_mutex_unlock(&source->lock);
    return committed;
}

static const wr_inlet inlet = {.bring = push_bring, .end = push_end, .committed = push_committed};

/* ---- the connector ---- */

static void push_drop(wr_source *base)
{
    push_source *source = (push_source *)base;
    wr_mutex_clear(&source->lock);
    wr_cond_clear(&source->changed);
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

static const wr_source_def source_def = {.open = push_open,
                                         .poll = push_poll,
                                         .position = push_position,
                                         .locate = push_locate,
                                         .ack = push_ack,
                                         .lag = push_lag,
                                         .close = push_reader_close,
                                         .describe = push_describe,
                                         .inlet = &inlet,
                                         .drop = push_drop};

static weir_status push_new(const wr_connect *connect, wr_source **out)
{
    int64_t queue_rows;
    WR_TRY(wr_options_check(connect->options, options, "push"));
    WR_TRY(wr_option_int(connect->options, options, "queue_rows", &queue_rows, NULL));
    if (queue_rows < 1)
        return wr_fail_at(WR_E_PARAMETER_VALUE,
                          wr_option_find(connect->options, options, "queue_rows")->value_span,
                          "the option \"queue_rows\" is at least 1");
    if (!connect->schema)
        return wr_with_hint(wr_fail(WR_E_COLUMN_COUNT, "a source that is pushed to has columns"),
                            "CREATE SOURCE s (id BIGINT, name VARCHAR) WITH (connector = 'push')");
    push_source *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){
        .def = &source_def, .connector = "push", .is_replayable = true, .references = 1};
    source->base.schema = *wr_schema_copy(&source->arena, connect->schema);
    source->queue_rows = queue_rows;
    wr_mutex_init(&source->lock);
    wr_cond_init(&source->changed);
    *out = &source->base;
    return WR_OK;
}

const wr_connector wr_connector_push = {
    .name = "push",
    .help = "Rows that the host program brings (C API: weir_push_open).",
    .source_options = options,
    .source = push_new,
};
