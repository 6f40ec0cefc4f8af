/* format.h - what a file format implements: probing, binding one file as a relation, and writing.
 *
 * A format sees one file at a time. fmt/files.c puts many files together (globs, hive partitions,
 * union by name, filename column) and is what the rest of the engine calls. */
#pragma once
#include "spi/relation.h"

struct wr_file_cache;
typedef struct wr_format_context wr_format_context;
struct wr_format_context {
    wr_fs *fs;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_rejects *rejects; /* NULL: a bad row is an error */
    /* Opens the table that the option rejects => 'name' speaks of; NULL: the option is not
     * available. Lives as long as the statement. */
    weir_status (*rejects_open)(wr_format_context *context, wr_str name, wr_rejects **out);
    void *owner; /* of whoever made the context, for rejects_open */
    int thread_count;
    struct wr_file_cache *cache; /* of decoded columns (fmt/file_cache.h); NULL: none */
    /* A new reference to a sink of the host program (host_sink.h), NULL if there is none of the
     * name. NULL: there are none at all. Any thread. */
    struct wr_host_sink *(*host_sink)(void *host, wr_str name);
    struct wr_host_feed *(*host_feed)(void *host, wr_str name); /* likewise a source */
    void *host;
};

/* What probing found; filled by wr_format.probe and shown by probe() and DESCRIBE. Text lives in
 * the arena. */
typedef struct wr_probe {
    double score;       /* 0 = certainly not, 1 = certain */
    wr_str reason;      /* "4 magic bytes", "98 of 100 lines have 7 fields with ','" */
    wr_options options; /* the options chosen, to be given to bind for the same reading */
    wr_schema schema;
    wr_str warnings; /* "" or lines */
} wr_probe;

typedef struct wr_writer wr_writer;
typedef struct wr_writer_def {
    /* Batches come one at a time, any thread. write keeps nothing of the batch. */
    weir_status (*write)(wr_writer *writer, const wr_batch *batch);
    weir_status (*finish)(
        wr_writer *writer); /* everything is in the file; does not sync or rename */
    uint64_t (*bytes)(const wr_writer *writer); /* written so far, estimated */
    void (*drop)(wr_writer *writer);            /* also after a failure; does not remove the file */
} wr_writer_def;
struct wr_writer {
    const wr_writer_def *def;
};

typedef struct wr_format {
    const char *name;       /* "csv" */
    const char *extensions; /* "csv|tsv|psv"; compression suffixes (.gz .zst) are stripped before
                               matching */
    const char *help;
    const wr_opt *read_options;  /* ended by a zero row */
    const wr_opt *write_options; /* NULL: cannot write */
    /* head: up to the first 64 KiB, decompressed when the format is text and the file is
     * compressed. */
    weir_status (*probe)(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                         wr_arena *arena, wr_probe *out);
    weir_status (*bind)(wr_format_context *context, wr_str path, const wr_options *options,
                        wr_relation **out);
    weir_status (*writer_new)(wr_format_context *context, wr_file *file, const wr_schema *schema,
                              const wr_options *options, wr_writer **out);
} wr_format;

/* All formats, generated from the file names in src/fmt; ended by NULL. */
extern const wr_format *const wr_formats[];
