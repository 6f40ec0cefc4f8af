/* group_state.c - see group.h: groups in the state store.
 *
 *   m                                  what holds for all panes: time, position
 *   g [pane] [keys of the group]       keys, rows, states of the calls
 *   k [pane] [call] [keys] [arguments] keys and arguments, how often they are there
 *
 * A session is a pane of its own here, by its number: g [number] with its first and last time. Its
 * number stays when it grows, which its times do not.
 *
 * Keys are in the order of the panes, so a pane that ended is one range. Long ones end in a hash,
 * therefore values repeat what they need. Only what changed is written; the marks stay until the
 * commit has succeeded. Everything is read back at once: what is open is what is needed. */
#include "stream/ops/group.h"
#include "store/keys.h"
#include "store/packed.h"

enum { META = 'm', GROUP = 'g', KEPT = 'k', META_VERSION = 1, PREFIX = 9 };

static void begin_key(wr_buf *key, char tag, int64_t pane)
{
    uint64_t ordered = __builtin_bswap64((uint64_t)pane ^ UINT64_C(1) << 63);
    key->length = 0;
    wr_buf_add_char(key, tag);
    wr_buf_add(key, &ordered, sizeof ordered);
}

static int64_t pane_of_key(wr_str key)
{
    uint64_t ordered;
    memcpy(&ordered, key.data + 1, sizeof ordered);
    return (int64_t)(__builtin_bswap64(ordered) ^ UINT64_C(1) << 63);
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
        begin_key(&s->key, GROUP, id_of(g, pane, rows[i]));
        for (int k = 0; k < g->key_count && !g->is_session; k++)
            wr_key_append(&s->key, &keys[k], i, WR_KEY_ASCENDING);
        wr_key_fit(&s->key, PREFIX, WR_STATE_KEY_MAX - PREFIX);
        if (head->flags & WR_GROUP_DEAD) {
            if (head->flags & WR_GROUP_SAVED)
                WR_TRY(wr_state_delete(s->state, g->op.section, wr_buf_str(&s->key)));
            continue;
        }
        s->value.length = 0;
        wr_row_append(&s->value, keys, g->key_count, i);
        wr_buf_add(&s->value, &head->rows, sizeof head->rows);
        if (g->is_session) {
            const wr_session *session = wr_session_of(g, rows[i]);
            wr_buf_add(&s->value, &session->start, sizeof session->start);
            wr_buf_add(&s->value, &session->last, sizeof session->last);
        }
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
        begin_key(&s->key, KEPT, id_of(g, pane, groups[i]));
        uint16_t number = __builtin_bswap16((uint16_t)call);
        wr_buf_add(&s->key, &number, sizeof number);
        for (int k = 0; k < all; k++)
            wr_key_append(&s->key, &columns[k], i, WR_KEY_ASCENDING);
        wr_key_fit(&s->key, PREFIX, WR_STATE_KEY_MAX - PREFIX);
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

static weir_status save_pane(saving *s, wr_pane *pane)
{
    const wr_row_list *list = &pane->changed;
    for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS)
        WR_TRY(save_groups(s, pane, list->items + at,
                           (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS)));
    for (int i = 0; i < s->g->spec->call_count; i++) {
        list = &pane->kept[i].changed;
        for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS)
            WR_TRY(save_kept(s, pane, i, list->items + at,
                             (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS)));
    }
    return WR_OK;
}

/* Panes that ended since the last commit: their ranges go. */
static weir_status delete_gone(saving *s)
{
    wr_grouping *g = s->g;
    const char tags[] = {GROUP, KEPT};
    for (size_t at = 0; at < g->gone.length; at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, g->gone.data + at, sizeof id);
        for (size_t t = 0; t < sizeof tags; t++) {
            begin_key(&s->key, tags[t], id);
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
    for (int i = 0; i < g->pane_count; i++)
        WR_TRY(save_pane(s, g->panes[i]));
    s->value.length = 0;
    wr_buf_add_char(&s->value, META_VERSION);
    wr_buf_add(&s->value, &g->closed, sizeof g->closed);
    wr_buf_add(&s->value, &g->position, sizeof g->position);
    return wr_state_put(s->state, g->op.section, WR_STR("m"), wr_buf_str(&s->value));
}

weir_status wr_grouping_save(wr_stream_op *op, wr_state *state)
{
    saving s = {.g = (wr_grouping *)op, .state = state};
    s.g->has_saved = true;
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

void wr_grouping_settled(wr_stream_op *op, bool committed)
{
    wr_grouping *g = (wr_grouping *)op;
    bool saved = g->has_saved;
    g->has_saved = false;
    if (!committed) return;
    for (int i = 0; i < g->pane_count; i++) {
        if (saved) settle_pane(g, g->panes[i]);
        wr_pane_tidy(g, g->panes[i]);
    }
    if (saved) g->gone.length = 0;
}

/* ---- reading ---- */

/* Columns that rows of some types are read into. */
typedef struct reading {
    wr_growing *growing;
    wr_column *columns;
    int count;
    wr_arena arena;
} reading;

static void begin_reading(reading *r, const wr_rows_layout *first, int first_count,
                          const wr_rows_layout *second, int second_from)
{
    int more = second ? second->column_count - second_from : 0;
    wr_arena_reset(&r->arena);
    r->count = first_count + more;
    r->growing = wr_new_array(&r->arena, wr_growing, r->count + 1);
    r->columns = wr_new_array(&r->arena, wr_column, r->count + 1);
    for (int k = 0; k < r->count; k++)
        wr_growing_init(&r->growing[k], &r->columns[k],
                        k < first_count ? first->types[k]
                                        : second->types[second_from + k - first_count],
                        &r->arena);
}

static weir_status damaged(const wr_grouping *g)
{
    return wr_fail(WR_E_CORRUPT, "a group of %s in the state is damaged", g->op.def->name);
}

static bool take(wr_str *from, void *out, size_t size)
{
    if (from->length < size) return false;
    memcpy(out, from->data, size);
    from->data += size;
    from->length -= size;
    return true;
}

static weir_status load_states(wr_grouping *g, wr_pane *pane, uint8_t *row, int64_t rows,
                               wr_str value)
{
    wr_group_head *head = wr_group_head_of(g, row);
    head->rows = rows;
    head->flags = WR_GROUP_SAVED;
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        uint32_t length;
        if (!take(&value, &length, sizeof length) || value.length < length) return damaged(g);
        wr_str bytes = {value.data, length};
        value.data += length;
        value.length -= length;
        if (c->call->fn->save)
            WR_TRY(c->call->fn->load(&pane->envs[i], bytes, row + c->state_offset));
        else if (length != c->state_size)
            return damaged(g);
        else
            memcpy(row + c->state_offset, bytes.data, length);
    }
    return value.length ? damaged(g) : WR_OK;
}

static weir_status load_session(wr_grouping *g, reading *r, int64_t id, wr_str value)
{
    int64_t rows, start, last;
    uint8_t *row;
    wr_str states = value;
    if (!take(&states, &rows, sizeof rows) || !take(&states, &start, sizeof start) ||
        !take(&states, &last, sizeof last) || id <= 0 || start > last)
        return damaged(g);
    wr_arena_reset(&g->scratch);
    WR_TRY(wr_session_restore(g, r->columns, (uint64_t)id, start, last, &row));
    g->panes[0]->is_saved = true;
    return load_states(g, g->panes[0], row, rows, states);
}

static weir_status load_group(wr_grouping *g, reading *r, int64_t id, wr_str value)
{
    wr_pane *pane;
    uint8_t *row;
    begin_reading(r, &g->layout, g->key_count, NULL, 0);
    WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
    if (g->is_session) return load_session(g, r, id, value);
    WR_TRY(wr_pane_need(g, id, &pane));
    wr_arena_reset(&g->scratch);
    WR_TRY(wr_pane_find(g, pane, r->columns, NULL, 1, &row));
    pane->is_saved = true;
    int64_t rows;
    if (!take(&value, &rows, sizeof rows)) return damaged(g);
    return load_states(g, pane, row, rows, value);
}

static weir_status load_kept(wr_grouping *g, reading *r, int64_t id, wr_str key, wr_str value)
{
    uint16_t call;
    if (key.length < PREFIX + sizeof call) return damaged(g);
    memcpy(&call, key.data + PREFIX, sizeof call);
    call = __builtin_bswap16(call);
    if (call >= g->spec->call_count || !g->calls[call].is_kept) return damaged(g);
    begin_reading(r, &g->layout, g->key_count, &g->calls[call].kept, 1);
    WR_TRY(wr_row_read(&value, r->growing, r->count, &r->arena));
    int64_t count;
    if (!take(&value, &count, sizeof count) || value.length) return damaged(g);
    if (g->is_session) {
        uint8_t *session = wr_session_by_serial(g, (uint64_t)id);
        if (!session) return damaged(g);
        wr_arena_reset(&g->scratch);
        return wr_group_kept_restore(g, g->panes[0], call, session, r->columns + g->key_count,
                                     count);
    }
    wr_pane *pane = wr_pane_at(g, id);
    uint64_t groups = g->serial;
    uint8_t *group;
    if (!pane) return damaged(g);
    wr_arena_reset(&g->scratch);
    WR_TRY(wr_pane_find(g, pane, r->columns, NULL, 1, &group));
    if (g->serial != groups) return damaged(g);
    return wr_group_kept_restore(g, pane, call, group, r->columns + g->key_count, count);
}

static weir_status load_pair(wr_grouping *g, reading *r, wr_str key, wr_str value)
{
    if (key.data[0] == META) {
        char version;
        bool good = take(&value, &version, 1) && version == META_VERSION &&
                    take(&value, &g->closed, sizeof g->closed) &&
                    take(&value, &g->position, sizeof g->position) && value.length == 0;
        return good ? WR_OK : damaged(g);
    }
    if (key.length < PREFIX) return damaged(g);
    int64_t id = pane_of_key(key);
    if (key.data[0] == GROUP) return load_group(g, r, id, value);
    return key.data[0] == KEPT ? load_kept(g, r, id, key, value) : damaged(g);
}

static weir_status load_all(wr_grouping *g, wr_state *state, reading *r)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(state, g->op.section, (wr_str){0}, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more) return WR_OK;
        WR_TRY(load_pair(g, r, key, value));
    }
}

weir_status wr_grouping_load(wr_stream_op *op, wr_state *state)
{
    wr_grouping *g = (wr_grouping *)op;
    reading r = {.count = 0};
    weir_status bad = load_all(g, state, &r);
    wr_arena_clear(&r.arena);
    if (bad) return bad;
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        bool was_put_out = g->ends && !g->is_sliced && g->closed != WR_NO_TIME_YET &&
                           wr_pane_end(g, pane->id) <= g->closed;
        pane->is_said = g->spec->emit == WR_EMIT_ON_CHANGE || was_put_out;
        if (!pane->is_saved) continue;
        for (uint64_t k = 0; k < pane->touched.count; k++)
            wr_group_head_of(g, pane->touched.items[k])->flags &= ~(uint64_t)WR_GROUP_TOUCHED;
        pane->touched.count = 0;
    }
    return WR_OK;
}
