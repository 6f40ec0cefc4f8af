/* state.c - opening a state, its sections, reading and changing it. See state.h.
 *
 * A directory holds
 *   lock          who has it open (sys/lock.h)
 *   state.mdb     everything; it gets this name when it is complete
 *   state.mdb-lock  LMDB's table of readers
 *   unsynced      commits were not waited for since this start of the machine: after another start
 *                 the file is checked whole before it is believed
 *
 * Changes stay in memory (state_changes.c) until the commit writes them in the order of keys
 * (state_commit.c), so a commit that fails loses nothing and can be repeated. Reading asks the
 * changes first, then the ranges that were deleted, then the file. */
#include "store/state_def.h"
#include "store/state_pages.h"

enum { ALWAYS_CHECKED = 16 << 20 }; /* bytes of a state that is checked at each opening */

char *wr_state_path(const wr_state *state, const char *name)
{
    WR_BUF(path);
    wr_buf_printf(&path, "%s/%s", state->directory, name);
    return wr_heap_copy(path.data, path.length);
}

weir_status wr_state_damaged(const wr_state *state, const char *what)
{
    return wr_fail(WR_E_CORRUPT, "\"%s\" is damaged: %s", state->file.path, what);
}

/* ---- sections ---- */

static void add_section(wr_state *state, wr_str name, bool is_stored)
{
    if (state->section_count == state->section_cap) {
        uint32_t cap = state->section_cap ? state->section_cap * 2 : 16;
        state->sections = wr_heap_grow(state->sections, state->section_cap * sizeof(void *),
                                       cap * sizeof(void *));
        state->section_cap = cap;
    }
    wr_state_section_entry *section = wr_heap_new(sizeof *section);
    section->name = wr_heap_copy(name.data, name.length);
    section->name_length = name.length;
    section->is_stored = is_stored;
    state->sections[state->section_count++] = section;
}

static wr_state_section_entry *section_of(const wr_state *state, uint32_t number)
{
    static wr_state_section_entry nowhere; /* never written to: such states are read only */
    if (state->of) state = state->of;
    if (number == WR_STATE_NOWHERE && state->options.read_only) return &nowhere;
    wr_assert(number >= 1 && number <= state->section_count);
    return state->sections[number - 1];
}

weir_status wr_state_section(wr_state *state, wr_str name, uint32_t *out)
{
    if (name.length == 0 || name.length >= WR_STATE_KEY_MAX)
        return wr_fail(WR_E_TOO_BIG, "a section of a state cannot have a name of %zu bytes",
                       name.length);
    for (uint32_t i = 0; i < state->section_count; i++) {
        *out = i + 1;
        wr_str known = {state->sections[i]->name, state->sections[i]->name_length};
        if (wr_str_eq(known, name)) return WR_OK;
    }
    *out = WR_STATE_NOWHERE; /* a number of its own could be given to another by the writer */
    if (state->options.read_only) return WR_OK;
    add_section(state, name, false);
    *out = state->section_count;
    return WR_OK;
}

bool wr_state_section_at(const wr_state *state, int index, wr_str *name, uint32_t *out)
{
    if (index < 0 || (uint32_t)index >= state->section_count) return false;
    const wr_state_section_entry *section = state->sections[index];
    *name = (wr_str){section->name, section->name_length};
    *out = (uint32_t)index + 1;
    return true;
}

static weir_status load_sections(wr_state *state)
{
    char kind = WR_STATE_IS_NAME;
    wr_state_key first;
    wr_state_key_make(&first, WR_STATE_OWN, (wr_str){&kind, 1});
    /* Names are keys; their numbers, in the order they were made, are values. */
    uint64_t count = state->record.sections;
    if (count > UINT32_MAX / 2) return wr_state_damaged(state, "it has too many sections");
    MDB_cursor *cursor;
    int code = mdb_cursor_open(state->file.reader, state->file.pairs, &cursor);
    if (code) return wr_state_file_failure(&state->file, "read", code);
    WR_ARENA(arena);
    WR_LIST(wr_str) names = {0};
    WR_LIST(uint32_t) numbers = {0};
    MDB_val key = wr_state_val(first.bytes, first.length), stored;
    weir_status bad = WR_OK;
    for (code = mdb_cursor_get(cursor, &key, &stored, MDB_SET_RANGE); !code && !bad;
         code = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT)) {
        wr_str name = wr_state_str(key), value;
        uint32_t number;
        if (name.length < first.length || memcmp(name.data, first.bytes, first.length) != 0) break;
        bad = wr_state_unwrap(&state->file, name, wr_state_str(stored), &value);
        if (bad) break;
        if (value.length != sizeof number) bad = wr_state_damaged(state, "a section has no number");
        if (bad) break;
        memcpy(&number, value.data, sizeof number);
        name = (wr_str){name.data + first.length, name.length - first.length};
        wr_push(&arena, &names, name);
        wr_push(&arena, &numbers, number);
    }
    mdb_cursor_close(cursor);
    if (bad) return bad;
    if (code && code != MDB_NOTFOUND) return wr_state_file_failure(&state->file, "read", code);
    wr_str *by_number = wr_new_array(&arena, wr_str, names.count + 1);
    for (int i = 0; i < names.count; i++)
        if (numbers.items[i] >= 1 && numbers.items[i] <= (uint32_t)names.count)
            by_number[numbers.items[i] - 1] = names.items[i];
    bool is_whole = (uint64_t)names.count == count;
    for (int i = 0; i < names.count; i++)
        is_whole = is_whole && by_number[i].data;
    if (!is_whole) return wr_state_damaged(state, "its sections are not those of its record");
    for (uint32_t i = state->section_count; i < (uint32_t)names.count; i++)
        add_section(state, by_number[i], true);
    return WR_OK;
}

/* ---- opening ---- */

weir_status wr_state_parse_format(const wr_state *state, wr_str value)
{
    uint32_t version;
    if (value.length != sizeof version) return wr_state_damaged(state, "it has no format");
    memcpy(&version, value.data, sizeof version);
    if (version == WR_STATE_FORMAT) return WR_OK;
    if (version < WR_STATE_FORMAT) return wr_state_damaged(state, "its format is unknown");
    return wr_with_hint(wr_fail(WR_E_STATE_VERSION, "\"%s\" has format %u, this weir knows %d",
                                state->file.path, (unsigned)version, WR_STATE_FORMAT),
                        "open it with the weir that wrote it, or a newer one");
}

weir_status wr_state_parse_record(const wr_state *state, wr_str value, wr_state_record *out)
{
    if (value.length != sizeof *out) return wr_state_damaged(state, "its record has a wrong size");
    memcpy(out, value.data, sizeof *out);
    return WR_OK;
}

static weir_status own_value(wr_state *state, char kind, wr_str *value)
{
    wr_state_key whole;
    wr_state_key_make(&whole, WR_STATE_OWN, (wr_str){&kind, 1});
    MDB_val key = wr_state_val(whole.bytes, whole.length), stored;
    int code = mdb_get(state->file.reader, state->file.pairs, &key, &stored);
    if (code == MDB_NOTFOUND) return wr_state_damaged(state, "it has no format or record");
    if (code) return wr_state_file_failure(&state->file, "read", code);
    return wr_state_unwrap(&state->file, (wr_str){whole.bytes, whole.length}, wr_state_str(stored),
                           value);
}

weir_status wr_state_read_record(wr_state *state, wr_state_record *out)
{
    wr_str value;
    WR_TRY(wr_state_file_read(&state->file));
    WR_TRY(own_value(state, WR_STATE_IS_FORMAT, &value));
    WR_TRY(wr_state_parse_format(state, value));
    WR_TRY(own_value(state, WR_STATE_IS_RECORD, &value));
    WR_TRY(wr_state_parse_record(state, value, out));
    if (out->txn_id != mdb_txn_id(state->file.reader))
        return wr_state_damaged(state, "its record is not that of its last commit");
    return WR_OK;
}

/* Whether commits that nobody waited for may have been lost with the power. */
static weir_status was_power_lost(wr_state *state, const char *mark, bool *out)
{
    char text[256];
    size_t length;
    WR_BUF(now);
    WR_AUTO(wr_file) *file = NULL;
    state->has_mark = wr_fs_exists(wr_fs_real(), wr_str_of(mark));
    *out = false;
    if (!state->has_mark) return WR_OK;
    WR_TRY(wr_file_open(wr_fs_real(), wr_str_of(mark), WR_FILE_READ, &file));
    WR_TRY(wr_file_read(file, 0, text, sizeof text, &length));
    wr_boot_name(&now);
    *out = length == 0 || !wr_str_eq((wr_str){text, length}, wr_buf_str(&now));
    return WR_OK;
}

static weir_status set_mark(const wr_state *state, const char *mark)
{
    WR_BUF(now);
    WR_AUTO(wr_file) *file = NULL;
    wr_boot_name(&now);
    WR_TRY(wr_file_open(wr_fs_real(), wr_str_of(mark), WR_FILE_REPLACE, &file));
    WR_TRY(wr_file_write(file, 0, now.data ? now.data : "", now.length));
    WR_TRY(wr_file_sync(file));
    return wr_fs_sync_dir(wr_fs_real(), wr_str_of(state->directory));
}

/* Everything that was committed is on the disk now. */
static weir_status clear_mark(wr_state *state, const char *mark)
{
    int code = mdb_env_sync(state->file.env, 1);
    if (code) return wr_state_file_failure(&state->file, "sync", code);
    WR_TRY(wr_fs_remove(wr_fs_real(), wr_str_of(mark)));
    state->has_mark = false;
    return WR_OK;
}

static weir_status update_mark(wr_state *state, const char *mark)
{
    if (state->options.read_only || state->options.is_volatile) return WR_OK;
    if (state->options.survives_losing_power)
        return state->has_mark ? clear_mark(state, mark) : WR_OK;
    WR_TRY(set_mark(state, mark));
    state->has_mark = true;
    return WR_OK;
}

static weir_status open_marked(wr_state *state, const char *mark)
{
    bool is_cut, is_doubtful;
    wr_file_stat stat;
    WR_TRY(wr_state_heads_check(wr_str_of(state->file.path), &is_cut));
    WR_TRY(was_power_lost(state, mark, &is_doubtful));
    WR_TRY(wr_state_file_open(&state->file));
    WR_TRY(wr_fs_stat(wr_fs_real(), wr_str_of(state->file.path), &stat));
    if (is_cut || is_doubtful || state->options.check || stat.size <= ALWAYS_CHECKED)
        WR_TRY(wr_state_check(state));
    WR_TRY(wr_state_read_record(state, &state->record));
    WR_TRY(load_sections(state));
    return update_mark(state, mark);
}

weir_status wr_state_open_file(wr_state *state)
{
    char *mark = wr_state_path(state, "unsynced");
    weir_status bad = open_marked(state, mark);
    wr_heap_drop(mark);
    return bad;
}

static weir_status open_directory(wr_state *state)
{
    wr_fs *fs = wr_fs_real();
    wr_str directory = wr_str_of(state->directory);
    if (state->options.create && !state->options.read_only) WR_TRY(wr_fs_make_dirs(fs, directory));
    bool is_there = wr_fs_exists(fs, wr_str_of(state->file.path));
    if (!is_there && (!state->options.create || state->options.read_only))
        return wr_fail(WR_E_FILE_NOT_FOUND, "there is no state in \"%s\"", state->directory);
    if (!state->options.read_only && !state->options.is_volatile) {
        char *path = wr_state_path(state, "lock");
        weir_status bad = wr_lock_take(wr_str_of(path), &state->lock);
        wr_heap_drop(path);
        if (bad) return bad;
    }
    if (!wr_fs_exists(fs, wr_str_of(state->file.path))) WR_TRY(wr_state_create(state));
    return wr_state_open_file(state);
}

weir_status wr_state_remove_names(wr_state *state)
{
    static const char *const names[] = {"state.mdb", "state.mdb-lock"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        char *path = wr_state_path(state, names[i]);
        weir_status bad = wr_fs_remove(wr_fs_real(), wr_str_of(path));
        wr_heap_drop(path);
        if (bad) return bad;
    }
    return wr_fs_remove(wr_fs_real(), wr_str_of(state->directory));
}

static void describe_file(wr_state *state)
{
    state->file = (wr_state_file){.path = wr_state_path(state, "state.mdb"),
                                  .read_only = state->options.read_only,
                                  .survives_losing_power = state->options.survives_losing_power,
                                  .map_bytes = state->options.map_bytes};
}

static void drop_sections(wr_state *state)
{
    for (uint32_t i = 0; i < state->section_count; i++) {
        wr_heap_drop(state->sections[i]->name);
        wr_heap_drop(state->sections[i]);
    }
    state->section_count = 0;
}

void wr_state_forget_file(wr_state *state)
{
    wr_state_file_close(&state->file);
    drop_sections(state);
    describe_file(state);
    state->record = (wr_state_record){0};
    state->has_mark = state->is_stale = false;
}

weir_status wr_state_open(wr_str place, const wr_state_options *options, wr_state **out)
{
    WR_AUTO(wr_state) *state = wr_heap_new(sizeof *state);
    state->options = *options;
    state->mem = wr_mem_new(options->mem, "state", 0);
    state->pool.mem = state->mem;
    if (wr_remote_is_address(place)) {
        WR_TRY(wr_state_open_remote(state, place));
    } else {
        state->directory = wr_heap_copy(place.data, place.length);
        describe_file(state);
        WR_TRY(open_directory(state));
        if (options->is_volatile) WR_TRY(wr_state_remove_names(state));
    }
    *out = WR_TAKE(state);
    return WR_OK;
}

static void forget_changes(wr_state *state)
{
    wr_change_pool_empty(&state->pool);
    for (uint32_t i = 0; i < state->section_count; i++)
        state->sections[i]->changes = (wr_changes){0};
}

void wr_state_close(wr_state *state)
{
    if (!state) return;
    wr_assert(!state->cursor.state);
    forget_changes(state);
    wr_change_pool_clear(&state->pool);
    if (state->has_mark && state->file.env && !state->options.read_only) {
        char *mark = wr_state_path(state, "unsynced");
        wr_status_drop(clear_mark(state, mark)); /* it stays, and the next opening sees it */
        wr_heap_drop(mark);
    }
    wr_state_file_close(&state->file);
    wr_lock_drop(state->lock);
    wr_remote_close(state->remote);
    drop_sections(state);
    wr_heap_drop(state->sections);
    wr_mem_drop(state->mem);
    wr_heap_drop(state->directory);
    wr_heap_drop(state);
}

void wr_state_rollback(wr_state *state)
{
    wr_assert(!state->cursor.state);
    forget_changes(state);
    if (state->remote) /* may have what was just forgotten */
        state->is_lost |= wr_remote_is_unsure(state->remote) ||
                          wr_remote_head_of(state->remote)->commits != state->record.commits;
    if (!state->options.read_only || state->is_copy) return;
    wr_state_file_forget(&state->file);
    state->is_stale = true;
}

/* A snapshot to read from, and what belongs to it. */
static weir_status need_snapshot(wr_state *state)
{
    if (wr_likely(state->file.is_reading)) return WR_OK;
    if (state->of) return wr_state_view_read(state);
    WR_TRY(wr_state_file_read(&state->file));
    if (!state->is_stale) return WR_OK;
    WR_TRY(wr_state_read_record(state, &state->record));
    WR_TRY(load_sections(state));
    state->is_stale = false;
    return WR_OK;
}

/* ---- changing ---- */

/* Nobody goes back to the last commit of a volatile state. */
static weir_status make_room(wr_state *state)
{
    enum { LOOK_EVERY = 256 };
    uint64_t count = 0;
    if (!state->options.changes_max || ++state->puts < LOOK_EVERY) return WR_OK;
    state->puts = 0;
    for (uint32_t i = 0; i < state->section_count; i++)
        count += state->sections[i]->changes.count;
    return count < state->options.changes_max ? WR_OK : wr_state_commit(state);
}

static weir_status may_change(const wr_state *state, wr_str key)
{
    wr_assert(!state->cursor.state && !state->of);
    if (state->options.read_only)
        return wr_fail(WR_E_READ_ONLY, "\"%s\" is open for reading only", state->directory);
    if (key.length > WR_STATE_KEY_MAX)
        return wr_fail(WR_E_TOO_BIG, "a key of %zu bytes is too long for a state (%d)", key.length,
                       WR_STATE_KEY_MAX);
    return WR_OK;
}

weir_status wr_state_put(wr_state *state, uint32_t section, wr_str key, wr_str value)
{
    WR_TRY(may_change(state, key));
    wr_assert(key.length > 0);
    WR_TRY(make_room(state));
    if (value.length > 1 << 30)
        return wr_fail(WR_E_TOO_BIG, "a value of %zu bytes is too big for a state", value.length);
    return wr_changes_set(&section_of(state, section)->changes, &state->pool, key, &value);
}

weir_status wr_state_delete(wr_state *state, uint32_t section, wr_str key)
{
    WR_TRY(may_change(state, key));
    wr_assert(key.length > 0);
    WR_TRY(make_room(state));
    return wr_changes_set(&section_of(state, section)->changes, &state->pool, key, NULL);
}

/* A bound of a range may be longer than any key. */
weir_status wr_state_delete_range(wr_state *state, uint32_t section, wr_str first, wr_str last)
{
    WR_TRY(may_change(state, (wr_str){"", 0}));
    if (first.length > WR_STATE_KEY_MAX || last.length > WR_STATE_KEY_MAX)
        return wr_fail(WR_E_TOO_BIG, "a key of %zu bytes is too long for a state (%d)",
                       WR_MAX(first.length, last.length), WR_STATE_KEY_MAX);
    if (!first.length) first = (wr_str){"", 0};
    return wr_changes_delete_range(&section_of(state, section)->changes, &state->pool, first, last);
}

/* ---- reading ---- */

weir_status wr_state_get(wr_state *state, uint32_t section, wr_str key, wr_str *value, bool *found)
{
    const wr_changes *changes = &section_of(state, section)->changes;
    *value = (wr_str){"", 0};
    *found = false;
    if (key.length == 0 || key.length > WR_STATE_KEY_MAX) return WR_OK;
    const wr_change *change = changes->count ? wr_changes_find(changes, key) : NULL;
    if (change) {
        *found = change->value != NULL;
        if (*found) *value = (wr_str){change->value, change->value_length};
        return WR_OK;
    }
    if (changes->range_count && wr_changes_range_of(changes, key)) return WR_OK;
    WR_TRY(need_snapshot(state));
    wr_state_key whole;
    wr_state_key_make(&whole, section, key);
    MDB_val at = wr_state_val(whole.bytes, whole.length), stored;
    int code = mdb_get(state->file.reader, state->file.pairs, &at, &stored);
    if (code == MDB_NOTFOUND) return WR_OK;
    if (code) return wr_state_file_failure(&state->file, "read", code);
    wr_state_file_has_read(&state->file);
    *found = true;
    return wr_state_unwrap(&state->file, (wr_str){whole.bytes, whole.length}, wr_state_str(stored),
                           value);
}

/* Takes what the cursor of the file stands on, if it is still in the section. */
static weir_status take_below(wr_state_cursor *cursor, int code, MDB_val key, MDB_val stored)
{
    cursor->has_below = false;
    if (code == MDB_NOTFOUND) return WR_OK;
    if (code) return wr_state_file_failure(&cursor->state->file, "read", code);
    uint32_t number;
    wr_state_file_has_read(&cursor->state->file);
    cursor->below_key = wr_state_str(key);
    cursor->below_value = wr_state_str(stored);
    if (cursor->below_key.length <= WR_STATE_NAME)
        return wr_state_damaged(cursor->state, "a key is too short");
    memcpy(&number, cursor->below_key.data, WR_STATE_NAME);
    cursor->has_below = __builtin_bswap32(number) == cursor->number;
    return WR_OK;
}

static weir_status seek_below(wr_state_cursor *cursor, wr_str first)
{
    wr_state_key whole;
    MDB_val stored;
    wr_state_key_make(&whole, cursor->number, first);
    MDB_val key = wr_state_val(whole.bytes, whole.length);
    int code = mdb_cursor_get(cursor->below, &key, &stored, MDB_SET_RANGE);
    return take_below(cursor, code, key, stored);
}

static weir_status next_below(wr_state_cursor *cursor)
{
    MDB_val key, stored;
    int code = mdb_cursor_get(cursor->below, &key, &stored, MDB_NEXT);
    return take_below(cursor, code, key, stored);
}

weir_status wr_state_seek(wr_state *state, uint32_t section, wr_str first, wr_state_cursor **out)
{
    wr_state_cursor *cursor = &state->cursor;
    wr_assert(!cursor->state);
    if (!first.length) first = (wr_str){"", 0};
    if (first.length > WR_STATE_KEY_MAX) /* what is above it is above its beginning */
        return wr_fail(WR_E_TOO_BIG, "a key of %zu bytes is too long for a state (%d)",
                       first.length, WR_STATE_KEY_MAX);
    WR_TRY(need_snapshot(state));
    *cursor = (wr_state_cursor){.section = section_of(state, section), .number = section};
    int code = mdb_cursor_open(state->file.reader, state->file.pairs, &cursor->below);
    if (code) return wr_state_file_failure(&state->file, "read", code);
    cursor->state = state;
    cursor->change = wr_changes_seek(&cursor->section->changes, first);
    weir_status bad = seek_below(cursor, first);
    if (bad) {
        wr_state_cursor_close(cursor);
        return bad;
    }
    *out = cursor;
    return WR_OK;
}

weir_status wr_state_next(wr_state_cursor *cursor, wr_str *key, wr_str *value, bool *more)
{
    wr_assert(cursor->state != NULL);
    const wr_changes *changes = &cursor->section->changes;
    *more = true;
    for (;;) {
        const wr_change *change = wr_changes_peek(&cursor->change);
        if (!cursor->has_below && !change) break;
        wr_str below = {"", 0};
        if (cursor->has_below)
            below = (wr_str){cursor->below_key.data + WR_STATE_NAME,
                             cursor->below_key.length - WR_STATE_NAME};
        int order = !cursor->has_below ? 1 : -1;
        if (cursor->has_below && change)
            order = wr_str_cmp(below, (wr_str){change->key, change->key_length});
        if (order >= 0) {
            if (order == 0) WR_TRY(next_below(cursor));
            wr_changes_step(&cursor->change);
            if (!change->value) continue;
            *key = (wr_str){change->key, change->key_length};
            *value = (wr_str){change->value, change->value_length};
            return WR_OK;
        }
        const wr_change_range *range =
            changes->range_count ? wr_changes_range_of(changes, below) : NULL;
        if (range && !range->last.length) {
            cursor->has_below = false;
        } else if (range) {
            WR_TRY(seek_below(cursor, range->last));
        } else {
            *key = below;
            WR_TRY(wr_state_unwrap(&cursor->state->file, cursor->below_key, cursor->below_value,
                                   value));
            return next_below(cursor);
        }
    }
    *more = false;
    return WR_OK;
}

void wr_state_cursor_close(wr_state_cursor *cursor)
{
    if (!cursor || !cursor->state) return;
    mdb_cursor_close(cursor->below);
    *cursor = (wr_state_cursor){0};
}

void wr_state_figures_of(wr_state *state, wr_state_figures *out)
{
    *out = (wr_state_figures){.bytes_on_disk = wr_state_file_bytes(&state->file),
                              .keys = state->record.keys,
                              .commits = state->record.commits,
                              .hash = state->record.hash,
                              .bytes_last_commit = state->bytes_last_commit,
                              .pending_bytes = state->pool.bytes,
                              .last_commit_ns = state->last_commit_ns};
}
