/* group_state.c - see group.h: groups in the state store, writing. Reading is in group_read.c.
 *
 *   m                                  what holds for all panes: time, position, numbers
 *   p [pane]                           how many groups it has, in which form
 *   b [pane] [sequence]                many groups of a pane that ends (group_blocks.c)
 *   g [pane] [keys of the group]       keys, rows, states of the calls
 *   k [pane] [call] [keys] [arguments] keys and arguments, how often they are there
 *
 * Keys are in the order of the panes, so a pane that ended is one range. Long ones end in a hash,
 * therefore values repeat what they need. Only what changed is written; the marks stay until the
 * commit has succeeded. Then memory and state say the same, and a pane may forget its groups when
 * the operator has more than its share: they are read again one by one when rows come for them, or
 * in order when the pane is put out. How sessions are named is in session_state.c. */
#include "stream/ops/group.h"
#include "store/keys.h"
#include "store/packed.h"

enum { KEYS_MAX = 240 }; /* bytes of a group's keys, in front of arguments */

void wr_group_key_begin(wr_buf *key, char tag, int64_t number)
{
    uint64_t ordered = __builtin_bswap64((uint64_t)number ^ UINT64_C(1) << 63);
    key->length = 0;
    wr_buf_add_char(key, tag);
    wr_buf_add(key, &ordered, sizeof ordered);
}

void wr_group_key_add(const wr_grouping *g, wr_buf *key, const wr_column *columns, uint32_t row)
{
    size_t at = key->length;
    for (int k = 0; k < g->key_count; k++)
        wr_key_append(key, &columns[k], row, WR_KEY_ASCENDING);
    wr_key_fit(key, at, KEYS_MAX);
}

void wr_group_kept_prefix(const wr_grouping *g, wr_buf *key, int64_t id, int call,
                          const wr_column *columns, uint32_t row)
{
    uint16_t number = __builtin_bswap16((uint16_t)call);
    wr_group_key_begin(key, WR_GROUP_KEPT, id);
    wr_buf_add(key, &number, sizeof number);
    if (!g->is_session) wr_group_key_add(g, key, columns, row);
}

/* ---- writing ---- */

typedef struct saving {
    wr_grouping *g;
    wr_state *state;
    wr_buf key, value, bytes;
    wr_arena scratch;
} saving;

static void put_u32(wr_buf *out, uint32_t value) { wr_buf_add(out, &value, sizeof value); }

static weir_status states_of(saving *s, wr_pane *pane, uint8_t *row)
{
    wr_grouping *g = s->g;
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        s->bytes.length = 0;
        if (c->call->fn->save)
            WR_TRY(c->call->fn->save(&pane->envs[i], row + c->state_offset, &s->bytes));
        else
            wr_buf_add(&s->bytes, row + c->state_offset, c->state_size);
        put_u32(&s->value, (uint32_t)s->bytes.length);
        wr_buf_add_str(&s->value, wr_buf_str(&s->bytes));
    }
    return WR_OK;
}

static int64_t id_of(const wr_grouping *g, const wr_pane *pane, uint8_t *row)
{
    return g->is_session ? (int64_t)wr_group_head_of(g, row)->serial : pane->id;
}

static weir_status save_groups(saving *s, wr_pane *pane, uint8_t *const *rows, uint32_t count)
{
    wr_grouping *g = s->g;
    wr_arena_reset(&s->scratch);
    wr_column *keys = wr_new_array(&s->scratch, wr_column, g->key_count + 1);
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(&g->layout, k, rows, count, &s->scratch, &keys[k]);
    if (g->any_kept) WR_TRY(wr_group_kept_refresh(g, pane, rows, count));
    for (uint32_t i = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        s->value.length = 0;
        wr_group_key_begin(&s->key, WR_GROUP_ROW, pane->id);
        wr_group_key_add(g, &s->key, keys, i);
        if (head->flags & WR_GROUP_DEAD) {
            if (head->flags & WR_GROUP_SAVED)
                WR_TRY(wr_state_delete(s->state, g->op.section, wr_buf_str(&s->key)));
            continue;
        }
        wr_row_append(&s->value, keys, g->key_count, i);
        wr_buf_add(&s->value, &head->rows, sizeof head->rows);
        WR_TRY(states_of(s, pane, rows[i]));
        WR_TRY(wr_state_put(s->state, g->op.section, wr_buf_str(&s->key), wr_buf_str(&s->value)));
    }
    return WR_OK;
}

static weir_status save_kept(saving *s, wr_pane *pane, int call, uint8_t *const *rows,
                             uint32_t count)
{
    wr_grouping *g = s->g;
    const wr_group_call *c = &g->calls[call];
    int args = c->call->arg_count, all = g->key_count + args;
    uint8_t *groups[WR_BATCH_ROWS];
    wr_arena_reset(&s->scratch);
    wr_column *columns = wr_new_array(&s->scratch, wr_column, all + 1);
    for (uint32_t i = 0; i < count; i++)
        groups[i] = wr_kept_head_of(c, rows[i])->group;
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(&g->layout, k, groups, count, &s->scratch, &columns[k]);
    for (int k = 0; k < args; k++)
        wr_rows_gather(&c->kept, 1 + k, rows, count, &s->scratch, &columns[g->key_count + k]);
    for (uint32_t i = 0; i < count; i++) {
        wr_kept_head *head = wr_kept_head_of(c, rows[i]);
        bool is_over = wr_group_head_of(g, groups[i])->flags & WR_GROUP_DEAD;
        if (g->is_session && is_over) continue; /* went with its session */
        wr_group_kept_prefix(g, &s->key, id_of(g, pane, groups[i]), call, columns, i);
        size_t before = s->key.length;
        for (int k = g->key_count; k < all; k++)
            wr_key_append(&s->key, &columns[k], i, WR_KEY_ASCENDING);
        wr_key_fit(&s->key, before, WR_STATE_KEY_MAX - before);
        if (head->count == 0) {
            if (head->flags & WR_GROUP_SAVED)
                WR_TRY(wr_state_delete(s->state, g->op.section, wr_buf_str(&s->key)));
            continue;
        }
        s->value.length = 0;
        wr_row_append(&s->value, columns, all, i);
        wr_buf_add(&s->value, &head->count, sizeof head->count);
        WR_TRY(wr_state_put(s->state, g->op.section, wr_buf_str(&s->key), wr_buf_str(&s->value)));
    }
    return WR_OK;
}

static weir_status save_pane_facts(saving *s, const wr_pane *pane)
{
    const uint64_t facts[] = {pane->live, pane->next.is_packed, pane->next.blocks,
                              pane->next.groups};
    wr_group_key_begin(&s->key, WR_GROUP_PANE, pane->id);
    return wr_state_put(s->state, s->g->op.section, wr_buf_str(&s->key),
                        (wr_str){(const char *)facts, sizeof facts});
}

/* A pane that was packed becomes pairs. */
static weir_status save_unpacked(saving *s, wr_pane *pane)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    WR_TRY(wr_pane_delete_blocks(s->g, pane->id, s->state, &s->key, &s->bytes));
    for (uint32_t n; (n = wr_rows_next(pane->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        WR_TRY(save_groups(s, pane, rows, n));
    return save_pane_facts(s, pane);
}

static weir_status save_pane(saving *s, wr_pane *pane)
{
    const wr_row_list *list = &pane->changed;
    if (pane->stored.is_packed && !pane->next.is_packed) return save_unpacked(s, pane);
    if (pane->next.is_packed) {
        if (list->count == 0) return WR_OK;
        WR_TRY(wr_pane_pack(s->g, pane, s->state));
        return save_pane_facts(s, pane);
    }
    if (s->g->is_session) WR_TRY(wr_session_save(s->g, s->state));
    for (uint64_t at = 0; at < list->count && !s->g->is_session; at += WR_BATCH_ROWS)
        WR_TRY(save_groups(s, pane, list->items + at,
                           (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS)));
    for (int i = 0; i < s->g->spec->call_count; i++) {
        list = &pane->kept[i].changed;
        for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS)
            WR_TRY(save_kept(s, pane, i, list->items + at,
                             (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS)));
    }
    return s->g->is_session || pane->changed.count == 0 ? WR_OK : save_pane_facts(s, pane);
}

/* Panes that ended since the last commit: their ranges go. */
static weir_status delete_gone(saving *s)
{
    wr_grouping *g = s->g;
    const char tags[] = {WR_GROUP_PANE, WR_GROUP_BLOCK, WR_GROUP_ROW, WR_GROUP_KEPT};
    size_t tag_count = sizeof tags - !g->any_kept;
    for (size_t at = 0; at < g->gone.length; at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, g->gone.data + at, sizeof id);
        for (size_t t = 0; t < tag_count; t++) {
            wr_group_key_begin(&s->key, tags[t], id);
            wr_key_after_prefix(wr_buf_str(&s->key), &s->bytes);
            WR_TRY(wr_state_delete_range(s->state, g->op.section, wr_buf_str(&s->key),
                                         wr_buf_str(&s->bytes)));
        }
    }
    return WR_OK;
}

static weir_status save_all(saving *s)
{
    wr_grouping *g = s->g;
    WR_TRY(delete_gone(s));
    wr_panes_choose_form(g);
    for (int i = 0; i < g->pane_count; i++)
        WR_TRY(save_pane(s, g->panes[i]));
    const int64_t facts[] = {g->closed, (int64_t)g->position, (int64_t)g->group_count,
                             (int64_t)g->serial};
    s->value.length = 0;
    wr_buf_add_char(&s->value, WR_GROUP_META_VERSION);
    wr_buf_add(&s->value, facts, sizeof facts);
    return wr_state_put(s->state, g->op.section, WR_STR("m"), wr_buf_str(&s->value));
}

weir_status wr_grouping_save(wr_stream_op *op, wr_state *state)
{
    saving s = {.g = (wr_grouping *)op, .state = state};
    s.g->has_saved = true;
    op->state = state;
    weir_status bad = save_all(&s);
    wr_buf_clear(&s.key);
    wr_buf_clear(&s.value);
    wr_buf_clear(&s.bytes);
    wr_arena_clear(&s.scratch);
    return bad;
}

static uint64_t settled_flags(uint64_t flags)
{
    flags &= ~(uint64_t)(WR_GROUP_CHANGED | WR_GROUP_SAVED);
    return flags & WR_GROUP_DEAD ? flags : flags | WR_GROUP_SAVED;
}

static void settle_pane(wr_grouping *g, wr_pane *pane)
{
    for (uint64_t i = 0; i < pane->changed.count; i++) {
        wr_group_head *head = wr_group_head_of(g, pane->changed.items[i]);
        head->flags = settled_flags(head->flags);
    }
    pane->is_saved |= pane->changed.count > 0;
    pane->stored = pane->next;
    pane->changed.count = 0;
    for (int k = 0; k < g->spec->call_count; k++) {
        wr_row_list *list = &pane->kept[k].changed;
        for (uint64_t i = 0; i < list->count; i++) {
            wr_kept_head *head = wr_kept_head_of(&g->calls[k], list->items[i]);
            head->flags = settled_flags(head->flags);
        }
        list->count = 0;
    }
}

void wr_grouping_settle(wr_grouping *g, bool committed)
{
    bool saved = g->has_saved;
    g->has_saved = false;
    if (!committed) return;
    for (int i = 0; i < g->pane_count; i++) {
        if (saved) settle_pane(g, g->panes[i]);
        wr_pane_tidy(g, g->panes[i]);
    }
    if (saved) g->gone.length = 0;
}

static wr_pane *largest_pane(const wr_grouping *g)
{
    wr_pane *largest = NULL;
    uint64_t most = 0;
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        uint64_t bytes = wr_pane_bytes(g, pane);
        if (pane->touched.count || pane->stored.is_packed ||
            wr_rows_count(pane->groups.rows) == 0 || bytes <= most)
            continue;
        largest = pane;
        most = bytes;
    }
    return largest;
}

void wr_grouping_settled(wr_stream_op *op, bool committed)
{
    wr_grouping *g = (wr_grouping *)op;
    bool is_clean = committed && g->has_saved && g->key_count > 0;
    wr_grouping_settle(g, committed);
    if (is_clean && op->share && wr_mem_used(op->mem) > op->share) {
        uint64_t goal = op->share / 2;
        for (wr_pane *pane; wr_mem_used(op->mem) > goal && (pane = largest_pane(g));) {
            wr_pane_evict(g, pane);
            if (wr_rows_count(pane->groups.rows)) break; /* there was no room to do it */
        }
    }
    op->kept_bytes = wr_mem_used(op->mem);
}

static weir_status list_kept(wr_grouping *g, wr_kept *kept, const wr_group_call *c)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(kept->values.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
        for (uint32_t i = 0; i < n; i++) {
            wr_kept_head *head = wr_kept_head_of(c, rows[i]);
            if (head->flags & (WR_GROUP_CHANGED | WR_GROUP_DEAD)) continue;
            head->flags |= WR_GROUP_CHANGED;
            WR_TRY(wr_row_list_add(g->op.mem, &kept->changed, rows[i]));
        }
    return WR_OK;
}

weir_status wr_grouping_list_all(wr_stream_op *op)
{
    wr_grouping *g = (wr_grouping *)op;
    uint8_t *rows[WR_BATCH_ROWS];
    for (int p = 0; p < g->pane_count; p++) {
        wr_pane *pane = g->panes[p];
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t n; (n = wr_rows_next(pane->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;)
            WR_TRY(wr_pane_mark(g, pane, rows, n));
        for (int i = 0; i < g->spec->call_count; i++)
            if (g->calls[i].is_kept) WR_TRY(list_kept(g, &pane->kept[i], &g->calls[i]));
    }
    return WR_OK;
}

/* Packed groups stand densely; those that become pairs do so in the order of their keys. */
static uint64_t pending_packed(const wr_grouping *g, const wr_pane *pane)
{
    enum { PAGE = 4096, PER_PAGE = 8 };
    if (wr_group_is_short(g)) return wr_rows_count(pane->groups.rows) / PER_PAGE;
    return pane->changed.count * g->layout.row_size / PAGE;
}

uint64_t wr_grouping_pending(wr_stream_op *op)
{
    const wr_grouping *g = (const wr_grouping *)op;
    bool can_pack = wr_group_can_pack(g);
    uint64_t count = 0;
    for (int i = 0; i < g->pane_count; i++) {
        const wr_pane *pane = g->panes[i];
        bool is_packed = pane->is_saved ? pane->stored.is_packed : can_pack;
        count += is_packed ? pending_packed(g, pane) : pane->changed.count;
        for (int k = 0; k < g->spec->call_count; k++)
            count += g->panes[i]->kept[k].changed.count;
    }
    return count;
}
