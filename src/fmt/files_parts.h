/* files_parts.h - shared by files.c (scan), files_bind.c, files_probe.c and files_write.c. */
#pragma once
#include "fmt/files.h"
#include "fmt/text_source.h"

/* One file of a multi-file relation. Arrays are by column of the whole schema. */
typedef struct wr_file_entry {
    wr_str path;
    wr_relation *rel;
    int *source;         /* column of the file; -1: constants has the value */
    wr_value *constants; /* partition value, path, or NULL for a column the file lacks */
    bool casts;          /* some column has another type than in the whole */
} wr_file_entry;

typedef struct wr_files {
    wr_relation base;
    wr_arena arena;
    wr_file_entry *entries;
    int count;
    uint64_t bytes_total;
    /* As they were given, to bind again. */
    wr_format_context context;
    const wr_str *patterns;
    int pattern_count;
    const wr_format *format;
    wr_options options;
    uint64_t stamp; /* before the first file was opened */
} wr_files;
extern const wr_relation_def wr_files_relation_def;

/* True if a column of type from can be shown as type to by wr_files_adapt. */
bool wr_files_can_adapt(const wr_type *from, const wr_type *to);
void wr_files_adapt(wr_column *column, const wr_type *to, wr_arena *arena);

/* Reads text as a constant of a type without nested parts; slot is 16 bytes of room. False: it does
 * not fit. */
bool wr_files_read_constant(const wr_type *type, wr_str text, void *slot, wr_arena *arena,
                            wr_value *out);

/* The files that patterns mean, sorted. */
WR_MUST_CHECK weir_status wr_files_expand(wr_fs *fs, const wr_str *patterns, int count,
                                          const wr_format *format, wr_arena *arena,
                                          wr_path_list *out);
/* The format of one file: by extension, else by content. */
WR_MUST_CHECK weir_status wr_files_choose(wr_format_context *context, wr_str path,
                                          const wr_format **out);
/* Calls fn for each folder k=v of a path, decoded. The value of the default partition (NULL) has no
 * address. */
typedef void wr_hive_fn(void *arg, wr_str key, wr_str value);
void wr_hive_each(wr_str path, wr_arena *arena, wr_hive_fn *fn, void *arg);
#define WR_HIVE_NULL "__HIVE_DEFAULT_PARTITION__"
/* rows of format and more, one after the other, ended by a zero row. */
wr_opt *wr_opt_join(wr_arena *arena, const wr_opt *a, const wr_opt *b);
/* The items of given that rows know. */
wr_options wr_options_known(wr_arena *arena, const wr_options *given, const wr_opt *rows);
