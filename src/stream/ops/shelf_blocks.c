/* shelf_blocks.c - see shelf.h: rows of a shelf in the state store, many in one value.
 *
 *   'f' [side]               the moment before which all rows are forgotten, the next sequence
 *   [side + 64] [number]     latest moment, how many; rows, column by column, some thousand at a
 * time [side + 96] [number]     what became of single rows of older blocks: gone, or another number
 *
 * So is every shelf written until its rows are wanted by key (shelf_spill.c). A commit appends what
 * is new, bucket by bucket, so that the rows of a block are forgotten at about the same time; then
 * the block goes as a whole. When blocks hold more than twice the rows there are, all are written
 * anew. Blocks have ascending numbers and are read in their order.
 *
 * Invariant: rows that come are never due before what was forgotten, for such ones are late. */
#include "store/keys.h"
#include "store/packed_columns.h"
#include "stream/ops/shelf.h"
#include <stdlib.h>

enum { ROWS_SIDE = 64, MARKS_SIDE = 96, FACTS = 'f', FACTS_VERSION = 2 };
enum { BLOCK_BYTES = 64 * 1024, CUT_BYTES = BLOCK_BYTES / 4, FEW_ROWS = 16 * 1024 };
static const int64_t IS_GONE = -1; /* in place of a number */

static wr_str block_key(uint8_t out[9], int tag, uint64_t number)
{
    uint64_t ordered = __builtin_bswap64(number);
    out[0] = (uint8_t)tag;
    memcpy(out + 1, &ordered, sizeof ordered);
    return (wr_str){(const char *)out, 9};
}

/* ---- the list of blocks ---- */

static weir_status list_block(wr_shelf *shelf, bool has_marks, uint64_t number, int64_t latest,
                              uint64_t entries)
{
    if (shelf->block_count == shelf->block_cap) {
        uint32_t cap = shelf->block_cap ? shelf->block_cap * 2 : 16;
        void *items = shelf->blocks;
        WR_TRY(wr_mem_grow(shelf->mem, &items, shelf->block_cap * sizeof *shelf->blocks,
                           cap * sizeof *shelf->blocks));
        shelf->blocks = items;
        shelf->block_cap = cap;
    }
    shelf->blocks[shelf->block_count++] = (wr_shelf_block){
        .number = number, .latest = latest, .entries = entries, .has_marks = has_marks};
    return WR_OK;
}

void wr_shelf_settle_blocks(wr_shelf *shelf, bool committed)
{
    uint32_t kept = 0;
    if (!committed) shelf->block_count = WR_MIN(shelf->block_count, shelf->settled_blocks);
    for (uint32_t i = 0; i < shelf->block_count; i++) {
        wr_shelf_block block = shelf->blocks[i];
        if (committed && block.is_dropped) continue;
        block.is_dropped = false;
        shelf->blocks[kept++] = block;
    }
    shelf->block_count = shelf->settled_blocks = kept;
}

/* Blocks of which every row was forgotten go; returns what the others hold. */
static weir_status drop_due(wr_shelf *shelf, wr_state *state, uint32_t section, uint64_t *entries)
{
    uint8_t name[9];
    *entries = 0;
    for (uint32_t i = 0; i < shelf->block_count; i++) {
        wr_shelf_block *block = &shelf->blocks[i];
        int tag = (block->has_marks ? MARKS_SIDE : ROWS_SIDE) + shelf->side;
        block->is_dropped = block->latest < shelf->forgotten;
        if (block->is_dropped)
            WR_TRY(wr_state_delete(state, section, block_key(name, tag, block->number)));
        else
            *entries += block->entries;
    }
    return WR_OK;
}

static weir_status drop_all(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    for (int marks = 0; marks < 2; marks++) {
        char first = (char)((marks ? MARKS_SIDE : ROWS_SIDE) + shelf->side), last = first;
        last++;
        WR_TRY(wr_state_delete_range(state, section, (wr_str){&first, 1}, (wr_str){&last, 1}));
    }
    for (uint32_t i = 0; i < shelf->block_count; i++)
        shelf->blocks[i].is_dropped = true;
    return WR_OK;
}

weir_status wr_shelf_drop_blocks(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    const char name[] = {FACTS, (char)shelf->side};
    WR_TRY(drop_all(shelf, state, section));
    return wr_state_delete(state, section, (wr_str){name, sizeof name});
}

/* ---- writing ---- */

typedef struct packing {
    wr_shelf *shelf;
    wr_state *state;
    uint32_t section;
    wr_buf block;
    wr_arena scratch; /* of one batch of rows */
    int64_t latest;
    uint64_t entries;
    uint32_t most; /* rows written together */
    int64_t words[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS];
} packing;

static void begin_block(packing *p)
{
    const uint64_t place[2] = {0}; /* of what put_block knows */
    p->block.length = 0;
    wr_buf_add(&p->block, place, sizeof place);
    p->latest = INT64_MIN;
    p->entries = 0;
}

static weir_status put_block(packing *p, bool has_marks)
{
    uint8_t name[9];
    if (p->entries == 0) return WR_OK;
    uint64_t number = p->shelf->next_block++;
    int tag = (has_marks ? MARKS_SIDE : ROWS_SIDE) + p->shelf->side;
    memcpy(p->block.data, &p->latest, sizeof p->latest);
    memcpy(p->block.data + sizeof p->latest, &p->entries, sizeof p->entries);
    WR_TRY(list_block(p->shelf, has_marks, number, p->latest, p->entries));
    WR_TRY(wr_state_put(p->state, p->section, block_key(name, tag, number), wr_buf_str(&p->block)));
    begin_block(p);
    return WR_OK;
}

static void add_headers(packing *p, uint8_t *const *rows, uint32_t count)
{
    const wr_shelf *shelf = p->shelf;
    for (uint32_t i = 0; i < count; i++) {
        const wr_shelf_row *header = wr_shelf_row_of(shelf, rows[i]);
        p->keys[i] = header->key;
        p->words[i] = header->time;
        p->latest = WR_MAX(p->latest, header->time);
    }
    wr_words_append(&p->block, p->words, count);
    for (uint32_t i = 0; i < count; i++)
        p->words[i] = (int64_t)wr_shelf_row_of(shelf, rows[i])->sequence;
    wr_words_append(&p->block, p->words, count);
    for (uint32_t i = 0; i < count; i++)
        p->words[i] = wr_shelf_row_of(shelf, rows[i])->number;
    wr_words_append(&p->block, p->words, count);
}

static void add_columns(packing *p, const wr_rows_layout *layout, uint8_t *const *rows,
                        uint32_t count)
{
    wr_column *columns = wr_new_array(&p->scratch, wr_column, layout->column_count + 1);
    wr_rows_gather_all(layout, layout->column_count, rows, count, &p->scratch, columns);
    for (int c = 0; c < layout->column_count; c++)
        wr_column_append(&p->block, &columns[c], count, &p->scratch);
}

/* Long rows are written a few at a time, so that a block is not much longer than it should be. */
static weir_status add_rows(packing *p, uint8_t *const *rows, uint64_t count)
{
    for (uint64_t at = 0; at < count;) {
        uint32_t n = (uint32_t)WR_MIN(count - at, (uint64_t)p->most);
        size_t before = p->block.length;
        wr_arena_reset(&p->scratch);
        wr_buf_add(&p->block, &n, sizeof n);
        add_headers(p, rows + at, n);
        add_columns(p, &p->shelf->layout, rows + at, n);
        add_columns(p, &p->shelf->keys->layout, p->keys, n);
        p->entries += n;
        at += n;
        size_t each = (p->block.length - before) / n + 1;
        p->most = (uint32_t)WR_MAX(WR_MIN(BLOCK_BYTES / each, (size_t)WR_BATCH_ROWS), (size_t)1);
        if (p->block.length >= BLOCK_BYTES) WR_TRY(put_block(p, false));
    }
    return p->block.length >= CUT_BYTES ? put_block(p, false) : WR_OK;
}

static int by_sequence(const void *a, const void *b, void *arg)
{
    const wr_shelf *shelf = arg;
    uint64_t x = wr_shelf_row_of(shelf, *(uint8_t *const *)a)->sequence;
    uint64_t y = wr_shelf_row_of(shelf, *(uint8_t *const *)b)->sequence;
    return x < y ? -1 : x > y;
}

/* Rows that are new, by bucket; the others of the list of changes stand behind them. */
typedef struct sorted_rows {
    uint8_t **rows;
    uint32_t *ends; /* of each bucket */
    uint32_t count; /* of new ones */
} sorted_rows;

static void sort_changed(const wr_shelf *shelf, wr_arena *arena, sorted_rows *out)
{
    uint32_t *bucket_of = wr_arena_raw(arena, (shelf->changed_count + 1) * sizeof *bucket_of);
    uint32_t *ends = wr_new_array(arena, uint32_t, shelf->bucket_count + 1);
    uint32_t last = 0, old = shelf->bucket_count;
    for (uint32_t i = 0; i < shelf->changed_count; i++) {
        const wr_shelf_row *header = wr_shelf_row_of(shelf, shelf->changed[i]);
        int64_t number = header->time >> shelf->shift;
        if (shelf->buckets[last].number != number) {
            uint32_t low = 0, high = shelf->bucket_count - 1;
            while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                if (shelf->buckets[middle].number < number)
                    low = middle + 1;
                else
                    high = middle;
            }
            last = low;
        }
        bucket_of[i] = header->sequence < shelf->settled_sequence ? old : last;
        ends[bucket_of[i]]++;
    }
    out->count = shelf->changed_count - ends[old];
    for (uint32_t b = 0, at = 0; b <= old; b++) {
        uint32_t count = ends[b];
        ends[b] = at; /* grows to the end below */
        at += count;
    }
    out->rows = wr_arena_raw(arena, (shelf->changed_count + 1) * sizeof *out->rows);
    for (uint32_t i = 0; i < shelf->changed_count; i++)
        out->rows[ends[bucket_of[i]]++] = shelf->changed[i];
    out->ends = ends;
}

static weir_status pack_new(packing *p, const sorted_rows *sorted)
{
    wr_shelf *shelf = p->shelf;
    for (uint32_t b = 0, at = 0; b < shelf->bucket_count; at = sorted->ends[b++]) {
        uint32_t count = sorted->ends[b] - at;
        if (count > 1 && shelf->is_ordered)
            qsort_r(sorted->rows + at, count, sizeof *sorted->rows, by_sequence, shelf);
        WR_TRY(add_rows(p, sorted->rows + at, count));
    }
    return put_block(p, false);
}

static weir_status pack_all(packing *p)
{
    wr_shelf *shelf = p->shelf;
    uint8_t *rows[WR_BATCH_ROWS];
    wr_shelf_cursor cursor = {0};
    WR_TRY(drop_all(shelf, p->state, p->section));
    for (uint32_t n; (n = wr_shelf_next(shelf, &cursor, rows)) > 0;)
        WR_TRY(add_rows(p, rows, n));
    return put_block(p, false);
}

typedef struct mark {
    uint64_t sequence;
    int64_t number; /* or IS_GONE */
} mark;

static weir_status add_marks(packing *p, const mark *marks, uint32_t count)
{
    if (count == 0) return WR_OK;
    wr_buf_add(&p->block, &count, sizeof count);
    for (uint32_t i = 0; i < count; i++)
        p->words[i] = (int64_t)marks[i].sequence;
    wr_words_append(&p->block, p->words, count);
    for (uint32_t i = 0; i < count; i++)
        p->words[i] = marks[i].number;
    wr_words_append(&p->block, p->words, count);
    p->entries += count;
    return p->block.length >= BLOCK_BYTES ? put_block(p, true) : WR_OK;
}

/* Rows of the state that were dropped, and those of the list that have another number. */
static weir_status pack_marks(packing *p, uint8_t *const *touched, uint32_t touched_count)
{
    const wr_shelf *shelf = p->shelf;
    mark marks[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint64_t i = 0, all = (uint64_t)touched_count + shelf->gone_count; i < all; i++) {
        int64_t time;
        if (i < touched_count) {
            const wr_shelf_row *header = wr_shelf_row_of(shelf, touched[i]);
            marks[n++] = (mark){header->sequence, header->number};
            time = header->time;
        } else {
            const wr_shelf_name *name = &shelf->gone[i - touched_count];
            marks[n++] = (mark){name->sequence, IS_GONE};
            time = name->time;
        }
        p->latest = WR_MAX(p->latest, time);
        if (n < WR_BATCH_ROWS) continue;
        WR_TRY(add_marks(p, marks, n));
        n = 0;
    }
    WR_TRY(add_marks(p, marks, n));
    return put_block(p, true);
}

static weir_status put_facts(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    const char name[] = {FACTS, (char)shelf->side}, version = FACTS_VERSION;
    const int64_t facts[] = {shelf->saved_after, (int64_t)shelf->next_sequence};
    WR_BUF(value);
    wr_buf_add_char(&value, version);
    wr_buf_add(&value, facts, sizeof facts);
    return wr_state_put(state, section, (wr_str){name, sizeof name}, wr_buf_str(&value));
}

static weir_status pack(packing *p)
{
    wr_shelf *shelf = p->shelf;
    uint64_t entries, more = (uint64_t)shelf->changed_count + shelf->gone_count;
    WR_TRY(drop_due(shelf, p->state, p->section, &entries));
    WR_TRY(put_facts(shelf, p->state, p->section));
    if (entries && entries + more > shelf->live * 2 + FEW_ROWS) return pack_all(p);
    WR_ARENA(arena);
    arena.mem = shelf->mem;
    sorted_rows sorted = {0};
    sort_changed(shelf, &arena, &sorted);
    WR_TRY(pack_new(p, &sorted));
    return pack_marks(p, sorted.rows + sorted.count, shelf->changed_count - sorted.count);
}

weir_status wr_shelf_pack(wr_shelf *shelf, wr_state *state, uint32_t section)
{
    bool is_same = shelf->changed_count == 0 && shelf->gone_count == 0;
    if (is_same && shelf->forgotten == INT64_MIN) return WR_OK;
    packing *p = wr_heap_raw(sizeof *p);
    p->shelf = shelf;
    p->state = state;
    p->section = section;
    p->block = (wr_buf){0};
    p->scratch = (wr_arena){0};
    p->most = WR_MIN((uint32_t)WR_BATCH_ROWS, 256u);
    begin_block(p);
    weir_status bad = pack(p);
    wr_buf_clear(&p->block);
    wr_arena_clear(&p->scratch);
    wr_heap_drop(p);
    return bad;
}

/* ---- reading ---- */

typedef struct read_mark {
    uint64_t sequence, order;
    int64_t number; /* or IS_GONE */
} read_mark;

typedef struct unpacking {
    wr_shelf *shelf;
    wr_arena scratch, arena;
    WR_LIST(read_mark) marks; /* by sequence, one each, once all are read */
    uint64_t entries;         /* of the block */
    uint32_t numbers[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS], words[WR_BATCH_ROWS];
    uint64_t sequences[WR_BATCH_ROWS];
    uint16_t rows[WR_BATCH_ROWS];
    uint8_t *keys[WR_BATCH_ROWS], *added[WR_BATCH_ROWS];
} unpacking;

static weir_status damaged(const wr_shelf *shelf)
{
    return wr_fail(WR_E_CORRUPT, "rows of %s in the state are damaged", shelf->op->def->name);
}

static weir_status take(const wr_shelf *shelf, wr_str *from, void *out, size_t size)
{
    if (from->length < size) return damaged(shelf);
    memcpy(out, from->data, size);
    from->data += size;
    from->length -= size;
    return WR_OK;
}

static weir_status take_count(unpacking *u, wr_str *from, uint32_t *count)
{
    WR_TRY(take(u->shelf, from, count, sizeof *count));
    if (*count == 0 || *count > WR_BATCH_ROWS) return damaged(u->shelf);
    u->entries += *count;
    return WR_OK;
}

static weir_status read_marks(unpacking *u, wr_str *from)
{
    uint32_t count = 0;
    WR_TRY(take_count(u, from, &count));
    WR_TRY(wr_words_read(from, u->times, count));
    WR_TRY(wr_words_read(from, u->words, count));
    for (uint32_t i = 0; i < count; i++) {
        if (u->words[i] < IS_GONE || u->words[i] > UINT32_MAX) return damaged(u->shelf);
        read_mark m = {(uint64_t)u->times[i], (uint64_t)u->marks.count, u->words[i]};
        wr_push(&u->arena, &u->marks, m);
    }
    return WR_OK;
}

static int by_row(const void *a, const void *b)
{
    const read_mark *x = a, *y = b;
    if (x->sequence != y->sequence) return x->sequence < y->sequence ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Of each row the last mark stays. */
static void sort_marks(unpacking *u)
{
    int kept = 0;
    if (u->marks.count == 0) return;
    qsort(u->marks.items, (size_t)u->marks.count, sizeof *u->marks.items, by_row);
    for (int i = 0; i < u->marks.count; i++) {
        kept += i > 0 && u->marks.items[i].sequence != u->marks.items[kept].sequence;
        u->marks.items[kept] = u->marks.items[i];
    }
    u->marks.count = kept + 1;
}

static const read_mark *mark_of(const unpacking *u, uint64_t sequence)
{
    int low = 0, high = u->marks.count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (u->marks.items[middle].sequence < sequence)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_there = low < u->marks.count && u->marks.items[low].sequence == sequence;
    return is_there ? &u->marks.items[low] : NULL;
}

/* Rows that live move to the front of times, sequences and numbers. */
static uint32_t choose_rows(unpacking *u, uint32_t count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        const read_mark *last = mark_of(u, u->sequences[i]);
        int64_t number = last ? last->number : u->words[i];
        if (number == IS_GONE || u->times[i] < u->shelf->packed_after) continue;
        u->rows[n] = (uint16_t)i;
        u->times[n] = u->times[i];
        u->sequences[n] = u->sequences[i];
        u->numbers[n++] = (uint32_t)number;
    }
    return n;
}

static weir_status read_headers(unpacking *u, wr_str *from, uint32_t count)
{
    WR_TRY(wr_words_read(from, u->times, count));
    WR_TRY(wr_words_read(from, u->words, count));
    for (uint32_t i = 0; i < count; i++) {
        u->sequences[i] = (uint64_t)u->words[i];
        if (u->sequences[i] >= u->shelf->next_sequence) return damaged(u->shelf);
    }
    WR_TRY(wr_words_read(from, u->words, count));
    for (uint32_t i = 0; i < count; i++)
        if (u->words[i] < 0 || u->words[i] > UINT32_MAX) return damaged(u->shelf);
    return WR_OK;
}

static weir_status read_columns(unpacking *u, wr_str *from, const wr_rows_layout *layout,
                                uint32_t count, wr_column **out)
{
    *out = wr_new_array(&u->scratch, wr_column, layout->column_count + 1);
    for (int c = 0; c < layout->column_count; c++)
        WR_TRY(wr_column_read(from, layout->types[c], count, &u->scratch, *out + c));
    return WR_OK;
}

static weir_status read_rows(unpacking *u, wr_str *from)
{
    wr_shelf *shelf = u->shelf;
    uint32_t count = 0;
    wr_column *columns, *keys;
    wr_arena_reset(&u->scratch);
    WR_TRY(take_count(u, from, &count));
    WR_TRY(read_headers(u, from, count));
    WR_TRY(read_columns(u, from, &shelf->layout, count, &columns));
    WR_TRY(read_columns(u, from, &shelf->keys->layout, count, &keys));
    count = choose_rows(u, count);
    if (count == 0) return WR_OK;
    WR_TRY(wr_shelf_keys_find(shelf->keys, keys, u->rows, count, &u->scratch, u->keys));
    WR_TRY(wr_shelf_add(shelf, columns, u->rows, count, u->times, u->keys, u->sequences, u->added));
    for (uint32_t i = 0; i < count; i++) {
        wr_shelf_row_of(shelf, u->added[i])->number = u->numbers[i];
        shelf->link(shelf->owner, u->added[i]);
    }
    return WR_OK;
}

static weir_status read_blocks(unpacking *u, bool has_marks)
{
    wr_shelf *shelf = u->shelf;
    const char first = (char)((has_marks ? MARKS_SIDE : ROWS_SIDE) + shelf->side);
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    WR_TRY(wr_state_seek(shelf->op->state, shelf->op->section, (wr_str){&first, 1}, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        uint64_t number, entries = 0;
        int64_t latest = 0;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more || key.data[0] != first) return WR_OK;
        if (key.length != 1 + sizeof number) return damaged(shelf);
        memcpy(&number, key.data + 1, sizeof number);
        number = __builtin_bswap64(number);
        WR_TRY(take(shelf, &value, &latest, sizeof latest));
        WR_TRY(take(shelf, &value, &entries, sizeof entries));
        u->entries = 0;
        while (value.length)
            WR_TRY(has_marks ? read_marks(u, &value) : read_rows(u, &value));
        if (u->entries != entries) return damaged(shelf);
        WR_TRY(list_block(shelf, has_marks, number, latest, u->entries));
        shelf->next_block = WR_MAX(shelf->next_block, number + 1);
    }
}

static weir_status read_facts(wr_shelf *shelf, wr_str value)
{
    char version = 0;
    int64_t facts[2];
    WR_TRY(take(shelf, &value, &version, 1));
    if (version != FACTS_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "rows of %s in the state have format %d, not %d",
                       shelf->op->def->name, version, FACTS_VERSION);
    WR_TRY(take(shelf, &value, facts, sizeof facts));
    if (value.length) return damaged(shelf);
    shelf->packed_after = facts[0];
    shelf->next_sequence = (uint64_t)facts[1];
    return WR_OK;
}

/* Before rows were written in blocks, each was a pair. */
static weir_status refuse_pairs(wr_shelf *shelf)
{
    const char first = (char)shelf->side;
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    wr_str key, value;
    bool more;
    WR_TRY(wr_state_seek(shelf->op->state, shelf->op->section, (wr_str){&first, 1}, &cursor));
    WR_TRY(wr_state_next(cursor, &key, &value, &more));
    if (!more || key.data[0] != first) return WR_OK;
    return wr_fail(WR_E_STATE_VERSION, "rows of %s in the state have format 0, not %d",
                   shelf->op->def->name, FACTS_VERSION);
}

weir_status wr_shelf_unpack(wr_shelf *shelf)
{
    const char name[] = {FACTS, (char)shelf->side};
    wr_str value;
    bool found;
    WR_TRY(wr_state_get(shelf->op->state, shelf->op->section, (wr_str){name, sizeof name}, &value,
                        &found));
    if (!found) return refuse_pairs(shelf);
    WR_TRY(read_facts(shelf, value));
    unpacking *u = wr_heap_raw(sizeof *u);
    u->shelf = shelf;
    u->scratch = (wr_arena){0};
    u->arena = (wr_arena){.mem = shelf->mem};
    memset(&u->marks, 0, sizeof u->marks);
    weir_status bad = read_blocks(u, true);
    if (!bad) sort_marks(u);
    if (!bad) bad = read_blocks(u, false);
    wr_arena_clear(&u->scratch);
    wr_arena_clear(&u->arena);
    wr_heap_drop(u);
    wr_shelf_settle_blocks(shelf, true);
    return bad;
}
