/* bind_literal.c - values that stand in the text: numbers, texts, intervals, typed literals; and
 * parameters.
 *
 * Whole numbers take the narrowest of INTEGER, BIGINT and HUGEINT, numbers with a point are DECIMAL
 * as long as their digits fit. A sign belongs to the number: the smallest integer has no positive
 * counterpart. Texts and NULL stay untyped until a context wants a type. */
#include "plan/bind.h"

/* ---- parameters ---- */
void wr_param_adopt(wr_scope *scope, wr_expr *e, const wr_type *type)
{
    if (e->kind != WR_X_PARAM || !e->is_untyped || type->id == WR_T_NULL) return;
    e->type = type;
    e->is_untyped = false;
    wr_planner *planner = scope->planner;
    if (e->param <= planner->param_cap && !planner->param_types[e->param - 1])
        planner->param_types[e->param - 1] = type;
}

weir_status wr_bind_param(wr_scope *scope, const wr_sql_param *param, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    if (!param->index)
        return wr_fail_at(WR_E_PARAMETER_VALUE, param->node.span, "no value for parameter :%.*s",
                          WR_STR_ARGS(param->name));
    if (param->index > planner->param_cap) {
        int cap = param->index + 8;
        const wr_type **types = wr_new_array(planner->arena, const wr_type *, cap);
        for (int i = 0; i < planner->param_cap; i++)
            types[i] = planner->param_types[i];
        planner->param_types = types;
        planner->param_cap = cap;
    }
    if (planner->params) {
        if (param->index > planner->param_count && param->name.length)
            return wr_fail_at(WR_E_PARAMETER_VALUE, param->node.span,
                              "no value for parameter \"%.*s\"", WR_STR_ARGS(param->name));
        if (param->index > planner->param_count)
            return wr_fail_at(WR_E_PARAMETER_VALUE, param->node.span,
                              "no value for parameter $%d: %d %s given", param->index,
                              planner->param_count, planner->param_count == 1 ? "was" : "were");
        const wr_value *value = &planner->params[param->index - 1];
        *out = wr_expr_const(planner->arena, *value);
        (*out)->span = param->node.span;
        (*out)->is_untyped = value->type->id == WR_T_VARCHAR || value->type->id == WR_T_NULL;
        planner->param_types[param->index - 1] = value->type;
        return WR_OK;
    }
    /* Only checked, not run: the statement is bound again when its values are known. */
    planner->param_count = WR_MAX(planner->param_count, param->index);
    *out = wr_expr_const(planner->arena, wr_value_null(WR_NULLTYPE));
    (*out)->is_untyped = true;
    (*out)->span = param->node.span;
    return WR_OK;
}

/* ---- literals ---- */
static weir_status integer_literal(wr_arena *arena, wr_str text, bool negative, wr_span span,
                                   wr_expr **out)
{
    WR_BUF(digits);
    if (negative) wr_buf_add_char(&digits, '-');
    wr_buf_add_str(&digits, text);
    wr_i128 value;
    bool overflow;
    if (!wr_i128_read(wr_buf_str(&digits), &value, &overflow)) {
        double approximate;
        if (!wr_f64_read(wr_buf_str(&digits), &approximate))
            return wr_fail_at(WR_E_OUT_OF_RANGE, span, "the number %.*s is too long",
                              WR_STR_ARGS(text));
        *out = wr_expr_const(arena, wr_value_f64(approximate));
        return WR_OK;
    }
    const wr_type *type = value >= INT32_MIN && value <= INT32_MAX   ? WR_INTEGER
                          : value >= INT64_MIN && value <= INT64_MAX ? WR_BIGINT
                                                                     : WR_HUGEINT;
    *out = wr_expr_const(arena, wr_value_i128(type, value));
    return WR_OK;
}

static weir_status decimal_literal(wr_arena *arena, wr_str text, bool negative, wr_span span,
                                   wr_expr **out)
{
    WR_BUF(number);
    if (negative) wr_buf_add_char(&number, '-');
    wr_buf_add_str(&number, text);
    const char *point = memchr(text.data, '.', text.length);
    size_t whole = point ? (size_t)(point - text.data) : text.length;
    size_t scale = point ? text.length - whole - 1 : 0;
    size_t leading = 0;
    while (leading < whole && text.data[leading] == '0')
        leading++;
    size_t precision = whole - leading + scale;
    wr_i128 value;
    bool overflow;
    if (precision == 0) precision = 1;
    if (precision <= WR_DECIMAL_DIGITS_MAX &&
        wr_decimal_read(wr_buf_str(&number), (int)precision, (int)scale, &value, &overflow)) {
        *out =
            wr_expr_const(arena, wr_value_i128(wr_type_decimal((int)precision, (int)scale), value));
        return WR_OK;
    }
    double approximate;
    if (!wr_f64_read(wr_buf_str(&number), &approximate))
        return wr_fail_at(WR_E_BAD_VALUE, span, "cannot read %.*s as a number", WR_STR_ARGS(text));
    *out = wr_expr_const(arena, wr_value_f64(approximate));
    return WR_OK;
}

static weir_status hex_literal(wr_arena *arena, wr_str digits, wr_span span, wr_expr **out)
{
    if (digits.length % 2)
        return wr_fail_at(WR_E_BAD_VALUE, span, "x'...' needs an even number of digits");
    char *bytes = wr_arena_alloc(arena, digits.length / 2 + 1);
    for (size_t i = 0; i < digits.length; i++) {
        char c = digits.data[i];
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (v < 0)
            return wr_fail_at(WR_E_BAD_VALUE, span, "x'...' holds a character that is no digit");
        bytes[i / 2] = (char)(bytes[i / 2] << 4 | v);
    }
    wr_value value = wr_value_text((wr_str){bytes, digits.length / 2});
    value.type = wr_type_of(WR_T_BLOB);
    *out = wr_expr_const(arena, value);
    return WR_OK;
}

weir_status wr_bind_literal(wr_scope *scope, const wr_sql_literal *literal, bool negative,
                            wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_span span = literal->node.span;
    switch (literal->literal) {
    case WR_LIT_NULL:
        *out = wr_expr_const(arena, wr_value_null(WR_NULLTYPE));
        (*out)->is_untyped = true;
        break;
    case WR_LIT_TRUE:
    case WR_LIT_FALSE:
        *out = wr_expr_bool(arena, literal->literal == WR_LIT_TRUE);
        break;
    case WR_LIT_INTEGER:
        WR_TRY(integer_literal(arena, literal->text, negative, span, out));
        break;
    case WR_LIT_DECIMAL:
        WR_TRY(decimal_literal(arena, literal->text, negative, span, out));
        break;
    case WR_LIT_FLOAT: {
        double value;
        if (!wr_f64_read(literal->text, &value))
            return wr_fail_at(WR_E_BAD_VALUE, span, "cannot read %.*s as a number",
                              WR_STR_ARGS(literal->text));
        *out = wr_expr_const(arena, wr_value_f64(negative ? -value : value));
        break;
    }
    case WR_LIT_STRING:
        *out = wr_expr_const(arena, wr_value_text(literal->text));
        (*out)->is_untyped = true;
        break;
    case WR_LIT_HEX:
        WR_TRY(hex_literal(arena, literal->text, span, out));
        break;
    case WR_LIT_BITS:
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, span, "bit strings b'...' are not supported"),
            "bytes are x'...', bits of whole numbers have the operators & | # ~ << >>");
    }
    (*out)->span = span;
    return WR_OK;
}

weir_status wr_bind_cut_text(wr_scope *scope, const wr_node *type_node, wr_expr *e, wr_span span,
                             wr_expr **out)
{
    wr_text_length length;
    *out = e;
    WR_TRY(wr_bind_text_length(scope->planner, type_node, &length));
    if (!length.characters) return WR_OK;
    wr_arena *arena = scope->planner->arena;
    wr_expr *args[2] = {e, wr_expr_const(arena, wr_value_int(WR_BIGINT, length.characters))};
    WR_TRY(wr_bind_by_name(scope, "left", args, 2, span, out));
    if (!length.cuts_blanks) return WR_OK;
    args[0] = *out;
    args[1] = wr_expr_const(arena, wr_value_text(WR_STR(" ")));
    return wr_bind_by_name(scope, "rtrim", args, 2, span, out);
}

weir_status wr_bind_typed_literal(wr_scope *scope, const wr_sql_typed_literal *literal,
                                  wr_expr **out)
{
    const wr_type *type;
    WR_TRY(wr_bind_type(scope->planner, literal->type, &type));
    wr_expr *text = wr_expr_const(scope->planner->arena, wr_value_text(literal->text));
    text->is_untyped = true;
    text->span = literal->node.span;
    WR_TRY(wr_bind_cast(scope->planner->arena, text, type, false, literal->node.span, out));
    return wr_bind_cut_text(scope, literal->type, *out, literal->node.span, out);
}

static const char *const unit_names[] = {"",        "year",   "month",       "day",         "hour",
                                         "minute",  "second", "millisecond", "microsecond", "week",
                                         "quarter", "decade", "century",     "millennium"};

static weir_status interval_from_text(wr_scope *scope, wr_str text, wr_span span, wr_expr **out)
{
    wr_expr *e = wr_expr_const(scope->planner->arena, wr_value_text(text));
    e->is_untyped = true;
    e->span = span;
    return wr_bind_cast(scope->planner->arena, e, wr_type_of(WR_T_INTERVAL), false, span, out);
}

static bool is_plain_number(wr_str text)
{
    double value;
    return wr_f64_read(text, &value);
}

weir_status wr_bind_interval(wr_scope *scope, const wr_sql_interval *interval, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_span span = interval->node.span;
    const wr_sql_literal *literal =
        interval->value->kind == WR_SQL_LITERAL ? wr_sql_as_literal(interval->value) : NULL;
    bool is_text = literal && literal->literal == WR_LIT_STRING;
    wr_interval_unit unit = interval->to ? interval->to : interval->unit;
    if (is_text && (!unit || !is_plain_number(literal->text)))
        return interval_from_text(scope, literal->text, span, out);
    if (literal &&
        (is_text || literal->literal == WR_LIT_INTEGER || literal->literal == WR_LIT_DECIMAL))
        return interval_from_text(
            scope, wr_arena_printf(arena, "%.*s %s", WR_STR_ARGS(literal->text), unit_names[unit]),
            span, out);
    wr_expr *args[2];
    WR_TRY(wr_bind_expr(scope, interval->value, &args[0]));
    if (args[0]->type->id == WR_T_VARCHAR)
        WR_TRY(wr_bind_cast(arena, args[0], WR_DOUBLE, false, span, &args[0]));
    WR_TRY(interval_from_text(scope, wr_arena_printf(arena, "1 %s", unit_names[unit]), span,
                              &args[1]));
    return wr_bind_by_name(scope, "*", args, 2, span, out);
}
