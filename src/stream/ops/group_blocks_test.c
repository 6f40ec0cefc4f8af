/* group_blocks_test.c - groups of windows as blocks in the state: many commits, some of which fail,
 * restarts, writing anew, becoming pairs when memory is short, damage; against plain counters. */
#include "stream/ops/group_kit_test.h"
#include "stream/ops/group.h"
#include "sys/clock.h"

enum { KEYS = 2000, ROUND = WR_BATCH_ROWS < 500 ? WR_BATCH_ROWS : 500, COMMITS = 60 };

typedef struct model {
    flow f;
    bool takes_back;
    int counts[KEYS], largest[KEYS];
} model;

static int dice(int sides) { return (int)(wr_random_u64() % (unsigned)sides); }

/* count, sum and, where nothing is taken back, a maximum of text, whose state is of any size. */
static void model_begin(model *m, bool takes_back)
{
    memset(m, 0, sizeof *m);
    m->takes_back = takes_back;
    flow_begin(&m->f, "k:varchar v:integer t:varchar at:timestamp", 1);
    flow_call(&m->f, "count", -1, -1);
    flow_call(&m->f, "sum", 1, -1);
    if (!takes_back) flow_call(&m->f, "max", 2, -1);
    m->f.spec.input_takes_back = takes_back;
    flow_window(&m->f, 1000, 1000, 3);
    EXPECT_OK(flow_open(&m->f, &wr_stream_window_group));
}

static void add_row(model *m, wr_buf *text, int key, int number)
{
    wr_buf_printf(text, "%skey_number_%d %d a_longer_text_%d %d", text->length ? "; " : "", key,
                  key, number, dice(1000));
    m->largest[key] = WR_MAX(m->largest[key], number);
}

static void model_push(model *m)
{
    WR_BUF(rows);
    WR_BUF(back);
    for (int i = 0; i < ROUND; i++) {
        int key = dice(KEYS);
        m->counts[key]++;
        add_row(m, &rows, key, 1000 + dice(9000));
    }
    flow_push(&m->f, rows.data);
    for (int i = 0; m->takes_back && i < ROUND; i++) {
        int key = dice(KEYS);
        if (m->counts[key] == 0) continue;
        m->counts[key]--;
        add_row(m, &back, key, 0);
    }
    if (back.length) flow_take_back(&m->f, back.data);
}

/* Time ends the window; it has what was counted. */
static void model_end(model *m)
{
    WR_BUF(want);
    wr_buf_add_text(&want, "");
    flow_time(&m->f, 1000);
    for (int k = 0; k < KEYS; k++) {
        if (m->counts[k] == 0) continue;
        wr_buf_printf(&want, "%s+key_number_%d|0|1000|%d|%lld", want.length ? "; " : "", k,
                      m->counts[k], (long long)m->counts[k] * k);
        if (!m->takes_back) wr_buf_printf(&want, "|a_longer_text_%d", m->largest[k]);
    }
    EXPECT_OUT(&m->f, want.data);
    flow_commit(&m->f);
    wr_state_figures figures;
    wr_state_figures_of(m->f.state, &figures);
    EXPECT_INT(figures.keys, 1); /* nothing is left of it */
    flow_end(&m->f);
}

static void failing_commit(flow *f)
{
    EXPECT_OK(f->def->save(f->op, f->state));
    wr_state_rollback(f->state);
    f->def->settled(f->op, false);
}

static int count_keys(flow *f, char tag)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    int count = 0;
    EXPECT_OK(wr_state_seek(f->state, f->op->section, (wr_str){&tag, 1}, &cursor));
    for (bool more = true; more;) {
        wr_str key, value;
        EXPECT_OK(wr_state_next(cursor, &key, &value, &more));
        more = more && key.data[0] == tag;
        count += more;
    }
    return count;
}

static void expect_right(bool takes_back)
{
    model m;
    model_begin(&m, takes_back);
    for (int i = 0; i < COMMITS; i++) {
        model_push(&m);
        if (i && dice(3) == 0) failing_commit(&m.f);
        flow_commit(&m.f);
        EXPECT_INT(count_keys(&m.f, WR_GROUP_ROW), 0);
        EXPECT(count_keys(&m.f, WR_GROUP_BLOCK) > 0);
        if (dice(5) == 0) flow_restart(&m.f);
    }
    /* Some 440 groups change with each commit; more than 4096 + 2 * 2000 in blocks are too many. */
    if (ROUND == 500) EXPECT(count_keys(&m.f, WR_GROUP_BLOCK) <= 20);
    flow_restart(&m.f);
    model_end(&m);
}

TEST(windows_in_blocks_go_on_after_restarts_and_commits_that_failed) { expect_right(false); }
TEST(windows_in_blocks_whose_rows_are_taken_back_go_on) { expect_right(true); }

TEST(blocks_become_pairs_when_memory_is_short)
{
    for (int round = 0; round < 4; round++) {
        model m;
        int turn = COMMITS / 2 + round;
        model_begin(&m, round % 2);
        for (int i = 0; i < COMMITS; i++) {
            model_push(&m);
            if (i == turn) m.f.op->share = wr_mem_used(m.f.op->mem) * 2;
            if (i == turn + 5) m.f.op->share /= 4;
            if (i == turn && round > 1) failing_commit(&m.f);
            flow_commit(&m.f);
            bool is_packed = i < turn;
            EXPECT(is_packed == (count_keys(&m.f, WR_GROUP_BLOCK) > 0));
            EXPECT(is_packed == (count_keys(&m.f, WR_GROUP_ROW) == 0));
            if (i > turn + 5) /* what is in pairs is forgotten */
                EXPECT(wr_mem_used(m.f.op->mem) <= m.f.op->share);
            uint64_t share = m.f.op->share;
            if (dice(5) == 0) flow_restart(&m.f);
            m.f.op->share = share;
        }
        model_end(&m);
    }
}

TEST(windows_that_began_and_ended_between_commits_leave_nothing)
{
    model m;
    wr_state_figures before, after;
    model_begin(&m, false);
    flow_commit(&m.f);
    wr_state_figures_of(m.f.state, &before);
    flow_push(&m.f, "a 1 t 5; b 1 t 6");
    flow_time(&m.f, 1000);
    EXPECT_OUT(&m.f, "+a|0|1000|1|1|t; +b|0|1000|1|1|t");
    flow_commit(&m.f);
    wr_state_figures_of(m.f.state, &after);
    EXPECT_INT(after.keys, before.keys);
    EXPECT(after.bytes_last_commit < 300);
    flow_end(&m.f);
}

/* The only block, changed or cut off, with a right checksum. */
static void damage_block(flow *f, bool cuts)
{
    const char tag = WR_GROUP_BLOCK;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    wr_str key, value;
    bool more;
    WR_BUF(name);
    WR_BUF(bytes);
    EXPECT_OK(wr_state_seek(f->state, f->op->section, (wr_str){&tag, 1}, &cursor));
    EXPECT_OK(wr_state_next(cursor, &key, &value, &more));
    wr_buf_add_str(&name, key);
    wr_buf_add_str(&bytes, value);
    wr_state_cursor_close(WR_TAKE(cursor));
    if (cuts)
        bytes.length = 1 + (size_t)dice((int)bytes.length - 1);
    else
        bytes.data[dice((int)bytes.length)] ^= (char)(1 << dice(8));
    EXPECT_OK(wr_state_put(f->state, f->op->section, wr_buf_str(&name), wr_buf_str(&bytes)));
    EXPECT_OK(wr_state_commit(f->state));
}

TEST(a_damaged_block_is_corrupt_or_at_least_harmless)
{
    for (int round = 0; round < 40; round++) {
        model m;
        bool cuts = round % 2;
        model_begin(&m, false);
        model_push(&m);
        flow_commit(&m.f);
        damage_block(&m.f, cuts);
        flow_restart(&m.f);
        weir_status bad = wr_stream_advance(m.f.source, 0, 1000);
        if (cuts) EXPECT(bad && bad->code == WR_E_CORRUPT);
        wr_status_drop(bad);
        flow_end(&m.f);
    }
}
