/* group_read.c - see group.h: groups in the state store, reading. Writing is in group_state.c.
 *
 * After a start only the panes are known. A group that is not in the table of its pane is looked up
 * when rows come for it: the new keys of a batch in the order of the state, so neighbours share
 * pages. What is put out as a whole is read in order, a batch at a time, into a pane of its own;
 * groups that are in memory are left out, for memory is newer. */
#include "stream/ops/group.h"
#include "store/keys.h"
#include "store/packed.h"
#include <stdlib.h>

weir_status wr_group_damaged(const wr_grouping *g)
{
    return wr_fail(WR_E_CORRUPT, "a group of %s in the state is damaged", g->op.def->name);
}

void wr_reading_begin(wr_reading *r, const wr_grouping *g, int call)
{
    int args = call < 0 ? 0 : g->calls[call].call->arg_count;
    wr_arena_reset(&r->arena);
    r->count = g->key_count + args;
    r->growing = wr_new_array(&r->arena, wr_growing, r->count + 1);
    r->columns = wr_new_array(&r->arena, wr_column, r->count + 1);
    for (int k = 0; k < r->count; k++)
        wr_growing_init(&r->growing[k], &r->columns[k],
                        k < g->key_count ? g->layout.types[k]
                                         : g->calls[call].kept.types[1 + k - g->key_count],
                        &r->arena);
}

weir_status wr_group_read_states(wr_grouping *g, wr_pane *pane, uint8_t *row, int64_t rows,
                                 wr_str value)
{
    wr_group_head *head = wr_group_head_of(g, row);
    head->rows = rows;
    head->flags |= WR_GROUP_SAVED;
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        uint32_t length;
        if (!wr_take_bytes(&value, &length, sizeof length) || value.length < length)
            return wr_group_damaged(g);
        wr_str bytes = {value.data, length};
        value.data += length;
        value.length -= length;
        if (c->call->fn->save)
            WR_TRY(c->call->fn->load(&pane->envs[i], bytes, row + c->state_offset));
        else if (length != c->state_size)
            return wr_group_damaged(g);
        else
            memcpy(row + c->state_offset, bytes.data, length);
    }
    return value.length ? wr_group_damaged(g) : WR_OK;
}

/* ---- kept values ---- */

static weir_status read_kept(wr_grouping *g, wr_pane *pane, uint8_t *row, int call, wr_reading *r,
                             wr_str prefix)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(g->op.state, g->op.section, prefix, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        int64_t count;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || !wr_str_has_prefix(key, prefix)) return WR_OK;
        wr_reading_begin(r, g, call);
        WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
        if (!wr_take_bytes(&value, &count, sizeof count) || value.length)
            return wr_group_damaged(g);
        WR_TRY(wr_group_kept_restore(g, pane, call, row, r->columns + g->key_count, count));
    }
}

weir_status wr_group_read_kept(wr_grouping *g, wr_pane *pane, uint8_t *row, int64_t id,
                               const wr_column *columns, uint32_t at)
{
    weir_status bad = WR_OK;
    wr_reading r = {.count = 0};
    WR_BUF(prefix);
    for (int i = 0; !bad && i < g->spec->call_count; i++) {
        if (!g->calls[i].is_kept) continue;
        wr_group_kept_prefix(g, &prefix, id, i, columns, at);
        bad = read_kept(g, pane, row, i, &r, wr_buf_str(&prefix));
    }
    wr_arena_clear(&r.arena);
    return bad;
}

/* ---- single groups ---- */

typedef struct wanted {
    wr_str key;
    uint32_t number;
} wanted;

static int by_key(const void *a, const void *b)
{
    return wr_str_cmp(((const wanted *)a)->key, ((const wanted *)b)->key);
}

static weir_status fetch_one(wr_grouping *g, wr_pane *pane, wr_str key, uint8_t *row, wr_reading *r,
                             bool *found)
{
    wr_str value;
    int64_t rows;
    WR_TRY(wr_state_get(g->op.state, g->op.section, key, &value, found));
    if (!*found) return WR_OK;
    wr_reading_begin(r, g, -1);
    WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
    if (!wr_take_bytes(&value, &rows, sizeof rows)) return wr_group_damaged(g);
    return wr_group_read_states(g, pane, row, rows, value);
}

weir_status wr_pane_fetch(wr_grouping *g, wr_pane *pane, const wr_column *columns,
                          const uint16_t *at, uint32_t count, uint8_t *const *rows, bool *is_found)
{
    wr_reading r = {.count = 0};
    WR_ARENA(arena);
    WR_BUF(key);
    wanted *list = wr_new_array(&arena, wanted, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        wr_group_key_begin(&key, WR_GROUP_ROW, pane->id);
        wr_group_key_add(g, &key, columns, at[i]);
        list[i] = (wanted){{wr_arena_copy(&arena, key.data, key.length), key.length}, i};
    }
    qsort(list, count, sizeof *list, by_key);
    weir_status bad = WR_OK;
    for (uint32_t i = 0; !bad && i < count; i++) {
        uint32_t n = list[i].number;
        bad = fetch_one(g, pane, list[i].key, rows[n], &r, &is_found[n]);
        if (!bad && is_found[n] && g->any_kept)
            bad = wr_group_read_kept(g, pane, rows[n], pane->id, columns, at[n]);
    }
    wr_arena_clear(&r.arena);
    return bad;
}

/* ---- whole panes ---- */

void wr_pane_walk_begin(wr_pane_walk *walk, wr_grouping *g, wr_pane *pane)
{
    *walk = (wr_pane_walk){.g = g, .pane = pane};
    wr_group_key_begin(&walk->after, WR_GROUP_ROW, pane->id);
}

void wr_pane_walk_end(wr_pane_walk *walk)
{
    wr_pane_drop(walk->g, WR_TAKE(walk->read));
    wr_buf_clear(&walk->after);
}

typedef struct pairs {
    uint32_t count;
    wr_str rest[WR_BATCH_ROWS]; /* of values, behind the keys */
} pairs;

/* The next groups of the state: their keys in r, the rest of their values in p. */
static weir_status read_pairs(wr_pane_walk *walk, wr_reading *r, pairs *p)
{
    wr_grouping *g = walk->g;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    p->count = 0;
    WR_TRY(wr_state_seek(g->op.state, g->op.section, wr_buf_str(&walk->after), &cursor));
    while (p->count < WR_BATCH_ROWS) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.length < WR_GROUP_PREFIX || key.data[0] != WR_GROUP_ROW ||
            wr_group_key_number(key) != walk->pane->id)
            return WR_OK;
        WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
        p->rest[p->count++] = value;
        walk->after.length = 0;
        wr_buf_add_str(&walk->after, key);
        wr_buf_add_char(&walk->after, 0);
    }
    return WR_OK;
}

/* Rows of those that are not in memory. */
static weir_status hold_pairs(wr_pane_walk *walk, const wr_reading *r, const pairs *p,
                              uint8_t **rows, uint32_t *count)
{
    wr_grouping *g = walk->g;
    WR_ARENA(scratch);
    uint8_t *found[WR_BATCH_ROWS] = {NULL};
    uint16_t missing[WR_BATCH_ROWS], added[WR_BATCH_ROWS];
    uint32_t n = 0, fresh;
    if (wr_rows_count(walk->pane->groups.rows))
        WR_TRY(wr_groups_lookup(&walk->pane->groups, r->columns, NULL, p->count, &scratch, found));
    for (uint32_t i = 0; i < p->count; i++) {
        missing[n] = (uint16_t)i;
        n += found[i] == NULL;
    }
    *count = n;
    if (n == 0) return WR_OK;
    WR_TRY(wr_groups_find(&walk->read->groups, r->columns, missing, n, NULL, &scratch, rows, added,
                          &fresh));
    if (fresh != n) return wr_group_damaged(g);
    for (uint32_t i = 0; i < n; i++) {
        wr_str value = p->rest[missing[i]];
        int64_t count_of;
        wr_group_begin(g, rows[i]);
        if (!wr_take_bytes(&value, &count_of, sizeof count_of)) return wr_group_damaged(g);
        WR_TRY(wr_group_read_states(g, walk->read, rows[i], count_of, value));
    }
    return WR_OK;
}

static weir_status walk_below(wr_pane_walk *walk, uint8_t **rows, uint32_t *count)
{
    wr_reading r = {.count = 0};
    pairs *p = wr_heap_raw(sizeof *p);
    weir_status bad = WR_OK;
    do {
        wr_pane_drop(walk->g, WR_TAKE(walk->read));
        wr_reading_begin(&r, walk->g, -1);
        bad = wr_pane_new(walk->g, walk->pane->id, &walk->read);
        if (!bad) bad = read_pairs(walk, &r, p);
        if (!bad) bad = hold_pairs(walk, &r, p, rows, count);
    } while (!bad && *count == 0 && p->count > 0);
    wr_arena_clear(&r.arena);
    wr_heap_drop(p);
    return bad;
}

weir_status wr_pane_walk_next(wr_pane_walk *walk, uint8_t **rows, uint32_t *count, wr_pane **of)
{
    *of = walk->pane;
    *count = 0;
    if (wr_pane_is_unread(walk->pane)) WR_TRY(wr_pane_unpack(walk->g, walk->pane));
    if (!walk->is_below)
        *count = wr_rows_next(walk->pane->groups.rows, &walk->cursor, rows, WR_BATCH_ROWS);
    if (*count) return WR_OK;
    walk->is_below = true;
    if (!walk->pane->has_stored) return WR_OK;
    weir_status bad = walk_below(walk, rows, count);
    *of = walk->read;
    return bad;
}

/* ---- after a start ---- */

static weir_status load_meta(wr_grouping *g, wr_state *state)
{
    wr_str value;
    bool found;
    char version = 0;
    int64_t facts[4];
    WR_TRY(wr_state_get(state, g->op.section, WR_STR("m"), &value, &found));
    if (!found) return WR_OK;
    if (!wr_take_bytes(&value, &version, 1)) return wr_group_damaged(g);
    if (version != WR_GROUP_META_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "groups of %s in the state have format %d, not %d",
                       g->op.def->name, version, WR_GROUP_META_VERSION);
    if (!wr_take_bytes(&value, facts, sizeof facts) || value.length) return wr_group_damaged(g);
    g->closed = facts[0];
    g->position = (uint64_t)facts[1];
    g->group_count = (uint64_t)facts[2];
    g->serial = (uint64_t)facts[3];
    return WR_OK;
}

static weir_status load_pane(wr_grouping *g, wr_str key, wr_str value)
{
    wr_pane *pane;
    uint64_t facts[4]; /* as save_pane_facts writes them */
    if (key.length != WR_GROUP_PREFIX || !wr_take_bytes(&value, facts, sizeof facts) ||
        value.length || facts[1] > wr_group_can_pack(g) || facts[2] > UINT32_MAX)
        return wr_group_damaged(g);
    WR_TRY(wr_pane_need(g, wr_group_key_number(key), &pane));
    pane->live = facts[0];
    pane->stored = (wr_pane_stored){facts[1], (uint32_t)facts[2], facts[3]};
    pane->is_saved = pane->has_stored = true;
    return WR_OK;
}

static weir_status load_panes(wr_grouping *g, wr_state *state)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    const char first[] = {WR_GROUP_PANE};
    WR_TRY(wr_state_seek(state, g->op.section, (wr_str){first, 1}, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.data[0] != WR_GROUP_PANE) return WR_OK;
        WR_TRY(load_pane(g, key, value));
    }
}

/* The one group of a query without keys is always in memory. */
static weir_status load_only(wr_grouping *g, wr_pane *pane)
{
    uint8_t *row;
    uint16_t at = 0;
    bool found = false;
    wr_column none = {0};
    uint64_t live = pane->live, all = g->group_count;
    pane->has_stored = false;
    WR_TRY(wr_pane_find(g, pane, &none, NULL, 1, &row));
    pane->live = live;
    g->group_count = all;
    return wr_pane_fetch(g, pane, &none, &at, 1, &row, &found);
}

weir_status wr_grouping_load(wr_stream_op *op, wr_state *state)
{
    wr_grouping *g = (wr_grouping *)op;
    op->state = state;
    WR_TRY(load_meta(g, state));
    WR_TRY(load_panes(g, state));
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        bool was_put_out = g->ends && !g->is_sliced && g->closed != WR_NO_TIME_YET &&
                           wr_pane_end(g, pane->id) <= g->closed;
        pane->is_said = g->spec->emit == WR_EMIT_ON_CHANGE || was_put_out;
        if (!pane->is_saved) continue;
        if (g->key_count == 0 && !g->is_session) WR_TRY(load_only(g, pane));
        for (uint64_t k = 0; k < pane->touched.count; k++)
            wr_group_head_of(g, pane->touched.items[k])->flags &=
                ~(uint64_t)(WR_GROUP_TOUCHED | WR_GROUP_MUTE);
        pane->touched.count = 0;
    }
    return WR_OK;
}
