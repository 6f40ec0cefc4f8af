/* read.c - a reader over complete files: one after the other, by path, row by row.
 *
 * Position: the file at hand (path, size, time, rows given, rows that went to the dead letters) and
 * the files that are done. Going on means reading the file again up to that row: all formats give
 * the same rows in the same order to a single worker, so counting them is enough, and rejected rows
 * that were told before are counted and not told again. A file at hand that is not the same any
 * more is an error: its first half was used already. */
#include "conn/files/files.h"
#include "sys/clock.h"

enum { POSITION_VERSION = 1, WAIT_MS = 10 };

typedef struct files_reader {
    wr_reader base;
    wr_fs *fs;
    const wr_cancel *cancel;
    files_looks looks;
    bool has_looked;
    int64_t next_look_ns;
    bool has_file;
    files_name file; /* at hand; path in file_arena */
    wr_arena file_arena;
    files_scan scan;
} files_reader;

/* ---- positions ---- */
static void add_u64(wr_buf *out, uint64_t value) { wr_buf_add(out, &value, sizeof value); }

static void add_name(wr_buf *out, const files_name *name)
{
    add_u64(out, name->path.length);
    wr_buf_add_str(out, name->path);
    add_u64(out, name->size);
    add_u64(out, (uint64_t)name->mtime_ns);
}

static weir_status files_position(wr_reader *base, wr_buf *out)
{
    const files_reader *reader = (const files_reader *)base;
    wr_buf_add_char(out, POSITION_VERSION);
    add_u64(out, reader->has_file);
    if (reader->has_file) {
        add_name(out, &reader->file);
        add_u64(out, WR_MAX(reader->scan.rows, reader->scan.skip));
        add_u64(out, WR_MAX(reader->scan.rejected, reader->scan.known_rejects));
    }
    uint64_t count = 0;
    wr_str path;
    void *value;
    for (uint32_t i = 0; wr_map_next(&reader->looks.known, &i, &path, &value);)
        count += ((const files_known *)value)->is_done;
    add_u64(out, count);
    for (uint32_t i = 0; wr_map_next(&reader->looks.known, &i, &path, &value);)
        if (((const files_known *)value)->is_done)
            add_name(out, &((const files_known *)value)->name);
    return WR_OK;
}

static bool take_u64(wr_str *from, uint64_t *out)
{
    if (from->length < sizeof *out) return false;
    memcpy(out, from->data, sizeof *out);
    *from = (wr_str){from->data + sizeof *out, from->length - sizeof *out};
    return true;
}

static bool take_name(wr_str *from, files_name *out)
{
    uint64_t length, mtime;
    if (!take_u64(from, &length) || length > from->length) return false;
    out->path = (wr_str){from->data, length};
    *from = (wr_str){from->data + length, from->length - length};
    if (!take_u64(from, &out->size) || !take_u64(from, &mtime)) return false;
    out->mtime_ns = (int64_t)mtime;
    return true;
}

typedef struct parsed_position {
    bool has_file;
    files_name file;
    uint64_t rows, rejected, done_count;
    wr_str done; /* names */
} parsed_position;

static bool parse_parts(wr_str from, parsed_position *out)
{
    uint64_t has_file;
    if (!take_u64(&from, &has_file) || has_file > 1) return false;
    out->has_file = has_file;
    if (has_file && (!take_name(&from, &out->file) || !take_u64(&from, &out->rows) ||
                     !take_u64(&from, &out->rejected)))
        return false;
    if (!take_u64(&from, &out->done_count)) return false;
    out->done = from;
    for (uint64_t i = 0; i < out->done_count; i++) {
        files_name name;
        if (!take_name(&from, &name)) return false;
    }
    return from.length == 0;
}

static weir_status parse_position(wr_str position, parsed_position *out)
{
    *out = (parsed_position){0};
    if (position.length == 0) return WR_OK;
    if (position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a position of files has version %d, not %d",
                       position.data[0], POSITION_VERSION);
    if (!parse_parts((wr_str){position.data + 1, position.length - 1}, out))
        return wr_fail(WR_E_CORRUPT, "a position of files is damaged");
    return WR_OK;
}

static void files_describe(wr_str position, wr_buf *out)
{
    parsed_position at;
    weir_status bad = parse_position(position, &at);
    if (bad) {
        wr_buf_add_text(out, wr_status_text(bad));
        wr_status_drop(bad);
        return;
    }
    wr_buf_printf(out, "%llu file%s read", (unsigned long long)at.done_count,
                  at.done_count == 1 ? "" : "s");
    if (at.has_file)
        wr_buf_printf(out, ", row %llu of %.*s", (unsigned long long)at.rows,
                      WR_STR_ARGS(at.file.path));
}

static void files_locate(wr_reader *base, uint32_t row, wr_buf *out)
{
    const files_reader *reader = (const files_reader *)base;
    int64_t number = wr_files_scan_number(&reader->scan, row);
    if (number >= 0)
        wr_buf_printf(out, "%.*s, row %lld", WR_STR_ARGS(reader->file.path), (long long)number + 1);
}

/* ---- one file ---- */
static void close_file(files_reader *reader) { wr_files_scan_close(&reader->scan); }

static void begin_file(files_reader *reader, const files_name *name, uint64_t rows,
                       uint64_t rejected)
{
    wr_arena_reset(&reader->file_arena);
    reader->file = *name;
    reader->file.path = wr_arena_str(&reader->file_arena, name->path);
    reader->has_file = true;
    wr_files_scan_begin(&reader->scan, rows, rejected);
}

static weir_status check_same(files_reader *reader, const char *when)
{
    wr_file_stat stat;
    WR_TRY(wr_fs_stat(reader->fs, reader->file.path, &stat));
    if (stat.size == reader->file.size && stat.mtime_ns == reader->file.mtime_ns) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_CORRUPT, "%.*s changed %s", WR_STR_ARGS(reader->file.path), when),
        "write a file under a hidden name and rename it when it is whole");
}

static weir_status open_file(files_reader *reader)
{
    WR_TRY(check_same(reader, "since its first rows were read"));
    return wr_files_scan_open(&reader->scan, reader->fs, reader->file.path);
}

/* The next rows of the file at hand; *has false: it has no more and is done. */
static weir_status next_rows(files_reader *reader, wr_batch *out, bool *has)
{
    files_scan *scan = &reader->scan;
    *has = false;
    if (!scan->is_open && reader->file.size > 0) WR_TRY(open_file(reader));
    WR_TRY(wr_files_scan_next(scan, out, has));
    if (*has) return WR_OK;
    close_file(reader);
    WR_TRY(check_same(reader, "while it was read"));
    wr_files_done(&reader->looks, &reader->file);
    reader->has_file = false;
    return WR_OK;
}

/* ---- the reader ---- */
static void files_close(wr_reader *base)
{
    files_reader *reader = (files_reader *)base;
    wr_files_scan_clear(&reader->scan);
    wr_files_looks_clear(&reader->looks);
    wr_arena_clear(&reader->file_arena);
    wr_heap_drop(reader);
}

static weir_status files_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    parsed_position at;
    WR_TRY(parse_position(request->position, &at));
    files_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = source;
    reader->fs = request->fs ? request->fs : wr_fs_real();
    reader->cancel = request->cancel;
    reader->looks.arena.mem = request->mem;
    wr_files_scan_init(&reader->scan, source, request);
    for (uint64_t i = 0; i < at.done_count; i++) {
        files_name name;
        if (take_name(&at.done, &name)) wr_files_done(&reader->looks, &name);
    }
    if (at.has_file) begin_file(reader, &at.file, at.rows, at.rejected);
    *out = &reader->base;
    return WR_OK;
}

/* Takes the next complete file, looking for some when it is time to. */
static weir_status find_file(files_reader *reader, const files_source *source, int64_t now)
{
    files_looks *looks = &reader->looks;
    bool may_look = source->base.is_bounded ? !reader->has_looked : now >= reader->next_look_ns;
    if (looks->queue_next == looks->queue_count && may_look) {
        WR_TRY(wr_files_look(looks, source, reader->fs, now));
        reader->has_looked = true;
        reader->next_look_ns =
            now +
            (looks->waiting ? WR_MIN(source->settle_ns, source->interval_ns) : source->interval_ns);
    }
    while (looks->queue_next < looks->queue_count && !reader->has_file) {
        const files_name *name = &looks->queue[looks->queue_next++];
        wr_file_stat stat;
        weir_status bad = wr_fs_stat(reader->fs, name->path, &stat);
        bool is_same = !bad && stat.size == name->size && stat.mtime_ns == name->mtime_ns;
        wr_status_drop(bad);
        if (is_same || source->base.is_bounded) begin_file(reader, name, 0, 0);
    }
    return WR_OK;
}

static weir_status files_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    files_reader *reader = (files_reader *)base;
    const files_source *source = (const files_source *)base->source;
    for (;;) {
        bool has = false;
        WR_TRY(wr_cancel_check(reader->cancel));
        int64_t now = wr_clock_mono_ns();
        if (!reader->has_file) WR_TRY(find_file(reader, source, now));
        if (reader->has_file) {
            WR_TRY(next_rows(reader, out, &has));
            *result = WR_POLL_ROWS;
            if (has) return WR_OK;
            if (!source->base.has_parts) continue;
            *result = WR_POLL_PART;
            return WR_OK;
        }
        *out = (wr_batch){0};
        *result = source->base.is_bounded ? WR_POLL_END : WR_POLL_IDLE;
        if (source->base.is_bounded || now >= deadline_ns) return WR_OK;
        int64_t wait = WR_MIN(deadline_ns, reader->next_look_ns) - now;
        wr_sleep_ms((int)WR_MIN(WR_MAX(wait, 0) / 1000000 + 1, WAIT_MS));
    }
}

/* How much of the file at hand is left nobody knows: it counts whole until it is done. */
static void files_lag(wr_reader *base, wr_lag *out)
{
    const files_reader *reader = (const files_reader *)base;
    const files_looks *looks = &reader->looks;
    bool has_more = reader->has_file || looks->queue_next < looks->queue_count;
    *out = (wr_lag){.has_bytes = true, .is_waiting = has_more || looks->waiting};
    if (reader->has_file) out->bytes = reader->file.size;
    for (int i = reader->looks.queue_next; i < reader->looks.queue_count; i++)
        out->bytes += reader->looks.queue[i].size;
}

void wr_files_source_drop(wr_source *base)
{
    files_source *source = (files_source *)base;
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

const wr_source_def wr_files_source_def = {.open = files_open,
                                           .poll = files_poll,
                                           .position = files_position,
                                           .locate = files_locate,
                                           .lag = files_lag,
                                           .close = files_close,
                                           .describe = files_describe,
                                           .drop = wr_files_source_drop};
