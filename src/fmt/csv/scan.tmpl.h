/* scan.tmpl.h - the passes over CSV bytes, 64 at a time. Parameters:
 *   NAME(x)     name of a function in this instruction set
 *   TARGET      its target attribute
 *   EQ(p, c)    mask of the bytes of p[0...64) equal to c
 *   HIGH(p)     mask of the bytes of p[0...64) that are not ASCII
 *   PREFIX_XOR  running parity of the bits of a mask, lowest first */

/* Everything about one block, given whether it begins inside quotes and whether a closing quote
 * came just before. */
TARGET static inline bool NAME(quoted_block)(const char *at, const wr_csv_dialect *d,
                                             uint64_t quotes, uint64_t live, block_state *state,
                                             uint64_t *inside)
{
    uint64_t parity = PREFIX_XOR(quotes) ^ state->inside;
    uint64_t opens = quotes & parity, closes = quotes & ~parity;
    uint64_t ends = (EQ(at, d->newline) | EQ(at, d->delimiter[0])) & ~parity & live;
    uint64_t before_open = (ends | closes) << 1 | state->may_open;
    uint64_t behind_close = closes << 1 | state->closed;
    uint64_t may_follow = ends | opens | (EQ(at, '\r') & ~parity) | ~live;
    *inside = parity;
    state->inside = (uint64_t)((int64_t)parity >> 63);
    state->may_open = (ends | closes) >> 63;
    state->closed = closes >> 63;
    return (opens & ~before_open) == 0 && (behind_close & ~may_follow) == 0;
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
            if (!NAME(quoted_block)(at, d, quotes, live, &state, &inside)) {
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

/* ends needs room for size + 64 entries. */
TARGET static size_t NAME(index_fields)(const wr_csv_dialect *d, const char *data, size_t size,
                                        uint32_t *restrict ends)
{
    uint64_t inside = 0;
    size_t count = 0;
    for (size_t i = 0; i < size; i += 64) {
        const char *at = data + i;
        uint64_t mask = EQ(at, d->newline) | EQ(at, d->delimiter[0]);
        uint64_t quotes = d->quote < 0 ? 0 : EQ(at, (char)d->quote);
        if (__builtin_expect((quotes | inside) != 0, 0)) {
            uint64_t parity = PREFIX_XOR(quotes) ^ inside;
            inside = (uint64_t)((int64_t)parity >> 63);
            mask &= ~parity;
        }
        if (size - i < 64) mask &= (UINT64_C(1) << (size - i)) - 1;
        int found = __builtin_popcountll(mask);
        uint32_t *restrict to = ends + count;
        for (int j = 0; j < found; j += 8) {
#pragma GCC unroll 8
            for (int z = 0; z < 8; z++) {
                to[j + z] = (uint32_t)i + (uint32_t)__builtin_ctzll(mask | UINT64_C(1) << 63);
                mask &= mask - 1;
            }
        }
        count += (size_t)found;
    }
    return count;
}

/* Text without quotes: every line must have the same number of delimiters, and not be blank. */
TARGET static bool NAME(count_records)(const wr_csv_dialect *d, const char *data, size_t size,
                                       int fields, uint64_t *records)
{
    uint64_t rows = 0, wrong = 0;
    int64_t open = 0; /* delimiters since the last line end */
    for (size_t i = 0; i < size; i += 64) {
        const char *at = data + i;
        uint64_t live = size - i >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << (size - i)) - 1;
        uint64_t newlines = EQ(at, d->newline) & live, delimiters = EQ(at, d->delimiter[0]) & live;
        rows += (uint64_t)__builtin_popcountll(newlines);
        while (newlines) {
            uint64_t below = newlines ^ (newlines - 1);
            open += __builtin_popcountll(delimiters & below);
            wrong |= (uint64_t)(open ^ (fields - 1));
            open = 0;
            delimiters &= ~below;
            newlines &= newlines - 1;
        }
        open += __builtin_popcountll(delimiters);
    }
    *records = rows;
    return wrong == 0;
}
#undef NAME
#undef TARGET
#undef EQ
#undef HIGH
#undef PREFIX_XOR
