/* session_state.c - see session_group.h: sessions in the state store, writing and starting. Reading
 * is in session_read.c.
 *
 *   s                       version, sessions per chunk
 *   g [chunk]               sessions of neighbouring numbers (session_chunk.h)
 *   t [due] [chunk]         nothing; none of the chunk's sessions is due before
 *   r [run]                 how many sessions it has
 *   i [run] [bucket]        hashes and numbers (run_index.h)
 *   k [number] [call] [arguments]
 *
 * A session has a number as long as it lives. 65536 numbers made one after the other are a run, a
 * part of it that takes about a page is a chunk: what begins together, changes together or ends
 * together is written together. Which runs may have a key is known (run_filter.h), which of their
 * numbers an index tells; only then a chunk is read.
 *
 * The list of what is due has one entry for each chunk. It may be too early, never too late: a
 * session that grows leaves it where it is until time has come there; then the chunk is looked at,
 * and listed anew with the next commit. */
#include "stream/ops/session_chunk.h"
#include "stream/ops/session_group.h"
#include "store/packed.h"
#include <stdlib.h>

enum { VERSION = 1, SAMPLE = 256, CHUNK_BYTES = 3000, PAGE_OVERHEAD = 12 };
static const wr_str FACTS = {"s", 1};

int64_t wr_session_due(const wr_grouping *g, int64_t last, bool is_said)
{
    bool waits = is_said || g->lateness == 0;
    int64_t end = last + g->spec->window->gap + 1, late;
    if (!waits) return end;
    return __builtin_add_overflow(end, g->lateness, &late) ? INT64_MAX : late;
}

uint64_t wr_session_chunk_of(const wr_session_grouping *me, uint64_t number)
{
    uint64_t within = number & ((1 << WR_RUN_BITS) - 1);
    return (number & ~(uint64_t)((1 << WR_RUN_BITS) - 1)) | within / me->per_chunk;
}

static uint32_t slot_of(const wr_session_grouping *me, uint64_t number)
{
    return (uint32_t)((number & ((1 << WR_RUN_BITS) - 1)) % me->per_chunk);
}

static uint64_t open_run(const wr_session_grouping *me) { return me->base.serial >> WR_RUN_BITS; }

/* ---- writing chunks ---- */

typedef struct saving {
    wr_session_grouping *me;
    wr_state *state;
    wr_arena scratch;
    wr_buf key, value, merged, body, bytes, keys, states;
    wr_buf ended; /* numbers of those that kept arguments */
    size_t visited;
    uint64_t chunk;
    bool is_open, is_stored;
    wr_session_chunk was;
    wr_buf records; /* of sessions that changed, in order */
    uint32_t count;
    uint32_t slots[WR_CHUNK_MAX];
    size_t ends[WR_CHUNK_MAX]; /* in records; as the one before: it has ended */
    int64_t dues[WR_CHUNK_MAX];
} saving;

static weir_status open_chunk(saving *s, uint64_t chunk, int64_t start)
{
    const wr_grouping *g = &s->me->base;
    wr_str value;
    s->chunk = chunk;
    s->is_open = true;
    s->count = 0;
    s->records.length = 0;
    wr_group_key_begin(&s->key, WR_GROUP_ROW, (int64_t)chunk);
    WR_TRY(wr_state_get(s->state, g->op.section, wr_buf_str(&s->key), &value, &s->is_stored));
    s->was.count = 0;
    s->was.base = start;
    if (s->is_stored && !wr_chunk_read(value, &s->was)) return wr_group_damaged(g);
    return WR_OK;
}

static void due_key(saving *s, int64_t due)
{
    wr_group_key_begin(&s->key, WR_GROUP_DUE, due);
    uint64_t ordered = __builtin_bswap64(s->chunk);
    wr_buf_add(&s->key, &ordered, sizeof ordered);
}

/* What stays and what changed, by slot. */
static weir_status merge_chunk(saving *s, uint32_t *count, int64_t *due)
{
    const wr_grouping *g = &s->me->base;
    uint32_t k = 0;
    size_t from = 0;
    s->merged.length = 0;
    *count = 0;
    *due = INT64_MAX;
    for (uint32_t i = 0; i < s->was.count || k < s->count;) {
        bool is_changed = k < s->count && (i == s->was.count || s->slots[k] <= s->was.slots[i]);
        if (!is_changed) {
            wr_packed_session p;
            if (!wr_chunk_session(&s->was, i, &p)) return wr_group_damaged(g);
            *due = WR_MIN(*due, wr_session_due(g, p.last, p.is_said));
            wr_buf_add_str(&s->merged, s->was.whole[i++]);
            ++*count;
            continue;
        }
        i += i < s->was.count && s->was.slots[i] == s->slots[k];
        if (s->ends[k] > from) {
            wr_buf_add(&s->merged, s->records.data + from, s->ends[k] - from);
            *due = WR_MIN(*due, s->dues[k]);
            ++*count;
        }
        from = s->ends[k++];
    }
    return WR_OK;
}

static weir_status close_chunk(saving *s)
{
    wr_grouping *g = &s->me->base;
    uint32_t count, section = g->op.section;
    int64_t due, listed = s->was.listed;
    if (!s->is_open) return WR_OK;
    s->is_open = false;
    WR_TRY(merge_chunk(s, &count, &due));
    wr_run_filter_count(&s->me->runs, s->chunk >> WR_RUN_BITS,
                        (int64_t)count - (int64_t)s->was.count);
    if (count && (!s->is_stored || due < listed || listed <= g->op.time)) listed = due;
    wr_chunk_begin(&s->value, listed, s->was.base, count);
    if (count) wr_buf_add_str(&s->value, wr_buf_str(&s->merged));
    bool was_stored = s->is_stored, is_moved = listed != s->was.listed;
    if (was_stored && (count == 0 || is_moved)) {
        due_key(s, s->was.listed);
        WR_TRY(wr_state_delete(s->state, section, wr_buf_str(&s->key)));
    }
    if (count && (!was_stored || is_moved)) {
        due_key(s, listed);
        WR_TRY(wr_state_put(s->state, section, wr_buf_str(&s->key), (wr_str){"", 0}));
    }
    wr_group_key_begin(&s->key, WR_GROUP_ROW, (int64_t)s->chunk);
    if (count) return wr_state_put(s->state, section, wr_buf_str(&s->key), wr_buf_str(&s->value));
    return was_stored ? wr_state_delete(s->state, section, wr_buf_str(&s->key)) : WR_OK;
}

static uint64_t visited_at(const saving *s)
{
    wr_visited_chunk visited;
    memcpy(&visited, s->me->visited.data + s->visited, sizeof visited);
    return visited.chunk;
}

/* Chunks below end that were looked at and have no change: their entries are too early. */
static weir_status list_visited(saving *s, uint64_t end)
{
    WR_TRY(close_chunk(s));
    for (; s->visited < s->me->visited.length; s->visited += sizeof(wr_visited_chunk)) {
        uint64_t chunk = visited_at(s);
        if (chunk >= end) break;
        if (chunk == s->chunk) continue; /* written, or listed twice */
        WR_TRY(open_chunk(s, chunk, 0));
        WR_TRY(close_chunk(s));
    }
    return WR_OK;
}

/* ---- writing sessions ---- */

static weir_status note_new(saving *s, uint64_t number, const wr_column *columns, uint32_t at)
{
    wr_session_grouping *me = s->me;
    uint64_t run = number >> WR_RUN_BITS;
    s->bytes.length = 0;
    wr_group_key_add(&me->base, &s->bytes, columns, at);
    uint32_t hash = wr_session_hash(&s->bytes);
    WR_TRY(wr_run_index_add(&me->index, number, hash));
    /* Nobody looks for it while everything is in memory. */
    return me->base.panes[0]->has_stored ? wr_run_filter_add(&me->runs, run, hash)
                                         : wr_run_filter_meet(&me->runs, run, 0);
}

static weir_status pack(saving *s, uint8_t *row, const wr_column *columns, uint32_t at,
                        wr_packed_session *out)
{
    wr_grouping *g = &s->me->base;
    const wr_session *session = wr_session_of(g, row);
    s->keys.length = s->states.length = 0;
    wr_row_append(&s->keys, columns, g->key_count, at);
    WR_TRY(wr_chunk_add_states(g, g->panes[0], row, &s->bytes, &s->states));
    *out = (wr_packed_session){.is_said = session->is_said,
                               .start = session->start,
                               .last = session->last,
                               .rows = wr_group_head_of(g, row)->rows,
                               .keys = wr_buf_str(&s->keys),
                               .states = wr_buf_str(&s->states)};
    return WR_OK;
}

static weir_status save_session(saving *s, uint8_t *row, const wr_column *columns, uint32_t at)
{
    wr_grouping *g = &s->me->base;
    const wr_group_head *head = wr_group_head_of(g, row);
    const wr_session *session = wr_session_of(g, row);
    uint64_t number = head->serial, chunk = wr_session_chunk_of(s->me, number);
    bool is_dead = head->flags & WR_GROUP_DEAD, is_saved = head->flags & WR_GROUP_SAVED;
    if (is_dead && !is_saved) return WR_OK;
    if (!s->is_open || s->chunk != chunk) {
        WR_TRY(list_visited(s, chunk));
        WR_TRY(open_chunk(s, chunk, session->start));
    }
    if (is_dead) {
        if (g->any_kept) wr_buf_add(&s->ended, &number, sizeof number);
    } else {
        wr_packed_session packed;
        if (!is_saved) WR_TRY(note_new(s, number, columns, at));
        WR_TRY(pack(s, row, columns, at, &packed));
        packed.slot = slot_of(s->me, number);
        wr_chunk_add(&s->records, &packed, s->was.base, &s->body);
        s->dues[s->count] = wr_session_due(g, session->last, session->is_said);
    }
    s->slots[s->count] = slot_of(s->me, number);
    s->ends[s->count++] = s->records.length;
    return WR_OK;
}

static wr_column *keys_of(saving *s, uint8_t *const *rows, uint32_t count)
{
    const wr_grouping *g = &s->me->base;
    wr_arena_reset(&s->scratch);
    wr_column *keys = wr_new_array(&s->scratch, wr_column, g->key_count + 1);
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(&g->layout, k, rows, count, &s->scratch, &keys[k]);
    return keys;
}

/* How many sessions fit a page of the state, some of which will grow: from those at hand, once. */
static weir_status choose_per_chunk(saving *s, const wr_row_list *list)
{
    const wr_grouping *g = &s->me->base;
    uint64_t bytes = 0, live = 0;
    uint32_t count = (uint32_t)WR_MIN(list->count, (uint64_t)WR_MIN(SAMPLE, WR_BATCH_ROWS));
    const wr_column *keys = keys_of(s, list->items, count);
    for (uint32_t i = 0; i < count; i++) {
        wr_packed_session packed;
        if (wr_group_head_of(g, list->items[i])->flags & WR_GROUP_DEAD) continue;
        WR_TRY(pack(s, list->items[i], keys, i, &packed));
        bytes += packed.keys.length + packed.states.length + PAGE_OVERHEAD;
        live++;
    }
    uint64_t most = live ? CHUNK_BYTES * live / bytes : 1;
    s->me->per_chunk = (uint32_t)WR_MAX(WR_MIN(most, (uint64_t)WR_CHUNK_MAX), 1);
    return WR_OK;
}

/* ---- a commit ---- */

static int by_serial(const void *a, const void *b, void *arg)
{
    const wr_grouping *g = arg;
    uint64_t x = wr_group_head_of(g, *(uint8_t *const *)a)->serial;
    uint64_t y = wr_group_head_of(g, *(uint8_t *const *)b)->serial;
    return x < y ? -1 : x > y;
}

static int by_chunk(const void *a, const void *b)
{
    uint64_t x = ((const wr_visited_chunk *)a)->chunk, y = ((const wr_visited_chunk *)b)->chunk;
    return x < y ? -1 : x > y;
}

static void sort_changes(wr_grouping *g, wr_row_list *list, wr_buf *visited)
{
    bool is_sorted = true;
    for (uint64_t i = 1; i < list->count && is_sorted; i++)
        is_sorted = by_serial(&list->items[i - 1], &list->items[i], g) <= 0;
    if (!is_sorted) qsort_r(list->items, list->count, sizeof list->items[0], by_serial, g);
    if (visited->length)
        qsort(visited->data, visited->length / sizeof(wr_visited_chunk), sizeof(wr_visited_chunk),
              by_chunk);
}

static weir_status save_count(void *arg, uint64_t run, int64_t stored)
{
    saving *s = arg;
    uint32_t section = s->me->base.op.section;
    if (stored == 0 && run < open_run(s->me))
        WR_TRY(wr_run_index_drop(&s->me->index, run, s->state));
    wr_group_key_begin(&s->key, WR_GROUP_RUN, (int64_t)run);
    if (stored == 0) return wr_state_delete(s->state, section, wr_buf_str(&s->key));
    return wr_state_put(s->state, section, wr_buf_str(&s->key),
                        (wr_str){(const char *)&stored, sizeof stored});
}

/* Runs that get no more sessions have their index in the state. */
static weir_status save_runs(saving *s)
{
    wr_run_index *index = &s->me->index;
    for (uint32_t i = 0; i < index->count; i++)
        if (index->open[i]->run < open_run(s->me))
            WR_TRY(wr_run_index_write(index, index->open[i]->run, s->state));
    return wr_run_filter_counted(&s->me->runs, save_count, s);
}

static weir_status forget_kept(saving *s)
{
    WR_BUF(last);
    for (size_t at = 0; at < s->ended.length; at += sizeof(int64_t)) {
        int64_t number;
        memcpy(&number, s->ended.data + at, sizeof number);
        wr_group_key_begin(&s->key, WR_GROUP_KEPT, number);
        wr_group_key_begin(&last, WR_GROUP_KEPT, number + 1);
        WR_TRY(wr_state_delete_range(s->state, s->me->base.op.section, wr_buf_str(&s->key),
                                     wr_buf_str(&last)));
    }
    return WR_OK;
}

static weir_status save_all(saving *s)
{
    wr_session_grouping *me = s->me;
    wr_grouping *g = &me->base;
    wr_pane *pane = g->panes[0];
    wr_row_list *list = &pane->changed;
    wr_run_filter_uncount(&me->runs);
    sort_changes(g, list, &me->visited);
    if (list->count && !me->per_chunk) WR_TRY(choose_per_chunk(s, list));
    for (uint64_t at = 0; at < list->count; at += WR_BATCH_ROWS) {
        uint32_t count = (uint32_t)WR_MIN(list->count - at, (uint64_t)WR_BATCH_ROWS);
        if (g->any_kept) WR_TRY(wr_group_kept_refresh(g, pane, list->items + at, count));
        const wr_column *keys = keys_of(s, list->items + at, count);
        for (uint32_t i = 0; i < count; i++)
            WR_TRY(save_session(s, list->items[at + i], keys, i));
    }
    WR_TRY(list_visited(s, UINT64_MAX));
    WR_TRY(forget_kept(s));
    WR_TRY(save_runs(s));
    const uint32_t facts[] = {VERSION, me->per_chunk};
    if (!me->per_chunk) return WR_OK;
    return wr_state_put(s->state, g->op.section, FACTS,
                        (wr_str){(const char *)facts, sizeof facts});
}

weir_status wr_session_save(wr_grouping *g, wr_state *state)
{
    saving *s = wr_heap_new(sizeof *s);
    s->me = (wr_session_grouping *)g;
    s->state = state;
    s->chunk = UINT64_MAX;
    s->me->index.section = g->op.section;
    weir_status bad = save_all(s);
    wr_buf *buffers[] = {&s->key,  &s->value,  &s->merged, &s->body,   &s->bytes,
                         &s->keys, &s->states, &s->ended,  &s->records};
    for (size_t i = 0; i < WR_COUNT(buffers); i++)
        wr_buf_clear(buffers[i]);
    wr_arena_clear(&s->scratch);
    wr_heap_drop(s);
    return bad;
}

/* A chunk is a page that is held twice: among the changes, and by the state's file. */
uint64_t wr_session_pending(wr_stream_op *op)
{
    enum { PAGES = 2, LIKELY = 64 };
    wr_session_grouping *me = (wr_session_grouping *)op;
    const wr_grouping *g = &me->base;
    const wr_pane *pane = g->panes[0];
    uint32_t per_chunk = me->per_chunk ? me->per_chunk : LIKELY;
    for (; me->counted < pane->changed.count; me->counted++) {
        uint64_t chunk = wr_group_head_of(g, pane->changed.items[me->counted])->serial / per_chunk;
        me->pages += chunk == me->counted_chunk ? 0 : PAGES;
        me->counted_chunk = chunk;
    }
    uint64_t kept = 0;
    for (int i = 0; i < g->spec->call_count; i++)
        kept += pane->kept[i].changed.count;
    return me->pages + kept;
}

void wr_session_settle(wr_session_grouping *me, bool committed)
{
    wr_run_index_settle(&me->index, committed);
    if (!committed) return;
    me->counted = me->pages = me->counted_chunk = 0;
    me->visited.length = 0;
    me->has_visits = false;
    me->listed.length = 0;
    me->next_listed = WR_NO_TIME_YET;
    me->all_listed = false;
    me->runs.most = me->base.op.share / 2;
    wr_run_filter_settle(&me->runs, open_run(me));
}

/* ---- after a start ---- */

static weir_status load_facts(wr_session_grouping *me, wr_state *state)
{
    wr_grouping *g = &me->base;
    wr_str value;
    bool found;
    uint32_t facts[2] = {0};
    WR_TRY(wr_state_get(state, g->op.section, FACTS, &value, &found));
    if (!found && g->group_count == 0) return WR_OK;
    if (found && !wr_take_bytes(&value, facts, sizeof facts)) return wr_group_damaged(g);
    if (facts[0] != VERSION)
        return wr_fail(WR_E_STATE_VERSION, "sessions of %s in the state have format %u, not %d",
                       g->op.def->name, facts[0], VERSION);
    if (facts[1] < 1 || facts[1] > WR_CHUNK_MAX) return wr_group_damaged(g);
    me->per_chunk = facts[1];
    return WR_OK;
}

static weir_status meet_runs(wr_session_grouping *me)
{
    wr_grouping *g = &me->base;
    const char first = WR_GROUP_RUN;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(g->op.state, g->op.section, (wr_str){&first, 1}, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        int64_t stored;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.data[0] != WR_GROUP_RUN) return WR_OK;
        if (key.length != WR_GROUP_PREFIX || !wr_take_bytes(&value, &stored, sizeof stored))
            return wr_group_damaged(g);
        int64_t run = wr_group_key_number(key);
        if (run < 0 || (uint64_t)run > open_run(me) || stored < 0) return wr_group_damaged(g);
        WR_TRY(wr_run_filter_meet(&me->runs, (uint64_t)run, stored));
    }
}

static weir_status index_chunk(wr_session_grouping *me, wr_str key, wr_str value, wr_reading *r)
{
    wr_grouping *g = &me->base;
    wr_session_chunk chunk;
    wr_packed_session p;
    WR_BUF(bytes);
    uint64_t number = (uint64_t)wr_group_key_number(key), run = number >> WR_RUN_BITS;
    uint64_t first = (number & ((1 << WR_RUN_BITS) - 1)) * me->per_chunk;
    if (key.length != WR_GROUP_PREFIX || !wr_chunk_read(value, &chunk)) return wr_group_damaged(g);
    wr_reading_begin(r, g, -1);
    for (uint32_t i = 0; i < chunk.count; i++) {
        if (!wr_chunk_session(&chunk, i, &p)) return wr_group_damaged(g);
        uint64_t within = first + p.slot;
        if (within >> WR_RUN_BITS) return wr_group_damaged(g);
        WR_TRY(wr_row_read(&p.keys, r->growing, r->count, &r->arena));
        bytes.length = 0;
        wr_group_key_add(g, &bytes, r->columns, i);
        WR_TRY(wr_run_index_add(&me->index, run << WR_RUN_BITS | within, wr_session_hash(&bytes)));
    }
    return WR_OK;
}

/* The index of the run that goes on is not in the state. */
static weir_status index_open_run(wr_session_grouping *me, wr_reading *r)
{
    wr_grouping *g = &me->base;
    WR_BUF(from);
    uint64_t run = open_run(me);
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    wr_group_key_begin(&from, WR_GROUP_ROW, (int64_t)(run << WR_RUN_BITS));
    WR_TRY(wr_state_seek(g->op.state, g->op.section, wr_buf_str(&from), &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.data[0] != WR_GROUP_ROW) return WR_OK;
        WR_TRY(index_chunk(me, key, value, r));
    }
}

weir_status wr_session_load(wr_stream_op *op, wr_state *state)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_reading r = {.count = 0};
    WR_TRY(wr_grouping_load(op, state));
    wr_pane *pane = me->base.panes[0];
    pane->has_stored = pane->is_saved = true;
    pane->live = me->base.group_count;
    me->next_listed = WR_NO_TIME_YET;
    me->index.section = op->section;
    me->runs.most = op->share / 2;
    WR_TRY(load_facts(me, state));
    WR_TRY(meet_runs(me));
    weir_status bad = me->per_chunk ? index_open_run(me, &r) : WR_OK;
    wr_arena_clear(&r.arena);
    return bad;
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
