/* tables.c - rows that are read anew by every query, and names that the engine asks for.
 *
 * A source says what it gives once and is opened by each scan, which tells what it reads. The same
 * kind of source answers when a statement names a table that nobody knows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { ROWS = 5000 };

static void release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL; /* nothing is owned */
}
static void release_stream(struct ArrowArrayStream *stream) { free(stream->private_data); stream->release = NULL; }
static const char *last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return NULL;
}

/* One column of numbers; the structs are static because all such schemas are the same. */
static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    static struct ArrowSchema column, *children[1] = {&column};
    (void)stream;
    column = (struct ArrowSchema){.format = "l", .name = "n", .release = release_schema};
    *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = 1, .children = children,
                                .release = release_schema};
    return 0;
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    if (array->n_buffers == 2) free((void *)array->buffers[1]);
    free(array->buffers);
    array->release = NULL;
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    int *done = stream->private_data;
    *out = (struct ArrowArray){0};
    if ((*done)++) return 0;
    struct ArrowArray *column = malloc(sizeof *column);
    int64_t *values = malloc(ROWS * sizeof *values);
    for (int i = 0; i < ROWS; i++)
        values[i] = i;
    *column = (struct ArrowArray){.length = ROWS, .n_buffers = 2, .release = release_array};
    column->buffers = calloc(2, sizeof *column->buffers);
    column->buffers[1] = values;
    *out = (struct ArrowArray){.length = ROWS, .n_buffers = 1, .n_children = 1, .release = release_array};
    out->buffers = calloc(1, sizeof *out->buffers);
    out->children = malloc(sizeof *out->children);
    out->children[0] = column;
    return 0;
}

static weir_status open_source(void *arg, const weir_wish *wish, struct ArrowArrayStream *out)
{
    printf("%s is opened for %d columns\n", (const char *)arg, wish->column_count);
    *out = (struct ArrowArrayStream){get_schema, get_next, last_error, release_stream, calloc(1, sizeof(int))};
    return NULL;
}

static void drop_source(void *arg) { printf("%s is dropped\n", (const char *)arg); }

static weir_status find_table(void *arg, const char *name, weir_found *found)
{
    (void)arg;
    if (strcmp(name, "elsewhere") != 0) return NULL;
    get_schema(NULL, &found->schema);
    found->source = (weir_source){"elsewhere", open_source, drop_source, ROWS};
    return NULL;
}

static void print(weir_session *session, const char *sql)
{
    weir_query *query = NULL;
    const weir_rows *rows;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        printf("%s\n", weir_rows_text(rows, 0, 0, NULL));
    if (bad) printf("%s: %s\n", weir_error_code(bad), weir_error_message(bad));
    weir_error_drop(bad);
    weir_query_close(query);
}

int main(void)
{
    struct ArrowSchema schema;
    weir_source source = {"numbers", open_source, drop_source, ROWS};
    weir_engine *engine;
    weir_session *session;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (!bad) bad = weir_session_open(engine, &session);
    get_schema(NULL, &schema);
    if (!bad) bad = weir_register_source(session, "numbers", &schema, &source);
    if (bad) {
        fprintf(stderr, "%s\n", weir_error_message(bad));
        return 1;
    }
    weir_session_find_tables(session, find_table, NULL);
    print(session, "SELECT sum(n) FROM numbers WHERE n % 2 = 0");
    print(session, "SELECT count(*) FROM numbers");
    print(session, "SELECT max(n) FROM elsewhere");
    print(session, "SELECT * FROM nowhere");
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
