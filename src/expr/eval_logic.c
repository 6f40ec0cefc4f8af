/* eval_logic.c - AND, OR, CASE, and selecting the rows where something is true.
 *
 * All of these look at later operands only for the rows still undecided; each operand gets a scope
 * of its own because it sees fewer rows than the expression around it. A scope's results do not
 * survive it, so CASE moves every branch into its result before the next one is computed. */
#include "expr/program.h"

/* ---- truth ---- */

static void select_true(const wr_column *c, wr_rows rows, uint16_t *out, uint32_t *count)
{
    uint32_t n = 0;
    if (c->form == WR_FLAT && !c->valid) {
        const uint8_t *truth = c->data;
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            out[n] = (uint16_t)row;
            n += truth[row] & 1;
        }
    } else if (c->form == WR_FLAT && c->type->id != WR_T_NULL) {
        const uint8_t *truth = c->data;
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            out[n] = (uint16_t)row;
            n += truth[row] & wr_bit_get(c->valid, row);
        }
    } else if (c->form == WR_CONSTANT) {
        bool is_true = !wr_column_is_null(c, 0) && *(const uint8_t *)c->data;
        for (uint32_t i = 0; is_true && i < rows.count; i++)
            out[n++] = (uint16_t)wr_rows_at(rows, i);
    } else {
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            if (!wr_column_is_null(c, row) && wr_column_int(c, row)) out[n++] = (uint16_t)row;
        }
    }
    *count = n;
}

static weir_status select_and(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    const wr_step *s = &ev->program->steps[step];
    uint16_t kept[WR_BATCH_ROWS];
    WR_TRY(wr_eval_select(ev, s->args[0], rows, out, count));
    for (int i = 1; i<s->arg_count && * count> 0; i++) {
        wr_eval_enter(ev);
        WR_TRY(wr_eval_select(ev, s->args[i], (wr_rows){out, *count}, kept, count));
        wr_eval_leave(ev);
        memcpy(out, kept, sizeof *kept * *count);
    }
    return WR_OK;
}

/* a minus the ascending subset b, in place. */
static uint32_t subtract(uint16_t *a, uint32_t count, const uint16_t *b, uint32_t b_count)
{
    uint32_t n = 0, k = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (k < b_count && b[k] == a[i])
            k++;
        else
            a[n++] = a[i];
    }
    return n;
}

static weir_status select_or(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    const wr_step *s = &ev->program->steps[step];
    uint16_t open[WR_BATCH_ROWS];
    uint64_t hits[WR_BATCH_WORDS] = {0};
    uint32_t open_count = rows.count, found;
    for (uint32_t i = 0; i < rows.count; i++)
        open[i] = (uint16_t)wr_rows_at(rows, i);
    for (int i = 0; i < s->arg_count && open_count > 0; i++) {
        wr_eval_enter(ev);
        WR_TRY(wr_eval_select(ev, s->args[i], (wr_rows){open, open_count}, out, &found));
        wr_eval_leave(ev);
        for (uint32_t k = 0; k < found; k++)
            wr_bit_set(hits, out[k]);
        open_count = subtract(open, open_count, out, found);
    }
    uint32_t n = 0;
    for (uint32_t w = 0; w < WR_BATCH_WORDS; w++)
        for (uint64_t bits = hits[w]; bits; bits &= bits - 1)
            out[n++] = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(bits));
    *count = n;
    return WR_OK;
}

weir_status wr_eval_select(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    const wr_step *s = &ev->program->steps[step];
    if (!s->is_const) {
        if (s->expr->kind == WR_X_AND) return select_and(ev, step, rows, out, count);
        if (s->expr->kind == WR_X_OR) return select_or(ev, step, rows, out, count);
        if (s->expr->kind == WR_X_COMPARE) return wr_select_compare(ev, step, rows, out, count);
        if (s->expr->kind == WR_X_IN) return wr_select_in(ev, step, rows, out, count);
    }
    const wr_column *truth;
    WR_TRY(wr_eval_step(ev, step, rows, &truth));
    select_true(truth, rows, out, count);
    return WR_OK;
}

/* ---- AND and OR as values ---- */

weir_status wr_eval_junction(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    bool is_and = s->expr->kind == WR_X_AND;
    uint16_t open[WR_BATCH_ROWS];
    uint8_t truth[WR_BATCH_ROWS];
    uint64_t valid[WR_BATCH_WORDS];
    uint32_t open_count = rows.count;
    bool any_null = false;
    memset(valid, 0xff, sizeof valid);
    for (uint32_t i = 0; i < rows.count; i++) {
        open[i] = (uint16_t)wr_rows_at(rows, i);
        truth[open[i]] = is_and;
    }
    for (int i = 0; i < s->arg_count && open_count > 0; i++) {
        const wr_column *arg;
        wr_eval_enter(ev);
        WR_TRY(wr_eval_step(ev, s->args[i], (wr_rows){open, open_count}, &arg));
        wr_eval_leave(ev);
        uint32_t n = 0;
        for (uint32_t k = 0; k < open_count; k++) {
            uint16_t row = open[k];
            bool is_null = wr_column_is_null(arg, row);
            if (is_null) {
                wr_bit_clear(valid, row);
                any_null = true;
            } else if ((wr_column_int(arg, row) != 0) != is_and) {
                truth[row] = !is_and;
                wr_bit_set(valid, row);
                continue;
            }
            open[n++] = row;
        }
        open_count = n;
    }
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    memcpy(out->data, truth, ev->batch->rows);
    if (any_null) memcpy(wr_eval_valid(ev, step), valid, WR_BATCH_WORDS * 8);
    return WR_OK;
}

/* ---- CASE ---- */

/* Collects the branches of a CASE. Integers are kept as narrow as all branches so far allow. */
typedef struct merge {
    wr_eval *ev;
    int step;
    wr_column *out;
    bool has_nulls;
    /* nested types: the branches stay apart until the end */
    wr_column *parts;
    uint32_t *which, *part_row;
    uint32_t part_count;
} merge;

#define SCATTER(T)                              \
    for (uint32_t i = 0; i < rows.count; i++) { \
        uint32_t row = wr_rows_at(rows, i);     \
        ((T *)out->data)[row] = (T)values[row]; \
    }

static void scatter_ints(wr_column *out, wr_rows rows, const int64_t *values)
{
    switch (out->phys) {
    case WR_P_I8:
        SCATTER(int8_t) break;
    case WR_P_I16:
        SCATTER(int16_t) break;
    case WR_P_I32:
        SCATTER(int32_t) break;
    case WR_P_I64:
        SCATTER(int64_t) break;
    case WR_P_I128:
        SCATTER(wr_i128) break;
    case WR_P_U8:
        SCATTER(uint8_t) break;
    case WR_P_U16:
        SCATTER(uint16_t) break;
    case WR_P_U32:
        SCATTER(uint32_t) break;
    default:
        SCATTER(uint64_t)
    }
}
#undef SCATTER

/* Widens what has been merged so far to phys, in place. */
static void widen_merged(wr_column *out, wr_phys phys)
{
    wr_column narrow = *out;
    int64_t values[WR_BATCH_ROWS];
    wr_column_flat_i64(&narrow, NULL, out->rows, values);
    out->phys = (uint8_t)phys;
    scatter_ints(out, (wr_rows){NULL, out->rows}, values);
}

/* The range of a column's values: its bounds, or what its width says. False if wider than 64 bits.
 */
static bool column_range(const wr_column *c, int64_t *lo, int64_t *hi)
{
    *lo = c->lo, *hi = c->hi;
    if (c->has_bounds) return true;
    const wr_column *flat = c->form == WR_DICTIONARY ? c->dict : c;
    *lo = flat->lo, *hi = flat->hi;
    if (flat->has_bounds) return true;
    if (flat->phys == WR_P_I128 || flat->phys == WR_P_U64) return false;
    return !__builtin_add_overflow(wr_phys_int_min(flat->phys), flat->base, lo) &&
           !__builtin_add_overflow(wr_phys_int_max(flat->phys), flat->base, hi);
}

static void merge_ints(merge *m, const wr_column *in, wr_rows rows)
{
    wr_column *out = m->out;
    int64_t lo, hi;
    if (!column_range(in, &lo, &hi)) {
        wr_column flat;
        if (out->phys != out->type->phys) widen_merged(out, out->type->phys);
        out->has_bounds = false;
        wr_column_flatten(in, rows.sel, rows.count, &m->ev->arena, &flat);
        size_t size = wr_phys_size(out->phys);
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            memcpy((char *)out->data + row * size, (char *)flat.data + row * size, size);
        }
        return;
    }
    wr_phys needed = wr_phys_for_range(lo, hi);
    if (wr_phys_size(needed) > wr_phys_size(out->phys))
        widen_merged(out, wr_phys_size(needed) < wr_phys_size(out->type->phys) ? needed
                                                                               : out->type->phys);
    if (out->has_bounds) {
        out->lo = WR_MIN(out->lo, lo);
        out->hi = WR_MAX(out->hi, hi);
    }
    int64_t values[WR_BATCH_ROWS];
    if (in->form == WR_FLAT) {
        wr_column_flat_i64(in, rows.sel, rows.count, values);
    } else {
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            values[row] = wr_column_int(in, row);
        }
    }
    scatter_ints(out, rows, values);
}

static void merge_part(merge *m, const wr_column *in, wr_rows rows)
{
    wr_column_gather(in, rows.sel, rows.count, &m->ev->arena, &m->parts[m->part_count]);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        m->which[row] = m->part_count;
        m->part_row[row] = i;
    }
    m->part_count++;
}

static void merge_branch(merge *m, const wr_column *in, wr_rows rows)
{
    if (m->parts) {
        merge_part(m, in, rows);
        return;
    }
    if (!wr_column_has_no_nulls(in)) {
        uint64_t *valid = wr_eval_valid(m->ev, m->step);
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = wr_rows_at(rows, i);
            if (wr_column_is_null(in, row)) wr_bit_clear(valid, row);
        }
        if (in->form == WR_CONSTANT) return; /* nothing but NULL */
    }
    if (wr_type_is_int_like(m->out->type)) {
        merge_ints(m, in, rows);
        return;
    }
    wr_column flat;
    wr_column_flatten(in, rows.sel, rows.count, &m->ev->arena, &flat);
    size_t size = wr_phys_size(m->out->phys);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        memcpy((char *)m->out->data + row * size, (char *)flat.data + row * size, size);
    }
}

/* part_max: how often merge_branch will be called at most. */
static void begin_merge(merge *m, wr_eval *ev, int step, uint32_t part_max)
{
    const wr_type *type = ev->program->steps[step].expr->type;
    *m = (merge){.ev = ev, .step = step};
    bool is_int = wr_type_is_int_like(type);
    m->out = wr_eval_result(ev, step, is_int ? WR_P_I8 : type->phys);
    if (is_int) {
        m->out->has_bounds = true;
        m->out->lo = INT64_MAX, m->out->hi = INT64_MIN;
        memset(m->out->data, 0, m->out->rows);
    } else if (!wr_type_is_nested(type)) {
        memset(m->out->data, 0, wr_phys_size(type->phys) * m->out->rows);
    } else {
        m->parts = wr_new_array(&ev->arena, wr_column, part_max);
        m->which = wr_new_array(&ev->arena, uint32_t, ev->batch->rows);
        m->part_row = wr_new_array(&ev->arena, uint32_t, ev->batch->rows);
        memset(m->which, 0xff, sizeof *m->which * ev->batch->rows);
    }
}

static void end_merge(merge *m)
{
    if (m->parts) {
        const wr_column **sources =
            wr_new_array(&m->ev->arena, const wr_column *, m->part_count + 1);
        for (uint32_t i = 0; i < m->part_count; i++)
            sources[i] = &m->parts[i];
        wr_column_stitch(m->out->type, sources, m->part_count, m->which, m->part_row,
                         m->ev->batch->rows, &m->ev->arena, m->out);
        return;
    }
    if (m->out->has_bounds && m->out->lo > m->out->hi) m->out->lo = m->out->hi = 0;
}

weir_status wr_eval_case(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    uint16_t open[WR_BATCH_ROWS], hits[WR_BATCH_ROWS];
    uint32_t open_count = rows.count, found;
    const wr_column *value;
    merge m;
    begin_merge(&m, ev, step, (uint32_t)s->arg_count);
    for (uint32_t i = 0; i < rows.count; i++)
        open[i] = (uint16_t)wr_rows_at(rows, i);
    for (int i = 0; i + 1 < s->arg_count && open_count > 0; i += 2) {
        wr_eval_enter(ev);
        WR_TRY(wr_eval_select(ev, s->args[i], (wr_rows){open, open_count}, hits, &found));
        if (found > 0) {
            wr_eval_enter(ev);
            WR_TRY(wr_eval_step(ev, s->args[i + 1], (wr_rows){hits, found}, &value));
            merge_branch(&m, value, (wr_rows){hits, found});
            wr_eval_leave(ev);
        }
        wr_eval_leave(ev);
        open_count = subtract(open, open_count, hits, found);
    }
    if (open_count > 0) {
        wr_eval_enter(ev);
        WR_TRY(wr_eval_step(ev, s->args[s->arg_count - 1], (wr_rows){open, open_count}, &value));
        merge_branch(&m, value, (wr_rows){open, open_count});
        wr_eval_leave(ev);
    }
    end_merge(&m);
    return WR_OK;
}

/* ---- calls that choose among their arguments ---- */

static void merge_null(merge *m, wr_rows rows)
{
    if (m->parts) return; /* rows of no part are NULL */
    uint64_t *valid = wr_eval_valid(m->ev, m->step);
    for (uint32_t i = 0; i < rows.count; i++)
        wr_bit_clear(valid, wr_rows_at(rows, i));
}

/* The first argument that is not NULL. */
static weir_status first_known(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    uint16_t open[WR_BATCH_ROWS], hits[WR_BATCH_ROWS];
    uint32_t open_count = rows.count;
    const wr_column *value;
    WR_TRY(wr_eval_step(ev, s->args[0], rows, &value));
    if (wr_column_has_no_nulls(value)) {
        ev->registers[step].result = *value;
        return WR_OK;
    }
    merge m;
    begin_merge(&m, ev, step, (uint32_t)s->arg_count);
    for (uint32_t i = 0; i < rows.count; i++)
        open[i] = (uint16_t)wr_rows_at(rows, i);
    for (int i = 0; i < s->arg_count && open_count > 0; i++) {
        bool is_last = i + 1 == s->arg_count, all = false;
        wr_eval_enter(ev);
        WR_TRY(wr_eval_step(ev, s->args[i], (wr_rows){open, open_count}, &value));
        all = is_last || wr_column_has_no_nulls(value);
        uint32_t found = 0, left = 0;
        for (uint32_t k = 0; k < open_count && !all; k++) {
            if (wr_column_is_null(value, open[k]))
                open[left++] = open[k];
            else
                hits[found++] = open[k];
        }
        if (all)
            merge_branch(&m, value, (wr_rows){open, open_count});
        else if (found > 0)
            merge_branch(&m, value, (wr_rows){hits, found});
        open_count = left;
        wr_eval_leave(ev);
    }
    end_merge(&m);
    return WR_OK;
}

/* if(condition, a [, b]) */
static weir_status choose_branch(wr_eval *ev, int step, wr_rows rows)
{
    const wr_step *s = &ev->program->steps[step];
    uint16_t open[WR_BATCH_ROWS], hits[WR_BATCH_ROWS];
    uint32_t open_count = rows.count, found;
    const wr_column *value;
    merge m;
    begin_merge(&m, ev, step, 2);
    for (uint32_t i = 0; i < rows.count; i++)
        open[i] = (uint16_t)wr_rows_at(rows, i);
    wr_eval_enter(ev);
    WR_TRY(wr_eval_select(ev, s->args[0], (wr_rows){open, open_count}, hits, &found));
    wr_eval_leave(ev);
    open_count = subtract(open, open_count, hits, found);
    wr_rows parts[2] = {{hits, found}, {open, open_count}};
    for (int i = 0; i < 2; i++) {
        if (parts[i].count == 0) continue;
        if (i + 1 >= s->arg_count) {
            merge_null(&m, parts[i]);
            continue;
        }
        wr_eval_enter(ev);
        WR_TRY(wr_eval_step(ev, s->args[i + 1], parts[i], &value));
        merge_branch(&m, value, parts[i]);
        wr_eval_leave(ev);
    }
    end_merge(&m);
    return WR_OK;
}

/* Errors that a value is to blame for: SQLSTATE class 22, raised ones, and those that say so. */
static bool is_about_values(weir_status bad)
{
    const char *state = wr_code_sqlstate(bad->code);
    return bad->of_row || strncmp(state, "22", 2) == 0 || strcmp(state, "P0001") == 0;
}

/* try(x): rows are halved until those at fault stand alone. */
static weir_status try_rows(merge *m, wr_rows rows, bool one_by_one)
{
    wr_eval *ev = m->ev;
    int depth = ev->depth;
    const wr_column *value;
    if (rows.count == 1 || !one_by_one) {
        wr_eval_enter(ev);
        weir_status bad = wr_eval_step(ev, ev->program->steps[m->step].args[0], rows, &value);
        if (!bad) merge_branch(m, value, rows);
        ev->depth = depth;
        if (!bad || !is_about_values(bad)) return bad;
        wr_status_drop(bad);
        if (rows.count == 1) {
            merge_null(m, rows);
            return WR_OK;
        }
    }
    uint32_t half = rows.count / 2;
    WR_TRY(try_rows(m, (wr_rows){rows.sel, half}, one_by_one));
    return try_rows(m, (wr_rows){rows.sel + half, rows.count - half}, one_by_one);
}

static weir_status catch_errors(wr_eval *ev, int step, wr_rows rows)
{
    merge m;
    uint16_t open[WR_BATCH_ROWS];
    begin_merge(&m, ev, step, rows.count);
    for (uint32_t i = 0; i < rows.count; i++)
        open[i] = (uint16_t)wr_rows_at(rows, i);
    /* nextval and the like must run once per row */
    WR_TRY(try_rows(&m, (wr_rows){open, rows.count}, ev->program->steps[step].is_volatile));
    end_merge(&m);
    return WR_OK;
}

weir_status wr_eval_lazy(wr_eval *ev, int step, wr_rows rows)
{
    uint32_t flags = ev->program->steps[step].expr->call.fn->flags;
    if (flags & WR_FN_FIRST_KNOWN) return first_known(ev, step, rows);
    if (flags & WR_FN_CATCHES) return catch_errors(ev, step, rows);
    return choose_branch(ev, step, rows);
}
