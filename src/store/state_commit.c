/* state_commit.c - writing the changes of a state into its file, all or none of them.
 *
 * One transaction of LMDB: sections that are new, then per section the ranges that were deleted and
 * the changes in the order of their keys, last the record. It becomes the last commit when LMDB has
 * written its pages, synced them, and written and synced one of the two heads.
 *
 * The changes are in memory until that has succeeded. Whatever fails before leaves the file as it
 * was and can be repeated: after MDB_MAP_FULL that is done here with a larger map. When writing the
 * head fails nobody knows whether it is on the disk; then the file is opened again and asked. Doing
 * all changes a second time is harmless, they say what is and not what is added.
 *
 * Of a state on a server the commit that counts is the server's: it comes when all is written here
 * and before LMDB commits. Whatever fails after it finds the changes there, so it is not repeated.
 *
 * The record's number and hash of pairs are kept up to date with the checksum of each value that is
 * replaced, which LMDB has found anyway. */
#include "base/failpoint.h"
#include "store/state_def.h"
#include "sys/clock.h"
#include <errno.h>

enum { PAGE_BYTES = 4096, ATTEMPTS = 40 };
enum { PART_BYTES = 16 << 20, PAIR_BYTES = 64 };       /* of a copy; around a pair */
static const uint64_t SLACK = 1 << 20;                 /* for branches, lists of free pages */
static const uint64_t UNCOUNTED = UINT64_C(512) << 20; /* LMDB holds no more pages than that */

typedef struct writer {
    wr_state *state;
    MDB_txn *txn;
    MDB_cursor *cursor;
    wr_state_record record; /* as it will be */
    uint64_t bytes;
    int code; /* of LMDB, if it failed */
} writer;

static weir_status failed(writer *w, int code)
{
    if (!code) return WR_OK;
    w->code = code;
    return wr_state_file_failure(&w->state->file, "write", code);
}

/* The pair that w->cursor found goes. */
static weir_status uncount(writer *w, MDB_val stored)
{
    uint64_t checksum;
    if (stored.mv_size < WR_STATE_CHECKSUM)
        return wr_state_damaged(w->state, "a value has no checksum");
    memcpy(&checksum, stored.mv_data, sizeof checksum);
    w->record.hash -= checksum;
    w->record.keys--;
    return WR_OK;
}

static weir_status put_pair(writer *w, const wr_state_key *whole, wr_str value, bool is_counted)
{
    MDB_val key = wr_state_val(whole->bytes, whole->length), stored;
    unsigned flags = MDB_RESERVE;
    int code = mdb_cursor_get(w->cursor, &key, &stored, MDB_SET);
    wr_state_file_has_read(&w->state->file);
    if (code && code != MDB_NOTFOUND) return failed(w, code);
    if (!code) {
        flags |= MDB_CURRENT;
        if (is_counted) WR_TRY(uncount(w, stored));
    }
    uint64_t checksum = wr_state_checksum((wr_str){whole->bytes, whole->length}, value);
    if (is_counted) {
        w->record.hash += checksum;
        w->record.keys++;
    }
    key = wr_state_val(whole->bytes, whole->length);
    stored = wr_state_val(NULL, WR_STATE_CHECKSUM + value.length);
    WR_TRY(failed(w, mdb_cursor_put(w->cursor, &key, &stored, flags)));
    memcpy(stored.mv_data, &checksum, sizeof checksum);
    if (value.length) memcpy((char *)stored.mv_data + WR_STATE_CHECKSUM, value.data, value.length);
    w->bytes += whole->length + stored.mv_size;
    return WR_OK;
}

static weir_status delete_pair(writer *w, const wr_state_key *whole)
{
    MDB_val key = wr_state_val(whole->bytes, whole->length), stored;
    int code = mdb_cursor_get(w->cursor, &key, &stored, MDB_SET);
    wr_state_file_has_read(&w->state->file);
    if (code == MDB_NOTFOUND) return WR_OK;
    WR_TRY(failed(w, code));
    WR_TRY(uncount(w, stored));
    w->bytes += whole->length;
    return failed(w, mdb_cursor_del(w->cursor, 0));
}

static weir_status delete_range(writer *w, uint32_t section, const wr_change_range *range)
{
    wr_state_key first, last;
    wr_state_key_make(&first, section, range->first);
    wr_state_key_make(&last, range->last.length ? section : section + 1, range->last);
    wr_str end = {last.bytes, last.length};
    MDB_val key = wr_state_val(first.bytes, first.length), stored;
    int code = mdb_cursor_get(w->cursor, &key, &stored, MDB_SET_RANGE);
    while (!code && wr_str_cmp(wr_state_str(key), end) < 0) {
        WR_TRY(uncount(w, stored));
        wr_state_file_has_read(&w->state->file);
        w->bytes += key.mv_size;
        WR_TRY(failed(w, mdb_cursor_del(w->cursor, 0)));
        /* The cursor stands on the next one already, or behind the last of a page. */
        code = mdb_cursor_get(w->cursor, &key, &stored, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? WR_OK : failed(w, code);
}

static weir_status write_own(writer *w, char kind, wr_str name, const void *bytes, size_t size)
{
    WR_BUF(key);
    wr_state_key whole;
    wr_buf_add_char(&key, kind);
    wr_buf_add_str(&key, name);
    wr_state_key_make(&whole, WR_STATE_OWN, wr_buf_str(&key));
    return put_pair(w, &whole, (wr_str){bytes, size}, false);
}

static weir_status write_sections(writer *w)
{
    for (uint32_t i = 0; i < w->state->section_count; i++) {
        const wr_state_section_entry *section = w->state->sections[i];
        uint32_t number = i + 1;
        if (section->is_stored) continue;
        wr_str name = {section->name, section->name_length};
        WR_TRY(write_own(w, WR_STATE_IS_NAME, name, &number, sizeof number));
    }
    w->record.sections = w->state->section_count;
    return WR_OK;
}

static weir_status write_changes(writer *w, uint32_t number, const wr_changes *changes)
{
    wr_change_cursor cursor = wr_changes_seek(changes, (wr_str){"", 0});
    for (const wr_change *c; (c = wr_changes_peek(&cursor)); wr_changes_step(&cursor)) {
        wr_state_key whole;
        if (!c->value && c->is_covered) continue;
        wr_state_key_make(&whole, number, (wr_str){c->key, c->key_length});
        WR_TRY(c->value ? put_pair(w, &whole, (wr_str){c->value, c->value_length}, true)
                        : delete_pair(w, &whole));
    }
    return WR_OK;
}

static weir_status write_record(writer *w)
{
    w->record.commits++;
    w->record.txn_id = mdb_txn_id(w->txn);
    return write_own(w, WR_STATE_IS_RECORD, (wr_str){"", 0}, &w->record, sizeof w->record);
}

/* What is changed must be what was read: the record of the transaction's own base. */
static weir_status check_base(writer *w)
{
    wr_state_key whole;
    char kind = WR_STATE_IS_RECORD;
    wr_state_key_make(&whole, WR_STATE_OWN, (wr_str){&kind, 1});
    MDB_val key = wr_state_val(whole.bytes, whole.length), stored;
    WR_TRY(failed(w, mdb_get(w->txn, w->state->file.pairs, &key, &stored)));
    wr_str value;
    WR_TRY(wr_state_unwrap(&w->state->file, (wr_str){whole.bytes, whole.length},
                           wr_state_str(stored), &value));
    if (wr_str_eq(value, (wr_str){(const char *)&w->record, sizeof w->record})) return WR_OK;
    return wr_state_damaged(w->state, "somebody else has changed it");
}

static weir_status write_all(writer *w)
{
    const wr_state *state = w->state;
    WR_TRY(check_base(w));
    WR_TRY(failed(w, mdb_cursor_open(w->txn, state->file.pairs, &w->cursor)));
    WR_TRY(write_sections(w));
    for (uint32_t i = 0; i < state->section_count; i++) {
        const wr_changes *changes = &state->sections[i]->changes;
        for (uint32_t r = 0; r < changes->range_count; r++)
            WR_TRY(delete_range(w, i + 1, &changes->ranges[r]));
    }
    WR_FAILPOINT(state_ranges);
    for (uint32_t i = 0; i < state->section_count; i++)
        WR_TRY(write_changes(w, i + 1, &state->sections[i]->changes));
    WR_FAILPOINT(state_pairs);
    WR_TRY(write_record(w));
    WR_FAILPOINT(state_commit);
    return WR_OK;
}

/* The commit failed while LMDB was at it: asks the file whether it is there nevertheless. Returns
 * WR_OK if it is and stays. */
static weir_status settle(writer *w, weir_status bad)
{
    wr_state *state = w->state;
    wr_state_record now;
    wr_state_file_reset(&state->file);
    weir_status unread = wr_state_read_record(state, &now);
    if (unread) {
        wr_status_drop(unread); /* whoever reads next is told */
        state->is_stale = true;
        return bad;
    }
    bool is_there = now.commits == w->record.commits;
    state->record = now;
    if (!is_there || mdb_env_sync(state->file.env, 1) != 0) return bad;
    wr_status_drop(bad);
    return WR_OK;
}

/* LMDB calls it EIO when only a part of a page could be written. */
static int full_or(const wr_state *state, int code, uint64_t bytes)
{
    if (code != EIO) return code;
    return wr_disk_room(wr_str_of(state->directory)) < bytes ? ENOSPC : EIO;
}

/* ---- the server's part ---- */

static weir_status tell(const void *arg, wr_remote_commit *to)
{
    const wr_state *state = arg;
    for (uint32_t i = 0; i < state->section_count; i++) {
        const wr_state_section_entry *s = state->sections[i];
        if (!s->is_stored) WR_TRY(wr_remote_section(to, i + 1, (wr_str){s->name, s->name_length}));
    }
    for (uint32_t i = 0; i < state->section_count; i++) {
        const wr_changes *changes = &state->sections[i]->changes;
        for (uint32_t r = 0; r < changes->range_count; r++)
            WR_TRY(wr_remote_delete_range(to, i + 1, changes->ranges[r].first,
                                          changes->ranges[r].last));
    }
    for (uint32_t i = 0; i < state->section_count; i++) {
        wr_change_cursor cursor = wr_changes_seek(&state->sections[i]->changes, (wr_str){"", 0});
        for (const wr_change *c; (c = wr_changes_peek(&cursor)); wr_changes_step(&cursor)) {
            wr_str key = {c->key, c->key_length}, value = {c->value, c->value_length};
            if (!c->value && c->is_covered) continue;
            WR_TRY(c->value ? wr_remote_put(to, i + 1, key, value)
                            : wr_remote_delete(to, i + 1, key));
        }
    }
    return WR_OK;
}

static weir_status commit_remote(const writer *w)
{
    wr_remote *remote = w->state->remote;
    const wr_remote_head *head = wr_remote_head_of(remote);
    wr_remote_head after = {.commits = w->record.commits,
                            .pairs = w->record.keys,
                            .hash = w->record.hash,
                            .sections = (uint32_t)w->record.sections};
    bool is_there = head->commits == after.commits && head->hash == after.hash;
    if (!is_there && head->commits + 1 != after.commits)
        return wr_state_damaged(w->state, "the server has other commits");
    if (!is_there) WR_TRY(wr_remote_commit_changes(remote, &after, tell, w->state));
    WR_FAILPOINT(remote_committed);
    return WR_OK;
}

static weir_status attempt(writer *w, uint64_t bytes)
{
    wr_state *state = w->state;
    if (state->is_stale) WR_TRY(wr_state_read_record(state, &state->record));
    state->is_stale = false;
    WR_TRY(wr_state_file_begin(&state->file, bytes, &w->txn));
    w->record = state->record;
    weir_status bad = write_all(w);
    if (w->cursor) mdb_cursor_close(w->cursor);
    if (!bad && state->remote) bad = commit_remote(w);
    if (bad) {
        mdb_txn_abort(w->txn);
        return bad;
    }
    int code = full_or(state, mdb_txn_commit(w->txn), bytes);
    if (!code) {
        state->record = w->record;
        return WR_OK;
    }
    bad = failed(w, code);
    return code == MDB_MAP_FULL ? bad : settle(w, bad);
}

static weir_status commit(wr_state *state, uint64_t changes, uint64_t *bytes)
{
    uint64_t size = wr_state_file_bytes(&state->file);
    /* Each change can cost a copy of a page, but no more of them than there are. */
    uint64_t need = WR_MIN(changes * PAGE_BYTES, size) + 2 * state->pool.bytes + SLACK;
    for (int i = 0;; i++) {
        writer w = {.state = state};
        weir_status bad = attempt(&w, need);
        *bytes = w.bytes;
        if (!bad || w.code != MDB_MAP_FULL || i == ATTEMPTS) return bad;
        wr_status_drop(bad);
        WR_TRY(wr_state_file_grow(&state->file, need));
    }
}

static bool has_changes(const wr_state *state, uint64_t *count)
{
    bool any = false;
    *count = 0;
    for (uint32_t i = 0; i < state->section_count; i++) {
        const wr_state_section_entry *s = state->sections[i];
        *count += s->changes.count;
        any |= s->changes.count || s->changes.range_count || !s->is_stored;
    }
    return any;
}

weir_status wr_state_commit(wr_state *state)
{
    wr_assert(!state->cursor.state);
    if (state->options.read_only)
        return wr_fail(WR_E_READ_ONLY, "\"%s\" is open for reading only", state->directory);
    uint64_t changes, bytes;
    int64_t start = wr_clock_mono_ns();
    if (!has_changes(state, &changes)) return WR_OK;
    if (state->is_lost)
        return wr_fail(WR_E_CONNECTION, "it is not known whether \"%.*s\" has the last commit",
                       WR_STR_ARGS(wr_remote_shown(state->remote)));
    WR_FAILPOINT(state_begin);
    uint64_t held = WR_MAX(WR_MIN(changes * PAGE_BYTES, UNCOUNTED), state->pool.bytes);
    wr_mem_charge(state->mem, held);
    weir_status bad = commit(state, changes, &bytes);
    wr_mem_release(state->mem, held);
    if (bad) return bad;
    WR_FAILPOINT(state_committed);
    wr_change_pool_empty(&state->pool);
    for (uint32_t i = 0; i < state->section_count; i++) {
        state->sections[i]->changes = (wr_changes){0};
        state->sections[i]->is_stored = true;
    }
    state->bytes_last_commit = bytes;
    state->last_commit_ns = wr_clock_mono_ns() - start;
    return WR_OK;
}

/* ---- making ---- */

/* What a server has is written in several transactions: LMDB holds the pages of one in memory. */
typedef struct copier {
    writer *w;
    wr_state_file *file;
    uint64_t bytes; /* since the transaction began */
} copier;

static weir_status begin_part(writer *w, wr_state_file *file, uint64_t bytes)
{
    WR_TRY(wr_state_file_begin(file, bytes, &w->txn));
    return failed(w, mdb_cursor_open(w->txn, file->pairs, &w->cursor));
}

static weir_status end_part(writer *w)
{
    mdb_cursor_close(WR_TAKE(w->cursor));
    return failed(w, mdb_txn_commit(WR_TAKE(w->txn)));
}

static weir_status copy_section(void *arg, uint32_t number, wr_str name)
{
    const copier *c = arg;
    if (name.length >= WR_STATE_KEY_MAX)
        return wr_state_damaged(c->w->state, "the server has a section with too long a name");
    return write_own(c->w, WR_STATE_IS_NAME, name, &number, sizeof number);
}

static weir_status copy_pair(void *arg, uint32_t section, wr_str key, wr_str value)
{
    copier *c = arg;
    wr_state_key whole;
    uint64_t bytes = key.length + value.length + PAIR_BYTES;
    if (!key.length || key.length > WR_STATE_KEY_MAX || section == WR_STATE_OWN ||
        section > wr_remote_head_of(c->w->state->remote)->sections)
        return wr_state_damaged(c->w->state, "the server has a key that cannot be");
    if (c->bytes + bytes > PART_BYTES) {
        WR_TRY(end_part(c->w));
        WR_TRY(begin_part(c->w, c->file, 2 * WR_MAX(bytes, (uint64_t)PART_BYTES) + SLACK));
        c->bytes = 0;
    }
    c->bytes += bytes;
    wr_state_key_make(&whole, section, key);
    return put_pair(c->w, &whole, value, true);
}

/* The number and the sum of what came must be those of the head. */
static weir_status copy_remote(writer *w, wr_state_file *file)
{
    wr_remote *remote = w->state->remote;
    copier c = {.w = w, .file = file};
    const wr_remote_reader reader = {copy_section, copy_pair, &c};
    WR_TRY(wr_remote_read(remote, &reader));
    const wr_remote_head *head = wr_remote_head_of(remote);
    if (w->record.keys != head->pairs || w->record.hash != head->hash)
        return wr_fail(WR_E_CORRUPT, "\"%.*s\" is damaged: its pairs are not those of its head",
                       WR_STR_ARGS(wr_remote_shown(remote)));
    w->record.sections = head->sections;
    w->record.commits = head->commits - 1; /* the record counts it */
    return WR_OK;
}

static weir_status write_first(writer *w, wr_state_file *file)
{
    uint32_t version = WR_STATE_FORMAT;
    WR_TRY(begin_part(w, file, 2 * PART_BYTES + SLACK));
    WR_TRY(write_own(w, WR_STATE_IS_FORMAT, (wr_str){"", 0}, &version, sizeof version));
    if (w->state->remote) WR_TRY(copy_remote(w, file));
    WR_TRY(write_record(w));
    return end_part(w);
}

static weir_status write_new(wr_state *state, wr_state_file *file)
{
    writer w = {.state = state};
    weir_status bad = write_first(&w, file);
    if (w.cursor) mdb_cursor_close(w.cursor);
    if (w.txn) mdb_txn_abort(w.txn);
    if (bad) return bad;
    int code = mdb_env_sync(file->env, 1);
    return code ? wr_state_file_failure(file, "write", code) : WR_OK;
}

static weir_status remove_if_there(const char *path)
{
    if (!wr_fs_exists(wr_fs_real(), wr_str_of(path))) return WR_OK;
    return wr_fs_remove(wr_fs_real(), wr_str_of(path));
}

static weir_status create_as(wr_state *state, const char *path, const char *readers)
{
    wr_fs *fs = wr_fs_real();
    wr_str directory = wr_str_of(state->directory);
    WR_TRY(remove_if_there(path)); /* of a creation that was interrupted */
    WR_TRY(remove_if_there(readers));
    wr_state_file file = {.path = wr_heap_copy(path, strlen(path)),
                          .survives_losing_power = !state->remote};
    weir_status bad = wr_state_file_open(&file);
    if (!bad) bad = write_new(state, &file);
    wr_state_file_close(&file);
    if (bad) return bad;
    WR_FAILPOINT(state_created);
    WR_TRY(remove_if_there(readers));
    WR_TRY(wr_fs_rename(fs, wr_str_of(path), wr_str_of(state->file.path)));
    WR_TRY(wr_fs_sync_dir(fs, directory));
    return wr_fs_sync_dir(fs, wr_path_dir(directory));
}

weir_status wr_state_create(wr_state *state)
{
    char *path = wr_state_path(state, "state.new"),
         *readers = wr_state_path(state, "state.new-lock");
    weir_status bad = create_as(state, path, readers);
    wr_heap_drop(path);
    wr_heap_drop(readers);
    return bad;
}
