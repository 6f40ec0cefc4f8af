/* files.h - what the parts of the connector share.
 *
 *   files.c  options, the source, the connector   looks.c  which files there are and which are
 *   complete   columns.c  the columns of one file made those of the source   scan.c  its rows
 *   read.c  a reader of complete files   tail.c  of one that grows
 *   sink.c  rolling files   append.c  one file that grows by commits   token.c  of both */
#pragma once
#include "base/map.h"
#include "fmt/files.h"
#include "spi/connector.h"

typedef struct files_source {
    wr_source base;
    wr_arena arena;
    wr_str path; /* a folder, a glob or a file */
    bool is_dir;
    const wr_format *format;
    wr_options options; /* of the format */
    bool has_header;    /* csv that grows */
    int quote;          /* of it; -1: none */
    int64_t settle_ns, interval_ns;
} files_source;

/* ---- looks.c ---- */
/* One file as it was when somebody looked. */
typedef struct files_name {
    wr_str path;
    uint64_t size;
    int64_t mtime_ns;
} files_name;

typedef struct files_known {
    files_name name;  /* path belongs to it */
    int64_t since_ns; /* size and mtime did not change from then on */
    uint64_t look;
    bool is_done;
} files_known;

/* What a reader knows about the files. Zeroed = nothing. One thread. */
typedef struct files_looks {
    wr_map known; /* path to files_known */
    uint64_t number;
    files_name *queue; /* complete files not begun yet, by path; paths in arena */
    int queue_count, queue_next;
    uint64_t waiting; /* files that are not known to be complete */
    wr_arena arena;   /* of the last look */
} files_looks;

/* Is it a name that is looked at? Below root, which is a folder or empty. */
bool wr_files_name_counts(wr_str path, wr_str root);
/* Paths that count and that the source wants, sorted. */
WR_MUST_CHECK weir_status wr_files_candidates(const files_source *source, wr_fs *fs,
                                              wr_arena *arena, wr_path_list *out);
/* Looks once; the queue is empty before. What is complete and not done goes into it. */
WR_MUST_CHECK weir_status wr_files_look(files_looks *looks, const files_source *source, wr_fs *fs,
                                        int64_t now_ns);
/* Notes that a file was read to its end. */
void wr_files_done(files_looks *looks, const files_name *name);
void wr_files_looks_clear(files_looks *looks);

/* ---- columns.c ---- */
/* Binds one file so that it gives the columns of schema (NULL: its own). places[k]: where column k
 * is in *out. FILE_SCHEMA if a column is missing or has another type. */
WR_MUST_CHECK weir_status wr_files_bind_one(const files_source *source, wr_format_context *context,
                                            wr_str path, const wr_schema *schema, wr_arena *arena,
                                            int *places, wr_relation **out);

/* ---- scan.c ---- */
/* The rows of one file at a time. One thread. */
typedef struct files_scan {
    const files_source *source;
    wr_rejects rejects;
    wr_dead_letters *dead; /* NULL: a bad row is an error */
    bool tells_lines;      /* such an error is made here, with the line corrected */
    int64_t lines_before;  /* added to the numbers of lines */
    wr_mem *mem;
    const wr_cancel *cancel;
    const int *asked;
    int asked_count;
    wr_arena arena, file_arena, batch_arena;
    wr_relation *rel;
    wr_scan *scan;
    wr_scan_worker *worker;
    bool is_open, in_morsel;
    uint64_t rows, skip;              /* given or left out; to leave out */
    uint64_t rejected, known_rejects; /* counted; told before */
    uint16_t sel[WR_BATCH_ROWS];
    wr_column *columns;
    bool has_numbers;  /* asked for where there are dead letters: they are told where rows stand */
    wr_column numbers; /* of the last batch, from 0 */
} files_scan;

/* source outlives it. */
void wr_files_scan_init(files_scan *scan, wr_source *source, const wr_reader_request *request);
/* Before open: the first rows and rejects of the file were given before. */
void wr_files_scan_begin(files_scan *scan, uint64_t skip, uint64_t known_rejects);
WR_MUST_CHECK weir_status wr_files_scan_open(files_scan *scan, wr_fs *fs, wr_str path);
/* *has false: no more rows, or it is not open. Rows are valid until the next call. */
WR_MUST_CHECK weir_status wr_files_scan_next(files_scan *scan, wr_batch *out, bool *has);
/* The number of a row of the last batch in its file, from 0; -1: nobody asked. */
int64_t wr_files_scan_number(const files_scan *scan, uint32_t row);
void wr_files_scan_close(files_scan *scan);
void wr_files_scan_clear(files_scan *scan); /* closes it, frees everything */

/* ---- read.c, tail.c, files.c, sink.c ---- */
extern const wr_source_def wr_files_tail_def;
/* What tail cannot follow is refused. */
WR_MUST_CHECK weir_status wr_files_tail_check(files_source *source, const wr_options *given,
                                              const wr_opt *rows);
void wr_files_source_drop(wr_source *source);
extern const wr_source_def wr_files_source_def;
extern const wr_opt wr_files_sink_options[];
/* "file:///a" and "/a" are the same; blanks and '/' at the end go. */
wr_str wr_files_path(wr_str text);
/* The format by its name, else by the suffix of path; csv, json and parquet only. */
WR_MUST_CHECK weir_status wr_files_format(const wr_options *given, const wr_opt *rows, wr_str path,
                                          const wr_format **out);
/* Options that rows of the connector have and own has not, as options of the format. What neither
 * the connector itself nor the format knows is refused. */
WR_MUST_CHECK weir_status wr_files_format_options(const wr_options *given, const wr_opt *own,
                                                  const wr_opt *of_format, const char *format,
                                                  wr_arena *arena, wr_options *out);
WR_MUST_CHECK weir_status wr_files_sink(const wr_connect *connect, wr_target **out);
/* The sink of mode = 'append'. */
WR_MUST_CHECK weir_status wr_files_append(const wr_connect *connect, wr_target **out);

/* ---- token.c: what both kinds of sinks need ---- */
/* UNSUPPORTED if rows are taken back. */
WR_MUST_CHECK weir_status wr_files_only_new(const wr_delta *delta);
enum { WR_FILES_WORD_MAX = 64 };
/* A name of a query as part of a file's: what is no letter or digit becomes '_', and then a hash
 * tells apart what would be the same. */
wr_str wr_files_word(wr_str query, wr_arena *arena);
/* Is it "<8 hex>-<number>.<suffix>.part"? Another prefix or query may begin like ours. */
bool wr_files_is_part_number(wr_str text);
void wr_files_add_u64(wr_buf *token, uint64_t value);
void wr_files_add_text(wr_buf *token, wr_str text);
/* false: the token ends before. Names never lead out of the folder. */
bool wr_files_take_u64(wr_str *token, uint64_t *out);
bool wr_files_take_name(wr_str *token, wr_str *out);
