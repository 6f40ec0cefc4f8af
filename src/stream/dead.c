/* dead.c - see dead.h.
 *
 * Rows are collected, some hundred at a time, and written to the sink as one batch; at the end of a
 * round and before a commit what is left follows. So a dead letter is committed together with the
 * position behind the row it speaks of: after a crash both are there or neither.
 *
 * A late row has no place of its own any more, nor has a row that fails behind an operator that
 * keeps state: it is told where its source was when the batch it came with had been read, which is
 * where to look for it.
 *
 * Threads: readers and operators tell rows from any thread; the sink is only called under the
 * lock. */
#include "stream/dead.h"
#include "stream/sink.h"
#include "stream/stream.h"

enum { PENDING_ROWS = WR_MIN(512, WR_BATCH_ROWS), PENDING_BYTES = 256 << 10 };

static const char *const field_names[WR_DEAD_FIELDS] = {"query",    "source", "kind",
                                                        "position", "reason", "raw"};

static int field_of(wr_str name)
{
    int field = 0;
    while (field < WR_DEAD_FIELDS && !wr_str_ieq(name, wr_str_of(field_names[field])))
        field++;
    return field;
}

weir_status wr_stream_check_dead(const wr_target *target, wr_str name)
{
    for (int i = 0; i < target->schema.count; i++) {
        const wr_field *field = &target->schema.fields[i];
        if (field_of(field->name) == WR_DEAD_FIELDS)
            return wr_with_hint(wr_fail(WR_E_UNKNOWN_COLUMN,
                                        "dead letters have no \"%.*s\", a column of %.*s",
                                        WR_STR_ARGS(field->name), WR_STR_ARGS(name)),
                                "the columns of the sink are some of query, source, kind, "
                                "position, reason, raw");
        if (field->type->id != WR_T_VARCHAR)
            return wr_with_hint(wr_fail(WR_E_TYPE_MISMATCH,
                                        "column \"%.*s\" of %.*s is %s: dead letters are VARCHAR",
                                        WR_STR_ARGS(field->name), WR_STR_ARGS(name),
                                        wr_type_name(field->type)),
                                "%.*s VARCHAR", WR_STR_ARGS(field->name));
    }
    return WR_OK;
}

wr_str wr_dead_shown(wr_arena *arena, wr_str text)
{
    if (wr_utf8_valid(text.data, text.length)) return text;
    WR_BUF(out);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x80)
            wr_buf_add_char(&out, (char)c);
        else
            wr_buf_printf(&out, "\\x%02x", c);
    }
    return wr_arena_str(arena, wr_buf_str(&out));
}

/* Room for the next row. */
static void begin_row(wr_dead *dead)
{
    const wr_schema *schema = dead->sink->schema;
    if (dead->pending_rows > 0) return;
    wr_arena_reset(&dead->arena);
    dead->pending_bytes = 0;
    dead->columns = wr_new_array(&dead->arena, wr_column, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        wr_column_init(&dead->columns[i], &dead->arena, WR_VARCHAR, WR_P_VIEW, PENDING_ROWS);
}

static weir_status write_pending(wr_dead *dead)
{
    const wr_schema *schema = dead->sink->schema;
    wr_delta delta = {.batch = {.columns = dead->columns,
                                .column_count = schema->count,
                                .rows = dead->pending_rows}};
    if (dead->pending_rows == 0) return WR_OK;
    for (int i = 0; i < schema->count; i++)
        dead->columns[i].rows = dead->pending_rows;
    dead->pending_rows = 0;
    return dead->sink->def->push(dead->sink, 0, &delta);
}

static weir_status tell(wr_dead *dead, const wr_str *fields)
{
    const wr_schema *schema = dead->sink->schema;
    begin_row(dead);
    for (int i = 0; i < schema->count; i++) {
        wr_str text = wr_dead_shown(&dead->arena, fields[field_of(schema->fields[i].name)]);
        wr_str own = wr_arena_str(&dead->arena, text);
        ((wr_view *)dead->columns[i].data)[dead->pending_rows] =
            wr_view_of(own.data ? own.data : "", own.length);
        dead->pending_bytes += own.length;
    }
    dead->pending_rows++;
    bool is_full = dead->pending_rows == PENDING_ROWS || dead->pending_bytes >= PENDING_BYTES;
    return is_full ? write_pending(dead) : WR_OK;
}

static wr_str source_name(const wr_dead *dead)
{
    return dead->graph->polled ? dead->graph->polled->name : (wr_str){0};
}

/* Where the source is behind the batch at hand, described once per batch. */
static weir_status describe_position(wr_dead *dead)
{
    const wr_graph_source *source = dead->graph->polled;
    WR_BUF(position);
    if (!source || !source->reader || !source->source->def->describe) {
        wr_buf_clear(&dead->told);
        return WR_OK;
    }
    if (dead->told_source == source && dead->told_batch == source->batches) return WR_OK;
    wr_buf_clear(&dead->told);
    WR_TRY(source->source->def->position(source->reader, &position));
    source->source->def->describe(wr_buf_str(&position), &dead->told);
    dead->told_source = source;
    dead->told_batch = source->batches;
    return WR_OK;
}

static weir_status tell_bad(wr_dead_letters *self, wr_str position, wr_str reason, wr_str raw)
{
    wr_dead *dead = (wr_dead *)(void *)((char *)self - offsetof(wr_dead, bad));
    weir_status bad = WR_OK;
    wr_mutex_lock(&dead->lock);
    dead->bad_rows++;
    dead->has_new = true;
    if (dead->tells_bad && !position.length) bad = describe_position(dead);
    const wr_str fields[] = {dead->query,
                             source_name(dead),
                             WR_STR("bad row"),
                             position.length ? position : wr_buf_str(&dead->told),
                             reason,
                             raw};
    if (dead->tells_bad && !bad) bad = tell(dead, fields);
    wr_mutex_unlock(&dead->lock);
    return bad;
}

static weir_status tell_late(wr_dead_letters *self, wr_str position, wr_str reason, wr_str raw)
{
    wr_dead *dead = (wr_dead *)(void *)((char *)self - offsetof(wr_dead, late));
    (void)position;
    wr_mutex_lock(&dead->lock);
    dead->has_new = true;
    weir_status bad = describe_position(dead);
    const wr_str fields[] = {
        dead->query, source_name(dead), WR_STR("late"), wr_buf_str(&dead->told), reason, raw};
    if (!bad) bad = tell(dead, fields);
    wr_mutex_unlock(&dead->lock);
    return bad;
}

/* Any thread: workers finish groups while the source is read on. */
static weir_status tell_group(wr_dead_letters *self, wr_str position, wr_str reason, wr_str raw)
{
    wr_dead *dead = (wr_dead *)(void *)((char *)self - offsetof(wr_dead, groups));
    const wr_str fields[] = {dead->query, {0}, WR_STR("bad group"), position, reason, raw};
    weir_status bad = WR_OK;
    wr_mutex_lock(&dead->lock);
    dead->bad_rows++;
    dead->has_new = true;
    if (dead->tells_bad) bad = tell(dead, fields);
    wr_mutex_unlock(&dead->lock);
    return bad;
}

void wr_dead_init(wr_dead *dead, wr_graph *graph, wr_stream_op *sink, bool tells_bad, wr_str query)
{
    wr_mutex_init(&dead->lock);
    dead->bad.add = tell_bad;
    dead->late.add = tell_late;
    dead->groups.add = tell_group;
    dead->graph = graph;
    dead->sink = sink;
    dead->tells_bad = tells_bad;
    dead->query = query;
    if (sink) dead->arena.mem = sink->mem;
}

weir_status wr_dead_flush(wr_dead *dead)
{
    weir_status bad = WR_OK;
    if (!dead->sink) return WR_OK;
    wr_mutex_lock(&dead->lock);
    bad = write_pending(dead);
    wr_mutex_unlock(&dead->lock);
    return bad;
}

bool wr_dead_has_new(wr_dead *dead, bool is_committed)
{
    wr_mutex_lock(&dead->lock);
    bool has = dead->has_new;
    if (is_committed) dead->has_new = false;
    wr_mutex_unlock(&dead->lock);
    return has;
}

uint64_t wr_dead_bad_rows(wr_dead *dead)
{
    wr_mutex_lock(&dead->lock);
    uint64_t rows = dead->bad_rows;
    wr_mutex_unlock(&dead->lock);
    return rows;
}

void wr_dead_clear(wr_dead *dead)
{
    if (!dead->graph) return;
    wr_mutex_clear(&dead->lock);
    wr_buf_clear(&dead->told);
    wr_arena_clear(&dead->arena);
}
