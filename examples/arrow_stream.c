/* arrow_stream.c - results as Arrow record batches, without a copy: add up a column of numbers. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* The values of a BIGINT column are its second buffer; the first says which rows are not NULL. */
static int64_t sum_of(const struct ArrowArray *column)
{
    const uint8_t *valid = column->buffers[0];
    const int64_t *values = column->buffers[1];
    int64_t sum = 0;
    for (int64_t i = column->offset; i < column->offset + column->length; i++)
        if (!valid || valid[i / 8] >> (i % 8) & 1) sum += values[i];
    return sum;
}

static int add_up(struct ArrowArrayStream *stream, int64_t *sum, int64_t *rows)
{
    for (;;) {
        struct ArrowArray batch;
        int code = stream->get_next(stream, &batch);
        if (code) return code;
        if (!batch.release) return 0; /* the end */
        *sum += sum_of(batch.children[0]);
        *rows += batch.length;
        batch.release(&batch);
    }
}

int main(void)
{
    const char *sql = "select i::bigint as i from range(100000) r(i) where i % 2 = 0";
    weir_engine *engine;
    weir_session *session;
    weir_query *query;
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (weir_query_start(session, sql, strlen(sql), &query)) return 1;
    if (weir_query_stream(query, &stream)) return 1; /* takes the query over */
    if (stream.get_schema(&stream, &schema)) return 1;
    printf("column %s has Arrow format %s\n", schema.children[0]->name, schema.children[0]->format);
    schema.release(&schema);
    int64_t sum = 0, rows = 0;
    int code = add_up(&stream, &sum, &rows);
    if (code) fprintf(stderr, "%s\n", stream.get_last_error(&stream));
    else printf("%lld rows, sum %lld\n", (long long)rows, (long long)sum);
    stream.release(&stream); /* closes the query */
    weir_session_close(session);
    weir_engine_close(engine);
    return code;
}
