/* artifact.c - files that came of runs: listing, looking into, copying out, giving up.
 *
 * A preview is kept in the index as long as it is small; one that is asked for with more rows, or
 * that is not there because the index was made anew, is made from the file. Files outside of the
 * folder of their run are the user's: they are shown but never removed. */
#include "runs/runs.h"

enum { LIST_LIMIT = 50 };

wr_str wr_run_artifact_path(wr_arena *arena, const wr_run_artifact *artifact)
{
    wr_str uri = artifact->uri, scheme = WR_STR("file://");
    if (!wr_str_has_prefix(uri, scheme)) return wr_arena_str(arena, uri);
    return wr_arena_str(arena, (wr_str){uri.data + scheme.length, uri.length - scheme.length});
}

void wr_run_artifact_show(const wr_run_artifact *artifact, wr_buf *out)
{
    WR_ARENA(scratch);
    WR_BUF(source);
    wr_str path = wr_run_artifact_path(&scratch, artifact);
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(wr_fs_real(), path, &stat);
    wr_run_artifact_write(artifact, out);
    out->length--; /* the brace */
    wr_json_put_text(out, "path", path);
    wr_run_source(&source, path, artifact->format);
    if (source.length) wr_json_put_text(out, "source", wr_buf_str(&source));
    if (bad)
        wr_json_put(out, "size_bytes", WR_STR(""));
    else
        wr_json_put_int(out, "size_bytes", (int64_t)stat.size);
    wr_buf_add_char(out, '}');
    wr_status_drop(bad);
}

weir_status wr_ask_find_artifact(wr_ask *ask, wr_run_artifact *out)
{
    wr_artifact_list list = {0};
    wr_str id = wr_json_text_of(ask->arena, ask->arguments, "artifact_id");
    if (!id.length) return wr_fail(WR_E_BAD_ARGUMENT, "\"artifact_id\" is missing");
    int64_t back = wr_run_last(id);
    WR_TRY(wr_run_index_artifacts(ask->runs->index, WR_STR(""), back < 0 ? id : WR_STR(""),
                                  back < 0 ? 2 : back + 1, ask->arena, &list));
    if (back >= 0 && list.count > back) {
        *out = list.items[back];
        return WR_OK;
    }
    if (!list.count || back >= 0)
        return wr_with_hint(wr_fail(WR_E_UNKNOWN_RUN, "no artifact \"%s\"", id.data),
                            "weir artifacts ls lists them");
    if (list.count > 1)
        return wr_fail(WR_E_UNKNOWN_RUN, "more than one artifact begins with \"%s\"", id.data);
    *out = list.items[0];
    return WR_OK;
}

weir_status wr_ask_result_of(wr_ask *ask, wr_str run_id, wr_run_artifact *out, bool *found)
{
    wr_artifact_list list = {0};
    WR_TRY(wr_run_index_artifacts(ask->runs->index, run_id, WR_STR(""), -1, ask->arena, &list));
    *found = false;
    for (int i = 0; i < list.count && !*found; i++) {
        *found = wr_str_is(list.items[i].type, "result");
        *out = list.items[i];
    }
    return WR_OK;
}

/* A kept preview says how many rows it has and whether there are more. */
static bool is_enough(wr_str preview, int64_t limit)
{
    wr_json_members members;
    wr_str rows, key, value;
    int64_t count = 0;
    if (!wr_json_find(preview, WR_STR("rows"), &rows)) return false;
    if (!wr_json_begin(rows, &members)) return false;
    while (wr_json_next(&members, &key, &value))
        count++;
    return count == limit || (count < limit && !wr_json_bool_of(preview, "truncated"));
}

weir_status wr_ask_preview_of(wr_ask *ask, const wr_run_artifact *artifact, int64_t limit,
                              wr_buf *out)
{
    weir_session *session;
    limit = WR_MIN(limit, (int64_t)WR_PREVIEW_ROWS);
    if (is_enough(artifact->preview, limit)) {
        wr_buf_add_str(out, artifact->preview);
        return WR_OK;
    }
    ask->phase = "artifact_preview";
    wr_str path = wr_run_artifact_path(ask->arena, artifact);
    int64_t rows = -1;
    if (artifact->row_count.length) {
        WR_BUF(object);
        wr_buf_printf(&object, "{\"n\":%s}", artifact->row_count.data);
        rows = wr_json_int_of(wr_buf_str(&object), "n", -1);
    }
    WR_TRY(wr_runs_reader(ask->runs, &session));
    WR_TRY(wr_run_preview(session, path, artifact->format, limit, rows, out));
    if (limit < WR_PREVIEW_ROWS || out->length > WR_PREVIEW_BYTES) return WR_OK;
    wr_status_drop(wr_run_index_preview(ask->runs->index, artifact->id, wr_buf_str(out)));
    return WR_OK;
}

weir_status wr_ask_artifacts(wr_ask *ask)
{
    wr_artifact_list list = {0};
    wr_run_record record = {0};
    wr_str run_id = wr_json_text_of(ask->arena, ask->arguments, "run_id");
    int64_t limit = wr_json_int_of(ask->arguments, "limit", LIST_LIMIT);
    if (run_id.length) WR_TRY(wr_runs_find(ask->runs, ask->arena, run_id, &record, NULL));
    WR_TRY(
        wr_run_index_artifacts(ask->runs->index, record.id, WR_STR(""), limit, ask->arena, &list));
    wr_buf_add_text(ask->out, ",\"artifacts\":[");
    for (int i = 0; i < list.count; i++) {
        if (i) wr_buf_add_char(ask->out, ',');
        wr_run_artifact_show(&list.items[i], ask->out);
    }
    wr_buf_add_char(ask->out, ']');
    return WR_OK;
}

static void put_artifact(wr_ask *ask, const wr_run_artifact *artifact)
{
    WR_BUF(json);
    wr_run_artifact_show(artifact, &json);
    wr_json_put(ask->out, "artifact", wr_buf_str(&json));
}

weir_status wr_ask_artifact(wr_ask *ask)
{
    wr_run_artifact artifact;
    WR_TRY(wr_ask_find_artifact(ask, &artifact));
    put_artifact(ask, &artifact);
    return WR_OK;
}

weir_status wr_ask_preview(wr_ask *ask)
{
    wr_run_artifact artifact;
    WR_BUF(json);
    WR_TRY(wr_ask_find_artifact(ask, &artifact));
    int64_t limit = wr_json_int_of(ask->arguments, "limit", LIST_LIMIT);
    WR_TRY(wr_ask_preview_of(ask, &artifact, limit, &json));
    wr_json_put_text(ask->out, "artifact_id", artifact.id);
    put_artifact(ask, &artifact);
    wr_json_put(ask->out, "preview", wr_buf_str(&json));
    return WR_OK;
}

/* ---- export ---- */

static weir_status copy_file(wr_str from, wr_str to)
{
    WR_AUTO(wr_file) *in = NULL;
    WR_AUTO(wr_file) *out = NULL;
    WR_BUF(piece);
    enum { PIECE = 1 << 20 };
    WR_TRY(wr_file_open(wr_fs_real(), from, WR_FILE_READ, &in));
    WR_TRY(wr_file_open(wr_fs_real(), to, WR_FILE_REPLACE, &out));
    wr_buf_reserve(&piece, PIECE);
    uint64_t at = 0;
    for (size_t got = 1; got; at += got) {
        WR_TRY(wr_file_read(in, at, piece.data, PIECE, &got));
        WR_TRY(wr_file_write(out, at, piece.data, got));
    }
    return wr_file_sync(out);
}

/* "csv" of x.csv; empty if the name tells nothing that results can be written as. */
static wr_str wanted_format(wr_ask *ask, wr_str path, wr_str format)
{
    static const char *const known[] = {"parquet", "csv", "json", "jsonl", "arrow"};
    wr_str wanted = wr_json_text_of(ask->arena, ask->arguments, "format");
    if (wanted.length) return wanted;
    wr_str extension = wr_path_extension(path);
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (wr_str_is(extension, known[i])) return wr_str_of(known[i]);
    return format;
}

static weir_status export_as(wr_ask *ask, wr_str from, wr_str format, wr_str to, wr_str wanted)
{
    WR_BUF(sql);
    weir_session *session;
    if (wr_str_eq(format, wanted)) return copy_file(from, to);
    wr_buf_add_text(&sql, "COPY (FROM ");
    size_t before = sql.length;
    wr_run_source(&sql, from, format);
    if (sql.length == before)
        return wr_fail(WR_E_UNSUPPORTED, "an artifact of format %s can only be copied as it is",
                       format.data);
    wr_buf_add_text(&sql, ") TO ");
    wr_run_quote(&sql, to);
    bool is_lines = wr_str_is(wanted, "jsonl"), is_array = wr_str_is(wanted, "json");
    wr_buf_printf(&sql, " (FORMAT %s%s)", is_lines ? "json" : wanted.data,
                  is_array ? ", ARRAY true" : "");
    WR_TRY(wr_runs_reader(ask->runs, &session));
    return wr_run_do(session, wr_buf_str(&sql));
}

weir_status wr_ask_export(wr_ask *ask)
{
    wr_run_artifact artifact;
    bool dry = wr_json_bool_of(ask->arguments, "dry_run");
    wr_str to = wr_json_text_of(ask->arena, ask->arguments, "path");
    WR_TRY(wr_ask_find_artifact(ask, &artifact));
    if (!to.length) return wr_fail(WR_E_BAD_ARGUMENT, "\"path\" is missing");
    wr_str from = wr_run_artifact_path(ask->arena, &artifact);
    wr_str wanted = wanted_format(ask, to, artifact.format);
    ask->phase = "filesystem";
    bool exists = wr_fs_exists(wr_fs_real(), to);
    if (exists && !wr_json_bool_of(ask->arguments, "overwrite"))
        return wr_with_hint(wr_fail(WR_E_FILE_EXISTS, "\"%s\" exists already", to.data),
                            "--overwrite replaces it");
    if (!wr_fs_exists(wr_fs_real(), from))
        return wr_fail(WR_E_FILE_NOT_FOUND, "the file of artifact %s is gone: \"%s\"",
                       artifact.id.data, from.data);
    if (!dry) WR_TRY(export_as(ask, from, artifact.format, to, wanted));
    wr_json_put_text(ask->out, "artifact_id", artifact.id);
    wr_json_put_text(ask->out, "path", to);
    wr_json_put_text(ask->out, "format", wanted);
    wr_json_put(ask->out, "row_count", artifact.row_count);
    wr_json_put_bool(ask->out, "dry_run", dry);
    return WR_OK;
}

/* ---- rm ---- */

/* The artifacts of a record without one of them. */
static wr_str without(wr_ask *ask, wr_str artifacts, wr_str id)
{
    WR_BUF(out);
    wr_json_members members;
    wr_str key, value;
    wr_buf_add_char(&out, '[');
    if (wr_json_begin(artifacts, &members))
        while (wr_json_next(&members, &key, &value))
            if (!wr_str_eq(wr_json_text_of(ask->arena, value, "artifact_id"), id))
                wr_json_put(&out, NULL, value);
    wr_buf_add_char(&out, ']');
    return wr_arena_str(ask->arena, wr_buf_str(&out));
}

weir_status wr_ask_forget(wr_ask *ask)
{
    wr_run_artifact artifact;
    wr_run_record shown, record;
    bool dry = wr_json_bool_of(ask->arguments, "dry_run");
    bool files = wr_json_bool_of(ask->arguments, "delete_files");
    WR_TRY(wr_ask_find_artifact(ask, &artifact));
    WR_TRY(wr_runs_find(ask->runs, ask->arena, artifact.run_id, &shown, NULL));
    if (wr_str_is(shown.status, "running"))
        return wr_fail(WR_E_BUSY, "run %s is still running", shown.id.data);
    wr_str path = wr_run_artifact_path(ask->arena, &artifact);
    wr_str folder = wr_arena_printf(ask->arena, "%s/artifacts/", shown.dir.data);
    bool is_ours = wr_str_has_prefix(path, folder) && wr_str_find(path, WR_STR("/../")) < 0;
    put_artifact(ask, &artifact);
    ask->phase = "filesystem";
    if (!dry) {
        WR_TRY(wr_run_read(ask->arena, shown.dir, &record));
        record.artifacts = without(ask, record.artifacts, artifact.id);
        record.dir = shown.dir;
        WR_TRY(wr_run_write(shown.dir, &record, true));
        if (files && is_ours && wr_fs_exists(wr_fs_real(), path))
            WR_TRY(wr_fs_remove(wr_fs_real(), path));
        WR_TRY(wr_runs_refresh(ask->runs));
    }
    wr_json_put_bool(ask->out, "file_deleted", files && is_ours && !dry);
    wr_json_put_bool(ask->out, "dry_run", dry);
    return WR_OK;
}

/* ---- datasets ---- */

weir_status wr_ask_datasets(wr_ask *ask)
{
    wr_artifact_list list = {0};
    int64_t limit = wr_json_int_of(ask->arguments, "limit", LIST_LIMIT);
    WR_TRY(
        wr_run_index_artifacts(ask->runs->index, WR_STR(""), WR_STR(""), limit, ask->arena, &list));
    wr_buf_add_text(ask->out, ",\"datasets\":[");
    for (int i = 0; i < list.count; i++) {
        const wr_run_artifact *a = &list.items[i];
        wr_str path = wr_run_artifact_path(ask->arena, a);
        if (i) wr_buf_add_char(ask->out, ',');
        wr_buf_add_char(ask->out, '{');
        wr_json_put_text(ask->out, "dataset_id",
                         wr_arena_printf(ask->arena, "artifact:%s", a->id.data));
        wr_json_put_text(ask->out, "origin", WR_STR("artifact"));
        wr_json_put_text(ask->out, "name", wr_path_base(path));
        wr_json_put_text(ask->out, "kind", a->format);
        wr_json_put_text(ask->out, "path_or_uri", path);
        wr_json_put_text(ask->out, "run_id", a->run_id);
        wr_json_put_text(ask->out, "created_at", a->created_at);
        wr_json_put_text(ask->out, "updated_at", a->created_at);
        wr_json_put(ask->out, "schema", a->schema);
        wr_json_put(ask->out, "row_count", a->row_count);
        wr_buf_add_char(ask->out, '}');
    }
    wr_buf_add_char(ask->out, ']');
    wr_json_put_int(ask->out, "sources_count", 0);
    wr_json_put_int(ask->out, "artifacts_count", list.count);
    return WR_OK;
}
