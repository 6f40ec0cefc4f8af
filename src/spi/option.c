/* option.c - options as rows: checking names and reading values. See option.h.
 *
 * A row's name may carry aliases ("delimiter|delim|sep"); the first is the one shown. Values arrive
 * as SQL values of whatever type the user wrote, so each reader accepts the native type and its
 * text form; fallbacks are written as a user would write them and go through the same reader. */
#include "spi/option.h"

/* Is name the alternative, or one of those that "prefix.*" stands for? */
static bool is_meant(wr_str alternative, wr_str name)
{
    if (!wr_str_has_suffix(alternative, WR_STR(".*"))) return wr_str_ieq(alternative, name);
    size_t prefix = alternative.length - 1;
    return name.length > prefix &&
           wr_str_ieq((wr_str){name.data, prefix}, (wr_str){alternative.data, prefix});
}

/* True if name is one of the alternatives in row->name; calls back none, plain scan. */
static bool row_has(const wr_opt *row, wr_str name)
{
    const char *at = row->name;
    while (*at) {
        size_t length = strcspn(at, "|");
        if (is_meant((wr_str){at, length}, name)) return true;
        at += length;
        if (*at) at++;
    }
    return false;
}

static const wr_opt *row_of(const wr_opt *rows, wr_str name)
{
    for (const wr_opt *row = rows; row && row->name; row++)
        if (row_has(row, name)) return row;
    return NULL;
}

static void offer_names(const wr_opt *row, wr_nearest *nearest)
{
    const char *at = row->name;
    while (*at) {
        size_t length = strcspn(at, "|");
        wr_nearest_offer(nearest, (wr_str){at, length});
        at += length;
        if (*at) at++;
    }
}

weir_status wr_options_check(const wr_options *given, const wr_opt *rows, const char *names)
{
    for (int i = 0; given && i < given->count; i++) {
        const wr_given *item = &given->items[i];
        const wr_opt *row = row_of(rows, item->name);
        if (!row) {
            weir_status bad =
                wr_fail_at(WR_E_UNKNOWN_OPTION, item->span, "%s has no option \"%.*s\"", names,
                           WR_STR_ARGS(item->name));
            wr_nearest nearest = {.wanted = item->name};
            for (const wr_opt *other = rows; other && other->name; other++)
                offer_names(other, &nearest);
            return wr_with_nearest(bad, &nearest);
        }
        bool stands_for_many = wr_str_has_suffix(wr_str_of(row->name), WR_STR(".*"));
        for (int k = 0; k < i; k++)
            if (stands_for_many ? wr_str_ieq(item->name, given->items[k].name)
                                : row_of(rows, given->items[k].name) == row)
                return wr_fail_at(WR_E_DUPLICATE_NAME, item->span,
                                  "the option \"%.*s\" is given twice", WR_STR_ARGS(item->name));
    }
    return WR_OK;
}

const wr_given *wr_option_find(const wr_options *given, const wr_opt *rows, const char *name)
{
    const wr_opt *row = row_of(rows, wr_str_of(name));
    wr_assert(row != NULL);
    for (int i = 0; given && i < given->count; i++)
        if (row_has(row, given->items[i].name)) return &given->items[i];
    return NULL;
}

static weir_status does_not_fit(const wr_given *item, const char *wanted)
{
    WR_BUF(shown);
    wr_value_print_sql(&item->value, &shown);
    return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                      "the option \"%.*s\" takes %s, not %.*s", WR_STR_ARGS(item->name), wanted,
                      WR_STR_ARGS(wr_buf_str(&shown)));
}

/* What the user gave or the fallback as text. Returns false when neither exists. */
static bool value_of(const wr_options *given, const wr_opt *rows, const char *name,
                     const wr_given **item, wr_value *out, bool *is_set)
{
    const wr_opt *row = row_of(rows, wr_str_of(name));
    wr_assert(row != NULL);
    *item = wr_option_find(given, rows, name);
    if (is_set) *is_set = *item != NULL;
    if (*item) {
        *out = (*item)->value;
        return true;
    }
    if (!row->fallback) return false;
    *out = (wr_value){.type = NULL, .text = wr_str_of(row->fallback)};
    return true;
}

static bool is_text(const wr_value *value)
{
    return !value->type || value->type->id == WR_T_VARCHAR || value->type->id == WR_T_JSON;
}

weir_status wr_option_text(const wr_options *given, const wr_opt *rows, const char *name,
                           wr_str *out, bool *is_set)
{
    const wr_given *item;
    wr_value value;
    *out = (wr_str){"", 0};
    if (!value_of(given, rows, name, &item, &value, is_set)) return WR_OK;
    bool is_secret = row_of(rows, wr_str_of(name))->kind == WR_OPT_SECRET;
    if ((value.is_null || !is_text(&value)) && is_secret)
        return wr_fail_at(WR_E_PARAMETER_VALUE, item->value_span,
                          "the option \"%.*s\" takes a text", WR_STR_ARGS(item->name));
    if (value.is_null || !is_text(&value)) return does_not_fit(item, "a text");
    *out = value.text;
    return WR_OK;
}

weir_status wr_option_char(const wr_options *given, const wr_opt *rows, const char *name, int *out,
                           bool *is_set)
{
    const wr_given *item;
    wr_value value;
    *out = -1;
    if (!value_of(given, rows, name, &item, &value, is_set)) return WR_OK;
    if (value.is_null) return WR_OK;
    if (!is_text(&value)) return does_not_fit(item, "one character");
    if (value.text.length == 0 || wr_str_is(value.text, "none")) return WR_OK;
    if (wr_str_is(value.text, "\\t") || wr_str_is(value.text, "tab")) {
        *out = '\t';
        return WR_OK;
    }
    if (value.text.length != 1) return does_not_fit(item, "one character of one byte, or ''");
    *out = (unsigned char)value.text.data[0];
    return WR_OK;
}

weir_status wr_option_int(const wr_options *given, const wr_opt *rows, const char *name,
                          int64_t *out, bool *is_set)
{
    const wr_given *item;
    wr_value value;
    *out = 0;
    if (!value_of(given, rows, name, &item, &value, is_set)) return WR_OK;
    if (value.is_null) return does_not_fit(item, "an integer");
    if (is_text(&value))
        return wr_i64_read(value.text, out, NULL) ? WR_OK : does_not_fit(item, "an integer");
    if (!wr_type_is_integer(value.type)) return does_not_fit(item, "an integer");
    wr_i128 wide = wr_value_as_i128(&value);
    if (wide > INT64_MAX || wide < INT64_MIN) return does_not_fit(item, "an integer of 64 bits");
    *out = (int64_t)wide;
    return WR_OK;
}

/* Words for yes and no as PostgreSQL has them. */
static bool read_bool(wr_str text, bool *out)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0"};
    for (size_t i = 0; i < WR_COUNT(yes); i++) {
        if (wr_str_is(text, yes[i])) return *out = true, true;
        if (wr_str_is(text, no[i])) return *out = false, true;
    }
    return false;
}

weir_status wr_option_bool(const wr_options *given, const wr_opt *rows, const char *name, bool *out,
                           bool *is_set)
{
    const wr_given *item;
    wr_value value;
    *out = false;
    if (!value_of(given, rows, name, &item, &value, is_set)) return WR_OK;
    if (value.is_null) return does_not_fit(item, "true or false");
    if (is_text(&value))
        return read_bool(value.text, out) ? WR_OK : does_not_fit(item, "true or false");
    if (value.type->id == WR_T_BOOLEAN) {
        *out = value.boolean;
        return WR_OK;
    }
    if (!wr_type_is_integer(value.type)) return does_not_fit(item, "true or false");
    wr_i128 number = wr_value_as_i128(&value);
    if (number != 0 && number != 1) return does_not_fit(item, "true or false");
    *out = number == 1;
    return WR_OK;
}

/* 128MB = 128 000 000, 1GiB = 1 073 741 824, 12k, 1.5 GB. */
static bool read_size(wr_str text, uint64_t *out)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1},
                 {"B", 1},
                 {"K", 1e3},
                 {"KB", 1e3},
                 {"M", 1e6},
                 {"MB", 1e6},
                 {"G", 1e9},
                 {"GB", 1e9},
                 {"T", 1e12},
                 {"TB", 1e12},
                 {"KiB", 1024.0},
                 {"MiB", 1048576.0},
                 {"GiB", 1073741824.0},
                 {"TiB", 1099511627776.0}};
    text = wr_str_trim(text);
    size_t digits = 0;
    while (digits < text.length &&
           ((text.data[digits] >= '0' && text.data[digits] <= '9') || text.data[digits] == '.'))
        digits++;
    double number = 0;
    if (digits == 0 || !wr_f64_read((wr_str){text.data, digits}, &number)) return false;
    wr_str unit = wr_str_trim((wr_str){text.data + digits, text.length - digits});
    for (size_t i = 0; i < WR_COUNT(units); i++) {
        if (!wr_str_is(unit, units[i].unit)) continue;
        if (number * units[i].factor > 9e18) return false;
        *out = (uint64_t)(number * units[i].factor);
        return true;
    }
    return false;
}

weir_status wr_option_size(const wr_options *given, const wr_opt *rows, const char *name,
                           uint64_t *out, bool *is_set)
{
    const wr_given *item;
    wr_value value;
    *out = 0;
    if (!value_of(given, rows, name, &item, &value, is_set)) return WR_OK;
    const char *wanted = "a size such as 128MB";
    if (value.is_null) return does_not_fit(item, wanted);
    if (is_text(&value)) return read_size(value.text, out) ? WR_OK : does_not_fit(item, wanted);
    if (!wr_type_is_integer(value.type)) return does_not_fit(item, wanted);
    wr_i128 number = wr_value_as_i128(&value);
    if (number < 0 || number > INT64_MAX) return does_not_fit(item, wanted);
    *out = (uint64_t)number;
    return WR_OK;
}
