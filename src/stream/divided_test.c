/* divided_test.c - an operator whose keys are divided among workers: what a key sees, when time is
 * passed on, what fills up, failures and stopping. */
#include "stream/divided.h"
#include "base/test.h"

enum { KEYS = 100, FAILS_AT = -7 };

/* Emits every delta it is given (keys, numbers), and again as often as the spec says; checks that
 * the numbers of a key ascend and that none is before the time. */
typedef struct watcher {
    wr_stream_op op;
    int64_t last[KEYS];
    bool is_wrong;
    int repeats;
} watcher;

static weir_status watcher_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    watcher *w = (watcher *)op;
    const int64_t *keys = delta->batch.columns[0].data, *numbers = delta->batch.columns[1].data;
    for (uint32_t i = 0; i < wr_batch_count(&delta->batch); i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        if (numbers[row] == FAILS_AT)
            return wr_fail(WR_E_OUT_OF_RANGE, "the number %d came", FAILS_AT);
        w->is_wrong |= numbers[row] <= w->last[keys[row]] || numbers[row] <= op->time;
        w->last[keys[row]] = numbers[row];
    }
    for (int i = 0; i <= *(const int *)op->spec; i++)
        WR_TRY(wr_stream_emit(op, delta));
    return WR_OK;
}

static weir_status nothing_saved(wr_stream_op *op, wr_state *state)
{
    (void)op;
    (void)state;
    return WR_OK;
}
static void nothing_settled(wr_stream_op *op, bool committed)
{
    (void)op;
    (void)committed;
}
static void watcher_close(wr_stream_op *op) { EXPECT(!((watcher *)op)->is_wrong); }

static const wr_stream_op_def watcher_def = {.name = "watcher",
                                             .size = sizeof(watcher),
                                             .is_stateful = true,
                                             .takes_back = true,
                                             .push = watcher_push,
                                             .save = nothing_saved,
                                             .load = nothing_saved,
                                             .settled = nothing_settled,
                                             .close = watcher_close};

/* Behind the parts: rows never come after their time was passed. */
typedef struct counter {
    wr_stream_op op;
    uint64_t rows;
    int64_t sum;
    bool is_late;
} counter;

static weir_status counter_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    counter *c = (counter *)op;
    const int64_t *numbers = delta->batch.columns[1].data;
    for (uint32_t i = 0; i < wr_batch_count(&delta->batch); i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        c->rows++;
        c->sum += delta->changes && delta->changes[row] < 0 ? -numbers[row] : numbers[row];
        c->is_late |= numbers[row] <= op->time;
    }
    return WR_OK;
}

static const wr_stream_op_def counter_def = {
    .name = "counter", .size = sizeof(counter), .takes_back = true, .push = counter_push};
static const wr_stream_op_def front_def = {.name = "front", .size = sizeof(wr_stream_op)};

typedef struct plant {
    wr_mem *mem;
    wr_env env;
    wr_cancel cancel;
    wr_field fields[2];
    wr_schema schema;
    wr_graph *graph;
    wr_stream_op *front;
    counter *out;
    int repeats, columns[1];
} plant;

static void plant_begin(plant *p, int workers, int parts, int repeats)
{
    memset(p, 0, sizeof *p);
    p->mem = wr_mem_new(NULL, "test", 0);
    p->env = (wr_env){.mem = p->mem, .cancel = &p->cancel};
    p->fields[0] = (wr_field){WR_STR("key"), wr_type_of(WR_T_BIGINT)};
    p->fields[1] = (wr_field){WR_STR("number"), wr_type_of(WR_T_BIGINT)};
    p->schema = (wr_schema){p->fields, NULL, 2};
    p->repeats = repeats;
    p->graph = wr_graph_new(p->mem, &p->env, NULL);
    p->front = wr_graph_add(p->graph, &front_def, NULL, &p->schema, 1);
    wr_stream_op *op = wr_graph_add(p->graph, &watcher_def, &p->repeats, &p->schema, 1);
    p->out = (counter *)wr_graph_add(p->graph, &counter_def, NULL, &p->schema, 1);
    wr_graph_connect(p->graph, p->front, op, 0);
    wr_graph_connect(p->graph, op, &p->out->op, 0);
    p->graph->workers = wr_workers_new(p->graph, workers, &wr_divided_calls);
    wr_divided_replace(p->graph, 1, &(wr_division_keys){.columns = {p->columns}, .count = 1},
                       parts);
    EXPECT_OK(wr_graph_open(p->graph));
}

static void plant_end(plant *p)
{
    wr_graph_drop(p->graph);
    EXPECT_INT((int64_t)wr_mem_used(p->mem), 0);
    wr_mem_drop(p->mem);
}

/* Rows of all keys numbered from first on; the one that is `bad` has another number. */
static weir_status plant_push(plant *p, int64_t first, int64_t bad, bool take_back)
{
    static int8_t minus[WR_BATCH_ROWS];
    int64_t keys[WR_BATCH_ROWS], numbers[WR_BATCH_ROWS];
    memset(minus, -1, sizeof minus);
    wr_column columns[2];
    for (int i = 0; i < WR_BATCH_ROWS; i++) {
        keys[i] = (i * 31 + first) % KEYS;
        numbers[i] = first + i == bad ? FAILS_AT : first + i;
    }
    for (int c = 0; c < 2; c++)
        columns[c] = (wr_column){.type = wr_type_of(WR_T_BIGINT),
                                 .form = WR_FLAT,
                                 .phys = WR_P_I64,
                                 .rows = WR_BATCH_ROWS,
                                 .data = c ? numbers : keys};
    wr_delta delta = {.batch = {.columns = columns, .column_count = 2, .rows = WR_BATCH_ROWS},
                      .changes = take_back ? minus : NULL};
    WR_TRY(wr_stream_emit(p->front, &delta));
    return wr_workers_relieve(p->graph->workers);
}

static void push_many(int workers, int parts, bool threads, int repeats)
{
    enum { BATCHES = 300 };
    plant p;
    plant_begin(&p, workers, parts, repeats);
    if (threads) EXPECT_OK(wr_workers_start(p.graph->workers));
    int64_t sum = 0;
    for (int64_t b = 0; b < BATCHES; b++) {
        int64_t first = 1 + b * WR_BATCH_ROWS;
        EXPECT_OK(plant_push(&p, first, 0, b % 3 == 0));
        for (int i = 0; i < WR_BATCH_ROWS; i++)
            sum += (b % 3 == 0 ? -1 : 1) * (first + i) * (repeats + 1);
        EXPECT_OK(wr_stream_advance(p.front, 0, first + WR_BATCH_ROWS - 1));
    }
    EXPECT_OK(wr_graph_flush(p.graph));
    EXPECT_INT((int64_t)p.out->rows, (int64_t)BATCHES * WR_BATCH_ROWS * (repeats + 1));
    EXPECT_INT(p.out->sum, sum);
    EXPECT(!p.out->is_late);
    EXPECT_INT(p.out->op.time, (int64_t)BATCHES * WR_BATCH_ROWS);
    wr_workers_stop(p.graph->workers);
    plant_end(&p);
}

TEST(keys_see_their_rows_in_order_and_time_comes_behind_all_rows)
{
    push_many(2, 2, true, 0);
    push_many(3, 8, true, 0);
}

TEST(parts_do_the_same_on_one_thread) { push_many(3, 8, false, 0); }

TEST(parts_that_put_out_much_more_than_they_get_fill_no_memory) { push_many(2, 4, true, 30); }

TEST(the_error_of_a_worker_ends_the_query)
{
    plant p;
    plant_begin(&p, 2, 4, 0);
    EXPECT_OK(wr_workers_start(p.graph->workers));
    weir_status bad = WR_OK;
    for (int64_t b = 0; b < 100000 && !bad; b++)
        bad = plant_push(&p, 1 + b * WR_BATCH_ROWS, 5000, false);
    EXPECT(bad && strstr(wr_status_text(bad), "the number -7 came"));
    wr_status_drop(bad);
    plant_end(&p);
}

TEST(stopping_wakes_workers_whose_rows_nobody_takes)
{
    plant p;
    plant_begin(&p, 2, 2, 2000);
    EXPECT_OK(wr_workers_start(p.graph->workers));
    EXPECT_OK(plant_push(&p, 1, 0, false)); /* more than the way back holds */
    wr_workers_stop(p.graph->workers);
    plant_end(&p);
}

TEST(a_query_that_is_cancelled_does_not_wait_for_workers)
{
    plant p;
    plant_begin(&p, 2, 2, 300);
    EXPECT_OK(wr_workers_start(p.graph->workers));
    EXPECT_OK(plant_push(&p, 1, 0, false));
    wr_cancel_request(&p.cancel);
    weir_status bad = wr_workers_settle(p.graph->workers);
    EXPECT(bad != WR_OK);
    wr_status_drop(bad);
    plant_end(&p);
}
