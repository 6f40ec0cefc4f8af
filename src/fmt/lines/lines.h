/* lines.h - any text, one row per line: as it is, split at a delimiter, or taken apart by a regular
 * expression.
 *
 * mode => 'lines'  one column "line".
 * mode => 'split'  mappings 'name:index,...' pick fields, counted from 0.
 * mode => 'regex'  the whole line must match; mappings pick groups, 0 is the whole match. Named
 * groups need no mappings. A line that does not match, or has too few fields, is an error, goes to
 * the rejects, or is left out, which is
 * told in the log, if unmatched => 'skip' says so and there are no rejects. */
#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include "fmt/cell.h"
#include "fmt/text_source.h"
#include <pcre2.h>

typedef enum wr_lines_mode { WR_BY_LINE, WR_BY_SPLIT, WR_BY_REGEX } wr_lines_mode;

typedef struct wr_lines wr_lines;
struct wr_lines {
    wr_relation base;
    wr_arena arena;
    wr_fs *fs;
    wr_mem *mem;
    wr_rejects *rejects;
    wr_str path, delimiter;
    wr_lines_mode mode;
    bool skip_empty, skip_unmatched;
    int fields;
    int *source; /* per column: field or group */
    pcre2_code *regex;
    uint64_t line_size_max, buffer_size;
    wr_text_coding coding;
    wr_cell_rules rules;
    const wr_type *text_type; /* VARCHAR */
};

extern const wr_opt wr_lines_read_options[];
extern const wr_relation_def wr_lines_relation_def;
/* The slot of wr_format. */
WR_MUST_CHECK weir_status wr_lines_bind(wr_format_context *context, wr_str path,
                                        const wr_options *options, wr_relation **out);
/* False: the line has no fields. Else match has its groups (NULL unless mode is regex), or *why
 * says why that cannot be told. Any thread, each with its own match. */
bool wr_lines_match(const wr_lines *rel, wr_str line, pcre2_match_data *match, const char **why);
/* The text of a field or group of a line that has matched; false: the line does not have it. *out
 * without data is NULL. */
bool wr_lines_text(const wr_lines *rel, wr_str line, const pcre2_match_data *match, int source,
                   wr_str *out);
