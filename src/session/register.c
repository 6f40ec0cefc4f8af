/* register.c - rows of the host program as tables.
 *
 * A registered stream is read to its end into an in-memory table, so that it can be scanned any
 * number of times and the producer is free at once. */
#include "col/arrow.h"
#include "session/session.h"

weir_status wr_arrow_stream_failure(struct ArrowArrayStream *stream, const char *what)
{
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    return wr_fail(WR_E_IO, "the stream failed while %s: %s", what,
                   text ? text : "no reason given");
}

static weir_status append_array(wr_table *table, wr_txn *txn, const struct ArrowSchema *schema,
                                const struct ArrowArray *array)
{
    for (int64_t from = 0; from < array->length; from += WR_BATCH_ROWS) {
        WR_ARENA(arena);
        wr_batch batch;
        uint32_t count = (uint32_t)WR_MIN(array->length - from, WR_BATCH_ROWS);
        WR_TRY(wr_arrow_import_rows(schema, array, from, count, &arena, &batch));
        WR_TRY(wr_table_append(table, txn, &batch));
    }
    return WR_OK;
}

static weir_status read_all(struct ArrowArrayStream *stream, const struct ArrowSchema *schema,
                            wr_table *table, wr_txn *txn)
{
    for (;;) {
        struct ArrowArray array = {0};
        if (stream->get_next(stream, &array) != 0)
            return wr_arrow_stream_failure(stream, "reading rows");
        if (!array.release) return WR_OK;
        weir_status bad = append_array(table, txn, schema, &array);
        array.release(&array);
        WR_TRY(bad);
    }
}

static weir_status register_stream(weir_session *session, wr_str name,
                                   struct ArrowArrayStream *stream,
                                   const struct ArrowSchema *schema)
{
    WR_AUTO(wr_object) *object = wr_object_new(WR_ENTRY_TABLE, WR_STR("main"), name);
    object->is_temporary = true;
    wr_schema columns;
    WR_TRY(wr_arrow_import_schema(schema, &object->arena, &columns));
    object->column_count = columns.count;
    object->columns = wr_new_array(&object->arena, wr_column_def, WR_MAX(columns.count, 1));
    for (int i = 0; i < columns.count; i++)
        object->columns[i] =
            (wr_column_def){.name = columns.fields[i].name, .type = columns.fields[i].type};
    object->table = wr_table_new(session->engine->store, &columns);
    WR_TRY(read_all(stream, schema, object->table, session->txn));
    wr_catalog_view view;
    wr_session_view(session, &view);
    return wr_catalog_add(&view, WR_TAKE(object), true);
}

static weir_status read_stream(weir_session *session, wr_str name, struct ArrowArrayStream *stream)
{
    struct ArrowSchema schema = {0};
    if (stream->get_schema(stream, &schema) != 0)
        return wr_arrow_stream_failure(stream, "asking for its schema");
    weir_status bad = register_stream(session, name, stream, &schema);
    if (schema.release) schema.release(&schema);
    return bad;
}

weir_status weir_register_stream(weir_session *session, const char *name,
                                 struct ArrowArrayStream *stream)
{
    weir_status bad = wr_session_check_usable(session, (wr_span){0});
    if (!bad) bad = wr_session_begin(session);
    if (!bad) {
        uint64_t mark = wr_txn_savepoint(session->txn);
        bad = read_stream(session, wr_str_of(name), stream);
        wr_session_statement_ends(session, bad != WR_OK, mark);
    }
    if (stream->release) stream->release(stream);
    return bad;
}

weir_status weir_unregister(weir_session *session, const char *name)
{
    WR_TRY(wr_session_check_usable(session, (wr_span){0}));
    WR_TRY(wr_session_begin(session));
    uint64_t mark = wr_txn_savepoint(session->txn);
    wr_catalog_view view;
    wr_session_view(session, &view);
    WR_AUTO(wr_object) *object =
        wr_catalog_find(&view, 1u << WR_ENTRY_TABLE, WR_STR("temp"), wr_str_of(name));
    weir_status bad = object ? wr_catalog_remove(&view, object)
                             : wr_fail(WR_E_UNKNOWN_TABLE, "nothing is registered as \"%s\"", name);
    wr_session_statement_ends(session, bad != WR_OK, mark);
    return bad;
}
