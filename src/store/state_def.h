/* state_def.h - what the parts of a state share; only for state*.c. */
#pragma once
#include "remote/remote.h"
#include "store/state.h"
#include "store/state_changes.h"
#include "store/state_file.h"
#include "sys/lock.h"

/* Section 0 is the state's own. Its keys begin with what they are; WR_STATE_IS_FORMAT is the first
 * key of all, so that a newer format is found before anything it may have changed. */
enum { WR_STATE_OWN = 0, WR_STATE_NOWHERE = INT32_MAX };
enum { WR_STATE_IS_FORMAT, WR_STATE_IS_RECORD, WR_STATE_IS_NAME };

/* Written with each commit; describes all pairs but those of section 0. */
typedef struct wr_state_record {
    uint64_t commits, keys, hash; /* the sum of all checksums */
    uint64_t sections;
    uint64_t txn_id; /* of LMDB: tells that the right one of its heads was found */
} wr_state_record;

typedef struct wr_state_section_entry {
    char *name;
    size_t name_length;
    bool is_stored;
    wr_changes changes;
} wr_state_section_entry;

typedef struct wr_state_key { /* of LMDB */
    char bytes[WR_STATE_NAME + WR_STATE_KEY_MAX];
    size_t length;
} wr_state_key;

struct wr_state_cursor {
    wr_state *state; /* NULL: not open */
    wr_state_section_entry *section;
    uint32_t number;
    MDB_cursor *below; /* what is committed */
    bool has_below;
    wr_str below_key, below_value; /* the next one; as in the file */
    wr_change_cursor change;
};

struct wr_state {
    wr_state *of; /* of a view: what it looks at; the rest is its file and cursor only */
    char *directory;
    wr_state_options options;
    wr_mem *mem;
    wr_lock *lock;
    wr_remote *remote; /* whose copy this is; NULL: of nobody */
    bool is_copy;      /* of a server, of one moment: it never changes */
    bool is_lost;      /* the server may know more than we do: to be opened again */
    wr_state_file file;
    wr_change_pool pool;
    wr_state_section_entry **sections; /* number i + 1 */
    uint32_t section_count, section_cap;
    wr_state_record record; /* of the last commit */
    bool is_stale;          /* the record is not that of the newest commit any more */
    bool has_mark;          /* the file that says that commits were not waited for */
    wr_state_cursor cursor;
    uint64_t bytes_last_commit;
    uint32_t puts; /* since changes were counted */
    int64_t last_commit_ns;
};

static inline void wr_state_key_make(wr_state_key *out, uint32_t section, wr_str key)
{
    uint32_t number = __builtin_bswap32(section);
    memcpy(out->bytes, &number, WR_STATE_NAME);
    if (key.length) memcpy(out->bytes + WR_STATE_NAME, key.data, key.length);
    out->length = WR_STATE_NAME + key.length;
}
static inline MDB_val wr_state_val(const char *bytes, size_t length)
{
    return (MDB_val){.mv_size = length, .mv_data = (void *)bytes};
}
static inline wr_str wr_state_str(MDB_val v) { return (wr_str){v.mv_data, v.mv_size}; }

/* dir + "/" + name; the caller drops it. */
char *wr_state_path(const wr_state *state, const char *name);
/* The format of the file and the record of its last commit. */
WR_MUST_CHECK weir_status wr_state_read_record(wr_state *state, wr_state_record *out);
/* CORRUPT unless they are of the right size; STATE_VERSION. */
WR_MUST_CHECK weir_status wr_state_parse_format(const wr_state *state, wr_str value);
WR_MUST_CHECK weir_status wr_state_parse_record(const wr_state *state, wr_str value,
                                                wr_state_record *out);
WR_MUST_CHECK weir_status wr_state_damaged(const wr_state *state, const char *what);
/* Makes an empty state with its final name. */
WR_MUST_CHECK weir_status wr_state_create(wr_state *state);
/* Opens the file and reads its record and sections, checked as its size and its past demand. */
WR_MUST_CHECK weir_status wr_state_open_file(wr_state *state);
/* What is known of the file, as before wr_state_open_file. */
void wr_state_forget_file(wr_state *state);
/* Takes the names of a volatile state away. */
WR_MUST_CHECK weir_status wr_state_remove_names(wr_state *state);
/* Of a state on a server: everything that opening is. */
WR_MUST_CHECK weir_status wr_state_open_remote(wr_state *state, wr_str address);
/* The snapshot of a view. */
WR_MUST_CHECK weir_status wr_state_view_read(wr_state *view);
