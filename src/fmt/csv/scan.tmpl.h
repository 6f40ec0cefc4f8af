/* scan.tmpl.h - the passes over CSV bytes, 64 at a time. Parameters:
 *   NAME(x)     name of a function in this instruction set
 *   TARGET      its target attribute
 *   EQ(p, c)    mask of the bytes of p[0...64) equal to c
 *   HIGH(p)     mask of the bytes of p[0...64) that are not ASCII
 *   LOW(p)      mask of the bytes of p[0...64) below 32
 *   PREFIX_XOR  running parity of the bits of a mask, lowest first
 *   PICK(a, m)  the bits of a at the places of m, packed together
 *   STORE_ENDS(to, m, base, n)  positions of the n bits of m, plus base; may write 64 entries
 *   JUDGES_GROUPS  see count.tmpl.h; may be undefined */

/* Everything about one block, given whether it begins inside quotes and whether a closing quote
 * came just before. Returns the quotes that stand where none should. */
TARGET static inline __attribute__((always_inline)) uint64_t
NAME(quoted_block)(const char *at, uint64_t fields, uint64_t quotes, uint64_t live,
                   block_state *state, uint64_t *inside)
{
    uint64_t parity = PREFIX_XOR(quotes) ^ state->inside;
    uint64_t opens = quotes & parity, closes = quotes & ~parity;
    uint64_t ends = fields & ~parity & live;
    uint64_t before_open = (ends | closes) << 1 | state->may_open;
    uint64_t behind_close = closes << 1 | state->closed;
    uint64_t stray = behind_close & ~(ends | opens | ~live);
    if (__builtin_expect(stray != 0, 0)) stray &= ~EQ(at, '\r') | parity;
    *inside = parity;
    state->inside = (uint64_t)((int64_t)parity >> 63);
    state->may_open = (ends | closes) >> 63;
    state->closed = closes >> 63;
    return (opens & ~before_open) | stray;
}

TARGET static void NAME(find_extent)(const wr_csv_dialect *d, const char *data, size_t size,
                                     wr_csv_extent *out)
{
    block_state state = {.may_open = 1};
    uint64_t high = 0, any_quote = 0, last_mask = 0, lines = 0, records = 0, lines_at_cut = 0;
    size_t last_block = 0;
    out->is_plain = true;
    for (size_t i = 0; i < size; i += 64) {
        const char *at = data + i;
        uint64_t live = size - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (size - i)) - 1;
        uint64_t newlines = EQ(at, d->newline) & live, ends = newlines;
        uint64_t quotes = d->quote < 0 ? 0 : EQ(at, (char)d->quote) & live;
        high |= HIGH(at) & live;
        if (__builtin_expect((quotes | state.inside | state.closed) != 0, 0)) {
            uint64_t inside;
            any_quote |= quotes;
            if (i > 0 && !state.inside && !state.closed)
                state.may_open = at[-1] == d->newline || at[-1] == d->delimiter[0];
            if (NAME(quoted_block)(at, newlines | EQ(at, d->delimiter[0]), quotes, live, &state,
                                   &inside)) {
                out->is_plain = false;
                return;
            }
            ends &= ~inside;
        }
        if (ends) {
            last_mask = ends;
            last_block = i;
            lines_at_cut = lines + (uint64_t)__builtin_popcountll(
                                       newlines & (~UINT64_C(0) >> __builtin_clzll(ends)));
        }
        lines += (uint64_t)__builtin_popcountll(newlines);
        records += (uint64_t)__builtin_popcountll(ends);
    }
    out->cut = last_mask ? last_block + 64 - (size_t)__builtin_clzll(last_mask) : 0;
    out->lines = lines_at_cut;
    out->records = records;
    out->is_ascii = high == 0;
    out->has_quotes = any_quote != 0;
    out->is_open = state.inside != 0;
}

/* What the single pass carries from block to block. */
typedef struct NAME(pass) {
    char newline, delimiter, quote;
    bool has_quote;
    uint32_t *ends;
    uint64_t *record_bits;
    uint64_t pending; /* the word of record_bits that is being filled */
    size_t count, last_block;
    uint64_t records, newlines, high, wrong, any_quote, last_mask;
    block_state state;
    bool quoted;
} NAME(pass);

TARGET static inline __attribute__((always_inline)) void
NAME(scan_block)(NAME(pass) * p, const char *data, size_t i, uint64_t live)
{
    const char *at = data + i;
    uint64_t newlines = EQ(at, p->newline) & live, ends = newlines;
    uint64_t delimiters = EQ(at, p->delimiter) & live;
    uint64_t quotes = p->has_quote ? EQ(at, p->quote) & live : 0;
    p->high |= HIGH(at) & live;
    if (!p->quoted && __builtin_expect(quotes != 0, 0)) {
        p->quoted = true;         /* for the rest of the text: no branch per block */
        p->newlines = p->records; /* so far they were the same */
        if (i > 0) p->state.may_open = at[-1] == p->newline || at[-1] == p->delimiter;
    }
    if (p->quoted) {
        uint64_t inside = 0;
        p->wrong |= NAME(quoted_block)(at, ends | delimiters, quotes, live, &p->state, &inside);
        p->any_quote |= quotes;
        p->newlines += (uint64_t)__builtin_popcountll(newlines);
        ends &= ~inside;
        delimiters &= ~inside;
    }
    p->last_mask = ends ? ends : p->last_mask;
    p->last_block = ends ? i : p->last_block;
    p->records += (uint64_t)__builtin_popcountll(ends);
    uint64_t all = ends | delimiters, bits = PICK(ends, all);
    int found = __builtin_popcountll(all), shift = (int)(p->count & 63);
    p->pending |= bits << shift;
    p->record_bits[p->count >> 6] = p->pending;
    p->pending = shift + found >= 64 ? bits >> 1 >> (63 - shift) : p->pending;
    STORE_ENDS(p->ends + p->count, all, (uint32_t)i, found);
    p->count += (size_t)found;
}

/* One pass over text that begins at a record start: record_bits (room for size bits and two words)
 * says of each field end whether it ends a record; ends (room for size + 64 entries) where it is.
 * Returns the number of field ends. */
TARGET static size_t NAME(scan)(const wr_csv_dialect *d, const char *data, size_t size,
                                uint32_t *ends, uint64_t *record_bits, wr_csv_extent *out)
{
    NAME(pass)
    p = {.newline = d->newline,
         .delimiter = d->delimiter[0],
         .quote = (char)d->quote,
         .has_quote = d->quote >= 0,
         .ends = ends,
         .record_bits = record_bits,
         .state.may_open = 1};
    size_t i = 0;
    for (; i + 64 <= size; i += 64)
        NAME(scan_block)(&p, data, i, ~UINT64_C(0));
    if (i < size) NAME(scan_block)(&p, data, i, (UINT64_C(1) << (size - i)) - 1);
    record_bits[p.count >> 6] = p.pending;
    *out = (wr_csv_extent){.is_plain = p.wrong == 0,
                           .is_ascii = p.high == 0,
                           .has_quotes = p.any_quote != 0,
                           .is_open = p.state.inside != 0,
                           .records = p.records,
                           .lines = p.records};
    out->cut = p.last_mask ? p.last_block + 64 - (size_t)__builtin_clzll(p.last_mask) : 0;
    if (p.quoted) {
        out->lines = p.newlines;
        for (size_t k = out->cut; k < size; k++)
            out->lines -= data[k] == d->newline;
    }
    return p.count;
}

/* The places of all line ends to ends (room for one per byte and 64); returns their number. Nearly
 * every block has one or none: no branch for that. */
typedef struct NAME(line_pass) {
    uint64_t high, special;
    size_t count;
} NAME(line_pass);

TARGET static inline __attribute__((always_inline)) void
NAME(find_lines_of_block)(NAME(line_pass) * p, const char *at, uint32_t place, uint64_t live,
                          char newline, uint32_t *ends)
{
    uint64_t found = EQ(at, newline) & live;
    p->high |= HIGH(at) & live;
    p->special |= ((LOW(at) ^ found) | EQ(at, '\\')) & live;
    ends[p->count] = place + (uint32_t)__builtin_ctzll(found | UINT64_C(1) << 63);
    p->count += found != 0;
    for (found &= found - 1; __builtin_expect(found != 0, 0); found &= found - 1)
        ends[p->count++] = place + (uint32_t)__builtin_ctzll(found);
}

TARGET static size_t NAME(find_lines)(const char *data, size_t size, char newline, uint32_t *ends,
                                      wr_csv_extent *out)
{
    NAME(line_pass) p = {0};
    size_t i = 0;
    for (; size - i >= 64; i += 64)
        NAME(find_lines_of_block)(&p, data + i, (uint32_t)i, ~UINT64_C(0), newline, ends);
    if (i < size) NAME(find_lines_of_block)
    (&p, data + i, (uint32_t)i, (UINT64_C(1) << (size - i)) - 1, newline, ends);
    *out = (wr_csv_extent){.cut = p.count ? ends[p.count - 1] + 1 : 0,
                           .lines = p.count,
                           .records = p.count,
                           .is_ascii = p.high == 0,
                           .is_plain = p.special == 0};
    return p.count;
}

/* Bytes equal to c. */
TARGET static uint64_t NAME(count_byte)(const char *data, size_t size, char c)
{
    uint64_t count = 0;
    size_t i = 0;
    for (; i + 64 <= size; i += 64)
        count += (uint64_t)__builtin_popcountll(EQ(data + i, c));
    for (; i < size; i++)
        count += data[i] == c;
    return count;
}
#include "fmt/csv/count.tmpl.h"
#undef NAME
#undef TARGET
#undef EQ
#undef HIGH
#undef LOW
#undef PREFIX_XOR
#undef PICK
#undef STORE_ENDS
#undef JUDGES_GROUPS
