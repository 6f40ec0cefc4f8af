/* session_read.c - see session_group.h: sessions in the state store, reading.
 *
 * Of a key either all sessions are in memory or none. The new keys of a batch go to the state
 * together: in the order of runs and hashes through the indexes, then in the order of numbers
 * through the chunks, so that each page is looked at once. When memory is short all sessions are
 * forgotten at once, after a commit. */
#include "stream/ops/session_chunk.h"
#include "stream/ops/session_group.h"
#include "store/packed.h"
#include <stdlib.h>

/* ---- filters ---- */

static weir_status learn_hash(void *arg, uint64_t run, uint32_t hash)
{
    return wr_run_filter_add(arg, run, hash);
}

/* Puts the keys of some more runs of the state into the filter, all of them in the order of their
 * hashes, which is that of the filter's words. *count: how many runs, at most that many. */
static weir_status learn_runs(wr_session_grouping *me, uint32_t *count)
{
    uint64_t runs[64];
    *count = wr_run_filter_unknown(&me->runs, runs, WR_MIN(*count, 64u));
    for (uint32_t bucket = 0; *count && bucket < 1 << WR_RUN_BUCKET_BITS; bucket++)
        for (uint32_t i = 0; i < *count; i++)
            WR_TRY(wr_run_index_each(&me->index, me->base.op.state, runs[i], bucket, learn_hash,
                                     &me->runs));
    for (uint32_t i = 0; i < *count; i++)
        wr_run_filter_learnt(&me->runs, runs[i]);
    return WR_OK;
}

/* ---- sessions of keys ---- */

typedef struct wanted {
    uint64_t run, number; /* number: then */
    uint32_t hash, row;
} wanted;

typedef struct wanted_list {
    wr_arena arena;
    WR_LIST(wanted) items;
} wanted_list;

typedef struct fetching {
    wr_session_grouping *me;
    const wr_column *columns;
    const uint16_t *at;
    uint8_t *const *keys;
    wanted_list asked, found;
    wanted current;
    wr_buf packed, mine, theirs;
    wr_reading reading;
    uint64_t chunk_number;
    bool has_chunk, is_there;
    wr_session_chunk chunk;
} fetching;

static void want_in_run(void *arg, uint64_t run)
{
    fetching *f = arg;
    f->current.run = run;
    wr_push(&f->asked.arena, &f->asked.items, f->current);
}

static weir_status want_number(void *arg, uint64_t number)
{
    fetching *f = arg;
    f->current.number = number;
    wr_push(&f->found.arena, &f->found.items, f->current);
    return WR_OK;
}

static int by_run(const void *a, const void *b)
{
    const wanted *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? -1 : 1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int by_number(const void *a, const void *b)
{
    const wanted *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static uint32_t row_at(const fetching *f, uint32_t row) { return f->at ? f->at[row] : row; }

/* *columns, *at: the keys as the session has them, if they are those that are wanted. */
static weir_status compare_keys(fetching *f, uint32_t row, wr_str keys, const wr_column **columns,
                                uint16_t *at, bool *is_same)
{
    const wr_grouping *g = &f->me->base;
    f->packed.length = 0;
    wr_row_append(&f->packed, f->columns, g->key_count, row_at(f, row));
    *columns = f->columns;
    *at = (uint16_t)row_at(f, row);
    *is_same = wr_str_eq(wr_buf_str(&f->packed), keys);
    if (*is_same) return WR_OK;
    /* Equal values may be written in different ways. */
    wr_reading_begin(&f->reading, g, -1);
    WR_TRY(wr_row_read(&keys, f->reading.growing, f->reading.count, &f->reading.arena));
    f->mine.length = f->theirs.length = 0;
    wr_group_key_add(g, &f->mine, f->columns, row_at(f, row));
    wr_group_key_add(g, &f->theirs, f->reading.columns, 0);
    *columns = f->reading.columns;
    *at = 0;
    *is_same = wr_str_eq(wr_buf_str(&f->mine), wr_buf_str(&f->theirs));
    return WR_OK;
}

static weir_status hold(fetching *f, const wanted *w, const wr_packed_session *p)
{
    wr_session_grouping *me = f->me;
    wr_grouping *g = &me->base;
    const wr_column *columns;
    uint16_t at;
    bool is_same;
    uint8_t *row;
    WR_TRY(compare_keys(f, w->row, p->keys, &columns, &at, &is_same));
    if (!is_same) return WR_OK;
    uint64_t serial = g->serial;
    WR_TRY(wr_session_make(me, f->keys[w->row], columns, at, p->start, p->last, &row));
    g->serial = serial;
    wr_group_head *head = wr_group_head_of(g, row);
    head->serial = w->number;
    head->rows = p->rows;
    head->flags |= WR_GROUP_SAVED;
    wr_session_of(g, row)->is_said = p->is_said;
    WR_TRY(wr_chunk_read_states(g, g->panes[0], p->states, row));
    return wr_session_wait(me, row);
}

static weir_status read_chunk(wr_session_grouping *me, uint64_t number, wr_session_chunk *out,
                              bool *found)
{
    wr_grouping *g = &me->base;
    wr_str value;
    WR_BUF(key);
    wr_group_key_begin(&key, WR_GROUP_ROW, (int64_t)number);
    WR_TRY(wr_state_get(g->op.state, g->op.section, wr_buf_str(&key), &value, found));
    return !*found || wr_chunk_read(value, out) ? WR_OK : wr_group_damaged(g);
}

/* A session that an index knows; it may have ended. */
static weir_status read_session(fetching *f, const wanted *w)
{
    wr_session_grouping *me = f->me;
    uint64_t chunk = wr_session_chunk_of(me, w->number);
    wr_packed_session p;
    uint32_t slot = (uint32_t)((w->number & ((1 << WR_RUN_BITS) - 1)) % me->per_chunk), at;
    if (!f->has_chunk || f->chunk_number != chunk)
        WR_TRY(read_chunk(me, chunk, &f->chunk, &f->is_there));
    f->has_chunk = true;
    f->chunk_number = chunk;
    if (!f->is_there || !wr_chunk_find(&f->chunk, slot, &at)) return WR_OK;
    return wr_chunk_session(&f->chunk, at, &p) ? hold(f, w, &p) : wr_group_damaged(&me->base);
}

static weir_status read_kept_of(wr_session_grouping *me, uint8_t *keys)
{
    wr_grouping *g = &me->base;
    for (uint8_t *row = wr_session_keys_of(me, keys)->first; row; row = wr_session_of(g, row)->next)
        WR_TRY(wr_group_read_kept(g, g->panes[0], row, (int64_t)wr_group_head_of(g, row)->serial,
                                  NULL, 0));
    return WR_OK;
}

static weir_status fetch(fetching *f, uint32_t count)
{
    /* Looking for so many keys in a run costs a good part of learning it. */
    enum { KEYS_PER_RUN = 8, AHEAD = 6 };
    wr_session_grouping *me = f->me;
    wr_grouping *g = &me->base;
    for (uint32_t left = 1 + count / KEYS_PER_RUN, n = 1; left && n; left -= n) {
        n = left;
        WR_TRY(learn_runs(me, &n));
    }
    uint32_t hashes[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        f->mine.length = 0;
        wr_group_key_add(g, &f->mine, f->columns, row_at(f, i));
        hashes[i] = wr_session_hash(&f->mine);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count) wr_run_filter_prefetch(&me->runs, hashes[i + AHEAD]);
        f->current = (wanted){.hash = hashes[i], .row = i};
        wr_run_filter_look(&me->runs, f->current.hash, want_in_run, f);
    }
    if (f->asked.items.count)
        qsort(f->asked.items.items, (size_t)f->asked.items.count, sizeof(wanted), by_run);
    wr_run_bucket bucket = {.number = UINT32_MAX};
    for (int i = 0; i < f->asked.items.count; i++) {
        f->current = f->asked.items.items[i];
        WR_TRY(wr_run_index_find(&me->index, g->op.state, f->current.run, f->current.hash, &bucket,
                                 want_number, f));
    }
    if (f->found.items.count)
        qsort(f->found.items.items, (size_t)f->found.items.count, sizeof(wanted), by_number);
    for (int i = 0; i < f->found.items.count; i++)
        WR_TRY(read_session(f, &f->found.items.items[i]));
    for (uint32_t i = 0; i < count && g->any_kept; i++)
        WR_TRY(read_kept_of(me, f->keys[i]));
    return WR_OK;
}

weir_status wr_session_fetch(wr_session_grouping *me, const wr_column *columns, const uint16_t *at,
                             uint32_t count, uint8_t *const *keys)
{
    if (!me->per_chunk) return WR_OK; /* nothing was ever saved */
    fetching *f = wr_heap_new(sizeof *f);
    f->me = me;
    f->columns = columns;
    f->at = at;
    f->keys = keys;
    weir_status bad = fetch(f, count);
    wr_buf_clear(&f->packed);
    wr_buf_clear(&f->mine);
    wr_buf_clear(&f->theirs);
    wr_arena_clear(&f->asked.arena);
    wr_arena_clear(&f->found.arena);
    wr_arena_clear(&f->reading.arena);
    wr_heap_drop(f);
    return bad;
}

/* ---- what is due ---- */

static wr_visited_chunk *visited_of(const wr_session_grouping *me, size_t *count)
{
    *count = me->visited.length / sizeof(wr_visited_chunk);
    return (wr_visited_chunk *)(void *)me->visited.data;
}

/* The next chunks that are listed as due are to be visited. */
static weir_status next_chunks(wr_session_grouping *me, uint32_t most)
{
    wr_grouping *g = &me->base;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    const char first = WR_GROUP_DUE;
    wr_str from = me->listed.length ? wr_buf_str(&me->listed) : (wr_str){&first, 1};
    WR_TRY(wr_state_seek(g->op.state, g->op.section, from, &cursor));
    for (uint32_t count = 0;; count++) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        me->all_listed = !more || key.data[0] != WR_GROUP_DUE;
        if (me->all_listed) return WR_OK;
        if (key.length != WR_GROUP_PREFIX + sizeof(uint64_t)) return wr_group_damaged(g);
        me->next_listed = wr_group_key_number(key);
        if (me->next_listed > g->op.time || count == most) return WR_OK;
        wr_visited_chunk visited = {.due = me->next_listed};
        memcpy(&visited.chunk, key.data + WR_GROUP_PREFIX, sizeof visited.chunk);
        visited.chunk = __builtin_bswap64(visited.chunk);
        wr_buf_add(&me->visited, &visited, sizeof visited);
        me->listed.length = 0;
        wr_buf_add_str(&me->listed, key);
        wr_buf_add_char(&me->listed, 0);
    }
}

/* Adds the keys of what is due in a chunk. */
static weir_status read_due(wr_session_grouping *me, wr_visited_chunk *visited, wr_reading *r,
                            uint32_t *count)
{
    wr_grouping *g = &me->base;
    wr_session_chunk chunk;
    wr_packed_session p;
    bool found;
    visited->due = INT64_MAX;
    visited->is_done = true;
    WR_TRY(read_chunk(me, visited->chunk, &chunk, &found));
    if (!found) return wr_group_damaged(g);
    for (uint32_t i = 0; i < chunk.count; i++) {
        if (!wr_chunk_session(&chunk, i, &p)) return wr_group_damaged(g);
        int64_t due = wr_session_due(g, p.last, p.is_said);
        if (due > g->op.time) {
            visited->due = WR_MIN(visited->due, due);
            visited->is_done = false;
            continue;
        }
        WR_TRY(wr_row_read(&p.keys, r->growing, r->count, &r->arena));
        ++*count;
    }
    return WR_OK;
}

/* They come into memory, with all sessions of their keys. */
static weir_status fetch_keys(wr_session_grouping *me, const wr_reading *r, uint32_t count)
{
    uint8_t *keys[WR_BATCH_ROWS];
    uint16_t sel[WR_BATCH_ROWS];
    for (uint32_t from = 0, n; from < count; from += n) {
        n = WR_MIN(count - from, (uint32_t)WR_BATCH_ROWS);
        for (uint32_t i = 0; i < n; i++)
            sel[i] = (uint16_t)(from + i);
        wr_arena_reset(&me->base.scratch);
        WR_TRY(wr_session_find_keys(me, r->columns, sel, n, keys));
    }
    return WR_OK;
}

/* What was due in a chunk is in memory until the next commit, or has ended; the rest of it is
 * visited again. */
static weir_status visit(wr_session_grouping *me, wr_reading *r)
{
    size_t count;
    uint32_t keys = 0, chunks = 0;
    wr_visited_chunk *visited = visited_of(me, &count);
    me->visited_due = INT64_MAX;
    me->has_visits = false;
    wr_reading_begin(r, &me->base, -1);
    for (size_t i = 0; i < count; i++) {
        if (visited[i].is_done) continue;
        if (visited[i].due <= me->base.op.time && keys + chunks < WR_BATCH_ROWS) {
            WR_TRY(read_due(me, &visited[i], r, &keys));
            chunks++;
        }
        me->has_visits |= !visited[i].is_done;
        if (!visited[i].is_done) me->visited_due = WR_MIN(me->visited_due, visited[i].due);
    }
    return fetch_keys(me, r, keys);
}

weir_status wr_session_fetch_due(wr_session_grouping *me)
{
    wr_reading r = {.count = 0};
    if (!me->per_chunk) {
        me->all_listed = true; /* nothing was ever saved */
        return WR_OK;
    }
    if (!me->has_visits || me->visited_due > me->base.op.time)
        WR_TRY(next_chunks(me, 1 + WR_BATCH_ROWS / me->per_chunk));
    weir_status bad = visit(me, &r);
    wr_arena_clear(&r.arena);
    return bad;
}
