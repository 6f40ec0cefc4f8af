/* state.h - the durable state of a continuous query: ordered keys and values in sections, changed
 * by atomic commits. One directory per query; one process has it open.
 *
 * A place is a folder of this machine's disk, or an address of a PostgreSQL server. Then all pairs
 * are there, commits count when they are committed there, and this machine has a copy of them to
 * work on; it may go away at any time.
 *
 * Keys are bytes and compare as bytes. What a commit says is durable when it returns, all of it or
 * nothing. Reading sees the last commit and the changes made since. One thread at a time.
 *
 * See docs/decisions/0024-state-in-lmdb.md, 0026-state-in-postgresql.md. */
#pragma once
#include "base/cancel.h"
#include "base/mem.h"
#include "sys/file.h"

typedef struct wr_state wr_state;
typedef struct wr_state_cursor wr_state_cursor;

enum { WR_STATE_FORMAT = 1, WR_STATE_KEY_MAX = 480 };

typedef struct wr_state_options {
    bool create;                /* if it is missing */
    bool read_only;             /* `weir state dump` beside a query of another process */
    bool survives_losing_power; /* commits wait for the disk */
    bool is_volatile;           /* a new one that nobody finds, gone with this process */
    uint64_t changes_max;       /* of a volatile one: more are committed before they are asked to */
    uint64_t map_bytes;         /* of what is read that count as memory of the process; 0: any */
    bool check;                 /* wr_state_check before anything is believed */
    wr_mem *mem;                /* counts the changes between commits; NULL: nobody does */
    /* While a server is waited for; NULL: nobody does that. stop: nothing is tried for long now. */
    const wr_cancel *cancel;
    const _Atomic bool *stop;
} wr_state_options;

/* The place of the state of that name below a place of states. */
wr_str wr_state_place(wr_arena *arena, wr_str states, wr_str name);
/* A place as it may be shown: without password. */
wr_str wr_state_place_shown(wr_arena *arena, wr_str place);

/* FILE_NOT_FOUND if it is missing, BUSY if somebody has it open (read_only: if this process has),
 * CORRUPT, and STATE_VERSION if a newer weir wrote it. Small states are checked whole. On servers
 * also what wr_remote_open says; read_only there is a copy of this moment. */
WR_MUST_CHECK weir_status wr_state_open(wr_str place, const wr_state_options *options,
                                        wr_state **out);
void wr_state_close(wr_state *state); /* changes since the last commit are gone */
WR_DEFINE_CLEANUP(wr_state, wr_state_close)

/* The number of a section, the same at every opening; made when missing. Of a read-only state it is
 * that of an empty section then. */
WR_MUST_CHECK weir_status wr_state_section(wr_state *state, wr_str name, uint32_t *out);
/* Sections in the order they were made: false when there are no more than index. name is valid
 * until the state is closed. */
bool wr_state_section_at(const wr_state *state, int index, wr_str *name, uint32_t *out);

/* Keys are not empty and at most WR_STATE_KEY_MAX bytes, else TOO_BIG (wr_key_fit shortens them);
 * values at most 1 GiB. MEMORY_LIMIT when mem has no room: after a commit it has. A call that fails
 * changes nothing. Changing a read-only state is READ_ONLY. */
WR_MUST_CHECK weir_status wr_state_put(wr_state *state, uint32_t section, wr_str key, wr_str value);
WR_MUST_CHECK weir_status wr_state_delete(wr_state *state, uint32_t section, wr_str key);
/* *found false: no such key. value is valid until the next call that changes the state; its
 * address has no alignment. CORRUPT when its checksum is wrong, naming section and key. */
WR_MUST_CHECK weir_status wr_state_get(wr_state *state, uint32_t section, wr_str key, wr_str *value,
                                       bool *found);
/* Removes first <= key < last; first empty: from the beginning, last empty: to the end of the
 * section. */
WR_MUST_CHECK weir_status wr_state_delete_range(wr_state *state, uint32_t section, wr_str first,
                                                wr_str last);
/* All pairs with key >= first in order. Only one cursor at a time, and no change between its calls;
 * wr_state_get is allowed. key and value are valid as those of wr_state_get; *more false: the end.
 */
WR_MUST_CHECK weir_status wr_state_seek(wr_state *state, uint32_t section, wr_str first,
                                        wr_state_cursor **out);
WR_MUST_CHECK weir_status wr_state_next(wr_state_cursor *cursor, wr_str *key, wr_str *value,
                                        bool *more);
void wr_state_cursor_close(wr_state_cursor *cursor);
WR_DEFINE_CLEANUP(wr_state_cursor, wr_state_cursor_close)

/* Fails with DISK_FULL or IO, of servers also with CONNECTION, CANCELLED, or BUSY if another one
 * has taken over. The changes are kept then and commit can be called again; what is on disk is the
 * last commit. Whether a server has committed what it did not answer is found out by the next
 * attempt or opening; after a rollback by opening only, and until then nothing can be committed. */
WR_MUST_CHECK weir_status wr_state_commit(wr_state *state);
/* Forgets the changes since the last commit; a read-only state goes on to the newest commit. */
void wr_state_rollback(wr_state *state);

/* A view reads the last commit of a state beside others, each on one thread; it cannot change
 * anything. All views forget what they read before the state is changed or closed, and are dropped
 * before it is. Nothing is read while it is changed. */
wr_state *wr_state_view(wr_state *of);
void wr_state_view_forget(wr_state *view);
void wr_state_view_drop(wr_state *view);

typedef struct wr_state_figures {
    uint64_t bytes_on_disk, keys, commits, bytes_last_commit; /* keys: of the last commit */
    uint64_t hash;          /* of all pairs, whatever order they were written in */
    uint64_t pending_bytes; /* memory of the changes since the last commit */
    int64_t last_commit_ns; /* how long it took */
} wr_state_figures;
/* What is known without reading the state. */
void wr_state_figures_of(wr_state *state, wr_state_figures *out);

/* Reads everything the last commit holds: the structure of the file, the order of keys, every
 * checksum, and whether number and hash of all pairs are those the commit wrote down. CORRUPT names
 * the place. No cursor is open. Any damage to the file gives an error here, never a crash. */
WR_MUST_CHECK weir_status wr_state_check(wr_state *state);
