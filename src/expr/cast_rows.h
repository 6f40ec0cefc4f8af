/* cast_rows.h - conversions of one value, and who finds them. Internal to the cast files. */
#pragma once
#include "expr/cast.h"

typedef enum wr_cast_result { WR_CAST_DONE, WR_CAST_MALFORMED, WR_CAST_RANGE } wr_cast_result;

/* Converts row of in (FLAT at its type's width, not NULL) into the same row of out. */
typedef wr_cast_result wr_cast_row(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out);

/* NULL when the family has no such conversion. */
wr_cast_row *wr_cast_from_text(const wr_type *to);
wr_cast_row *wr_cast_to_text(const wr_type *from, const wr_type *to);
wr_cast_row *wr_cast_moment(const wr_type *from, const wr_type *to);
wr_cast_row *wr_cast_scalar(const wr_type *from,
                            const wr_type *to); /* boolean, float, enum, blob */

/* The range of a type's integers. */
void wr_cast_limits(const wr_type *t, wr_i128 *lo, wr_i128 *hi);
/* Integers and decimals among each other, any form; a row out of range is an error. */
WR_MUST_CHECK weir_status wr_cast_integers(wr_cast_job *job, const wr_column *in, wr_column *out);
bool wr_cast_to_double(const wr_cast_job *job, const wr_column *in, wr_column *out);
/* Runs fn for all selected rows; in of any form. */
WR_MUST_CHECK weir_status wr_cast_each(wr_cast_job *job, wr_cast_row *fn, const wr_column *in,
                                       wr_column *out);
/* The error for a row that cannot be converted. */
weir_status wr_cast_failed(wr_cast_job *job, const wr_column *in, uint32_t row, wr_cast_result why);
/* Lists, arrays, structs, maps and texts read as these. */
WR_MUST_CHECK weir_status wr_cast_nested(wr_cast_job *job, const wr_column *in, wr_column *out);
bool wr_cast_nested_exists(const wr_type *from, const wr_type *to);
bool wr_json_is_valid(wr_str text);
