/* option.h - options as rows: one array parses, checks, documents and completes the options of a
 * format, a connector or a table function. */
#pragma once
#include "col/value.h"

typedef enum wr_opt_kind {
    WR_OPT_TEXT,
    WR_OPT_CHAR, /* one byte, or '' for none; '\t' and 'tab' are understood */
    WR_OPT_INT,
    WR_OPT_BOOL,
    WR_OPT_DOUBLE,
    WR_OPT_SIZE, /* bytes: 128MB, 1GiB or a number */
    WR_OPT_SECRET,
    WR_OPT_ANY, /* kept as value: structs, lists */
} wr_opt_kind;

typedef struct wr_opt {
    /* aliases after '|': "delimiter|delim|sep"; "properties.*" is every name that begins so. The
     * first row that has a name counts. */
    const char *name;
    wr_opt_kind kind;
    const char *fallback; /* default in the text form a user would write; NULL = unset */
    const char *help;
} wr_opt;

/* One option as given by the user. */
typedef struct wr_given {
    wr_str name;
    wr_value value;
    wr_span span; /* of the name, span.length 0 if unknown */
    wr_span value_span;
} wr_given;

typedef struct wr_options {
    wr_given *items;
    int count;
} wr_options;

/* Fails with UNKNOWN_OPTION (nearest name, span) for an option not in rows (ended by a zero row);
 * names is what has the options: "read_csv". */
WR_MUST_CHECK weir_status wr_options_check(const wr_options *given, const wr_opt *rows,
                                           const char *names);
/* Typed access with the default of the row; PARAMETER_VALUE with the span when the value does not
 * fit. The text is borrowed from given or static. *is_set (may be NULL) tells whether the user gave
 * it. */
WR_MUST_CHECK weir_status wr_option_text(const wr_options *given, const wr_opt *rows,
                                         const char *name, wr_str *out, bool *is_set);
WR_MUST_CHECK weir_status wr_option_char(const wr_options *given, const wr_opt *rows,
                                         const char *name, int *out, bool *is_set); /* -1 = none */
WR_MUST_CHECK weir_status wr_option_int(const wr_options *given, const wr_opt *rows,
                                        const char *name, int64_t *out, bool *is_set);
WR_MUST_CHECK weir_status wr_option_bool(const wr_options *given, const wr_opt *rows,
                                         const char *name, bool *out, bool *is_set);
WR_MUST_CHECK weir_status wr_option_size(const wr_options *given, const wr_opt *rows,
                                         const char *name, uint64_t *out, bool *is_set);
const wr_given *wr_option_find(const wr_options *given, const wr_opt *rows,
                               const char *name); /* NULL = not given */
