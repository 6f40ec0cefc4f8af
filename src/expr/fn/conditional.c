/* conditional.c - choosing between values, counting NULLs, asking for types, raising errors.
 *
 * coalesce, if, nvl2 and try are carried out by the evaluator, which computes an argument only for
 * the rows that need it; their rows here say which way. Results of the others are put together by
 * picking single values from the arguments (pick.h), which works for every type; fixed-width types
 * are copied directly. */
#include "expr/fn/call.h"
#include "expr/fn/pick.h"

/* Takes value (argument choice[i], row i) for every selected row; choice < 0 gives NULL. */
static void choose(wr_call *call, const int16_t *choice, wr_column *out)
{
    size_t size = wr_phys_size(out->type->phys);
    if (!wr_type_is_nested(out->type)) {
        WR_ALL_ROWS(i)
        {
            int a = choice[i];
            char *to = (char *)out->data + size * i;
            if (a < 0 || wr_arg_is_null(call, a, i)) {
                memset(to, 0, size);
                wr_out_null(call, out, i);
            } else {
                memcpy(to, (const char *)call->args[a].data + size * i, size);
            }
        }
        return;
    }
    wr_pick *picks = wr_new_array(call->arena, wr_pick, call->rows + 1);
    WR_ALL_ROWS(i)
    {
        if (choice[i] >= 0) picks[i] = (wr_pick){&call->args[choice[i]], i};
    }
    wr_column_pick(picks, call->rows, out->type, call->arena, out);
}

/* What stands in for the exec of functions that the evaluator carries out. */
static weir_status fn_lazy(wr_call *call, wr_column *out)
{
    (void)out;
    return wr_fail(WR_E_INTERNAL, "%s was called with computed arguments",
                   call->expr->call.fn->name);
}

static weir_status bind_some(wr_fn_bind *b)
{
    if (b->arg_count > 0) return WR_OK;
    return wr_fail_at(WR_E_UNKNOWN_FUNCTION, b->span, "an argument is needed");
}
static weir_status bind_few(wr_fn_bind *b)
{
    WR_TRY(bind_some(b));
    if (b->arg_count <= INT16_MAX) return WR_OK;
    return wr_fail_at(WR_E_TOO_BIG, b->span, "more than %d arguments", INT16_MAX);
}

static weir_status fn_nullif(wr_call *call, wr_column *out)
{
    int16_t *choice = wr_new_array(call->arena, int16_t, call->rows + 1);
    WR_ALL_ROWS(i)
    {
        bool equal = !wr_arg_is_null(call, 0, i) && !wr_arg_is_null(call, 1, i) &&
                     wr_column_cmp(&call->args[0], i, &call->args[1], i) == 0;
        choice[i] = equal ? -1 : 0;
    }
    choose(call, choice, out);
    return WR_OK;
}

static weir_status bind_nvl2(wr_fn_bind *b)
{
    b->args[0] = wr_expr_is_null(b->arena, b->args[0], true);
    return WR_OK;
}

/* Greatest or least of those present; NULL only if all are. */
static weir_status choose_extreme(wr_call *call, wr_column *out, int sign)
{
    int16_t *choice = wr_new_array(call->arena, int16_t, call->rows + 1);
    WR_ALL_ROWS(i)
    {
        int best = -1;
        for (int a = 0; a < call->arg_count; a++) {
            if (wr_arg_is_null(call, a, i)) continue;
            if (best < 0 || wr_column_cmp(&call->args[a], i, &call->args[best], i) * sign > 0)
                best = a;
        }
        choice[i] = (int16_t)best;
    }
    choose(call, choice, out);
    return WR_OK;
}
static weir_status fn_greatest(wr_call *call, wr_column *out)
{
    return choose_extreme(call, out, 1);
}
static weir_status fn_least(wr_call *call, wr_column *out) { return choose_extreme(call, out, -1); }

static weir_status count_nulls(wr_call *call, wr_column *out, bool want_null)
{
    WR_ALL_ROWS(i)
    {
        int32_t found = 0;
        for (int a = 0; a < call->arg_count; a++)
            found += wr_column_is_null(&call->args[a], i) == want_null;
        WR_OUT(out, int32_t, i) = found;
    }
    return WR_OK;
}
static weir_status fn_num_nulls(wr_call *call, wr_column *out)
{
    return count_nulls(call, out, true);
}
static weir_status fn_num_nonnulls(wr_call *call, wr_column *out)
{
    return count_nulls(call, out, false);
}

static weir_status fn_error(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str text = wr_arg_str(call, 0, i);
        return wr_bad_row(call, i, wr_fail(WR_E_RAISED, "%.*s", WR_STR_ARGS(text)));
    }
    return WR_OK;
}

/* Names as PostgreSQL's format_type gives them. */
static wr_str postgres_name(wr_arena *arena, const wr_type *type)
{
    switch (type->id) {
    case WR_T_LIST:
    case WR_T_ARRAY: {
        wr_str element = postgres_name(arena, type->child); /* [][] is [] there */
        if (wr_str_has_suffix(element, WR_STR("[]"))) return element;
        return wr_arena_printf(arena, "%.*s[]", WR_STR_ARGS(element));
    }
    case WR_T_NULL:
        return WR_STR("unknown");
    case WR_T_BOOLEAN:
        return WR_STR("boolean");
    case WR_T_SMALLINT:
        return WR_STR("smallint");
    case WR_T_INTEGER:
        return WR_STR("integer");
    case WR_T_BIGINT:
        return WR_STR("bigint");
    case WR_T_REAL:
        return WR_STR("real");
    case WR_T_DOUBLE:
        return WR_STR("double precision");
    case WR_T_DECIMAL:
        return WR_STR("numeric");
    case WR_T_VARCHAR:
        return WR_STR("text");
    case WR_T_JSON:
        return WR_STR("json");
    case WR_T_BLOB:
        return WR_STR("bytea");
    case WR_T_UUID:
        return WR_STR("uuid");
    case WR_T_DATE:
        return WR_STR("date");
    case WR_T_TIME:
        return WR_STR("time without time zone");
    case WR_T_TIMESTAMP:
        return WR_STR("timestamp without time zone");
    case WR_T_TIMESTAMPTZ:
        return WR_STR("timestamp with time zone");
    case WR_T_INTERVAL:
        return WR_STR("interval");
    default:
        return type->sql;
    }
}

static weir_status fn_typeof(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { wr_out_str(out, i, call->expr->args[0]->type->sql); }
    return WR_OK;
}
static weir_status fn_pg_typeof(wr_call *call, wr_column *out)
{
    wr_str name = postgres_name(call->arena, call->expr->args[0]->type);
    WR_ALL_ROWS(i) { wr_out_str(out, i, name); }
    return WR_OK;
}

const wr_fn wr_fns_conditional[] = {
    {"coalesce", "(any...) -> any", fn_lazy,
     "First argument that is not NULL; those behind it are not computed.", "coalesce(NULL, 2, 1/0)",
     "2", .flags = WR_FN_SEES_NULLS | WR_FN_FIRST_KNOWN, .bind = bind_some},
    {"ifnull|nvl", "(any, any) -> any", fn_lazy, "The first argument, or the second if it is NULL.",
     "ifnull(NULL, 'none')", "none", .flags = WR_FN_SEES_NULLS | WR_FN_FIRST_KNOWN},
    {"try", "(any) -> any", fn_lazy,
     "The argument, or NULL where computing it fails for the sake of a value.", "try(1/0)", "NULL",
     .flags = WR_FN_SEES_NULLS | WR_FN_CATCHES},
    {"nullif", "(any, any) -> any", fn_nullif, "NULL if both arguments are equal, else the first.",
     "nullif(5, 0)", "5", .flags = WR_FN_SEES_NULLS},
    {"if|iff", "(condition boolean, any, any) -> any", fn_lazy,
     "The second argument if the condition is true, else the third.", "if(2 > 1, 'yes', 'no')",
     "yes", .flags = WR_FN_SEES_NULLS | WR_FN_CHOOSES},
    {"if|iff", "(condition boolean, any) -> any", fn_lazy,
     "The second argument if the condition is true, else NULL.", "if(2 > 1, 'yes')", "yes",
     .flags = WR_FN_SEES_NULLS | WR_FN_CHOOSES},
    {"nvl2", "(any2, any, any) -> any", fn_lazy,
     "The second argument if the first is not NULL, else the third.", "nvl2(1, 'known', 'unknown')",
     "known", .flags = WR_FN_SEES_NULLS | WR_FN_CHOOSES, .bind = bind_nvl2},
    {"greatest", "(any...) -> any", fn_greatest, "Greatest of the arguments, ignoring NULLs.",
     "greatest(3, 7, NULL)", "7", .flags = WR_FN_SEES_NULLS, .bind = bind_few},
    {"least", "(any...) -> any", fn_least, "Least of the arguments, ignoring NULLs.",
     "least('b', 'a', 'c')", "a", .flags = WR_FN_SEES_NULLS, .bind = bind_few},
    {"num_nulls", "(each...) -> integer", fn_num_nulls, "How many of the arguments are NULL.",
     "num_nulls(1, NULL, 'a', NULL)", "2", .flags = WR_FN_SEES_NULLS},
    {"num_nonnulls", "(each...) -> integer", fn_num_nonnulls,
     "How many of the arguments are not NULL.", "num_nonnulls(1, NULL, 'a')", "2",
     .flags = WR_FN_SEES_NULLS},
    {"error", "(message text) -> text", fn_error, "Fails with the message; NULL does nothing.",
     "CASE WHEN 1 > 2 THEN error('impossible') ELSE 'fine' END", "fine",
     .flags = WR_FN_CAN_FAIL | WR_FN_VOLATILE},
    {"typeof", "(each) -> text", fn_typeof, "Name of the argument's type.", "typeof(1.50)",
     "DECIMAL(3,2)", .flags = WR_FN_SEES_NULLS},
    {"pg_typeof", "(each) -> text", fn_pg_typeof,
     "Name of the argument's type as PostgreSQL spells it.", "pg_typeof(1::double)",
     "double precision", .flags = WR_FN_SEES_NULLS},
    {0},
};
