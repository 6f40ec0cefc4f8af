/* remote.h - a state on a server: all pairs of a continuous query as the last commit left them, and
 * a commit that changes them at once.
 *
 * The server is PostgreSQL (docs/decisions/0026-state-in-postgresql.md). Who reads by key keeps a
 * copy: nothing here is fast but commits and reading everything. One writer at a time, of all
 * machines; one thread at a time. */
#pragma once
#include "base/cancel.h"
#include "base/text.h"

typedef struct wr_remote wr_remote;
typedef struct wr_remote_commit wr_remote_commit; /* one that is on its way */

enum { WR_REMOTE_FORMAT = 1, WR_REMOTE_ID = 32 };

typedef struct wr_remote_options {
    bool create;              /* if it is missing */
    bool read_only;           /* beside the writer */
    const wr_cancel *cancel;  /* NULL: nobody cancels */
    const _Atomic bool *stop; /* raised: failures are not tried again for long. NULL: never */
} wr_remote_options;

/* What the last commit said of all of it. */
typedef struct wr_remote_head {
    char id[WR_REMOTE_ID + 1]; /* of this state and of no other; hexadecimal digits */
    uint64_t commits, pairs, hash;
    uint32_t sections;
} wr_remote_head;

/* Whether a place is an address of a server, and not a folder. */
bool wr_remote_is_address(wr_str place);
/* Appends the address of the state of that name below the address of states. */
void wr_remote_address_of(wr_str states, wr_str name, wr_buf *out);

/* Connects and reads the head; a writer becomes the only one. CONNECTION, PARAMETER_VALUE (the
 * address), FILE_NOT_FOUND (no such state), BUSY (another process writes it), STATE_VERSION,
 * MISSING_LIBRARY. No message has a password in it. */
WR_MUST_CHECK weir_status wr_remote_open(wr_str address, const wr_remote_options *options,
                                         wr_remote **out);
void wr_remote_close(wr_remote *remote);
WR_DEFINE_CLEANUP(wr_remote, wr_remote_close)
/* The last commit that is known of. */
const wr_remote_head *wr_remote_head_of(const wr_remote *remote);
/* Its address without password. */
wr_str wr_remote_shown(const wr_remote *remote);
/* Where copies are to be kept as the address says; empty: it says nothing. */
wr_str wr_remote_cache(const wr_remote *remote);

/* Tells a commit what it changes, in this order: sections, ranges, pairs by section and key. Called
 * once more for each attempt. */
typedef weir_status wr_remote_tell(const void *arg, wr_remote_commit *to);
WR_MUST_CHECK weir_status wr_remote_section(wr_remote_commit *to, uint32_t number, wr_str name);
WR_MUST_CHECK weir_status wr_remote_delete_range(wr_remote_commit *to, uint32_t section,
                                                 wr_str first,
                                                 wr_str last); /* last empty: to the end */
WR_MUST_CHECK weir_status wr_remote_put(wr_remote_commit *to, uint32_t section, wr_str key,
                                        wr_str value);
WR_MUST_CHECK weir_status wr_remote_delete(wr_remote_commit *to, uint32_t section, wr_str key);

/* All or nothing, durable when it returns. after->commits is one more than that of the head. A
 * connection that is lost is made again for some time, and the commit repeated unless it turns out
 * to be there. Fails with CONNECTION, CANCELLED, DISK_FULL, TOO_BIG, IO, and with BUSY if another
 * process has become the writer; it may be called again. */
WR_MUST_CHECK weir_status wr_remote_commit_changes(wr_remote *remote, const wr_remote_head *after,
                                                   wr_remote_tell *tell, const void *arg);
/* A COMMIT was sent whose answer never came: only the next commit or opening finds out. */
bool wr_remote_is_unsure(const wr_remote *remote);

/* Takes what is read: sections in the order of their numbers, then pairs in the order of keys. */
typedef struct wr_remote_reader {
    weir_status (*section)(void *arg, uint32_t number, wr_str name);
    weir_status (*pair)(void *arg, uint32_t section, wr_str key, wr_str value);
    void *arg;
} wr_remote_reader;
/* Everything of one commit, which becomes the head. Holds one pair at a time. CORRUPT, CONNECTION,
 * CANCELLED, or what the reader fails with. */
WR_MUST_CHECK weir_status wr_remote_read(wr_remote *remote, const wr_remote_reader *reader);
