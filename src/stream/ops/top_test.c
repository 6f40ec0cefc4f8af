/* top_test.c - the best rows per partition against a list of everything that came.
 *
 * Inputs: name, value, then the partition (a number, the end of a window), then the order. What is
 * put out in a round must turn the best of before into the best of now, saying nothing twice. */
#include "stream/ops/drill_test.h"
#include "stream/ops/top.h"

enum { NAME, VALUE, PARTITION, END, ORDER, CAME_ROWS = 6000, PARTITIONS = 4 };

typedef struct came_row {
    drill_row row;
    bool is_there;
    int64_t said; /* number; 0: not */
} came_row;

typedef struct model {
    drill d;
    wr_top_spec spec;
    wr_sort_key order;
    int64_t time;
    came_row *came;
    int came_count;
} model;

static bool is_complete(const model *m, const drill_row *row)
{
    return m->spec.end_column >= 0 && row->values[END] + m->spec.end_after <= m->time;
}

static int compare_order(const model *m, int64_t a, int64_t b)
{
    if (a == b) return 0;
    if (a == DRILL_NULL || b == DRILL_NULL)
        return (a == DRILL_NULL) == m->order.nulls_first ? -1 : 1;
    return (a < b) == m->order.descending ? 1 : -1;
}

static bool same_partition(const drill_row *a, const drill_row *b)
{
    return a->values[PARTITION] == b->values[PARTITION] && a->values[END] == b->values[END];
}

/* The number of a row among those of its partition that are there. */
static int64_t number_of(const model *m, int at)
{
    const came_row *own = &m->came[at];
    int64_t before = 0, ties_before = 0, different = 0;
    for (int i = 0; i < m->came_count; i++) {
        const came_row *c = &m->came[i];
        if (!c->is_there || !same_partition(&c->row, &own->row)) continue;
        int result = compare_order(m, c->row.values[ORDER], own->row.values[ORDER]);
        before += result < 0;
        ties_before += result == 0 && i < at;
        bool is_first = result < 0 && m->spec.kind == WR_TOP_DENSE_RANK;
        for (int k = 0; k < i && is_first; k++)
            is_first = !(m->came[k].is_there && same_partition(&m->came[k].row, &own->row) &&
                         m->came[k].row.values[ORDER] == c->row.values[ORDER]);
        different += is_first;
    }
    if (m->spec.kind == WR_TOP_DENSE_RANK) return different + 1;
    return before + 1 + (m->spec.kind == WR_TOP_ROW_NUMBER ? ties_before : 0);
}

static void want_row(model *m, int change, const came_row *c, int64_t number)
{
    int64_t values[] = {c->row.values[NAME], c->row.values[VALUE], number};
    drill_want(&m->d, change, values);
}

static void want_changes(model *m)
{
    for (int i = 0; i < m->came_count; i++) {
        came_row *c = &m->came[i];
        if (!c->is_there && !c->said) continue;
        int64_t number = c->is_there ? number_of(m, i) : 0;
        if (number > m->spec.limit) number = 0;
        if (c->said) want_row(m, -1, c, c->said);
        if (number) want_row(m, 1, c, number);
        c->said = number;
    }
}

static void model_advance(model *m, int64_t time)
{
    m->time = time;
    if (m->spec.emit == WR_EMIT_ON_CHANGE) want_changes(m);
    for (int i = 0; i < m->came_count; i++) {
        came_row *c = &m->came[i];
        if (!c->is_there || !is_complete(m, &c->row)) continue;
        int64_t number = number_of(m, i);
        if (m->spec.emit == WR_EMIT_ON_CLOSE && number <= m->spec.limit) want_row(m, 1, c, number);
    }
    for (int i = 0; i < m->came_count; i++)
        if (is_complete(m, &m->came[i].row)) {
            m->came[i].is_there = false;
            m->came[i].said = 0;
        }
    drill_advance(&m->d, time);
}

static void model_begin(model *m)
{
    drill *d = &m->d;
    *m = (model){.time = WR_NO_TIME_YET};
    drill_begin(d);
    m->came = wr_new_array(&d->arena, came_row, CAME_ROWS);
    m->spec = (wr_top_spec){.output_count = 2,
                            .partition_count = 2,
                            .order_count = 1,
                            .order = &m->order,
                            .limit = 1,
                            .rank_output = -1,
                            .end_column = -1,
                            .emit = WR_EMIT_ON_CHANGE};
    const wr_type *in[] = {WR_VARCHAR, WR_INTEGER, WR_BIGINT, wr_type_of(WR_T_TIMESTAMP),
                           WR_INTEGER};
    d->inputs[0] = drill_schema(d, in, 5);
    d->input_count = 1;
    d->def = &wr_stream_top;
    d->spec = &m->spec;
}

static void model_open(model *m)
{
    const wr_type *out[] = {WR_VARCHAR, WR_INTEGER, WR_BIGINT};
    m->d.output = drill_schema(&m->d, out, m->spec.rank_output < 0 ? 2 : 3);
    drill_graph(&m->d);
}

static came_row *oldest_equal(model *m, const drill_row *row)
{
    for (int i = 0; i < m->came_count; i++)
        if (m->came[i].is_there &&
            memcmp(m->came[i].row.values, row->values, sizeof row->values) == 0)
            return &m->came[i];
    return NULL;
}

static drill_row random_row(model *m)
{
    drill_row row = {.change = 1};
    int64_t now = m->time == WR_NO_TIME_YET ? 0 : m->time;
    row.values[NAME] = dice(3);
    row.values[VALUE] = dice(10) ? dice(3) : DRILL_NULL;
    row.values[PARTITION] = dice(8) ? dice(PARTITIONS) : DRILL_NULL;
    row.values[END] = m->spec.end_column < 0 ? 0 : (now / 100 + dice(3)) * 100;
    if (row.values[PARTITION] != DRILL_NULL) row.values[NAME] += 10 * row.values[PARTITION] + 10;
    row.values[ORDER] = dice(15) ? dice(12) : DRILL_NULL;
    if (m->spec.input_takes_back && m->came_count && dice(5) < 2) {
        row = m->came[dice(m->came_count)].row;
        row.change = -1;
    }
    return row;
}

static void random_push(model *m)
{
    drill_row batch[8];
    int count = 1 + dice(8), kept = 0;
    for (int i = 0; i < count; i++) {
        drill_row row = random_row(m);
        came_row *old = row.change < 0 ? oldest_equal(m, &row) : NULL;
        if (row.change < 0 && !old) continue;
        batch[kept++] = row;
        if (old)
            old->is_there = false;
        else if (!is_complete(m, &row))
            m->came[m->came_count++] = (came_row){.row = row, .is_there = true};
    }
    if (kept) drill_push(&m->d, 0, batch, (uint32_t)kept, dice(2));
}

/* Nothing is said and taken back in one round. */
static int lines_of(const drill *d)
{
    WR_BUF(net);
    char **lines = wr_new_array((wr_arena *)&d->arena, char *, d->said.count + 1);
    if (d->said.count) memcpy(lines, d->said.items, sizeof *lines * (size_t)d->said.count);
    drill_net(lines, d->said.count, &net);
    int sum = 0;
    for (const char *at = net.data; at && *at; at = strstr(at, "; ") + 2)
        sum += abs(atoi(at));
    return sum;
}

/* Rows that are gone and not said any more are of no consequence. */
static void forget_gone(model *m)
{
    int kept = 0;
    for (int i = 0; i < m->came_count; i++)
        if (m->came[i].is_there || m->came[i].said) m->came[kept++] = m->came[i];
    m->came_count = kept;
}

static void random_round(model *m, wr_state *state)
{
    random_push(m);
    if (m->spec.end_column >= 0 && dice(3) == 0)
        model_advance(m, (m->time == WR_NO_TIME_YET ? 0 : m->time) + dice(90));
    if (dice(3) == 0) random_push(m);
    EXPECT_OK(wr_graph_flush(m->d.graph));
    if (m->spec.emit == WR_EMIT_ON_CHANGE) want_changes(m);
    if (m->d.forgets || dice(4) == 0) drill_commit(&m->d, state);
    if (dice(12)) return;
    drill_commit(&m->d, state);
    drill_reopen(&m->d, state);
}

static void run_random(int kind, int variant, bool forgets)
{
    model m;
    model_begin(&m);
    m.d.forgets = forgets;
    m.spec.kind = kind;
    m.spec.input_takes_back = variant & 1;
    m.spec.limit = 1 + dice(4);
    if (variant & 2) m.spec.rank_output = 2;
    if (dice(2)) m.spec.end_column = 1;
    m.spec.end_after = dice(30);
    if (m.spec.end_column >= 0 && dice(2)) m.spec.emit = WR_EMIT_ON_CLOSE;
    m.order.descending = dice(2);
    m.order.nulls_first = dice(2);
    model_open(&m);
    wr_state *state = m.d.state = drill_state();
    EXPECT_OK(wr_state_section(state, WR_STR("top"), &m.d.section));
    m.d.op->section = m.d.section;
    bool agrees = true;
    for (int i = 0; i < 40 && agrees; i++) {
        random_round(&m, state);
        if (m.spec.end_column < 0) EXPECT_INT(m.d.said.count, lines_of(&m.d));
        forget_gone(&m);
        agrees = drill_agrees(&m.d);
    }
    drill_remove_state(state);
    drill_end(&m.d);
}

TEST(a_stream_top_says_how_the_best_rows_changed)
{
    for (int kind = WR_TOP_ROW_NUMBER; kind <= WR_TOP_DENSE_RANK; kind++)
        for (int variant = 0; variant < 12; variant++)
            run_random(kind, variant, false);
}

TEST(a_stream_top_whose_memory_forgets_says_how_the_best_rows_changed)
{
    for (int kind = WR_TOP_ROW_NUMBER; kind <= WR_TOP_DENSE_RANK; kind++)
        for (int variant = 0; variant < 12; variant++)
            run_random(kind, variant, true);
}

static void push_one(model *m, int64_t partition, int64_t value, int64_t order)
{
    drill_row row = {{0, value, partition, 0, order}, 1};
    drill_push(&m->d, 0, &row, 1, false);
}

TEST(a_row_that_an_equal_one_replaces_is_not_said_again)
{
    model m;
    model_begin(&m);
    m.spec.input_takes_back = true;
    model_open(&m);
    push_one(&m, 1, 5, 10);
    EXPECT_OK(wr_graph_flush(m.d.graph));
    EXPECT_INT(m.d.said.count, 1);
    drill_row again[] = {{{0, 5, 1, 0, 10}, -1}, {{0, 5, 1, 0, 10}, 1}};
    drill_push(&m.d, 0, again, 2, false);
    EXPECT_OK(wr_graph_flush(m.d.graph));
    EXPECT_INT(m.d.said.count, 1);
    drill_end(&m.d);
}

TEST(the_old_best_row_leaves_before_the_better_one_comes)
{
    model m;
    model_begin(&m);
    model_open(&m);
    push_one(&m, 1, 5, 10);
    EXPECT_OK(wr_graph_flush(m.d.graph));
    push_one(&m, 1, 6, 9);
    push_one(&m, 1, 7, 8);
    EXPECT_OK(wr_graph_flush(m.d.graph));
    EXPECT_INT(m.d.said.count, 3);
    EXPECT_TEXT(m.d.said.items[1], "-a longer text 0|5");
    EXPECT_TEXT(m.d.said.items[2], "+a longer text 0|7");
    drill_end(&m.d);
}

TEST(memory_of_a_top_is_that_of_its_best_rows)
{
    model m;
    model_begin(&m);
    m.spec.limit = 3;
    model_open(&m);
    drill_row rows[1000];
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 1000; i++)
            rows[i] = (drill_row){{i, i, i % 50, 0, -(round * 1000 + i)}, 1};
        drill_push(&m.d, 0, rows, 1000, false);
        EXPECT_OK(wr_graph_flush(m.d.graph));
        m.d.said.count = 0;
        EXPECT_INT(((wr_stream_top_op *)m.d.op)->shelf.live, 150);
    }
    EXPECT(wr_graph_state_bytes(m.d.graph) < 4 << 20);
    drill_end(&m.d);
}

TEST(a_large_tree_stays_in_order_and_shallow)
{
    model m;
    model_begin(&m);
    m.spec.input_takes_back = true;
    m.spec.limit = 10;
    model_open(&m);
    drill_row rows[1000];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 1000; i++)
            rows[i] = (drill_row){{i, i, 1, 0, (round * 1000 + i) * 7919 % 20000}, 1};
        drill_push(&m.d, 0, rows, 1000, false);
    }
    wr_stream_top_op *t = (wr_stream_top_op *)m.d.op;
    wr_top_walk walk;
    int count = 0, deepest = 0;
    uint8_t *last = NULL;
    wr_top_walk_begin(&t->order, &walk, wr_shelf_key_of(&t->shelf, t->listed.items[0])->first[0]);
    for (uint8_t *row; (row = wr_top_walk_next(&t->order, &walk)); last = row, count++) {
        deepest = WR_MAX(deepest, walk.depth);
        if (last)
            EXPECT(wr_top_compare(&t->order, &t->shelf.layout, t->order.first, last, row) < 0);
    }
    EXPECT_INT(count, 20000);
    EXPECT(deepest < 60);
    drill_end(&m.d);
}
