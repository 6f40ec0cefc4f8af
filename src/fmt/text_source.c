/* text_source.c - from bytes on disk to chunks of decoded records. See text_source.h.
 *
 *   file or pipe -> [inflate] -> [recode to UTF-8] -> reader's buffer -> cut at a record end ->
 * worker
 *
 * Chunks are handed out one after another under one lock: reading from the page cache and finding
 * the last record end are far cheaper than parsing, which runs outside the lock. A chunk therefore
 * always begins at a true record start: nothing about quotes has to be guessed.
 *
 * Pipes: the bytes of a pipe exist once. Opens with keep store what they read in a process-wide
 * table by path; the first open without keep replays them and owns the rest. A second one fails. */
#include "fmt/text_source.h"

enum { IN_SIZE = 128 << 10, PADDING = 64 };

/* guarded by pipes_lock */
typedef struct pipe_entry {
    char *path;
    wr_file *file;
    wr_buf head;
    bool is_taken;
    struct pipe_entry *next;
} pipe_entry;

static wr_mutex pipes_lock = WR_MUTEX_INIT;
static pipe_entry *pipes;

struct wr_text_source {
    wr_mem *mem;
    char *path;
    wr_file *file; /* NULL for a pipe: the table owns it */
    pipe_entry *pipe;
    bool keep, file_ended, text_started;
    uint64_t pos, file_size;
    wr_compression compression;
    wr_inflate *inflate;
    wr_encoding encoding;
    bool is_big_endian;
    /* compressed bytes */
    uint8_t *in;
    size_t in_pos, in_size;
    /* bytes before recoding, and the text they became as far as it did not fit */
    uint8_t *raw;
    size_t raw_size;
    char pending[8];
    size_t pending_size;
};

bool wr_encoding_find(wr_str name, wr_encoding *out)
{
    static const struct {
        const char *name;
        wr_encoding encoding;
    } names[] = {{"utf-8", WR_ENCODING_UTF8},        {"utf8", WR_ENCODING_UTF8},
                 {"latin-1", WR_ENCODING_LATIN1},    {"latin1", WR_ENCODING_LATIN1},
                 {"iso-8859-1", WR_ENCODING_LATIN1}, {"utf-16", WR_ENCODING_UTF16},
                 {"utf16", WR_ENCODING_UTF16},       {"ascii", WR_ENCODING_UTF8}};
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        if (!wr_str_is(name, names[i].name)) continue;
        *out = names[i].encoding;
        return true;
    }
    return false;
}

weir_status wr_text_coding_of(const wr_options *given, const wr_opt *rows, wr_text_coding *out)
{
    *out = (wr_text_coding){.detect = true};
    wr_str text;
    WR_TRY(wr_option_text(given, rows, "compression", &text, NULL));
    if (!wr_str_is(text, "auto") && !wr_str_is(text, "auto_detect") && text.length > 0) {
        out->detect = false;
        if (!wr_compression_find(text, &out->compression)) {
            const wr_given *item = wr_option_find(given, rows, "compression");
            return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                                           "unknown compression \"%.*s\"", WR_STR_ARGS(text)),
                                "auto, none, gzip, zstd and lz4 exist");
        }
    }
    WR_TRY(wr_option_text(given, rows, "encoding", &text, NULL));
    if (text.length > 0 && !wr_encoding_find(text, &out->encoding)) {
        const wr_given *item = wr_option_find(given, rows, "encoding");
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                                       "unknown encoding \"%.*s\"", WR_STR_ARGS(text)),
                            "utf-8, latin-1 and utf-16 exist");
    }
    return WR_OK;
}

/* Finds or makes the table entry of a pipe. Takes over file; closes it when the pipe is known
 * already. */
static weir_status find_pipe(wr_str path, wr_file *file, bool keep, pipe_entry **out)
{
    wr_mutex_lock(&pipes_lock);
    pipe_entry *entry = pipes;
    while (entry && !wr_str_eq(wr_str_of(entry->path), path))
        entry = entry->next;
    bool is_taken = entry && entry->is_taken;
    if (!entry) {
        entry = wr_heap_new(sizeof *entry);
        entry->path = wr_heap_copy(path.data, path.length);
        entry->file = WR_TAKE(file);
        entry->next = pipes;
        pipes = entry;
    }
    if (!keep) entry->is_taken = true;
    wr_mutex_unlock(&pipes_lock);
    wr_file_close(file);
    *out = entry;
    if (!is_taken) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_IO, "%.*s is a pipe and has been read already", WR_STR_ARGS(path)),
        "keep it: CREATE TEMP TABLE t AS FROM '%.*s'", WR_STR_ARGS(path));
}

/* Bytes of the file or pipe, from the current position. */
static weir_status read_file(wr_text_source *source, void *out, size_t size, size_t *got)
{
    *got = 0;
    if (source->file) {
        WR_TRY(wr_file_read(source->file, source->pos, out, size, got));
        source->pos += *got;
        return WR_OK;
    }
    pipe_entry *pipe = source->pipe;
    if (source->pos < pipe->head.length) {
        *got = WR_MIN(size, pipe->head.length - source->pos);
        memcpy(out, pipe->head.data + source->pos, *got);
        source->pos += *got;
        if (*got == size) return WR_OK;
    }
    size_t more = 0;
    WR_TRY(wr_file_read(pipe->file, source->pos, (char *)out + *got, size - *got, &more));
    if (source->keep) wr_buf_add(&pipe->head, (char *)out + *got, more);
    *got += more;
    source->pos += more;
    return WR_OK;
}

static weir_status fill_in(wr_text_source *source)
{
    if (source->in_pos < source->in_size || source->file_ended) return WR_OK;
    source->in_pos = 0;
    WR_TRY(read_file(source, source->in, IN_SIZE, &source->in_size));
    source->file_ended = source->in_size < IN_SIZE;
    return WR_OK;
}

/* Decompressed bytes. */
static weir_status read_bytes(wr_text_source *source, uint8_t *out, size_t size, size_t *got)
{
    *got = 0;
    if (source->in_pos < source->in_size && !source->inflate) { /* what detection has read */
        *got = WR_MIN(size, source->in_size - source->in_pos);
        memcpy(out, source->in + source->in_pos, *got);
        source->in_pos += *got;
        if (*got == size || source->file_ended) return WR_OK;
    }
    if (!source->inflate) {
        if (source->file_ended) return WR_OK;
        size_t more = 0;
        WR_TRY(read_file(source, out + *got, size - *got, &more));
        if (more < size - *got) source->file_ended = true;
        *got += more;
        return WR_OK;
    }
    while (*got < size) {
        WR_TRY(fill_in(source));
        size_t left = source->in_size - source->in_pos, used = 0, made = 0;
        weir_status bad = wr_inflate_run(source->inflate, source->in + source->in_pos, left,
                                         source->file_ended, out + *got, size - *got, &used, &made);
        if (bad) return wr_wrap(bad, "reading %s", source->path);
        source->in_pos += used;
        *got += made;
        if (used == 0 && made == 0 && source->in_pos == source->in_size && source->file_ended)
            break;
        if (used == 0 && made == 0 && left > 0)
            return wr_fail(WR_E_CORRUPT, "the compressed stream makes no progress");
    }
    return WR_OK;
}

/* One code point of raw[*pos...]; false: more bytes are needed. */
static bool take_code(const wr_text_source *source, size_t *pos, bool is_end, uint32_t *code)
{
    const uint8_t *raw = source->raw;
    size_t left = source->raw_size - *pos;
    if (source->encoding == WR_ENCODING_LATIN1) {
        *code = raw[(*pos)++];
        return true;
    }
    if (left < 2) {
        if (!is_end) return false;
        *code = 0xfffd;
        *pos = source->raw_size;
        return true;
    }
    int hi = source->is_big_endian ? 0 : 1;
    uint32_t first = (uint32_t)raw[*pos + hi] << 8 | raw[*pos + 1 - hi];
    if (first >= 0xd800 && first < 0xdc00) {
        if (left < 4 && !is_end) return false;
        if (left >= 4) {
            uint32_t second = (uint32_t)raw[*pos + 2 + hi] << 8 | raw[*pos + 3 - hi];
            if (second >= 0xdc00 && second < 0xe000) {
                *code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                *pos += 4;
                return true;
            }
        }
    }
    *code = first >= 0xd800 && first < 0xe000 ? 0xfffd : first;
    *pos += 2;
    return true;
}

/* Recodes into out. */
static weir_status read_recoded(wr_text_source *source, char *out, size_t size, size_t *got)
{
    *got = WR_MIN(size, source->pending_size);
    memcpy(out, source->pending, *got);
    memmove(source->pending, source->pending + *got, source->pending_size - *got);
    source->pending_size -= *got;
    while (*got < size) {
        size_t more = 0, want = IN_SIZE - source->raw_size;
        WR_TRY(read_bytes(source, source->raw + source->raw_size, want, &more));
        bool is_end = more < want;
        source->raw_size += more;
        size_t pos = 0;
        uint32_t code;
        while (pos < source->raw_size && source->pending_size == 0 &&
               take_code(source, &pos, is_end, &code)) {
            char utf8[4];
            int length = wr_utf8_encode(code, utf8);
            int fit = (int)WR_MIN((size_t)length, size - *got);
            memcpy(out + *got, utf8, (size_t)fit);
            *got += (size_t)fit;
            memcpy(source->pending, utf8 + fit, (size_t)(length - fit));
            source->pending_size = (size_t)(length - fit);
            if (*got == size) break;
        }
        memmove(source->raw, source->raw + pos, source->raw_size - pos);
        source->raw_size -= pos;
        if (is_end && source->raw_size == 0) break;
        if (pos == 0) break;
    }
    return WR_OK;
}

/* The mark at the start: UTF-8's is dropped; UTF-16's tells the byte order and that it is UTF-16.
 */
static weir_status skip_mark(wr_text_source *source, uint8_t *head, size_t *size)
{
    size_t skip = 0;
    if (*size >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        skip = 3;
    else if (*size >= 2 && head[0] == 0xff && head[1] == 0xfe)
        skip = 2, source->encoding = WR_ENCODING_UTF16, source->is_big_endian = false;
    else if (*size >= 2 && head[0] == 0xfe && head[1] == 0xff)
        skip = 2, source->encoding = WR_ENCODING_UTF16, source->is_big_endian = true;
    memmove(head, head + skip, *size - skip);
    *size -= skip;
    if (source->encoding == WR_ENCODING_UTF8) return WR_OK;
    void *raw = NULL;
    WR_TRY(wr_mem_alloc(source->mem, IN_SIZE, &raw));
    source->raw = raw;
    memcpy(source->raw, head, *size);
    source->raw_size = *size;
    *size = 0;
    return WR_OK;
}

weir_status wr_text_source_read(wr_text_source *source, char *out, size_t size, size_t *got)
{
    *got = 0;
    if (!source->text_started) {
        source->text_started = true;
        uint8_t head[4];
        size_t head_size = 0;
        WR_TRY(read_bytes(source, head, sizeof head, &head_size));
        WR_TRY(skip_mark(source, head, &head_size));
        memcpy(source->pending, head, head_size);
        source->pending_size = head_size;
    }
    if (source->raw) return read_recoded(source, out, size, got);
    if (source->pending_size > 0) {
        *got = WR_MIN(size, source->pending_size);
        memcpy(out, source->pending, *got);
        memmove(source->pending, source->pending + *got, source->pending_size - *got);
        source->pending_size -= *got;
    }
    size_t more = 0;
    if (*got < size) WR_TRY(read_bytes(source, (uint8_t *)out + *got, size - *got, &more));
    *got += more;
    return WR_OK;
}

static weir_status begin_source(wr_text_source *source, wr_fs *fs, wr_str path,
                                const wr_text_coding *coding)
{
    WR_AUTO(wr_file) *file = NULL;
    WR_TRY(wr_file_open(fs, path, WR_FILE_READ, &file));
    if (wr_file_is_seekable(file)) {
        wr_file_stat stat;
        WR_TRY(wr_file_stat_of(file, &stat));
        source->file_size = stat.size;
        source->file = WR_TAKE(file);
    } else {
        WR_TRY(find_pipe(path, WR_TAKE(file), source->keep, &source->pipe));
    }
    void *in = NULL;
    WR_TRY(wr_mem_alloc(source->mem, IN_SIZE, &in));
    source->in = in;
    source->compression = coding->compression;
    source->encoding = coding->encoding;
    if (coding->detect) {
        WR_TRY(read_file(source, source->in, 4, &source->in_size));
        if (source->in_size < 4) source->file_ended = true;
        source->compression = wr_compression_of_head(source->in, source->in_size);
    }
    if (source->compression == WR_COMPRESS_NONE) return WR_OK;
    return wr_inflate_new(source->mem, source->compression, &source->inflate);
}

weir_status wr_text_source_open(wr_fs *fs, wr_mem *mem, wr_str path, const wr_text_coding *coding,
                                bool keep, wr_text_source **out)
{
    WR_AUTO(wr_text_source) *source = wr_heap_new(sizeof *source);
    source->mem = mem;
    source->keep = keep;
    source->path = wr_heap_copy(path.data, path.length);
    WR_TRY(begin_source(source, fs, path, coding));
    *out = WR_TAKE(source);
    return WR_OK;
}

uint64_t wr_text_source_file_size(const wr_text_source *source) { return source->file_size; }
uint64_t wr_text_source_file_pos(const wr_text_source *source) { return source->pos; }

bool wr_text_source_is_plain(const wr_text_source *source)
{
    return source->file && !source->inflate && source->encoding == WR_ENCODING_UTF8;
}

wr_compression wr_text_source_compression(const wr_text_source *source)
{
    return source->compression;
}

void wr_text_source_close(wr_text_source *source)
{
    if (!source) return;
    wr_inflate_drop(source->inflate);
    wr_heap_drop(source->path);
    wr_file_close(source->file);
    wr_mem_free(source->mem, source->in, source->in ? IN_SIZE : 0);
    wr_mem_free(source->mem, source->raw, source->raw ? IN_SIZE : 0);
    wr_heap_drop(source);
}

void wr_text_chunks_init(wr_text_chunks *chunks, wr_text_source *source, wr_mem *mem, wr_str path,
                         size_t chunk_size, size_t record_size_max, wr_text_cut_fn *cut, void *arg)
{
    *chunks = (wr_text_chunks){.source = source,
                               .mem = mem,
                               .path = path,
                               .chunk_size = WR_MAX(chunk_size, (size_t)1),
                               .record_size_max = WR_MIN(record_size_max, (size_t)1 << 31),
                               .cut = cut,
                               .arg = arg,
                               .line = 1};
    wr_mutex_init(&chunks->lock);
}

void wr_text_chunks_clear(wr_text_chunks *chunks)
{
    wr_text_source_close(chunks->source);
    wr_mem_free(chunks->mem, chunks->carry, chunks->carry_cap);
    wr_mutex_clear(&chunks->lock);
}

void wr_text_chunk_clear(wr_mem *mem, wr_text_chunk *chunk)
{
    wr_mem_free(mem, chunk->data, chunk->cap);
    *chunk = (wr_text_chunk){0};
}

static weir_status ensure(wr_mem *mem, char **data, size_t *cap, size_t wanted)
{
    if (*cap >= wanted) return WR_OK;
    void *grown = *data;
    WR_TRY(wr_mem_grow(mem, &grown, *cap, wanted));
    *data = grown;
    *cap = wanted;
    return WR_OK;
}

/* ---- samples */

/* Grows to the size asked for: mapped memory is extended without copying. */
static weir_status sample_room(wr_text_sample *sample, size_t size)
{
    return ensure(sample->mem, &sample->data, &sample->cap,
                  sample->size + size + WR_TEXT_SAMPLE_PADDING);
}

weir_status wr_text_sample_read(wr_text_sample *sample, wr_text_source *source, size_t size,
                                bool *is_end)
{
    size_t got;
    WR_TRY(sample_room(sample, size));
    WR_TRY(wr_text_source_read(source, sample->data + sample->size, size, &got));
    sample->size += got;
    *is_end = got < size;
    memset(sample->data + sample->size, 0, WR_TEXT_SAMPLE_PADDING);
    return WR_OK;
}

weir_status wr_text_sample_of(wr_text_sample *sample, wr_str text)
{
    WR_TRY(sample_room(sample, text.length));
    if (text.length) memcpy(sample->data, text.data, text.length);
    sample->size = text.length;
    memset(sample->data + sample->size, 0, WR_TEXT_SAMPLE_PADDING);
    return WR_OK;
}

void wr_text_sample_clear(wr_text_sample *sample)
{
    wr_mem_free(sample->mem, sample->data, sample->cap);
    sample->data = NULL;
    sample->size = sample->cap = 0;
}

/* ---- chunks */

/* Reads more and more behind the carried bytes until a record is whole. */
static weir_status take_chunk(wr_text_chunks *chunks, wr_text_chunk *chunk, bool *got)
{
    size_t size = chunks->carry_size, cut = 0;
    *got = false;
    if (chunks->ended && size == 0) return WR_OK;
    WR_TRY(ensure(chunks->mem, &chunk->data, &chunk->cap, size + chunks->chunk_size + PADDING));
    memcpy(chunk->data, chunks->carry ? chunks->carry : "", size);
    while (cut == 0) {
        size_t want = WR_MAX(chunks->chunk_size, size), more = 0;
        WR_TRY(ensure(chunks->mem, &chunk->data, &chunk->cap, size + want + PADDING));
        WR_TRY(wr_text_source_read(chunks->source, chunk->data + size, want, &more));
        chunks->ended = more < want;
        size += more;
        memset(chunk->data + size, 0, PADDING);
        if (size == 0) return WR_OK;
        WR_TRY(chunks->cut(chunks->arg, chunk, size, chunks->ended, &cut));
        if (cut == 0 && chunks->ended) return WR_OK;
        if (cut == 0 && size > chunks->record_size_max + 1) /* 1: half of its end, "\r\n" */
            return wr_text_record_too_long(chunks, chunks->line);
    }
    wr_assert(cut <= size || (chunks->ended && cut == size + 1));
    size = WR_MAX(size, cut); /* the cutter may have ended the last record */
    WR_TRY(ensure(chunks->mem, &chunks->carry, &chunks->carry_cap, size - cut));
    memcpy(chunks->carry ? chunks->carry : chunk->data, chunk->data + cut, size - cut);
    chunks->carry_size = size - cut;
    chunk->size = cut;
    *got = true;
    return WR_OK;
}

weir_status wr_text_record_too_long(const wr_text_chunks *chunks, uint64_t line)
{
    return wr_fail(WR_E_TOO_BIG,
                   "the record that begins in line %llu of %.*s is longer than %zu bytes",
                   (unsigned long long)line, WR_STR_ARGS(chunks->path), chunks->record_size_max);
}

weir_status wr_text_check_lines(const wr_text_chunks *chunks, const wr_text_chunk *chunk)
{
    if (!wr_text_may_be_too_long(chunks, chunk)) return WR_OK;
    uint64_t line = chunk->line;
    for (const char *at = chunk->data, *end = at + chunk->size; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        size_t length = (size_t)(stop - at);
        length -= length > 0 && stop[-1] == '\r';
        if (length > chunks->record_size_max) return wr_text_record_too_long(chunks, line);
        at = stop + 1;
    }
    return WR_OK;
}

weir_status wr_text_chunks_next(wr_text_chunks *chunks, wr_text_chunk *chunk, bool *got)
{
    wr_mutex_lock(&chunks->lock);
    chunk->is_first = !chunks->started;
    chunk->line = chunks->line;
    chunk->offset = chunks->offset;
    chunk->row = chunks->row;
    chunk->rows = chunk->lines = 0;
    weir_status bad = take_chunk(chunks, chunk, got);
    if (bad || !*got) {
        chunks->ended = true;
        chunks->carry_size = 0;
    } else {
        chunks->started = true;
        chunks->line += chunk->lines;
        chunks->row += chunk->rows;
        chunks->offset += chunk->size;
        chunk->is_last = chunks->ended && chunks->carry_size == 0;
    }
    wr_mutex_unlock(&chunks->lock);
    return bad;
}
