/* value.h - one SQL value outside of a column: constants, parameters, statistics, settings. */
#pragma once
#include "col/batch.h"

/* The value lives in a one-row FLAT column; is_null is repeated for convenience. Immutable; memory
 * belongs to whoever made it (normally a statement arena). */
typedef struct wr_value {
    const wr_type *type;
    bool is_null;
    union {
        bool boolean;
        int64_t i64;  /* every int-like type up to 64 bits, ENUM code */
        uint64_t u64; /* UBIGINT */
        wr_i128 i128; /* HUGEINT, UUID, DECIMAL of more than 18 digits */
        double f64;   /* DOUBLE and REAL */
        wr_interval interval;
        wr_str text;             /* VARCHAR, JSON, BLOB */
        const wr_column *nested; /* LIST, ARRAY, STRUCT, MAP: row 0 of a one-row column */
    };
} wr_value;

/* Values made of what they hold; they own nothing. */
wr_value wr_value_null(const wr_type *type);
wr_value wr_value_int(const wr_type *type, int64_t v); /* any int-like type of at most 64 bits */
wr_value wr_value_i128(const wr_type *type,
                       wr_i128 v); /* any int-like type, stored as its width demands */
wr_value wr_value_bool(bool v);
wr_value wr_value_f64(double v);
wr_value wr_value_text(wr_str v); /* borrows */
/* Any int-like value widened (DECIMAL unscaled). */
wr_i128 wr_value_as_i128(const wr_value *v);
double wr_value_as_f64(const wr_value *v); /* any numeric type, scaled */
wr_value wr_value_at(const wr_column *c, uint32_t i, wr_arena *arena); /* deep copy */
/* A CONSTANT column of rows rows; int-like values use the narrowest width and have bounds. */
void wr_value_column(const wr_value *v, uint32_t rows, wr_arena *arena, wr_column *out);
bool wr_value_eq(const wr_value *a,
                 const wr_value *b); /* same type and same value; NULL equals NULL */
bool wr_value_same(
    const wr_value *a,
    const wr_value *b); /* equal and not to be told apart: 1 day is not 24 hours, -0.0 not 0.0 */
int wr_value_cmp(const wr_value *a, const wr_value *b); /* same type */
void wr_value_print(const wr_value *v, wr_buf *out);    /* as wr_column_print */
void wr_value_print_sql(const wr_value *v,
                        wr_buf *out); /* as a SQL literal: 'it''s', DATE '2020-01-01', NULL */
wr_value wr_value_copy(const wr_value *v, wr_arena *arena);
