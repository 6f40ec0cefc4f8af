/* text_source.h - a text file as a stream of UTF-8 bytes, and its division into chunks of whole
 * records.
 *
 * The source undoes compression and foreign encodings and removes a byte order mark. A pipe can be
 * looked at (opened with keep) any number of times before it is read once for good. */
#pragma once
#include "enc/compress.h"
#include "spi/format.h"
#include "sys/thread.h"

typedef enum wr_encoding { WR_ENCODING_UTF8, WR_ENCODING_LATIN1, WR_ENCODING_UTF16 } wr_encoding;
/* "utf-8", "latin-1", "iso-8859-1", "utf-16"...; false if unknown. */
bool wr_encoding_find(wr_str name, wr_encoding *out);
/* The options compression and encoding of a text format. compression "auto" goes by suffix, then by
 * magic bytes. */
typedef struct wr_text_coding {
    bool detect; /* find the compression out; else it is as given */
    wr_compression compression;
    wr_encoding encoding;
} wr_text_coding;
WR_MUST_CHECK weir_status wr_text_coding_of(const wr_options *given, const wr_opt *rows,
                                            wr_text_coding *out);

typedef struct wr_text_source wr_text_source;
/* keep: only a look; what is read from a pipe stays readable for later opens. Caller closes. One
 * thread at a time. */
WR_MUST_CHECK weir_status wr_text_source_open(wr_fs *fs, wr_mem *mem, wr_str path,
                                              const wr_text_coding *coding, bool keep,
                                              wr_text_source **out);
/* Fills out as far as the text goes; *got < size only at its end. */
WR_MUST_CHECK weir_status wr_text_source_read(wr_text_source *source, char *out, size_t size,
                                              size_t *got);
uint64_t wr_text_source_file_size(const wr_text_source *source); /* bytes on disk, 0 = unknown */
uint64_t wr_text_source_file_pos(const wr_text_source *source);  /* bytes of the file used so far */
bool wr_text_source_is_plain(
    const wr_text_source *source); /* neither compressed, recoded nor a pipe */
wr_compression wr_text_source_compression(const wr_text_source *source);
void wr_text_source_close(wr_text_source *source);
WR_DEFINE_CLEANUP(wr_text_source, wr_text_source_close)

/* The beginning of a text, as much as it takes to find out what it is. */
typedef struct wr_text_sample {
    wr_mem *mem;
    char *data; /* WR_TEXT_SAMPLE_PADDING zero bytes behind size, which may be written */
    size_t size, cap;
} wr_text_sample;
enum { WR_TEXT_SAMPLE_PADDING = 65 };
/* Adds up to size bytes; *is_end when the text is over. Fails with MEMORY_LIMIT or as reading does.
 */
WR_MUST_CHECK weir_status wr_text_sample_read(wr_text_sample *sample, wr_text_source *source,
                                              size_t size, bool *is_end);
void wr_text_sample_clear(wr_text_sample *sample);
WR_MUST_CHECK weir_status wr_text_sample_of(wr_text_sample *sample, wr_str text); /* copies */
static inline wr_str wr_text_sample_str(const wr_text_sample *sample)
{
    return (wr_str){sample->data ? sample->data : "", sample->size};
}
#define WR_TEXT_SAMPLE(name, budget) \
    __attribute__((cleanup(wr_text_sample_clear))) wr_text_sample name = {.mem = (budget)}

/* A run of whole records in a worker's own memory. */
typedef struct wr_text_chunk {
    char *data; /* padded: 64 bytes behind size may be read and the first of them written */
    size_t size, cap;
    uint64_t offset; /* of data[0] in the decoded text */
    uint64_t line;   /* of data[0], counted from 1 */
    uint64_t row;    /* records before this chunk, if the cutter counts them */
    bool is_first, is_last;
    /* set by the cutter about data[0...size) */
    uint64_t lines, rows;
    bool is_ascii;
    uint8_t flags; /* the cutter's own */
} wr_text_chunk;

/* Says how many of the size bytes in chunk->data are whole records (*cut; 0 = none yet) and fills
 * the cutter's fields. At the end (is_end) everything must be taken, and one byte (a missing line
 * end) may be written at data[size] and taken too. Called under the lock of the chunks, in the
 * order of the text. */
typedef weir_status wr_text_cut_fn(void *arg, wr_text_chunk *chunk, size_t size, bool is_end,
                                   size_t *cut);

typedef struct wr_text_chunks {
    wr_mutex lock;
    wr_text_source *source; /* owned; guarded by lock, as all below */
    wr_mem *mem;
    wr_text_cut_fn *cut;
    void *arg;
    size_t chunk_size, record_size_max;
    wr_str path; /* borrowed, for messages */
    char *carry; /* begin of the next record */
    size_t carry_size, carry_cap;
    uint64_t offset, line, row;
    bool started, ended;
} wr_text_chunks;
/* Takes over source. */
void wr_text_chunks_init(wr_text_chunks *chunks, wr_text_source *source, wr_mem *mem, wr_str path,
                         size_t chunk_size, size_t record_size_max, wr_text_cut_fn *cut, void *arg);
void wr_text_chunks_clear(wr_text_chunks *chunks);
/* Fills chunk (zeroed before its first use; its memory is reused). *got false: the text is over.
 * Any thread, each with its own chunk. TOO_BIG if a record that no chunk can hold is longer than
 * record_size_max; those in a chunk are the reader's to check, by the two functions below. */
WR_MUST_CHECK weir_status wr_text_chunks_next(wr_text_chunks *chunks, wr_text_chunk *chunk,
                                              bool *got);
/* Whether the chunk is so long that a record in it may be too long. Any thread. */
static inline bool wr_text_may_be_too_long(const wr_text_chunks *chunks, const wr_text_chunk *chunk)
{
    return chunk->size > chunks->record_size_max;
}
/* TOO_BIG: the record that begins in line is longer than record_size_max. Any thread. */
WR_MUST_CHECK weir_status wr_text_record_too_long(const wr_text_chunks *chunks, uint64_t line);
/* TOO_BIG if a line of the chunk is longer than record_size_max, its end not counted. Any thread.
 */
WR_MUST_CHECK weir_status wr_text_check_lines(const wr_text_chunks *chunks,
                                              const wr_text_chunk *chunk);
void wr_text_chunk_clear(wr_mem *mem, wr_text_chunk *chunk);
