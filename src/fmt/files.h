/* files.h - many files as one relation, probing, and writing files safely: what binder, session and
 * COPY call.
 *
 * A format (spi/format.h) knows one file. Here are globs and lists, hive partitions (folders k=v
 * become columns and are pruned by filters), union by name, the pseudo-columns filename and
 * file_row_number, the choice of a format for a path, and the discipline of output: temporary name,
 * sync, atomic rename, nothing left behind after an error. */
#pragma once
#include "spi/format.h"

/* NULL if there is no such format. Case-insensitive; "ndjson" and "jsonl" are json, "line" and
 * "text" are lines. */
const wr_format *wr_format_find(wr_str name);
/* By the extension of a path, compression suffix (.gz .zst .lz4) stripped; NULL if none claims it.
 */
const wr_format *wr_format_of_path(wr_str path);

/* Options of every reading function besides those of its format; ended by a zero row:
 * filename (BOOL or name), file_row_number, union_by_name, hive_partitioning, hive_types, rejects.
 */
extern const wr_opt wr_files_read_options[];
/* Options of every COPY TO besides those of its format: partition_by, write_partition_columns,
 * filename_pattern, file_size_bytes, file_rows, overwrite, overwrite_or_ignore, append,
 * return_files, file_extension, use_tmp_file, sync. */
extern const wr_opt wr_files_write_options[];

/* Binds files as one relation. patterns are paths or globs (a folder means every file below it that
 * its format claims); format NULL = probe the first file. options are those of the format and
 * wr_files_read_options together; unknown ones fail with UNKNOWN_OPTION naming the nearest. All
 * files must have the same columns (or union_by_name): else FILE_SCHEMA naming both files. Nothing
 * matches: FILE_NOT_FOUND. The option rejects needs context->rejects. Everything given is copied;
 * context->fs, mem, cancel and rejects must outlive the relation, context itself need not. The
 * relation is released with wr_relation_release. */
WR_MUST_CHECK weir_status wr_files_bind(wr_format_context *context, const wr_str *patterns,
                                        int pattern_count, const wr_format *format,
                                        const wr_options *options, wr_relation **out);

/* Is it one of wr_files_bind? */
bool wr_relation_is_files(const wr_relation *relation);
/* What its patterns mean now, as a number: another one when files came, went or were written.
 * Fails when they mean nothing any more. */
WR_MUST_CHECK weir_status wr_files_stamp(const wr_relation *files, uint64_t *out);
/* The stamp of the files that it was bound to. */
uint64_t wr_files_bound_stamp(const wr_relation *files);
/* Binds the same patterns with the same options once more; the context of the first time must still
 * be there. */
WR_MUST_CHECK weir_status wr_files_bind_again(const wr_relation *files, wr_relation **out);

typedef struct wr_probe_candidate {
    const wr_format *format;
    double score; /* 0...1 */
    wr_str reason;
} wr_probe_candidate;
typedef struct wr_files_probe_result {
    const wr_format *format; /* the chosen one */
    wr_str kind;             /* "csv", "json_lines", "json_array", "lines", "parquet"... */
    wr_probe probe;          /* of the chosen format: options, schema, reason, warnings */
    double score;
    const char *confidence; /* "high", "medium" or "low": by score and the distance to the second */
    wr_probe_candidate *candidates; /* best first; the chosen one is the first */
    int candidate_count;
    wr_str compression; /* "none", "gzip", "zstd", "lz4" */
    wr_str table_name;  /* a name to suggest: "orders" for x/orders.csv.gz */
    wr_str path;        /* the file looked at: the first one of a glob */
    int file_count;     /* files the pattern matches */
} wr_files_probe_result;
/* Looks at the first file a pattern matches. format NULL: all formats compete. Fails with
 * FILE_NOT_FOUND, or FILE_FORMAT when nothing fits. Text lives in arena. */
WR_MUST_CHECK weir_status wr_files_probe(wr_format_context *context, wr_str pattern,
                                         const wr_format *format, const wr_options *options,
                                         wr_arena *arena, wr_files_probe_result *out);

typedef struct wr_written_file {
    wr_str path;
    uint64_t rows, bytes;
    wr_str partition; /* "k=v/l=w" or "" */
} wr_written_file;
typedef struct wr_written {
    wr_written_file *files;
    int count;
    uint64_t rows;
    bool return_files; /* the option: COPY answers with the list instead of the count */
} wr_written;

typedef struct wr_files_writer wr_files_writer;
/* Begins COPY ... TO path. format NULL = by the extension, else csv. With partition_by or
 * file_size_bytes path is a folder. An existing file is replaced when all is complete (never
 * before); a folder that is not empty needs one of the options overwrite, overwrite_or_ignore,
 * append, else FILE_EXISTS. options: the format's write options and wr_files_write_options.
 * "/dev/stdout" and other pipes are written directly. Everything given is copied. */
WR_MUST_CHECK weir_status wr_files_writer_new(wr_format_context *context, wr_str path,
                                              const wr_format *format, const wr_schema *schema,
                                              const wr_options *options, wr_files_writer **out);
/* Any thread, one at a time; keeps nothing of the batch. */
WR_MUST_CHECK weir_status wr_files_writer_write(wr_files_writer *writer, const wr_batch *batch);
/* Finishes, syncs and renames everything into place. After a failure nothing of this writer is
 * visible (files that replaced older ones are all renamed last). out (may be NULL) lives as long as
 * the writer. */
WR_MUST_CHECK weir_status wr_files_writer_finish(wr_files_writer *writer, wr_written *out);
void wr_files_writer_drop(wr_files_writer *writer); /* without finish: removes what was begun */
WR_DEFINE_CLEANUP(wr_files_writer, wr_files_writer_drop)
