/* push.c - rows of the host program that go on coming: Arrow arrays into a source.
 *
 * A batch is converted to the types of the source as a whole before anything of it is handed over,
 * so it is taken whole or not at all. What holds a source open here is a reference of its own: the
 * session may be closed and the source dropped. */
#include "col/arrow.h"
#include "expr/cast.h"
#include "host/relation.h"
#include "session/session.h"

struct weir_push {
    wr_source *source;
    char *name;
};

/* ---- opening ---- */

static weir_status find_source(weir_session *session, wr_str name, wr_source **out)
{
    wr_catalog_view view;
    wr_session_view(session, &view);
    WR_AUTO(wr_object) *object = wr_catalog_find(&view, 1u << WR_ENTRY_SOURCE, WR_STR(""), name);
    if (!object) return wr_fail(WR_E_UNKNOWN_TABLE, "no source \"%.*s\"", WR_STR_ARGS(name));
    if (!object->source || !object->source->def->inlet)
        return wr_with_hint(
            wr_fail(WR_E_UNSUPPORTED, "rows cannot be pushed to \"%.*s\"", WR_STR_ARGS(name)),
            "CREATE SOURCE .. WITH (connector = 'push')");
    *out = wr_source_keep(object->source);
    return WR_OK;
}

weir_status weir_push_open(weir_session *session, const char *name, weir_push **out)
{
    wr_source *source = NULL;
    *out = NULL;
    WR_TRY(wr_session_check_usable(session, (wr_span){0}));
    WR_TRY(wr_session_begin(session));
    uint64_t mark = wr_txn_savepoint(session->txn);
    weir_status bad = find_source(session, wr_str_of(name), &source);
    wr_session_statement_ends(session, bad != WR_OK, mark);
    if (bad) return bad;
    *out = wr_heap_new(sizeof **out);
    (*out)->source = source;
    (*out)->name = wr_heap_copy(name, strlen(name));
    return WR_OK;
}

void weir_push_close(weir_push *push)
{
    if (!push) return;
    wr_source_release(push->source);
    wr_heap_drop(push->name);
    wr_heap_drop(push);
}

/* ---- batches ---- */

weir_status wr_match_columns(const char *source, const wr_schema *wanted, const wr_schema *given,
                             int *from)
{
    for (int c = 0; c < wanted->count; c++) {
        from[c] = -1;
        for (int i = 0; i < given->count && from[c] < 0; i++)
            if (wr_str_ieq(given->fields[i].name, wanted->fields[c].name)) from[c] = i;
        if (from[c] < 0)
            return wr_fail(WR_E_UNKNOWN_COLUMN, "the rows for \"%s\" have no column \"%.*s\"",
                           source, WR_STR_ARGS(wanted->fields[c].name));
    }
    if (given->count == wanted->count) return WR_OK;
    return wr_fail(WR_E_COLUMN_COUNT, "the rows have %d columns, the source \"%s\" has %d",
                   given->count, source, wanted->count);
}

weir_status wr_convert_column(const wr_column *in, const wr_type *to, wr_arena *arena,
                              wr_column *out)
{
    wr_cast_job job = {.to = to, .arena = arena};
    *out = *in;
    return in->type == to ? WR_OK : wr_cast_column(&job, in, out);
}

static weir_status convert(const weir_push *push, wr_arena *arena, const wr_batch *in,
                           const int *from, wr_batch *out)
{
    const wr_schema *wanted = &push->source->schema;
    *out = (wr_batch){.rows = in->rows,
                      .column_count = wanted->count,
                      .columns = wr_new_array(arena, wr_column, wanted->count + 1)};
    for (int c = 0; c < wanted->count; c++)
        WR_TRY(wr_convert_column(&in->columns[from[c]], wanted->fields[c].type, arena,
                                 &out->columns[c]));
    return WR_OK;
}

static weir_status bring(weir_push *push, const struct ArrowSchema *schema,
                         const struct ArrowArray *array, int64_t number, int64_t deadline_ns,
                         bool *taken)
{
    WR_ARENA(arena);
    wr_schema given;
    WR_TRY(wr_arrow_import_schema(schema, &arena, &given));
    int *from = wr_new_array(&arena, int, push->source->schema.count + 1);
    WR_TRY(wr_match_columns(push->name, &push->source->schema, &given, from));
    int count = (int)((array->length + WR_BATCH_ROWS - 1) / WR_BATCH_ROWS);
    wr_batch *pieces = wr_new_array(&arena, wr_batch, count + 1);
    for (int i = 0; i < count; i++) {
        wr_batch imported;
        int64_t at = (int64_t)i * WR_BATCH_ROWS;
        uint32_t rows = (uint32_t)WR_MIN(array->length - at, WR_BATCH_ROWS);
        WR_TRY(wr_arrow_import_rows(schema, array, at, rows, &arena, &imported));
        WR_TRY(convert(push, &arena, &imported, from, &pieces[i]));
    }
    return push->source->def->inlet->bring(push->source, pieces, count, number, deadline_ns, taken);
}

weir_status weir_push_batch(weir_push *push, const struct ArrowSchema *schema,
                            struct ArrowArray *array, int64_t number, int64_t timeout_ms,
                            bool *taken)
{
    *taken = false;
    if (number < 0) return wr_fail(WR_E_API_MISUSE, "the number of a batch is not negative");
    WR_TRY(bring(push, schema, array, number, wr_deadline_of(timeout_ms), taken));
    if (*taken && array->release) array->release(array);
    return WR_OK;
}

weir_status weir_push_stream(weir_push *push, struct ArrowArrayStream *stream)
{
    struct ArrowSchema schema = {0};
    weir_status bad = WR_OK;
    bool more = stream->get_schema(stream, &schema) == 0;
    if (!more) bad = wr_host_stream_failure(stream, "asking for its schema");
    while (more && !bad) {
        struct ArrowArray array = {0};
        bool taken = false;
        if (stream->get_next(stream, &array) != 0)
            bad = wr_host_stream_failure(stream, "reading rows");
        more = !bad && array.release;
        if (more) bad = weir_push_batch(push, &schema, &array, 0, -1, &taken);
        if (array.release) array.release(&array);
    }
    if (schema.release) schema.release(&schema);
    if (stream->release) stream->release(stream);
    return bad;
}

void weir_push_end(weir_push *push) { push->source->def->inlet->end(push->source); }

int64_t weir_push_committed(const weir_push *push)
{
    return push->source->def->inlet->committed(push->source);
}
