/* arrow_out.c - the rows of a query as an Arrow stream.
 *
 * Three ways. Rows of a table of the host program that nothing was done to but choosing columns and
 * a LIMIT leave as the arrays they came in: the plan is not run at all, and every buffer is the
 * producer's own. Other rows are glued to arrays of growing length, for a consumer pays per array:
 * the first is short, so that something comes soon. Rows that come as they happen (taps,
 * subscriptions) are handed on batch by batch, because the next ones may be long in coming. */
#include "exec/arrays.h"
#include "exec/op.h"
#include "host/relation.h"
#include "session/session.h"
#include <errno.h>

typedef struct row_stream {
    weir_query *query;
    wr_buf error;
    wr_host_arrays *arrays; /* NULL: rows come from the query */
    wr_array_builder *builder;
    uint32_t rows_most; /* of the next array */
    bool has_ended, is_live;
} row_stream;

/* ---- arrays as they came */

typedef struct plain_scan {
    const wr_plan_node *scan;
    const int *columns; /* of the relation */
    uint64_t skip, limit;
} plain_scan;

static weir_status take_limit(const weir_query *query, const wr_plan_node *node, plain_scan *out)
{
    int64_t limit, offset;
    WR_TRY(wr_exec_count_of(&query->env, node->limit.count, "LIMIT", INT64_MAX, &limit));
    WR_TRY(wr_exec_count_of(&query->env, node->limit.offset, "OFFSET", 0, &offset));
    out->limit = (uint64_t)limit;
    out->skip = (uint64_t)offset;
    return WR_OK;
}

/* Is the plan a scan of the host program's rows with nothing but a LIMIT and a choice of columns
 * above it? */
static weir_status find_plain_scan(weir_query *query, plain_scan *out, bool *found)
{
    const wr_plan_node *node = query->plan, *choice = NULL;
    *found = false;
    *out = (plain_scan){.limit = UINT64_MAX};
    bool has_limit = false;
    for (; node->kind == WR_PN_LIMIT || node->kind == WR_PN_PROJECT; node = node->inputs[0]) {
        if (node->kind == WR_PN_LIMIT ? has_limit || node->limit.is_percent : choice != NULL)
            return WR_OK;
        if (node->kind == WR_PN_LIMIT) WR_TRY(take_limit(query, node, out));
        has_limit |= node->kind == WR_PN_LIMIT;
        if (node->kind == WR_PN_PROJECT) choice = node;
    }
    bool is_plain = node->kind == WR_PN_SCAN && wr_relation_is_of_host(node->scan.relation) &&
                    node->scan.filter_count == 0 && node->scan.runtime_count == 0;
    if (!is_plain) return WR_OK;
    int count = query->schema.count;
    if (!choice && node->schema.count != count) return WR_OK;
    int *columns = wr_new_array(&query->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_expr *e = choice ? choice->project.exprs[i] : NULL;
        if (e && e->kind != WR_X_COLUMN) return WR_OK;
        columns[i] = node->scan.columns[e ? (int)e->column : i];
    }
    out->scan = node;
    out->columns = columns;
    *found = true;
    return WR_OK;
}

static weir_status open_arrays(row_stream *stream)
{
    weir_query *query = stream->query;
    plain_scan plain;
    bool found =
        query->run && query->bound.kind == WR_CLASS_QUERY && !query->has_given_rows && !query->kept;
    if (found) WR_TRY(find_plain_scan(query, &plain, &found));
    if (!found) return WR_OK;
    wr_host_arrays_request request = {.columns = plain.columns,
                                      .column_count = query->schema.count,
                                      .names = query->names,
                                      .skip = plain.skip,
                                      .limit = plain.limit,
                                      .mem = query->mem,
                                      .cancel = &query->cancel};
    return wr_host_arrays_open(plain.scan->scan.relation, &request, &stream->arrays);
}

/* ---- the stream */

static int stream_failed(row_stream *stream, weir_status bad)
{
    stream->error.length = 0;
    wr_buf_printf(&stream->error, "W%04d: %s", (int)bad->code, wr_status_text(bad));
    if (bad->detail) wr_buf_printf(&stream->error, "\n%s", bad->detail);
    int code = bad->code == WR_E_CANCELLED      ? ECANCELED
               : bad->code == WR_E_MEMORY_LIMIT ? ENOMEM
                                                : EIO;
    wr_status_drop(stream->query->stream_error);
    stream->query->stream_error = bad;
    return code;
}

static int stream_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    row_stream *stream = self->private_data;
    if (stream->arrays) {
        wr_host_arrays_schema(stream->arrays, out);
        return 0;
    }
    weir_status bad = wr_arrow_export_schema(&stream->query->schema, out);
    return bad ? stream_failed(stream, bad) : 0;
}

static weir_status next_array(row_stream *stream, struct ArrowArray *out)
{
    weir_status bad = wr_host_arrays_next(stream->arrays, out);
    if (bad || !out->release) {
        stream->has_ended = true;
        wr_query_end(stream->query, bad != WR_OK);
    }
    return bad;
}

static weir_status next_glued(row_stream *stream, struct ArrowArray *out)
{
    weir_query *query = stream->query;
    wr_array_builder *builder = stream->builder;
    uint32_t most = stream->rows_most;
    do {
        const weir_rows *rows;
        WR_TRY(weir_query_next(query, &rows));
        stream->has_ended = !rows;
        if (!rows) break;
        WR_TRY(wr_array_builder_add(builder, &rows->batch, most));
    } while (!stream->is_live && !wr_array_builder_is_full(builder));
    stream->rows_most = WR_MIN(most * 4, (uint32_t)WR_ARRAY_ROWS_MOST);
    return wr_array_builder_rows(builder) ? wr_array_builder_take(builder, out) : WR_OK;
}

static int stream_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    row_stream *stream = self->private_data;
    *out = (struct ArrowArray){0};
    if (stream->has_ended) return 0;
    weir_status bad = stream->arrays ? next_array(stream, out) : next_glued(stream, out);
    if (bad) stream->has_ended = true;
    return bad ? stream_failed(stream, bad) : 0;
}

static const char *stream_error(struct ArrowArrayStream *self)
{
    row_stream *stream = self->private_data;
    return stream->error.length ? stream->error.data : NULL;
}

static void stream_release(struct ArrowArrayStream *self)
{
    row_stream *stream = self->private_data;
    wr_host_arrays_close(stream->arrays);
    wr_array_builder_drop(stream->builder);
    weir_query_close(stream->query);
    wr_buf_clear(&stream->error);
    wr_heap_drop(stream);
    self->release = NULL;
}

weir_status weir_query_stream(weir_query *query, struct ArrowArrayStream *out)
{
    row_stream *stream = wr_heap_new(sizeof *stream);
    stream->query = query;
    stream->rows_most = WR_ARRAY_ROWS_FIRST;
    stream->is_live = query->live || query->subscription;
    *out = (struct ArrowArrayStream){.get_schema = stream_schema,
                                     .get_next = stream_next,
                                     .get_last_error = stream_error,
                                     .release = stream_release,
                                     .private_data = stream};
    weir_status bad = open_arrays(stream);
    if (bad) out->release(out);
    if (!bad && !stream->arrays) stream->builder = wr_array_builder_new(&query->schema);
    return bad;
}

weir_status weir_query_stream_error(const struct ArrowArrayStream *self)
{
    if (self->get_next != stream_next || !self->release) return WR_OK;
    const row_stream *stream = self->private_data;
    return wr_status_copy(stream->query->stream_error);
}
