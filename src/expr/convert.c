/* convert.c - which type becomes which without being asked, and binding of casts and comparisons.
 *
 * The implicit conversions form a small lattice (integers widen; integer -> decimal -> double; date
 * -> timestamp -> timestamptz); its distances are the costs overload resolution adds up. Bare
 * string literals and NULLs are untyped: they take whatever type the context wants and are read at
 * once, so that mistakes in them are found before a row is touched. Comparisons fold their constant
 * side and take casts off columns where that changes nothing: a scan can only use a filter on the
 * column itself. */
#include "expr/cast.h"

/* Digits an integer type may need as a decimal. The 39th of HUGEINT fits no decimal. */
static int integer_digits(const wr_type *t)
{
    int digits = wr_type_integer_digits(t);
    return digits ? digits : 38;
}

/* ---- costs ---- */

/* Signed 2, 4, 6, 8, 10 by width; unsigned one above the signed type of the same width. */
static int integer_rank(const wr_type *t)
{
    switch (t->id) {
    case WR_T_TINYINT:
        return 2;
    case WR_T_UTINYINT:
        return 3;
    case WR_T_SMALLINT:
        return 4;
    case WR_T_USMALLINT:
        return 5;
    case WR_T_INTEGER:
        return 6;
    case WR_T_UINTEGER:
        return 7;
    case WR_T_BIGINT:
        return 8;
    case WR_T_UBIGINT:
        return 9;
    default:
        return 10;
    }
}

static int integer_cost(const wr_type *from, const wr_type *to)
{
    int a = integer_rank(from), b = integer_rank(to);
    bool fits = b > a && (!wr_type_is_unsigned(to) || wr_type_is_unsigned(from));
    return fits ? b - a : -1;
}

static int numeric_cost(const wr_type *from, const wr_type *to)
{
    if (wr_type_is_integer(from)) {
        if (wr_type_is_integer(to)) return integer_cost(from, to);
        return to->id == WR_T_DECIMAL ? 10 : to->id == WR_T_DOUBLE ? 12 : 13;
    }
    if (from->id == WR_T_DECIMAL) {
        if (to->id == WR_T_DECIMAL) return 1;
        return to->id == WR_T_DOUBLE ? 4 : to->id == WR_T_REAL ? 5 : -1;
    }
    return from->id == WR_T_REAL && to->id == WR_T_DOUBLE ? 1 : -1;
}

/* DATE, the timestamps from coarse to fine, TIMESTAMPTZ. 0 for others. */
static int moment_rank(const wr_type *t)
{
    switch (t->id) {
    case WR_T_DATE:
        return 1;
    case WR_T_TIMESTAMP_S:
        return 2;
    case WR_T_TIMESTAMP_MS:
        return 3;
    case WR_T_TIMESTAMP:
        return 4;
    case WR_T_TIMESTAMPTZ:
        return 5;
    default:
        return 0;
    }
}

static int moment_cost(const wr_type *from, const wr_type *to)
{
    if (from->id == WR_T_TIMESTAMP_NS)
        return to->id == WR_T_TIMESTAMP ? 1 : to->id == WR_T_TIMESTAMPTZ ? 2 : -1;
    if (to->id == WR_T_TIMESTAMP_NS)
        return moment_rank(from) && from->id != WR_T_TIMESTAMPTZ ? 6 : -1;
    int a = moment_rank(from), b = moment_rank(to);
    if (!a || !b || b < a) return -1;
    if (from->id == WR_T_DATE) return to->id == WR_T_TIMESTAMP ? 1 : b;
    return b - a;
}

static int nested_cost(const wr_type *from, const wr_type *to)
{
    bool is_run = (from->id == WR_T_LIST || from->id == WR_T_ARRAY) && to->id == WR_T_LIST;
    if (from->id == WR_T_ARRAY && to->id == WR_T_ARRAY)
        is_run = from->array_length == to->array_length;
    if (is_run || (from->id == WR_T_MAP && to->id == WR_T_MAP)) {
        int cost = wr_cast_implicit_cost(from->child, to->child);
        return cost < 0 ? -1 : cost + (from->id != to->id);
    }
    if (from->id != WR_T_STRUCT || to->id != WR_T_STRUCT || from->field_count != to->field_count)
        return -1;
    int total = 0;
    for (int i = 0; i < from->field_count; i++) {
        int cost = wr_cast_implicit_cost(from->fields[i].type, to->fields[i].type);
        if (cost < 0) return -1;
        total += cost;
    }
    return total;
}

int wr_cast_implicit_cost(const wr_type *from, const wr_type *to)
{
    if (from == to) return 0;
    if (from->id == WR_T_NULL) return 1;
    if (wr_type_is_numeric(from) && wr_type_is_numeric(to)) return numeric_cost(from, to);
    if (wr_type_is_moment(from) && wr_type_is_moment(to)) return moment_cost(from, to);
    if (wr_type_is_text(from) && to->id == WR_T_VARCHAR) return 1;
    if (wr_type_is_nested(from) && wr_type_is_nested(to)) return nested_cost(from, to);
    return -1;
}

/* ---- common types ---- */

static const wr_type *common_decimal(int whole_a, int scale_a, int whole_b, int scale_b)
{
    int whole = WR_MAX(whole_a, whole_b), scale = WR_MAX(scale_a, scale_b);
    if (whole + scale > 38) scale = WR_MAX(38 - whole, 0);
    return wr_type_decimal(WR_MAX(WR_MIN(whole + scale, 38), 1), scale);
}

static int whole_digits(const wr_type *t)
{
    return t->id == WR_T_DECIMAL ? t->precision - t->scale : integer_digits(t);
}

static const wr_type *common_number(const wr_type *a, const wr_type *b)
{
    if (wr_type_is_float(a) || wr_type_is_float(b)) {
        if (a->id == WR_T_REAL && b->id == WR_T_REAL) return a;
        return WR_DOUBLE;
    }
    if (a->id == WR_T_DECIMAL || b->id == WR_T_DECIMAL)
        return common_decimal(whole_digits(a), a->scale, whole_digits(b), b->scale);
    if (integer_cost(a, b) >= 0) return b;
    if (integer_cost(b, a) >= 0) return a;
    static const wr_type_id signed_above[] = {
        [3] = WR_T_SMALLINT, [5] = WR_T_INTEGER, [7] = WR_T_BIGINT, [9] = WR_T_HUGEINT};
    return wr_type_of(signed_above[integer_rank(wr_type_is_unsigned(a) ? a : b)]);
}

static const wr_type *common_nested(const wr_type *a, const wr_type *b)
{
    if (a->id == WR_T_STRUCT && b->id == WR_T_STRUCT && a->field_count == b->field_count) {
        WR_ARENA(scratch);
        wr_field *fields = wr_new_array(&scratch, wr_field, a->field_count + 1);
        for (int i = 0; i < a->field_count; i++) {
            fields[i].name = a->fields[i].name;
            fields[i].type = wr_type_common(a->fields[i].type, b->fields[i].type);
            if (!fields[i].type) return NULL;
        }
        return wr_type_struct(fields, a->field_count);
    }
    if (!a->child || !b->child) return NULL;
    const wr_type *child = wr_type_common(a->child, b->child);
    if (!child || (a->id == WR_T_MAP) != (b->id == WR_T_MAP)) return NULL;
    if (a->id == WR_T_MAP) return wr_type_map(child->fields[0].type, child->fields[1].type);
    if (a->id == WR_T_ARRAY && b->id == WR_T_ARRAY && a->array_length == b->array_length)
        return wr_type_array(child, a->array_length);
    return wr_type_list(child);
}

const wr_type *wr_type_common(const wr_type *a, const wr_type *b)
{
    if (a == b) return a;
    if (a->id == WR_T_NULL) return b;
    if (b->id == WR_T_NULL) return a;
    if (wr_type_is_numeric(a) && wr_type_is_numeric(b)) return common_number(a, b);
    if (wr_type_is_text(a) && wr_type_is_text(b)) return WR_VARCHAR;
    if (wr_type_is_nested(a) && wr_type_is_nested(b)) return common_nested(a, b);
    if (wr_cast_implicit_cost(a, b) >= 0) return b;
    if (wr_cast_implicit_cost(b, a) >= 0) return a;
    return NULL;
}

/* A whole-number constant needs only the digits it has. */
static const wr_type *type_beside(const wr_expr *e, const wr_type *other)
{
    bool is_number = e->kind == WR_X_CONST && !e->value.is_null && wr_type_is_integer(e->type);
    if (!is_number || !other || other->id != WR_T_DECIMAL) return e->type;
    return wr_type_decimal(WR_MIN(wr_i128_digits(wr_value_as_i128(&e->value)), 38), 0);
}

weir_status wr_bind_common_type(wr_expr **args, int count, const char *what, const wr_type **out)
{
    const wr_type *type = NULL;
    bool has_text = false;
    for (int i = 0; i < count; i++)
        if (!args[i]->is_untyped && args[i]->type->id == WR_T_DECIMAL) type = args[i]->type;
    for (int i = 0; i < count; i++) {
        const wr_expr *e = args[i];
        if (e->is_untyped) {
            has_text |= e->kind == WR_X_CONST ? !e->value.is_null : e->type->id != WR_T_NULL;
            continue;
        }
        const wr_type *next = type_beside(e, type);
        const wr_type *both = type ? wr_type_common(type, next) : next;
        if (!both)
            return wr_with_hint(wr_fail_at(WR_E_TYPE_MISMATCH, e->span,
                                           "%s: %s and %s have no common type", what,
                                           wr_type_name(type), wr_type_name(e->type)),
                                "cast one of them");
        type = both;
    }
    if (!type || (type->id == WR_T_NULL && has_text)) type = has_text ? WR_VARCHAR : WR_NULLTYPE;
    *out = type;
    return WR_OK;
}

/* ---- casts ---- */

/* What numeric without precision means for a value of another type. */
static const wr_type *exact_decimal_for(const wr_expr *arg)
{
    const wr_type *from = arg->type;
    if (from->id == WR_T_DECIMAL) return from;
    if (wr_type_is_integer(from)) return wr_type_decimal(integer_digits(from), 0);
    wr_str text = arg->kind == WR_X_CONST && !arg->value.is_null && from->id == WR_T_VARCHAR
                      ? wr_str_trim(arg->value.text)
                      : (wr_str){NULL, 0};
    ptrdiff_t dot = text.data ? wr_str_find(text, WR_STR(".")) : -1;
    wr_i128 value;
    size_t scale = dot < 0 ? 0 : text.length - (size_t)dot - 1;
    if (text.data && !memchr(text.data, 'e', text.length) && !memchr(text.data, 'E', text.length) &&
        scale <= 38 && wr_decimal_read(text, 38, (int)scale, &value, NULL))
        return wr_type_decimal(WR_MAX(wr_i128_digits(value), (int)WR_MAX(scale, 1)), (int)scale);
    return wr_type_of(WR_T_DECIMAL);
}

/* The same for lists: every plain DECIMAL in the type becomes what holds the values exactly. */
static const wr_type *exact_list_for(const wr_type *from, const wr_type *type)
{
    if (type == wr_type_of(WR_T_DECIMAL)) {
        if (from->id == WR_T_DECIMAL) return from;
        return wr_type_is_integer(from) ? wr_type_decimal(integer_digits(from), 0) : type;
    }
    if (type->id != WR_T_LIST || from->id != WR_T_LIST) return type;
    return wr_type_list(exact_list_for(from->child, type->child));
}

/* Types whose reading depends on the session's time zone. */
static bool depends_on_zone(const wr_type *t)
{
    if (t->id == WR_T_TIMESTAMPTZ) return true;
    if (t->child) return depends_on_zone(t->child);
    for (int i = 0; i < t->field_count; i++)
        if (depends_on_zone(t->fields[i].type)) return true;
    return false;
}

static weir_status cast_const(wr_arena *arena, wr_expr *arg, const wr_type *type, bool is_try,
                              wr_span span, wr_expr **out)
{
    wr_value value = wr_value_null(type);
    if (!arg->value.is_null) {
        weir_status bad = wr_cast_value(arena, NULL, &arg->value, type, is_try, &value);
        if (bad) return wr_with_span(bad, arg->span.length ? arg->span : span);
    }
    *out = wr_expr_const(arena, value);
    (*out)->span = span.length ? span : arg->span;
    return WR_OK;
}

static weir_status no_cast(const wr_expr *arg, const wr_type *type, wr_span span)
{
    return wr_fail_at(WR_E_TYPE_MISMATCH, span.length ? span : arg->span, "cannot convert %s to %s",
                      wr_type_name(arg->type), wr_type_name(type));
}

weir_status wr_bind_cast(wr_arena *arena, wr_expr *arg, const wr_type *type, bool is_try,
                         wr_span span, wr_expr **out)
{
    if (type == wr_type_of(WR_T_DECIMAL)) type = exact_decimal_for(arg);
    if (type->id == WR_T_LIST) type = exact_list_for(arg->type, type);
    if (arg->type == type && !arg->is_untyped) {
        *out = arg;
        return WR_OK;
    }
    if (!wr_cast_exists(arg->type, type)) return no_cast(arg, type, span);
    if (arg->kind == WR_X_CONST &&
        (arg->value.is_null || !(depends_on_zone(type) || depends_on_zone(arg->type))))
        return cast_const(arena, arg, type, is_try, span, out);
    *out = wr_expr_raw_cast(arena, arg, type, is_try);
    if (*out != arg && span.length) (*out)->span = span;
    return WR_OK;
}

weir_status wr_bind_coerce(wr_arena *arena, wr_expr *arg, const wr_type *type, const char *what,
                           wr_expr **out)
{
    if (arg->type == type && !arg->is_untyped) {
        *out = arg;
        return WR_OK;
    }
    bool is_allowed = arg->is_untyped ? wr_cast_exists(arg->type, type)
                                      : wr_cast_implicit_cost(arg->type, type) >= 0;
    if (!is_allowed) {
        weir_status bad = wr_fail_at(WR_E_TYPE_MISMATCH, arg->span, "%s must be %s, not %s", what,
                                     wr_type_name(type), wr_type_name(arg->type));
        if (type->id == WR_T_BOOLEAN)
            return wr_with_hint(bad, "compare it with something, such as %s",
                                wr_type_is_text(arg->type) ? "= 'a'" : "<> 0");
        return wr_with_hint(bad, "write CAST(... AS %s)", wr_type_name(type));
    }
    if (arg->kind == WR_X_CONST &&
        (arg->value.is_null || !(depends_on_zone(type) || depends_on_zone(arg->type))))
        return cast_const(arena, arg, type, false, arg->span, out);
    *out = wr_expr_raw_cast(arena, arg, type, false);
    return WR_OK;
}

/* ---- comparisons ---- */

static bool find_stable(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_CALL && (e->call.fn->flags & (WR_FN_STABLE | WR_FN_VOLATILE)))
        *(bool *)arg = true;
    if (e->kind == WR_X_CAST && (depends_on_zone(e->type) || depends_on_zone(e->args[0]->type)))
        *(bool *)arg = true;
    return !*(bool *)arg;
}

/* Replaces a constant expression by its value when that needs no session and does not fail. */
static wr_expr *folded(wr_arena *arena, wr_expr *e)
{
    bool needs_session = false;
    if (e->kind == WR_X_CONST || !wr_expr_is_const(e)) return e;
    wr_expr_walk(e, find_stable, &needs_session);
    if (needs_session) return e;
    static const wr_env no_session = {.zone = NULL};
    wr_value value;
    weir_status bad = wr_expr_fold(arena, &no_session, e, &value);
    wr_status_drop(bad);
    if (bad) return e;
    wr_expr *constant = wr_expr_const(arena, value);
    constant->span = e->span;
    return constant;
}

/* date op timestamp constant -> date op date constant, where there is an equal comparison. */
static wr_expr *compare_as_dates(wr_arena *arena, wr_compare_op op, wr_expr *date,
                                 const wr_expr *moment)
{
    int64_t us = moment->value.i64;
    if (moment->value.is_null || us == WR_TS_INF || us == WR_TS_NEG_INF) return NULL;
    int64_t day = us / WR_USECS_PER_DAY - (us % WR_USECS_PER_DAY < 0);
    if (day >= INT32_MAX || day <= -INT32_MAX) return NULL;
    if (us != day * WR_USECS_PER_DAY) {
        if (op == WR_LT || op == WR_LE)
            op = WR_LE;
        else if (op == WR_GT || op == WR_GE)
            op = WR_GT;
        else
            return NULL;
    }
    wr_expr *constant = wr_expr_const(arena, wr_value_int(wr_type_of(WR_T_DATE), day));
    constant->span = moment->span;
    return wr_expr_compare(arena, op, date, constant);
}

weir_status wr_bind_compare(wr_arena *arena, wr_compare_op op, wr_expr *left, wr_expr *right,
                            wr_span span, wr_expr **out)
{
    wr_expr *sides[2] = {folded(arena, left), folded(arena, right)};
    sides[0]->is_untyped = left->is_untyped;
    sides[1]->is_untyped = right->is_untyped;
    if (sides[0]->kind == WR_X_CONST && sides[1]->kind != WR_X_CONST) {
        wr_expr *swap = sides[0];
        sides[0] = sides[1], sides[1] = swap;
        op = wr_compare_mirrored(op);
    }
    if (sides[0]->type->id == WR_T_DATE && sides[1]->type->id == WR_T_TIMESTAMP &&
        sides[1]->kind == WR_X_CONST) {
        *out = compare_as_dates(arena, op, sides[0], sides[1]);
        if (*out) (*out)->span = span;
        if (*out) return WR_OK;
    }
    for (int i = 0; i < 2; i++) /* a time of day is the interval since midnight */
        if (sides[i]->type->id == WR_T_TIME && sides[1 - i]->type->id == WR_T_INTERVAL)
            WR_TRY(wr_bind_cast(arena, sides[i], sides[1 - i]->type, false, span, &sides[i]));
    const wr_type *type;
    weir_status bad = wr_bind_common_type(sides, 2, "comparison", &type);
    if (bad) {
        wr_status_drop(bad);
        bad = wr_fail_at(WR_E_TYPE_MISMATCH, span, "cannot compare %s with %s",
                         wr_type_name(left->type), wr_type_name(right->type));
        bool left_is_text = wr_type_is_text(left->type);
        return wr_with_hint(bad, "cast one side, for example CAST(... AS %s)",
                            wr_type_name(left_is_text ? right->type : left->type));
    }
    for (int i = 0; i < 2; i++)
        WR_TRY(wr_bind_coerce(arena, sides[i], type, "the compared value", &sides[i]));
    *out = wr_expr_compare(arena, op, sides[0], sides[1]);
    (*out)->span = span;
    return WR_OK;
}
