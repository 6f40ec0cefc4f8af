/* asof_test.c - ASOF joins of two streams against a search through all that ever came. */
#include "stream/ops/drill_test.h"
#include "stream/specs.h"

enum { VALUE, TIME, KEY, PAST_ROWS = 4000 };

typedef struct model {
    drill d;
    wr_asof_spec spec;
    bool null_equal[1];
    int64_t time;
    drill_row *past[2]; /* change: 0: it left, or nobody can meet it */
    int past_count[2];
    uint64_t late;
} model;

static void model_begin(model *m, bool is_left, bool is_strict, const wr_type *key)
{
    drill *d = &m->d;
    *m = (model){.time = WR_NO_TIME_YET};
    drill_begin(d);
    m->spec = (wr_asof_spec){.output_count = {1, 1},
                             .key_count = 1,
                             .null_equal = m->null_equal,
                             .is_left = is_left,
                             .is_strict = is_strict};
    const wr_type *in[] = {WR_INTEGER, wr_type_of(WR_T_TIMESTAMP), key};
    const wr_type *out[] = {WR_INTEGER, WR_INTEGER};
    d->inputs[0] = d->inputs[1] = drill_schema(d, in, 3);
    d->output = drill_schema(d, out, 2);
    d->input_count = 2;
    d->def = &wr_stream_asof;
    d->spec = &m->spec;
    for (int s = 0; s < 2; s++)
        m->past[s] = wr_new_array(&d->arena, drill_row, PAST_ROWS);
}

static bool is_alone(const model *m, const drill_row *row)
{
    return row->values[TIME] == DRILL_NULL || (row->values[KEY] == DRILL_NULL && !m->null_equal[0]);
}

static void want(model *m, const drill_row *left)
{
    const drill_row *best = NULL;
    for (int i = 0; i < m->past_count[1] && !is_alone(m, left); i++) {
        const drill_row *right = &m->past[1][i];
        int64_t until = left->values[TIME] - m->spec.is_strict;
        if (is_alone(m, right) || right->values[KEY] != left->values[KEY]) continue;
        if (right->values[TIME] > until) continue;
        if (!best || right->values[TIME] >= best->values[TIME]) best = right;
    }
    if (!best && !m->spec.is_left) return;
    drill_want(&m->d, 1, (int64_t[]){left->values[VALUE], best ? best->values[VALUE] : DRILL_NULL});
}

static void step(model *m, int side, const drill_row *row)
{
    bool is_late = !is_alone(m, row) && row->values[TIME] < m->time;
    m->late += is_late;
    if (side == 0 && is_alone(m, row)) want(m, row);
    if (side == 0 && (is_late || is_alone(m, row))) return;
    m->past[side][m->past_count[side]++] = *row;
}

static void push(model *m, int side, const drill_row *rows, int count)
{
    for (int i = 0; i < count; i++)
        step(m, side, &rows[i]);
    drill_push(&m->d, side, rows, (uint32_t)count, dice(2));
}

static void model_advance(model *m, int64_t time)
{
    m->time = time;
    for (int i = 0; i < m->past_count[0]; i++) {
        drill_row *left = &m->past[0][i];
        if (!left->change || left->values[TIME] >= time) continue;
        want(m, left);
        left->change = 0;
    }
    drill_advance(&m->d, time);
}

static void random_push(model *m)
{
    drill_row batch[8];
    int count = 1 + dice(8);
    int64_t now = m->time == WR_NO_TIME_YET ? 0 : m->time;
    for (int i = 0; i < count; i++) {
        batch[i] = (drill_row){.change = 1};
        batch[i].values[VALUE] = dice(1000);
        batch[i].values[TIME] = dice(40) ? now + dice(9) * 20000 - 40000 : DRILL_NULL;
        batch[i].values[KEY] = dice(12) ? dice(5) : DRILL_NULL;
    }
    push(m, dice(2), batch, count);
}

static void run_random(int variant, bool forgets)
{
    model m;
    model_begin(&m, variant & 1, variant & 2, variant & 4 ? WR_VARCHAR : WR_BIGINT);
    m.d.forgets = forgets;
    m.null_equal[0] = dice(2);
    drill_graph(&m.d);
    wr_state *state = m.d.state = drill_state();
    EXPECT_OK(wr_state_section(state, WR_STR("asof join"), &m.d.section));
    m.d.op->section = m.d.section;
    uint64_t late = 0; /* in graphs that are no more */
    bool agrees = true;
    for (int i = 0; i < 150 && agrees; i++) {
        random_push(&m);
        if (dice(3) == 0)
            model_advance(&m, (m.time == WR_NO_TIME_YET ? -100000 : m.time) + dice(60000));
        if (forgets || dice(4) == 0) drill_commit(&m.d, state);
        if (dice(12) == 0) {
            drill_commit(&m.d, state);
            late += m.d.op->late_rows;
            drill_reopen(&m.d, state);
        }
        agrees = drill_agrees(&m.d);
    }
    EXPECT_INT(late + m.d.op->late_rows, m.late);
    drill_remove_state(state);
    drill_end(&m.d);
}

TEST(an_asof_join_of_streams_puts_out_what_a_search_through_all_rows_does)
{
    for (int variant = 0; variant < 8; variant++)
        run_random(variant, false);
}

TEST(an_asof_join_whose_memory_forgets_puts_out_what_a_search_through_all_rows_does)
{
    for (int variant = 0; variant < 8; variant++)
        run_random(variant, true);
}

TEST(a_left_row_waits_until_time_has_passed_it)
{
    model m;
    model_begin(&m, true, false, WR_BIGINT);
    drill_graph(&m.d);
    push(&m, 0, &(drill_row){{1, 100, 7}, 1}, 1);
    push(&m, 1, &(drill_row){{2, 90, 7}, 1}, 1);
    drill_advance(&m.d, 100);
    EXPECT_INT(m.d.said.count, 0);
    push(&m, 1, &(drill_row){{3, 100, 7}, 1}, 1);
    drill_advance(&m.d, 101);
    EXPECT_INT(m.d.said.count, 1);
    EXPECT_TEXT(m.d.said.items[0], "+1|3");
    drill_end(&m.d);
}

/* Versions come and go; memory is that of one version per key. */
TEST(versions_that_nobody_can_meet_give_their_memory_back)
{
    model m;
    model_begin(&m, false, false, WR_BIGINT);
    drill_graph(&m.d);
    drill_row rows[50];
    uint64_t most[2] = {0};
    for (int round = 0; round < 1200; round++) {
        for (int i = 0; i < 50; i++)
            rows[i] = (drill_row){{round, round * 1000 + i, i}, 1};
        drill_push(&m.d, 1, rows, 7, false);
        drill_advance(&m.d, round * 1000);
        most[round >= 600] = WR_MAX(most[round >= 600], wr_mem_used(m.d.mem));
    }
    EXPECT(most[1] <= most[0] + most[0] / 8);
    drill_push(&m.d, 0, &(drill_row){{5, 1199 * 1000 + 3, 3}, 1}, 1, false);
    drill_advance(&m.d, INT64_MAX);
    EXPECT_INT(m.d.said.count, 1);
    EXPECT_TEXT(m.d.said.items[0], "+5|1199");
    drill_end(&m.d);
}
