/* join_test.c - joins of two streams against a nested loop that remembers everything.
 *
 * Inputs: key, value, the key again, expiry, since. What is put out after every step must be what
 * the loop puts out, net of what takes itself back. */
#include "stream/ops/drill_test.h"
#include "stream/ops/join.h"

enum { KEY, VALUE, KEY_AGAIN, EXPIRY, SINCE, PAST_ROWS = 4000 };

typedef struct past_row {
    drill_row row;
    bool is_stored;
    int partners;
} past_row;

typedef struct model {
    drill d;
    wr_join_spec spec;
    bool null_equal[1], has_residual;
    int64_t time;
    past_row *past[2];
    int past_count[2];
    uint64_t late;
} model;

static bool keeps(const model *m, int side)
{
    wr_join_kind kind = m->spec.kind;
    if (kind == WR_JOIN_FULL) return true;
    return side ? kind == WR_JOIN_RIGHT : kind == WR_JOIN_LEFT || kind == WR_JOIN_ANTI;
}

static bool pairs_leave(const model *m)
{
    return m->spec.kind != WR_JOIN_SEMI && m->spec.kind != WR_JOIN_ANTI;
}

static void want_pair(model *m, int change, const drill_row *left, const drill_row *right)
{
    int64_t nothing[] = {DRILL_NULL, DRILL_NULL}, values[4];
    memcpy(values, left ? left->values : nothing, sizeof nothing);
    memcpy(values + 2, right ? right->values : nothing, sizeof nothing);
    drill_want(&m->d, change, values);
}

static void want_alone(model *m, int change, int side, const drill_row *row)
{
    want_pair(m, change, side ? NULL : row, side ? row : NULL);
}

static bool is_late(const model *m, int side, const drill_row *row)
{
    int64_t expiry = row->values[EXPIRY];
    return m->spec.has_expiry[side] && (expiry == DRILL_NULL || expiry < m->time);
}

/* Partners of it may have been forgotten. */
static bool is_doubtful(const model *m, int side, const drill_row *row)
{
    bool is_alone = row->values[KEY] == DRILL_NULL && !m->null_equal[0];
    return m->spec.has_since[side] && !is_alone && row->values[SINCE] != DRILL_NULL &&
           row->values[SINCE] < m->time;
}

static bool are_partners(const model *m, int side, const drill_row *row, const drill_row *other)
{
    const drill_row *left = side ? other : row, *right = side ? row : other;
    if (left->values[KEY] != right->values[KEY]) return false;
    if (left->values[KEY] == DRILL_NULL && !m->null_equal[0]) return false;
    if (!m->has_residual) return true;
    return left->values[VALUE] != DRILL_NULL && right->values[VALUE] != DRILL_NULL &&
           left->values[VALUE] < right->values[VALUE];
}

/* A stored row gained or lost a partner. */
static void turn(model *m, int side, past_row *past, int change)
{
    int before = past->partners;
    if (before + change < 0) return;
    past->partners += change;
    if ((before > 0) == (past->partners > 0)) return;
    if (m->spec.kind == WR_JOIN_SEMI && side == 0)
        want_alone(m, past->partners ? 1 : -1, side, &past->row);
    if (keeps(m, side) && m->spec.orphans_at_once)
        want_alone(m, past->partners ? -1 : 1, side, &past->row);
}

static past_row *oldest_equal(model *m, int side, const drill_row *row)
{
    for (int i = 0; i < m->past_count[side]; i++) {
        past_row *past = &m->past[side][i];
        if (past->is_stored && memcmp(past->row.values, row->values, sizeof row->values) == 0)
            return past;
    }
    return NULL;
}

static void step(model *m, int side, const drill_row *row)
{
    past_row *own = row->change < 0 ? oldest_equal(m, side, row) : NULL;
    int partners = 0;
    if (is_doubtful(m, side, row) && keeps(m, side) && !own) {
        m->late++;
        return;
    }
    for (int i = 0; i < m->past_count[1 - side]; i++) {
        past_row *other = &m->past[1 - side][i];
        if (!other->is_stored || !are_partners(m, side, row, &other->row)) continue;
        partners++;
        if (pairs_leave(m))
            want_pair(m, row->change, side ? &other->row : row, side ? row : &other->row);
        turn(m, 1 - side, other, row->change);
    }
    bool is_lost = row->change > 0 && !partners && is_late(m, side, row);
    m->late += is_lost && is_doubtful(m, side, row);
    if (own) partners = own->partners;
    bool now = m->spec.orphans_at_once || is_late(m, side, row);
    if (m->spec.kind == WR_JOIN_SEMI && side == 0 && partners)
        want_alone(m, row->change, side, row);
    if (keeps(m, side) && !partners && now) want_alone(m, row->change, side, row);
    if (own) own->is_stored = false;
    if (row->change > 0 && !is_late(m, side, row))
        m->past[side][m->past_count[side]++] =
            (past_row){.row = *row, .is_stored = true, .partners = partners};
}

static void model_advance(model *m, int64_t time)
{
    m->time = time;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < m->past_count[s]; i++) {
            past_row *past = &m->past[s][i];
            if (!past->is_stored || !is_late(m, s, &past->row)) continue;
            past->is_stored = false;
            if (keeps(m, s) && !m->spec.orphans_at_once && !past->partners)
                want_alone(m, 1, s, &past->row);
        }
    drill_advance(&m->d, time);
}

static void model_begin(model *m, wr_join_kind kind, const wr_type *key)
{
    drill *d = &m->d;
    *m = (model){.time = WR_NO_TIME_YET};
    drill_begin(d);
    m->spec = (wr_join_spec){
        .kind = kind, .output_count = {2, 2}, .key_count = 1, .null_equal = m->null_equal};
    const wr_type *moment = wr_type_of(WR_T_TIMESTAMP);
    const wr_type *in[] = {key, WR_INTEGER, key, moment, moment};
    const wr_type *out[] = {key, WR_INTEGER, key, WR_INTEGER};
    d->inputs[0] = d->inputs[1] = drill_schema(d, in, 5);
    d->output = drill_schema(d, out, pairs_leave(m) ? 4 : 2);
    d->input_count = 2;
    d->def = &wr_stream_join;
    d->spec = &m->spec;
    for (int s = 0; s < 2; s++)
        m->past[s] = wr_new_array(&d->arena, past_row, PAST_ROWS);
}

static void model_residual(model *m)
{
    wr_arena *arena = &m->d.arena;
    m->has_residual = true;
    m->spec.residual = wr_expr_compare(arena, WR_LT, wr_expr_column(arena, 1, WR_INTEGER),
                                       wr_expr_column(arena, 3, WR_INTEGER));
}

static drill_row random_row(const model *m, int side)
{
    drill_row row = {.change = 1};
    int64_t now = m->time == WR_NO_TIME_YET ? 0 : m->time;
    row.values[KEY] = dice(12) ? dice(5) : DRILL_NULL;
    row.values[VALUE] = dice(9) ? dice(3) : DRILL_NULL;
    row.values[KEY_AGAIN] = row.values[KEY];
    row.values[EXPIRY] = now + dice(8) * 40000 - 70000;
    if (!m->spec.has_expiry[side] || dice(40) == 0) row.values[EXPIRY] = DRILL_NULL;
    row.values[SINCE] =
        m->spec.has_since[side] && dice(40) ? now + dice(8) * 30000 - 40000 : DRILL_NULL;
    return row;
}

/* A row that was there before, or comes in the same batch. */
static void maybe_take_back(model *m, int side, const drill_row *batch, int count, drill_row *row)
{
    if (!m->spec.input_takes_back[side] || dice(3)) return;
    if (count && dice(3) == 0) {
        *row = batch[dice(count)];
    } else if (m->past_count[side]) {
        past_row *past = &m->past[side][dice(m->past_count[side])];
        if (!past->is_stored) return;
        *row = past->row;
    }
    row->change = -1;
}

/* Of a row that came too late nobody knows later whom it met: only its own batch takes it back. */
static bool may_be_taken_back(model *m, int side, const drill_row *batch, int count,
                              const drill_row *row)
{
    int there = 0;
    if (!is_late(m, side, row)) return oldest_equal(m, side, row) != NULL;
    for (int i = 0; i < count; i++)
        if (memcmp(batch[i].values, row->values, sizeof row->values) == 0) there += batch[i].change;
    return there > 0;
}

static void random_push(model *m)
{
    drill_row batch[8];
    int side = dice(2), count = 1 + dice(8), kept = 0;
    for (int i = 0; i < count; i++) {
        drill_row row = random_row(m, side);
        maybe_take_back(m, side, batch, kept, &row);
        if (row.change < 0 && !may_be_taken_back(m, side, batch, kept, &row)) continue;
        step(m, side, &row);
        batch[kept++] = row;
    }
    if (kept) drill_push(&m->d, side, batch, (uint32_t)kept, dice(2));
}

static void run_random(wr_join_kind kind, int variant, bool forgets)
{
    model m;
    model_begin(&m, kind, variant & 1 ? WR_VARCHAR : WR_BIGINT);
    m.d.forgets = forgets;
    m.null_equal[0] = dice(2);
    m.spec.orphans_at_once = variant & 2;
    for (int s = 0; s < 2; s++) {
        m.spec.has_expiry[s] = dice(4) != 0 || (keeps(&m, s) && !m.spec.orphans_at_once);
        m.spec.input_takes_back[s] = dice(2);
        m.spec.has_since[s] = m.spec.has_expiry[s] && dice(2);
    }
    if (dice(2)) model_residual(&m);
    drill_graph(&m.d);
    wr_state *state = m.d.state = drill_state();
    EXPECT_OK(wr_state_section(state, WR_STR("join"), &m.d.section));
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

TEST(a_stream_join_puts_out_what_a_nested_loop_does)
{
    for (int kind = WR_JOIN_INNER; kind <= (int)WR_JOIN_ANTI; kind++)
        for (int variant = 0; variant < 4; variant++)
            run_random((wr_join_kind)kind, variant, false);
}

TEST(a_stream_join_whose_memory_forgets_puts_out_what_a_nested_loop_does)
{
    for (int kind = WR_JOIN_INNER; kind <= (int)WR_JOIN_ANTI; kind++)
        for (int variant = 0; variant < 4; variant++)
            run_random((wr_join_kind)kind, variant, true);
}

static void push_one(model *m, int side, int64_t key, int64_t value, int64_t expiry, int change)
{
    drill_row row = {{key, value, key, expiry, DRILL_NULL}, change};
    drill_push(&m->d, side, &row, 1, false);
}

TEST(an_outer_row_leaves_when_it_expires_though_the_other_side_is_empty)
{
    model m;
    model_begin(&m, WR_JOIN_LEFT, WR_BIGINT);
    m.spec.has_expiry[0] = m.spec.has_expiry[1] = true;
    drill_graph(&m.d);
    push_one(&m, 0, 7, 1, 100, 1);
    drill_advance(&m.d, 100);
    EXPECT(drill_agrees(&m.d));
    drill_advance(&m.d, 101);
    drill_want(&m.d, 1, (int64_t[]){7, 1, DRILL_NULL, DRILL_NULL});
    EXPECT(drill_agrees(&m.d));
    EXPECT_INT(((wr_stream_join_op *)m.d.op)->sides[0].live, 0);
    drill_end(&m.d);
}

TEST(a_row_whose_partners_may_be_forgotten_is_late_and_no_orphan)
{
    model m;
    model_begin(&m, WR_JOIN_LEFT, WR_BIGINT);
    m.spec.has_expiry[0] = m.spec.has_expiry[1] = m.spec.has_since[0] = true;
    m.spec.has_since[1] = true;
    drill_graph(&m.d);
    wr_state *state = drill_state();
    EXPECT_OK(wr_state_section(state, WR_STR("join"), &m.d.section));
    m.d.op->section = m.d.section;
    drill_row partner = {{7, 2, 7, 100, 100}, 1}, row = {{7, 1, 7, 100, 100}, 1};
    drill_push(&m.d, 1, &partner, 1, false);
    drill_advance(&m.d, 101);
    drill_commit(&m.d, state);
    drill_reopen(&m.d, state); /* the time is that of before */
    drill_push(&m.d, 0, &row, 1, false);
    EXPECT_INT(m.d.op->late_rows, 1);
    drill_push(&m.d, 1, &partner, 1, false); /* meets nobody any more */
    EXPECT_INT(m.d.op->late_rows, 2);
    row.values[SINCE] = 101; /* in time, though it expires at once */
    drill_push(&m.d, 0, &row, 1, false);
    drill_want(&m.d, 1, (int64_t[]){7, 1, DRILL_NULL, DRILL_NULL});
    EXPECT(drill_agrees(&m.d));
    EXPECT_INT(m.d.op->late_rows, 2);
    drill_remove_state(state);
    drill_end(&m.d);
}

TEST(an_orphan_is_taken_back_before_its_pair_comes)
{
    model m;
    model_begin(&m, WR_JOIN_LEFT, WR_BIGINT);
    m.spec.orphans_at_once = true;
    drill_graph(&m.d);
    push_one(&m, 0, 7, 1, DRILL_NULL, 1);
    push_one(&m, 1, 7, 2, DRILL_NULL, 1);
    EXPECT_INT(m.d.said.count, 3);
    EXPECT_TEXT(m.d.said.items[0], "+7|1|NULL|NULL");
    EXPECT_TEXT(m.d.said.items[1], "-7|1|NULL|NULL");
    EXPECT_TEXT(m.d.said.items[2], "+7|1|7|2");
    drill_end(&m.d);
}

TEST(taking_back_a_row_that_never_came_is_counted_and_changes_nothing)
{
    model m;
    model_begin(&m, WR_JOIN_INNER, WR_BIGINT);
    m.spec.input_takes_back[0] = true;
    drill_graph(&m.d);
    push_one(&m, 1, 7, 2, DRILL_NULL, 1);
    push_one(&m, 0, 7, 1, DRILL_NULL, -1);
    EXPECT(drill_agrees(&m.d));
    EXPECT_INT(m.d.op->late_rows, 1);
    drill_end(&m.d);
}

static uint64_t keys_after_commit(model *m, wr_state *state)
{
    wr_state_figures figures;
    EXPECT_OK(m->d.def->save(m->d.op, state));
    EXPECT_OK(wr_state_commit(state));
    m->d.def->settled(m->d.op, true);
    wr_state_figures_of(state, &figures);
    return figures.keys;
}

TEST(the_state_of_a_join_holds_what_is_there_and_hears_of_changes_only)
{
    model m;
    wr_state_figures figures;
    model_begin(&m, WR_JOIN_LEFT, WR_BIGINT);
    m.spec.has_expiry[0] = true;
    m.spec.input_takes_back[1] = true;
    drill_graph(&m.d);
    wr_state *state = drill_state();
    EXPECT_OK(wr_state_section(state, WR_STR("join"), &m.d.op->section));
    for (int i = 0; i < 5; i++)
        push_one(&m, 0, i, 1, 100 + i, 1);
    push_one(&m, 1, 7, 2, DRILL_NULL, 1);
    push_one(&m, 1, 8, 2, DRILL_NULL, 1);
    EXPECT_INT(keys_after_commit(&m, state), 4); /* of each side its facts and a block */
    EXPECT_OK(m.d.def->save(m.d.op, state));
    wr_state_figures_of(state, &figures);
    EXPECT_INT(figures.pending_bytes, 0);
    m.d.def->settled(m.d.op, true);
    push_one(&m, 1, 8, 2, DRILL_NULL, -1);
    EXPECT_INT(keys_after_commit(&m, state), 5); /* a block that takes a row away */
    wr_state_figures_of(state, &figures);
    EXPECT(figures.bytes_last_commit < 400);
    drill_advance(&m.d, 103);
    EXPECT_INT(keys_after_commit(&m, state), 6); /* two of the left are there; the time */
    drill_advance(&m.d, 105);
    EXPECT_INT(keys_after_commit(&m, state), 5); /* no block of the left */
    drill_remove_state(state);
    drill_end(&m.d);
}

/* Many keys and rows pass through; memory is that of what is there. */
TEST(rows_and_keys_that_went_give_their_memory_back)
{
    model m;
    model_begin(&m, WR_JOIN_INNER, WR_BIGINT);
    m.spec.has_expiry[0] = true;
    m.spec.input_takes_back[1] = true;
    drill_graph(&m.d);
    drill_row rows[1000], others[1000];
    uint64_t most[2] = {0}; /* in the first half of the rounds and in the second */
    for (int round = 0; round < 40; round++) { /* gaps are closed every five of them */
        for (int i = 0; i < 1000; i++) {
            int64_t key = round * 1000 + i;
            rows[i] = (drill_row){{key, i, key, round * 100000 + i * 100}, 1};
            others[i] = (drill_row){{key, i, key, DRILL_NULL}, 1};
        }
        drill_push(&m.d, 0, rows, 1000, false);
        drill_push(&m.d, 1, others, 1000, true);
        EXPECT_INT(m.d.said.count, 1000);
        for (int i = 0; i < 1000; i++)
            others[i].change = -1;
        drill_push(&m.d, 1, others, 1000, false);
        drill_advance(&m.d, round * 100000 + 50000);
        EXPECT_INT(m.d.said.count, 2000);
        m.d.said.count = 0;
        most[round >= 20] = WR_MAX(most[round >= 20], wr_mem_used(m.d.mem));
        EXPECT_INT(((wr_stream_join_op *)m.d.op)->sides[0].live, 500);
    }
    EXPECT(most[1] <= most[0] + most[0] / 8);
    drill_end(&m.d);
}

TEST(times_far_apart_share_a_bounded_number_of_buckets)
{
    model m;
    model_begin(&m, WR_JOIN_FULL, WR_VARCHAR);
    m.spec.has_expiry[0] = m.spec.has_expiry[1] = true;
    drill_graph(&m.d);
    drill_row rows[900];
    for (int i = 0; i < 900; i++)
        rows[i] = (drill_row){{i, i, i, (int64_t)(i * 7 % 900) * INT64_C(100000000) - 1000}, 1};
    drill_push(&m.d, 0, rows, 900, false);
    EXPECT(((wr_stream_join_op *)m.d.op)->sides[0].bucket_count <= 256);
    for (int i = 0; i < 900; i++) {
        drill_advance(&m.d, (int64_t)i * INT64_C(100000000) - 999);
        EXPECT_INT(m.d.said.count, i + 1);
    }
    drill_end(&m.d);
}

/* ---- blocks of rows in the state ---- */

enum { MANY = WR_BATCH_ROWS < 1000 ? WR_BATCH_ROWS : 1000 };

static void many(model *m, int side, int64_t first, int change)
{
    drill_row rows[MANY];
    for (int i = 0; i < MANY; i++)
        rows[i] = (drill_row){{first + i, i, first + i, first + i}, change};
    drill_push(&m->d, side, rows, MANY, false);
}

static int count_blocks(model *m)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    int count = 0;
    EXPECT_OK(wr_state_seek(m->d.state, m->d.op->section, (wr_str){"", 0}, &cursor));
    for (bool more = true; more;) {
        wr_str key, value;
        EXPECT_OK(wr_state_next(cursor, &key, &value, &more));
        count += more && key.length == 9;
    }
    return count;
}

static void model_of_many(model *m, wr_join_kind kind)
{
    model_begin(m, kind, WR_BIGINT);
    m->spec.input_takes_back[0] = m->spec.input_takes_back[1] = true;
    m->spec.has_expiry[1] = true;
    drill_graph(&m->d);
    m->d.state = drill_state();
    EXPECT_OK(wr_state_section(m->d.state, WR_STR("join"), &m->d.section));
    m->d.op->section = m->d.section;
}

/* Rows come, meet others, are taken back and expire over many commits and restarts; what stays is
 * what a FULL join puts out as orphans and pairs. Memory gets short in some round, or never. */
static void expect_rows_of_commits(int short_from)
{
    model m;
    uint64_t full = 0;
    model_of_many(&m, WR_JOIN_LEFT);
    for (int round = 0; round < 40; round++) {
        many(&m, 0, round * MANY, 1);     /* stays for two rounds */
        many(&m, 1, round * MANY, 1);     /* expires in the next one */
        EXPECT_INT(m.d.said.count, MANY); /* each finds its partner */
        m.d.said.count = 0;
        drill_commit(&m.d, m.d.state);
        if (round == short_from) full = wr_mem_used(m.d.op->mem);
        if (dice(3) == 0) drill_reopen(&m.d, m.d.state);
        m.d.op->share = full;
        if (round < 2) continue;
        many(&m, 0, (round - 2) * MANY, -1);
        drill_advance(&m.d, round * MANY);
        m.d.said.count = 0;
        EXPECT_INT(m.d.op->late_rows, 0);
        drill_commit(&m.d, m.d.state);
        if (MANY == 1000) EXPECT(count_blocks(&m) <= 40);
    }
    many(&m, 0, 38 * MANY, -1);
    many(&m, 0, 39 * MANY, -1);
    drill_advance(&m.d, 40 * MANY);
    EXPECT_INT(m.d.op->late_rows, 0);
    drill_commit(&m.d, m.d.state);
    drill_reopen(&m.d, m.d.state);
    for (int s = 0; s < 2 && !full; s++)
        EXPECT_INT(((wr_stream_join_op *)m.d.op)->sides[s].live, 0);
    drill_remove_state(m.d.state);
    drill_end(&m.d);
}

TEST(rows_in_blocks_are_those_of_all_commits) { expect_rows_of_commits(100); }
TEST(rows_in_blocks_get_names_when_memory_is_short)
{
    expect_rows_of_commits(0);
    expect_rows_of_commits(20);
}

TEST(damaged_blocks_of_rows_are_corrupt_or_at_least_harmless)
{
    for (int round = 0; round < 60; round++) {
        model m;
        WR_BUF(name);
        WR_BUF(bytes);
        wr_str key, value;
        bool more;
        model_of_many(&m, WR_JOIN_LEFT);
        many(&m, 0, 0, 1);
        many(&m, 1, MANY / 2, 1);
        drill_commit(&m.d, m.d.state);
        many(&m, 0, 0, -1);
        many(&m, 0, 0, 1);
        drill_commit(&m.d, m.d.state);
        wr_state_cursor *cursor = NULL;
        EXPECT_OK(wr_state_seek(m.d.state, m.d.section, (wr_str){"", 0}, &cursor));
        for (int skip = dice(6); skip >= 0; skip--)
            EXPECT_OK(wr_state_next(cursor, &key, &value, &more));
        wr_buf_add_str(&name, key);
        wr_buf_add_str(&bytes, value);
        wr_state_cursor_close(cursor);
        bool cuts = round % 2;
        bytes.data[dice((int)bytes.length)] ^= (char)(1 << dice(8));
        if (cuts) bytes.length = 1 + (size_t)dice((int)bytes.length - 1);
        EXPECT_OK(wr_state_put(m.d.state, m.d.section, wr_buf_str(&name), wr_buf_str(&bytes)));
        wr_graph_drop(m.d.graph);
        drill_graph(&m.d);
        weir_status bad = m.d.def->load(m.d.op, m.d.state);
        if (cuts) EXPECT(bad && (bad->code == WR_E_CORRUPT || bad->code == WR_E_STATE_VERSION));
        wr_status_drop(bad);
        drill_remove_state(m.d.state);
        drill_end(&m.d);
    }
}

TEST(rows_that_an_older_weir_wrote_one_by_one_are_refused)
{
    model m;
    const char name[17] = {0};
    model_of_many(&m, WR_JOIN_LEFT);
    EXPECT_OK(wr_state_put(m.d.state, m.d.section, (wr_str){name, sizeof name}, WR_STR("row")));
    EXPECT_FAIL(m.d.def->load(m.d.op, m.d.state), WR_E_STATE_VERSION);
    drill_remove_state(m.d.state);
    drill_end(&m.d);
}
