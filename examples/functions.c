/* functions.c - a function and an aggregate of the host program, in SQL like any other.
 *
 * c_to_f works on a whole array per call; geomean keeps a state per group. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static void release_array(struct ArrowArray *array)
{
    free((void *)array->buffers[1]);
    free(array->buffers);
    array->release = NULL;
}

/* An array of doubles that the engine releases. */
static double *new_doubles(int64_t length, struct ArrowArray *out)
{
    double *values = malloc((size_t)length * sizeof *values + 1);
    *out = (struct ArrowArray){.length = length, .n_buffers = 2, .release = release_array};
    out->buffers = calloc(2, sizeof *out->buffers);
    out->buffers[1] = values;
    return values;
}

static const double *doubles_of(const struct ArrowArray *args)
{
    return (const double *)args->children[0]->buffers[1] + args->children[0]->offset;
}

static weir_status c_to_f(void *arg, weir_call *call)
{
    int64_t rows = call->args->length;
    const double *from = doubles_of(call->args);
    double *to = new_doubles(rows, call->result);
    (void)arg;
    for (int64_t i = 0; i < rows; i++) {
        if (from[i] < -273.15) return weir_error_new("colder than cold can be", NULL);
        to[i] = from[i] * 9 / 5 + 32;
    }
    return NULL;
}

typedef struct mean {
    double logs;
    int64_t count;
} mean;

static weir_status mean_new(void *arg, void **state)
{
    (void)arg;
    *state = calloc(1, sizeof(mean));
    return NULL;
}

static void mean_drop(void *arg, void *state)
{
    (void)arg;
    free(state);
}

static weir_status mean_update(void *arg, weir_update *update)
{
    const double *values = doubles_of(update->args);
    (void)arg;
    for (int64_t k = 0; k < update->state_count; k++) {
        mean *m = update->states[k];
        for (int64_t i = update->starts[k]; i < update->starts[k + 1]; i++)
            m->logs += log(values[i]);
        m->count += update->starts[k + 1] - update->starts[k];
    }
    return NULL;
}

static weir_status mean_merge(void *arg, void *into, const void *from)
{
    (void)arg;
    ((mean *)into)->logs += ((const mean *)from)->logs;
    ((mean *)into)->count += ((const mean *)from)->count;
    return NULL;
}

static weir_status mean_evaluate(void *arg, void *const *states, int64_t count,
                                 struct ArrowSchema *schema, struct ArrowArray *result)
{
    double *to = new_doubles(count, result);
    (void)arg, (void)schema;
    for (int64_t i = 0; i < count; i++) {
        const mean *m = states[i];
        to[i] = m->count ? exp(m->logs / (double)m->count) : NAN;
    }
    return NULL;
}

static weir_status mean_save(void *arg, const void *state, weir_bytes *out)
{
    (void)arg;
    weir_bytes_add(out, state, sizeof(mean));
    return NULL;
}

static weir_status mean_load(void *arg, const void *bytes, size_t size, void **state)
{
    if (size != sizeof(mean)) return weir_error_new("a state of another size", NULL);
    mean_new(arg, state);
    memcpy(*state, bytes, size);
    return NULL;
}

static void print(weir_session *session, const char *sql)
{
    weir_query *query = NULL;
    const weir_rows *rows;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        for (size_t i = 0; i < weir_rows_count(rows); i++)
            for (int c = 0; c < weir_query_column_count(query); c++)
                printf("%s%s", weir_rows_text(rows, i, c, NULL),
                       c + 1 < weir_query_column_count(query) ? " | " : "\n");
    if (bad) printf("%s: %s\n", weir_error_code(bad), weir_error_message(bad));
    weir_error_drop(bad);
    weir_query_close(query);
}

int main(void)
{
    static const char *const types[] = {"DOUBLE"};
    weir_function function = {.name = "c_to_f", .help = "Degrees Fahrenheit.", .arg_types = types,
                              .arg_count = 1, .result_type = "DOUBLE", .call = c_to_f};
    weir_aggregate aggregate = {.name = "geomean", .help = "The geometric mean.", .arg_types = types,
                                .arg_count = 1, .result_type = "DOUBLE", .state_bytes = sizeof(mean),
                                .state_new = mean_new, .state_drop = mean_drop, .update = mean_update,
                                .merge = mean_merge, .evaluate = mean_evaluate, .save = mean_save,
                                .load = mean_load};
    weir_engine *engine;
    weir_session *session;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (!bad) bad = weir_session_open(engine, &session);
    if (!bad) bad = weir_function_create(session, &function);
    if (!bad) bad = weir_aggregate_create(session, &aggregate);
    if (bad) {
        fprintf(stderr, "%s\n", weir_error_message(bad));
        return 1;
    }
    print(session, "SELECT c_to_f(100), c_to_f(NULL) IS NULL");
    print(session, "SELECT i % 2, round(geomean(i), 3) FROM range(1, 1001) t(i) GROUP BY 1 ORDER BY 1");
    print(session, "SELECT max(c_to_f(-i)) FROM range(1000) t(i)");
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
