/* numeric_real.c - roots, powers, logarithms and trigonometry on DOUBLE.
 *
 * One table holds the C function, its domain and the words of its error; rows find their entry by
 * their first name, so a batch costs one lookup and a loop of calls. As in PostgreSQL an argument
 * outside the domain and an overflow are errors, NaN goes through. */
#include "expr/fn/call.h"
#include <math.h>

typedef enum domain {
    ALL,
    NOT_NEGATIVE,
    POSITIVE,
    UP_TO_ONE,
    FROM_ONE,
    INSIDE_ONE,
    INSIDE_MINUS_ONE,
    FINITE
} domain;

/* Exact for cubes of whole numbers, which the library misses by a bit. */
static double cube_root(double x)
{
    double root = cbrt(x), whole = rint(root);
    return whole * whole * whole == x ? whole : root;
}
static double cot(double x) { return 1 / tan(x); }
static double to_degrees(double x) { return x * (180 / M_PI); }
static double to_radians(double x) { return x * (M_PI / 180); }
/* Trigonometry in degrees is exact at multiples of 30 and 45 degrees. */
static double sind_of(double x)
{
    double r = fmod(x, 360);
    if (r < 0) r += 360;
    double sign = r > 180 ? -1 : 1;
    if (r > 180) r -= 180;
    if (r > 90) r = 180 - r;
    if (r == 0) return 0;
    if (r == 30) return sign * 0.5;
    if (r == 90) return sign;
    return sign * sin(to_radians(r));
}
static double cosd_of(double x) { return sind_of(fmod(x, 360) + 90); }
static double tand_of(double x)
{
    double r = fmod(x, 180);
    if (r == 45 || r == -135) return 1;
    if (r == -45 || r == 135) return -1;
    return sind_of(x) / cosd_of(x);
}
static double cotd_of(double x) { return 1 / tand_of(x); }
static double asind_of(double x) { return fabs(x) == 0.5 ? copysign(30, x) : to_degrees(asin(x)); }
static double acosd_of(double x) { return x == 0.5 ? 60 : to_degrees(acos(x)); }
static double atand_of(double x) { return fabs(x) == 1 ? copysign(45, x) : to_degrees(atan(x)); }

#define LOGARITHM "cannot take the logarithm of zero or a negative number", WR_E_LOGARITHM

static const struct real_function {
    const char *name;
    double (*compute)(double);
    domain domain;
    const char *complaint;
    wr_code code; /* 0: BAD_ARGUMENT */
} functions[] = {
    {"sqrt", sqrt, NOT_NEGATIVE, "cannot take the square root of a negative number", WR_E_POWER},
    {"cbrt", cube_root, ALL, NULL},
    {"exp", exp, ALL, NULL},
    {"ln", log, POSITIVE, LOGARITHM},
    {"log10", log10, POSITIVE, LOGARITHM},
    {"log2", log2, POSITIVE, LOGARITHM},
    {"sin", sin, FINITE, "sin() of infinity is undefined"},
    {"cos", cos, FINITE, "cos() of infinity is undefined"},
    {"tan", tan, FINITE, "tan() of infinity is undefined"},
    {"cot", cot, FINITE, "cot() of infinity is undefined"},
    {"asin", asin, UP_TO_ONE, "asin() needs a number from -1 to 1"},
    {"acos", acos, UP_TO_ONE, "acos() needs a number from -1 to 1"},
    {"atan", atan, ALL, NULL},
    {"sind", sind_of, FINITE, "sind() of infinity is undefined"},
    {"cosd", cosd_of, FINITE, "cosd() of infinity is undefined"},
    {"tand", tand_of, FINITE, "tand() of infinity is undefined"},
    {"cotd", cotd_of, FINITE, "cotd() of infinity is undefined"},
    {"asind", asind_of, UP_TO_ONE, "asind() needs a number from -1 to 1"},
    {"acosd", acosd_of, UP_TO_ONE, "acosd() needs a number from -1 to 1"},
    {"atand", atand_of, ALL, NULL},
    {"sinh", sinh, ALL, NULL},
    {"cosh", cosh, ALL, NULL},
    {"tanh", tanh, ALL, NULL},
    {"asinh", asinh, ALL, NULL},
    {"acosh", acosh, FROM_ONE, "acosh() needs a number of at least 1"},
    {"atanh", atanh, INSIDE_ONE, "atanh() needs a number between -1 and 1"},
    {"degrees", to_degrees, ALL, NULL},
    {"radians", to_radians, ALL, NULL},
    {"gamma", tgamma, ALL, NULL},
    {"lgamma", lgamma, ALL, NULL},
    {"erf", erf, ALL, NULL},
    {"erfc", erfc, ALL, NULL},
    {"log1p", log1p, INSIDE_MINUS_ONE, LOGARITHM},
    {"expm1", expm1, ALL, NULL},
    {"rint", rint, ALL, NULL},
};

static bool in_domain(domain where, double x)
{
    if (isnan(x)) return true;
    switch (where) {
    case NOT_NEGATIVE:
        return x >= 0;
    case POSITIVE:
        return x > 0;
    case UP_TO_ONE:
        return x >= -1 && x <= 1;
    case FROM_ONE:
        return x >= 1;
    case INSIDE_MINUS_ONE:
        return x > -1;
    case INSIDE_ONE:
        return x >= -1 && x <= 1;
    case FINITE:
        return isfinite(x);
    default:
        return true;
    }
}

static weir_status overflow(wr_call *call, uint32_t i)
{
    return wr_bad_row(call, i,
                      wr_fail(WR_E_OUT_OF_RANGE, "the result is out of the range of DOUBLE"));
}

static weir_status fn_real(wr_call *call, wr_column *out)
{
    const char *name = call->expr->call.fn->name;
    wr_str first = {name, strcspn(name, "|")};
    const struct real_function *f = functions;
    while (!wr_str_is(first, f->name)) {
        f++;
        wr_assert(f < functions + WR_COUNT(functions));
    }
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i);
        if (!in_domain(f->domain, x))
            return wr_bad_row(call, i,
                              wr_fail(f->code ? f->code : WR_E_BAD_ARGUMENT, "%s", f->complaint));
        double y = f->compute(x);
        bool may_overflow = strncmp(f->name, "cot", 3) == 0 || strncmp(f->name, "tand", 4) == 0 ||
                            strcmp(f->name + 1, "inh") == 0 || strcmp(f->name + 1, "osh") == 0;
        if (isinf(y) && isfinite(x) && !may_overflow && f->domain != INSIDE_ONE)
            return overflow(call, i);
        WR_OUT(out, double, i) = y;
    }
    return WR_OK;
}

static weir_status fn_log_base(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double base = WR_ARG(call, 0, double, i), x = WR_ARG(call, 1, double, i);
        if (!in_domain(POSITIVE, base) || !in_domain(POSITIVE, x))
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_LOGARITHM, "cannot take the logarithm of zero or a negative number"));
        if (base == 1)
            return wr_bad_row(
                call, i, wr_fail(WR_E_DIVISION_BY_ZERO, "the base of a logarithm must not be 1"));
        /* The special bases are exact for their powers. */
        WR_OUT(out, double, i) = base == 2 ? log2(x) : base == 10 ? log10(x) : log(x) / log(base);
    }
    return WR_OK;
}

static weir_status fn_power(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i), y = WR_ARG(call, 1, double, i);
        if (x == 0 && y < 0)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_POWER, "zero raised to a negative power is undefined"));
        if (x < 0 && isfinite(x) && isfinite(y) && y != trunc(y))
            return wr_bad_row(
                call, i, wr_fail(WR_E_POWER, "a negative number raised to a fraction is not real"));
        double z = pow(x, y);
        if (isinf(z) && isfinite(x) && isfinite(y)) return overflow(call, i);
        WR_OUT(out, double, i) = z;
    }
    return WR_OK;
}
static weir_status fn_square_root(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i);
        if (x < 0) return wr_bad_row(call, i, wr_fail(WR_E_POWER, "%s", functions[0].complaint));
        WR_OUT(out, double, i) = sqrt(x);
    }
    return WR_OK;
}
static weir_status fn_cube_root(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, double, i) = cube_root(WR_ARG(call, 0, double, i)); }
    return WR_OK;
}
static weir_status fn_atan2(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, double, i) = atan2(WR_ARG(call, 0, double, i), WR_ARG(call, 1, double, i));
    }
    return WR_OK;
}
static weir_status fn_atan2d(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, double, i) =
            to_degrees(atan2(WR_ARG(call, 0, double, i), WR_ARG(call, 1, double, i)));
    }
    return WR_OK;
}
static weir_status fn_hypot(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, double, i) = hypot(WR_ARG(call, 0, double, i), WR_ARG(call, 1, double, i));
    }
    return WR_OK;
}
static weir_status fn_pi(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, double, i) = M_PI; }
    return WR_OK;
}
static weir_status fn_e(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, double, i) = M_E; }
    return WR_OK;
}

#define REAL(names, help, example, result)                                                   \
    {                                                                                        \
        names, "(double) -> double", fn_real, help, example, result, .flags = WR_FN_CAN_FAIL \
    }

const wr_fn wr_fns_numeric_real[] = {
    REAL("sqrt", "Square root.", "sqrt(2)", "1.4142135623730951"),
    {"|/", "(double) -> double", fn_square_root, "Square root.", "|/ 25", "5",
     .flags = WR_FN_CAN_FAIL},
    {"||/", "(double) -> double", fn_cube_root, "Cube root.", "||/ 27", "3"},
    REAL("cbrt", "Cube root.", "cbrt(27)", "3"),
    REAL("exp", "e raised to a power.", "exp(0)", "1"),
    REAL("ln", "Natural logarithm.", "ln(1)", "0"),
    REAL("log10|log", "Logarithm to base 10.", "log(100)", "2"),
    REAL("log2", "Logarithm to base 2.", "log2(8)", "3"),
    {"log", "(base double, x double) -> double", fn_log_base, "Logarithm to a base.", "log(2, 64)",
     "6", .flags = WR_FN_CAN_FAIL},
    {"power|pow", "(double, exponent double) -> double", fn_power, "A number raised to a power.",
     "power(9, 3)", "729", .flags = WR_FN_CAN_FAIL},
    REAL("sin", "Sine of radians.", "sin(0)", "0"),
    REAL("cos", "Cosine of radians.", "cos(0)", "1"),
    REAL("tan", "Tangent of radians.", "tan(0)", "0"),
    REAL("cot", "Cotangent of radians.", "round(cot(1)::decimal(10,4), 4)", "0.6421"),
    REAL("asin", "Angle of a sine, in radians.", "asin(0)", "0"),
    REAL("acos", "Angle of a cosine, in radians.", "acos(1)", "0"),
    REAL("atan", "Angle of a tangent, in radians.", "atan(0)", "0"),
    REAL("sind", "Sine of degrees.", "sind(30)", "0.5"),
    REAL("cosd", "Cosine of degrees.", "cosd(60)", "0.5"),
    REAL("tand", "Tangent of degrees.", "tand(45)", "1"),
    REAL("cotd", "Cotangent of degrees.", "cotd(45)", "1"),
    REAL("asind", "Angle of a sine, in degrees.", "asind(0.5)", "30"),
    REAL("acosd", "Angle of a cosine, in degrees.", "acosd(0.5)", "60"),
    REAL("atand", "Angle of a tangent, in degrees.", "atand(1)", "45"),
    REAL("sinh", "Hyperbolic sine.", "sinh(0)", "0"),
    REAL("cosh", "Hyperbolic cosine.", "cosh(0)", "1"),
    REAL("tanh", "Hyperbolic tangent.", "tanh(0)", "0"),
    REAL("asinh", "Inverse hyperbolic sine.", "asinh(0)", "0"),
    REAL("acosh", "Inverse hyperbolic cosine.", "acosh(1)", "0"),
    REAL("atanh", "Inverse hyperbolic tangent.", "atanh(0)", "0"),
    REAL("degrees", "Radians as degrees.", "degrees(pi())", "180"),
    REAL("radians", "Degrees as radians.", "radians(180)", "3.141592653589793"),
    REAL("gamma", "Gamma function: gamma(n) is the factorial of n - 1.", "gamma(6)", "120"),
    REAL("lgamma", "Logarithm of the absolute value of gamma.", "lgamma(2)", "0"),
    REAL("erf", "Error function.", "erf(0)", "0"),
    REAL("erfc", "One minus the error function.", "erfc(0)", "1"),
    REAL("log1p", "Natural logarithm of 1 + x, exact for small x.", "log1p(0)", "0"),
    REAL("expm1", "e raised to a power, less 1, exact for small powers.", "expm1(0)", "0"),
    REAL("rint", "The nearest whole number, half to even, as DOUBLE.", "rint(2.5)", "2"),
    {"atan2", "(y double, x double) -> double", fn_atan2, "Angle of the point (x, y), in radians.",
     "atan2(0, 1)", "0"},
    {"atan2d", "(y double, x double) -> double", fn_atan2d,
     "Angle of the point (x, y), in degrees.", "atan2d(1, 0)", "90"},
    {"hypot", "(double, double) -> double", fn_hypot, "Length of the diagonal.", "hypot(3, 4)",
     "5"},
    {"pi", "() -> double", fn_pi, "The number pi.", "pi()", "3.141592653589793"},
    {"e", "() -> double", fn_e, "Euler's number.", "e()", "2.718281828459045"},
    {0},
};
