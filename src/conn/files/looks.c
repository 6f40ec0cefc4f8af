/* looks.c - which files there are, and which of them are complete.
 *
 * Nobody tells when a file is finished, so it must have kept its size and its time of modification
 * from one look to another that is settle_ms later. Names that writers give to what is not finished
 * do not count at all. A file is known by path, size and time together: one that is replaced after
 * it was read is another file and is read again.
 *
 * The queue is the complete files of one look, by path. Only when all of them are read the next
 * look is taken, so thousands of files cost one look each thousand, not one each file. Names that
 * have gone are forgotten: what is remembered is never more than what is there. */
#include "base/log.h"
#include "conn/files/files.h"

static bool is_unfinished(wr_str base)
{
    static const char *const ends[] = {".tmp", ".part", ".crdownload"};
    for (size_t i = 0; i < WR_COUNT(ends); i++)
        if (wr_str_ihas_suffix(base, ends[i])) return true;
    return wr_str_find(base, WR_STR(".tmp-")) >= 0;
}

bool wr_files_name_counts(wr_str path, wr_str root)
{
    if (is_unfinished(wr_path_base(path))) return false;
    wr_str base = wr_path_base(path);
    size_t from = wr_str_has_prefix(path, root) ? root.length : path.length - base.length;
    bool begins = true; /* a name begins here */
    for (size_t i = from; i < path.length; i++) {
        if (begins && (path.data[i] == '.' || path.data[i] == '_')) return false;
        begins = path.data[i] == '/';
    }
    return true;
}

weir_status wr_files_candidates(const files_source *source, wr_fs *fs, wr_arena *arena,
                                wr_path_list *out)
{
    wr_path_list all;
    wr_str root = {0}, pattern = source->path;
    if (source->is_dir) {
        wr_file_stat stat;
        WR_TRY(wr_fs_stat(fs, source->path, &stat)); /* an empty list must not mean "gone" */
        root = wr_arena_printf(arena, "%.*s/", WR_STR_ARGS(source->path));
        pattern = wr_arena_printf(arena, "%.*s**/*", WR_STR_ARGS(root));
    }
    WR_TRY(wr_fs_glob(fs, pattern, arena, &all));
    out->paths = wr_new_array(arena, wr_str, all.count + 1);
    out->count = 0;
    for (int i = 0; i < all.count; i++) {
        if (!wr_files_name_counts(all.paths[i], root)) continue;
        if (source->is_dir && wr_format_of_path(all.paths[i]) != source->format) continue;
        out->paths[out->count++] = all.paths[i];
    }
    return WR_OK;
}

static files_known *know(files_looks *looks, wr_str path)
{
    files_known *known = wr_map_get(&looks->known, path);
    if (known) return known;
    known = wr_heap_new(sizeof *known);
    known->name.path = (wr_str){wr_heap_copy(path.data, path.length), path.length};
    known->name.mtime_ns = INT64_MIN;
    wr_map_put(&looks->known, known->name.path, known);
    return known;
}

static void forget(files_looks *looks, files_known *known)
{
    wr_map_remove(&looks->known, known->name.path);
    wr_heap_drop((char *)known->name.path.data);
    wr_heap_drop(known);
}

/* One file of a look. A file that vanishes between list and stat is as if it had not been there. */
static weir_status look_at(files_looks *looks, const files_source *source, wr_fs *fs, wr_str path,
                           int64_t now_ns)
{
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(fs, path, &stat);
    if (bad && bad->code == WR_E_FILE_NOT_FOUND) {
        wr_status_drop(bad);
        return WR_OK;
    }
    WR_TRY(bad);
    files_known *known = know(looks, path);
    known->look = looks->number;
    bool is_same = known->name.size == stat.size && known->name.mtime_ns == stat.mtime_ns;
    if (is_same && known->is_done) return WR_OK;
    if (!is_same) {
        if (known->is_done)
            wr_log(WR_LOG_WARN, "file was changed after it was read; it is read again", "file",
                   known->name.path.data, NULL);
        known->name.size = stat.size;
        known->name.mtime_ns = stat.mtime_ns;
        known->since_ns = now_ns;
        known->is_done = false;
    }
    bool is_complete =
        source->base.is_bounded || (is_same && now_ns - known->since_ns >= source->settle_ns);
    if (!is_complete) {
        looks->waiting++;
        return WR_OK;
    }
    looks->queue[looks->queue_count] = known->name;
    looks->queue[looks->queue_count++].path = path;
    return WR_OK;
}

weir_status wr_files_look(files_looks *looks, const files_source *source, wr_fs *fs, int64_t now_ns)
{
    wr_path_list list;
    wr_arena_reset(&looks->arena);
    looks->queue_count = looks->queue_next = 0;
    looks->waiting = 0;
    looks->number++;
    WR_TRY(wr_files_candidates(source, fs, &looks->arena, &list));
    WR_TRY(wr_arena_check(&looks->arena));
    looks->queue = wr_new_array(&looks->arena, files_name, list.count + 1);
    for (int i = 0; i < list.count; i++)
        WR_TRY(look_at(looks, source, fs, list.paths[i], now_ns));
    WR_LIST(files_known *) gone = {0};
    wr_str path;
    void *value;
    for (uint32_t i = 0; wr_map_next(&looks->known, &i, &path, &value);)
        if (((files_known *)value)->look != looks->number)
            wr_push(&looks->arena, &gone, (files_known *)value);
    for (int i = 0; i < gone.count; i++)
        forget(looks, gone.items[i]);
    return WR_OK;
}

void wr_files_done(files_looks *looks, const files_name *name)
{
    files_known *known = know(looks, name->path);
    known->name.size = name->size;
    known->name.mtime_ns = name->mtime_ns;
    known->is_done = true;
}

void wr_files_looks_clear(files_looks *looks)
{
    wr_str path;
    void *value;
    for (uint32_t i = 0; wr_map_next(&looks->known, &i, &path, &value);) {
        wr_heap_drop((char *)((files_known *)value)->name.path.data);
        wr_heap_drop(value);
    }
    wr_map_clear(&looks->known);
    wr_arena_clear(&looks->arena);
}
