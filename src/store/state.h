/* state.h - the durable state of a continuous query: ordered keys and values in sections, changed
 * by atomic commits. One directory per query; one process has it open.
 *
 * Keys are bytes and compare as bytes. What a commit says is durable when it returns, all of it or
 * nothing. Reading sees the last commit and the changes made since. One thread. */
#pragma once
#include "base/text.h"
#include "base/mem.h"
#include "sys/file.h"

typedef struct wr_state wr_state;
typedef struct wr_state_cursor wr_state_cursor;

enum { WR_STATE_FORMAT = 1, WR_STATE_KEY_MAX = 480 };

typedef struct wr_state_options {
    bool create;                /* if it is missing */
    bool read_only;             /* `weir state dump` beside a running query */
    bool survives_losing_power; /* commits wait for the disk */
} wr_state_options;

/* BUSY if another process has it open, CORRUPT, and STATE_VERSION if a newer weir wrote it. */
WR_MUST_CHECK weir_status wr_state_open(wr_str directory, const wr_state_options *options,
                                        wr_state **out);
void wr_state_close(wr_state *state); /* changes since the last commit are gone */
WR_DEFINE_CLEANUP(wr_state, wr_state_close)

/* The number of a section, the same at every opening; made when missing. */
WR_MUST_CHECK weir_status wr_state_section(wr_state *state, wr_str name, uint32_t *out);

/* Keys longer than WR_STATE_KEY_MAX are the caller's to shorten (a hash, the key in the value). */
WR_MUST_CHECK weir_status wr_state_put(wr_state *state, uint32_t section, wr_str key, wr_str value);
WR_MUST_CHECK weir_status wr_state_delete(wr_state *state, uint32_t section, wr_str key);
/* *found false: no such key. value is valid until the next call that changes the state. */
WR_MUST_CHECK weir_status wr_state_get(wr_state *state, uint32_t section, wr_str key, wr_str *value,
                                       bool *found);
/* Removes first <= key < last; last empty: to the end of the section. */
WR_MUST_CHECK weir_status wr_state_delete_range(wr_state *state, uint32_t section, wr_str first,
                                                wr_str last);
/* All pairs with key >= first in order. Only one cursor at a time, and no change between its calls.
 */
WR_MUST_CHECK weir_status wr_state_seek(wr_state *state, uint32_t section, wr_str first,
                                        wr_state_cursor **out);
WR_MUST_CHECK weir_status wr_state_next(wr_state_cursor *cursor, wr_str *key, wr_str *value,
                                        bool *more);
void wr_state_cursor_close(wr_state_cursor *cursor);

WR_MUST_CHECK weir_status wr_state_commit(wr_state *state);
void wr_state_rollback(wr_state *state); /* forgets the changes since the last commit */

typedef struct wr_state_figures {
    uint64_t bytes_on_disk, keys, commits, bytes_last_commit;
    int64_t last_commit_ns; /* how long it took */
} wr_state_figures;
void wr_state_figures_of(wr_state *state, wr_state_figures *out);
