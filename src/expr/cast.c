/* cast.c - finds and runs conversions.
 *
 * Three ways: integers and decimals among each other go through loops that keep narrow widths;
 * nested types convert their children; everything else has a function for one value, run here over
 * the selected rows. A value that cannot be converted is an error that shows it, or NULL when the
 * cast is a TRY_CAST. Constants convert once. */
#include "expr/cast_rows.h"

static bool is_integral(const wr_type *t) { return wr_type_is_integer(t) || t->id == WR_T_DECIMAL; }

static wr_cast_row *find_row_cast(const wr_type *from, const wr_type *to)
{
    if (to->id == WR_T_VARCHAR || to->id == WR_T_JSON) return wr_cast_to_text(from, to);
    if (wr_type_is_text(from)) return wr_cast_from_text(to);
    wr_cast_row *fn = wr_cast_moment(from, to);
    return fn ? fn : wr_cast_scalar(from, to);
}

bool wr_cast_exists(const wr_type *from, const wr_type *to)
{
    if (from == to || from->id == WR_T_NULL) return true;
    if (to->id == WR_T_NULL) return false;
    if (is_integral(from) && is_integral(to)) return true;
    if (wr_cast_nested_exists(from, to)) return true;
    return find_row_cast(from, to) != NULL;
}

static bool begins_with_year(wr_str text)
{
    text = wr_str_trim(text);
    size_t digits = 0;
    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    return digits >= 4 && digits < text.length && text.data[digits] == '-';
}

/* How a moment is written, where the text has another form. */
static weir_status with_form(weir_status bad, wr_str text, const wr_type *to)
{
    if (begins_with_year(text)) return bad;
    switch (to->id) {
    case WR_T_DATE:
        return wr_with_hint(bad, "a date is written 2024-12-31; strptime(text, '%%d.%%m.%%Y') "
                                 "reads other forms");
    case WR_T_TIMESTAMP:
    case WR_T_TIMESTAMPTZ:
        return wr_with_hint(bad, "a time stamp is written 2024-12-31 18:30:00; strptime(text, "
                                 "'%%d.%%m.%%Y %%H:%%M') reads other forms");
    case WR_T_TIME:
        return wr_with_hint(bad, "a time is written 18:30:00");
    case WR_T_INTERVAL:
        return wr_with_hint(bad, "an interval is written 1 day 2 hours");
    default:
        return bad;
    }
}

weir_status wr_cast_failed(wr_cast_job *job, const wr_column *in, uint32_t row, wr_cast_result why)
{
    WR_BUF(shown);
    wr_column_print(in, row, &shown);
    job->bad_row = row;
    int length = (int)WR_MIN(shown.length, 80);
    const char *dots = shown.length > 80 ? "..." : "", *text = shown.data ? shown.data : "";
    const char *name = wr_type_name(job->to);
    bool is_time = wr_type_is_moment(job->to) || job->to->id == WR_T_INTERVAL;
    if (wr_type_is_text(in->type) && why == WR_CAST_MALFORMED)
        return with_form(wr_fail(is_time ? WR_E_BAD_DATETIME : WR_E_BAD_VALUE,
                                 "cannot read \"%.*s%s\" as %s", length, text, dots, name),
                         wr_buf_str(&shown), job->to);
    if (why == WR_CAST_MALFORMED)
        return wr_fail(WR_E_BAD_VALUE, "cannot convert %.*s%s to %s", length, text, dots, name);
    weir_status bad = wr_fail(is_time ? WR_E_DATETIME_OVERFLOW : WR_E_OUT_OF_RANGE,
                              "%.*s%s is out of range of %s", length, text, dots, name);
    return wr_type_is_text(in->type) ? with_form(bad, wr_buf_str(&shown), job->to) : bad;
}

weir_status wr_cast_each(wr_cast_job *job, wr_cast_row *fn, const wr_column *in, wr_column *out)
{
    wr_column flat;
    wr_column_flatten(in, job->sel, job->sel_count, job->arena, &flat);
    wr_column_init(out, job->arena, job->to, job->to->phys, in->rows);
    uint32_t count = job->sel ? job->sel_count : in->rows;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = job->sel ? job->sel[i] : i;
        wr_cast_result result = WR_CAST_DONE;
        bool is_null = flat.valid && !wr_bit_get(flat.valid, row);
        if (!is_null) result = fn(job, &flat, row, out);
        if (result != WR_CAST_DONE && !job->is_try) return wr_cast_failed(job, &flat, row, result);
        if (is_null || result != WR_CAST_DONE)
            wr_bit_clear(wr_column_need_valid(out, job->arena, in->rows), row);
    }
    return WR_OK;
}

/* The same bytes under another type: also through a dictionary. */
static void relabel(const wr_column *in, const wr_type *to, wr_arena *arena, wr_column *out)
{
    *out = *in;
    out->type = to;
    if (in->form != WR_DICTIONARY) return;
    wr_column *dict = wr_new(arena, wr_column);
    *dict = *in->dict;
    dict->type = to;
    out->dict = dict;
}

static weir_status convert(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    if (in->type->id == WR_T_JSON && job->to->id == WR_T_VARCHAR) {
        relabel(in, job->to, job->arena, out);
        return WR_OK;
    }
    if (is_integral(in->type) && is_integral(job->to)) return wr_cast_integers(job, in, out);
    if (wr_cast_to_double(job, in, out)) return WR_OK;
    if (wr_cast_nested_exists(in->type, job->to)) return wr_cast_nested(job, in, out);
    wr_cast_row *fn = find_row_cast(in->type, job->to);
    if (!fn)
        return wr_fail(WR_E_TYPE_MISMATCH, "cannot convert %s to %s", wr_type_name(in->type),
                       wr_type_name(job->to));
    return wr_cast_each(job, fn, in, out);
}

/* One row stands for all. */
static weir_status convert_constant(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    wr_cast_job one_job = *job;
    wr_column one = *in;
    one.form = WR_FLAT;
    one.rows = 1;
    one_job.sel = NULL;
    one_job.sel_count = 1;
    WR_TRY(convert(&one_job, &one, out));
    out->form = WR_CONSTANT;
    out->rows = in->rows;
    return WR_OK;
}

/* Values no row refers to may be bad: then the rows are converted one by one. */
static bool convert_dictionary(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    if (in->dict->rows > in->rows || in->dict->rows == 0) return false;
    wr_cast_job dict_job = *job;
    wr_column *dict = wr_new(job->arena, wr_column);
    dict_job.sel = NULL;
    dict_job.sel_count = in->dict->rows;
    weir_status bad = convert(&dict_job, in->dict, dict);
    if (bad) {
        wr_status_drop(bad);
        return false;
    }
    *out = *in;
    out->type = job->to;
    out->dict = dict;
    out->dict_id = 0;
    out->has_bounds = out->sorted = false;
    return true;
}

weir_status wr_cast_column(wr_cast_job *job, const wr_column *in, wr_column *out)
{
    if (in->type == job->to) {
        *out = *in;
        return WR_OK;
    }
    if (in->type->id == WR_T_NULL || (in->form == WR_CONSTANT && wr_column_is_null(in, 0))) {
        wr_value null = wr_value_null(job->to);
        wr_value_column(&null, in->rows, job->arena, out);
        return WR_OK;
    }
    if (in->form == WR_CONSTANT) return convert_constant(job, in, out);
    if (in->form == WR_DICTIONARY && convert_dictionary(job, in, out)) return WR_OK;
    return convert(job, in, out);
}

weir_status wr_cast_value(wr_arena *arena, const wr_env *env, const wr_value *in, const wr_type *to,
                          bool is_try, wr_value *out)
{
    WR_ARENA(scratch);
    wr_cast_job job = {.env = env, .to = to, .is_try = is_try, .sel_count = 1, .arena = &scratch};
    wr_column column, result;
    wr_value_column(in, 1, &scratch, &column);
    WR_TRY(wr_cast_column(&job, &column, &result));
    *out = wr_value_at(&result, 0, arena);
    return WR_OK;
}
