/* aggregate_spill.c - groups that do not fit in memory.
 *
 * A worker that is short of memory writes its whole table to partitions by hash, states included,
 * and begins with an empty one; so does every worker with what is left at the end. Then partitions
 * are read one after the other, each by one worker: equal groups meet again and their states are
 * merged, worker by worker and in the order they were written, which is the order of the input with
 * one worker. A partition that is too large is split by the next level's hash function first.
 *
 * States with pointers go through save and load, as columns behind the keys. Rows kept for calls
 * (DISTINCT, ORDER BY) follow their groups: they name the group by its number on the group tape of
 * their worker and partition. Kept rows of a DISTINCT call that are too many, because a group is
 * large, are read several times, each time for another share of the hashes of their arguments.
 *
 * Without keys there is one group, which stays; only rows kept for calls that can be fed in any
 * order are written, by the hash of their arguments. */
#include "exec/ops/aggregate.h"
#include "base/pages.h"

enum {
    SPILL_SHARE = 70,
    SCRATCH_BYTES = 1 << 20,
    SCRATCH_SHARE = 64,
    SPLIT_BYTES = 4 << 20,
    PASSES_MAX = 4096
};

static bool is_saved(const wr_agg_call *c) { return c->call->fn->save != NULL; }

weir_status wr_agg_spill_open(wr_agg *a)
{
    int n = a->column_count;
    const wr_type **types = wr_new_array(&a->op.arena, const wr_type *, n + a->call_count + 1);
    for (int k = 0; k < n; k++)
        types[k] = a->layout.types[k];
    for (int i = 0; i < a->call_count; i++)
        if (is_saved(&a->calls[i])) types[n++] = WR_VARCHAR;
    a->is_packed = n > a->column_count;
    wr_rows_layout_init(&a->packed, &a->op.arena, types, n, a->layout.extra_size);
    wr_mutex_init(&a->todo_lock);
    wr_spill_init(&a->spill, &a->op);
    return WR_OK;
}

/* ---- sources and partitions ---- */

static void sources_clear(const wr_agg *a, wr_agg_source *sources, int count)
{
    for (int i = 0; i < count; i++) {
        wr_agg_source *s = &sources[i];
        if (s->final) wr_mem_free(a->op.mem, s->final, s->groups.rows * sizeof *s->final);
        wr_tape_clear(&s->groups);
        for (int c = 0; s->kept && c < a->call_count; c++)
            wr_tape_clear(&s->kept[c]);
        wr_heap_drop(s->kept);
    }
}

static wr_agg_source *sources_new(const wr_agg *a, int count)
{
    wr_agg_source *sources = wr_heap_new(sizeof *sources * (size_t)count);
    for (int i = 0; i < count; i++)
        sources[i].kept = wr_heap_new(sizeof(wr_tape) * (size_t)(a->call_count + 1));
    return sources;
}

static void part_drop(const wr_agg *a, wr_agg_part *part)
{
    if (!part) return;
    sources_clear(a, part->sources, a->source_count);
    wr_heap_drop(part->sources);
    wr_heap_drop(part);
}

void wr_agg_spill_close(wr_agg *a)
{
    while (a->todo) {
        wr_agg_part *next = a->todo->next;
        part_drop(a, a->todo);
        a->todo = next;
    }
    if (!a->spill.op) return;
    wr_mutex_clear(&a->todo_lock);
    wr_spill_clear(&a->spill);
}

void wr_agg_drop_spilled(wr_agg *a, wr_agg_local *me)
{
    part_drop(a, WR_TAKE(me->part));
    if (!me->spilled) return;
    sources_clear(a, me->spilled, wr_spill_parts(&a->op));
    wr_heap_drop(WR_TAKE(me->spilled));
}

static void add_todo(wr_agg *a, wr_agg_part *part)
{
    wr_mutex_lock(&a->todo_lock);
    part->next = a->todo;
    a->todo = part;
    wr_mutex_unlock(&a->todo_lock);
}

/* ---- writing ---- */

bool wr_agg_is_due(const wr_agg *a, const wr_agg_local *me)
{
    const wr_groups *g = &me->groups;
    bool has_keys = a->column_count > 0;
    uint64_t held = has_keys ? wr_groups_bytes(g) + wr_mem_used(me->mem) : 0;
    uint64_t need = has_keys ? wr_groups_need(g, WR_BATCH_ROWS) : 0;
    for (int i = 0; a->any_kept && i < a->call_count; i++) {
        if (!has_keys && !a->calls[i].is_free) continue;
        held += wr_groups_bytes(&me->distinct[i]);
        if (me->kept[i]) held += wr_rows_bytes(me->kept[i]);
        need += wr_groups_need(&me->distinct[i], WR_BATCH_ROWS);
    }
    return wr_spill_is_due(&a->op, held, need, SPILL_SHARE);
}

/* Gives every group its number on the tape it will go to. */
static void number_groups(wr_agg *a, wr_agg_local *me)
{
    int parts = wr_spill_parts(&a->op);
    uint64_t next[WR_SPILL_PARTS_MAX];
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    WR_ARENA(scratch);
    for (int p = 0; p < parts; p++)
        next[p] = me->spilled[p].groups.rows;
    for (uint32_t n; (n = wr_rows_next(me->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;
         wr_arena_reset(&scratch)) {
        wr_groups_hash_rows(&me->groups, rows, n, &scratch);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t *extra = wr_row_extra(&a->layout, rows[i]);
            if (a->any_kept) extra[1] = next[wr_spill_part(extra[0], 0, parts)]++;
        }
    }
}

/* Kept rows of a call with keys: the group's number for its address, its hash as theirs. */
static void name_groups(const wr_agg *a, const wr_rows_layout *kept, uint8_t **rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t address;
        memcpy(&address, rows[i] + kept->offsets[0], sizeof address);
        const uint64_t *extra = wr_row_extra(&a->layout, (uint8_t *)(uintptr_t)address);
        memcpy(rows[i] + kept->offsets[0], &extra[1], sizeof extra[1]);
        *wr_row_extra(kept, rows[i]) = extra[0];
    }
}

static void hash_arguments(const wr_agg_call *c, uint8_t **rows, uint32_t n, uint64_t *hashes)
{
    WR_ARENA(scratch);
    int args = c->call->arg_count;
    wr_column *columns = wr_new_array(&scratch, wr_column, args + 1);
    for (int k = 0; k < args; k++)
        wr_rows_gather(&c->kept, 1 + k, rows, n, &scratch, &columns[k]);
    wr_keys_hash(columns, args, NULL, n, hashes);
}

static weir_status spill_kept(wr_agg *a, wr_agg_local *me, int call)
{
    wr_agg_call *c = &a->calls[call];
    wr_rows *store = c->is_distinct ? me->distinct[call].rows : me->kept[call];
    if (!store || (a->column_count == 0 && !c->is_free)) return WR_OK;
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t hashes[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(store, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        if (a->column_count > 0) {
            name_groups(a, &c->kept, rows, n);
            continue;
        }
        hash_arguments(c, rows, n, hashes);
        for (uint32_t i = 0; i < n; i++)
            *wr_row_extra(&c->kept, rows[i]) = hashes[i];
    }
    int parts = wr_spill_parts(&a->op);
    wr_tape tapes[WR_SPILL_PARTS_MAX];
    for (int p = 0; p < parts; p++)
        tapes[p] = me->spilled[p].kept[call];
    weir_status bad = wr_spill_by_hash(&a->spill, &c->kept, store, 0, tapes);
    for (int p = 0; p < parts; p++)
        me->spilled[p].kept[call] = tapes[p];
    return bad;
}

/* Columns of the packed layout for some groups, memory from scratch. */
static weir_status pack_groups(wr_agg *a, wr_agg_local *me, uint8_t **rows, uint32_t n,
                               wr_arena *scratch, wr_column *columns)
{
    int at = a->column_count;
    for (int k = 0; k < at; k++)
        wr_rows_gather(&a->layout, k, rows, n, scratch, &columns[k]);
    WR_BUF(saved);
    for (int i = 0; i < a->call_count; i++) {
        const wr_agg_call *c = &a->calls[i];
        if (!is_saved(c)) continue;
        wr_column *column = &columns[at++];
        wr_column_init(column, scratch, WR_VARCHAR, WR_P_VIEW, n);
        column->rows = n;
        for (uint32_t r = 0; r < n; r++) {
            saved.length = 0;
            WR_TRY(c->call->fn->save(&me->envs[i], rows[r] + c->state_offset, &saved));
            if (saved.length > UINT32_MAX)
                return wr_fail(WR_E_TOO_BIG, "the state of %s is too big", c->call->fn->name);
            const char *copy = wr_arena_copy(scratch, saved.data ? saved.data : "", saved.length);
            ((wr_view *)column->data)[r] = wr_view_of(copy, saved.length);
        }
    }
    return WR_OK;
}

static weir_status spill_packed(wr_agg *a, wr_agg_local *me, wr_tape *tapes)
{
    WR_AUTO(wr_rows) *packed = NULL;
    uint8_t *rows[WR_BATCH_ROWS], *copies[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    WR_ARENA(scratch);
    uint64_t limit = wr_mem_limit(a->op.mem), most = SCRATCH_BYTES;
    if (limit) most = WR_MIN(most, limit / SCRATCH_SHARE);
    WR_TRY(wr_rows_new(a->op.mem, &a->packed, &packed));
    for (uint32_t n; (n = wr_rows_next(me->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        wr_arena_reset(&scratch);
        wr_column *columns = wr_new_array(&scratch, wr_column, a->packed.column_count + 1);
        WR_TRY(pack_groups(a, me, rows, n, &scratch, columns));
        WR_TRY(wr_rows_append(packed, columns, NULL, n, copies));
        for (uint32_t i = 0; i < n; i++)
            memcpy(wr_row_extra(&a->packed, copies[i]), wr_row_extra(&a->layout, rows[i]),
                   a->layout.extra_size);
        if (wr_rows_bytes(packed) < most) continue;
        WR_TRY(wr_spill_by_hash(&a->spill, &a->packed, packed, 0, tapes));
        wr_rows_empty(packed);
    }
    return wr_spill_by_hash(&a->spill, &a->packed, packed, 0, tapes);
}

static weir_status spill_groups(wr_agg *a, wr_agg_local *me)
{
    int parts = wr_spill_parts(&a->op);
    wr_tape tapes[WR_SPILL_PARTS_MAX];
    for (int p = 0; p < parts; p++)
        tapes[p] = me->spilled[p].groups;
    weir_status bad = a->is_packed
                          ? spill_packed(a, me, tapes)
                          : wr_spill_by_hash(&a->spill, &a->layout, me->groups.rows, 0, tapes);
    for (int p = 0; p < parts; p++)
        me->spilled[p].groups = tapes[p];
    return bad;
}

/* Empties the table and what belongs to its groups. */
static void forget_groups(wr_agg *a, wr_agg_local *me)
{
    wr_agg_drop_kept(a, me);
    wr_groups_clear(&me->groups);
    me->has_groups = false;
    wr_arena_clear(&me->heap);
    wr_mem_release(me->mem, wr_mem_used(me->mem));
}

weir_status wr_agg_spill(wr_agg *a, wr_agg_local *me)
{
    a->has_spilled = true;
    if (!me->spilled) me->spilled = sources_new(a, wr_spill_parts(&a->op));
    bool has_keys = a->column_count > 0;
    if (has_keys) number_groups(a, me);
    for (int i = 0; i < a->call_count; i++)
        if (a->calls[i].is_kept) WR_TRY(spill_kept(a, me, i));
    if (has_keys) {
        WR_TRY(spill_groups(a, me));
        forget_groups(a, me);
    }
    for (int i = 0; !has_keys && i < a->call_count; i++)
        if (a->calls[i].is_free) wr_groups_clear(&me->distinct[i]);
    wr_pages_trim();
    return WR_OK;
}

weir_status wr_agg_list_parts(wr_agg *a)
{
    int parts = wr_spill_parts(&a->op), workers = wr_exec_workers(a->op.exec);
    a->source_count = workers;
    uint64_t rows = 0;
    for (int p = parts; p-- > 0;) {
        wr_agg_part *part = wr_heap_new(sizeof *part);
        part->sources = wr_heap_new(sizeof *part->sources * (size_t)workers);
        add_todo(a, part);
        for (int w = 0; w < workers; w++) {
            wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
            if (!from || !from->spilled) continue;
            part->sources[w] = from->spilled[p];
            from->spilled[p] = (wr_agg_source){0};
            rows += part->sources[w].groups.rows;
        }
    }
    wr_op_note(&a->op, "hash, %d partitions, %llu groups spilled", parts, (unsigned long long)rows);
    return WR_OK;
}

/* ---- splitting a partition ---- */

static bool is_too_large(const wr_agg *a, const wr_agg_part *part)
{
    uint64_t bytes = 0, rows = 0;
    for (int s = 0; s < a->source_count; s++) {
        const wr_agg_source *source = &part->sources[s];
        rows += source->groups.rows;
        bytes += source->groups.bytes;
        for (int c = 0; source->kept && c < a->call_count; c++)
            if (!a->calls[c].is_free) bytes += source->kept[c].bytes;
    }
    if (part->level + 1 >= WR_SPILL_LEVELS || rows < 2) return false;
    if (wr_spill_is_forced(&a->op)) return part->level == 0;
    return bytes + rows * 32 > wr_spill_portion(&a->op);
}

/* Moves the rows of a tape to tapes of the next level. numbers: by old number of a group, the new
 * one; written for groups (layout NULL of kept), read for kept rows. */
static weir_status split_tape(wr_agg *a, const wr_tape *from, const wr_rows_layout *layout,
                              bool is_kept, int level, uint64_t *numbers, wr_tape *tapes)
{
    WR_AUTO(wr_rows) *rows = NULL;
    int parts = wr_spill_parts(&a->op);
    uint64_t old = 0, next[WR_SPILL_PARTS_MAX] = {0};
    WR_TRY(wr_rows_new(a->op.mem, layout, &rows));
    for (uint32_t block = 0; block < from->count;) {
        uint8_t *some[WR_BATCH_ROWS];
        wr_rows_cursor cursor = {0, 0};
        wr_rows_empty(rows);
        while (block < from->count && wr_rows_bytes(rows) < SPLIT_BYTES)
            WR_TRY(wr_tape_load(&a->spill, from, block++, rows));
        for (uint32_t n; (n = wr_rows_next(rows, &cursor, some, WR_BATCH_ROWS)) > 0;)
            for (uint32_t i = 0; numbers && i < n; i++) {
                uint64_t number;
                if (!is_kept) {
                    numbers[old++] =
                        next[wr_spill_part(*wr_row_extra(layout, some[i]), level, parts)]++;
                    continue;
                }
                memcpy(&number, some[i] + layout->offsets[0], sizeof number);
                memcpy(some[i] + layout->offsets[0], &numbers[number], sizeof number);
            }
        WR_TRY(wr_spill_by_hash(&a->spill, layout, rows, level, tapes));
    }
    return WR_OK;
}

static weir_status split_source(wr_agg *a, const wr_agg_source *from, int s, int level,
                                uint64_t *numbers, wr_agg_part **into)
{
    int parts = wr_spill_parts(&a->op);
    wr_tape tapes[WR_SPILL_PARTS_MAX] = {0};
    weir_status bad = split_tape(a, &from->groups, a->is_packed ? &a->packed : &a->layout, false,
                                 level, numbers, tapes);
    for (int p = 0; p < parts; p++)
        into[p]->sources[s].groups = tapes[p];
    for (int c = 0; !bad && from->kept && c < a->call_count; c++) {
        if (from->kept[c].rows == 0) continue;
        memset(tapes, 0, sizeof tapes);
        bad = split_tape(a, &from->kept[c], &a->calls[c].kept, true, level, numbers, tapes);
        for (int p = 0; p < parts; p++)
            into[p]->sources[s].kept[c] = tapes[p];
    }
    return bad;
}

static weir_status split_part(wr_agg *a, const wr_agg_part *part)
{
    int parts = wr_spill_parts(&a->op), level = part->level + 1;
    wr_agg_part *into[WR_SPILL_PARTS_MAX];
    weir_status bad = WR_OK;
    for (int p = 0; p < parts; p++) {
        into[p] = wr_heap_new(sizeof *into[p]);
        into[p]->level = level;
        into[p]->sources = sources_new(a, a->source_count);
    }
    for (int s = 0; !bad && s < a->source_count; s++) {
        const wr_agg_source *from = &part->sources[s];
        uint64_t size = from->groups.rows * sizeof(uint64_t), *numbers = NULL;
        if (size == 0) continue;
        if (a->any_kept) bad = wr_mem_alloc(a->op.mem, size, (void **)&numbers);
        if (!bad) bad = split_source(a, from, s, level, numbers, into);
        wr_mem_free(a->op.mem, numbers, size);
    }
    for (int p = 0; p < parts; p++)
        add_todo(a, into[p]);
    return bad;
}

/* ---- reading ---- */

/* The state of every call of a row read back, into a new group or merged into one that is there. */
static weir_status take_states(wr_agg *a, wr_agg_local *me, uint8_t *group, bool is_new,
                               uint8_t *row, const wr_rows_layout *layout, wr_arena *scratch)
{
    uint8_t *states = row + layout->extra_offset - a->layout.extra_offset; /* same offsets there */
    int column = a->column_count;
    for (int i = 0; i < a->call_count; i++) {
        const wr_agg_call *c = &a->calls[i];
        const wr_aggregate *fn = c->call->fn;
        size_t size = (fn->state_size(c->call) + 7) / 8 * 8;
        uint8_t *state = states + c->state_offset;
        uint8_t *to = group + c->state_offset;
        if (is_saved(c)) {
            wr_view v;
            memcpy(&v, row + layout->offsets[column++], sizeof v);
            if (!is_new) to = wr_arena_alloc(scratch, size);
            memset(to, 0, size);
            if (fn->init) fn->init(c->call, to);
            WR_TRY(fn->load(&me->envs[i], (wr_str){wr_view_bytes(&v), v.length}, to));
            state = to;
        } else if (is_new) {
            memcpy(to, state, size);
        }
        if (!is_new && !c->is_kept) WR_TRY(fn->merge(&me->envs[i], group + c->state_offset, state));
    }
    return WR_OK;
}

static weir_status take_groups(wr_agg *a, wr_agg_local *me, const wr_rows_layout *layout,
                               uint8_t **rows, uint32_t n, uint8_t **found, wr_arena *scratch)
{
    uint16_t added[WR_BATCH_ROWS];
    bool is_new[WR_BATCH_ROWS] = {0};
    uint32_t fresh;
    wr_column *columns = wr_new_array(scratch, wr_column, a->column_count + 1);
    for (int k = 0; k < a->column_count; k++)
        wr_rows_gather(layout, k, rows, n, scratch, &columns[k]);
    WR_TRY(wr_groups_find(&me->groups, columns, NULL, n, NULL, scratch, found, added, &fresh));
    for (uint32_t i = 0; i < fresh; i++)
        is_new[added[i]] = true;
    for (uint32_t i = 0; i < n; i++)
        WR_TRY(take_states(a, me, found[i], is_new[i], rows[i], layout, scratch));
    return WR_OK;
}

static weir_status load_groups(wr_agg *a, wr_agg_local *me, wr_agg_source *source)
{
    const wr_rows_layout *layout = a->is_packed ? &a->packed : &a->layout;
    uint64_t count = source->groups.rows, at = 0;
    if (count == 0) return WR_OK;
    if (a->any_kept)
        WR_TRY(wr_mem_alloc(a->op.mem, count * sizeof *source->final, (void **)&source->final));
    wr_tape_reader reader = {0};
    WR_TRY(wr_tape_open(&reader, &a->spill, &source->groups, layout));
    WR_ARENA(scratch);
    weir_status bad = WR_OK;
    while (!bad) {
        uint8_t *rows[WR_BATCH_ROWS], *found[WR_BATCH_ROWS];
        uint32_t n;
        bad = wr_tape_next(&reader, rows, WR_BATCH_ROWS, &n);
        if (bad || n == 0) break;
        wr_arena_reset(&scratch);
        bad = take_groups(a, me, layout, rows, n, found, &scratch);
        if (source->final && !bad) memcpy(source->final + at, found, n * sizeof *found);
        at += n;
    }
    wr_tape_close(&reader);
    return bad;
}

/* Kept rows of one tape: those whose arguments hash to this pass, for their groups. */
static weir_status load_kept(wr_agg *a, wr_agg_local *me, int call, const wr_agg_source *source,
                             uint8_t *only, uint32_t pass, uint32_t passes)
{
    const wr_agg_call *c = &a->calls[call];
    wr_tape_reader reader = {0};
    WR_TRY(wr_tape_open(&reader, &a->spill, &source->kept[call], &c->kept));
    WR_ARENA(scratch);
    weir_status bad = WR_OK;
    while (!bad) {
        uint8_t *rows[WR_BATCH_ROWS];
        uint32_t n, kept = 0;
        bad = wr_tape_next(&reader, rows, WR_BATCH_ROWS, &n);
        if (bad || n == 0) break;
        if (passes > 1) {
            uint64_t hashes[WR_BATCH_ROWS];
            hash_arguments(c, rows, n, hashes);
            for (uint32_t i = 0; i < n; i++)
                if ((hashes[i] >> 20) % passes == pass) rows[kept++] = rows[i];
            n = kept;
        }
        for (uint32_t i = 0; i < n; i++) {
            uint64_t group;
            memcpy(&group, rows[i] + c->kept.offsets[0], sizeof group);
            group = (uint64_t)(uintptr_t)(only ? only : source->final[group]);
            memcpy(rows[i] + c->kept.offsets[0], &group, sizeof group);
        }
        wr_arena_reset(&scratch);
        wr_column *columns = wr_new_array(&scratch, wr_column, c->kept.column_count + 1);
        for (int k = 0; k < c->kept.column_count; k++)
            wr_rows_gather(&c->kept, k, rows, n, &scratch, &columns[k]);
        bad = wr_agg_add_kept(a, me, call, columns, NULL, n, &scratch);
    }
    wr_tape_close(&reader);
    return bad;
}

static weir_status feed_kept(wr_agg *a, wr_agg_local *me, int call, wr_agg_source **sources,
                             int count, uint8_t *only)
{
    uint64_t bytes = 0, passes = 1;
    for (int s = 0; s < count; s++)
        bytes += sources[s]->kept ? sources[s]->kept[call].bytes : 0;
    if (bytes == 0) return WR_OK;
    if (a->calls[call].is_free) {
        passes = bytes * 2 / wr_spill_portion(&a->op) + 1;
        passes = wr_spill_is_forced(&a->op) ? 2 : WR_MIN(passes, (uint64_t)PASSES_MAX);
    }
    for (uint32_t pass = 0; pass < passes; pass++) {
        for (int s = 0; s < count; s++)
            if (sources[s]->kept && sources[s]->kept[call].rows)
                WR_TRY(load_kept(a, me, call, sources[s], only, pass, (uint32_t)passes));
        WR_TRY(wr_agg_feed(a, me, call, me, -1));
        wr_rows_drop(WR_TAKE(me->kept[call]));
        wr_groups_clear(&me->distinct[call]);
    }
    return WR_OK;
}

weir_status wr_agg_feed_spilled(wr_agg *a, wr_agg_local *me, int call, uint8_t *group)
{
    int workers = wr_exec_workers(a->op.exec);
    for (int p = 0; p < wr_spill_parts(&a->op); p++) {
        wr_agg_source **sources = wr_heap_new(sizeof *sources * (size_t)workers);
        int count = 0;
        for (int w = 0; w < workers; w++) {
            wr_agg_local *from = (wr_agg_local *)a->op.locals[w];
            if (from && from->spilled) sources[count++] = &from->spilled[p];
        }
        weir_status bad = feed_kept(a, me, call, sources, count, group);
        wr_heap_drop(sources);
        if (bad) return bad;
    }
    return WR_OK;
}

static weir_status load_part(wr_agg *a, wr_agg_local *me)
{
    wr_agg_part *part = me->part;
    WR_TRY(wr_groups_init(&me->groups, a->op.mem, &a->layout, a->hashed_count, false));
    me->has_groups = true;
    me->part_at = (wr_rows_cursor){0, 0};
    for (int s = 0; s < a->source_count; s++)
        WR_TRY(load_groups(a, me, &part->sources[s]));
    wr_agg_source **sources = wr_heap_new(sizeof *sources * (size_t)(a->source_count + 1));
    for (int s = 0; s < a->source_count; s++)
        sources[s] = &part->sources[s];
    weir_status bad = WR_OK;
    for (int i = 0; !bad && i < a->call_count; i++)
        if (a->calls[i].is_kept) bad = feed_kept(a, me, i, sources, a->source_count, NULL);
    wr_heap_drop(sources);
    return bad;
}

void wr_agg_take_part(wr_agg *a, wr_agg_local *me, bool *got)
{
    wr_mutex_lock(&a->todo_lock);
    me->part = a->todo;
    if (me->part) a->todo = me->part->next;
    wr_mutex_unlock(&a->todo_lock);
    me->is_loaded = false;
    *got = me->part != NULL;
}

weir_status wr_agg_next_groups(wr_agg *a, wr_agg_local *me, uint8_t **rows, uint32_t *count)
{
    *count = 0;
    if (!me->is_loaded && is_too_large(a, me->part)) {
        weir_status bad = split_part(a, me->part);
        part_drop(a, WR_TAKE(me->part));
        return bad;
    }
    if (!me->is_loaded) {
        WR_TRY(load_part(a, me));
        me->is_loaded = true;
    }
    *count = wr_rows_next(me->groups.rows, &me->part_at, rows, WR_BATCH_ROWS);
    if (*count > 0) return WR_OK;
    forget_groups(a, me);
    part_drop(a, WR_TAKE(me->part));
    return WR_OK;
}
