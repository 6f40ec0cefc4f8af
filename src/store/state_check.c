/* state_check.c - reads all of a state and compares it with what its last commit said.
 *
 * The walk over the pages (state_pages.c) finds what is wrong with the file, checksums what is
 * wrong with a pair, and the record how many pairs there must be and what their checksums add up
 * to: a pair that is missing, or an old one that came back, is found by that alone. */
#include "store/state_def.h"
#include "store/state_pages.h"

enum { ATTEMPTS = 100 }; /* to be faster than a writer */

typedef struct checker {
    wr_state *state;
    wr_state_record stored, found;
    bool has_format, has_record;
} checker;

static weir_status check_own(checker *c, wr_str key, wr_str value)
{
    uint32_t number;
    switch (key.data[WR_STATE_NAME]) {
    case WR_STATE_IS_FORMAT:
        c->has_format = true;
        return wr_state_parse_format(c->state, value);
    case WR_STATE_IS_RECORD:
        c->has_record = true;
        return wr_state_parse_record(c->state, value, &c->stored);
    case WR_STATE_IS_NAME:
        if (value.length != sizeof number)
            return wr_state_damaged(c->state, "a section has no number");
        c->found.sections++;
        return WR_OK;
    default:
        return wr_state_damaged(c->state, "it has a record of unknown kind");
    }
}

static weir_status check_pair(void *arg, wr_str key, wr_str stored, uint64_t page)
{
    checker *c = arg;
    wr_str value;
    uint32_t section;
    if (key.length <= WR_STATE_NAME || key.length > WR_STATE_NAME + WR_STATE_KEY_MAX)
        return wr_state_damaged(c->state, "a key has a wrong length");
    weir_status bad = wr_state_unwrap(&c->state->file, key, stored, &value);
    if (bad) return wr_with_detail(bad, "on page %llu", (unsigned long long)page);
    memcpy(&section, key.data, WR_STATE_NAME);
    section = __builtin_bswap32(section);
    if (section == WR_STATE_OWN) return check_own(c, key, value);
    if (section > c->found.sections)
        return wr_state_damaged(c->state, "a pair is in a section that is not there");
    c->found.keys++;
    c->found.hash += wr_state_checksum(key, value);
    return WR_OK;
}

static weir_status walk(wr_state *state, checker *c, uint64_t *txn_id)
{
    bool is_over = true;
    for (int attempt = 0; attempt < ATTEMPTS && is_over; attempt++) {
        if (attempt) wr_state_file_forget(&state->file);
        state->is_stale |= attempt > 0;
        *c = (checker){.state = state};
        WR_TRY(wr_state_file_read(&state->file));
        *txn_id = mdb_txn_id(state->file.reader);
        WR_TRY(wr_state_pages_walk(wr_str_of(state->file.path), *txn_id, state->mem, check_pair, c,
                                   &is_over));
    }
    return is_over ? wr_state_damaged(state, "its head is of a later commit than itself") : WR_OK;
}

weir_status wr_state_check(wr_state *state)
{
    checker c;
    wr_assert(!state->cursor.state);
    uint64_t txn_id;
    WR_TRY(walk(state, &c, &txn_id));
    if (!c.has_format || !c.has_record)
        return wr_state_damaged(state, "it has no format or record");
    if (c.stored.txn_id != txn_id)
        return wr_state_damaged(state, "its record is not that of its last commit");
    if (c.stored.keys != c.found.keys || c.stored.hash != c.found.hash ||
        c.stored.sections != c.found.sections)
        return wr_state_damaged(state, "its pairs are not those of its record");
    return WR_OK;
}
