/* session_state.c - see session_group.h: sessions in the state store.
 *
 *   g [run] [keys] [number]    keys, rows, times, states of the calls
 *   t [due] [number]           the keys of a session that is not due before
 *   k [number] [call] [arguments]
 *
 * A session has a number as long as it lives; numbers made one after the other are a run, so that
 * new sessions are written side by side whatever their keys are, and those that end together too.
 * Which runs may have a key is known (run_filter.h).
 *
 * The list of what is due has one entry for each session. It may be too early, never too late: a
 * session that grows stays where it is until time has come to its entry; then it is in memory and
 * is listed anew with the next commit. So extending a session costs the state one write.
 *
 * Of a key either all sessions are in memory or none. When memory is short all are forgotten at
 * once, after a commit. */
#include "stream/ops/session_group.h"
#include "store/keys.h"
#include "store/packed.h"
#include <stdlib.h>

static uint64_t run_of(const wr_grouping *g, uint8_t *row)
{
    return wr_group_head_of(g, row)->serial >> WR_RUN_BITS;
}

static void add_number(wr_buf *key, uint64_t number)
{
    uint64_t ordered = __builtin_bswap64(number);
    wr_buf_add(key, &ordered, sizeof ordered);
}

int64_t wr_session_due(const wr_grouping *g, const wr_session *s)
{
    bool waits = s->is_said || g->lateness == 0;
    int64_t end = wr_session_end(g, s) + 1, last;
    if (!waits) return end;
    return __builtin_add_overflow(end, g->lateness, &last) ? INT64_MAX : last;
}

/* ---- writing ---- */

static weir_status unlist(wr_grouping *g, const wr_group_head *head, const wr_session *s,
                          wr_state *state, wr_buf *key)
{
    wr_group_key_begin(key, WR_GROUP_DUE, s->listed);
    add_number(key, head->serial);
    return wr_state_delete(state, g->op.section, wr_buf_str(key));
}

static weir_status list(wr_grouping *g, const wr_group_head *head, wr_session *s,
                        const wr_column *columns, uint32_t at, wr_state *state, wr_buf *key)
{
    int64_t due = wr_session_due(g, s);
    bool is_listed = head->flags & WR_GROUP_SAVED;
    s->relisted = s->listed;
    if (is_listed && due >= s->listed && s->listed > g->op.time) return WR_OK;
    if (is_listed && due == s->listed) return WR_OK;
    if (is_listed) WR_TRY(unlist(g, head, s, state, key));
    s->relisted = due;
    WR_BUF(packed);
    wr_row_append(&packed, columns, g->key_count, at);
    wr_group_key_begin(key, WR_GROUP_DUE, due);
    add_number(key, head->serial);
    return wr_state_put(state, g->op.section, wr_buf_str(key), wr_buf_str(&packed));
}

/* What of a session that ended is in the state. */
static weir_status forget(wr_grouping *g, const wr_group_head *head, const wr_session *s,
                          wr_state *state, wr_buf *key)
{
    WR_BUF(last);
    WR_TRY(wr_state_delete(state, g->op.section, wr_buf_str(key)));
    WR_TRY(unlist(g, head, s, state, key));
    if (!g->any_kept) return WR_OK;
    wr_group_key_begin(key, WR_GROUP_KEPT, (int64_t)head->serial);
    wr_key_after_prefix(wr_buf_str(key), &last);
    return wr_state_delete_range(state, g->op.section, wr_buf_str(key), wr_buf_str(&last));
}

weir_status wr_session_save(wr_grouping *g, uint8_t *row, const wr_column *columns, uint32_t at,
                            wr_state *state, wr_buf *key, wr_buf *states)
{
    wr_session_grouping *me = (wr_session_grouping *)g;
    const wr_group_head *head = wr_group_head_of(g, row);
    wr_session *s = wr_session_of(g, row);
    bool is_saved = head->flags & WR_GROUP_SAVED;
    if (head->flags & WR_GROUP_DEAD && !is_saved) return WR_OK;
    wr_group_key_begin(key, WR_GROUP_ROW, (int64_t)run_of(g, row));
    size_t before = key->length;
    wr_group_key_add(g, key, columns, at);
    uint64_t hash = wr_hash_bytes(key->data + before, key->length - before);
    add_number(key, head->serial);
    if (head->flags & WR_GROUP_DEAD) return forget(g, head, s, state, key);
    if (!is_saved) /* nobody looks for it while everything is in memory */
        WR_TRY(g->panes[0]->has_stored ? wr_run_filter_add(&me->runs, run_of(g, row), hash)
                                       : wr_run_filter_meet(&me->runs, run_of(g, row), true));
    WR_BUF(value);
    wr_row_append(&value, columns, g->key_count, at);
    wr_buf_add(&value, &head->rows, sizeof head->rows);
    WR_BUF(listed);
    WR_TRY(list(g, head, s, columns, at, state, &listed));
    const int64_t times[] = {s->start, s->last, s->relisted, s->is_said};
    wr_buf_add(&value, times, sizeof times);
    wr_buf_add_str(&value, wr_buf_str(states));
    return wr_state_put(state, g->op.section, wr_buf_str(key), wr_buf_str(&value));
}

void wr_session_settle(wr_grouping *g, uint8_t *row, uint64_t was)
{
    wr_session_grouping *me = (wr_session_grouping *)g;
    wr_session *s = wr_session_of(g, row);
    bool is_dead = was & WR_GROUP_DEAD, was_saved = was & WR_GROUP_SAVED;
    s->listed = s->relisted;
    if (is_dead == was_saved) wr_run_filter_count(&me->runs, run_of(g, row), is_dead ? -1 : 1);
}

/* New sessions stand side by side; others are somewhere in their run. */
uint64_t wr_session_pending(wr_stream_op *op)
{
    enum { NEW_PER_PAGE = 8 };
    wr_session_grouping *me = (wr_session_grouping *)op;
    const wr_grouping *g = &me->base;
    const wr_pane *pane = g->panes[0];
    uint32_t most = (uint32_t)(((g->layout.row_size + 64) << WR_RUN_BITS) / 3000);
    for (; me->counted < pane->changed.count; me->counted++) {
        uint8_t *row = pane->changed.items[me->counted];
        if (wr_group_head_of(g, row)->flags & WR_GROUP_SAVED)
            me->pages += wr_run_filter_touch(&me->runs, run_of(g, row), most);
        else
            me->pages += me->counted % NEW_PER_PAGE == 0;
    }
    uint64_t kept = 0;
    for (int i = 0; i < g->spec->call_count; i++)
        kept += pane->kept[i].changed.count;
    return me->pages + kept;
}

/* ---- reading ---- */

static weir_status read_session(wr_session_grouping *me, uint8_t *keys, wr_str key, wr_str value,
                                wr_reading *r, uint8_t **out)
{
    wr_grouping *g = &me->base;
    int64_t rows, times[4];
    uint64_t number;
    wr_reading_begin(r, g, -1);
    WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
    if (!wr_take_bytes(&value, &rows, sizeof rows) || !wr_take_bytes(&value, times, sizeof times) ||
        times[0] > times[1])
        return wr_group_damaged(g);
    WR_TRY(wr_session_make(me, keys, r->columns, 0, times[0], times[1], out));
    memcpy(&number, key.data + key.length - sizeof number, sizeof number);
    wr_group_head_of(g, *out)->serial = __builtin_bswap64(number);
    wr_session *s = wr_session_of(g, *out);
    s->listed = s->relisted = times[2];
    s->is_said = times[3] != 0;
    WR_TRY(wr_session_wait(me, *out));
    return wr_group_read_states(g, g->panes[0], *out, rows, value);
}

typedef struct wanted {
    wr_str key;
    uint32_t number;
} wanted;

typedef struct wanted_list {
    wr_session_grouping *me;
    wr_arena arena;
    WR_LIST(wanted) items;
    wr_buf key;
    size_t keys_at;
    uint32_t number;
} wanted_list;

static void want_in_run(void *arg, uint64_t run)
{
    wanted_list *l = arg;
    WR_BUF(key);
    wr_group_key_begin(&key, WR_GROUP_ROW, (int64_t)run);
    wr_buf_add(&key, l->key.data + l->keys_at, l->key.length - l->keys_at);
    wr_str copy = {wr_arena_copy(&l->arena, key.data, key.length), key.length};
    wr_push(&l->arena, &l->items, ((wanted){copy, l->number}));
}

static int by_key(const void *a, const void *b)
{
    return wr_str_cmp(((const wanted *)a)->key, ((const wanted *)b)->key);
}

static weir_status read_keys(wr_session_grouping *me, const wanted *w, uint8_t *keys, wr_reading *r)
{
    wr_grouping *g = &me->base;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(g->op.state, g->op.section, w->key, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        uint8_t *row;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || !wr_str_has_prefix(key, w->key)) return WR_OK;
        if (key.length != w->key.length + sizeof(uint64_t)) return wr_group_damaged(g);
        WR_TRY(read_session(me, keys, key, value, r, &row));
    }
}

static weir_status read_kept_of(wr_session_grouping *me, uint8_t *keys)
{
    wr_grouping *g = &me->base;
    for (uint8_t *row = wr_session_keys_of(me, keys)->first; row; row = wr_session_of(g, row)->next)
        WR_TRY(wr_group_read_kept(g, g->panes[0], row, (int64_t)wr_group_head_of(g, row)->serial,
                                  NULL, 0));
    return WR_OK;
}

/* Puts the keys of one more run of the state into the filter. */
static weir_status learn_run(wr_session_grouping *me, uint64_t run)
{
    wr_grouping *g = &me->base;
    WR_BUF(prefix);
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    int64_t count = 0;
    wr_group_key_begin(&prefix, WR_GROUP_ROW, (int64_t)run);
    WR_TRY(wr_state_seek(g->op.state, g->op.section, wr_buf_str(&prefix), &cursor));
    for (;; count++) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || !wr_str_has_prefix(key, wr_buf_str(&prefix))) break;
        size_t length = key.length - WR_GROUP_PREFIX - sizeof(uint64_t);
        if (key.length < WR_GROUP_PREFIX + sizeof(uint64_t)) return wr_group_damaged(g);
        WR_TRY(
            wr_run_filter_add(&me->runs, run, wr_hash_bytes(key.data + WR_GROUP_PREFIX, length)));
    }
    wr_run_filter_learnt(&me->runs, run, count);
    return WR_OK;
}

static weir_status fetch(wr_session_grouping *me, const wr_column *columns, const uint16_t *at,
                         uint32_t count, uint8_t *const *keys, wanted_list *l, wr_reading *r)
{
    enum { KEYS_PER_RUN = 8 }; /* looking for so many in a run costs a good part of learning it */
    wr_grouping *g = &me->base;
    uint64_t run;
    for (uint32_t i = 0; i <= count / KEYS_PER_RUN && wr_run_filter_unknown(&me->runs, &run); i++)
        WR_TRY(learn_run(me, run));
    for (uint32_t i = 0; i < count; i++) {
        l->number = i;
        l->key.length = 0;
        wr_group_key_add(g, &l->key, columns, at ? at[i] : i);
        uint64_t hash = wr_hash_bytes(l->key.data ? l->key.data : "", l->key.length);
        wr_run_filter_look(&me->runs, hash, want_in_run, l);
    }
    if (l->items.count) qsort(l->items.items, (size_t)l->items.count, sizeof(wanted), by_key);
    for (int i = 0; i < l->items.count; i++)
        WR_TRY(read_keys(me, &l->items.items[i], keys[l->items.items[i].number], r));
    for (uint32_t i = 0; i < count && g->any_kept; i++)
        WR_TRY(read_kept_of(me, keys[i]));
    return WR_OK;
}

weir_status wr_session_fetch(wr_session_grouping *me, const wr_column *columns, const uint16_t *at,
                             uint32_t count, uint8_t *const *keys)
{
    wanted_list l = {.me = me};
    wr_reading r = {.count = 0};
    weir_status bad = fetch(me, columns, at, count, keys, &l, &r);
    wr_buf_clear(&l.key);
    wr_arena_clear(&l.arena);
    wr_arena_clear(&r.arena);
    return bad;
}

/* ---- what is due ---- */

typedef struct due_batch {
    uint32_t count;
    uint64_t numbers[WR_BATCH_ROWS];
} due_batch;

static weir_status read_due(wr_session_grouping *me, wr_reading *r, due_batch *b)
{
    wr_grouping *g = &me->base;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    const char first = WR_GROUP_DUE;
    wr_str from = me->listed.length ? wr_buf_str(&me->listed) : (wr_str){&first, 1};
    b->count = 0;
    WR_TRY(wr_state_seek(g->op.state, g->op.section, from, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        uint64_t number;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        me->all_listed = !more || key.data[0] != WR_GROUP_DUE;
        if (me->all_listed) return WR_OK;
        if (key.length != WR_GROUP_PREFIX + sizeof number) return wr_group_damaged(g);
        me->next_listed = wr_group_key_number(key);
        if (me->next_listed > g->op.time || b->count == WR_BATCH_ROWS) return WR_OK;
        memcpy(&number, key.data + WR_GROUP_PREFIX, sizeof number);
        b->numbers[b->count++] = __builtin_bswap64(number);
        WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
        me->listed.length = 0;
        wr_buf_add_str(&me->listed, key);
        wr_buf_add_char(&me->listed, 0);
    }
}

/* What is not due yet is listed anew with the next commit. */
static weir_status list_again(wr_session_grouping *me, uint8_t *keys, uint64_t number)
{
    wr_grouping *g = &me->base;
    for (uint8_t *row = wr_session_keys_of(me, keys)->first; row;
         row = wr_session_of(g, row)->next) {
        if (wr_group_head_of(g, row)->serial != number) continue;
        if (wr_session_due(g, wr_session_of(g, row)) <= g->op.time) return WR_OK;
        return wr_pane_mark(g, g->panes[0], &row, 1);
    }
    return WR_OK; /* it has ended since the last commit */
}

static weir_status fetch_due(wr_session_grouping *me, wr_reading *r, due_batch *b)
{
    uint8_t *keys[WR_BATCH_ROWS];
    wr_reading_begin(r, &me->base, -1);
    WR_TRY(read_due(me, r, b));
    if (b->count == 0) return WR_OK;
    wr_arena_reset(&me->base.scratch);
    WR_TRY(wr_session_find_keys(me, r->columns, NULL, b->count, keys));
    for (uint32_t i = 0; i < b->count; i++)
        WR_TRY(list_again(me, keys[i], b->numbers[i]));
    return WR_OK;
}

weir_status wr_session_fetch_due(wr_session_grouping *me)
{
    wr_reading r = {.count = 0};
    due_batch *b = wr_heap_raw(sizeof *b);
    weir_status bad = fetch_due(me, &r, b);
    wr_heap_drop(b);
    wr_arena_clear(&r.arena);
    return bad;
}

/* ---- after a start, and after a commit ---- */

/* The runs that are there. */
static weir_status meet_runs(wr_session_grouping *me)
{
    wr_grouping *g = &me->base;
    WR_BUF(from);
    const char first = WR_GROUP_ROW;
    wr_buf_add_char(&from, first);
    for (;;) {
        WR_AUTO(wr_state_cursor) *cursor = NULL;
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_seek(g->op.state, g->op.section, wr_buf_str(&from), &cursor));
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.data[0] != WR_GROUP_ROW) return WR_OK;
        if (key.length < WR_GROUP_PREFIX) return wr_group_damaged(g);
        int64_t run = wr_group_key_number(key);
        if (run < 0 || run == INT64_MAX) return wr_group_damaged(g);
        WR_TRY(wr_run_filter_meet(&me->runs, (uint64_t)run, false));
        wr_group_key_begin(&from, WR_GROUP_ROW, run + 1);
    }
}

weir_status wr_session_load(wr_stream_op *op, wr_state *state)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    WR_TRY(wr_grouping_load(op, state));
    me->base.panes[0]->has_stored = me->base.panes[0]->is_saved = true;
    me->base.panes[0]->live = me->base.group_count;
    me->next_listed = WR_NO_TIME_YET;
    return meet_runs(me);
}

void wr_session_evict(wr_session_grouping *me)
{
    wr_grouping *g = &me->base;
    wr_groups keys;
    wr_pane *pane = g->panes[0];
    weir_status bad = wr_groups_init(&keys, g->op.mem, &me->keys_layout, g->key_count, false);
    wr_status_drop(bad);
    if (bad) return; /* without room for an empty table the full one stays */
    wr_pane_evict(g, pane);
    if (wr_rows_count(pane->groups.rows)) {
        wr_groups_clear(&keys);
        return;
    }
    wr_session_drop_lookup(me);
    me->keys = keys;
    me->no_keys = NULL;
    me->heap = NULL;
    me->heap_count = me->heap_cap = 0;
}
