/* group_blocks.c - see group.h: the groups of a pane in the state store, many in one value.
 *
 *   b [pane] [sequence]    groups one after the other, column by column, some thousand at a time
 *
 * A pane that ends is written so: each commit appends blocks with the groups that changed, and of a
 * group that is in several the newest one counts. Nothing is looked up and nothing sorted. When the
 * blocks hold twice as many groups as there are, the pane is written anew; so a commit costs what
 * changed, within a factor of three.
 *
 * Single groups cannot be read back. A pane in blocks is in memory as a whole, or, after a start,
 * not at all until somebody needs it. Once memory is short a pane is written in pairs, those that
 * are in blocks likewise, the largest first (wr_panes_choose_form), and pairs it remains. */
#include "stream/ops/group.h"
#include "store/keys.h"
#include "store/packed_columns.h"

enum { BLOCK_BYTES = 64 * 1024, FEW_GROUPS = 4096, SHARE_PART = 4 };
static const int64_t IS_DEAD = INT64_MIN; /* in place of the number of rows of a group */

bool wr_group_can_pack(const wr_grouping *g)
{
    return g->ends && !g->is_session && !g->any_kept && g->key_count > 0;
}

/* ---- which form ---- */

static wr_pane *largest_packed(const wr_grouping *g)
{
    wr_pane *largest = NULL;
    uint64_t most = 0;
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        uint64_t bytes = wr_pane_bytes(g, pane);
        if (!pane->next.is_packed || pane->has_stored || bytes <= most) continue;
        largest = pane;
        most = bytes;
    }
    return largest;
}

bool wr_group_is_short(const wr_grouping *g)
{
    return g->op.share && wr_mem_used(g->op.mem) > g->op.share / SHARE_PART;
}

/* What is to be forgotten some day must be in pairs then; the sooner this is done, the less it is
 * at once. */
void wr_panes_choose_form(wr_grouping *g)
{
    bool can_pack = wr_group_can_pack(g);
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        pane->next = pane->stored;
        if (!pane->is_saved) pane->next.is_packed = can_pack;
    }
    if (!can_pack || !wr_group_is_short(g)) return;
    uint64_t most = g->op.share / SHARE_PART, used = wr_mem_used(g->op.mem);
    for (wr_pane *pane; used > most && (pane = largest_packed(g));) {
        pane->next = (wr_pane_stored){.is_packed = false};
        used -= WR_MIN(used, wr_pane_bytes(g, pane));
    }
}

/* ---- writing ---- */

typedef struct packing {
    wr_grouping *g;
    wr_pane *pane;
    wr_state *state;
    wr_buf key, block, bytes;
    wr_arena scratch;
    int64_t words[WR_BATCH_ROWS];
} packing;

static void block_key(wr_buf *key, int64_t id, uint32_t sequence)
{
    uint32_t ordered = __builtin_bswap32(sequence);
    wr_group_key_begin(key, WR_GROUP_BLOCK, id);
    wr_buf_add(key, &ordered, sizeof ordered);
}

static weir_status put_block(packing *p)
{
    if (p->block.length == 0) return WR_OK;
    block_key(&p->key, p->pane->id, p->pane->next.blocks++);
    weir_status bad =
        wr_state_put(p->state, p->g->op.section, wr_buf_str(&p->key), wr_buf_str(&p->block));
    p->block.length = 0;
    return bad;
}

/* States of fixed size: their words, then the bytes that are left. */
static void add_plain_states(packing *p, const wr_group_call *c, uint8_t *const *rows,
                             uint32_t count)
{
    uint32_t at = 0;
    for (; at + sizeof(int64_t) <= c->state_size; at += sizeof(int64_t)) {
        for (uint32_t i = 0; i < count; i++)
            memcpy(&p->words[i], rows[i] + c->state_offset + at, sizeof *p->words);
        wr_words_append(&p->block, p->words, count);
    }
    for (uint32_t i = 0; at < c->state_size && i < count; i++)
        wr_buf_add(&p->block, rows[i] + c->state_offset + at, c->state_size - at);
}

static weir_status add_states(packing *p, int call, uint8_t *const *rows, uint32_t count)
{
    const wr_group_call *c = &p->g->calls[call];
    if (!c->call->fn->save) {
        add_plain_states(p, c, rows, count);
        return WR_OK;
    }
    p->bytes.length = 0;
    for (uint32_t i = 0; i < count; i++) {
        size_t before = p->bytes.length;
        bool is_dead = wr_group_head_of(p->g, rows[i])->flags & WR_GROUP_DEAD;
        if (!is_dead)
            WR_TRY(c->call->fn->save(&p->pane->envs[call], rows[i] + c->state_offset, &p->bytes));
        p->words[i] = (int64_t)(p->bytes.length - before);
    }
    wr_words_append(&p->block, p->words, count);
    wr_buf_add_str(&p->block, wr_buf_str(&p->bytes));
    return WR_OK;
}

static weir_status add_groups(packing *p, uint8_t *const *rows, uint32_t count)
{
    wr_grouping *g = p->g;
    if (count == 0) return WR_OK;
    wr_arena_reset(&p->scratch);
    wr_buf_add(&p->block, &count, sizeof count);
    for (int k = 0; k < g->key_count; k++) {
        wr_column key;
        wr_rows_gather(&g->layout, k, rows, count, &p->scratch, &key);
        wr_column_append(&p->block, &key, count, &p->scratch);
    }
    for (uint32_t i = 0; i < count; i++) {
        const wr_group_head *head = wr_group_head_of(g, rows[i]);
        p->words[i] = head->flags & WR_GROUP_DEAD ? IS_DEAD : head->rows;
    }
    wr_words_append(&p->block, p->words, count);
    for (int i = 0; i < g->spec->call_count; i++)
        WR_TRY(add_states(p, i, rows, count));
    p->pane->next.groups += count;
    return p->block.length < BLOCK_BYTES ? WR_OK : put_block(p);
}

static weir_status pack_changed(packing *p)
{
    const wr_row_list *list = &p->pane->changed;
    for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS)
        WR_TRY(add_groups(p, list->items + at,
                          (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS)));
    return put_block(p);
}

weir_status wr_pane_delete_blocks(wr_grouping *g, int64_t id, wr_state *state, wr_buf *key,
                                  wr_buf *last)
{
    wr_group_key_begin(key, WR_GROUP_BLOCK, id);
    wr_key_after_prefix(wr_buf_str(key), last);
    return wr_state_delete_range(state, g->op.section, wr_buf_str(key), wr_buf_str(last));
}

static weir_status pack_all(packing *p)
{
    wr_grouping *g = p->g;
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    WR_TRY(wr_pane_delete_blocks(g, p->pane->id, p->state, &p->key, &p->bytes));
    p->pane->next.groups = 0;
    for (uint32_t n; (n = wr_rows_next(p->pane->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        uint32_t live = 0;
        for (uint32_t i = 0; i < n; i++) {
            rows[live] = rows[i];
            live += !(wr_group_head_of(g, rows[i])->flags & WR_GROUP_DEAD);
        }
        WR_TRY(add_groups(p, rows, live));
    }
    return put_block(p);
}

weir_status wr_pane_pack(wr_grouping *g, wr_pane *pane, wr_state *state)
{
    packing *p = wr_heap_raw(sizeof *p);
    uint64_t after = pane->next.groups + pane->changed.count;
    bool is_anew = pane->next.groups && after > pane->live * 2 + FEW_GROUPS;
    wr_assert(!pane->has_stored || pane->changed.count == 0);
    p->g = g;
    p->pane = pane;
    p->state = state;
    p->key = p->block = p->bytes = (wr_buf){0};
    p->scratch = (wr_arena){0};
    weir_status bad = is_anew ? pack_all(p) : pack_changed(p);
    wr_buf_clear(&p->key);
    wr_buf_clear(&p->block);
    wr_buf_clear(&p->bytes);
    wr_arena_clear(&p->scratch);
    wr_heap_drop(p);
    return bad;
}

/* ---- reading ---- */

typedef struct unpacking {
    wr_grouping *g;
    wr_pane *pane;
    wr_arena scratch;
    uint64_t groups;
    int64_t rows[WR_BATCH_ROWS], words[WR_BATCH_ROWS];
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
} unpacking;

/* A group of which nothing is known; what an older block said of it is overwritten. */
static void begin_again(unpacking *u, uint8_t *row, int64_t rows)
{
    wr_group_head *head = wr_group_head_of(u->g, row);
    u->pane->dead -= (head->flags & WR_GROUP_DEAD) != 0;
    u->pane->dead += rows == IS_DEAD;
    head->rows = rows == IS_DEAD ? 0 : rows;
    head->flags = rows == IS_DEAD ? WR_GROUP_DEAD : WR_GROUP_SAVED;
}

static weir_status read_plain_states(unpacking *u, const wr_group_call *c, uint32_t count,
                                     wr_str *from)
{
    uint32_t at = 0;
    for (; at + sizeof(int64_t) <= c->state_size; at += sizeof(int64_t)) {
        WR_TRY(wr_words_read(from, u->words, count));
        for (uint32_t i = 0; i < count; i++)
            memcpy(u->found[i] + c->state_offset + at, &u->words[i], sizeof *u->words);
    }
    for (uint32_t i = 0; at < c->state_size && i < count; i++)
        if (!wr_take_bytes(from, u->found[i] + c->state_offset + at, c->state_size - at))
            return wr_group_damaged(u->g);
    return WR_OK;
}

static weir_status read_states(unpacking *u, int call, uint32_t count, wr_str *from)
{
    const wr_group_call *c = &u->g->calls[call];
    const wr_aggregate *fn = c->call->fn;
    if (!fn->save) return read_plain_states(u, c, count, from);
    WR_TRY(wr_words_read(from, u->words, count));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *state = u->found[i] + c->state_offset;
        if (u->words[i] < 0 || (uint64_t)u->words[i] > from->length) return wr_group_damaged(u->g);
        wr_str bytes = {from->data, (size_t)u->words[i]};
        from->data += bytes.length;
        from->length -= bytes.length;
        memset(state, 0, c->state_size);
        if (fn->init) fn->init(c->call, state);
        if (u->rows[i] != IS_DEAD) WR_TRY(fn->load(&u->pane->envs[call], bytes, state));
    }
    return WR_OK;
}

/* Groups that were written together. */
static weir_status read_groups(unpacking *u, wr_str *from)
{
    wr_grouping *g = u->g;
    uint32_t count, fresh;
    wr_arena_reset(&u->scratch);
    if (!wr_take_bytes(from, &count, sizeof count) || count == 0 || count > WR_BATCH_ROWS)
        return wr_group_damaged(g);
    wr_column *keys = wr_new_array(&u->scratch, wr_column, g->key_count);
    for (int k = 0; k < g->key_count; k++)
        WR_TRY(wr_column_read(from, g->layout.types[k], count, &u->scratch, &keys[k]));
    WR_TRY(wr_words_read(from, u->rows, count));
    WR_TRY(wr_groups_find(&u->pane->groups, keys, NULL, count, NULL, &u->scratch, u->found,
                          u->added, &fresh));
    for (uint32_t i = 0; i < fresh; i++)
        wr_group_begin(g, u->found[u->added[i]]);
    for (uint32_t i = 0; i < count; i++)
        begin_again(u, u->found[i], u->rows[i]);
    for (int i = 0; i < g->spec->call_count; i++)
        WR_TRY(read_states(u, i, count, from));
    u->groups += count;
    return WR_OK;
}

static weir_status read_blocks(unpacking *u)
{
    wr_grouping *g = u->g;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_BUF(prefix);
    wr_group_key_begin(&prefix, WR_GROUP_BLOCK, u->pane->id);
    WR_TRY(wr_state_seek(g->op.state, g->op.section, wr_buf_str(&prefix), &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || !wr_str_has_prefix(key, wr_buf_str(&prefix))) break;
        while (value.length)
            WR_TRY(read_groups(u, &value));
    }
    uint64_t live = wr_rows_count(u->pane->groups.rows) - u->pane->dead;
    if (u->groups == u->pane->stored.groups && live == u->pane->live) return WR_OK;
    return wr_group_damaged(g);
}

weir_status wr_pane_unpack(wr_grouping *g, wr_pane *pane)
{
    wr_assert(pane->has_stored && wr_rows_count(pane->groups.rows) == 0);
    unpacking *u = wr_heap_raw(sizeof *u);
    u->g = g;
    u->pane = pane;
    u->groups = 0;
    u->scratch = (wr_arena){0};
    weir_status bad = read_blocks(u);
    wr_arena_clear(&u->scratch);
    wr_heap_drop(u);
    if (bad) return bad;
    pane->has_stored = false;
    return WR_OK;
}
