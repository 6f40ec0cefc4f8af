/* json.h - what the parts of the JSON format share.
 *
 *   scan.c   strict reading of one value: tokens, strings, numbers, skipping
 *   shape.c  records with the keys of the one before   infer.c  sample -> types
 *   build.c  values -> columns, nested too             read.c   the relation
 *   write.c  COPY TO */
#pragma once
#include "fmt/cell.h"
#include "fmt/text_source.h"

typedef enum wr_json_layout {
    WR_JSON_AUTO,
    WR_JSON_LINES,
    WR_JSON_ARRAY,
    WR_JSON_VALUES
} wr_json_layout;

/* ---- scan.c: a cursor over text that is followed by at least 64 readable bytes ---- */
typedef struct wr_json_text {
    const char *at, *end;
    const char *error; /* NULL, or what is wrong at at */
    int depth_max;
} wr_json_text;
void wr_json_skip_blanks(wr_json_text *t);
/* at stands on a quote. raw is what lies between the quotes. False: t->error. */
bool wr_json_take_string(wr_json_text *t, wr_str *raw, bool *has_escapes);
/* Undoes escapes into out (raw.length bytes of room). False: a lone surrogate. */
bool wr_json_unescape(wr_str raw, char *out, size_t *length);
/* A number by the grammar of JSON; is_integer: no point or exponent. */
bool wr_json_take_number(wr_json_text *t, wr_str *number, bool *is_integer);
/* Passes over any value, checking all of it. raw (may be NULL) is its text. */
bool wr_json_skip_value(wr_json_text *t, int depth, wr_str *raw);
bool wr_json_take_word(wr_json_text *t, const char *word);

/* ---- infer.c ---- */
typedef struct wr_json_guess wr_json_guess;
wr_json_guess *wr_json_guess_new(wr_arena *arena);
/* Learns from one value. False: t->error. */
bool wr_json_guess_value(wr_json_guess *guess, wr_json_text *t, int depth, wr_arena *arena);
const wr_type *wr_json_guess_type(const wr_json_guess *guess, wr_arena *arena);
/* True if all values were objects; fields are then in *out. */
bool wr_json_guess_is_object(const wr_json_guess *guess, wr_arena *arena, wr_field **out,
                             int *count);

/* ---- build.c ---- */
typedef struct wr_json_builder wr_json_builder;
struct wr_json_builder {
    const wr_type *type;
    wr_mem *mem;
    void *data;
    uint64_t *valid;
    size_t width;
    uint32_t rows, cap, valid_cap;
    bool has_nulls;
    wr_json_builder **children;
    int child_count, next_field; /* next_field: where the next key is expected */
    uint32_t *seen;              /* STRUCT: row + 1 in which the field was last set */
    wr_column *child_columns;
};
typedef struct wr_json_rules {
    wr_cell_rules cells;
    bool strict_keys; /* keys that were not in the sample are an error */
} wr_json_rules;
/* Makes a builder of columns of type; memory counted by mem. */
wr_json_builder *wr_json_builder_new(wr_mem *mem, const wr_type *type);
void wr_json_builder_drop(wr_json_builder *b);
void wr_json_builder_reset(wr_json_builder *b);
/* Cuts back to rows rows. */
void wr_json_builder_truncate(wr_json_builder *b, uint32_t rows);
uint32_t wr_json_builder_rows(const wr_json_builder *b);
typedef enum wr_json_fault {
    JSON_OK,
    JSON_SYNTAX,
    JSON_VALUE,
    JSON_KEY,
    JSON_SURROGATE,
    JSON_MEMORY
} wr_json_fault;
typedef struct wr_json_build {
    const wr_json_rules *rules;
    wr_json_text *text;
    wr_arena *arena; /* unescaped text */
    wr_str bad;      /* the value or key at fault */
    const wr_type *bad_type;
    wr_str path;        /* from the column at fault to the value: ".b[2]"; in arena */
    weir_status status; /* JSON_MEMORY */
} wr_json_build;
/* Reads the value at the cursor as the next row. */
wr_json_fault wr_json_build_value(wr_json_build *build, wr_json_builder *b, int depth);
wr_json_fault wr_json_build_null(wr_json_build *build, wr_json_builder *b);
/* The next row from what lies between the quotes of a text without escapes, or from a number whose
 * spelling is right; both in the chunk (16 bytes behind them can be read). */
wr_json_fault wr_json_build_simple_text(wr_json_build *build, wr_json_builder *b, wr_str raw);
wr_json_fault wr_json_build_number(wr_json_build *build, wr_json_builder *b, wr_str raw);
void wr_json_builder_column(wr_json_builder *b, wr_column *out);
bool wr_json_supports(const wr_type *type);

/* ---- shape.c ---- */
enum {
    JSON_PATTERN_MAX = 64,
    JSON_MEMBERS_MAX = 64,
    JSON_STRETCH_SIZE = 64,
    JSON_STRETCHES_MAX = 96
};
typedef struct wr_json_member {
    _Alignas(64) char pattern[JSON_PATTERN_MAX]; /* what stands before the value: , "key": */
    size_t size;
    uint64_t mask;            /* a bit for each of its bytes */
    const char *value;        /* in the last line that was watched */
    size_t value_size;        /* of the value in the line before */
    uint64_t layout;          /* of that value: two of the same layout are read alike */
    uint32_t changes;         /* how often that was another one */
    bool is_steady;           /* the next value will have the same size */
    wr_json_builder *builder; /* NULL: nobody asks for the value */
} wr_json_member;
typedef enum wr_json_then {
    JSON_THEN_ON,     /* the next stretch, or the line end */
    JSON_THEN_VALUE,  /* a value of any size */
    JSON_THEN_TEXT,   /* the stretch ends with a text that is asked for */
    JSON_THEN_NUMBER, /* the same of a number */
} wr_json_then;
/* Bytes of a line that always lie alike: patterns and the values of fixed size between them. Byte k
 * is right if it is low[k] or at most span[k] more, modulo 256; bytes from size on always are. */
typedef struct wr_json_stretch {
    _Alignas(64) uint8_t low[JSON_STRETCH_SIZE], span[JSON_STRETCH_SIZE];
    uint64_t text; /* a bit for each byte inside a text */
    size_t size;
    wr_json_then then;
    uint32_t back, length;  /* of the text or number: it begins back before the end */
    wr_json_member *member; /* whose value that is */
} wr_json_stretch;
typedef struct wr_json_shape {
    wr_json_member members[JSON_MEMBERS_MAX], tail;
    wr_json_stretch stretches[JSON_STRETCHES_MAX];
    int count;         /* of members; -1: cannot be remembered */
    int stretch_count; /* 0: members are compared one by one */
    int settled;       /* how many more batches are taken without watching sizes anew */
    bool is_known;
    bool is_plain; /* of the chunk: no backslash, no control byte but line ends */
} wr_json_shape;
/* A shape is learned member by member while a record is read: the text between the end of the value
 * before and the value, at last what closes the record. */
void wr_json_shape_begin(wr_json_shape *shape);
void wr_json_shape_add(wr_json_shape *shape, wr_str between, wr_json_builder *builder);
void wr_json_shape_end(wr_json_shape *shape, wr_str tail);
/* Whether lines of this shape have a value for builder. */
bool wr_json_shape_has(const wr_json_shape *shape, const wr_json_builder *builder);
/* Takes lines from the cursor on, at most most of them, as long as they have this (known) shape,
 * and adds a row to each of its builders per line. ends: where the lines end in data. Returns how
 * many were taken; the cursor stands behind them. Some builders may have a row more, of the line
 * that was not taken because it has another shape or something is wrong in it. */
uint32_t wr_json_shape_take(wr_json_shape *shape, wr_json_build *build, const char *data,
                            const uint32_t *ends, uint32_t most);

/* ---- read.c, bind.c ---- */
typedef struct wr_json_relation {
    wr_relation base;
    wr_arena arena;
    wr_fs *fs;
    wr_mem *mem;
    wr_rejects *rejects;
    wr_str path;
    wr_json_layout layout;
    bool as_objects, types_guessed;
    bool is_sampled;     /* a chunk is a small part of the file */
    uint64_t plain_size; /* 0: compressed, recoded or a pipe */
    int fields, depth_max;
    uint64_t record_size_max, buffer_size, sample_rows;
    int64_t sample_size;
    wr_text_coding coding;
    wr_json_rules rules;
} wr_json_relation;
extern const wr_relation_def wr_json_relation_def;

extern const wr_opt wr_json_read_options[];
extern const wr_opt wr_json_write_options[];
/* The error ROW_VALUE about a text from the begin of a file that is no JSON at at, which it shows.
 * Any thread. */
WR_MUST_CHECK weir_status wr_json_fail_syntax(wr_str path, wr_str text, const char *at,
                                              const char *error);
/* The slots of wr_format with these names (spi/format.h says what is asked of them). */
WR_MUST_CHECK weir_status wr_json_probe(wr_format_context *context, wr_str path, wr_str head,
                                        bool head_is_all, wr_arena *arena, wr_probe *out);
WR_MUST_CHECK weir_status wr_json_bind(wr_format_context *context, wr_str path,
                                       const wr_options *options, wr_relation **out);
WR_MUST_CHECK weir_status wr_json_writer_new(wr_format_context *context, wr_file *file,
                                             const wr_schema *schema, const wr_options *options,
                                             wr_writer **out);
