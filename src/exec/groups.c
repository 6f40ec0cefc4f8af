/* groups.c - see groups.h.
 *
 * A batch is found in rounds. Each open position walks to the first slot that is empty or has its
 * salt. Empty: the position claims the slot (address 0 for the moment) and will be a new row. Same
 * salt: it is compared after the new rows of this round exist, which makes equal keys within one
 * batch meet; if unequal, it goes on from the next slot. */
#include "exec/groups.h"
#include <stdio.h>

enum {
    SLOTS_FIRST = 1024,
    DIRECT_SMALL = 1 << 16, /* codes of several keys */
    DIRECT_ONE_KEY = 1 << 19,
    SLACK_FULL = 1 << 14, /* a span that grows is doubled up to here */
    DIRECT_FACTOR = 8,
    RESIZE_AHEAD = 16,
    GROW_FAST = 1 << 22
};
#define SALT_MASK (UINT64_C(0xffff) << 48)
#define ADDRESS_MASK (~SALT_MASK)
#define CLAIMED UINT64_C(1) /* beside the salt, so that a claimed slot is never 0 */

static uint8_t *const claimed_row = (uint8_t *)1;
enum { CLAIMED_NUMBER = 1 }; /* for a moment, in place of the number */

weir_status wr_groups_init(wr_groups *g, wr_mem *mem, const wr_rows_layout *layout, int key_count,
                           bool allow_direct)
{
    *g = (wr_groups){.mem = mem, .layout = layout, .key_count = key_count};
    g->is_direct = allow_direct && key_count > 0 && key_count <= WR_GROUPS_DIRECT_KEYS;
    for (int k = 0; k < key_count && g->is_direct; k++)
        g->is_direct = wr_keys_is_int(layout->types[k]);
    return wr_rows_new(mem, layout, &g->rows);
}

static uint64_t block_count(uint64_t codes)
{
    return (codes + WR_GROUPS_BLOCK - 1) / WR_GROUPS_BLOCK;
}

/* Codes in each block of an array of so many. */
static uint64_t block_codes(uint64_t codes) { return WR_MIN(codes, (uint64_t)WR_GROUPS_BLOCK); }

static void drop_direct(wr_groups *g)
{
    uint64_t blocks = block_count(g->direct_count);
    for (uint64_t b = 0; g->direct && b < blocks; b++)
        if (g->direct[b])
            wr_mem_free(g->mem, g->direct[b], block_codes(g->direct_count) * sizeof **g->direct);
    if (g->direct) wr_mem_free(g->mem, g->direct, blocks * sizeof *g->direct);
    g->direct = NULL;
    g->direct_count = g->direct_bytes = 0;
}

uint64_t wr_groups_bytes(const wr_groups *g)
{
    if (!g->rows) return 0;
    return wr_rows_bytes(g->rows) + g->slot_count * sizeof *g->slots + g->direct_bytes;
}

void wr_groups_clear(wr_groups *g)
{
    wr_rows_drop(g->rows);
    if (g->slots) wr_mem_free(g->mem, g->slots, g->slot_count * sizeof *g->slots);
    drop_direct(g);
    if (g->by_code) wr_mem_free(g->mem, g->by_code, WR_GROUPS_CODES * sizeof *g->by_code);
    *g = (wr_groups){0};
}

const char *wr_groups_note(const wr_groups *g, char *out, size_t size)
{
    if (g->is_loose)
        snprintf(out, size, "hash, grouped by partitions only");
    else if (g->is_direct)
        snprintf(out, size, "direct array of %llu", (unsigned long long)g->direct_count);
    else
        snprintf(out, size, "hash");
    return out;
}

/* ---- hash directory ---- */

void wr_groups_hash_rows(const wr_groups *g, uint8_t *const *rows, uint32_t count,
                         wr_arena *scratch)
{
    if (!g->is_direct || count == 0) return;
    wr_column *keys = wr_new_array(scratch, wr_column, g->key_count);
    uint64_t hashes[WR_BATCH_ROWS];
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(g->layout, k, rows, count, scratch, &keys[k]);
    wr_keys_hash(keys, g->key_count, NULL, count, hashes);
    for (uint32_t i = 0; i < count; i++)
        *wr_row_extra(g->layout, rows[i]) = hashes[i];
}

static weir_status resize(wr_groups *g, uint64_t slot_count)
{
    void *memory;
    WR_TRY(wr_mem_zalloc(g->mem, slot_count * sizeof(uint64_t), &memory));
    uint64_t *slots = memory, mask = slot_count - 1;
    for (uint64_t i = 0; i < g->slot_count; i++) {
        uint64_t slot = g->slots[i],
                 ahead = i + RESIZE_AHEAD < g->slot_count ? g->slots[i + RESIZE_AHEAD] : 0;
        if (ahead)
            __builtin_prefetch((const char *)(uintptr_t)(ahead & ADDRESS_MASK) +
                               g->layout->extra_offset);
        if (!slot) continue;
        uint64_t at = *wr_row_extra(g->layout, (uint8_t *)(uintptr_t)(slot & ADDRESS_MASK)) & mask;
        while (slots[at])
            at = (at + 1) & mask;
        slots[at] = slot;
    }
    if (g->slots) wr_mem_free(g->mem, g->slots, g->slot_count * sizeof(uint64_t));
    g->slots = slots;
    g->slot_count = slot_count;
    return WR_OK;
}

static uint64_t slots_for(const wr_groups *g, uint64_t count)
{
    uint64_t wanted = g->slot_count ? g->slot_count : SLOTS_FIRST;
    while (count * 2 > wanted)
        wanted *= wanted < GROW_FAST ? 4 : 2;
    return wanted;
}

static weir_status need_slots(wr_groups *g, uint64_t more)
{
    uint64_t wanted = slots_for(g, g->used + more);
    return wanted == g->slot_count ? WR_OK : resize(g, wanted);
}

weir_status wr_groups_expect(wr_groups *g, uint64_t more)
{
    return g->is_direct ? WR_OK : need_slots(g, more);
}

uint64_t wr_groups_need(const wr_groups *g, uint32_t more)
{
    if (!g->rows) return 0;
    uint64_t wanted = slots_for(g, wr_rows_count(g->rows) + more);
    return wanted == g->slot_count ? 0 : wanted * sizeof *g->slots;
}

/* Puts new groups into the store. list: positions. */
static weir_status make_rows(wr_groups *g, const wr_column *columns, const uint16_t *sel,
                             uint8_t *const *adopt, const uint16_t *list, uint32_t count,
                             uint8_t **found)
{
    if (count == 0) return WR_OK;
    if (adopt) {
        for (uint32_t i = 0; i < count; i++)
            found[list[i]] = adopt[list[i]];
        return WR_OK;
    }
    uint16_t rows[WR_BATCH_ROWS];
    uint8_t *addresses[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)wr_row_at(sel, list[i]);
    WR_TRY(wr_rows_append(g->rows, columns, rows, count, addresses));
    for (uint32_t i = 0; i < count; i++)
        found[list[i]] = addresses[i];
    return WR_OK;
}

static weir_status find_hashed(wr_groups *g, const wr_column *columns, const wr_column *flat,
                               const uint64_t *hashes, const uint16_t *sel, uint32_t count,
                               uint8_t *const *adopt, uint8_t **found, uint16_t *added,
                               uint32_t *added_count)
{
    WR_TRY(need_slots(g, count));
    uint64_t mask = g->slot_count - 1;
    uint64_t at[WR_BATCH_ROWS];
    uint16_t open[WR_BATCH_ROWS], compare[WR_BATCH_ROWS];
    uint32_t open_count = count;
    for (uint32_t i = 0; i < count; i++) {
        at[i] = hashes[i] & mask;
        open[i] = (uint16_t)i;
        __builtin_prefetch(&g->slots[at[i]]);
    }
    while (open_count > 0) {
        uint32_t new_first = *added_count, compare_count = 0;
        for (uint32_t j = 0; j < open_count; j++) {
            uint16_t i = open[j];
            uint64_t salt = hashes[i] & SALT_MASK, p = at[i], slot;
            while ((slot = g->slots[p]) != 0 && (slot & SALT_MASK) != salt)
                p = (p + 1) & mask;
            at[i] = p;
            if (slot == 0) {
                g->slots[p] = salt | CLAIMED;
                added[(*added_count)++] = i;
            } else {
                /* Its key and the states behind it: compared and updated soon. */
                __builtin_prefetch((const char *)(uintptr_t)(slot & ADDRESS_MASK));
                __builtin_prefetch((const char *)(uintptr_t)(slot & ADDRESS_MASK) + 64);
                compare[compare_count++] = i;
            }
        }
        uint32_t made = *added_count - new_first;
        WR_TRY(make_rows(g, columns, sel, adopt, added + new_first, made, found));
        for (uint32_t j = 0; j < made; j++) {
            uint16_t i = added[new_first + j];
            g->slots[at[i]] = (hashes[i] & SALT_MASK) | (uint64_t)(uintptr_t)found[i];
            *wr_row_extra(g->layout, found[i]) = hashes[i];
        }
        g->used += made;
        for (uint32_t j = 0; j < compare_count; j++)
            found[compare[j]] = (uint8_t *)(uintptr_t)(g->slots[at[compare[j]]] & ADDRESS_MASK);
        open_count = 0;
        wr_keys_match(g->layout, NULL, flat, g->key_count, UINT64_MAX, sel, found, compare,
                      compare_count, open, &open_count);
        for (uint32_t j = 0; j < open_count; j++)
            at[open[j]] = (at[open[j]] + 1) & mask;
    }
    return WR_OK;
}

void wr_groups_go_loose(wr_groups *g)
{
    if (g->is_direct) return;
    if (g->slots) wr_mem_free(g->mem, g->slots, g->slot_count * sizeof *g->slots);
    g->slots = NULL;
    g->slot_count = g->used = 0;
    g->is_loose = true;
}

static weir_status add_all(wr_groups *g, const wr_column *flat, const uint64_t *hashes,
                           const uint16_t *sel, uint32_t count, uint8_t **found, uint16_t *added,
                           uint32_t *added_count)
{
    WR_TRY(wr_rows_append(g->rows, flat, sel, count, found));
    for (uint32_t i = 0; i < count; i++) {
        *wr_row_extra(g->layout, found[i]) = hashes[i];
        added[i] = (uint16_t)i;
    }
    *added_count = count;
    return WR_OK;
}

/* ---- direct directory ---- */

/* Code of every position; false when some key lies outside the present spans. */
static bool codes_of(const wr_groups *g, int64_t *const *ints, uint8_t *const *nulls,
                     uint32_t count, uint64_t *codes)
{
    uint64_t outside = 0;
    memset(codes, 0, count * sizeof *codes);
    for (int k = 0; k < g->key_count; k++) {
        const int64_t *v = ints[k];
        const uint8_t *null = nulls[k];
        uint64_t base = (uint64_t)g->base[k], span = g->span[k], stride = g->stride[k];
        for (uint32_t i = 0; i < count; i++) {
            uint64_t code = null[i] ? 0 : (uint64_t)v[i] - base + 1;
            outside |= (code >= span) | (!null[i] & (code == 0));
            codes[i] += code * stride;
        }
    }
    return !outside;
}

/* The same for one key without NULLs. */
static bool codes_of_one(const wr_groups *g, const int64_t *v, uint32_t count, uint64_t *codes)
{
    uint64_t outside = 0, first = (uint64_t)g->base[0] - 1, most = g->span[0] - 1;
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = (uint64_t)v[i] - first;
        outside |= codes[i] - 1 >= most;
    }
    return !outside;
}

static bool int_range(const int64_t *v, const uint8_t *null, uint32_t count, int64_t *lo,
                      int64_t *hi)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        low = null[i] ? low : WR_MIN(low, v[i]);
        high = null[i] ? high : WR_MAX(high, v[i]);
    }
    *lo = low;
    *hi = high;
    return low <= high;
}

static bool span_is_allowed(const wr_groups *g, wr_u128 total)
{
    if (total <= DIRECT_SMALL) return true;
    if (g->key_count == 1 && total <= DIRECT_ONE_KEY &&
        total * sizeof **g->direct <= wr_mem_room(g->mem) / 64)
        return true;
    if (total > wr_mem_room(g->mem) / (4 * sizeof **g->direct)) return false;
    return g->key_count == 1 && total <= (wr_u128)g->seen * DIRECT_FACTOR;
}

/* Widens the spans to hold the batch. Returns false when direct addressing no longer pays. */
static bool widen_spans(wr_groups *g, int64_t *const *ints, uint8_t *const *nulls, uint32_t count)
{
    int64_t base[WR_GROUPS_DIRECT_KEYS];
    uint64_t span[WR_GROUPS_DIRECT_KEYS];
    wr_u128 total = 1;
    for (int k = 0; k < g->key_count; k++) {
        int64_t lo, hi;
        bool any = int_range(ints[k], nulls[k], count, &lo, &hi);
        if (g->span[k] > 1) { /* span 1 holds NULL only */
            int64_t old_hi = (int64_t)((uint64_t)g->base[k] + g->span[k] - 2);
            if (!any) lo = g->base[k], hi = old_hi;
            /* Room to grow in the direction of growth, so that an ascending key is not rebuilt at
             * each batch. */
            uint64_t slack = g->span[k] <= SLACK_FULL ? g->span[k] : g->span[k] / 4;
            if (lo < g->base[k])
                lo = lo < INT64_MIN + (int64_t)WR_MIN(slack, (uint64_t)INT64_MAX)
                         ? lo
                         : lo - (int64_t)WR_MIN(slack, (uint64_t)INT64_MAX);
            if (hi > old_hi)
                hi = hi > INT64_MAX - (int64_t)WR_MIN(slack, (uint64_t)INT64_MAX)
                         ? hi
                         : hi + (int64_t)WR_MIN(slack, (uint64_t)INT64_MAX);
            lo = WR_MIN(lo, g->base[k]);
            hi = WR_MAX(hi, old_hi);
            any = true;
        }
        base[k] = any ? lo : 0;
        wr_u128 wide = any ? (wr_u128)((wr_i128)hi - lo) + 2 : 1;
        if (wide > UINT32_MAX) return false;
        span[k] = (uint64_t)wide;
        total *= wide;
        if (total > ((wr_u128)1 << 90)) return false;
    }
    if (!span_is_allowed(g, total)) return false;
    uint64_t stride = 1;
    for (int k = 0; k < g->key_count; k++) {
        g->base[k] = base[k];
        g->span[k] = span[k];
        g->stride[k] = stride;
        stride *= span[k];
    }
    return true;
}

typedef struct int_keys {
    int64_t *ints[WR_GROUPS_DIRECT_KEYS];
    uint8_t *nulls[WR_GROUPS_DIRECT_KEYS];
    bool any_null;
} int_keys;

static void int_keys_of(const wr_groups *g, const wr_column *columns, const uint16_t *sel,
                        uint32_t count, wr_arena *scratch, int_keys *out)
{
    out->any_null = false;
    for (int k = 0; k < g->key_count; k++) {
        out->ints[k] = wr_arena_raw(scratch, sizeof(int64_t) * count);
        out->nulls[k] = wr_new_array(scratch, uint8_t, count);
        out->any_null |= wr_keys_ints(&columns[k], sel, count, out->ints[k], out->nulls[k]);
    }
}

static inline uint32_t *number_at(const wr_groups *g, uint64_t code)
{
    return &g->direct[code / WR_GROUPS_BLOCK][code % WR_GROUPS_BLOCK];
}

/* Makes the block of a code. */
static weir_status need_block(wr_groups *g, uint64_t code)
{
    uint32_t **block = &g->direct[code / WR_GROUPS_BLOCK];
    uint64_t bytes = block_codes(g->direct_count) * sizeof **block;
    if (wr_likely(*block != NULL)) return WR_OK;
    WR_TRY(wr_mem_zalloc(g->mem, bytes, (void **)block));
    g->direct_bytes += bytes;
    return WR_OK;
}

/* A new array for the present spans, filled from the groups there are. */
static weir_status rebuild_direct(wr_groups *g)
{
    uint64_t count = 1;
    for (int k = 0; k < g->key_count; k++)
        count *= g->span[k];
    void *memory;
    WR_TRY(wr_mem_zalloc(g->mem, block_count(count) * sizeof *g->direct, &memory));
    drop_direct(g);
    g->direct = memory;
    g->direct_count = count;
    g->direct_bytes = block_count(count) * sizeof *g->direct;
    WR_ARENA(scratch);
    wr_rows_cursor cursor = {0, 0}, before = cursor;
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t codes[WR_BATCH_ROWS];
    uint32_t numbers[WR_BATCH_ROWS];
    for (uint32_t n; (n = wr_rows_next(g->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;
         wr_arena_reset(&scratch), before = cursor) {
        wr_column *keys = wr_new_array(&scratch, wr_column, g->key_count);
        for (int k = 0; k < g->key_count; k++)
            wr_rows_gather(g->layout, k, rows, n, &scratch, &keys[k]);
        int_keys ik;
        int_keys_of(g, keys, NULL, n, &scratch, &ik);
        codes_of(g, ik.ints, ik.nulls, n, codes);
        wr_rows_numbers(g->rows, before, n, numbers);
        for (uint32_t i = 0; i < n; i++) {
            WR_TRY(need_block(g, codes[i]));
            *number_at(g, codes[i]) = numbers[i];
        }
    }
    return WR_OK;
}

static weir_status leave_direct(wr_groups *g)
{
    drop_direct(g);
    WR_ARENA(scratch);
    wr_rows_cursor cursor = {0, 0};
    uint8_t *rows[WR_BATCH_ROWS];
    WR_TRY(need_slots(g, wr_rows_count(g->rows)));
    for (uint32_t n; (n = wr_rows_next(g->rows, &cursor, rows, WR_BATCH_ROWS)) > 0;
         wr_arena_reset(&scratch)) {
        wr_groups_hash_rows(g, rows, n, &scratch);
        for (uint32_t i = 0; i < n; i++) {
            uint64_t hash = *wr_row_extra(g->layout, rows[i]), p = hash & (g->slot_count - 1);
            while (g->slots[p])
                p = (p + 1) & (g->slot_count - 1);
            g->slots[p] = (hash & SALT_MASK) | (uint64_t)(uintptr_t)rows[i];
            g->used++;
        }
    }
    g->is_direct = false;
    return WR_OK;
}

/* Notes the codes of the positions, one or another width of them, if few are possible. */
static void note_numbers(wr_groups *g, const uint64_t *wide, const uint16_t *narrow, uint32_t count,
                         uint8_t **rows, uint64_t codes, wr_arena *scratch)
{
    if (!g->wants_numbers || codes > WR_GROUPS_FEW) return;
    g->number = wr_arena_alloc(scratch, count + 1);
    for (uint32_t i = 0; wide && i < count; i++)
        g->number[i] = (uint8_t)wide[i];
    for (uint32_t i = 0; narrow && i < count; i++)
        g->number[i] = (uint8_t)narrow[i];
    g->few = rows;
    g->few_count = (uint32_t)codes;
}

/* Rows that were not there are claimed in the array, so that a key that comes twice in the batch
 * makes one. */
static weir_status find_direct(wr_groups *g, const wr_column *columns, const uint64_t *codes,
                               const uint16_t *sel, uint32_t count, uint8_t **found,
                               uint16_t *added, uint32_t *added_count)
{
    uint32_t first = *added_count, numbers[WR_BATCH_ROWS], fresh[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *block = g->direct[codes[i] / WR_GROUPS_BLOCK];
        numbers[i] = block ? block[codes[i] % WR_GROUPS_BLOCK] : 0;
        if (numbers[i]) continue;
        WR_TRY(need_block(g, codes[i]));
        *number_at(g, codes[i]) = CLAIMED_NUMBER;
        added[(*added_count)++] = (uint16_t)i;
    }
    uint32_t made = *added_count - first;
    if (made > 0) {
        wr_rows_cursor end = wr_rows_end(g->rows);
        WR_TRY(make_rows(g, columns, sel, NULL, added + first, made, found));
        wr_rows_numbers(g->rows, end, made, fresh);
        for (uint32_t j = 0; j < made; j++)
            *number_at(g, codes[added[first + j]]) = fresh[j];
        for (uint32_t i = 0; i < count; i++)
            numbers[i] = *number_at(g, codes[i]);
    }
    wr_rows_of_numbers(g->rows, numbers, count, found);
    if (g->direct_count <= WR_GROUPS_FEW) return WR_OK; /* they are in the cache */
    for (uint32_t i = 0; i < count; i++) {
        __builtin_prefetch(found[i] + g->layout->extra_offset);
        __builtin_prefetch(found[i] + g->layout->extra_offset + 64);
    }
    return WR_OK;
}

/* Is the array so small that its groups are known by number, and is there one? */
static bool has_few(const wr_groups *g)
{
    return g->wants_numbers && g->direct && g->direct_count <= WR_GROUPS_FEW && g->direct[0];
}

/* The rows that an array of few says, by code. */
static uint8_t **rows_of_few(const wr_groups *g, wr_arena *scratch)
{
    uint8_t **rows = wr_arena_raw(scratch, g->direct_count * sizeof *rows);
    wr_rows_of_numbers(g->rows, g->direct[0], (uint32_t)g->direct_count, rows);
    return rows;
}

#define NUMBERS(T)                       \
    for (uint32_t i = 0; i < count; i++) \
        number[i] = (uint8_t)(((const T *)c->data)[wr_row_at(sel, i)] + shift);

/* One narrow key whose bounds lie within a small array: its numbers need no widening and no look at
 * what is outside. False: something is otherwise, or there is a group to be made. */
static bool find_bounded(wr_groups *g, const wr_column *c, const uint16_t *sel, uint32_t count,
                         wr_arena *scratch, uint8_t **found)
{
    bool is_plain = c->form == WR_FLAT && !c->valid && c->has_bounds && g->key_count == 1;
    if (!is_plain || !has_few(g) || g->span[0] < 2 || c->lo < g->base[0] ||
        c->hi > (int64_t)((uint64_t)g->base[0] + g->span[0] - 2))
        return false;
    uint8_t *number = wr_arena_raw(scratch, count);
    const uint8_t shift = (uint8_t)((uint64_t)c->base - (uint64_t)g->base[0] + 1);
    switch (c->phys) { /* modulo 256, as all codes are less */
    case WR_P_I8:
        NUMBERS(uint8_t) break;
    case WR_P_I16:
        NUMBERS(uint16_t) break;
    case WR_P_I32:
        NUMBERS(uint32_t) break;
    default:
        return false;
    }
    uint8_t **rows = rows_of_few(g, scratch);
    bool is_missing = false;
    for (uint32_t i = 0; i < count; i++) {
        found[i] = rows[number[i]];
        is_missing |= !found[i];
    }
    if (is_missing) return false;
    g->number = number;
    g->few = rows;
    g->few_count = (uint32_t)g->direct_count;
    return true;
}
#undef NUMBERS

static weir_status find_keys(wr_groups *g, const wr_column *columns, const uint16_t *sel,
                             uint32_t count, uint8_t *const *adopt, wr_arena *scratch,
                             uint8_t **found, uint16_t *added, uint32_t *added_count)
{
    wr_column *flat = wr_new_array(scratch, wr_column, g->layout->column_count + 1);
    wr_keys_flatten(columns, g->key_count, sel, count, scratch, flat);
    uint64_t hashes[WR_BATCH_ROWS];
    if (adopt)
        for (uint32_t i = 0; i < count; i++)
            hashes[i] = *wr_row_extra(g->layout, adopt[i]);
    else
        wr_keys_hash(flat, g->key_count, sel, count, hashes);
    if (g->is_loose) {
        for (int k = g->key_count; k < g->layout->column_count; k++)
            flat[k] = columns[k];
        return add_all(g, flat, hashes, sel, count, found, added, added_count);
    }
    return find_hashed(g, columns, flat, hashes, sel, count, adopt, found, added, added_count);
}

/* ---- codes of dictionaries ---- */

/* Makes by_code fit the dictionaries of a batch. False: the keys are not such, or have too many
 * values. */
static bool need_codes(wr_groups *g, const wr_column *columns)
{
    uint64_t total = 1;
    if (g->key_count > WR_GROUPS_DIRECT_KEYS || g->key_count == 0) return false;
    for (int k = 0; k < g->key_count; k++) {
        if (columns[k].form != WR_DICTIONARY || !columns[k].dict_id) return false;
        total *= (uint64_t)columns[k].dict->rows + 1; /* one for NULL */
        if (total > WR_GROUPS_CODES) return false;
    }
    bool is_same = g->by_code != NULL;
    if (!g->by_code) {
        void *memory;
        weir_status bad = wr_mem_alloc(g->mem, WR_GROUPS_CODES * sizeof *g->by_code, &memory);
        wr_status_drop(bad); /* the way without them is always there */
        if (bad) return false;
        g->by_code = memory;
    }
    for (int k = 0; k < g->key_count; k++) {
        const wr_column *c = &columns[k];
        is_same &= g->code_ids[k] == c->dict_id && g->code_rows[k] == c->dict->rows;
        g->code_ids[k] = c->dict_id;
        g->code_rows[k] = c->dict->rows;
    }
    if (!is_same) memset(g->by_code, 0, total * sizeof *g->by_code);
    return true;
}

static void add_codes(const wr_column *c, const uint16_t *sel, uint32_t count, uint32_t stride,
                      uint16_t *codes)
{
    const uint8_t *narrow = c->data;
    const uint16_t *wide = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_row_at(sel, i);
        uint32_t code = c->phys == WR_P_U8    ? narrow[row]
                        : c->phys == WR_P_U16 ? wide[row]
                                              : ((const uint32_t *)c->data)[row];
        bool is_null = c->valid && !wr_bit_get(c->valid, row);
        codes[i] = (uint16_t)(codes[i] + (is_null ? 0 : code + 1) * stride);
    }
}

static weir_status find_by_codes(wr_groups *g, const wr_column *columns, const uint16_t *sel,
                                 uint32_t count, wr_arena *scratch, uint8_t **found,
                                 uint16_t *added, uint32_t *added_count)
{
    uint16_t codes[WR_BATCH_ROWS], list[WR_BATCH_ROWS], rows[WR_BATCH_ROWS];
    uint32_t stride = 1, missing = 0;
    memset(codes, 0, count * sizeof *codes);
    for (int k = 0; k < g->key_count; k++) {
        add_codes(&columns[k], sel, count, stride, codes);
        stride *= columns[k].dict->rows + 1;
    }
    note_numbers(g, NULL, codes, count, g->by_code, stride, scratch);
    for (uint32_t i = 0; i < count; i++) {
        found[i] = g->by_code[codes[i]];
        if (found[i]) continue;
        g->by_code[codes[i]] = claimed_row;
        list[missing++] = (uint16_t)i;
    }
    if (missing == 0) return WR_OK;
    uint8_t *addresses[WR_BATCH_ROWS];
    for (uint32_t j = 0; j < missing; j++)
        rows[j] = (uint16_t)wr_row_at(sel, list[j]);
    weir_status bad =
        find_keys(g, columns, rows, missing, NULL, scratch, addresses, added, added_count);
    for (uint32_t j = 0; j < missing; j++)
        g->by_code[codes[list[j]]] = bad ? NULL : addresses[j];
    if (bad) return bad;
    for (uint32_t j = 0; j < *added_count; j++)
        added[j] = list[added[j]];
    for (uint32_t i = 0; i < count; i++)
        found[i] = g->by_code[codes[i]];
    return WR_OK;
}

/* After the spans were widened. An array of one key that only grew upwards is the front of the new
 * one: ascending keys then cost no rebuilding. */
static weir_status fit_direct(wr_groups *g, int64_t old_base)
{
    if (!g->direct || g->key_count != 1 || g->base[0] != old_base) return rebuild_direct(g);
    uint64_t old = g->direct_count, blocks = block_count(old), count = g->span[0];
    uint64_t wanted = block_count(count), size = sizeof **g->direct;
    if (old < WR_GROUPS_BLOCK && g->direct[0]) { /* the only block, of its own length */
        void *block = g->direct[0];
        WR_TRY(wr_mem_grow(g->mem, &block, old * size, block_codes(count) * size));
        g->direct[0] = block;
        memset(g->direct[0] + old, 0, (block_codes(count) - old) * size);
        g->direct_bytes += (block_codes(count) - old) * size;
        g->direct_count = block_codes(count);
    }
    void *memory = g->direct;
    WR_TRY(wr_mem_grow(g->mem, &memory, blocks * sizeof *g->direct, wanted * sizeof *g->direct));
    g->direct = memory;
    memset(g->direct + blocks, 0, (wanted - blocks) * sizeof *g->direct);
    g->direct_bytes += (wanted - blocks) * sizeof *g->direct;
    g->direct_count = count;
    return WR_OK;
}

weir_status wr_groups_find(wr_groups *g, const wr_column *columns, const uint16_t *sel,
                           uint32_t count, uint8_t *const *adopt, wr_arena *scratch,
                           uint8_t **found, uint16_t *added, uint32_t *added_count)
{
    *added_count = 0;
    g->few_count = 0;
    if (count == 0) return WR_OK;
    g->seen += count;
    if (g->is_direct) {
        int_keys ik;
        uint64_t codes[WR_BATCH_ROWS];
        if (find_bounded(g, columns, sel, count, scratch, found)) return WR_OK;
        int_keys_of(g, columns, sel, count, scratch, &ik);
        bool is_one = g->key_count == 1 && !ik.any_null, can = wr_rows_has_numbers(g->rows);
        bool fits = can && g->direct &&
                    (is_one ? codes_of_one(g, ik.ints[0], count, codes)
                            : codes_of(g, ik.ints, ik.nulls, count, codes));
        int64_t old_base = g->base[0];
        if (!fits && can && widen_spans(g, ik.ints, ik.nulls, count)) {
            WR_TRY(fit_direct(g, old_base));
            fits = codes_of(g, ik.ints, ik.nulls, count, codes);
        }
        if (fits) {
            WR_TRY(find_direct(g, columns, codes, sel, count, found, added, added_count));
            if (has_few(g))
                note_numbers(g, codes, NULL, count, rows_of_few(g, scratch), g->direct_count,
                             scratch);
            return WR_OK;
        }
        WR_TRY(leave_direct(g));
    }
    if (!adopt && !g->is_loose && need_codes(g, columns))
        return find_by_codes(g, columns, sel, count, scratch, found, added, added_count);
    return find_keys(g, columns, sel, count, adopt, scratch, found, added, added_count);
}

static void lookup_direct(const wr_groups *g, const int_keys *ik, uint32_t count, uint8_t **found)
{
    uint32_t numbers[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++) {
        uint64_t at = 0;
        bool inside = g->direct != NULL;
        for (int k = 0; k < g->key_count && inside; k++) {
            uint64_t code =
                ik->nulls[k][i] ? 0 : (uint64_t)ik->ints[k][i] - (uint64_t)g->base[k] + 1;
            inside = code < g->span[k] && (ik->nulls[k][i] || code > 0);
            at += code * g->stride[k];
        }
        numbers[i] = inside && g->direct[at / WR_GROUPS_BLOCK] ? *number_at(g, at) : 0;
    }
    wr_rows_of_numbers(g->rows, numbers, count, found);
}

weir_status wr_groups_lookup(const wr_groups *g, const wr_column *columns, const uint16_t *sel,
                             uint32_t count, wr_arena *scratch, uint8_t **found)
{
    if (g->is_direct) {
        int_keys ik;
        int_keys_of(g, columns, sel, count, scratch, &ik);
        lookup_direct(g, &ik, count, found);
        return WR_OK;
    }
    memset(found, 0, count * sizeof *found);
    if (g->slot_count == 0) return WR_OK;
    wr_column *flat = wr_new_array(scratch, wr_column, g->key_count + 1);
    uint64_t hashes[WR_BATCH_ROWS], mask = g->slot_count - 1;
    wr_keys_flatten(columns, g->key_count, sel, count, scratch, flat);
    wr_keys_hash(flat, g->key_count, sel, count, hashes);
    for (uint32_t i = 0; i < count; i++) {
        for (uint64_t p = hashes[i] & mask; g->slots[p] && !found[i]; p = (p + 1) & mask) {
            if ((g->slots[p] ^ hashes[i]) & SALT_MASK) continue;
            uint16_t list[1] = {(uint16_t)i};
            found[i] = (uint8_t *)(uintptr_t)(g->slots[p] & ADDRESS_MASK);
            if (!wr_keys_match(g->layout, NULL, flat, g->key_count, UINT64_MAX, sel, found, list, 1,
                               NULL, NULL))
                found[i] = NULL;
        }
    }
    return WR_OK;
}

bool wr_groups_key_range(const wr_groups *g, int64_t *lo, int64_t *hi)
{
    if (!g->is_direct || g->key_count != 1 || !g->direct) return false;
    *lo = g->base[0];
    *hi = (int64_t)((uint64_t)g->base[0] + g->span[0] - 2); /* lo - 1 when only NULL was seen */
    return true;
}

const uint32_t *wr_groups_from(const wr_groups *g, int64_t key, uint64_t *count)
{
    uint64_t code = (uint64_t)key - (uint64_t)g->base[0] + 1, at = code % WR_GROUPS_BLOCK;
    *count = key < g->base[0] ? (uint64_t)g->base[0] - (uint64_t)key : UINT64_MAX;
    if (key < g->base[0] || code >= g->span[0]) return NULL;
    *count = WR_MIN(WR_GROUPS_BLOCK - at, g->span[0] - code);
    const uint32_t *block = g->direct[code / WR_GROUPS_BLOCK];
    return block ? block + at : NULL;
}

uint8_t *wr_groups_at_null(const wr_groups *g)
{
    uint8_t *row = NULL;
    if (g->direct[0]) wr_rows_of_numbers(g->rows, g->direct[0], 1, &row);
    return row;
}
