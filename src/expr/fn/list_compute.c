/* list_compute.c - lists and functions: lambdas, aggregates over elements, series, vectors.
 *
 * A lambda runs over the elements of many rows at once: elements are gathered in portions of
 * WR_BATCH_ROWS together with the row each belongs to. list_sum, list_max ... are the aggregates of
 * that name run on the elements of each row, found in the registry when the call is bound. Vector
 * distances work on DOUBLE lists of equal length. */
#include "expr/eval.h"
#include "expr/fn/call.h"
#include "expr/fn/pick.h"
#include <math.h>

typedef WR_LIST(wr_pick) pick_list;

static void end_lists(const wr_call *call, wr_column *out, const pick_list *picks)
{
    out->children = wr_new(call->arena, wr_column);
    wr_column_pick(picks->items, (uint32_t)picks->count, out->type->child, call->arena,
                   out->children);
}

/* ---- lambdas ---- */

/* One portion of elements on its way through a lambda. */
typedef struct portion {
    wr_pick *elements;
    uint16_t *outer;
    int64_t *index; /* position of the element in its list */
    uint32_t count;
} portion;

static portion new_portion(wr_arena *arena)
{
    return (portion){wr_new_array(arena, wr_pick, WR_BATCH_ROWS),
                     wr_new_array(arena, uint16_t, WR_BATCH_ROWS),
                     wr_new_array(arena, int64_t, WR_BATCH_ROWS), 0};
}

/* Runs the lambda that is argument 1 over the portion. */
static weir_status run_portion(wr_call *call, portion *p, wr_column *out)
{
    const wr_expr *lambda = call->expr->args[1];
    wr_column params[2];
    wr_column_pick(p->elements, p->count, call->args[0].type->child, call->arena, &params[0]);
    if (lambda->lambda.param_count > 1) {
        wr_column_init(&params[1], call->arena, WR_BIGINT, WR_P_I64, p->count + 1);
        params[1].rows = p->count;
        memcpy(params[1].data, p->index, sizeof(int64_t) * p->count);
    }
    return wr_call_lambda(call, 1, params, p->outer, p->count, out);
}

typedef weir_status take_portion(wr_call *call, const portion *p, const wr_column *results,
                                 pick_list *picks, wr_list_slot *slots);

static weir_status flush(wr_call *call, portion *p, take_portion *take, pick_list *picks,
                         wr_list_slot *slots)
{
    if (!p->count) return WR_OK;
    wr_column *results = wr_new(call->arena, wr_column);
    WR_TRY(run_portion(call, p, results));
    WR_TRY(take(call, p, results, picks, slots));
    p->count = 0;
    return WR_OK;
}

/* Feeds all elements of all rows through the lambda, in order. */
static weir_status each_element(wr_call *call, wr_column *out, take_portion *take, pick_list *picks)
{
    portion p = new_portion(call->arena);
    wr_list_slot *slots = out->data;
    memset(slots, 0, sizeof *slots * call->rows);
    WR_ROWS(i)
    {
        uint32_t length = wr_list_length(&call->args[0], i);
        for (uint32_t k = 0; k < length; k++) {
            p.elements[p.count] = wr_pick_element(&call->args[0], i, k);
            p.outer[p.count] = (uint16_t)i;
            p.index[p.count++] = k + 1;
            if (p.count == WR_BATCH_ROWS) WR_TRY(flush(call, &p, take, picks, slots));
        }
    }
    return flush(call, &p, take, picks, slots);
}

static void put_element(wr_call *call, uint32_t row, wr_pick element, pick_list *picks,
                        wr_list_slot *slots)
{
    if (!slots[row].length) slots[row].offset = (uint32_t)picks->count;
    slots[row].length++;
    wr_push(call->arena, picks, element);
}
static weir_status take_results(wr_call *call, const portion *p, const wr_column *results,
                                pick_list *picks, wr_list_slot *slots)
{
    for (uint32_t k = 0; k < p->count; k++)
        put_element(call, p->outer[k], (wr_pick){results, k}, picks, slots);
    return WR_OK;
}
static weir_status take_if_true(wr_call *call, const portion *p, const wr_column *results,
                                pick_list *picks, wr_list_slot *slots)
{
    for (uint32_t k = 0; k < p->count; k++)
        if (!wr_column_is_null(results, k) && wr_column_int(results, k))
            put_element(call, p->outer[k], p->elements[k], picks, slots);
    return WR_OK;
}

static weir_status fn_transform(wr_call *call, wr_column *out)
{
    pick_list picks = {0};
    WR_TRY(each_element(call, out, take_results, &picks));
    end_lists(call, out, &picks);
    return WR_OK;
}
static weir_status fn_filter(wr_call *call, wr_column *out)
{
    pick_list picks = {0};
    WR_TRY(each_element(call, out, take_if_true, &picks));
    end_lists(call, out, &picks);
    return WR_OK;
}
static weir_status bind_transform(wr_fn_bind *b)
{
    b->type = wr_type_list(b->args[1]->args[0]->type);
    return WR_OK;
}
static weir_status bind_filter(wr_fn_bind *b)
{
    return wr_bind_coerce(b->arena, b->args[1]->args[0], WR_BOOLEAN, "the condition of list_filter",
                          &b->args[1]->args[0]);
}

/* list_reduce: step k combines the value so far with element k, for all rows that still have one.
 */
static weir_status fn_reduce(wr_call *call, wr_column *out)
{
    bool has_start = call->arg_count > 2;
    const wr_column *list = &call->args[0];
    wr_pick *so_far = wr_new_array(call->arena, wr_pick, call->rows + 1);
    uint32_t longest = 0;
    WR_ROWS(i)
    {
        uint32_t length = wr_list_length(list, i);
        longest = WR_MAX(longest, length);
        if (has_start)
            so_far[i] = (wr_pick){&call->args[2], i};
        else if (length)
            so_far[i] = wr_pick_element(list, i, 0);
        else
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT,
                                      "an empty list cannot be reduced without a first value"));
    }
    portion p = new_portion(call->arena);
    wr_pick *before = wr_new_array(call->arena, wr_pick, WR_BATCH_ROWS);
    for (uint32_t k = has_start ? 0 : 1; k < longest; k++) {
        uint32_t next = 0, rows = wr_call_count(call);
        while (next < rows) {
            for (p.count = 0; next < rows && p.count < WR_BATCH_ROWS; next++) {
                uint32_t i = call->sel ? call->sel[next] : next;
                if ((out->valid && !wr_bit_get(out->valid, i)) || k >= wr_list_length(list, i))
                    continue;
                before[p.count] = so_far[i];
                p.elements[p.count] = wr_pick_element(list, i, k);
                p.outer[p.count++] = (uint16_t)i;
            }
            if (!p.count) break;
            wr_column params[2], *result = wr_new(call->arena, wr_column);
            wr_column_pick(before, p.count, out->type, call->arena, &params[0]);
            wr_column_pick(p.elements, p.count, list->type->child, call->arena, &params[1]);
            WR_TRY(wr_call_lambda(call, 1, params, p.outer, p.count, result));
            for (uint32_t at = 0; at < p.count; at++)
                so_far[p.outer[at]] = (wr_pick){result, at};
        }
    }
    wr_column_pick(so_far, call->rows, out->type, call->arena, out);
    return WR_OK;
}
static weir_status bind_reduce(wr_fn_bind *b)
{
    const wr_type *element = b->args[0]->type->child;
    wr_expr *lambda = b->args[1];
    if (lambda->lambda.param_count != 2)
        return wr_fail_at(WR_E_BAD_ARGUMENT, lambda->span,
                          "the lambda of list_reduce needs two parameters");
    b->type = element;
    return wr_bind_coerce(b->arena, lambda->args[0], element, "the result of the lambda",
                          &lambda->args[0]);
}

/* ---- aggregates over elements ---- */

static weir_status bind_named_aggregate(wr_fn_bind *b, wr_str name, int first_extra)
{
    int extra = b->arg_count - first_extra;
    wr_aggregate_call *aggregate = wr_new(b->arena, wr_aggregate_call);
    aggregate->args = wr_new_array(b->arena, wr_expr *, extra + 1);
    aggregate->args[0] = wr_expr_column(b->arena, 0, b->args[0]->type->child);
    for (int k = 0; k < extra; k++)
        aggregate->args[k + 1] = b->args[first_extra + k];
    aggregate->arg_count = extra + 1;
    WR_TRY(wr_bind_aggregate(b->arena, name, b->span, aggregate));
    b->bound = aggregate;
    b->type = aggregate->type;
    return WR_OK;
}
static weir_status bind_aggregate(wr_fn_bind *b)
{
    wr_value name;
    if (!wr_bind_const(b, 1, &name) || name.is_null)
        return wr_fail_at(WR_E_BAD_ARGUMENT, b->args[1]->span,
                          "the name of the aggregate must be a constant");
    return bind_named_aggregate(b, name.text, 2);
}

/* Which aggregates exist under the name list_<name> without another argument. */
#define NAMED_AGGREGATES(X)               \
    X(sum, "[1, 2, 3]", "6")              \
    X(avg, "[1, 2]", "1.5")               \
    X(min, "[3, 1]", "1")                 \
    X(max, "[3, 1]", "3")                 \
    X(product, "[2, 3]", "6")             \
    X(median, "[1, 2, 9]", "2")           \
    X(mode, "[1, 2, 2]", "2")             \
    X(count, "[1, NULL]", "1")            \
    X(any_value, "[NULL, 7]", "7")        \
    X(first, "[4, 5]", "4")               \
    X(last, "[4, 5]", "5")                \
    X(stddev, "[1, 3, 5]", "2")           \
    X(stddev_pop, "[1, 3]", "1")          \
    X(stddev_samp, "[1, 3, 5]", "2")      \
    X(variance, "[1, 3, 5]", "4")         \
    X(var_pop, "[1, 3]", "1")             \
    X(var_samp, "[1, 3, 5]", "4")         \
    X(bool_and, "[true, false]", "false") \
    X(bool_or, "[true, false]", "true")   \
    X(bit_and, "[6, 3]", "2")             \
    X(bit_or, "[6, 3]", "7")              \
    X(bit_xor, "[6, 3]", "5")             \
    X(string_agg, "['a', 'b']", "a,b")    \
    X(histogram, "['a', 'a']", "{a=2}")   \
    X(entropy, "[1, 2]", "1")             \
    X(mad, "[1, 2, 3]", "1")              \
    X(skewness, "[1, 2, 3]", "0")         \
    X(kurtosis, "[1, 1, 3, 3]", "-6")     \
    X(approx_count_distinct, "[1, 2, 2]", "2")
#define X(name, list, result)                             \
    static weir_status bind_##name(wr_fn_bind *b)         \
    {                                                     \
        return bind_named_aggregate(b, WR_STR(#name), 1); \
    }
NAMED_AGGREGATES(X)
#undef X

/* Prepares the columns an aggregate is fed with for the list of row i: its elements, cast if the
 * aggregate wants another type, and the constants of its other arguments. */
static weir_status feed(const wr_call *call, uint32_t i, wr_aggregate_env *env, wr_eval *casts,
                        void *state, wr_arena *scratch)
{
    const wr_aggregate_call *aggregate = env->call;
    const wr_column *list = &call->args[0];
    uint32_t length = wr_list_length(list, i);
    for (uint32_t from = 0; from < length; from += WR_BATCH_ROWS) {
        uint32_t count = WR_MIN(length - from, (uint32_t)WR_BATCH_ROWS);
        wr_pick *picks = wr_new_array(scratch, wr_pick, count + 1);
        for (uint32_t k = 0; k < count; k++)
            picks[k] = wr_pick_element(list, i, from + k);
        wr_column elements;
        wr_column_pick(picks, count, list->type->child, scratch, &elements);
        wr_batch batch = {.columns = &elements, .column_count = 1, .rows = count};
        wr_column *args = wr_new_array(scratch, wr_column, aggregate->arg_count + 1);
        WR_TRY(wr_eval_run(casts, &batch, args));
        WR_TRY(aggregate->fn->update_one(env, args, NULL, count, state, scratch));
        env->position += count;
    }
    return WR_OK;
}

static weir_status aggregate_rows(wr_call *call, wr_column *out, wr_eval *casts)
{
    const wr_aggregate_call *aggregate = call->bound;
    wr_aggregate_env env = {.call = aggregate, .env = call->env, .heap = call->arena};
    wr_column *results = wr_new_array(call->arena, wr_column, call->rows + 1);
    wr_pick *picks = wr_new_array(call->arena, wr_pick, call->rows + 1);
    uint64_t *state = wr_arena_alloc(call->arena, aggregate->fn->state_size(aggregate));
    WR_ROWS(i)
    {
        WR_ARENA(scratch);
        uint8_t *states[1] = {(uint8_t *)state};
        aggregate->fn->init(aggregate, state);
        weir_status bad = feed(call, i, &env, casts, state, &scratch);
        if (!bad) {
            wr_column_init(&results[i], call->arena, out->type, out->type->phys, 1);
            results[i].rows = 1;
            bad = aggregate->fn->finish(&env, states, 1, call->arena, &results[i]);
        }
        if (bad) return wr_bad_row(call, i, bad);
        picks[i] = (wr_pick){&results[i], 0};
    }
    wr_column_pick(picks, call->rows, out->type, call->arena, out);
    return WR_OK;
}

static weir_status fn_aggregate(wr_call *call, wr_column *out)
{
    const wr_aggregate_call *aggregate = call->bound;
    wr_program *program;
    WR_TRY(wr_program_new(call->arena, aggregate->args, aggregate->arg_count, &program));
    WR_AUTO(wr_eval) *casts = NULL;
    WR_TRY(wr_eval_new(program, call->env, &casts));
    return aggregate_rows(call, out, casts);
}

/* ---- series ---- */

enum { SERIES_MAX = 100000000 };

/* Whether a series may go on; asked now and then for memory: the list doubles as it grows. */
static weir_status check_series(wr_call *call, uint32_t i, int count)
{
    if (count < SERIES_MAX)
        return count & (count - 1)
                   ? WR_OK
                   : wr_arena_admit(call->arena, (size_t)count * 3 * sizeof(int64_t));
    return wr_bad_row(
        call, i,
        wr_with_hint(wr_fail(WR_E_TOO_BIG, "the series would have more than %d values", SERIES_MAX),
                     "use generate_series in FROM, which makes rows one after the other"));
}

static weir_status fn_series(wr_call *call, wr_column *out)
{
    bool inclusive = call->expr->call.fn->name[0] == 'g';
    WR_LIST(int64_t) values = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int before = values.count;
        int64_t start = call->arg_count > 1 ? WR_ARG(call, 0, int64_t, i) : 0;
        int64_t stop = WR_ARG(call, call->arg_count > 1, int64_t, i);
        int64_t step = call->arg_count > 2 ? WR_ARG(call, 2, int64_t, i) : 1;
        if (step == 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the step of a series must not be zero"));
        for (int64_t v = start;
             inclusive ? (step > 0 ? v <= stop : v >= stop) : (step > 0 ? v < stop : v > stop);) {
            WR_TRY(check_series(call, i, values.count));
            wr_push(call->arena, &values, v);
            if (__builtin_add_overflow(v, step, &v)) break;
        }
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(values.count - before)};
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, WR_BIGINT, WR_P_I64, (uint32_t)values.count + 1);
    out->children->rows = (uint32_t)values.count;
    if (values.count)
        memcpy(out->children->data, values.items, sizeof(int64_t) * (size_t)values.count);
    return WR_OK;
}

/* Months may clamp, so every value is the start plus k steps. */
static bool step_of(wr_interval step, int64_t start, int64_t k, int64_t *out)
{
    wr_i128 months = (wr_i128)step.months * k, days = (wr_i128)step.days * k,
            usecs = (wr_i128)step.usecs * k;
    if (months != (int32_t)months || days != (int32_t)days || usecs != (int64_t)usecs) return false;
    return wr_ts_add_interval(start, (wr_interval){(int32_t)months, (int32_t)days, (int64_t)usecs},
                              out);
}
static weir_status fn_series_time(wr_call *call, wr_column *out)
{
    bool inclusive = call->expr->call.fn->name[0] == 'g';
    WR_LIST(int64_t) values = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int before = values.count;
        int64_t start = WR_ARG(call, 0, int64_t, i), stop = WR_ARG(call, 1, int64_t, i), v = start;
        wr_interval step = WR_ARG(call, 2, wr_interval, i);
        wr_i128 direction = wr_interval_order(step);
        if (direction == 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the step of a series must not be zero"));
        for (int64_t k = 1; direction > 0 ? v < stop + inclusive : v > stop - inclusive; k++) {
            WR_TRY(check_series(call, i, values.count));
            wr_push(call->arena, &values, v);
            if (!step_of(step, start, k, &v)) break;
        }
        WR_OUT(out, wr_list_slot, i) =
            (wr_list_slot){(uint32_t)before, (uint32_t)(values.count - before)};
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, out->type->child, WR_P_I64,
                   (uint32_t)values.count + 1);
    out->children->rows = (uint32_t)values.count;
    if (values.count)
        memcpy(out->children->data, values.items, sizeof(int64_t) * (size_t)values.count);
    return WR_OK;
}

/* ---- zip ---- */

static weir_status fn_zip(wr_call *call, wr_column *out)
{
    int lists = call->arg_count;
    pick_list *columns = wr_new_array(call->arena, pick_list, lists);
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ALL_ROWS(i)
    {
        uint32_t longest = 0, before = (uint32_t)columns[0].count;
        for (int a = 0; a < lists; a++)
            if (!wr_arg_is_null(call, a, i))
                longest = WR_MAX(longest, wr_list_length(&call->args[a], i));
        for (int a = 0; a < lists; a++) {
            uint32_t length = wr_arg_is_null(call, a, i) ? 0 : wr_list_length(&call->args[a], i);
            for (uint32_t k = 0; k < longest; k++)
                wr_push(call->arena, &columns[a],
                        k < length ? wr_pick_element(&call->args[a], i, k) : (wr_pick){0});
        }
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){before, longest};
    }
    wr_column *rows = out->children = wr_new(call->arena, wr_column);
    *rows = (wr_column){.type = out->type->child,
                        .form = WR_FLAT,
                        .phys = WR_P_STRUCT,
                        .rows = (uint32_t)columns[0].count};
    rows->children = wr_new_array(call->arena, wr_column, lists);
    for (int a = 0; a < lists; a++)
        wr_column_pick(columns[a].items, (uint32_t)columns[a].count, rows->type->fields[a].type,
                       call->arena, &rows->children[a]);
    return WR_OK;
}
static weir_status bind_zip(wr_fn_bind *b)
{
    wr_field *fields = wr_new_array(b->arena, wr_field, b->arg_count + 1);
    if (!b->arg_count)
        return wr_fail_at(WR_E_BAD_ARGUMENT, b->span, "list_zip() needs at least one list");
    for (int a = 0; a < b->arg_count; a++) {
        if (b->args[a]->type->id != WR_T_LIST)
            return wr_fail_at(WR_E_TYPE_MISMATCH, b->args[a]->span,
                              "list_zip() takes lists, not %s", wr_type_name(b->args[a]->type));
        fields[a] =
            (wr_field){wr_arena_printf(b->arena, "list_%d", a + 1), b->args[a]->type->child};
    }
    b->type = wr_type_list(wr_type_struct(fields, b->arg_count));
    return WR_OK;
}

/* ---- vectors ---- */

typedef struct dots {
    double ab, aa, bb, distance;
} dots;

static weir_status vector_rows(wr_call *call, wr_column *out, double (*result)(const dots *))
{
    wr_column flat[2];
    for (int a = 0; a < 2; a++)
        wr_column_flatten(&call->args[a].children[0], NULL, call->args[a].children[0].rows,
                          call->arena, &flat[a]);
    WR_ROWS(i)
    {
        wr_list_slot x = WR_ARG(call, 0, wr_list_slot, i), y = WR_ARG(call, 1, wr_list_slot, i);
        if (x.length != y.length)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "vectors of different lengths: %u and %u",
                                      x.length, y.length));
        const double *p = (const double *)flat[0].data + x.offset,
                     *q = (const double *)flat[1].data + y.offset;
        dots d = {0};
        for (uint32_t k = 0; k < x.length; k++) {
            if ((flat[0].valid && !wr_bit_get(flat[0].valid, x.offset + k)) ||
                (flat[1].valid && !wr_bit_get(flat[1].valid, y.offset + k)))
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_ARGUMENT, "a vector must not contain NULL"));
            double difference = p[k] - q[k];
            d.ab += p[k] * q[k], d.aa += p[k] * p[k], d.bb += q[k] * q[k],
                d.distance += difference * difference;
        }
        double value = result(&d);
        WR_OUT(out, double, i) = value;
        if (isnan(value)) wr_out_null(call, out, i);
    }
    return WR_OK;
}
/* A vector of length zero has no direction: NaN, which becomes NULL. */
static double cosine(const dots *d)
{
    double similarity = d->ab / sqrt(d->aa * d->bb);
    return similarity > 1 ? 1 : similarity < -1 ? -1 : similarity;
}
static double cosine_distance(const dots *d) { return 1 - cosine(d); }
static double euclid(const dots *d) { return sqrt(d->distance); }
static double inner(const dots *d) { return d->ab; }
static double negative_inner(const dots *d) { return -d->ab; }
static weir_status fn_cosine(wr_call *call, wr_column *out)
{
    return vector_rows(call, out, cosine);
}
static weir_status fn_cosine_distance(wr_call *call, wr_column *out)
{
    return vector_rows(call, out, cosine_distance);
}
static weir_status fn_distance(wr_call *call, wr_column *out)
{
    return vector_rows(call, out, euclid);
}
static weir_status fn_inner(wr_call *call, wr_column *out) { return vector_rows(call, out, inner); }
static weir_status fn_negative_inner(wr_call *call, wr_column *out)
{
    return vector_rows(call, out, negative_inner);
}

#define VECTOR(names, exec, help, example, result)                            \
    {                                                                         \
        names, "(double[], double[]) -> double", exec, help, example, result, \
            .flags = WR_FN_CAN_FAIL                                           \
    }
/* generate_series in a select list makes rows, so its examples give one. */
#define SERIES(name, help, one, one_result, two, two_result, three, three_result, lead, tail) \
    {                                                                                         \
        name,       "(stop bigint) -> bigint[]", fn_series, help, one,                        \
        one_result, .flags = WR_FN_CAN_FAIL},                                                 \
        {name,                                                                                \
         "(start bigint, stop bigint) -> bigint[]",                                           \
         fn_series,                                                                           \
         help,                                                                                \
         two,                                                                                 \
         two_result,                                                                          \
         .flags = WR_FN_CAN_FAIL},                                                            \
        {name,                                                                                \
         "(start bigint, stop bigint, step bigint) -> bigint[]",                              \
         fn_series,                                                                           \
         help,                                                                                \
         three,                                                                               \
         three_result,                                                                        \
         .flags = WR_FN_CAN_FAIL},                                                            \
        {name,                                                                                \
         "(start timestamp, stop timestamp, step interval) -> timestamp[]",                   \
         fn_series_time,                                                                      \
         help,                                                                                \
         name "(TIMESTAMP '2024-01-01', TIMESTAMP '2024-01-02', INTERVAL '1 year')",          \
         lead "2024-01-01 00:00:00" tail,                                                     \
         .flags = WR_FN_CAN_FAIL},                                                            \
    {                                                                                         \
        name, "(start timestamptz, stop timestamptz, step interval) -> timestamptz[]",        \
            fn_series_time, help,                                                             \
            name "(TIMESTAMPTZ '2024-01-01 00:00+00', TIMESTAMPTZ '2024-01-02 00:00+00', "    \
                 "INTERVAL '1 year')",                                                        \
            lead "2024-01-01 00:00:00+00" tail, .flags = WR_FN_CAN_FAIL                       \
    }

const wr_fn wr_fns_list_compute[] = {
    {"list_transform|list_apply|array_transform|array_apply|apply", "(list, lambda1) -> auto",
     fn_transform, "The lambda's result for every element.",
     "list_transform([1, 2, 3], x -> x * 10)", "[10, 20, 30]", .flags = WR_FN_CAN_FAIL,
     .bind = bind_transform},
    {"list_filter|array_filter|filter", "(list, lambda1) -> list", fn_filter,
     "The elements for which the lambda is true.", "list_filter([1, 2, 3], x -> x > 1)", "[2, 3]",
     .flags = WR_FN_CAN_FAIL, .bind = bind_filter},
    {"list_reduce|array_reduce|reduce", "(list, lambda2) -> auto", fn_reduce,
     "Combines the elements from left to right with the lambda.",
     "list_reduce([1, 2, 3], (a, b) -> a + b)", "6", .flags = WR_FN_CAN_FAIL, .bind = bind_reduce},
    {"list_reduce|array_reduce|reduce", "(list, lambda2, start any) -> auto", fn_reduce,
     "Combines a first value and the elements from left to right.",
     "list_reduce([1, 2], (a, b) -> a + b, 10)", "13", .flags = WR_FN_CAN_FAIL,
     .bind = bind_reduce},
    {"list_aggregate|list_aggr|array_aggregate|array_aggr|aggregate",
     "(list, name text, each...) -> auto", fn_aggregate, "An aggregate function over the elements.",
     "list_aggregate([1, 2, 3], 'sum')", "6", .flags = WR_FN_CAN_FAIL, .bind = bind_aggregate},
    {"list_aggregate|list_aggr|array_aggregate|array_aggr|aggregate", "(list, name text) -> auto",
     fn_aggregate, "An aggregate function over the elements.", "list_aggregate([1, 2, 3], 'max')",
     "3", .flags = WR_FN_CAN_FAIL, .bind = bind_aggregate},
#define X(name, list, result)                    \
    {"list_" #name "|array_" #name,              \
     "(list) -> auto",                           \
     fn_aggregate,                               \
     "The aggregate " #name " of the elements.", \
     "list_" #name "(" list ")",                 \
     result,                                     \
     .flags = WR_FN_CAN_FAIL,                    \
     .bind = bind_##name},
    NAMED_AGGREGATES(X)
#undef X
        SERIES("range", "Whole numbers or moments from start to before stop.", "range(3)",
               "[0, 1, 2]", "range(2, 4)", "[2, 3]", "range(5, 0, -2)", "[5, 3, 1]", "[", "]"),
    SERIES("generate_series", "Whole numbers or moments from start to stop.", "generate_series(0)",
           "0", "generate_series(3, 3)", "3", "generate_series(5, 4, -2)", "5", "", ""),
    {"list_zip|array_zip", "(each...) -> auto", fn_zip,
     "Structs of the elements that stand at the same position.", "list_zip([1, 2], ['a', 'b'])",
     "[{'list_1': 1, 'list_2': a}, {'list_1': 2, 'list_2': b}]", .flags = WR_FN_SEES_NULLS,
     .bind = bind_zip},
    VECTOR("list_cosine_similarity|array_cosine_similarity", fn_cosine,
           "Cosine of the angle of two vectors.", "list_cosine_similarity([1.0, 0.0], [1.0, 0.0])",
           "1"),
    VECTOR("<=>|list_cosine_distance|array_cosine_distance", fn_cosine_distance,
           "One minus the cosine of the angle.", "[1.0, 0.0] <=> [0.0, 1.0]", "1"),
    VECTOR("<->|list_distance|array_distance", fn_distance, "Euclidean distance of two vectors.",
           "[0.0, 0.0] <-> [3.0, 4.0]", "5"),
    VECTOR("list_inner_product|array_inner_product|list_dot_product|array_dot_product", fn_inner,
           "Inner product of two vectors.", "list_inner_product([1.0, 2.0], [3.0, 4.0])", "11"),
    VECTOR("<#>|list_negative_inner_product|array_negative_inner_product", fn_negative_inner,
           "Inner product of two vectors, negated.", "[1.0, 2.0] <#> [3.0, 4.0]", "-11"),
    {0},
};
