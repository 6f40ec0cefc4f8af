/* append.c - rows at the end of one file, which grows by whole commits.
 *
 *   write    .log.csv-q-4f2a91c3-7.part   beside the file; nobody looks at such a name
 *   prepare  finished, synced; the token says its name, its size and where the file ended
 *   commit   its bytes are added to the file, synced, and it is removed
 *
 * A commit that is repeated compares what stands behind that place with the bytes to add: it adds
 * those that are missing, all of them when others have written there. A hidden file that is gone
 * was added. The first rows of an empty file bring its header; a last line without an end gets one.
 */
#include "base/failpoint.h"
#include "base/log.h"
#include "conn/files/files.h"
#include "sys/clock.h"

enum { TOKEN_VERSION = 1, PIECE = 1 << 16 };

typedef struct append_target {
    wr_target base;
    wr_arena arena;
    wr_str path;
    const wr_format *format;
    wr_options options, bare; /* of the format; bare: without a header */
} append_target;

typedef struct append_deliverer {
    wr_deliverer base;
    wr_fs *fs;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_arena arena, round; /* round: until the next commit */
    wr_str start;          /* of hidden names: ".log.csv-q-" */
    uint32_t attempt;
    uint64_t numbered;
    bool is_swept;
    wr_str hidden; /* at hand, without the folder */
    wr_file *file; /* NULL: none at hand */
    wr_writer *writer;
} append_deliverer;

static const append_target *target_of(const append_deliverer *d)
{
    return (const append_target *)d->base.target;
}

static wr_str beside(const append_deliverer *d, wr_arena *arena, wr_str name)
{
    return wr_arena_printf(arena, "%.*s/%.*s", WR_STR_ARGS(wr_path_dir(target_of(d)->path)),
                           WR_STR_ARGS(name));
}

/* ---- writing ---- */

/* What a process that died left behind. Not at open: a commit may be repeated for it first. */
static weir_status sweep(append_deliverer *d)
{
    WR_ARENA(scratch);
    wr_path_list list;
    if (d->is_swept) return WR_OK;
    WR_TRY(wr_fs_list(d->fs, wr_path_dir(target_of(d)->path), &scratch, &list));
    for (int i = 0; i < list.count; i++) {
        wr_str name = wr_path_base(list.paths[i]);
        if (!wr_str_has_prefix(name, d->start)) continue;
        wr_str rest = {name.data + d->start.length, name.length - d->start.length};
        if (wr_files_is_part_number(rest)) WR_TRY(wr_fs_remove(d->fs, beside(d, &scratch, name)));
    }
    d->is_swept = true;
    return WR_OK;
}

/* 0: it is missing. */
static weir_status look_at_end(append_deliverer *d, uint64_t *size, bool *ends_in_line)
{
    WR_AUTO(wr_file) *file = NULL;
    wr_file_stat stat;
    char last = '\n';
    *size = 0;
    *ends_in_line = false;
    if (!wr_fs_exists(d->fs, target_of(d)->path)) return WR_OK;
    WR_TRY(wr_file_open(d->fs, target_of(d)->path, WR_FILE_READ, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    if (!stat.is_regular)
        return wr_with_hint(wr_fail(WR_E_IO, "\"%.*s\" is no file: rows cannot be appended to it",
                                    WR_STR_ARGS(target_of(d)->path)),
                            "mode = 'files' writes files into a folder");
    if (stat.size) WR_TRY(wr_file_read_exact(file, stat.size - 1, &last, 1));
    *size = stat.size;
    *ends_in_line = last != '\n';
    return WR_OK;
}

static weir_status begin(append_deliverer *d)
{
    const append_target *target = target_of(d);
    wr_format_context context = {
        .fs = d->fs, .mem = d->mem, .cancel = d->cancel, .thread_count = 1};
    uint64_t size;
    bool ends_in_line;
    WR_TRY(sweep(d));
    WR_TRY(look_at_end(d, &size, &ends_in_line));
    d->hidden = wr_arena_printf(&d->round, "%.*s%08x-%llu.rows.part", WR_STR_ARGS(d->start),
                                d->attempt, (unsigned long long)d->numbered++);
    WR_TRY(wr_file_open(d->fs, beside(d, &d->round, d->hidden), WR_FILE_CREATE, &d->file));
    if (ends_in_line) WR_TRY(wr_file_append(d->file, "\n", 1));
    return target->format->writer_new(&context, d->file, &target->base.schema,
                                      size ? &target->bare : &target->options, &d->writer);
}

static void let_go(append_deliverer *d)
{
    if (d->writer) d->writer->def->drop(d->writer);
    wr_file_close(d->file);
    d->writer = NULL;
    d->file = NULL;
}

static weir_status append_write(wr_deliverer *base, const wr_delta *delta)
{
    append_deliverer *d = (append_deliverer *)base;
    WR_TRY(wr_cancel_check(d->cancel));
    WR_TRY(wr_files_only_new(delta));
    if (!d->file) WR_TRY(begin(d));
    return d->writer->def->write(d->writer, &delta->batch);
}

/* ---- commits ---- */

/* The token of no rows is empty behind its version. */
static weir_status append_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    (void)epoch;
    append_deliverer *d = (append_deliverer *)base;
    wr_file_stat stat;
    uint64_t size;
    bool ends_in_line;
    wr_buf_add_char(token, TOKEN_VERSION);
    if (!d->file) return WR_OK;
    WR_TRY(d->writer->def->finish(d->writer));
    WR_TRY(wr_file_sync(d->file));
    WR_TRY(wr_file_stat_of(d->file, &stat));
    let_go(d);
    WR_TRY(wr_fs_sync_dir(d->fs, wr_path_dir(target_of(d)->path)));
    WR_TRY(look_at_end(d, &size, &ends_in_line));
    wr_files_add_u64(token, size);
    wr_files_add_u64(token, stat.size);
    wr_files_add_text(token, d->hidden);
    d->hidden = (wr_str){0};
    wr_arena_clear(&d->round);
    return WR_OK;
}

/* How many of the first bytes of rows stand in file at a place; 0 if others do. */
static weir_status count_present(wr_file *file, uint64_t at, wr_file *rows, uint64_t size,
                                 uint64_t *present)
{
    WR_ARENA(scratch);
    char *a = wr_arena_alloc(&scratch, PIECE), *b = wr_arena_alloc(&scratch, PIECE);
    size_t got = PIECE, of_rows;
    for (*present = 0; *present < size && got == PIECE; *present += got) {
        WR_TRY(wr_file_read(file, at + *present, a, WR_MIN(size - *present, PIECE), &got));
        WR_TRY(wr_file_read(rows, *present, b, got, &of_rows));
        if (of_rows == got && memcmp(a, b, got) == 0) continue;
        *present = 0;
        return WR_OK;
    }
    return WR_OK;
}

static weir_status add_rest(wr_file *file, wr_file *rows, uint64_t from, uint64_t size)
{
    WR_ARENA(scratch);
    char *bytes = wr_arena_alloc(&scratch, PIECE);
    for (size_t count; from < size; from += count) {
        count = (size_t)WR_MIN(size - from, (uint64_t)PIECE);
        WR_TRY(wr_file_read_exact(rows, from, bytes, count));
        WR_TRY(wr_file_append(file, bytes, count));
        WR_FAILPOINT(append_half);
    }
    return wr_file_sync(file);
}

static weir_status add_rows(append_deliverer *d, wr_str hidden, uint64_t at, uint64_t size)
{
    WR_AUTO(wr_file) *rows = NULL;
    WR_AUTO(wr_file) *file = NULL;
    wr_file_stat stat;
    uint64_t present = 0;
    wr_str path = target_of(d)->path;
    bool is_new = !wr_fs_exists(d->fs, path);
    WR_TRY(wr_file_open(d->fs, hidden, WR_FILE_READ, &rows));
    WR_TRY(wr_file_open(d->fs, path, WR_FILE_APPEND, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    if (stat.size > at) WR_TRY(count_present(file, at, rows, size, &present));
    if (stat.size != at + present && present < size)
        wr_log(WR_LOG_WARN, "something else writes the file rows are appended to", "file",
               path.data, NULL);
    WR_TRY(add_rest(file, rows, present, size));
    return is_new ? wr_fs_sync_dir(d->fs, wr_path_dir(path)) : WR_OK;
}

static weir_status append_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    (void)epoch;
    WR_ARENA(scratch);
    append_deliverer *d = (append_deliverer *)base;
    uint64_t at, size;
    wr_str name, rest = {token.data + 1, token.length - 1};
    if (token.length == 0) return WR_OK;
    if (token.data[0] != TOKEN_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a token of a file has version %d, not %d",
                       token.data[0], TOKEN_VERSION);
    if (rest.length == 0) return WR_OK;
    if (!wr_files_take_u64(&rest, &at) || !wr_files_take_u64(&rest, &size) ||
        !wr_files_take_name(&rest, &name))
        return wr_fail(WR_E_CORRUPT, "a token of a file is damaged");
    wr_str hidden = beside(d, &scratch, name);
    if (!wr_fs_exists(d->fs, hidden)) return WR_OK;
    WR_TRY(add_rows(d, hidden, at, size));
    WR_FAILPOINT(append_added);
    return wr_fs_remove(d->fs, hidden);
}

/* For those who keep no state: what is written so far is in the file at once. */
static weir_status append_flush(wr_deliverer *base)
{
    WR_BUF(token);
    WR_TRY(append_prepare(base, 0, &token));
    return append_commit(base, 0, wr_buf_str(&token));
}

static void append_abort(wr_deliverer *base)
{
    WR_ARENA(scratch);
    append_deliverer *d = (append_deliverer *)base;
    let_go(d);
    if (d->hidden.length) wr_status_drop(wr_fs_remove(d->fs, beside(d, &scratch, d->hidden)));
    d->hidden = (wr_str){0};
    wr_arena_clear(&d->round);
}

/* ---- opening and binding ---- */

static void append_close(wr_deliverer *base)
{
    append_deliverer *d = (append_deliverer *)base;
    append_abort(base);
    wr_arena_clear(&d->arena);
    wr_heap_drop(d);
}

static weir_status append_open(wr_target *base, const wr_deliverer_request *request,
                               wr_deliverer **out)
{
    const append_target *target = (const append_target *)base;
    wr_fs *fs = request->fs ? request->fs : wr_fs_real();
    uint64_t size;
    bool ends_in_line;
    WR_TRY(wr_fs_make_dirs(fs, wr_path_dir(target->path)));
    append_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = base;
    d->fs = fs;
    d->mem = request->mem;
    d->cancel = request->cancel;
    d->start = wr_arena_printf(&d->arena, ".%.*s-%.*s-", WR_STR_ARGS(wr_path_base(target->path)),
                               WR_STR_ARGS(wr_files_word(request->query, &d->arena)));
    d->attempt = (uint32_t)wr_random_u64();
    *out = &d->base;
    weir_status bad = look_at_end(d, &size, &ends_in_line);
    if (bad) append_close(&d->base);
    return bad;
}

static void append_drop(wr_target *base)
{
    append_target *target = (append_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def target_def = {.open = append_open,
                                         .write = append_write,
                                         .prepare = append_prepare,
                                         .commit = append_commit,
                                         .flush = append_flush,
                                         .abort = append_abort,
                                         .close = append_close,
                                         .drop = append_drop};

/* The options of the format with header = false in place of what was given. */
static void without_header(append_target *target)
{
    const wr_options *from = &target->options;
    bool has_headers = strcmp(target->format->name, "csv") == 0;
    target->bare.items = wr_new_array(&target->arena, wr_given, from->count + 1);
    for (int i = 0; i < from->count; i++)
        if (!has_headers || !wr_str_is(from->items[i].name, "header"))
            target->bare.items[target->bare.count++] = from->items[i];
    if (has_headers)
        target->bare.items[target->bare.count++] =
            (wr_given){.name = WR_STR("header"), .value = wr_value_bool(false)};
}

static weir_status read_options(append_target *target, const wr_options *given)
{
    static const wr_opt own[] = {{"path", WR_OPT_TEXT, NULL, NULL},
                                 {"format", WR_OPT_TEXT, NULL, NULL},
                                 {"mode", WR_OPT_TEXT, NULL, NULL},
                                 {0}};
    wr_str path;
    bool has_path;
    WR_TRY(wr_option_text(given, wr_files_sink_options, "path", &path, &has_path));
    path = wr_files_path(path);
    if (!has_path || path.length == 0)
        return wr_fail(WR_E_PARAMETER_VALUE, "files needs the option \"path\"");
    target->path = wr_arena_str(&target->arena, path);
    WR_TRY(wr_files_format(given, wr_files_sink_options, path, &target->format));
    const wr_given *packed = wr_option_find(given, wr_files_sink_options, "compression");
    if (packed || strcmp(target->format->name, "parquet") == 0)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, packed ? packed->span : (wr_span){0},
                                       "mode = 'append' writes plain csv and jsonl"),
                            "mode = 'files' takes parquet and compression");
    WR_TRY(wr_files_format_options(given, own, target->format->write_options, target->format->name,
                                   &target->arena, &target->options));
    without_header(target);
    return WR_OK;
}

weir_status wr_files_append(const wr_connect *connect, wr_target **out)
{
    WR_AUTO(wr_target) *base = NULL;
    append_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &target_def,
                               .connector = "files",
                               .strongest = WR_DELIVERY_EXACTLY_ONCE,
                               .references = 1};
    base = &target->base;
    WR_TRY(read_options(target, connect->options));
    if (connect->schema) base->schema = *wr_schema_copy(&target->arena, connect->schema);
    *out = WR_TAKE(base);
    return WR_OK;
}
