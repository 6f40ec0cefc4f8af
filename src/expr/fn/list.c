/* list.c - lists: building, looking into, cutting, searching, sorting.
 *
 * Results are put together from picks of single elements (pick.h) in one growing array for the
 * whole batch; the child column is made once at the end. Positions count from 1, negative ones from
 * the end. Equality is that of ORDER BY, so NULL equals NULL where NULLs are looked at at all. */
#include "expr/fn/characters.h"
#include "expr/fn/list_build.h"
#include <stdlib.h>

static void push_all(const wr_call *call, wr_picks *picks, const wr_column *list, uint32_t i)
{
    uint32_t length = wr_list_length(list, i);
    for (uint32_t k = 0; k < length; k++)
        wr_push(call->arena, picks, wr_pick_element(list, i, k));
}

/* ---- building ---- */

static weir_status fn_list_value(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = picks.count;
        for (int a = 0; a < call->arg_count; a++)
            wr_push(call->arena, &picks, ((wr_pick){&call->args[a], i}));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

/* Lists and single values side by side: concat, append, prepend. A NULL list counts as empty unless
 * all are NULL. */
static weir_status fn_list_concat(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        int before = picks.count;
        bool any = false;
        for (int a = 0; a < call->arg_count; a++) {
            const wr_column *arg = &call->args[a];
            if (arg->type != out->type) {
                wr_push(call->arena, &picks, ((wr_pick){arg, i}));
                any = true;
            } else if (!wr_column_is_null(arg, i)) {
                push_all(call, &picks, arg, i);
                any = true;
            }
        }
        wr_list_row(out, i, before, picks.count);
        if (!any) wr_out_null(call, out, i);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

static weir_status fn_flatten(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        int before = picks.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        for (uint32_t k = 0; k < length; k++) {
            wr_pick inner = wr_pick_element(&call->args[0], i, k);
            uint32_t row;
            if (wr_pick_is_null(inner)) continue;
            const wr_column *list = wr_column_at(inner.column, inner.row, &row);
            push_all(call, &picks, list, row);
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status bind_flatten(wr_fn_bind *b)
{
    const wr_type *element = b->args[0]->type->child;
    if (element->id != WR_T_LIST)
        return wr_fail_at(WR_E_TYPE_MISMATCH, b->args[0]->span, "flatten() needs a list of lists");
    b->type = element;
    return WR_OK;
}

/* ---- looking into ---- */

static weir_status fn_length(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = wr_list_length(&call->args[0], i); }
    return WR_OK;
}
/* array_length(list, dimension), array_upper: only the first dimension of an empty list has no
 * length. */
static weir_status fn_dimension(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t dimension = WR_ARG(call, 1, int64_t, i);
        const wr_column *list = &call->args[0];
        uint32_t row = i;
        bool known = dimension >= 1;
        for (int64_t d = 1; known && d < dimension; d++) {
            known = wr_list_length(list, row) > 0 && list->type->child->id == WR_T_LIST;
            wr_pick first = known ? wr_pick_element(list, row, 0) : (wr_pick){0};
            known = known && !wr_pick_is_null(first);
            if (known) list = wr_column_at(first.column, first.row, &row);
        }
        int32_t length = known ? (int32_t)wr_list_length(list, row) : 0;
        bool is_lower = strstr(call->expr->call.fn->name, "lower") != NULL;
        WR_OUT(out, int32_t, i) = is_lower ? 1 : length;
        if (!length) wr_out_null(call, out, i);
    }
    return WR_OK;
}
static weir_status fn_dimension_count(wr_call *call, wr_column *out)
{
    int32_t dimensions = 0;
    for (const wr_type *t = call->args[0].type; t && t->id == WR_T_LIST; t = t->child)
        dimensions++;
    WR_ROWS(i) { WR_OUT(out, int32_t, i) = dimensions; }
    return WR_OK;
}

/* Position n (from 1, negative from the end) as an index, or -1. */
static int64_t index_of(int64_t n, int64_t length)
{
    if (n < 0) n += length + 1;
    return n >= 1 && n <= length ? n - 1 : -1;
}

static weir_status fn_extract(wr_call *call, wr_column *out)
{
    wr_pick *picks = wr_new_array(call->arena, wr_pick, call->rows + 1);
    WR_ROWS(i)
    {
        int64_t at = index_of(WR_ARG(call, 1, int64_t, i), wr_list_length(&call->args[0], i));
        if (at >= 0) picks[i] = wr_pick_element(&call->args[0], i, (uint32_t)at);
    }
    wr_column_pick(picks, call->rows, out->type, call->arena, out);
    return WR_OK;
}
static weir_status fn_extract_char(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t at =
            index_of(WR_ARG(call, 1, int64_t, i), (int64_t)wr_utf8_count(s.data, s.length));
        size_t from = at < 0 ? s.length : wr_char_offset(s.data, s.length, at);
        wr_out_str(out, i,
                   (wr_str){s.data + from,
                            from < s.length ? wr_char_size(s.data + from, s.length - from) : 0});
    }
    return WR_OK;
}

typedef struct bounds {
    int64_t from, to,
        step; /* indexes, to not included; a negative step walks down from from to above to */
} bounds;

/* Arrays as PostgreSQL sees them: positions before the first element are just outside. */
static bounds range_bounds(const wr_call *call, uint32_t i, int64_t length)
{
    int64_t low = wr_arg_is_null(call, 1, i) ? 1 : WR_ARG(call, 1, int64_t, i);
    int64_t high = wr_arg_is_null(call, 2, i) ? length : WR_ARG(call, 2, int64_t, i);
    return (bounds){WR_MAX(low, 1) - 1, WR_MIN(high, length), 1};
}

/* low and high as positions (NULL: open end) of something of this length. */
static bounds slice_bounds(const wr_call *call, uint32_t i, int64_t length)
{
    bool has_low = !wr_arg_is_null(call, 1, i), has_high = !wr_arg_is_null(call, 2, i);
    int64_t low = has_low ? WR_ARG(call, 1, int64_t, i) : 1,
            high = has_high ? WR_ARG(call, 2, int64_t, i) : length;
    if (low < 0) low = WR_MAX(low + length + 1, 1);
    if (high < 0) high = high < -length ? 0 : high + length + 1;
    return (bounds){WR_MAX(low, 1) - 1, WR_MIN(high, length), 1};
}

static weir_status fn_slice(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        int before = picks.count;
        int64_t step =
            call->arg_count > 3 && !wr_arg_is_null(call, 3, i) ? WR_ARG(call, 3, int64_t, i) : 1;
        if (step == 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the step of a slice must not be zero"));
        bounds b = slice_bounds(call, i, wr_list_length(&call->args[0], i));
        if (step > 0)
            for (int64_t k = b.from; k < b.to; k += WR_MIN(step, INT32_MAX))
                wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, (uint32_t)k));
        else
            for (int64_t k = b.to - 1; k >= b.from; k += WR_MAX(step, -INT32_MAX))
                wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, (uint32_t)k));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status fn_range(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        int before = picks.count;
        bounds b = range_bounds(call, i, wr_list_length(&call->args[0], i));
        for (int64_t k = b.from; k < b.to; k++)
            wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, (uint32_t)k));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

static weir_status fn_slice_text(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        wr_str s = wr_arg_str(call, 0, i);
        bounds b = slice_bounds(call, i, (int64_t)wr_utf8_count(s.data, s.length));
        size_t from = wr_char_offset(s.data, s.length, b.from);
        size_t size = wr_char_offset(s.data + from, s.length - from, b.to - b.from);
        wr_out_str(out, i, (wr_str){s.data + from, size});
    }
    return WR_OK;
}

/* ---- searching ---- */

/* Index of the value in list i, -1 if it is not there. */
static int64_t find_value(const wr_column *list, uint32_t i, wr_pick value)
{
    uint32_t length = wr_list_length(list, i);
    for (uint32_t k = 0; k < length; k++) {
        wr_pick element = wr_pick_element(list, i, k);
        if (wr_pick_is_null(element) == wr_pick_is_null(value) && wr_pick_same(element, value))
            return k;
    }
    return -1;
}
static weir_status fn_contains(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, uint8_t, i) = find_value(&call->args[0], i, (wr_pick){&call->args[1], i}) >= 0;
    }
    return WR_OK;
}
static weir_status fn_position(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i)
    {
        int64_t at = wr_arg_is_null(call, 0, i)
                         ? -1
                         : find_value(&call->args[0], i, (wr_pick){&call->args[1], i});
        WR_OUT(out, int32_t, i) = (int32_t)at + 1;
        if (at < 0) wr_out_null(call, out, i);
    }
    return WR_OK;
}

/* How many elements of list b that are not NULL occur in list a; stops at the first that decides.
 */
static bool compare_sets(const wr_column *a, const wr_column *b, uint32_t i, bool want_all)
{
    uint32_t length = wr_list_length(b, i);
    for (uint32_t k = 0; k < length; k++) {
        wr_pick element = wr_pick_element(b, i, k);
        if (wr_pick_is_null(element)) continue;
        bool found = find_value(a, i, element) >= 0;
        if (found != want_all) return found;
    }
    return want_all;
}
static weir_status fn_has_any(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = compare_sets(&call->args[0], &call->args[1], i, false); }
    return WR_OK;
}
static weir_status fn_has_all(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = compare_sets(&call->args[0], &call->args[1], i, true); }
    return WR_OK;
}
static weir_status fn_is_contained(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = compare_sets(&call->args[1], &call->args[0], i, true); }
    return WR_OK;
}

/* ---- changing ---- */

/* A set of elements by hash, to find repeated ones in linear time. */
typedef struct element_set {
    wr_pick *slots;
    uint32_t mask;
} element_set;

static element_set new_set(wr_arena *arena, uint32_t length)
{
    uint32_t size = 8;
    while (size < length * 2)
        size *= 2;
    return (element_set){wr_new_array(arena, wr_pick, size), size - 1};
}
/* False if it was there already. */
static bool set_add(element_set *set, wr_pick element)
{
    for (uint64_t at = wr_column_hash(element.column, element.row);; at++) {
        wr_pick *slot = &set->slots[at & set->mask];
        if (!slot->column) {
            *slot = element;
            return true;
        }
        if (wr_pick_same(*slot, element)) return false;
    }
}

static weir_status fn_distinct(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        int before = picks.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        element_set set = new_set(&scratch, length);
        for (uint32_t k = 0; k < length; k++) {
            wr_pick element = wr_pick_element(&call->args[0], i, k);
            if (!wr_pick_is_null(element) && set_add(&set, element))
                wr_push(call->arena, &picks, element);
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status fn_unique(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        uint32_t length = wr_list_length(&call->args[0], i);
        element_set set = new_set(&scratch, length);
        int64_t found = 0;
        for (uint32_t k = 0; k < length; k++) {
            wr_pick element = wr_pick_element(&call->args[0], i, k);
            found += !wr_pick_is_null(element) && set_add(&set, element);
        }
        WR_OUT(out, int64_t, i) = found;
    }
    return WR_OK;
}
/* list_intersect: elements of the first that are in the second, each once; list_except likewise. */
static weir_status fn_intersect(wr_call *call, wr_column *out)
{
    bool want_found = call->expr->call.fn->name[5] == 'i';
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        int before = picks.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        element_set set = new_set(&scratch, length);
        for (uint32_t k = 0; k < length; k++) {
            wr_pick element = wr_pick_element(&call->args[0], i, k);
            if (wr_pick_is_null(element) ||
                (find_value(&call->args[1], i, element) >= 0) != want_found)
                continue;
            if (set_add(&set, element)) wr_push(call->arena, &picks, element);
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

typedef struct sort_order {
    bool descending, nulls_first;
} sort_order;
static int cmp_picks(const void *a, const void *b, void *order_)
{
    const wr_pick *x = a, *y = b;
    const sort_order *order = order_;
    bool x_null = wr_pick_is_null(*x), y_null = wr_pick_is_null(*y);
    if (x_null || y_null) return (x_null - y_null) * (order->nulls_first ? -1 : 1);
    int c = wr_column_cmp(x->column, x->row, y->column, y->row);
    return order->descending ? -c : c;
}
/* Words: ASC or DESC, NULLS FIRST or NULLS LAST. */
static weir_status read_order(const wr_call *call, uint32_t i, sort_order *order)
{
    order->descending = strstr(call->expr->call.fn->name, "reverse") != NULL;
    if (call->arg_count > 1) {
        wr_str word = wr_str_trim(wr_arg_str(call, 1, i));
        bool is_down = wr_str_is(word, "desc");
        if (!is_down && !wr_str_is(word, "asc"))
            return wr_fail(WR_E_BAD_ARGUMENT, "the order of a list must be ASC or DESC");
        order->descending = is_down;
    }
    order->nulls_first = order->descending;
    if (call->arg_count > 2) {
        wr_str word = wr_str_trim(wr_arg_str(call, 2, i));
        order->nulls_first = wr_str_is(word, "nulls first");
        if (!order->nulls_first && !wr_str_is(word, "nulls last"))
            return wr_fail(WR_E_BAD_ARGUMENT,
                           "the place of NULLs must be NULLS FIRST or NULLS LAST");
    }
    return WR_OK;
}
static weir_status fn_sort(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        sort_order order;
        int before = picks.count;
        weir_status bad = read_order(call, i, &order);
        if (bad) return wr_bad_row(call, i, bad);
        push_all(call, &picks, &call->args[0], i);
        if (picks.count > before)
            qsort_r(picks.items + before, (size_t)(picks.count - before), sizeof(wr_pick),
                    cmp_picks, &order);
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status fn_reverse(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ROWS(i)
    {
        int before = picks.count;
        for (uint32_t k = wr_list_length(&call->args[0], i); k-- > 0;)
            wr_push(call->arena, &picks, wr_pick_element(&call->args[0], i, k));
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

/* array_remove(list, value), array_replace(list, value, by); NULLs are found too. */
static weir_status fn_replace(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        int before = picks.count;
        uint32_t length = wr_list_length(&call->args[0], i);
        wr_pick value = {&call->args[1], i};
        for (uint32_t k = 0; k < length; k++) {
            wr_pick element = wr_pick_element(&call->args[0], i, k);
            bool hit =
                wr_pick_is_null(element) == wr_pick_is_null(value) && wr_pick_same(element, value);
            if (!hit)
                wr_push(call->arena, &picks, element);
            else if (call->arg_count > 2)
                wr_push(call->arena, &picks, ((wr_pick){&call->args[2], i}));
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}
static weir_status fn_resize(wr_call *call, wr_column *out)
{
    wr_picks picks = {0};
    wr_lists_begin(call, out);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i) || wr_arg_is_null(call, 1, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        int before = picks.count;
        int64_t length = wr_list_length(&call->args[0], i), wanted = WR_ARG(call, 1, int64_t, i);
        if (wanted < 0 || wanted > 10000000)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "the length of a list must lie between 0 and 10000000"));
        for (int64_t k = 0; k < wanted; k++) {
            wr_pick filler = call->arg_count > 2 ? (wr_pick){&call->args[2], i} : (wr_pick){0};
            wr_push(call->arena, &picks,
                    k < length ? wr_pick_element(&call->args[0], i, (uint32_t)k) : filler);
        }
        wr_list_row(out, i, before, picks.count);
    }
    wr_lists_of_picks(call, out, &picks);
    return WR_OK;
}

static weir_status fn_to_string(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_BUF(buf);
    WR_ALL_ROWS(i)
    {
        if (wr_arg_is_null(call, 0, i) || wr_arg_is_null(call, 1, i)) {
            wr_out_null(call, out, i);
            continue;
        }
        bool any = false;
        buf.length = 0;
        uint32_t length = wr_list_length(&call->args[0], i);
        for (uint32_t k = 0; k < length; k++) {
            wr_pick element = wr_pick_element(&call->args[0], i, k);
            bool is_null = wr_pick_is_null(element);
            if (is_null && (call->arg_count < 3 || wr_arg_is_null(call, 2, i))) continue;
            if (any) wr_buf_add_str(&buf, wr_arg_str(call, 1, i));
            if (is_null)
                wr_buf_add_str(&buf, wr_arg_str(call, 2, i));
            else
                wr_column_print(element.column, element.row, &buf);
            any = true;
        }
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

#define LIST_ROW(names, signature, exec, extra_flags, help, example, result) \
    {                                                                        \
        names, signature, exec, help, example, result, .flags = extra_flags  \
    }

const wr_fn wr_fns_list[] = {
    LIST_ROW("list_value|list_pack", "(any...) -> list", fn_list_value, WR_FN_SEES_NULLS,
             "A list of the arguments.", "list_value(1, 2, 3)", "[1, 2, 3]"),
    LIST_ROW("list_concat|list_cat|array_concat|array_cat|||", "(list, list) -> list",
             fn_list_concat, WR_FN_SEES_NULLS, "The lists one after the other.",
             "list_concat([1, 2], [3])", "[1, 2, 3]"),
    LIST_ROW("list_append|array_append|array_push_back|array_cat|||", "(list, any) -> list",
             fn_list_concat, WR_FN_SEES_NULLS, "The list with a value behind it.",
             "list_append([1, 2], 3)", "[1, 2, 3]"),
    LIST_ROW("list_prepend|array_prepend|array_cat|||", "(any, list) -> list", fn_list_concat,
             WR_FN_SEES_NULLS, "The list with a value before it.", "list_prepend(1, [2, 3])",
             "[1, 2, 3]"),
    {"flatten", "(list) -> auto", fn_flatten, "The elements of the inner lists in one list.",
     "flatten([[1, 2], [3]])", "[1, 2, 3]", .bind = bind_flatten},
    LIST_ROW("len|length|array_length|list_length|cardinality|array_size", "(list) -> bigint",
             fn_length, 0, "Number of elements.", "len([1, 2, 3])", "3"),
    LIST_ROW("array_length|array_upper", "(list, dimension bigint) -> integer", fn_dimension, 0,
             "Number of elements in a dimension; NULL if it is empty.",
             "array_length([1, 2, 3], 1)", "3"),
    LIST_ROW("array_lower", "(list, dimension bigint) -> integer", fn_dimension, 0,
             "First position in a dimension: 1, NULL if it is empty.", "array_lower([1, 2, 3], 1)",
             "1"),
    LIST_ROW("array_ndims", "(list) -> integer", fn_dimension_count, 0, "Number of dimensions.",
             "array_ndims([[1], [2]])", "2"),
    LIST_ROW("list_extract|list_element|array_extract|array_element|element_at",
             "(list, n bigint) -> any", fn_extract, 0,
             "The n-th element, negative n from the end; NULL if there is none.",
             "list_extract([4, 5, 6], 2)", "5"),
    LIST_ROW("list_extract|list_element|array_extract", "(text, n bigint) -> text", fn_extract_char,
             0, "The n-th character, negative n from the end.", "list_extract('abc', 2)", "b"),
    LIST_ROW("array_range", "(list, low bigint, high bigint) -> list", fn_range, WR_FN_SEES_NULLS,
             "Elements low to high, both included, as x[low:high]; positions count from 1.",
             "array_range([1, 2, 3, 4], -1, 3)", "[1, 2, 3]"),
    LIST_ROW("list_slice|array_slice", "(list, low bigint, high bigint) -> list", fn_slice,
             WR_FN_SEES_NULLS | WR_FN_CAN_FAIL,
             "Elements low to high, both included; negative positions from the end.",
             "list_slice([1, 2, 3, 4], 2, 3)", "[2, 3]"),
    LIST_ROW("list_slice|array_slice", "(list, low bigint, high bigint, step bigint) -> list",
             fn_slice, WR_FN_SEES_NULLS | WR_FN_CAN_FAIL, "Every step-th element from low to high.",
             "list_slice([1, 2, 3, 4], 1, 4, 2)", "[1, 3]"),
    LIST_ROW("list_slice|array_slice", "(text, low bigint, high bigint) -> text", fn_slice_text,
             WR_FN_SEES_NULLS, "Characters low to high.", "list_slice('weird', 1, 4)", "weir"),
    LIST_ROW("list_contains|list_has|array_contains|array_has", "(list, any) -> boolean",
             fn_contains, 0, "True if the value is an element.", "list_contains([1, 2], 2)",
             "true"),
    LIST_ROW("list_position|list_indexof|array_position|array_indexof", "(list, any) -> integer",
             fn_position, WR_FN_SEES_NULLS, "Position of the value; NULL if it is not there.",
             "list_position([4, 5], 5)", "2"),
    LIST_ROW("list_has_any|array_has_any|&&", "(list, list) -> boolean", fn_has_any, 0,
             "True if the lists share an element.", "list_has_any([1, 2], [2, 3])", "true"),
    LIST_ROW("list_has_all|array_has_all|@>", "(list, list) -> boolean", fn_has_all, 0,
             "True if all elements of the second list are in the first.",
             "list_has_all([1, 2, 3], [3, 1])", "true"),
    LIST_ROW("<@", "(list, list) -> boolean", fn_is_contained, 0,
             "True if all elements of the first list are in the second.", "[1] <@ [1, 2]", "true"),
    LIST_ROW("list_distinct|array_distinct", "(list) -> list", fn_distinct, 0,
             "Each value once, in the order of first appearance, without NULLs.",
             "list_distinct([2, 1, 2, NULL])", "[2, 1]"),
    LIST_ROW("list_unique|array_unique", "(list) -> bigint", fn_unique, 0,
             "Number of different values.", "list_unique([2, 1, 2])", "2"),
    LIST_ROW("list_intersect|array_intersect", "(list, list) -> list", fn_intersect, 0,
             "Values that are in both lists.", "list_intersect([1, 2, 3], [3, 2])", "[2, 3]"),
    LIST_ROW("list_except|array_except", "(list, list) -> list", fn_intersect, 0,
             "Values of the first list that are not in the second.", "list_except([1, 2, 3], [3])",
             "[1, 2]"),
    LIST_ROW("list_sort|array_sort", "(list) -> list", fn_sort, 0, "Sorted, NULLs last.",
             "list_sort([3, 1, 2])", "[1, 2, 3]"),
    LIST_ROW("list_sort|array_sort", "(list, order text) -> list", fn_sort, WR_FN_CAN_FAIL,
             "Sorted 'ASC' or 'DESC'.", "list_sort([3, 1, 2], 'DESC')", "[3, 2, 1]"),
    LIST_ROW("list_sort|array_sort", "(list, order text, nulls text) -> list", fn_sort,
             WR_FN_CAN_FAIL, "Sorted 'ASC' or 'DESC' with 'NULLS FIRST' or 'NULLS LAST'.",
             "list_sort([3, NULL, 1], 'ASC', 'NULLS FIRST')", "[NULL, 1, 3]"),
    LIST_ROW("list_reverse_sort|array_reverse_sort", "(list) -> list", fn_sort, 0,
             "Sorted in descending order.", "list_reverse_sort([3, 1, 2])", "[3, 2, 1]"),
    LIST_ROW("list_reverse|array_reverse|reverse", "(list) -> list", fn_reverse, 0,
             "In reverse order.", "list_reverse([1, 2, 3])", "[3, 2, 1]"),
    LIST_ROW("array_remove|list_remove", "(list, any) -> list", fn_replace, WR_FN_SEES_NULLS,
             "Without a value.", "array_remove([1, 2, 1], 1)", "[2]"),
    LIST_ROW("array_replace|list_replace", "(list, any, any) -> list", fn_replace, WR_FN_SEES_NULLS,
             "With a value replaced by another.", "array_replace([1, 2, 1], 1, 5)", "[5, 2, 5]"),
    LIST_ROW("list_resize|array_resize", "(list, length bigint) -> list", fn_resize,
             WR_FN_SEES_NULLS | WR_FN_CAN_FAIL, "Cut or filled with NULLs to a length.",
             "list_resize([1, 2, 3], 2)", "[1, 2]"),
    LIST_ROW("list_resize|array_resize", "(list, length bigint, any) -> list", fn_resize,
             WR_FN_SEES_NULLS | WR_FN_CAN_FAIL, "Cut or filled with a value to a length.",
             "list_resize([1], 3, 0)", "[1, 0, 0]"),
    LIST_ROW("array_to_string|list_to_string", "(list, separator text) -> text", fn_to_string,
             WR_FN_SEES_NULLS, "The elements as text with a separator; NULLs are skipped.",
             "array_to_string([1, NULL, 3], '-')", "1-3"),
    LIST_ROW("array_to_string|list_to_string", "(list, separator text, nulls text) -> text",
             fn_to_string, WR_FN_SEES_NULLS,
             "The elements as text with a separator, NULLs as the third argument.",
             "array_to_string([1, NULL, 3], '-', '?')", "1-?-3"),
    {0},
};
