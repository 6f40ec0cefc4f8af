/* sink.c - rows into files of a folder that appear whole, once, and are listed in a manifest.
 *
 *   write    .part-q-4f2a91c3-7.parquet.part        nobody looks at such a name
 *   prepare  finished, synced, its name too; the token says what it will be called
 *   commit   part-q-00000012-4f2a91c3-7.parquet     renamed, then listed in _manifest.jsonl
 *
 * The last thing a commit does is to add lines to the manifest; so a commit that is repeated looks
 * there, file by file, and does what is missing. Names hold a number drawn by
 * the writer (4f2a91c3): a query that begins again from nothing, with epoch 1, never takes the name
 * of a file that is there. Hidden files of the same query with another such number were left by a
 * writer that died. They go at the first write, not at open: before it, commit may be repeated for
 * some of them.
 *
 * Several writers, of this process and others, may share a folder: they take turns at the manifest,
 * by a lock whose file is there only as long. Where the file system has no locks one elsewhere
 * stands for it, which processes on other machines do not see; the log says so. */
#include "base/failpoint.h"
#include "base/log.h"
#include "conn/files/files.h"
#include "sys/clock.h"
#include "sys/lock.h"
#include "sys/thread.h"

enum { TOKEN_VERSION = 1 };

typedef struct sink_target {
    wr_target base;
    wr_arena arena;
    wr_str path, prefix;
    const wr_format *format;
    wr_options options; /* of the format */
    uint64_t roll_rows, roll_bytes;
    int64_t roll_ns;
} sink_target;

typedef struct part {
    wr_str hidden; /* names without the folder */
    uint64_t rows, bytes;
} part;

typedef struct sink_deliverer {
    wr_deliverer base;
    wr_fs *fs;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_arena arena, round; /* round: names of parts since the last prepare */
    wr_str query, name;    /* as given; as part of file names */
    uint32_t attempt;
    uint64_t numbered;
    bool is_swept, has_no_locks;
    bool has_committed;  /* and has not failed since */
    uint64_t committed;  /* later epochs are not in the manifest then */
    WR_LIST(part) parts; /* finished since the last prepare */
    part at_hand;
    wr_file *file; /* NULL: none at hand */
    wr_writer *writer;
    int64_t begun_ns;
} sink_deliverer;

static const sink_target *target_of(const sink_deliverer *d)
{
    return (const sink_target *)d->base.target;
}

static wr_str in_folder(const sink_deliverer *d, wr_arena *arena, wr_str name)
{
    return wr_arena_printf(arena, "%.*s/%.*s", WR_STR_ARGS(target_of(d)->path), WR_STR_ARGS(name));
}

static wr_str suffix_of(const wr_format *format)
{
    if (strcmp(format->name, "json") == 0) return WR_STR("jsonl");
    return (wr_str){format->extensions, strcspn(format->extensions, "|")};
}

/* ---- parts ---- */
static weir_status sweep(sink_deliverer *d)
{
    WR_ARENA(scratch);
    wr_path_list list;
    const sink_target *target = target_of(d);
    if (d->is_swept) return WR_OK;
    wr_str ours =
        wr_arena_printf(&scratch, ".%.*s-%.*s-", WR_STR_ARGS(target->prefix), WR_STR_ARGS(d->name));
    WR_TRY(wr_fs_list(d->fs, target->path, &scratch, &list));
    for (int i = 0; i < list.count; i++) {
        wr_str name = wr_path_base(list.paths[i]);
        if (!wr_str_has_prefix(name, ours)) continue;
        wr_str rest = {name.data + ours.length, name.length - ours.length};
        if (wr_files_is_part_number(rest))
            WR_TRY(wr_fs_remove(d->fs, in_folder(d, &scratch, name)));
    }
    d->is_swept = true;
    return WR_OK;
}

static weir_status begin_part(sink_deliverer *d)
{
    const sink_target *target = target_of(d);
    wr_format_context context = {
        .fs = d->fs, .mem = d->mem, .cancel = d->cancel, .thread_count = 1};
    WR_TRY(sweep(d));
    d->at_hand = (part){.hidden = wr_arena_printf(&d->round, ".%.*s-%.*s-%08x-%llu.%.*s.part",
                                                  WR_STR_ARGS(target->prefix), WR_STR_ARGS(d->name),
                                                  d->attempt, (unsigned long long)d->numbered++,
                                                  WR_STR_ARGS(suffix_of(target->format)))};
    WR_TRY(
        wr_file_open(d->fs, in_folder(d, &d->round, d->at_hand.hidden), WR_FILE_CREATE, &d->file));
    d->begun_ns = wr_clock_mono_ns();
    return target->format->writer_new(&context, d->file, &target->base.schema, &target->options,
                                      &d->writer);
}

static void close_part(sink_deliverer *d)
{
    if (d->writer) d->writer->def->drop(d->writer);
    wr_file_close(d->file);
    d->writer = NULL;
    d->file = NULL;
}

static weir_status finish_part(sink_deliverer *d)
{
    wr_file_stat stat;
    if (!d->file) return WR_OK;
    WR_TRY(d->writer->def->finish(d->writer));
    WR_TRY(wr_file_sync(d->file));
    WR_TRY(wr_file_stat_of(d->file, &stat));
    d->at_hand.bytes = stat.size;
    close_part(d);
    wr_push(&d->round, &d->parts, d->at_hand);
    return WR_OK;
}

static bool is_full(const sink_deliverer *d)
{
    const sink_target *target = target_of(d);
    return (target->roll_rows && d->at_hand.rows >= target->roll_rows) ||
           (target->roll_bytes && d->writer->def->bytes(d->writer) >= target->roll_bytes) ||
           (target->roll_ns && wr_clock_mono_ns() - d->begun_ns >= target->roll_ns);
}

static weir_status sink_write(wr_deliverer *base, const wr_delta *delta)
{
    sink_deliverer *d = (sink_deliverer *)base;
    uint64_t most = target_of(d)->roll_rows ? target_of(d)->roll_rows : UINT64_MAX;
    uint32_t count = wr_batch_count(&delta->batch);
    uint16_t rows[WR_BATCH_ROWS];
    WR_TRY(wr_cancel_check(d->cancel));
    WR_TRY(wr_files_only_new(delta));
    for (uint32_t from = 0; from < count;) {
        if (d->file && is_full(d)) WR_TRY(finish_part(d));
        if (!d->file) WR_TRY(begin_part(d));
        wr_batch piece = delta->batch;
        piece.sel_count = (uint32_t)WR_MIN((uint64_t)(count - from), most - d->at_hand.rows);
        for (uint32_t i = 0; i < piece.sel_count; i++)
            rows[i] = (uint16_t)wr_batch_row(&delta->batch, from + i);
        piece.sel = rows;
        WR_TRY(d->writer->def->write(d->writer, &piece));
        d->at_hand.rows += piece.sel_count;
        from += piece.sel_count;
    }
    return WR_OK;
}

/* ---- tokens ---- */

/* What a hidden name will be: ".part-q-4f2a91c3-7.csv.part" -> "part-q-00000012-4f2a91c3-7.csv". */
static wr_str visible_name(const sink_deliverer *d, wr_arena *arena, wr_str hidden, uint64_t epoch)
{
    size_t before = target_of(d)->prefix.length + d->name.length + 3; /* dot and two dashes */
    size_t after = sizeof ".part" - 1;
    wr_str rest = {hidden.data + before, hidden.length - before - after};
    return wr_arena_printf(arena, "%.*s-%.*s-%08llu-%.*s", WR_STR_ARGS(target_of(d)->prefix),
                           WR_STR_ARGS(d->name), (unsigned long long)epoch, WR_STR_ARGS(rest));
}

static weir_status sink_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    sink_deliverer *d = (sink_deliverer *)base;
    WR_TRY(finish_part(d));
    if (d->parts.count) WR_TRY(wr_fs_sync_dir(d->fs, target_of(d)->path));
    wr_buf_add_char(token, TOKEN_VERSION);
    wr_files_add_u64(token, (uint64_t)d->parts.count);
    for (int i = 0; i < d->parts.count; i++) {
        const part *p = &d->parts.items[i];
        wr_files_add_text(token, p->hidden);
        wr_files_add_text(token, visible_name(d, &d->round, p->hidden, epoch));
        wr_files_add_u64(token, p->rows);
        wr_files_add_u64(token, p->bytes);
    }
    wr_arena_clear(&d->round);
    memset(&d->parts, 0, sizeof d->parts);
    return WR_OK;
}

/* ---- commit ---- */
/* The whole lines of the manifest. One that was being written when the process died goes: its file
 * is listed anew. */
static weir_status read_manifest(sink_deliverer *d, wr_str path, wr_buf *out)
{
    WR_AUTO(wr_file) *file = NULL;
    wr_file_stat stat;
    if (!wr_fs_exists(d->fs, path)) return WR_OK;
    WR_TRY(wr_file_open(d->fs, path, WR_FILE_APPEND, &file));
    WR_TRY(wr_file_stat_of(file, &stat));
    wr_buf_reserve(out, stat.size + 1);
    WR_TRY(wr_file_read_exact(file, 0, out->data, stat.size));
    out->length = stat.size;
    while (out->length && out->data[out->length - 1] != '\n')
        out->length--;
    return out->length < stat.size ? wr_file_truncate(file, out->length) : WR_OK;
}

static weir_status add_to_manifest(sink_deliverer *d, wr_str path, wr_str lines)
{
    WR_AUTO(wr_file) *file = NULL;
    bool is_new = !wr_fs_exists(d->fs, path);
    WR_TRY(wr_file_open(d->fs, path, WR_FILE_APPEND, &file));
    WR_FAILPOINT(files_manifest);
    WR_TRY(wr_file_append(file, lines.data, lines.length));
    WR_TRY(wr_file_sync(file));
    return is_new ? wr_fs_sync_dir(d->fs, target_of(d)->path) : WR_OK;
}

typedef struct commit_state {
    sink_deliverer *d;
    wr_arena *scratch;
    bool may_be_known;   /* the manifest may have files of the token */
    wr_buf known, lines; /* of the manifest: from before, and new ones */
} commit_state;

/* One file gets its name; its line goes into the manifest unless it is there. */
static weir_status commit_file(commit_state *c, uint64_t epoch, wr_str hidden, wr_str visible,
                               uint64_t rows, uint64_t bytes)
{
    WR_BUF(mark);
    wr_buf_add_text(&mark, "{\"file\":");
    wr_buf_add_json(&mark, visible);
    wr_buf_add_char(&mark, ',');
    if (wr_str_find(wr_buf_str(&c->known), wr_buf_str(&mark)) >= 0) return WR_OK;
    wr_str from = in_folder(c->d, c->scratch, hidden), to = in_folder(c->d, c->scratch, visible);
    WR_FAILPOINT(file_rename);
    if (wr_fs_exists(c->d->fs, from))
        WR_TRY(wr_fs_rename(c->d->fs, from, to));
    else if (!wr_fs_exists(c->d->fs, to))
        return wr_fail(WR_E_CORRUPT, "a prepared file is gone: \"%.*s\"", WR_STR_ARGS(from));
    wr_buf_add_str(&c->lines, wr_buf_str(&mark));
    wr_buf_add_text(&c->lines, "\"query\":");
    wr_buf_add_json(&c->lines, c->d->query);
    wr_buf_printf(&c->lines, ",\"epoch\":%llu,\"rows\":%llu,\"bytes\":%llu}\n",
                  (unsigned long long)epoch, (unsigned long long)rows, (unsigned long long)bytes);
    return WR_OK;
}

static weir_status commit_files(commit_state *c, uint64_t epoch, wr_str token)
{
    wr_str path = in_folder(c->d, c->scratch, WR_STR("_manifest.jsonl"));
    wr_str from = {token.data + 1, token.length - 1};
    uint64_t count = 0, rows = 0, bytes = 0;
    bool is_whole = wr_files_take_u64(&from, &count);
    if (is_whole && count == 0) return WR_OK;
    if (c->may_be_known) WR_TRY(read_manifest(c->d, path, &c->known));
    for (uint64_t i = 0; is_whole && i < count; i++) {
        wr_str hidden, visible;
        is_whole = wr_files_take_name(&from, &hidden) && wr_files_take_name(&from, &visible) &&
                   wr_files_take_u64(&from, &rows) && wr_files_take_u64(&from, &bytes);
        if (is_whole) WR_TRY(commit_file(c, epoch, hidden, visible, rows, bytes));
    }
    if (!is_whole) return wr_fail(WR_E_CORRUPT, "a token of files is damaged");
    if (!c->lines.length) return WR_OK;
    WR_TRY(wr_fs_sync_dir(c->d->fs, target_of(c->d)->path));
    return add_to_manifest(c->d, path, wr_buf_str(&c->lines));
}

static weir_status play_no_locks(void)
{
    WR_FAILPOINT(files_lock);
    return WR_OK;
}

static weir_status lock_here(wr_str path, wr_lock **out)
{
    weir_status played = play_no_locks();
    if (!played) return wr_lock_take_brief(path, out);
    wr_status_drop(played);
    return wr_fail(WR_E_UNSUPPORTED, "no locks");
}

static weir_status lock_folder(sink_deliverer *d, wr_str path, wr_lock **out)
{
    wr_str folder = target_of(d)->path;
    if (d->has_no_locks) return wr_lock_take_nearby(folder, out);
    weir_status bad = lock_here(path, out);
    if (!bad || bad->code != WR_E_UNSUPPORTED) return bad;
    wr_status_drop(bad);
    d->has_no_locks = true;
    wr_log(WR_LOG_WARN,
           "the file system has no locks: no process of another machine may write into the folder",
           "folder", wr_arena_str(&d->arena, folder).data, NULL);
    return wr_lock_take_nearby(folder, out);
}

/* Other processes may write into the folder. On a disk in memory there are none. */
static weir_status take_turn(sink_deliverer *d, wr_arena *scratch, wr_lock **out)
{
    enum { TRIES = 3000, WAIT_MS = 10 };
    wr_str path = in_folder(d, scratch, WR_STR("._manifest.lock"));
    weir_status bad = WR_OK;
    *out = NULL;
    for (int i = 0; i < TRIES && d->fs == wr_fs_real(); i++) {
        wr_status_drop(bad);
        bad = lock_folder(d, path, out);
        if (!bad || bad->code != WR_E_BUSY) break;
        wr_sleep_ms(WAIT_MS);
    }
    return bad;
}

/* epoch 0: of a token that nobody has seen. */
static weir_status sink_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    static wr_mutex turn = WR_MUTEX_INIT;
    WR_ARENA(scratch);
    sink_deliverer *d = (sink_deliverer *)base;
    commit_state c = {.d = d,
                      .scratch = &scratch,
                      .may_be_known = !d->has_committed || (epoch && epoch <= d->committed)};
    if (token.length == 0) return WR_OK;
    if (token.data[0] != TOKEN_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a token of files has version %d, not %d", token.data[0],
                       TOKEN_VERSION);
    wr_lock *lock;
    wr_mutex_lock(&turn);
    weir_status bad = take_turn(d, &scratch, &lock);
    if (!bad) bad = commit_files(&c, epoch, token);
    wr_lock_drop(lock);
    wr_mutex_unlock(&turn);
    wr_buf_clear(&c.known);
    wr_buf_clear(&c.lines);
    d->has_committed = !bad;
    d->committed = WR_MAX(epoch, d->committed);
    return bad;
}

/* For those who keep no state: what is written so far becomes files at once. */
static weir_status sink_flush(wr_deliverer *base)
{
    WR_BUF(token);
    WR_TRY(sink_prepare(base, 0, &token));
    return sink_commit(base, 0, wr_buf_str(&token));
}

/* A file that cannot be removed is found by the next sweep. */
static void remove_hidden(sink_deliverer *d, wr_str name)
{
    WR_ARENA(scratch);
    wr_status_drop(wr_fs_remove(d->fs, in_folder(d, &scratch, name)));
}

static void sink_abort(wr_deliverer *base)
{
    sink_deliverer *d = (sink_deliverer *)base;
    if (d->file) {
        close_part(d);
        remove_hidden(d, d->at_hand.hidden);
    }
    for (int i = 0; i < d->parts.count; i++)
        remove_hidden(d, d->parts.items[i].hidden);
    wr_arena_clear(&d->round);
    memset(&d->parts, 0, sizeof d->parts);
}

static void sink_close(wr_deliverer *base)
{
    sink_deliverer *d = (sink_deliverer *)base;
    sink_abort(base);
    wr_arena_clear(&d->arena);
    wr_heap_drop(d);
}

static weir_status sink_open(wr_target *base, const wr_deliverer_request *request,
                             wr_deliverer **out)
{
    const sink_target *target = (const sink_target *)base;
    wr_fs *fs = request->fs ? request->fs : wr_fs_real();
    WR_TRY(wr_fs_make_dirs(fs, target->path));
    sink_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = base;
    d->fs = fs;
    d->mem = request->mem;
    d->cancel = request->cancel;
    d->query = wr_arena_str(&d->arena, request->query);
    d->name = wr_files_word(request->query, &d->arena);
    d->attempt = (uint32_t)wr_random_u64();
    *out = &d->base;
    return WR_OK;
}

static void sink_drop(wr_target *base)
{
    sink_target *target = (sink_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def target_def = {.open = sink_open,
                                         .write = sink_write,
                                         .prepare = sink_prepare,
                                         .commit = sink_commit,
                                         .flush = sink_flush,
                                         .abort = sink_abort,
                                         .close = sink_close,
                                         .drop = sink_drop};

/* ---- binding ---- */
static weir_status number_option(const wr_options *given, const char *name, int64_t *out)
{
    WR_TRY(wr_option_int(given, wr_files_sink_options, name, out, NULL));
    const wr_given *item = wr_option_find(given, wr_files_sink_options, name);
    if (*out >= 0 && *out <= INT64_MAX / 2000000000) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                      "the option \"%s\" takes 0 or more, not %lld", name, (long long)*out);
}

static weir_status read_prefix(sink_target *target, const wr_options *given)
{
    wr_str prefix;
    WR_TRY(wr_option_text(given, wr_files_sink_options, "prefix", &prefix, NULL));
    bool is_bad = prefix.length == 0 || prefix.length > WR_FILES_WORD_MAX ||
                  prefix.data[0] == '.' || prefix.data[0] == '_' ||
                  memchr(prefix.data, '/', prefix.length) || memchr(prefix.data, 0, prefix.length);
    if (is_bad)
        return wr_fail_at(WR_E_PARAMETER_VALUE,
                          wr_option_find(given, wr_files_sink_options, "prefix")->value_span,
                          "the option \"prefix\" takes 1 to %d bytes without '/' that do not begin "
                          "with '.' or '_'",
                          WR_FILES_WORD_MAX);
    target->prefix = wr_arena_str(&target->arena, prefix);
    return WR_OK;
}

static weir_status read_options(sink_target *target, const wr_options *given)
{
    static const wr_opt own[] = {
        {"path", WR_OPT_TEXT, NULL, NULL},        {"format", WR_OPT_TEXT, NULL, NULL},
        {"mode", WR_OPT_TEXT, NULL, NULL},        {"prefix", WR_OPT_TEXT, NULL, NULL},
        {"roll_rows", WR_OPT_INT, NULL, NULL},    {"roll_bytes", WR_OPT_SIZE, NULL, NULL},
        {"roll_seconds", WR_OPT_INT, NULL, NULL}, {0}};
    wr_str path;
    bool has_path;
    int64_t rows, seconds;
    WR_TRY(wr_option_text(given, wr_files_sink_options, "path", &path, &has_path));
    if (!has_path || wr_files_path(path).length == 0)
        return wr_fail(WR_E_PARAMETER_VALUE, "files needs the option \"path\"");
    target->path = wr_arena_str(&target->arena, wr_files_path(path));
    WR_TRY(wr_files_format(given, wr_files_sink_options, WR_STR(""), &target->format));
    WR_TRY(read_prefix(target, given));
    WR_TRY(number_option(given, "roll_rows", &rows));
    WR_TRY(number_option(given, "roll_seconds", &seconds));
    WR_TRY(wr_option_size(given, wr_files_sink_options, "roll_bytes", &target->roll_bytes, NULL));
    target->roll_rows = (uint64_t)rows;
    target->roll_ns = seconds * 1000000000;
    return wr_files_format_options(given, own, target->format->write_options, target->format->name,
                                   &target->arena, &target->options);
}

weir_status wr_files_sink(const wr_connect *connect, wr_target **out)
{
    wr_str mode;
    WR_TRY(wr_options_check(connect->options, wr_files_sink_options, "files"));
    WR_TRY(wr_option_text(connect->options, wr_files_sink_options, "mode", &mode, NULL));
    if (wr_str_is(mode, "append")) return wr_files_append(connect, out);
    if (!wr_str_is(mode, "files"))
        return wr_fail_at(
            WR_E_PARAMETER_VALUE,
            wr_option_find(connect->options, wr_files_sink_options, "mode")->value_span,
            "the option \"mode\" takes files or append, not '%.*s'", WR_STR_ARGS(mode));
    WR_AUTO(wr_target) *base = NULL;
    sink_target *target = wr_heap_new(sizeof *target);
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
