/* list_make.c - lists made of repetition, of positions and of other lists by position.
 *
 * Results are put together from picks of single elements (pick.h); lists of numbers are written
 * directly. Sizes that come from values are checked before anything grows. */
#include "expr/fn/list_build.h"
#include <stdlib.h>

#define LIST_ELEMENTS_MAX (1 << 24) /* of one result column */

typedef WR_LIST(int64_t) number_list;

static void end_numbers(const wr_call *call, wr_column *out, const number_list *numbers)
{
    uint32_t count = (uint32_t)numbers->count;
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, out->type->child, out->type->child->phys, count + 1);
    out->children->rows = count;
    for (uint32_t k = 0; k < count; k++)
        wr_out_int(out->children, k, numbers->items[k]);
}
static int64_t pick_int(wr_pick p) { return wr_column_int(p.column, p.row); }

static weir_status too_many(wr_call *call, uint32_t i)
{
    return wr_bad_row(call, i, wr_fail(WR_E_TOO_BIG, "the lists have too many elements"));
}

/* ---- repetition ---- */

static weir_status repeat_value(wr_call *call, uint32_t i, int64_t count, wr_picks *picks)
{
    if (count > LIST_ELEMENTS_MAX - picks->count) return too_many(call, i);
    if (count > 0) WR_TRY(wr_arena_admit(call->arena, (size_t)count * 3 * sizeof(wr_pick)));
    for (int64_t k = 0; k < count; k++)
        wr_push(call->arena, picks, ((wr_pick){&call->args[0], i}));
    return WR_OK;
}

/* array_fill(value, lengths): lists of one dimension. */
static weir_status fn_fill(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = picks.count;
        if (wr_arg_is_null(call, 1, i))
            return wr_bad_row(call, i, wr_fail(WR_E_BAD_ARGUMENT, "the lengths must not be NULL"));
        uint32_t dimensions = wr_list_length(&call->args[1], i);
        if (dimensions > 1)
            return wr_bad_row(
                call, i,
                wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "array_fill() makes one dimension only"),
                             "nest calls: array_fill(array_fill(x, [2]), [3])"));
        if (dimensions == 1) {
            wr_pick length = wr_pick_element(&call->args[1], i, 0);
            if (wr_pick_is_null(length) || pick_int(length) < 0)
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_ARGUMENT, "a length must be zero or greater"));
            WR_TRY(repeat_value(call, i, pick_int(length), &picks));
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

static weir_status fn_repeat(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = picks.count;
        if (wr_arg_is_null(call, 1, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        WR_TRY(repeat_value(call, i, WR_ARG(call, 1, int64_t, i), &picks));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

/* ---- positions ---- */

static weir_status fn_positions(wr_call *call, wr_column *out)
{
    number_list numbers = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = numbers.count;
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        uint32_t length = wr_list_length(&call->args[0], i);
        wr_pick wanted = {&call->args[1], i};
        for (uint32_t k = 0; k < length; k++)
            if (wr_pick_same(wr_pick_element(&call->args[0], i, k), wanted))
                wr_push(call->arena, &numbers, k + 1);
        wr_list_row(out, i, before, numbers.count);
    }
    end_numbers(call, out, &numbers);
    return WR_OK;
}

/* generate_subscripts(list, dimension [, reverse]) as a list: 1 to the length of that dimension. */
static weir_status fn_subscripts(wr_call *call, wr_column *out)
{
    number_list numbers = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = numbers.count;
        bool any_null = false;
        for (int a = 0; a < call->arg_count; a++)
            any_null |= wr_arg_is_null(call, a, i);
        int64_t dimension = any_null ? 0 : WR_ARG(call, 1, int64_t, i);
        bool reverse = !any_null && call->arg_count > 2 && WR_ARG(call, 2, uint8_t, i);
        uint32_t length = 0;
        wr_pick at = {&call->args[0], i};
        for (int64_t d = 1; d <= dimension; d++) {
            uint32_t row;
            if (at.column->type->id != WR_T_LIST || wr_pick_is_null(at)) length = 0;
            if (at.column->type->id != WR_T_LIST || wr_pick_is_null(at)) break;
            const wr_column *list = wr_column_at(at.column, at.row, &row);
            length = wr_list_length(list, row);
            if (length == 0) break;
            at = wr_pick_element(list, row, 0);
        }
        for (uint32_t k = 1; k <= length; k++)
            wr_push(call->arena, &numbers, reverse ? length + 1 - k : k);
        wr_list_row(out, i, before, numbers.count);
    }
    end_numbers(call, out, &numbers);
    return WR_OK;
}

static int by_value(const void *a, const void *b)
{
    const wr_pick *x = a, *y = b;
    int c = wr_column_cmp(x->column, x->row, y->column, y->row);
    return c ? c : (x->row > y->row) - (x->row < y->row);
}
static weir_status fn_grade(wr_call *call, wr_column *out)
{
    number_list numbers = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        int before = numbers.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        wr_pick *picks = wr_new_array(call->arena, wr_pick, length + 1);
        for (uint32_t k = 0; k < length; k++)
            picks[k] = wr_pick_element(&call->args[0], i, k);
        uint32_t first = length ? picks[0].row : 0;
        qsort(picks, length, sizeof *picks, by_value);
        for (uint32_t k = 0; k < length; k++)
            wr_push(call->arena, &numbers, picks[k].row - first + 1);
        wr_list_row(out, i, before, numbers.count);
    }
    end_numbers(call, out, &numbers);
    return WR_OK;
}

/* ---- choosing ---- */

static weir_status fn_trim(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        int before = picks.count;
        int64_t length = wr_list_length(&call->args[0], i), cut = WR_ARG(call, 1, int64_t, i);
        if (cut < 0 || cut > length)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT,
                                      "the number of elements to trim must be from 0 to %lld",
                                      (long long)length));
        for (uint32_t k = 0; k < length - cut; k++)
            wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, k));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

/* list_select: by positions, NULL where there is none; list_where: where the mask is true. */
static weir_status pick_by(wr_call *call, wr_column *out, bool is_mask)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        int before = picks.count;
        int64_t length = wr_list_length(&call->args[0], i);
        uint32_t count = wr_list_length(&call->args[1], i);
        for (uint32_t k = 0; k < count; k++) {
            wr_pick by = wr_pick_element(&call->args[1], i, k);
            bool known = !wr_pick_is_null(by);
            int64_t at = !known    ? -1
                         : is_mask ? (pick_int(by) ? (int64_t)k : -1)
                                   : pick_int(by) - 1;
            if (at >= 0 && at < length)
                wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, (uint32_t)at));
            else if (!is_mask)
                wr_push(call->arena, &picks, ((wr_pick){NULL, 0}));
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status fn_select(wr_call *call, wr_column *out) { return pick_by(call, out, false); }
static weir_status fn_where(wr_call *call, wr_column *out) { return pick_by(call, out, true); }

/* ---- facts ---- */

static weir_status fn_dims(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        WR_BUF(buf);
        wr_pick at = {&call->args[0], i};
        while (at.column->type->id == WR_T_LIST && !wr_pick_is_null(at)) {
            uint32_t row, length;
            const wr_column *list = wr_column_at(at.column, at.row, &row);
            length = wr_list_length(list, row);
            if (length == 0) break;
            wr_buf_printf(&buf, "[1:%u]", length);
            at = wr_pick_element(list, row, 0);
        }
        if (buf.length)
            WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
        else
            wr_out_null(call, out, i);
    }
    return WR_OK;
}

/* width_bucket(x, bounds): how many bounds are not greater than x. */
static weir_status fn_bucket(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        uint32_t low = 0, high = wr_list_length(&call->args[1], i);
        wr_pick x = {&call->args[0], i};
        for (uint32_t k = 0; k < high; k++)
            if (wr_pick_is_null(wr_pick_element(&call->args[1], i, k)))
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_ARGUMENT, "the bounds must not be NULL"));
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            wr_pick bound = wr_pick_element(&call->args[1], i, middle);
            if (wr_column_cmp(x.column, x.row, bound.column, bound.row) < 0)
                high = middle;
            else
                low = middle + 1;
        }
        WR_OUT(out, int32_t, i) = (int32_t)low;
    }
    return WR_OK;
}

const wr_fn wr_fns_list_make[] = {
    {"array_fill", "(any, lengths integer[]) -> any[]", fn_fill, "A list of one value repeated.",
     "array_fill(7, [3])", "[7, 7, 7]", .flags = WR_FN_SEES_NULLS | WR_FN_CAN_FAIL},
    {"array_repeat|list_repeat", "(any, count bigint) -> any[]", fn_repeat,
     "A list of one value repeated.", "array_repeat('a', 2)", "[a, a]",
     .flags = WR_FN_SEES_NULLS | WR_FN_CAN_FAIL},
    {"array_positions|list_positions", "(list, any) -> integer[]", fn_positions,
     "All positions of a value.", "array_positions([1, 2, 1], 1)", "[1, 3]",
     .flags = WR_FN_SEES_NULLS},
    {"generate_subscripts", "(list, dimension bigint) -> integer[]", fn_subscripts,
     "The subscripts of a list, as rows.", "generate_subscripts(['x'], 1)", "1",
     .flags = WR_FN_SEES_NULLS},
    {"generate_subscripts", "(list, dimension bigint, reverse boolean) -> integer[]", fn_subscripts,
     "The subscripts of a list, as rows, from the last one on.",
     "generate_subscripts(['x'], 1, true)", "1", .flags = WR_FN_SEES_NULLS},
    {"list_grade_up|array_grade_up|grade_up", "(list) -> bigint[]", fn_grade,
     "Positions of the elements in sorted order.", "list_grade_up([30, 10, 20])", "[2, 3, 1]"},
    {"trim_array", "(list, count bigint) -> list", fn_trim, "Without some elements at the end.",
     "trim_array([1, 2, 3], 2)", "[1]", .flags = WR_FN_CAN_FAIL},
    {"list_select|array_select", "(list, positions bigint[]) -> list", fn_select,
     "The elements at some positions.", "list_select([10, 20, 30], [3, 1])", "[30, 10]"},
    {"list_where|array_where", "(list, mask boolean[]) -> list", fn_where,
     "The elements where the mask is true.", "list_where([10, 20, 30], [true, false, true])",
     "[10, 30]"},
    {"array_dims", "(list) -> text", fn_dims, "The bounds of each dimension as text.",
     "array_dims([[1, 2, 3], [4, 5, 6]])", "[1:2][1:3]"},
    {"width_bucket", "(any, bounds any[]) -> integer", fn_bucket,
     "Number of the bucket that sorted bounds put a value in.", "width_bucket(5, [1, 3, 6, 8])",
     "2", .flags = WR_FN_CAN_FAIL},
    {0},
};
