/* register.c - rows of the host program as tables, under names of the session or found by asking.
 *
 * A registered table is a relation in the catalog, temporary, so that it belongs to the session and
 * changes with its transaction. Tables that the host program is asked for are no objects: they
 * belong to the statement that named them. */
#include "host/relation.h"
#include "session/session.h"

_Static_assert(sizeof(weir_wish) == sizeof(wr_host_wish), "the same struct under two names");
_Static_assert(sizeof(weir_source) == sizeof(wr_host_source), "the same struct under two names");

weir_status weir_error_new(const char *message, const char *detail)
{
    bool is_good = message && *message && wr_utf8_valid(message, strlen(message));
    weir_status bad = wr_fail(WR_E_HOST, "%s", is_good ? message : "the host program failed");
    return detail && *detail ? wr_with_detail(bad, "%s", detail) : bad;
}

weir_status weir_error_fatal(weir_status error) { return wr_with_fatal(error); }

/* The public struct as the one of host, whose callbacks take the wish under its other name. */
typedef struct opener {
    weir_source source;
} opener;

static weir_status open_source(void *arg, const wr_host_wish *wish, struct ArrowArrayStream *out)
{
    const opener *o = arg;
    weir_wish asked = {wish->columns, wish->column_count, wish->rows};
    *out = (struct ArrowArrayStream){0};
    weir_status bad = o->source.open(o->source.arg, &asked, out);
    if (bad && out->release) out->release(out);
    return bad;
}

static void drop_source(void *arg)
{
    opener *o = arg;
    if (o->source.drop) o->source.drop(o->source.arg);
    wr_heap_drop(o);
}

static weir_status source_relation(struct ArrowSchema *schema, const weir_source *source,
                                   wr_relation **out)
{
    opener *o = wr_heap_new(sizeof *o);
    o->source = *source;
    wr_host_source inner = {o, open_source, drop_source, source->row_count};
    return wr_host_source_relation(schema, &inner, out);
}

/* ---- names of the session */

static weir_status add_relation(weir_session *session, wr_str name, wr_relation *relation)
{
    wr_object *object = wr_object_new(WR_ENTRY_RELATION, WR_STR("main"), name);
    object->is_temporary = true;
    object->relation = relation;
    wr_catalog_view view;
    wr_session_view(session, &view);
    return wr_catalog_add(&view, object, true);
}

/* What a table is made of; taken over. */
typedef struct offered {
    struct ArrowArrayStream *stream; /* NULL: schema and source */
    struct ArrowSchema *schema;
    const weir_source *source;
} offered;

static weir_status take_offered(weir_session *session, const offered *from, wr_relation **out)
{
    if (!from->stream) return source_relation(from->schema, from->source, out);
    wr_cancel cancel = {0};
    wr_cancel_follow(&cancel, &session->interrupts);
    return wr_host_keep_stream(from->stream, session->engine->mem, &cancel, out);
}

static void leave_offered(const offered *from)
{
    if (from->stream && from->stream->release) from->stream->release(from->stream);
    if (from->schema && from->schema->release) from->schema->release(from->schema);
    if (from->source && from->source->drop) from->source->drop(from->source->arg);
}

/* A failure fails the transaction it is in, as that of a statement does. */
static weir_status publish(weir_session *session, const char *name, const offered *from)
{
    weir_status bad = wr_session_check_usable(session, (wr_span){0});
    if (!bad && from->source && !from->source->open)
        bad = wr_fail(WR_E_API_MISUSE, "a source without open");
    if (!bad) bad = wr_session_begin(session);
    if (bad) {
        leave_offered(from);
        return bad;
    }
    wr_relation *relation;
    uint64_t mark = wr_txn_savepoint(session->txn);
    session->open_queries++; /* the stream may be a query of this session, which ends meanwhile */
    bad = take_offered(session, from, &relation);
    if (!bad) bad = add_relation(session, wr_str_of(name), relation);
    session->open_queries--;
    wr_session_statement_ends(session, bad != WR_OK, mark);
    return bad;
}

weir_status weir_register_stream(weir_session *session, const char *name,
                                 struct ArrowArrayStream *stream)
{
    return publish(session, name, &(offered){.stream = stream});
}

weir_status weir_register_source(weir_session *session, const char *name,
                                 struct ArrowSchema *schema, const weir_source *source)
{
    return publish(session, name, &(offered){.schema = schema, .source = source});
}

weir_status weir_unregister(weir_session *session, const char *name)
{
    WR_TRY(wr_session_check_usable(session, (wr_span){0}));
    WR_TRY(wr_session_begin(session));
    uint64_t mark = wr_txn_savepoint(session->txn);
    wr_catalog_view view;
    wr_session_view(session, &view);
    WR_AUTO(wr_object) *object =
        wr_catalog_find(&view, 1u << WR_ENTRY_RELATION, WR_STR("temp"), wr_str_of(name));
    weir_status bad = object ? wr_catalog_remove(&view, object)
                             : wr_fail(WR_E_UNKNOWN_TABLE, "nothing is registered as \"%s\"", name);
    wr_session_statement_ends(session, bad != WR_OK, mark);
    return bad;
}

/* ---- names that only the host program knows */

void weir_session_find_tables(weir_session *session, weir_find_table_fn *find, void *arg)
{
    session->find_table = find;
    session->find_arg = arg;
}

static weir_status take_found(weir_session *session, weir_found *found, const wr_cancel *cancel,
                              wr_relation **out)
{
    if (found->stream.release)
        return wr_host_keep_stream(&found->stream, session->engine->mem, cancel, out);
    return found->source.open ? source_relation(&found->schema, &found->source, out) : WR_OK;
}

weir_status wr_session_find_table(void *owner, wr_str name, const wr_cancel *cancel,
                                  wr_relation **out)
{
    weir_session *session = owner;
    *out = NULL;
    if (!session->find_table) return WR_OK;
    weir_found found = {0};
    char *text = wr_heap_copy(name.data, name.length);
    weir_status bad = session->find_table(session->find_arg, text, &found);
    wr_heap_drop(text);
    if (!bad) bad = take_found(session, &found, cancel, out);
    if (found.stream.release) found.stream.release(&found.stream);
    if (found.schema.release) found.schema.release(&found.schema);
    return bad ? wr_wrap(bad, "table \"%.*s\"", WR_STR_ARGS(name)) : WR_OK;
}
