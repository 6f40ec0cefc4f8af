/* register_stream.c - data of the host program as a table: an Arrow stream made by hand. Its arrays
 * are not copied: they are released when the table has gone.
 *
 * Any library that speaks the Arrow C stream interface gives such a stream; here one batch of two
 * columns, a number and a text, is put together from plain arrays. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int64_t amounts[] = {30, 12, 7};
static int32_t offsets[] = {0, 4, 8, 13}; /* where each text begins, and the end of the last */
static char cities[] = "RomeOsloParis";

static void release_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void release_array(struct ArrowArray *array) { array->release = NULL; }
static void release_stream(struct ArrowArrayStream *stream) { stream->release = NULL; }
static const char *last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    static struct ArrowSchema columns[2], *children[2] = {&columns[0], &columns[1]};
    (void)stream;
    columns[0] = (struct ArrowSchema){.format = "l", .name = "amount", .release = release_schema};
    columns[1] = (struct ArrowSchema){.format = "u", .name = "city", .release = release_schema};
    *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 2, .children = children,
                                .release = release_schema};
    return 0;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    static struct ArrowArray columns[2], *children[2] = {&columns[0], &columns[1]};
    static const void *numbers[2], *texts[3], *none[1];
    int *batches_left = stream->private_data;
    *out = (struct ArrowArray){0}; /* released already: the end */
    if ((*batches_left)-- <= 0) return 0;
    numbers[1] = amounts;
    texts[1] = offsets;
    texts[2] = cities;
    columns[0] = (struct ArrowArray){.length = 3, .n_buffers = 2, .buffers = numbers, .release = release_array};
    columns[1] = (struct ArrowArray){.length = 3, .n_buffers = 3, .buffers = texts, .release = release_array};
    *out = (struct ArrowArray){.length = 3, .n_buffers = 1, .buffers = none, .n_children = 2,
                               .children = children, .release = release_array};
    return 0;
}

static int report(weir_status bad)
{
    fprintf(stderr, "%s: %s\n", weir_error_code(bad), weir_error_message(bad));
    weir_error_drop(bad);
    return 1;
}

int main(void)
{
    const char *sql = "select city, amount from sales where amount > 10 order by amount";
    int batches_left = 1;
    struct ArrowArrayStream stream = {get_schema, get_next, last_error, release_stream, &batches_left};
    weir_engine *engine;
    weir_session *session;
    weir_query *query;
    const weir_rows *rows;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (bad) return report(bad);
    bad = weir_session_open(engine, &session);
    if (bad) return report(bad);
    bad = weir_register_stream(session, "sales", &stream); /* read to its end now */
    if (bad) return report(bad);
    bad = weir_query_start(session, sql, strlen(sql), &query);
    if (bad) return report(bad);
    while (!(bad = weir_query_next(query, &rows)) && rows)
        for (size_t i = 0; i < weir_rows_count(rows); i++) {
            size_t length;
            const char *city = weir_rows_text(rows, i, 0, &length);
            printf("%.*s: %lld\n", (int)length, city, (long long)weir_rows_int64(rows, i, 1));
        }
    weir_query_close(query);
    if (bad) return report(bad);
    bad = weir_unregister(session, "sales");
    if (bad) return report(bad);
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
