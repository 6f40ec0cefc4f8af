/* gc.c - giving up runs: the oldest beyond a number, those older than some days.
 *
 * Without delete_files a run only leaves the index: a file "forgotten" in its folder says so, or
 * the next look would bring it back. With it the folder is renamed first, which is one moment, and
 * removed then; a process that dies in between leaves a name by which the next look removes it.
 * Runs that are running stay, whatever was asked. */
#include "runs/runs.h"
#include "sys/clock.h"
#include "sys/unfinished.h"

enum { TREE_DEPTH = 8 };
static const int64_t US_PER_DAY = INT64_C(86400000000);

static weir_status delete_folder(wr_ask *ask, const wr_run_record *record)
{
    WR_BUF(gone);
    wr_unfinished_name(record->dir, &gone);
    weir_status bad = wr_fs_rename(wr_fs_real(), record->dir, wr_buf_str(&gone));
    bool is_gone = bad && bad->code == WR_E_FILE_NOT_FOUND; /* somebody else was faster */
    if (bad && !is_gone) return bad;
    wr_status_drop(bad);
    WR_TRY(wr_run_index_remove(ask->runs->index, record->id));
    return is_gone ? WR_OK : wr_run_tree_remove(wr_buf_str(&gone), TREE_DEPTH);
}

static weir_status forget(wr_ask *ask, const wr_run_record *record)
{
    WR_TRY(
        wr_run_file_write(wr_arena_printf(ask->arena, "%s/forgotten", record->dir.data),
                          WR_STR("taken out of the index; remove this file to bring it back\n")));
    return wr_run_index_remove(ask->runs->index, record->id);
}

/* Which ones go: behind the newest keep_last, or older than ttl_days; with both, both. */
static void choose(const wr_run_list *all, int64_t keep_last, int64_t ttl_days, wr_arena *arena,
                   wr_run_list *out)
{
    int64_t before = wr_clock_unix_us() - WR_MIN(ttl_days, INT64_C(100000)) * US_PER_DAY;
    int64_t kept = 0;
    for (int i = 0; i < all->count; i++) {
        const wr_run_record *r = &all->items[i];
        if (wr_str_is(r->status, "running")) continue;
        bool is_beyond = keep_last < 0 || kept++ >= keep_last;
        bool is_old = ttl_days < 0 || wr_run_time_us(r->created_at) < before;
        if (is_beyond && is_old) wr_push(arena, out, *r);
    }
}

static void put_list(wr_ask *ask, const char *name, const wr_run_list *list, bool dirs)
{
    WR_BUF(json);
    wr_buf_add_char(&json, '[');
    for (int i = 0; i < list->count; i++)
        wr_json_put_text(&json, NULL, dirs ? list->items[i].dir : list->items[i].id);
    wr_buf_add_char(&json, ']');
    wr_json_put(ask->out, name, wr_buf_str(&json));
}

weir_status wr_ask_gc(wr_ask *ask)
{
    wr_run_filter every = {.limit = -1};
    wr_run_list all = {0}, chosen = {0};
    int64_t keep_last = wr_json_int_of(ask->arguments, "keep_last", -1);
    int64_t ttl_days = wr_json_int_of(ask->arguments, "ttl_days", -1);
    bool files = wr_json_bool_of(ask->arguments, "delete_files");
    bool dry = wr_json_bool_of(ask->arguments, "dry_run");
    if (keep_last < 0 && ttl_days < 0) {
        ask->phase = "argument_parse";
        return wr_fail(WR_E_BAD_ARGUMENT, "say how many runs to keep, or for how many days");
    }
    WR_TRY(wr_run_index_runs(ask->runs->index, &every, ask->arena, &all, NULL));
    choose(&all, keep_last, ttl_days, ask->arena, &chosen);
    for (int i = 0; i < chosen.count && !dry; i++)
        WR_TRY(files ? delete_folder(ask, &chosen.items[i]) : forget(ask, &chosen.items[i]));
    put_list(ask, "deleted_run_ids", &chosen, false);
    put_list(ask, "deleted_run_dirs", files ? &chosen : &(wr_run_list){0}, true);
    wr_json_put_text(ask->out, "backend",
                     wr_run_index_is_lasting(ask->runs->index) ? WR_STR("sqlite")
                                                               : WR_STR("memory"));
    wr_json_put_bool(ask->out, "dry_run", dry);
    return WR_OK;
}
