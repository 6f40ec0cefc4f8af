/* state_remote.c - opening a state that is on a server: the copy of it that this machine works on.
 *
 * The copy is an ordinary state in a folder of the machine's cache, named after the number that the
 * server has drawn for the state, so that copies of different states never meet. A commit writes
 * it, asks the server to commit, and then lets LMDB commit: so it is what the server has, or one
 * commit behind. What it is worth is decided when it is opened: one with the commit, number and
 * hash of the server's head is used, any other is made anew from what the server has. Its commits
 * do not wait for the disk, for the same reason.
 *
 * A copy with a later commit than the server tells that the server has gone back in time (a backup
 * was restored, or a replica took over that did not have everything). What sinks were given since
 * would be given twice, so that is an error.
 *
 * Who only reads takes the copy of this machine if it is of the right commit, else makes one
 * without a name for itself. Without a folder to keep copies in the writer does the same. */
#include "base/secret.h"
#include "store/state_def.h"
#include "sys/clock.h"

wr_str wr_state_place(wr_arena *arena, wr_str states, wr_str name)
{
    WR_BUF(place);
    if (!wr_remote_is_address(states))
        return wr_arena_printf(arena, "%.*s/%.*s", WR_STR_ARGS(states), WR_STR_ARGS(name));
    wr_remote_address_of(states, name, &place);
    return wr_arena_str(arena, wr_buf_str(&place));
}

wr_str wr_state_place_shown(wr_arena *arena, wr_str place)
{
    WR_BUF(shown);
    if (!wr_remote_is_address(place)) return place;
    wr_passwords_hide(place, &shown);
    return wr_arena_str(arena, wr_buf_str(&shown));
}

/* Where the copy is kept; false: nowhere. */
static bool has_cache(const wr_state *state, wr_buf *out)
{
    wr_str said = wr_remote_cache(state->remote);
    if (said.length)
        wr_buf_add_str(out, said);
    else
        wr_path_cache_dir(out);
    if (!out->length) return false;
    wr_buf_printf(out, "/state-%s", wr_remote_head_of(state->remote)->id);
    return true;
}

static void use_directory(wr_state *state, wr_str directory)
{
    wr_heap_drop(state->directory);
    state->directory = wr_heap_copy(directory.data, directory.length);
    wr_state_forget_file(state);
}

static bool is_of_head(const wr_state *state)
{
    const wr_remote_head *head = wr_remote_head_of(state->remote);
    return state->record.commits == head->commits && state->record.hash == head->hash &&
           state->record.keys == head->pairs && state->record.sections == head->sections;
}

static weir_status went_back(const wr_state *state)
{
    return wr_with_hint(
        wr_fail(WR_E_CORRUPT, "\"%.*s\" has gone back in time: it has commit %llu, and had %llu",
                WR_STR_ARGS(wr_remote_shown(state->remote)),
                (unsigned long long)wr_remote_head_of(state->remote)->commits,
                (unsigned long long)state->record.commits),
        "sinks may have been given more than it knows of; to go on from there nevertheless remove "
        "\"%s\"",
        state->directory);
}

/* *same: the file is open, and what the server has. Else it is not open. */
static weir_status open_if_same(wr_state *state, bool *same)
{
    *same = false;
    if (!wr_fs_exists(wr_fs_real(), wr_str_of(state->file.path))) return WR_OK;
    weir_status bad = wr_state_open_file(state);
    bool is_ahead = !bad && state->record.commits > wr_remote_head_of(state->remote)->commits;
    if (is_ahead && !state->options.read_only) return went_back(state);
    *same = !bad && is_of_head(state);
    wr_status_drop(bad); /* a copy is not worth more words */
    if (!*same) wr_state_forget_file(state);
    return WR_OK;
}

/* What there is of a copy in the folder. */
static weir_status remove_copy(wr_state *state)
{
    static const char *const names[] = {"state.mdb", "state.mdb-lock", "state.new",
                                        "state.new-lock", "unsynced"};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        char *path = wr_state_path(state, names[i]);
        weir_status bad = wr_fs_exists(wr_fs_real(), wr_str_of(path))
                              ? wr_fs_remove(wr_fs_real(), wr_str_of(path))
                              : WR_OK;
        wr_heap_drop(path);
        if (bad) return bad;
    }
    return WR_OK;
}

static weir_status make_copy(wr_state *state)
{
    WR_TRY(remove_copy(state));
    WR_TRY(wr_state_create(state));
    return wr_state_open_file(state);
}

/* A copy that ends with this process. */
static weir_status open_nameless(wr_state *state)
{
    WR_BUF(folder);
    wr_buf_printf(&folder, "%.*s/weir-state-%016llx", WR_STR_ARGS(wr_path_temp_dir()),
                  (unsigned long long)wr_random_u64());
    state->options.is_volatile = true;
    use_directory(state, wr_buf_str(&folder));
    WR_TRY(wr_fs_make_dirs(wr_fs_real(), wr_buf_str(&folder)));
    weir_status bad = make_copy(state);
    if (!bad) return wr_state_remove_names(state);
    weir_status left = remove_copy(state);
    if (!left) left = wr_fs_remove(wr_fs_real(), wr_buf_str(&folder));
    wr_status_drop(left);
    return bad;
}

static weir_status open_cached(wr_state *state, wr_str folder)
{
    bool same;
    use_directory(state, folder);
    WR_TRY(wr_fs_make_dirs(wr_fs_real(), folder));
    char *path = wr_state_path(state, "lock");
    weir_status bad = wr_lock_take(wr_str_of(path), &state->lock);
    wr_heap_drop(path);
    if (bad && bad->code == WR_E_BUSY) { /* of one that was taken over and does not know it yet */
        wr_status_drop(bad);
        return open_nameless(state);
    }
    if (bad) return bad;
    WR_TRY(open_if_same(state, &same));
    return same ? WR_OK : make_copy(state);
}

static weir_status open_to_read(wr_state *state)
{
    bool same = false;
    WR_BUF(folder);
    state->is_copy = true;
    if (!state->options.check && has_cache(state, &folder)) {
        use_directory(state, wr_buf_str(&folder));
        WR_TRY(open_if_same(state, &same));
    }
    if (!same) WR_TRY(open_nameless(state));
    wr_remote_close(WR_TAKE(state->remote));
    return WR_OK;
}

weir_status wr_state_open_remote(wr_state *state, wr_str address)
{
    const wr_remote_options options = {.create = state->options.create,
                                       .read_only = state->options.read_only,
                                       .cancel = state->options.cancel,
                                       .stop = state->options.stop};
    WR_BUF(folder);
    WR_TRY(wr_remote_open(address, &options, &state->remote));
    state->options.survives_losing_power = false;
    if (options.read_only) return open_to_read(state);
    return has_cache(state, &folder) ? open_cached(state, wr_buf_str(&folder))
                                     : open_nameless(state);
}
