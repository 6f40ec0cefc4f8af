/* tail.c - one text file that grows: a log.
 *
 * Read are whole lines only. The lines that are there make a piece: it is put under the file's own
 * name on a disk in memory, behind the header of the file if it has one, and read like any other
 * file. Position: which file (its number, not its name), where the piece began, and how many of its
 * rows were given.
 *
 * Rotation: the file is held open, so what is written after it was renamed is still read. When it
 * gives nothing more and the name stands for another file, its rest counts as a line and the other
 * one is begun. Going on after a restart, a file that was renamed meanwhile is looked for in its
 * folder by its number. A file that became shorter was emptied and begins again.
 *
 * Traps: a line end inside quotes ends no record, so quotes are counted from the beginning of the
 * piece. Of several rotations between two looks only the first and the last file are seen. */
#include "conn/files/files.h"
#include "sys/clock.h"

enum { POSITION_VERSION = 2, PIECE = 1 << 20, LINE_MAX_BYTES = 64 << 20, WAIT_MS = 10, FIELDS = 6 };

typedef struct tail_place {
    uint64_t inode, offset, lines; /* of the piece: where it begins, lines before it */
    uint64_t has_header;           /* 0 or 1 */
    uint64_t rows, rejected;       /* of the piece */
} tail_place;
_Static_assert(sizeof(tail_place) == FIELDS * sizeof(uint64_t), "a position is this struct");

/* Where a record of the piece begins. */
typedef struct tail_mark {
    size_t at;
    int64_t record, line; /* line 0: nowhere yet */
} tail_mark;

typedef struct tail_reader {
    wr_reader base;
    wr_fs *fs, *memory;
    const wr_cancel *cancel;
    tail_place at;
    wr_file *file; /* NULL: not found yet */
    bool is_resumed;
    wr_buf header, piece;
    size_t room;           /* bytes read at once; grows for long lines */
    size_t piece_size;     /* without the header */
    int64_t quiet_from_ns; /* nothing came since then; 0: something did */
    files_scan scan;
    tail_mark mark; /* whose line was asked for last */
} tail_reader;

static const files_source *source_of(const tail_reader *reader)
{
    return (const files_source *)reader->base.source;
}

weir_status wr_files_tail_check(files_source *source, const wr_options *given, const wr_opt *rows)
{
    static const char *const refused[] = {"escape", "compression", "encoding",
                                          "skip",   "new_line",    "by_file"};
    if (source->is_dir || wr_path_has_glob(source->path))
        return wr_fail(WR_E_UNSUPPORTED, "mode 'tail' follows one file, not \"%.*s\"",
                       WR_STR_ARGS(source->path));
    if (strcmp(source->format->name, "parquet") == 0)
        return wr_fail(WR_E_UNSUPPORTED, "a parquet file does not grow: mode 'tail' is for csv "
                                         "and jsonl");
    for (size_t i = 0; i < WR_COUNT(refused); i++) {
        const wr_given *item = wr_option_find(given, rows, refused[i]);
        if (item)
            return wr_fail_at(WR_E_UNSUPPORTED, item->span,
                              "mode 'tail' does not take the option \"%s\"", refused[i]);
    }
    source->quote = -1;
    if (strcmp(source->format->name, "csv") != 0) return WR_OK;
    bool has_quote;
    WR_TRY(wr_option_char(given, rows, "quote", &source->quote, &has_quote));
    if (!has_quote) source->quote = '"';
    if (!wr_option_find(given, rows, "header")) /* the first lines may come one by one */
        return wr_with_fix(wr_fail(WR_E_PARAMETER_VALUE, "mode 'tail' of csv cannot find out "
                                                         "whether there is a header"),
                           "header = true   or   header = false");
    return wr_option_bool(given, rows, "header", &source->has_header, NULL);
}

/* ---- which file ---- */
static weir_status open_path(tail_reader *reader, wr_str path, uint64_t *inode)
{
    wr_file_stat stat;
    weir_status bad = wr_file_open(reader->fs, path, WR_FILE_READ, &reader->file);
    if (bad && bad->code == WR_E_FILE_NOT_FOUND) { /* between two files there may be none */
        wr_status_drop(bad);
        return WR_OK;
    }
    WR_TRY(bad);
    WR_TRY(wr_file_stat_of(reader->file, &stat));
    *inode = stat.inode;
    return WR_OK;
}

static void close_log(tail_reader *reader)
{
    if (reader->file) wr_file_close(reader->file);
    reader->file = NULL;
}

/* The file of the position, under whatever name it has. */
static weir_status find_again(tail_reader *reader)
{
    WR_ARENA(scratch);
    wr_path_list list;
    uint64_t inode = 0;
    wr_str path = source_of(reader)->path, dir = wr_path_dir(path);
    WR_TRY(open_path(reader, path, &inode));
    if (reader->file && inode == reader->at.inode) return WR_OK;
    close_log(reader);
    WR_TRY(wr_fs_list(reader->fs, dir, &scratch, &list));
    for (int i = 0; i < list.count; i++) {
        wr_file_stat stat;
        wr_str name = wr_arena_printf(&scratch, "%.*s/%.*s", WR_STR_ARGS(dir),
                                      WR_STR_ARGS(wr_path_base(list.paths[i])));
        weir_status bad = wr_fs_stat(reader->fs, name, &stat);
        bool is_it = !bad && stat.is_regular && stat.inode == reader->at.inode;
        wr_status_drop(bad);
        if (is_it) return open_path(reader, name, &inode);
    }
    return wr_with_hint(wr_fail(WR_E_FILE_NOT_FOUND,
                                "the file that \"%.*s\" was when it was read last is gone",
                                WR_STR_ARGS(path)),
                        "rotate by renaming, and keep one older file in the same folder");
}

static weir_status begin_log(tail_reader *reader)
{
    WR_TRY(open_path(reader, source_of(reader)->path, &reader->at.inode));
    reader->at =
        (tail_place){.inode = reader->at.inode, .has_header = source_of(reader)->has_header};
    reader->header.length = 0;
    return WR_OK;
}

/* ---- pieces ---- */
/* The end of the last whole record; 0: there is none. */
static size_t whole_records(const tail_reader *reader, wr_str text)
{
    bool is_open = false;
    int mark = source_of(reader)->quote;
    size_t end = 0;
    for (size_t i = 0; i < text.length; i++) {
        is_open ^= (unsigned char)text.data[i] == mark;
        if (text.data[i] == '\n' && !is_open) end = i + 1;
    }
    return end;
}

/* Reads what is there from the place on; the size of the piece, 0: nothing whole. is_rest: the end
 * of the file counts as the end of a line. */
static weir_status read_piece(tail_reader *reader, bool is_rest)
{
    for (;;) {
        size_t got;
        wr_buf *piece = &reader->piece;
        piece->length = 0;
        wr_buf_add_str(piece, wr_buf_str(&reader->header));
        wr_buf_reserve(piece, reader->room + 1);
        char *to = piece->data + piece->length;
        WR_TRY(wr_file_read(reader->file, reader->at.offset, to, reader->room, &got));
        reader->piece_size = whole_records(reader, (wr_str){to, got});
        if (reader->piece_size == 0 && is_rest && got < reader->room) reader->piece_size = got;
        piece->length += reader->piece_size;
        if (reader->piece_size > 0 || got < reader->room) return WR_OK;
        if (reader->room >= LINE_MAX_BYTES)
            return wr_fail(WR_E_TOO_BIG, "a line of %.*s is longer than %d bytes",
                           WR_STR_ARGS(source_of(reader)->path), LINE_MAX_BYTES);
        reader->room *= 4;
    }
}

/* The first line of the file, whether or not it turns out to be a header. */
static weir_status read_header(tail_reader *reader)
{
    tail_place at = reader->at;
    reader->header.length = 0;
    reader->at.offset = 0;
    weir_status bad = read_piece(reader, false);
    reader->at = at;
    WR_TRY(bad);
    const char *end =
        reader->piece_size ? memchr(reader->piece.data, '\n', reader->piece.length) : NULL;
    if (!end)
        return wr_fail(WR_E_CORRUPT, "the header of %.*s is gone",
                       WR_STR_ARGS(source_of(reader)->path));
    wr_buf_add(&reader->header, reader->piece.data, (size_t)(end + 1 - reader->piece.data));
    return WR_OK;
}

static weir_status open_piece(tail_reader *reader)
{
    wr_str path = source_of(reader)->path;
    WR_AUTO(wr_file) *file = NULL;
    reader->mark = (tail_mark){0};
    WR_TRY(wr_fs_make_dirs(reader->memory, wr_path_dir(path)));
    WR_TRY(wr_file_open(reader->memory, path, WR_FILE_REPLACE, &file));
    WR_TRY(wr_file_append(file, reader->piece.data, reader->piece.length));
    reader->scan.lines_before = (int64_t)reader->at.lines - (reader->header.length ? 1 : 0);
    wr_files_scan_begin(&reader->scan, reader->at.rows, reader->at.rejected);
    WR_TRY(wr_files_scan_open(&reader->scan, reader->memory, path));
    return WR_OK;
}

/* Behind the piece at hand. */
static weir_status end_piece(tail_reader *reader)
{
    size_t before = reader->piece.length - reader->piece_size;
    const char *text = reader->piece.data + before;
    wr_files_scan_close(&reader->scan);
    for (size_t i = 0; i < reader->piece_size; i++)
        reader->at.lines += text[i] == '\n';
    reader->at.offset += reader->piece_size;
    reader->at.rows = reader->at.rejected = 0;
    wr_files_scan_begin(&reader->scan, 0, 0);
    return WR_OK;
}

/* Nothing whole came: is the file over, or was it emptied? *rest: read what is left as a line. */
static weir_status look_around(tail_reader *reader, bool *rest)
{
    wr_file_stat mine, there;
    int64_t now = wr_clock_mono_ns();
    *rest = false;
    WR_TRY(wr_file_stat_of(reader->file, &mine));
    if (mine.size < reader->at.offset) {
        close_log(reader);
        return begin_log(reader);
    }
    if (source_of(reader)->base.is_bounded) {
        *rest = true;
        return WR_OK;
    }
    weir_status bad = wr_fs_stat(reader->fs, source_of(reader)->path, &there);
    bool is_over = !bad && there.inode != mine.inode;
    wr_status_drop(bad);
    if (reader->quiet_from_ns == 0) reader->quiet_from_ns = now;
    *rest = is_over && now - reader->quiet_from_ns >= source_of(reader)->settle_ns;
    return WR_OK;
}

/* Makes a piece ready, or another file, if there is one; *is_end: there will be no more. */
static weir_status next_piece(tail_reader *reader, bool *got, bool *is_end)
{
    bool rest;
    *got = *is_end = false;
    if (!reader->file && reader->is_resumed) WR_TRY(find_again(reader));
    if (!reader->file) WR_TRY(begin_log(reader));
    reader->is_resumed = false;
    if (!reader->file) {
        *is_end = source_of(reader)->base.is_bounded;
        return WR_OK;
    }
    if (reader->at.has_header == 1 && reader->at.offset > 0 && !reader->header.length)
        WR_TRY(read_header(reader));
    WR_TRY(read_piece(reader, false));
    if (reader->piece_size == 0) {
        WR_TRY(look_around(reader, &rest));
        if (!rest || !reader->file) return WR_OK;
        WR_TRY(read_piece(reader, true));
        if (reader->piece_size == 0) { /* this file is read to its end */
            close_log(reader);
            if (source_of(reader)->base.is_bounded)
                *is_end = true;
            else
                WR_TRY(begin_log(reader));
            *got = reader->file != NULL; /* to be looked at now */
            return WR_OK;
        }
    }
    reader->quiet_from_ns = 0;
    *got = true;
    return open_piece(reader);
}

/* ---- the reader ---- */
static weir_status tail_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    tail_reader *reader = (tail_reader *)base;
    for (;;) {
        bool has = false, got = false, is_end = false;
        WR_TRY(wr_cancel_check(reader->cancel));
        if (reader->scan.is_open) {
            WR_TRY(wr_files_scan_next(&reader->scan, out, &has));
            *result = WR_POLL_ROWS;
            if (has) return WR_OK;
            WR_TRY(end_piece(reader));
        }
        WR_TRY(next_piece(reader, &got, &is_end));
        if (got) continue;
        *out = (wr_batch){0};
        *result = is_end ? WR_POLL_END : WR_POLL_IDLE;
        int64_t left = deadline_ns ? deadline_ns - wr_clock_mono_ns() : 0;
        if (is_end || left <= 0) return WR_OK;
        wr_sleep_ms((int)WR_MIN(left / 1000000 + 1, WAIT_MS));
    }
}

static weir_status tail_position(wr_reader *base, wr_buf *out)
{
    const tail_reader *reader = (const tail_reader *)base;
    tail_place at = reader->at;
    at.rows = WR_MAX(reader->scan.rows, reader->scan.skip);
    at.rejected = WR_MAX(reader->scan.rejected, reader->scan.known_rejects);
    wr_buf_add_char(out, POSITION_VERSION);
    wr_buf_add(out, &at, sizeof at);
    return WR_OK;
}

/* The line in which a record of the piece begins, counted from 1 in the file. Records are mostly
 * asked for in their order, so it goes on from the last one. */
static int64_t line_of(tail_reader *reader, int64_t record)
{
    wr_str text = wr_buf_str(&reader->piece);
    tail_mark *mark = &reader->mark;
    int quote = source_of(reader)->quote;
    record += source_of(reader)->has_header;
    if (!mark->line || record < mark->record)
        *mark = (tail_mark){.line = reader->scan.lines_before + 1};
    bool is_open = false, is_blank = true;
    int64_t line = mark->line;
    for (size_t i = mark->at; i < text.length; i++) {
        char c = text.data[i];
        is_open ^= (unsigned char)c == quote;
        is_blank &= c == '\n' || c == '\r' || c == ' ' || c == '\t';
        if (c != '\n') continue;
        line++;
        if (is_open) continue;
        if (!is_blank && mark->record == record) return mark->line;
        *mark = (tail_mark){.at = i + 1, .line = line, .record = mark->record + !is_blank};
        is_blank = true;
    }
    return mark->line;
}

static void tail_locate(wr_reader *base, uint32_t row, wr_buf *out)
{
    tail_reader *reader = (tail_reader *)base;
    int64_t number = wr_files_scan_number(&reader->scan, row);
    if (number >= 0)
        wr_buf_printf(out, "%.*s:%lld", WR_STR_ARGS(source_of(reader)->path),
                      (long long)line_of(reader, number));
}

static weir_status parse_place(wr_str position, tail_place *out)
{
    if (position.length && position.data[0] != POSITION_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a position of a growing file has version %d, not %d",
                       position.data[0], POSITION_VERSION);
    if (position.length != 1 + sizeof *out)
        return wr_fail(WR_E_CORRUPT, "a position of a growing file is damaged");
    memcpy(out, position.data + 1, sizeof *out);
    bool is_sound = out->has_header <= 1 && out->offset <= INT64_MAX && out->lines <= INT64_MAX;
    return is_sound ? WR_OK : wr_fail(WR_E_CORRUPT, "a position of a growing file is damaged");
}

static void tail_close(wr_reader *base)
{
    tail_reader *reader = (tail_reader *)base;
    wr_files_scan_clear(&reader->scan);
    close_log(reader);
    wr_buf_clear(&reader->header);
    wr_buf_clear(&reader->piece);
    wr_fs_drop(reader->memory);
    wr_heap_drop(reader);
}

static weir_status tail_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    tail_place at = {0};
    if (request->position.length) WR_TRY(parse_place(request->position, &at));
    tail_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = source;
    reader->fs = request->fs ? request->fs : wr_fs_real();
    reader->memory = wr_fs_sim_new(0);
    reader->cancel = request->cancel;
    reader->at = at;
    reader->is_resumed = at.inode != 0;
    reader->room = PIECE;
    wr_files_scan_init(&reader->scan, source, request);
    wr_files_scan_begin(&reader->scan, at.rows, at.rejected);
    reader->scan.tells_lines = true;
    *out = &reader->base;
    return WR_OK;
}

static void tail_lag(wr_reader *base, wr_lag *out)
{
    const tail_reader *reader = (const tail_reader *)base;
    wr_file_stat stat;
    *out = (wr_lag){0};
    if (!reader->file) return;
    weir_status bad = wr_file_stat_of(reader->file, &stat);
    out->has_bytes = !bad;
    if (!bad && stat.size > reader->at.offset) out->bytes = stat.size - reader->at.offset;
    wr_status_drop(bad);
}

static void tail_describe(wr_str position, wr_buf *out)
{
    tail_place at = {0};
    weir_status bad = position.length ? parse_place(position, &at) : WR_OK;
    if (bad)
        wr_buf_add_text(out, wr_status_text(bad));
    else
        wr_buf_printf(out, "byte %llu, %llu rows behind it", (unsigned long long)at.offset,
                      (unsigned long long)at.rows);
    wr_status_drop(bad);
}

const wr_source_def wr_files_tail_def = {.open = tail_open,
                                         .poll = tail_poll,
                                         .position = tail_position,
                                         .locate = tail_locate,
                                         .lag = tail_lag,
                                         .close = tail_close,
                                         .describe = tail_describe,
                                         .drop = wr_files_source_drop};
