/* store.c - the workspace: its folders, and mending what a killed process left.
 *
 *   home/runs/20260102T030405Z_1f2e3d4c/run.json ..    a run; appears with its run.json in it
 *   home/runs/<id>.tmp-<writer>/                       one that is being made, or removed
 *   home/runs/<id>/forgotten                           taken out of the index, files kept
 *   home/index/artifacts.sqlite
 *
 * A run becomes visible by renaming its folder, and ends by replacing run.json; the index follows.
 * So at any moment the folders tell the whole story, and a look compares: folders that are not in
 * the index, rows whose run.json changed since, rows without a folder, and rows that are running
 * though their writer is dead. Only what differs is read, inside one transaction that waits for
 * other writers, so an older reading never replaces a newer one.
 *
 * The order of looking at a running one matters: first whether its writer is dead, then run.json.
 * Who is dead writes no more; the other way round the last thing it wrote could be missed. */
#include "base/mem.h"
#include "runs/runs.h"
#include "sys/clock.h"
#include "sys/unfinished.h"
#include <stdlib.h>

enum { RUN_JSON_MAX = 16 << 20, TREE_DEPTH = 8 };

static wr_fs *disk(void) { return wr_fs_real(); }

/* ---- files ---- */

weir_status wr_run_file_read(wr_str path, uint64_t most, wr_buf *out)
{
    WR_AUTO(wr_file) *file = NULL;
    wr_file_stat stat;
    WR_TRY(wr_file_open(disk(), path, WR_FILE_READ, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    uint64_t from = stat.size > most ? stat.size - most : 0;
    size_t size = (size_t)(stat.size - from), got;
    wr_buf_reserve(out, size + 1);
    WR_TRY(wr_file_read(file, from, out->data + out->length, size, &got));
    out->length += got;
    out->data[out->length] = 0;
    return WR_OK;
}

weir_status wr_run_file_write(wr_str path, wr_str text)
{
    WR_AUTO(wr_file) *file = NULL;
    WR_TRY(wr_file_open(disk(), path, WR_FILE_REPLACE, &file));
    return wr_file_write(file, 0, text.data, text.length);
}

weir_status wr_run_tree_remove(wr_str path, int depth)
{
    WR_ARENA(scratch);
    wr_path_list names = {0};
    weir_status bad = wr_fs_remove(disk(), path); /* a file, a link, an empty folder */
    if (!bad || depth <= 0) return bad;
    weir_status no_folder = wr_fs_list(disk(), path, &scratch, &names);
    if (no_folder) {
        wr_status_drop(no_folder);
        return bad;
    }
    wr_status_drop(bad);
    for (int i = 0; i < names.count; i++)
        WR_TRY(wr_run_tree_remove(
            wr_arena_printf(&scratch, "%.*s/%.*s", WR_STR_ARGS(path), WR_STR_ARGS(names.paths[i])),
            depth - 1));
    return wr_fs_remove(disk(), path);
}

static bool replace_file(wr_str folder, wr_str text, bool durable, weir_status *bad)
{
    WR_BUF(temp);
    WR_BUF(path);
    wr_buf_printf(&path, "%.*s/run.json", WR_STR_ARGS(folder));
    wr_unfinished_name(wr_buf_str(&path), &temp);
    WR_AUTO(wr_file) *file = NULL;
    *bad = wr_file_open(disk(), wr_buf_str(&temp), WR_FILE_CREATE, &file);
    if (!*bad) *bad = wr_file_write(file, 0, text.data, text.length);
    if (!*bad && durable) *bad = wr_file_sync(file);
    if (!*bad) *bad = wr_fs_rename(disk(), wr_buf_str(&temp), wr_buf_str(&path));
    if (*bad) wr_status_drop(wr_fs_remove(disk(), wr_buf_str(&temp)));
    return !*bad;
}

weir_status wr_run_write(wr_str folder, const wr_run_record *record, bool durable)
{
    WR_BUF(compact);
    WR_BUF(json);
    weir_status bad;
    wr_run_record_write(record, true, &compact);
    wr_json_write(wr_buf_str(&compact), 2, false, &json);
    wr_buf_add_char(&json, '\n');
    if (!replace_file(folder, wr_buf_str(&json), durable, &bad)) return bad;
    return durable ? wr_fs_sync_dir(disk(), folder) : WR_OK;
}

wr_str wr_runs_folder(const weir_runs *runs, wr_arena *arena, wr_str run_id)
{
    return wr_arena_printf(arena, "%.*s/runs/%.*s", WR_STR_ARGS(runs->home), WR_STR_ARGS(run_id));
}

weir_status wr_run_read(wr_arena *arena, wr_str folder, wr_run_record *out)
{
    WR_BUF(json);
    wr_str path = wr_arena_printf(arena, "%.*s/run.json", WR_STR_ARGS(folder));
    WR_TRY(wr_run_file_read(path, RUN_JSON_MAX, &json));
    if (wr_run_record_read(arena, wr_buf_str(&json), out)) return WR_OK;
    return wr_fail(WR_E_CORRUPT, "\"%s\" is no record of a run", path.data);
}

/* ---- mending ---- */

static wr_str stamp_of(wr_arena *arena, wr_str folder)
{
    wr_file_stat stat;
    WR_BUF(path);
    wr_buf_printf(&path, "%.*s/run.json", WR_STR_ARGS(folder));
    weir_status bad = wr_fs_stat(disk(), wr_buf_str(&path), &stat);
    wr_status_drop(bad);
    if (bad) return WR_STR("none");
    return wr_arena_printf(arena, "%llu-%lld-%llu", (unsigned long long)stat.size,
                           (long long)stat.mtime_ns, (unsigned long long)stat.inode);
}

static bool is_forgotten(wr_str folder)
{
    WR_BUF(path);
    wr_buf_printf(&path, "%.*s/forgotten", WR_STR_ARGS(folder));
    return wr_fs_exists(disk(), wr_buf_str(&path));
}

/* What is told of a folder whose run.json cannot be read: a loss of power may leave that. */
static void describe_damaged(wr_arena *arena, wr_str id, wr_str folder, wr_run_record *out)
{
    const char *t = id.data;
    *out = (wr_run_record){.id = id,
                           .action = WR_STR("unknown"),
                           .status = WR_STR("failed"),
                           .error = WR_STR("run.json is missing or damaged"),
                           .error_type = WR_STR("damaged"),
                           .phase = WR_STR("filesystem"),
                           .dir = folder};
    out->created_at = wr_arena_printf(arena, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2s.000000Z", t, t + 4,
                                      t + 6, t + 9, t + 11, t + 13);
    out->finished_at = out->created_at;
}

/* How far a killed run had come, by what its folder holds. */
static wr_str last_phase(wr_arena *arena, wr_str folder)
{
    wr_path_list names = {0};
    wr_str artifacts = wr_arena_printf(arena, "%.*s/artifacts", WR_STR_ARGS(folder));
    wr_status_drop(wr_fs_list(disk(), artifacts, arena, &names));
    for (int i = 0; i < names.count; i++)
        if (!wr_unfinished_is(names.paths[i])) return WR_STR("result_materialize");
    wr_str explained = wr_arena_printf(arena, "%.*s/explain.json", WR_STR_ARGS(folder));
    return wr_fs_exists(disk(), explained) ? WR_STR("sql_execute") : WR_STR("run_action_dispatch");
}

static weir_status mark_killed(wr_arena *arena, wr_str folder, wr_run_record *record)
{
    wr_str artifacts = wr_arena_printf(arena, "%.*s/artifacts", WR_STR_ARGS(folder));
    wr_unfinished_sweep(disk(), artifacts);
    wr_unfinished_sweep(disk(), folder);
    record->status = WR_STR("failed");
    record->error = WR_STR("the process that carried it out ended without finishing the run");
    record->error_type = WR_STR("killed");
    record->phase = last_phase(arena, folder);
    record->finished_at = wr_run_time_text(arena, wr_clock_unix_us());
    return wr_run_write(folder, record, true);
}

/* Brings one folder into the index, inside a transaction. */
static weir_status mend(weir_runs *runs, wr_str id)
{
    WR_ARENA(scratch);
    wr_run_record record;
    wr_artifact_list artifacts = {0};
    wr_str folder = wr_runs_folder(runs, &scratch, id), stamp = stamp_of(&scratch, folder);
    if (!wr_fs_exists(disk(), folder) || is_forgotten(folder))
        return wr_run_index_remove(runs->index, id);
    weir_status bad = wr_run_read(&scratch, folder, &record);
    if (!bad && wr_str_is(record.status, "running") && wr_unfinished_is_dead(record.writer)) {
        bad = wr_run_read(&scratch, folder, &record); /* it may have finished just before */
        if (!bad && wr_str_is(record.status, "running")) {
            /* Where nothing can be written it is only told. */
            wr_status_drop(mark_killed(&scratch, folder, &record));
            stamp = stamp_of(&scratch, folder);
        }
    }
    if (bad) describe_damaged(&scratch, id, folder, &record);
    wr_status_drop(bad);
    if (!wr_str_eq(record.id, id)) record.id = id; /* a folder that was copied */
    record.dir = folder;
    wr_run_artifacts_read(&scratch, id, record.artifacts, &artifacts);
    return wr_run_index_put(runs->index, &record, stamp, &artifacts);
}

typedef struct looking {
    wr_arena *arena;
    wr_stamp_list known;
    WR_LIST(wr_str) different;
} looking;

static void compare_folder(const weir_runs *runs, looking *look, wr_str id, const wr_run_stamp *row)
{
    wr_str folder = wr_runs_folder(runs, look->arena, id);
    bool differs;
    if (!row)
        differs = !is_forgotten(folder);
    else
        differs = !wr_str_eq(row->stamp, stamp_of(look->arena, folder)) ||
                  (row->writer.length && wr_unfinished_is_dead(row->writer));
    if (differs) wr_push(look->arena, &look->different, id);
}

/* Folders and rows, both sorted, side by side. */
static weir_status look_around(weir_runs *runs, looking *look)
{
    wr_path_list folders = {0};
    wr_str path = wr_arena_printf(look->arena, "%s/runs", runs->home.data);
    if (wr_fs_exists(disk(), path)) WR_TRY(wr_fs_list(disk(), path, look->arena, &folders));
    WR_TRY(wr_run_index_stamps(runs->index, look->arena, &look->known));
    int at = 0;
    for (int i = 0; i < folders.count; i++) {
        wr_str id = folders.paths[i];
        if (wr_unfinished_is_dead(id)) {
            wr_str left = wr_runs_folder(runs, look->arena, id);
            wr_status_drop(wr_run_tree_remove(left, TREE_DEPTH));
        }
        if (!wr_run_id_is(id)) continue;
        for (; at < look->known.count && wr_str_cmp(look->known.items[at].id, id) < 0; at++)
            wr_push(look->arena, &look->different, look->known.items[at].id);
        bool is_known = at < look->known.count && wr_str_eq(look->known.items[at].id, id);
        compare_folder(runs, look, id, is_known ? &look->known.items[at++] : NULL);
    }
    for (; at < look->known.count; at++)
        wr_push(look->arena, &look->different, look->known.items[at].id);
    return WR_OK;
}

static weir_status mend_all(weir_runs *runs)
{
    WR_ARENA(scratch);
    looking look = {.arena = &scratch};
    WR_TRY(look_around(runs, &look));
    if (!look.different.count) return WR_OK;
    WR_TRY(wr_run_index_begin(runs->index));
    weir_status bad = WR_OK;
    for (int i = 0; i < look.different.count && !bad; i++)
        bad = mend(runs, look.different.items[i]);
    weir_status end = wr_run_index_end(runs->index, !bad);
    if (!bad) return end;
    wr_status_drop(end);
    return bad;
}

/* An index in memory is of this moment only: a lasting one may be possible by now. */
static weir_status open_index(weir_runs *runs, bool is_suspect)
{
    if (runs->index && !is_suspect && wr_run_index_is_lasting(runs->index)) return WR_OK;
    wr_run_index_close(WR_TAKE(runs->index));
    return wr_run_index_open(runs->home, is_suspect, &runs->index);
}

weir_status wr_runs_refresh(weir_runs *runs)
{
    WR_TRY(open_index(runs, false));
    weir_status bad = mend_all(runs);
    if (!bad || bad->code != WR_E_CORRUPT) return bad;
    wr_status_drop(bad);
    WR_TRY(open_index(runs, true));
    return mend_all(runs);
}

static weir_status note(weir_runs *runs, const wr_run_record *record,
                        const wr_artifact_list *artifacts)
{
    WR_ARENA(scratch);
    WR_TRY(open_index(runs, false));
    wr_str stamp = stamp_of(&scratch, wr_runs_folder(runs, &scratch, record->id));
    WR_TRY(wr_run_index_begin(runs->index));
    weir_status bad = wr_run_index_put(runs->index, record, stamp, artifacts);
    weir_status end = wr_run_index_end(runs->index, !bad);
    if (!bad) return end;
    wr_status_drop(end);
    return bad;
}

void wr_runs_note(weir_runs *runs, const wr_run_record *record, const wr_artifact_list *artifacts)
{
    wr_mutex_lock(&runs->lock);
    wr_status_drop(note(runs, record, artifacts));
    wr_mutex_unlock(&runs->lock);
}

/* ---- finding ---- */

static weir_status not_found(wr_arena *arena, const wr_run_list *all, wr_str wanted)
{
    wr_nearest nearest = {.wanted = wanted};
    (void)arena;
    for (int i = 0; i < all->count; i++) {
        wr_nearest_offer(&nearest, all->items[i].id);
        if (all->items[i].name.length) wr_nearest_offer(&nearest, all->items[i].name);
    }
    weir_status bad = wr_fail(WR_E_UNKNOWN_RUN, "no run \"%.*s\"", WR_STR_ARGS(wanted));
    return nearest.count ? wr_with_nearest(bad, &nearest)
                         : wr_with_hint(bad, "weir runs ls lists them");
}

int64_t wr_run_last(wr_str wanted)
{
    wr_str last = WR_STR("last");
    int64_t back = 0;
    if (!wr_str_has_prefix(wanted, last)) return -1;
    if (wanted.length == last.length) return 0;
    if (wanted.data[last.length] != '~' || wanted.length > last.length + 7) return -1;
    for (size_t i = last.length + 1; i < wanted.length; i++) {
        if (wanted.data[i] < '0' || wanted.data[i] > '9') return -1;
        back = back * 10 + (wanted.data[i] - '0');
    }
    return back;
}

weir_status wr_runs_find(weir_runs *runs, wr_arena *arena, wr_str wanted, wr_run_record *out,
                         int64_t *artifact_count)
{
    int64_t back = wr_run_last(wanted);
    wr_run_filter all = {.limit = back < 0 ? -1 : back + 1};
    wr_run_list list = {0};
    int64_t *counts = NULL;
    int found = -1;
    if (wr_run_id_is(wanted)) all.id = wanted;
    WR_TRY(wr_run_index_runs(runs->index, &all, arena, &list, &counts));
    for (int i = 0; i < list.count; i++) {
        wr_str id = list.items[i].id;
        bool is_it = back >= 0 ? i == back : wanted.length && wr_str_has_prefix(id, wanted);
        if (!is_it) continue;
        if (found >= 0)
            return wr_fail(WR_E_UNKNOWN_RUN, "more than one run begins with \"%.*s\"",
                           WR_STR_ARGS(wanted));
        found = i;
    }
    if (found < 0) return not_found(arena, &list, wanted);
    *out = list.items[found];
    if (artifact_count) *artifact_count = counts[found];
    return WR_OK;
}

/* ---- opening ---- */

static weir_status find_home(wr_arena *arena, const char *given, wr_str *out)
{
    const char *own = getenv("WEIR_HOME"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char *here = NULL;
    if (!given || !*given) given = own && *own ? own : NULL;
    if (given && *given == '/')
        *out = wr_arena_printf(arena, "%s", given);
    else if (given)
        *out = wr_arena_printf(arena, "%s/%s", here = wr_folder_now(), given);
    else if (xdg && *xdg == '/')
        *out = wr_arena_printf(arena, "%s/weir", xdg);
    else if (home && *home)
        *out = wr_arena_printf(arena, "%s/.local/share/weir", home);
    wr_heap_drop(here);
    if (out->length) return WR_OK;
    return wr_with_hint(wr_fail(WR_E_FILE_NOT_FOUND, "there is no folder for tracked runs"),
                        "set WEIR_HOME");
}

weir_status weir_runs_open(const char *home, weir_runs **out)
{
    weir_runs *runs = wr_heap_new(sizeof *runs);
    weir_status bad = find_home(&runs->arena, home, &runs->home);
    if (bad) {
        wr_arena_clear(&runs->arena);
        wr_heap_drop(runs);
        return bad;
    }
    wr_mutex_init(&runs->lock);
    *out = runs;
    return WR_OK;
}

const char *weir_runs_home(const weir_runs *runs) { return runs->home.data; }

void weir_runs_close(weir_runs *runs)
{
    if (!runs) return;
    wr_run_index_close(runs->index);
    weir_session_close(runs->reader);
    weir_engine_close(runs->engine);
    wr_mutex_clear(&runs->lock);
    wr_arena_clear(&runs->arena);
    wr_heap_drop(runs);
}

weir_status wr_runs_reader(weir_runs *runs, weir_session **out)
{
    if (!runs->engine) WR_TRY(weir_engine_open(NULL, &runs->engine));
    if (!runs->reader) WR_TRY(weir_session_open(runs->engine, &runs->reader));
    *out = runs->reader;
    return WR_OK;
}
