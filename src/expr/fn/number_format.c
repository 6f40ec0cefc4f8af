/* number_format.c - to_char and to_number for numbers.
 *
 * A pattern is read into slots once per change of pattern. A number is brought to the digits before
 * and behind the point that the pattern has room for; then the slots are walked from the left. The
 * sign stands before the first thing that is visible, unless the pattern gives it a place (MI, PL,
 * SG, S at the end, PR). FM leaves out blanks and the zeros at the end of a fraction that no 0 of
 * the pattern asks for. A number too large for its pattern is shown as #.
 *
 * Traps: "9.9" has no digit 0 before the point of 0.5, "0.9" has; behind V digits multiply, they
 * are no fraction; a double has 15 digits that mean anything, further ones are left out. */
#include "base/int128.h"
#include "expr/fn/call.h"
#include <math.h>
#include <stdio.h>

typedef enum slot_kind {
    SLOT_LITERAL,
    SLOT_NINE,
    SLOT_ZERO,
    SLOT_POINT,
    SLOT_GROUP,
    SLOT_SIGN,  /* S */
    SLOT_MINUS, /* MI */
    SLOT_PLUS,  /* PL */
    SLOT_BOTH,  /* SG */
    SLOT_ANGLE, /* PR */
    SLOT_ORDINAL,
    SLOT_ROMAN,
    SLOT_CURRENCY,
    SLOT_EXPONENT,
    SLOT_FILL,
    SLOT_SHIFT, /* V */
} slot_kind;

typedef struct slot {
    slot_kind kind;
    bool is_lower;
    wr_str literal;
} slot;

typedef struct number_pattern {
    WR_LIST(slot) slots;
    int before, behind, shift; /* digits; before includes those of V */
    int zero_from;             /* slot before the point from which zeros are shown; -1 = none */
    int zeros_behind;          /* digits behind the point that are always shown */
    int sign_before;           /* digits before the S */
    int last_digit;            /* index of the last digit slot or point, -1 = none */
    bool fill, has_point, has_shift, has_sign, sign_is_last, own_sign, has_plus, angle, exponent,
        roman;
} number_pattern;

static const struct word {
    const char *text;
    slot_kind kind;
} words[] = {
    {"EEEE", SLOT_EXPONENT}, {"FM", SLOT_FILL},  {"MI", SLOT_MINUS},   {"PL", SLOT_PLUS},
    {"PR", SLOT_ANGLE},      {"RN", SLOT_ROMAN}, {"SG", SLOT_BOTH},    {"TH", SLOT_ORDINAL},
    {"9", SLOT_NINE},        {"0", SLOT_ZERO},   {".", SLOT_POINT},    {"D", SLOT_POINT},
    {",", SLOT_GROUP},       {"G", SLOT_GROUP},  {"L", SLOT_CURRENCY}, {"S", SLOT_SIGN},
    {"V", SLOT_SHIFT},
};

static weir_status clash(const char *what)
{
    return wr_fail(WR_E_BAD_ARGUMENT, "a number pattern cannot have %s", what);
}

static weir_status note_digit(number_pattern *p, bool is_zero)
{
    if (p->angle) return clash("digits behind PR");
    if (p->exponent) return clash("digits behind EEEE");
    if (p->has_point) {
        p->behind++;
        if (is_zero) p->zeros_behind = p->behind;
    } else {
        if (is_zero && p->zero_from < 0) p->zero_from = p->before;
        p->before++;
        p->shift += p->has_shift;
    }
    if (p->before + p->behind > 200) return clash("more than 200 digits");
    return WR_OK;
}

static weir_status note_slot(number_pattern *p, slot_kind kind)
{
    switch (kind) {
    case SLOT_NINE:
    case SLOT_ZERO:
        return note_digit(p, kind == SLOT_ZERO);
    case SLOT_POINT:
        if (p->has_point) return clash("two decimal points");
        if (p->has_shift) return clash("both V and a decimal point");
        p->has_point = true;
        return WR_OK;
    case SLOT_SHIFT:
        if (p->has_point) return clash("both V and a decimal point");
        p->has_shift = true;
        return WR_OK;
    case SLOT_SIGN:
        if (p->has_sign) return clash("S twice");
        if (p->own_sign || p->has_plus || p->angle) return clash("S with PL, MI, SG or PR");
        p->has_sign = true;
        p->sign_is_last = p->has_point;
        p->sign_before = p->before;
        return WR_OK;
    case SLOT_MINUS:
    case SLOT_BOTH:
    case SLOT_PLUS:
        if (p->has_sign) return clash("S with PL, MI, SG or PR");
        if (kind == SLOT_PLUS)
            p->has_plus = true;
        else
            p->own_sign = true;
        return WR_OK;
    case SLOT_ANGLE:
        if (p->has_sign || p->own_sign || p->has_plus) return clash("PR with S, PL, MI or SG");
        p->angle = true;
        return WR_OK;
    case SLOT_EXPONENT:
        p->exponent = true;
        return WR_OK;
    case SLOT_ROMAN:
        p->roman = true;
        return WR_OK;
    case SLOT_FILL:
        p->fill = true;
        return WR_OK;
    default:
        return WR_OK;
    }
}

static void push_literal(wr_arena *arena, number_pattern *p, const char *at, size_t size)
{
    if (size) wr_push(arena, &p->slots, ((slot){.kind = SLOT_LITERAL, .literal = {at, size}}));
}

static weir_status read_pattern(wr_arena *arena, wr_str text, number_pattern *p)
{
    *p = (number_pattern){.zero_from = -1, .last_digit = -1};
    for (size_t k = 0; k < text.length;) {
        wr_str rest = {text.data + k, text.length - k};
        if (*rest.data == '"') {
            const char *close = memchr(rest.data + 1, '"', rest.length - 1);
            size_t n = close ? (size_t)(close - rest.data) - 1 : rest.length - 1;
            push_literal(arena, p, rest.data + 1, n);
            k += n + 1 + (close != NULL);
            continue;
        }
        size_t w = 0, n = 0;
        for (; w < WR_COUNT(words); w++) {
            n = strlen(words[w].text);
            if (rest.length >= n && wr_str_is((wr_str){rest.data, n}, words[w].text)) break;
        }
        if (w == WR_COUNT(words)) {
            push_literal(arena, p, rest.data, 1);
            k++;
            continue;
        }
        WR_TRY(note_slot(p, words[w].kind));
        if (words[w].kind <= SLOT_POINT) p->last_digit = p->slots.count;
        slot s = {.kind = words[w].kind, .is_lower = *rest.data >= 'a'};
        wr_push(arena, &p->slots, s);
        k += n;
    }
    if (p->has_sign && p->sign_before == p->before) p->sign_is_last = true;
    if (p->exponent && (p->fill || p->has_shift || p->has_sign || p->own_sign || p->has_plus ||
                        p->angle || p->roman))
        return clash("EEEE together with FM, V, RN or a sign");
    return WR_OK;
}

/* ---- writing ---- */

/* A number as digits: whole without leading zeros ("0" if nothing is left), fraction as long as
 * known. */
typedef struct digits {
    char text[512];
    int whole, fraction; /* lengths; the fraction follows the whole part */
    bool is_negative, is_odd_value /* NaN or infinite */;
} digits;

static void digits_of_decimal(wr_i128 value, int scale, const number_pattern *p, digits *out)
{
    char text[64];
    *out = (digits){.is_negative = value < 0};
    int want = p->behind + p->shift; /* V multiplies: then all digits are whole ones */
    if (scale > want) {
        value = scale - want <= 38 ? wr_i128_round_div(value, scale - want) : 0;
        scale = want;
    }
    int pad = value == 0 && p->has_shift ? 0 : want - scale;
    int n = wr_i128_print(value, text), at = text[0] == '-', behind = p->has_shift ? 0 : scale;
    if (value == 0) out->is_negative = false;
    int length = n - at, lead = WR_MAX(behind + 1 - length, 0); /* 0.05: zeros in front */
    memset(out->text, '0', (size_t)lead);
    memcpy(out->text + lead, text + at, (size_t)length);
    memset(out->text + lead + length, '0', (size_t)pad);
    length += lead + pad;
    if (!p->has_shift) behind += pad;
    out->whole = length - behind;
    out->fraction = behind;
}

static void digits_of_double(double value, const number_pattern *p, digits *out)
{
    *out = (digits){.is_negative = signbit(value) && !isnan(value)};
    value = fabs(value) * pow(10, p->shift);
    char text[400];
    if (!isfinite(value)) {
        out->whole = snprintf(out->text, sizeof out->text, isnan(value) ? "NaN" : "Infinity");
        out->is_odd_value = true;
        return;
    }
    int whole = snprintf(text, sizeof text, "%.0f", value);
    int behind = whole >= 15 ? 0 : WR_MIN(p->behind, 15 - whole);
    int n = snprintf(text, sizeof text, "%.*f", behind, value);
    out->whole = behind ? n - behind - 1 : n;
    out->fraction = behind;
    memcpy(out->text, text, (size_t)out->whole);
    if (behind) memcpy(out->text + out->whole, text + out->whole + 1, (size_t)behind);
    bool is_zero = true;
    for (int k = 0; k < out->whole + out->fraction; k++)
        is_zero &= out->text[k] == '0';
    if (is_zero) out->is_negative = false;
}

static void add_roman(const digits *d, bool fill, bool is_lower, wr_buf *out)
{
    static const struct {
        int value;
        const char *text;
    } parts[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"},
                 {90, "XC"},  {50, "L"},   {40, "XL"}, {10, "X"},   {9, "IX"},
                 {5, "V"},    {4, "IV"},   {1, "I"}};
    int value = 0;
    char text[32] = "";
    for (int k = 0; k < d->whole && value < 4000; k++)
        value = value * 10 + (d->text[k] - '0');
    if (value < 1 || value > 3999 || d->is_negative || d->is_odd_value) {
        wr_buf_add_text(out, "###############");
        return;
    }
    size_t n = 0;
    for (size_t k = 0; k < WR_COUNT(parts); k++)
        for (; value >= parts[k].value; value -= parts[k].value)
            for (const char *c = parts[k].text; *c; c++)
                text[n++] = (char)(is_lower ? *c | 32 : *c);
    for (size_t k = n; k < 15 && !fill; k++)
        wr_buf_add_char(out, ' ');
    wr_buf_add(out, text, n);
}

static const char *ordinal_ending(const digits *d)
{
    char last = d->text[d->whole - 1], tens = d->whole > 1 ? d->text[d->whole - 2] : '0';
    if (tens == '1') return "th";
    return last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
}

typedef struct writing {
    const number_pattern *p;
    const digits *d;
    wr_buf *out;
    int at;     /* digit slots before the point that were passed */
    int behind; /* and behind it */
    int blanks; /* slots before the first digit of the number */
    int kept;   /* digits of the fraction that are shown at least */
    bool too_large, hides_zero, sign_done, passed_point, in_digits;
} writing;

static void write_sign(writing *w)
{
    const number_pattern *p = w->p;
    bool minus = w->d->is_negative;
    w->sign_done = true;
    if (p->has_sign) {
        if (!p->sign_is_last) wr_buf_add_char(w->out, minus ? '-' : '+');
    } else if (p->angle) {
        if (minus || !p->fill) wr_buf_add_char(w->out, minus ? '<' : ' ');
    } else if (minus || !p->fill) {
        wr_buf_add_char(w->out, minus ? '-' : ' ');
    }
}

static void write_digit_before(writing *w)
{
    const number_pattern *p = w->p;
    int at = w->at++;
    bool zero_here = p->zero_from >= 0 && at >= p->zero_from, is_first = at == w->blanks;
    w->in_digits = false;
    if (at < w->blanks) {
        if (zero_here) {
            if (!w->sign_done) write_sign(w);
            wr_buf_add_char(w->out, '0');
            w->in_digits = true;
        } else if (!p->fill) {
            wr_buf_add_char(w->out, ' ');
        }
        return;
    }
    if (w->hides_zero && is_first) {
        bool whole_number = p->fill && w->kept == 0;
        if (whole_number && !w->sign_done) write_sign(w);
        if (!p->fill || whole_number) wr_buf_add_char(w->out, whole_number ? '0' : ' ');
        return;
    }
    if (!w->sign_done) write_sign(w);
    wr_buf_add_char(w->out, w->too_large ? '#' : w->d->text[at - w->blanks]);
    w->in_digits = true;
}

static void write_digit_behind(writing *w)
{
    int at = w->behind++;
    w->in_digits = false;
    if (at >= w->d->fraction && !w->too_large) return;
    if (w->p->fill && at >= w->kept) return;
    wr_buf_add_char(w->out, w->too_large ? '#' : w->d->text[w->d->whole + at]);
    w->in_digits = true;
}

static void write_end_sign(writing *w)
{
    bool minus = w->d->is_negative;
    if (w->p->angle && (minus || !w->p->fill)) wr_buf_add_char(w->out, minus ? '>' : ' ');
    if (w->p->has_sign && w->p->sign_is_last) wr_buf_add_char(w->out, minus ? '-' : '+');
}

static void write_slot(writing *w, const slot *s)
{
    const number_pattern *p = w->p;
    bool minus = w->d->is_negative;
    switch (s->kind) {
    case SLOT_LITERAL:
        wr_buf_add_str(w->out, s->literal);
        return;
    case SLOT_NINE:
    case SLOT_ZERO:
        if (w->passed_point)
            write_digit_behind(w);
        else
            write_digit_before(w);
        return;
    case SLOT_POINT:
        w->passed_point = true;
        w->in_digits = false;
        if (!w->sign_done) write_sign(w);
        wr_buf_add_char(w->out, '.');
        return;
    case SLOT_GROUP:
        if (w->in_digits)
            wr_buf_add_char(w->out, ',');
        else if (!p->fill)
            wr_buf_add_char(w->out, ' ');
        return;
    case SLOT_MINUS:
        if (minus || !p->fill) wr_buf_add_char(w->out, minus ? '-' : ' ');
        return;
    case SLOT_PLUS:
        if (!minus || !p->fill) wr_buf_add_char(w->out, minus ? ' ' : '+');
        return;
    case SLOT_BOTH:
        wr_buf_add_char(w->out, minus ? '-' : '+');
        return;
    case SLOT_ORDINAL:
        if (!minus && !p->has_point && !w->too_large)
            for (const char *c = ordinal_ending(w->d); *c; c++)
                wr_buf_add_char(w->out, s->is_lower ? *c : (char)(*c - 32));
        return;
    case SLOT_CURRENCY: /* no locale: a blank stands for its sign */
        wr_buf_add_char(w->out, ' ');
        return;
    default:
        return;
    }
}

static void write_number(const number_pattern *p, const digits *d, wr_buf *out)
{
    writing w = {.p = p, .d = d, .out = out};
    if (p->roman) {
        for (int k = 0; k < p->slots.count; k++)
            if (p->slots.items[k].kind == SLOT_ROMAN)
                add_roman(d, p->fill, p->slots.items[k].is_lower, out);
        return;
    }
    bool is_zero = d->whole == 1 && d->text[0] == '0';
    w.hides_zero = is_zero && p->behind > 0 && p->zero_from < 0;
    w.too_large = d->whole > p->before && !(w.hides_zero && p->before == 0);
    w.blanks = w.too_large ? 0 : WR_MAX(p->before - d->whole, 0);
    w.kept = d->fraction;
    while (w.kept > 0 && d->text[d->whole + w.kept - 1] == '0')
        w.kept--;
    w.kept = WR_MAX(w.kept, p->zeros_behind);
    w.sign_done = p->own_sign;
    for (int k = 0; k < p->slots.count; k++) {
        write_slot(&w, &p->slots.items[k]);
        if (k == p->last_digit) write_end_sign(&w);
    }
}

/* EEEE: one digit before the point, as many behind it as the pattern has. */
static void write_exponent(const number_pattern *p, double value, wr_buf *out)
{
    if (!isfinite(value)) {
        for (int k = 0; k < p->before + p->behind + 6; k++)
            wr_buf_add_char(out, k == p->before + 1 ? '.' : k ? '#' : ' ');
        return;
    }
    wr_buf_printf(out, "% .*e", p->behind, value);
}

static weir_status fn_to_char(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    wr_str last = {NULL, 0};
    number_pattern p;
    digits d;
    const wr_type *type = call->args[0].type;
    bool is_double = type->id == WR_T_DOUBLE;
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str pattern = wr_arg_str(call, 1, i);
        if (!last.data || !wr_str_eq(pattern, last)) {
            weir_status bad = read_pattern(call->arena, pattern, &p);
            if (bad) return wr_bad_row(call, i, bad);
            last = pattern;
        }
        buf.length = 0;
        int scale = type->id == WR_T_DECIMAL ? type->scale : 0;
        if (p.exponent) {
            write_exponent(&p,
                           is_double ? WR_ARG(call, 0, double, i)
                                     : wr_i128_to_f64(wr_column_i128(&call->args[0], i), scale),
                           &buf);
        } else {
            if (is_double)
                digits_of_double(WR_ARG(call, 0, double, i), &p, &d);
            else
                digits_of_decimal(wr_column_i128(&call->args[0], i), scale, &p, &d);
            write_number(&p, &d, &buf);
        }
        WR_OUT(out, wr_view, i) = wr_text_buf(&text, &buf);
    }
    return WR_OK;
}

/* ---- reading ---- */

static bool take(wr_str *rest, char c)
{
    if (!rest->length || *rest->data != c) return false;
    rest->data++, rest->length--;
    return true;
}

typedef struct found {
    char text[256];
    int count, behind;
    bool is_negative, passed_point;
} found;

static void take_sign(wr_str *rest, found *f)
{
    while (take(rest, ' ')) {
    }
    if (take(rest, '-') || take(rest, '<'))
        f->is_negative = true;
    else
        (void)take(rest, '+');
    while (take(rest, ' ')) {
    }
}

static void read_slot(const slot *s, wr_str *rest, found *f)
{
    switch (s->kind) {
    case SLOT_NINE:
    case SLOT_ZERO:
        if (f->count == 0) take_sign(rest, f);
        if (!rest->length || *rest->data < '0' || *rest->data > '9' ||
            f->count >= (int)sizeof f->text - 8)
            return;
        f->text[f->count++] = *rest->data;
        f->behind += f->passed_point;
        rest->data++, rest->length--;
        return;
    case SLOT_POINT:
        if (f->count == 0) take_sign(rest, f);
        f->passed_point = take(rest, '.');
        return;
    case SLOT_GROUP:
        (void)take(rest, ',');
        return;
    case SLOT_SIGN:
    case SLOT_MINUS:
    case SLOT_PLUS:
    case SLOT_BOTH:
        take_sign(rest, f);
        return;
    case SLOT_ANGLE:
        (void)take(rest, '>');
        return;
    case SLOT_CURRENCY:
        if (rest->length && strchr("0123456789+-.,", *rest->data) == NULL)
            rest->data++, rest->length--;
        return;
    case SLOT_LITERAL:
        if (f->count == 0 && rest->length && strchr("0123456789+-<", *rest->data)) return;
        if (rest->length) {
            size_t n = WR_MIN(s->literal.length, rest->length);
            rest->data += n, rest->length -= n;
        }
        return;
    default:
        return;
    }
}

static weir_status fn_to_number(wr_call *call, wr_column *out)
{
    wr_str last = {NULL, 0};
    number_pattern p;
    const wr_type *type = out->type;
    WR_ROWS(i)
    {
        wr_str pattern = wr_arg_str(call, 1, i), rest = wr_arg_str(call, 0, i), whole = rest;
        if (!last.data || !wr_str_eq(pattern, last)) {
            weir_status bad = read_pattern(call->arena, pattern, &p);
            if (bad) return wr_bad_row(call, i, bad);
            last = pattern;
        }
        found f = {0};
        for (int k = 0; k < p.slots.count; k++)
            read_slot(&p.slots.items[k], &rest, &f);
        char number[320];
        int n = snprintf(number, sizeof number, "%s%.*s.%.*s", f.is_negative ? "-" : "",
                         f.count - f.behind, f.text, f.behind, f.text + f.count - f.behind);
        if (p.has_shift)
            n = snprintf(number, sizeof number, "%s%.*se-%d", f.is_negative ? "-" : "", f.count,
                         f.text, p.shift);
        wr_i128 value;
        bool overflow = false;
        if (f.count == 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_VALUE, "\"%.*s\" has no number for \"%.*s\"",
                                      WR_STR_ARGS(whole), WR_STR_ARGS(pattern)));
        if (!wr_decimal_read((wr_str){number, (size_t)n}, type->precision, type->scale, &value,
                             &overflow))
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_OUT_OF_RANGE, "%s does not fit %s", number, wr_type_name(type)));
        wr_out_int(out, i, value);
    }
    return WR_OK;
}

/* The pattern says how many digits there are, if it is known. */
static weir_status bind_to_number(wr_fn_bind *b)
{
    wr_value pattern;
    number_pattern p;
    b->type = wr_type_decimal(38, 10);
    if (!wr_bind_const(b, 1, &pattern) || pattern.is_null) return WR_OK;
    WR_TRY(read_pattern(b->arena, pattern.text, &p));
    if (p.exponent || p.roman)
        return wr_fail_at(WR_E_UNSUPPORTED, b->span, "to_number() does not read %s",
                          p.exponent ? "EEEE" : "RN");
    int scale = WR_MIN(p.behind + p.shift, 38);
    b->type = wr_type_decimal(WR_MAX(WR_MIN(p.before + p.behind, 38), WR_MAX(scale, 1)), scale);
    return WR_OK;
}

#define TO_CHAR_HELP "A number as text by a pattern such as FM999,990.00."

const wr_fn wr_fns_number_format[] = {
    {"to_char", "(bigint, pattern text) -> text", fn_to_char, TO_CHAR_HELP,
     "to_char(-12345, 'FM999,999')", "-12,345", .flags = WR_FN_CAN_FAIL},
    {"to_char", "(decimal, pattern text) -> text", fn_to_char, TO_CHAR_HELP,
     "to_char(1234.5, 'FM9,990.00')", "1,234.50", .flags = WR_FN_CAN_FAIL},
    {"to_char", "(double, pattern text) -> text", fn_to_char, TO_CHAR_HELP,
     "to_char(0.0004859::double, '9.99EEEE')", " 4.86e-04", .flags = WR_FN_CAN_FAIL},
    {"to_number", "(text, pattern text) -> auto", fn_to_number, "Reads a number by a pattern.",
     "to_number('12,454.8-', '99G999D9S')", "-12454.8", .flags = WR_FN_CAN_FAIL,
     .bind = bind_to_number},
    {0},
};
